from __future__ import annotations

from datetime import timedelta

import pytest

from gitstage.findings import Verdict
from gitstage.rules import keep
from gitstage.rules.cases import Answer
from tests.registries import MONDAY, policy_file, slot_case

KEPT = policy_file({"production": {"from": ["registered"], "keep": "72h"}})


@pytest.mark.parametrize(
    ("hours", "answer"),
    [
        (
            0,
            Answer(
                verdict=Verdict.PENDING,
                message="1.0.0 has been in production for 0s of 3d",
                value="0s",
                threshold="3d",
                opens=MONDAY + timedelta(hours=72),
            ),
        ),
        (
            71.99,
            Answer(
                verdict=Verdict.PENDING,
                message="1.0.0 has been in production for 2d23h59m24s of 3d",
                value="2d23h59m24s",
                threshold="3d",
                opens=MONDAY + timedelta(hours=72),
            ),
        ),
        (
            72,
            Answer(
                verdict=Verdict.PASSED,
                message="1.0.0 has been in production for 3d of 3d",
                value="3d",
                threshold="3d",
            ),
        ),
    ],
)
def test_an_occupant_is_kept_for_its_time(hours: float, answer: Answer) -> None:
    assert list(keep.slot(slot_case(policy=KEPT, now=MONDAY + timedelta(hours=hours)))) == [answer]


@pytest.mark.parametrize("action", ["rollback", "adopt"])
def test_only_a_promotion_waits(action: str) -> None:
    assert list(keep.slot(slot_case(policy=KEPT, action=action))) == []


def test_an_empty_slot_keeps_nothing_and_may_be_emptied_any_time() -> None:
    assert list(keep.slot(slot_case(policy=KEPT, incumbent=None))) == []
    assert list(keep.slot(slot_case(policy=KEPT, incoming=None, action="archive"))) == []


def test_a_stage_without_keep_keeps_nothing() -> None:
    assert list(keep.slot(slot_case())) == []
