from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstage import ledger
from gitstage.errors import GitstageError
from gitstage.findings import Debt, Finding, Judgement, Verdict
from gitstage.layout import POLICY, Records, Slot
from gitstage.ledger import Binding, Effect, Folded, Open, Owed, PolicyEffect, Registered, Ruling, State, Stood, Word
from tests.registries import ID, MONDAY, effect

SLOT = Slot("risk/m", "production")
FULL = Finding(
    rule="soak",
    verdict=Verdict.PENDING,
    message="3h of 24h",
    path="production/risk/m.yaml",
    line=3,
    gate="standard",
    value="3h",
    threshold="24h",
    opens=MONDAY + timedelta(hours=21),
    hint="wait",
    advisory=True,
)
BARE = Finding(rule="held", verdict=Verdict.REFUSED, message="it drifts")
APPROVED = Finding(rule="approvals", verdict=Verdict.PASSED, message="approved", people=("carol", "bob"))
WAIVED = Debt(
    kind="waiver",
    by=("alice",),
    due=MONDAY + timedelta(days=3),
    rule="soak",
    gate="standard",
    reason="it burns",
    expires=MONDAY + timedelta(days=1),
)
ROLLED_BACK = Debt(kind="rollback", by=("dave",))
WORD = Word(by="github", authors=frozenset({"dave", "alice"}), approvers=frozenset({"carol", "bob"}))
SAID = {"by": "github", "authors": ["alice", "dave"], "approvers": ["bob", "carol"]}
EFFECT = Effect(
    slot=SLOT,
    number=3,
    action="promote",
    commit="c" * 40,
    moment=MONDAY,
    before="1.0.0",
    after="1.1.0",
    before_blob="a" * 40,
    after_blob="b" * 40,
    source="staging",
    policy="f" * 64,
    findings=(FULL, BARE, APPROVED),
    debts=(WAIVED, ROLLED_BACK),
    word=WORD,
)


# Moments.


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (MONDAY, "2026-11-23T10:00:00Z"),
        (MONDAY.replace(microsecond=1), "2026-11-23T10:00:00.000001Z"),
        (MONDAY.astimezone(timezone(timedelta(hours=-5))), "2026-11-23T10:00:00Z"),
    ],
)
def test_a_moment_is_written_in_utc(moment: datetime, text: str) -> None:
    assert ledger.text_of(moment) == text
    assert ledger.moment_of(text) == moment


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-11-23T10:00", "2026-11-23", "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00"]
)
def test_what_is_no_moment_raises(text: str) -> None:
    with pytest.raises(ValueError, match="."):
        ledger.moment_of(text)


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_moment_is_read_as_it_was_written(moment: datetime) -> None:
    assert ledger.moment_of(ledger.text_of(moment)) == moment


# Tags.


def test_a_promotions_tag_has_a_line_for_people_and_a_body_for_tools() -> None:
    message = ledger.promotion_message(EFFECT, ID)
    subject, empty, body = message.split("\n", 2)
    assert (subject, empty, message[-1]) == ("risk/m: promote 1.1.0 to production", "", "\n")
    assert json.loads(body) == {
        "schema": "gitstage/promotion/v1",
        "registry": ID,
        "model": "risk/m",
        "stage": "production",
        "number": 3,
        "action": "promote",
        "commit": "c" * 40,
        "moment": "2026-11-23T10:00:00Z",
        "in": {"version": "1.1.0", "blob": "b" * 40},
        "out": {"version": "1.0.0", "blob": "a" * 40},
        "source": "staging",
        "policy": "f" * 64,
        "approvers": ["bob", "carol"],
        "word": SAID,
        "debts": [
            {
                "kind": "waiver",
                "by": ["alice"],
                "due": "2026-11-26T10:00:00Z",
                "rule": "soak",
                "gate": "standard",
                "reason": "it burns",
                "expires": "2026-11-24T10:00:00Z",
            },
            {"kind": "rollback", "by": ["dave"]},
        ],
        "findings": [
            {
                "rule": "soak",
                "verdict": "pending",
                "message": "3h of 24h",
                "gate": "standard",
                "value": "3h",
                "threshold": "24h",
                "path": "production/risk/m.yaml",
                "line": 3,
                "opens": "2026-11-24T07:00:00Z",
                "hint": "wait",
                "advisory": True,
            },
            {"rule": "held", "verdict": "refused", "message": "it drifts"},
            {"rule": "approvals", "verdict": "passed", "message": "approved", "people": ["carol", "bob"]},
        ],
    }
    assert EFFECT.approvers == ("bob", "carol")


