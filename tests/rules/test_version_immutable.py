from __future__ import annotations

import pytest

from gitstage.changes import SUBMODULE, Entry
from gitstage.manifest import tombstone
from gitstage.rules import version_immutable
from gitstage.rules.cases import LARGEST_DOCUMENT, Answer
from tests.registries import Content, enveloped, manifest, policy_case, records_case, signed_by, statement

ONE = manifest("m", "1.0.0")
OTHER = manifest("m", "1.0.0", auc=1.0)
FIRST, SECOND = statement(ONE), statement(ONE, result="FAILED")
RECORDS: dict[str, Content] = {
    "models/m/1.0.0.yaml": ONE,
    "models/m/README.md": "A card.",
    "archived/m/1.0.0.yaml": ONE,
    "artifacts/m/1.0.0/model.onnx": "weights",
    "evidence/m/1.0.0/shadow-traffic/1.json": FIRST,
    "holds/m/1.0.0.yaml": "held",
}


@pytest.mark.parametrize(
    "edits",
    [
        {"models/m/1.1.0.yaml": manifest("m", "1.1.0")},
        {"archived/m/1.1.0.yaml": manifest("m", "1.1.0")},
        {"models/m/README.md": "Another card."},
        {"holds/m/1.0.0.yaml": "released"},
        {"evidence/m/1.0.0/shadow-traffic/2.json": SECOND},
        {"evidence/m/1.0.0/load-test/1.json": FIRST},
        {
            "evidence/m/1.0.0/shadow-traffic/2.json": SECOND,
            "evidence/m/1.0.0/shadow-traffic/3.json": statement(ONE, x=1),
        },
        {"models/m/1.0.0.yaml": None},
    ],
)
def test_what_is_new_or_may_change_passes(edits: dict[str, Content | None]) -> None:
    assert list(version_immutable.records(records_case(RECORDS, edits))) == []


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("models/m/1.0.0.yaml", "a version"),
        ("archived/m/1.0.0.yaml", "an archived version"),
        ("evidence/m/1.0.0/shadow-traffic/1.json", "evidence"),
        ("artifacts/m/1.0.0/model.onnx", "an artifact"),
    ],
)
def test_what_is_written_never_changes(path: str, what: str) -> None:
    assert list(version_immutable.records(records_case(RECORDS, {path: OTHER}))) == [
        Answer(
            message=f"{what} never changes",
            path=path,
            hint="put it back with: gitstage withdraw m; then register the change as a new version",
        )
    ]


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        ({"3": SECOND}, [("3", "the next number of shadow-traffic is 2")]),
        ({"3": SECOND, "4": FIRST}, [("3", "the next number of shadow-traffic is 2")]),
        ({"2": FIRST}, [("2", "says the same as 1.json")]),
        ({"2": SECOND, "3": FIRST}, [("3", "says the same as 1.json")]),
        ({"2": FIRST.replace(b"\n  ", b"\n   ")}, [("2", "says the same as 1.json")]),
        ({"2": FIRST.replace(b"PASSED", b"P\\u0041SSED")}, [("2", "says the same as 1.json")]),
        (
            {"2": '{"b": 1, "a": {"d": 2, "c": 3}}', "3": '{"a": {"c": 3, "d": 2}, "b": 1}'},
            [("3", "says the same as 2.json")],
        ),
        ({"2": '{"a": [1, 2]}', "3": '{"a": [2, 1]}'}, []),
        ({"2": "no statement"}, []),
        ({"2": "no statement", "3": "no statement"}, [("3", "says the same as 2.json")]),
        ({"²": SECOND, "2": SECOND}, []),
        ({"2": enveloped(SECOND)}, []),
        ({"2": enveloped(FIRST)}, [("2", "says the same as 1.json")]),
        ({"2": enveloped(SECOND), "3": enveloped(SECOND, b"another")}, [("3", "says the same as 2.json")]),
        ({"2": enveloped(SECOND), "3": SECOND + b" "}, [("3", "says the same as 2.json")]),
        ({"2": enveloped(b"{"), "3": enveloped(b"{", b"another")}, []),
    ],
)
def test_evidence_has_the_next_number_and_a_payload_that_is_not_there_yet(
    edits: dict[str, Content], said: list[tuple[str, str]]
) -> None:
    folder = "evidence/m/1.0.0/shadow-traffic"
    case = records_case(RECORDS, {f"{folder}/{number}.json": content for number, content in edits.items()})
    answers = [(found.path, found.message) for found in version_immutable.records(case)]
    assert answers == [(f"{folder}/{number}.json", message) for number, message in said]


@pytest.mark.usefixtures("no_garbage_is_collected")
def test_what_is_too_large_or_no_file_is_told_apart_by_its_blob() -> None:
    large = "[" + "1," * 500_001 + "1]"
    folder = "evidence/m/1.0.0/load-test"
    edits: dict[str, Content | None] = {
        f"{folder}/1.json": large,
        f"{folder}/2.json": large + " ",
        f"{folder}/3.json": large,
        f"{folder}/4.json": Entry(SUBMODULE, "d" * 40),
        f"{folder}/5.json": "[" * 100_000,
    }
    said = [(found.path, found.message) for found in version_immutable.records(records_case(RECORDS, edits))]
    assert said == [(f"{folder}/3.json", "says the same as 1.json")]


