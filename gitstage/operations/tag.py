"""Put into effect what has landed: judge what is new on the trunk and what is open, and tag what passes."""

from __future__ import annotations

from collections.abc import Iterable

from gitstage.errors import GitstageError
from gitstage.findings import Judgement, Verdict
from gitstage.git import RefMoved
from gitstage.ledger import Effect, Folded, State
from gitstage.operations.landing import Tries, bring_up_to_date
from gitstage.operations.past import Alarm
from gitstage.operations.registries import Registry, TrunkRewritten
from gitstage.operations.tagging import follow, written
from gitstage.rules.fold import continued
from gitstage.values import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class TagOutcome:
    """What a run of `tag` did: what took effect, what is open, the tags made, and the tags that do not count."""

    state: State
    effects: tuple[Effect, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    tags: tuple[str, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    notes: tuple[str, ...] = ()
    pushed: bool = False
    dry_run: bool = False

    @property
    def exit_code(self) -> int:
        """1 where something open is refused or a tag is an alarm, 4 where something only waits, else 0."""
        verdicts = {item.verdict for item in self.state.open.values()}
        if Verdict.REFUSED in verdicts or self.alarms:
            return 1
        return 4 if verdicts else 0


def run(registry: Registry, *, dry_run: bool = False, rewritten: bool = False, reason: str | None = None) -> TagOutcome:
    """Folds what has landed on the trunk, tags what passes, and writes the ledger; with a remote, pushes both.

    May run twice, late, and on several machines at once. `rewritten` goes on knowingly after the trunk was rewritten,
    and needs a `reason`. On a server, who made a change is who pushed it, as its hook remembers, unless a forge says it.
    Raises TrunkRewritten, and what git raises.
    """
    if reason is not None and not rewritten:
        raise GitstageError("--reason says why to go on after a rewritten trunk", hint="gitstage tag")
    if rewritten and not (reason or "").strip():
        raise GitstageError("--rewritten needs a reason", hint="gitstage tag --rewritten --reason '…'")
    if registry.forge is None and registry.remote is None:
        from gitstage.operations.pushers import remembered

        registry.forge = remembered(registry.repo)
    tries = Tries(aside=registry.remote is not None)
    while True:
        if registry.remote is not None and not dry_run:
            bring_up_to_date(registry, ())
            registry = registry.again()
        try:
            return _once(registry, dry_run=dry_run, rewritten=rewritten, reason=reason)
        except (RefMoved, TrunkRewritten) as error:
            registry = tries.after(error, registry)


def _once(registry: Registry, *, dry_run: bool, rewritten: bool, reason: str | None) -> TagOutcome:
    if registry.tip is None:
        raise GitstageError(
            f"there is no {registry.identity.trunk} yet", hint="the trunk's name stands in gitstage.yaml: trunk:"
        )
    if registry.remote is not None and not registry.has_reached_remote:
        trunk = registry.identity.trunk
        raise GitstageError(f"{registry.remote} has no {trunk} yet", hint=f"git push {registry.remote} {trunk}")
    folded, note = _folded(registry, registry.tip, rewritten=rewritten, asked=not dry_run)
    tagged = written(registry, folded, reason=reason if note else None, dry_run=dry_run)
    outcome = TagOutcome(
        state=folded.state,
        effects=folded.effects,
        judgements=folded.judgements,
        tags=tuple(update.ref for update in tagged.tags),
        alarms=tuple(registry.past.alarms),
        notes=(*folded.notes, *([note] if note else [])),
        dry_run=dry_run,
    )
    if dry_run or not tagged.updates:
        return outcome
    if registry.remote is None:
        registry.repo.transact(tagged.updates, reason="gitstage tag")
        return outcome
    updates = {update.ref: update.new for update in tagged.tags}
    if tagged.ledger is not None:
        updates[registry.identity.ledger_ref] = tagged.ledger.new
    registry.repo.push(registry.remote, updates)
    follow(registry, tagged)
    return replace(outcome, pushed=True)


def _folded(registry: Registry, tip: str, *, rewritten: bool, asked: bool) -> tuple[Folded, str | None]:
    """What judging everything up to the tip comes to; `asked` says that the remote has said where that is."""
    try:
        folded, world = registry.folded(tip, lands=asked or registry.remote is None)
        return folded, None
    except TrunkRewritten as error:
        if not rewritten:
            raise
        # What was judged stays judged: the new tip is one step from the last state that passed.
        from gitstage.rules.fold import Step, fold

        registry.refuse_shallow()
        step = Step(tip, registry.repo.tree(tip))
        registry.past.load(_models(registry, tip))
        world = registry.world()
        folded = continued(fold(registry.state, [], world), [step], world)
        return folded, f"went on after a rewritten trunk: {error.message}"


def _models(registry: Registry, tip: str) -> Iterable[str]:
    return registry.models_changed(registry.at(registry.state.judged), registry.at(tip))
