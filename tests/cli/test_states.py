"""What is said where something is not as it should be: a policy that is broken, a ledger that is lost, another past."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

import pytest

from tests.cli.shell import Shell
from tests.git.sandbox import git
from tests.operations.pictures import unchanged
from tests.operations.stories import Story, Team


def broken(story: Story) -> None:
    story.write("gitstage.yaml", "stages: [\n")
    story.commit("a slip of the pen")


def removed(story: Story) -> None:
    (story.path / "gitstage.yaml").unlink()
    story.commit("tidied up")


def lost(story: Story) -> None:
    story.git("update-ref", "-d", story.registry().identity.ledger_ref)


def rewritten(story: Story) -> None:
    story.git("reset", "--quiet", "--hard", "HEAD~2")
    story.write("models/fraud-detector/README.md", "A card.\n")
    story.commit("another past")


def forged(story: Story) -> None:
    story.git("tag", "--force", "fraud-detector/production/2", "HEAD~4")


def untagged(story: Story) -> None:
    story.git("tag", "--delete", *story.tags())


def detached(story: Story) -> None:
    story.git("checkout", "--quiet", "--detach", "HEAD")


STATES: dict[str, Callable[[Story], None]] = {
    change.__name__: change for change in (broken, removed, lost, rewritten, forged, untagged, detached)
}
READING = (
    "status",
    "status fraud-detector",
    "resolve fraud-detector@production",
    "log fraud-detector@production",
    "check",
    "explain fraud-detector@1.2.0 --to production",
    "tag --dry-run",
    "audit",
    "doctor",
    "pull fraud-detector@production --to ../out",
)
CHANGING = (
    "register other@1.0.0 --artifact ../model.onnx --to staging",
    "promote fraud-detector@1.2.0 --to production",
    "rollback fraud-detector@production --reason bad",
    "archive fraud-detector@production --reason old",
    "hold fraud-detector@1.2.0 --reason leaks",
    "attest fraud-detector@1.2.0 --name load-test --result passed",
    "redact fraud-detector@1.0.0 --reason secret",
    "withdraw fraud-detector",
    "withdraw --policy",
)
SAID: dict[str, str] = {
    "broken": """\
$ gitstage status
model           staging  production  archived
fraud-detector  1.2.0    1.1.0              1
! note: commits on the trunk are not judged yet: gitstage tag
$ gitstage status fraud-detector
fraud-detector
stage       in effect  since                 tag
staging     1.2.0      2026-03-01 16:00 UTC  fraud-detector/staging/3
production  1.1.0      2026-03-01 15:00 UTC  fraud-detector/production/2
versions  1.2.0, 1.1.0, 1.0.0
archived  1.0.0
! note: commits on the trunk are not judged yet: gitstage tag
$ gitstage resolve fraud-detector@production
1.1.0
$ gitstage log fraud-detector@production
when                  what     version        tag
2026-03-01 15:00 UTC  promote  1.0.0 → 1.1.0  fraud-detector/production/2
2026-03-01 13:00 UTC  promote  – → 1.0.0      fraud-detector/production/1
$ gitstage check
passed: nothing of a registry changes
! open elsewhere: policy: manifest-valid: this is not YAML: did not find expected node content
$ gitstage explain fraud-detector@1.2.0 --to production
fraud-detector: production 1.1.0 → 1.2.0, from staging

   rule   gate  found  asked
✓  facts
    slot-matches-version, stage-order, leaves-archived, held, known-path, policy-alone

metric  1.1.0  1.2.0  difference
auc      0.92   0.95       +0.03

it would pass
$ gitstage tag --dry-run
refused    policy
           manifest-valid: this is not YAML: did not find expected node content
           gitstage.yaml:2
           to take it back: gitstage withdraw --policy
[1]
$ gitstage audit
judged     6 commits in 6 runs: 5 changes of slots, 3 versions and 1 policy took effect
note: 1 commit after 000000000000 not judged yet: gitstage tag
found      nothing that is not as it should be
$ gitstage doctor
– ledger      judged to 000000000000; the trunk is at 000000000000: nobody has run gitstage tag
              try: gitstage tag
