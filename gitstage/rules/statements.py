"""The piece of evidence that decides for a version: what the rules that ask for evidence read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from gitstage.canonical import DocumentError
from gitstage.changes import Entry, Snapshot
from gitstage.layout import NUMBER, evidence_folder, evidence_path, version_path
from gitstage.manifest import read_version

if TYPE_CHECKING:
    from gitstage.evidence import Statement


def _read(registry: Snapshot, entry: Entry, digest: str, kind: str | None) -> Statement:
    """A statement; what could be read when it passed, and cannot be now, says nothing, and so is no success."""
    from gitstage.evidence import Statement, predicate_type, read_statement

    try:
        return read_statement(registry.read(entry.oid))
    except DocumentError:
        return Statement(subjects=frozenset({digest}), predicate_type=predicate_type(kind or ""), readable=False)


def deciding_statement(
    registry: Snapshot,
    model: str,
    version: str,
    name: str,
    *,
    now: datetime,
    kind: str | None = None,
    counts: Callable[[str, bytes], bool] | None = None,
) -> tuple[str, Statement] | None:
    """The statement called `name` that decides for a version at `now`, with its path; None where there is none.

    `kind` is its predicate type, a URI or a short name (`test-result`); None takes any. Where only some people's
    statements are ranked, `counts` is asked for each file, by its name and its bytes.
    """
    from gitstage.evidence import deciding, predicate_type

    manifest = registry.entry(version_path(model, version))
    if manifest is None:
        return None
    data = registry.read(manifest.oid)
    digest = hashlib.sha256(data).hexdigest()
    numbered = []
    for file, entry in registry.listing(f"{evidence_folder(model, version)}/{name}").items():
        number = file.removesuffix(".json")
        if number == file or not NUMBER.match(number):
            continue
        statement = _read(registry, entry, digest, kind)
        if kind is not None and statement.predicate_type != predicate_type(kind):
            continue
        if counts is None or counts(file, registry.read(entry.oid)):
            numbered.append((int(number), statement))
    foreign = any(digest not in statement.subjects for _, statement in numbered)
    artifacts = _artifacts(data) if foreign else frozenset()
    found = deciding(numbered, digest=digest, now=now, artifacts=artifacts)
    return None if found is None else (evidence_path(model, version, name, found[0]), found[1])


def _artifacts(manifest: bytes) -> frozenset[str]:
    """The digests of a version's artifacts; none where its manifest cannot be read."""
    try:
        return frozenset(artifact.sha256 for artifact in read_version(manifest).artifacts)
    except DocumentError:
        return frozenset()
