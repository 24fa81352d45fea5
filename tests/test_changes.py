from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstage.changes import (
    EXECUTABLE,
    FILE,
    FOLDER,
    LINK,
    SUBMODULE,
    Change,
    Edited,
    Entry,
    Listing,
    Nothing,
    Overlay,
    Snapshot,
    below,
    blob_id,
    changes_between,
    files,
    joined,
)
from tests.registries import Content, Shelf, Tree, entry_of, put, tree


def plain(text: str) -> Entry:
    return Entry(FILE, blob_id(text.encode()))


def two_trees(before: Mapping[str, Content], after: Mapping[str, Content]) -> tuple[Tree, Tree]:
    shelf = Shelf()
    return tree(before, shelf), tree(after, shelf)


def changes(before: Mapping[str, Content], after: Mapping[str, Content], folder: str = "") -> list[Change]:
    return list(changes_between(*two_trees(before, after), folder))


@pytest.mark.parametrize("data", [b"", b"x", b"hello\n", bytes(range(256))])
def test_a_blob_has_the_id_that_git_gives_it(data: bytes) -> None:
    said = subprocess.run(["git", "hash-object", "--stdin"], input=data, capture_output=True, check=True)
    assert blob_id(data) == said.stdout.decode().strip()


@pytest.mark.parametrize(("folder", "path"), [("", "x"), ("a", "a/x"), ("a/b", "a/b/x")])
def test_a_name_is_joined_to_its_folder(folder: str, path: str) -> None:
    assert joined(folder, "x") == path


def test_all_files_come_in_the_order_of_their_names() -> None:
    there = tree({"b": "1", "a/z": "2", "a/b/c": "3", "c": Entry(LINK, "l" * 40), "d": Entry(SUBMODULE, "s" * 40)})
    assert list(files(there)) == [
        ("a/b/c", plain("3")),
        ("a/z", plain("2")),
        ("b", plain("1")),
        ("c", Entry(LINK, "l" * 40)),
        ("d", Entry(SUBMODULE, "s" * 40)),
    ]
    assert list(files(there, "a/b")) == [("a/b/c", plain("3"))]
    assert list(files(there, "nowhere")) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {}, []),
        ({"a": "1"}, {"a": "1"}, []),
        ({"a": "1"}, {"a": "2"}, [Change("a", plain("1"), plain("2"))]),
        ({}, {"a/b/c": "1"}, [Change("a/b/c", None, plain("1"))]),
        ({"a/b/c": "1"}, {}, [Change("a/b/c", plain("1"), None)]),
        (
            {"a": "1"},
            {"a": Entry(EXECUTABLE, blob_id(b"1"))},
            [Change("a", plain("1"), Entry(EXECUTABLE, blob_id(b"1")))],
        ),
        ({"a": "1"}, {"a/b": "1"}, [Change("a", plain("1"), None), Change("a/b", None, plain("1"))]),
        ({"a/b": "1"}, {"a": "1"}, [Change("a", None, plain("1")), Change("a/b", plain("1"), None)]),
        ({"a/b": "1", "c": "1"}, {"a/b": "1", "c": "2"}, [Change("c", plain("1"), plain("2"))]),
        ({"x/a": "1", "y/a": "1"}, {"x/a": "2", "y/a": "2"}, [Change(f"{f}/a", plain("1"), plain("2")) for f in "xy"]),
    ],
)
def test_two_trees_differ_where_their_files_do(
    before: Mapping[str, Content], after: Mapping[str, Content], expected: list[Change]
) -> None:
    assert changes(before, after) == expected


def test_only_the_folder_that_is_asked_about_is_compared() -> None:
    before: dict[str, Content] = {"a/x": "1", "b/x": "1"}
    after: dict[str, Content] = {"a/x": "2", "b/x": "2"}
    assert changes(before, after, "a") == [Change("a/x", plain("1"), plain("2"))]
    assert changes(before, after, "nowhere") == []


