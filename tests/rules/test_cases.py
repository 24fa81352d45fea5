from __future__ import annotations

import pytest

from gitstage.changes import EXECUTABLE, FILE, FOLDER, LINK, SUBMODULE, Entry, blob_id
from gitstage.layout import Layout, Slot
from gitstage.rules.cases import is_listed, is_model, version_of_blob, what_it_is
from tests.registries import Content, effect, manifest, slot_case, tree

ONE, TWO = manifest("m", "1.0.0"), manifest("m", "1.1.0")
LAYOUT = Layout(frozenset({"staging"}))


@pytest.mark.parametrize(
    ("mode", "what"),
    [
        (FILE, None),
        (LINK, "is a symbolic link"),
        (SUBMODULE, "is a submodule"),
        (EXECUTABLE, "has the executable bit"),
        (FOLDER, "is no regular file"),
        (0o100664, "is no regular file"),
    ],
)
def test_an_entry_is_a_plain_file_or_says_what_it_is(mode: int, what: str | None) -> None:
    assert what_it_is(Entry(mode, "d" * 40)) == what


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"models/m/1.0.0.yaml": ONE, "models/m/1.1.0.yaml": TWO}, "1.0.0"),
        ({"models/m/1.1.0.yaml": TWO}, None),
        ({"models/m/1.0.0.yaml": Entry(EXECUTABLE, blob_id(ONE))}, None),
        ({"models/m/README.md": ONE}, None),
        ({"models/m/1.0.0": ONE, "models/m/one.yaml": ONE}, None),
        ({"models/other/1.0.0.yaml": ONE}, None),
        ({}, None),
    ],
)
def test_a_blob_is_the_version_whose_manifest_it_is(files: dict[str, Content], version: str | None) -> None:
    assert version_of_blob(tree(files), LAYOUT, "m", blob_id(ONE)) == version


def test_a_model_has_a_version() -> None:
    registry = tree({"models/m/1.0.0.yaml": ONE, "models/a/b/1.0.0.yaml": ONE, "models/c/README.md": "x"})
    assert [name for name in ("m", "a", "a/b", "c", "d") if is_model(registry, LAYOUT, name)] == ["m", "a/b"]


def test_a_version_is_listed_with_exactly_its_bytes() -> None:
    registry = tree({"archived/m/1.0.0.yaml": ONE, "archived/m/1.1.0.yaml": ONE})
    assert is_listed(registry, "m", "1.0.0", blob_id(ONE))
    assert not is_listed(registry, "m", "1.1.0", blob_id(TWO))
    assert not is_listed(registry, "m", "1.2.0", blob_id(ONE))
    assert not is_listed(registry, "m", "1.0.0", None)


def test_a_case_reads_what_comes_in_and_what_is_in_effect() -> None:
    case = slot_case(stage="production", sources=["staging", "archived"])
    incoming, incumbent = case.incoming(), case.incumbent()
    assert incoming is not None
    assert incumbent is not None
    assert (incoming.version, incumbent.version, case.from_stages) == ("1.1.0", "1.0.0", ("staging",))
    assert case.effects == (effect(Slot("m", "production")),)
    empty = slot_case(incoming=None, incumbent=None)
    assert (empty.incoming(), empty.incumbent(), empty.effects) == (None, None, ())


def test_a_slot_stays_empty_where_nothing_ever_was() -> None:
    assert slot_case(incoming=None, incumbent=None).stays_empty
    assert not slot_case(incoming=None, incumbent=None, entry=None).stays_empty
    assert not slot_case(incoming=None, incumbent=None, matched=False).stays_empty
    assert not slot_case(incoming=None).stays_empty
    assert not slot_case(incumbent=None).stays_empty
