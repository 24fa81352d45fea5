from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click import unstyle
from hypothesis import given
from hypothesis import strategies as st

from gitstage.cli.drawing import metrics_side_by_side, moment, size, table
from gitstage.reports.figures import width_of
from tests.reports.runner import commands_in
from tests.test_sinks import HOSTILE

NOW = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
HEADERS = ["model", "staging", "auc", "size"]
ROWS = [
    ["fraud-detector", "1.1.0 (1.2.0 declared)", "0.951", "10.5 MB"],
    ["日本語", "–", "–", "512 B"],
    ["toy", "0.1.0", "−0.5", ""],
]


def test_a_table_is_aligned_by_what_a_terminal_shows_and_figures_end_together() -> None:
    assert table(HEADERS, ROWS) == (
        "model           staging                   auc     size\n"
        "fraud-detector  1.1.0 (1.2.0 declared)  0.951  10.5 MB\n"
        "日本語          –                           –    512 B\n"
        "toy             0.1.0                    −0.5\n"
    )


def test_what_is_no_ascii_is_not_drawn_where_it_cannot_be_shown() -> None:
    assert table(HEADERS, ROWS[2:], ascii_only=True) == ("model  staging   auc  size\ntoy    0.1.0    -0.5\n")


def test_headers_that_say_nothing_are_not_drawn() -> None:
    assert table(["", ""], [["a", "1"], ["bc", "23"]]) == "a    1\nbc  23\n"
    assert uncoloured(table(["", ""], [["a", "1"], ["bc", "23"]], colour=True, width=80)) == "a    1\nbc  23\n"


def test_a_table_without_rows_is_its_headers() -> None:
    assert table(["model", "staging"], []) == "model  staging\n"
    assert table(["", ""], []) == ""


def test_what_does_not_fit_is_folded_in_its_cell_and_nothing_is_lost() -> None:
    rows = [["fraud-detector", "retrained with the spring data", "1"], ["b", "and 0123456789", "22"]]
    assert table(["model", "why", "no."], rows, width=32) == (
        "model           why          no.\n"
        "fraud-detector  retrained      1\n"
        "                with the\n"
        "                spring data\n"
        "b               and           22\n"
        "                0123456789\n"
    )
    assert table(["model", "why"], [["fraud-detector", "fraud"]], width=10) == (
        "mode  why\nl\nfrau  frau\nd-de  d\ntect\nor\n"
    )
    assert table(["a"], [["日本語"]], width=1) == "a\n日\n本\n語\n"


def test_what_is_folded_gives_a_runner_no_command() -> None:
    assert table(["a"], [["www.x::error::x"]], width=5) == "a\nwww.x\n:\n:erro\nr::x\n"
    assert table(["a"], [["日::e::x"]], width=2) == "a\n日\n:\n:e\n:\n:x\n"


def test_colour_changes_nothing_but_the_colour() -> None:
    drawn = table(HEADERS, ROWS, colour=True, width=80)
    assert "\x1b[1;36mmodel" in drawn
    assert "\x1b[36mtoy" in drawn
    for width in (80, 60, 40, 20, 3):
        assert uncoloured(table(HEADERS, ROWS, colour=True, width=width)) == table(HEADERS, ROWS, width=width)


def test_colour_folds_to_the_terminals_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    lines = uncoloured(table(HEADERS, ROWS, colour=True)).splitlines()
    assert len(lines) > len(ROWS) + 1
    assert max(map(width_of, lines)) <= 40
    monkeypatch.setenv("COLUMNS", "400")
    assert uncoloured(table(HEADERS, ROWS, colour=True)) == table(HEADERS, ROWS)


def uncoloured(drawn: str) -> str:
    """What was drawn, without colour and the blanks that rich puts at the ends of lines."""
    return "".join(f"{line.rstrip()}\n" for line in unstyle(drawn).splitlines())


CELLS = st.lists(st.tuples(HOSTILE, HOSTILE), max_size=4)


@given(CELLS, st.none() | st.integers(1, 60), st.booleans(), st.booleans())
def test_no_cell_says_more_than_its_text(
    rows: list[tuple[str, str]], width: int | None, colour: bool, ascii_only: bool
) -> None:
    drawn = table(["a", "b"], rows, colour=colour, width=width, ascii_only=ascii_only)
    plain = uncoloured(drawn)
    assert plain.replace("\n", "").isprintable()
    assert plain.isascii() or not ascii_only
    assert commands_in(plain) == []
    assert len(plain.splitlines()) == plain.count("\n") >= len(rows) + 1
    if width is None and not colour:
        assert plain.count("\n") == len(rows) + 1
    if width is not None and width >= 8:
        assert max(map(width_of, plain.splitlines())) <= width


def test_metrics_of_two_versions_stand_side_by_side() -> None:
    metrics = {"latency_p99_ms": (12.0, 11.5), "auc": (0.951, 0.938), "f1": (None, 0.5), "n": (10, 10.0)}
    assert metrics_side_by_side(metrics, before="1.0.0", after="1.1.0") == (
        "metric          1.0.0  1.1.0  difference\n"
        "auc             0.951  0.938      −0.013\n"
        "f1                       0.5\n"
        "latency_p99_ms     12   11.5        −0.5\n"
        "n                  10     10           =\n"
    )
    assert metrics_side_by_side({}, before="1.0.0", after="1.1.0") == ""


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (timedelta(hours=-3), "2026-11-23 14:00 UTC, 3 hours ago"),
        (timedelta(hours=-3, minutes=-59), "2026-11-23 13:01 UTC, 3 hours ago"),
        (timedelta(days=-1), "2026-11-22 17:00 UTC, 1 day ago"),
        (timedelta(days=-45), "2026-10-09 17:00 UTC, 1 month ago"),
        (timedelta(days=-800), "2024-09-14 17:00 UTC, 2 years ago"),
        (timedelta(minutes=20), "2026-11-23 17:20 UTC, in 20 minutes"),
        (timedelta(seconds=-59), "2026-11-23 16:59 UTC, just now"),
        (timedelta(0), "2026-11-23 17:00 UTC, just now"),
    ],
)
def test_a_moment_says_how_far_it_is(length: timedelta, said: str) -> None:
    assert moment(NOW + length, NOW) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (10_485_760, "10.5 MB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (5 * 10**12, "5.0 TB"),
        (7 * 10**15, "7.0 PB"),
    ],
)
def test_a_size_is_counted_in_thousands(count: int, said: str) -> None:
    assert size(count) == said


def test_rich_is_not_imported_where_there_is_no_colour() -> None:
    asked = (
        "import sys; from gitstage.cli.drawing import table; before = table(['a'], [['b']]); "
        "print('rich' in sys.modules); table(['a'], [['b']], colour=True); print('rich' in sys.modules)"
    )
    house = Path(__file__).parents[2]
    answer = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, cwd=house)
    assert answer.stdout == "False\nTrue\n"
