from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from inline_snapshot import snapshot

from tests.cli.shell import Shell
from tests.operations.stories import Team

NOTHING = "0" * 40


def hears(gs: Shell, text: str) -> None:
    """What git says to the hook on stdin."""
    stdin = SimpleNamespace(buffer=io.BytesIO(text.encode()), isatty=lambda: False)
    gs.patch.setattr("sys.stdin", stdin)


def by_hand(gs: Shell) -> str:
    """A commit on the trunk that promotes what was never staged; as git says it to the hook."""
    gs.story.register("fraud-detector", "1.3.0", auc=0.93)
    gs.story.copy("models/fraud-detector/1.3.0.yaml", "production/fraud-detector.yaml")
    gs.story.commit("by hand")
    return f"refs/heads/main {gs.story.git('rev-parse', 'HEAD')} refs/heads/main {gs.story.git('rev-parse', 'origin/main')}\n"


def test_what_would_be_left_open_is_shown_and_not_pushed(ada: Shell) -> None:
    hears(ada, by_hand(ada))
    assert ada("hook", "pre-push", "origin", "URL") == snapshot("""\
! fraud-detector: production 1.1.0 → 1.3.0  refused
!   ✗ stage-order  1.3.0 enters production from staging; before this change it was in effect: registered
!                  production/fraud-detector.yaml
!                  type: gitstage withdraw fraud-detector@production; then gitstage promote fraud-detector@1.3.0 --to staging
!          1.1.0  1.3.0
!     auc   0.92   0.93  +0.01
!
! refused: 1 of 1 change
! not pushed; to push all the same: git push --no-verify
[1]
""")


def test_what_is_done_to_refs_is_said_with_what_to_do(ada: Shell) -> None:
    tag = ada.story.git("rev-parse", "policy/1")
    ada.story.git("commit", "--quiet", "--amend", "-m", "rewritten")
    head, old = ada.story.git("rev-parse", "HEAD"), ada.story.git("rev-parse", "origin/main")
    hears(ada, f"(delete) {NOTHING} refs/tags/policy/1 {tag}\nmain {head} refs/heads/main {old}\n")
    assert ada("hook", "pre-push", "origin", "URL") == snapshot("""\
! refs/tags/policy/1: version-immutable: a tag of gitstage is never deleted
! refs/heads/main: trunk-continues: its old tip 000000000000 is not on the first-parent line of 000000000000
!   try: git fetch, then git rebase origin/main and push again
! not pushed; to push all the same: git push --no-verify
[1]
""")


def test_what_may_be_pushed_is_pushed_without_a_word(ada: Shell) -> None:
    hears(ada, "")
    assert ada("hook", "pre-push") == ""
    line = by_hand(ada)
    hears(ada, line.replace("refs/heads/main ", "refs/heads/topic "))
    assert ada("hook", "pre-push", "origin", "URL") == ""
    hears(ada, line)
    assert ada("hook", "pre-push", "fork", "URL") == ""


def test_what_git_never_says_is_no_reason_to_go_on(ada: Shell) -> None:
    hears(ada, "rubbish\n")
    assert ada("hook", "pre-push") == snapshot("""\
! error: 'rubbish' is not what git says to a pre-push hook
!   try: man githooks
[2]
""")


def test_what_the_framework_pre_commit_says_in_variables_is_heard(ada: Shell) -> None:
    _, new, _, old = by_hand(ada).split()
    hears(ada, "")
    for name, value in (("REMOTE_BRANCH", "refs/heads/main"), ("REMOTE_NAME", "origin"), ("LOCAL_BRANCH", "main")):
        ada.patch.setenv(f"PRE_COMMIT_{name}", value)
    assert ada.run("hook", "pre-push").code == 1
    ada.patch.setenv("PRE_COMMIT_FROM_REF", old)
    ada.patch.setenv("PRE_COMMIT_TO_REF", new)
    hears(ada, "")
    assert "stage-order" in ada.run("hook", "pre-push").err
    ada.patch.setenv("PRE_COMMIT_REMOTE_BRANCH", "refs/heads/topic")
    hears(ada, "")
    assert ada("hook", "pre-push") == ""


def push(path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`git push`, as a user types it, with the hooks of the repository."""
    return subprocess.run(["git", "push", *words], cwd=path, env=os.environ, capture_output=True, text=True)


def test_git_pushes_nothing_that_is_refused_and_everything_that_is_not(
    ada: Shell, serving_team: tuple[Team, object]
) -> None:
    team, _ = serving_team
    assert ada.run("hook", "install", "pre-push").code == 0
    assert push(ada.story.path, "origin", "main", "--tags").returncode == 0
    by_hand(ada)
    before = team.refs()
    refused = push(ada.story.path, "origin", "main")
    assert refused.returncode == 1
    assert ("stage-order" in refused.stderr, refused.stdout) == (True, "")
    assert "not pushed; to push all the same: git push --no-verify" in refused.stderr
    assert push(ada.story.path, "origin", ":refs/tags/policy/1").returncode == 1
    assert push(ada.story.path, "--force", "origin", "main~3:main").returncode == 1
    assert push(ada.story.path, "--mirror", "origin").returncode == 1
    assert team.refs() == before
    assert push(ada.story.path, "origin", "main:topic").returncode == 0
    assert push(ada.story.path, "--no-verify", "origin", "main").returncode == 0


def test_what_gitstage_pushes_itself_passes_its_own_hook(ada: Shell, serving_team: tuple[Team, object]) -> None:
    team, _ = serving_team
    ada.run("hook", "install", "pre-push")
    said = ada.run("promote", "fraud-detector", "--to", "production", "--push")
    assert (said.code, said.err) == (0, "")
    assert "refs/tags/fraud-detector/production/3" in team.refs()


@pytest.mark.parametrize("variables", [{}, {"GIT_DIR": ".git"}])
def test_the_hook_answers_for_the_repository_in_which_git_runs_it(ada: Shell, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        ada.patch.setenv(name, value)
    hears(ada, by_hand(ada))
    assert ada.run("hook", "pre-push", "origin", "URL").code == 1
