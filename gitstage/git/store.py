"""The objects of one repository: read through one kept process, written together in one go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, NamedTuple, cast

from gitstage.git.environment import Purpose
from gitstage.git.errors import GitError, NoSuchRevision
from gitstage.git.objects import Object, is_object_id, object_id, pack
from gitstage.git.process import Processes

if TYPE_CHECKING:
    import git

# Requests that are sent before their answers are read. They fit a pipe of 16 KiB, so neither side waits for the other.
AHEAD = 8192
# As many objects as git itself unpacks when they are pushed (receive.unpackLimit); more of them stay a pack.
LOOSE_LIMIT = 100


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
        for header, _ in self._asked(b"info", names):
            yield header

    def contents(self, names: Sequence[str]) -> Iterator[tuple[Header, bytes] | None]:
        """Each object with its bytes, in the order of their names; None where there is none."""
        for header, data in self._asked(b"contents", names):
            yield None if header is None else (header, data)

    def close(self) -> None:
        """End the process. The next question starts another one."""
        if self._process is not None:
            process, self._process = self._process, None
            process.communicate()

    def _asked(self, command: bytes, names: Sequence[str]) -> Iterator[tuple[Header | None, bytes]]:
        lines = [b"%s %s\n" % (command, name.encode("utf-8", "surrogateescape")) for name in names]
        at = 0
        while at < len(lines):
            end, size = at + 1, len(lines[at])
            while end < len(lines) and size + len(lines[end]) <= AHEAD:
                size += len(lines[end])
                end += 1
            answers = [self._answer(command == b"contents") for _ in self._sent(lines[at:end])]
            yield from answers
            at = end

    def _sent(self, lines: Sequence[bytes]) -> Sequence[bytes]:
        if self._process is None:
            self._process = self._processes.keep("cat-file", "--batch-command")
        requests = cast("IO[bytes]", self._process.stdin)
        try:
            requests.write(b"".join(lines))
            requests.flush()
        except BrokenPipeError:
            raise self._ended() from None
        return lines

    def _answer(self, with_contents: bool) -> tuple[Header | None, bytes]:
        assert self._process is not None
        answers = cast("IO[bytes]", self._process.stdout)
        line = answers.readline()
        if not line:
            raise self._ended()
        # The last two words: the name that was asked for, which may hold spaces, comes back where nothing is found.
        words = line.split()
        if len(words) != 3 or not words[2].isdigit():
            return None, b""
        header = Header(words[0].decode(), words[1].decode(), int(words[2]))
        if not with_contents:
            return header, b""
        data = answers.read(header.size + 1)
        if len(data) != header.size + 1:
            raise self._ended()
        return header, data[:-1]

    def _ended(self) -> GitError:
        assert self._process is not None
        from gitstage.git.process import cleaned

        said = cleaned(cast("IO[bytes]", self._process.stderr).read())
        self._process = None
        return GitError(said or "git cat-file ended unexpectedly", hint="git fsck says what is wrong")


class ObjectStore:
    """Reads and writes objects. What is written stays in memory, readable, until `flush` hands it to git in one process.

    `fetched` is called with ids that a partial clone lacks, and brings them here; None where nothing can.
    """

    def __init__(
        self, processes: Processes, reader: Reader, fetched: Callable[[Sequence[str]], None] | None = None
    ) -> None:
        self._processes = processes
        self._reader = reader
        self._fetched = fetched
        self._pending: dict[str, Object] = {}

    def read(self, oid: str, kind: str | None = None) -> bytes:
        """The bytes of one object (of that kind, where one is named)."""
        found = self.read_many([oid]).get(oid)
        if found is None:
            raise NoSuchRevision(f"object {oid} is not in this repository")
        if kind is not None and found.kind != kind:
            raise NoSuchRevision(f"object {oid} is a {found.kind}, not a {kind}")
        return found.data

    def read_many(self, oids: Iterable[str]) -> dict[str, Object]:
        """Objects by their ids; ids of which there is none are left out."""
        wanted = [oid for oid in dict.fromkeys(oids) if oid not in self._pending]
        found = self._present(wanted)
        if self._fetched is not None:
            missing = [oid for oid in wanted if oid not in found and is_object_id(oid)]
            if missing:
                self._fetched(missing)
                found.update(self._present(missing))
        return {**{oid: self._pending[oid] for oid in oids if oid in self._pending}, **found}

    def header(self, oid: str) -> Header:
        """Kind and size of one object."""
        if oid in self._pending:
            return Header(oid, self._pending[oid].kind, len(self._pending[oid].data))
        found = next(self._reader.headers([_checked(oid)]))
        if found is None and self._fetched is not None:
            self._fetched([oid])
            found = next(self._reader.headers([oid]))
        if found is None:
            raise NoSuchRevision(f"object {oid} is not in this repository")
        return found

    def kinds(self, oids: Iterable[str]) -> dict[str, str]:
        """The kinds of those objects that are here. Nothing is fetched."""
        wanted = list(dict.fromkeys(oids))
        asked = [oid for oid in wanted if oid not in self._pending and is_object_id(oid)]
        found = {header.oid: header.kind for header in self._reader.headers(asked) if header is not None}
        return {**found, **{oid: self._pending[oid].kind for oid in wanted if oid in self._pending}}

    def write(self, kind: str, data: bytes) -> str:
        """Keep an object to be written, and say its id."""
        oid = object_id(kind, data)
        self._pending[oid] = Object(kind, data)
        return oid

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

    def _present(self, oids: Sequence[str]) -> dict[str, Object]:
        asked = [oid for oid in oids if is_object_id(oid)]
        found = self._reader.contents(asked)
        return {answer[0].oid: Object(answer[0].kind, answer[1]) for answer in found if answer is not None}


def _checked(oid: str) -> str:
    if not is_object_id(oid):
        raise NoSuchRevision(f"{oid!r} is not an object id")
    return oid
