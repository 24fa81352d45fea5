"""What the fold asks the judge, and what it keeps of the answer: whole cases, whole open things."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import pytest

from gitstage.approvals import PolicyChange
from gitstage.changes import FILE, Change, Entry, below, blob_id
from gitstage.findings import Debt, Judgement, Verdict
from gitstage.forges import Forge, ForgeChange
from gitstage.layout import POLICY, Records, Slot, Thing
from gitstage.ledger import Open, Owed, PolicyEffect, Ruling, Stood, Word
from gitstage.manifest import read_version
from gitstage.rules import fold as folding
from gitstage.rules.cases import PolicyCase, SlotCase
from gitstage.rules.fold import digest_at, layout_of
from gitstage.rules.voices import Voices
from gitstage.values import replace
from tests.registries import (
    ID,
    MONDAY,
    Story,
    believing,
    empty_slot,
    manifest,
    peopled,
    policy_file,
)

ONE, TWO = manifest("m", "1.0.0"), manifest("m", "1.1.0")
SLOT = Slot("m", "production")
GATE: dict[str, Any] = {"soak": "24h", "approvals": [{"count": 1, "from": "owners"}]}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every case that the fold gives to the judge, in order."""
    cases: list[Any] = []

    def heard(name: str) -> None:
        judge = getattr(folding, name)

        def judged(case: Any) -> Judgement:
            cases.append(case)
            found: Judgement = judge(case)
            return found

        monkeypatch.setattr(folding, name, judged)

    for name in ("judge_policy", "judge_records", "judge_slot"):
        heard(name)
    return cases


def staged(policy: bytes | None = None, folder: str = "registry") -> Story:
    """1.0.0 in staging, without a gate that somebody would have to open."""
    story = Story(policy or peopled(GATE), folder=folder)
    story.register("m", "1.0.0").stage("m", "1.0.0").land("alice")
    return story


def voices(story: Story, **more: Any) -> Voices:
    """Whose word there is, where nothing else is said: that of the trunk's tip, judged for the first time."""
    said: dict[str, Any] = {
        "policy": story.in_effect,
        "now": story.now,
        "folder": story.folder,
        "commit": story.line[-1],
        "landed": story.line[-1],
        "base": story.line[-2],
        "signed_by": believing,
        "vouched_for": story.vouched_for,
        "forge": story.forge,
        "commit_signers": story.commit_signers,
        "policy_since": MONDAY,
        "policy_at": story.line[0],
    }
    return Voices(**{**said, **more})


def told(case: Any) -> dict[str, Any]:
    """What a case says, without what gives trees: functions, and what has taken effect, which is asked by slot."""
    found = {one.name: getattr(case, one.name) for one in fields(case) if one.compare and one.name != "past"}
    return {**found, "voices": replace(case.voices, tree_at=None)}


def registry(story: Story, at: int = -1) -> Any:
    """The registry at a commit of the trunk."""
    return below(story.trees[story.line[at]], story.folder)


# Slots.


@pytest.mark.parametrize("folder", ["registry", ""])
def test_a_slot_is_judged_with_all_that_is_known_of_it(asked: list[Any], folder: str) -> None:
    story = staged(folder=folder)
    del asked[:]
    story.wait(hours=1).promote("m", "1.0.0").commit("alice")
    story.forge = Forge(kind="server", changes=(ForgeChange(authors=frozenset({"alice"})),))
    story.tag()
    (case,) = asked
    policy = story.in_effect
    assert policy is not None
    assert told(case) == {
        "slot": SLOT,
        "action": "promote",
        "policy": policy,
        "layout": layout_of(policy),
        "entry": Entry(FILE, blob_id(ONE)),
        "matched": True,
        "before": None,
        "before_blob": None,
        "after": "1.0.0",
        "after_blob": blob_id(ONE),
        "sources": frozenset({"staging", "registered"}),
        "with_policy": False,
        "records_open": None,
        "head": registry(story),
        "passed": registry(story),
        "base": registry(story, -2),
        "tip": registry(story),
        "now": MONDAY + timedelta(hours=1),
        "voices": voices(story, changed=frozenset({"production/m.yaml"})),
    }
    assert case.voices.tree_at(story.line[-2]) == story.trees[story.line[-2]]
    assert case.version_in(case.head, "m", "1.0.0") == read_version(ONE)
    assert [effect.after for effect in case.past.effects(Slot("m", "staging"))] == ["1.0.0"]


