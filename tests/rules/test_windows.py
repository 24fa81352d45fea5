from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gitstage.findings import Verdict
from gitstage.policy import Gate, WindowRule
from gitstage.rules import windows
from gitstage.rules.cases import Answer
from tests.registries import slot_case

WEEKEND = WindowRule(deny="Fri 16:00 - Mon 08:00", timezone="Europe/Berlin")
SAID = "deny Fri 16:00 - Mon 08:00, Europe/Berlin"


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of November 2026; the 23rd is a Monday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "answer"),
    [
        (at(27, 14, 59), Answer(verdict=Verdict.PASSED, message="within the windows", threshold=SAID)),
        (
            at(27, 15),
            Answer(
                verdict=Verdict.PENDING,
                message=f"shut: {SAID}",
                value="opens in 2d16h",
                threshold=SAID,
                opens=at(30, 7),
            ),
        ),
        (at(30, 7), Answer(verdict=Verdict.PASSED, message="within the windows", threshold=SAID)),
    ],
)
def test_a_gate_is_shut_while_a_window_says_so(now: datetime, answer: Answer) -> None:
    assert list(windows.gate(slot_case(now=now), Gate(windows=(WEEKEND,)))) == [answer]


def test_a_window_that_never_opens_again_refuses() -> None:
    past = WindowRule(allow="2026-01-01 - 2026-01-31")
    (answer,) = windows.gate(slot_case(now=at(23, 10)), Gate(windows=(past, WEEKEND)))
    assert answer == Answer(
        message="no window opens again: not within 2026-01-01 - 2026-01-31, UTC",
        threshold=f"allow 2026-01-01 - 2026-01-31, UTC; {SAID}",
    )


def test_a_gate_without_windows_is_always_open() -> None:
    assert list(windows.gate(slot_case(), Gate(signed_commits=True))) == []
