from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitstage.canonical import Unfit
from gitstage.windows import DAYS, Closed, Dated, Weekly, Window, closed, when, window, zone

MINUTE = timedelta(minutes=1)
BERLIN = ZoneInfo("Europe/Berlin")


def utc(text: str) -> datetime:
    """A moment in UTC: `2026-11-27 15:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wall(text: str) -> datetime:
    """What a clock shows, whose zone is not known: `2026-12-20 16:00`."""
    return datetime.fromisoformat(text)


def at(text: str, name: str = "Europe/Berlin", *, fold: int = 0) -> datetime:
    """The moment at which the clock in a zone shows a time, the first or (`fold=1`) the second one."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(name), fold=fold).astimezone(UTC)


def week(*spans: str) -> Weekly:
    """Spans of a week as people say them: `Mon 09:00 - Mon 16:00`."""

    def minute(text: str) -> int:
        day, time = text.split()
        hour, minutes = map(int, time.split(":"))
        return ([*DAYS, "end"].index(day) * 24 + hour) * 60 + minutes

    return Weekly(tuple((minute(start), minute(end)) for start, end in (span.split(" - ") for span in spans)))


# ------------------------------------------------------------------------------------------------ what is written


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Tue 10:00 - Thu 11:30", week("Tue 10:00 - Thu 11:30")),
        ("Fri 16:00 - Mon 08:00", week("Mon 00:00 - Mon 08:00", "Fri 16:00 - end 00:00")),
        ("Fri 16:00 - Sun 24:00", week("Fri 16:00 - end 00:00")),
        ("Fri 16:00 - Mon 00:00", week("Fri 16:00 - end 00:00")),
        ("Mon 10:00 - Mon 09:00", week("Mon 00:00 - Mon 09:00", "Mon 10:00 - end 00:00")),
        ("Sun 24:00 - Tue 00:00", week("Mon 00:00 - Tue 00:00")),
        ("Mon-Wed 09:00 - 16:00", week("Mon 09:00 - Mon 16:00", "Tue 09:00 - Tue 16:00", "Wed 09:00 - Wed 16:00")),
        ("Mon,Wed 09:00 - 16:00", week("Mon 09:00 - Mon 16:00", "Wed 09:00 - Wed 16:00")),
        ("Wed,Mon 09:00 - 16:00", week("Mon 09:00 - Mon 16:00", "Wed 09:00 - Wed 16:00")),
        ("Fri-Sat 22:00 - 06:00", week("Fri 22:00 - Sat 06:00", "Sat 22:00 - Sun 06:00")),
        ("Sun 22:00 - 06:00", week("Mon 00:00 - Mon 06:00", "Sun 22:00 - end 00:00")),
        ("Tue 22:00 - 24:00", week("Tue 22:00 - Wed 00:00")),
        ("Mon-Tue 00:00 - 24:00", week("Mon 00:00 - Wed 00:00")),
        ("Sat-Sun", week("Sat 00:00 - end 00:00")),
        ("Sun-Mon", week("Mon 00:00 - Tue 00:00", "Sun 00:00 - end 00:00")),
        ("Mon,Wed-Thu,Wed", week("Mon 00:00 - Tue 00:00", "Wed 00:00 - Fri 00:00")),
        ("Mon-Sun", week("Mon 00:00 - end 00:00")),
        ("Wed", week("Wed 00:00 - Thu 00:00")),
        ("09:00 - 10:00", week(*(f"{day} 09:00 - {day} 10:00" for day in DAYS))),
        ("00:00 - 24:00", week("Mon 00:00 - end 00:00")),
        ("2026-12-20 - 2027-01-06", Dated(wall("2026-12-20 00:00"), wall("2027-01-07 00:00"))),
        ("2026-12-24", Dated(wall("2026-12-24 00:00"), wall("2026-12-25 00:00"))),
        ("2026-12-24 14:00 - 24:00", Dated(wall("2026-12-24 14:00"), wall("2026-12-25 00:00"))),
        ("2026-12-20 16:00 - 2027-01-06 08:00", Dated(wall("2026-12-20 16:00"), wall("2027-01-06 08:00"))),
        ("2026-12-20 16:00 - 2027-01-06", Dated(wall("2026-12-20 16:00"), wall("2027-01-07 00:00"))),
        ("2026-12-20 - 2027-01-06 08:00", Dated(wall("2026-12-20 00:00"), wall("2027-01-06 08:00"))),
        ("2028-02-29", Dated(wall("2028-02-29 00:00"), wall("2028-03-01 00:00"))),
    ],
)
def test_a_window_is_read(text: str, meant: Weekly | Dated) -> None:
    assert when(text) == meant


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("fri 16:00 - Mon 08:00", "'fri' is no day", "write: Fri"),
        ("Mon-friday", "'friday' is no day", "write: Fri"),
        ("Foo 16:00 - Mon 08:00", "'Foo' is no day", "days are Mon, Tue, Wed, Thu, Fri, Sat, Sun"),
        ("always", "'always' is no day", "days are Mon, Tue, Wed, Thu, Fri, Sat, Sun"),
        ("Mon-Fri 9:00 - 16:00", "'9:00' is no time", "write: 09:00"),
        ("Mon-Fri 09:60 - 16:00", "'09:60' is no time", "times are 00:00 to 24:00"),
        ("Mon-Fri 09:00 - 24:01", "'24:01' is no time", "times are 00:00 to 24:00"),
        ("2026-12-20 25:00 - 2026-12-21", "'25:00' is no time", "times are 00:00 to 24:00"),
        ("2026-02-30", "'2026-02-30' is no day of the calendar", None),
        ("1969-12-31 - 2026-02-01", "'1969-12-31' is not between 1970 and 2999", None),
        ("2026-02-01 - 3000-01-01", "'3000-01-01' is not between 1970 and 2999", None),
        ("2027-01-06 - 2026-12-20", "'2027-01-06 - 2026-12-20' ends before it begins", "write the earlier day first"),
        (
            "2026-12-24 14:00 - 14:00",
            "'2026-12-24 14:00 - 14:00' ends before it begins",
            "write the earlier day first",
        ),
        (
            "Mon 08:00 - Mon 08:00",
            "'Mon 08:00 - Mon 08:00' begins and ends at one time",
            "for a whole week write: Mon-Sun",
        ),
        (
            "Sun 24:00 - Mon 00:00",
            "'Sun 24:00 - Mon 00:00' begins and ends at one time",
            "for a whole week write: Mon-Sun",
        ),
        (
            "Mon 08:00 - 08:00",
            "'Mon 08:00 - 08:00' begins and ends at one time",
            "for whole days write the days alone: Sat-Sun",
        ),
        (
            "24:00 - 00:00",
            "'24:00 - 00:00' begins and ends at one time",
            "for whole days write the days alone: Sat-Sun",
        ),
        ("Fri 16:00 – Mon 08:00", "'Fri 16:00 – Mon 08:00' is no window", "write Fri 16:00 - Mon 08:00"),
        ("friday 16:00-Mon 08:00 ", "'friday 16:00-Mon 08:00 ' is no window", "write Fri 16:00 - Mon 08:00"),
        ("Mon - Thu 09:00-16:00", "'Mon - Thu 09:00-16:00' is no window", "write Mon-Thu 09:00 - 16:00"),
        ("Mon, Thu", "'Mon, Thu' is no window", "write Mon,Thu"),
        ("2026-12-20-2027-01-06", "'2026-12-20-2027-01-06' is no window", "write 2026-12-20 - 2027-01-06"),
        *(
            (
                text,
                f"{text!r} is no window",
                "write it as 'Fri 16:00 - Mon 08:00', 'Mon-Thu 09:00 - 16:00', 'Sat-Sun' or '2026-12-20 - 2027-01-06'",
            )
            for text in (
                "",
                "every friday at 4",
                "Fri 16:00",
                "16:00",
                "Fri 16:00 to Mon 08:00",
                "Mon-Thu 2026-12-20",
                "Mon-\nThu 09h",
                "2026-12-20 16:00",
                "٣٣:00 - 12:00",
            )
        ),
    ],
)
def test_what_is_no_window_is_refused_with_what_to_write(text: str, message: str, hint: str | None) -> None:
    with pytest.raises(Unfit) as caught:
        when(text)
    assert (str(caught.value), caught.value.hint) == (message, hint)