def test_a_slot_that_waits_is_judged_by_what_was_so_when_it_landed(asked: list[Any]) -> None:
    story = staged()
    story.promote("m", "1.0.0").land("alice")
    landed = story.line[-1]
    story.register("m", "1.1.0").policy(peopled(GATE, trunk="x"))
    del asked[:]
    story.wait(hours=30).land("bob")
    # At the commit judged last, at the new one, and there once more, since a policy and a version have passed.
    _, case, again = (case for case in asked if isinstance(case, SlotCase))
    assert (case.sources, case.with_policy, case.base, case.passed, case.head) == (
        frozenset({"staging", "registered"}),
        False,
        registry(story, -3),
        registry(story),
        registry(story),
    )
    assert told(case)["voices"] == voices(
        story,
        landed=landed,
        changed=frozenset({"gitstage.yaml", "models/m/1.1.0.yaml"}),
        authors_known=frozenset({"alice"}),
        policy_since=story.now,
        policy_at=story.line[-1],
    )
    assert told(again) == {**told(case), "voices": replace(told(case)["voices"], changed=frozenset())}
    del asked[:]
    story.wait(hours=1)
    story.tag()
    (case,) = asked
    assert told(case)["voices"] == voices(
        story,
        base=story.line[-1],
        landed=landed,
        is_new=False,
        authors_known=frozenset({"alice"}),
        policy_since=MONDAY + timedelta(hours=30),
        policy_at=story.line[-1],
    )
    assert case.base == registry(story, -3)


def test_what_a_forge_or_a_tag_said_goes_with_what_waits(asked: list[Any]) -> None:
    story = staged()
    story.promote("m", "1.0.0").commit("alice")
    story.forge = Forge(kind="server", changes=(ForgeChange(authors=frozenset({"alice"})),))
    story.tag()
    word = Word(by="server", authors=frozenset({"alice"}))
    assert story.state.open["production/m"].word == word
    story.forge = None
    story.outside("x", "x").commit("bob")
    tagged: dict[tuple[Thing, str], Word] = {(SLOT, story.line[-1]): Word(by="github", authors=frozenset({"bob"}))}
    del asked[:]
    folding.fold(
        story.state, story.steps(), replace(story.world(), word=lambda thing, commit: tagged.get((thing, commit)))
    )
    assert [(case.voices.word_known, case.voices.word) for case in asked] == [
        (word, None),
        (word, Word(by="github", authors=frozenset({"bob"}))),
    ]
    story.promote("m", "1.0.0").write("production/m.yaml", "junk").land("bob")
    assert asked[-1].voices.word_known is None


def test_what_is_judged_twice_in_a_run_that_brings_nothing_is_not_new_the_second_time(asked: list[Any]) -> None:
    story = Story(peopled(GATE))
    for model in ("m", "n"):
        story.register(model, "1.0.0").stage(model, "1.0.0")
    story.land("alice")
    story.promote("m", "1.0.0").approve("m", "1.0.0", "bob").promote("n", "1.0.0").land("alice")
    assert list(story.open) == ["production/m", "production/n"]
    # Whoever runs it now has made nothing of what landed before, which a server could believe of them.
    story.forge = Forge(kind="server", changes=(ForgeChange(authors=frozenset({"bob"})),))
    del asked[:]
    story.wait(hours=24).tag()
    assert [case.slot.model for case in asked] == ["m", "n", "n"]
    assert [case.voices.is_new for case in asked] == [False, False, False]
    assert (story.serves("m"), story.state.open["production/n"].authors) == ("1.0.0", frozenset({"alice"}))


