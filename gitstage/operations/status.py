"""What is in each stage: what is in effect, what is declared where it differs, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from gitstage.changes import blob_id
from gitstage.emptyslot import empty_slot
from gitstage.errors import NoSuchThing
from gitstage.layout import Slot
from gitstage.ledger import Effect, Open, Owed, State
from gitstage.operations.moments import When, had_taken_effect, when
from gitstage.operations.registries import Registry
from gitstage.values import dataclass


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One slot: the version in effect (None: empty), the one that is declared where it differs, and what is open."""

    version: str | None
    declared: str | None = None
    differs: bool = False
    waiting: Open | None = None
    effect: Effect | None = None


@dataclass(frozen=True, kw_only=True)
class ModelStatus:
    """One model: its slots by stage, its versions, those that are archived (listed, and in no slot) and held."""

    model: str
    slots: Mapping[str, Cell]
    versions: tuple[str, ...]
    archived: tuple[str, ...]
    waiting: Open | None = None
    held: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Status:
    """The registry: its models, what is open besides, and whether commits on the trunk are not judged yet.

    `owed` is what nobody has countersigned yet, as the ledger says, and `now` the moment (UTC) of whoever asks.
    """

    stages: tuple[str, ...]
    models: tuple[ModelStatus, ...]
    state: State
    policy_waiting: Open | None = None
    unjudged: bool = False
    at: str | None = None
    notes: tuple[str, ...] = ()
    owed: tuple[Owed, ...] = ()
    now: datetime | None = None


def run(registry: Registry, model: str | None = None, *, at: str | None = None, declared: bool = False) -> Status:
    """The status of one model or of all, now or at `at`; with `declared`, what the tree says.

    Raises NoSuchThing where there is no such model.
    """
    moment = when(registry, at) if at is not None else None
    if declared:
        found = _of_tree(registry, moment, model)
    elif moment is not None:
        found = _then(registry, moment, model)
    else:
        found = _now(registry, model)
    if model is not None and not found.models:
        if at is not None and not declared:
            raise NoSuchThing(f"nothing of {model} had taken effect at {at}", hint=f"gitstage log {model}")
        from gitstage.operations.models import no_model

        raise no_model(registry.at(registry.tip or registry.head), registry.identity.layout, model)
    return found


@dataclass(frozen=True)
class _Tree:
    """The files of a registry's tree that say what is where: blob ids by model and version, and by slot."""

    versions: Mapping[str, dict[str, str]]
    slots: Mapping[tuple[str, str], str]
    archived: Mapping[str, list[str]]

    def version_of(self, model: str, blob: str | None) -> str | None:
        if blob is None:
            return None
        for version, oid in self.versions.get(model, {}).items():
            if oid == blob:
                return version
        return None


def _read(registry: Registry, commit: str | None, model: str | None) -> _Tree:
    """Reads a tree in one go, without reading a file."""
    versions: dict[str, dict[str, str]] = defaultdict(dict)
    slots: dict[tuple[str, str], str] = {}
    archived: dict[str, list[str]] = defaultdict(list)
    if commit is None:
        return _Tree(versions, slots, archived)
    stages = registry.identity.stages
    paths = None if model is None else [f"models/{model}", f"archived/{model}", *(f"{s}/{model}.yaml" for s in stages)]
    for path, oid in registry.listed(commit, paths or ["models", "archived", *stages]):
        if not path.endswith(".yaml"):
            continue
        folder, _, rest = path[:-5].partition("/")
        if folder == "models":
            name, _, version = rest.rpartition("/")
            versions[name][version] = oid
        elif folder == "archived":
            name, _, version = rest.rpartition("/")
            archived[name].append(version)
        else:
            slots[folder, rest] = oid
    if model is not None:
        versions = {name: found for name, found in versions.items() if name == model}
    return _Tree(versions, slots, archived)


