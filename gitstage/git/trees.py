"""Trees of a repository as snapshots, and new trees made from edits of old ones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from gitstage.changes import FOLDER, Edited, Entry, Nothing, Snapshot, joined
from gitstage.git.errors import GitError, NoSuchRevision
from gitstage.git.objects import decoded, parsed_tree, tree_bytes
from gitstage.git.store import ObjectStore

EMPTY: Mapping[str, Entry] = MappingProxyType({})
# Entries that are kept in memory: some 100 MB, a registry of 10,000 models with 10 versions each twice over.
KEPT_ENTRIES = 400_000
# Characters that some file systems leave out of names, so that `.g<U+200C>it` is `.git` (git's core.protectHFS).
IGNORED = dict.fromkeys([*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF])


class Listings:
    """The listings of tree objects by id. While one is remembered, asking again gives the identical object."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._known: OrderedDict[str, Mapping[str, Entry]] = OrderedDict()
        self._entries = 0

    def of(self, oid: str) -> Mapping[str, Entry]:
        """The names in one tree."""
        found = self._known.get(oid)
        if found is None:
            return self._kept(oid, self._store.read(oid, "tree"))
        self._known.move_to_end(oid)
        return found

    def load(self, oids: Iterable[str]) -> None:
        """Read trees together, so that asking for one of them waits for nothing."""
        for oid, found in self._store.read_many(oid for oid in oids if oid not in self._known).items():
            if found.kind == "tree":
                self._kept(oid, found.data)

    def _kept(self, oid: str, data: bytes) -> Mapping[str, Entry]:
        listing = parsed_tree(data, oid)
        self._known[oid] = listing
        self._entries += len(listing) + 1
        while self._entries > KEPT_ENTRIES and len(self._known) > 1:
            _, dropped = self._known.popitem(last=False)
            self._entries -= len(dropped) + 1
        return listing


class Tree:
    """A tree of the repository, as `changes.Snapshot` asks for it. `id` is the tree's object id."""

    __slots__ = ("_folders", "_listings", "_store", "id")

    def __init__(self, oid: str, store: ObjectStore, listings: Listings) -> None:
        self.id = oid
        self._store = store
        self._listings = listings
        self._folders: dict[str, str | None] = {"": oid}

    def entry(self, path: str) -> Entry | None:
        if not path:
            return Entry(FOLDER, self.id)
        folder, _, name = path.rpartition("/")
        return self.listing(folder).get(name)

    def listing(self, folder: str) -> Mapping[str, Entry]:
        oid = self._folder(folder)
        return EMPTY if oid is None else self._listings.of(oid)

    def read(self, oid: str) -> bytes:
        return self._store.read(oid, "blob")

    def size(self, oid: str) -> int:
        return self._store.header(oid).size

    def load(self, folder: str = "") -> None:
        """Read every tree below `folder`, level by level: for those who are about to look at all of it."""
        oid = self._folder(folder)
        level = [] if oid is None else [(folder, oid)]
        while level:
            self._listings.load([oid for _, oid in level])
            below = []
            for path, oid in level:
                for name, entry in self._listings.of(oid).items():
                    if entry.is_folder:
                        inner = joined(path, name)
                        self._folders[inner] = entry.oid
                        below.append((inner, entry.oid))
            level = below

    def _folder(self, folder: str) -> str | None:
        # No recursion, here and below: a hostile tree may be deeper than Python's stack.
        unknown = []
        while folder not in self._folders:
            unknown.append(folder)
            folder = folder.rpartition("/")[0]
        oid = self._folders[folder]
        for inner in reversed(unknown):
            found = None if oid is None else self._listings.of(oid).get(inner.rpartition("/")[2])
            oid = found.oid if found is not None and found.is_folder else None
            self._folders[inner] = oid
        return oid


def edited(store: ObjectStore, listings: Listings, base: str | None, edits: Mapping[str, Entry | None]) -> str:
    """Write the tree that tree `base` (None: the empty one) becomes by `edits`; only touched trees are written.

    An edit is what shall lie at a path, or None where no file shall (a folder at that path stays, as in
    `changes.Overlay`). Folders that become empty go.
    """
    touched, inside = _by_folder(edits)
    waiting: list[tuple[str, Snapshot]] = [("", Tree(base, store, listings) if base is not None else Nothing())]
    made: dict[str, Edited] = {}
    while waiting:
        folder, before = waiting.pop()
        made[folder] = names = _with(before.listing(folder), touched[folder])
        for inner in inside.get(folder, ()):
            name = inner.rpartition("/")[2]
            lies = names.get(name)
            if lies is not None and (not lies.is_folder or touched[folder].get(name) is not None):
                _check_untouched(inner, edits)
            else:
                waiting.append((inner, before if lies is not None else Nothing()))
    # A folder came after the one that it lies in: the other way round each tree is written before it is named.
    *folders, _ = reversed(made)
    for folder in folders:
        names = made[folder]
        parent, _, name = folder.rpartition("/")
        if names:
            made[parent].over[name] = Entry(FOLDER, store.write("tree", tree_bytes(names)))
        else:
            made[parent].over[name] = None
    return store.write("tree", tree_bytes(made[""]))


def _by_folder(
    edits: Mapping[str, Entry | None],
) -> tuple[dict[str, dict[str, Entry | None]], dict[str, list[str]]]:
    """What is edited directly in each folder, by name, and the touched folders directly inside each."""
    touched: dict[str, dict[str, Entry | None]] = {"": {}}
    inside: dict[str, list[str]] = {}
    for path, entry in edits.items():
        _check_path(path)
        _check_entry(path, entry)
        folder, _, name = path.rpartition("/")
        while folder not in touched:
            touched[folder] = {}
            parent, _, _ = folder.rpartition("/")
            inside.setdefault(parent, []).append(folder)
            if parent in touched:
                break
            folder = parent
        touched[path.rpartition("/")[0]][name] = entry
    return touched, inside


def _with(names: Mapping[str, Entry], edits: Mapping[str, Entry | None]) -> Edited:
    """One folder's names after the edits directly in it."""
    over: dict[str, Entry | None] = {}
    for name, entry in edits.items():
        lies = names.get(name)
        if entry is not None or (lies is not None and not lies.is_folder):
            over[name] = entry
    return Edited(names, over)


def _check_untouched(file: str, edits: Mapping[str, Entry | None]) -> None:
    """A file may lie where a folder was edited only if all of the folder's edits are removals."""
    for path, entry in edits.items():
        if entry is not None and path.startswith(f"{file}/"):
            raise GitError(f"{file!r} cannot be a file and a folder at once: {path!r} should lie in it")


def _check_path(path: str) -> None:
    for part in path.split("/"):
        plain = part.translate(IGNORED).rstrip(". ").lower()
        if part in ("", ".", "..") or plain in (".git", "git~1") or "\0" in part:
            raise GitError(f"{path!r} is not a path that git may write")


def _check_entry(path: str, entry: Entry | None) -> None:
    if entry is not None and len(entry.oid) != 40:
        raise NoSuchRevision(f"{entry.oid!r}, which should lie at {path!r}, is not an object id")


def listed_rows(rows: bytes) -> list[tuple[str, str]]:
    """Path and id of each row of `ls-tree -z`: mode, kind and id with spaces between, a tab, the path."""
    found = []
    for row in decoded(rows).split("\0")[:-1]:
        # Of a large registry there are 200,000: nearly all are files, whose path begins at the same place.
        if row[7:12] == "blob ":
            found.append((row[53:], row[12:52]))
        else:
            meta, _, path = row.partition("\t")
            found.append((path, meta.rpartition(" ")[2]))
    return found
