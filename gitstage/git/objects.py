"""The bytes of git's objects: trees, commits and tags taken apart and put together, and packs to hand over.

Formats: gitformat-pack(5), git-cat-file(1), and the chapter "Git Objects" of Pro Git.
"""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import NamedTuple, Self

from gitstage.changes import Edited, Entry, Listing
from gitstage.git.errors import GitError

OBJECT_ID = re.compile(r"[0-9a-f]{40}\Z")
TREE_ENTRY = re.compile(rb"([0-7]{5,6}) ([^\0/]+)\0(.{20})", re.DOTALL)
FOLDER_MODES = frozenset({b"40000", b"040000"})
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COMMIT = re.compile(
    rb"tree ([0-9a-f]{40})\n((?:parent [0-9a-f]{40}\n)*)"
    rb"author ([^\n]*>)[^\n>]*\ncommitter [^\n]*> ?(-?[0-9]*)[^\n>]*\n((?:[^\n]+\n)*)(?:\n|\Z)"
)
TAG = re.compile(
    rb"object ([0-9a-f]{40})\ntype ([a-z]+)\ntag [^\n]*\n"
    rb"(?:tagger [^\n]*> ?(-?[0-9]*)[^\n>]*\n)?(?:[^\n]+\n)*(?:\n|\Z)"
)
ENCODING = re.compile(rb"^encoding (\S+)$", re.MULTILINE)
FIRST_MOMENT, LAST_MOMENT = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
FSCK = "git fsck says what is wrong"
PACK_TYPES = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
SIGNATURE = re.compile(rb"^-----BEGIN (?:PGP SIGNATURE|PGP MESSAGE|SSH SIGNATURE|SIGNED MESSAGE)-----$", re.MULTILINE)


class Object(NamedTuple):
    """An object of git: `kind` is blob, tree, commit or tag."""

    kind: str
    data: bytes


class Commit(NamedTuple):
    """A commit. `author` is `Name <mail>`; `committed` is the committer's clock in UTC, which nobody has to trust."""

    id: str
    tree: str
    parents: tuple[str, ...]
    author: str
    committed: datetime
    message: str


class Tag(NamedTuple):
    """A ref below `refs/tags/`.

    `kind` is the type of what the ref points at: `tag` for an annotated tag, else that of the object itself.
    `target` is the object behind all tags. `message` is the tag's text without a signature, and `tagged` the tagger's clock
    in UTC; "" and None for what is no annotated tag.
    """

    ref: str
    oid: str
    kind: str
    target: str
    message: str
    tagged: datetime | None


def decoded(name: bytes) -> str:
    """A name out of a repository as text; what is not UTF-8 is kept by `surrogateescape`, to be seen and refused."""
    return name.decode("utf-8", "surrogateescape")


def encoded(name: str) -> bytes:
    """The bytes that `decoded` was given."""
    return name.encode("utf-8", "surrogateescape")


def is_object_id(text: str) -> bool:
    """Whether `text` is a full object id."""
    return OBJECT_ID.match(text) is not None


def object_id(kind: str, data: bytes) -> str:
    """The id of an object, which git computes from its kind and bytes."""
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) + data, usedforsecurity=False).hexdigest()


def moment(seconds: bytes) -> datetime:
    """A unix time as a UTC moment; the epoch where there is none, the first or last moment where no calendar holds it."""
    try:
        return EPOCH + timedelta(seconds=int(seconds))
    except ValueError:
        return EPOCH
    except OverflowError:
        return FIRST_MOMENT if seconds.startswith(b"-") else LAST_MOMENT


Row = tuple[bytes, bytes, bytes]
"""Of one name in a tree object: its mode in octal digits, the name, the raw id."""