def test_an_endless_text_is_refused_at_once() -> None:
    with pytest.raises(Unfit, match="is no window"):
        when("Mon," * 100_000 + "Mon")


def test_a_zone_is_known_by_its_name_in_the_database() -> None:
    assert [zone(name).key for name in ("Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+3")] == [
        "Europe/Berlin",
        "UTC",
        "America/Argentina/Buenos_Aires",
        "Etc/GMT+3",
    ]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("Europe/Berln", "; did you mean 'Europe/Berlin'?"),
        ("europe/berlin", "; did you mean 'Europe/Berlin'?"),
        ("berlin", "; did you mean 'Europe/Berlin'?"),
        ("New York", "; did you mean 'America/New_York'?"),
        ("Europe", "; did you mean 'Europe/Rome'?"),
        ("localtime", ""),
        ("../../../etc/passwd", ""),
        ("/etc/passwd", ""),
        ("posix/Europe/Berlin", "; did you mean 'Europe/Berlin'?"),
        ("", ""),
        ("X" * 33, ""),
    ],
)
def test_what_is_no_zone_is_refused_with_the_one_that_may_be_meant(name: str, near: str) -> None:
    with pytest.raises(Unfit) as caught:
        zone(name)
    assert (str(caught.value).partition(" is no time zone")[2], caught.value.hint) == (
        near,
        "names are those of the IANA database: Europe/Berlin, UTC",
    )


