"""Lengths of time, as people write them in gitstage.yaml (`72h`, `1d12h`) and as messages say them (`1d 12h`)."""

from __future__ import annotations

import re
from datetime import timedelta

WRITTEN = r"(?=[0-9])(?:([0-9]{1,6})d)?(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})s)?"
_WRITTEN = re.compile(WRITTEN + r"\Z")
UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def duration(text: str) -> timedelta:
    """The length of `30d`, `72h`, `90m`, `45s` or, in this order, several of them: `1d12h`. Else a ValueError."""
    found = _WRITTEN.match(text)
    if found is None:
        raise ValueError(f"{text!r} is no length of time such as 72h, 30d or 1d12h")
    return timedelta(
        seconds=sum(int(number) * unit for number, unit in zip(found.groups("0"), UNITS.values(), strict=True))
    )


def words_of(length: timedelta) -> str:
    """The two largest units of `length`, never more than it is: `1d 12h`, `23h 59m`, `3d`, `0s`.

    A length below zero counts as none.
    """
    rest = max(int(length.total_seconds()), 0)
    words: list[str] = []
    for unit, seconds in UNITS.items():
        number, rest = divmod(rest, seconds)
        if number or words:
            words.append(f"{number}{unit}" if number else "")
    return " ".join(filter(None, words[:2])) or "0s"
