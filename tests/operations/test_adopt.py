from __future__ import annotations

import pytest

from gitstage.errors import GitstageError, NoSuchThing
from gitstage.findings import Verdict
from gitstage.operations import adopt
from tests.operations.pictures import unchanged
from tests.operations.stories import Story


def test_a_model_that_serves_already_is_taken_in(story: Story) -> None:
    story.register("m", "1.0.0")
    outcome = story.adopt("m@1.0.0", stage="production")
    assert (outcome.exit_code, outcome.tags) == (0, ("refs/tags/m/production/1",))
    assert story.in_effect("m") == "1.0.0"
    assert story.git("log", "-1", "--format=%s") == "m: adopt 1.0.0 in production"
    effect = story.registry().past.current(story.registry().slots_of("m")[1])
    assert effect is not None
    assert effect.action == "adopt"


def test_until_the_day_that_the_policy_names_and_no_longer(story: Story) -> None:
    story.register("m", "1.0.0")
    story.register("n", "1.0.0")
    story.later(days=30)
    assert story.adopt("m@1.0.0", stage="production").exit_code == 0
    story.later(days=1)
    with unchanged(story.path):
        outcome = story.adopt("n@1.0.0", stage="production")
    assert (outcome.exit_code, outcome.report.verdict) == (1, Verdict.REFUSED)


def test_a_slot_that_has_held_something_is_promoted_to(served: Story) -> None:
    served.register("fraud-detector", "2.0.0")
    with unchanged(served.path), pytest.raises(GitstageError, match="has held something before") as caught:
        served.adopt("fraud-detector@2.0.0", stage="production")
    assert caught.value.hint == "gitstage promote fraud-detector@2.0.0 --to production"


def test_a_promotion_is_never_taken_for_an_adoption(story: Story) -> None:
    story.register("m", "1.0.0")
    with unchanged(story.path):
        outcome = story.promote("m@1.0.0", to="production")
    assert (outcome.exit_code, outcome.report.verdict) == (1, Verdict.REFUSED)


@pytest.mark.parametrize(
    ("what", "stage", "why"),
    [
        ("m@9.9.9", "production", "m has no version 9.9.9"),
        ("m@1.0.0", "shadow", "there is no stage 'shadow'"),
        ("m@next", "production", "@next names no version"),
        ("m@1.0.0~1", "production", "~1 counts back"),
    ],
)
def test_what_cannot_be_taken_in_is_said(story: Story, what: str, stage: str, why: str) -> None:
    story.register("m", "1.0.0")
    with unchanged(story.path), pytest.raises((GitstageError, NoSuchThing)) as caught:
        story.adopt(what, stage=stage)
    assert why in caught.value.message


def test_a_version_that_is_held_is_not_taken_in(story: Story) -> None:
    story.register("m", "1.0.0")
    story.hold("m@1.0.0")
    with unchanged(story.path):
        assert story.adopt("m@1.0.0", stage="production").exit_code == 1


def test_taken_in_twice_is_refused_in_words(story: Story) -> None:
    story.register("m", "1.0.0")
    story.adopt("m@1.0.0", stage="production")
    with unchanged(story.path), pytest.raises(GitstageError, match="has held something before"):
        story.adopt("m@1.0.0", stage="production")


def test_a_dry_run_changes_nothing(story: Story) -> None:
    story.register("m", "1.0.0")
    with unchanged(story.path):
        outcome = adopt.run(story.registry(), "m@1.0.0", stage="production", dry_run=True)
    assert (outcome.exit_code, list(outcome.plan.edits)) == (0, ["production/m.yaml"])


def test_what_was_adopted_can_be_followed_and_rolled_back_to(story: Story) -> None:
    story.register("m", "1.0.0")
    story.adopt("m@1.0.0", stage="production")
    story.register("m", "1.1.0", to="staging")
    story.promote("m", to="production")
    assert story.rollback("m@production").exit_code == 0
    assert story.in_effect("m") == "1.0.0"
