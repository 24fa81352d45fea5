from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from tests.cli.shell import Shell
from tests.git.sandbox import git

HOUSE = Path(__file__).parents[3]


def by_hand(gs: Shell) -> None:
    """A branch on which a version that was never staged stands in production, staged for a commit."""
    gs.story.register("fraud-detector", "1.3.0", auc=0.93)
    gs.story.git("switch", "--quiet", "--create", "topic")
    gs.story.copy("models/fraud-detector/1.3.0.yaml", "production/fraud-detector.yaml")
    gs.story.git("add", "production")


def test_what_breaks_the_policy_is_shown_and_refused(gs: Shell) -> None:
    by_hand(gs)
    assert gs("hook", "pre-commit") == snapshot("""\
fraud-detector: production 1.1.0 → 1.3.0  refused
  ✗ stage-order  1.3.0 enters production from staging; before this change it was in effect: registered
                 production/fraud-detector.yaml
                 type: gitstage withdraw fraud-detector@production; then gitstage promote fraud-detector@1.3.0 --to staging
         1.1.0  1.3.0
    auc   0.92   0.93  +0.01

refused: 1 of 1 change
! not committed; to commit all the same: git commit --no-verify
[1]
""")


def test_what_keeps_it_is_committed_without_a_word(gs: Shell) -> None:
    gs.story.git("switch", "--quiet", "--create", "topic")
    gs.story.copy("models/fraud-detector/1.2.0.yaml", "production/fraud-detector.yaml")
    gs.story.git("add", "production")
    assert gs("hook", "pre-commit") == ""
    assert gs("--registry", ".", "hook", "pre-commit") == ""


def test_what_only_waits_is_shown_and_committed_on_a_branch(gs: Shell) -> None:
    gs.story.amend({"    # keep: 72h ": "    keep: 72h "})
    by_hand(gs)
    gs.story.git("restore", "--staged", "--worktree", "production")
    gs.story.copy("models/fraud-detector/1.3.0.yaml", "staging/fraud-detector.yaml")
    gs.story.copy("models/fraud-detector/1.2.0.yaml", "archived/fraud-detector/1.2.0.yaml")
    gs.story.git("add", "--all")
    assert gs("hook", "pre-commit") == snapshot("""\
fraud-detector: records  passed

fraud-detector: staging 1.2.0 → 1.3.0  pending
  … keep  1.2.0 has been in staging for 0s of 3d
          opens 2026-03-04 16:00 UTC (in 3d)
         1.2.0  1.3.0
    auc   0.95   0.93  −0.02

pending until 2026-03-04 16:00 UTC (in 3d): 1 of 2 changes
! committed all the same: on a branch, what waits can be proposed
""")
    gs.story.git("switch", "--quiet", "main")
    assert gs("hook", "pre-commit") == snapshot("""\
fraud-detector: records  passed

fraud-detector: staging 1.2.0 → 1.3.0  pending
  … keep  1.2.0 has been in staging for 0s of 3d
          opens 2026-03-04 16:00 UTC (in 3d)
         1.2.0  1.3.0
    auc   0.95   0.93  −0.02

pending until 2026-03-04 16:00 UTC (in 3d): 1 of 2 changes
! not committed; to commit all the same: git commit --no-verify
[4]
""")


def commit(path: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`git commit`, as a user types it, with the hooks of the repository."""
    return subprocess.run(
        ["git", "commit", "--quiet", "-m", "by hand", *options],
        cwd=path,
        env={**os.environ, "PYTHONPATH": str(HOUSE), **variables},
        capture_output=True,
        text=True,
    )


def test_git_commits_nothing_that_is_refused_and_everything_that_is_not(gs: Shell) -> None:
    by_hand(gs)
    assert gs.run("hook", "install", "pre-commit").code == 0
    before = gs.state()
    refused = commit(gs.story.path)
    assert refused.returncode == 1
    assert "stage-order" in refused.stderr
    assert "not committed; to commit all the same: git commit --no-verify" in refused.stderr
    assert gs.state() == before
    assert commit(gs.story.path, "--no-verify").returncode == 0
    gs.story.copy("models/fraud-detector/1.1.0.yaml", "production/fraud-detector.yaml")
    gs.story.write("train.py", "1")
    gs.story.git("add", "--all")
    assert commit(gs.story.path).returncode == 0


def test_a_commit_of_some_paths_is_judged_as_those_paths(gs: Shell) -> None:
    by_hand(gs)
    gs.run("hook", "install", "pre-commit")
    gs.story.write("models/fraud-detector/README.md", "a card")
    gs.story.git("add", "models")
    assert commit(gs.story.path, "models").returncode == 0  # git judges an index of its own, GIT_INDEX_FILE
    assert gs.story.git("status", "--porcelain") == "M  production/fraud-detector.yaml"
    assert commit(gs.story.path, "production").returncode == 1
    assert commit(gs.story.path, "--all").returncode == 1


def test_a_linked_work_tree_has_an_index_of_its_own(gs: Shell, tmp_path: Path) -> None:
    by_hand(gs)
    gs.run("hook", "install", "pre-commit")
    linked = tmp_path / "linked"
    gs.story.git("worktree", "add", "--quiet", "-b", "other", str(linked), "main")
    (linked / "train.py").write_text("1", encoding="utf-8")
    git("add", "--all", cwd=linked)
    assert commit(linked).returncode == 0
    (linked / "staging" / "x.txt").write_text("1", encoding="utf-8")
    git("add", "--all", cwd=linked)
    refused = commit(linked)
    assert (refused.returncode, "known-path" in refused.stderr) == (1, True)


def test_a_repository_whose_git_directory_lies_elsewhere_is_found(gs: Shell, tmp_path: Path) -> None:
    by_hand(gs)
    gs.run("hook", "install", "pre-commit")
    apart = tmp_path / "apart.git"
    (gs.story.path / ".git").rename(apart)
    refused = commit(gs.story.path, GIT_DIR=str(apart), GIT_WORK_TREE=str(gs.story.path))
    assert (refused.returncode, "stage-order" in refused.stderr) == (1, True)


def test_where_nobody_can_answer_nothing_is_committed(gs: Shell) -> None:
    by_hand(gs)
    gs.run("hook", "install", "pre-commit")
    gs.story.git("update-ref", "-d", next(ref for ref in gs.story.refs() if ref.startswith("refs/gitstage/")))
    refused = commit(gs.story.path)
    assert (refused.returncode, refused.stderr.splitlines()[0][:6]) == (1, "error:")
    assert "the ledger refs/gitstage/" in refused.stderr


@pytest.mark.parametrize("text", ["\x1b[31m", "\n::error::x", "\u202e"])
def test_what_a_repository_says_stays_text(gs: Shell, text: str) -> None:
    gs.story.git("switch", "--quiet", "--create", "topic")
    (gs.story.path / "staging" / f"x{text}.txt").write_text("1", encoding="utf-8")
    gs.story.git("add", "--all")
    said = gs.run("hook", "pre-commit")
    assert said.code == 1
    assert all(line.isprintable() and not line.lstrip().startswith("::") for line in said.out.splitlines())