def test_an_emptied_slot_and_what_lies_there_against_the_rules_are_told_apart(asked: list[Any]) -> None:
    story = staged()
    story.archive("m", "staging").land("alice")
    (emptied,) = (case for case in asked[-2:] if isinstance(case, SlotCase))
    assert (
        emptied.action,
        emptied.matched,
        emptied.before,
        emptied.before_blob,
        emptied.after,
        emptied.after_blob,
    ) == (
        "archive",
        True,
        "1.0.0",
        blob_id(ONE),
        None,
        None,
    )
    assert (emptied.entry, emptied.sources) == (Entry(FILE, blob_id(empty_slot("m"))), frozenset())
    story.write("production/m.yaml", "junk").land("alice")
    junk = asked[-1]
    assert (junk.action, junk.matched, junk.before, junk.after, junk.after_blob, junk.sources) == (
        "promote",
        False,
        None,
        None,
        None,
        frozenset(),
    )
    story.remove("production/m.yaml").remove("staging/m.yaml").land("alice")
    assert [(case.slot.stage, case.action, case.entry, case.matched) for case in asked[-1:]] == [
        ("staging", "archive", None, True)
    ]


def test_while_records_are_open_what_has_passed_is_told_from_what_lies_there(asked: list[Any]) -> None:
    story = staged()
    story.write("models/m/notes.txt", "junk").land("alice")
    story.register("m", "1.1.0").fill("m", "1.1.0", "staging").land("bob")
    case = asked[-1]
    assert (case.slot.stage, case.after, case.after_blob, case.records_open) == (
        "staging",
        "1.1.0",
        blob_id(TWO),
        story.state.open["records/m"],
    )
    assert (case.passed, case.base, case.head, case.tip) == (
        registry(story, 1),
        registry(story, 1),
        registry(story),
        registry(story),
    )


def test_where_a_version_comes_from_is_looked_up_where_its_records_passed_last(asked: list[Any]) -> None:
    story = Story(policy_file())
    story.register("m", "1.0.0").register("m", "1.1.0").register("m", "1.2.0").land()
    story.write("production/m.yaml", ONE).land()
    assert (asked[-1].sources, list(story.open)) == (frozenset({"registered"}), ["production/m"])
    story.copy("models/m/1.1.0.yaml", "archived/m/1.1.0.yaml").land()
    story.write("production/m.yaml", TWO).land()
    assert (asked[-1].after, asked[-1].sources) == ("1.1.0", frozenset({"archived"}))
    story.copy("models/m/1.2.0.yaml", "archived/m/1.2.0.yaml").write("models/m/notes.txt", "junk").land()
    story.copy("models/m/1.2.0.yaml", "production/m.yaml").land()
    assert (asked[-1].after, asked[-1].sources) == ("1.2.0", frozenset()), "its listing has not passed, and hides it"


def test_a_rollback_is_to_what_passed_though_its_file_is_gone() -> None:
    story = Story(policy_file())
    for version in ("1.0.0", "1.1.0"):
        story.register("m", version).stage("m", version).land()
        story.promote("m", version).land()
    story.remove("models/m/1.0.0.yaml").land()
    story.write("production/m.yaml", ONE).copy("models/m/1.1.0.yaml", "archived/m/1.1.0.yaml").land()
    assert (story.serves("m"), list(story.open)) == ("1.0.0", ["records/m"])


# Records.


@pytest.mark.parametrize("folder", ["registry", ""])
def test_a_models_records_are_judged_with_all_that_is_known_of_them(asked: list[Any], folder: str) -> None:
    story = staged(folder=folder)
    story.register("m", "1.1.0").stage("m", "1.1.0").land("alice")
    story.hold("m", "1.0.0").attest("m", "1.1.0").register("m", "1.2.0").register("n", "1.0.0")
    story.outside("README.md", "A repository.\n").outside("models.md", "x").commit("alice")
    del asked[:]
    story.tag()
    case, other = asked
    policy = story.in_effect
    assert policy is not None
    changed = ["models/m/1.2.0.yaml", "evidence/m/1.1.0/shadow-traffic/1.json", "holds/m/1.0.0.yaml"]
    assert [change.path for change, _ in case.changes] == changed
    assert case.changes[0] == (
        Change("models/m/1.2.0.yaml", None, Entry(FILE, blob_id(manifest("m", "1.2.0")))),
        layout_of(policy).place("models/m/1.2.0.yaml"),
    )
    assert {place.thing for _, place in case.changes} == {Records("m")}
    paths = {*changed, "models/n/1.0.0.yaml"} | ({"README.md", "models.md"} if not folder else set())
    assert told(case) == {
        "model": "m",
        "policy": policy,
        "layout": layout_of(policy),
        "before": registry(story, -2),
        "after": registry(story),
        "changes": case.changes,
        "left": frozenset({"1.0.0"}),
        "now": MONDAY,
        "in_stages": {"1.1.0": "staging"},
        "policy_number": 1,
        "displaced": frozenset({"m"}),
        "voices": voices(story, changed=frozenset(paths)),
    }
    assert (other.model, other.left, other.in_stages, other.displaced) == ("n", frozenset(), {}, frozenset({"m"}))


