"""Whatever git cannot do is said without git's own shouting, and with what to type."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gitstage.git import GitError, NotARepository, PushRefused, RefLocked, RefUpdate, Repository
from gitstage.git.creation import mirror
from gitstage.git.failures import explained
from tests.git.sandbox import Sandbox, executable, git


def broken_configuration(path: Path) -> None:
    with (path / ".git" / "config").open("a") as file:
        file.write("[bad\n")


def a_pointer_to_nowhere(path: Path) -> None:
    (path / ".git").rename(path / "away")
    (path / ".git").write_text("gitdir: /nowhere/there\n")


def a_pointer_that_is_none(path: Path) -> None:
    (path / ".git").rename(path / "away")
    (path / ".git").write_text("nonsense\n")


def an_extension_of_tomorrow(path: Path) -> None:
    git("config", "core.repositoryFormatVersion", "1", cwd=path)
    git("config", "extensions.tomorrow", "true", cwd=path)


def a_broken_head(path: Path) -> None:
    (path / ".git" / "HEAD").write_text("nonsense\n")


@pytest.mark.parametrize(
    ("breaks", "message", "hint"),
    [
        (
            broken_configuration,
            "git cannot read line LINE of .git/config",
            "mend that line in an editor; git config --list says whether it can be read then",
        ),
        (
            a_pointer_to_nowhere,
            ".git is a file here that points at /nowhere/there, where no repository is",
            "git worktree repair, in the repository that this one belongs to",
        ),
        (
            a_pointer_that_is_none,
            "PATH/.git is a file, and does not say where the repository is",
            "remove it, or make the clone again",
        ),
        (
            an_extension_of_tomorrow,
            "unknown repository extension found:\n tomorrow",
            "a newer git made this repository: gitstage uses the first git on the PATH (git --version)",
        ),
        (
            a_broken_head,
            "PATH/.git is no repository that git can read",
            "is .git/HEAD whole? else make the clone again",
        ),
    ],
)
def test_a_repository_that_git_cannot_read_is_said_with_what_mends_it(
    sandbox: Sandbox, breaks: Callable[[Path], None], message: str, hint: str
) -> None:
    breaks(sandbox.path)
    with pytest.raises(NotARepository) as caught:
        Repository.discover(sandbox.path)
    config = sandbox.path / ".git" / "config"
    line = str(len(config.read_text().splitlines())) if config.is_file() else ""
    assert caught.value.message == message.replace("PATH", str(sandbox.path)).replace("LINE", line)
    assert caught.value.hint == hint


def test_in_a_folder_below_a_broken_repository_the_repository_is_named(sandbox: Sandbox) -> None:
    (sandbox.path / "deep" / "er").mkdir(parents=True)
    a_broken_head(sandbox.path)
    with pytest.raises(NotARepository, match=f"^{sandbox.path}/.git is no repository that git can read$"):
        Repository.discover(sandbox.path / "deep" / "er")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository away")
def test_a_repository_of_somebody_else_says_how_to_trust_it(sandbox: Sandbox) -> None:
    for path in (sandbox.path, *sandbox.path.rglob("*")):
        os.chown(path, 65534, 65534)
    with pytest.raises(NotARepository) as caught:
        Repository.discover(sandbox.path)
    assert caught.value.message == f"{sandbox.path} belongs to another user, and git trusts no repository of others"
    assert caught.value.hint == f"if you do: git config --global --add safe.directory {sandbox.path}"


def test_a_ref_that_points_at_nothing_says_how_to_look_for_it(sandbox: Sandbox, repo: Repository) -> None:
    sandbox.commit("one", {"a": "1"})
    (sandbox.path / ".git" / "refs" / "heads" / "lost").write_text("1" * 40 + "\n")
    with pytest.raises(GitError) as caught:
        repo.refs()
    assert caught.value.message == f"missing object {'1' * 40} for refs/heads/lost"
    assert caught.value.hint == "git fsck says what is wrong; what is missing comes back with a fresh clone"


def test_a_lock_that_was_left_behind_is_named(sandbox: Sandbox, repo: Repository) -> None:
    commit = sandbox.commit("one", {"a": "1"})
    lock = sandbox.path / ".git" / "refs" / "heads" / "other.lock"
    lock.touch()
    with pytest.raises(RefLocked, match=f"{lock}': File exists") as caught:
        repo.transact([RefUpdate("refs/heads/other", commit, None)], reason="test")
    assert "\n" not in caught.value.message
    assert caught.value.hint == "where no other git is running, remove that .lock file"
    lock.unlink()
    repo.transact([RefUpdate("refs/heads/other", commit, None)], reason="test")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_repository_that_may_not_be_written_to_is_said(sandbox: Sandbox, repo: Repository) -> None:
    commit = sandbox.commit("one", {"a": "1"})
    heads = sandbox.path / ".git" / "refs" / "heads"
    heads.chmod(0o500)
    try:
        with pytest.raises(GitError, match="Permission denied") as caught:
            repo.transact([RefUpdate("refs/heads/other", commit, None)], reason="test")
    finally:
        heads.chmod(0o700)
    assert caught.value.hint == "may you write there? ls -ld names the owner"


ASKED = "git ls-remote origin asks it for the same: is the address right, and the network there?"


@pytest.mark.parametrize(
    ("url", "message", "hint"),
    [
        (
            "/nowhere/there",
            "'/nowhere/there' does not appear to be a git repository",
            "git remote -v says where it is looked for; git remote set-url origin URL says it anew",
        ),
        ("https://127.0.0.1:1/x.git", "unable to access 'https://127.0.0.1:1/x.git/': Failed to connect", ASKED),
        ("https://me:secret@127.0.0.1:1/x.git", "unable to access 'https://127.0.0.1:1/x.git/': Failed", ASKED),
        ("nonsense://x", "git: 'remote-nonsense' is not a git command.", None),
    ],
)
def test_a_remote_that_cannot_be_reached_is_said_once_and_without_gits_advice(
    sandbox: Sandbox, repo: Repository, url: str, message: str, hint: str | None
) -> None:
    commit = sandbox.commit("one", {"a": "1"})
    sandbox.git("remote", "add", "origin", url)
    asked: list[Callable[[], object]] = [
        lambda: repo.fetch("origin", ["refs/heads/main:refs/remotes/origin/main"]),
        lambda: repo.push("origin", {"refs/heads/main": commit}),
        lambda: repo.remote_refs("origin", "refs/heads/*"),
    ]
    for ask in asked:
        with pytest.raises(GitError) as caught:
            ask()
        said = caught.value.message
        assert said.startswith(message)
        assert not any(word in said for word in ("fatal", "Please make sure", "Could not read", "secret", "hint"))
        assert caught.value.hint == hint or (hint is None and "git remote -v" in str(caught.value.hint))


def test_an_address_that_nobody_serves_is_no_mirror(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="'/nowhere/there' does not appear to be a git repository") as caught:
        mirror("file:///nowhere/there", tmp_path / "cache")
    assert "git remote -v" in str(caught.value.hint)
    assert not (tmp_path / "cache").exists()


def test_a_hook_of_the_remote_is_quoted_and_a_pull_request_proposed(sandbox: Sandbox, repo: Repository) -> None:
    commit = sandbox.commit("one", {"a": "1"})
    there = Sandbox.made(sandbox.path.parent / "there.git", "--bare")
    executable(there.path / "hooks" / "pre-receive", "echo the trunk is closed on Fridays >&2; exit 1")
    sandbox.git("remote", "add", "origin", str(there.path))
    with pytest.raises(PushRefused) as caught:
        repo.push("origin", {"refs/heads/main": commit})
    assert "remote: the trunk is closed on Fridays" in caught.value.message
    assert caught.value.hint == (
        "propose it instead: without --push, on a branch (git switch -c NAME), for a pull request"
    )


def test_a_hook_of_this_clone_that_says_nothing_is_named(sandbox: Sandbox, repo: Repository) -> None:
    commit = sandbox.commit("one", {"a": "1"})
    there = Sandbox.made(sandbox.path.parent / "there.git", "--bare")
    sandbox.git("remote", "add", "origin", str(there.path))
    executable(sandbox.path / ".git" / "hooks" / "pre-push", "exit 1")
    with pytest.raises(PushRefused) as caught:
        repo.push("origin", {"refs/heads/main": commit})
    assert caught.value.message == "the push was stopped by a hook in this clone (pre-push), which said no more"
    assert caught.value.hint == "git rev-parse --git-path hooks/pre-push says where it lies"


BOILERPLATE = """\
Could not read from remote repository.
Please make sure you have the correct access rights
and the repository exists."""


@pytest.mark.parametrize(
    ("said", "remote", "message", "hint"),
    [
        ("", None, "git x ended with status 1", None),
        ("something new", None, "something new", None),
        (
            "unable to write file: No space left on device",
            None,
            "unable to write file: No space left on device",
            "make room, and run the command again",
        ),
        (
            "loose object 12 (stored in .git/objects/1/2) is corrupt",
            None,
            "loose object 12 (stored in .git/objects/1/2) is corrupt",
            "git fsck says what is wrong; what is missing comes back with a fresh clone",
        ),
        (
            f"git@host: Permission denied (publickey).\n{BOILERPLATE}",
            "hub",
            "git@host: Permission denied (publickey).",
            "git ls-remote hub must work without asking: a credential helper, an ssh key, or a token",
        ),
        (
            "could not read Username for 'https://host': terminal prompts disabled",
            "origin",
            "could not read Username for 'https://host': terminal prompts disabled",
            "git ls-remote origin must work without asking: a credential helper, an ssh key, or a token",
        ),
        (
            "unable to access 'https://host/x/': The requested URL returned error: 403",
            "origin",
            "unable to access 'https://host/x/': The requested URL returned error: 403",
            "git ls-remote origin must work without asking: a credential helper, an ssh key, or a token",
        ),
        (
            "unable to access 'https://host/x/': Could not resolve host: host",
            "origin",
            "unable to access 'https://host/x/': Could not resolve host: host",
            ASKED,
        ),
        (
            "ssh: connect to host h port 22: Connection refused\nCould not read from remote repository.",
            "origin",
            "ssh: connect to host h port 22: Connection refused",
            ASKED,
        ),
        (
            "remote: error: GH006: Protected branch update failed for refs/heads/main.",
            "origin",
            "remote: error: GH006: Protected branch update failed for refs/heads/main.",
            "propose it instead: without --push, on a branch (git switch -c NAME), for a pull request",
        ),
        ("Could not read from remote repository.", "origin", "git x ended with status 1", None),
        # A remote does not choose what the user is told to type: what it says is quoted.
        ("remote: REMOTE", "origin", "remote: REMOTE", None),
    ],
)
def test_what_git_says_is_explained(said: str, remote: str | None, message: str, hint: str | None) -> None:
    assert explained(said, "git x ended with status 1", remote=remote) == (message, hint)
