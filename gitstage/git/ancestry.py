"""Which commits are in the history of one: kept in a file, since git walks all of a long history to say so.

The file holds the id of the commit whose history it is, and below it the sorted raw ids of all commits in that history,
itself among them. Where the branch has moved on, git says what came since, which is little. It is a cache: lost or
broken, it is made anew.
"""

from __future__ import annotations

import mmap
import os
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gitstage.git.process import Processes

HEADER = b"gitstage history 1\n"
RAW = 20
"""Bytes of a raw object id."""
START = len(HEADER) + RAW
FEW = 32
"""So many commits are looked at one by one, until git is asked what came since."""
MANY = 1_000
"""So many commits may have come since the file was written, until it is written again; of more that are asked about,
each is looked up in all of them."""


class Kept(NamedTuple):
    """What a file says: `tip` is a raw id, `ids` the file's bytes."""

    tip: bytes
    ids: mmap.mmap | bytes

    def __contains__(self, oid: object) -> bool:
        assert isinstance(oid, bytes)
        count = (len(self.ids) - START) // RAW
        at = bisect_left(range(count), oid, key=self._id)
        return at < count and self._id(at) == oid

    def _id(self, at: int) -> bytes:
        begin = START + at * RAW
        return self.ids[begin : begin + RAW]

    def each(self) -> Iterable[bytes]:
        """All ids, in their order."""
        return (self.ids[begin : begin + RAW] for begin in range(START, len(self.ids), RAW))


def missing(
    processes: Processes, file: Path, commits: Iterable[str], tip: str, parents: Callable[[str], Sequence[str]]
) -> set[str]:
    """Those of `commits` that are not in the history of the commit `tip`, as `file` and git know it.

    `parents` gives those of a commit; it is asked first, a few steps back, as what came since mostly stands in a line.
    """
    wanted = {bytes.fromhex(oid): oid for oid in commits}
    kept = _read(file)
    since: set[bytes] | None = set()
    if kept is None or kept.tip.hex() != tip:
        since = None
        if kept is not None:
            since = _line(kept.tip.hex(), tip, parents) or _since(processes, kept.tip.hex(), tip)
        if kept is None or since is None:
            kept = _written(file, tip, {bytes.fromhex(oid) for oid in _listed(processes, "--end-of-options", tip)})
        elif len(since) > MANY:
            kept = _written(file, tip, since.union(kept.each()))
    known = frozenset(kept.each()) if len(wanted) > MANY else kept
    return {oid for raw, oid in wanted.items() if raw not in known and raw not in (since or ())}


def _line(old: str, tip: str, parents: Callable[[str], Sequence[str]]) -> set[bytes] | None:
    """The commits from `tip` back to `old`, where each has one parent and they are few; None where that is not so."""
    line: set[bytes] = set()
    commit = tip
    while commit != old:
        above = parents(commit)
        if len(above) != 1 or len(line) == FEW:
            return None
        line.add(bytes.fromhex(commit))
        (commit,) = above
    return line


def _since(processes: Processes, old: str, tip: str) -> set[bytes] | None:
    """The commits that came between two tips; None where the old one is not in the history of the new one."""
    answer = processes.run("rev-list", "--left-right", "--end-of-options", f"{old}...{tip}", accept=(0, 128))
    lines = answer.out.split()
    if answer.status != 0 or any(line.startswith(b"<") for line in lines):
        return None
    return {bytes.fromhex(line[1:].decode()) for line in lines}


def _listed(processes: Processes, *revisions: str) -> list[str]:
    return processes.run("rev-list", *revisions).out.decode().split()


def _read(file: Path) -> Kept | None:
    try:
        with file.open("rb") as opened:
            ids = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):  # it is not there, or empty
        return None
    if ids[: len(HEADER)] != HEADER or len(ids) < START + RAW or (len(ids) - START) % RAW:
        return None
    return Kept(ids[len(HEADER) : START], ids)


def _written(file: Path, tip: str, ids: set[bytes]) -> Kept:
    raw = bytes.fromhex(tip)
    data = b"".join([HEADER, raw, *sorted(ids)])
    with suppress(OSError):  # the repository may be another's: then it is as if nothing were kept
        file.parent.mkdir(exist_ok=True)
        unfinished = file.with_name(f"{file.name}-{os.urandom(8).hex()}.new")
        try:
            unfinished.write_bytes(data)
            unfinished.replace(file)
        finally:
            unfinished.unlink(missing_ok=True)
    return Kept(raw, data)
