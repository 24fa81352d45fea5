from __future__ import annotations

import pytest

from gitstage.findings import Verdict
from gitstage.rules import stage_order
from gitstage.rules.cases import Answer
from tests.registries import STAGES, policy_file, slot_case

HINT = "gitstage withdraw m@production; then gitstage promote m@1.1.0 --to staging"


@pytest.mark.parametrize(
    ("stage", "sources"),
    [
        ("production", ["staging"]),
        ("production", ["staging", "archived"]),
        ("staging", ["registered"]),
        ("staging", ["archived", "production"]),
    ],
)
def test_a_version_enters_a_stage_from_one_that_its_from_names(stage: str, sources: list[str]) -> None:
    assert list(stage_order.slot(slot_case(stage=stage, sources=sources))) == []


@pytest.mark.parametrize(
    ("sources", "was"),
    [([], "nowhere"), (["registered"], "registered"), (["canary", "archived"], "archived, canary")],
)
def test_a_version_that_skips_a_stage_is_refused(sources: list[str], was: str) -> None:
    assert list(stage_order.slot(slot_case(sources=sources))) == [
        Answer(
            message=f"1.1.0 enters production from staging; before this change it was in effect: {was}",
            path="production/m.yaml",
            hint=HINT,
        )
    ]


def test_a_version_that_is_in_no_source_of_the_first_stage_is_withdrawn() -> None:
    (answer,) = stage_order.slot(slot_case(stage="staging", sources=["production"]))
    assert (answer.message, answer.hint) == (
        "1.1.0 enters staging from registered, archived; before this change it was in effect: production",
        "gitstage withdraw m@staging",
    )


@pytest.mark.parametrize("incoming", [None, "1.1.0"])
def test_a_rollback_and_an_emptied_slot_come_from_nowhere(incoming: str | None) -> None:
    action = "archive" if incoming is None else "rollback"
    assert list(stage_order.slot(slot_case(incoming=incoming, action=action, sources=[]))) == []


def test_what_is_adopted_passes_and_is_said() -> None:
    case = slot_case(action="adopt", sources=["registered"], policy=policy_file(adopt_until="2026-12-23"))
    assert list(stage_order.slot(case)) == [
        Answer(
            verdict=Verdict.PASSED,
            message="adopted: it did not come from staging (allowed until 2026-12-23)",
            path="production/m.yaml",
        )
    ]


@pytest.mark.parametrize("action", ["promote", "rollback", "adopt"])
def test_nothing_enters_a_stage_that_is_retired(action: str) -> None:
    retired = policy_file({**STAGES, "production": {"from": ["staging"], "retired": True}})
    assert list(stage_order.slot(slot_case(action=action, policy=retired))) == [
        Answer(
            message="the stage production is retired: nothing enters it",
            path="production/m.yaml",
            hint="gitstage withdraw m@production",
        )
    ]
    emptied = slot_case(incoming=None, action="archive", policy=retired)
    assert list(stage_order.slot(emptied)) == []


def test_a_stage_that_names_no_source_takes_nothing_in() -> None:
    (answer,) = stage_order.slot(slot_case(policy=policy_file({**STAGES, "production": {"from": ["archived"]}})))
    assert answer.message == "1.1.0 enters production from archived; before this change it was in effect: staging"
