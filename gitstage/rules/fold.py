"""The fold over the trunk's commits: a state, trees and a moment in; a new state and what took effect out.

`promote --dry-run`, `promote`, the check of a pull request and `tag` all call this and nothing else. It reads trees
through what it is given, and neither git nor the clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING

from gitstage.canonical import DocumentError, Problem
from gitstage.changes import FILE, Change, Entry, Nothing, Snapshot, below, blob_id, changes_between, files, joined
from gitstage.emptyslot import empty_slot
from gitstage.errors import GitstageError
from gitstage.findings import Finding, Judgement, Verdict
from gitstage.layout import (
    CONFIGURATION,
    POLICY,
    RECORD_FOLDERS,
    Layout,
    Place,
    PolicyThing,
    Records,
    Slot,
    Thing,
    archived_path,
    version_path,
)
from gitstage.ledger import (
    Effect,
    Folded,
    Open,
    Owed,
    Past,
    PolicyEffect,
    Registered,
    Ruling,
    State,
    Stood,
    Word,
    effects_by_slot,
    people_in,
)
from gitstage.manifest import ModelVersion, read_version
from gitstage.policy import Policy, read_policy
from gitstage.rules.cases import Plugin, PolicyCase, RecordsCase, SlotCase, is_model, no_plugin, version_of_blob
from gitstage.rules.judge import judge_policy, judge_records, judge_slot
from gitstage.rules.tombstones import put_up
from gitstage.rules.voices import Commits, Voices, is_statement_of_people, no_witness, nobody, unknown
from gitstage.values import dataclass, field, lazy, replace

if TYPE_CHECKING:
    from gitstage.approvals import PolicyChange
    from gitstage.forges import Forge

NOBODY_STOOD: Mapping[str, Stood] = MappingProxyType({})


@dataclass(frozen=True)
class Step:
    """One commit to be judged: its id, and the tree of the whole repository at it.

    `note` is what a reader should know about it (several commits judged as one step). Whoever knows it says what
    differs, in the whole repository, from the tree of the commit `base`, in the order of `changes_between`: where that
    is the commit judged before, the trees are not compared. `is_new` is False where an earlier run judged it already.
    `begun` is the commit before it, where it is judged once more in the same run.
    """

    commit: str
    tree: Snapshot
    note: str | None = None
    base: str | None = None
    changes: tuple[Change, ...] | None = None
    is_new: bool = True
    begun: str | None = None

    def again(self, begun: str | None) -> Step:
        """The same commit, once more."""
        return Step(self.commit, self.tree, is_new=self.is_new, begun=begun)


def no_word(thing: Thing, commit: str) -> Word | None:  # noqa: ARG001
    """No tag says that somebody said anything."""
    return None


@dataclass(frozen=True)
class World:
    """What the fold reads from: trees by commit id, what has taken effect, the folder of the registry, the tip.

    `now` is the moment (UTC) of whoever judges. `blocked` says why the tags of a model cannot be made, if they cannot;
    `may_adopt` is False where a promotion is planned, which is not meant to be taken for an adoption. `plugin` gives a
    rule in Python by its name, or raises CannotEvaluate. `signed_by` gives the public keys with a good signature on a file
    of evidence (raises CannotVerify where that cannot be told), `vouched_for` the identities that signed a Sigstore bundle
    under a trusted root (raises the same), `commit_signers` the commits from one (None: its first
    parent) to another with those on each of them, and `forge` what a forge or a server says of who made and approved
    changes. `word` says instead what the tag of a thing at a commit says that a forge said, where a history is judged
    again. They are asked only where a rule needs them. `watch` is told of each slot's case and what the judge said.
    """

    trees: Callable[[str], Snapshot]
    past: Past
    folder: str
    tip: Snapshot
    now: datetime
    blocked: Callable[[str], str | None] = lambda model: None
    may_adopt: bool = True
    plugin: Callable[[str], Plugin] = no_plugin
    signed_by: Callable[[bytes], frozenset[str]] = nobody
    vouched_for: Callable[[bytes, bytes], frozenset[str]] = no_witness
    forge: Forge | None = None
    word: Callable[[Thing, str], Word | None] = no_word
    commit_signers: Callable[[str | None, str], Commits] = unknown
    watch: Callable[[SlotCase, Judgement], None] | None = None
    policies: dict[str, Policy | DocumentError] = field(default_factory=dict)
    manifests: dict[str, ModelVersion | None] = field(default_factory=dict)

    def knowing(self, step: Step) -> World:
        """The world with a commit that need not be written yet."""
        return replace(self, trees=lambda commit: step.tree if commit == step.commit else self.trees(commit))

    def registry(self, commit: str | None) -> Snapshot:
        """The registry in the tree of a commit; an empty one for None."""
        return Nothing() if commit is None else below(self.trees(commit), self.folder)

    def policy_in(self, registry: Snapshot) -> Policy | DocumentError | None:
        """The policy in a tree; why it cannot be read; None where there is none."""
        entry = registry.entry(CONFIGURATION)
        if entry is None:
            return None
        if entry.mode != FILE:
            return DocumentError([Problem("gitstage.yaml is not a regular file")])
        if entry.oid not in self.policies:
            try:
                self.policies[entry.oid] = read_policy(registry.read(entry.oid))
            except DocumentError as error:
                self.policies[entry.oid] = error
        return self.policies[entry.oid]

    def version_in(self, registry: Snapshot, model: str, version: str) -> ModelVersion | None:
        """The manifest of a version in a tree; None where there is none that can be read."""
        entry = registry.entry(version_path(model, version))
        if entry is None or entry.mode != FILE:
            return None
        return self.manifest(registry, entry.oid)

    def manifest(self, registry: Snapshot, blob: str) -> ModelVersion | None:
        """The manifest that a blob is; None where it is none."""
        if blob not in self.manifests:
            try:
                self.manifests[blob] = read_version(registry.read(blob))
            except DocumentError:
                self.manifests[blob] = None
        return self.manifests[blob]


@dataclass(frozen=True)
class _PastWith:
    """The past, with what has taken effect during this fold."""

    past: Past
    fresh: Mapping[Slot, tuple[Effect, ...]]

    def effects(self, slot: Slot) -> tuple[Effect, ...]:
        fresh = self.fresh.get(slot)
        return self.past.effects(slot) if fresh is None else self.past.effects(slot) + fresh

    def taken(self, slot: Slot) -> int:
        fresh = self.fresh.get(slot, ())
        return fresh[-1].number if fresh else self.past.taken(slot)


def layout_of(policy: Policy) -> Layout:
    """What paths mean under a policy."""
    return policy.layout


def current_policy(state: State, world: World) -> Policy | None:
    """The policy that is in effect: the last one that passed."""
    if state.policy is None:
        return None
    found = world.policy_in(world.registry(state.policy))
    if not isinstance(found, Policy):
        raise GitstageError(
            f"the ledger says that a policy is in effect at {state.policy[:12]}, and there is none that can be read",
            hint="was the trunk rewritten? see: gitstage doctor",
        )
    return found


def fold(state: State, steps: Iterable[Step], world: World) -> Folded:
    """Judges commits one after the other, each against what has passed so far.

    What is open is judged once more at the commit judged last, at `world.now`, before anything else. Where the clock
    of whoever judges is behind that of the last run, that one is the moment.
    """
    return resumed(Folded(state=state), steps, world)


def resumed(folded: Folded, steps: Iterable[Step], world: World) -> Folded:
    """What earlier runs came to, and one more run after them, which may be at a later moment."""
    state = folded.state
    world = _not_before(world, state.clock)
    again = (
        [Step(state.judged, world.trees(state.judged), is_new=False)] if state.judged is not None and state.open else []
    )
    return continued(replace(folded, state=replace(state, clock=world.now, said={})), chain(again, steps), world)


def continued(folded: Folded, steps: Iterable[Step], world: World) -> Folded:
    """What was folded so far, and these commits after it."""
    world = _not_before(world, folded.state.clock)
    fresh = effects_by_slot(folded.effects)
    state, later = folded.state, []
    for step in steps:
        here, part, begun = world.knowing(step), None, state.judged
        while part is None or (part.state.open and _moved_on(part)):
            part = _Stride(
                state, _PastWith(world.past, fresh), step if part is None else step.again(begun), here
            ).taken()
            later.append(part)
            state = part.state
            for effect in part.effects:
                fresh[effect.slot] = (*fresh.get(effect.slot, ()), effect)
    return folded.then(*later)


def _moved_on(part: Folded) -> bool:
    """Whether something took effect, so that what is open may pass now: what the next run would find is found here."""
    return bool(part.effects or part.registered or part.policies)


def _not_before(world: World, clock: datetime | None) -> World:
    """The world, at a moment that is not before that of the last run."""
    return world if clock is None or clock <= world.now else replace(world, now=clock)


class _Stride:
    """One step of the fold: the policy first, then records, then slots."""

    def __init__(self, start: State, past: Past, step: Step, world: World) -> None:
        self.step = step
        self.world = world
        self.start = start
        self.state = start
        self.past_before = past
        self.fresh: dict[Slot, tuple[Effect, ...]] = {}
        self.effects: list[Effect] = []
        self.registered: list[Registered] = []
        self.redacted = 0
        self.policies: list[PolicyEffect] = []
        self.judgements: list[Judgement] = []
        self.policy = current_policy(self.start, world)
        self.was_without = self.policy is None
        self._placed_under: dict[Layout, tuple[tuple[Change, Place], ...]] = {}
        self._touched_under: dict[Layout, frozenset[Thing]] = {}

    @lazy
    def past(self) -> Past:
        """What has taken effect, in this step too, from now on."""
        return _PastWith(self.past_before, self.fresh)

    @lazy
    def head(self) -> Snapshot:
        """The registry at this step."""
        return below(self.step.tree, self.world.folder)

    @lazy
    def before(self) -> Snapshot:
        """The registry at the commit judged before; nothing where there was no policy that could judge it."""
        return Nothing() if self.was_without else self.world.registry(self.start.judged)

    @lazy
    def changed(self) -> tuple[Change, ...]:
        """The paths of the registry that this step changes."""
        if self.was_without or self._known_changes is None:
            return tuple(changes_between(self.before, self.head))
        if not self.world.folder:
            return self._known_changes
        prefix = f"{self.world.folder}/"
        return tuple(
            Change(change.path.removeprefix(prefix), change.before, change.after)
            for change in self._known_changes
            if change.path.startswith(prefix)
        )

    @property
    def _known_changes(self) -> tuple[Change, ...] | None:
        """What this step changes in the whole repository, where somebody said it."""
        known = self.start.judged is not None and self.step.base == self.start.judged
        return self.step.changes if known else None

    @lazy
    def displaced(self) -> frozenset[str]:
        """The models whose records this step changes, or are open, and of which a version passed before."""
        if self.policy_at_start is None:
            return frozenset()
        layout = layout_of(self.policy_at_start)
        open_ones = {item.thing for item in self.start.open.values()}
        records = {thing for thing in self._touched(layout) | open_ones if isinstance(thing, Records)}
        return frozenset(
            thing.model
            for thing in records
            if is_model(self.world.registry(self.start.passed_commit(thing)), layout, thing.model)
        )

    def taken(self) -> Folded:
        if self.policy is not None or self.head.entry(CONFIGURATION) is not None:
            self._judge_policy()
        else:
            self.state = self.state.without(POLICY)  # there is no registry, and none any more that could not be read
        if self.policy is not None:
            touched = self._touched(layout_of(self.policy))
            self._judge_records({thing.model for thing in touched if isinstance(thing, Records)})
            self._judge_slots({thing for thing in touched if isinstance(thing, Slot)})
            self._settle({thing.model for thing in touched if isinstance(thing, Records)})
        return Folded(
            state=replace(self.state, judged=self.step.commit),
            effects=tuple(self.effects),
            registered=tuple(self.registered),
            policies=tuple(self.policies),
            judgements=tuple(self.judgements),
            notes=(self.step.note,) if self.step.note else (),
            redacted=self.redacted,
        )

    def _touched(self, layout: Layout) -> frozenset[Thing]:
        found = self._touched_under.get(layout)
        if found is None:
            found = self._touched_under[layout] = frozenset(place.thing for _, place in self._placed(layout))
        return found

    def _placed(self, layout: Layout) -> tuple[tuple[Change, Place], ...]:
        """What this step changes of the registry, with what the paths mean under a layout."""
        found = self._placed_under.get(layout)
        if found is None:
            at_root = not self.world.folder
            found = self._placed_under[layout] = tuple(
                (change, layout.place(change.path))
                for change in self.changed
                if not at_root or layout.owns(change.path)
            )
        return found

    @lazy
    def _changed_paths(self) -> frozenset[str]:
        return frozenset(change.path for change in self.changed)

    def _voices(self, thing: Thing, *, touched: bool) -> Voices:
        """Whose word there is on a change of a thing."""
        was = self.start.open.get(str(thing))
        untouched = was is not None and not touched
        return Voices(
            policy=self.policy,
            now=self.world.now,
            folder=self.world.folder,
            commit=self.step.commit,
            base=self.step.begun or self.start.judged,
            landed=was.landed if was is not None and untouched else self.step.commit,
            changed=self._changed_paths,
            is_new=self.step.is_new,
            signed_by=self.world.signed_by,
            vouched_for=self.world.vouched_for,
            forge=self.world.forge,
            commit_signers=self.world.commit_signers,
            tree_at=self.world.trees,
            policy_since=self.state.policy_since,
            policy_at=self.state.policy,
            authors_known=was.authors if was is not None and untouched else None,
            word_known=was.word if was is not None and untouched else None,
            word=self.world.word(thing, self.step.commit),
            stood=was.stood if was is not None else NOBODY_STOOD,
        )

    # the policy

    @lazy
    def protected_changed(self) -> bool:
        """Whether this step changes the policy's file, or a path that the policy protects."""
        if self.was_without or self.start.judged is None or self.policy_at_start is None:
            return False
        if self.before.entry(CONFIGURATION) != self.head.entry(CONFIGURATION):
            return True
        policy = self.policy_at_start
        if not policy.protected:
            return False
        changes = self._known_changes
        if changes is None:
            changes = tuple(changes_between(self.world.trees(self.start.judged), self.step.tree))
        return any(policy.is_protected(change.path) for change in changes)

    @lazy
    def policy_at_start(self) -> Policy | None:
        return current_policy(self.start, self.world)

    def _judge_policy(self) -> None:
        found = self.world.policy_in(self.head)
        new = found if isinstance(found, Policy) else None
        waiting = self.start.open.get(str(POLICY))
        layouts = list(dict.fromkeys(layout_of(policy) for policy in (self.policy, new) if policy is not None))
        governed = self.policy is not None and bool(self.policy.governance)
        touched = (
            self.was_without
            or any(POLICY in self._touched(layout) for layout in layouts)
            or (governed and self.protected_changed)
        )
        if not touched and waiting is None:
            return
        if waiting is not None and not self.was_without and not self.protected_changed:
            # Whoever only says something of a change that is open has not brought it.
            touched = any(
                layout.place(change.path).thing == POLICY and not is_statement_of_people(change.path)
                for change in self.changed
                for layout in layouts
                if self.world.folder or layout.owns(change.path)
            )
        layout = layouts[-1] if layouts else Layout(frozenset())
        passed = self.start.passed_commit(POLICY) if self.policy is not None else None
        before = self.world.registry(passed)
        changes = tuple(_of_thing(before, self.head, layout, POLICY, at_root=not self.world.folder))
        guarded = _Guarded(self, passed)
        case = PolicyCase(
            before=before,
            after=self.head,
            old=self.policy,
            new=new,
            problem=found if isinstance(found, DocumentError) else None,
            changes=changes,
            now=self.world.now,
            filled=self._filled,
            displaced=self.displaced,
            about=guarded.about,
            unlike=guarded.unlike,
            voices=self._voices(POLICY, touched=touched),
        )
        judgement = judge_policy(case)
        if judgement.verdict is not Verdict.PASSED or new is None:
            self.judgements.append(judgement)
            self._leave_open(POLICY, judgement, passed, case.voices, touched=touched)
            return
        if changes or judgement.findings:
            self.judgements.append(judgement)
        self.state = self.state.without(POLICY)
        self._adopt_policy(new, people_in(judgement.findings, ("governance",)), case.voices.said())

    def _filled(self, stage: str) -> list[Slot]:
        """The slots of a stage in which a version is in effect, whatever the trees declare."""
        slots = {item.thing for item in self.start.open.values() if isinstance(item.thing, Slot)}
        layout = Layout(frozenset({stage}))
        for registry in (self.before, self.head):
            slots |= {
                thing for path, _ in files(registry, stage) if isinstance(thing := layout.place(path).thing, Slot)
            }
        return sorted((slot for slot in slots if slot.stage == stage and self._occupied(slot)), key=str)

    def _occupied(self, slot: Slot) -> bool:
        effects = self.past.effects(slot)
        return bool(effects) and effects[-1].after is not None

    def _adopt_policy(self, new: Policy, approvers: tuple[str, ...], word: Word | None) -> None:
        entry = self.head.entry(CONFIGURATION)
        assert entry is not None
        old_entry = None if self.start.policy is None else self.world.registry(self.start.policy).entry(CONFIGURATION)
        if old_entry != entry:
            number = self.state.policy_number + 1
            self.state = replace(self.state, policy=self.step.commit, policy_number=number, policy_since=self.world.now)
            if new.taggers or (self.policy is not None and self.policy.taggers):
                ruling = Ruling(commit=self.step.commit, blob=entry.oid, since=self.world.now)
                self.state = replace(self.state, rulings=(*self.state.rulings, ruling))
            self.policies.append(
                PolicyEffect(
                    number=number,
                    blob=entry.oid,
                    digest=new.digest,
                    commit=self.step.commit,
                    moment=self.world.now,
                    approvers=approvers,
                    word=word,
                )
            )
        self.policy = new

    def _leave_open(
        self,
        thing: Thing,
        judgement: Judgement,
        passed: str | None,
        voices: Voices,
        *,
        touched: bool,
        sources: frozenset[str] = frozenset(),
        with_policy: bool = False,
        after: str | None = None,
    ) -> None:
        was = self.start.open.get(str(thing))
        landed = self.step.commit if touched or was is None else was.landed
        self.state = self.state.with_open(
            Open(
                thing=thing,
                landed=landed,
                passed=passed,
                since=was.since if was is not None and not touched else self.world.now,
                verdict=judgement.verdict if judgement.verdict is not Verdict.PASSED else Verdict.REFUSED,
                findings=tuple(
                    found for found in judgement.findings if found.verdict not in (Verdict.PASSED, Verdict.WAIVED)
                ),
                sources=sources,
                with_policy=with_policy,
                after=after,
                authors=voices.remembered(),
                word=voices.remembered_word(),
                stood=voices.who_stood,
            )
        )

    # records

    def _judge_records(self, touched: set[str]) -> None:
        waiting = {item.thing.model for item in self.start.open.values() if isinstance(item.thing, Records)}
        for model in sorted(touched | waiting):
            self._judge_records_of(model, touched=model in touched)

    def _judge_records_of(self, model: str, *, touched: bool) -> None:
        assert self.policy is not None
        thing, layout = Records(model), layout_of(self.policy)
        passed = None if self.was_without else self.start.passed_commit(thing)
        before = self.world.registry(passed)
        changes = self._of_records(thing, layout, before, passed)
        past = {stage: self.past.effects(Slot(model, stage)) for stage in self.policy.stages}
        case = RecordsCase(
            model=model,
            policy=self.policy,
            layout=layout,
            before=before,
            after=self.head,
            changes=changes,
            left=frozenset(effect.before for taken in past.values() for effect in taken if effect.before is not None),
            now=self.world.now,
            in_stages={
                taken[-1].after: stage for stage, taken in past.items() if taken and taken[-1].after is not None
            },
            displaced=self.displaced,
            policy_number=self.state.policy_number,
            voices=self._voices(thing, touched=touched),
        )
        judgement = judge_records(case)
        if changes or judgement.verdict is not Verdict.PASSED:
            self.judgements.append(judgement)
        if judgement.verdict is Verdict.PASSED:
            self.state = self.state.without(thing)
            word = case.voices.said()
            if word is not None:
                self.state = replace(self.state, said={**self.state.said, str(thing): word})
            self.redacted += sum(1 for _ in put_up(case))
            for change, place in changes:
                if place.kind == "version" and change.before is None and change.after is not None:
                    self.registered.append(
                        Registered(
                            model=model,
                            version=str(place.version),
                            blob=change.after.oid,
                            commit=self.step.commit,
                            moment=self.world.now,
                        )
                    )
        else:
            self._leave_open(thing, judgement, passed, case.voices, touched=touched)

    def _of_records(
        self, thing: Records, layout: Layout, before: Snapshot, passed: str | None
    ) -> tuple[tuple[Change, Place], ...]:
        """What differs in a model's records from `before`, the registry at the commit `passed`."""
        if self.was_without or passed != self.start.judged:
            return tuple(_of_thing(before, self.head, layout, thing, at_root=False))
        # Against the commit judged before it is what the step changes, folder by folder.
        mine = [(change, place) for change, place in self._placed(layout) if place.thing == thing]
        return tuple(sorted(mine, key=lambda pair: RECORD_FOLDERS.index(pair[0].path.partition("/")[0])))

    # slots

    def _judge_slots(self, touched: set[Slot]) -> None:
        waiting = {item.thing for item in self.start.open.values() if isinstance(item.thing, Slot)}
        for slot in sorted(touched | waiting, key=str):
            self._judge_slot(slot, touched=slot in touched)

    def _judge_slot(self, slot: Slot, *, touched: bool) -> None:
        assert self.policy is not None
        effects = self.past.effects(slot)
        last = effects[-1] if effects else None
        entry = self.head.entry(slot.path)
        empty = entry is None or (entry.mode == FILE and entry.oid == blob_id(empty_slot(slot.model)))
        unchanged = (
            entry == Entry(FILE, last.after_blob)
            if last is not None and last.after_blob is not None
            else empty and (entry is not None or last is None)
        )
        if unchanged and (last is not None or entry is None):
            self.state = self.state.without(slot)
            return
        case = self._slot_case(slot, entry, last, empty=empty, touched=touched)
        judgement = _unless_blocked(judge_slot(case), None if unchanged else self.world.blocked(slot.model))
        if self.world.watch is not None:
            self.world.watch(case, judgement)
        passed = judgement.verdict is Verdict.PASSED
        if unchanged and passed:
            self.state = self.state.without(slot)
            return
        self.judgements.append(judgement)
        if passed:
            self._take_effect(case, judgement)
        else:
            self._leave_open(
                slot,
                judgement,
                self._base(slot, touched=touched),
                case.voices,
                touched=touched,
                sources=case.sources,
                with_policy=case.with_policy,
                after=case.after,
            )

    def _slot_case(
        self, slot: Slot, entry: Entry | None, last: Effect | None, *, empty: bool, touched: bool
    ) -> SlotCase:
        assert self.policy is not None
        layout = layout_of(self.policy)
        records_open = self.state.records_open(slot.model)
        passed = self.head if records_open is None else self.world.registry(records_open.passed)
        after = None
        matched = empty
        if not empty and entry is not None:
            after = version_of_blob(passed, layout, slot.model, entry.oid)
            if after is None and records_open is not None:
                after = version_of_blob(self.head, layout, slot.model, entry.oid)
            matched = after is not None
        was = self.start.open.get(str(slot))
        if touched or was is None:
            sources = self._sources(slot, after)
            with_policy = self.protected_changed
        else:
            sources, with_policy = was.sources, was.with_policy
        return SlotCase(
            slot=slot,
            action=self._action(slot, entry, sources, empty=empty),
            policy=self.policy,
            layout=layout,
            entry=entry,
            matched=matched,
            before=last.after if last else None,
            before_blob=last.after_blob if last else None,
            after=after,
            after_blob=entry.oid if entry is not None and after is not None else None,
            sources=sources,
            with_policy=with_policy,
            records_open=records_open,
            head=self.head,
            passed=passed,
            base=self.world.registry(self._base(slot, touched=touched)),
            tip=self.world.tip,
            past=self.past,
            now=self.world.now,
            version_in=self.world.version_in,
            voices=self._voices(slot, touched=touched),
            plugin=self.world.plugin,
        )

    def _base(self, slot: Slot, *, touched: bool) -> str | None:
        """The commit whose tree holds the model's records as they had passed before the slot's file last changed."""
        was = self.start.open.get(str(slot))
        if was is not None and not touched:
            return was.passed
        return None if self.was_without else self.start.passed_commit(Records(slot.model))

    def _sources(self, slot: Slot, version: str | None) -> frozenset[str]:
        """Where a version was before this step: the stages it was in effect in, and whether it was archived."""
        if version is None or self.policy is None:
            return frozenset()
        found = {
            stage
            for stage in self.policy.stages
            if stage != slot.stage and self._held_before(Slot(slot.model, stage)) == version
        }
        listed = archived_path(slot.model, version)
        if self.world.registry(self._base(slot, touched=True)).entry(listed) is not None:
            found.add("archived")
        elif self.before.entry(listed) is None:
            found.add("registered")
        return frozenset(found)

    def _held_before(self, slot: Slot) -> str | None:
        """What was in effect in a slot before this step."""
        here = self.past_before.effects(slot)
        return here[-1].after if here else None

    def _action(self, slot: Slot, entry: Entry | None, sources: frozenset[str], *, empty: bool) -> str:
        assert self.policy is not None
        if empty or entry is None:
            return "archive"
        effects = self.past.effects(slot)
        if any(effect.after_blob == entry.oid for effect in effects):
            return "rollback"
        stage = self.policy.stages[slot.stage]
        until = self.policy.adopt_until
        may_adopt = (
            self.world.may_adopt
            and until is not None
            and self.world.now.date() <= until
            and not effects
            and not self.past.taken(slot)
        )
        if may_adopt and not sources & set(stage.from_):
            return "adopt"
        return "promote"

    def _take_effect(self, case: SlotCase, judgement: Judgement) -> None:
        effect = Effect(
            slot=case.slot,
            number=self.past.taken(case.slot) + 1,
            action=judgement.action,
            commit=self.step.commit,
            moment=self.world.now,
            before=case.before,
            after=case.after,
            before_blob=case.before_blob,
            after_blob=case.after_blob,
            source=judgement.source,
            policy=case.policy.digest,
            findings=judgement.findings,
            debts=judgement.debts,
            word=case.voices.said(),
        )
        self.state = self.state.without(case.slot)
        if effect.debts:
            about = case.about()
            owed = (Owed(about=about, number=effect.number, since=effect.moment, debt=debt) for debt in effect.debts)
            self.state = replace(self.state, owed=(*self.state.owed, *owed))
        self.fresh[effect.slot] = (effect,)
        self.effects.append(effect)

    # debts

    def _settle(self, touched: set[str]) -> None:
        """What is countersigned is owed no more: looked at where a model's records change, or somebody's role."""
        if not self.state.owed:
            return
        from gitstage.rules.debts import debts

        assert self.policy is not None
        models = touched | {effect.slot.model for effect in self.effects}
        open_: list[Owed] = []
        for owed in self.state.owed:
            model = owed.about.model
            if model in models or self.policies:
                registry = self.world.registry(self.state.passed_commit(Records(model)))
                if self.state.records_open(model) is None:
                    registry = self.head
                voices = self._voices(Records(model), touched=True)
                open_ += debts([owed], registry, voices, self.policy, self.world.now)
            else:
                open_.append(owed)
        self.state = replace(self.state, owed=tuple(open_))


