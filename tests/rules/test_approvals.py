from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gitstage.errors import CannotVerify
from gitstage.findings import Debt, Finding, Verdict
from gitstage.forges import Forge, ForgeChange, Review
from gitstage.layout import Slot
from gitstage.rules.approvals import either
from tests.registries import ID, MONDAY, Story, peopled, policy_file, public_key

ONE_OWNER = {"approvals": [{"count": 1, "from": "owners"}]}
HINT = "gitstage approve m@1.1.0 --for production --sign KEY"


def story(gate: dict[str, Any] | None = None, **more: Any) -> Story:
    """1.0.0 serves, in a registry whose production asked nothing then; 1.1.0 is in staging."""
    found = Story(peopled(gate or ONE_OWNER, **more))
    found.register("m", "1.0.0").stage("m", "1.0.0").land()
    found.promote("m", "1.0.0").approve("m", "1.0.0", "bob").land("alice")
    assert found.open == {}
    found.register("m", "1.1.0").stage("m", "1.1.0").land()
    return found.wait(hours=1)


def finding(story: Story, rule: str = "approvals") -> Finding:
    (found,) = [found for found in story.said("production/m") if found.rule == rule]
    return found


# What passes


def test_somebody_who_did_not_make_the_change_approves_it() -> None:
    it = story().promote("m", "1.1.0").approve("m", "1.1.0", "bob")
    it.land("alice")
    assert it.open == {}
    assert finding(it) == Finding(
        rule="approvals",
        gate="standard",
        verdict=Verdict.PASSED,
        message="approved by bob (owners)",
        value="1 of 1",
        threshold="1 from owners",
        people=("bob",),
    )
    assert it.past.effects(Slot("m", "production"))[-1].approvers == ("bob",)


def test_an_approval_that_comes_later_lets_it_take_effect() -> None:
    it = story().promote("m", "1.1.0")
    it.land("alice")
    assert finding(it) == Finding(
        rule="approvals",
        gate="standard",
        verdict=Verdict.PENDING,
        message="1 approval by owners missing (bob could)",
        value="0 of 1",
        threshold="1 from owners",
        hint=HINT,
    )
    it.approve("m", "1.1.0", "bob").land()
    assert (it.open, it.serves("m")) == ({}, "1.1.0")


def test_who_made_it_is_remembered_while_it_is_open() -> None:
    it = story().promote("m", "1.1.0")
    it.land("alice")
    assert it.state.open["production/m"].authors == frozenset({"alice"})
    it.signers.clear()
    it.approve("m", "1.1.0", "alice").land()
    assert finding(it).message == "1 approval by owners missing (bob could); alice made the change"
    it.approve("m", "1.1.0", "bob").land()
    assert it.open == {}


def test_who_only_adds_an_approval_has_not_made_the_change() -> None:
    it = story().promote("m", "1.1.0")
    it.commit("alice")
    it.approve("m", "1.1.0", "bob")
    branch = it.line.pop()
    it.commit("bob")
    # Both came in one merge, as it were: judged in one step from the commit before.
    it.signers[it.line[-1]] = ()
    it.signers[branch] = ("alice",)
    it.line.insert(-1, branch)
    judged = it.line.index(str(it.state.judged))
    assert [it._commit_by(at).paths for at in range(judged + 1, len(it.line))] == [
        {"registry/production/m.yaml"},
        {"registry/evidence/m/1.1.0/approval-bob/1.json"},
    ]
    step = it.steps()[-1]
    world = it.world()
    from gitstage.rules.fold import fold

    folded = fold(it.state, [step], world)
    assert folded.state.open == {}
    assert folded.effects[-1].approvers == ("bob",)


# What does not