def _now(registry: Registry, model: str | None) -> Status:
    state = registry.state_here
    tip = registry.tip or registry.head
    judged = _read(registry, state.judged, model)
    unjudged = state.judged != tip
    declared = _read(registry, tip, model) if unjudged else judged
    notes = ["commits on the trunk are not judged yet: gitstage tag"] if unjudged else []
    if registry.judged_elsewhere is not None:
        lacks = f"what was judged last, {registry.judged_elsewhere[:12]}, is not on the trunk here"
        notes = [f"{lacks}: git fetch; or the trunk was taken back, and gitstage tag says how to go on"]
    if model is not None and not registry.repo.is_shallow:  # which of them count is asked of history
        registry.past.load([model])
        notes += [f"{alarm.ref} does not count: {alarm.why}" for alarm in registry.past.alarms]
    # What lies open is shown, also where no version of it is left, or ever was.
    lying_open = {found for item in state.open.values() if (found := getattr(item.thing, "model", None)) is not None}
    models = sorted({*judged.versions, *declared.versions, *(lying_open if model is None else lying_open & {model})})
    return Status(
        stages=registry.identity.stages,
        models=tuple(_model(registry, name, state, judged, declared, detailed=model is not None) for name in models),
        state=state,
        policy_waiting=state.open.get("policy"),
        unjudged=unjudged,
        notes=tuple(notes),
        owed=tuple(owed for owed in state.owed if model in (None, owed.about.model)),
        now=registry.now,
    )


def _model(
    registry: Registry, model: str, state: State, judged: _Tree, declared: _Tree, *, detailed: bool
) -> ModelStatus:
    slots = {}
    records = state.records_open(model) if state.open else None
    for stage in registry.identity.stages:
        waiting = state.open.get(str(Slot(model, stage))) if state.open else None
        blob = judged.slots.get((stage, model))
        # Of one model the tags are read in any case, and what they say is what every other command goes by.
        by_tags = detailed or waiting is not None or records is not None
        effect = registry.past.current(Slot(model, stage)) if by_tags else None
        if by_tags:
            blob = None if effect is None else effect.after_blob
            version = None if effect is None else effect.after
        else:
            version = judged.version_of(model, blob)
        there = declared.slots.get((stage, model))
        says = version if there == blob else declared.version_of(model, there)
        slots[stage] = Cell(
            version=version,
            declared=says,
            differs=_differs(model, blob, there),
            waiting=waiting,
            effect=effect,
        )
    in_slots = {name for cell in slots.values() for name in (cell.version, cell.declared)}
    return ModelStatus(
        model=model,
        slots=slots,
        versions=_versions(registry, model, records, declared, judged),
        archived=tuple(name for name in declared.archived.get(model, []) if name not in in_slots),
        waiting=records,
        held=_held(registry, model) if detailed else None,
    )


def _versions(registry: Registry, model: str, records: Open | None, declared: _Tree, judged: _Tree) -> tuple[str, ...]:
    """The versions that are registered: where records are open, those that passed."""
    if records is None:
        return tuple(declared.versions.get(model, judged.versions.get(model, {})))
    passed = () if records.passed is None else registry.at(records.passed).listing(f"models/{model}")
    return registry.identity.layout.versions_among(passed)


def _differs(model: str, effective: str | None, declared: str | None) -> bool:
    if effective == declared:
        return False
    empty = blob_id(empty_slot(model))
    return (effective or empty) != (declared or empty)


def _held(registry: Registry, model: str) -> Mapping[str, str]:
    from gitstage.operations.naming import holds

    return holds(registry.at(registry.tip or registry.head), model)


def _then(registry: Registry, moment: When, model: str | None) -> Status:
    if model is None and moment.commit is None:
        last = registry.past.newest(had_taken_effect(registry, (), moment))
    else:
        if model is None:
            registry.past.load_all()
        else:
            registry.past.load([model])
        last = registry.past.last(had_taken_effect(registry, registry.past.claimed(), moment))
    models = []
    for name in sorted({slot.model for slot in last}):
        slots = {}
        for slot in registry.slots_of(name):
            effect = last.get(slot)
            slots[slot.stage] = Cell(version=effect.after if effect else None, effect=effect)
        models.append(ModelStatus(model=name, slots=slots, versions=(), archived=()))
    return Status(stages=registry.identity.stages, models=tuple(models), state=State(), at=moment.text)


def _of_tree(registry: Registry, moment: When | None, model: str | None) -> Status:
    from gitstage.operations.resolve import tree_commit

    commit = tree_commit(registry, moment)
    tree = _read(registry, commit, model)
    models = []
    for name in sorted(tree.versions):
        slots = {
            stage: Cell(version=tree.version_of(name, tree.slots.get((stage, name))))
            for stage in registry.identity.stages
        }
        in_slots = {cell.version for cell in slots.values()}
        models.append(
            ModelStatus(
                model=name,
                slots=slots,
                versions=tuple(tree.versions[name]),
                archived=tuple(found for found in tree.archived.get(name, []) if found not in in_slots),
            )
        )
    return Status(stages=registry.identity.stages, models=tuple(models), state=State(), at=commit)