$ gitstage pull fraud-detector@production --to ../out
fraud-detector@1.1.0 pulled and verified: ../out
! note: commits on the trunk are not judged yet: gitstage tag
""",
    "removed": """\
$ gitstage status
model           staging  production  archived
fraud-detector  1.2.0    1.1.0              1
! note: commits on the trunk are not judged yet: gitstage tag
$ gitstage status fraud-detector
fraud-detector
stage       in effect  since                 tag
staging     1.2.0      2026-03-01 16:00 UTC  fraud-detector/staging/3
production  1.1.0      2026-03-01 15:00 UTC  fraud-detector/production/2
versions  1.2.0, 1.1.0, 1.0.0
archived  1.0.0
! note: commits on the trunk are not judged yet: gitstage tag
$ gitstage resolve fraud-detector@production
1.1.0
$ gitstage log fraud-detector@production
when                  what     version        tag
2026-03-01 15:00 UTC  promote  1.0.0 → 1.1.0  fraud-detector/production/2
2026-03-01 13:00 UTC  promote  – → 1.0.0      fraud-detector/production/1
$ gitstage check
passed: nothing of a registry changes
! open elsewhere: policy: nothing-removed: the registry's policy is not removed
$ gitstage explain fraud-detector@1.2.0 --to production
fraud-detector: production 1.1.0 → 1.2.0, from staging

   rule   gate  found  asked
✓  facts
    slot-matches-version, stage-order, leaves-archived, held, known-path, policy-alone

metric  1.1.0  1.2.0  difference
auc      0.92   0.95       +0.03

it would pass
$ gitstage tag --dry-run
refused    policy
           nothing-removed: the registry's policy is not removed
           gitstage.yaml
           try: gitstage withdraw --policy
           to take it back: gitstage withdraw --policy
[1]
$ gitstage audit
judged     6 commits in 6 runs: 5 changes of slots, 3 versions and 1 policy took effect
note: 1 commit after 000000000000 not judged yet: gitstage tag
found      nothing that is not as it should be
$ gitstage doctor
– ledger      judged to 000000000000; the trunk is at 000000000000: nobody has run gitstage tag
              try: gitstage tag
$ gitstage pull fraud-detector@production --to ../out
fraud-detector@1.1.0 pulled and verified: ../out
! note: commits on the trunk are not judged yet: gitstage tag
""",
    "lost": """\
$ gitstage status
! error: the ledger refs/gitstage/<id> is not here, and there are tags of this registry
!   try: gitstage audit --remake-ledger
[2]
$ gitstage status fraud-detector
! error: the ledger refs/gitstage/<id> is not here, and there are tags of this registry
!   try: gitstage audit --remake-ledger
[2]
$ gitstage resolve fraud-detector@production
1.1.0
$ gitstage log fraud-detector@production
when                  what     version        tag
2026-03-01 15:00 UTC  promote  1.0.0 → 1.1.0  fraud-detector/production/2
2026-03-01 13:00 UTC  promote  – → 1.0.0      fraud-detector/production/1
$ gitstage check
! error: the ledger refs/gitstage/<id> is not here, and there are tags of this registry
!   try: gitstage audit --remake-ledger
[2]
$ gitstage explain fraud-detector@1.2.0 --to production
! error: the ledger refs/gitstage/<id> is not here, and there are tags of this registry
!   try: gitstage audit --remake-ledger
[2]
$ gitstage tag --dry-run
! error: the ledger refs/gitstage/<id> is not here, and there are tags of this registry
!   try: gitstage audit --remake-ledger
[2]
$ gitstage audit
fault      ledger-missing
           the ledger refs/gitstage/<id> is not here, and there are tags of this registry
           try: gitstage audit --remake-ledger
on trust   the ledger is lost: which commits were judged together, and when what has no tag was judged, is taken from the moments of the tags
judged     6 commits in 0 runs: 5 changes of slots, 3 versions and 1 policy took effect
found      1 fault
[1]
$ gitstage doctor
✗ ledger      the ledger refs/gitstage/<id> is not here, and there are tags of this registry
              try: gitstage audit --remake-ledger
[1]
$ gitstage pull fraud-detector@production --to ../out
fraud-detector@1.1.0 pulled and verified: ../out
""",
    "rewritten": """\