@pytest.mark.parametrize(
    ("by", "message"),
    [
        (("alice",), "1 approval by owners missing (bob could); alice made the change"),
        (("alice-2",), "1 approval by owners missing (bob could); alice made the change"),
        (
            (),
            "1 approval by owners missing (bob could); approval-nobody/1.json: not signed",
        ),
        (
            ("mallory",),
            (
                "1 approval by owners missing (bob could); "
                "approval-mallory/1.json: signed with a key that nobody in gitstage.yaml has"
            ),
        ),
        (("carol",), "1 approval by owners missing (bob could)"),
        (("alice", "alice-2", "mallory"), "1 approval by owners missing (bob could); alice made the change"),
    ],
)
def test_not_everybody_can_approve(by: tuple[str, ...], message: str) -> None:
    it = story().promote("m", "1.1.0").approve("m", "1.1.0", *by)
    it.land("alice")
    assert (it.open, finding(it).message) == ({"production/m": ["pending", "approvals"]}, message)


def test_one_person_with_two_keys_is_one() -> None:
    two = Story(peopled({"approvals": [{"count": 2, "from": "risk"}]}))
    two.register("m", "1.0.0").stage("m", "1.0.0").land()
    two.promote("m", "1.0.0").approve("m", "1.0.0", "alice", "alice-2").land("carol")
    assert finding(two).message == "1 approval by risk missing (bob could)"
    two.approve("m", "1.0.0", "bob").land()
    assert (two.open, two.past.effects(Slot("m", "production"))[-1].approvers) == ({}, ("alice", "bob"))


def test_two_who_are_asked_for_are_both_named_and_everything_that_does_not_count_is_said() -> None:
    it = Story(peopled({"approvals": [{"count": 2, "from": "risk"}]}))
    it.register("m", "1.0.0").stage("m", "1.0.0").land()
    it.promote("m", "1.0.0").approve("m", "1.0.0", "mallory").approve("m", "1.0.0").land("carol")
    assert finding(it) == Finding(
        rule="approvals",
        gate="standard",
        verdict=Verdict.PENDING,
        message="2 approvals by risk missing (alice or bob could); "
        "approval-mallory/1.json: signed with a key that nobody in gitstage.yaml has; approval-nobody/1.json: not signed",
        value="0 of 2",
        threshold="2 from risk",
        hint="gitstage approve m@1.0.0 --for production --sign KEY",
    )
    it.approve("m", "1.0.0", "bob").approve("m", "1.0.0", "alice").land()
    assert finding(it) == Finding(
        rule="approvals",
        gate="standard",
        verdict=Verdict.PASSED,
        message="approved by alice, bob (risk)",
        value="2 of 2",
        threshold="2 from risk",
        people=("alice", "bob"),
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"registry": ID.replace("4", "5")}, "is for another registry"),
        ({"manifest": "1" * 64}, "is for another manifest than that of m@1.1.0"),
        ({"stage": "staging"}, "is for staging, not for production"),
        ({"incumbent": None}, "was given before the slot changed"),
        ({"change": 0}, "was given before the slot changed"),
        ({"change": 2}, "was given before the slot changed"),
    ],
)
def test_an_approval_of_something_else_does_not_count(change: dict[str, Any], why: str) -> None:
    it = story().promote("m", "1.1.0")
    # The subject has to be the manifest of the folder, or the records would not pass.
    it.say("approval", "bob", about=replace(it.about("m", "1.1.0"), **change))
    it.land("alice")
    if "manifest" in change:
        assert it.open["records/m"] == ["refused", "manifest-valid"]
    else:
        assert finding(it).message == f"1 approval by owners missing (bob could); approval-bob/1.json {why}"
    assert it.serves("m") == "1.0.0"


def test_an_approval_fits_no_second_time() -> None:
    it = story().promote("m", "1.1.0").approve("m", "1.1.0", "bob")
    it.land("alice")
    it.rollback("m", hold_it=False).land("alice")
    assert it.open == {"production/m": ["pending", "approvals"]}, (
        "without rollback: it needs the approvals of its gates"
    )
    it.approve("m", "1.0.0", "bob").land()
    assert (it.open, it.serves("m")) == ({}, "1.0.0")
    it.promote("m", "1.1.0").land("alice")
    assert finding(it).message == (
        "1 approval by owners missing (bob could); approval-bob/1.json was given before the slot changed"
    )


