from __future__ import annotations

from typing import Any

import pytest

from gitstage.changes import Nothing
from gitstage.manifest import tombstone
from gitstage.rules import slot_matches_version
from gitstage.rules.cases import Answer
from tests.registries import Content, manifest, records_case, slot_case

ONE, TWO = manifest("m", "1.0.0"), manifest("m", "2.0.0")
MODELS: dict[str, Content] = {"models/m/1.0.0.yaml": ONE, "models/m/2.0.0.yaml": TWO}


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        ({"archived/m/1.0.0.yaml": ONE}, None),
        ({"archived/m/1.0.0.yaml": TWO}, "is not byte for byte models/m/1.0.0.yaml"),
        ({"archived/m/1.0.0.yaml": ONE + b"\n"}, "is not byte for byte models/m/1.0.0.yaml"),
        ({"archived/m/3.0.0.yaml": ONE}, "m 3.0.0 is not registered"),
        ({"archived/m/3.0.0.yaml": TWO, "models/m/3.0.0.yaml": TWO}, None),
        ({"models/m/3.0.0.yaml": ONE}, None),
    ],
)
def test_what_is_archived_is_the_version_of_its_path(edits: dict[str, Content | None], said: str | None) -> None:
    answers = list(slot_matches_version.records(records_case(MODELS, edits)))
    assert answers == ([] if said is None else [Answer(message=said, path=next(iter(edits)))])


def test_what_was_archived_before_is_not_asked_about() -> None:
    case = records_case({**MODELS, "archived/m/1.0.0.yaml": ONE}, {"archived/m/1.0.0.yaml": None})
    assert list(slot_matches_version.records(case)) == []


def test_a_slot_that_matches_no_version_is_refused() -> None:
    assert list(slot_matches_version.slot(slot_case(matched=False, after=None))) == [
        Answer(
            message="is byte for byte none of the registered versions of m",
            path="production/m.yaml",
            hint="gitstage withdraw m@production, then gitstage promote m@VERSION --to production",
        )
    ]


def test_a_slot_that_holds_a_version_or_is_empty_passes() -> None:
    cases = [slot_case(), slot_case(incoming=None, action="archive"), slot_case(incoming=None, entry=None)]
    assert [list(slot_matches_version.slot(case)) for case in cases] == [[], [], []]


def test_all_that_is_archived_is_looked_at() -> None:
    edits: dict[str, Content | None] = {
        "models/m/1.1.0.yaml": manifest("m", "1.1.0"),
        "archived/m/1.1.0.yaml": manifest("m", "1.1.0"),
        "archived/m/2.0.0.yaml": ONE,
        "archived/m/1.0.0.yaml": None,
        "archived/m/3.0.0.yaml": TWO,
    }
    case = records_case({**MODELS, "archived/m/1.0.0.yaml": ONE}, edits)
    assert list(slot_matches_version.records(case)) == [
        Answer(message="is not byte for byte models/m/2.0.0.yaml", path="archived/m/2.0.0.yaml"),
        Answer(message="m 3.0.0 is not registered", path="archived/m/3.0.0.yaml"),
    ]


STONE: dict[str, Any] = {"production/m.yaml": tombstone(manifest("m", "1.1.0"), "a name")}


def test_a_version_that_was_redacted_enters_no_stage() -> None:
    assert list(slot_matches_version.slot(slot_case(edits=STONE, version_in=lambda *_: None))) == [
        Answer(message="1.1.0 was redacted, and enters no stage", path="production/m.yaml")
    ]


def test_only_a_tombstone_is_taken_for_one() -> None:
    cases = [
        slot_case(version_in=lambda *_: None),  # a manifest that cannot be read, which others see to
        slot_case(edits=STONE),
        slot_case(edits=STONE, after=None, version_in=lambda *_: None),
        slot_case(entry=None, version_in=lambda *_: None),
    ]
    assert [list(slot_matches_version.slot(case)) for case in cases] == [[]] * len(cases)
    assert list(slot_matches_version.slot(slot_case(matched=False, entry=None, head=Nothing()))) == []
