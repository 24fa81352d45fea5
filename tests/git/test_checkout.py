"""Index and work tree follow the branch for the touched paths, and leave alone whatever the user has changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gitstage.changes import EXECUTABLE, FILE, LINK, SUBMODULE, Entry
from gitstage.git import Checkout, GitError, RefMoved, RefUpdate, Repository, ShallowRepository, checkout, process
from tests.git.sandbox import Sandbox, git

BASE = {"staging/m.yaml": "1.0.0", "production/m.yaml": "empty", "README.md": "read me"}


@pytest.fixture
def base(sandbox: Sandbox) -> str:
    return sandbox.commit("base", BASE)


def commit_of(
    repo: Repository, base: str | None, edits: Mapping[str, str | Entry | None], message: str = "change"
) -> str:
    """A commit with text files, other entries, or nothing at paths."""
    entries = {
        path: Entry(FILE, repo.write_blob(edit.encode())) if isinstance(edit, str) else edit
        for path, edit in edits.items()
    }
    return repo.write_commit(repo.write_tree(base, entries), [base] if base else [], message)


def landed(
    repo: Repository, base: str | None, edits: Mapping[str, str | Entry | None], branch: str = "refs/heads/main"
) -> list[str]:
    """Let a change land as a command does, and say what was left alone."""
    new = commit_of(repo, base, edits)
    following = Checkout(repo)
    following.begin(base, new, edits)
    repo.transact([RefUpdate(branch, new, base)], reason="test")
    return following.finish()


def journals(sandbox: Sandbox) -> list[str]:
    folder = sandbox.path / ".git" / "gitstage"
    return sorted(path.name for path in folder.glob("checkout-*")) if folder.is_dir() else []


# --------------------------------------------------------------------------------------------------- following


def test_touched_paths_follow_the_branch_and_nothing_else_is_touched(
    sandbox: Sandbox, repo: Repository, base: str
) -> None:
    sandbox.write({"README.md": "edited by the user", "untracked": "mine"})
    sandbox.write({"staged.txt": "staged by the user"})
    sandbox.git("add", "staged.txt")
    left = landed(repo, base, {"production/m.yaml": "1.0.0", "models/new/1.0.0.yaml": "deep"})
    assert left == []
    assert sandbox.status().splitlines() == [" M README.md", "A  staged.txt", "?? untracked"]
    assert (sandbox.read("production/m.yaml"), sandbox.read("models/new/1.0.0.yaml")) == ("1.0.0", "deep")
    assert sandbox.read("README.md") == "edited by the user"
    assert journals(sandbox) == []


def test_the_first_commit_of_an_unborn_branch_is_followed(sandbox: Sandbox, repo: Repository) -> None:
    sandbox.write({"mine": "1"})
    assert landed(repo, None, {"gitstage.yaml": "new"}) == []
    assert (sandbox.status(), sandbox.read("gitstage.yaml")) == ("?? mine", "new")


def test_what_is_removed_goes_with_the_folders_that_become_empty(sandbox: Sandbox, repo: Repository) -> None:
    base = sandbox.commit("base", {"a/b/c/d": "1", "a/kept": "2", "x": "3"})
    assert landed(repo, base, {"a/b/c/d": None, "x": None}) == []
    assert sandbox.status() == ""
    assert sorted(path.name for path in sandbox.path.rglob("*") if ".git" not in path.parts) == ["a", "kept"]


def test_links_executables_and_submodules_follow_too(sandbox: Sandbox, repo: Repository, base: str) -> None:
    script, target = repo.write_blob(b"#!/bin/sh"), repo.write_blob(b"staging/m.yaml")
    edits = {"run": Entry(EXECUTABLE, script), "link": Entry(LINK, target), "module": Entry(SUBMODULE, base)}
    assert landed(repo, base, edits) == []
    assert sandbox.status() in ("", " D module")
    assert (sandbox.path / "run").stat().st_mode & 0o111
    assert (sandbox.path / "link").readlink() == Path("staging/m.yaml")
    assert sandbox.git("ls-files", "-s", "module").startswith(f"160000 {base}")
    head = repo.resolve("HEAD")
    assert landed(repo, head, {"run": "plain now", "link": "a file now", "module": None}) == []
    assert (sandbox.read("link"), sandbox.status()) == ("a file now", "")
    assert not (sandbox.path / "run").stat().st_mode & 0o111


def test_a_file_that_becomes_a_submodule_goes(sandbox: Sandbox, repo: Repository, base: str) -> None:
    assert landed(repo, base, {"README.md": Entry(SUBMODULE, base)}) == []
    assert not (sandbox.path / "README.md").exists()
    assert sandbox.git("ls-files", "-s", "README.md").startswith(f"160000 {base}")


def test_a_file_can_become_a_folder_and_a_folder_a_file(sandbox: Sandbox, repo: Repository) -> None:
    base = sandbox.commit("base", {"a": "file", "b/c": "in a folder"})
    left = landed(repo, base, {"a": None, "a/x": "now a folder", "b/c": None, "b": "now a file"})
    assert (left, sandbox.status()) == ([], "")
    assert (sandbox.read("a/x"), sandbox.read("b")) == ("now a folder", "now a file")


@pytest.mark.parametrize("name", [b"new\nline", b"\xff\xfe", b"-x", b"*", b":(glob)*", "größer".encode(), b'"q"'])
def test_any_name_can_follow(sandbox: Sandbox, repo: Repository, base: str, name: bytes) -> None:
    path = "staging/" + name.decode("utf-8", "surrogateescape")
    assert landed(repo, base, {path: "new"}) == []
    assert sandbox.status() == ""
    assert (sandbox.path / "staging" / os.fsdecode(name)).read_text(encoding="utf-8") == "new"


def test_a_great_many_paths_follow_at_the_same_price(
    sandbox: Sandbox, repo: Repository, base: str, calls: list[str]
) -> None:
    edits = {f"staging/{number}.yaml": str(number) for number in range(200)}
    new = commit_of(repo, base, edits)
    following = Checkout(repo)
    assert following.local_edits(edits, base) == []
    following.begin(base, new, edits)
    calls.clear()
    repo.transact([RefUpdate("refs/heads/main", new, base)], reason="test")
    assert following.finish() == []
    assert calls == ["index-pack", "update-ref", "update-index"]
    assert sandbox.status() == ""
    assert sandbox.read("staging/199.yaml") == "199"


def test_a_linked_work_tree_follows_with_its_own_index(sandbox: Sandbox, base: str, tmp_path: Path) -> None:
    sandbox.git("worktree", "add", "--quiet", "-b", "topic", str(tmp_path / "linked"))
    linked = Sandbox(tmp_path / "linked")
    with linked.open() as repo:
        assert landed(repo, base, {"production/m.yaml": "1.0.0"}, "refs/heads/topic") == []
    assert (linked.status(), linked.read("production/m.yaml")) == ("", "1.0.0")
    assert (sandbox.status(), sandbox.read("production/m.yaml")) == ("", "empty")


def test_in_a_bare_repository_there_is_nothing_to_follow(tmp_path: Path, calls: list[str]) -> None:
    bare = Sandbox.made(tmp_path / "bare.git", "--bare")
    with bare.open() as repo:
        new = commit_of(repo, None, {"a": "1"})
        following = Checkout(repo)
        repo.flush()
        calls.clear()
        assert following.local_edits(["a"], None) == []
        following.begin(None, new, ["a"])
        assert following.finish() == []
        assert calls == []
        assert not (bare.path / "gitstage").exists()


def test_paths_that_a_sparse_checkout_leaves_out_stay_out(sandbox: Sandbox, repo: Repository, base: str) -> None:
    sandbox.git("sparse-checkout", "set", "--no-cone", "staging")
    assert not (sandbox.path / "production").exists()
    following = Checkout(repo)
    assert following.local_edits(["production/m.yaml"], base) == []
    assert landed(repo, base, {"production/m.yaml": "1.0.0", "staging/m.yaml": "2.0.0"}) == []
    assert not (sandbox.path / "production").exists()
    assert sandbox.read("staging/m.yaml") == "2.0.0"
    assert sandbox.status() == ""
    assert sandbox.git("ls-files", "-t", "production").startswith("S ")


def test_a_skipped_path_that_is_removed_leaves_the_index(sandbox: Sandbox, repo: Repository, base: str) -> None:
    sandbox.git("sparse-checkout", "set", "--no-cone", "staging")
    assert landed(repo, base, {"production/m.yaml": None}) == []
    assert (sandbox.status(), sandbox.git("ls-files", "production")) == ("", "")


# ------------------------------------------------------------------------------------------------- local edits


def edited(sandbox: Sandbox) -> None:
    sandbox.write({"staging/m.yaml": "edited"})


def staged(sandbox: Sandbox) -> None:
    sandbox.write({"staging/m.yaml": "staged"})
    sandbox.git("add", "staging/m.yaml")


def staged_and_put_back(sandbox: Sandbox) -> None:
    staged(sandbox)
    sandbox.write({"staging/m.yaml": BASE["staging/m.yaml"]})


def deleted(sandbox: Sandbox) -> None:
    (sandbox.path / "staging/m.yaml").unlink()


def unstaged_from_the_index(sandbox: Sandbox) -> None:
    sandbox.git("rm", "--quiet", "--cached", "staging/m.yaml")


def made_executable(sandbox: Sandbox) -> None:
    (sandbox.path / "staging/m.yaml").chmod(0o755)


def made_a_link(sandbox: Sandbox) -> None:
    deleted(sandbox)
    (sandbox.path / "staging/m.yaml").symlink_to("../README.md")


def made_a_folder(sandbox: Sandbox) -> None:
    deleted(sandbox)
    (sandbox.path / "staging/m.yaml").mkdir()


def folder_made_a_link(sandbox: Sandbox) -> None:
    (sandbox.path / "staging").rename(sandbox.path / "elsewhere")
    (sandbox.path / "staging").symlink_to("elsewhere")


def folder_made_a_file(sandbox: Sandbox) -> None:
    deleted(sandbox)
    (sandbox.path / "staging").rmdir()
    sandbox.write({"staging": "a file"})


def conflicted(sandbox: Sandbox) -> None:
    ours, theirs = (sandbox.git("hash-object", "-w", "--stdin", stdin=text) for text in (b"ours", b"theirs"))
    rows = f"0 {'0' * 40}\tstaging/m.yaml\n100644 {ours} 2\tstaging/m.yaml\n100644 {theirs} 3\tstaging/m.yaml\n"
    sandbox.git("update-index", "--index-info", stdin=rows.encode())


def hidden_by_assume_unchanged(sandbox: Sandbox) -> None:
    sandbox.git("update-index", "--assume-unchanged", "staging/m.yaml")
    edited(sandbox)


def hidden_by_a_filter(sandbox: Sandbox) -> None:
    """To git's eyes nothing has changed: the filter would make the old bytes of it."""
    (sandbox.path / ".git/info").mkdir(exist_ok=True)
    (sandbox.path / ".git/info/attributes").write_text("staging/* filter=undo\n", encoding="utf-8")
    sandbox.git("config", "filter.undo.clean", f"cat > /dev/null; printf {BASE['staging/m.yaml']}")
    sandbox.write({"staging/m.yaml": "9.9.9"})
    assert sandbox.status() == ""


