from __future__ import annotations

from datetime import timedelta

import pytest

from gitstage.errors import GitstageError, NoSuchThing
from gitstage.operations import log
from gitstage.operations.log import Log
from tests.operations.pictures import unchanged
from tests.operations.stories import NOON, Story


def told(story: Story, text: str, *, at: str | None = None) -> Log:
    return log.run(story.registry(), text, at=at)


def names(found: Log) -> list[str]:
    return [effect.name.removeprefix("fraud-detector/") for effect in found.effects]


def test_what_took_effect_newest_first_and_why(served: Story) -> None:
    served.later(hours=1).rollback("fraud-detector@production")
    with unchanged(served.path):
        found = told(served, "fraud-detector")
    assert names(found) == ["production/3", "staging/3", "production/2", "staging/2", "production/1", "staging/1"]
    newest = found.effects[0]
    assert (newest.action, newest.before, newest.after, newest.moment) == (
        "rollback",
        "1.1.0",
        "1.0.0",
        NOON + timedelta(hours=5),
    )
    assert found.reasons == {newest.commit: "it was bad"}
    assert (found.model, found.alarms) == ("fraud-detector", ())


def test_one_stage_alone(served: Story) -> None:
    assert names(told(served, "fraud-detector@production")) == ["production/2", "production/1"]


def test_until_then(served: Story) -> None:
    assert names(told(served, "fraud-detector", at="2026-03-01T13:00Z")) == ["production/1", "staging/1"]
    assert names(told(served, "fraud-detector", at="fraud-detector/staging/2")) == [
        "staging/2",
        "production/1",
        "staging/1",
    ]
    assert names(told(served, "fraud-detector", at="HEAD~4")) == ["staging/1"]


def test_a_promotion_that_somebody_merged_has_no_reason_of_its_own(served: Story) -> None:
    served.copy("models/fraud-detector/1.2.0.yaml", "production/fraud-detector.yaml")
    served.commit("by hand")
    served.tag()
    found = told(served, "fraud-detector@production")
    assert (names(found)[0], found.reasons) == ("production/3", {})


def test_a_tag_that_does_not_count_is_named(served: Story) -> None:
    served.git("tag", "-a", "-m", "trust me", "fraud-detector/production/3")
    found = told(served, "fraud-detector")
    assert names(found)[0] == "staging/3"
    assert [alarm.ref for alarm in found.alarms] == ["refs/tags/fraud-detector/production/3"]


def test_a_model_in_which_nothing_took_effect_has_an_empty_log(story: Story) -> None:
    story.register("m", "1.0.0")
    assert told(story, "m").effects == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nobody", "there is no model nobody"),
        ("fraud-detector@shadow", "there is no stage 'shadow'"),
        ("fraud-detector@1.0.0", "there is no stage '1.0.0'"),
        ("fraud-detector@production~1", "~1 counts back"),
        ("fraud detector", "names no model"),
    ],
)
def test_what_is_not_there_is_said(served: Story, text: str, why: str) -> None:
    with pytest.raises((GitstageError, NoSuchThing)) as caught:
        told(served, text)
    assert why in caught.value.message
