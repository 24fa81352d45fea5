from __future__ import annotations

import errno
import json
import os

import pytest
from inline_snapshot import snapshot

from tests.cli.shell import Shell


def branch(gs: Shell) -> None:
    """A branch that promotes by hand a version that was never staged."""
    gs.story.register("fraud-detector", "1.3.0", auc=0.93)
    gs.story.git("switch", "--quiet", "--create", "topic")
    gs.story.copy("models/fraud-detector/1.3.0.yaml", "production/fraud-detector.yaml")
    gs.story.commit("promote by hand")


def test_a_change_that_breaks_the_policy_exits_with_1(gs: Shell) -> None:
    branch(gs)
    assert gs("check") == snapshot("""\
fraud-detector: production 1.1.0 → 1.3.0  refused
  ✗ stage-order  1.3.0 enters production from staging; before this change it was in effect: registered
                 production/fraud-detector.yaml
                 type: gitstage withdraw fraud-detector@production; then gitstage promote fraud-detector@1.3.0 --to staging
         1.1.0  1.3.0
    auc   0.92   0.93  +0.01

refused: 1 of 1 change
[1]
""")


def test_a_change_that_keeps_it_exits_with_0(gs: Shell) -> None:
    gs.story.git("switch", "--quiet", "--create", "topic")
    gs.story.promote("fraud-detector", to="production")
    assert gs("check", "--base", "main", "--head", "topic") == snapshot("""\
fraud-detector: production 1.1.0 → 1.2.0  passed
         1.1.0  1.2.0
    auc   0.92   0.95  +0.03

passed: 1 change
""")
    assert gs("check", "--base", "topic") == snapshot("passed: nothing of a registry changes\n")


def test_a_report_for_a_forge(gs: Shell) -> None:
    branch(gs)
    assert gs("check", "--format", "github") == snapshot("""\
::error file=production/fraud-detector.yaml,title=stage-order refused (fraud-detector%3A production 1.1.0 → 1.3.0)::1.3.0 enters production from staging; before this change it was in effect: registered%0Atype: gitstage withdraw fraud-detector@production; then gitstage promote fraud-detector@1.3.0 --to staging
::notice title=gitstage::refused: 1 of 1 change
gitstage: refused: 1 of 1 change
[1]
""")
    assert gs("check", "--format", "markdown") == snapshot("""\
### ❌ gitstage: refused: 1 of 1 change

`000000000000` → `000000000000` · judged 2026-03-01 16:00 UTC

| change | from → to | verdict |
| --- | --- | --- |
| fraud-detector: production | 1.1.0 → 1.3.0 | ❌ refused |

#### ❌ fraud-detector: production 1.1.0 → 1.3.0

| metric | 1.1.0 | 1.3.0 | difference |
| --- | ---: | ---: | ---: |
| auc | 0.92 | 0.93 | +0.01 |

| rule | verdict | what was found | measured | asked | what to do next |
| --- | --- | --- | --- | --- | --- |
| `stage-order` | ❌ refused | 1.3.0 enters production from staging; before this change it was in effect: registered<br>`production/fraud-detector.yaml` |  |  | `gitstage withdraw fraud-detector@production; then gitstage promote fraud-detector@1.3.0 --to staging` |
[1]
""")


def test_a_report_is_written_into_a_file(gs: Shell) -> None:
    branch(gs)
    assert gs("check", "--output", "../report.txt") == snapshot("[1]\n")
    assert (gs.story.path.parent / "report.txt").read_text(encoding="utf-8").startswith("fraud-detector: production")
    assert gs("check", "--output", "../nix/report.txt") == snapshot("""\
! error: ../nix/report.txt cannot be written: No such file or directory
!   try: --output FILE
[2]
""")


def test_a_report_takes_the_place_of_the_one_before_as_a_whole(gs: Shell) -> None:
    branch(gs)
    folder = gs.story.path.parent
    (folder / "report.sarif").write_text("of yesterday", encoding="utf-8")
    (folder / "link").symlink_to("report.sarif")
    (folder / "report.sarif").chmod(0o640)
    assert gs("check", "--format", "sarif", "--output", "../link") == "[1]\n"
    assert (folder / "link").is_symlink()
    assert (folder / "report.sarif").stat().st_mode & 0o777 == 0o640
    (run,) = json.loads((folder / "report.sarif").read_text(encoding="utf-8"))["runs"]
    assert [result["ruleId"] for result in run["results"]] == ["stage-order"]
    assert gs("check", "--format", "junit", "--output", "../new.xml") == "[1]\n"
    assert "stage-order" in (folder / "new.xml").read_text(encoding="utf-8")
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith(("report", "new", "."))) == [
        "new.xml",
        "report.sarif",
    ]


def test_a_report_that_cannot_be_written_leaves_the_one_before(gs: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    branch(gs)
    report = gs.story.path.parent / "report.txt"
    report.write_text("of yesterday", encoding="utf-8")

    def full(*paths: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    assert gs("check", "--output", "../report.txt") == snapshot("""\
! error: ../report.txt cannot be written: No space left on device
!   try: --output FILE
[2]
""")
    assert report.read_text(encoding="utf-8") == "of yesterday"
    assert [path.name for path in report.parent.iterdir() if "report" in path.name] == ["report.txt"]


def test_a_report_goes_into_a_pipe_as_well(gs: Shell) -> None:
    branch(gs)
    pipe = gs.story.path.parent / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert gs("check", "--output", str(pipe)) == "[1]\n"
        assert os.read(reader, 1000).decode().startswith("fraud-detector: production")
    finally:
        os.close(reader)


def test_what_is_open_elsewhere_is_said_beside_the_report(gs: Shell) -> None:
    branch(gs)
    gs.story.git("switch", "--quiet", "main")
    gs.story.git("merge", "--quiet", "topic")
    gs.story.tag()
    gs.story.git("switch", "--quiet", "--create", "next")
    gs.story.register("other", "1.0.0")
    assert gs("check") == snapshot("""\
other: registers 1.0.0  passed

passed: 1 change
! open elsewhere: production/fraud-detector: stage-order: 1.3.0 enters production from staging; before this change it was in effect: registered
""")


def test_what_is_not_there_is_said(gs: Shell) -> None:
    assert gs("check", "--base", "nix") == snapshot("""\
! error: there is no revision 'nix'
!   try: git branch --all and git tag say what there is, git fetch brings what is new elsewhere
[2]
""")
    assert gs("check", "--format", "xml") == snapshot("""\
! error: invalid value for '--format': 'xml' is not one of 'text', 'json', 'github', 'markdown', 'sarif', 'junit'
!   try: gitstage check
[2]
""")