@pytest.mark.parametrize(
    "change",
    [
        edited, staged, staged_and_put_back, deleted, unstaged_from_the_index, made_executable, made_a_link,
        made_a_folder, folder_made_a_link, folder_made_a_file, conflicted, hidden_by_assume_unchanged, hidden_by_a_filter,
    ],
)  # fmt: skip
def test_a_file_with_local_edits_of_any_kind_is_found(
    sandbox: Sandbox, repo: Repository, base: str, change: Callable[[Sandbox], None]
) -> None:
    assert Checkout(repo).local_edits(["staging/m.yaml", "production/m.yaml"], base) == []
    change(sandbox)
    assert Checkout(repo).local_edits(["staging/m.yaml", "production/m.yaml", "staging/m.yaml"], base) == [
        "staging/m.yaml"
    ]


def untracked(sandbox: Sandbox) -> None:
    sandbox.write({"new/file": "mine"})


def untracked_but_the_same(sandbox: Sandbox) -> None:
    sandbox.write({"new/file": "new"})


def link_in_the_way(sandbox: Sandbox) -> None:
    (sandbox.path / "new").symlink_to("/tmp")


def dangling_link(sandbox: Sandbox) -> None:
    (sandbox.path / "new").mkdir()
    (sandbox.path / "new/file").symlink_to("/no/such/place")


