from __future__ import annotations

import pytest

from gitstage.errors import GitstageError
from gitstage.findings import Verdict
from gitstage.operations import hold
from tests.operations.pictures import unchanged
from tests.operations.stories import Story, Team

HELD = """\
apiVersion: gitstage/v1
kind: Hold
model: fraud-detector
version: 1.2.0
state: held
reason: leaks a feature
"""


def test_a_held_version_enters_no_stage_and_leaves_none(served: Story) -> None:
    outcome = served.hold("fraud-detector@1.2.0")
    assert (outcome.exit_code, outcome.landed, outcome.tags) == (0, True, ())
    assert served.read("holds/fraud-detector/1.2.0.yaml") == HELD
    assert served.git("log", "-1", "--format=%s") == "fraud-detector: hold 1.2.0"
    assert served.promote("fraud-detector@1.2.0", to="production").report.verdict is Verdict.REFUSED
    assert served.in_effect("fraud-detector", "staging") == "1.2.0"


def test_a_hold_is_released_by_rewriting_it(served: Story) -> None:
    served.hold("fraud-detector@1.2.0")
    outcome = served.unhold("fraud-detector@1.2.0")
    assert outcome.exit_code == 0
    assert served.read("holds/fraud-detector/1.2.0.yaml") == HELD.replace("held", "released").replace(
        "leaks a feature", "it was harmless"
    )
    assert served.promote("fraud-detector", to="production").exit_code == 0


def test_a_stage_names_the_version_in_it(served: Story) -> None:
    served.hold("fraud-detector@staging")
    assert served.read("holds/fraud-detector/1.2.0.yaml") == HELD
    served.hold("fraud-detector@production~1")
    assert (served.path / "holds/fraud-detector/1.0.0.yaml").is_file()


def test_held_twice_with_one_reason_is_once(served: Story) -> None:
    served.hold("fraud-detector@1.2.0")
    with unchanged(served.path):
        again = served.hold("fraud-detector@1.2.0")
    assert (again.exit_code, again.plan.is_empty) == (0, True)


def test_what_is_not_held_cannot_be_released(served: Story) -> None:
    with unchanged(served.path), pytest.raises(GitstageError, match="fraud-detector@1.2.0 is not held"):
        served.unhold("fraud-detector@1.2.0")
    served.hold("fraud-detector@1.2.0")
    served.unhold("fraud-detector@1.2.0")
    with unchanged(served.path), pytest.raises(GitstageError, match="fraud-detector@1.2.0 is not held"):
        served.unhold("fraud-detector@1.2.0")


def test_a_hold_that_cannot_be_read_holds_and_can_be_released(served: Story) -> None:
    served.write("holds/fraud-detector/1.2.0.yaml", "state: released\n")
    served.commit("by hand")
    assert served.tag().exit_code == 1
    assert served.promote("fraud-detector", to="production").exit_code == 1
    outcome = served.unhold("fraud-detector@1.2.0")
    assert (outcome.exit_code, served.open_things()) == (0, [])


def test_a_version_can_be_held_while_its_models_records_are_open(served: Story) -> None:
    served.write("models/fraud-detector/1.0.0.yaml", "rewritten")
    served.commit("by hand")
    assert served.tag().exit_code == 1
    outcome = served.hold("fraud-detector@1.2.0")
    assert (outcome.exit_code, outcome.landed) == (0, True)
    assert outcome.report.elsewhere != ()
    assert served.open_things() == ["records/fraud-detector"]
    held = served.promote("fraud-detector", to="production")
    assert "held" in [found.rule for found in held.report.judgements[0].findings if found.verdict is Verdict.REFUSED]


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("fraud-detector", "names no version"),
        ("fraud-detector@9.9.9", "has no version 9.9.9"),
        ("fraud-detector@1.2.0~1", "~1 counts back"),
        ("nobody@1.0.0", "there is no model nobody"),
    ],
)
def test_what_cannot_be_held_is_said(served: Story, what: str, why: str) -> None:
    with unchanged(served.path), pytest.raises(GitstageError) as caught:
        served.hold(what)
    assert why in caught.value.message


@pytest.mark.parametrize("reason", ["", " \n\t", "x" * 10_001, "a\0b", "a\x1b[31m"])
def test_a_hold_says_why_in_some_words(served: Story, reason: str) -> None:
    with unchanged(served.path), pytest.raises(GitstageError) as caught:
        hold.run(served.registry(), "fraud-detector@1.2.0", reason=reason)
    assert "reason" in caught.value.message


def test_a_dry_run_changes_nothing(served: Story) -> None:
    with unchanged(served.path):
        outcome = hold.run(served.registry(), "fraud-detector@1.2.0", reason="x", dry_run=True)
    assert (sorted(outcome.plan.edits), outcome.exit_code) == (["holds/fraud-detector/1.2.0.yaml"], 0)


def test_a_hold_on_the_trunk_reaches_a_branch_that_was_good(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    bob = team.member("bob", now=ada.now)
    bob.git("switch", "--quiet", "--create", "work")
    assert bob.promote("fraud-detector", to="production").exit_code == 0
    ada.hold("fraud-detector@1.2.0", push=True)
    bob.git("fetch", "--quiet", "origin", "+refs/gitstage/*:refs/gitstage/*", "main")
    report = bob.check()
    assert [found.rule for found in report.judgements[0].findings if found.verdict is Verdict.REFUSED] == ["held"]
    # An automatic merge breaks nothing else, and the trunk's judge finds it, too.
    bob.git("merge", "--quiet", "--no-edit", "origin/main")
    bob.git("push", "--quiet", "origin", "HEAD:main")
    assert ada.tag().exit_code == 1
    assert ada.in_effect("fraud-detector") == "1.1.0"
    # Once released it takes effect by itself.
    ada.unhold("fraud-detector@1.2.0", push=True)
    assert ada.in_effect("fraud-detector") == "1.2.0"
