"""Take out what must not stay: a tombstone stands in the place of a manifest, a piece of evidence or an artifact."""

from __future__ import annotations

from collections.abc import Sequence

from gitstage.changes import Entry, Snapshot
from gitstage.errors import GitstageError, NoSuchThing
from gitstage.layout import ARTIFACTS, archived_path, evidence_folder, version_path
from gitstage.operations.landing import Outcome, carry_out
from gitstage.operations.naming import in_words, version_named
from gitstage.operations.registries import Registry
from gitstage.plans import Plan, Scene, redact
from gitstage.references import reference


def run(
    registry: Registry,
    text: str,
    *,
    evidence: Sequence[str] = (),
    artifacts: Sequence[str] = (),
    reason: str,
    push: bool = False,
    dry_run: bool = False,
) -> Outcome:
    """Puts tombstones in the place of files of `MODEL@VERSION`, which sits in no stage.

    `evidence` are pieces such as `shadow-traffic/1`, `artifacts` paths below the version's own folder of `artifacts/`;
    without either it is the manifest, in `models/` and in `archived/`. What was there stays in the history.
    """
    ref = reference(text)
    if ref.name is None:
        raise GitstageError(f"{text} names no version", hint=f"gitstage redact {text}@VERSION --reason …")
    in_words(reason)

    def planner(scene: Scene) -> Plan:
        version = version_named(scene, ref)
        paths = _paths(scene.registry, ref.model, version, evidence, artifacts)
        tombstones = {path: _tombstone(scene.registry, path, reason) for path in paths}
        return redact(scene, ref.model, version, tombstones, reason=reason)

    return carry_out(registry, planner, models={ref.model}, push=push, dry_run=dry_run)


def _paths(
    registry: Snapshot, model: str, version: str, evidence: Sequence[str], artifacts: Sequence[str]
) -> list[str]:
    if not evidence and not artifacts:
        manifest, archived = version_path(model, version), archived_path(model, version)
        return [manifest, archived] if registry.entry(archived) is not None else [manifest]
    return [
        *(f"{evidence_folder(model, version)}/{name.removesuffix('.json')}.json" for name in evidence),
        *(f"{ARTIFACTS}/{model}/{version}/{path}" for path in artifacts),
    ]


def _tombstone(registry: Snapshot, path: str, reason: str) -> bytes:
    from gitstage.manifest import read_tombstone, tombstone

    entry: Entry | None = registry.entry(path)
    if entry is None or entry.is_folder:
        raise NoSuchThing(
            f"there is no file {path}", hint="--evidence NAME/NUMBER, --artifact PATH as the manifest says it"
        )
    data = registry.read(entry.oid)
    # What is gone already stays as it is: typed twice is once.
    return data if read_tombstone(data) is not None else tombstone(data, reason)