def file_in_the_way(sandbox: Sandbox) -> None:
    sandbox.write({"new": "mine"})


def fifo(sandbox: Sandbox) -> None:
    (sandbox.path / "new").mkdir()
    os.mkfifo(sandbox.path / "new/file")


def meant_to_be_added(sandbox: Sandbox) -> None:
    sandbox.write({"new/file": ""})
    sandbox.git("add", "--intent-to-add", "new/file")


@pytest.mark.parametrize(
    "change",
    [untracked, untracked_but_the_same, link_in_the_way, dangling_link, file_in_the_way, fifo, meant_to_be_added],
)
def test_what_lies_in_the_way_of_a_new_file_is_found(
    sandbox: Sandbox, repo: Repository, base: str, change: Callable[[Sandbox], None]
) -> None:
    change(sandbox)
    assert Checkout(repo).local_edits(["new/file", "other"], base) == ["new/file"]


def test_a_folder_full_of_other_things_never_gives_way_to_a_file(sandbox: Sandbox, repo: Repository, base: str) -> None:
    assert Checkout(repo).local_edits(["staging", "staging/m.yaml"], base) == []
    sandbox.write({"staging/mine": "1"})
    assert landed(repo, base, {"staging": "now a file", "staging/m.yaml": None}) == ["staging"]
    assert sandbox.read("staging/mine") == "1"


def test_a_folder_where_no_file_shall_lie_is_left_where_it_lies(sandbox: Sandbox, repo: Repository, base: str) -> None:
    assert landed(repo, base, {"staging": None, "README.md": None}) == []
    assert (sandbox.status(), sandbox.read("staging/m.yaml")) == ("", "1.0.0")


