"""Who pushed what: a server that knows its users remembers it beside the repository, for the run of `tag` that follows."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from gitstage.git import Repository

if TYPE_CHECKING:
    from gitstage.forges import Forge

KNOWN = "pushers-1"
"""The file of it: a line each, a commit of the trunk, who pushed it, a full stop."""
MANY = 10_000
"""Lines of which none is kept that is older: once a run has judged a commit, the ledger knows who made what waits."""
LINE = re.compile(r"([0-9a-f]{40}) (\S+) \.")


def remembered(repo: Repository) -> Forge | None:
    """What this server remembers of who pushed the commits of its trunks; None where it remembers nothing.

    Who pushed a commit twice, as where the first push was let in by us and by nobody else, is one of its authors.
    """
    users: dict[str, set[str]] = {}
    for commit, user in _lines(_file(repo)):
        users.setdefault(commit, set()).add(user)
    if not users:
        return None
    from gitstage.forges import SERVER, Forge, ForgeChange

    commits: dict[frozenset[str], set[str]] = {}
    for commit, found in users.items():
        commits.setdefault(frozenset(found), set()).add(commit)
    changes = tuple(ForgeChange(authors=who, commits=frozenset(what)) for who, what in commits.items())
    return Forge(kind=SERVER, changes=changes)


def remember(repo: Repository, user: str, commits: Sequence[str]) -> None:
    """Writes down that a user pushes commits of a trunk. Where it cannot be written, nobody can tell later."""
    path = _file(repo)
    new = "".join(f"{commit} {quote(user)} .\n" for commit in commits)
    if not new:
        return
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        with path.open("a", encoding="ascii") as file:
            file.write(f"\n{new}")  # what was cut off before is a line of its own
        lines = _lines(path)
        if len(lines) > 2 * MANY:
            _keep(path, lines[-MANY:])


def _file(repo: Repository) -> Path:
    return repo.common_dir / "gitstage" / KNOWN


def _lines(path: Path) -> list[tuple[str, str]]:
    try:
        text = path.read_text("ascii", "replace")
    except OSError:
        return []
    found = (LINE.fullmatch(line) for line in text.splitlines())
    return [(line[1], unquote(line[2])) for line in found if line is not None]


def _keep(path: Path, lines: Sequence[tuple[str, str]]) -> None:
    shorter = path.with_name(f"{path.name}-{os.getpid()}")
    shorter.write_text("".join(f"{commit} {quote(user)} .\n" for commit, user in lines), encoding="ascii")
    shorter.replace(path)
