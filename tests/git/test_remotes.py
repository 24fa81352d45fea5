"""Fetching takes what was asked for, and pushing lands all or nothing and says who was first."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from gitstage.changes import FILE, Entry
from gitstage.git import GitError, NoSuchRevision, PushRefused, RefMoved, Repository
from tests.git.sandbox import Sandbox, executable, git

MISSING = "b" * 40


@pytest.fixture
def remote(tmp_path: Path) -> Sandbox:
    """A bare repository with one commit on its main branch."""
    bare = Sandbox.made(tmp_path / "remote.git", "--bare")
    first = Sandbox.made(tmp_path / "first")
    first.commit("base", {"base": "0"})
    first.git("push", "--quiet", str(bare.path), "main")
    return bare


def clone(remote: Sandbox, path: Path, *options: str) -> Sandbox:
    git("clone", "--quiet", *options, remote.path.as_uri(), str(path), cwd=remote.path.parent)
    return Sandbox(path)


@pytest.fixture
def alice(remote: Sandbox, tmp_path: Path) -> Sandbox:
    return clone(remote, tmp_path / "alice")


@pytest.fixture
def bob(remote: Sandbox, tmp_path: Path) -> Sandbox:
    return clone(remote, tmp_path / "bob")


@pytest.fixture
def hers(alice: Sandbox) -> Iterator[Repository]:
    with alice.open() as repo:
        yield repo


# ------------------------------------------------------------------------------------------------------- pushing


def test_a_push_lands_branch_tag_and_ledger_together(alice: Sandbox, hers: Repository, remote: Sandbox) -> None:
    commit = alice.commit("one")
    tag = hers.write_tag("m/v1", commit, "one")
    before = remote.refs()
    hers.push("origin", {"refs/heads/main": commit, "refs/tags/m/v1": tag, "refs/gitstage/id": commit})
    assert remote.refs() == {
        **before,
        "refs/heads/main": commit,
        "refs/tags/m/v1": tag,
        "refs/gitstage/id": commit,
    }
    assert hers.ref("refs/remotes/origin/main") == commit


def test_pushing_what_is_there_already_is_done_already(alice: Sandbox, hers: Repository, remote: Sandbox) -> None:
    commit = alice.commit("one")
    updates = {"refs/heads/main": commit, "refs/tags/v1": commit}
    hers.push("origin", updates)
    before = remote.refs()
    hers.push("origin", updates)
    assert remote.refs() == before


def test_of_two_clones_that_push_the_second_learns_that_somebody_was_first(
    alice: Sandbox, bob: Sandbox, hers: Repository, remote: Sandbox
) -> None:
    bob.commit("his", {"his": "1"})
    bob.git("push", "--quiet")
    before = remote.refs()
    with pytest.raises(RefMoved, match="failed to push some refs") as caught:
        hers.push("origin", {"refs/heads/main": alice.commit("hers"), "refs/tags/v1": alice.git("rev-parse", "HEAD")})
    assert caught.value.hint == "fetch, and run the command again"
    assert remote.refs() == before


def test_a_clone_that_knows_of_the_others_commit_is_told_the_same(
    alice: Sandbox, bob: Sandbox, hers: Repository, remote: Sandbox
) -> None:
    bob.commit("his", {"his": "1"})
    bob.git("push", "--quiet")
    commit = alice.commit("hers")
    hers.fetch("origin", ["refs/heads/main:refs/remotes/origin/main"])
    with pytest.raises(RefMoved):
        hers.push("origin", {"refs/heads/main": commit})


def test_a_tag_that_is_there_with_something_else_is_never_overwritten(
    alice: Sandbox, bob: Sandbox, hers: Repository, remote: Sandbox
) -> None:
    bob.git("tag", "m/production/1")
    bob.git("push", "--quiet", "origin", "m/production/1")
    before = remote.refs()
    commit = alice.commit("hers")
    with pytest.raises(RefMoved):
        hers.push("origin", {"refs/heads/main": commit, "refs/tags/m/production/1": commit})
    assert remote.refs() == before


def test_a_ledger_that_is_no_ancestor_is_never_overwritten(
    alice: Sandbox, bob: Sandbox, hers: Repository, remote: Sandbox
) -> None:
    bob.git("push", "--quiet", "origin", f"{bob.commit('ledger')}:refs/gitstage/id")
    before = remote.refs()
    with pytest.raises(RefMoved):
        hers.push("origin", {"refs/gitstage/id": alice.commit("rival")})
    assert remote.refs() == before


def move_meanwhile(remote: Sandbox, ref: str, commit: str) -> None:
    """A hook that moves a ref after git has told the client where it is, as another push would."""
    executable(
        remote.path / "hooks" / "pre-receive",
        f"env -u GIT_QUARANTINE_PATH -u GIT_OBJECT_DIRECTORY -u GIT_ALTERNATE_OBJECT_DIRECTORIES git update-ref {ref} {commit}",
    )


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/tags/m/production/1"])
def test_a_ref_that_moves_during_the_push_is_a_lost_race_too(
    alice: Sandbox, hers: Repository, remote: Sandbox, ref: str
) -> None:
    other = remote.git("commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "other")
    move_meanwhile(remote, ref, other)
    commit = alice.commit("hers")
    with pytest.raises(RefMoved, match="cannot lock ref"):
        hers.push("origin", {"refs/heads/main": commit, "refs/tags/m/production/1": commit})
    assert remote.refs()[ref] == other
    assert commit not in remote.refs().values()


def test_a_name_that_is_a_folder_of_names_there_is_refused_and_not_lost(
    alice: Sandbox, hers: Repository, remote: Sandbox
) -> None:
    remote.git("tag", "fraud-detector")
    with pytest.raises(PushRefused, match="refs/tags/fraud-detector/v1"):
        hers.push("origin", {"refs/tags/fraud-detector/v1": alice.commit("one")})


def test_a_pre_receive_hook_that_refuses_is_quoted(alice: Sandbox, hers: Repository, remote: Sandbox) -> None:
    executable(
        remote.path / "hooks/pre-receive",
        "printf 'no: \\033[31mnon-fast-forward\\033[0m already exists\\n' >&2; exit 1",
    )
    before = remote.refs()
    with pytest.raises(PushRefused) as caught:
        hers.push("origin", {"refs/heads/main": alice.commit("one")})
    assert "remote: no: non-fast-forward already exists" in caught.value.message
    assert "\033" not in caught.value.message
    assert remote.refs() == before


def test_an_update_hook_that_refuses_one_ref_refuses_all(alice: Sandbox, hers: Repository, remote: Sandbox) -> None:
    executable(remote.path / "hooks/update", 'case "$1" in refs/tags/*) echo no tags >&2; exit 1;; esac')
    before = remote.refs()
    commit = alice.commit("one")
    with pytest.raises(PushRefused, match="no tags"):
        hers.push("origin", {"refs/heads/main": commit, "refs/tags/v1": commit})
    assert remote.refs() == before


def test_the_users_pre_push_hook_is_honoured(alice: Sandbox, hers: Repository, remote: Sandbox) -> None:
    executable(alice.path / ".git/hooks/pre-push", "echo tests are red >&2; exit 1")
    before = remote.refs()
    with pytest.raises(PushRefused, match="tests are red"):
        hers.push("origin", {"refs/heads/main": alice.commit("one")})
    assert remote.refs() == before


def test_a_protected_branch_is_refused(alice: Sandbox, hers: Repository, remote: Sandbox) -> None:
    target = alice.path.parent / "checked-out"
    other = clone(remote, target)
    with pytest.raises(PushRefused, match="checked out"):
        hers.push(str(other.path), {"refs/heads/main": alice.commit("one")})


def test_a_remote_that_cannot_take_all_or_nothing_gets_nothing(
    alice: Sandbox, hers: Repository, remote: Sandbox
) -> None:
    remote.git("config", "receive.advertiseAtomic", "false")
    before = remote.refs()
    with pytest.raises(GitError, match="does not support --atomic push"):
        hers.push("origin", {"refs/heads/main": alice.commit("one")})
    assert remote.refs() == before


@pytest.mark.parametrize("name", ["nowhere", "/no/such/repository.git"])
def test_a_remote_that_is_not_there_is_an_error(alice: Sandbox, hers: Repository, name: str) -> None:
    with pytest.raises(GitError, match="does not appear to be a git repository") as caught:
        hers.push(name, {"refs/heads/main": alice.commit("one")})
    assert not isinstance(caught.value, PushRefused | RefMoved)


def test_configuration_adds_nothing_to_a_push(alice: Sandbox, hers: Repository, remote: Sandbox) -> None:
    commit = alice.commit("one")
    alice.git("tag", "-m", "mine", "private")
    alice.git("config", "push.followTags", "true")
    alice.git("config", "remote.origin.push", "+refs/tags/*:refs/tags/*")
    alice.git("config", "push.recurseSubmodules", "on-demand")
    hers.push("origin", {"refs/heads/main": commit})
    assert remote.refs() == {"refs/heads/main": commit}


def test_what_was_just_written_is_pushed(alice: Sandbox, hers: Repository, remote: Sandbox) -> None:
    base = hers.resolve("main")
    commit = hers.write_commit(hers.write_tree(base, {}), [base], "in memory")
    hers.push("origin", {"refs/heads/main": commit})
    assert remote.refs() == {"refs/heads/main": commit}


def test_a_push_url_and_a_helper_of_the_users_get_their_variables(
    alice: Sandbox, hers: Repository, remote: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    command = executable(
        tmp_path / "ssh", f'echo "$MY_TOKEN" > {seen}; shift; while [ $# -gt 1 ]; do shift; done; exec sh -c "$1"'
    )
    monkeypatch.setenv("GIT_SSH_COMMAND", str(command))
    monkeypatch.setenv("GIT_SSH_VARIANT", "simple")
    monkeypatch.setenv("MY_TOKEN", "s3cret")
    alice.git("remote", "set-url", "--push", "origin", f"ssh://host{remote.path}")
    commit = alice.commit("one")
    hers.push("origin", {"refs/heads/main": commit})
    assert (remote.refs()["refs/heads/main"], seen.read_text()) == (commit, "s3cret\n")


def test_many_who_push_to_one_remote_all_land_in_one_line(remote: Sandbox, tmp_path: Path) -> None:
    """Each plans again on what it fetches, as the commands do; nobody is lost, and every tag has its commit."""
    people, changes = 4, 3
    clones = [clone(remote, tmp_path / f"clone-{number}") for number in range(people)]
    failures: list[BaseException] = []

    def promote(number: int) -> None:
        try:
            with clones[number].open() as repo:
                for change in range(changes):
                    land(repo, f"{number}-{change}")
        except BaseException as error:  # noqa: BLE001 - shown by the main thread
            failures.append(error)

    def land(repo: Repository, name: str) -> None:
        for _ in range(60):
            repo.fetch("origin", ["+refs/heads/main:refs/remotes/origin/main"])
            tip = repo.resolve("refs/remotes/origin/main")
            blob = Entry(FILE, repo.write_blob(name.encode()))
            commit = repo.write_commit(repo.write_tree(tip, {f"slots/{name}": blob}), [tip], name)
            tag = repo.write_tag(f"m/{name}", commit, "takes effect")
            try:
                repo.push("origin", {"refs/heads/main": commit, f"refs/tags/m/{name}": tag})
            except RefMoved:
                continue
            return
        raise AssertionError(f"{name} never landed")

    threads = [threading.Thread(target=promote, args=(number,)) for number in range(people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    names = {f"{number}-{change}" for number in range(people) for change in range(changes)}
    assert set(remote.git("ls-tree", "--name-only", "main:slots").splitlines()) == names
    assert sorted(remote.git("log", "--format=%s", "main").splitlines()) == sorted([*names, "base"])
    assert remote.git("rev-list", "--min-parents=2", "--count", "main") == "0"
    with remote.open() as repo:
        tagged = {tag.ref.removeprefix("refs/tags/m/"): tag.target for tag in repo.tags()}
        assert {commit.message.strip(): commit.id for commit in repo.commits(tagged.values()).values()} == tagged


# ------------------------------------------------------------------------------------------------------ fetching


def test_fetching_takes_exactly_what_was_asked_for(alice: Sandbox, bob: Sandbox, hers: Repository) -> None:
    commit = bob.commit("his", {"his": "1"})
    bob.git("tag", "-m", "x", "v1")
    bob.git("push", "--quiet", "origin", "main", "v1", "main:refs/heads/topic", "main:refs/gitstage/id")
    before = alice.refs()
    hers.fetch("origin", ["+refs/gitstage/id:refs/gitstage/id"])
    assert alice.refs() == {**before, "refs/gitstage/id": commit}
    hers.fetch("origin", ["+refs/heads/*:refs/remotes/origin/*", "refs/tags/*:refs/tags/*"])
    assert alice.refs() == {
        **before,
        "refs/gitstage/id": commit,
        "refs/remotes/origin/HEAD": commit,
        "refs/remotes/origin/main": commit,
        "refs/remotes/origin/topic": commit,
        "refs/tags/v1": bob.refs()["refs/tags/v1"],
    }
    assert not (alice.path / ".git/FETCH_HEAD").exists()


def test_a_ref_that_the_remote_does_not_have_is_named(alice: Sandbox, hers: Repository) -> None:
    with pytest.raises(NoSuchRevision, match="^origin has no refs/gitstage/id$"):
        hers.fetch("origin", ["refs/gitstage/id:refs/gitstage/id"])


def test_a_pattern_that_matches_nothing_is_fetched_as_nothing(alice: Sandbox, hers: Repository) -> None:
    before = alice.refs()
    hers.fetch("origin", ["+refs/gitstage/*:refs/gitstage/*"])
    assert alice.refs() == before


def test_a_tag_that_differs_is_not_overwritten_by_fetching(alice: Sandbox, bob: Sandbox, hers: Repository) -> None:
    alice.git("tag", "v1")
    bob.commit("his", {"his": "1"})
    bob.git("tag", "v1")
    bob.git("push", "--quiet", "origin", "v1")
    before = alice.refs()
    with pytest.raises(GitError) as caught:
        hers.fetch("origin", ["refs/tags/*:refs/tags/*"])
    assert caught.value.message == "origin has another v1 than this repository"
    assert str(caught.value.hint).endswith("git fetch origin '+refs/tags/v1:refs/tags/v1'")
    assert alice.refs() == before


def test_tags_that_are_not_pushed_yet_survive_a_configuration_that_prunes(alice: Sandbox, hers: Repository) -> None:
    alice.git("tag", "mine")
    alice.git("config", "fetch.prune", "true")
    alice.git("config", "fetch.pruneTags", "true")
    before = alice.refs()
    hers.fetch("origin", ["refs/tags/*:refs/tags/*"])
    assert alice.refs() == before


def test_fetching_runs_no_hook(alice: Sandbox, bob: Sandbox, hers: Repository, tmp_path: Path) -> None:
    bob.commit("his", {"his": "1"})
    bob.git("push", "--quiet")
    for name in ("post-merge", "reference-transaction", "post-checkout", "fsmonitor-watchman"):
        executable(alice.path / ".git/hooks" / name, f"touch {tmp_path}/ran-{name}")
    hers.fetch("origin", ["+refs/heads/*:refs/remotes/origin/*"])
    assert list(tmp_path.glob("ran-*")) == []


@pytest.mark.parametrize("name", ["nowhere", "--upload-pack=touch ran"])
def test_a_remote_that_cannot_be_reached_is_an_error(alice: Sandbox, hers: Repository, name: str) -> None:
    with pytest.raises(GitError, match=r"does not appear to be a git repository|strange pathname"):
        hers.fetch(name, ["refs/heads/main"])
    assert not (alice.path / "ran").exists()


def test_no_remote_helper_runs_a_command(alice: Sandbox, hers: Repository, tmp_path: Path) -> None:
    with pytest.raises(GitError, match="transport 'ext' not allowed"):
        hers.fetch(f"ext::sh -c touch% {tmp_path}/ran", ["refs/heads/main"])
    assert not (tmp_path / "ran").exists()


def test_nobody_is_asked_for_a_password(alice: Sandbox, hers: Repository, tmp_path: Path) -> None:
    """Answered by a server on loopback that wants a password from everybody."""

    class Closed(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Closed) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with pytest.raises(GitError, match="terminal prompts disabled|could not read Username"):
                hers.fetch(f"http://127.0.0.1:{server.server_port}/x.git", ["refs/heads/main"])
        finally:
            server.shutdown()
            thread.join()


def test_a_relative_remote_is_relative_to_the_work_tree(
    alice: Sandbox, bob: Sandbox, remote: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice.git("remote", "set-url", "origin", "../remote.git")
    commit = bob.commit("his", {"his": "1"})
    bob.git("push", "--quiet")
    folder = alice.path / "deep" / "down"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    with Repository.discover() as repo:
        repo.fetch("origin", ["refs/heads/main:refs/remotes/origin/main"])
        assert repo.ref("refs/remotes/origin/main") == commit


def test_a_pre_receive_hook_reads_what_is_pushed_from_quarantine(
    alice: Sandbox, hers: Repository, remote: Sandbox, tmp_path: Path
) -> None:
    """The hook is ours: it lists the pushed commit's files through the git room, before git lets the objects in."""
    report = tmp_path / "report"
    script = f"""
import json, sys
sys.path.insert(0, {os.fspath(Path.cwd())!r})
from gitstage.changes import files
from gitstage.git import Repository
old, new, ref = sys.stdin.readline().split()
with Repository.discover() as repo:
    tree = repo.tree(new)
    read = {{path: tree.read(entry.oid).decode() for path, entry in files(tree)}}
    answer = [ref, read, repo.first_parents(old, new) == [new], repo.is_bare, repo.ref(ref) == old]
    open({os.fspath(report)!r}, "w").write(json.dumps(answer))
"""
    executable(remote.path / "hooks/pre-receive", f"exec {sys.executable} -c '{script.replace(chr(39), chr(34))}'")
    commit = alice.commit("one", {"new/file": "new"})
    hers.push("origin", {"refs/heads/main": commit})
    assert json.loads(report.read_text()) == [
        "refs/heads/main",
        {"base": "0", "new/file": "new"},
        True,
        True,
        True,
    ]


