from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest

from gitstage.findings import Verdict
from gitstage.layout import Slot
from gitstage.ledger import Effect
from gitstage.policy import Policy, read_policy
from gitstage.rules import soak
from gitstage.rules.cases import Answer, SlotCase
from tests.registries import MONDAY, effect, policy_file, slot_case

STAGING, CANARY = Slot("m", "staging"), Slot("m", "canary")
POLICY = policy_file(
    {
        "staging": {"from": ["registered"]},
        "canary": {"from": ["registered"]},
        "production": {"from": ["staging", "canary", "registered"], "gates": ["day"]},
    },
    {"day": {"soak": "24h"}, "none": {"metrics": [{"name": "auc", "min": 0}]}},
)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def case(past: Iterable[Effect], now: float, sources: Iterable[str] = ("staging", "registered")) -> SlotCase:
    return slot_case(policy=POLICY, past=past, now=MONDAY + hours(now), sources=sources)


def policy() -> Policy:
    return read_policy(POLICY)


def came(slot: Slot = STAGING, after: float = 0, number: int = 1) -> Effect:
    return effect(slot, number, after="1.1.0", moment=MONDAY + hours(after))


def went(slot: Slot = STAGING, after: float = 0, number: int = 2) -> Effect:
    return effect(slot, number, after="1.2.0", before="1.1.0", moment=MONDAY + hours(after))


def answer(verdict: Verdict, message: str, value: str, opens: float | None = None) -> Answer:
    moment = None if opens is None else MONDAY + hours(opens)
    return Answer(verdict=verdict, message=message, value=value, threshold="1d", opens=moment)


@pytest.mark.parametrize(
    ("past", "now", "expected"),
    [
        ([came()], 24, answer(Verdict.PASSED, "1d in staging of 1d", "1d")),
        ([came()], 23, answer(Verdict.PENDING, "23h in staging of 1d", "23h", 24)),
        ([came(), went(after=3)], 50, answer(Verdict.REFUSED, "left staging after 3h of 1d", "3h")),
        ([came(), went(after=30)], 31, answer(Verdict.PASSED, "1d6h in staging of 1d", "1d6h")),
        (
            [came(), went(after=30), came(after=40, number=3)],
            41,
            answer(Verdict.PENDING, "1h in staging of 1d", "1h", 64),
        ),
        ([], 50, answer(Verdict.REFUSED, "1.1.0 has been in no stage that it could soak in", "0s")),
    ],
)
def test_a_version_soaks_in_the_stage_it_comes_from(past: list[Effect], now: float, expected: Answer) -> None:
    assert list(soak.gate(case(past, now), policy().gates["day"])) == [expected]


@pytest.mark.parametrize(
    ("past", "now", "expected"),
    [
        ([came(after=5), came(CANARY)], 24, answer(Verdict.PASSED, "1d in canary of 1d", "1d")),
        ([came(after=5), came(CANARY)], 23, answer(Verdict.PENDING, "23h in canary of 1d", "23h", 24)),
        ([came(), came(CANARY, after=5)], 23, answer(Verdict.PENDING, "23h in staging of 1d", "23h", 24)),
        (
            [came(), went(after=3), came(CANARY, after=5)],
            23,
            answer(Verdict.PENDING, "18h in canary of 1d", "18h", 29),
        ),
        (
            [came(CANARY), went(CANARY, after=3), came(), went(after=4)],
            23,
            answer(Verdict.REFUSED, "left staging after 4h of 1d", "4h"),
        ),
    ],
)
def test_of_several_stages_the_one_that_passes_first_counts(past: list[Effect], now: float, expected: Answer) -> None:
    sources = ["staging", "canary", "registered"]
    assert list(soak.gate(case(past, now, sources), policy().gates["day"])) == [expected]


def test_a_stage_that_is_no_source_of_this_change_does_not_count() -> None:
    (found,) = soak.gate(case([came(CANARY)], 50, ["staging", "registered"]), policy().gates["day"])
    assert found.verdict is Verdict.REFUSED


def test_a_gate_without_soak_asks_for_none() -> None:
    assert list(soak.gate(case([], 0), policy().gates["none"])) == []
