"""A repository that others push to: what it must know, and what it must never do."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstage.git import GitError, NoSuchRevision, PushRefused, RefMoved, Repository
from tests.git.sandbox import Sandbox, executable

MISSING = "b" * 40


def test_a_repository_that_serves_knows_no_remote_and_fetches_nothing_whatever_its_configuration_says(
    sandbox: Sandbox,
) -> None:
    sandbox.commit("one")
    sandbox.git("remote", "add", "origin", f"ext::touch {sandbox.path}/ran")
    sandbox.git("config", "remote.origin.promisor", "true")
    sandbox.git("config", "protocol.ext.allow", "always")
    with Repository.discover(sandbox.path, serves=True) as repo:
        assert repo.remote() is None
        with pytest.raises(GitError):
            repo.read(MISSING)
    assert not (sandbox.path / "ran").exists()


def test_a_commit_is_continued_only_along_first_parents(sandbox: Sandbox, repo: Repository) -> None:
    first, second = sandbox.line("first", "second")
    sandbox.git("switch", "--quiet", "-c", "topic", first)
    topic = sandbox.commit("topic")
    sandbox.git("merge", "--quiet", "--no-ff", "-m", "foxtrot", second)
    foxtrot = sandbox.git("rev-parse", "HEAD")
    asked = [(first, first), (first, second), (first, foxtrot), (topic, foxtrot), (second, foxtrot), (second, first)]
    assert [repo.continues(old, new) for old, new in asked] == [True, True, True, True, False, False]


def test_what_refs_would_be_as_tags_is_known_before_there_are_such_refs(sandbox: Sandbox, repo: Repository) -> None:
    commit = sandbox.commit("one")
    sandbox.git("tag", "-a", "-m", "inner", "inner")
    sandbox.git("tag", "-a", "-m", "outer", "outer", "inner")
    inner, outer = sandbox.git("rev-parse", "inner"), sandbox.git("rev-parse", "outer")
    found = repo.tags_of({"refs/tags/a": commit, "refs/tags/b": outer})
    assert [(tag.ref, tag.kind, tag.target, tag.message) for tag in found.values()] == [
        ("refs/tags/a", "commit", commit, ""),
        ("refs/tags/b", "tag", inner, "outer\n"),
    ]


def test_a_tag_that_is_not_here_or_too_large_is_not_read(
    sandbox: Sandbox, repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.commit("one")
    sandbox.git("tag", "-a", "-m", "x" * 2000, "large")
    with pytest.raises(NoSuchRevision):
        repo.tags_of({"refs/tags/x": MISSING})
    monkeypatch.setattr("gitstage.git.refs.LARGEST_TAG", 2000)
    with pytest.raises(GitError, match="is larger than 2000 bytes"):
        repo.tags_of({"refs/tags/large": sandbox.git("rev-parse", "large")})


def test_refs_that_stand_for_others_are_told_from_those_that_stand_for_themselves(
    sandbox: Sandbox, repo: Repository, calls: list[str]
) -> None:
    sandbox.commit("one")
    sandbox.git("symbolic-ref", "refs/heads/alias", "refs/heads/main")
    sandbox.git("symbolic-ref", "refs/heads/second", "refs/heads/alias")
    assert repo.symbolic_refs() == {}
    assert calls == []
    assert repo.symbolic_refs("refs/heads/main", "refs/heads/alias", "refs/heads/second") == {
        "refs/heads/alias": "refs/heads/main",
        "refs/heads/second": "refs/heads/main",
    }
    assert repo.symbolic_refs("refs/heads/mai") == {}


def test_hooks_lie_where_git_looks_for_them(sandbox: Sandbox, tmp_path: Path) -> None:
    with sandbox.open() as repo:
        assert repo.hooks_folder == sandbox.path / ".git" / "hooks"
    for configured, folder in (("mine", sandbox.path / "mine"), (str(tmp_path / "all"), tmp_path / "all")):
        sandbox.git("config", "core.hooksPath", configured)
        with sandbox.open() as repo:
            assert repo.hooks_folder == folder
    bare = Sandbox.made(tmp_path / "bare.git", "--bare")
    bare.git("config", "core.hooksPath", "~/hooks")
    with bare.open() as repo:
        assert repo.hooks_folder == Path.home() / "hooks"


@pytest.mark.parametrize(
    ("said", "error"), [("x: somebody was first, go on", RefMoved), ("somebody else", PushRefused)]
)
def test_a_hook_that_says_that_somebody_was_first_is_a_race_and_no_refusal(
    sandbox: Sandbox, tmp_path: Path, said: str, error: type[GitError]
) -> None:
    commit = sandbox.commit("one")
    bare = Sandbox.made(tmp_path / "bare.git", "--bare")
    executable(bare.path / "hooks" / "pre-receive", f"echo '{said}' >&2; exit 1")
    sandbox.git("remote", "add", "origin", str(bare.path))
    with sandbox.open() as repo, pytest.raises(GitError) as raised:
        repo.push("origin", {"refs/heads/main": commit})
    assert type(raised.value) is error
