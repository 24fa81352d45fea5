"""The fold over random histories: legal changes, forced ones, time passing, mending and merges."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from gitstage.changes import FILE, Entry, Nothing, below, blob_id, changes_between, files
from gitstage.errors import NoSuchThing
from gitstage.layout import Slot, archived_path, version_path
from gitstage.ledger import Effect, Folded, State
from gitstage.manifest import read_version
from gitstage.policy import read_policy
from gitstage.rules.fold import Step, fold
from tests.histories import ADOPT_UNTIL, MODELS, STAGES, Hand, in_use, is_held, legal_change
from tests.registries import ID, PastOf, Story, Tree, empty_slot

# A seed is not worth shrinking, and explaining it would trace every line.
histories = settings(deadline=None, max_examples=20, phases=[Phase.explicit, Phase.generate])
seeds = st.integers(0, 2**32)

GATE = {"metrics": [{"name": "auc", "min": 0.85}]}
SOAK = timedelta(hours=2)
STEPS = 16


class History:
    """A story that goes on at random, and a memory of its own of what may take effect."""

    def __init__(self, seed: int, *, clocked: bool) -> None:
        self.random = random.Random(seed)
        self.hand = Hand(self.random.choice)
        gates = {"good": GATE, "soak": {"soak": "2h"}}
        asked = {"canary": ["soak"] if clocked else [], "production-eu": ["good"]}
        self.hand.stages = {name: {**stage, "gates": asked.get(name, [])} for name, stage in STAGES.items()}
        self.hand.gates = gates
        self.clocked = clocked
        self.story = in_use(Story(self.hand.policy()))
        self.branches: list[Story] = []

    def go_on(self) -> Folded:
        """Something happens on the trunk, and is judged."""
        self.random.choice(self.EVENTS)(self)
        if self.clocked:
            self.story.wait(minutes=self.random.choice([0, 1, 70]))
        return self.story.land()

    def by_the_rules(self) -> None:
        self.story.files = legal_change(self.story, self.hand, 2).files

    def carelessly(self) -> None:
        self.hand.change(self.story)

    def by_force(self) -> None:
        self.hand.force(self.story)

    def two_at_once(self) -> None:
        for act in (self.hand.change, self.hand.force):
            act(self.story)

    def branch_off(self) -> None:
        self.branches.append(legal_change(self.story, self.hand, 2))

    def merge(self) -> None:
        if self.branches:
            self.story.merge(self.branches.pop(0))

    def withdraw_one(self) -> None:
        for name in sorted(self.story.state.open)[:1]:
            self.story.withdraw(name)

    def withdraw_all(self) -> None:
        self.story.withdraw_all()

    EVENTS = (
        *[by_the_rules, carelessly, by_force] * 3,
        *[two_at_once, branch_off, merge, withdraw_one, withdraw_all],
    )


class Auditor:
    """Looks at what took effect without asking the rules: at the tags, and at the trees of the trunk."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.story = history.story
        self.effects = self.story.past.in_order()
        self.registered = {(found.model, found.version): found.blob for found in self.story.registered}

    def look_at(self, folded: Folded) -> None:
        """Goes through what one run says took effect."""
        for found in folded.registered:
            said = read_version(self.story.shelf.blobs[found.blob])
            assert (said.model, said.version) == (found.model, found.version)
            assert self.registered.setdefault((found.model, found.version), found.blob) == found.blob
            assert self.entry(found.commit, version_path(found.model, found.version)) == Entry(FILE, found.blob)
        for effect in folded.effects:
            self.look_at_effect(effect)
            self.effects.append(effect)
        self.look_at_names()
        self.look_at_policies()

    def look_at_names(self) -> None:
        """No two models have names that are too near to each other."""
        models = {model for model, _ in self.registered}
        assert len({model.lower() for model in models}) == len(models)
        namespaces = {
            "/".join(model.split("/")[:depth]) for model in models for depth in range(1, model.count("/") + 1)
        }
        assert not models & namespaces
        assert len({space.lower() for space in namespaces}) == len(namespaces)

    def look_at_policies(self) -> None:
        """The policies are those of one registry, none lost a stage, and what is retired is empty."""
        known = [read_policy(self.story.shelf.blobs[found.blob]) for found in self.story.policies]
        assert {policy.id for policy in known} == {ID}
        for before, after in pairwise(known):
            assert before.stages.keys() <= after.stages.keys()
        assert [found.number for found in self.story.policies] == list(range(1, len(known) + 1))
        for slot in all_slots():
            if known[-1].stages[slot.stage].retired:
                assert self.story.serves(slot.model, slot.stage) is None

    def look_at_effect(self, effect: Effect) -> None:
        slot, model = effect.slot, effect.slot.model
        earlier = [found for found in self.effects if found.slot == slot]
        last = earlier[-1] if earlier else None
        assert effect.number == len(earlier) + 1
        assert (effect.before, effect.before_blob) == ((last.after, last.after_blob) if last else (None, None))
        assert last is None or last.moment <= effect.moment
        assert (effect.after, effect.after_blob) != (effect.before, effect.before_blob)
        if effect.before is not None:
            listed = self.entry(effect.commit, archived_path(model, effect.before))
            assert listed == Entry(FILE, effect.before_blob or ""), "what leaves is archived"
        self.look_at_landing(effect)
        blob = effect.after_blob or blob_id(empty_slot(model))
        assert self.entry(effect.commit, slot.path) == Entry(FILE, blob)
        if effect.after is None:
            assert effect.action == "archive"
            return
        assert self.registered[model, effect.after] == effect.after_blob, "only what was registered takes effect"
        assert not is_held(self.story, effect.commit, model, effect.after)
        if effect.action == "rollback":
            assert effect.after_blob in [found.after_blob for found in earlier]
            return
        for (name, version), known in self.registered.items():
            if name == model:
                assert self.entry(effect.commit, version_path(name, version)) == Entry(FILE, known), "records are whole"
        if effect.action == "adopt":
            assert not earlier
            assert effect.moment.date() <= ADOPT_UNTIL
            return
        assert effect.action == "promote"
        self.look_at_source(effect)
        if slot.stage == "production-eu":
            metrics = read_version(self.story.shelf.blobs[effect.after_blob or ""]).metrics
            assert metrics["auc"] >= 0.85

    def look_at_landing(self, effect: Effect) -> None:
        """What changed the slot did not change the policy with it."""
        landed = self.landed(effect)
        if landed > 0:
            before, after = self.story.line[landed - 1], self.story.line[landed]
            assert self.entry(before, "gitstage.yaml") == self.entry(after, "gitstage.yaml")

    def look_at_source(self, effect: Effect) -> None:
        """The version was, before its slot's file changed, in a place where it may come from."""
        landed = self.landed(effect)
        there = landed > 0 and self.entry(
            self.story.line[landed - 1], archived_path(effect.slot.model, effect.after or "")
        )
        before = [found for found in self.effects if self.story.line.index(found.commit) < landed]
        for source in STAGES[effect.slot.stage]["from"]:  # type: ignore[attr-defined]
            if source == "registered" and not there:
                return
            if source == "archived" and there:
                return
            stays = [found for found in before if found.slot == Slot(effect.slot.model, source)]
            if stays and stays[-1].after == effect.after:
                if effect.slot.stage == "canary" and self.history.clocked:
                    assert self.stay(Slot(effect.slot.model, source), effect) >= SOAK
                return
        raise AssertionError(f"{effect.name} came from nowhere")

    def stay(self, slot: Slot, effect: Effect) -> timedelta:
        """How long the version's last stay in a slot was when it took effect in another."""
        begun = ended = effect.moment
        for found in self.effects:
            if found.slot == slot and found.moment <= effect.moment:
                if found.after == effect.after:
                    begun, ended = found.moment, effect.moment
                elif found.before == effect.after:
                    ended = found.moment
        return ended - begun

    def landed(self, effect: Effect) -> int:
        """The index of the commit that last changed the slot's file."""
        index = self.story.line.index(effect.commit)
        while index > 0 and self.entry(self.story.line[index], effect.slot.path) == self.entry(
            self.story.line[index - 1], effect.slot.path
        ):
            index -= 1
        return index

    def entry(self, commit: str, path: str) -> Entry | None:
        return self.story.trees[commit].entry(self.story.at(path))


