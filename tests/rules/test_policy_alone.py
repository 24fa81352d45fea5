from __future__ import annotations

import pytest

from gitstage.layout import Slot
from gitstage.rules import policy_alone
from gitstage.rules.cases import Answer
from tests.registries import STAGES, Content, empty_slot, manifest, policy_case, policy_file, slot_case

ONE = manifest("m", "1.0.0")
CANARY = {**STAGES, "canary": {"from": ["staging"]}}
RETIRED = {**STAGES, "production": {"retired": True}}


def said(
    before: dict[str, Content], edits: dict[str, Content | None], filled: tuple[Slot, ...] = ()
) -> list[tuple[str | None, int | None, str]]:
    case = policy_case(before, edits, filled)
    return [(found.path, found.line, found.message) for found in policy_alone.policy(case)]


def changed(
    old: bytes, new: bytes, more: dict[str, Content] | None = None, filled: tuple[Slot, ...] = ()
) -> list[tuple[str | None, int | None, str]]:
    before: dict[str, Content] = {"gitstage.yaml": old, "models/m/1.0.0.yaml": ONE, "staging/README.md": "x"}
    return said({**before, **(more or {})}, {"gitstage.yaml": new}, filled)


@pytest.mark.parametrize(
    "new",
    [
        policy_file(),
        policy_file(CANARY),
        policy_file({"production": {"from": ["staging"], "keep": "1h"}, "staging": {"from": ["registered"]}}),
        policy_file(
            trunk="trunk", tags="ci", adopt_until="2027-01-01", protected=["CODEOWNERS"], ledger="refs/heads/l"
        ),
        policy_file({**CANARY, "canary": {"retired": True}}),
        policy_file(RETIRED),
    ],
)
def test_a_policy_under_which_everything_in_effect_is_valid_passes(new: bytes) -> None:
    assert changed(policy_file(), new) == []


@pytest.mark.parametrize(
    ("new", "line", "message"),
    [
        (
            policy_file(id="11111111-1111-1111-1111-111111111111"),
            3,
            "id never changes: it was '4f6c1c1e-8a39-4a0e-9d7e-2f1b7c0a5f11'",
        ),
        (policy_file(tag_prefix="risk/"), 5, "tag-prefix never changes: it was ''"),
        (policy_file({"staging": {"from": ["registered"]}}), 4, "the stage production is never taken out"),
        (policy_file(versions="integer"), 5, "versions: is not changed once a version is registered"),
    ],
)
def test_what_a_registry_is_known_by_never_changes(new: bytes, line: int, message: str) -> None:
    assert changed(policy_file(), new) == [("gitstage.yaml", line, message)]


def test_a_stage_that_is_taken_out_is_told_how_to_retire() -> None:
    case = policy_case({"gitstage.yaml": policy_file(CANARY)}, {"gitstage.yaml": policy_file()})
    assert list(policy_alone.policy(case)) == [
        Answer(
            message="the stage canary is never taken out",
            path="gitstage.yaml",
            line=4,
            hint="empty its slots, then say: canary: {retired: true}",
        )
    ]


def test_versions_are_written_anew_while_there_is_none() -> None:
    assert said({"gitstage.yaml": policy_file()}, {"gitstage.yaml": policy_file(versions="integer")}) == []


@pytest.mark.parametrize(
    ("files", "paths"),
    [
        ({"canary/README.md": "x"}, []),
        ({"canary/m.yaml": ONE}, ["canary/m.yaml"]),
        ({"canary/m.yaml": empty_slot("m")}, ["canary/m.yaml"]),
        ({"canary/deep/README.md": "x", "canary/x": "x"}, ["canary/deep/README.md", "canary/x"]),
    ],
)
def test_the_directory_of_a_new_stage_holds_nothing_but_a_readme(files: dict[str, Content], paths: list[str]) -> None:
    message = "the directory of the new stage canary holds something already"
    assert changed(policy_file(), policy_file(CANARY), files) == [(path, None, message) for path in paths]


def test_a_stage_that_was_there_may_hold_anything() -> None:
    assert changed(policy_file(CANARY), policy_file(CANARY, trunk="x"), {"canary/m.yaml": ONE}) == []


@pytest.mark.parametrize(
    ("files", "paths"),
    [
        ({"production/README.md": "x", "production/m.yaml": empty_slot("m")}, []),
        ({"production/m.yaml": ONE}, ["production/m.yaml"]),
        ({"production/m.yaml": empty_slot("x"), "production/x": "x"}, ["production/m.yaml", "production/x"]),
    ],
)
@pytest.mark.parametrize("old", [policy_file(), None])
def test_a_stage_retires_with_empty_slots(files: dict[str, Content], paths: list[str], old: bytes | None) -> None:
    before: dict[str, Content] = {**files} if old is None else {**files, "gitstage.yaml": old}
    message = "the stage production retires only with empty slots"
    assert said(before, {"gitstage.yaml": policy_file(RETIRED)}) == [(path, None, message) for path in paths]


