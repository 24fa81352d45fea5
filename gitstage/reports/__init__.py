"""The formats of a report: one file each, one function from a `Report` to text, all in one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

from gitstage.findings import Report

Format = Callable[[Report], str]


def _format(module: str) -> Format:
    """`render` of a format's module, which is imported when the first report is written in it."""

    def render(report: Report) -> str:
        written: str = import_module(f"gitstage.reports.{module}").render(report)
        return written

    return render


FORMATS: Mapping[str, Format] = {
    "text": _format("text"),
    "json": _format("as_json"),
    "github": _format("github"),
    "markdown": _format("markdown"),
    "sarif": _format("sarif"),
    "junit": _format("junit"),
}
"""What `--format` takes. For colour, ASCII or another limit call the module's own `render`."""