class Counting:
    """A tree that remembers which folders were looked into."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.asked: list[str] = []

    def entry(self, path: str) -> Entry | None:
        return self.tree.entry(path)

    def listing(self, folder: str) -> Mapping[str, Entry]:
        self.asked.append(folder)
        return self.tree.listing(folder)

    def read(self, oid: str) -> bytes:
        return self.tree.read(oid)

    def size(self, oid: str) -> int:
        return self.tree.size(oid)


def test_equal_subtrees_are_not_looked_into() -> None:
    before, after = two_trees({"a/b/c": "1", "d/e": "1"}, {"a/b/c": "1", "d/e": "2"})
    counting = Counting(after)
    assert [change.path for change in changes_between(before, counting)] == ["d/e"]
    assert counting.asked == ["", "d"]


def test_a_folder_is_a_tree_of_its_own() -> None:
    whole = tree({"registry/models/m": "1", "registry/x": "2", "other": "3"})
    inside = below(whole, "registry")
    assert list(files(inside)) == [("models/m", plain("1")), ("x", plain("2"))]
    assert inside.entry("models/m") == plain("1")
    assert inside.entry("") == whole.entry("registry")
    assert inside.entry("other") is None
    assert (inside.read(blob_id(b"2")), inside.size(blob_id(b"2"))) == (b"2", 1)
    assert list(inside.listing("models")) == ["m"]
    assert below(whole, "") is whole
    assert list(files(below(whole, "nowhere"))) == []


def test_nothing_is_an_empty_tree() -> None:
    nothing = Nothing()
    assert (nothing.entry("x"), nothing.listing(""), list(files(nothing))) == (None, {}, [])
    for ask in (nothing.read, nothing.size):
        with pytest.raises(KeyError):
            ask("d" * 40)


# Edits on top of a tree.


def overlaid(before: Mapping[str, Content], edits: Mapping[str, str | None]) -> Overlay:
    entries = {path: None if text is None else plain(text) for path, text in edits.items()}
    blobs = {blob_id(text.encode()): text.encode() for text in edits.values() if text is not None}
    return Overlay(tree(before), entries, blobs)


def everything(snapshot: Snapshot) -> dict[str, str]:
    return {path: snapshot.read(entry.oid).decode() for path, entry in files(snapshot)}


@pytest.mark.parametrize(
    ("before", "edits", "after"),
    [
        ({"a": "1"}, {}, {"a": "1"}),
        ({"a": "1"}, {"a": "2"}, {"a": "2"}),
        ({"a": "1"}, {"b/c/d": "2"}, {"a": "1", "b/c/d": "2"}),
        ({"a/b": "1", "a/c": "1"}, {"a/b": None}, {"a/c": "1"}),
        ({"a/b/c": "1"}, {"a/b/c": None}, {}),
        ({"a/b/c": "1"}, {"a/b/d": "2", "a/b/c": None}, {"a/b/d": "2"}),
        ({}, {"a": None, "b/c": None}, {}),
        ({"a": "1"}, {"a": None, "a/b": "2"}, {"a/b": "2"}),
        ({"a": "1"}, {"a/b": "2", "a": None}, {"a/b": "2"}),
        ({"a": "1"}, {"a/b": "2"}, {"a/b": "2"}),
        ({"a/b": "1", "a/c": "1"}, {"a": "2"}, {"a": "2"}),
        ({"a/b": "1", "a/c": "1"}, {"a": "2", "a/b": None, "a/c": None}, {"a": "2"}),
        ({"a/b": "1"}, {"a": None}, {"a/b": "1"}),
        ({"a/b/c": "1"}, {"a": "2"}, {"a": "2"}),
    ],
)
@pytest.mark.parametrize("backwards", [False, True])
def test_a_tree_with_edits_is_what_it_would_be_once_they_are_made(
    before: dict[str, Content], edits: dict[str, str | None], after: dict[str, str], backwards: bool
) -> None:
    there = overlaid(before, dict(reversed(edits.items())) if backwards else edits)
    assert everything(there) == after
    assert {path: there.entry(path) for path in after} == {path: plain(text) for path, text in after.items()}
    gone = {
        path for path in (*before, *edits) if path not in after and not any(a.startswith(f"{path}/") for a in after)
    }
    assert {path: there.entry(path) for path in gone} == dict.fromkeys(gone)


def test_a_tree_with_edits_reads_what_is_new_and_what_was_there() -> None:
    there = overlaid({"a": "1", "c/d": "old"}, {"b": "22"})
    assert [there.read(blob_id(text)) for text in (b"1", b"22")] == [b"1", b"22"]
    assert [there.size(blob_id(text)) for text in (b"1", b"22")] == [1, 2]
    assert there.listing("c") is there.base.listing("c"), "a folder without edits is the one that was there"


def test_a_tree_with_edits_can_be_compared() -> None:
    base = tree({"a/b": "1", "a/c": "1", "x/y": "1"})
    same = Overlay(base, {"a/b": plain("1")})
    assert list(changes_between(base, same)) == []
    other = Overlay(base, {"a/b": plain("2"), "n/e/w": plain("3")})
    assert list(changes_between(base, other)) == [
        Change("a/b", plain("1"), plain("2")),
        Change("n/e/w", None, plain("3")),
    ]
    assert list(changes_between(other, base)) == [
        Change("a/b", plain("2"), plain("1")),
        Change("n/e/w", plain("3"), None),
    ]
    assert other.entry("n") == Entry(FOLDER, "")


paths = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3).map("/".join)
contents = st.sampled_from(["1", "2"])


def put_all(edits: Mapping[str, str | None]) -> dict[str, Entry]:
    """What lies there after edits, each of which replaces what is in its way."""
    there: dict[str, Entry] = {}
    shelf = Shelf()
    for path, text in edits.items():
        put(there, path, None if text is None else entry_of(shelf, text))
    return there


@given(st.dictionaries(paths, contents, max_size=6), st.dictionaries(paths, contents, max_size=6))
def test_the_changes_between_two_trees_make_one_into_the_other(one: dict[str, str], other: dict[str, str]) -> None:
    shelf = Shelf()
    for text in ("1", "2"):
        shelf.put(text.encode())
    before, after = Tree.of(shelf, put_all(one)), Tree.of(shelf, put_all(other))
    found = list(changes_between(before, after))
    made = Overlay(before, {change.path: change.after for change in found})
    assert dict(files(made)) == dict(files(after))
    assert list(changes_between(made, after)) == []
    assert [change for change in found if change.before == change.after] == []
    assert {change.path: change.before for change in found} == {
        change.path: change.after for change in changes_between(after, before)
    }
    assert (found == []) is (before.root == after.root)


def test_a_tree_that_is_deeper_than_the_stack_is_seen() -> None:
    deep = "/".join(["a"] * 1_200)
    shelf = Shelf()
    before, after = tree({}, shelf), tree({deep: "1"}, shelf)
    assert [path for path, _ in files(after)] == [deep]
    assert [change.path for change in changes_between(before, after)] == [deep]
    assert everything(Overlay(before, {deep: plain("1")}, {blob_id(b"1"): b"1"})) == {deep: "1"}


class Shown(Listing):
    """A listing that says which names it was asked for."""

    def __init__(self, names: Mapping[str, Entry]) -> None:
        self.names = names
        self.asked: list[str] = []

    def __getitem__(self, name: str) -> Entry:
        self.asked.append(name)
        return self.names[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def differing(self, other: Self) -> Iterable[str]:
        return {name for name, _ in self.names.items() ^ other.names.items()}


class Root:
    """A snapshot of one folder."""

    def __init__(self, names: Mapping[str, Entry]) -> None:
        self.names = names

    def entry(self, path: str) -> Entry | None:
        return self.names.get(path)

    def listing(self, folder: str) -> Mapping[str, Entry]:
        return {} if folder else self.names

    def read(self, oid: str) -> bytes:
        raise AssertionError(oid)

    def size(self, oid: str) -> int:
        raise AssertionError(oid)


FEW_NAMES = st.dictionaries(st.sampled_from("abcd"), st.sampled_from([plain("1"), plain("2")]))
SOME_EDITS = st.dictionaries(st.sampled_from("abcde"), st.none() | st.sampled_from([plain("1"), plain("3")]))


@given(FEW_NAMES, SOME_EDITS)
def test_an_edited_listing_is_what_the_edits_make_of_it(
    names: dict[str, Entry], edits: dict[str, Entry | None]
) -> None:
    expected = {name: entry for name, entry in {**names, **edits}.items() if entry is not None}
    edited = Edited(names, edits)
    assert (dict(edited), len(edited)) == (expected, len(expected))
    assert [edited.get(name) for name in "abcdef"] == [expected.get(name) for name in "abcdef"]
    assert ("a" in edited, "f" in edited) == ("a" in expected, False)


@given(FEW_NAMES, SOME_EDITS, FEW_NAMES, SOME_EDITS, st.booleans())
def test_listings_of_any_kind_are_compared_alike(
    one: dict[str, Entry],
    over: dict[str, Entry | None],
    two: dict[str, Entry],
    under: dict[str, Entry | None],
    same: bool,
) -> None:
    plainly = list(changes_between(Root(dict(Edited(one, over))), Root(dict(Edited(one if same else two, under)))))
    first, second = Shown(one), Shown(two)
    kept = first if same else second
    assert list(changes_between(Root(Edited(first, over)), Root(Edited(kept, under)))) == plainly
    assert list(changes_between(Root(Edited(one, over)), Root(Edited(second if not same else first, under)))) == plainly


def test_of_a_large_folder_only_what_differs_is_looked_at() -> None:
    names = {f"f{number}": plain("1") for number in range(1000)}
    before, after = Shown(names), Shown({**names, "f7": plain("2")})
    assert list(changes_between(Root(before), Root(after))) == [Change("f7", plain("1"), plain("2"))]
    assert (before.asked, after.asked) == (["f7"], ["f7"])
    edited = Overlay(Root(before), {"f8": plain("3"), "f9": None})
    assert [change.path for change in changes_between(Root(before), edited)] == ["f8", "f9"]
    assert set(before.asked) == {"f7", "f8", "f9"}
