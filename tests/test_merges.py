from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from gitstage.changes import EXECUTABLE, FILE, Entry, blob_id, files
from gitstage.findings import Verdict
from gitstage.layout import thing_named
from gitstage.merges import merged
from tests.histories import Hand, a_policy, in_use, legal_change
from tests.registries import Content, Shelf, Story, Tree, tree

Files = Mapping[str, Content]


def merge(base: Files, ours: Files, theirs: Files, owned: str = "") -> tuple[dict[str, str], tuple[str, ...]]:
    """The files of a merge, as text, and its conflicts."""
    shelf = Shelf()
    before, mine, yours = (tree(side, shelf) for side in (base, ours, theirs))
    result = merged(before, mine, yours, lambda path: path.startswith(owned))
    return {path: shelf.blobs[entry.oid].decode() for path, entry in files(result.tree)}, result.conflicts


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "result"),
    [
        ({"a": "1"}, {"a": "1"}, {"a": "2"}, {"a": "2"}),
        ({"a": "1"}, {"a": "2"}, {"a": "1"}, {"a": "2"}),
        ({"a": "1"}, {"a": "2"}, {"a": "2"}, {"a": "2"}),
        ({"a": "1", "b": "1"}, {"a": "2", "b": "1"}, {"a": "1", "b": "2"}, {"a": "2", "b": "2"}),
        ({}, {"a": "1"}, {"b": "1"}, {"a": "1", "b": "1"}),
        ({}, {"a": "1"}, {"a": "1"}, {"a": "1"}),
        ({"a": "1"}, {}, {"a": "1"}, {}),
        ({"a": "1"}, {"a": "1"}, {}, {}),
        ({"a": "1"}, {}, {}, {}),
        ({"a/b": "1"}, {"a/b": "1", "c": "1"}, {"a": "1"}, {"a": "1", "c": "1"}),
        ({"a": "1"}, {"a": "1", "c": "1"}, {"a/b": "1"}, {"a/b": "1", "c": "1"}),
        ({"a/b": "1"}, {"a": "1"}, {"a": "1"}, {"a": "1"}),
        ({"a/b": "1", "a/c/d": "1"}, {"a/c/d": "1"}, {"a": "1"}, {"a": "1"}),
        ({"a/b": "1"}, {"a/b": "1"}, {"a/b": "1", "a/c": "1"}, {"a/b": "1", "a/c": "1"}),
    ],
)
def test_what_one_side_changed_is_merged(base: Files, ours: Files, theirs: Files, result: dict[str, str]) -> None:
    assert merge(base, ours, theirs) == (result, ())


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "conflicts"),
    [
        ({"a": "1"}, {"a": "2"}, {"a": "3"}, ("a",)),
        ({"a": "1"}, {}, {"a": "2"}, ("a",)),
        ({"a": "1"}, {"a": "2"}, {}, ("a",)),
        ({}, {"a": "1"}, {"a": "2"}, ("a",)),
        ({"b": "1"}, {"a": "1", "b": "2"}, {"a": "2", "b": "3"}, ("a", "b")),
        ({}, {"a/b": "1"}, {"a": "1"}, ("a",)),
        ({}, {"a": "1"}, {"a/b": "1"}, ("a/b",)),
        ({"a/b": "1"}, {"a/b": "1", "a/c/d": "1"}, {"a": "1"}, ("a",)),
        ({"x": "1"}, {"x": "1", "a": "1"}, {"x": "1", "a/b/c": "1"}, ("a/b/c",)),
        ({"a": "1"}, {"a/b": "1"}, {"a": "2"}, ("a",)),
        (
            {"a": Entry(FILE, blob_id(b"1"))},
            {"a": Entry(EXECUTABLE, blob_id(b"1"))},
            {"a": "2"},
            ("a",),
        ),
    ],
)
def test_what_both_sides_changed_differently_conflicts(
    base: Files, ours: Files, theirs: Files, conflicts: tuple[str, ...]
) -> None:
    shelf = Shelf()
    shelf.put(b"1")
    before, mine, yours = (tree(side, shelf) for side in (base, ours, theirs))
    result = merged(before, mine, yours)
    assert result.conflicts == conflicts
    kept = {path: entry for path, entry in files(mine) if path in conflicts}
    assert {path: result.tree.entry(path) for path in kept} == kept, "where it conflicts it is as in ours"


def test_only_the_paths_that_are_owned_are_merged() -> None:
    result = merge({}, {"mine/a": "1"}, {"mine/b": "1", "other/a": "1", "mine/a": "2"}, owned="mine/")
    assert result == ({"mine/a": "1", "mine/b": "1"}, ("mine/a",))
    assert merge({"x": "1"}, {"x": "2"}, {"x": "3"}, owned="mine/") == ({"x": "2"}, ())


def test_a_tree_that_is_deeper_than_the_stack_is_merged() -> None:
    deep = "/".join(["a"] * 1_200)
    assert merge({}, {"b": "1"}, {deep: "1"}) == ({deep: "1", "b": "1"}, ())
    assert merge({}, {deep: "1"}, {"a": "1"})[1] == ("a",)


# Against git itself.