def test_open_records_are_judged_against_what_passed(asked: list[Any]) -> None:
    story = staged()
    story.write("models/m/notes.txt", "junk").land("alice")
    del asked[:]
    story.register("n", "1.0.0").land("bob")
    _, case, _, again = asked
    assert (case.model, case.before, case.after, [change.path for change, _ in case.changes]) == (
        "m",
        registry(story, 1),
        registry(story),
        ["models/m/notes.txt"],
    )
    landed = {"landed": story.line[2], "commit": story.line[3], "base": story.line[2]}
    assert told(case)["voices"] == voices(story, **landed, changed=frozenset({"models/n/1.0.0.yaml"}))
    assert told(again) == {**told(case), "voices": voices(story, **landed), "displaced": frozenset({"m"})}


# The policy.


@pytest.mark.parametrize("folder", ["registry", ""])
def test_a_policy_is_judged_with_all_that_is_known_of_it(asked: list[Any], folder: str) -> None:
    protected = {"protected": ["CODEOWNERS"], "governance": [{"count": 1, "from": "compliance"}]}
    story = staged(peopled(**protected), folder=folder)  # type: ignore[arg-type]
    old = story.in_effect
    story.policy(peopled(trunk="x", **protected)).outside("CODEOWNERS", "* @a\n").outside("src/x", "x")  # type: ignore[arg-type]
    story.commit("alice")
    del asked[:]
    story.tag()
    (case,) = asked
    assert old is not None
    assert told(case) == {
        "before": registry(story, -2),
        "after": registry(story),
        "old": old,
        "new": story.declared_policy,
        "problem": None,
        "changes": (
            (
                Change(
                    "gitstage.yaml",
                    registry(story, -2).entry("gitstage.yaml"),
                    registry(story).entry("gitstage.yaml"),
                ),
                layout_of(old).place("gitstage.yaml"),
            ),
        ),
        "now": MONDAY,
        "displaced": frozenset(),
        "voices": voices(
            story, changed=frozenset({"gitstage.yaml"} | ({"CODEOWNERS", "src/x"} if not folder else set()))
        ),
    }
    assert case.about() == PolicyChange(
        registry=ID,
        policy=str(digest_at(case.after, "gitstage.yaml")),
        base=old.digest,
        number=1,
        files={"CODEOWNERS": digest_at(story.tree, "CODEOWNERS")},
    )
    assert (list(case.filled("staging")), list(case.filled("production"))) == ([Slot("m", "staging")], [])
    assert case.unlike(story.tree) is None
    assert case.unlike(story.trees[story.line[-2]]) == f"another {story.at('gitstage.yaml')}"
    (judged,) = story.last.judgements
    assert (judged.thing, judged.verdict) == ("policy", Verdict.PENDING)
    story.approve_policy("carol").land("alice")
    assert (story.open, [found.number for found in story.policies]) == ({}, [1, 2])
    assert story.policies[-1] == PolicyEffect(
        number=2,
        blob=blob_id(story.read("gitstage.yaml")),
        digest=hashlib.sha256(story.read("gitstage.yaml")).hexdigest(),
        commit=story.line[-1],
        moment=MONDAY,
        approvers=("carol",),
    )
    assert (story.state.policy, story.state.policy_number, story.state.policy_since) == (story.line[-1], 2, MONDAY)