$ gitstage status
model           staging  production  archived
fraud-detector  1.1.0    1.0.0       –
! note: what was judged last, 000000000000, is not on the trunk here: git fetch; or the trunk was taken back, and gitstage tag says how to go on
$ gitstage status fraud-detector
fraud-detector
stage       in effect  since                 tag
staging     1.1.0      2026-03-01 14:00 UTC  fraud-detector/staging/2
production  1.0.0      2026-03-01 13:00 UTC  fraud-detector/production/1
versions  1.1.0, 1.0.0
archived  –
! note: what was judged last, 000000000000, is not on the trunk here: git fetch; or the trunk was taken back, and gitstage tag says how to go on
! note: refs/tags/fraud-detector/production/2 does not count: its commit is not in the trunk's history
! note: refs/tags/fraud-detector/staging/3 does not count: its commit is not in the trunk's history
$ gitstage resolve fraud-detector@production
1.0.0
$ gitstage log fraud-detector@production
when                  what     version    tag
2026-03-01 13:00 UTC  promote  – → 1.0.0  fraud-detector/production/1
! alarm: refs/tags/fraud-detector/production/2: its commit is not in the trunk's history
! alarm: refs/tags/fraud-detector/staging/3: its commit is not in the trunk's history
$ gitstage check
! error: trunk-continues: the commit judged last, 000000000000, is not in the history of 000000000000: the trunk was rewritten
!   try: put it back (git update-ref refs/heads/main 000000000000), or go on knowingly: gitstage tag --rewritten --reason …
[1]
$ gitstage explain fraud-detector@1.2.0 --to production
! error: trunk-continues: the commit judged last, 000000000000, is not in the history of 000000000000: the trunk was rewritten
!   try: put it back (git update-ref refs/heads/main 000000000000), or go on knowingly: gitstage tag --rewritten --reason …
[1]
$ gitstage tag --dry-run
! error: trunk-continues: the commit judged last, 000000000000, is not in the history of 000000000000: the trunk was rewritten
!   try: put it back (git update-ref refs/heads/main 000000000000), or go on knowingly: gitstage tag --rewritten --reason …
[1]
$ gitstage audit
fault      trunk-rewritten at 000000000000
           the commit judged last, 000000000000, is not in the history of 000000000000
           try: put it back, or go on knowingly: gitstage tag --rewritten --reason …; see git log 000000000000
judged     6 commits in 6 runs: 5 changes of slots, 3 versions and 1 policy took effect
note: 5 commits after 000000000000 not judged yet: gitstage tag
found      1 fault
[1]
$ gitstage doctor
– ledger      what was judged last, 000000000000, is not on the trunk here
              try: git fetch; or the trunk was taken back, and gitstage tag says how to go on
✗ tag         refs/tags/fraud-detector/production/2: its commit is not in the trunk's history
              try: find out who made it
✗ tag         refs/tags/fraud-detector/staging/3: its commit is not in the trunk's history
              try: find out who made it
[1]
$ gitstage pull fraud-detector@production --to ../out
fraud-detector@1.0.0 pulled and verified: ../out
! note: commits on the trunk are not judged yet: gitstage tag
""",
    "forged": """\
$ gitstage status
model           staging  production  archived
fraud-detector  1.2.0    1.1.0              1
$ gitstage status fraud-detector
fraud-detector
stage       in effect               since                 tag
staging     1.2.0                   2026-03-01 16:00 UTC  fraud-detector/staging/3
production  1.0.0 (1.1.0 declared)  2026-03-01 13:00 UTC  fraud-detector/production/1
versions  1.2.0, 1.1.0, 1.0.0
archived  –
! note: refs/tags/fraud-detector/production/2 does not count: there is no JSON in its message
$ gitstage resolve fraud-detector@production
1.0.0
$ gitstage log fraud-detector@production
when                  what     version    tag
2026-03-01 13:00 UTC  promote  – → 1.0.0  fraud-detector/production/1
! alarm: refs/tags/fraud-detector/production/2: there is no JSON in its message
$ gitstage check
passed: nothing of a registry changes
$ gitstage explain fraud-detector@1.2.0 --to production
fraud-detector: production 1.0.0 → 1.2.0, from staging

   rule   gate  found  asked
