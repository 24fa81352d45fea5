"""What is staged: how the index differs from a commit, and which files it holds; read only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from gitstage.changes import Entry
from gitstage.git.objects import decoded
from gitstage.git.process import Processes

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""The tree that holds nothing; git knows it without having it."""
DIFF = (
    "diff-index",
    "--cached",
    "--raw",
    "-z",
    "--no-abbrev",
    "--no-renames",
    "--no-ext-diff",
    "--no-textconv",
    "--ignore-submodules=none",
    "--ita-invisible-in-index",  # `git add -N` announces a file, and the next commit does not have it
)


class Staged(NamedTuple):
    """The paths at which the next commit differs from the one before, with what shall lie there (None: nothing).

    `unmerged` are paths of which the user has not said yet what they shall hold.
    """

    edits: Mapping[str, Entry | None]
    unmerged: tuple[str, ...]


def staged(processes: Processes, commit: str | None) -> Staged:
    """How the index differs from a commit (None: from nothing); the work tree is not looked at."""
    answer = processes.run(*DIFF, "--end-of-options", commit or EMPTY_TREE, "--")
    edits: dict[str, Entry | None] = {}
    unmerged: list[str] = []
    # One row is `:OLDMODE NEWMODE OLDID NEWID STATUS`, its path comes behind it (git-diff-index(1), "raw output").
    fields = iter(answer.out.split(b"\0")[:-1])
    for row, name in zip(fields, fields, strict=True):
        _, mode, _, oid, status = row.decode("ascii").split(" ")
        path = decoded(name)
        if status == "U":
            unmerged.append(path)
        else:
            edits[path] = None if status == "D" else Entry(int(mode, 8), oid)
    return Staged(edits, tuple(unmerged))


def called(processes: Processes, name: str) -> list[str]:
    """The paths of the index that end in a file called `name`, wherever it lies."""
    answer = processes.run("ls-files", "-z", "--", f":(top,glob)**/{name}")
    return [decoded(path) for path in answer.out.split(b"\0")[:-1]]