def test_an_approval_may_come_and_go() -> None:
    it = story().promote("m", "1.1.0").approve("m", "1.1.0", "bob", expires=MONDAY + timedelta(hours=2))
    it.commit("alice")
    it.wait(hours=1).tag()
    assert finding(it).message.endswith("; approval-bob/1.json has expired (2026-11-23T12:00:00Z)")
    it.approve("m", "1.1.0", "bob", made=it.now + timedelta(minutes=1)).land()
    assert finding(it).message.endswith("approval-bob/2.json is dated in the future (2026-11-23T12:01:00Z)")
    it.wait(minutes=1).tag()
    assert it.open == {}


def test_a_key_counts_as_long_as_it_is_valid() -> None:
    people = {
        "alice": {"keys": [public_key("alice")]},
        "bob": {"keys": [f'valid-before="20261123115959" {public_key("bob")}']},
    }
    it = story(people=people, roles={"risk": ["alice", "bob"]}).promote("m", "1.1.0").approve("m", "1.1.0", "bob")
    it.commit("alice")
    other = it.elsewhere()
    other.tag()
    assert other.open == {}
    it.wait(hours=1).tag()
    assert finding(it).message == (
        "1 approval by owners missing (bob could); approval-bob/1.json: the key of bob is no longer valid"
    )


def test_an_approval_that_was_changed_does_not_count() -> None:
    it = story().promote("m", "1.1.0").approve("m", "1.1.0", "bob")
    it.signed_by = lambda data: frozenset()  # what ssh-keygen says of one whose payload was changed
    it.land("alice")
    assert finding(it).message == "1 approval by owners missing (bob could); approval-bob/1.json: not signed"


def test_where_nothing_can_be_verified_nothing_passes() -> None:
    def cannot(data: bytes) -> frozenset[str]:
        raise CannotVerify("ssh-keygen is not installed", hint="install it")

    it = story().promote("m", "1.1.0").approve("m", "1.1.0", "bob")
    it.signed_by = cannot
    it.land("alice")
    assert finding(it) == Finding(
        rule="approvals",
        gate="standard",
        verdict=Verdict.REFUSED,
        message="no signature can be verified: ssh-keygen is not installed",
        hint="install it",
    )


def test_what_is_no_statement_is_passed_over() -> None:
    it = story().promote("m", "1.1.0")
    it.attest("m", "1.1.0", "approval-bob", number=1)
    it.write("evidence/m/1.1.0/approval-bob/README.md", "x")
    it.land("alice")
    assert it.open == {"production/m": ["pending", "known-path", "approvals"], "records/m": ["refused", "known-path"]}
    it.remove("evidence/m/1.1.0/approval-bob/README.md").land()
    assert finding(it).message == "1 approval by owners missing (bob could)"


# Who made it


@pytest.mark.parametrize("by", [(), ("mallory",)])
def test_where_nobody_can_tell_who_made_a_change_nobody_can_be_counted(by: tuple[str, ...]) -> None:
    it = story().promote("m", "1.1.0").approve("m", "1.1.0", "bob")
    it.land(*by)
    assert finding(it) == Finding(
        rule="approvals",
        gate="standard",
        verdict=Verdict.PENDING,
        message="1 approval by owners missing: nobody can tell who made this change",
        value="0 of 1",
        threshold="1 from owners",
        hint="sign the commits (git config commit.gpgsign true), or let the forge say who it was: --approvals FILE.json",
    )


def test_a_forge_says_who_made_it() -> None:
    it = story().promote("m", "1.1.0").approve("m", "1.1.0", "bob")
    it.forge = Forge(kind="github", changes=(ForgeChange(authors=frozenset({"alice-acme", "stranger"})),))
    it.commit()
    it.tag()
    assert it.open == {}


def test_a_forge_that_names_the_approver_as_author_has_the_last_word() -> None:
    it = story().promote("m", "1.1.0").approve("m", "1.1.0", "bob")
    it.forge = Forge(kind="github", changes=(ForgeChange(authors=frozenset({"bob-acme"})),))
    it.land("alice")
    assert finding(it).message == "1 approval by owners missing (alice could); bob made the change"


