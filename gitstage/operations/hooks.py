"""Hooks of git: putting the one in place that has gitstage asked."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from gitstage.errors import GitstageError
from gitstage.git import Repository
from gitstage.values import dataclass

MARK = "# Written by gitstage hook install; what it finds is told by gitstage."


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A hook that is in place: which, where, and whether it was there already, word for word."""

    name: str
    path: Path
    was_there: bool


def install(repo: Repository, name: str, options: Sequence[str] = ()) -> Installed:
    """Puts a hook in place that runs `gitstage hook NAME` with `options`, by the Python that runs this.

    One that gitstage wrote is replaced; another one raises GitstageError, as does `pre-receive` in a repository that
    nobody pushes to.
    """
    if name == "pre-receive" and not repo.is_bare:
        raise GitstageError(
            "pre-receive guards a repository that people push to, and this one has a work tree",
            hint="on the server: gitstage -C REPOSITORY.git hook install pre-receive",
        )
    path = repo.hooks_folder / name
    text = script(name, options)
    there = _read(path)
    if there is not None and MARK not in there:
        raise GitstageError(
            f"{path} is there already, and somebody else's",
            hint=f"call gitstage at its end: {script(name, options).splitlines()[-1]}",
        )
    if there == text and os.access(path, os.X_OK):
        return Installed(name=name, path=path, was_there=True)
    try:
        _write(path, text)
    except OSError as error:
        raise GitstageError(f"{path} cannot be written: {error.strerror}") from error
    return Installed(name=name, path=path, was_there=False)


def script(name: str, options: Sequence[str] = ()) -> str:
    """The hook's text. Where gitstage cannot be started the shell ends with an error, and git goes no further."""
    # -E and -P: neither variables nor what lies in the repository say what Python imports.
    words = [sys.executable, "-EP", "-m", "gitstage", "hook", name, *options]
    return f"#!/bin/sh\n{MARK}\nexec {shlex.join(words)}\n"


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise GitstageError(f"{path} cannot be read: {error.strerror}") from error


def _write(path: Path, text: str) -> None:
    """All of it or nothing: a hook that is cut off would let everything in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".", delete=False, encoding="utf-8") as file:
        file.write(text)
    os.chmod(file.name, 0o755)  # noqa: S103 - whoever serves the repository runs it
    os.replace(file.name, path)
