"""Random histories in which people approve, waive, roll back and countersign, by right and by wrong."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from gitstage.errors import NoSuchThing
from gitstage.findings import Verdict
from gitstage.layout import Slot
from gitstage.ledger import Binding, Effect
from tests.registries import ID, PEOPLE, ROLES, Story, peopled

histories = settings(deadline=None, max_examples=25, phases=[Phase.explicit, Phase.generate])
seeds = st.integers(0, 2**32)

SLOT = Slot("m", "production")
GATE = {"soak": "1h", "approvals": [{"count": 1, "from": "owners"}, {"count": 1, "from": "compliance"}]}
GLASS: dict[str, Any] = {
    "rollback": {"by": ["owners", "oncall"], "settle": "72h"},
    "waivers": {"by": ["oncall", "compliance"], "settle": "72h"},
}
HANDS = (*PEOPLE, "alice-2", "mallory")
"""Whose keys there are: alice has two, and mallory is nobody."""
MAY_WAIVE = frozenset({"bob", "carol", "dave"})
STEPS = 25


def person(hand: str) -> str | None:
    """Whose hand it is."""
    return {"alice-2": "alice", "mallory": None}.get(hand, hand)


class History:
    """A story that goes on at random, and a memory of its own of who signed what."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.story = Story(peopled(GATE, GLASS))
        self.said: list[tuple[str, str, Binding, Any]] = []
        for version in ("1.0.0", "1.1.0", "1.2.0"):
            self.story.register("m", version)
        self.story.land()

    def go_on(self) -> tuple[Effect, ...]:
        self.random.choice(self.EVENTS)(self)
        self.story.wait(minutes=self.random.choice([0, 1, 70]))
        signers = self.random.choice([(), *((hand,) for hand in HANDS)])
        return self.story.land(*signers).effects

    def stage(self) -> None:
        self.story.stage("m", self.version())

    def promote(self) -> None:
        there = self.story.serves("m", "staging")
        if there is not None:
            self.story.promote("m", there)

    def promote_and_approve(self) -> None:
        self.promote()
        for _ in range(self.random.choice([1, 2, 3])):
            self.say()

    def by_the_book(self) -> None:
        """What is staged is promoted with two approvals, or with a waiver of what is missing."""
        there = self.story.serves("m", "staging")
        if there is None or there == self.story.serves("m"):
            self.story.stage("m", self.version())
            return
        self.story.promote("m", there)
        about = self.story.about("m", there)
        for hand in self.random.choice([("alice", "carol"), ("bob", "carol"), ("bob", "alice"), ("bob",)]):
            self.sign("approval", hand, about)
        for rule in self.random.choice([(), ("soak",), ("soak", "approvals")]):
            self.sign("waiver", self.random.choice(["dave", "dave", "carol"]), about, rule)

    def countersign(self) -> None:
        for owed in self.story.state.owed[:1]:
            self.sign("settle", self.random.choice(HANDS), owed.about)

    def roll_back(self) -> None:
        with suppress(NoSuchThing):
            self.story.rollback("m", hold_it=False)

    def withdraw(self) -> None:
        self.story.withdraw_all()

    def say(self) -> None:
        """Somebody signs something: mostly about what is next, and sometimes about something else."""
        kind = self.random.choice(["approval"] * 5 + ["waiver", "settle", "rollback"])
        declared = next((name for name in self.versions() if self.declares(name)), self.version())
        about = self.story.about("m", declared)
        if kind == "settle" and self.story.state.owed:
            about = self.random.choice(self.story.state.owed).about
        if self.random.random() < 0.2:
            other: list[dict[str, Any]] = [
                {"change": about.change + 1},
                {"registry": ID.replace("4", "5")},
                {"stage": "staging"},
            ]
            about = replace(about, **self.random.choice(other))
        if self.random.random() < 0.2 and self.said:
            about = self.random.choice(self.said)[2]
        hand = self.random.choice(HANDS)
        self.sign(kind, hand, about, self.random.choice(["soak", "approvals", "held"]) if kind == "waiver" else None)

    def sign(self, kind: str, hand: str, about: Binding, rule: str | None = None) -> None:
        # Nobody says the same twice: that would be no new evidence, and the records would stay open.
        more: dict[str, Any] = {"reason": f"word {len(self.said)}"}
        if rule is not None:
            more |= {"rule": rule, "expires": self.story.now + timedelta(hours=5)}
        self.story.say(kind, hand, about=about, **more)
        self.said.append((kind, hand, about, rule))

    def versions(self) -> list[str]:
        return ["1.0.0", "1.1.0", "1.2.0"]

    def version(self) -> str:
        return self.random.choice(self.versions())

    def declares(self, version: str) -> bool:
        entry = self.story.registry.entry(SLOT.path)
        return entry is not None and entry == self.story.registry.entry(f"models/m/{version}.yaml")

    EVENTS = (stage, promote, promote_and_approve, say, *[by_the_book] * 4, countersign, roll_back, withdraw)

    # what may take effect

    def people_who(self, kind: str, about: Binding, rule: str | None = None) -> set[str]:
        return {
            who
            for said, hand, bound, waived in self.said
            if (said, bound, waived) == (kind, about, rule) and (who := person(hand)) is not None
        }