@pytest.mark.parametrize("said", [{}, {"deny": "Mon", "allow": "Tue"}])
def test_a_window_either_denies_or_allows(said: dict[str, str]) -> None:
    with pytest.raises(Unfit, match="a window is either one or the other"):
        window(**said)


def test_a_window_is_in_utc_unless_it_says_more() -> None:
    assert window(allow="Mon") == Window(denies=False, text="Mon", zone=ZoneInfo("UTC"), when=when("Mon"))
    assert str(window(deny="Fri 16:00 - Mon 08:00", timezone="Asia/Tokyo")) == "deny Fri 16:00 - Mon 08:00, Asia/Tokyo"


# ---------------------------------------------------------------------------------------------- what holds when

WEEKEND = window(deny="Fri 16:00 - Mon 08:00", timezone="Europe/Berlin")
HOURS = window(allow="Mon-Thu 09:00 - 16:00", timezone="Europe/Berlin")
HOLIDAYS = window(deny="2026-12-20 - 2027-01-06", timezone="Europe/Berlin")


@pytest.mark.parametrize(
    ("windows", "now", "answer"),
    [
        ([], "2026-11-27 17:30", None),
        ([WEEKEND], "2026-11-27 15:59", None),
        ([WEEKEND], "2026-11-27 16:00", Closed("deny Fri 16:00 - Mon 08:00, Europe/Berlin", utc("2026-11-30 07:00"))),
        ([WEEKEND], "2026-11-30 07:59", Closed("deny Fri 16:00 - Mon 08:00, Europe/Berlin", utc("2026-11-30 07:00"))),
        ([WEEKEND], "2026-11-30 08:00", None),
        ([HOURS], "2026-11-26 12:00", None),
        ([HOURS], "2026-11-26 16:00", Closed("not within Mon-Thu 09:00 - 16:00, Europe/Berlin", utc("2026-11-30 08:00"))),
        # What denies outweighs what allows, and the next opening is where both let it be.
        ([HOLIDAYS, HOURS], "2026-12-22 10:00", Closed("deny 2026-12-20 - 2027-01-06, Europe/Berlin", utc("2027-01-07 08:00"))),
        ([HOURS, HOLIDAYS], "2026-12-17 16:00", Closed("not within Mon-Thu 09:00 - 16:00, Europe/Berlin", utc("2027-01-07 08:00"))),
        # Friday to Monday, then the holidays that begin on Sunday and end on a Wednesday.
        (
            [WEEKEND, HOLIDAYS],
            "2026-12-20 10:00",
            Closed("deny Fri 16:00 - Mon 08:00, Europe/Berlin; deny 2026-12-20 - 2027-01-06, Europe/Berlin", utc("2027-01-06 23:00")),
        ),
        # Denied windows that adjoin are one.
        (
            [window(deny="Mon-Wed"), window(deny="Thu 00:00 - 12:00")],
            "2026-11-23 12:00",
            Closed("deny Mon-Wed, UTC", utc("2026-11-26 12:00")),
        ),
        # One of several allowing ones suffices.
        ([window(allow="Mon"), window(allow="Tue")], "2026-11-24 12:00", None),
        (
            [window(allow="Wed"), window(allow="Sat", timezone="Asia/Tokyo")],
            "2026-11-27 01:00",
            Closed("not within Wed, UTC; Sat, Asia/Tokyo", utc("2026-11-27 15:00")),
        ),
        ([window(allow="2027-01-01")], "2026-11-27 01:00", Closed("not within 2027-01-01, UTC", utc("2027-01-01 00:00"))),
    ],
)  # fmt: skip
def test_a_gate_is_shut_and_says_why_and_until_when(windows: Sequence[Window], now: str, answer: Closed | None) -> None:
    assert closed(windows, at(now)) == answer


