from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gitstage.changes import LINK, Entry, blob_id
from gitstage.findings import Finding, Verdict
from gitstage.forges import Forge, ForgeChange, Review
from gitstage.policy import read_policy
from gitstage.rules import owner
from tests.registries import ROLES, Content, Story, hold, manifest, peopled, policy_case, records_case, slot_case

GATE = {"metrics": [{"name": "auc", "min": 0.5}]}
NEEDED = "needs one of its owners, alice or bob, who signs, proposes or approves it"


def story(**more: Any) -> Story:
    """1.0.0 serves, behind a gate."""
    it = Story(peopled(GATE, **more))
    it.register("m", "1.0.0", auc=0.9).stage("m", "1.0.0").land()
    it.promote("m", "1.0.0").land()
    assert it.open == {}
    return it.wait(hours=1)


def forge(it: Story, *authors: str, approved: tuple[str, ...] = (), seen: str | None = None) -> Story:
    """The last commit was made by these people, as the server knows, and it or the one `seen` was reviewed by those."""
    reviews = tuple(Review(account=name, commit=seen or it.line[-1], moment=it.now) for name in approved)
    change = ForgeChange(authors=frozenset(authors), approvals=reviews, commits=frozenset({it.line[-1]}))
    it.forge = Forge(kind="server", changes=(change,))
    return it


def said(it: Story, thing: str) -> Finding:
    (found,) = [found for found in it.said(thing) if found.rule == "owner"]
    return found


# Emptying a slot


@pytest.mark.parametrize("by", ["alice", "bob"])
def test_an_owner_empties_a_slot_that_has_gates(by: str) -> None:
    it = story().archive("m")
    it.land(by)
    assert (it.open, it.serves("m")) == ({}, None)
    assert said(it, "production/m") == Finding(
        rule="owner",
        verdict=Verdict.PASSED,
        message=f"emptying production: {by} owns it",
        path="production/m.yaml",
        people=(by,),
    )


def test_all_owners_who_stand_for_it_are_named() -> None:
    it = story().archive("m")
    it.land("bob", "alice")
    found = said(it, "production/m")
    assert (found.message, found.people) == ("emptying production: alice, bob owns it", ("alice", "bob"))


@pytest.mark.parametrize("by", [(), ("carol",), ("mallory",)])
def test_anybody_else_waits_for_an_owner(by: tuple[str, ...]) -> None:
    it = story().archive("m")
    it.land(*by)
    assert said(it, "production/m") == Finding(
        rule="owner",
        verdict=Verdict.PENDING,
        message=f"emptying production {NEEDED}",
        path="production/m.yaml",
        hint="one of them signs the commit, or approves it on the forge, or: "
        "gitstage approve m@1.0.0 --for production --sign KEY",
    )
    it.approve("m", "1.0.0", "carol").land()
    assert it.open == {"production/m": ["pending", "owner"]}
    it.approve("m", "1.0.0", "bob").land()
    assert (it.open, it.serves("m")) == ({}, None)


def test_an_owner_who_signed_something_else_in_the_same_push_has_not_signed_this() -> None:
    it = story()
    it.write("models/m/README.md", "a card").commit("alice")
    it.archive("m").commit("carol")
    it.tag()
    assert it.open == {"production/m": ["pending", "owner"]}


def test_every_commit_that_changes_the_slot_has_to_be_an_owner_s() -> None:
    it = story()
    it.register("m", "1.1.0", auc=0.9).stage("m", "1.1.0").land()
    it.promote("m", "1.1.0")
    first = it.commit("alice")
    it.archive("m")
    it.commit("carol")
    step = it.steps()[-1]
    from gitstage.rules.fold import fold

    assert "production/m" in fold(it.state, [step], it.world()).state.open
    it.signers[it.line[-1]], it.signers[first] = ("alice",), ("bob",)
    assert fold(it.state, [step], it.world()).state.open == {}


@pytest.mark.parametrize(
    ("authors", "approved", "passes"),
    [
        (("alice",), (), True),
        (("carol",), ("bob",), True),
        (("carol",), ("carol",), False),
        (("carol", "alice"), (), True),
        (("mallory",), (), False),
    ],
)
def test_a_forge_says_who_proposed_and_who_approved_it(
    authors: tuple[str, ...], approved: tuple[str, ...], passes: bool
) -> None:
    it = story().archive("m")
    it.commit()
    forge(it, *authors, approved=approved).tag()
    assert (it.serves("m") is None) is passes


def test_who_stood_for_it_is_remembered_while_something_else_is_open() -> None:
    it = story().archive("m").policy(peopled(GATE, trunk="main"))
    it.commit()
    forge(it, "carol", "bob").tag()
    assert it.open == {"production/m": ["refused", "policy-alone"]}
    stood = it.state.open["production/m"].stood
    assert {path: (who.landed, who.people) for path, who in stood.items()} == {
        "production/m.yaml": (it.line[-1], frozenset({"bob"}))
    }


