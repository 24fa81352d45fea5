from __future__ import annotations

import pytest

from gitstage.layout import Slot
from gitstage.rules import nothing_removed
from gitstage.rules.cases import Answer
from tests.registries import Content, effect, manifest, policy_case, policy_file, records_case, slot_case

ONE = manifest("m", "1.0.0")
RECORDS: dict[str, Content] = {
    "models/m/1.0.0.yaml": ONE,
    "models/m/README.md": "A card.",
    "archived/m/1.0.0.yaml": ONE,
    "artifacts/m/1.0.0/model.onnx": "weights",
    "evidence/m/1.0.0/shadow-traffic/1.json": "{}",
    "holds/m/1.0.0.yaml": "held",
    "models/m/notes.txt": "a stray that was there already",
}
OTHERS: dict[str, Content] = {
    "gitstage.yaml": policy_file(),
    ".gitattributes": "* -text -merge\n",
    "README.md": "A registry.",
    "staging/README.md": "What is tested.",
    "notes.txt": "A stray.",
}


@pytest.mark.parametrize("path", [path for path in RECORDS if not path.endswith("README.md")])
def test_no_file_of_a_model_is_removed(path: str) -> None:
    assert list(nothing_removed.records(records_case(RECORDS, {path: None}))) == [
        Answer(
            message="nothing is removed from a registry",
            path=path,
            hint="to go back to an earlier version: gitstage rollback m@STAGE --reason …; "
            "to put this file back: gitstage withdraw m",
        )
    ]


def test_a_model_card_may_be_removed_and_anything_may_be_changed_or_added() -> None:
    edits: dict[str, Content | None] = {
        "models/m/README.md": None,
        "holds/m/1.0.0.yaml": "x",
        "models/m/1.1.0.yaml": ONE,
    }
    assert list(nothing_removed.records(records_case(RECORDS, edits))) == []


@pytest.mark.parametrize(
    ("path", "message"),
    [("gitstage.yaml", "the registry's policy is not removed"), (".gitattributes", "it is not removed")],
)
def test_what_makes_a_registry_is_not_removed(path: str, message: str) -> None:
    assert list(nothing_removed.policy(policy_case(OTHERS, {path: None}))) == [
        Answer(message=message, path=path, hint="gitstage withdraw --policy")
    ]


@pytest.mark.parametrize("path", ["README.md", "staging/README.md", "notes.txt"])
def test_a_readme_and_what_had_no_place_may_be_removed(path: str) -> None:
    assert list(nothing_removed.policy(policy_case(OTHERS, {path: None}))) == []


def test_a_slot_that_was_filled_keeps_its_file() -> None:
    case = slot_case(edits={"production/m.yaml": None}, incoming=None, action="archive", entry=None)
    assert list(nothing_removed.slot(case)) == [
        Answer(
            message="a slot's file is not removed",
            path="production/m.yaml",
            hint="empty it with: gitstage archive m@production --reason …; "
            "put it back with: gitstage withdraw m@production",
        )
    ]


def test_a_slot_that_was_emptied_keeps_its_file() -> None:
    emptied = effect(Slot("m", "production"), 2, after=None, before="1.0.0", action="archive")
    case = slot_case(incoming=None, incumbent=None, action="archive", entry=None, past=[emptied])
    assert [found.message for found in nothing_removed.slot(case)] == ["a slot's file is not removed"]


def test_a_slot_in_which_nothing_ever_took_effect_may_lose_its_file() -> None:
    assert list(nothing_removed.slot(slot_case(incoming=None, incumbent=None, entry=None))) == []


def test_a_slot_that_is_emptied_or_filled_is_not_removed() -> None:
    assert list(nothing_removed.slot(slot_case(incoming=None, action="archive"))) == []
    assert list(nothing_removed.slot(slot_case())) == []


def test_what_was_signed_of_a_policy_is_not_removed() -> None:
    path = f"evidence/policy/{'a' * 64}/approval-bob/1.json"
    assert list(nothing_removed.policy(policy_case({path: "x"}, {path: None}))) == [
        Answer(message="nothing is removed from a registry", path=path, hint="gitstage withdraw --policy")
    ]
    assert list(nothing_removed.policy(policy_case({}, {path: "x"}))) == []
