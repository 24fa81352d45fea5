"""Index and work tree after the branch below them has moved: only the touched paths, and nothing of the user's."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import sleep
from typing import NamedTuple

from gitstage.changes import EXECUTABLE, FILE, FOLDER, LINK, SUBMODULE, Entry, Nothing, Snapshot
from gitstage.git.environment import Purpose
from gitstage.git.errors import GitError, NoSuchRevision
from gitstage.git.objects import decoded, encoded, object_id
from gitstage.git.repository import OWN, Repository

PAUSES = (0.05, 0.1, 0.2, 0.4)
"""How long another git may hold the index, in seconds."""
# More paths than this are told apart here: git compares each of them with each name of the index.
FEW = 64
UNFINISHED = ".gitstage-unfinished"
"""What a file is called while it is written, in its own folder; one at a time, because a lock is held."""
ABSENT = Entry(0, "")
IN_THE_WAY = Entry(FOLDER, "")
"""What a path holds where a folder lies, or where the way to it is no folder: never what a tree says."""


LISTED = ("ls-files", "-s", "-t", "-z", "--")
LITERAL = ("--literal-pathspecs",)


class Journal(NamedTuple):
    """A checkout that was begun: the branch moves from `old` to `new`, and these paths follow it.

    `skipped` are those that a sparse checkout leaves out of the work tree.
    """

    old: str | None
    new: str
    paths: tuple[str, ...]
    skipped: tuple[str, ...]


class Indexed(NamedTuple):
    """What the index holds at a path."""

    entry: Entry
    skipped: bool


class Seen(NamedTuple):
    """The index as it was when it was last read: at which paths, and by which stamp to know whether it has changed."""

    asked: frozenset[str]
    held: Mapping[str, Indexed]
    stamp: tuple[int, int, int] | None


class _Begun:
    """A journal, and the lock on it: as long as that is held, somebody is at work. It goes with its process."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.journal: Journal | None = None
        self._descriptor = descriptor

    def locked(self) -> bool:
        """Take the lock; whether it could be had."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Let go of the lock, so that the next process takes up what is left."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __del__(self) -> None:
        self.release()


class Checkout:
    """Lets index and work tree follow a branch. In a bare repository there is nothing to do, and nothing is done."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._top = repo.work_tree
        self._folder = repo.git_dir / OWN
        self._begun: list[_Begun] = []
        self._seen = Seen(frozenset(), {}, None)
        self._expected: Callable[[], Seen | None] = lambda: None

    def expect(self, paths: Iterable[str]) -> None:
        """Lets git read the index at paths that will be asked about, while other things are done."""
        wanted = sorted(set(paths))
        if self._top is None or not 0 < len(wanted) <= FEW:
            return
        stamp = self._stamp()
        answer = self._repo.processes.ahead(*LISTED, *wanted, options=LITERAL)

        def seen() -> Seen | None:
            said = answer()
            return Seen(frozenset(wanted), _held(said.out, wanted), stamp) if said.status == 0 else None

        self._expected = seen

    def local_edits(self, paths: Iterable[str], commit: str | None) -> list[str]:
        """Those of `paths` at which index or work tree are not as in `commit`, or something unknown to git lies."""
        if self._top is None:
            return []
        wanted = sorted(set(paths))
        tree = self._tree(commit)
        index = self._index(wanted)
        return [path for path in wanted if not self._is_clean(path, _at(tree, path), index.get(path))]

    def begin(self, old: str | None, new: str, paths: Iterable[str]) -> None:
        """Write down, before the branch moves from `old` to `new`, that these paths are to follow it."""
        if self._top is None:
            return
        wanted = sorted(set(paths))
        index = self._index(wanted)
        skipped = [path for path in wanted if path in index and index[path].skipped]
        with self._alone():
            path = self._folder / f"checkout-{os.urandom(8).hex()}.json"
            unfinished = path.with_suffix(".new")
            begun = _Begun(path, os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666))
            begun.locked()
            begun.journal = Journal(old, new, tuple(wanted), tuple(skipped))
            unfinished.write_text(json.dumps(begun.journal._asdict()), encoding="ascii")
            unfinished.rename(path)
        self._begun.append(begun)

    def finish(self) -> list[str]:
        """Let the paths of every checkout that was begun, here or by a process that died, follow the branch.

        A checkout whose branch did not move is forgotten. Says which paths were left alone, because the user had
        changed them.
        """
        if self._top is None or not (self._begun or any(self._folder.glob("checkout-*"))):
            return []
        left: set[str] = set()
        with self._alone():
            journals = [*self._orphans(), *self._begun]
            self._begun = []
            try:
                for begun in journals:
                    if begun.journal is not None:
                        left.update(self._followed(begun.journal))
                    begun.path.unlink(missing_ok=True)
            finally:
                for begun in journals:
                    begun.release()
        return sorted(left)

    # Journals

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time looks at journals or touches the work tree."""
        try:
            self._folder.mkdir(exist_ok=True)
            with (self._folder / "checkout.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise GitError(
                f"index and work tree could not follow the branch: {error}",
                hint="put that right; the next gitstage command that changes something completes it",
            ) from error

    def _orphans(self) -> Iterator[_Begun]:
        """The checkouts of processes that are no more, the oldest first."""
        mine = {begun.path for begun in self._begun}
        found = [path for path in self._folder.glob("checkout-*") if path not in mine]
        for path in sorted(found, key=lambda path: path.stat().st_mtime_ns):
            begun = _Begun(path, os.open(path, os.O_RDWR))
            if begun.locked():
                begun.journal = _journal(path.read_text(encoding="ascii"))
                yield begun

    def _followed(self, journal: Journal) -> list[str]:
        try:
            head = self._repo.resolve("HEAD")
        except NoSuchRevision:
            return []
        if head != journal.new and self._repo.unreachable([journal.new], head):
            return []
        known = [self._tree(journal.old), self._tree(journal.new)]
        return self._follow(journal, self._tree(head), known)

    def _follow(self, journal: Journal, target: Snapshot, known: Sequence[Snapshot]) -> list[str]:
        index = self._index(journal.paths)
        edits: dict[str, Entry] = {}
        left = []
        # What goes makes room first, where a folder becomes a file.
        for path in sorted(journal.paths, key=lambda path: (_file(_at(target, path)) != ABSENT, path)):
            entry = _at(target, path)
            states = {entry, *(_at(tree, path) for tree in known)}
            files = {_file(state) for state in states}
            self._sweep(path)
            held = index.get(path)
            now = held.entry if held is not None else ABSENT
            if now in files and now != _file(entry):
                edits[path] = _file(entry)
            if now not in files or not self._put(path, entry, states | files, skipped=path in journal.skipped):
                left.append(path)
        self._write_index(edits, journal.skipped)
        return left

    # The index

    def _index(self, paths: Sequence[str]) -> Mapping[str, Indexed]:
        """What the index holds at these paths. It is read again only when its file has changed."""
        self._seen = self._expected() or self._seen
        self._expected = lambda: None
        stamp = self._stamp()
        if stamp != self._seen.stamp or not self._seen.asked.issuperset(paths):
            self._seen = Seen(frozenset(paths), self._listed(paths), stamp)
        return self._seen.held

    def _stamp(self) -> tuple[int, int, int] | None:
        """What changes whenever git writes the index: it does so by putting another file in place."""
        try:
            file = self._repo.index_file.stat()
        except FileNotFoundError:
            return None
        return file.st_ino, file.st_mtime_ns, file.st_size

    def _listed(self, paths: Sequence[str]) -> dict[str, Indexed]:
        specs = paths if len(paths) <= FEW else ()
        return _held(self._repo.processes.run(*LISTED, *specs, options=LITERAL).out, paths)

    def _write_index(self, edits: Mapping[str, Entry], skipped: Sequence[str]) -> None:
        if not edits:
            return
        rows = [
            b"%o %s\t%s\0" % (entry.mode, (entry.oid or "0" * 40).encode(), encoded(path))
            for path, entry in edits.items()
        ]
        self._change_index("--index-info", stdin=b"".join(rows))
        again = [encoded(path) + b"\0" for path in skipped if edits.get(path, ABSENT) != ABSENT]
        if again:
            self._change_index("--skip-worktree", "--stdin", stdin=b"".join(again))

    def _change_index(self, *options: str, stdin: bytes) -> None:
        # Editors ask for `git status` all the time, which holds the lock for a moment.
        pauses = iter(PAUSES)
        while True:
            try:
                self._repo.processes.run("update-index", "-z", *options, stdin=stdin, purpose=Purpose.WRITING)
            except GitError as error:
                pause = next(pauses, None)
                if pause is None or "index.lock" not in error.message:
                    raise GitError(
                        f"the branch has moved, but the index could not follow: {error.message}",
                        hint="where no other git is running, remove index.lock; the next gitstage command completes this",
                    ) from error
            else:
                return
            sleep(pause)

    # The work tree

    def _is_clean(self, path: str, entry: Entry, held: Indexed | None) -> bool:
        if (held.entry if held is not None else ABSENT) != _file(entry):
            return False
        there = self._lies(path)
        return self._same(there, entry) or (held is not None and held.skipped and there == ABSENT)

    def _same(self, there: Entry, entry: Entry) -> bool:
        if there == entry:
            return True
        if entry.mode == SUBMODULE:
            return there in (ABSENT, IN_THE_WAY)
        if there.oid != entry.oid or {there.mode, entry.mode} != {FILE, EXECUTABLE}:
            return False
        return self._repo.config("core.filemode") == "false"

    def _lies(self, path: str) -> Entry:
        """What lies in the work tree, read without following links: as an entry, ABSENT, or IN_THE_WAY."""
        try:
            with self._parent(path) as (folder, name):
                return _lying(folder, name)
        except FileNotFoundError:
            return ABSENT
        except NotADirectoryError:
            return IN_THE_WAY

    def _sweep(self, path: str) -> None:
        """Remove what a process that died while it wrote has left beside `path`."""
        with suppress(FileNotFoundError, NotADirectoryError), self._parent(path) as (folder, _):
            os.unlink(UNFINISHED, dir_fd=folder)

    def _put(self, path: str, entry: Entry, states: set[Entry], *, skipped: bool) -> bool:
        """Bring one path of the work tree to `entry` if it is in one of `states`; whether it is there now."""
        there = self._lies(path)
        if self._same(there, entry) or (skipped and there == ABSENT):
            return True
        if there == IN_THE_WAY or not any(self._same(there, state) for state in states):
            return False
        if _file(entry) == ABSENT or entry.mode == SUBMODULE:
            self._remove(path)
            return True
        data = self._repo.read(entry.oid)
        try:
            with self._parent(path, make=True) as (folder, name):
                _written(folder, name, entry.mode, data)
        except (NotADirectoryError, IsADirectoryError):
            return False
        return True

    def _remove(self, path: str) -> None:
        with self._parent(path) as (folder, name):
            os.unlink(name, dir_fd=folder)
        while path := path.rpartition("/")[0]:
            with self._parent(path) as (folder, name):
                try:
                    os.rmdir(name, dir_fd=folder)
                except OSError:
                    return

    @contextmanager
    def _parent(self, path: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """The open folder in which `path` lies, reached without following a link, and the last part of `path`."""
        assert self._top is not None
        *folders, name = os.fsencode(encoded(path)).split(b"/")
        here = os.open(self._top, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for part in folders:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=here)
                # On a link this says ENOTDIR: what lies behind links is not the work tree.
                inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
                os.close(here)
                here = inner
            yield here, os.fsdecode(name)
        finally:
            os.close(here)

    def _tree(self, commit: str | None) -> Snapshot:
        return self._repo.tree(commit) if commit is not None else Nothing()


def _held(listed: bytes, paths: Iterable[str]) -> dict[str, Indexed]:
    """What the index holds at paths, as `ls-files` lists it, these and maybe others."""
    wanted = set(paths)
    held: dict[str, Indexed] = {}
    for row in listed.split(b"\0")[:-1]:
        meta, _, name = row.partition(b"\t")
        path = decoded(name)
        if path in wanted:
            tag, mode, oid, stage = meta.decode().split(" ")
            # An unmerged path is like no tree.
            entry = Entry(int(mode, 8), oid) if stage == "0" else IN_THE_WAY
            held[path] = Indexed(entry, tag == "S")
    return held


def _at(tree: Snapshot, path: str) -> Entry:
    found = tree.entry(path)
    return ABSENT if found is None else IN_THE_WAY if found.is_folder else found


def _file(entry: Entry) -> Entry:
    """What the index holds where a tree holds `entry`: of a folder, nothing."""
    return ABSENT if entry == IN_THE_WAY else entry


def _lying(folder: int, name: str) -> Entry:
    mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    if stat.S_ISLNK(mode):
        return Entry(LINK, object_id("blob", os.fsencode(os.readlink(name, dir_fd=folder))))
    if not stat.S_ISREG(mode):
        return IN_THE_WAY
    with open(name, "rb", opener=_opener(folder)) as file:
        return Entry(EXECUTABLE if mode & stat.S_IXUSR else FILE, object_id("blob", file.read()))


def _written(folder: int, name: str, mode: int, data: bytes) -> None:
    """Put a file or link in place as a whole: whoever reads finds the old one or the new one."""
    if mode == LINK:
        os.symlink(data, UNFINISHED, dir_fd=folder)
    else:
        permissions = 0o777 if mode == EXECUTABLE else 0o666
        with open(UNFINISHED, "xb", opener=_opener(folder, permissions)) as file:
            file.write(data)
    os.rename(UNFINISHED, name, src_dir_fd=folder, dst_dir_fd=folder)


def _opener(folder: int, permissions: int = 0o666) -> Callable[[str, int], int]:
    return lambda name, flags: os.open(name, flags | os.O_NOFOLLOW, permissions, dir_fd=folder)


def _journal(text: str) -> Journal | None:
    """A journal read back; None where it is not whole."""
    try:
        journal = Journal(**json.loads(text))
        return journal._replace(paths=tuple(journal.paths), skipped=tuple(journal.skipped))
    except (TypeError, ValueError):
        return None