@pytest.mark.parametrize("size", [LARGEST_DOCUMENT, LARGEST_DOCUMENT + 1])
def test_what_says_the_same_is_read_as_long_as_it_is_no_larger_than_a_document(size: int) -> None:
    folder = "evidence/m/1.0.0/load-test"
    edits: dict[str, Content | None] = {
        f"{folder}/1.json": "[1, 2]" + " " * (size - 6),
        f"{folder}/2.json": "[1,2]" + " " * (size - 5),
    }
    said = [found.message for found in version_immutable.records(records_case(RECORDS, edits))]
    assert said == (["says the same as 1.json"] if size == LARGEST_DOCUMENT else [])


def test_a_gap_that_was_there_before_is_not_asked_about_again() -> None:
    case = records_case(
        RECORDS, {"evidence/m/1.0.0/load-test/1.json": FIRST, "evidence/m/1.1.0/load-test/1.json": FIRST}
    )
    assert list(version_immutable.records(case)) == []


def test_what_was_signed_once_says_the_same_whoever_signs_it_again() -> None:
    folder = "evidence/m/1.0.0/shadow-traffic/"
    there: dict[str, Content] = {**RECORDS, f"{folder}1.json": signed_by(FIRST, "alice"), f"{folder}2.json": SECOND}
    for again in (signed_by(FIRST, "bob"), signed_by(FIRST, "alice", "bob"), FIRST):
        (answer,) = version_immutable.records(records_case(there, {f"{folder}3.json": again}))
        assert answer == Answer(message="says the same as 1.json", path=f"{folder}3.json")


POLICY_FOLDER = f"evidence/policy/{'a' * 64}/approval-bob/"


@pytest.mark.parametrize(
    ("edits", "answers"),
    [
        ({"2.json": SECOND}, []),
        ({"2.json": SECOND, "3.json": "x"}, []),
        (
            {"1.json": SECOND},
            [
                Answer(
                    message="evidence never changes",
                    path=f"{POLICY_FOLDER}1.json",
                    hint="gitstage withdraw --policy",
                )
            ],
        ),
        ({"2.json": FIRST + b" "}, [Answer(message="says the same as 1.json", path=f"{POLICY_FOLDER}2.json")]),
        (
            {"3.json": SECOND},
            [
                Answer(
                    message=f"the next number of {'a' * 64}/approval-bob is 2",
                    path=f"{POLICY_FOLDER}3.json",
                )
            ],
        ),
        ({"1.json": None}, []),
    ],
)
def test_what_was_signed_of_a_policy_stays_too(edits: dict[str, Content | None], answers: list[Answer]) -> None:
    case = policy_case({f"{POLICY_FOLDER}1.json": FIRST}, {f"{POLICY_FOLDER}{name}": edits[name] for name in edits})
    assert list(version_immutable.policy(case)) == answers


def test_of_what_changes_or_goes_the_numbers_are_not_asked() -> None:
    folder = "evidence/m/1.0.0/shadow-traffic"
    gap: dict[str, Content] = {**RECORDS, f"{folder}/3.json": SECOND}
    assert list(version_immutable.records(records_case(gap, {f"{folder}/1.json": None}))) == []
    (answer,) = version_immutable.records(records_case(gap, {f"{folder}/1.json": SECOND}))
    assert answer.message == "evidence never changes"
    gap = {f"{POLICY_FOLDER}1.json": FIRST, f"{POLICY_FOLDER}3.json": SECOND}
    (answer,) = version_immutable.policy(policy_case(gap, {f"{POLICY_FOLDER}1.json": SECOND, "README.md": "x"}))
    assert answer.message == "evidence never changes"


def test_a_tombstone_hides_nothing_that_changes_behind_it() -> None:
    stone = tombstone(b"weights", "learnt a secret")
    edits: dict[str, Content | None] = {
        "artifacts/m/1.0.0/model.onnx": stone,
        "evidence/m/1.0.0/shadow-traffic/1.json": SECOND,
        "models/m/1.0.0.yaml": OTHER,
    }
    assert [(found.path, found.message) for found in version_immutable.records(records_case(RECORDS, edits))] == [
        ("evidence/m/1.0.0/shadow-traffic/1.json", "evidence never changes"),
        ("models/m/1.0.0.yaml", "a version never changes"),
    ]


def test_evidence_of_several_names_and_versions_is_asked_in_their_order() -> None:
    names = ["evidence/m/1.1.0/b", "evidence/m/1.0.0/b", "evidence/m/1.0.0/a"]
    edits: dict[str, Content | None] = {f"{name}/2.json": FIRST for name in names}
    answers = [found.path for found in version_immutable.records(records_case(RECORDS, edits))]
    assert answers == [f"{name}/2.json" for name in reversed(names)]