@pytest.mark.parametrize(
    "windows",
    [
        [window(deny="Mon-Sun")],
        [window(deny="Mon-Thu"), window(deny="Fri-Sun")],
        [window(allow="Sat"), window(deny="Sat-Sun")],
        [window(allow="2020-01-01")],
        [window(allow="2027-01-01"), window(deny="2026-12-20 - 2027-01-06")],
        [window(deny="2026-01-01 - 2026-12-31"), window(allow="2026-06-01 - 2026-06-30")],
    ],
)
def test_a_gate_that_never_opens_says_so(windows: Sequence[Window]) -> None:
    found = closed(windows, utc("2026-11-27 12:00"))
    assert found is not None
    assert found.opens is None


def test_at_the_end_of_the_calendar_nothing_opens_any_more() -> None:
    end = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)
    assert closed([window(deny=end.strftime("%a"))], end) == Closed(f"deny {end:%a}, UTC", None)


def test_a_long_freeze_is_one_step_and_not_one_a_week() -> None:
    windows = [WEEKEND, window(deny="2026-01-01 - 2999-12-30", timezone="Europe/Berlin")]
    found = closed(windows, utc("2026-11-27 12:00"))
    assert found is not None
    assert found.opens == at("2999-12-31 00:00")


def test_the_opening_does_not_lie_before_now_whatever_zone_now_is_in() -> None:
    now = at("2026-11-27 18:00").astimezone(ZoneInfo("America/New_York"))
    assert closed([WEEKEND], now) == Closed("deny Fri 16:00 - Mon 08:00, Europe/Berlin", utc("2026-11-30 07:00"))


# Daylight saving in Berlin: on 2026-03-29 the clock goes from 02:00 to 03:00, on 2026-10-25 from 03:00 back to 02:00.


@pytest.mark.parametrize(
    ("text", "now", "opens"),
    [
        # Skipped: the end is where the clock jumps.
        ("Sun 01:00 - 02:30", utc("2026-03-29 00:30"), utc("2026-03-29 01:00")),
        ("Sun 01:00 - 02:00", utc("2026-03-29 00:30"), utc("2026-03-29 01:00")),
        ("Sun 01:00 - 03:00", utc("2026-03-29 00:30"), utc("2026-03-29 01:00")),
        # Half skipped: it begins where the clock lands.
        ("Sun 02:30 - 04:00", utc("2026-03-29 01:00"), utc("2026-03-29 02:00")),
        # It comes twice, with an opening between.
        ("Sun 01:00 - 02:30", utc("2026-10-25 00:15"), utc("2026-10-25 00:30")),
        ("Sun 01:00 - 02:30", utc("2026-10-25 01:15"), utc("2026-10-25 01:30")),
        ("Sun 02:00 - 03:00", utc("2026-10-25 00:15"), utc("2026-10-25 02:00")),
        # It is left where the clock is put back.
        ("Sun 02:30 - 04:00", utc("2026-10-25 00:45"), utc("2026-10-25 01:00")),
        # Friday's hour is another one in UTC than Monday's.
        ("Fri 16:00 - Mon 08:00", utc("2026-10-24 12:00"), utc("2026-10-26 07:00")),
        ("Fri 16:00 - Mon 08:00", utc("2026-03-28 12:00"), utc("2026-03-30 06:00")),
        ("2026-10-25 00:00 - 02:30", utc("2026-10-25 01:10"), utc("2026-10-25 01:30")),
    ],
)
def test_a_denying_window_ends_by_the_clock_on_the_wall(text: str, now: datetime, opens: datetime) -> None:
    assert closed([window(deny=text, timezone="Europe/Berlin")], now) == Closed(f"deny {text}, Europe/Berlin", opens)


def test_a_window_within_a_skipped_hour_comes_again_a_week_later() -> None:
    allowed = window(allow="Sun 02:00 - 03:00", timezone="Europe/Berlin")
    found = closed([allowed], utc("2026-03-25 12:00"))
    assert found is not None
    assert found.opens == at("2026-04-05 02:00")


