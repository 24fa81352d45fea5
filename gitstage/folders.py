"""A tree that is kept in memory whole and changes path by path; what does not change is shared with the one before.

For whoever goes along a history: each commit's tree is the one before with some changes, and costs as much as these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count
from types import MappingProxyType
from typing import Protocol

from gitstage.changes import FOLDER, Change, Edited, Entry

EMPTY: Mapping[str, Entry] = MappingProxyType({})
LARGE = 256
"""Names in a folder; one with more is not copied for each change."""
MOST_EDITS = 64
"""Edits that lie on top of a large folder's names before they are copied."""
_numbers = count(1)


class Blobs(Protocol):
    """Where the bytes of blobs come from."""

    def read(self, oid: str) -> bytes:
        """The bytes of a blob, by its id."""

    def size(self, oid: str) -> int:
        """How many bytes a blob has."""


class _Folder(Entry):
    """One folder, as the entry that it is in the folder above: `names` is what lies in it. Never changed once it is made.

    Its `oid` is no object of git: two folders with the same one are the same, and of others nothing is said.
    """

    names: Mapping[str, Entry]

    @classmethod
    def of(cls, names: Mapping[str, Entry]) -> _Folder:
        made = cls(FOLDER, f"~{next(_numbers)}")
        made.names = names
        return made


class Folders:
    """A whole tree as `changes.Snapshot` asks for it. Listings of folders that did not change are the same objects."""

    __slots__ = ("_blobs", "_known", "_root")

    def __init__(self, blobs: Blobs, root: _Folder | None = None) -> None:
        self._blobs = blobs
        self._root = root or _Folder.of({})
        self._known: dict[str, _Folder | None] = {"": self._root}

    def holding(self, files: Iterable[tuple[str, Entry]]) -> Folders:
        """This tree, and these files too."""
        return self.changed(Change(path, None, entry) for path, entry in files)

    def changed(self, changes: Iterable[Change]) -> Folders:
        """This tree, after some changes of files. Folders that become empty go, as in git."""
        edits: dict[str, dict[str, Entry | None]] = {}
        for path, _, after in changes:
            folder, _, name = path.rpartition("/")
            edits.setdefault(folder, {})[name] = after
        if not edits:
            return self
        touched = set(edits)
        for folder in edits:
            while folder:
                folder = folder.rpartition("/")[0]
                if folder in touched:
                    break
                touched.add(folder)
        inside: dict[str, list[str]] = {}
        for folder in touched:
            if folder:
                inside.setdefault(folder.rpartition("/")[0], []).append(folder)
        return Folders(self._blobs, _edited("", self._root, edits, inside))

    def entry(self, path: str) -> Entry | None:
        folder, _, name = path.rpartition("/")
        if not name:
            return self._root
        found = self._known[folder] if folder in self._known else self._folder(folder)
        return None if found is None else found.names.get(name)

    def listing(self, folder: str) -> Mapping[str, Entry]:
        found = self._folder(folder)
        return EMPTY if found is None else found.names

    def read(self, oid: str) -> bytes:
        return self._blobs.read(oid)

    def size(self, oid: str) -> int:
        return self._blobs.size(oid)

    def _folder(self, path: str) -> _Folder | None:
        if path in self._known:
            return self._known[path]
        here: _Folder | None = self._root
        for part in path.split("/"):
            inner = here.names.get(part) if here is not None else None
            here = inner if isinstance(inner, _Folder) else None
        self._known[path] = here
        return here


def _edited(
    path: str,
    before: Entry | None,
    edits: Mapping[str, Mapping[str, Entry | None]],
    inside: Mapping[str, list[str]],
) -> _Folder:
    """A folder after the edits in it and below it. No deeper than the paths of one change, which git itself bounds."""
    names = before.names if isinstance(before, _Folder) else EMPTY
    over: dict[str, Entry | None] = {}
    # A folder that gives way to a file goes first: git says both, in either order.
    for inner in inside.get(path, ()):
        name = inner.rpartition("/")[2]
        was = names.get(name)
        made = _edited(inner, was, edits, inside)
        if made.names:
            over[name] = made
        elif isinstance(was, _Folder):
            over[name] = None
    for name, entry in edits.get(path, {}).items():
        if entry is not None or not isinstance(over[name] if name in over else names.get(name), _Folder):
            over[name] = entry
    return _Folder.of(_with(names, over))


def _with(names: Mapping[str, Entry], over: dict[str, Entry | None]) -> Mapping[str, Entry]:
    """A folder's names with edits on top; of a large folder they stay on top for a while, and nothing is copied."""
    base = names
    if isinstance(names, Edited):
        base, over = names.base, {**names.over, **over}
    if len(base) >= LARGE and len(over) <= MOST_EDITS:
        return Edited(base, over)
    return {name: entry for name, entry in {**base, **over}.items() if entry is not None}