def test_modes_do_not_count_where_git_is_told_that_they_do_not(sandbox: Sandbox, repo: Repository, base: str) -> None:
    sandbox.git("config", "core.fileMode", "false")
    made_executable(sandbox)
    assert Checkout(repo).local_edits(["staging/m.yaml"], base) == []


def test_a_submodule_that_is_checked_out_is_no_edit(sandbox: Sandbox, repo: Repository, base: str) -> None:
    landed(repo, base, {"module": Entry(SUBMODULE, base)})
    head = repo.resolve("HEAD")
    assert Checkout(repo).local_edits(["module"], head) == []
    (sandbox.path / "module").mkdir()
    assert Checkout(repo).local_edits(["module"], head) == []
    (sandbox.path / "module").rmdir()
    sandbox.write({"module": "a file"})
    assert Checkout(repo).local_edits(["module"], head) == ["module"]


def test_in_an_unborn_repository_everything_that_lies_there_is_the_users(sandbox: Sandbox, repo: Repository) -> None:
    sandbox.write({"mine": "1"})
    assert Checkout(repo).local_edits(["mine", "new"], None) == ["mine"]


# ------------------------------------------------------------------------------ edits between the look and the move


@pytest.mark.parametrize("change", [edited, deleted, made_executable, made_a_link, made_a_folder, folder_made_a_link])
def test_what_the_user_does_meanwhile_in_the_work_tree_is_left_alone(
    sandbox: Sandbox, repo: Repository, base: str, change: Callable[[Sandbox], None]
) -> None:
    new = commit_of(repo, base, {"staging/m.yaml": "2.0.0", "production/m.yaml": "1.0.0"})
    following = Checkout(repo)
    following.begin(base, new, ["staging/m.yaml", "production/m.yaml"])
    repo.transact([RefUpdate("refs/heads/main", new, base)], reason="test")
    change(sandbox)
    lies = sorted((path.name, path.is_symlink(), path.stat().st_mode) for path in sandbox.path.rglob("m.yaml*"))
    assert following.finish() == ["staging/m.yaml"]
    after = sorted((path.name, path.is_symlink(), path.stat().st_mode) for path in sandbox.path.rglob("m.yaml*"))
    assert after == lies
    assert sandbox.read("production/m.yaml") == "1.0.0"
    assert not sandbox.git("diff", "--cached", "--name-only")
    assert journals(sandbox) == []


@pytest.mark.parametrize("change", [staged, unstaged_from_the_index, conflicted])
def test_what_the_user_does_meanwhile_in_the_index_is_left_alone(
    sandbox: Sandbox, repo: Repository, base: str, change: Callable[[Sandbox], None]
) -> None:
    new = commit_of(repo, base, {"staging/m.yaml": "2.0.0", "production/m.yaml": "1.0.0"})
    following = Checkout(repo)
    following.begin(base, new, ["staging/m.yaml", "production/m.yaml"])
    repo.transact([RefUpdate("refs/heads/main", new, base)], reason="test")
    change(sandbox)
    index, file = sandbox.git("ls-files", "-s", "staging"), sandbox.read("staging/m.yaml")
    assert following.finish() == ["staging/m.yaml"]
    assert (sandbox.git("ls-files", "-s", "staging"), sandbox.read("staging/m.yaml")) == (index, file)
    assert sandbox.read("production/m.yaml") == "1.0.0"


def test_no_link_leads_out_of_the_work_tree(sandbox: Sandbox, repo: Repository, base: str, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "m.yaml").write_text(BASE["staging/m.yaml"], encoding="utf-8")
    new = commit_of(repo, base, {"staging/m.yaml": "2.0.0", "staging/deep/new": "x", "production/m.yaml": None})
    following = Checkout(repo)
    following.begin(base, new, ["staging/m.yaml", "staging/deep/new", "production/m.yaml"])
    repo.transact([RefUpdate("refs/heads/main", new, base)], reason="test")
    for folder in ("staging", "production"):
        (sandbox.path / folder / "m.yaml").rename(outside / f"{folder}.yaml")
        (sandbox.path / folder).rmdir()
        (sandbox.path / folder).symlink_to(outside)
    assert following.finish() == ["production/m.yaml", "staging/deep/new", "staging/m.yaml"]
    assert sorted(path.name for path in outside.iterdir()) == ["m.yaml", "production.yaml", "staging.yaml"]
    assert (outside / "m.yaml").read_text(encoding="utf-8") == BASE["staging/m.yaml"]


