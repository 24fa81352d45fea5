"""What took effect in a model's slots, when and why: its tags, newest first."""

from __future__ import annotations

from gitstage.errors import NoSuchThing
from gitstage.ledger import Effect
from gitstage.operations.moments import effects_at, when
from gitstage.operations.naming import known_stage, without_back
from gitstage.operations.past import Alarm
from gitstage.operations.registries import Registry
from gitstage.references import reference
from gitstage.values import dataclass


@dataclass(frozen=True, kw_only=True)
class Log:
    """A model's changes that took effect, newest first, and the tags in its names that do not count."""

    model: str
    effects: tuple[Effect, ...]
    reasons: dict[str, str]
    alarms: tuple[Alarm, ...]


def run(registry: Registry, text: str, *, at: str | None = None) -> Log:
    """The log of `MODEL`, or of one slot, `MODEL@STAGE`. `reasons` are by commit. Raises NoSuchThing."""
    ref = without_back(reference(text))
    if ref.name is not None:
        known_stage(registry, ref.name)
    moment = when(registry, at) if at is not None else None
    slots = [slot for slot in registry.slots_of(ref.model) if ref.name in (None, slot.stage)]
    found = [effect for slot in slots for effect in registry.past.effects(slot)]
    effects = effects_at(registry, found, moment)
    alarms = tuple(registry.past.alarms)
    if not effects and not alarms and not registry.at(registry.tip).listing(f"models/{ref.model}"):
        raise NoSuchThing(f"there is no model {ref.model}", hint="gitstage status lists the models")
    order = {slot.stage: index for index, slot in enumerate(slots)}
    ordered = sorted(effects, key=lambda effect: (effect.moment, order[effect.slot.stage], effect.number), reverse=True)
    return Log(model=ref.model, effects=tuple(ordered), reasons=_reasons(registry, ordered), alarms=alarms)


def _reasons(registry: Registry, effects: list[Effect]) -> dict[str, str]:
    """Why, where the commits say so. A trailer is a help for people; nothing is decided by it."""
    commits = registry.repo.commits({effect.commit for effect in effects}) if effects else {}
    found = {}
    for commit, value in commits.items():
        for line in value.message.splitlines():
            if line.startswith("Gitstage-Reason: "):
                found[commit] = line.removeprefix("Gitstage-Reason: ")
    return found
