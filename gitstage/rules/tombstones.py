"""Tombstones: what may stand where something of a version had to go."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from gitstage.changes import FILE, Change, Entry, Snapshot
from gitstage.layout import Place, archived_path
from gitstage.manifest import Redacted, read_tombstone
from gitstage.rules.cases import LARGEST_DOCUMENT, RecordsCase

MAY_GO = frozenset({"version", "archived", "evidence", "artifact"})
"""The kinds of places whose files may make way for a tombstone."""


def tombstone_in(registry: Snapshot, entry: Entry | None) -> Redacted | None:
    """The tombstone that lies there; None where it is something else."""
    if entry is None or entry.mode != FILE or registry.size(entry.oid) > LARGEST_DOCUMENT:
        return None
    return read_tombstone(registry.read(entry.oid))


def put_up(case: RecordsCase) -> Iterator[tuple[Change, Place, Redacted]]:
    """The changes that put a tombstone where something was."""
    for change, place in case.changes:
        if change.before is not None and place.kind in MAY_GO:
            found = tombstone_in(case.after, change.after)
            if found is not None and tombstone_in(case.before, change.before) is None:
                yield change, place, found


def why_not(case: RecordsCase, change: Change, place: Place, tombstone: Redacted) -> str | None:
    """Why a tombstone may not stand where it does; None where it may, if it is approved."""
    assert change.before is not None
    if hashlib.sha256(case.before.read(change.before.oid)).hexdigest() != tombstone.sha256:
        return "is the tombstone of something else"
    version = str(place.version)
    if version in case.in_stages:
        return f"{version} is in {case.in_stages[version]}: what is in a stage is not redacted"
    if place.kind == "version":
        listed = case.after.entry(archived_path(case.model, version))
        if listed is not None and listed != change.after:
            return f"is redacted, and {archived_path(case.model, version)} is not"
    return None


def digests(case: RecordsCase) -> Mapping[str, str]:
    """What somebody who approves a redaction signs: the SHA-256 of each tombstone by its path in the registry."""
    return {
        change.path: hashlib.sha256(case.after.read(change.after.oid)).hexdigest()
        for change, _, _ in put_up(case)
        if change.after is not None
    }
