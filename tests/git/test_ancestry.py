"""Which commits are in the history of the trunk, from a file that git is asked to bring up to date."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from gitstage.git import Repository, ancestry
from gitstage.git.errors import ShallowRepository
from tests.git.sandbox import Sandbox, git

MISSING = "1" * 40


@pytest.fixture
def file(sandbox: Sandbox) -> Path:
    """Where the history is kept."""
    return sandbox.path / ".git" / "gitstage" / "history"


def test_commits_of_the_history_are_told_from_others(sandbox: Sandbox, repo: Repository) -> None:
    one, two = sandbox.line("one", "two")
    sandbox.git("switch", "--quiet", "--orphan", "side")
    side = sandbox.commit("side", {"s": "s"})
    tree = sandbox.git("rev-parse", f"{two}^{{tree}}")
    assert repo.not_in_trunk([one, two], two) == set()
    assert repo.not_in_trunk([one, two, side, MISSING, tree], two) == {side, MISSING, tree}
    assert repo.not_in_trunk([], two) == set()
    assert repo.not_in_trunk([MISSING], two) == {MISSING}


def test_the_second_parents_of_a_merge_are_in_its_history(sandbox: Sandbox, repo: Repository) -> None:
    base = sandbox.commit("base", {"b": "b"})
    sandbox.git("switch", "--quiet", "-c", "side")
    side = sandbox.commit("side", {"s": "s"})
    sandbox.git("switch", "--quiet", "main")
    sandbox.commit("two", {"t": "t"})
    sandbox.git("merge", "--quiet", "--no-edit", "side")
    assert repo.not_in_trunk([base, side], sandbox.git("rev-parse", "HEAD")) == set()


def test_once_it_is_known_git_is_asked_nothing_more(sandbox: Sandbox, repo: Repository, calls: list[str]) -> None:
    one, two = sandbox.line("one", "two")
    repo.not_in_trunk([one], two)
    assert calls.count("rev-list") == 1
    repo.not_in_trunk([one, two], two)
    with sandbox.open() as another:
        assert another.not_in_trunk([one], two) == set()
    assert calls.count("rev-list") == 1


def test_what_came_since_is_known_too(sandbox: Sandbox, repo: Repository, file: Path) -> None:
    one, two = sandbox.line("one", "two")
    repo.not_in_trunk([one], two)
    before = file.read_bytes()
    three, four = sandbox.line("three", "four")
    assert repo.not_in_trunk([one, two, three, four], four) == set()
    assert repo.not_in_trunk([three, four], three) == {four}
    assert file.read_bytes() == before


def test_the_file_follows_when_much_has_come_since(
    sandbox: Sandbox, repo: Repository, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ancestry, "MANY", 2)
    one = sandbox.commit("one", {"1": "1"})
    repo.not_in_trunk([one], one)
    before = file.read_bytes()
    two, three = sandbox.line("two", "three")
    assert repo.not_in_trunk([one, two, three], three) == set()
    assert file.read_bytes() == before
    four = sandbox.commit("four", {"4": "4"})
    assert repo.not_in_trunk([one, two, three, four], four) == set()
    ids = sorted(bytes.fromhex(oid) for oid in (one, two, three, four))
    assert file.read_bytes() == b"".join([b"gitstage history 1\n", bytes.fromhex(four), *ids])


def test_a_branch_that_was_rewritten_has_another_history(sandbox: Sandbox, repo: Repository) -> None:
    one, two = sandbox.line("one", "two")
    assert repo.not_in_trunk([two], two) == set()
    sandbox.git("reset", "--quiet", "--hard", one)
    other = sandbox.commit("other", {"o": "o"})
    assert repo.not_in_trunk([one, two, other], other) == {two}
    assert repo.not_in_trunk([two], one) == {two}


def test_a_tip_that_is_gone_is_forgotten(sandbox: Sandbox, repo: Repository) -> None:
    one, two = sandbox.line("one", "two")
    repo.not_in_trunk([two], two)
    sandbox.git("reset", "--quiet", "--hard", one)
    sandbox.git("reflog", "expire", "--expire=now", "--all")
    sandbox.git("gc", "--quiet", "--prune=now")
    with sandbox.open() as again:
        assert again.not_in_trunk([one, two], one) == {two}


@pytest.mark.parametrize(
    "broken",
    [b"", b"something else", ancestry.HEADER, ancestry.HEADER + bytes(20), ancestry.HEADER + bytes(20) + bytes(39)],
    ids=["empty", "not ours", "no tip", "no commit", "cut off"],
)
def test_a_file_that_is_broken_is_made_anew(sandbox: Sandbox, repo: Repository, file: Path, broken: bytes) -> None:
    one, two = sandbox.line("one", "two")
    file.parent.mkdir()
    file.write_bytes(broken)
    assert repo.not_in_trunk([one, two, MISSING], two) == {MISSING}
    assert file.read_bytes().startswith(ancestry.HEADER + bytes.fromhex(two))
    assert sorted(path.name for path in file.parent.iterdir()) == ["history"]


def test_where_nothing_can_be_kept_the_answer_is_the_same(sandbox: Sandbox, repo: Repository, file: Path) -> None:
    one, two = sandbox.line("one", "two")
    file.parent.write_text("in the way")
    assert repo.not_in_trunk([one, two, MISSING], two) == {MISSING}


def test_of_a_push_that_is_being_received_nothing_is_kept(
    sandbox: Sandbox, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = sandbox.line("one", "two")
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(sandbox.path / ".git" / "objects"))
    monkeypatch.chdir(sandbox.path)
    with sandbox.open() as received:
        assert received.not_in_trunk([one, two, MISSING], two) == {MISSING}
    assert not file.exists()


def test_a_shallow_clone_has_no_history(sandbox: Sandbox, tmp_path: Path) -> None:
    _, two = sandbox.line("one", "two")
    git("clone", "--quiet", "--depth=1", sandbox.path.as_uri(), "shallow", cwd=tmp_path)
    with Repository.discover(tmp_path / "shallow") as shallow, pytest.raises(ShallowRepository):
        shallow.not_in_trunk([two], two)


def test_it_agrees_with_git_on_a_history_with_many_branches(sandbox: Sandbox, repo: Repository) -> None:
    random = Random(7)
    tree = sandbox.git("hash-object", "-t", "tree", "-w", "--stdin")
    commits: list[str] = []
    for number in range(60):
        parents = random.sample(commits, min(len(commits), random.choice([0, 1, 1, 1, 2, 3])))
        words = [word for parent in parents for word in ("-p", parent)]
        commits.append(sandbox.git("commit-tree", tree, "-m", str(number), *words))
    for tip in (commits[-1], commits[30], commits[-2], commits[-1]):
        here = set(sandbox.git("rev-list", tip).split())
        assert repo.not_in_trunk(commits, tip) == set(commits) - here


def test_of_many_commits_each_is_told_as_of_few(
    sandbox: Sandbox, repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = sandbox.line("one", "two", "three", "four")
    sandbox.git("switch", "--quiet", "--orphan", "side")
    side = sandbox.line("five", "six")
    asked = [*line, *side, MISSING]
    alone = [commit for commit in asked if repo.not_in_trunk([commit], line[-1])]
    monkeypatch.setattr(ancestry, "MANY", 3)
    assert repo.not_in_trunk(asked, line[-1]) == set(alone) == {*side, MISSING}
    assert repo.not_in_trunk(asked, line[1]) == {*line[2:], *side, MISSING}