def test_who_pushes_later_has_not_made_what_landed_before() -> None:
    it = story().promote("m", "1.1.0")
    it.land()
    assert it.state.open["production/m"].authors is None
    it.forge = Forge(kind="server", changes=(ForgeChange(authors=frozenset({"carol"})),))
    it.approve("m", "1.1.0", "bob").land()
    assert finding(it).message == "1 approval by owners missing: nobody can tell who made this change"
    it.forge = Forge(
        kind="server",
        changes=(ForgeChange(authors=frozenset({"alice"}), commits=frozenset({it.line[-2]})),),
    )
    it.tag()
    assert it.open == {}


# Reviews


def reviewed(it: Story, *accounts: str, commit: str | None = None, minutes: float = 0, kind: str = "github") -> Story:
    """What is committed was proposed by carol, and these accounts have approved it."""
    moment = it.now + timedelta(minutes=minutes)
    approvals = tuple(Review(account=name, commit=commit or it.line[-1], moment=moment) for name in accounts)
    change = ForgeChange(authors=frozenset({"carol"}), approvals=approvals, commits=frozenset({it.line[-1]}))
    it.forge = Forge(kind=kind, changes=(change,))
    return it


def test_a_review_on_the_forge_is_an_approval() -> None:
    it = story().promote("m", "1.1.0")
    it.commit()
    reviewed(it, "bob-ACME", minutes=-1).tag()
    assert (it.open, finding(it).people) == ({}, ("bob",))


@pytest.mark.parametrize(
    ("account", "commit", "minutes", "why"),
    [
        ("stranger", None, -1, "stranger on github is nobody in gitstage.yaml"),
        ("bob", None, -1, "bob on github is nobody in gitstage.yaml"),
        ("bob-acme", None, 1, "the review of bob is dated in the future"),
        ("bob-acme", None, -60, "the review of bob was given under another policy"),
        ("bob-acme", "before", -1, "the review of bob is of another content"),
        ("bob-acme", "f" * 40, -1, "the review of bob is of ffffffffffff, which is not here: fetch it"),
    ],
)
def test_a_review_counts_for_what_was_reviewed(account: str, commit: str | None, minutes: float, why: str) -> None:
    from gitstage.errors import GitstageError

    it = story().promote("m", "1.1.0")
    it.commit()
    before = it.line[-2]
    reviewed(it, account, commit=before if commit == "before" else commit, minutes=minutes)
    trees = dict(it.trees)

    class Here(dict[str, Any]):
        def __missing__(self, commit: str) -> Any:
            raise GitstageError("not here")

    it.trees = Here(trees)
    it.tag()
    assert finding(it).message == f"1 approval by owners missing (alice or bob could); {why}"


def test_a_review_does_not_outlive_another_change_of_the_slot() -> None:
    it = story().promote("m", "1.1.0")
    branch = it.commit()
    moment = it.now
    it.withdraw()
    it.line.pop()
    it.files = dict(it.files_at(it.line[-1]))
    it.wait(minutes=1).register("m", "1.2.0").stage("m", "1.2.0").land()
    it.promote("m", "1.2.0").approve("m", "1.2.0", "bob").land("alice")
    assert it.serves("m") == "1.2.0"
    it.stage("m", "1.1.0").wait(minutes=1).land()
    it.promote("m", "1.1.0")
    it.commit()
    change = ForgeChange(
        authors=frozenset({"alice"}),
        approvals=(Review(account="bob", commit=branch, moment=moment),),
        commits=frozenset({it.line[-1]}),
    )
    it.forge = Forge(kind="server", changes=(change,))
    it.tag()
    assert finding(it).message.endswith("; the review of bob was given before the slot changed")


# Several requirements


TWO_ROLES = {"approvals": [{"count": 1, "from": "owners"}, {"count": 1, "from": "compliance"}]}


