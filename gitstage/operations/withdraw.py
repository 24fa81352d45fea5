"""Declare again what is in effect: take back what waits, put back what never passed."""

from __future__ import annotations

from dataclasses import replace

from gitstage.emptyslot import empty_slot
from gitstage.errors import GitstageError
from gitstage.layout import POLICY, Slot
from gitstage.operations.landing import Outcome, carry_out, ground, layout_at
from gitstage.operations.naming import known_model, known_stage, without_back
from gitstage.operations.promote import together
from gitstage.operations.registries import Registry
from gitstage.plans import Plan, Scene, withdraw_policy, withdraw_records, withdraw_slot
from gitstage.references import reference


def run(
    registry: Registry, text: str | None, *, policy: bool = False, push: bool = False, dry_run: bool = False
) -> Outcome:
    """Withdraws a model (`MODEL`: its slots and its records), one slot (`MODEL@STAGE`), or the policy."""
    if policy == (text is not None):
        raise GitstageError("withdraw takes a model, a slot or --policy", hint="gitstage withdraw MODEL@STAGE")
    if text is None:
        return _policy(registry, push=push, dry_run=dry_run)
    ref = without_back(reference(text))
    if ref.name is not None:
        known_stage(registry, ref.name)

    def planner(scene: Scene) -> Plan:
        stages = list(scene.stages) if ref.name is None else [ref.name]
        plans = [] if ref.name is not None else [withdraw_records(scene, ref.model)]
        for stage in stages:
            plans.append(withdraw_slot(scene, Slot(ref.model, stage), empty_slot(ref.model)))
        whole = together(plans, f"withdraw {ref}")
        if whole.without_what_is_there(scene.registry).is_empty:
            known_model(scene, ref.model)
        return replace(whole, subject=f"{ref.model}: withdraw what never passed")

    return carry_out(registry, planner, models={ref.model}, push=push, dry_run=dry_run)


def _policy(registry: Registry, *, push: bool, dry_run: bool) -> Outcome:
    place = ground(registry, push=push)

    def planner(scene: Scene) -> Plan:
        passed = place.folded.state.passed_commit(POLICY)
        if passed is None:
            raise GitstageError(
                "no policy has passed yet", hint="mend gitstage.yaml; gitstage check says what is wrong"
            )
        return withdraw_policy(
            scene.registry,
            registry.at(passed),
            (layout_at(place),),
            at_root=not registry.folder,
        )

    return carry_out(registry, planner, push=push, dry_run=dry_run)