def test_the_slots_in_effect_are_told_in_order_whatever_lies_there(asked: list[Any]) -> None:
    story = Story(policy_file())
    for model in ("z", "b/c", "a"):
        story.register(model, "1.0.0").stage(model, "1.0.0")
    story.land()
    story.archive("a", "staging").land()
    story.remove("staging/z.yaml").write("stray", "x").land()
    assert list(asked[0].filled("staging")) == []
    policy = next(case for case in reversed(asked) if isinstance(case, PolicyCase))
    assert list(policy.filled("staging")) == [Slot("b/c", "staging"), Slot("z", "staging")]


def test_the_policies_that_rule_over_tags_are_kept_from_the_first_that_names_who_may() -> None:
    story = Story(peopled())
    rulings = []
    for more, rules_over_tags in (
        ({"trunk": "x"}, False),
        ({"taggers": ["dave"]}, True),
        ({"taggers": ["dave"], "trunk": "x"}, True),
        ({}, True),
        ({"trunk": "y"}, False),
    ):
        story.wait(hours=1).policy(peopled(**more)).land("alice")
        if rules_over_tags:
            blob = blob_id(story.read("gitstage.yaml"))
            rulings.append(Ruling(commit=story.line[-1], blob=blob, since=story.now))
        assert (story.state.rulings, story.open) == (tuple(rulings), {})


def test_what_changes_nothing_of_the_file_makes_no_new_policy() -> None:
    story = Story(policy_file())
    story.write("stray", "x").land()
    story.remove("stray").land()
    assert (len(story.policies), story.state.policy, story.open) == (1, story.line[0], {})
    (judged,) = story.write("README.md", "x").land().judgements
    assert (judged.thing, judged.verdict, judged.findings, len(story.policies)) == ("policy", Verdict.PASSED, (), 1)
    (judged,) = story.register("m", "1.0.0").land().judgements
    assert (judged.thing, judged.verdict, judged.findings) == ("records/m", Verdict.PASSED, ())


def test_a_policy_that_cannot_be_read_is_judged_with_what_is_wrong_with_it(asked: list[Any]) -> None:
    story = staged()
    story.link("gitstage.yaml").land("alice")
    case = asked[-1]
    assert (case.new, str(case.problem)) == (None, "gitstage.yaml is not a regular file")
    link = story.tree.entry(story.at("gitstage.yaml"))
    assert link is not None
    assert case.about().policy == hashlib.sha256(f"120000 {link.oid}".encode()).hexdigest()
    story.remove("gitstage.yaml").land("alice")
    assert (asked[-1].new, asked[-1].problem, asked[-1].about()) == (None, None, None)
    story.policy(b"junk").land("alice")
    assert (asked[-1].new, asked[-1].old) == (None, story.in_effect)
    assert asked[-1].before == registry(story, 1)


# What is kept of what did not pass.


def test_what_did_not_pass_is_kept_with_all_that_was_so_when_it_landed() -> None:
    story = staged()
    story.wait(hours=1).promote("m", "1.0.0").write("models/n/1.0.0.yaml", "junk").policy(b"junk").land("alice")
    opened, landed, passed = story.now, story.line[-1], story.line[-2]
    assert story.state.open == {
        "policy": Open(
            thing=POLICY,
            landed=landed,
            passed=passed,
            since=opened,
            verdict=Verdict.REFUSED,
            findings=story.said("policy"),
        ),
        "records/n": Open(
            thing=Records("n"),
            landed=landed,
            passed=passed,
            since=opened,
            verdict=Verdict.REFUSED,
            findings=story.said("records/n"),
        ),
        "production/m": Open(
            thing=SLOT,
            landed=landed,
            passed=passed,
            since=opened,
            verdict=Verdict.REFUSED,
            findings=tuple(found for found in story.said("production/m") if found.verdict is not Verdict.PASSED),
            sources=frozenset({"staging", "registered"}),
            with_policy=True,
            after="1.0.0",
            authors=frozenset({"alice"}),
        ),
    }
    before = dict(story.state.open)
    story.wait(hours=1).outside("x", "x").land("bob")
    kept = {name: replace(item, findings=before[name].findings) for name, item in story.state.open.items()}
    assert kept == before, "what is not touched stays as it landed"


