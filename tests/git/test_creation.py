"""A new repository is an empty one, of the kind that gitstage reads, without hooks of anybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstage.git import Head
from gitstage.git.creation import create
from tests.git.sandbox import Sandbox, executable, git


def test_a_new_repository_has_a_work_tree_and_an_unborn_branch(tmp_path: Path) -> None:
    with create(tmp_path / "new" / "one") as repo:
        assert (repo.work_tree, repo.is_bare, repo.head()) == (
            tmp_path / "new" / "one",
            False,
            Head("refs/heads/main", None),
        )


def test_the_first_branch_is_called_as_was_asked(tmp_path: Path) -> None:
    with create(tmp_path, branch="trunk") as repo:
        assert repo.head() == Head("refs/heads/trunk", None)


def test_a_bare_repository_has_no_work_tree(tmp_path: Path) -> None:
    with create(tmp_path / "remote.git", bare=True) as repo:
        assert (repo.work_tree, repo.is_bare, repo.git_dir) == (None, True, tmp_path / "remote.git")


def test_no_hook_of_a_template_gets_in(tmp_path: Path, hermetic_seal: Path) -> None:
    executable(tmp_path / "template" / "hooks" / "pre-push", "exit 1")
    git("config", "--global", "init.templateDir", str(tmp_path / "template"), cwd=tmp_path)
    with create(tmp_path / "new") as repo:
        assert not (repo.git_dir / "hooks").exists()


def test_what_is_there_already_stays(tmp_path: Path) -> None:
    before = Sandbox.made(tmp_path / "work")
    commit = before.commit("one", {"a": "1"})
    with create(before.path) as repo:
        assert repo.head() == Head("refs/heads/main", commit)


def test_a_repository_of_the_hash_that_the_user_prefers_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DEFAULT_HASH", "sha256")
    with create(tmp_path / "new") as repo:
        assert git("rev-parse", "--show-object-format", cwd=repo.git_dir.parent) == "sha1"
