"""Making a repository where there is none."""

from __future__ import annotations

from pathlib import Path

from gitstage.git.environment import Purpose
from gitstage.git.process import Processes
from gitstage.git.repository import Repository


def create(path: Path, *, branch: str | None = None, bare: bool = False) -> Repository:
    """A new repository in `path`, whose first branch is called `branch` (None: as the user's git calls it)."""
    path.mkdir(parents=True, exist_ok=True)
    words = ["init", "--quiet", "--template=", *(["--bare"] if bare else [])]
    if branch is not None:
        words.append(f"--initial-branch={branch}")
    Processes(("-C", str(path)), {}).run(*words, "--", ".", purpose=Purpose.WRITING)
    return Repository.discover(path)
