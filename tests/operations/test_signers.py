"""Who signed what: files of evidence, and the commits that bring a change."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstage.git import Repository
from gitstage.operations.signers import IN_GIT, CommitSigners, Planned, key_of_user, signed_by, verifier
from gitstage.rules.voices import CommitBy
from gitstage.signatures import sign
from tests.git.sandbox import Sandbox
from tests.operations.signatories import make_keys
from tests.signatures.hands import public

MISSING = "1" * 40
PLANNED = "0" * 40


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, Path]:
    """A key of each."""
    folder = tmp_path / "keys"
    folder.mkdir()
    return make_keys(folder)


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    """A repository whose commits are signed with SSH keys."""
    made = Sandbox.made(tmp_path / "work")
    made.git("config", "gpg.format", "ssh")
    return made


@pytest.fixture
def repo(box: Sandbox) -> Repository:
    """The same, opened."""
    return box.open()


def commit(box: Sandbox, key: Path | None, files: dict[str, str]) -> str:
    if key is not None:
        box.git("config", "user.signingkey", str(key))
    box.git("config", "commit.gpgsign", "false" if key is None else "true")
    return box.commit("x", files)


def by(key: Path | None, *paths: str) -> CommitBy:
    return CommitBy(frozenset() if key is None else frozenset({public(key)}), frozenset(paths))


def test_each_commit_has_the_key_that_signed_it_and_the_paths_it_changed(
    box: Sandbox, repo: Repository, keys: dict[str, Path]
) -> None:
    one = commit(box, keys["ada"], {"a": "1"})
    commit(box, keys["bob"], {"a": "2", "b": "1"})
    three = commit(box, None, {"c": "1"})
    signers = CommitSigners(repo)
    assert signers(one, three) == (by(None, "c"), by(keys["bob"], "a", "b"))
    assert signers(None, three) == (by(None, "c"),)
    assert signers(None, one) == (by(keys["ada"], "a"),)
    assert signers(three, three) == ()


def test_a_merge_did_only_what_none_of_its_parents_has(box: Sandbox, repo: Repository, keys: dict[str, Path]) -> None:
    base = commit(box, keys["ada"], {"a": "1"})
    box.git("switch", "--quiet", "-c", "side")
    commit(box, keys["bob"], {"b": "1"})
    box.git("switch", "--quiet", "main")
    trunk = commit(box, keys["ada"], {"a": "2"})
    box.git("config", "user.signingkey", str(keys["cara"]))
    box.git("config", "commit.gpgsign", "true")
    box.git("merge", "--quiet", "--no-commit", "--no-ff", "side")
    box.write({"smuggled": "1"})
    box.git("add", "smuggled")
    box.git("commit", "--quiet", "-m", "merge")
    merge = box.git("rev-parse", "HEAD")
    assert set(CommitSigners(repo)(trunk, merge) or ()) == {by(keys["cara"], "smuggled"), by(keys["bob"], "b")}
    assert set(CommitSigners(repo)(base, merge) or ()) == {
        by(keys["cara"], "smuggled"),
        by(keys["bob"], "b"),
        by(keys["ada"], "a"),
    }


def test_a_commit_that_is_not_there_is_nobodys(repo: Repository, box: Sandbox) -> None:
    one = commit(box, None, {"a": "1"})
    assert CommitSigners(repo)(None, MISSING) is None
    assert CommitSigners(repo)(one, MISSING) is None


@pytest.mark.parametrize("what", ["message", "tree", "author", "parent"])
def test_a_signature_over_something_else_is_none(
    box: Sandbox, repo: Repository, keys: dict[str, Path], what: str
) -> None:
    base = commit(box, keys["ada"], {"a": "1"})
    one = commit(box, keys["ada"], {"a": "2"})
    data = box.git("cat-file", "commit", one)
    other = {
        "message": data.replace("\n\nx", "\n\ny"),
        "tree": data.replace(box.git("rev-parse", f"{one}^{{tree}}"), box.git("rev-parse", f"{base}^{{tree}}")),
        "author": data.replace("author ", "author X", 1),
        "parent": data.replace(f"parent {base}\n", ""),
    }[what]
    forged = box.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=f"{other}\n".encode())
    found = CommitSigners(repo)(None, forged) or ()
    assert [commit.keys for commit in found] in ([frozenset()], [])


def test_a_signature_for_another_use_is_none_on_a_commit(box: Sandbox, repo: Repository, keys: dict[str, Path]) -> None:
    one = commit(box, None, {"a": "1"})
    data = box.git("cat-file", "commit", one).encode() + b"\n"
    ours = sign(data, str(keys["ada"])).armored.rstrip(b"\n").replace(b"\n", b"\n ")
    head, _, message = data.partition(b"\n\n")
    forged = box.git(
        "hash-object", "-t", "commit", "-w", "--stdin", stdin=head + b"\ngpgsig " + ours + b"\n\n" + message
    )
    assert CommitSigners(repo)(None, forged) == (by(None, "a"),)
    assert verifier().signer_of(data, sign(data, str(keys["ada"])).armored, IN_GIT) is None
    assert verifier().signer_of(data, b"no signature", IN_GIT) is None


def test_a_file_of_evidence_that_is_not_signed_has_no_signers() -> None:
    assert signed_by(b"{}") == frozenset()
    assert verifier() is verifier()


# What is only planned


def test_a_planned_commit_will_be_signed_as_git_is_told_to(
    box: Sandbox, repo: Repository, keys: dict[str, Path]
) -> None:
    base = commit(box, keys["ada"], {"a": "1"})
    head = commit(box, keys["bob"], {"b": "1"})
    with box.open() as fresh:
        planned = Planned(fresh, PLANNED, head, ["c"])
        assert planned(base, PLANNED) == (by(keys["bob"], "b"), by(keys["bob"], "c"))
        assert planned(None, PLANNED) == (by(keys["bob"], "c"),)
        assert planned(base, head) == (by(keys["bob"], "b"),)
    with box.open() as fresh:
        assert Planned(fresh, PLANNED, None, ["c"])(None, PLANNED) == (by(keys["bob"], "c"),)


@pytest.mark.parametrize("named", ["private", "public", "literal", "literal with a prefix"])
def test_the_users_key_is_the_one_that_git_is_told_of(box: Sandbox, keys: dict[str, Path], named: str) -> None:
    path = keys["ada"]
    text = {
        "private": str(path),
        "public": f"{path}.pub",
        "literal": public(path),
        "literal with a prefix": f"key::{public(path)}",
    }[named]
    box.git("config", "user.signingkey", text)
    box.git("config", "commit.gpgsign", "true")
    with box.open() as repo:
        assert key_of_user(repo) == public(path)


@pytest.mark.parametrize(
    "settings",
    [
        {"commit.gpgsign": "false"},
        {"gpg.format": "openpgp"},
        {"user.signingkey": "/nowhere/key"},
        {"user.signingkey": "key::ssh-ed25519 nonsense"},
        {"user.signingkey": ""},
    ],
)
def test_where_git_signs_nothing_with_an_ssh_key_there_is_none(
    box: Sandbox, keys: dict[str, Path], settings: dict[str, str]
) -> None:
    for name, value in {"commit.gpgsign": "true", "user.signingkey": str(keys["ada"]), **settings}.items():
        box.git("config", name, value)
    with box.open() as repo:
        assert key_of_user(repo) is None
        box.commit("x", {"a": "1"}) if settings.get("commit.gpgsign") else None
        assert Planned(repo, PLANNED, None, ["a"])(None, PLANNED) == (by(None, "a"),)