def everything_in_effect(story: Story) -> dict[str, str | None]:
    return {str(slot): story.serves(slot.model, slot.stage) for slot in all_slots()}


def all_slots() -> Iterator[Slot]:
    return (Slot(model, stage) for model in MODELS for stage in STAGES)


def play(seed: int, *, clocked: bool) -> Iterator[tuple[History, Folded]]:
    history = History(seed, clocked=clocked)
    yield history, history.story.last
    for _ in range(STEPS):
        yield history, history.go_on()


@histories
@given(seeds, st.booleans())
def test_whatever_is_in_effect_was_reached_by_legal_steps(seed: int, clocked: bool) -> None:
    auditor: Auditor | None = None
    for history, folded in play(seed, clocked=clocked):
        if auditor is None:
            auditor = Auditor(history)
        else:
            auditor.look_at(folded)


@histories
@given(seeds, st.booleans())
def test_after_everything_is_withdrawn_nothing_is_open(seed: int, clocked: bool) -> None:
    for history, _ in play(seed, clocked=clocked):
        story = history.story.elsewhere()
        before = everything_in_effect(story)
        story.withdraw_all().land()
        assert story.open == {}
        assert everything_in_effect(story) == before


@histories
@given(seeds, st.booleans())
def test_a_rollback_takes_effect_at_once_whatever_else_is_open(seed: int, clocked: bool) -> None:
    for history, _ in play(seed, clocked=clocked):
        slot = history.random.choice(list(all_slots()))
        story = history.story.elsewhere()
        waiting, was = story.state.open.get(str(slot)), story.registry.entry(slot.path)
        with suppress(NoSuchThing):  # there is nothing to go back to
            story.rollback(slot.model, slot.stage)
            declared = story.registry.entry(slot.path)
            if declared == was and waiting is not None and waiting.with_policy:
                continue  # this very rollback landed with the policy: it has to be withdrawn first
            folded = story.land()
            assert [found.action for found in folded.effects if found.slot == slot] == ["rollback"]
            last = story.past.effects(slot)[-1]
            assert declared == Entry(FILE, last.after_blob or "")
            story.withdraw_all().land()
            assert (story.open, story.serves(slot.model, slot.stage)) == ({}, last.after)
            assert is_held(story, story.line[-1], slot.model, last.before or ""), "it may not come back by itself"


