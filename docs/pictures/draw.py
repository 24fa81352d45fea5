"""Draws the pictures of the README from what `gitstage demo` really says, as SVG beside this file.

    python docs/pictures/draw.py

Commit ids and moments are those of the run, so a picture drawn again differs in these.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from gitstage.cli.demo.story import STORY
from gitstage.cli.demo.teller import Step
from gitstage.cli.demo.telling import told

HERE = Path(__file__).parent
WIDTH = 116
SHOWN = (
    "She wants it to serve",
    "Grace merges it, and the workflow tags",
    "Production is bad: faint scans are misread",
    "How a server reads what serves, and what served then",
)
"""The steps of the demo's picture."""
REPORTED, FORM_OF_IT = "gitstage check --base origin/main --format markdown", " --format markdown"
"""The command whose report is the other picture; without the form, a terminal shows the same report with colours."""

# Dark enough for white text, and for a page that is white.
THEME = TerminalTheme(
    (22, 27, 34),
    (214, 221, 229),
    [(72, 79, 88), (255, 123, 114), (99, 201, 128), (227, 179, 65), (121, 184, 255), (210, 168, 255), (118, 214, 223), (214, 221, 229)],
    [(110, 118, 129), (255, 161, 152), (126, 231, 135), (242, 204, 96), (165, 214, 255), (226, 197, 255), (150, 230, 240), (240, 246, 252)],
)  # fmt: skip

# rich's own form, without its font from a server: an <img> loads nothing, and a picture of text is read anywhere.
FORM = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
    font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace;
    font-size: {char_height}px;
    line-height: {line_height}px;
    font-variant-east-asian: full-width;
}}
.{unique_id}-title {{
    font-size: 18px;
    font-weight: bold;
    font-family: system-ui, -apple-system, "Segoe UI", Arial, "DejaVu Sans", sans-serif;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def steps_told(story: Sequence[Step]) -> dict[str, list[str]]:
    """What each step of the story shows, by its title."""
    lines: list[str] = []
    os.environ.update({"COLUMNS": str(WIDTH), "TERM": "xterm-256color"})
    os.environ.pop("NO_COLOR", None)
    with tempfile.TemporaryDirectory() as folder:
        told(Path(folder), lines.append, colour=True, story=story)
    titles = {f"{number}. {step.title}": step.title for number, step in enumerate(story, start=1)}
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in lines:
        title = titles.get(click.unstyle(line))
        if title is not None:
            current = found[title] = []
        current.append(line)
    return found


def drawn(lines: Iterable[str], title: str, name: str) -> str:
    """Lines of a terminal as SVG."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(width=WIDTH, record=True, file=nowhere, force_terminal=True, color_system="truecolor")
        for line in lines:
            console.print(Text.from_ansi(line), soft_wrap=True)
        svg = console.export_svg(title=title, theme=THEME, code_format=FORM, unique_id=f"gitstage-{name}")
    return "".join(f"{line.rstrip()}\n" for line in svg.splitlines())


def with_whole_report(story: Sequence[Step]) -> list[Step]:
    """The story, in which the report is made for a terminal, and all of it is shown."""
    return [
        replace(
            step,
            commands=tuple(
                replace(command, line=command.line.removesuffix(FORM_OF_IT), lines=1000, says=())
                if command.line == REPORTED
                else command
                for command in step.commands
            ),
        )
        for step in story
    ]


def report_in(lines: Sequence[str]) -> list[str]:
    """The command of the report and what it says, out of what its step shows."""
    begin, end = (
        next(number for number, line in enumerate(lines) if text in click.unstyle(line))
        for text in (REPORTED.removesuffix(FORM_OF_IT), "refused: 1 of 1 change")
    )
    return list(lines[begin : end + 1])


def main() -> None:
    found = steps_told(with_whole_report(STORY))
    demo = [line for title in SHOWN for line in found[title]]
    (step,) = (step.title for step in STORY if REPORTED in [command.line for command in step.commands])
    for name, title, lines in (("demo", "gitstage demo", demo), ("report", "gitstage check", report_in(found[step]))):
        (HERE / f"{name}.svg").write_text(drawn(lines, title, name), encoding="utf-8")


if __name__ == "__main__":
    main()
