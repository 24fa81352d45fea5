"""A new repository is an empty one, of the kind that gitstage reads, without hooks of anybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gitstage.git import GitError, Head
from gitstage.git.creation import create, mirror
from gitstage.git.process import Processes
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


# ------------------------------------------------------------------------------------------------------- mirrors


@pytest.fixture
def remote(tmp_path: Path) -> Sandbox:
    sandbox = Sandbox.made(tmp_path / "remote")
    sandbox.commit("one", {"a": "1"})
    sandbox.git("tag", "-m", "x", "m/v1")
    sandbox.git("update-ref", "refs/gitstage/id", "HEAD")
    sandbox.git("config", "uploadpack.allowFilter", "true")
    sandbox.git("config", "uploadpack.allowAnySHA1InWant", "true")
    return sandbox


def test_a_mirror_has_the_refs_of_the_remote_and_reads_its_files(remote: Sandbox, tmp_path: Path) -> None:
    with mirror(remote.path.as_uri(), tmp_path / "cache" / "one") as repo:
        assert (repo.is_bare, repo.refs()) == (True, remote.refs())
        tree = repo.tree(repo.resolve("main"))
        assert tree.read(tree.listing("")["a"].oid) == b"1"
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["one"]


def test_a_mirror_follows_the_remote_also_where_refs_moved_back_or_went(remote: Sandbox, tmp_path: Path) -> None:
    url, path = remote.path.as_uri(), tmp_path / "cache"
    remote.commit("two", {"a": "2"})
    remote.git("branch", "topic")
    mirror(url, path).close()
    remote.git("reset", "--quiet", "--hard", "HEAD~1")
    remote.git("branch", "-D", "topic")
    remote.git("branch", "topic/below")
    remote.git("tag", "-d", "m/v1")
    with mirror(url, path) as repo:
        assert repo.refs() == remote.refs()


def test_of_two_that_make_one_mirror_the_second_uses_the_firsts(
    remote: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, path = remote.path.as_uri(), tmp_path / "cache" / "one"
    run = Processes.run

    with monkeypatch.context() as patched:

        def late(*arguments: Any, **options: Any) -> Any:
            answer = run(*arguments, **options)
            if arguments[1] == "clone":
                patched.undo()
                mirror(url, path).close()
            return answer

        patched.setattr(Processes, "run", late)
        with mirror(url, path) as repo:
            assert repo.refs() == remote.refs()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["one"]


def test_a_remote_that_is_not_there_leaves_no_mirror(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="does not exist|not found|does not appear"):
        mirror((tmp_path / "nowhere").as_uri(), tmp_path / "cache" / "one")
    assert list((tmp_path / "cache").iterdir()) == []