✓  facts
    slot-matches-version, stage-order, leaves-archived, held, known-path, policy-alone

metric  1.0.0  1.2.0  difference
auc       0.9   0.95       +0.05

it would pass
$ gitstage tag --dry-run
nothing new
$ gitstage audit
fault      tag-unreadable  fraud-detector/production/2 at 000000000000
           it is no annotated tag, or a broken one
judged     6 commits in 6 runs: 5 changes of slots, 3 versions and 1 policy took effect
found      1 fault
[1]
$ gitstage doctor
✗ tag         refs/tags/fraud-detector/production/2: there is no JSON in its message
              try: find out who made it
[1]
$ gitstage pull fraud-detector@production --to ../out
fraud-detector@1.0.0 pulled and verified: ../out
""",
    "untagged": """\
$ gitstage status
model           staging  production  archived
fraud-detector  1.2.0    1.1.0              1
$ gitstage status fraud-detector
fraud-detector
stage       in effect           since  tag
staging     – (1.2.0 declared)
production  – (1.1.0 declared)
versions  1.2.0, 1.1.0, 1.0.0
archived  1.0.0
$ gitstage resolve fraud-detector@production
! error: nothing has taken effect in production of fraud-detector
!   try: gitstage status fraud-detector
[2]
$ gitstage log fraud-detector@production
nothing of fraud-detector@production has taken effect
$ gitstage check
passed: nothing of a registry changes
$ gitstage explain fraud-detector@1.2.0 --to production
fraud-detector: production empty → 1.2.0

   rule         gate  found  asked
✗  stage-order
    1.2.0 enters production from staging; before this change it was in effect: registered
    needs to take effect in staging first: gitstage promote fraud-detector@1.2.0 --to staging
✓  facts
    slot-matches-version, leaves-archived, held, known-path, policy-alone

metric  empty  1.2.0  difference
auc             0.95

it would be refused
[1]
$ gitstage tag --dry-run
nothing new
$ gitstage audit
fault      tag-missing  policy/1 at 000000000000 (2026-03-01 12:00 UTC)
           policy/1 took effect and has no tag
fault      tag-missing  fraud-detector/staging/1 at 000000000000 (2026-03-01 12:00 UTC)
           fraud-detector/staging/1 took effect and has no tag
fault      tag-missing  fraud-detector/v1.0.0 at 000000000000 (2026-03-01 12:00 UTC)
           fraud-detector/v1.0.0 took effect and has no tag
fault      tag-missing  fraud-detector/production/1 at 000000000000 (2026-03-01 13:00 UTC)
           fraud-detector/production/1 took effect and has no tag
fault      tag-missing  fraud-detector/staging/2 at 000000000000 (2026-03-01 14:00 UTC)
           fraud-detector/staging/2 took effect and has no tag
fault      tag-missing  fraud-detector/v1.1.0 at 000000000000 (2026-03-01 14:00 UTC)
           fraud-detector/v1.1.0 took effect and has no tag
fault      tag-missing  fraud-detector/production/2 at 000000000000 (2026-03-01 15:00 UTC)
           fraud-detector/production/2 took effect and has no tag
fault      tag-missing  fraud-detector/staging/3 at 000000000000 (2026-03-01 16:00 UTC)
           fraud-detector/staging/3 took effect and has no tag
fault      tag-missing  fraud-detector/v1.2.0 at 000000000000 (2026-03-01 16:00 UTC)
           fraud-detector/v1.2.0 took effect and has no tag
judged     6 commits in 6 runs: 5 changes of slots, 3 versions and 1 policy took effect
found      9 faults
[1]
$ gitstage doctor
$ gitstage pull fraud-detector@production --to ../out
! error: nothing has taken effect in production of fraud-detector
!   try: gitstage status fraud-detector
[2]
""",
    "detached": """\
