"""A tree that changes path by path is the tree that git would have, and shares what did not change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstage.changes import FILE, FOLDER, LINK, Change, Edited, Entry, changes_between, files
from gitstage.folders import LARGE, MOST_EDITS, Folders
from tests.registries import Shelf, Tree


class OneBlob:
    """Blobs that all say the same."""

    def read(self, oid: str) -> bytes:
        return oid.encode()

    def size(self, oid: str) -> int:
        return len(oid)


def tree(**names: str) -> Folders:
    """A tree of files: `a__b="1"` is the blob 1 at a/b."""
    return Folders(OneBlob()).holding((path.replace("__", "/"), Entry(FILE, oid)) for path, oid in names.items())


def test_what_lies_where_is_said_as_of_any_other_tree() -> None:
    here = tree(top="1", a__b__c="2", a__d="3")
    assert list(files(here)) == [("a/b/c", Entry(FILE, "2")), ("a/d", Entry(FILE, "3")), ("top", Entry(FILE, "1"))]
    assert here.entry("a/b/c") == Entry(FILE, "2")
    assert [found and found.mode for found in (here.entry(""), here.entry("a"), here.entry("a/b"))] == [FOLDER] * 3
    assert [here.entry(path) for path in ("nope", "a/nope", "nope/a/b", "top/a", "a/b/c/d")] == [None] * 5
    assert [dict(here.listing(path)) for path in ("nope", "top", "a/nope/x")] == [{}, {}, {}]
    assert dict(here.listing("a/b")) == {"c": Entry(FILE, "2")}
    assert (here.read("23"), here.size("23")) == (b"23", 2)


def test_what_did_not_change_is_the_same_object_and_what_did_leaves_the_old_tree_alone() -> None:
    before = tree(a__b__c="2", d__e="3")
    after = before.changed([Change("a/b/c", Entry(FILE, "2"), Entry(FILE, "4"))])
    assert after.listing("d") is before.listing("d")
    assert list(changes_between(before, after)) == [Change("a/b/c", Entry(FILE, "2"), Entry(FILE, "4"))]
    assert before.entry("a/b/c") == Entry(FILE, "2")
    assert before.changed([]) is before


def test_a_folder_that_becomes_empty_goes_and_a_file_may_take_its_place() -> None:
    before = tree(a__b__c="2", d="3")
    assert list(files(before.changed([Change("a/b/c", Entry(FILE, "2"), None)]))) == [("d", Entry(FILE, "3"))]
    for changes in (
        [Change("a/b/c", Entry(FILE, "2"), None), Change("a", None, Entry(LINK, "5"))],
        [Change("a", None, Entry(LINK, "5")), Change("a/b/c", Entry(FILE, "2"), None)],
    ):
        after = before.changed(changes)
        assert list(files(after)) == [("a", Entry(LINK, "5")), ("d", Entry(FILE, "3"))]
        assert after.listing("a") == {}
    for changes in (
        [Change("d", Entry(FILE, "3"), None), Change("d/e", None, Entry(FILE, "6"))],
        [Change("d/e", None, Entry(FILE, "6")), Change("d", Entry(FILE, "3"), None)],
    ):
        assert list(files(before.changed(changes))) == [("a/b/c", Entry(FILE, "2")), ("d/e", Entry(FILE, "6"))]


def test_what_is_removed_twice_is_gone_all_the_same() -> None:
    for path in ("b", "b/c"):
        assert list(files(tree(a="1").changed([Change(path, Entry(FILE, "2"), None)]))) == [("a", Entry(FILE, "1"))]


paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)


def without_clashes(chosen: dict[str, str]) -> dict[str, Entry]:
    """Files of which none lies below another."""
    kept: dict[str, Entry] = {}
    for path, oid in sorted(chosen.items()):
        if not any(path.startswith(f"{other}/") for other in kept):
            kept[path] = Entry(FILE, oid)
    return kept


trees = st.dictionaries(paths, st.sampled_from("12")).map(without_clashes)


@pytest.mark.parametrize(("large", "most"), [(256, 64), (1, 1), (2, 3)])
@given(st.lists(trees, min_size=1, max_size=6))
def test_whatever_changes_the_tree_is_that_of_its_files(large: int, most: int, line: list[dict[str, Entry]]) -> None:
    shelf, here = Shelf(), Folders(OneBlob())
    before, trees_so_far = Tree.of(shelf, {}), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gitstage.folders.LARGE", large)
        patch.setattr("gitstage.folders.MOST_EDITS", most)
        for chosen in line:
            after = Tree.of(shelf, chosen)
            there, here = here, here.changed(changes_between(before, after))
            assert dict(files(here)) == chosen
            assert list(changes_between(there, here)) == list(changes_between(before, after))
            before = after
            trees_so_far.append((here, chosen))
        assert [dict(files(tree)) for tree, _ in trees_so_far] == [chosen for _, chosen in trees_so_far]


def test_a_large_folder_is_not_copied_for_each_change() -> None:
    here = tree(**{f"a__{number}": "1" for number in range(LARGE)})
    all_names = here.listing("a")
    for number in range(MOST_EDITS):
        here = here.changed([Change(f"a/{number}", Entry(FILE, "1"), Entry(FILE, "2") if number % 2 else None)])
        names = here.listing("a")
        assert isinstance(names, Edited)
        assert names.base is all_names
    here = here.changed([Change("a/new", None, Entry(FILE, "3"))])
    names = here.listing("a")
    assert (type(names), len(names)) == (dict, LARGE - MOST_EDITS // 2 + 1)
    assert names == {
        **{f"{number}": Entry(FILE, "2") for number in range(1, MOST_EDITS, 2)},
        **{f"{number}": Entry(FILE, "1") for number in range(MOST_EDITS, LARGE)},
        "new": Entry(FILE, "3"),
    }
