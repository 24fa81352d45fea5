"""Take in a model that serves already when its registry is made."""

from __future__ import annotations

from gitstage.errors import GitstageError
from gitstage.layout import Slot
from gitstage.operations.landing import Outcome, carry_out
from gitstage.operations.naming import known_stage, version_named
from gitstage.operations.registries import Registry
from gitstage.plans import Plan, Scene, promote
from gitstage.references import reference


def run(registry: Registry, text: str, *, stage: str, push: bool = False, dry_run: bool = False) -> Outcome:
    """Puts `MODEL@VERSION` into a slot that never held anything; only until the policy's `adopt-until`."""
    ref = reference(text)
    known_stage(registry, stage)
    slot = Slot(ref.model, stage)

    def planner(scene: Scene) -> Plan:
        if scene.effects.get(slot):
            raise GitstageError(
                f"{stage} of {ref.model} has held something before: what comes now is promoted",
                hint=f"gitstage promote {text} --to {stage}",
            )
        return promote(scene, slot, version_named(scene, ref), action="adopt")

    return carry_out(registry, planner, models={ref.model}, push=push, dry_run=dry_run)