$ gitstage status
model           staging  production  archived
fraud-detector  1.2.0    1.1.0              1
$ gitstage status fraud-detector
fraud-detector
stage       in effect  since                 tag
staging     1.2.0      2026-03-01 16:00 UTC  fraud-detector/staging/3
production  1.1.0      2026-03-01 15:00 UTC  fraud-detector/production/2
versions  1.2.0, 1.1.0, 1.0.0
archived  1.0.0
$ gitstage resolve fraud-detector@production
1.1.0
$ gitstage log fraud-detector@production
when                  what     version        tag
2026-03-01 15:00 UTC  promote  1.0.0 → 1.1.0  fraud-detector/production/2
2026-03-01 13:00 UTC  promote  – → 1.0.0      fraud-detector/production/1
$ gitstage check
passed: nothing of a registry changes
$ gitstage explain fraud-detector@1.2.0 --to production
fraud-detector: production 1.1.0 → 1.2.0, from staging

   rule   gate  found  asked
✓  facts
    slot-matches-version, stage-order, leaves-archived, held, known-path, policy-alone

metric  1.1.0  1.2.0  difference
auc      0.92   0.95       +0.03

it would pass
$ gitstage tag --dry-run
nothing new
$ gitstage audit
judged     6 commits in 6 runs: 5 changes of slots, 3 versions and 1 policy took effect
found      nothing that is not as it should be
$ gitstage doctor
$ gitstage pull fraud-detector@production --to ../out
fraud-detector@1.1.0 pulled and verified: ../out
""",
}
"""What the reading commands say; of `doctor` only what is not well."""

UNABLE = {
    "lost": """\
! error: the ledger refs/gitstage/<id> is not here, and there are tags of this registry
!   try: gitstage audit --remake-ledger
[2]
""",
    "rewritten": """\
! error: trunk-continues: the commit judged last, 000000000000, is not in the history of 000000000000: the trunk was rewritten
!   try: put it back (git update-ref refs/heads/main 000000000000), or go on knowingly: gitstage tag --rewritten --reason …
[1]
""",
    "detached": """\