class Git:
    """A bare repository in which two changes of one tree are merged by git."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._run("init", "-q", "--bare", str(path))
        (path / "info").mkdir(exist_ok=True)
        (path / "info" / "attributes").write_text("* -text merge=binary\n")

    def _run(self, *words: str, data: bytes = b"", check: bool = True) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["git", *words], input=data, capture_output=True, check=check)

    def _at(self, *words: str, data: bytes = b"", check: bool = True) -> subprocess.CompletedProcess[bytes]:
        return self._run(f"--git-dir={self.path}", *words, data=data, check=check)

    def merged(self, base: Tree, ours: Tree, theirs: Tree) -> dict[str, Entry] | None:
        """The files of `git merge`; None where it conflicts."""
        stream = b"".join(
            (*_commit(base, 1, None), *_commit(ours, 2, 1), *_commit(theirs, 3, 1), b"done\n"),
        )
        self._at("fast-import", "--quiet", "--done", "--force", data=stream)
        result = self._at("merge-tree", "--write-tree", "refs/heads/side-2", "refs/heads/side-3", check=False)
        if result.returncode:
            assert result.returncode == 1, result.stderr
            return None
        listed = self._at("ls-tree", "-r", "-z", result.stdout.decode().split()[0]).stdout
        return dict(_listed(listed))


def _commit(snapshot: Tree, mark: int, parent: int | None) -> Iterator[bytes]:
    yield b"commit refs/heads/side-%d\nmark :%d\ncommitter A <a@example.com> 0 +0000\ndata 0\n" % (mark, mark)
    if parent is not None:
        yield b"from :%d\n" % parent
    yield b"deleteall\n"
    for path, entry in files(snapshot):
        data = snapshot.read(entry.oid)
        yield b"M %o inline %s\ndata %d\n%s\n" % (entry.mode, path.encode(), len(data), data)


def _listed(listed: bytes) -> Iterator[tuple[str, Entry]]:
    for line in filter(None, listed.split(b"\0")):
        head, _, path = line.partition(b"\t")
        mode, _, oid = head.decode().split()
        yield path.decode(), Entry(int(mode, 8), oid)


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Git:
    return Git(tmp_path_factory.mktemp("merges") / "merges.git")


def a_registry_in_use(hand: Hand) -> Story:
    """A history of legal changes, all of which took effect."""
    story = in_use(Story(a_policy()))
    for _ in range(6):
        story.files = legal_change(story, hand, 1).files
        story.land()
    assert story.open == {}
    return story


# A seed is not worth shrinking, and explaining it would trace every line.
@settings(deadline=None, max_examples=40, phases=[Phase.explicit, Phase.generate])
@given(st.integers(0, 2**32))
def test_a_merge_is_the_one_that_git_makes_of_whole_files(git: Git, seed: int) -> None:
    hand = Hand(random.Random(seed).choice)
    story = a_registry_in_use(hand)
    ours, theirs = legal_change(story, hand, 3), legal_change(story, hand, 3)
    base = story.trees[story.line[-1]]
    result = merged(base, ours.tree, theirs.tree)
    by_git = git.merged(base, ours.tree, theirs.tree)
    assert (by_git is None) is bool(result.conflicts)
    if by_git is not None:
        assert dict(files(result.tree)) == by_git
    back = merged(base, theirs.tree, ours.tree)
    assert back.conflicts == result.conflicts
    if not back.conflicts:
        assert dict(files(back.tree)) == dict(files(result.tree))
    _two_changes_of_one_slot_conflict(story, ours, theirs, result.conflicts)
    if not result.conflicts:
        _only_two_facts_break(story, ours, theirs)


def _two_changes_of_one_slot_conflict(story: Story, ours: Story, theirs: Story, conflicts: tuple[str, ...]) -> None:
    for path in ours.files.keys() | theirs.files.keys():
        was, mine, yours = story.files.get(path), ours.files.get(path), theirs.files.get(path)
        if path.partition("/")[2].startswith(("staging/", "canary/", "production-")) and len({was, mine, yours}) == 3:
            assert path in conflicts


def _only_two_facts_break(story: Story, ours: Story, theirs: Story) -> None:
    """Each change is good; ours lands, then theirs: all that can have come between is a hold, or another version."""
    trunk = story.fork()
    trunk.past = story.past.copy()
    trunk.files = ours.files
    trunk.land()
    assert trunk.open == {}
    trunk.files = dict(files(merged(story.trees[story.line[-1]], ours.tree, theirs.tree).tree))
    trunk.land()
    said = {
        found.rule
        for judgement in trunk.last.judgements
        for found in judgement.findings
        if found.verdict is not Verdict.PASSED
    }
    assert said <= {"held", "stage-order"}
    assert {type(thing_named(name)).__name__ for name in trunk.open} <= {"Slot"}


def test_git_merges_a_branch_in_a_work_tree_as_we_do(tmp_path: Path) -> None:
    def run(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(tmp_path), *words], capture_output=True, check=True, text=True)
        return done.stdout

    story = Story(a_policy())
    story.write(".gitattributes", "* -text merge=binary\n").register("m", "1.0.0").stage("m", "1.0.0").land()
    story.promote("m", "1.0.0", "canary").land()
    story.register("m", "1.1.0").stage("m", "1.1.0").land()
    story.promote("m", "1.1.0", "canary").land()
    ours, theirs = story.fork().promote("m", "1.1.0", "production-eu"), story.fork().register("m", "1.2.0")
    theirs.stage("m", "1.2.0").write("models/m/README.md", "A card.\n")
    run("init", "-q")
    for branch, side in (("main", story), ("theirs", theirs), ("ours", ours)):
        if branch != "main":
            run("switch", "-q", "main")
            run("switch", "-q", "-c", branch)
        for path, entry in side.files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(side.shelf.blobs[entry.oid])
        run("add", "--all")
        run("commit", "-q", "-m", branch)
    run("merge", "-q", "--no-edit", "theirs")
    expected = merged(story.tree, ours.tree, theirs.tree)
    assert dict(_listed(run("ls-tree", "-r", "-z", "HEAD").encode())) == dict(files(expected.tree))
    assert expected.conflicts == ()
