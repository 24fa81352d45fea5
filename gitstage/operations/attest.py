"""Write down what was tested, bound to the manifest's digest: a piece of evidence with the next number of its name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from gitstage.changes import Snapshot, blob_id
from gitstage.errors import GitstageError
from gitstage.layout import SLUG, evidence_folder
from gitstage.operations.landing import Outcome, carry_out
from gitstage.operations.naming import version_named
from gitstage.operations.registries import Registry
from gitstage.plans import Plan, Scene, attest
from gitstage.references import reference

TYPES = ("test-result",)
RESULTS = {"passed": "PASSED", "warned": "WARNED", "failed": "FAILED"}


def run(
    registry: Registry,
    text: str,
    *,
    kind: str,
    name: str,
    result: str,
    metrics: Mapping[str, float] | None = None,
    report: Path | None = None,
    push: bool = False,
    dry_run: bool = False,
) -> Outcome:
    """A statement that `MODEL@VERSION` was tested: `result` is passed, warned or failed, `metrics` what was measured.

    `report` is a JSON file of metrics, whose SHA-256 the statement names.
    """
    from gitstage.evidence import test_result

    if kind not in TYPES:
        raise GitstageError(f"{kind!r} is no type of evidence", hint=f"types: {', '.join(TYPES)}")
    if not SLUG.match(name):
        raise GitstageError(f"{name!r} is no name of evidence", hint="letters, digits, '.', '_' and '-'")
    if result not in RESULTS:
        raise GitstageError(f"{result!r} is no result", hint=f"results: {', '.join(RESULTS)}")
    ref = reference(text)
    measured, configuration = dict(metrics or {}), []
    if report is not None:
        data = bytes_of(report)
        measured = {**metrics_in(data, report), **measured}
        configuration = [{"name": report.name, "digest": {"sha256": hashlib.sha256(data).hexdigest()}}]

    def planner(scene: Scene) -> Plan:
        version = version_named(scene, ref)
        manifest = scene.registry.read(scene.blob_of(ref.model, version))
        statement = test_result(
            ref.model,
            version,
            hashlib.sha256(manifest).hexdigest(),
            name,
            RESULTS[result],
            measured,
            registry.now,
            configuration=configuration,
        )
        there = _lies(scene.registry, f"{evidence_folder(ref.model, version)}/{name}", statement)
        if there is not None:
            return Plan(subject=f"{ref.model}: attest {name} of {version}", notes=(f"{there} says the same",))
        return attest(scene.registry, ref.model, version, name, statement)

    return carry_out(registry, planner, models={ref.model}, push=push, dry_run=dry_run)


def _lies(registry: Snapshot, folder: str, statement: bytes) -> str | None:
    """The file of a folder that says exactly this; typed twice within a second, a statement is one."""
    listing = registry.listing(folder)
    return next((f"{folder}/{name}" for name, entry in listing.items() if entry.oid == blob_id(statement)), None)


def bytes_of(path: Path) -> bytes:
    """A file, whole. Raises GitstageError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise GitstageError(f"{path} cannot be read: {error.strerror}") from error


def metrics_in(data: bytes, path: Path) -> dict[str, float]:
    """The numbers in a JSON object. Raises GitstageError where it is none."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise GitstageError(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict) or not all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in document.values()
    ):
        raise GitstageError(f"{path} is not an object of numbers", hint='such as {"auc": 0.953}')
    return document
