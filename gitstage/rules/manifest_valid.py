"""Every manifest is a regular file in canonical form, valid, and says the model and version that its path says."""

from __future__ import annotations

import hashlib

from gitstage.canonical import DocumentError
from gitstage.changes import FILE, Entry, Snapshot
from gitstage.evidence import read_statement
from gitstage.layout import ARTIFACTS, CONFIGURATION, Place, version_path
from gitstage.manifest import Artifact, read_hold, read_lfs_pointer, read_version
from gitstage.rules.cases import Answer, Answers, PolicyCase, RecordsCase

LARGEST_DOCUMENT = 1_000_000
"""Bytes; no manifest or statement is larger."""


def policy(case: PolicyCase) -> Answers:
    """`gitstage.yaml` can be read and is valid: a registry without a policy that can be read judges nothing."""
    if case.problem is not None:
        yield from _problems(CONFIGURATION, case.problem)


def records(case: RecordsCase) -> Answers:
    """A manifest says what its path says, in the one form in which it can be written.

    So nothing hides in a duplicate key, an anchor, a second document, or a comment that says something else.
    An artifact that lies in the registry has the size and the digest that its manifest gives.

    Passes: `models/fraud-detector/1.1.0.yaml` written by `gitstage register`.
    Refused: the same file with `version: 1.2.0` in it, or with a comment.
    """
    for change, place in case.changes:
        if change.after is None or change.after == change.before or change.after.mode != FILE:
            continue
        if place.kind == "version":
            yield from _version(case, change.path, change.after, place)
        elif place.kind == "hold":
            yield from _hold(case, change.path, change.after, place)
        elif place.kind == "evidence":
            yield from _evidence(case, change.path, change.after, place)
        elif place.kind == "artifact":
            yield from _artifact_is_named(case, change.path, place)


def _problems(path: str, error: Exception) -> Answers:
    if isinstance(error, DocumentError):
        for problem in error.problems:
            yield Answer(message=problem.message, path=path, line=problem.line, hint=problem.hint)
    else:
        yield Answer(message=str(error), path=path)


def _too_large(case: RecordsCase, path: str, entry: Entry) -> Answers:
    size = case.after.size(entry.oid)
    if size > LARGEST_DOCUMENT:
        yield Answer(message=f"has {size} bytes; no document of a registry has more than {LARGEST_DOCUMENT}", path=path)


def _version(case: RecordsCase, path: str, entry: Entry, place: Place) -> Answers:
    large = list(_too_large(case, path, entry))
    if large:
        yield from large
        return
    try:
        version = read_version(case.after.read(entry.oid))
    except DocumentError as error:
        yield from _problems(path, error)
        return
    yield from _says_its_path(path, place, version.model, version.version)
    for artifact in version.artifacts:
        if "://" not in artifact.uri:
            yield from _kept_artifact(case.after, path, artifact, place)


def _says_its_path(path: str, place: Place, model: str, version: str) -> Answers:
    if (model, version) != (place.model, place.version):
        yield Answer(message=f"says {model}@{version}, and its path says {place.model}@{place.version}", path=path)


def _kept_artifact(registry: Snapshot, path: str, artifact: Artifact, place: Place) -> Answers:
    own = f"{ARTIFACTS}/{place.model}/{place.version}/"
    if not artifact.uri.startswith(own):
        yield Answer(message=f"its artifact {artifact.uri} does not lie below {own}", path=path)
        return
    entry = registry.entry(artifact.uri)
    if entry is None or entry.mode != FILE:
        yield Answer(message=f"its artifact {artifact.uri} is not in the registry", path=path)
        return
    size = registry.size(entry.oid)
    data = registry.read(entry.oid)
    pointer = read_lfs_pointer(data) if size < 1024 else None
    found = pointer or (hashlib.sha256(data).hexdigest(), size)
    if found != (artifact.sha256, artifact.size):
        yield Answer(
            message=f"{artifact.uri} has {found[1]} bytes and sha256 {found[0][:12]}…, "
            f"not {artifact.size} bytes and {artifact.sha256[:12]}…",
            path=path,
        )


def _hold(case: RecordsCase, path: str, entry: Entry, place: Place) -> Answers:
    large = list(_too_large(case, path, entry))
    if large:
        yield from large
        return
    try:
        hold = read_hold(case.after.read(entry.oid))
    except DocumentError as error:
        yield from _problems(path, error)
        return
    yield from _says_its_path(path, place, hold.model, hold.version)
    if case.after.entry(version_path(hold.model, hold.version)) is None:
        yield Answer(message=f"holds {hold.version}, which is not registered", path=path)


def _evidence(case: RecordsCase, path: str, entry: Entry, place: Place) -> Answers:
    large = list(_too_large(case, path, entry))
    if large:
        yield from large
        return
    try:
        statement = read_statement(case.after.read(entry.oid))
    except DocumentError as error:
        yield from _problems(path, error)
        return
    manifest = case.after.entry(version_path(str(place.model), str(place.version)))
    if manifest is None or manifest.mode != FILE:
        yield Answer(message=f"speaks of {place.version}, which is not registered", path=path)
    elif hashlib.sha256(case.after.read(manifest.oid)).hexdigest() not in statement.subjects:
        yield Answer(
            message=f"its subject is not the manifest of {place.model}@{place.version}",
            path=path,
            hint="evidence is bound to one manifest's sha256; make it with: "
            f"gitstage attest {place.model}@{place.version} …",
        )


def _artifact_is_named(case: RecordsCase, path: str, place: Place) -> Answers:
    manifest = case.after.entry(version_path(str(place.model), str(place.version)))
    if manifest is None:
        yield Answer(message=f"belongs to {place.version}, which is not registered", path=path)
