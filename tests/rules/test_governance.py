from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gitstage.approvals import PolicyChange, PolicySaid, read_said
from gitstage.changes import EXECUTABLE, Entry
from gitstage.findings import Finding, Verdict
from gitstage.forges import Forge, ForgeChange, Review
from gitstage.manifest import tombstone
from gitstage.rules import governance
from gitstage.rules.fold import digest_at
from gitstage.rules.voices import Voices
from tests.registries import Story, believing, peopled, policy_case, tree

ONE = [{"count": 1, "from": "compliance"}]
GATE = {"metrics": [{"name": "auc", "min": 0.5}]}
LOOSER = {"metrics": [{"name": "auc", "min": 0.1}]}
FILES = {"protected": ["CODEOWNERS", ".github/**"], "governance": ONE}


def story(**more: Any) -> Story:
    it = Story(peopled(GATE, **{**FILES, **more}))
    it.outside("CODEOWNERS", "* @alice\n").land()
    return it.wait(hours=1)


def looser(**more: Any) -> bytes:
    return peopled(LOOSER, **{**FILES, **more})


def said(it: Story) -> Finding:
    (found,) = [found for found in it.said("policy") if found.rule == "governance"]
    return found


def read_policy_said(data: bytes) -> PolicySaid:
    found = read_said(data)
    assert isinstance(found, PolicySaid)
    return found


def opened() -> Story:
    """A registry whose protected file was approved."""
    it = story()
    assert it.open == {"policy": ["pending", "governance"]}
    it.outside("CODEOWNERS", "* @bob\n").approve_policy("bob").land("alice")
    assert it.open == {}
    return it


# Approving


def test_a_policy_takes_effect_when_somebody_else_has_approved_it() -> None:
    it = Story(peopled(GATE, governance=ONE))
    it.policy(looser(protected=[])).land("alice")
    assert said(it) == Finding(
        rule="governance",
        verdict=Verdict.PENDING,
        message="1 approval by compliance missing (bob or carol could)",
        value="0 of 1",
        threshold="1 from compliance",
        hint="gitstage approve --policy --sign KEY",
    )
    it.approve_policy("carol").land()
    assert it.open == {}
    assert said(it) == Finding(
        rule="governance",
        verdict=Verdict.PASSED,
        message="approved by carol (compliance)",
        value="1 of 1",
        threshold="1 from compliance",
        people=("carol",),
    )
    assert [(found.number, found.approvers) for found in it.policies] == [(1, ()), (2, ("carol",))]


def test_an_approval_may_land_first() -> None:
    it = Story(peopled(GATE, governance=ONE))
    before = dict(it.files)
    it.policy(looser()).approve_policy("bob")
    after = it.files
    it.files = {**before, **{path: entry for path, entry in after.items() if "/evidence/" in path}}
    it.land()
    assert it.open == {}
    it.files = after
    it.land("alice")
    assert (it.open, len(it.policies)) == ({}, 2)


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ((), "1 approval by compliance missing (carol could); approval-nobody/1.json: not signed"),
        (("bob",), "1 approval by compliance missing (carol could); bob made the change"),
        (("alice",), "1 approval by compliance missing (carol could)"),
        (
            ("mallory",),
            (
                "1 approval by compliance missing (carol could); "
                "approval-mallory/1.json: signed with a key that nobody in gitstage.yaml has"
            ),
        ),
    ],
)
def test_not_everybody_approves_a_policy(by: tuple[str, ...], message: str) -> None:
    it = Story(peopled(GATE, governance=ONE))
    it.policy(looser()).approve_policy(*by).land("bob")
    assert said(it).message == message


def test_an_approval_has_its_time() -> None:
    it = Story(peopled(GATE, governance=ONE))
    it.policy(looser()).land("alice")
    it.wait(hours=2).approve_policy("bob", made=it.now - timedelta(hours=1), expires=it.now)
    it.approve_policy("carol", made=it.now + timedelta(minutes=1)).land()
    assert said(it).message == (
        "1 approval by compliance missing (bob or carol could); "
        "approval-bob/1.json has expired (2026-11-23T12:00:00Z); "
        "approval-carol/1.json is dated in the future (2026-11-23T12:01:00Z)"
    )
    it.wait(minutes=1).tag()
    assert it.open == {}


