"""Trees as values: what lies at a path, what differs between two trees, and a tree with edits on top."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol, Self

from gitstage.values import dataclass, field

FILE = 0o100644
EXECUTABLE = 0o100755
LINK = 0o120000
SUBMODULE = 0o160000
FOLDER = 0o040000


class Entry(NamedTuple):
    """One name in a tree: its git mode and object id (empty for a folder that exists only in memory)."""

    mode: int
    oid: str

    @property
    def is_folder(self) -> bool:
        return self.mode == FOLDER


class Listing(Mapping[str, Entry]):
    """The names in a folder, where two can be compared without looking at each name."""

    @abstractmethod
    def differing(self, other: Self) -> Iterable[str]:
        """The names that are not the same entry in both."""


class Edited(Mapping[str, Entry]):
    """A listing with edits on top: `over` says what each edited name is now, or None where it is gone."""

    __slots__ = ("base", "over")

    def __init__(self, base: Mapping[str, Entry], over: dict[str, Entry | None]) -> None:
        self.base = base
        self.over = over

    def __getitem__(self, name: str) -> Entry:
        found = self.over[name] if name in self.over else self.base[name]
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        yield from (name for name in self.base if name not in self.over)
        yield from (name for name, entry in self.over.items() if entry is not None)

    def __len__(self) -> int:
        there = sum(entry is not None for entry in self.over.values())
        return len(self.base) + there - sum(name in self.base for name in self.over)


class Snapshot(Protocol):
    """A tree that can be asked: paths are relative, `/` between parts, "" is the root.

    Names that are not UTF-8 are decoded with `surrogateescape`, so that they are seen and can be refused.
    """

    def entry(self, path: str) -> Entry | None:
        """What lies at `path`: a file, a link, a submodule or a folder; None where there is nothing."""

    def listing(self, folder: str) -> Mapping[str, Entry]:
        """The names directly in `folder`; empty where there is no such folder."""

    def read(self, oid: str) -> bytes:
        """The bytes of a blob, by its id."""

    def size(self, oid: str) -> int:
        """How many bytes a blob has, without reading it."""


class Change(NamedTuple):
    """A path at which two trees differ; never a folder."""

    path: str
    before: Entry | None
    after: Entry | None


def blob_id(data: bytes) -> str:
    """The id that git gives to these bytes as a blob (SHA-1, as in git's manual, gitformat-loose)."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def joined(folder: str, name: str) -> str:
    """The path of `name` in `folder`."""
    return f"{folder}/{name}" if folder else name


def files(snapshot: Snapshot, folder: str = "") -> Iterator[tuple[str, Entry]]:
    """Every file, link and submodule below `folder`, in the order of their names."""
    # No recursion: a tree may be deeper than Python's stack, and is to be seen and refused.
    waiting = [(folder, iter(sorted(snapshot.listing(folder).items())))]
    while waiting:
        here, names = waiting[-1]
        for name, entry in names:
            path = joined(here, name)
            if entry.is_folder:
                waiting.append((path, iter(sorted(snapshot.listing(path).items()))))
                break
            yield path, entry
        else:
            waiting.pop()


def _is_folder(entry: Entry | None) -> bool:
    return entry is not None and entry.is_folder


def changes_between(before: Snapshot, after: Snapshot, folder: str = "") -> Iterator[Change]:
    """The paths below `folder` at which two trees differ, sorted folder by folder. Equal subtrees are not looked into."""
    waiting = [(folder, _differing(before, after, folder))]
    while waiting:
        here, names = waiting[-1]
        for name, was, now in names:
            path = joined(here, name)
            was_file = None if _is_folder(was) else was
            now_file = None if _is_folder(now) else now
            if was_file != now_file:
                yield Change(path, was_file, now_file)
            if _is_folder(was) or _is_folder(now):
                waiting.append((path, _differing(before, after, path)))
                break
        else:
            waiting.pop()


def _differing(before: Snapshot, after: Snapshot, folder: str) -> Iterator[tuple[str, Entry | None, Entry | None]]:
    """The names directly in a folder at which two trees differ, or may (folders that exist only in memory)."""
    old, new = before.listing(folder), after.listing(folder)
    if old is new:
        return
    for name in sorted(_looked_at(old, new)):
        was, now = old.get(name), new.get(name)
        if was != now or (was is not None and not was.oid):
            yield name, was, now


def _looked_at(old: Mapping[str, Entry], new: Mapping[str, Entry]) -> Iterable[str]:
    """The names at which two listings may differ; those left out do not."""
    (before, taken), (after, given) = _parts(old), _parts(new)
    edited = {*taken, *given}
    if before is after:
        return edited
    if isinstance(before, Listing) and isinstance(after, Listing):
        return edited.union(before.differing(after))
    return edited | before.keys() | after.keys()


def _parts(listing: Mapping[str, Entry]) -> tuple[Mapping[str, Entry], Iterable[str]]:
    """A listing without the edits on top of it, and the names that they edit."""
    return (listing.base, listing.over) if isinstance(listing, Edited) else (listing, ())


@dataclass(frozen=True)
class Below:
    """The snapshot of one folder of another snapshot."""

    whole: Snapshot
    folder: str

    def entry(self, path: str) -> Entry | None:
        return self.whole.entry(joined(self.folder, path) if path else self.folder)

    def listing(self, folder: str) -> Mapping[str, Entry]:
        return self.whole.listing(joined(self.folder, folder) if folder else self.folder)

    def read(self, oid: str) -> bytes:
        return self.whole.read(oid)

    def size(self, oid: str) -> int:
        return self.whole.size(oid)


def below(snapshot: Snapshot, folder: str) -> Snapshot:
    """`snapshot` seen from `folder` ("" is the snapshot itself)."""
    return Below(snapshot, folder) if folder else snapshot


class Nothing:
    """The empty tree."""

    def entry(self, path: str) -> Entry | None:
        return None

    def listing(self, folder: str) -> Mapping[str, Entry]:
        return {}

    def read(self, oid: str) -> bytes:
        raise KeyError(oid)

    def size(self, oid: str) -> int:
        raise KeyError(oid)


@dataclass(frozen=True)
class Overlay:
    """A snapshot with edits on top, in memory: what a tree would be once the edits are made.

    `edits` maps a path to the file, link or submodule that shall lie there, or to None where none shall (a folder
    at that path stays). `blobs` holds the bytes of ids that are written nowhere yet.
    """

    base: Snapshot
    edits: Mapping[str, Entry | None]
    blobs: Mapping[str, bytes] = field(default_factory=dict)
    _folders: Mapping[str, Mapping[str, Entry]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        touched: dict[str, dict[str, Entry | None]] = {}
        for path, entry in self.edits.items():
            folder, _, name = path.rpartition("/")
            touched.setdefault(folder, {})[name] = entry
            while folder:
                parent, _, name = folder.rpartition("/")
                touched.setdefault(parent, {}).setdefault(name, Entry(FOLDER, ""))
                folder = parent
        folders: dict[str, Mapping[str, Entry]] = {}
        for folder in sorted(touched, key=lambda path: -path.count("/") - bool(path)):
            names = self.base.listing(folder)
            over: dict[str, Entry | None] = {}
            for name, edit in touched[folder].items():
                inside = folders.get(joined(folder, name))
                if edit is not None and not edit.is_folder:
                    over[name] = edit
                elif inside:
                    over[name] = Entry(FOLDER, "")
                elif inside is not None or not _is_folder(names.get(name)):
                    over[name] = None
            folders[folder] = Edited(names, over)
        object.__setattr__(self, "_folders", folders)

    def entry(self, path: str) -> Entry | None:
        folder, _, name = path.rpartition("/")
        return self.listing(folder).get(name)

    def listing(self, folder: str) -> Mapping[str, Entry]:
        if self._is_file_or_below_one(folder):
            return {}
        found = self._folders.get(folder)
        return self.base.listing(folder) if found is None else found

    def _is_file_or_below_one(self, path: str) -> bool:
        while path:
            if self.edits.get(path) is not None:
                return True
            path = path.rpartition("/")[0]
        return False

    def read(self, oid: str) -> bytes:
        return self.blobs[oid] if oid in self.blobs else self.base.read(oid)

    def size(self, oid: str) -> int:
        return len(self.blobs[oid]) if oid in self.blobs else self.base.size(oid)
