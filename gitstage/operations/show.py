"""One version: what its manifest says, where it is and was in effect, what was tested, whether it is held."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitstage.canonical import DocumentError, parse
from gitstage.layout import archived_path, evidence_folder
from gitstage.ledger import Effect
from gitstage.operations.naming import holds
from gitstage.operations.registries import Registry
from gitstage.operations.resolve import Resolved
from gitstage.operations.resolve import run as resolve
from gitstage.values import dataclass


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One statement about a version: its path, what it says, and what was measured."""

    path: str
    name: str
    number: int
    type: str
    result: str | None
    made: str | None
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A version with everything that is known about it. `manifest` is the parsed document."""

    resolved: Resolved
    manifest: Mapping[str, Any]
    in_effect: tuple[str, ...]
    effects: tuple[Effect, ...]
    evidence: tuple[Evidence, ...]
    held: str | None
    archived: bool
    problem: str | None = None


def run(registry: Registry, text: str, *, at: str | None = None, declared: bool = False) -> Shown:
    """Shows what a reference names. Raises NoSuchThing."""
    resolved = resolve(registry, text, at=at, declared=declared)
    model, version = resolved.model, resolved.version
    snapshot = registry.at(registry.tip or registry.head)
    effects = [effect for slot in registry.slots_of(model) for effect in registry.past.effects(slot)]
    current = tuple(
        slot.stage
        for slot in registry.slots_of(model)
        if (effect := registry.past.current(slot)) is not None and effect.after == version
    )
    problem, manifest = None, {}
    try:
        manifest = parse(resolved.manifest)
        if manifest.get("kind") == "Redacted":
            problem = f"redacted: {manifest.get('reason')}"
    except DocumentError as error:
        problem = str(error)
    return Shown(
        resolved=resolved,
        manifest=manifest,
        in_effect=current,
        effects=tuple(effect for effect in effects if version in (effect.after, effect.before)),
        evidence=tuple(_evidence(registry, model, version)),
        held=holds(snapshot, model).get(version),
        archived=snapshot.entry(archived_path(model, version)) is not None and not current,
        problem=problem,
    )


def _evidence(registry: Registry, model: str, version: str) -> list[Evidence]:
    from gitstage.evidence import read_statement

    snapshot = registry.at(registry.tip or registry.head)
    found = []
    folder = evidence_folder(model, version)
    for name in sorted(snapshot.listing(folder)):
        files = snapshot.listing(f"{folder}/{name}")
        for file in sorted(files, key=lambda file: (len(file), file)):
            path = f"{folder}/{name}/{file}"
            number = int(file.removesuffix(".json")) if file.removesuffix(".json").isdigit() else 0
            try:
                statement = read_statement(snapshot.read(files[file].oid))
            except (DocumentError, KeyError):
                found.append(
                    Evidence(path=path, name=name, number=number, type="unreadable", result=None, made=None, metrics={})
                )
                continue
            made = statement.made.isoformat() if statement.made else None
            found.append(
                Evidence(
                    path=path,
                    name=name,
                    number=number,
                    type=statement.type,
                    result=statement.result,
                    made=made,
                    metrics=dict(statement.metrics),
                )
            )
    return found