! error: HEAD is detached: there is no branch to commit to
!   try: git switch main, or git switch -c NAME; or land with --push
[2]
""",
}
"""Where nothing can be changed, and what every command says that would."""


def told(gs: Shell, lines: tuple[str, ...] = READING) -> str:
    gs.write("model.onnx")
    said = "".join(f"$ gitstage {line}\n{gs(*shlex.split(line))}" for line in lines)
    return re.sub(
        r"^✓ (?:git|signatures|registry|history|identity|attributes|ledger) .*\n", "", said, flags=re.MULTILINE
    )


@pytest.mark.parametrize("state", list(STATES))
def test_what_can_be_answered_is_and_the_rest_is_named(gs: Shell, state: str) -> None:
    STATES[state](gs.story)
    with unchanged(gs.story.path):
        assert told(gs) == SAID[state]


@pytest.mark.parametrize("state", list(UNABLE))
def test_where_nothing_can_be_changed_every_command_says_why_and_changes_nothing(gs: Shell, state: str) -> None:
    STATES[state](gs.story)
    with unchanged(gs.story.path):
        assert told(gs, CHANGING) == "".join(f"$ gitstage {line}\n{UNABLE[state]}" for line in CHANGING)


@pytest.mark.parametrize("line", [line for line in CHANGING if "withdraw" not in line and "register" not in line])
@pytest.mark.parametrize("state", ["broken", "removed"])
def test_a_policy_that_does_not_pass_stops_nobody_else(gs: Shell, state: str, line: str) -> None:
    STATES[state](gs.story)
    assert gs.run(*shlex.split(line)).code == 0
    assert gs.story.open_things() == ["policy"]
    assert gs.run("withdraw", "--policy").code == 0
    assert gs.story.open_things() == []


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("lost", ("audit", "--remake-ledger")),
        ("rewritten", ("tag", "--rewritten", "--reason", "a secret had to go")),
        ("detached", ("--verbose", "check")),
    ],
)
def test_what_is_proposed_is_a_way_out(gs: Shell, state: str, words: tuple[str, ...]) -> None:
    before = gs.story.git("rev-parse", "HEAD")
    STATES[state](gs.story)
    gs.run(*words)
    gs.story.git("switch", "--quiet", "main")
    assert gs.run("hold", "fraud-detector@1.0.0", "--reason", "leaks").code == 0
    if state == "lost":
        assert gs.run("audit").code == 0
    if state != "rewritten":
        assert gs.story.git("rev-parse", "HEAD~1") == before


def test_a_trunk_that_was_rewritten_is_put_back_as_the_hint_says(gs: Shell) -> None:
    before = gs.story.git("rev-parse", "HEAD")
    rewritten(gs.story)
    hint = gs.run("tag").err.splitlines()[1]
    found = re.search(r"\((git update-ref \S+ \S+)\)", hint)
    assert found is not None
    gs.story.git(*found[1].split()[1:])
    gs.story.git("reset", "--quiet", "--hard")
    assert gs.story.git("rev-parse", "main") == before
    assert gs("audit").endswith("found      nothing that is not as it should be\n")
    assert gs("resolve", "fraud-detector@production") == "1.1.0\n"


def test_with_a_remote_what_is_missing_is_fetched_and_what_was_rewritten_is_pushed_back(ada: Shell) -> None:
    ref = ada.story.registry().identity.ledger_ref
    before = ada.story.git("rev-parse", "HEAD")
    lost(ada.story)
    assert ada("status").splitlines()[0].split() == ["model", "staging", "production", "archived"]
    assert ada.story.git("rev-parse", ref) != ""
    rewritten(ada.story)
    ada.story.git("push", "--quiet", "--force", "origin", "main")
    assert ada("check") == (
        "! error: trunk-continues: the commit judged last, 000000000000, is not in the history of 000000000000: "
        "the trunk was rewritten\n"
        "!   try: put it back (git push --force-with-lease origin 000000000000:refs/heads/main), "
        "or go on knowingly: gitstage tag --rewritten --reason …\n"
        "[1]\n"
    )
    hint = ada.run("check").err.splitlines()[1]
    found = re.search(r"\((git push .*?)\)", hint)
    assert found is not None
    ada.story.git(*found[1].split()[1:])
    ada.story.git("fetch", "--quiet")
    assert ada.story.git("rev-parse", "origin/main") == before
    assert ada.run("check", "--head", "origin/main").code == 0


def cloned(team: Team, *options: str) -> Story:
    git("--git-dir=.", "config", "uploadpack.allowFilter", "true", cwd=team.remote)
    path = team.folder / "clone"
    git("clone", "--quiet", *options, f"file://{team.remote}", str(path), cwd=team.folder)
    return Story(path)


def test_a_partial_clone_says_what_a_whole_one_does(
    serving_team: tuple[Team, Story], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    team, ada = serving_team
    partial = cloned(team, "--filter=blob:none")
    partial.now = ada.now
    lines = (*READING[:-1], *(f"{line} --dry-run" for line in CHANGING))
    assert told(Shell(partial, monkeypatch, capsys), lines) == told(Shell(ada, monkeypatch, capsys), lines)


def test_a_bare_repository_says_what_a_clone_does(
    serving_team: tuple[Team, Story], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    team, ada = serving_team
    lines = READING[:-2]
    bare = Story(team.remote, now=ada.now)
    assert told(Shell(bare, monkeypatch, capsys), lines) == told(Shell(ada, monkeypatch, capsys), lines)


SHALLOW = """\
! error: this clone is shallow: it has no history to judge
!   try: git fetch --unshallow (in a workflow: fetch-depth: 0)
[2]
"""


def test_a_shallow_clone_reads_what_is_there_and_judges_nothing(
    serving_team: tuple[Team, Story], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    team, ada = serving_team
    shallow = cloned(team, "--depth=1")
    shallow.now = ada.now
    gs = Shell(shallow, monkeypatch, capsys)
    lines = READING[:3]
    assert told(gs, lines) == told(Shell(ada, monkeypatch, capsys), lines)
    judging = ("check", "audit", "tag", "explain fraud-detector@1.2.0 --to production", *CHANGING)
    assert told(gs, judging) == "".join(f"$ gitstage {line}\n{SHALLOW}" for line in judging)
    assert gs("log", "fraud-detector") == (
        "! error: this is a shallow clone, which does not have the history that is needed\n"
        "!   try: git fetch --unshallow (in GitHub Actions: fetch-depth: 0)\n[2]\n"
    )