class _Guarded:
    """What a step changes of gitstage.yaml and of what it protects, since the policy last passed."""

    def __init__(self, stride: _Stride, passed: str | None) -> None:
        self.stride = stride
        self.passed = passed

    @lazy
    def paths(self) -> tuple[str, ...]:
        """The protected paths that change, from the repository's root."""
        policy, world = self.stride.policy_at_start, self.stride.world
        if policy is None or self.passed is None or not policy.protected:
            return ()
        own = joined(world.folder, CONFIGURATION)
        changes = changes_between(world.trees(self.passed), self.stride.step.tree)
        return tuple(change.path for change in changes if change.path != own and policy.is_protected(change.path))

    def about(self) -> PolicyChange | None:
        """The change as an approval is bound to it; None where nothing that is guarded changes."""
        from gitstage.approvals import PolicyChange

        old, head = self.stride.policy_at_start, self.stride.head
        before = self.stride.world.registry(self.passed).entry(CONFIGURATION)
        entry = head.entry(CONFIGURATION)
        if old is None or entry is None or (before == entry and not self.paths):
            return None
        tree = self.stride.step.tree
        return PolicyChange(
            registry=old.id,
            policy=str(digest_at(head, CONFIGURATION)),
            base=old.digest,
            number=self.stride.start.policy_number,
            files={path: digest_at(tree, path) for path in self.paths},
        )

    def unlike(self, tree: Snapshot) -> str | None:
        """How the tree of a commit that was reviewed differs from what is to be in effect; None where it does not."""
        step, folder = self.stride.step.tree, self.stride.world.folder
        paths = (joined(folder, CONFIGURATION), *self.paths)
        return next((f"another {path}" for path in paths if tree.entry(path) != step.entry(path)), None)