def test_what_is_changed_again_is_open_since_then() -> None:
    story = staged()
    story.promote("m", "1.0.0").land("alice")
    first = story.state.open["production/m"]
    story.wait(hours=1).register("m", "1.1.0").land("bob")
    assert story.state.open["production/m"] == replace(first, findings=story.said("production/m"))
    story.wait(hours=1).promote("m", "1.1.0").land("bob")
    assert story.state.open["production/m"] == Open(
        thing=SLOT,
        landed=story.line[-1],
        passed=story.line[-2],
        since=MONDAY + timedelta(hours=2),
        verdict=Verdict.REFUSED,
        findings=story.said("production/m"),
        sources=frozenset({"registered"}),
        after="1.1.0",
        authors=frozenset({"bob"}),
    )


@pytest.mark.parametrize("folder", ["registry", ""])
def test_an_open_policy_has_landed_with_whoever_changed_what_it_answers_for_last(folder: str) -> None:
    story = Story(policy_file(), folder=folder)
    story.policy(b"junk").land()

    def landed() -> tuple[int, datetime]:
        item = story.state.open["policy"]
        return story.line.index(item.landed), item.since

    assert landed() == (1, MONDAY)
    story.wait(hours=1)
    edits: list[Callable[[], object]] = [
        lambda: story.outside("src/main.py", "pass\n"),
        lambda: story.register("m", "1.0.0"),
        lambda: story.stage("m", "1.0.0"),
        lambda: story.write(f"evidence/policy/{'0' * 64}/approval-bob/1.json", "{}"),
    ]
    for edit in edits:
        edit()
        story.land()
        assert landed() == (1, MONDAY)
    story.write("staging/notes.txt", "x").land()
    assert landed() == (6, story.now)
    story.wait(hours=1).policy(b"more junk").land()
    assert landed() == (7, story.now)


def test_open_records_have_landed_with_whoever_changed_them_last() -> None:
    story = staged()
    story.write("models/m/notes.txt", "junk").land("alice")
    first = story.state.open["records/m"]
    story.wait(hours=1).register("n", "1.0.0").land("bob")
    assert story.state.open["records/m"] == first
    story.write("models/m/more.txt", "junk").land("bob")
    assert story.state.open["records/m"] == replace(
        first, landed=story.line[-1], since=story.now, findings=story.said("records/m")
    )
    assert len(story.said("records/m")) == 2


def test_records_that_are_put_back_are_not_spoken_of_and_those_that_lack_something_are() -> None:
    story = staged(policy_file())
    story.write("models/m/notes.txt", "junk").land()
    story.remove("models/m/notes.txt").land()
    assert (story.open, story.last.judgements) == ({}, ())
    story.register("m", "1.1.0").stage("m", "1.1.0").land()
    story.remove("archived/m/1.0.0.yaml").land()
    said = [found.rule for found in story.said("records/m")]
    assert said == ["nothing-removed", "leaves-archived"]
    assert story.open == {"records/m": ["refused", *said]}


def test_what_a_forge_said_of_records_is_kept_for_one_run() -> None:
    story = staged(peopled({"soak": "1h"}))
    story.hold("m", "1.0.0").register("n", "1.0.0").hold("n", "1.0.0").land("alice")
    story.unhold("m", "1.0.0").unhold("n", "1.0.0")
    story.forge = Forge(kind="server", changes=(ForgeChange(authors=frozenset({"alice"})),))
    story.land()
    word = Word(by="server", authors=frozenset({"alice"}))
    assert (story.open, story.state.said) == ({}, {"records/m": word, "records/n": word})
    story.forge = None
    story.outside("x", "x").land()
    assert story.state.said == {}


# What is owed.

GLASS: dict[str, Any] = {"waivers": {"by": ["owners", "oncall"], "settle": "72h"}}