def test_a_versions_and_a_policys_tag_say_what_passed() -> None:
    version = Registered(model="risk/m", version="1.0.0", blob="b" * 40, commit="c" * 40, moment=MONDAY)
    policy = PolicyEffect(number=2, blob="b" * 40, digest="f" * 64, commit="c" * 40, moment=MONDAY, approvers=("bob",))
    said = ledger.version_message(version, ID), ledger.policy_message(policy, ID)
    assert [message.partition("\n\n")[0] for message in said] == [
        "risk/m: register 1.0.0",
        "policy: change 2 takes effect",
    ]
    assert [ledger.body_of(message) for message in said] == [
        {
            "schema": "gitstage/version/v1",
            "registry": ID,
            "model": "risk/m",
            "version": "1.0.0",
            "blob": "b" * 40,
            "commit": "c" * 40,
            "moment": "2026-11-23T10:00:00Z",
        },
        {
            "schema": "gitstage/policy/v1",
            "registry": ID,
            "number": 2,
            "blob": "b" * 40,
            "digest": "f" * 64,
            "commit": "c" * 40,
            "moment": "2026-11-23T10:00:00Z",
            "approvers": ["bob"],
            "word": None,
        },
    ]
    spoken = ledger.policy_document(replace(policy, word=WORD), ID)
    assert spoken["word"] == SAID


def test_tags_are_named_after_what_they_say() -> None:
    version = Registered(model="risk/m", version="1.0.0", blob="", commit="", moment=MONDAY)
    policy = PolicyEffect(number=2, blob="", digest="", commit="", moment=MONDAY)
    assert [EFFECT.name, version.name, policy.name] == ["risk/m/production/3", "risk/m/v1.0.0", "policy/2"]


@pytest.mark.parametrize(
    ("action", "subject"),
    [
        ("promote", "risk/m: promote 1.1.0 to production"),
        ("adopt", "risk/m: adopt 1.1.0 in production"),
        ("rollback", "risk/m: roll production back to 1.1.0"),
        ("archive", "risk/m: archive 1.0.0, production is empty"),
    ],
)
def test_a_change_of_a_slot_is_told_in_one_line(action: str, subject: str) -> None:
    assert replace(EFFECT, action=action).subject() == subject


@pytest.mark.parametrize(
    "claimed",
    [
        EFFECT,
        replace(EFFECT, before=None, before_blob=None, source=None, findings=(), action="adopt"),
        replace(EFFECT, after=None, after_blob=None, action="archive"),
    ],
)
def test_what_a_tag_claims_is_read_as_it_was_written(claimed: Effect) -> None:
    assert ledger.effect_from(ledger.promotion_message(claimed, ID), SLOT, 3, ID) == claimed


def changed(**fields: object) -> str:
    body = {**ledger.body_of(ledger.promotion_message(EFFECT, ID)), **fields}
    return "a line\n\n" + json.dumps({key: value for key, value in body.items() if value != "gone"})


BAD_FINDING = {"rule": "soak", "verdict": "excellent", "message": "x"}


@pytest.mark.parametrize(
    "message",
    [
        "",
        "a line",
        "a line\n\n",
        "a line\n\n[]",
        "a line\n\n{",
        "a line\n\n" + "[" * 100_000,
        "a line\n\n" + '{"a":' * 100_000,
        changed(schema="gitstage/promotion/v2"),
        changed(registry="another"),
        changed(model="m"),
        changed(stage="staging"),
        changed(number=4),
        changed(number="3"),
        changed(schema="gone"),
        changed(action="gone"),
        changed(action="destroy"),
        changed(action=[]),
        changed(commit=7),
        changed(commit="gone"),
        changed(moment="yesterday"),
        changed(moment="0001-01-01T00:00:00+14:00"),
        changed(moment=7),
        changed(moment=None),
        changed(**{"in": "gone"}),
        changed(**{"in": "1.1.0"}),
        changed(**{"in": {"version": "1.1.0"}}),
        changed(**{"in": {"version": "1.1.0", "blob": None}}),
        changed(out={"version": 1, "blob": "a" * 40}),
        changed(out=[]),
        changed(source=7),
        changed(policy=None),
        changed(policy="gone"),
        changed(findings="gone"),
        changed(findings=7),
        changed(findings=["x"]),
        changed(findings=[BAD_FINDING]),
        changed(findings=[{**BAD_FINDING, "verdict": "passed", "opens": "soon"}]),
        changed(findings=[{"rule": "soak"}]),
        changed(findings=[{"rule": "soak", "verdict": "passed", "message": "x", "people": "carol"}]),
        changed(findings=[{"rule": "soak", "verdict": "passed", "message": "x", "people": ["carol", 7]}]),
        changed(findings=[{"rule": "soak", "verdict": "passed", "message": "x", "gate": ["high"]}]),
        changed(findings=[{"rule": "soak", "verdict": "passed", "message": "x", "path": {"a": 1}}]),
        changed(findings=[{"rule": "soak", "verdict": "passed", "message": 7}]),
        changed(findings=[{"rule": "soak", "verdict": ["passed"], "message": "x"}]),
        changed(findings=[{"rule": "soak", "verdict": "passed", "message": "x", "line": "7"}]),
    ],
)
@pytest.mark.usefixtures("no_garbage_is_collected")
def test_a_tag_that_says_nothing_we_can_read_claims_nothing(message: str) -> None:
    with pytest.raises(ValueError, match="."):
        ledger.effect_from(message, SLOT, 3, ID)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_whatever_a_tag_says_it_raises_nothing_else(said: object) -> None:
    for key in ledger.body_of(ledger.promotion_message(EFFECT, ID)):
        try:
            found = ledger.effect_from(changed(**{key: said}), SLOT, 3, ID)
        except ValueError:
            continue
        assert found.name == "risk/m/production/3"


