"""Go back to what served before: an ordinary commit that waits for no gate."""

from __future__ import annotations

from collections.abc import Sequence

from gitstage.errors import GitstageError, NoSuchThing
from gitstage.layout import Slot, evidence_folder
from gitstage.operations.landing import Outcome, carry_out
from gitstage.operations.naming import held_versions, holds, in_words, known_model, known_stage, without_back
from gitstage.operations.promote import together
from gitstage.operations.registries import Registry
from gitstage.operations.signing import Pen
from gitstage.plans import Plan, Scene, Step, rollback
from gitstage.references import reference


def run(
    registry: Registry,
    text: str | None,
    *,
    reason: str,
    to: str | None = None,
    change: str | None = None,
    hold: bool = True,
    sign: Sequence[str] = (),
    push: bool = False,
    dry_run: bool = False,
) -> Outcome:
    """Rolls a slot, `MODEL@STAGE`, back to the latest earlier version that is not held, or to `to`.

    `change` names a promotion's tag instead: everything that its commit brought into effect is rolled back. What goes
    out is archived and, with `hold`, held, so that nothing promotes it again until it is unheld. Whose keys `sign`
    names stands for the rollback with a signature.
    """
    in_words(reason)
    if change is not None and (text is not None or to is not None):
        raise GitstageError(
            "--change rolls back everything that a promotion changed, each to what was there before",
            hint=f"gitstage rollback --change {change} --reason …, or gitstage rollback MODEL@STAGE --to VERSION …",
        )
    slots = _slots(registry, text, change)
    pen = Pen(sign)

    def planned(scene: Scene, slot: Slot) -> Plan:
        plan = _planned(scene, slot, to=to, hold=hold, reason=reason)
        return plan.and_then(_stood_for(registry, scene, slot, plan, reason, pen)) if sign else plan

    def planner(scene: Scene) -> Plan:
        return together(
            [
                _done(scene, slot)
                if to is None and change is None and _is_done(registry, scene, slot, reason)
                else planned(scene, slot)
                for slot in slots
            ],
            f"roll back {change}",
        )

    return carry_out(
        registry,
        planner,
        models={slot.model for slot in slots},
        push=push,
        dry_run=dry_run,
        tags_itself=push,
    )


def _is_done(registry: Registry, scene: Scene, slot: Slot, reason: str) -> bool:
    """Whether the slot's last change is this very rollback: typed twice, or again after it was killed, it is once."""
    last = scene.in_effect(slot)
    if last is None or last.action != "rollback":
        return False
    message = registry.repo.commits([last.commit])[last.commit].message
    return f"Gitstage-Reason: {' '.join(reason.split())}" in message.splitlines()


def _done(scene: Scene, slot: Slot) -> Plan:
    """The plan that changes nothing, and says so."""
    last = scene.in_effect(slot)
    version = None if last is None else last.after
    return Plan(
        subject=f"{slot.model}: roll {slot.stage} back to {version}",
        notes=(f"{slot.stage} went back to {version} for this reason already; further back: --to VERSION",),
    )


def _planned(scene: Scene, slot: Slot, *, to: str | None, hold: bool, reason: str) -> Plan:
    from gitstage.manifest import Hold, canonical_bytes

    known_model(scene, slot.model)
    # A hold that passed and was taken away by force holds; it is put back with the others.
    declared = holds(scene.registry, slot.model)
    goes = {version for version in (_in_effect(scene, slot), _declared(scene, slot)) if version is not None}
    bytes_of = {
        version: canonical_bytes(Hold(model=slot.model, version=version, state="held", reason=reason))
        for version in goes
        if hold and version not in declared
    }
    return rollback(scene, slot, to=to, held=held_versions(scene, slot.model), holds=bytes_of, reason=reason)


def _stood_for(registry: Registry, scene: Scene, slot: Slot, plan: Plan, reason: str, pen: Pen) -> Plan:
    """The statement with which somebody stands for a rollback, or, where nobody may roll back alone, approves it."""
    from gitstage.approvals import APPROVAL, ROLLBACK, Said
    from gitstage.operations.saying import LONGEST_REASON, Word, binding, plan_of, policy_of

    version = str(plan.steps[0].version)
    policy = policy_of(scene)
    rule = policy.stages[slot.stage].rollback
    kind = APPROVAL if rule is None else ROLLBACK
    why = " ".join(reason.split())[:LONGEST_REASON]
    word = Word(
        said=Said(kind=kind, about=binding(scene, slot, version), made=registry.now, reason=why),
        folder=evidence_folder(slot.model, version),
        called=kind,
        subject=plan.subject,
        step=Step(action="approve", model=slot.model, version=version),
        may=None if rule is None else frozenset(policy.people_named(*rule.by, model=slot.model)),
    )
    return plan_of(scene, word, pen)


def _in_effect(scene: Scene, slot: Slot) -> str | None:
    last = scene.in_effect(slot)
    return None if last is None else last.after


def _declared(scene: Scene, slot: Slot) -> str | None:
    found = scene.declared(slot)
    return None if found is None else found[0]


def _slots(registry: Registry, text: str | None, change: str | None) -> list[Slot]:
    if change is not None:
        return _changed_by(registry, change)
    if text is None:
        raise GitstageError("what is to be rolled back?", hint="gitstage rollback MODEL@STAGE --reason …")
    ref = without_back(reference(text))
    if ref.name is None:
        raise GitstageError(f"{text} names no stage", hint=f"gitstage rollback {text}@production --reason …")
    known_stage(registry, ref.name)
    return [Slot(ref.model, ref.name)]


def _changed_by(registry: Registry, change: str) -> list[Slot]:
    """The slots that took effect at the commit of one promotion's tag."""
    name = change.removeprefix("refs/tags/").removeprefix(registry.identity.tag_prefix)
    if registry.repo.ref(registry.identity.tag_ref(name)) is None:
        raise NoSuchThing(f"there is no tag {change}", hint="gitstage log MODEL shows the tags")
    model = name.rpartition("/")[0].rpartition("/")[0]
    effects = [effect for slot in registry.slots_of(model) for effect in registry.past.effects(slot)]
    commit = next((effect.commit for effect in effects if effect.name == name), None)
    if commit is None:
        raise NoSuchThing(f"{change} is no promotion that took effect", hint="gitstage log MODEL shows them")
    registry.past.load(registry.models_changed(registry.at(_parent(registry, commit)), registry.at(commit)))
    return [
        slot
        for model in sorted(registry.past.models())
        for slot in registry.slots_of(model)
        if any(effect.commit == commit for effect in registry.past.effects(slot))
    ]


def _parent(registry: Registry, commit: str) -> str | None:
    parents = registry.repo.commits([commit])[commit].parents
    return parents[0] if parents else None