def owing(*models: str) -> Story:
    """1.0.0 of some models came into production by waivers of alice's, an hour after it was staged."""
    story = Story(peopled({"soak": "24h"}, GLASS))
    for model in models:
        story.register(model, "1.0.0").stage(model, "1.0.0")
    story.land()
    story.wait(hours=1)
    for model in models:
        story.promote(model, "1.0.0").waive(model, "1.0.0", "soak", "alice")
    story.land()
    return story


def test_what_was_waived_is_owed_and_stands_in_what_took_effect() -> None:
    story = owing("m")
    about = replace(story.about("m", "1.0.0"), incumbent=None, change=0)
    debt = Debt(
        kind="waiver",
        by=("alice",),
        due=MONDAY + timedelta(hours=73),
        rule="soak",
        reason="it burns",
        expires=MONDAY + timedelta(hours=9),
    )
    assert story.state.owed == (Owed(about=about, number=1, since=MONDAY + timedelta(hours=1), debt=debt),)
    (effect,) = story.last.effects
    assert (effect.debts, effect.findings) == ((debt,), story.said("production/m"))
    assert [found.verdict for found in effect.findings] == [Verdict.WAIVED]
    assert story.open == {}


def test_of_two_debts_each_is_settled_by_its_own_countersignature() -> None:
    story = owing("m", "n", "o")
    first, second, third = story.state.owed
    assert [owed.name for owed in story.state.owed] == ["m/production/1", "n/production/1", "o/production/1"]
    story.wait(hours=1).say("settle", "bob", about=second.about).land()
    assert story.state.owed == (first, third)
    story.say("settle", "bob", about=third.about).say("settle", "bob", about=first.about).land()
    assert len(story.state.owed) == 0


def test_a_countersignature_that_was_none_counts_once_a_policy_says_so() -> None:
    story = owing("m", "n")
    for owed in story.state.owed:
        story.say("settle", "carol", about=owed.about)
    story.land()
    assert [owed.name for owed in story.state.owed] == ["m/production/1", "n/production/1"]
    roles = {"risk": ["alice", "bob"], "compliance": ["bob", "carol"], "oncall": ["dave", "carol"]}
    story.wait(hours=1).policy(peopled({"soak": "24h"}, GLASS, roles=roles)).land()
    assert (story.state.owed, story.open) == ((), {})


# Who stood for what.


def test_who_stood_for_an_emptied_slot_is_remembered_while_it_waits() -> None:
    story = staged(peopled({"soak": "1h"}))
    story.wait(hours=1).promote("m", "1.0.0").land("alice")
    story.write("models/m/notes.txt", "junk").land("dave")
    passed = story.line[-2]
    story.archive("m").land("alice")
    stood = Stood(blob=blob_id(empty_slot("m")), landed=story.line[-1], people=frozenset({"alice"}))
    assert story.state.open["production/m"] == Open(
        thing=SLOT,
        landed=story.line[-1],
        passed=passed,
        since=story.now,
        verdict=Verdict.PENDING,
        findings=story.said("production/m")[:1],
        stood={"production/m.yaml": stood},
    )
    story.outside("x", "x").land("dave")
    assert story.state.open["production/m"].stood == {"production/m.yaml": stood}
    story.remove("models/m/notes.txt").land("dave")
    assert (story.serves("m"), story.open) == (None, {})


def test_a_slot_that_stays_empty_needs_no_tag_that_could_be_blocked() -> None:
    story = Story(policy_file())
    story.register("m", "1.0.0").land()
    story.write("production/m.yaml", empty_slot("m")).stage("m", "1.0.0").commit()
    world = replace(story.world(), blocked=lambda model: f"the tag {model} is in the way")
    assert list(folding.fold(story.state, story.steps(), world).state.open) == ["staging/m"]


def test_what_is_judged_can_be_watched() -> None:
    story = staged()
    story.promote("m", "1.0.0").commit("alice")
    seen: list[tuple[Any, Judgement]] = []
    folded = folding.fold(
        story.state, story.steps(), replace(story.world(), watch=lambda case, said: seen.append((case, said)))
    )
    ((case, said),) = seen
    assert (case.slot, (said,)) == (SLOT, folded.judgements)
