from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gitstage.reports import FORMATS, as_json, github, junit, markdown, sarif, text
from tests.reports.stories import STORIES


def test_every_format_stands_in_the_table() -> None:
    for report in STORIES.values():
        assert {name: render(report) for name, render in FORMATS.items()} == {
            "text": text.render(report),
            "json": as_json.render(report),
            "github": github.render(report),
            "markdown": markdown.render(report),
            "sarif": sarif.render(report),
            "junit": junit.render(report),
        }


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_whatever_is_written_ends_with_a_line_end(name: str) -> None:
    for report in STORIES.values():
        written = FORMATS[name](report)
        assert written.endswith("\n")
        assert not written.endswith("\n\n")


def test_the_table_imports_no_format_before_it_is_asked_for_one() -> None:
    house = Path(__file__).parents[2]
    asked = (
        "import sys, gitstage.reports; print([name for name in sys.modules if name.startswith('gitstage.reports.')])"
    )
    answer = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, cwd=house)
    assert answer.stdout == "[]\n"
