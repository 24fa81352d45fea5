from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from gitstage.reports.figures import clock, columns, difference, distance, number, padded, width_of


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.951, "0.951"),
        (0.95312345678, "0.953123"),
        (12.0, "12"),
        (12, "12"),
        (1234567.0, "1234567"),
        (-3.5, "-3.5"),
        (1e-9, "1e-09"),
        (1e300, "1e+300"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        (None, ""),
    ],
)
def test_a_number_is_written_to_six_digits_and_no_more_than_it_needs(value: float | None, written: str) -> None:
    assert number(value) == written


@pytest.mark.parametrize(
    ("before", "after", "written"),
    [
        (0.951, 0.938, "−0.013"),
        (0.951, 0.953, "+0.002"),
        (12.0, 12, "="),
        (0.1, 0.3, "+0.2"),
        (None, 1.0, ""),
        (1.0, None, ""),
        (float("nan"), 1.0, ""),
        (1.0, float("inf"), ""),
    ],
)
def test_a_difference_is_the_one_of_the_written_numbers(
    before: float | None, after: float | None, written: str
) -> None:
    assert difference(before, after) == written


def test_a_moment_is_written_to_the_minute_in_utc() -> None:
    berlin = timezone(timedelta(hours=1))
    assert clock(datetime(2026, 11, 24, 15, 0, 59, tzinfo=berlin)) == "2026-11-24 14:00 UTC"
    assert clock(datetime(987, 1, 2, 3, 4, tzinfo=UTC)) == "0987-01-02 03:04 UTC"


@pytest.mark.parametrize(
    ("length", "written"),
    [
        (timedelta(hours=3, minutes=20), "3h 20m"),
        (timedelta(days=12), "12d"),
        (timedelta(days=1, hours=2, minutes=5), "1d 2h"),
        (timedelta(days=1, minutes=5), "1d"),
        (timedelta(minutes=1, seconds=59), "1m"),
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(hours=-2), "2h"),
    ],
)
def test_a_distance_has_at_most_two_units(length: timedelta, written: str) -> None:
    assert distance(length) == written


@pytest.mark.parametrize(("text", "taken"), [("abc", 3), ("é", 1), ("e\u0301", 1), ("日本", 4), ("→ 1", 3), ("", 0)])
def test_a_character_takes_the_columns_that_a_terminal_gives_it(text: str, taken: int) -> None:
    assert width_of(text) == taken


def test_columns_stand_below_each_other_and_numbers_end_together() -> None:
    assert padded("日", 4) == "日  "
    assert padded("日", 4, right=True) == "  日"
    assert columns([("日本", "1", "x"), ("a", "12", "")], right=frozenset({1})) == ["日本   1  x", "a     12"]
    assert columns([]) == []
