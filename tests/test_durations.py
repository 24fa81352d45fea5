from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitstage.durations import duration, short, words


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("72h", timedelta(hours=72)),
        ("30d", timedelta(days=30)),
        ("90m", timedelta(minutes=90)),
        ("45s", timedelta(seconds=45)),
        ("0s", timedelta(0)),
        ("0d", timedelta(0)),
        ("1d12h", timedelta(days=1, hours=12)),
        ("1d2h3m4s", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("2d5s", timedelta(days=2, seconds=5)),
        ("007h", timedelta(hours=7)),
        ("999999d", timedelta(days=999999)),
    ],
)
def test_a_length_of_time_is_read(text: str, length: timedelta) -> None:
    assert duration(text) == length


@pytest.mark.parametrize(
    "text",
    ["", "h", "72", "72H", "72 h", "12h1d", "1h1h", "-1h", "1.5h", "1w", "1y", "72h ", "72h\n", "٣h", "1000000d"],
)
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no length of time such as 72h, 30d or 1d12h") as caught:
        duration(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("length", "written", "said"),
    [
        (timedelta(0), "0s", "0 seconds"),
        (timedelta(seconds=1), "1s", "1 second"),
        (timedelta(minutes=90), "1h30m", "1 hour 30 minutes"),
        (timedelta(hours=72), "3d", "3 days"),
        (timedelta(days=1, hours=12), "1d12h", "1 day 12 hours"),
        (timedelta(hours=24) - timedelta(microseconds=1), "23h59m59s", "23 hours 59 minutes 59 seconds"),
        (timedelta(seconds=-5), "0s", "0 seconds"),
    ],
)
def test_a_length_of_time_is_said_and_never_said_longer_than_it_is(length: timedelta, written: str, said: str) -> None:
    assert (short(length), words(length)) == (written, said)


@settings(deadline=None)
@given(st.integers(0, 10**10))
def test_what_is_said_short_reads_back(seconds: int) -> None:
    assert duration(short(timedelta(seconds=seconds))) == timedelta(seconds=seconds)
