"""`--at WHEN`: what was in effect at a moment, at a commit, or when a promotion took effect."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time

from gitstage.errors import NoSuchThing
from gitstage.git import NoSuchRevision
from gitstage.layout import Slot
from gitstage.ledger import Effect
from gitstage.operations.registries import Registry
from gitstage.values import dataclass


@dataclass(frozen=True)
class When:
    """A moment (UTC) by which tags are asked, or a commit in whose history they must be.

    `change` is the promotion whose tag was named: of its slot, what took effect later in the same run came after it.
    """

    text: str
    moment: datetime | None = None
    commit: str | None = None
    change: Effect | None = None


def when(registry: Registry, text: str) -> When:
    """What `--at` means: a date (00:00 UTC), an RFC 3339 moment, a promotion's tag, or a revision."""
    moment = moment_in(text)
    if moment is not None:
        return When(text, moment=moment)
    change = _tagged(registry, text)
    if change is not None:
        return When(text, moment=change.moment, change=change)
    try:
        return When(text, commit=registry.repo.resolve(text))
    except NoSuchRevision as error:
        raise NoSuchThing(
            f"{text!r} is no moment, commit or tag", hint="--at 2026-03-01, --at 2026-03-01T14:00Z, --at COMMIT"
        ) from error


def moment_in(text: str) -> datetime | None:
    """The moment (UTC) that a date (00:00 UTC) or an RFC 3339 moment names; None where a text is neither."""
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if len(text) < 10 or "-" not in text:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _tagged(registry: Registry, text: str) -> Effect | None:
    """The change that took effect with a tag, where a text names one that counts."""
    name = text.removeprefix("refs/tags/").removeprefix(registry.identity.tag_prefix)
    model, _, stage = name.rpartition("/")[0].rpartition("/")
    if stage not in registry.identity.stages:
        return None
    return next((effect for effect in registry.past.effects(Slot(model, stage)) if effect.name == name), None)


def effects_at(registry: Registry, effects: Sequence[Effect], at: When | None) -> tuple[Effect, ...]:
    """Those of `effects` that had taken effect then."""
    return tuple(effects) if at is None else tuple(filter(had_taken_effect(registry, effects, at), effects))


def had_taken_effect(registry: Registry, effects: Iterable[Effect], at: When) -> Callable[[Effect], bool]:
    """Says of each of `effects` whether it had taken effect then."""
    if at.moment is not None:
        moment, change = at.moment, at.change
        return lambda effect: effect.moment <= moment and not _came_after(effect, change)
    assert at.commit is not None
    later = registry.repo.unreachable({effect.commit for effect in effects}, at.commit)
    return lambda effect: effect.commit not in later


def _came_after(effect: Effect, change: Effect | None) -> bool:
    return change is not None and effect.slot == change.slot and effect.number > change.number