def test_a_stage_does_not_retire_under_what_is_in_effect_whatever_the_tree_declares() -> None:
    slots = (Slot("m", "production"), Slot("m", "staging"))
    case = policy_case({"gitstage.yaml": policy_file()}, {"gitstage.yaml": policy_file(RETIRED)}, slots)
    assert list(policy_alone.policy(case)) == [
        Answer(
            message="a version of m is in effect in production, which retires only with empty slots",
            path="production/m.yaml",
            hint="gitstage archive m@production --reason …",
        )
    ]


def test_a_stage_that_is_retired_is_not_asked_again_and_may_come_back() -> None:
    files: dict[str, Content] = {"production/m.yaml": ONE}
    assert changed(policy_file(RETIRED), policy_file(RETIRED, trunk="x"), files, (Slot("m", "production"),)) == []
    assert changed(policy_file(RETIRED), policy_file(), files) == []


@pytest.mark.parametrize(
    ("stage", "model"),
    [("risk", "risk/fraud"), ("fraud", "risk/fraud"), ("FRAUD", "risk/fraud"), ("canary", "canary")],
)
def test_no_stage_is_called_like_a_model(stage: str, model: str) -> None:
    files: dict[str, Content] = {f"models/{model}/1.0.0.yaml": ONE, f"models/{model}/2.0.0.yaml": ONE}
    new = policy_file({**STAGES, stage: {"from": ["staging"]}})
    part = next(part for part in model.split("/") if part.lower() == stage.lower())
    assert changed(policy_file(), new, files) == [
        ("gitstage.yaml", None, f"the model {model} could not be called so: {part!r} is the name of a stage")
    ]


def test_a_model_that_passed_counts_though_its_files_are_taken_away() -> None:
    before: dict[str, Content] = {"gitstage.yaml": policy_file()}
    canary = policy_case(before, {"gitstage.yaml": policy_file(CANARY)}, displaced=["risk/canary"])
    assert [found.message for found in policy_alone.policy(canary)] == [
        "the model risk/canary could not be called so: 'canary' is the name of a stage"
    ]
    numbers = policy_case(before, {"gitstage.yaml": policy_file(versions="integer")}, displaced=["m"])
    assert [found.message for found in policy_alone.policy(numbers)] == [
        "versions: is not changed once a version is registered"
    ]


def test_what_is_no_version_makes_no_model() -> None:
    files: dict[str, Content] = {"models/canary/notes.yaml": "x", "models/canary/README.md": "x", "models/x.yaml": "x"}
    assert changed(policy_file(), policy_file(CANARY), files) == []


def test_a_new_registry_takes_the_policy_at_its_head() -> None:
    files: dict[str, Content] = {"models/m/1.0.0.yaml": ONE, "staging/m.yaml": ONE}
    assert said(files, {"gitstage.yaml": policy_file(versions="integer", tag_prefix="a/")}) == []


def test_a_policy_that_cannot_be_read_is_left_to_the_rule_that_reads_it() -> None:
    assert changed(policy_file(), b"{}") == []
    assert said({"gitstage.yaml": policy_file()}, {"gitstage.yaml": None}) == []


@pytest.mark.parametrize(
    ("action", "hint"),
    [
        *((action, "land the policy first; here: gitstage withdraw m@production") for action in ("promote", "adopt")),
        ("archive", "land the policy first; here: gitstage withdraw m@production"),
        # It lands on what the file says already: typed again it changes nothing, and would be refused once more.
        ("rollback", "gitstage withdraw m@production, then: gitstage rollback m@production --reason …"),
    ],
)
def test_a_slot_that_changes_with_the_policy_is_refused(action: str, hint: str) -> None:
    assert list(policy_alone.slot(slot_case(action=action, with_policy=True))) == [
        Answer(
            message="the policy, or a path that it protects, changes in the same commit",
            path="production/m.yaml",
            hint=hint,
        )
    ]
    assert list(policy_alone.slot(slot_case(action=action))) == []


def test_what_a_model_is_called_is_asked_only_where_stages_are_new() -> None:
    """It passed once, under whatever rules there were."""
    same = policy_case(
        {"gitstage.yaml": policy_file()}, {"gitstage.yaml": policy_file(trunk="x")}, displaced=["staging"]
    )
    assert list(policy_alone.policy(same)) == []