def test_the_refs_of_a_remote_and_what_is_behind_its_tags(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "remote")
    first, second = box.line("one", "two")
    box.git("tag", "a/light", first)
    box.git("tag", "-a", "-m", "told", "a/told", second)
    box.git("tag", "b/other", second)
    work = Sandbox.made(tmp_path / "work")
    work.git("remote", "add", "origin", str(box.path))
    with work.open() as repo:
        assert repo.remote_refs("origin", "refs/tags/a/*") == {"refs/tags/a/light": first, "refs/tags/a/told": second}
        assert repo.remote_refs("origin", "refs/tags/c/*") == {}
        with pytest.raises(GitError):
            repo.remote_refs("nowhere", "refs/tags/*")


def test_a_fetch_with_a_depth_brings_no_history(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "remote")
    *_, last = box.line("one", "two", "three")
    box.git("tag", "first", "HEAD~1")
    git("clone", "--quiet", "--depth=1", "--no-tags", f"file://{box.path}", "work", cwd=tmp_path)
    work = Sandbox(tmp_path / "work")
    with work.open() as repo:
        repo.fetch("origin", ["refs/tags/first:refs/tags/first"], depth=1)
        assert work.git("rev-list", "--count", "first", "HEAD") == "2"
        assert repo.resolve("HEAD") == last