def test_what_is_no_approval_hides_none_behind_it() -> None:
    it = Story(peopled(GATE, governance=ONE))
    it.register("m", "1.0.0", auc=0.9).approve("m", "1.0.0", "alice").land()
    other = it.read("evidence/m/1.0.0/approval-alice/1.json")
    it.policy(looser()).approve_policy("carol")
    policy = hashlib.sha256(it.read("gitstage.yaml")).hexdigest()
    case = replace(
        policy_case({"gitstage.yaml": peopled(GATE, governance=ONE)}, {"gitstage.yaml": looser()}),
        after=it.write(f"evidence/policy/{policy}/approval-alice/1.json", other).registry,
        about=lambda: read_policy_said(it.read(f"evidence/policy/{policy}/approval-carol/1.json")).about,
        voices=Voices(
            policy=it.in_effect, now=it.now, authors_known=frozenset({"bob"}), signed_by=believing, policy_since=it.now
        ),
    )
    assert [(found.verdict, found.people) for found in governance.policy(case)] == [(Verdict.PASSED, ("carol",))]
    assert governance.is_met(case)


def test_without_governance_nobody_is_asked() -> None:
    it = Story(peopled(GATE, protected=["CODEOWNERS"]))
    it.policy(looser()).outside("CODEOWNERS", "x").land()
    assert (it.open, len(it.policies)) == ({}, 2)


def test_where_nobody_can_tell_who_made_it_nobody_can_be_counted() -> None:
    it = Story(peopled(GATE, governance=[*ONE, {"count": 1, "from": "risk"}]))
    it.policy(looser()).approve_policy("bob").approve_policy("carol").land()
    assert it.said("policy") == tuple(
        Finding(
            rule="governance",
            verdict=Verdict.PENDING,
            message=f"1 approval by {role} missing: nobody can tell who made this change",
            value="0 of 1",
            threshold=f"1 from {role}",
            hint="sign the commits (git config commit.gpgsign true), or let the forge say who it was: "
            "--approvals FILE.json",
        )
        for role in ("compliance", "risk")
    )


def test_several_requirements_are_met_by_different_people() -> None:
    it = Story(peopled(GATE, governance=[*ONE, {"count": 1, "from": "risk"}]))
    it.policy(looser()).approve_policy("bob").land("dave")
    assert [found.verdict for found in it.said("policy")] == [Verdict.PASSED, Verdict.PENDING]
    it.approve_policy("alice").land()
    assert it.open == {}


# Binding


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"registry": "11111111-1111-1111-1111-111111111111"}, "is for another registry"),
        ({"base": "1" * 64}, "was given before the policy changed"),
        ({"number": 2}, "was given before the policy changed"),
        ({"files": {"CODEOWNERS": "1" * 64}}, "is for another content"),
    ],
)
def test_an_approval_of_another_change_does_not_count(change: dict[str, Any], why: str) -> None:
    it = Story(peopled(GATE, governance=ONE))
    it.policy(looser()).land("alice")
    it.approve_policy("bob", change=change).land()
    assert said(it).message == f"1 approval by compliance missing (bob or carol could); approval-bob/1.json {why}"


def test_an_approval_does_not_bring_a_policy_back() -> None:
    first, second = peopled(GATE, governance=ONE), looser()
    it = Story(first)
    for policy in (second, first):
        it.policy(policy).approve_policy("bob").land("alice")
    assert (it.open, len(it.policies)) == ({}, 3)
    it.policy(second).land("alice")
    assert said(it).message.endswith("; approval-bob/1.json was given before the policy changed")


def test_a_policy_does_not_loosen_its_own_judge() -> None:
    for weaker in (
        peopled(GATE),
        peopled(GATE, governance=[{"count": 1, "from": "oncall"}]),
        peopled(GATE, governance=ONE, roles={"risk": ["alice", "bob"], "compliance": ["dave"], "oncall": ["dave"]}),
    ):
        it = Story(peopled(GATE, governance=ONE))
        it.policy(weaker).approve_policy("dave").commit("alice")
        it.policy(looser()).land("alice")
        assert (it.open, len(it.policies)) == ({"policy": ["pending", "governance"]}, 1)


