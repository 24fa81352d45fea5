"""Going along a history: what each commit changed, by one kept process, in order and as fast as git can say it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from gitstage.changes import Change, Entry
from gitstage.git.errors import GitError
from gitstage.git.objects import FSCK, decoded
from gitstage.git.process import Processes, cleaned

if TYPE_CHECKING:
    import git

# Commits that are asked about at once. Two such requests fit a pipe of 16 KiB, so neither side waits for the other.
AT_ONCE = 96
CHUNK = 1 << 20
NONE = "0" * 40

COMMAND = (
    "diff-tree",
    "--stdin",
    "-r",
    "-z",
    "--raw",
    "--root",
    "--always",
    "--no-renames",
    "--no-ext-diff",
    "--no-textconv",
    "--ignore-submodules=none",
    "--no-abbrev",
)


class Difference(NamedTuple):
    """What a commit changed against another one (None: against nothing). No folder is among the paths."""

    commit: str
    base: str | None
    changes: tuple[Change, ...]


def differences(processes: Processes, pairs: Iterable[tuple[str, str | None]]) -> Iterator[list[Difference]]:
    """What each (commit, base) differs in, some at a time, in their order; while one part is looked at, git goes on.

    The pairs are asked for as they are needed. Raises GitError where a commit is missing or broken.
    """
    source = iter(pairs)
    part = list(islice(source, AT_ONCE))
    if not part:
        return
    asked = _Asked(processes.keep(*COMMAND))
    try:
        asked.ask(part)
        while part:
            following = list(islice(source, AT_ONCE))
            if following:
                asked.ask(following)
            yield _answered(asked.answer(), part)
            part = following
    finally:
        # Whoever does not want to know more leaves git behind in the middle of an answer.
        asked.process.terminate()
        asked.process.communicate()


class _Asked:
    """A running `git diff-tree --stdin`: questions go in ahead of their answers."""

    def __init__(self, process: git.Git.AutoInterrupt) -> None:
        self.process = process
        # Git says back at once what is no commit. Nobody who writes paths can foresee it.
        self._end = os.urandom(16).hex().encode() + b"\n"
        self._said = bytearray()

    def ask(self, pairs: Sequence[tuple[str, str | None]]) -> None:
        lines = "".join(f"{commit} {base}\n" if base is not None else f"{commit}\n" for commit, base in pairs)
        try:
            self.process.stdin.write(lines.encode() + self._end)
            self.process.stdin.flush()
        except BrokenPipeError:
            raise GitError(self._last_words(), hint=FSCK) from None

    def answer(self) -> bytes:
        """What git says to the oldest question that is not answered yet."""
        looked = 0
        while (at := self._said.find(self._end, looked)) < 0:
            looked = max(0, len(self._said) - len(self._end))  # it may lie across two reads
            more = os.read(self.process.stdout.fileno(), CHUNK)
            if not more:
                raise GitError(self._last_words(), hint=FSCK)
            self._said += more
        said = bytes(self._said[:at])
        del self._said[: at + len(self._end)]
        return said

    def _last_words(self) -> str:
        return cleaned(self.process.stderr.read()) or "git diff-tree ended unexpectedly"


def _answered(said: bytes, pairs: Sequence[tuple[str, str | None]]) -> list[Difference]:
    words = decoded(said).split("\0")
    found, at = [], 0
    for commit, base in pairs:
        if words[at] != commit:
            raise GitError(f"git diff-tree said nothing of {commit}", hint=FSCK)
        at += 1
        changes = []
        while words[at].startswith(":"):
            was, now, before, after, _ = words[at][1:].split(" ")
            changes.append(Change(words[at + 1], _entry(was, before), _entry(now, after)))
            at += 2
        found.append(Difference(commit, base, tuple(changes)))
    return found


def _entry(mode: str, oid: str) -> Entry | None:
    return None if oid == NONE and mode == "000000" else Entry(int(mode, 8), oid)
