"""What has to change so that something becomes true: plans, made from values, that touch nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from gitstage.canonical import DocumentError
from gitstage.changes import FILE, Entry, Snapshot, blob_id, changes_between, files
from gitstage.errors import GitstageError, NoSuchThing
from gitstage.layout import (
    CONFIGURATION,
    MODELS,
    NUMBER,
    RECORD_FOLDERS,
    Layout,
    Place,
    PolicyThing,
    Slot,
    archived_path,
    evidence_folder,
    hold_path,
    is_twin,
    version_path,
)
from gitstage.ledger import Effect, State, subject_of
from gitstage.values import dataclass, field, replace

if TYPE_CHECKING:
    from gitstage.policy import Policy


@dataclass(frozen=True, kw_only=True)
class Step:
    """What one plan does to one slot or version, as its commit's trailers say it."""

    action: str
    model: str
    version: str | None = None
    source: str | None = None
    stage: str | None = None
    replaces: str | None = None
    manifest: str | None = None

    def trailers(self) -> Iterable[tuple[str, str | None]]:
        yield "Gitstage-Action", self.action
        yield "Gitstage-Version", f"{self.model}@{self.version}" if self.version else self.model
        yield "Gitstage-From", self.source
        yield "Gitstage-To", self.stage
        yield "Gitstage-Replaces", self.replaces
        yield "Gitstage-Manifest", self.manifest


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Edits of a registry and the commit that will say what they are. Paths are relative to the registry.

    `blobs` holds the bytes of ids that are new. `notes` are lines for whoever asked (what was skipped, and why).
    `beside` are edits outside the registry, by their path from the repository's root.
    """

    subject: str
    edits: Mapping[str, Entry | None] = field(default_factory=dict)
    blobs: Mapping[str, bytes] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    reason: str | None = None
    notes: tuple[str, ...] = ()
    beside: Mapping[str, Entry | None] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not self.edits and not self.beside

    def message(self) -> str:
        """The commit's message: a subject for people, trailers for tools."""
        reason = None if self.reason is None else _one_line(self.reason)
        lines = [f"{key}: {value}" for step in self.steps for key, value in step.trailers() if value is not None]
        if reason:
            lines.append(f"Gitstage-Reason: {reason}")
        body = f"\n{reason}\n" if reason else ""
        trailers = "\n".join(lines)
        return f"{self.subject}\n{body}\n{trailers}\n" if trailers else f"{self.subject}\n{body}"

    def with_file(self, path: str, data: bytes) -> Plan:
        """The plan, and a file with these bytes."""
        oid = blob_id(data)
        return replace(self, edits={**self.edits, path: Entry(FILE, oid)}, blobs={**self.blobs, oid: data})

    def with_file_beside(self, path: str, data: bytes) -> Plan:
        """The plan, and a file outside the registry."""
        oid = blob_id(data)
        return replace(self, beside={**self.beside, path: Entry(FILE, oid)}, blobs={**self.blobs, oid: data})

    def and_then(self, other: Plan) -> Plan:
        """Both plans in one commit; the first one's subject stands."""
        return replace(
            self,
            edits={**self.edits, **other.edits},
            beside={**self.beside, **other.beside},
            blobs={**self.blobs, **other.blobs},
            steps=self.steps + other.steps,
            notes=self.notes + other.notes,
            reason=self.reason or other.reason,
        )

    def without_what_is_there(self, registry: Snapshot) -> Plan:
        """The plan without edits that change nothing in `registry`, and with what stands in the way taken away.

        In the way is a file, or a link, where one of the plan's files needs a folder: nothing that ever passed.
        """
        edits = {path: entry for path, entry in self.edits.items() if registry.entry(path) != entry}
        in_the_way = {
            above: None for path, entry in edits.items() if entry is not None for above in _files_above(registry, path)
        }
        return replace(self, edits={**in_the_way, **edits})


