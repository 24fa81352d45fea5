"""Making a repository where there is none: a new one, or a clone to read from."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

from gitstage.git.environment import Purpose
from gitstage.git.process import NO_HOOKS, Processes
from gitstage.git.repository import Repository


def create(path: Path, *, branch: str | None = None, bare: bool = False) -> Repository:
    """A new repository in `path`, whose first branch is called `branch` (None: as the user's git calls it)."""
    path.mkdir(parents=True, exist_ok=True)
    words = ["init", "--quiet", "--template=", "--object-format=sha1", *(["--bare"] if bare else [])]
    if branch is not None:
        words.append(f"--initial-branch={branch}")
    Processes(("-C", str(path)), {}).run(*words, "--", ".", purpose=Purpose.WRITING)
    return Repository.discover(path)


def mirror(url: str, path: Path) -> Repository:
    """A bare partial clone of `url` in `path`, brought up to date: branches, tags and all other refs of ours.

    Blobs are fetched when they are read. Raises GitError where the remote cannot be reached.
    """
    if not (path / "HEAD").exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".clone.") as temporary:
            place = Path(temporary, "git")
            Processes((), {}).run(
                *NO_HOOKS, "clone", "--bare", "--quiet", "--template=", "--filter=blob:none", "--end-of-options", url,
                str(place), purpose=Purpose.TRANSPORT,
            )  # fmt: skip
            with suppress(OSError):  # another process was first, with the same clone
                place.rename(path)
    repo = Repository.discover(path)
    repo.fetch("origin", ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", "+refs/gitstage/*:refs/gitstage/*"])
    return repo
