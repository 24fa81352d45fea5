"""What is staged, read from real indexes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitstage.changes import EXECUTABLE, FILE, LINK, Entry
from gitstage.git import Repository
from gitstage.git.index import EMPTY_TREE, Staged
from tests.git.sandbox import Sandbox, executable, git


def blob(sandbox: Sandbox, text: str) -> str:
    return sandbox.git("hash-object", "--stdin", stdin=text.encode())


def test_what_is_added_changed_and_removed_is_staged_and_nothing_else(sandbox: Sandbox) -> None:
    head = sandbox.commit("base", {"a": "1", "b": "1", "c": "1", "untouched": "1"})
    sandbox.write({"a": "2", "new/file": "3", "b": "not staged", "untracked": "4"})
    sandbox.git("add", "a", "new/file")
    sandbox.git("rm", "--quiet", "--cached", "c")
    with sandbox.open() as repo:
        assert repo.staged(head) == Staged(
            {"a": Entry(FILE, blob(sandbox, "2")), "c": None, "new/file": Entry(FILE, blob(sandbox, "3"))}, ()
        )
        assert repo.staged(sandbox.git("rev-parse", "HEAD")).edits.keys() == {"a", "c", "new/file"}


def test_before_the_first_commit_everything_in_the_index_is_staged(sandbox: Sandbox) -> None:
    sandbox.write({"a": "1", "b/c": "2"})
    sandbox.git("add", "a")
    with sandbox.open() as repo:
        assert repo.staged(None).edits == {"a": Entry(FILE, blob(sandbox, "1"))}
        assert repo.empty_tree().listing("") == {}
        assert repo.empty_tree().read(blob(sandbox, "1")) == b"1"
        assert repo.empty_tree().id == EMPTY_TREE


def test_modes_links_and_names_of_any_bytes_come_as_they_are(sandbox: Sandbox) -> None:
    head = sandbox.commit("base", {"tool": "x"})
    (sandbox.path / "tool").chmod(0o755)
    (sandbox.path / "link").symlink_to("tool")
    name = os.fsdecode(b"caf\xe9\n\t")
    (sandbox.path / name).write_text("1", encoding="utf-8")
    sandbox.git("add", "--all")
    with sandbox.open() as repo:
        assert repo.staged(head).edits == {
            "tool": Entry(EXECUTABLE, blob(sandbox, "x")),
            "link": Entry(LINK, blob(sandbox, "tool")),
            name: Entry(FILE, blob(sandbox, "1")),
        }


def test_a_file_that_is_only_announced_is_not_staged(sandbox: Sandbox) -> None:
    head = sandbox.commit("base", {"a": "1"})
    sandbox.write({"b": "2"})
    sandbox.git("add", "--intent-to-add", "b")
    with sandbox.open() as repo:
        assert repo.staged(head) == Staged({}, ())


def test_a_file_that_was_moved_is_removed_here_and_added_there(sandbox: Sandbox) -> None:
    head = sandbox.commit("base", {"a": "the same text as before"})
    sandbox.git("mv", "a", "b")
    with sandbox.open() as repo:
        assert repo.staged(head).edits == {"a": None, "b": Entry(FILE, blob(sandbox, "the same text as before"))}


def test_what_is_not_merged_yet_is_named(sandbox: Sandbox) -> None:
    sandbox.commit("base", {"a": "1"})
    sandbox.git("switch", "--quiet", "--create", "other")
    theirs = sandbox.commit("theirs", {"a": "2"})
    sandbox.git("switch", "--quiet", "main")
    head = sandbox.commit("ours", {"a": "3"})
    with sandbox.open() as repo:
        assert repo.merging() == []
    with pytest.raises(AssertionError, match="CONFLICT|git"):
        sandbox.git("merge", "--quiet", "other")
    with sandbox.open() as repo:
        assert repo.staged(head) == Staged({}, ("a",))
        assert repo.merging() == [theirs]


def test_files_of_the_index_are_found_by_their_names(sandbox: Sandbox) -> None:
    sandbox.write({"gitstage.yaml": "", "a/b/gitstage.yaml": "", "a/gitstage.yaml/x": "", "not-gitstage.yaml": ""})
    sandbox.git("add", "--all")
    with sandbox.open() as repo:
        assert repo.staged_files("gitstage.yaml") == ["a/b/gitstage.yaml", "gitstage.yaml"]
    with Repository.discover(sandbox.path / "a") as repo:
        assert repo.staged_files("gitstage.yaml") == ["a/b/gitstage.yaml", "gitstage.yaml"]


def test_nothing_that_the_repository_configures_is_run(sandbox: Sandbox, tmp_path: Path) -> None:
    head = sandbox.commit("base", {"a": "1", ".gitattributes": "* filter=evil diff=evil\n"})
    spy = executable(tmp_path / "spy", f"echo ran >> {tmp_path}/ran")
    for key in ("core.fsmonitor", "diff.evil.command", "diff.evil.textconv", "diff.external", "filter.evil.clean"):
        sandbox.git("config", key, str(spy))
    sandbox.git("-c", "core.fsmonitor=false", "-c", "filter.evil.clean=cat", "rm", "--quiet", "--cached", "a")
    with sandbox.open() as repo:
        assert repo.staged(head).edits == {"a": None}
        repo.staged_files("a")
    assert not (tmp_path / "ran").exists()


def test_hooks_lie_where_git_looks_for_them(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.commit("base", {"a": "1"})
    sandbox.git("worktree", "add", "--quiet", str(tmp_path / "linked"))
    for configured in (None, ".githooks", "~/hooks", str(tmp_path / "all")):
        if configured is not None:
            sandbox.git("config", "core.hooksPath", configured)
        for folder in (sandbox.path, tmp_path / "linked"):
            said = git("rev-parse", "--path-format=absolute", "--git-path", "hooks", cwd=folder)
            with Repository.discover(folder) as repo:
                assert str(repo.hooks_folder) == said


def test_in_a_hook_the_repository_is_the_one_that_git_names(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = tmp_path / "apart.git"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    git("init", "--quiet", "--bare", str(apart), cwd=tmp_path)
    git(f"--git-dir={apart}", "config", "core.bare", "false", cwd=tmp_path)
    monkeypatch.chdir(sandbox.path)
    with Repository.of_hook() as repo:
        assert repo.git_dir == sandbox.path / ".git"
    monkeypatch.setenv("GIT_DIR", ".git")
    with Repository.of_hook() as repo:
        assert (repo.git_dir, repo.work_tree) == (sandbox.path / ".git", sandbox.path)
    monkeypatch.setenv("GIT_DIR", str(apart))
    for here in (sandbox.path, elsewhere):
        monkeypatch.chdir(here)
        with Repository.of_hook() as repo:
            assert (repo.git_dir, repo.work_tree, repo.is_bare) == (apart, here, False)


def test_a_git_directory_that_is_none_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gitstage.git import NotARepository

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    with pytest.raises(NotARepository, match="where no repository is"):
        Repository.of_hook()
