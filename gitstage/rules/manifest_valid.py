"""Every manifest is a regular file in canonical form, valid, and says the model and version that its path says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from gitstage.canonical import DocumentError
from gitstage.changes import FILE, Entry, Snapshot
from gitstage.errors import CannotVerify
from gitstage.layout import ARTIFACTS, CONFIGURATION, Place, version_path
from gitstage.manifest import Artifact, read_hold, read_lfs_pointer, read_version
from gitstage.policy import Policy
from gitstage.rules.cases import LARGEST_DOCUMENT, Answer, Answers, PolicyCase, RecordsCase
from gitstage.rules.tombstones import put_up

if TYPE_CHECKING:
    from gitstage.evidence import Statement


def policy(case: PolicyCase) -> Answers:
    """`gitstage.yaml` can be read and is valid: a registry without a policy that can be read judges nothing."""
    if case.problem is not None:
        yield from _problems(CONFIGURATION, case.problem)
    if case.new is not None and (case.old is None or case.old.digest != case.new.digest):
        yield from _expressions(case.new)
        yield from _trusted_root(case, case.new)
    for change, place in case.changes:
        if place.kind == "evidence" and change.after is not None and change.after.mode == FILE:
            yield from _policy_evidence(case, change.path, change.after, place)


def _expressions(policy: Policy) -> Answers:
    """Expressions are checked when a policy is judged, and not whenever it is read: reading needs no engine."""
    from gitstage.errors import CannotEvaluate
    from gitstage.expressions import check

    for name, gate in policy.gates.items():
        for number, rule in enumerate(gate.rules):
            if rule.expr is None:
                continue
            try:
                check(rule.expr)
            except CannotEvaluate as error:
                yield Answer(
                    message=f"rules/{rule.name}: {error.message}",
                    path=CONFIGURATION,
                    line=policy.line_of("gates", name, "rules", number, "expr"),
                    hint=error.hint,
                )


def _trusted_root(case: PolicyCase, policy: Policy) -> Answers:
    """The root that a policy names takes effect with it: it lies there, as the policy says, in the same tree."""
    if policy.sigstore is None or case.voices.tree_at is None:
        return
    from gitstage.trust import trusted_root

    try:
        trusted_root(policy.sigstore, case.voices.tree_at(case.voices.commit))
    except CannotVerify as error:
        line = policy.line_of("sigstore", "trusted-root")
        yield Answer(message=error.message, path=CONFIGURATION, line=line, hint=error.hint)


def _policy_evidence(case: PolicyCase, path: str, entry: Entry, place: Place) -> Answers:
    from gitstage.approvals import PolicySaid, read_said

    said, problems = _document(case, path, entry, read_said)
    yield from problems
    if problems:
        return
    if not isinstance(said, PolicySaid):
        yield Answer(message="is no approval of a policy", path=path, hint="make one with: gitstage approve --policy")
    elif said.about.policy != str(place.name).partition("/")[0]:
        yield Answer(message="is about another gitstage.yaml than its path says", path=path)


def records(case: RecordsCase) -> Answers:
    """A manifest says what its path says, in the one form in which it can be written.

    So nothing hides in a duplicate key, an anchor, a second document, or a comment that says something else.
    An artifact that lies in the registry has the size and the digest that its manifest gives.

    Passes: `models/fraud-detector/1.1.0.yaml` written by `gitstage register`.
    Refused: the same file with `version: 1.2.0` in it, or with a comment.
    """
    gone = {change.path for change, _, _ in put_up(case)}
    for change, place in case.changes:
        if change.after is None or change.after.mode != FILE or change.path in gone:
            continue
        if place.kind == "version":
            yield from _version(case, change.path, change.after, place)
        elif place.kind == "hold":
            yield from _hold(case, change.path, change.after, place)
        elif place.kind == "evidence":
            yield from _evidence(case, change.path, change.after, place)
        elif place.kind == "artifact":
            yield from _artifact_is_named(case, change.path, place)


Document = TypeVar("Document")


def _problems(path: str, error: DocumentError) -> Answers:
    for problem in error.problems:
        yield Answer(message=problem.message, path=path, line=problem.line, hint=problem.hint)


def _document(
    case: RecordsCase | PolicyCase, path: str, entry: Entry, read: Callable[[bytes], Document]
) -> tuple[Document | None, list[Answer]]:
    """What a file says, or why it says nothing."""
    size = case.after.size(entry.oid)
    if size > LARGEST_DOCUMENT:
        message = f"has {size} bytes; no document of a registry has more than {LARGEST_DOCUMENT}"
        return None, [Answer(message=message, path=path)]
    try:
        return read(case.after.read(entry.oid)), []
    except DocumentError as error:
        return None, list(_problems(path, error))


def _version(case: RecordsCase, path: str, entry: Entry, place: Place) -> Answers:
    version, problems = _document(case, path, entry, read_version)
    yield from problems
    if version is None:
        return
    yield from _says_its_path(path, place, version.model, version.version)
    for artifact in version.artifacts:
        if artifact.uri.startswith(f"{ARTIFACTS}/"):
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
    found = read_lfs_pointer(data) or (hashlib.sha256(data).hexdigest(), size)
    if found != (artifact.sha256, artifact.size):
        yield Answer(
            message=f"{artifact.uri} has {found[1]} bytes and sha256 {found[0][:12]}…, "
            f"not {artifact.size} bytes and {artifact.sha256[:12]}…",
            path=path,
        )


def _hold(case: RecordsCase, path: str, entry: Entry, place: Place) -> Answers:
    hold, problems = _document(case, path, entry, read_hold)
    yield from problems
    if hold is None:
        return
    yield from _says_its_path(path, place, hold.model, hold.version)
    if _manifest(case, place) is None:
        yield Answer(message=f"holds {place.version}, which is not registered", path=path)


def _evidence(case: RecordsCase, path: str, entry: Entry, place: Place) -> Answers:
    from gitstage.evidence import read_statement

    statement, problems = _document(case, path, entry, read_statement)
    yield from problems
    if statement is None:
        return
    manifest = _manifest(case, place)
    if manifest is None:
        yield Answer(message=f"speaks of {place.version}, which is not registered", path=path)
    elif not _is_about(case, path, manifest, statement):
        yield Answer(
            message=f"its subject is not the manifest of {place.model}@{place.version}",
            path=path,
            hint="evidence is bound to one manifest's sha256; make it with: "
            f"gitstage attest {place.model}@{place.version} …",
        )
    yield from _what_people_said(case, path, entry, place)


def _what_people_said(case: RecordsCase, path: str, entry: Entry, place: Place) -> Answers:
    """An approval, a waiver or the like is in the one form, and about the version in whose folder it lies."""
    from gitstage.approvals import PolicySaid, read_said

    said, problems = _document(case, path, entry, read_said)
    yield from problems
    if isinstance(said, PolicySaid):
        yield Answer(message="approves a policy, and does not lie in evidence/policy/", path=path)
    elif said is not None:
        yield from _says_its_path(path, place, said.about.model, said.about.version)


def _is_about(case: RecordsCase, path: str, manifest: Entry, statement: Statement) -> bool:
    digest = hashlib.sha256(case.after.read(manifest.oid)).hexdigest()
    if statement.is_about(digest):
        return True
    version, _ = _document(case, path, manifest, read_version)
    artifacts = () if version is None else version.artifacts
    return statement.is_about(digest, frozenset(artifact.sha256 for artifact in artifacts))


def _artifact_is_named(case: RecordsCase, path: str, place: Place) -> Answers:
    """What no manifest names has no digest, and nobody would notice if it were something else."""
    manifest = _manifest(case, place)
    if manifest is None:
        yield Answer(message=f"belongs to {place.version}, which is not registered", path=path)
        return
    version, _ = _document(case, path, manifest, read_version)
    if version is not None and path not in {artifact.uri for artifact in version.artifacts}:
        yield Answer(message=f"is none of the artifacts of {place.model}@{place.version}", path=path)


def _manifest(case: RecordsCase, place: Place) -> Entry | None:
    """The manifest of the version that a path speaks of; None where there is none that is a plain file."""
    entry = case.after.entry(version_path(str(place.model), str(place.version)))
    return entry if entry is not None and entry.mode == FILE else None