class TreeListing(Listing):
    """The names in one tree object, each made a value when it is asked for: of a large folder most never are."""

    __slots__ = ("rows",)

    def __init__(self, rows: Mapping[bytes, Row]) -> None:
        self.rows = rows

    def __getitem__(self, name: str) -> Entry:
        return _entry(self.rows[encoded(name)])

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and encoded(name) in self.rows

    def __iter__(self) -> Iterator[str]:
        return map(decoded, self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def differing(self, other: Self) -> Iterable[str]:
        return {decoded(name) for _, name, _ in set(self.rows.values()) ^ set(other.rows.values())}


def _entry(row: Row) -> Entry:
    mode, _, raw = row
    return Entry(int(mode, 8), raw.hex())


def parsed_tree(data: bytes, oid: str) -> TreeListing:
    """The entries of a tree object. A tree that says one name twice, or is cut off, is broken."""
    found = TREE_ENTRY.findall(data)
    rows = {row[1]: row for row in found}
    if len(rows) != len(found) or sum(map(len, chain.from_iterable(found))) + 2 * len(found) != len(data):
        raise GitError(f"tree {oid} is broken", hint=FSCK)
    return TreeListing(rows)


def tree_bytes(entries: Mapping[str, Entry]) -> bytes:
    """A tree object, its entries in git's order: folders sort as if their names ended with `/`."""
    if isinstance(entries, Edited) and isinstance(entries.base, TreeListing):
        rows = {
            **entries.base.rows,
            **{encoded(name): _row(name, entry) for name, entry in entries.over.items() if entry},
        }
        for name, entry in entries.over.items():
            if entry is None:
                rows.pop(encoded(name), None)
    else:
        rows = {encoded(name): _row(name, entry) for name, entry in entries.items()}
    ordered = sorted(rows.values(), key=lambda row: row[1] + b"/" if row[0] in FOLDER_MODES else row[1])
    # Git writes a folder's mode without the zero that old trees have.
    return b"".join(b"%s %s\0%s" % (mode.lstrip(b"0"), name, raw) for mode, name, raw in ordered)


def _row(name: str, entry: Entry) -> Row:
    return b"%o" % entry.mode, encoded(name), bytes.fromhex(entry.oid)


def parsed_commit(oid: str, data: bytes) -> Commit:
    """A commit object taken apart."""
    found = COMMIT.match(data)
    if found is None:
        raise GitError(f"commit {oid} is broken", hint=FSCK)
    tree, parents, author, seconds, more = found.groups()
    encoding = ENCODING.search(more)
    return Commit(
        id=oid,
        tree=tree.decode(),
        parents=tuple(parents.decode().split()[1::2]),
        author=decoded(author),
        committed=moment(seconds),
        message=_message(data[found.end() :], encoding[1].decode("ascii", "replace") if encoding else "utf-8"),
    )


def parsed_tag(ref: str, oid: str, data: bytes) -> tuple[Tag, str]:
    """An annotated tag object taken apart, and the kind of what it points at; its `target` may be a tag again."""
    found = TAG.match(data)
    if found is None:
        raise GitError(f"tag object {oid} is broken", hint=FSCK)
    target, kind, seconds = found.groups()
    message = _message(signed_tag(data).payload[found.end() :], "utf-8")
    tagged = None if seconds is None else moment(seconds)
    return Tag(ref, oid, "tag", target.decode(), message, tagged), kind.decode()


def commit_bytes(tree: str, parents: Sequence[str], author: str, committer: str, message: str) -> bytes:
    """A commit object. `author` and `committer` are as `git var` says them: `Name <mail> seconds zone`."""
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents), f"author {author}", f"committer {committer}"]
    return "\n".join([*lines, "", _text(message)]).encode("utf-8", "surrogateescape")


def tag_bytes(name: str, target: str, kind: str, tagger: str, message: str) -> bytes:
    """An annotated tag object; `name` is the ref's without `refs/tags/`, `kind` the type of `target`."""
    lines = [f"object {target}", f"type {kind}", f"tag {name}", f"tagger {tagger}", "", _text(message)]
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def pack(objects: Iterable[Object]) -> bytes:
    """A pack of whole objects, version 2, as `git unpack-objects` and `git index-pack` read it."""
    parts = [b"".join((_pack_header(kind, len(data)), zlib.compress(data, 1))) for kind, data in objects]
    whole = b"".join([b"PACK", struct.pack(">II", 2, len(parts)), *parts])
    return whole + hashlib.sha1(whole, usedforsecurity=False).digest()


def _pack_header(kind: str, size: int) -> bytes:
    first, size = PACK_TYPES[kind] << 4 | size & 15, size >> 4
    header = bytearray()
    while size:
        header.append(first | 0x80)
        first, size = size & 0x7F, size >> 7
    header.append(first)
    return bytes(header)


def _text(message: str) -> str:
    """A message as git stores it: it ends with one newline and holds no NUL, at which git would cut it off."""
    return message.replace("\0", "").rstrip("\n") + "\n"


def _message(body: bytes, encoding: str) -> str:
    try:
        return body.decode(encoding)
    except (LookupError, ValueError):
        return decoded(body)


SIGNATURES = {40: b"gpgsig", 64: b"gpgsig-sha256"}
"""The header in which git keeps a commit's signature, by the length of the ids (gitformat-signature(5))."""


class Signed(NamedTuple):
    """What of a commit or a tag was signed, and the signature as its signer wrote it; None where it has none."""

    payload: bytes
    signature: bytes | None


def signed_commit(oid: str, data: bytes) -> Signed:
    """A commit object, without the signatures in it: what its signer signed (git's commit.c, parse_buffer_signed_by_header)."""
    head, separator, message = data.partition(b"\n\n")
    kept: list[bytes] = []
    found: dict[bytes, list[bytes]] = {}
    inside: list[bytes] | None = None
    for line in head.split(b"\n"):
        name, _, rest = line.partition(b" ")
        if name in SIGNATURES.values():
            inside = found.setdefault(name, [])
            inside.append(rest)
        elif inside is not None and line.startswith(b" "):
            inside.append(line[1:])
        else:
            inside = None
            kept.append(line)
    lines = found.get(SIGNATURES[len(oid)])
    return Signed(b"\n".join(kept) + separator + message, None if lines is None else b"\n".join(lines) + b"\n")


def signed_tag(data: bytes) -> Signed:
    """A tag object up to its signature, which git looks for from the end (git's gpg-interface.c, parse_signed_buffer)."""
    starts = [found.start() for found in SIGNATURE.finditer(data)] if b"-----BEGIN " in data else []
    return Signed(data[: starts[-1]], data[starts[-1] :]) if starts else Signed(data, None)