def judged(history: History, effect: Effect) -> None:
    """Whether a change of the production slot took effect by right, as the history remembers it."""
    story = history.story
    earlier = [found for found in story.past.effects(SLOT) if found.number < effect.number]
    about = Binding(
        registry=ID,
        model="m",
        version=str(effect.after),
        manifest=story.about("m", str(effect.after)).manifest,
        stage="production",
        incumbent=None if not earlier else story.about("m", str(earlier[-1].after)).manifest,
        change=len(earlier),
    )
    landed = story.line.index(effect.commit)
    while landed and story.trees[story.line[landed]].entry(story.at(SLOT.path)) == story.trees[
        story.line[landed - 1]
    ].entry(story.at(SLOT.path)):
        landed -= 1
    author = next(iter(story.signers[story.line[landed]]), None)
    made = None if author is None else person(author)
    waived = {found.rule for found in effect.findings if found.verdict is Verdict.WAIVED}
    for rule in waived:
        assert rule in ("soak", "approvals"), "no fact is waived"
        assert history.people_who("waiver", about, rule) & MAY_WAIVE, "one who may waived it"
    if effect.action == "promote" and "approvals" not in waived:
        approved = history.people_who("approval", about)
        assert made is not None, "somebody made the change"
        owners, compliance = (approved & set(ROLES[role]) - {made} for role in ("risk", "compliance"))
        assert owners, "an owner approved it, who did not make it"
        assert compliance, "somebody of compliance approved it, who did not make it"
        assert len(owners | compliance) > 1, "two people did"
        assert set(effect.approvers) <= approved - {made}
    if effect.action == "rollback" and any(not found.is_waived and found.after == effect.after for found in earlier):
        stood = history.people_who("rollback", about) | history.people_who("approval", about) | {str(made)}
        assert stood & {"alice", "bob", "dave"}, "one who may stands for it"
    alone = {debt.kind for debt in effect.debts}
    assert ("waiver" in alone) is bool(waived)


def play(seed: int) -> Iterator[History]:
    history = History(seed)
    for _ in range(STEPS):
        for effect in history.go_on():
            if effect.slot == SLOT:
                judged(history, effect)
        yield history


@histories
@given(seeds)
def test_whatever_takes_effect_was_approved_by_others_waived_or_rolled_back_by_who_may(seed: int) -> None:
    for history in play(seed):
        story = history.story
        assert "records/m" not in story.open
        for owed in story.state.owed:
            settled = history.people_who("settle", owed.about) - set(owed.debt.by)
            may = MAY_WAIVE if owed.debt.kind == "waiver" else {"alice", "bob", "dave"}
            assert not settled & may, "what somebody else who may has countersigned is owed no more"


@histories
@given(seeds)
def test_judging_once_more_changes_nothing(seed: int) -> None:
    for history in play(seed):
        story = history.story.elsewhere()
        before = (story.state.owed, story.tags, story.open)
        story.tag()
        assert (story.state.owed, story.tags, story.open) == before