# The ledger's document.

STATE = State(
    judged="d" * 40,
    clock=MONDAY,
    policy="e" * 40,
    policy_number=2,
    policy_since=MONDAY,
    owed=(
        Owed(
            about=Binding(
                registry=ID,
                model="risk/m",
                version="1.1.0",
                manifest="4" * 64,
                stage="production",
                incumbent=None,
                change=0,
            ),
            number=3,
            since=MONDAY,
            debt=ROLLED_BACK,
        ),
    ),
    rulings=(Ruling(commit="e" * 40, blob="f" * 40, since=MONDAY),),
    said={"records/n": WORD, "records/m": Word(by="server")},
    open={
        "production/risk/m": Open(
            thing=SLOT,
            landed="1" * 40,
            passed="2" * 40,
            since=MONDAY,
            verdict=Verdict.PENDING,
            findings=(FULL, BARE),
            sources=frozenset({"staging", "registered"}),
            with_policy=True,
            after="1.1.0",
            authors=frozenset({"bob", "alice"}),
            stood={"production/risk/m.yaml": Stood(blob="b" * 40, landed="1" * 40, people=frozenset({"alice"}))},
            word=WORD,
        ),
        "records/risk/m": Open(
            thing=Records("risk/m"), landed="1" * 40, passed=None, since=MONDAY, verdict=Verdict.REFUSED, findings=()
        ),
        "policy": Open(
            thing=POLICY, landed="1" * 40, passed="2" * 40, since=MONDAY, verdict=Verdict.REFUSED, findings=(BARE,)
        ),
    },
)


def test_a_state_is_written_down_and_read_again() -> None:
    data = ledger.state_document(STATE, ID)
    assert ledger.state_from(data, ID) == STATE
    assert ledger.state_document(ledger.state_from(data, ID), ID) == data
    document = json.loads(data)
    assert [item["thing"] for item in document["open"]] == ["policy", "production/risk/m", "records/risk/m"]
    assert document["open"][1] == {
        "thing": "production/risk/m",
        "verdict": "pending",
        "landed": "1" * 40,
        "passed": "2" * 40,
        "since": "2026-11-23T10:00:00Z",
        "sources": ["registered", "staging"],
        "with_policy": True,
        "after": "1.1.0",
        "authors": ["alice", "bob"],
        "stood": {"production/risk/m.yaml": {"blob": "b" * 40, "landed": "1" * 40, "people": ["alice"]}},
        "word": SAID,
        "findings": [ledger.finding_document(FULL), ledger.finding_document(BARE)],
    }
    del document["open"]
    assert document == {
        "schema": "gitstage/ledger/v1",
        "registry": ID,
        "clock": "2026-11-23T10:00:00Z",
        "judged": "d" * 40,
        "policy": {"commit": "e" * 40, "number": 2, "since": "2026-11-23T10:00:00Z"},
        "said": {"records/m": {"by": "server", "authors": [], "approvers": []}, "records/n": SAID},
        "taggers": [{"commit": "e" * 40, "blob": "f" * 40, "since": "2026-11-23T10:00:00Z"}],
        "owed": [
            {
                "model": "risk/m",
                "version": "1.1.0",
                "manifest": "4" * 64,
                "stage": "production",
                "incumbent": None,
                "change": 0,
                "number": 3,
                "since": "2026-11-23T10:00:00Z",
                "kind": "rollback",
                "by": ["dave"],
            }
        ],
    }
    assert STATE.owed[0].name == "risk/m/production/3"


