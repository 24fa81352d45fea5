"""Take a version out of use: empty a slot, or list a version that sits in none."""

from __future__ import annotations

from gitstage.emptyslot import empty_slot
from gitstage.errors import GitstageError
from gitstage.layout import Slot
from gitstage.operations.landing import Outcome, carry_out
from gitstage.operations.naming import in_words, known_model, without_back
from gitstage.operations.registries import Registry
from gitstage.plans import Plan, Scene, empty, shelve
from gitstage.references import reference


def run(registry: Registry, text: str, *, reason: str, push: bool = False, dry_run: bool = False) -> Outcome:
    """Empties a slot (`MODEL@STAGE`), or archives a version (`MODEL@VERSION`) that sits in no slot."""
    ref = without_back(reference(text))
    if ref.name is None:
        raise GitstageError(f"{text} names neither a stage nor a version", hint=f"gitstage archive {text}@STAGE …")
    name = ref.name
    in_words(reason)

    def planner(scene: Scene) -> Plan:
        known_model(scene, ref.model)
        if name in scene.stages:
            return empty(scene, Slot(ref.model, name), empty_slot(ref.model), reason=reason)
        return shelve(scene, ref.model, name, reason=reason)

    return carry_out(registry, planner, models={ref.model}, push=push, dry_run=dry_run)