@histories
@given(seeds)
def test_one_run_over_many_commits_gives_the_tags_of_many_runs(seed: int) -> None:
    history = History(seed, clocked=False)
    story = history.story
    story.sees_tip = False
    again = story.elsewhere()
    for _ in range(STEPS):
        history.go_on()
    again.trees, again.line = story.trees, story.line
    for cut in sorted(history.random.sample(range(len(story.line)), history.random.choice([0, 1, 3]))):
        again.tag(up_to=cut)
    again.tag()
    assert again.past.all() == story.past.all()
    assert (again.registered, again.policies) == (story.registered, story.policies)
    assert again.state == story.state


@histories
@given(seeds, st.booleans())
def test_judging_again_changes_nothing(seed: int, clocked: bool) -> None:
    for history, _ in play(seed, clocked=clocked):
        story = history.story
        again = fold(story.state, [], story.world())
        assert (again.effects, again.registered, again.policies) == ((), (), ())
        assert again.state.open.keys() == story.state.open.keys()


@histories
@given(seeds)
def test_what_is_open_holds_up_nobody_else(seed: int) -> None:
    for history, _ in play(seed, clocked=False):
        story = history.story.elsewhere()
        story.register("bystander", "1.0.0").stage("bystander", "1.0.0").land()
        assert (story.serves("bystander", "staging"), "staging/bystander" in story.open) == ("1.0.0", False)


@histories
@given(seeds, st.booleans())
def test_whoever_says_what_a_step_changes_is_told_the_same(seed: int, at_root: bool) -> None:
    history = History(seed, clocked=False)
    story = history.story
    for _ in range(STEPS):
        history.go_on()
    if at_root:
        story.trees = {commit: Tree.of(story.shelf, inside(story, commit)) for commit in story.line}
        story.folder = ""
    told = [
        Step(commit, story.trees[commit], base=base, changes=tuple(changes_between(before, story.trees[commit])))
        for base, commit in zip([None, *story.line], story.line, strict=False)
        for before in [Nothing() if base is None else story.trees[base]]
    ]
    story.past = PastOf()
    steps = [Step(step.commit, step.tree) for step in told]
    assert fold(State(), told, story.world()) == fold(State(), steps, story.world())


def inside(story: Story, commit: str) -> dict[str, Entry]:
    """The files of the registry at a commit, by their paths in it."""
    return dict(files(below(story.trees[commit], story.folder)))
