"""`gitstage audit`, as it is typed: what it prints, writes and exits with."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gitstage.errors import GitstageError
from tests.cli.shell import Shell
from tests.git.sandbox import git
from tests.signatures.hands import make_key

CLEAN = """\
judged     6 commits in 6 runs: 5 changes of slots, 3 versions and 1 policy took effect
found      nothing that is not as it should be
"""


def test_a_clean_history_exits_with_0(gs: Shell) -> None:
    said = gs.run("audit")
    assert (said.code, said.out, said.err) == (0, CLEAN, "")
    assert gs.run("audit", "--json").json()["faults"] == []


def test_a_deleted_tag_is_named_and_exits_with_1(gs: Shell) -> None:
    gs.story.git("tag", "--delete", "fraud-detector/production/1")
    said = gs.run("audit")
    commit = gs.story.git("rev-parse", "HEAD~3")[:12]
    assert (said.code, said.out) == (
        1,
        f"fault      tag-missing  fraud-detector/production/1 at {commit} (2026-03-01 13:00 UTC)\n"
        "           fraud-detector/production/1 took effect and has no tag\n"
        + CLEAN.replace("nothing that is not as it should be", "1 fault"),
    )


def test_what_never_took_effect_and_what_is_not_judged_is_told(gs: Shell) -> None:
    gs.story.register("fraud-detector", "1.3.0")
    gs.story.copy("models/fraud-detector/1.3.0.yaml", "production/fraud-detector.yaml")
    commit = gs.story.commit("by hand")[:12]
    gs.story.tag()
    gs.story.write("models/fraud-detector/README.md", "A card.\n")
    gs.story.commit("a card")
    said = gs.run("audit")
    lines = said.out.splitlines()
    assert said.code == 1
    assert lines[0] == f"fault      open-refused  production/fraud-detector at {commit}"
    assert lines[2] == f"no effect  production/fraud-detector of {commit}, refused from 2026-03-01 16:00 UTC still"
    assert lines[3].startswith("           stage-order: ")
    assert f"note: 1 commit after {commit} not judged yet: gitstage tag" in lines


def test_another_policy_is_asked(gs: Shell, tmp_path: Path) -> None:
    text = gs.story.read("gitstage.yaml")
    stricter = text.replace(
        "  production:\n    from: [staging]",
        "  production:\n    from: [staging]\n    gates: [g]\ngates:\n  g:\n    metrics: [{name: auc, min: 0.91}]",
    )
    (tmp_path / "stricter.yaml").write_text(stricter, encoding="utf-8")
    said = gs.run("audit", "--policy", str(tmp_path / "stricter.yaml"))
    assert said.code == 1
    assert said.out.splitlines()[0].startswith("refused    production/fraud-detector promote 1.0.0 at ")
    assert said.out.splitlines()[-1] == (
        "found      nothing that is not as it should be; 1 promotion would not have passed"
    )
    later = gs.run("audit", "--policy", str(tmp_path / "stricter.yaml"), "--since", "2026-03-01T14:30Z")
    assert (later.code, later.out.splitlines()[-1]) == (
        0,
        "found      nothing since 2026-03-01 14:30 UTC that is not as it should be; 0 promotions would not have passed",
    )
    (tmp_path / "broken.yaml").write_text("nonsense: 1\n", encoding="utf-8")
    assert gs.run("audit", "--policy", str(tmp_path / "broken.yaml")).code == 2


def test_a_checkpoint_is_signed_and_ssh_keygen_takes_it(gs: Shell, tmp_path: Path) -> None:
    key = make_key(tmp_path / "keys")
    path = tmp_path / "audit.json"
    said = gs.run("audit", "--checkpoint", str(path), "--sign", str(key))
    assert (said.code, said.err) == (0, f"checkpoint {path}\nsignature  {path}.sig\n")
    assert json.loads(path.read_bytes())["tags"]["count"] == 9
    check = ("-Y", "check-novalidate", "-n", "gitstage", "-s", f"{path}.sig")
    subprocess.run(["ssh-keygen", *check], input=path.read_bytes(), check=True, capture_output=True)
    again = gs.run("audit", "--from", str(path))
    assert (again.code, again.out.splitlines()[:2]) == (
        0,
        [
            "from       what came after the audit of 2026-03-01 16:00 UTC",
            "judged     0 commits in 0 runs: 0 changes of slots, 0 versions and 0 policies took effect",
        ],
    )
    gs.story.git("tag", "--delete", "policy/1")
    anew = gs.run("audit", "--from", str(path)).out.splitlines()
    assert anew[-3:] == [
        "from       all anew: what the audit of 2026-03-01 16:00 UTC saw has changed",
        CLEAN.splitlines()[0],
        "found      2 faults",
    ]
    assert [fault["kind"] for fault in gs.run("audit", "--from", str(path), "--json").json()["faults"]] == [
        "tags-changed",
        "tag-missing",
    ]


def test_a_lost_ledger_is_made_again(gs: Shell) -> None:
    ref = gs.story.registry().identity.ledger_ref
    gs.story.git("update-ref", "-d", ref)
    said = gs.run("audit", "--remake-ledger")
    assert (said.code, said.err) == (1, f"made {ref} again\n")
    assert "on trust   the ledger is lost" in said.out
    assert gs.run("audit").code == 0
    assert gs.run("audit", "--remake-ledger").code == 2


def test_a_lost_ledger_is_pushed_where_there_is_a_remote(ada: Shell) -> None:
    ref = ada.story.registry().identity.ledger_ref
    ada.story.git("push", "--quiet", "origin", f":{ref}")
    ada.story.git("update-ref", "-d", ref)
    assert ada.run("audit", "--remake-ledger").code == 1
    assert git("ls-remote", "origin", ref, cwd=ada.story.path) != ""
    assert ada.run("audit").code == 0


def test_progress_is_shown_on_a_terminal(gs: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr("gitstage.cli.commands.audit.sys.stderr.isatty", lambda: True)
    assert (gs.run("audit").out, gs.run("audit").err) == (CLEAN, "\rjudged 6 of 6 commits\n")
    monkeypatch.setattr("gitstage.cli.commands.audit.EVERY", 4)
    gs.story.write("models/fraud-detector/README.md", "A card.\n")
    gs.story.commit("a card")
    # A line of its own also where a commit is left that no run has judged.
    assert gs.run("audit").err == "\rjudged 4 of 7 commits\rjudged 6 of 7 commits\n"


def test_where_judging_breaks_off_the_progress_ends_its_line(gs: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(registry: object, *, progress: Callable[[int, int], None], **options: object) -> None:
        progress(2, 1_234)
        raise GitstageError("a commit is missing")

    monkeypatch.setattr("gitstage.cli.commands.audit.sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("gitstage.operations.audit.run", broken)
    said = gs.run("audit")
    assert (said.code, said.err) == (2, "\rjudged 2 of 1,234 commits\nerror: a commit is missing\n")


def test_where_nobody_looks_no_progress_is_shown(gs: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitstage.cli.commands.audit.EVERY", 1)
    assert gs.run("audit").err == ""


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--since", "yesterday"), "'yesterday' is no moment and no length of time"),
        (("--sign", "KEY"), "--sign signs a checkpoint"),
        (("--from", "missing.json"), "missing.json cannot be read"),
        (("--from", "gitstage.yaml"), "this is no checkpoint of registry"),
    ],
)
def test_what_cannot_be_answered_exits_with_2(gs: Shell, words: tuple[str, ...], error: str) -> None:
    said = gs.run("audit", *words)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"error: {error}")


def test_where_nothing_was_judged_there_is_no_checkpoint(new: Shell, tmp_path: Path) -> None:
    ref = new.story.registry().identity.ledger_ref
    new.story.git("update-ref", "-d", ref)
    new.story.git("tag", "--delete", "policy/1")
    said = new.run("audit", "--checkpoint", str(tmp_path / "audit.json"))
    assert (said.code, said.out.splitlines()[-1]) == (2, "found      nothing that is not as it should be")
    assert said.err == "error: nothing has been judged yet, so there is no checkpoint\n  try: gitstage tag\n"