def test_a_path_that_is_not_utf8_is_written_down_and_read_again() -> None:
    odd = Finding(rule="known-path", verdict=Verdict.REFUSED, message="is \u202e none", path="bad\udcff\n")
    state = State(open={"policy": replace(STATE.open["policy"], findings=(odd,))})
    assert ledger.state_from(ledger.state_document(state, ID), ID) == state
    effect = replace(EFFECT, findings=(odd,))
    message = ledger.promotion_message(effect, ID)
    assert message.isascii()
    assert ledger.effect_from(message, SLOT, 3, ID) == effect


def test_a_state_in_which_nothing_was_judged_is_written_down_and_read_again() -> None:
    assert ledger.state_from(ledger.state_document(State(), ID), ID) == State()


def test_a_state_that_knows_of_no_taggers_has_none() -> None:
    document = json.loads(ledger.state_document(STATE, ID))
    del document["taggers"]
    assert ledger.state_from(json.dumps(document).encode(), ID) == replace(STATE, rulings=())


def test_a_state_that_an_earlier_release_wrote_knows_of_nobodys_word() -> None:
    document = json.loads(ledger.state_document(STATE, ID))
    del document["said"]
    for item in document["open"]:
        del item["word"]
    before = replace(STATE, said={}, open={name: replace(item, word=None) for name, item in STATE.open.items()})
    assert ledger.state_from(json.dumps(document).encode(), ID) == before


def test_a_tag_that_an_earlier_release_made_rests_on_nobodys_word() -> None:
    body = ledger.promotion_document(EFFECT, ID)
    del body["word"]
    assert ledger.effect_from(f"x\n\n{json.dumps(body)}", SLOT, 3, ID) == replace(EFFECT, word=None)


@pytest.mark.parametrize("word", ["github", {"by": "github"}, {**SAID, "by": None}, {**SAID, "authors": "alice"}, 7])
def test_a_word_that_cannot_be_read_makes_a_tag_that_cannot(word: object) -> None:
    body = {**ledger.promotion_document(EFFECT, ID), "word": word}
    with pytest.raises(ValueError, match="its body is not a gitstage/promotion/v1"):
        ledger.effect_from(f"x\n\n{json.dumps(body)}", SLOT, 3, ID)


def spoiled(change: Callable[[dict[str, object]], object]) -> bytes:
    document = json.loads(ledger.state_document(STATE, ID))
    change(document)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "Expecting value"),
        (b"\xff", "decode"),
        (b"[]", "list indices"),
        (b"[" * 100_000, "recursion"),
        (ledger.state_document(STATE, "another"), "it belongs to another registry, or to another release of gitstage"),
        (spoiled(lambda document: document.update(schema="x")), "another release"),
        (spoiled(lambda document: document.update(clock="soon")), "Invalid isoformat"),
        (spoiled(lambda document: document.pop("open")), "open"),
        (spoiled(lambda document: document.update(open=[{}])), "thing"),
        (spoiled(lambda document: document.update(policy=None)), "subscriptable"),
        (spoiled(lambda document: document.update(taggers=[{"commit": 1, "blob": "", "since": ""}])), "list of texts"),
        (spoiled(lambda document: document.update(taggers=[{"commit": "", "blob": "", "since": ""}])), "isoformat"),
    ],
)
@pytest.mark.usefixtures("no_garbage_is_collected")
def test_a_ledger_that_cannot_be_read_is_said_so(data: bytes, why: str) -> None:
    with pytest.raises(GitstageError, match=why) as raised:
        ledger.state_from(data, ID)
    assert raised.value.message.startswith(f"the ledger of registry {ID} cannot be read: ")
    assert raised.value.hint == "fetch it again: git fetch origin '+refs/gitstage/*:refs/gitstage/*'"


def test_a_state_knows_what_passed_last() -> None:
    assert STATE.passed_commit(SLOT) == "2" * 40
    assert STATE.passed_commit(Records("risk/m")) is None
    assert STATE.passed_commit(Slot("n", "staging")) == "d" * 40
    assert STATE.records_open("risk/m") == STATE.open["records/risk/m"]
    assert STATE.records_open("m") is None


