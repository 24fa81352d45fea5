"""Write documents in their canonical form."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from gitstage.canonical import DocumentError, Problem
from gitstage.errors import GitstageError
from gitstage.layout import CONFIGURATION
from gitstage.manifest import formatted
from gitstage.values import dataclass


@dataclass(frozen=True, kw_only=True)
class Formatted:
    """What became of each file: changed, as it was, or not a document that can be written."""

    changed: tuple[Path, ...]
    unchanged: tuple[Path, ...]
    problems: tuple[tuple[Path, Problem], ...]


def run(files: Sequence[Path], *, check: bool = False) -> Formatted:
    """Rewrites manifests, holds and slots; with `check` only says which would change. Comments are lost.

    Raises GitstageError where a file cannot be read or written.
    """
    changed, unchanged = [], []
    problems: list[tuple[Path, Problem]] = []
    for path in files:
        if path.name == CONFIGURATION:
            raise GitstageError(
                f"{path} is for people and keeps its form", hint="gitstage check says whether it is valid"
            )
        try:
            before = path.read_bytes()
            after = formatted(before)
        except DocumentError as error:
            problems.extend((path, problem) for problem in error.problems)
            continue
        except OSError as error:
            raise GitstageError(f"{path} cannot be read: {error.strerror}") from error
        if before == after:
            unchanged.append(path)
            continue
        changed.append(path)
        if not check:
            _write(path, after)
    return Formatted(changed=tuple(changed), unchanged=tuple(unchanged), problems=tuple(problems))


def _write(path: Path, data: bytes) -> None:
    """Replaces a file whole or not at all."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            file.write(data)
            unfinished = Path(file.name)
        try:
            unfinished.chmod(path.stat().st_mode & 0o777)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise GitstageError(f"{path} cannot be written: {error.strerror}") from error
