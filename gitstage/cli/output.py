"""What goes to stdout: JSON that a runner's log cannot misread, and tables as wide as the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click


def coloured() -> bool:
    """Whether to colour: only on a terminal, never with NO_COLOR."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def ascii_only(*, err: bool = False) -> bool:
    """Whether stdout (or stderr) cannot show more than ASCII."""
    stream = sys.stderr if err else sys.stdout
    return (getattr(stream, "encoding", "") or "").lower().replace("-", "") not in ("utf8", "utf8sig")


def print_json(document: object) -> None:
    """A document as JSON."""
    from gitstage.sinks import json_document

    click.echo(json_document(document), nl=False)


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, below: Sequence[str] = ()) -> None:
    """Rows below each other in columns, under their headers; `below` each row, a line that is in no column."""
    from gitstage.cli.drawing import table

    click.echo(table(headers, rows, below=below, colour=coloured(), ascii_only=ascii_only()), nl=False)


def print_line(text: str, *, err: bool = False, nl: bool = True) -> None:
    """One line, in which nothing is hidden and nothing acts on the terminal."""
    from gitstage.sinks import terminal

    click.echo(terminal(text, ascii_only=ascii_only(err=err)), err=err, nl=nl)