def _files_above(registry: Snapshot, path: str) -> Iterable[str]:
    folder = path.rpartition("/")[0]
    while folder:
        entry = registry.entry(folder)
        if entry is not None and not entry.is_folder:
            yield folder
        folder = folder.rpartition("/")[0]


def _one_line(text: str) -> str:
    return " ".join(text.split())


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a planner looks at: the registry as it is declared, as far as it has passed, and what is in effect.

    `passed` is, per model, the registry in which the model's records passed. `effects` are the changes of each slot
    that took effect. `policy` is the one in effect (None: there is none yet), `state` what is open and owed, and `root`
    the tree of the whole repository, of which `registry` is a part.
    """

    registry: Snapshot
    layout: Layout
    stages: Mapping[str, object]
    passed: Mapping[str, Snapshot]
    effects: Mapping[Slot, tuple[Effect, ...]]
    policy: Policy | None = None
    state: State | None = None
    root: Snapshot | None = None

    def passed_records(self, model: str) -> Snapshot:
        return self.passed.get(model, self.registry)

    def in_effect(self, slot: Slot) -> Effect | None:
        """The last change of a slot that took effect."""
        effects = self.effects.get(slot, ())
        return effects[-1] if effects else None

    def declared(self, slot: Slot) -> tuple[str, str] | None:
        """The version, and its blob, that the tree declares in a slot; None where it is empty or no version."""
        entry = self.registry.entry(slot.path)
        if entry is None:
            return None
        version = self.version_of(slot.model, entry.oid)
        return None if version is None else (version, entry.oid)

    def version_of(self, model: str, blob: str) -> str | None:
        """The version whose manifest is a blob, in the records that passed or else as declared."""
        return self._version_in(self.passed_records(model), model, blob) or self._version_in(self.registry, model, blob)

    def passed_version_of(self, model: str, blob: str) -> str | None:
        """The version whose manifest is a blob, in the records that passed."""
        return self._version_in(self.passed_records(model), model, blob)

    def _version_in(self, registry: Snapshot, model: str, blob: str) -> str | None:
        names = [name for name, entry in registry.listing(f"{MODELS}/{model}").items() if entry == (FILE, blob)]
        return next(iter(self.layout.versions_among(names)), None)

    def versions(self, model: str) -> tuple[str, ...]:
        """The registered versions of a model, as declared, in no order."""
        return self.layout.versions_among(self.registry.listing(f"{MODELS}/{model}"))

    def blob_of(self, model: str, version: str) -> str:
        """The blob of a registered version: as it passed, where it has. Raises NoSuchThing."""
        path = version_path(model, version)
        entry = self.passed_records(model).entry(path) or self.registry.entry(path)
        if entry is None:
            known = ", ".join(sorted(self.versions(model))) or "none"
            how = f"register it with: gitstage register {model}@{version} --artifact FILE"
            stages = f"stages: {', '.join(self.stages)}"
            rest = how if self.layout.is_version(version) else stages
            raise NoSuchThing(f"{model} has no version {version}", hint=f"registered: {known}; {rest}")
        return entry.oid


def _archived(scene: Scene, slot: Slot, incoming: str | None) -> dict[str, Entry | None]:
    """The entries of `archived/` for what leaves a slot: what is in effect, and what is declared and waits.

    What is declared and is no version that passed is not listed anywhere: it never was one.
    """
    leaving: dict[str, str] = {}
    last = scene.in_effect(slot)
    if last is not None and last.after is not None and last.after_blob is not None:
        leaving[last.after] = last.after_blob
    present = scene.registry.entry(slot.path)
    waiting = None if present is None else scene.passed_version_of(slot.model, present.oid)
    if present is not None and waiting is not None:
        leaving.setdefault(waiting, present.oid)
    return {
        archived_path(slot.model, version): Entry(FILE, blob)
        for version, blob in leaving.items()
        if version != incoming and scene.registry.entry(archived_path(slot.model, version)) != (FILE, blob)
    }


def _replaced(scene: Scene, slot: Slot) -> str | None:
    last = scene.in_effect(slot)
    return None if last is None else last.after


def promote(scene: Scene, slot: Slot, version: str, *, action: str = "promote", reason: str | None = None) -> Plan:
    """`version` into a slot; what goes out is archived in the same commit."""
    blob = scene.blob_of(slot.model, version)
    entry = Entry(FILE, blob)
    edits = {slot.path: entry, **_archived(scene, slot, version)}
    source = next(
        (
            stage
            for stage in scene.stages
            if stage != slot.stage and _replaced(scene, Slot(slot.model, stage)) == version
        ),
        None,
    )
    return Plan(
        subject=subject_of(action, slot.model, slot.stage, version, None),
        edits=edits,
        steps=(
            Step(
                action=action,
                model=slot.model,
                version=version,
                source=source,
                stage=slot.stage,
                replaces=_replaced(scene, slot),
                manifest=blob,
            ),
        ),
        reason=reason,
    ).without_what_is_there(scene.registry)


def rollback(
    scene: Scene, slot: Slot, *, to: str | None, held: Mapping[str, str], holds: Mapping[str, bytes], reason: str
) -> Plan:
    """The slot goes back to the latest earlier version that is not held, or to `to`, which has been there.

    `held` gives the reason for each held version of the model. `holds` gives the bytes of the hold to put on each
    version that goes out (empty: none is put).
    """
    effects = scene.effects.get(slot, ())
    last = effects[-1] if effects else None
    if last is None or last.after is None:
        raise NoSuchThing(
            f"nothing is in effect in {slot.stage} of {slot.model}",
            hint=f"gitstage log {slot.model}",
        )
    notes: list[str] = []
    target = to or _earlier(scene, effects, held, notes)
    if target is None:
        raise NoSuchThing(
            f"{slot.stage} of {slot.model} has held nothing to go back to"
            + (f" ({'; '.join(notes)})" if notes else ""),
            hint=f"empty it with: gitstage archive {slot.model}@{slot.stage} --reason …",
        )
    if target == last.after:
        raise NoSuchThing(f"{target} is what is in effect in {slot.stage} of {slot.model}")
    was = next((effect for effect in reversed(effects) if effect.after == target), None)
    if was is None or was.after_blob is None:
        been = ", ".join(dict.fromkeys(effect.after for effect in reversed(effects) if effect.after)) or "none"
        raise NoSuchThing(
            f"{target} has never been in effect in {slot.stage} of {slot.model}",
            hint=f"it has held: {been}; something new is promoted, not rolled back to",
        )
    waiting = scene.declared(slot)
    out = [last.after] + ([waiting[0]] if waiting is not None and waiting[0] not in (target, last.after) else [])
    plan = Plan(
        subject=subject_of("rollback", slot.model, slot.stage, target, None),
        edits={slot.path: Entry(FILE, was.after_blob), **_archived(scene, slot, target)},
        steps=(
            Step(
                action="rollback",
                model=slot.model,
                version=target,
                source="archived",
                stage=slot.stage,
                replaces=last.after,
                manifest=was.after_blob,
            ),
        ),
        reason=reason,
        notes=tuple(notes),
    )
    for version in out:
        if version in holds:
            plan = plan.with_file(hold_path(slot.model, version), holds[version])
    return plan


def _earlier(scene: Scene, effects: tuple[Effect, ...], held: Mapping[str, str], notes: list[str]) -> str | None:
    current = effects[-1].after
    seen: set[str] = set()
    for effect in reversed(effects[:-1]):
        version = effect.after
        if version is None or version == current or version in seen:
            continue
        seen.add(version)
        why = held.get(version)
        if why is None and scene.passed_version_of(effect.slot.model, str(effect.after_blob)) is None:
            why = "its manifest is not what it was"
        if why is None:
            return version
        notes.append(f"skipped {version}: {why}")
    return None


def empty(scene: Scene, slot: Slot, empty_slot: bytes, *, reason: str) -> Plan:
    """The slot becomes empty; what goes out is archived. `empty_slot` are the bytes of an `EmptySlot`."""
    last, waiting = scene.in_effect(slot), scene.declared(slot)
    if waiting is None and (last is None or last.after is None):
        raise NoSuchThing(f"{slot.stage} of {slot.model} is empty", hint=f"gitstage status {slot.model}")
    out = last.after if last is not None and last.after is not None else waiting[0] if waiting else None
    return Plan(
        subject=subject_of("archive", slot.model, slot.stage, None, out),
        edits=_archived(scene, slot, None),
        steps=(Step(action="archive", model=slot.model, version=out, stage="archived", source=slot.stage),),
        reason=reason,
    ).with_file(slot.path, empty_slot)


def shelve(scene: Scene, model: str, version: str, *, reason: str) -> Plan:
    """A version that sits in no slot is listed in `archived/`."""
    blob = scene.blob_of(model, version)
    for stage in scene.stages:
        slot = Slot(model, stage)
        declared = scene.declared(slot)
        if _replaced(scene, slot) == version or (declared is not None and declared[0] == version):
            raise GitstageError(
                f"{model}@{version} is in {stage}",
                hint=f"empty that slot: gitstage archive {model}@{stage} --reason …",
            )
    return Plan(
        subject=f"{model}: archive {version}",
        edits={archived_path(model, version): Entry(FILE, blob)},
        steps=(Step(action="archive", model=model, version=version, stage="archived", manifest=blob),),
        reason=reason,
    )


def withdraw_slot(scene: Scene, slot: Slot, empty_slot: bytes) -> Plan:
    """What is in effect in a slot is declared again."""
    last = scene.in_effect(slot)
    present = scene.registry.entry(slot.path)
    plan = Plan(
        subject=f"{slot.model}: withdraw what {slot.stage} declares",
        steps=(Step(action="withdraw", model=slot.model, stage=slot.stage, version=last.after if last else None),),
    )
    if last is not None and last.after_blob is not None:
        plan = replace(plan, edits={slot.path: Entry(FILE, last.after_blob)})
    elif last is not None or (present is not None and _may_stay_empty(scene, slot)):
        plan = plan.with_file(slot.path, empty_slot)
    else:
        plan = replace(plan, edits={slot.path: None})
    return plan.without_what_is_there(scene.registry)


def _may_stay_empty(scene: Scene, slot: Slot) -> bool:
    """Whether an empty slot may stay where nothing ever was: of a model that is one, under a name without a twin."""
    if not scene.layout.versions_among(scene.passed_records(slot.model).listing(f"{MODELS}/{slot.model}")):
        return False
    path = slot.path
    while path:
        folder, _, name = path.rpartition("/")
        if any(other != name and is_twin(other, name) for other in scene.registry.listing(folder)):
            return False
        path = folder
    return True


def withdraw_records(scene: Scene, model: str) -> Plan:
    """The records of a model are put back as they passed.

    What has left a slot since stays in `archived/`, and what a rollback put a hold on since stays held.
    """
    passed = scene.passed_records(model)
    edits: dict[str, Entry | None] = {}
    for folder in RECORD_FOLDERS:
        for change in changes_between(scene.registry, passed, f"{folder}/{model}"):
            place = scene.layout.place(change.path)
            if place.model == model and not _still_holds(scene.registry, passed, place, change.before):
                edits[change.path] = change.after
    for slot, effects in scene.effects.items():
        if slot.model == model:
            for effect in effects:
                if effect.before is not None and effect.before_blob is not None:
                    path = archived_path(model, effect.before)
                    if passed.entry(path) is not None:  # as it was, or a tombstone in its place
                        continue
                    edits[path] = Entry(FILE, effect.before_blob)
    return Plan(
        subject=f"{model}: withdraw what never passed",
        edits=edits,
        steps=(Step(action="withdraw", model=model),),
    ).without_what_is_there(scene.registry)


def _still_holds(registry: Snapshot, passed: Snapshot, place: Place, entry: Entry | None) -> bool:
    """Whether a file is a good hold on a version that passed."""
    if place.kind != "hold" or entry is None or entry.mode != FILE:
        return False
    from gitstage.manifest import read_hold

    try:
        hold = read_hold(registry.read(entry.oid))
    except DocumentError:
        return False
    known = passed.entry(version_path(hold.model, hold.version)) is not None
    return known and (hold.model, hold.version, hold.state) == (place.model, place.version, "held")


def withdraw_policy(registry: Snapshot, passed: Snapshot, layouts: tuple[Layout, ...], *, at_root: bool) -> Plan:
    """`gitstage.yaml`, and what else lies in the registry and is no model's, is put back as it passed."""
    edits: dict[str, Entry | None] = {}
    for change in changes_between(registry, passed):
        if at_root and not any(layout.owns(change.path) for layout in layouts):
            continue
        if isinstance(layouts[0].place(change.path).thing, PolicyThing):
            edits[change.path] = change.after
    subject = "gitstage: withdraw what never passed of the policy"
    return Plan(subject=subject, edits=edits, steps=(Step(action="withdraw", model=CONFIGURATION),))


