"""Numbers, moments and columns as people read them."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

MINUS = "−"
_UNITS = (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("m", timedelta(minutes=1)))


def number(value: float | None) -> str:
    """A measured value, to six digits; nothing where there is none."""
    if value is None:
        return ""
    whole = float(value).is_integer() and abs(value) < 1e15
    return str(int(value)) if whole else f"{value:.6g}"


def difference(before: float | None, after: float | None) -> str:
    """How much `after` is more (`+0.002`) or less (`−0.013`) than `before`; nothing where one of them is missing."""
    if before is None or after is None or not (math.isfinite(before) and math.isfinite(after)):
        return ""
    exact = Decimal(str(after)) - Decimal(str(before))  # 0.938 - 0.951 in binary is -0.013000000000000012
    if not exact:
        return "="
    return f"{'+' if exact > 0 else MINUS}{number(float(abs(exact)))}"


def clock(moment: datetime) -> str:
    """A moment to the minute: `2026-11-24 14:00 UTC`."""
    return moment.astimezone(UTC).isoformat(" ", "minutes").replace("+00:00", " UTC")


def distance(length: timedelta) -> str:
    """A length of time in its two largest units, `3h 20m` or `12d`; under a minute, `less than a minute`."""
    rest, words = abs(length), []
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            words.append(f"{count}{unit}")
        elif words:
            break
    return " ".join(words[:2]) or "less than a minute"


def width_of(text: str) -> int:
    """How many columns of a terminal `text` takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def padded(text: str, columns: int, *, right: bool = False) -> str:
    """`text` with blanks up to a width, at its end or, with `right`, before it."""
    blanks = " " * (columns - width_of(text))
    return blanks + text if right else text + blanks


def columns(rows: Iterable[Sequence[str]], *, right: frozenset[int] = frozenset(), gap: str = "  ") -> list[str]:
    """Rows of as many cells each, one line a row, below each other in columns; those in `right` end together."""
    rows = list(rows)
    widths = [max(map(width_of, column)) for column in zip(*rows, strict=True)]
    return [
        gap.join(
            padded(cell, columns, right=place in right)
            for place, (cell, columns) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