def digest_at(tree: Snapshot, path: str) -> str | None:
    """The SHA-256 of what a path holds; None where there is nothing. What is no plain file says so in its digest."""
    entry = tree.entry(path)
    if entry is None:
        return None
    if entry.mode == FILE:
        return hashlib.sha256(tree.read(entry.oid)).hexdigest()
    return hashlib.sha256(f"{entry.mode:o} {entry.oid}".encode()).hexdigest()


def _unless_blocked(judgement: Judgement, why: str | None) -> Judgement:
    """A change of a slot whose tag cannot be made does not take effect yet."""
    if why is None:
        return judgement
    waits = Finding(rule="conflict", verdict=Verdict.PENDING, message=why, hint="rename or delete that tag")
    return replace(judgement, findings=(*judgement.findings, waits))


def _of_thing(
    before: Snapshot, after: Snapshot, layout: Layout, thing: Records | PolicyThing, *, at_root: bool
) -> Iterable[tuple[Change, Place]]:
    """The differences of one thing between two states of the registry, with what their paths mean."""
    for change in _differences(before, after, thing):
        if at_root and not layout.owns(change.path):
            continue
        place = layout.place(change.path)
        if place.thing == thing:
            yield change, place


def _differences(before: Snapshot, after: Snapshot, thing: Records | PolicyThing) -> Iterable[Change]:
    if isinstance(thing, Records):
        for folder in RECORD_FOLDERS:
            yield from changes_between(before, after, f"{folder}/{thing.model}")
    else:
        yield from changes_between(before, after)
