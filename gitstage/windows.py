"""Windows: the times at which a gate is shut or open, weekly or dated, in a time zone's own clock.

A window is written as text. Times are those of the clock on the wall in its zone, from 00:00 to 24:00:

- `Fri 16:00 - Mon 08:00`: once a week, without a break, from the one to the other;
- `Mon-Thu 09:00 - 16:00`: on each of these days; the days are names, ranges (`Sat-Mon` goes over Sunday) or several,
  `Mon,Wed-Thu`. An end that is not after its beginning is on the next day: `Mon-Fri 22:00 - 06:00`;
- `Sat-Sun`: on these days, all day long;
- `22:00 - 06:00`: every day;
- `2026-12-20 - 2027-01-06`: from the first day to the last one, which is in it; `2026-12-24` is one day;
- `2026-12-20 16:00 - 2027-01-06 08:00`: from one moment to another. Without a time the first day begins at 00:00, and
  the last one ends at 24:00. `2026-12-24 14:00 - 24:00` lies in one day.

A window's first minute is in it, and the minute at which it ends is not. It holds **while the clock in its zone shows a
time that lies in it**. So an hour that summer time skips is never in a window, and one that comes twice is in it twice.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gitstage.canonical import Unfit, shown
from gitstage.values import dataclass, field

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
EXAMPLES = "'Fri 16:00 - Mon 08:00', 'Mon-Thu 09:00 - 16:00', 'Sat-Sun' or '2026-12-20 - 2027-01-06'"
YEARS = range(1970, 3000)
"""The years that a dated window may name."""
MAX_CHANGES = 300
"""So many ends and beginnings of windows are looked at for the next opening. A gate that opens at all needs a few."""

MAX_TEXT = 200

_SECOND = timedelta(seconds=1)
_MINUTE = timedelta(minutes=1)
_DAY = 24 * 60
_WEEK = 7 * _DAY
_WEEKS_LOOKED_AT = 4
"""A weekly window changes within a week, but for one week in which summer time may skip its beginning and its end."""


# What is written.


@dataclass(frozen=True)
class Weekly:
    """Times of every week: spans in minutes since Monday 00:00, in order, apart, each with its end left out."""

    spans: tuple[tuple[int, int], ...]

    def holds(self, wall: datetime) -> bool:
        """Whether a time on the wall lies in it."""
        minute = wall.weekday() * _DAY + wall.hour * 60 + wall.minute
        number = bisect_right(self.spans, (minute, _WEEK))
        return number > 0 and minute < self.spans[number - 1][1]

    def changes(self, wall: datetime) -> Iterator[datetime]:
        """Its beginnings and ends of the weeks around a time on the wall, from the week before on."""
        monday = datetime.combine(wall.date() - timedelta(days=wall.weekday()), time())
        for week in range(-1, _WEEKS_LOOKED_AT):
            for span in self.spans:
                for minute in span:
                    yield monday + timedelta(weeks=week) + minute * _MINUTE


@dataclass(frozen=True)
class Dated:
    """A time from one moment on the wall to another, the end left out."""

    start: datetime
    end: datetime

    def holds(self, wall: datetime) -> bool:
        """Whether a time on the wall lies in it."""
        return self.start <= wall < self.end

    def changes(self, wall: datetime) -> Iterator[datetime]:
        """Its beginning and its end."""
        yield from (self.start, self.end)


When = Weekly | Dated

_WORD = "[A-Za-z]+"
_TIME = r"[0-9]{1,2}:[0-9]{2}"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_LIST = f"{_WORD}(?:-{_WORD})?(?:,{_WORD}(?:-{_WORD})?)*"


def _once_a_week(found: re.Match[str]) -> When:
    start, end = (_day(found[day]) * _DAY + _minutes(found[at]) for day, at in ((1, 2), (3, 4)))
    if start % _WEEK == end % _WEEK:
        raise Unfit(f"{shown(found[0])} begins and ends at one time", "for a whole week write: Mon-Sun")
    return _weekly([(start, end if start < end else end + _WEEK)])


def _on_days(found: re.Match[str]) -> When:
    start, end = _minutes(found["start"]), _minutes(found["end"])
    if start % _DAY == end % _DAY and (start, end) != (0, _DAY):
        raise Unfit(f"{shown(found[0])} begins and ends at one time", "for whole days write the days alone: Sat-Sun")
    length = end - start if start < end else end - start + _DAY
    first = (day * _DAY + start for day in _days(found["days"] or "Mon-Sun"))
    return _weekly([(minute, minute + length) for minute in first])


def _whole_days(found: re.Match[str]) -> When:
    return _weekly([(day * _DAY, (day + 1) * _DAY) for day in _days(found[0])])


def _dated(found: re.Match[str]) -> When:
    said = {name: text for name, text in found.groupdict().items() if text is not None}
    start = _on_wall(said["first"], said.get("start", "00:00"))
    end = _on_wall(said.get("last", said["first"]), said.get("end", "24:00"))
    if end <= start:
        raise Unfit(f"{shown(found[0])} ends before it begins", "write the earlier day first")
    return Dated(start, end)


_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], When]], ...] = (
    (re.compile(f"({_WORD}) ({_TIME}) - ({_WORD}) ({_TIME})"), _once_a_week),
    (re.compile(f"(?:(?P<days>{_LIST}) )?(?P<start>{_TIME}) - (?P<end>{_TIME})"), _on_days),
    (re.compile(_LIST), _whole_days),
    (re.compile(f"(?P<first>{_DATE})"), _dated),
    (re.compile(f"(?P<first>{_DATE}) (?P<start>{_TIME}) - (?P<end>{_TIME})"), _dated),
    (re.compile(f"(?P<first>{_DATE})(?: (?P<start>{_TIME}))? - (?P<last>{_DATE})(?: (?P<end>{_TIME}))?"), _dated),
)


def when(text: str) -> When:
    """The times that a text says in one of the forms above. Raises Unfit, with what to write instead."""
    for form, read in _FORMS if len(text) <= MAX_TEXT else ():
        found = form.fullmatch(text)
        if found is not None:
            return read(found)
    tidy = _tidy(text)
    meant = tidy if tidy != text and any(form.fullmatch(tidy) for form, _ in _FORMS) else f"it as {EXAMPLES}"
    raise Unfit(f"{shown(text)} is no window", f"write {meant}")


def _tidy(text: str) -> str:
    """A text with one space on each side of a dash between times and dates, and none elsewhere: perhaps what is meant."""
    said = ""
    for word in re.findall(rf"{_DATE}|{_TIME}|[^\s\u2013\u2014:,-]+|[-\u2013\u2014:,]", text[:MAX_TEXT]):
        if word in "-\u2013\u2014":
            said += " - " if said[-1:].isdigit() else "-"
        else:
            day = word[:3].capitalize()
            space = "" if said[-1:] in ("", " ", "-", ",") or word == "," else " "
            said += space + (day if day in DAYS else word)
    return said


def _weekly(spans: Sequence[tuple[int, int]]) -> Weekly:
    """Spans that may overlap and go on into the next week, as those of one week, in order and apart."""
    within = sorted(
        piece
        for start, end in spans
        for piece in ((start, min(end, _WEEK)), (max(start, _WEEK) - _WEEK, end - _WEEK))
        if piece[0] < piece[1]
    )
    apart: list[tuple[int, int]] = []
    for start, end in within:
        if apart and start <= apart[-1][1]:
            apart[-1] = apart[-1][0], max(end, apart[-1][1])
        else:
            apart.append((start, end))
    return Weekly(tuple(apart))


def _days(text: str) -> Iterator[int]:
    for part in text.split(","):
        first, _, last = part.partition("-")
        start = _day(first)
        for ahead in range((_day(last or first) - start) % 7 + 1):
            yield (start + ahead) % 7


def _day(word: str) -> int:
    if word in DAYS:
        return DAYS.index(word)
    short = word[:3].capitalize()
    raise Unfit(f"{shown(word)} is no day", f"write: {short}" if short in DAYS else f"days are {', '.join(DAYS)}")


def _minutes(text: str) -> int:
    hours, minutes = map(int, text.split(":"))
    if len(text) < len("09:00"):
        raise Unfit(f"{text!r} is no time", f"write: 0{text}")
    if minutes > 59 or hours * 60 + minutes > _DAY:
        raise Unfit(f"{text!r} is no time", "times are 00:00 to 24:00")
    return hours * 60 + minutes


def _on_wall(day: str, at: str) -> datetime:
    try:
        midnight = datetime.combine(date.fromisoformat(day), time())
    except ValueError:
        raise Unfit(f"{day!r} is no day of the calendar") from None
    if midnight.year not in YEARS:
        raise Unfit(f"{day!r} is not between {YEARS[0]} and {YEARS[-1]}")
    return midnight + _minutes(at) * _MINUTE


# Zones. All names of the IANA database begin with a capital letter; what else lies in a system's folder, as `localtime`,
# would be another zone on another machine.

_ZONE = re.compile(r"[A-Z][A-Za-z0-9_+-]{0,31}(?:/[A-Z][A-Za-z0-9_+-]{0,31}){0,2}")


def zone(name: str) -> ZoneInfo:
    """The time zone with a name of the IANA database, `Europe/Berlin` or `UTC`. Raises Unfit with a near miss."""
    if _ZONE.fullmatch(name):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, OSError, ValueError):  # OSError: a folder, as `Europe`; ValueError: no such file
            pass
    raise _no_zone(name)


def _no_zone(name: str) -> Unfit:
    from zoneinfo import available_timezones

    from gitstage.validation import near_miss

    known = sorted(zone for zone in available_timezones() if _ZONE.fullmatch(zone))
    cities = {known_zone.rpartition("/")[2]: known_zone for known_zone in known}
    near = cities.get(name.strip().replace(" ", "_").title())
    said = f"; did you mean '{near}'?" if near else near_miss(name[:100], known)
    return Unfit(f"{shown(name)} is no time zone{said}", "names are those of the IANA database: Europe/Berlin, UTC")


# What holds when.


@dataclass(frozen=True)
class Window:
    """A time at which a gate is shut (`denies`), or one of those at which it is open. `text` is how it was written."""

    denies: bool
    text: str
    zone: ZoneInfo
    when: When = field(repr=False)

    def holds(self, now: datetime) -> bool:
        """Whether the clock in the zone shows a time that lies in it. `now` has a time zone."""
        return self.when.holds(_wall(now, self.zone))

    def next_change(self, now: datetime) -> datetime | None:
        """The first moment (UTC) after `now` at which `holds` says something else; None where it never does again."""
        held = self.holds(now)
        moments = {
            moment
            for wall in self.when.changes(_wall(now, self.zone))
            for moment in _moments(wall, self.zone)
            if moment > now
        }
        return next((moment for moment in sorted(moments) if self.holds(moment) != held), None)

    def __str__(self) -> str:
        return f"{'deny' if self.denies else 'allow'} {self.text}, {self.zone.key}"


def window(*, deny: str | None = None, allow: str | None = None, timezone: str = "UTC") -> Window:
    """The window that one of two texts says, in a zone. Raises Unfit."""
    if (deny is None) == (allow is None):
        raise Unfit("a window is either one or the other", "write deny: or allow:, and not both")
    text = allow if deny is None else deny
    assert text is not None
    return Window(denies=deny is not None, text=text, zone=zone(timezone), when=when(text))


class Closed(NamedTuple):
    """Why a gate is shut, for people, and when it opens (UTC); None where it does not."""

    why: str
    opens: datetime | None


def closed(windows: Sequence[Window], now: datetime) -> Closed | None:
    """Why windows shut a gate at `now`, which has a time zone, and when they let it open; None where it is open.

    It is open where no denying window holds and, if there are any allowing ones, one of them does.
    """
    why = _why(windows, now)
    return None if why is None else Closed(why, _opening(windows, now.astimezone(UTC)))


def _why(windows: Sequence[Window], now: datetime) -> str | None:
    shut = [str(window) for window in windows if window.denies and window.holds(now)]
    if shut:
        return "; ".join(shut)
    allowing = [window for window in windows if not window.denies]
    if not allowing or any(window.holds(now) for window in allowing):
        return None
    return f"not within {'; '.join(f'{window.text}, {window.zone.key}' for window in allowing)}"


def _opening(windows: Sequence[Window], now: datetime) -> datetime | None:
    """The next moment at which the windows let the gate open: goes from change to change, and gives up some time."""
    moment: datetime | None = now
    for _ in range(MAX_CHANGES):
        try:
            moment = _later(windows, moment) if moment is not None else None
        except OverflowError:  # the end of the calendar
            return None
        if moment is None or _why(windows, moment) is None:
            return moment
    return None


def _later(windows: Sequence[Window], moment: datetime) -> datetime | None:
    """A moment up to which the gate stays shut: as long as a denying window holds, or until an allowing one begins."""
    shut = [window for window in windows if window.denies and window.holds(moment)]
    if shut:
        ends = [window.next_change(moment) for window in shut]
        return None if None in ends else max(end for end in ends if end is not None)
    beginnings = [window.next_change(moment) for window in windows if not window.denies]
    return min((beginning for beginning in beginnings if beginning is not None), default=None)


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _moments(wall: datetime, zone: ZoneInfo) -> set[datetime]:
    """The moments (UTC) at which the clock comes to a time on the wall, or jumps over it.

    A time that comes twice has two, and that at which the clock is put back; one that is skipped has the jump.
    """
    one, other = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return {one} if one == other else {one, other, _transition(min(one, other), max(one, other), zone)}


def _transition(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The moment between two, to the second, from which on the clock of a zone is another one than at the first."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
