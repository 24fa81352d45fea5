"""What goes to stdout: JSON that a runner's log cannot misread, and tables as wide as the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path

import click

from gitstage.errors import GitstageError


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

    # An answer that cannot be written is none; what is told besides is only told.
    with suppress(OSError) if err else nullcontext():
        click.echo(terminal(text, ascii_only=ascii_only(err=err)), err=err, nl=nl)


def write_file(path: Path, text: str, *, option: str = "--output") -> None:
    """Puts a text into a file as a whole: whoever reads it finds all of it, or what was there before.

    Links stay links, and what is no file (a pipe, `/dev/stdout`) is written to. Raises GitstageError, which names the
    option to type again.
    """
    try:
        target = path.resolve()
        if target.exists() and not target.is_file():
            path.write_text(text, encoding="utf-8")
            return
        unfinished = target.with_name(f".{target.name}.{os.urandom(4).hex()}")
        try:
            with unfinished.open("x", encoding="utf-8") as file:
                file.write(text)
            if target.exists():
                unfinished.chmod(target.stat().st_mode & 0o777)
            os.replace(unfinished, target)
        except OSError:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise GitstageError(f"{path} cannot be written: {error.strerror}", hint=f"{option} FILE") from error
