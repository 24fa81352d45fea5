"""What a command meets around a registry, in a process of its own: said whole, with what to type, and nothing changed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.git.sandbox import Sandbox, executable, git
from tests.operations.pictures import unchanged
from tests.operations.stories import Story, Team

OID = re.compile(r"\b(?:[0-9a-f]{40}|[0-9a-f]{12})\b")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
REGISTER = ("register", "other@1.0.0", "--artifact", "s3://acme/other.bin", "--sha256", "0" * 64, "--size", "1")
PROMOTE = ("promote", "fraud-detector@1.2.0", "--to", "production")


@dataclass(frozen=True)
class Ended:
    """How a process ended and what it said, its paths and ids made the same each time."""

    code: int
    out: str
    err: str


def typed(path: Path, *words: str, variables: Mapping[str, str] | None = None) -> Ended:
    """A command, typed in a folder."""
    done = subprocess.run(
        [sys.executable, "-m", "gitstage", *words],
        cwd=path,
        env={**os.environ, **(variables or {})},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )

    def same(text: str) -> str:
        named = text.replace(str(path), "…/work").replace(str(path.parent), "…")
        return OID.sub("<commit>", UUID.sub("<id>", named))

    return Ended(done.returncode, same(done.stdout), same(done.stderr))


def refused(message: str, hint: str | None = None) -> Ended:
    """The end of a command that could not answer."""
    return Ended(2, "", f"error: {message}\n" + (f"  try: {hint}\n" if hint else ""))


# no repository, no registry, and too many of them


@pytest.mark.parametrize("words", [("status",), ("resolve", "m@production"), ("tag",), PROMOTE, ("check",)])
def test_outside_of_a_repository(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert typed(tmp_path, *words) == refused(
        "there is no Git repository here, nor in a folder above", "gitstage init makes one, -C DIR names another"
    )


@pytest.mark.parametrize("words", [("status",), ("resolve", "m@production"), ("tag",), PROMOTE, ("check",)])
def test_in_a_repository_without_a_registry(tmp_path: Path, words: tuple[str, ...]) -> None:
    box = Sandbox.made(tmp_path / "work")
    box.commit("code", {"train.py": "x"})
    with unchanged(box.path):
        assert typed(box.path, *words) == refused(
            "there is no registry in this repository", "make one with: gitstage init"
        )


def test_in_a_repository_without_a_commit(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    assert typed(box.path, "status") == refused(
        "this repository has no commit yet, and so no registry", "gitstage init"
    )


def test_with_two_registries_and_none_named(served: Story) -> None:
    inner = served.path / "teams" / "eu"
    made = typed(served.path, "init", "teams/eu")
    assert (made.code, made.out) == (0, "[main <commit>] gitstage: make a registry (tagged teams-eu/policy/1)\n")
    assert typed(inner, "status").out == "no model is registered: gitstage register MODEL@1.0.0 --artifact FILE\n"
    assert typed(served.path, "resolve", "fraud-detector@production") == Ended(0, "1.1.0\n", "")
    # Moved below, the first one is no nearer than the second.
    served.git("switch", "--quiet", "--orphan", "moved")
    for folder in ("eu", "us"):
        served.write(f"{folder}/gitstage.yaml", "apiVersion: gitstage/v1\n")
    served.commit("two")
    with unchanged(served.path):
        assert typed(served.path, "status") == refused(
            "this repository holds several registries: eu, us", "name one: gitstage --registry eu …"
        )


def test_in_a_repository_of_other_hashes(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work", "--object-format=sha256")
    box.commit("code", {"gitstage.yaml": "x"})
    assert typed(box.path, "status") == refused(
        "…/work/.git names its objects by sha256; gitstage reads SHA-1 repositories only"
    )


def test_with_a_configuration_that_git_cannot_read(served: Story) -> None:
    with (served.path / ".git" / "config").open("a") as file:
        file.write("[bad\n")
    ended = typed(served.path, "status")
    assert re.fullmatch(r"error: git cannot read line \d+ of .git/config\n  try: mend that line .*\n", ended.err)
    assert ended.code == 2


def test_without_git(served: Story, tmp_path: Path) -> None:
    assert typed(served.path, "status", variables={"PATH": str(tmp_path)}) == refused(
        "git is not installed, or not on the PATH", "install git 2.39 or newer"
    )


# where HEAD is, and what lies about


def test_with_local_edits_of_what_would_be_touched(served: Story) -> None:
    served.write("production/fraud-detector.yaml", "half done")
    with unchanged(served.path):
        assert typed(served.path, *PROMOTE) == refused(
            "production/fraud-detector.yaml: changed here and not committed",
            "commit, stash or undo those changes first",
        )


def test_with_other_local_edits_and_a_full_index(served: Story) -> None:
    served.write("train.py", "half done")
    served.write("notes.txt", "staged")
    served.git("add", "notes.txt")
    ended = typed(served.path, *PROMOTE)
    assert ended == Ended(
        0,
        "[main <commit>] fraud-detector: promote 1.2.0 to production (tagged fraud-detector/production/3)\n",
        "",
    )
    assert served.git("status", "--porcelain").splitlines() == ["A  notes.txt", "?? train.py"]
    assert served.git("show", "--name-only", "--format=", "HEAD") == "production/fraud-detector.yaml"


def test_with_a_detached_head(served: Story) -> None:
    served.git("checkout", "--quiet", "--detach")
    with unchanged(served.path):
        assert typed(served.path, *PROMOTE) == refused(
            "HEAD is detached: there is no branch to commit to",
            "git switch main, or git switch -c NAME; or land with --push",
        )
        assert typed(served.path, "resolve", "fraud-detector@production") == Ended(0, "1.1.0\n", "")


def test_in_the_middle_of_a_merge_with_conflicts(served: Story) -> None:
    served.git("switch", "--quiet", "-c", "other", "HEAD~1")
    served.write("notes.txt", "one")
    served.commit("one")
    served.git("switch", "--quiet", "main")
    served.write("notes.txt", "two")
    served.commit("two")
    subprocess.run(["git", "merge", "other"], cwd=served.path, capture_output=True)
    assert served.git("status", "--porcelain").splitlines() == ["AA notes.txt"]
    ended = typed(served.path, *PROMOTE)
    assert (ended.code, ended.err) == (0, "")
    # The merge can be finished all the same.
    assert served.git("status", "--porcelain").splitlines() == ["AA notes.txt"]
    assert served.git("rev-parse", "MERGE_HEAD") == served.git("rev-parse", "other")


def test_in_a_linked_work_tree(served: Story) -> None:
    served.git("worktree", "add", "--quiet", "-b", "proposal", "../linked")
    linked = served.path.parent / "linked"
    before = served.git("rev-parse", "main")
    ended = typed(linked, *PROMOTE)
    assert ended == Ended(0, "[proposal <commit>] fraud-detector: promote 1.2.0 to production\n", "")
    assert (served.git("rev-parse", "main"), served.git("status", "--porcelain")) == (before, "")
    assert git("status", "--porcelain", cwd=linked) == ""


def test_in_a_bare_repository(serving_team: tuple[Team, Story]) -> None:
    team, _ = serving_team
    assert typed(team.remote, "resolve", "fraud-detector@production") == Ended(0, "1.1.0\n", "")
    assert typed(team.remote, *PROMOTE) == Ended(
        0,
        "[main <commit>] fraud-detector: promote 1.2.0 to production (tagged fraud-detector/production/3)\n",
        "",
    )
    assert typed(team.remote, "init", "two") == refused(
        "a registry is made in a work tree, and pushed", "git clone the repository, then init there"
    )


def test_in_a_shallow_clone(serving_team: tuple[Team, Story], tmp_path: Path) -> None:
    team, _ = serving_team
    git("clone", "--quiet", "--depth=1", f"file://{team.remote}", str(tmp_path / "shallow"), cwd=tmp_path)
    shallow = tmp_path / "shallow"
    assert typed(shallow, "resolve", "fraud-detector@staging", "--declared") == Ended(0, "1.2.0\n", "")
    assert typed(shallow, "check", "--base", "HEAD") == refused(
        "this clone is shallow: it has no history to judge", "git fetch --unshallow (in a workflow: fetch-depth: 0)"
    )


# who commits


def test_whoever_git_does_not_know(served: Story) -> None:
    anonymous = dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "")
    with unchanged(served.path):
        ended = typed(served.path, *PROMOTE, variables=anonymous)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: git does not know who you are: ")
    assert ended.err.endswith(
        '  try: git config --global user.name "Your Name"; git config --global user.email you@example.com\n'
    )


def test_whoever_signs_and_has_no_key(served: Story) -> None:
    served.git("config", "commit.gpgSign", "true")
    served.git("config", "gpg.format", "ssh")
    served.git("config", "user.signingKey", "/no/such/key")
    with unchanged(served.path):
        ended = typed(served.path, *PROMOTE)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: git could not sign the commit: ")
    assert ended.err.endswith("  try: mend user.signingKey and gpg.format, or git config commit.gpgSign false\n")


# the remote


def test_a_hook_of_ones_own_says_no(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    executable(ada.path / ".git" / "hooks" / "pre-push", "echo not before the tests are green >&2; exit 1")
    with unchanged(ada.path, team.remote):
        ended = typed(ada.path, *PROMOTE, "--push")
    assert (ended.code, ended.out) == (2, "")
    assert "not before the tests are green" in ended.err


def test_a_hook_of_the_remote_says_no(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    executable(team.remote / "hooks" / "pre-receive", "echo the trunk is closed on Fridays >&2; exit 1")
    with unchanged(ada.path, team.remote):
        ended = typed(ada.path, *PROMOTE, "--push")
    assert (ended.code, ended.out) == (2, "")
    assert "remote: the trunk is closed on Fridays" in ended.err
    assert ended.err.endswith(
        "  try: propose it instead: without --push, on a branch (git switch -c NAME), for a pull request\n"
    )


def gone(path: Path) -> str:
    return str(path / "nowhere.git")


def refusing(path: Path) -> str:
    return "https://127.0.0.1:1/models.git"


@pytest.mark.parametrize(
    "words", [(*PROMOTE, "--push"), (*REGISTER, "--push"), ("tag",), ("withdraw", "--policy", "--push")]
)
@pytest.mark.parametrize(
    ("where", "why"), [(gone, "does not appear to be a git repository"), (refusing, "unable to access")]
)
def test_a_remote_that_is_not_there(
    serving_team: tuple[Team, Story], where: Callable[[Path], str], why: str, words: tuple[str, ...]
) -> None:
    team, ada = serving_team
    ada.git("remote", "set-url", "origin", where(ada.path.parent))
    with unchanged(ada.path, team.remote):
        ended = typed(ada.path, *words)
    assert (ended.code, ended.out) == (2, "")
    message, hint = ended.err.splitlines()
    assert why in message
    assert hint.startswith(("  try: git remote -v says where", "  try: git ls-remote origin asks it for the same"))
    # What this clone knows can be read all the same.
    assert typed(ada.path, "resolve", "fraud-detector@production") == Ended(0, "1.1.0\n", "")


def test_a_remote_that_moved_on(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    bob = team.member("bob", now=ada.now)
    bob.register("other", "1.0.0", push=True)
    ended = typed(ada.path, *PROMOTE, "--push")
    assert ended == Ended(
        0,
        "[main <commit>] fraud-detector: promote 1.2.0 to production (tagged fraud-detector/production/3)\n",
        "",
    )
    assert git("--git-dir=.", "log", "-2", "--format=%s", "main", cwd=team.remote).splitlines() == [
        "fraud-detector: promote 1.2.0 to production",
        "other: register 1.0.0",
    ]


def test_a_lock_that_another_git_left_behind(served: Story) -> None:
    lock = served.path / ".git" / "refs" / "heads" / "main.lock"
    lock.touch()
    ended = typed(served.path, *REGISTER)
    lock.unlink()
    assert (ended.code, ended.out) == (2, "")
    assert "…/work/.git/refs/heads/main.lock': File exists" in ended.err
    assert ended.err.endswith("  try: where no other git is running, remove that .lock file\n")
    assert typed(served.path, *REGISTER).code == 0
