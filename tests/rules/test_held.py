from __future__ import annotations

from typing import Any

import pytest

from gitstage.changes import EXECUTABLE, LINK, SUBMODULE, Entry
from gitstage.rules import held
from gitstage.rules.cases import Answer
from tests.registries import Content, empty_slot, hold, slot_case, tree

PATH = "holds/m/1.1.0.yaml"


def refused(reason: str) -> list[Answer]:
    return [Answer(message=f"1.1.0 is held: {reason}", path=PATH, hint="gitstage unhold m@1.1.0 --reason …")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (hold("m", "1.1.0"), refused("it drifts")),
        (hold("m", "1.1.0", state="released"), []),
        ("no hold at all", refused("its hold cannot be read")),
        (empty_slot("m"), refused("its hold cannot be read")),
        (Entry(SUBMODULE, "d" * 40), refused("its hold cannot be read")),
        (Entry(LINK, "d" * 40), refused("its hold cannot be read")),
        (Entry(EXECUTABLE, "d" * 40), refused("its hold cannot be read")),
    ],
)
@pytest.mark.parametrize("action", ["promote", "adopt", "rollback"])
def test_a_version_that_is_held_enters_no_stage(content: Content, said: list[Answer], action: str) -> None:
    assert list(held.slot(slot_case(edits={PATH: content}, action=action))) == said


def test_a_folder_in_the_place_of_a_hold_holds() -> None:
    assert list(held.slot(slot_case(edits={f"{PATH}/x": "?"}))) == refused("its hold cannot be read")


@pytest.mark.parametrize("where", ["head", "passed", "tip"])
def test_a_hold_counts_in_the_records_that_passed_at_the_head_and_at_the_tip(where: str) -> None:
    there: dict[str, Any] = {where: tree({PATH: hold("m", "1.1.0")})}
    assert list(held.slot(slot_case(**there))) == refused("it drifts")


def test_a_hold_of_another_version_or_model_holds_nothing() -> None:
    files: dict[str, Content] = {"holds/m/1.0.0.yaml": hold("m", "1.0.0"), "holds/x/1.1.0.yaml": hold("x", "1.1.0")}
    assert list(held.slot(slot_case(edits=files))) == []


def test_a_slot_is_emptied_whatever_is_held() -> None:
    case = slot_case(edits={"holds/m/1.0.0.yaml": hold("m", "1.0.0")}, incoming=None, action="archive")
    assert list(held.slot(case)) == []
