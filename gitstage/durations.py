"""Lengths of time: as people write them in gitstage.yaml, `72h` or `1d12h`, and as messages say them."""

from __future__ import annotations

import re
from datetime import timedelta

WRITTEN = r"(?=[0-9])(?:([0-9]{1,6})d)?(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})s)?"
_WRITTEN = re.compile(WRITTEN + r"\Z")
UNITS = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}
"""Seconds in each unit; its first letter is how it is written."""


def duration(text: str) -> timedelta:
    """The length of `30d`, `72h`, `90m`, `45s` or, in this order, several of them: `1d12h`. Else a ValueError."""
    found = _WRITTEN.match(text)
    if found is None:
        raise ValueError(f"{text!r} is no length of time such as 72h, 30d or 1d12h")
    return timedelta(
        seconds=sum(int(number) * unit for number, unit in zip(found.groups("0"), UNITS.values(), strict=True))
    )


def short(length: timedelta) -> str:
    """`length` in whole seconds as `duration` reads it: `3d`, `1d12h`, `0s`. One below zero counts as none."""
    return "".join(f"{number}{unit[0]}" for unit, number in _units(length)) or "0s"


def words(length: timedelta) -> str:
    """`length` in whole seconds for people: `3 days`, `1 day 12 hours`, `0 seconds`. One below zero counts as none."""
    return " ".join(f"{number} {unit}{'' if number == 1 else 's'}" for unit, number in _units(length)) or "0 seconds"


def _units(length: timedelta) -> list[tuple[str, int]]:
    rest = max(length // timedelta(seconds=1), 0)
    units = []
    for unit, seconds in UNITS.items():
        number, rest = divmod(rest, seconds)
        if number:
            units.append((unit, number))
    return units