def test_a_folder_that_becomes_a_file_between_look_and_write_is_left_alone(
    sandbox: Sandbox, repo: Repository, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = commit_of(repo, base, {"new/file": "x", "other/file": "y"})
    following = Checkout(repo)
    following.begin(base, new, ["new/file", "other/file"])
    repo.transact([RefUpdate("refs/heads/main", new, base)], reason="test")
    read = repo.read

    def late(oid: str) -> bytes:
        if not (sandbox.path / "new").exists():
            sandbox.write({"new": "a file, at the last moment"})
        return read(oid)

    monkeypatch.setattr(repo, "read", late)
    assert following.finish() == ["new/file"]
    assert (sandbox.read("new"), sandbox.read("other/file")) == ("a file, at the last moment", "y")


# --------------------------------------------------------------------------------------------------- convergence


def test_a_checkout_whose_branch_did_not_move_is_forgotten(sandbox: Sandbox, repo: Repository, base: str) -> None:
    new = commit_of(repo, base, {"staging/m.yaml": "2.0.0"})
    sandbox.git("update-ref", "refs/heads/main", sandbox.commit("first", {"README.md": "other"}))
    following = Checkout(repo)
    following.begin(base, new, ["staging/m.yaml"])
    with pytest.raises(RefMoved):
        repo.transact([RefUpdate("refs/heads/main", new, base)], reason="test")
    assert len(journals(sandbox)) == 1
    assert following.finish() == []
    assert (journals(sandbox), sandbox.status()) == ([], "")


def test_a_checkout_on_an_unborn_branch_that_stayed_unborn_is_forgotten(sandbox: Sandbox, repo: Repository) -> None:
    following = Checkout(repo)
    following.begin(None, commit_of(repo, None, {"a": "1"}), ["a"])
    assert following.finish() == []
    assert (journals(sandbox), sandbox.status()) == ([], "")


def test_a_branch_that_is_not_checked_out_is_not_followed(sandbox: Sandbox, repo: Repository, base: str) -> None:
    sandbox.git("branch", "topic")
    assert landed(repo, base, {"staging/m.yaml": "2.0.0"}, "refs/heads/topic") == []
    assert (sandbox.status(), sandbox.read("staging/m.yaml")) == ("", "1.0.0")


def abandoned(sandbox: Sandbox, base: str, edits: Mapping[str, str | None], *, moved: bool = True) -> str:
    """A checkout that a process began and did not finish, because it died."""
    with sandbox.open() as repo:
        new = commit_of(repo, base, edits)
        Checkout(repo).begin(base, new, edits)
        if moved:
            repo.transact([RefUpdate("refs/heads/main", new, base)], reason="test")
        return new


def test_what_a_process_that_died_has_begun_is_finished_by_the_next(
    sandbox: Sandbox, repo: Repository, base: str
) -> None:
    abandoned(sandbox, base, {"staging/m.yaml": "2.0.0", "new/file": "x", "production/m.yaml": None})
    assert sandbox.status() != ""
    assert Checkout(repo).finish() == []
    assert (sandbox.status(), journals(sandbox)) == ("", [])
    assert (sandbox.read("staging/m.yaml"), sandbox.read("new/file")) == ("2.0.0", "x")
    assert Checkout(repo).finish() == []


def test_what_several_processes_that_died_have_begun_ends_at_the_branch(
    sandbox: Sandbox, repo: Repository, base: str
) -> None:
    one = abandoned(sandbox, base, {"staging/m.yaml": "2.0.0"})
    two = abandoned(sandbox, one, {"staging/m.yaml": "3.0.0", "production/m.yaml": "2.0.0"})
    abandoned(sandbox, two, {"staging/m.yaml": "4.0.0"}, moved=False)
    assert len(journals(sandbox)) == 3
    assert Checkout(repo).finish() == []
    assert (sandbox.status(), journals(sandbox), sandbox.read("staging/m.yaml")) == ("", [], "3.0.0")


def test_commits_that_came_after_are_followed_with_it(sandbox: Sandbox, repo: Repository, base: str) -> None:
    new = abandoned(sandbox, base, {"staging/m.yaml": "2.0.0"})
    later = commit_of(repo, new, {"staging/m.yaml": "3.0.0"})
    repo.transact([RefUpdate("refs/heads/main", later, new)], reason="somebody else, without a checkout")
    assert Checkout(repo).finish() == []
    assert (sandbox.status(), sandbox.read("staging/m.yaml")) == ("", "3.0.0")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"old": null}', '{"old": null, "new": "x", "paths": 1, "skipped": []}']
)
def test_a_journal_that_is_not_whole_is_forgotten(sandbox: Sandbox, repo: Repository, base: str, text: str) -> None:
    folder = sandbox.path / ".git/gitstage"
    folder.mkdir()
    (folder / "checkout-0123.json").write_text(text, encoding="ascii")
    (folder / "checkout-4567.new").write_text("half wri", encoding="ascii")
    assert Checkout(repo).finish() == []
    assert (journals(sandbox), sandbox.status()) == ([], "")


def test_what_a_living_process_has_begun_is_left_to_it(sandbox: Sandbox, repo: Repository, base: str) -> None:
    new = commit_of(repo, base, {"staging/m.yaml": "2.0.0"})
    alive = Checkout(repo)
    alive.begin(base, new, ["staging/m.yaml"])
    with sandbox.open() as other:
        assert Checkout(other).finish() == []
    assert len(journals(sandbox)) == 1
    repo.transact([RefUpdate("refs/heads/main", new, base)], reason="test")
    assert alive.finish() == []
    assert (journals(sandbox), sandbox.status(), sandbox.read("staging/m.yaml")) == ([], "", "2.0.0")