def test_where_a_model_has_no_owners_anybody_empties_its_slot() -> None:
    it = story(models={}).archive("m")
    it.land()
    assert it.open == {}


def test_a_slot_without_gates_is_emptied_by_anybody() -> None:
    it = story().archive("m", "staging")
    it.land()
    assert (it.open, it.said("staging/m")) == ({}, ())


def test_a_slot_that_is_filled_or_stays_empty_asks_no_owner() -> None:
    assert list(owner.slot(slot_case(policy=peopled(GATE)))) == []
    assert list(owner.slot(slot_case(policy=peopled(GATE), action="archive", incoming=None, incumbent=None))) == []
    assert list(owner.slot(slot_case(policy=peopled(GATE), action="archive", entry=None, incoming=None))) == []


# Releasing a hold


def held() -> Story:
    it = story().hold("m", "1.0.0")
    it.land()
    assert it.open == {}
    return it.wait(hours=1)


@pytest.mark.parametrize(("by", "passes"), [("bob", True), ("carol", False)])
def test_a_hold_is_released_by_an_owner(by: str, passes: bool) -> None:
    it = held().unhold("m", "1.0.0")
    it.land(by)
    assert said(it, "records/m") == (
        Finding(
            rule="owner",
            verdict=Verdict.PASSED,
            message="releasing the hold on 1.0.0: bob owns it",
            path="holds/m/1.0.0.yaml",
            people=("bob",),
        )
        if passes
        else Finding(
            rule="owner",
            verdict=Verdict.PENDING,
            message=f"releasing the hold on 1.0.0 {NEEDED}",
            path="holds/m/1.0.0.yaml",
            hint="one of them signs the commit, or approves it on the forge",
        )
    )
    assert (it.open == {}) is passes


def test_an_owner_stands_for_a_release_while_others_mend_the_records() -> None:
    it = held().unhold("m", "1.0.0").write("models/m/notes.txt", "x")
    it.land("alice")
    assert it.open == {"records/m": ["refused", "known-path"]}
    assert it.state.open["records/m"].stood["holds/m/1.0.0.yaml"].people == {"alice"}
    it.signers.clear()
    it.remove("models/m/notes.txt").land("carol")
    assert it.open == {}


def test_nobody_stands_for_a_release_by_mending_something_else() -> None:
    it = held().unhold("m", "1.0.0").write("models/m/notes.txt", "x")
    it.land("carol")
    it.remove("models/m/notes.txt").land("alice")
    assert it.open == {"records/m": ["pending", "owner"]}
    it.write("holds/m/1.0.0.yaml", hold("m", "1.0.0", "and more", state="released")).land("alice")
    assert it.open == {}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (hold("m", "1.0.0"), hold("m", "1.0.0", "another reason")),
        (hold("m", "1.0.0", state="released"), hold("m", "1.0.0", "again")),
        (hold("m", "1.0.0", state="released"), hold("m", "1.0.0", "better said", state="released")),
        (hold("m", "1.0.0"), "junk"),
    ],
)
def test_only_a_release_asks_an_owner(before: Content, after: Content) -> None:
    case = records_case(
        {"models/m/1.0.0.yaml": manifest("m", "1.0.0"), "holds/m/1.0.0.yaml": before},
        {"holds/m/1.0.0.yaml": after},
        policy=peopled(),
    )
    assert list(owner.records(case)) == []


def test_every_hold_is_looked_at() -> None:
    paths = [f"holds/m/1.0.{number}.yaml" for number in range(3)]
    before: dict[str, Content] = {path: hold("m", f"1.0.{number}") for number, path in enumerate(paths)}
    after: dict[str, Content | None] = {
        "holds/m/0.9.0.yaml": hold("m", "0.9.0"),
        paths[0]: hold("m", "1.0.0", "another reason"),
        **{path: hold("m", f"1.0.{number}", state="released") for number, path in enumerate(paths) if number},
    }
    answers = list(owner.records(records_case(before, after, policy=peopled())))
    assert [answer.path for answer in answers] == paths[1:]


def test_what_is_no_plain_file_releases_nothing() -> None:
    released = hold("m", "1.0.0", state="released")
    edits: dict[str, Content | None] = {
        "holds/m/1.0.0.yaml": Entry(LINK, blob_id(released)),
        "models/m/README.md": released,
    }
    assert list(owner.records(records_case({"holds/m/1.0.0.yaml": hold("m", "1.0.0")}, edits, policy=peopled()))) == []