def test_a_day_that_a_zone_left_out_is_in_no_window() -> None:
    # Samoa went from the 29th to the 31st of December 2011.
    freeze = window(deny="2011-12-29 12:00 - 2011-12-30 12:00", timezone="Pacific/Apia")
    assert closed([freeze], utc("2011-12-30 09:59")) == Closed(
        "deny 2011-12-29 12:00 - 2011-12-30 12:00, Pacific/Apia", utc("2011-12-30 10:00")
    )


# ------------------------------------------------------------------------------- the same, found minute by minute


def shut_by_the_clock(windows: Sequence[Window], now: datetime) -> bool:
    """The definition, as it is written: what the clock on the wall shows lies in a window, or does not."""

    def shows(window: Window) -> bool:
        wall = now.astimezone(window.zone).replace(tzinfo=None)
        if isinstance(window.when, Dated):
            return window.when.start <= wall < window.when.end
        minutes = wall.weekday() * 1440 + wall.hour * 60 + wall.minute
        return any(start <= minutes < end for start, end in window.when.spans)

    if any(window.denies and shows(window) for window in windows):
        return True
    allowing = [window for window in windows if not window.denies]
    return bool(allowing) and not any(shows(window) for window in allowing)


TIMES = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))
EARLY = st.sampled_from(["00:00", "01:30", "02:00", "02:15", "02:30", "03:00", "24:00"])
DAY = st.sampled_from(["Fri", "Sat", "Sun", "Mon"])
DATES = st.sampled_from(["2026-03-28", "2026-03-29", "2026-03-30", "2026-10-24", "2026-10-25", "2026-10-26"])
TEXTS = st.one_of(
    st.builds("{} {} - {} {}".format, DAY, TIMES | EARLY, DAY, TIMES | EARLY),
    st.builds("{} {} - {}".format, DAY, TIMES | EARLY, TIMES | EARLY),
    st.builds("{}-{} {} - {}".format, DAY, DAY, EARLY, EARLY),
    st.builds("{} - {}".format, TIMES | EARLY, TIMES | EARLY),
    st.builds("{},{}".format, DAY, DAY),
    st.builds("{} {} - {} {}".format, DATES, TIMES | EARLY, DATES, TIMES | EARLY),
)
ZONES = st.sampled_from(["Europe/Berlin", "UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])


@st.composite
def any_window(draw: st.DrawFn) -> Window:
    text, denies, name = draw(TEXTS), draw(st.booleans()), draw(ZONES)
    try:
        when(text)
    except Unfit:
        text = "Sun 01:00 - 02:30"
    return window(deny=text, timezone=name) if denies else window(allow=text, timezone=name)


MOMENTS = st.builds(
    lambda day, minute: utc(day) + minute * MINUTE,
    st.sampled_from(["2026-03-28", "2026-10-24", "2026-04-04", "2026-11-01"]),
    st.integers(0, 2 * 1440),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(any_window(), max_size=4), MOMENTS)
def test_the_next_opening_is_the_one_that_a_look_at_every_minute_finds(windows: list[Window], now: datetime) -> None:
    looked_at = (now + number * MINUTE for number in range(8 * 1440))
    expected = next((moment for moment in looked_at if not shut_by_the_clock(windows, moment)), None)
    found = closed(windows, now)
    if found is None or expected == now:
        assert (found, expected) == (None, now)
    elif expected is not None:
        assert found.opens == expected
    else:
        assert found.opens is None or found.opens >= now + timedelta(days=8)


@settings(max_examples=300)
@given(any_window(), MOMENTS)
def test_until_its_next_change_a_window_says_the_same(one: Window, now: datetime) -> None:
    change = one.next_change(now)
    until = min(change or now + timedelta(days=3), now + timedelta(days=3))
    assert {one.holds(now + number * 17 * MINUTE) for number in range((until - now) // (17 * MINUTE))} <= {
        one.holds(now)
    }
    if change is not None:
        assert (one.holds(change - timedelta(microseconds=1)), one.holds(change)) == (
            one.holds(now),
            not one.holds(now),
        )


@settings(max_examples=300)
@given(st.text(max_size=40) | st.text("Mon-,: 0123456789Ti–", max_size=30))
def test_a_text_is_a_window_or_is_refused_and_nothing_else_happens(text: str) -> None:
    with contextlib.suppress(Unfit):
        assert isinstance(when(text), Weekly | Dated)