def test_an_approval_of_a_slot_is_none_of_a_policy() -> None:
    it = Story(peopled(GATE, governance=ONE))
    it.register("m", "1.0.0", auc=0.9).approve("m", "1.0.0", "bob").land()
    it.policy(looser()).land("alice")
    policy = hashlib.sha256(it.read("gitstage.yaml")).hexdigest()
    it.copy("evidence/m/1.0.0/approval-bob/1.json", f"evidence/policy/{policy}/approval-bob/1.json").land()
    assert it.open == {"policy": ["refused", "manifest-valid", "governance"]}


# Protected paths


def test_protected_paths_are_approved_with_what_they_will_hold() -> None:
    it = story()
    assert said(it).message == "1 approval by compliance missing: nobody can tell who made this change"
    it.outside("CODEOWNERS", "* @mallory\n").approve_policy("bob").outside("CODEOWNERS", "* @eve\n").land("alice")
    assert said(it).message.endswith("; approval-bob/1.json is for another content")
    it.approve_policy("carol").land("alice")
    assert it.open == {}
    assert len(it.policies) == 1


def test_a_protected_path_that_is_put_back_needs_no_approval() -> None:
    it = story()
    it.remove_outside("CODEOWNERS").land("mallory")
    assert it.open == {}


def test_a_protected_path_is_removed_with_approval() -> None:
    it = opened()
    it.remove_outside("CODEOWNERS").land("alice")
    assert it.open == {"policy": ["pending", "governance"]}
    it.approve_policy("bob").land("alice")
    assert it.open == {}


def test_what_is_no_plain_file_has_another_digest() -> None:
    plain = tree({"x": "echo\n"})
    oid = plain.entry("x")
    assert oid is not None
    made = tree({"x": Entry(EXECUTABLE, oid.oid)}, plain.shelf)
    assert digest_at(plain, "x") != digest_at(made, "x")
    assert digest_at(plain, "y") is None


def test_what_is_not_guarded_asks_nobody() -> None:
    it = opened()
    it.outside("README.md", "x").write("README.md", "y").land()
    assert it.open == {}


# Reviews


def reviewed(it: Story, commit: str, account: str = "bob", **more: Any) -> Story:
    review = Review(account=account, commit=commit, moment=more.pop("moment", it.now))
    change = ForgeChange(
        authors=frozenset({"alice"}), approvals=(review,), commits=frozenset({str(it.state.judged), it.line[-1]})
    )
    it.forge = Forge(kind="server", changes=(change,))
    return it


def test_a_review_of_the_same_content_is_an_approval() -> None:
    it = Story(peopled(GATE, governance=ONE, protected=["CODEOWNERS"]))
    it.wait(hours=1).policy(looser()).outside("CODEOWNERS", "x").commit()
    reviewed(it, it.line[-1]).tag()
    assert (it.open, it.policies[-1].approvers) == ({}, ("bob",))


@pytest.mark.parametrize("what", ["gitstage.yaml", "CODEOWNERS"])
def test_a_review_of_another_content_is_none(what: str) -> None:
    it = Story(peopled(GATE, governance=ONE, protected=["CODEOWNERS"]))
    it.wait(hours=1).policy(looser()).outside("CODEOWNERS", "x").commit()
    seen = it.line[-1]
    if what == "CODEOWNERS":
        it.outside("CODEOWNERS", "y")
    else:
        it.policy(looser() + b"# more\n")
    it.commit()
    reviewed(it, seen).tag()
    where = "registry/gitstage.yaml" if what == "gitstage.yaml" else what
    assert said(it).message.endswith(f"; the review of bob is of another {where}")


def test_a_review_under_another_policy_is_none() -> None:
    it = Story(peopled(GATE, governance=ONE))
    it.wait(hours=1).policy(looser()).commit()
    reviewed(it, it.line[-1], moment=it.now - timedelta(hours=1)).tag()
    assert said(it).message.endswith("; the review of bob was given under another policy")


# What others see to


def test_a_policy_that_is_gone_is_somebody_else_s_finding() -> None:
    it = Story(peopled(GATE, governance=ONE))
    it.remove("gitstage.yaml").land("alice")
    assert it.open == {"policy": ["refused", "nothing-removed"]}


