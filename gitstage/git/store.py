"""The objects of one repository: read through one kept process, written together in one go."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, NamedTuple, TypeVar

from gitstage.git.environment import Purpose
from gitstage.git.errors import GitError, NoSuchRevision
from gitstage.git.objects import FSCK, PACK_TYPES, Object, encoded, is_object_id, object_id, pack
from gitstage.git.process import Processes, cleaned

if TYPE_CHECKING:
    import git

Found = TypeVar("Found")

# Requests that are sent before their answers are read. They fit a pipe of 16 KiB, so neither side waits for the other.
AHEAD = 8192
NO_NAME = "0" * 40
KINDS = {kind.encode(): kind for kind in PACK_TYPES}
SOME = 4096
# What is read ahead has at most so many bytes, and is at most so many objects: manifests have a few hundred bytes.
SMALL = 16_384
MOST = 4_096
# As many objects as git itself unpacks when they are pushed (receive.unpackLimit); more of them stay a pack.
LOOSE_LIMIT = 100


def fits_ahead(names: Sequence[str]) -> bool:
    """Whether so many names can be asked about before the first answer is read: both lie in pipes until then."""
    return sum(map(len, names)) + len(names) * 8 <= AHEAD and not any("\n" in name for name in names)


class Header(NamedTuple):
    """What an object is, without its bytes."""

    oid: str
    kind: str
    size: int


class Reader:
    """A `git cat-file --batch-command` that is started when it is first asked, and kept."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._process: git.Git.AutoInterrupt | None = None

    def headers(self, names: Sequence[str]) -> Iterator[Header | None]:
        """What each name (an id, or any revision on one line) stands for, in their order; None for nothing."""
        return self._asked(b"info", names, _header)

    def contents(self, names: Sequence[str]) -> Iterator[tuple[str, Object] | None]:
        """Each object with its id, in the order of their names; None where there is none."""
        return self._asked(b"contents", names, _object)

    def ahead(self, names: Sequence[str]) -> Callable[[], list[Header | None]]:
        """Asks as `headers` does and reads the answers when they are called for, while git looks. Once, before others."""
        lines = [b"info %s\n" % encoded(name) for name in names]
        process = self._running()
        process.stdin.write(b"".join(lines))
        process.stdin.flush()
        return lambda: self._answers([b""] * len(lines), _header)

    def close(self) -> None:
        """End the process. The next question starts another one."""
        if self._process is not None:
            self._last_words(self._process)

    def _asked(self, command: bytes, names: Sequence[str], answer: Callable[[IO[bytes]], Found]) -> Iterator[Found]:
        # A name of two lines would be two questions, and every later answer be taken for the one before it.
        asked = (NO_NAME if "\n" in name or not name else name for name in names)
        lines = [b"%s %s\n" % (command, encoded(name)) for name in asked]
        at = 0
        while at < len(lines):
            end, size = at + 1, len(lines[at])
            while end < len(lines) and size + len(lines[end]) <= AHEAD:
                size += len(lines[end])
                end += 1
            yield from self._answers(lines[at:end], answer)
            at = end

    def _answers(self, requests: Sequence[bytes], answer: Callable[[IO[bytes]], Found]) -> list[Found]:
        process = self._running()
        try:
            process.stdin.write(b"".join(requests))
            process.stdin.flush()
            answers = [answer(process.stdout) for _ in requests]
        except (BrokenPipeError, EOFError):
            raise GitError(self._last_words(process) or "git cat-file ended unexpectedly", hint=FSCK) from None
        except BaseException:
            # Interrupted: the answers that were not read would be taken for those to the next questions.
            self._process = None
            raise
        # What git says beside an answer waits in a pipe that must not fill up.
        said = process.stderr.read()
        if said and None in answers:
            raise GitError(cleaned(said))
        return answers

    def _running(self) -> git.Git.AutoInterrupt:
        if self._process is None:
            self._process = self._processes.keep("cat-file", "--batch-command")
            os.set_blocking(self._process.stderr.fileno(), False)
        return self._process

    def _last_words(self, process: git.Git.AutoInterrupt) -> str:
        self._process = None
        _, said = process.communicate()
        return cleaned(said)


def _words(answers: IO[bytes]) -> list[bytes] | None:
    """Id, kind and size. Of a name that means nothing git says the name, which may hold spaces, and a word: None."""
    line = answers.readline()
    if not line:
        raise EOFError
    words = line.split()
    return words if len(words) == 3 and words[2].isdigit() else None


def _header(answers: IO[bytes]) -> Header | None:
    words = _words(answers)
    return None if words is None else Header(words[0].decode(), words[1].decode(), int(words[2]))


def _object(answers: IO[bytes]) -> tuple[str, Object] | None:
    words = _words(answers)
    if words is None:
        return None
    size = int(words[2])
    data = answers.read(size + 1)
    if len(data) <= size:
        raise EOFError
    return words[0].decode(), Object(KINDS[words[1]], data[:-1])


