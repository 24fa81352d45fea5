from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from gitstage.cli.main import run

POLICY = """\
apiVersion: gitstage/v1
kind: Registry
id: 2b1c7e5a-6d0f-4c39-9a84-51e3f7d2c6b8
stages:
  staging: {from: [registered]}
  production: {from: [staging], gates: [standard]}
gates:
  standard:
    soak: 24h
    metrics: [{name: auc, min: 0.9}]
"""
TESTS = """\
apiVersion: gitstage/v1
kind: PolicyTest
now: 2026-11-25T09:00:00Z
versions:
  m@1.0.0: {metrics: {auc: 0.95}}
given: {stages: {staging: [m@1.0.0]}}
cases:
- name: a good one serves
  change: {promote: m@1.0.0, to: production}
  expect: passed
- name: one that is too young waits
  given: {stages: {staging: [{version: m@1.0.0, for: 1h}]}}
  change: {promote: m@1.0.0, to: production}
  expect: {soak: EXPECTED}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a policy and its tests, and no repository around it."""
    monkeypatch.chdir(tmp_path)
    Path("gitstage.yaml").write_text(POLICY, encoding="utf-8")
    Path("gitstage.test.yaml").write_text(TESTS.replace("EXPECTED", "pending"), encoding="utf-8")
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command says on both, and how it ends; each case takes 1.0 ms."""
    code = run(words)
    found = capsys.readouterr()
    text = re.sub(r"[0-9]+\.[0-9] ms", "1.0 ms", found.out) + "".join(f"! {line}\n" for line in found.err.splitlines())
    return text + (f"[{code}]\n" if code else "")


def test_cases_that_come_out_as_expected(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "policy", "test") == snapshot("""\
gitstage.test.yaml
  ✓ a good one serves  1.0 ms
  ✓ one that is too young waits  1.0 ms
2 cases as expected
""")


def test_cases_that_do_not(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = TESTS.replace("{soak: EXPECTED}", "{soak: refused, evidence: passed, metrics: refused}")
    Path("gitstage.test.yaml").write_text(text.replace("expect: passed", "expect: {metrics: passed}"), encoding="utf-8")
    Path("gitstage.yaml").write_text(POLICY.replace("min: 0.9", "min: 0.96"), encoding="utf-8")
    assert said(capsys, "policy", "test", "gitstage.test.yaml") == snapshot("""\
gitstage.test.yaml
  ✗ a good one serves  1.0 ms
      metrics: expected passed, found refused: auc 0.95, min 0.96
      gitstage.test.yaml:8
  ✗ one that is too young waits  1.0 ms
      soak: expected refused, found pending: 1h in staging of 1d
      evidence: expected passed, found nothing: it was not asked
      gitstage.test.yaml:11
2 of 2 cases not as expected
[1]
""")


def test_what_was_not_expected_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("gitstage.test.yaml").write_text(TESTS.replace("{soak: EXPECTED}", "{metrics: passed}"), encoding="utf-8")
    assert "soak: not expected, found pending: 1h in staging of 1d" in said(capsys, "-C", str(here), "policy", "test")


def test_another_policy(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "stricter.yaml").write_text(POLICY.replace("24h", "30m"), encoding="utf-8")
    assert said(capsys, "policy", "test", "--policy", "stricter.yaml").endswith("1 of 2 cases not as expected\n[1]\n")


def test_a_mistake_is_named_with_file_and_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("gitstage.test.yaml").write_text(TESTS.replace("EXPECTED", "waits"), encoding="utf-8")
    assert said(capsys, "policy", "test") == snapshot("""\
! error: gitstage.test.yaml:14: cases[1].expect.soak: must be one of refused, pending, waived, warned, passed, not 'waits'
[2]
""")


def test_a_folder_without_tests(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("gitstage.test.yaml").unlink()
    assert said(capsys, "policy", "test") == snapshot("""\
! error: there is no gitstage.test.yaml in . or in a folder of it
!   try: name a file: gitstage policy test FILE; what it says: docs/how-to/test-a-policy.md
[2]
""")


def test_cases_as_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("gitstage.test.yaml").write_text(TESTS.replace("EXPECTED", "refused"), encoding="utf-8")
    assert run(["policy", "test", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    (file,) = found.pop("files")
    assert found == {"schema": "gitstage/policy-test/v1", "passed": False}
    first, second = file.pop("cases")
    assert file == {"path": "gitstage.test.yaml", "policy": "gitstage.yaml"}
    report = second.pop("report")
    assert second == {
        "name": "one that is too young waits",
        "line": 11,
        "passed": False,
        "differences": [{"rule": "soak", "expected": "refused", "found": "pending", "message": "1h in staging of 1d"}],
    }
    assert (report["schema"], report["moment"], report["verdict"]) == (
        "gitstage/report/v1",
        "2026-11-25T09:00:00Z",
        "pending",
    )
    assert (first["passed"], first["differences"]) == (True, [])


def test_what_a_file_calls_a_case_does_nothing_to_the_terminal(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = TESTS.replace("EXPECTED", "pending").replace("a good one serves", '"é::error::"')
    Path("gitstage.test.yaml").write_text(text, encoding="utf-8")
    assert "  ✓ é::error::  1.0 ms" in said(capsys, "policy", "test")


def test_without_a_subcommand_it_shows_its_help(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "gitstage policy [OPTIONS] COMMAND" in said(capsys, "policy")