def register(
    scene: Scene,
    model: str,
    version: str,
    manifest: bytes,
    artifacts: Mapping[str, bytes],
    *,
    reason: str | None = None,
) -> Plan:
    """A version's manifest, and the artifacts that are kept in the registry, by their path inside it.

    What lies there already with the same bytes is not written again: registering twice is once.
    """
    plan = Plan(
        subject=f"{model}: register {version}",
        steps=(Step(action="register", model=model, version=version, manifest=blob_id(manifest)),),
        reason=reason,
    ).with_file(version_path(model, version), manifest)
    for path, data in artifacts.items():
        plan = plan.with_file(path, data)
    return plan.without_what_is_there(scene.registry)


def put_hold(model: str, version: str, hold: bytes, *, action: str, reason: str) -> Plan:
    """A hold, or its release, in the place of what was there."""
    return Plan(
        subject=f"{model}: {action} {version}",
        steps=(Step(action=action, model=model, version=version),),
        reason=reason,
    ).with_file(hold_path(model, version), hold)


def redact(scene: Scene, model: str, version: str, tombstones: Mapping[str, bytes], *, reason: str) -> Plan:
    """A tombstone in the place of each path's file. Raises GitstageError while the version is in a stage."""
    for stage in scene.stages:
        slot = Slot(model, stage)
        declared = scene.declared(slot)
        if _replaced(scene, slot) == version or (declared is not None and declared[0] == version):
            raise GitstageError(
                f"{model}@{version} is in {stage}", hint=f"empty that slot: gitstage archive {model}@{stage} --reason …"
            )
    plan = Plan(
        subject=f"{model}: redact {version}",
        steps=(Step(action="redact", model=model, version=version),),
        reason=reason,
    )
    for path, data in tombstones.items():
        plan = plan.with_file(path, data)
    return plan


def attest(registry: Snapshot, model: str, version: str, name: str, statement: bytes) -> Plan:
    """A piece of evidence with the next number of its name."""
    return write_down(
        registry,
        f"{evidence_folder(model, version)}/{name}",
        statement,
        subject=f"{model}: attest {name} of {version}",
        step=Step(action="attest", model=model, version=version),
    )


def write_down(registry: Snapshot, folder: str, statement: bytes, *, subject: str, step: Step) -> Plan:
    """A statement with the next number in a folder of `evidence/`."""
    names = [file.removesuffix(".json") for file in registry.listing(folder)]
    taken = [int(name) for name in names if NUMBER.match(name)]
    number = max(taken, default=0) + 1
    return Plan(subject=subject, steps=(step,)).with_file(f"{folder}/{number}.json", statement)


def all_models(registry: Snapshot, layout: Layout) -> list[str]:
    """The models of a registry, sorted."""
    found = {
        place.model
        for path, _ in files(registry, "models")
        if (place := layout.place(path)).kind == "version" and place.model is not None
    }
    return sorted(found)
