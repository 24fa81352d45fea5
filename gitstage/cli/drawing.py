"""Values drawn as text: tables, metrics side by side, moments, sizes.

Whatever is drawn is escaped here, cell by cell. rich is imported where there is colour, that is on a terminal.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from io import StringIO
from itertools import islice

from gitstage.reports.figures import clock, columns, difference, number, width_of
from gitstage.sinks import terminal

_FIGURE = re.compile(r"[-+−]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?: ?(?:%|[kMGTP]?B))?")
"""What ends with the others of its column: `0.951`, `−2.5 %`, `10.5 MB`, and no `1.1.0`."""
_NOTHING = frozenset({"", "–", "-", "="})
_GAP = 2
_INDENT = 4
_UNITS = (
    ("year", timedelta(days=365)),
    ("month", timedelta(days=30)),
    ("day", timedelta(days=1)),
    ("hour", timedelta(hours=1)),
    ("minute", timedelta(minutes=1)),
)


def table(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    below: Sequence[str | Sequence[str]] = (),
    colour: bool = False,
    width: int | None = None,
    ascii_only: bool = False,
) -> str:
    """Rows below each other in columns, figures to the right, under headers (none where all are empty).

    What is wider than `width` columns of the terminal is folded within its cells. Without a width it is the
    terminal's own where there is colour, and else as wide as it is. `below` has a text for each row, several, or an
    empty one, each of which stands on a line of its own below it. Ends with a line end.
    """
    heads = [terminal(cell, ascii_only=ascii_only) for cell in headers]
    body = [[terminal(cell, ascii_only=ascii_only) for cell in row] for row in rows]
    right = frozenset(place for place in range(len(heads)) if _is_figures([row[place] for row in body]))
    if colour and width is None:
        width = shutil.get_terminal_size().columns
    lines = [heads, *body] if any(heads) else body
    top = 1 if any(heads) else 0
    widths = None if width is None else _fitting(lines, width)
    folded = [[line] if widths is None else _folded(line, widths) for line in lines]
    pieces = [piece for line in folded for piece in line]
    if colour:
        drawn = _in_colour(pieces, sum(map(len, folded[:top])), right).splitlines()
    else:
        drawn = columns(pieces, right=right, gap=" " * _GAP)
    texts = [[text] if isinstance(text, str) else text for text in below]
    notes: list[list[str]] = [[]] * top + [
        [terminal(text, ascii_only=ascii_only) for text in several] for several in texts
    ]
    return "".join(f"{line}\n" for line in _with_notes(drawn, map(len, folded), notes))


def _with_notes(drawn: Iterable[str], heights: Iterable[int], notes: Iterable[list[str]]) -> Iterator[str]:
    """The lines of a table with the notes below the rows that have some; `heights` is how many lines each row takes."""
    lines, rest = iter(drawn), iter(notes)
    for height in heights:
        yield from islice(lines, height)
        for note in next(rest, []):
            if note:
                yield f"{' ' * _INDENT}{note}"


def _is_figures(cells: Sequence[str]) -> bool:
    written = [cell for cell in cells if cell not in _NOTHING]
    return bool(written) and all(_FIGURE.fullmatch(cell) for cell in written)


def _in_colour(lines: Sequence[Sequence[str]], top: int, right: frozenset[int]) -> str:
    """The lines as rich draws them; the first `top` of them are headers."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, show_header=False)
    for place in range(len(lines[0]) if lines else 0):
        drawn.add_column(justify="right" if place in right else "left", style="" if place else "cyan", no_wrap=True)
    for row, line in enumerate(lines):
        drawn.add_row(*map(Text, line), style="bold" if row < top else "")
    page = StringIO()
    width = sum(map(sum, ([width_of(cell) + _GAP for cell in line] for line in lines)))  # no second opinion on folding
    console = Console(
        file=page, force_terminal=True, color_system="standard", no_color=False, width=width + 1, _environ={}
    )
    console.print(drawn)
    return page.getvalue() if lines else ""


def _fitting(lines: Sequence[Sequence[str]], width: int) -> list[int]:
    """How wide each column may be: the widest are narrowed, to their longest words first, and then further."""
    widths = [max(map(width_of, column)) for column in zip(*lines, strict=True)]
    words = [max(width_of(word) for cell in column for word in cell.split(" ")) for column in zip(*lines, strict=True)]
    while sum(widths) + _GAP * (len(widths) - 1) > width and max(widths, default=0) > 1:
        foldable = [place for place, longest in enumerate(words) if widths[place] > longest] or range(len(widths))
        widths[max(foldable, key=widths.__getitem__)] -= 1
    return widths


def _folded(line: Sequence[str], widths: Sequence[int]) -> list[list[str]]:
    """A line as the lines that it takes where its cells have these widths."""
    cells = [_pieces(cell, limit) for cell, limit in zip(line, widths, strict=True)]
    height = max(map(len, cells), default=0)
    return [list(piece) for piece in zip(*(cell + [""] * (height - len(cell)) for cell in cells), strict=True)]


def _pieces(text: str, limit: int) -> list[str]:
    """`text` in pieces that are at most so wide, parted at blanks where there are any."""
    pieces: list[str] = []
    rest = text
    while True:
        # A runner takes `::` at a line's beginning for a command; that of the whole text is escaped already.
        end = 1 if pieces and rest.startswith("::") else _end(rest, limit)
        if end >= len(rest):
            return [*pieces, rest]
        blank = rest.rfind(" ", 1, end + 1)
        cut = blank if blank > 0 else end
        pieces.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()


def _end(text: str, limit: int) -> int:
    """How many characters of `text` fit; at least one."""
    taken = 0
    for place, char in enumerate(text):
        taken += width_of(char)
        if taken > limit:
            return max(place, 1)
    return len(text)


def metrics_side_by_side(
    metrics: Mapping[str, tuple[float | None, float | None]],
    *,
    before: str,
    after: str,
    colour: bool = False,
    width: int | None = None,
    ascii_only: bool = False,
) -> str:
    """Metrics of two versions and how they differ, a line each, under the versions' names; "" where there is none."""
    rows = [(name, number(was), number(now), difference(was, now)) for name, (was, now) in sorted(metrics.items())]
    headers = ("metric", before, after, "difference")
    return table(headers, rows, colour=colour, width=width, ascii_only=ascii_only) if rows else ""


def moment(when: datetime, now: datetime) -> str:
    """A moment, and how far it is from now: `2026-11-23 14:00 UTC, 3 hours ago`."""
    length = abs(when - now)
    for unit, size in _UNITS:
        count = length // size
        if count:
            words = f"{count} {unit}{'' if count == 1 else 's'}"
            return f"{clock(when)}, {f'in {words}' if when > now else f'{words} ago'}"
    return f"{clock(when)}, just now"


def size(count: int) -> str:
    """A number of bytes as people read it, in thousands: `512 B`, `10.5 MB`."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if round(value, 1) < 1000:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} PB"