def test_a_hold_that_cannot_be_read_is_released_by_an_owner_too() -> None:
    released: dict[str, Content | None] = {"holds/m/1.0.0.yaml": hold("m", "1.0.0", state="released")}
    for before in ("junk", hold("m", "1.0.0")):
        (answer,) = owner.records(records_case({"holds/m/1.0.0.yaml": before}, released, policy=peopled()))
        assert answer.verdict is Verdict.PENDING
    assert list(owner.records(records_case({}, released, policy=peopled()))) == []
    assert list(owner.records(records_case({"holds/m/1.0.0.yaml": "junk"}, released, policy=peopled(models={})))) == []


# Changing the owners


def other_owners(**more: Any) -> bytes:
    return peopled(GATE, models={"**": {"owners": ["compliance"]}}, **more)


@pytest.mark.parametrize(("by", "passes"), [("alice", True), ("carol", False)])
def test_the_owners_of_a_model_are_changed_by_one_of_them(by: str, passes: bool) -> None:
    it = story().policy(other_owners())
    it.land(by)
    assert (it.open == {}) is passes
    if not passes:
        assert said(it, "policy") == Finding(
            rule="owner",
            verdict=Verdict.PENDING,
            message=f"changing the owners of m {NEEDED}",
            path="gitstage.yaml",
            hint="one of them signs the commit, or approves it on the forge",
        )


def test_who_is_in_a_role_changes_owners_too() -> None:
    it = story().policy(peopled(GATE, roles={**ROLES, "risk": ["alice", "bob", "carol"]}))
    it.land("carol")
    assert it.open == {"policy": ["pending", "owner"]}


def test_owners_of_a_model_that_is_not_there_are_changed_by_anybody() -> None:
    it = story().policy(peopled(GATE, models={"**": {"owners": ["risk"]}, "n": {"owners": ["compliance"]}}))
    it.land()
    assert it.open == {}


def test_a_model_without_owners_gets_some_from_anybody() -> None:
    it = story(models={}).policy(peopled(GATE))
    it.land()
    assert it.open == {}


@pytest.mark.parametrize(
    ("more", "named"), [(1, "m, n0"), (2, "m, n0, n1"), (3, "m, n0, n1 and 1 others"), (5, "m, n0, n1 and 3 others")]
)
def test_of_many_models_some_are_named(more: int, named: str) -> None:
    it = story()
    for number in range(more):
        it.register(f"n{number}", "1.0.0")
    it.land()
    it.policy(other_owners()).land("carol")
    assert said(it, "policy").message == f"changing the owners of {named} {NEEDED}"


@pytest.mark.parametrize("same", [True, False])
def test_who_reviews_other_owners_stands_for_no_others(same: bool) -> None:
    it = story().policy(other_owners())
    seen = it.commit()
    if not same:
        it.policy(peopled(GATE, models={"**": {"owners": ["oncall"]}})).commit()
    forge(it, "carol", approved=("bob",), seen=seen).tag()
    assert it.open == ({} if same else {"policy": ["pending", "owner"]})


@pytest.mark.parametrize("same", [True, False])
def test_who_reviews_another_release_stands_for_no_other(same: bool) -> None:
    it = held().unhold("m", "1.0.0")
    seen = it.commit()
    if not same:
        it.write("holds/m/1.0.0.yaml", hold("m", "1.0.0", "no reason at all", state="released")).commit()
    forge(it, "carol", approved=("bob",), seen=seen).tag()
    assert it.open == ({} if same else {"records/m": ["pending", "owner"]})


def test_whose_versions_are_numbers_has_owners_too() -> None:
    it = Story(peopled(GATE, versions="integer"))
    it.register("m", "7", auc=0.9).land()
    it.policy(other_owners(versions="integer")).land("carol")
    assert said(it, "policy").message == f"changing the owners of m {NEEDED}"


def test_a_model_that_passed_once_keeps_its_owners() -> None:
    case = policy_case({"gitstage.yaml": peopled()}, {"gitstage.yaml": other_owners()}, displaced=["gone"])
    assert [answer.message for answer in owner.policy(case)] == [f"changing the owners of gone {NEEDED}"]


def test_a_policy_that_is_taken_away_changes_no_owners() -> None:
    case = policy_case({"gitstage.yaml": peopled()}, {"gitstage.yaml": None}, displaced=["m"])
    assert list(owner.policy(case)) == []
    assert list(owner.policy(replace(case, new=read_policy(other_owners())))) == []


def test_governance_can_change_owners_who_have_left() -> None:
    it = story(governance=[{"count": 1, "from": "compliance"}])
    it.policy(other_owners(governance=[{"count": 1, "from": "compliance"}])).approve_policy("bob").land("carol")
    assert it.open == {}
    assert [found.rule for found in it.said("policy")] == ["governance"]
