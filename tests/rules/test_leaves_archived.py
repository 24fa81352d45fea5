from __future__ import annotations

import pytest

from gitstage.changes import blob_id
from gitstage.rules import leaves_archived
from gitstage.rules.cases import Answer
from tests.registries import Content, manifest, records_case, slot_case

ONE, TWO = manifest("m", "1.0.0"), manifest("m", "1.1.0")
MISSING = Answer(
    message="1.0.0 leaves production and is not in archived/",
    path="archived/m/1.0.0.yaml",
    hint="gitstage promote and gitstage archive list it by themselves; by hand: "
    "cp models/m/1.0.0.yaml archived/m/1.0.0.yaml",
)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"archived/m/1.0.0.yaml": ONE}, []),
        ({}, [MISSING]),
        ({"archived/m/1.0.0.yaml": TWO}, [MISSING]),
        ({"archived/m/1.1.0.yaml": ONE}, [MISSING]),
        ({"archived/other/1.0.0.yaml": ONE}, [MISSING]),
        ({"staging/m.yaml": ONE}, [MISSING]),
    ],
)
def test_what_leaves_a_slot_is_archived_by_the_same_change(files: dict[str, Content], said: list[Answer]) -> None:
    assert list(leaves_archived.slot(slot_case(edits=files))) == said
    assert list(leaves_archived.slot(slot_case(edits=files, incoming=None, action="archive"))) == said


def test_an_empty_slot_has_nothing_to_archive() -> None:
    assert list(leaves_archived.slot(slot_case(incumbent=None))) == []


def test_what_stays_leaves_nothing() -> None:
    case = slot_case(incoming="1.0.0", after_blob=blob_id(ONE))
    assert list(leaves_archived.slot(case)) == []


def test_what_has_left_a_slot_stays_archived() -> None:
    models: dict[str, Content] = {"models/m/1.0.0.yaml": ONE, "models/m/1.1.0.yaml": TWO, "archived/m/1.1.0.yaml": TWO}
    left = ["1.0.0", "1.1.0", "9.9.9"]
    assert list(leaves_archived.records(records_case(models, {"models/m/README.md": "A card."}, left=left))) == [
        Answer(
            message="1.0.0 has left a slot and is not in archived/",
            path="archived/m/1.0.0.yaml",
            hint="gitstage withdraw m",
        )
    ]
    assert list(leaves_archived.records(records_case(models, {"archived/m/1.0.0.yaml": ONE}, left=left))) == []


def test_a_slot_that_is_removed_or_matches_nothing_is_left_to_the_rules_that_say_so() -> None:
    assert list(leaves_archived.slot(slot_case(incoming=None, action="archive", entry=None))) == []
    assert list(leaves_archived.slot(slot_case(matched=False, after=None, after_blob=None))) == []


def test_who_reverts_a_promotion_is_told_of_the_rollback() -> None:
    assert list(leaves_archived.slot(slot_case(action="rollback"))) == [
        Answer(
            message="1.0.0 leaves production and is not in archived/",
            path="archived/m/1.0.0.yaml",
            hint="gitstage withdraw m@production, then gitstage rollback m@production --to 1.1.0 --reason …",
        )
    ]