def test_of_two_that_land_after_one_another_either_may_finish_first(
    sandbox: Sandbox, repo: Repository, base: str
) -> None:
    with sandbox.open() as other:
        one = commit_of(repo, base, {"staging/m.yaml": "2.0.0"})
        first = Checkout(repo)
        first.begin(base, one, ["staging/m.yaml"])
        repo.transact([RefUpdate("refs/heads/main", one, base)], reason="first")
        two = commit_of(other, one, {"staging/m.yaml": "3.0.0"})
        second = Checkout(other)
        second.begin(one, two, ["staging/m.yaml"])
        other.transact([RefUpdate("refs/heads/main", two, one)], reason="second")
        second.finish()
        assert first.finish() == []
    assert (sandbox.status(), sandbox.read("staging/m.yaml")) == ("", "3.0.0")


def test_several_checkouts_begun_by_one_command_are_all_followed(sandbox: Sandbox, repo: Repository, base: str) -> None:
    one = commit_of(repo, base, {"staging/m.yaml": "2.0.0"})
    two = commit_of(repo, one, {"production/m.yaml": "2.0.0"})
    following = Checkout(repo)
    following.begin(base, one, ["staging/m.yaml"])
    repo.transact([RefUpdate("refs/heads/main", one, base)], reason="one")
    following.begin(one, two, ["production/m.yaml"])
    repo.transact([RefUpdate("refs/heads/main", two, one)], reason="two")
    assert following.finish() == []
    assert (sandbox.status(), journals(sandbox)) == ("", [])


def test_litter_of_a_process_that_died_while_it_wrote_is_swept_away(
    sandbox: Sandbox, repo: Repository, base: str
) -> None:
    abandoned(sandbox, base, {"staging/m.yaml": "2.0.0"})
    sandbox.write({"staging/.gitstage-unfinished": "2.0"})
    assert Checkout(repo).finish() == []
    assert sandbox.status() == ""
    abandoned(sandbox, repo.resolve("HEAD"), {"staging/m.yaml": "3.0.0"})
    sandbox.write({"staging/.gitstage-unfinished": "3.0", "staging/m.yaml": "mine"})
    assert Checkout(repo).finish() == ["staging/m.yaml"]
    assert sandbox.status() == " M staging/m.yaml"