def test_where_there_was_no_policy_nobody_is_asked() -> None:
    case = policy_case({}, {"gitstage.yaml": looser()})
    assert (list(governance.policy(case)), governance.is_met(case)) == ([], False)
    old = policy_case({"gitstage.yaml": looser()}, {"README.md": "x"})
    assert list(governance.policy(old)) == []


def test_what_an_approval_would_be_bound_to_is_worked_out_only_where_one_is_asked_for() -> None:
    def about() -> PolicyChange:
        raise AssertionError("the digests of all protected files")

    case = policy_case({"gitstage.yaml": peopled(GATE)}, {"gitstage.yaml": looser()})
    assert list(governance.policy(replace(case, about=about))) == []
    new = policy_case({}, {"gitstage.yaml": looser()})
    assert list(governance.policy(replace(new, about=about))) == []


# Redacting


def gone(it: Story, version: str = "1.0.0") -> dict[str, str | None]:
    """The manifest of a version makes way for a tombstone; its path, and the digest of the tombstone."""
    path = f"models/m/{version}.yaml"
    it.write(path, tombstone(it.read(path), "a name"))
    return {it.at(path): hashlib.sha256(it.read(path)).hexdigest()}


def registered() -> Story:
    it = Story(peopled(GATE, governance=ONE))
    it.register("m", "1.0.0").register("m", "1.1.0").land("alice")
    return it.wait(hours=1)


def asked_of(it: Story) -> Finding:
    (found,) = [found for found in it.said("records/m") if found.rule == "governance"]
    return found


def test_what_is_redacted_waits_for_the_approvals_that_a_policy_would_need() -> None:
    it = registered()
    files = gone(it)
    it.land("alice")
    assert it.open == {"records/m": ["pending", "governance"]}
    assert asked_of(it) == Finding(
        rule="governance",
        verdict=Verdict.PENDING,
        message="1 approval by compliance missing (bob or carol could)",
        value="0 of 1",
        threshold="1 from compliance",
        hint="gitstage approve --policy --sign KEY",
    )
    it.approve_policy("carol", change={"files": files}).land()
    assert it.open == {}


def test_who_redacts_does_not_approve_it() -> None:
    it = registered()
    files = gone(it)
    it.approve_policy("carol", change={"files": files}).land("carol")
    assert it.open == {"records/m": ["pending", "governance"]}
    assert "carol made the change" in asked_of(it).message


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"files": {}}, "is for another content"),
        ({"files": {"registry/models/m/1.1.0.yaml": "0" * 64}}, "is for another content"),
        ({"registry": "00000000-0000-4000-8000-000000000000"}, "is for another registry"),
        ({"number": 7}, "was given before the policy changed"),
    ],
)
def test_an_approval_of_something_else_redacts_nothing(change: dict[str, Any], why: str) -> None:
    it = registered()
    files = gone(it)
    it.approve_policy("carol", change={"files": files, **change}).land("alice")
    assert it.open == {"records/m": ["pending", "governance"]}
    assert why in asked_of(it).message


@pytest.mark.parametrize("other", [False, True])
def test_a_review_of_the_tombstone_approves_it_and_of_another_does_not(other: bool) -> None:
    it = registered()
    gone(it)
    commit = it.commit()
    reviewed = commit
    if other:
        it.write("models/m/1.0.0.yaml", tombstone(b"x", "a name"))
        reviewed = it.commit()
        it.line.pop()
    review = Review(account="bob-acme", commit=reviewed, moment=it.now)
    change = ForgeChange(authors=frozenset({"alice-acme"}), approvals=(review,), commits=frozenset({commit}))
    it.forge = Forge(kind="github", changes=(change,))
    it.tag()
    assert it.open == ({"records/m": ["pending", "governance"]} if other else {})
    if other:
        assert "is of another models/m/1.0.0.yaml" in asked_of(it).message


def test_without_governance_the_forge_guards_what_is_redacted() -> None:
    it = Story(peopled(GATE))
    it.register("m", "1.0.0").land()
    gone(it)
    it.land()
    assert it.open == {}


def test_whoever_approves_a_policy_has_redacted_nothing() -> None:
    it = registered()
    gone(it)
    it.policy(peopled(LOOSER, governance=ONE)).approve_policy("carol").land("alice")
    assert it.open == {"records/m": ["pending", "governance"]}
