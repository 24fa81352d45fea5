from __future__ import annotations

import pytest

from gitstage.findings import Finding, Verdict
from gitstage.rules import signed_commits
from gitstage.rules.fold import Step, continued, fold
from tests.registries import Story, gated, peopled, slot_case

SIGNED = {"signed-commits": True}
WITHDRAW = "gitstage withdraw m@production; then promote again, signed: git config commit.gpgsign true"


def story(folder: str = "registry") -> Story:
    it = Story(peopled(SIGNED), folder=folder)
    it.register("m", "1.0.0").stage("m", "1.0.0").land()
    return it.promote("m", "1.0.0")


def said(it: Story) -> Finding:
    (found,) = it.said("production/m")
    return found


@pytest.mark.parametrize("folder", ["registry", ""])
def test_a_promotion_in_a_commit_that_somebody_signed_passes(folder: str) -> None:
    it = story(folder)
    it.land("carol")
    assert it.open == {}
    assert said(it) == Finding(
        rule="signed-commits",
        gate="standard",
        verdict=Verdict.PASSED,
        message="signed by carol",
        path="production/m.yaml",
        people=("carol",),
    )


@pytest.mark.parametrize("by", [(), ("mallory",)])
def test_one_that_nobody_in_the_policy_signed_is_refused(by: tuple[str, ...]) -> None:
    it = story()
    it.land(*by)
    assert said(it) == Finding(
        rule="signed-commits",
        gate="standard",
        verdict=Verdict.REFUSED,
        message="the commit that changed it is signed by nobody in gitstage.yaml",
        path="production/m.yaml",
        hint=WITHDRAW,
    )
    it.withdraw("production/m").land()
    it.promote("m", "1.0.0").land("bob")
    assert it.open == {}


def test_every_commit_that_changes_the_slot_is_asked_and_no_other() -> None:
    it = story()
    it.commit("alice")
    it.write("models/m/README.md", "a card").commit()
    one = fold(it.state, [Step(it.line[-1], it.trees[it.line[-1]])], it.world())
    assert one.state.open == {}
    it.register("m", "1.1.0").fill("m", "1.1.0").commit()
    it.copy("models/m/1.0.0.yaml", "production/m.yaml").commit()
    other = fold(it.state, [Step(it.line[-1], it.trees[it.line[-1]])], it.world())
    (found,) = other.state.open["production/m"].findings
    assert found.message == (
        "2 of 3 commits that changed it are signed by nobody in gitstage.yaml; others are signed by alice"
    )


def test_a_commit_that_is_not_made_yet_is_pending() -> None:
    it = story()
    so_far = fold(it.state, it.steps(), it.world())
    planned = continued(so_far, [Step("0" * 40, it.tree)], it.world())
    (found,) = planned.state.open["production/m"].findings
    assert found == Finding(
        rule="signed-commits",
        gate="standard",
        verdict=Verdict.PENDING,
        message="the commit is not signed yet",
        path="production/m.yaml",
        hint="git config gpg.format ssh; git config user.signingkey KEY.pub; git config commit.gpgsign true",
    )


def test_all_who_signed_are_named() -> None:
    it = story()
    it.land("dave", "alice")
    assert (said(it).message, said(it).people) == ("signed by alice, dave", ("alice", "dave"))


def test_of_two_commits_the_one_that_is_not_signed_is_counted() -> None:
    it = story()
    it.register("m", "1.1.0").fill("m", "1.1.0").commit("alice")
    it.copy("models/m/1.0.0.yaml", "production/m.yaml").commit()
    step = Step(it.line[-1], it.trees[it.line[-1]])
    (found,) = fold(it.state, [step], it.world()).state.open["production/m"].findings
    assert found.message == (
        "1 of 2 commits that changed it is signed by nobody in gitstage.yaml; others are signed by alice"
    )


def test_a_gate_that_does_not_ask_is_told_nothing() -> None:
    case = slot_case(policy=gated(soak="1h"))
    assert list(signed_commits.gate(case, case.policy.gates["standard"])) == []
