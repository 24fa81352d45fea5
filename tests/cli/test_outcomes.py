from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gitstage.cli.outcomes import document, tell
from gitstage.findings import Finding, Judgement, Report, Verdict
from gitstage.operations.landing import Outcome
from gitstage.plans import Plan

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLAN = Plan(subject="m: promote 1.1.0 to production", edits={"production/m.yaml": None})


def outcome(verdict: Verdict = Verdict.PASSED, **fields: Any) -> Outcome:
    finding = Finding(rule="soak", verdict=verdict, message="0s in staging of 1d")
    judgement = Judgement(thing="production/m", action="promote", model="m", stage="production", findings=(finding,))
    report = Report(judgements=(judgement,), moment=NOW)
    return Outcome(**{"plan": PLAN, "report": report, "exit_code": report.exit_code, **fields})


COMMITTED: dict[str, Any] = {"commit": "c" * 40, "branch": "refs/heads/main", "landed": True}


@pytest.mark.parametrize(
    ("found", "out", "err"),
    [
        (outcome(**COMMITTED), "[main cccccccccccc] m: promote 1.1.0 to production\n", ""),
        (
            outcome(**COMMITTED, tags=tuple(f"refs/tags/m/s{number}/1" for number in range(6))),
            "[main cccccccccccc] m: promote 1.1.0 to production (tagged m/s0/1, m/s1/1, m/s2/1, m/s3/1 and 2 more)\n",
            "",
        ),
        (outcome(plan=Plan(subject="m")), "nothing to change: it is declared already\n", ""),
        (
            outcome(**COMMITTED, notes=("skipped 1.0.5: held\x1b[2J",)),
            "[main cccccccccccc] m: promote 1.1.0 to production\n",
            "note: skipped 1.0.5: held\\x1b[2J\n",
        ),
    ],
)
def test_what_happened_is_one_line_on_stdout(
    found: Outcome, out: str, err: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tell(found, as_json=False) == 0
    assert capsys.readouterr() == (out, err)


@pytest.mark.parametrize(
    ("verdict", "code", "word"), [(Verdict.REFUSED, 1, "refused"), (Verdict.PENDING, 4, "pending")]
)
def test_what_did_not_pass_is_reported_on_stdout_and_that_nothing_changed_on_stderr(
    verdict: Verdict, code: int, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tell(outcome(verdict), as_json=False) == code
    said = capsys.readouterr()
    assert said.out.splitlines()[0] == f"m: production empty → no registered version  {word}"
    assert said.err == f"{word}; nothing was changed\n"


def test_a_dry_run_says_what_it_would_commit(capsys: pytest.CaptureFixture[str]) -> None:
    assert tell(outcome(dry_run=True), as_json=False) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "would commit: m: promote 1.1.0 to production"


def test_json_is_the_document_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    import json

    found = outcome(Verdict.REFUSED, notes=("a note",))
    assert tell(found, as_json=True) == 1
    said = capsys.readouterr()
    assert (json.loads(said.out), said.err) == (document(found), "")
