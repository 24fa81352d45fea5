"""The piece of evidence that decides for a version: what the rules that ask for evidence read."""

from __future__ import annotations

import hashlib
from datetime import datetime

from gitstage.canonical import DocumentError
from gitstage.changes import Entry, Snapshot
from gitstage.evidence import SHORT_NAMES, Statement, deciding, read_statement
from gitstage.layout import NUMBER, evidence_folder, evidence_path, version_path


def _read(registry: Snapshot, entry: Entry, digest: str, kind: str | None) -> Statement:
    """A statement; what could be read when it passed, and cannot be now, says nothing, and so is no success."""
    try:
        return read_statement(registry.read(entry.oid))
    except DocumentError:
        predicate = next((uri for uri, short in SHORT_NAMES.items() if short == kind), "")
        return Statement(subjects=frozenset({digest}), predicate_type=predicate)


def deciding_statement(
    registry: Snapshot, model: str, version: str, name: str, *, now: datetime, kind: str | None = None
) -> tuple[str, Statement] | None:
    """The statement called `name` that decides for a version at `now`, with its path; None where there is none.

    `kind` is the short name of its predicate type (`test-result`); None takes any.
    """
    manifest = registry.entry(version_path(model, version))
    if manifest is None:
        return None
    digest = hashlib.sha256(registry.read(manifest.oid)).hexdigest()
    numbered = []
    for file, entry in registry.listing(f"{evidence_folder(model, version)}/{name}").items():
        number = file.removesuffix(".json")
        if number == file or not NUMBER.match(number):
            continue
        statement = _read(registry, entry, digest, kind)
        if kind is None or statement.type == kind:
            numbered.append((int(number), statement))
    found = deciding(numbered, digest=digest, now=now)
    return None if found is None else (evidence_path(model, version, name, found[0]), found[1])
