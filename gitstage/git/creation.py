"""Making a repository where there is none: a new one, or a clone to read from."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

from gitstage.git import remotes
from gitstage.git.environment import Purpose
from gitstage.git.process import Processes
from gitstage.git.repository import Repository

MIRRORED = tuple(f"+refs/{kind}/*:refs/{kind}/*" for kind in ("heads", "tags", "gitstage"))


def create(path: Path, *, branch: str | None = None, bare: bool = False) -> Repository:
    """A new repository in `path`, whose first branch is called `branch` (None: as the user's git calls it)."""
    path.mkdir(parents=True, exist_ok=True)
    words = ["init", "--quiet", "--template=", "--object-format=sha1", *(["--bare"] if bare else [])]
    if branch is not None:
        words.append(f"--initial-branch={branch}")
    Processes(("-C", str(path))).run(*words, "--", ".", purpose=Purpose.WRITING)
    return Repository.discover(path)


def mirror(url: str, path: Path) -> Repository:
    """A bare partial clone of `url` in `path`, brought up to date: branches, tags and all other refs of ours.

    Refs that are gone there go here as well. Blobs are fetched when they are read. Raises GitError where the remote cannot be reached.
    """
    if not (path / "HEAD").exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".clone.") as temporary:
            place = Path(temporary, "git")
            remotes.clone(Processes(), url, str(place))
            with suppress(OSError):  # another process was first, with the same clone
                place.rename(path)
    repo = Repository.discover(path)
    remotes.fetch(repo.processes, "origin", MIRRORED, prune=True)
    return repo