def test_what_is_open_is_put_in_and_taken_out_without_changing_the_state_it_came_from() -> None:
    waiting = STATE.open["policy"]
    emptied = STATE.without(SLOT).without(POLICY).without(Records("risk/m")).without(Slot("n", "staging"))
    assert emptied == replace(STATE, open={})
    assert emptied.with_open(waiting) == replace(STATE, open={"policy": waiting})
    assert len(STATE.open) == 3


def test_what_is_open_knows_the_way_back() -> None:
    assert {name: waiting.way_back for name, waiting in STATE.open.items()} == {
        "production/risk/m": "gitstage withdraw risk/m@production",
        "records/risk/m": "gitstage withdraw risk/m",
        "policy": "gitstage withdraw --policy",
    }


# Stays.

STAGING = Slot("m", "staging")


def at(hours: float) -> datetime:
    return MONDAY + timedelta(hours=hours)


def stays(*moves: tuple[float, str | None]) -> tuple[Effect, ...]:
    return tuple(effect(STAGING, n, after, moment=at(hours)) for n, (hours, after) in enumerate(moves, start=1))


@pytest.mark.parametrize(
    ("effects", "stay"),
    [
        (stays(), None),
        (stays((0, "2.0.0")), None),
        (stays((0, "1.0.0")), (at(0), None)),
        (stays((0, "1.0.0"), (3, "2.0.0")), (at(0), at(3))),
        (stays((0, "1.0.0"), (3, None)), (at(0), at(3))),
        (stays((0, "1.0.0"), (3, None), (4, "2.0.0")), (at(0), at(3))),
        (stays((0, "1.0.0"), (3, "2.0.0"), (5, "1.0.0")), (at(5), None)),
        (stays((0, "1.0.0"), (3, "2.0.0"), (5, "1.0.0"), (6, "2.0.0")), (at(5), at(6))),
        (stays((0, "1.0.0"), (3, "1.0.0")), (at(0), None)),
        (stays((0, "1.0.0"), (12, "2.0.0")), (at(0), None)),
        (stays((12, "1.0.0")), None),
    ],
)
def test_a_stay_lasts_from_tag_to_tag_or_to_now(
    effects: tuple[Effect, ...], stay: tuple[datetime, datetime | None] | None
) -> None:
    assert ledger.stay(effects, "1.0.0", at(10)) == stay


def test_what_was_in_effect_at_a_moment_is_what_came_last() -> None:
    effects = stays((0, "1.0.0"), (3, "2.0.0"), (5, None))
    found = [ledger.effect_at(effects, at(hours)) for hours in (-1, 0, 2.9, 3, 9)]
    assert found == [None, effects[0], effects[0], effects[1], effects[2]]


def test_effects_are_sorted_to_their_slots_in_the_order_of_their_numbers() -> None:
    one, two, ten = (effect(STAGING, number) for number in (1, 2, 10))
    other = effect(SLOT)
    assert ledger.effects_by_slot([ten, other, one, two]) == {STAGING: (one, two, ten), SLOT: (other,)}


# What judging came to.


def judgement(thing: str, verdict: Verdict) -> Judgement:
    return Judgement(thing=thing, action="records", findings=(Finding(rule="x", verdict=verdict, message="x"),))


def test_of_one_thing_the_later_judgement_stands() -> None:
    earlier, later = judgement("records/risk/m", Verdict.REFUSED), judgement("records/risk/m", Verdict.PASSED)
    first = Folded(state=State(), judgements=(earlier,), effects=(effect(STAGING),), notes=("one",))
    second = Folded(state=State(judged="d"), judgements=(later,), effects=(effect(STAGING, 2),), notes=("two",))
    assert first.then(second) == Folded(
        state=State(judged="d"),
        judgements=(later,),
        effects=(effect(STAGING), effect(STAGING, 2)),
        notes=("one", "two"),
    )


def test_what_was_refused_and_is_put_back_is_not_spoken_of() -> None:
    refused, passed = judgement("records/risk/m", Verdict.REFUSED), judgement("records/n", Verdict.PASSED)
    version = Registered(model="n", version="1.0.0", blob="b", commit="c", moment=MONDAY)
    policy = PolicyEffect(number=1, blob="b", digest="d", commit="c", moment=MONDAY)
    first = Folded(state=STATE, judgements=(refused, passed), registered=(version,), policies=(policy,))
    assert first.then(Folded(state=STATE)).judgements == (refused, passed)
    mended = first.then(Folded(state=State()))
    assert mended == Folded(state=State(), judgements=(passed,), registered=(version,), policies=(policy,))
