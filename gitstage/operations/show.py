"""One version: what its manifest says, where it is and was in effect, what was tested, whether it is held."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from gitstage.canonical import DocumentError, parse
from gitstage.changes import Snapshot
from gitstage.layout import NUMBER, archived_path, evidence_folder
from gitstage.ledger import Effect
from gitstage.operations.naming import holds
from gitstage.operations.registries import Registry
from gitstage.operations.resolve import Resolved
from gitstage.operations.resolve import run as resolve
from gitstage.values import dataclass

if TYPE_CHECKING:
    from gitstage.operations.weighing import Piece, Signer


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One statement about a version: its path, what it says, and what was measured.

    `signers` have signed it; `counts` says whether it counts for anything now, and `why` for what or why not.
    """

    path: str
    name: str
    number: int
    type: str
    result: str | None
    made: str | None
    metrics: Mapping[str, float]
    signers: tuple[Signer, ...] = ()
    counts: bool = True
    why: str = ""


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
    resolved = resolve(registry, text, at=at, declared=declared, unpassed=True)
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
    snapshot = registry.at(registry.tip or registry.head)
    pieces = list(_pieces(snapshot, evidence_folder(model, version)))
    if not pieces:
        return []
    from gitstage.operations.weighing import weighed

    found = []
    for item in weighed(registry, snapshot, model, version, pieces):
        statement = item.statement
        made = None if statement is None or statement.made is None else statement.made.isoformat()
        found.append(
            Evidence(
                path=item.piece.path,
                name=item.piece.name,
                number=item.piece.number,
                type="unreadable" if statement is None else statement.type,
                result=None if statement is None else statement.result,
                made=made,
                metrics={} if statement is None else dict(statement.metrics),
                signers=item.signers,
                counts=item.counts,
                why=item.why,
            )
        )
    return found


def _pieces(snapshot: Snapshot, folder: str) -> Iterator[Piece]:
    """The files of a version's evidence, in the order of their numbers; what cannot be read holds nothing."""
    from gitstage.operations.weighing import Piece

    for name in sorted(snapshot.listing(folder)):
        files = snapshot.listing(f"{folder}/{name}")
        for file in sorted(files, key=lambda file: (len(file), file)):
            stem = file.removesuffix(".json")
            number = int(stem) if NUMBER.match(stem) else 0
            path = f"{folder}/{name}/{file}"
            try:
                data = snapshot.read(files[file].oid)
            except KeyError:
                data = b""
            yield Piece(path=path, name=name, number=number, data=data)