def two_roles(*by: str) -> list[tuple[str, str]]:
    it = Story(peopled(TWO_ROLES))
    it.register("m", "1.0.0").stage("m", "1.0.0").land()
    it.promote("m", "1.0.0")
    for person in by:
        it.approve("m", "1.0.0", person)
    it.land("dave")
    return [(str(found.verdict), found.message) for found in it.said("production/m") if found.rule == "approvals"]


@pytest.mark.parametrize(
    ("by", "said"),
    [
        (
            ("bob",),
            [
                ("passed", "approved by bob (owners)"),
                ("pending", "1 approval by compliance missing (carol could)"),
            ],
        ),
        (
            ("bob", "alice"),
            [
                ("passed", "approved by alice (owners)"),
                ("passed", "approved by bob (compliance)"),
            ],
        ),
        (
            ("bob", "carol"),
            [
                ("passed", "approved by bob (owners)"),
                ("passed", "approved by carol (compliance)"),
            ],
        ),
        (
            (),
            [
                ("pending", "1 approval by owners missing (alice or bob could)"),
                ("pending", "1 approval by compliance missing (bob or carol could)"),
            ],
        ),
    ],
)
def test_requirements_are_met_by_different_people(by: tuple[str, ...], said: list[tuple[str, str]]) -> None:
    assert two_roles(*by) == said


def test_a_requirement_that_warns_takes_nobody_away_and_refuses_nothing() -> None:
    gate = {"approvals": [{"count": 1, "from": "risk", "enforce": "warn"}, {"count": 1, "from": "risk"}]}
    it = Story(peopled(gate))
    it.register("m", "1.0.0").stage("m", "1.0.0").land()
    it.promote("m", "1.0.0").approve("m", "1.0.0", "bob").land("alice")
    assert [(found.advisory, found.verdict, found.message) for found in it.said("production/m")] == [
        (False, Verdict.PASSED, "approved by bob (risk)"),
        (True, Verdict.PENDING, "1 approval by risk missing (there is nobody left who could)"),
    ]
    assert it.open == {}
    it.register("m", "1.1.0").stage("m", "1.1.0").land()
    it.promote("m", "1.1.0").land()
    assert [found.advisory for found in it.said("production/m")] == [True, False]


def test_many_who_could_are_not_all_named() -> None:
    assert either(["a"]) == "a"
    assert either(["a", "b", "c"]) == "a, b or c"
    assert either([f"p{number}" for number in range(7)]) == "p0, p1, p2, p3, p4 or 2 others"


# Rolling back

ON_CALL: dict[str, Any] = {"rollback": {"by": ["owners", "oncall"], "settle": "72h"}}


def rolling_back(*by: str, production: dict[str, Any] | None = None) -> Story:
    """1.1.0 serves, and somebody goes back to 1.0.0."""
    gate = {"soak": "24h", "approvals": [{"count": 1, "from": "owners"}]}
    it = Story(peopled(gate, production or ON_CALL))
    for version in ("1.0.0", "1.1.0"):
        it.register("m", version).stage("m", version).land()
        it.wait(hours=24).promote("m", version).approve("m", version, "bob").land("alice")
        assert it.open == {}
    it.rollback("m")
    if by:
        it.land(*by)
    return it


@pytest.mark.parametrize("by", ["dave", "alice", "bob"])
def test_one_person_who_may_rolls_back_alone_and_it_is_a_debt(by: str) -> None:
    it = rolling_back(by)
    assert (it.open, it.serves("m")) == ({}, "1.0.0")
    effect = it.past.effects(Slot("m", "production"))[-1]
    due = it.now + timedelta(hours=72)
    assert (effect.action, effect.debts) == ("rollback", (Debt(kind="rollback", by=(by,), due=due),))
    assert [(owed.name, owed.debt, owed.since) for owed in it.state.owed] == [
        ("m/production/3", effect.debts[0], it.now)
    ]
    assert finding(it).message == f"{by} may roll back"


