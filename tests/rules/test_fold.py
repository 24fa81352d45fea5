"""The fold, in stories: what takes effect, what stays open, and what becomes no ground for anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gitstage.changes import blob_id
from gitstage.layout import Slot
from gitstage.ledger import Effect, PolicyEffect, Registered, State
from tests.registries import (
    MONDAY,
    Story,
    gated,
    manifest,
    policy_file,
)

REGIONS = {
    "staging": {"from": ["registered", "archived"]},
    "canary": {"from": ["staging"]},
    "production-eu": {"from": ["canary"]},
    "production-us": {"from": ["canary"]},
}


def new_story(policy: bytes | None = None, *, folder: str = "registry") -> Story:
    return Story(policy or policy_file(), folder=folder)


def serving(*versions: str, policy: bytes | None = None, folder: str = "registry") -> Story:
    """A story in which `m` went through staging to production, version by version."""
    story = new_story(policy, folder=folder)
    for version in versions:
        story.register("m", version).stage("m", version).land()
        story.promote("m", version).land()
    return story


# The life of a model.


@pytest.mark.parametrize("folder", ["registry", "", "ml/registry"])
def test_a_model_lives_from_registration_to_rollback(folder: str) -> None:
    story = serving("1.0.0", "1.1.0", folder=folder)
    story.rollback("m").land()
    story.archive("m", "staging").land()
    assert (story.tags, story.open) == (
        [
            "m/production/1 promote 1.0.0",
            "m/production/2 promote 1.1.0",
            "m/production/3 rollback 1.0.0",
            "m/staging/1 promote 1.0.0",
            "m/staging/2 promote 1.1.0",
            "m/staging/3 archive nothing",
        ],
        {},
    )


def test_a_new_registry_takes_the_policy_at_its_head() -> None:
    story = Story()
    story.outside("README.md", "A repository.\n").land()
    assert (story.in_effect, story.state.judged, story.last.judgements) == (None, story.line[0], ())
    story.policy(policy_file()).land()
    blob = blob_id(policy_file())
    assert story.in_effect is not None
    effects = [
        PolicyEffect(number=1, blob=blob, digest=story.in_effect.digest, commit=story.line[1], moment=MONDAY),
    ]
    assert (story.policies, story.state) == (
        effects,
        State(judged=story.line[1], clock=MONDAY, policy=story.line[1], policy_number=1),
    )


def test_what_takes_effect_says_everything_about_itself() -> None:
    story = serving("1.0.0")
    story.register("m", "1.1.0").stage("m", "1.1.0").land()
    story.wait(hours=1).promote("m", "1.1.0").land()
    policy = story.in_effect
    assert policy is not None
    assert story.last.effects == (
        Effect(
            slot=Slot("m", "production"),
            number=2,
            action="promote",
            commit=story.line[-1],
            moment=MONDAY + timedelta(hours=1),
            before="1.0.0",
            after="1.1.0",
            before_blob=blob_id(manifest("m", "1.0.0")),
            after_blob=blob_id(manifest("m", "1.1.0")),
            source="staging",
            policy=policy.digest,
        ),
    )


def test_a_version_that_passes_is_registered_once() -> None:
    story = new_story()
    story.register("m", "1.0.0").land()
    blob = blob_id(manifest("m", "1.0.0"))
    first = Registered(model="m", version="1.0.0", blob=blob, commit=story.line[-1], moment=MONDAY)
    assert story.registered == [first]
    story.write("models/m/README.md", "A card.\n").land()
    assert (story.registered, story.open) == ([first], {})


def test_a_gate_refuses_and_a_better_version_mends_it() -> None:
    story = new_story(gated(metrics=[{"name": "auc", "max-drop": 0.002}]))
    story.register("m", "1.0.0", auc=0.951).stage("m", "1.0.0").land()
    story.promote("m", "1.0.0").land()
    story.register("m", "1.1.0", auc=0.938).stage("m", "1.1.0").land()
    story.promote("m", "1.1.0").land()
    assert story.open == {"production/m": ["refused", "metrics"]}
    assert [found.message for found in story.said("production/m")] == ["auc 0.951 → 0.938, max-drop 0.002"]
    story.register("m", "1.2.0", auc=0.953).stage("m", "1.2.0").land()
    story.promote("m", "1.2.0").land()
    assert (story.serves("m"), story.open) == ("1.2.0", {})
    assert story.past.effects(Slot("m", "production"))[-1].before == "1.0.0"


def test_what_lands_too_early_waits_and_takes_effect_when_its_time_has_come() -> None:
    story = new_story(gated(soak="24h"))
    story.register("m", "1.0.0").stage("m", "1.0.0").land()
    story.wait(hours=3).promote("m", "1.0.0").land()
    assert story.open == {"production/m": ["pending", "soak"]}
    waiting = story.state.open["production/m"]
    assert (waiting.landed, waiting.since, waiting.sources, waiting.after) == (
        story.line[-1],
        MONDAY + timedelta(hours=3),
        frozenset({"staging", "registered"}),
        "1.0.0",
    )
    assert waiting.findings[0].opens == MONDAY + timedelta(hours=24)
    story.wait(hours=20).tag()
    assert story.state.open["production/m"] == replace(waiting, findings=story.said("production/m"))
    story.outside("README.md", "Something else.\n").wait(hours=1).land()
    assert (story.serves("m"), story.open) == ("1.0.0", {})
    assert story.last.effects[0].commit == story.line[-2], "it takes effect where it was judged again"


def test_a_rollback_takes_effect_at_once_whatever_else_is_open() -> None:
    story = serving("1.0.0", "1.1.0")
    story.policy(policy_file(id="11111111-1111-1111-1111-111111111111")).land()
    story.write("models/m/1.1.0.yaml", manifest("m", "1.1.0", auc=1.0)).land()
    story.write("models/other/1.0.0.yaml", "junk").write("staging/m.yaml", "junk").land()
    story.write("production/M.yaml", "junk").write("notes.txt", "junk").write("models/M/1.0.0.yaml", "junk").land()
    before = list(story.open)
    assert before == ["policy", "production/M", "records/M", "records/m", "records/other", "staging/m"]
    story.rollback("m").land()
    assert (story.serves("m"), list(story.open)) == ("1.0.0", before)
    story.withdraw_all().land()
    assert (story.serves("m"), story.open) == ("1.0.0", {})


def test_an_archived_version_comes_back_through_staging() -> None:
    story = serving("1.0.0", "1.1.0")
    story.archive("m").archive("m", "staging").land()
    assert (story.serves("m"), story.serves("m", "staging"), story.open) == (None, None, {})
    story.register("m", "1.2.0").land()
    story.stage("m", "1.2.0").land()
    story.stage("m", "1.0.0").land()
    assert story.last.effects[0].action == "rollback"
    story.promote("m", "1.2.0").land()
    assert story.open == {"production/m": ["refused", "stage-order"]}


def test_a_withdrawal_declares_again_what_is_in_effect() -> None:
    story = serving("1.0.0")
    story.register("m", "1.1.0").land()
    story.promote("m", "1.1.0").land()
    assert story.open == {"production/m": ["refused", "stage-order"]}
    story.withdraw("production/m").land()
    assert (story.serves("m"), story.open, story.last.judgements) == ("1.0.0", {}, ())


def test_a_policy_that_passes_judges_what_is_open() -> None:
    story = new_story(gated(soak="72h"))
    story.register("m", "1.0.0").stage("m", "1.0.0").land()
    story.promote("m", "1.0.0").land()
    assert story.open == {"production/m": ["pending", "soak"]}
    story.policy(policy_file()).land()
    assert (story.serves("m"), story.open, [found.number for found in story.policies]) == ("1.0.0", {}, [1, 2])


def test_a_policy_that_never_passed_judges_nothing() -> None:
    story = new_story(gated(soak="72h"))
    story.register("m", "1.0.0").stage("m", "1.0.0").land()
    story.policy(policy_file(stages={"production": {"from": ["registered"]}})).land()
    story.register("m", "2.0.0").promote("m", "2.0.0").land()
    assert story.open == {"policy": ["refused", "policy-alone"], "production/m": ["refused", "stage-order", "soak"]}
    story.withdraw_all().land()
    assert (story.tags, story.open, len(story.policies)) == (["m/staging/1 promote 1.0.0"], {}, 1)