def test_an_index_that_another_git_holds_is_an_error_and_the_next_command_completes(
    sandbox: Sandbox, repo: Repository, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = sandbox.path / ".git/index.lock"
    lock.touch()
    pauses: list[float] = []
    monkeypatch.setattr(checkout, "sleep", pauses.append)
    with pytest.raises(GitError, match=r"the index could not follow(.|\n)*index\.lock") as caught:
        landed(repo, base, {"staging/m.yaml": "2.0.0"})
    assert caught.value.hint is not None
    assert "index.lock" in caught.value.hint
    assert pauses == list(checkout.PAUSES)
    lock.unlink()
    with sandbox.open() as again:
        assert Checkout(again).finish() == []
    assert (sandbox.status(), sandbox.read("staging/m.yaml")) == ("", "2.0.0")


def test_an_index_that_another_git_holds_for_a_moment_is_waited_for(
    sandbox: Sandbox, repo: Repository, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = sandbox.path / ".git/index.lock"
    lock.touch()
    monkeypatch.setattr(checkout, "sleep", lambda _: lock.unlink())
    assert landed(repo, base, {"staging/m.yaml": "2.0.0"}) == []
    assert sandbox.status() == ""


def test_an_index_that_cannot_be_written_is_an_error_at_once(
    sandbox: Sandbox, repo: Repository, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkout, "sleep", None)
    run = repo.processes.run

    def full(*words: str, **options: Any) -> Any:
        if words[0] == "update-index":
            raise GitError("unable to write new index file")
        return run(*words, **options)

    monkeypatch.setattr(repo.processes, "run", full)
    with pytest.raises(GitError, match="the index could not follow: unable to write new index file"):
        landed(repo, base, {"new": "x"})


def test_a_work_tree_that_cannot_be_written_is_an_error_and_the_next_command_completes(
    sandbox: Sandbox, repo: Repository, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(checkout, "_written", full)
        with pytest.raises(GitError, match="could not follow the branch: .*No space left on device"):
            landed(repo, base, {"staging/m.yaml": "2.0.0"})
    with sandbox.open() as again:
        assert Checkout(again).finish() == []
    assert (sandbox.status(), sandbox.read("staging/m.yaml")) == ("", "2.0.0")


def test_a_shallow_clone_keeps_what_it_cannot_judge(sandbox: Sandbox, base: str, tmp_path: Path) -> None:
    sandbox.commit("two", {"README.md": "two"})
    git("clone", "--quiet", "--depth=1", sandbox.path.as_uri(), "shallow", cwd=tmp_path)
    shallow = Sandbox(tmp_path / "shallow")
    head = shallow.git("rev-parse", "HEAD")
    new = abandoned(shallow, head, {"staging/m.yaml": "2.0.0"})
    with shallow.open() as repo:
        assert Checkout(repo).finish() == []
    assert (shallow.status(), shallow.read("staging/m.yaml")) == ("", "2.0.0")
    abandoned(shallow, new, {"staging/m.yaml": "3.0.0"}, moved=False)
    with shallow.open() as repo, pytest.raises(ShallowRepository):
        Checkout(repo).finish()


def test_many_who_change_one_work_tree_leave_it_at_the_branch(sandbox: Sandbox, base: str) -> None:
    """Four at once, each with a repository object of its own, all on the branch that is checked out."""
    failures: list[BaseException] = []

    def change(number: int) -> None:
        try:
            with sandbox.open() as repo:
                for step in range(3):
                    land(repo, {f"staging/{number}.yaml": f"{step}", "production/m.yaml": f"{number}.{step}"})
        except BaseException as error:  # noqa: BLE001 - shown by the main thread
            failures.append(error)

    def land(repo: Repository, edits: Mapping[str, str]) -> None:
        following = Checkout(repo)
        for _ in range(60):
            head = repo.resolve("HEAD")
            new = commit_of(repo, head, edits)
            following.begin(head, new, edits)
            try:
                repo.transact([RefUpdate("refs/heads/main", new, head)], reason="race")
            except RefMoved:
                continue
            finally:
                following.finish()
            return
        raise AssertionError("never landed")

    threads = [threading.Thread(target=change, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with sandbox.open() as repo:
        Checkout(repo).finish()
    assert (sandbox.status(), journals(sandbox)) == ("", [])
    assert sandbox.git("rev-list", "--count", "main") == "13"


# ------------------------------------------------------------------------------------------------- sudden deaths

VICTIM = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from gitstage.changes import FILE, Entry
from gitstage.git import Checkout, RefUpdate, Repository, process
death = int(sys.argv[3])
moments = 0

def watch(moment, arguments):
    global moments
    moments += 1
    if moments == death:
        os.kill(os.getpid(), signal.SIGKILL)

process.WATCHERS.append(watch)
PATHS = ["staging/m.yaml", "new/file", "production/m.yaml"]
with Repository.discover(sys.argv[2]) as repo:
    following = Checkout(repo)
    following.finish()
    head = repo.head()
    if repo.ref("refs/tags/m/staging/1") is None:
        blob = repo.write_blob(b"2.0.0")
        tree = repo.write_tree(head.commit, {path: Entry(FILE, blob) for path in PATHS})
        new = repo.write_commit(tree, [head.commit], "promote")
        tag = repo.write_tag("m/staging/1", new, "takes effect")
        assert following.local_edits(PATHS, head.commit) == []
        following.begin(head.commit, new, PATHS)
        repo.transact(
            [RefUpdate(head.branch, new, head.commit), RefUpdate("refs/tags/m/staging/1", tag, None)], reason="promote"
        )
        assert following.finish() == []
print(moments)
"""


def attempt(sandbox: Sandbox, death: int) -> subprocess.CompletedProcess[str]:
    house = str(Path(process.__file__).parents[2])
    return subprocess.run(
        [sys.executable, "-c", VICTIM, house, str(sandbox.path), str(death)], capture_output=True, text=True
    )


def test_a_process_killed_around_any_git_call_leaves_a_state_that_the_same_command_completes(
    tmp_path: Path, hermetic_seal: Path
) -> None:
    untouched = Sandbox.made(tmp_path / "untouched")
    untouched.commit("base", BASE)
    whole = attempt(untouched, 0)
    assert whole.stderr == ""
    deaths = int(whole.stdout)
    assert deaths > 18
    for death in range(1, deaths + 1):
        sandbox = Sandbox.made(tmp_path / f"death-{death}")
        base = sandbox.commit("base", BASE)
        assert attempt(sandbox, death).returncode == -9
        refs = sandbox.refs()
        assert ("refs/tags/m/staging/1" in refs) == (refs["refs/heads/main"] != base), death
        again = attempt(sandbox, 0)
        assert (again.returncode, again.stderr) == (0, ""), death
        assert (sandbox.status(), journals(sandbox)) == ("", []), death
        assert [sandbox.read(path) for path in ("staging/m.yaml", "new/file", "production/m.yaml")] == ["2.0.0"] * 3
        assert sandbox.refs()["refs/tags/m/staging/1"]
        assert sandbox.git("rev-list", "--count", "main") == "2", death


def test_a_process_killed_between_any_two_files_leaves_a_state_that_the_next_completes(
    sandbox: Sandbox, repo: Repository, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    edits = {"a/1": "x", "b/2": "y", "staging/m.yaml": "2.0.0", "production/m.yaml": None}

    class Death(BaseException):
        pass

    put = Checkout._put

    def mortal(lives: int) -> Callable[..., bool]:
        left = iter(range(lives))

        def put_or_die(*arguments: Any, **options: Any) -> bool:
            if next(left, None) is None:
                raise Death
            return put(*arguments, **options)

        return put_or_die

    head = base
    for survived in range(4):
        abandoned(sandbox, head, {path: text and f"{text} {survived}" for path, text in edits.items()})
        with monkeypatch.context() as patched:
            patched.setattr(Checkout, "_put", mortal(survived))
            with pytest.raises(Death), sandbox.open() as dying:
                Checkout(dying).finish()
        assert Checkout(repo).finish() == []
        assert (sandbox.status(), journals(sandbox)) == ("", [])
        head = sandbox.commit("put back", {"production/m.yaml": "back"})


def test_a_journal_says_what_it_is_about(sandbox: Sandbox, repo: Repository, base: str) -> None:
    new = commit_of(repo, base, {"staging/m.yaml": "2.0.0"})
    following = Checkout(repo)
    following.begin(base, new, ["staging/m.yaml", "staging/\udcff"])
    (name,) = journals(sandbox)
    assert json.loads((sandbox.path / ".git/gitstage" / name).read_text(encoding="ascii")) == {
        "old": base,
        "new": new,
        "paths": ["staging/m.yaml", "staging/\udcff"],
        "skipped": [],
    }


def test_the_index_is_read_once_as_long_as_nobody_writes_it(
    sandbox: Sandbox, repo: Repository, base: str, calls: list[str]
) -> None:
    following = Checkout(repo)
    assert following.local_edits(["staging/m.yaml", "README.md"], base) == []
    calls.clear()
    following.begin(base, base, ["staging/m.yaml"])
    assert following.local_edits(["README.md"], base) == []
    assert calls == []
    following.begin(base, base, ["production/m.yaml"])
    assert calls == ["ls-files"]
    staged(sandbox)
    assert following.local_edits(["production/m.yaml"], base) == []
    assert calls == ["ls-files", "ls-files"]


def test_the_index_can_be_read_while_other_things_are_done(
    sandbox: Sandbox, repo: Repository, base: str, calls: list[str]
) -> None:
    following = Checkout(repo)
    following.expect(["staging/m.yaml", "README.md", "new"])
    assert following.local_edits(["README.md", "staging/m.yaml"], base) == []
    assert calls[0] == "ls-files"
    assert calls.count("ls-files") == 1
    # What somebody wrote since then is looked at.
    following.expect(["staging/m.yaml"])
    staged(sandbox)
    assert following.local_edits(["staging/m.yaml"], base) == ["staging/m.yaml"]
    assert calls.count("ls-files") == 3


@pytest.mark.parametrize("count", [0, checkout.FEW + 1])
def test_of_no_paths_and_of_very_many_nothing_is_expected(
    repo: Repository, base: str, calls: list[str], count: int
) -> None:
    following = Checkout(repo)
    following.expect([f"a{number}" for number in range(count)])
    assert calls == []
    assert following.local_edits(["README.md"], base) == []


def test_an_index_that_could_not_be_read_ahead_is_read_again(sandbox: Sandbox, repo: Repository, base: str) -> None:
    index = sandbox.path / ".git/index"
    whole = index.read_bytes()
    index.write_bytes(b"broken" + whole)
    following = Checkout(repo)
    following.expect(["README.md"])
    assert following._expected() is None
    following.expect(["README.md"])
    with pytest.raises(GitError, match="bad signature"):
        following.local_edits(["README.md"], base)
    index.write_bytes(whole)
    assert following.local_edits(["README.md"], base) == []


def test_no_index_is_an_empty_one(sandbox: Sandbox, repo: Repository, base: str) -> None:
    (sandbox.path / ".git/index").unlink()
    following = Checkout(repo)
    assert following.local_edits(["staging/m.yaml", "new"], base) == ["staging/m.yaml"]
    sandbox.git("reset", "--quiet")
    assert following.local_edits(["staging/m.yaml", "new"], base) == []


def test_inside_a_hook_the_index_that_is_being_committed_is_looked_at(
    sandbox: Sandbox, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_INDEX_FILE", str(sandbox.path / ".git/next-index.lock"))
    sandbox.git("read-tree", base)
    sandbox.git("rm", "--quiet", "--cached", "staging/m.yaml")
    with sandbox.open() as repo:
        assert repo.index_file == sandbox.path / ".git/next-index.lock"
        assert Checkout(repo).local_edits(["staging/m.yaml", "production/m.yaml"], base) == ["staging/m.yaml"]