def blobs_in(said: bytes, count: int) -> list[str | None] | None:
    """The blobs in what `cat-file --batch-check` said of `count` names; None for what is no blob, or if it is not all."""
    lines = said.splitlines()
    if len(lines) != count:
        return None
    rows = (line.split() for line in lines)
    return [
        words[0].decode() if len(words) == 3 and words[1] == b"blob" and words[2].isdigit() else None for words in rows
    ]


class Promised(NamedTuple):
    """How a partial clone is read: by a process that fetches nothing by itself, and objects in one request."""

    reader: Reader
    fetch: Callable[[Sequence[str]], None]


class ObjectStore:
    """Reads and writes objects. What is written stays in memory, readable, until `flush` hands it to git in one process.

    `promised` is asked when an object is missing, and says how to get it: None where this is no partial clone.
    """

    def __init__(self, processes: Processes, reader: Reader, promised: Callable[[], Promised | None]) -> None:
        self._processes = processes
        self._reader = reader
        self._promised = promised
        self._pending: dict[str, Object] = {}
        self._ahead: dict[str, Object] = {}

    def load(self, oids: Iterable[str]) -> None:
        """Read small objects together, and keep them until the next are loaded: asking for one then waits for nothing."""
        small = [header.oid for header in self.headers(list(dict.fromkeys(oids))) if header.size <= SMALL]
        self._ahead = self.read_many(small[:MOST])

    def read(self, oid: str, kind: str | None = None) -> bytes:
        """The bytes of one object (of that kind, where one is named)."""
        found = self._ahead.get(oid) or self.read_many([oid]).get(oid)
        if found is None:
            raise NoSuchRevision(f"object {oid!r} is not in this repository")
        if kind is not None and found.kind != kind:
            raise NoSuchRevision(f"object {oid} is a {found.kind}, not a {kind}")
        return found.data

    def read_many(self, oids: Iterable[str]) -> dict[str, Object]:
        """Objects by their ids; ids of which there is none are left out."""
        wanted = list(dict.fromkeys(oids))
        read = self._asked(wanted, lambda reader, names: list(reader.contents(names)))
        return {**dict(read), **{oid: self._pending[oid] for oid in wanted if oid in self._pending}}

    def each(self, oids: Sequence[str]) -> Iterator[tuple[str, Object]]:
        """The same, some at a time, for those who do not keep what they have seen."""
        for at in range(0, len(oids), SOME):
            yield from self.read_many(oids[at : at + SOME]).items()

    def header(self, oid: str) -> Header:
        """Kind and size of one object."""
        found = self.headers([oid])
        if not found:
            raise NoSuchRevision(f"object {oid!r} is not in this repository")
        return found[0]

    def headers(self, oids: Sequence[str]) -> list[Header]:
        """Kind and size of objects, asked together; ids of which there is none are left out."""
        written = [(oid, self._pending[oid]) for oid in oids if oid in self._pending]
        here = [Header(oid, found.kind, len(found.data)) for oid, found in written]
        return here + self._asked(oids, lambda reader, names: list(reader.headers(names)))

    def commits_among(self, oids: Iterable[str]) -> set[str]:
        """Those ids that are of commits that are here."""
        wanted = {oid for oid in oids if is_object_id(oid)}
        written = {oid for oid in wanted & self._pending.keys() if self._pending[oid].kind == "commit"}
        asked = sorted(wanted - written)
        try:
            found = list(self._reader.headers(asked))
        except GitError:
            promised = self._promised()
            if promised is None:
                raise
            found = list(promised.reader.headers(asked))
        return written | {header.oid for header in found if header is not None and header.kind == "commit"}

    def _asked(self, oids: Sequence[str], ask: Callable[[Reader, Sequence[str]], list[Found | None]]) -> list[Found]:
        wanted = [oid for oid in oids if oid not in self._pending and is_object_id(oid)]
        try:
            answers = ask(self._reader, wanted)
        except GitError:
            # In a partial clone git 2.39 ends when it may not fetch what is missing.
            if self._promised() is None:
                raise
            answers = [None for _ in wanted]
        missing = [oid for oid, answer in zip(wanted, answers, strict=True) if answer is None]
        found = [answer for answer in answers if answer is not None]
        promised = self._promised() if missing else None
        if promised is None:
            return found
        here = ask(promised.reader, missing)
        lacking = [oid for oid, answer in zip(missing, here, strict=True) if answer is None]
        if lacking:
            promised.fetch(lacking)
            here += ask(promised.reader, lacking)
        return found + [answer for answer in here if answer is not None]

    def write(self, kind: str, data: bytes) -> str:
        """Keep an object to be written, and say its id."""
        oid = object_id(kind, data)
        self._pending[oid] = Object(kind, data)
        return oid

    def is_pending(self, oid: str) -> bool:
        """Whether an object is still in memory only."""
        return oid in self._pending

    def flush(self) -> None:
        """Hand everything that was written to git. Until a ref points at it, a killed process leaves only litter."""
        if not self._pending:
            return
        objects = list(self._pending.values())
        if len(objects) <= LOOSE_LIMIT:
            self._processes.run("unpack-objects", "-q", stdin=pack(objects), purpose=Purpose.WRITING)
        else:
            self._processes.run("index-pack", "--stdin", stdin=pack(objects), purpose=Purpose.WRITING)
        self._pending.clear()