@pytest.mark.parametrize("by", ["carol", "mallory"])
def test_a_rollback_by_somebody_else_waits_for_one_who_may(by: str) -> None:
    it = rolling_back(by)
    assert finding(it) == Finding(
        rule="approvals",
        verdict=Verdict.PENDING,
        message="a rollback needs one of alice, bob or dave; approval-bob/1.json was given before the slot changed",
        threshold="1 from owners or oncall",
        path="production/m.yaml",
        hint="sign the commit (git config commit.gpgsign true), or: "
        "gitstage approve m@1.0.0 --for production --sign KEY",
    )
    it.say("rollback", "carol", about=it.about("m", "1.0.0")).land()
    assert it.serves("m") == "1.1.0"
    it.say("rollback", "dave", about=it.about("m", "1.0.0")).land()
    assert (it.open, it.serves("m")) == ({}, "1.0.0")


@pytest.mark.parametrize("kind", ["rollback", "approval"])
def test_a_signature_in_the_same_commit_is_enough_even_while_records_are_open(kind: str) -> None:
    it = rolling_back()
    it.say(kind, "dave", about=it.about("m", "1.0.0")).write("models/m/notes.txt", "x").land()
    assert (it.open, it.serves("m")) == ({"records/m": ["refused", "known-path"]}, "1.0.0")


def test_a_forge_says_who_rolled_back() -> None:
    it = rolling_back()
    it.commit()
    it.forge = Forge(
        kind="server", changes=(ForgeChange(authors=frozenset({"dave"}), commits=frozenset({it.line[-1]})),)
    )
    it.tag()
    assert it.open == {}


@pytest.mark.parametrize(("of", "serves"), [(-1, "1.0.0"), (-2, "1.1.0")])
def test_a_review_of_a_rollback_stands_for_what_was_reviewed_and_nothing_else(of: int, serves: str) -> None:
    it = rolling_back()
    it.commit()
    reviewed(it, "bob-acme", commit=it.line[of]).tag()
    assert it.serves("m") == serves
    assert ("approvals" in it.open.get("production/m", [])) is (serves == "1.1.0")


def test_all_who_may_and_stand_for_a_rollback_are_named() -> None:
    it = rolling_back("dave", "carol", "bob")
    assert finding(it) == Finding(
        rule="approvals",
        verdict=Verdict.PASSED,
        message="bob, dave may roll back",
        threshold="1 from owners or oncall",
        people=("bob", "dave"),
    )


def test_whoever_stood_for_a_rollback_stands_for_it_later() -> None:
    it = rolling_back()
    it.policy(it.read("gitstage.yaml") + b"# another\n")
    it.land("dave")
    assert it.open["production/m"] == ["refused", "policy-alone"]
    assert it.state.open["production/m"].stood["production/m.yaml"].people == {"dave"}


def test_without_settle_a_rollback_is_no_debt() -> None:
    it = rolling_back("dave", production={"rollback": {"by": ["oncall"]}})
    assert (it.open, it.state.owed) == ({}, ())


def test_a_rollback_that_may_be_a_promotion_passes_if_it_passes_as_one() -> None:
    it = rolling_back("carol", production={"rollback": {"by": ["oncall"]}})
    assert it.open == {"production/m": ["pending", "approvals"]}
    it.withdraw("production/m").land()
    it.stage("m", "1.0.0").land()
    it.wait(hours=24).promote("m", "1.0.0").approve("m", "1.0.0", "bob").land("carol")
    assert it.open == {}
    assert it.past.effects(Slot("m", "production"))[-1].action == "promote"


def test_a_policy_with_nobody_who_may_roll_back_says_so() -> None:
    it = rolling_back("carol", production={"rollback": {"by": ["owners"]}})
    assert "needs one of alice or bob" in finding(it).message
    policy = peopled(None, {"rollback": {"by": ["owners"]}}, models={})
    bare = Story(policy)
    for version in ("1.0.0", "1.1.0"):
        bare.register("m", version).stage("m", version).land()
        bare.promote("m", version).land()
    bare.rollback("m").land("alice")
    assert "a rollback needs one of nobody" in finding(bare).message
    assert policy_file() != policy
