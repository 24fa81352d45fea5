from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gitstage.errors import CannotVerify
from gitstage.layout import Slot
from gitstage.ledger import Binding
from gitstage.rules.debts import debts
from gitstage.rules.voices import Voices
from tests.registries import Story, believing, peopled

GLASS: dict[str, Any] = {
    "waivers": {"by": ["owners"], "settle": "72h"},
    "rollback": {"by": ["owners", "oncall"], "settle": "72h"},
}


def owing() -> tuple[Story, Binding]:
    """1.0.0 came into production by a waiver of alice's."""
    it = Story(peopled({"soak": "24h"}, GLASS))
    it.register("m", "1.0.0").stage("m", "1.0.0").land()
    about = it.about("m", "1.0.0")
    it.promote("m", "1.0.0").waive("m", "1.0.0", "soak", "alice").land()
    assert [owed.about for owed in it.state.owed] == [about]
    return it.wait(hours=1), about


def names(it: Story) -> list[str]:
    return [owed.name for owed in it.state.owed]


def test_somebody_else_who_may_countersigns_and_it_is_owed_no_more() -> None:
    it, about = owing()
    it.say("settle", "bob", about=about).land()
    assert names(it) == []
    assert it.past.effects(Slot("m", "production"))[0].debts[0].by == ("alice",), "the tag says what it said"


@pytest.mark.parametrize("by", [(), ("alice",), ("alice-2",), ("carol",), ("dave",), ("mallory",)])
def test_nobody_else_countersigns(by: tuple[str, ...]) -> None:
    it, about = owing()
    it.say("settle", *by, about=about).land()
    assert (it.open, names(it)) == ({}, ["m/production/1"])
    it.say("settle", "bob", about=about).land()
    assert names(it) == []


def test_a_countersignature_of_something_else_settles_nothing() -> None:
    it, about = owing()
    for other in ({"change": 1}, {"stage": "staging"}, {"incumbent": "1" * 64}):
        it.say("settle", "bob", about=replace(about, **other))
    it.say("settle", "bob", about=about, made=it.now + timedelta(hours=1))
    it.attest("m", "1.0.0", "settle-carol")
    it.land()
    assert (it.open, names(it)) == ({}, ["m/production/1"])
    it.say("approval", "bob", about=about).land()
    assert names(it) == ["m/production/1"]


def test_a_rollback_is_settled_by_a_second_one_of_those_who_may() -> None:
    it, about = owing()
    it.say("settle", "bob", about=about)
    it.register("m", "1.1.0").stage("m", "1.1.0").land()
    it.wait(hours=24).promote("m", "1.1.0").land()
    back = it.about("m", "1.0.0")
    it.rollback("m").waive("m", "1.0.0", "soak", "alice").land("dave")
    assert it.open == {}
    assert [(owed.name, owed.debt.kind) for owed in it.state.owed] == [
        ("m/production/3", "waiver"),
        ("m/production/3", "rollback"),
    ]
    it.say("settle", "bob", about=back).land()
    assert names(it) == []


def test_one_signature_may_settle_the_one_and_not_the_other() -> None:
    it, about = owing()
    it.say("settle", "bob", about=about)
    it.register("m", "1.1.0").stage("m", "1.1.0").land()
    it.wait(hours=24).promote("m", "1.1.0").land()
    back = it.about("m", "1.0.0")
    it.rollback("m").waive("m", "1.0.0", "soak", "alice").land("dave")
    it.say("settle", "dave", about=back).land()
    assert [owed.debt.kind for owed in it.state.owed] == ["waiver", "rollback"]
    it.say("settle", "alice", about=back).land()
    assert [owed.debt.kind for owed in it.state.owed] == ["waiver"]


def test_who_may_break_the_glass_settles_no_rollback() -> None:
    it = Story(peopled(None, {"waivers": {"by": ["compliance"], "settle": "72h"}, "rollback": GLASS["rollback"]}))
    for version in ("1.0.0", "1.1.0"):
        it.register("m", version).stage("m", version).land()
        it.promote("m", version).land()
    back = it.about("m", "1.0.0")
    it.rollback("m").land("dave")
    assert [(owed.debt.kind, owed.debt.by) for owed in it.state.owed] == [("rollback", ("dave",))]
    it.say("settle", "carol", about=back).land()
    assert names(it) == ["m/production/3"]
    it.say("settle", "alice", about=back).land()
    assert names(it) == []


def test_while_records_are_open_only_what_passed_settles() -> None:
    it, about = owing()
    it.say("settle", "bob", about=about).write("models/m/notes.txt", "x").land()
    assert names(it) == ["m/production/1"]
    it.remove("models/m/notes.txt").land()
    assert names(it) == []


def test_what_others_do_settles_nothing() -> None:
    it, _ = owing()
    it.register("n", "1.0.0").land()
    it.policy(peopled({"soak": "24h"}, GLASS, trunk="main")).land()
    assert names(it) == ["m/production/1"]


def test_a_debt_stays_where_nobody_can_verify_or_may_settle_any_more() -> None:
    it, about = owing()
    it.say("settle", "bob", about=about)
    policy = it.in_effect
    assert policy is not None

    def cannot(data: bytes) -> frozenset[str]:
        raise CannotVerify("ssh-keygen is not installed")

    voices = Voices(policy=policy, now=it.now, signed_by=believing)
    owed = it.state.owed
    assert debts(owed, it.registry, voices, policy, it.now) == ()
    assert debts(owed, it.registry, replace(voices, signed_by=cannot), policy, it.now) == owed
    none = replace(policy, stages={**policy.stages, "production": policy.stages["staging"]})
    assert debts(owed, it.registry, voices, none, it.now) == owed
    gone = replace(policy, stages={})
    assert debts(owed, it.registry, voices, gone, it.now) == owed
