"""The fold, in stories: what takes effect, what stays open, and what becomes no ground for anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gitstage.changes import FILE, Entry, blob_id, files
from gitstage.errors import GitstageError
from gitstage.findings import Finding, Verdict
from gitstage.layout import Slot
from gitstage.ledger import Effect, PolicyEffect, Registered, State
from gitstage.manifest import tombstone
from gitstage.rules.fold import Step, fold
from tests.registries import MONDAY, STAGES, Story, empty_slot, gated, manifest, policy_file

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
        State(judged=story.line[1], clock=MONDAY, policy=story.line[1], policy_number=1, policy_since=MONDAY),
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


# What was refused becomes no ground for anything.


def test_a_rewritten_version_is_staged_nowhere() -> None:
    story = serving("1.0.0")
    story.write("models/m/1.0.0.yaml", manifest("m", "1.0.0", auc=1.0)).land()
    story.fill("m", "1.0.0", "staging").land()
    assert story.open == {
        "records/m": ["refused", "version-immutable"],
        "staging/m": ["refused", "version-immutable", "leaves-archived"],
    }
    story.withdraw("records/m").land()
    assert story.open == {"staging/m": ["refused", "slot-matches-version"]}


def test_bytes_that_never_passed_are_no_rollback() -> None:
    story = serving("1.0.0", "1.1.0")
    story.write("models/m/1.0.0.yaml", manifest("m", "1.0.0", auc=1.0)).fill("m", "1.0.0").land()
    assert story.open == {
        "production/m": ["refused", "version-immutable", "stage-order", "leaves-archived"],
        "records/m": ["refused", "version-immutable"],
    }
    assert story.serves("m") == "1.1.0"


def test_a_version_that_was_forced_into_staging_does_not_go_on_from_there() -> None:
    story = new_story(
        gated({"staging": {"from": ["registered"], "gates": ["standard"]}}, metrics=[{"name": "auc", "min": 0.9}])
    )
    story.register("m", "1.0.0", auc=0.5).land()
    story.stage("m", "1.0.0").land()
    story.promote("m", "1.0.0").land()
    assert story.open == {
        "production/m": ["refused", "stage-order", "metrics"],
        "staging/m": ["refused", "metrics"],
    }
    story.withdraw_all().land()
    assert (story.tags, story.open) == ([], {})


def test_a_good_change_on_a_refused_one_takes_effect_only_once_that_is_mended() -> None:
    story = serving("1.0.0")
    story.write("models/m/1.0.0.yaml", manifest("m", "1.0.0", auc=1.0)).land()
    story.register("m", "1.1.0").stage("m", "1.1.0").land()
    assert story.open == {
        "records/m": ["refused", "version-immutable", "slot-matches-version"],
        "staging/m": ["pending", "version-immutable", "slot-matches-version"],
    }
    assert "1.1.0" not in [found.version for found in story.registered]
    story.write("models/m/1.0.0.yaml", manifest("m", "1.0.0")).land()
    assert (story.serves("m", "staging"), story.open) == ("1.1.0", {})
    assert "1.1.0" in [found.version for found in story.registered]


def test_a_withdrawal_of_the_records_takes_what_was_built_on_them_along() -> None:
    story = serving("1.0.0")
    story.write("models/m/1.0.0.yaml", "junk").register("m", "1.1.0").stage("m", "1.1.0").land()
    story.withdraw("records/m").land()
    assert story.open == {"staging/m": ["refused", "slot-matches-version"]}
    story.withdraw("staging/m").land()
    assert (story.serves("m", "staging"), story.open) == ("1.0.0", {})


def test_neither_waiting_nor_filling_two_stages_at_once_cures_a_skipped_stage() -> None:
    story = serving("1.0.0")
    story.register("m", "1.1.0").land()
    story.stage("m", "1.1.0").promote("m", "1.1.0").land()
    assert (story.serves("m", "staging"), story.open) == ("1.1.0", {"production/m": ["refused", "stage-order"]})
    story.wait(days=365).outside("x", "x").land()
    assert story.open == {"production/m": ["refused", "stage-order"]}
    story.withdraw("production/m").land()
    story.promote("m", "1.1.0").land()
    assert (story.serves("m"), story.open) == ("1.1.0", {})


def test_a_slot_that_was_filled_before_its_version_was_registered_is_not_cured_by_registering() -> None:
    story = new_story()
    story.write("staging/m.yaml", manifest("m", "1.0.0")).land()
    assert story.open == {"staging/m": ["refused", "slot-matches-version"]}
    story.register("m", "1.0.0").land()
    assert story.open == {"staging/m": ["refused", "stage-order"]}


@pytest.mark.parametrize("stage", ["staging", "production"])
def test_a_slot_that_is_removed_and_put_back_is_as_it_was(stage: str) -> None:
    story = serving("1.0.0", "1.1.0")
    before = story.files[story.at(f"{stage}/m.yaml")]
    story.remove(f"{stage}/m.yaml").land()
    assert story.open == {f"{stage}/m": ["refused", "nothing-removed"]}
    assert story.serves("m", stage) == "1.1.0"
    story.write(f"{stage}/m.yaml", before).land()
    assert (story.serves("m", stage), story.open, len(story.tags)) == ("1.1.0", {}, 4)


def test_a_slot_that_was_emptied_is_not_removed_either() -> None:
    story = serving("1.0.0")
    story.archive("m").land()
    story.remove("production/m.yaml").land()
    assert story.open == {"production/m": ["refused", "nothing-removed"]}
    story.withdraw_all().land()
    assert (story.read("production/m.yaml"), story.open) == (empty_slot("m"), {})


def test_a_stay_that_never_was_counts_for_no_rollback() -> None:
    story = serving("1.0.0")
    story.register("m", "1.1.0").land()
    story.promote("m", "1.1.0").land()
    story.withdraw("production/m").land()
    story.promote("m", "1.1.0").land()
    assert story.open == {"production/m": ["refused", "stage-order"]}
    assert story.last.judgements[-1].action == "promote"


def test_an_archived_listing_without_a_cause_makes_no_rollback_and_no_registration() -> None:
    stages = {"staging": {"from": ["registered"]}, "production": {"from": ["staging"]}}
    story = new_story(policy_file(stages))
    story.register("m", "1.0.0").copy("models/m/1.0.0.yaml", "archived/m/1.0.0.yaml").land()
    assert story.open == {}
    story.stage("m", "1.0.0").land()
    assert story.open == {"staging/m": ["refused", "stage-order"]}


def test_a_version_that_is_registered_and_archived_and_staged_at_once_was_registered() -> None:
    stages = {"staging": {"from": ["registered"]}, "production": {"from": ["staging"]}}
    story = new_story(policy_file(stages))
    story.register("m", "1.0.0").copy("models/m/1.0.0.yaml", "archived/m/1.0.0.yaml").stage("m", "1.0.0").land()
    assert (story.serves("m", "staging"), story.open) == ("1.0.0", {})


def test_a_listing_that_never_passed_is_no_source_and_hides_none() -> None:
    stages = {"staging": {"from": ["archived"]}, "production": {"from": ["registered"]}}
    story = new_story(policy_file(stages))
    story.register("m", "1.0.0").land()
    story.copy("models/m/1.0.0.yaml", "archived/m/1.0.0.yaml").write("models/m/x", "junk").land()
    story.stage("m", "1.0.0").promote("m", "1.0.0").land()
    story.remove("models/m/x").land()
    assert story.open == {"production/m": ["refused", "stage-order"], "staging/m": ["refused", "stage-order"]}


def test_bytes_of_another_model_are_no_version() -> None:
    story = serving("1.0.0")
    story.register("x", "1.0.0").land()
    story.copy("models/m/1.0.0.yaml", "staging/x.yaml").land()
    story.write("production/m.yaml", empty_slot("x")).land()
    assert story.open == {
        "production/m": ["refused", "slot-matches-version"],
        "staging/x": ["refused", "slot-matches-version"],
    }
    assert (story.serves("m"), story.serves("x", "staging")) == ("1.0.0", None)


def test_what_leaves_a_slot_stays_archived_when_its_records_are_put_back() -> None:
    story = serving("1.0.0", "1.1.0")
    story.write("models/m/notes.txt", "junk").land()
    passed = story.line[-2]
    story.rollback("m", hold_it=False).land()
    assert (story.serves("m"), story.open) == ("1.0.0", {"records/m": ["refused", "known-path"]})
    story.files = {**story.files, **dict(story_files(story, passed, "archived"))}
    story.remove("archived/m/1.1.0.yaml").remove("models/m/notes.txt").land()
    assert story.open == {"records/m": ["refused", "leaves-archived"]}, "nothing differs from what passed, and yet"
    assert [found.rule for found in story.said("records/m")] == ["leaves-archived"]
    story.withdraw("records/m").land()
    assert (story.open, story.read("archived/m/1.1.0.yaml")) == ({}, manifest("m", "1.1.0"))


def story_files(story: Story, commit: str, folder: str) -> list[tuple[str, Entry]]:
    return list(files(story.trees[commit], story.at(folder)))


# Slots by hand.


def test_a_slot_edited_by_hand_is_refused() -> None:
    story = serving("1.0.0")
    story.write("production/m.yaml", manifest("m", "1.0.0", auc=1.0)).land()
    assert story.open == {"production/m": ["refused", "slot-matches-version"]}


@pytest.mark.parametrize("what", ["link", "submodule", "make_executable"])
def test_a_slot_that_is_no_plain_file_is_refused(what: str) -> None:
    story = serving("1.0.0")
    getattr(story, what)("production/m.yaml").land()
    assert ("known-path" in story.open["production/m"], story.serves("m")) == (True, "1.0.0")
    story.withdraw_all().land()
    assert story.open == {}


def test_an_executable_slot_leaves_nothing() -> None:
    story = serving("1.0.0")
    story.make_executable("production/m.yaml").land()
    assert story.open == {"production/m": ["refused", "known-path"]}


def test_a_folder_in_the_place_of_a_slot_is_refused_and_withdrawn() -> None:
    story = serving("1.0.0")
    story.write("production/m.yaml/x", "junk").land()
    assert story.open == {
        "policy": ["refused", "known-path"],
        "production/m": ["refused", "slot-matches-version", "known-path"],
    }
    story.withdraw("production/m").land()
    assert story.open == {}


def test_a_promotion_by_hand_that_archives_passes() -> None:
    story = serving("1.0.0")
    story.register("m", "1.1.0").stage("m", "1.1.0").land()
    story.fill("m", "1.1.0").land()
    assert (story.serves("m"), story.open) == ("1.1.0", {}), "staging archived 1.0.0 already"


def test_a_promotion_by_hand_that_archives_nothing_is_mended_by_promoting() -> None:
    story = new_story()
    story.register("m", "1.0.0").stage("m", "1.0.0").land()
    story.register("m", "1.1.0").fill("m", "1.1.0", "staging").land()
    assert story.open == {"staging/m": ["refused", "leaves-archived"]}
    story.stage("m", "1.1.0").land()
    assert (story.serves("m", "staging"), story.open) == ("1.1.0", {})


def test_an_empty_slot_where_nothing_ever_was_takes_no_effect() -> None:
    story = new_story()
    story.register("m", "1.0.0").write("production/m.yaml", empty_slot("m")).land()
    assert (story.tags, story.open) == ([], {})
    story.remove("production/m.yaml").land()
    assert (story.tags, story.open) == ([], {})


def test_an_empty_slot_of_no_model_is_refused_and_goes_away() -> None:
    story = new_story()
    story.write("production/ghost.yaml", empty_slot("ghost")).land()
    assert story.open == {"production/ghost": ["refused", "known-path"]}
    story.outside("x", "x").land()
    assert story.open == {"production/ghost": ["refused", "known-path"]}
    story.withdraw_all().land()
    assert (story.open, story.registry.entry("production/ghost.yaml")) == ({}, None)


def test_an_empty_slot_beside_its_twin_is_refused_and_goes_away() -> None:
    story = serving("1.0.0")
    story.register("x/m", "1.0.0").register("x/n", "1.0.0").land()
    story.write("production/M.yaml", "junk").land()
    story.withdraw_all().land()
    assert (story.open, story.registry.entry("production/M.yaml")) == ({}, None)


def test_a_slot_of_a_model_whose_registration_is_withdrawn_goes_away() -> None:
    story = new_story()
    story.write("models/m/1.0.0.yaml", "junk").write("staging/m.yaml", "junk").land()
    story.withdraw_all().land()
    assert (story.open, story.registry.entry("staging/m.yaml")) == ({}, None)


def test_a_first_promotion_that_is_withdrawn_leaves_an_empty_slot() -> None:
    story = new_story()
    story.register("m", "1.0.0").promote("m", "1.0.0").land()
    assert story.open == {"production/m": ["refused", "stage-order"]}
    story.withdraw_all().land()
    assert (story.open, story.tags, story.read("production/m.yaml")) == ({}, [], empty_slot("m"))


# Names.


@pytest.mark.parametrize(
    "path",
    ["stag\udcffing.yaml", "staging/m\udcff.yaml", "models/m\udcff/1.0.0.yaml", "models/a\nb/1.0.0.yaml", "notes.txt"],
)
def test_a_path_that_is_none_of_ours_is_seen_and_stops_nobody_else(path: str) -> None:
    story = serving("1.0.0")
    story.write(path, "junk").land()
    assert story.open == {"policy": ["refused", "known-path"]}
    story.register("m", "1.1.0").stage("m", "1.1.0").land()
    assert (story.serves("m", "staging"), story.open) == ("1.1.0", {"policy": ["refused", "known-path"]})
    story.withdraw("policy").land()
    assert story.open == {}


@pytest.mark.parametrize(
    "path",
    ["staging/README.md", "production/README.md", "gitstage.yaml", "models/m/README.md", "archived/m/1.0.0.yaml"],
)
@pytest.mark.parametrize("what", ["link", "submodule"])
def test_nothing_in_a_registry_is_a_link_or_a_submodule(path: str, what: str) -> None:
    story = serving("1.0.0", "1.1.0")
    getattr(story, what)(path).land()
    (verdict, *rules) = next(iter(story.open.values()))
    assert (len(story.open), verdict) == (1, "refused")
    assert "known-path" in rules
    story.withdraw_all().land()
    assert story.open == {}


def test_a_stage_that_is_a_link_is_refused_and_empties_nothing() -> None:
    story = serving("1.0.0")
    story.link("production").land()
    assert story.open == {"policy": ["refused", "known-path"], "production/m": ["refused", "nothing-removed"]}
    assert story.serves("m") == "1.0.0"
    story.withdraw_all().land()
    assert story.open == {}


@pytest.mark.parametrize("folder", ["models/m", "staging", "artifacts/m/1.0.0", "x"])
def test_a_path_that_is_deeper_than_the_stack_is_seen_and_withdrawn(folder: str) -> None:
    story = serving("1.0.0")
    story.write(f"{folder}/{'a/' * 1_100}x", "junk").land()
    assert len(story.open) == 1
    story.withdraw_all().land()
    assert story.open == {}


def test_a_model_whose_name_differs_only_in_case_is_refused() -> None:
    story = serving("1.0.0")
    story.register("M", "1.0.0").land()
    story.stage("M", "1.0.0").land()
    assert story.open == {
        "records/M": ["refused", "known-path"],
        "staging/M": ["refused", "known-path"],
    }
    story.register("m", "1.1.0").stage("m", "1.1.0").land()
    assert story.serves("m", "staging") == "1.1.0"
    story.withdraw_all().land()
    assert story.open == {}


def test_moving_a_model_into_a_namespace_removes_it_where_it_was() -> None:
    story = serving("1.0.0")
    for path in ["models/{}/1.0.0.yaml", "staging/{}.yaml", "production/{}.yaml"]:
        story.copy(path.format("m"), path.format("risk/m")).remove(path.format("m"))
    story.land()
    assert story.open == {
        "production/m": ["refused", "nothing-removed"],
        "production/risk/m": ["refused", "manifest-valid", "stage-order"],
        "records/m": ["refused", "nothing-removed"],
        "records/risk/m": ["refused", "manifest-valid"],
        "staging/m": ["refused", "nothing-removed"],
        "staging/risk/m": ["pending", "manifest-valid"],
    }
    story.withdraw_all().land()
    assert (story.open, story.serves("m"), story.serves("risk/m")) == ({}, "1.0.0", None)


def test_a_model_and_a_namespace_of_one_name_exclude_each_other() -> None:
    story = serving("1.0.0")
    story.register("m/deep", "1.0.0").register("risk/a", "1.0.0").land()
    story.register("risk", "1.0.0").land()
    assert story.open == {"records/m/deep": ["refused", "known-path"], "records/risk": ["refused", "known-path"]}
    story.register("m", "2.0.0").register("risk/a", "2.0.0").land()
    assert list(story.open) == ["records/m/deep", "records/risk"], "who was there first is not disturbed"


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("name", ["M", "m/deep"])
def test_a_model_whose_files_are_taken_away_keeps_its_name(name: str, again: bool) -> None:
    story = serving("1.0.0")
    story.remove("models/m/1.0.0.yaml")
    if again:
        story.land()
    story.register(name, "1.0.0").land()
    assert story.open == {"records/m": ["refused", "nothing-removed"], f"records/{name}": ["refused", "known-path"]}
    story.withdraw_all().land()
    assert (story.open, [found.model for found in story.registered]) == ({}, ["m"])


@pytest.mark.parametrize("again", [False, True])
def test_no_stage_takes_the_name_of_a_model_whose_files_are_taken_away(again: bool) -> None:
    story = serving("1.0.0")
    story.remove("models/m/1.0.0.yaml")
    if again:
        story.land()
    story.policy(policy_file({**STAGES, "m": {"from": ["staging"]}})).land()
    assert story.open == {"policy": ["refused", "policy-alone"], "records/m": ["refused", "nothing-removed"]}


# The policy.


def test_a_promotion_and_a_policy_change_together_are_refused_and_the_policy_is_not() -> None:
    story = new_story(gated(soak="24h"))
    story.register("m", "1.0.0").stage("m", "1.0.0").land()
    story.policy(policy_file()).promote("m", "1.0.0").land()
    assert (story.open, len(story.policies)) == ({"production/m": ["refused", "policy-alone"]}, 2)
    story.outside("x", "x").land()
    assert story.open == {"production/m": ["refused", "policy-alone"]}, "what was so when it landed stays so"


def test_a_rollback_and_an_emptying_with_the_policy_are_refused_too() -> None:
    story = serving("1.0.0", "1.1.0")
    story.rollback("m").archive("m", "staging").policy(policy_file(trunk="x")).land()
    assert story.open == {"production/m": ["refused", "policy-alone"], "staging/m": ["refused", "policy-alone"]}


@pytest.mark.parametrize("path", ["CODEOWNERS", ".github/workflows/gate.yml", "deep/CODEOWNERS"])
def test_a_protected_path_counts_as_the_policy(path: str) -> None:
    story = serving("1.0.0", "1.1.0", policy=policy_file(protected=[".github/**", "CODEOWNERS"]))
    story.rollback("m").outside(path, "* @mallory\n").land()
    assert story.open == {"production/m": ["refused", "policy-alone"]}
    story.withdraw("production/m").outside("src/main.py", "pass\n").land()
    story.rollback("m").outside("src/main.py", "print()\n").land()
    assert (story.serves("m"), story.open) == ("1.0.0", {})


def test_a_policy_that_cannot_be_read_stops_nobody_but_a_slot_in_its_commit() -> None:
    story = serving("1.0.0", "1.1.0")
    story.policy(b"stages: [\n").rollback("m").land()
    assert story.open == {"policy": ["refused", "manifest-valid"], "production/m": ["refused", "policy-alone"]}
    story.withdraw("production/m").land()
    story.rollback("m").land()
    assert (story.serves("m"), story.open) == ("1.0.0", {"policy": ["refused", "manifest-valid"]})


def test_a_policy_that_is_removed_is_still_in_effect() -> None:
    story = serving("1.0.0", "1.1.0")
    story.remove("gitstage.yaml").land()
    assert story.open == {"policy": ["refused", "nothing-removed"]}
    story.rollback("m").land()
    assert story.serves("m") == "1.0.0"
    story.withdraw_all().land()
    assert story.open == {}


def test_a_registry_that_is_removed_is_still_in_effect() -> None:
    story = serving("1.0.0")
    kept = dict(story.files)
    story.files = {"README.md": Entry(FILE, story.shelf.put(b"x"))}
    story.land()
    assert story.open == {
        "policy": ["refused", "nothing-removed"],
        "production/m": ["refused", "nothing-removed", "policy-alone"],
        "records/m": ["refused", "nothing-removed"],
        "staging/m": ["refused", "nothing-removed", "policy-alone"],
    }
    story.withdraw_all().land()
    assert (story.open, set(kept) - set(story.files)) == ({}, set())


def test_a_stage_is_never_taken_out() -> None:
    story = serving("1.0.0")
    story.policy(policy_file({"production": {"from": ["registered"]}})).land()
    assert story.open == {"policy": ["refused", "policy-alone"]}
    story.register("m", "2.0.0").promote("m", "2.0.0").land()
    assert story.open == {"policy": ["refused", "policy-alone"], "production/m": ["refused", "stage-order"]}


def test_a_stage_retires_when_its_slots_are_empty_in_effect() -> None:
    retired = policy_file({**STAGES, "production": {"from": ["staging"], "retired": True}})
    story = serving("1.0.0")
    story.policy(retired).land()
    assert story.open == {"policy": ["refused", "policy-alone"]}
    story.write("production/m.yaml", empty_slot("m")).land()
    assert story.open == {"policy": ["refused", "policy-alone"], "production/m": ["refused", "leaves-archived"]}
    story.withdraw("production/m").archive("m").land()
    assert (story.open, len(story.policies)) == ({}, 2), "the policy is judged once more when the slot is empty"
    story.promote("m", "1.0.0").land()
    assert story.open == {"production/m": ["refused", "stage-order"]}


def test_a_stage_does_not_retire_with_the_file_of_its_slot_removed() -> None:
    story = serving("1.0.0")
    story.remove("production/m.yaml").policy(policy_file({**STAGES, "production": {"retired": True}})).land()
    assert story.open == {
        "policy": ["refused", "policy-alone"],
        "production/m": ["refused", "nothing-removed", "policy-alone"],
    }
    story.outside("x", "x").land()
    assert list(story.open) == ["policy", "production/m"]


def test_a_new_stage_begins_empty() -> None:
    canary = policy_file({**STAGES, "canary": {"from": ["staging"]}})
    story = serving("1.0.0")
    story.fill("m", "1.0.0", "canary").land()
    assert story.open == {"policy": ["refused", "known-path"]}
    story.policy(canary).land()
    assert story.open == {"policy": ["refused", "policy-alone"]}
    story.remove("canary/m.yaml").land()
    assert story.open == {}
    story.promote("m", "1.0.0", "canary").land()
    assert story.serves("m", "canary") == "1.0.0"


def test_at_a_repositorys_root_only_our_own_directories_are_the_registry() -> None:
    story = serving("1.0.0", folder="")
    story.write("src/main.py", "pass\n").write("README.md", "x").write("Makefile", "x").link("link").land()
    assert story.open == {}
    story.write("Models/x", "x").write("STAGING/x", "x").write("GitStage.yaml", "x").write("src/b.py", "x").land()
    assert story.open == {"policy": ["refused", "known-path"]}
    story.withdraw_all().land()
    assert (story.open, story.registry.entry("src/main.py") is not None) == ({}, True)
    story.remove("src/main.py").remove("README.md").land()
    assert story.open == {}


# A new registry, and what serves already.


def test_a_first_policy_that_cannot_be_read_makes_no_registry() -> None:
    story = Story()
    story.policy(b"kind: Registry\n").register("m", "1.0.0").land()
    assert (story.open, story.in_effect) == ({"policy": ["refused", "manifest-valid"]}, None)
    story.link("gitstage.yaml").land()
    assert story.open == {"policy": ["refused", "manifest-valid", "known-path"]}
    story.policy(policy_file()).stage("m", "1.0.0").land()
    assert (story.open, story.tags, len(story.registered)) == ({}, ["m/staging/1 promote 1.0.0"], 1)


def test_a_first_policy_that_is_taken_away_again_leaves_nothing_open() -> None:
    story = Story()
    story.policy(b"kind: Registry\n").land()
    story.remove("gitstage.yaml").land()
    assert (story.open, story.in_effect) == ({}, None)


def test_what_serves_already_is_adopted_until_the_day_that_the_policy_names() -> None:
    story = new_story(policy_file(adopt_until="2026-12-23"))
    story.register("m", "1.0.0").register("n", "1.0.0").fill("m", "1.0.0").land()
    assert (story.tags, story.open) == (["m/production/1 adopt 1.0.0"], {})
    story.tag(at="2026-12-23T23:59Z")
    story.fill("n", "1.0.0").land()
    assert story.serves("n") == "1.0.0"
    story.tag(at="2026-12-24T00:00Z")
    story.register("o", "1.0.0").fill("o", "1.0.0").land()
    assert story.open == {"production/o": ["refused", "stage-order"]}


def test_only_a_slot_that_never_held_anything_adopts() -> None:
    story = serving("1.0.0", policy=policy_file(adopt_until="2026-12-23"))
    story.archive("m").land()
    story.register("m", "2.0.0").fill("m", "2.0.0").land()
    assert story.open == {"production/m": ["refused", "stage-order"]}


def test_a_slot_whose_tags_do_not_count_is_not_adopted_into() -> None:
    story = new_story(policy_file(adopt_until="2026-12-23"))
    story.past.use_up(Slot("m", "production"), 7)
    story.register("m", "1.0.0").fill("m", "1.0.0").land()
    assert story.open == {"production/m": ["refused", "stage-order"]}
    story.withdraw_all().stage("m", "1.0.0").land()
    story.promote("m", "1.0.0").land()
    assert story.tags == ["m/production/8 promote 1.0.0", "m/staging/1 promote 1.0.0"], "the next free number follows"


def test_in_a_new_registry_everything_is_judged_at_once() -> None:
    story = Story()
    story.policy(policy_file(adopt_until="2026-12-23"))
    story.register("m", "1.0.0").register("m", "1.1.0").fill("m", "1.0.0").fill("m", "1.1.0", "staging")
    story.write("models/n/1.0.0.yaml", "junk").write("notes.txt", "junk").land()
    assert (story.in_effect, story.open) == (None, {"policy": ["refused", "known-path"]})
    story.remove("notes.txt").land()
    assert story.tags == ["m/production/1 adopt 1.0.0", "m/staging/1 promote 1.1.0"]
    assert story.open == {"records/n": ["refused", "manifest-valid"]}


# Holds.


def test_a_version_that_is_held_enters_no_stage_and_may_when_it_is_released() -> None:
    story = serving("1.0.0", "1.1.0")
    story.rollback("m").land()
    story.promote("m", "1.1.0").land()
    assert story.open == {"production/m": ["refused", "held"]}
    story.unhold("m", "1.1.0").land()
    assert (story.serves("m"), story.open) == ("1.1.0", {})


def test_a_hold_that_is_removed_while_its_version_is_promoted_still_holds() -> None:
    story = serving("1.0.0", "1.1.0")
    story.rollback("m").land()
    story.remove("holds/m/1.1.0.yaml").promote("m", "1.1.0").land()
    assert story.open == {
        "production/m": ["refused", "held"],
        "records/m": ["refused", "nothing-removed"],
    }


def test_a_hold_in_the_same_change_holds() -> None:
    story = new_story()
    story.register("m", "1.0.0").hold("m", "1.0.0").stage("m", "1.0.0").land()
    assert (story.open, len(story.registered)) == ({"staging/m": ["refused", "held"]}, 1)


def test_a_hold_that_landed_meanwhile_holds_what_is_judged_late() -> None:
    story = new_story()
    story.register("m", "1.0.0").stage("m", "1.0.0").commit()
    story.hold("m", "1.0.0").commit()
    story.tag(up_to=2)
    assert story.open == {"staging/m": ["refused", "held"]}
    story.tag()
    assert story.open == {"staging/m": ["refused", "held"]}


def test_what_is_held_may_leave() -> None:
    story = serving("1.0.0")
    story.hold("m", "1.0.0").archive("m").land()
    assert (story.serves("m"), story.open) == (None, {})


# Gates.


def test_what_a_change_says_of_the_incumbent_lowers_no_bar_however_long_it_waits() -> None:
    story = new_story(gated(metrics=[{"name": "auc", "max-drop": 0.01, "evidence": "load-test"}]))
    story.register("m", "1.0.0").attest("m", "1.0.0", "load-test", auc=0.95).stage("m", "1.0.0").land()
    story.promote("m", "1.0.0").land()
    story.register("m", "1.1.0").attest("m", "1.1.0", "load-test", auc=0.5).stage("m", "1.1.0").land()
    story.wait(hours=1).attest("m", "1.0.0", "load-test", number=2, auc=0.4).promote("m", "1.1.0").land()
    assert story.open == {"production/m": ["refused", "metrics"]}
    story.outside("x", "x").wait(hours=1).land()
    story.tag()
    assert story.open == {"production/m": ["refused", "metrics"]}


def test_evidence_that_comes_later_lets_a_promotion_pass() -> None:
    story = new_story(gated(evidence=[{"type": "test-result", "name": "shadow-traffic"}]))
    story.register("m", "1.0.0").stage("m", "1.0.0").land()
    story.promote("m", "1.0.0").land()
    assert story.open == {"production/m": ["pending", "evidence"]}
    story.attest("m", "1.0.0").land()
    assert (story.serves("m"), story.open) == ("1.0.0", {})


def test_evidence_that_is_dated_in_the_future_counts_when_it_has_come() -> None:
    story = new_story(gated(evidence=[{"type": "test-result", "name": "shadow-traffic"}]))
    story.register("m", "1.0.0").stage("m", "1.0.0").land()
    story.attest("m", "1.0.0", made=MONDAY + timedelta(days=4000)).promote("m", "1.0.0").land()
    assert story.open == {"production/m": ["pending", "evidence"]}
    story.wait(days=4000).tag()
    assert story.open == {}


def test_a_soak_is_broken_by_who_comes_between() -> None:
    story = new_story(gated(soak="24h"))
    story.register("m", "1.0.0").stage("m", "1.0.0").land()
    story.promote("m", "1.0.0").land()
    story.wait(hours=3).register("m", "1.1.0").stage("m", "1.1.0").land()
    story.wait(days=9).tag()
    assert story.open == {"production/m": ["refused", "soak"]}


def test_what_is_kept_is_not_pushed_out_and_a_rollback_does_not_wait() -> None:
    story = new_story(policy_file({**STAGES, "staging": {"from": ["registered", "archived"], "keep": "72h"}}))
    story.register("m", "1.0.0").stage("m", "1.0.0").land()
    story.wait(hours=80).register("m", "1.1.0").stage("m", "1.1.0").land()
    story.wait(hours=1).register("m", "1.2.0").stage("m", "1.2.0").land()
    assert (story.open, len(story.registered)) == ({"staging/m": ["pending", "keep"]}, 3)
    assert story.state.open["staging/m"].findings[0].opens == MONDAY + timedelta(hours=152)
    story.rollback("m", "staging").land()
    assert (story.serves("m", "staging"), story.open) == ("1.0.0", {})


def test_a_gate_that_warns_refuses_nothing() -> None:
    story = new_story(gated(metrics=[{"name": "auc", "min": 0.9, "enforce": "warn"}]))
    story.register("m", "1.0.0", auc=0.5).stage("m", "1.0.0").land()
    story.promote("m", "1.0.0").land()
    assert (story.serves("m"), story.open) == ("1.0.0", {})
    assert [(found.advisory, found.verdict) for found in story.said("production/m")] == [(True, Verdict.REFUSED)]


# Branches.


def test_of_two_branches_that_promote_one_model_the_second_conflicts() -> None:
    for first in (0, 1):
        story = serving("1.0.0")
        story.register("m", "1.1.0").stage("m", "1.1.0").land()
        story.register("m", "1.2.0").land()
        branches = [story.fork().promote("m", "1.1.0"), story.fork().stage("m", "1.2.0").promote("m", "1.2.0")]
        assert story.merge(branches[first]) == ()
        story.land()
        assert "production/m.yaml" in " ".join(story.merge(branches[1 - first]))


def test_an_archive_on_main_and_a_promotion_on_a_branch_conflict() -> None:
    story = serving("1.0.0")
    story.register("m", "1.1.0").stage("m", "1.1.0").land()
    branch = story.fork().promote("m", "1.1.0")
    story.archive("m").land()
    assert story.merge(branch) == ("registry/production/m.yaml",)


def test_two_regions_are_promoted_at_once() -> None:
    story = new_story(policy_file(REGIONS))
    for version in ("1.0.0", "1.1.0"):
        story.register("m", version).stage("m", version).land()
        story.promote("m", version, "canary").land()
        branches = [story.fork().promote("m", version, region) for region in ("production-eu", "production-us")]
        for branch in branches:
            assert {found.verdict for found in story.check(branch)} == {Verdict.PASSED}
            assert story.merge(branch) == ()
            story.land()
    assert (story.open, story.serves("m", "production-eu"), story.serves("m", "production-us")) == (
        {},
        "1.1.0",
        "1.1.0",
    )


def test_main_stages_another_version_while_a_branch_promotes() -> None:
    story = serving("1.0.0")
    story.register("m", "1.1.0").stage("m", "1.1.0").land()
    branch = story.fork().promote("m", "1.1.0")
    assert {found.thing: found.verdict for found in story.check(branch)} == {"production/m": Verdict.PASSED}
    story.register("m", "1.2.0").stage("m", "1.2.0").land()
    assert {found.thing: found.verdict for found in story.check(branch)} == {"production/m": Verdict.REFUSED}
    assert story.merge(branch) == ()
    story.land()
    assert story.open == {"production/m": ["refused", "stage-order"]}


def test_main_holds_a_version_while_a_branch_promotes_it() -> None:
    story = serving("1.0.0")
    story.register("m", "1.1.0").stage("m", "1.1.0").land()
    branch = story.fork().promote("m", "1.1.0")
    story.hold("m", "1.1.0").land()
    assert story.merge(branch) == ()
    story.land()
    assert story.open == {"production/m": ["refused", "held"]}


def test_a_branch_that_was_refused_is_built_upon_and_then_mended() -> None:
    story = serving("1.0.0")
    story.register("m", "1.1.0").promote("m", "1.1.0").land()
    branch = story.fork()
    branch.register("m", "1.2.0").stage("m", "1.2.0")
    assert story.merge(branch) == ()
    story.land()
    assert (story.serves("m", "staging"), story.open) == ("1.2.0", {"production/m": ["refused", "stage-order"]})
    story.withdraw_all().promote("m", "1.2.0").land()
    assert (story.serves("m"), story.open) == ("1.2.0", {})


def test_a_revert_button_takes_the_archived_file_away_and_is_refused() -> None:
    story = serving("1.0.0")
    before = dict(story.files)
    story.register("m", "1.1.0").land()
    story.stage("m", "1.1.0").land()
    staged = dict(story.files)
    story.files = dict(before)
    story.copy_from(staged, "models/m/1.1.0.yaml").land()
    assert story.open == {
        "records/m": ["refused", "nothing-removed", "leaves-archived"],
        "staging/m": ["refused", "leaves-archived"],
    }
    assert "gitstage rollback m@STAGE" in str(story.said("records/m")[0].hint)
    story.withdraw_all().rollback("m", "staging").land()
    assert (story.serves("m", "staging"), story.open) == ("1.0.0", {})


# The clock and the ledger.


def test_the_moment_is_never_before_that_of_the_last_run() -> None:
    story = serving("1.0.0")
    story.wait(hours=5).tag()
    story.now = MONDAY
    story.archive("m").land()
    assert (story.last.effects[0].moment, story.state.clock) == (
        MONDAY + timedelta(hours=5),
        MONDAY + timedelta(hours=5),
    )


def test_a_run_that_finds_nothing_new_says_nothing() -> None:
    story = serving("1.0.0")
    state = story.state
    folded = story.tag()
    assert (folded.state, folded.effects, folded.judgements) == (state, (), ())


def test_a_ledger_that_points_at_no_policy_cannot_be_answered() -> None:
    story = serving("1.0.0")
    story.remove("gitstage.yaml").commit()
    story.state = replace(story.state, policy=story.line[-1])
    with pytest.raises(GitstageError) as caught:
        story.tag()
    assert (caught.value.message, caught.value.hint) == (
        f"the ledger says that a policy is in effect at {story.line[-1][:12]}, and there is none that can be read",
        "was the trunk rewritten? see: gitstage doctor",
    )


def test_a_model_whose_tags_cannot_be_made_waits_and_nobody_else() -> None:
    story = new_story()
    story.register("m", "1.0.0").stage("m", "1.0.0").register("n", "1.0.0").stage("n", "1.0.0").commit()
    world = replace(story.world(), blocked=lambda model: "the tag m is in the way" if model == "m" else None)
    folded = fold(story.state, story.steps(), world)
    assert [found.name for found in folded.effects] == ["n/staging/1"]
    (finding,) = folded.state.open["staging/m"].findings
    assert finding == Finding(
        rule="conflict",
        verdict=Verdict.PENDING,
        message="the tag m is in the way",
        hint="rename or delete that tag",
    )


def test_of_one_run_every_change_of_a_slot_follows_on_the_one_before() -> None:
    story = new_story()
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        story.register("m", version).copy(f"models/m/{version}.yaml", f"archived/m/{version}.yaml")
        story.fill("m", version, "staging").commit()
    story.fill("m", "1.0.0", "staging").commit()
    assert [(found.number, found.action, found.before, found.after) for found in story.tag().effects] == [
        (1, "promote", None, "1.0.0"),
        (2, "promote", "1.0.0", "1.1.0"),
        (3, "promote", "1.1.0", "1.2.0"),
        (4, "rollback", "1.2.0", "1.0.0"),
    ]


def test_what_was_redacted_is_counted() -> None:
    story = serving("1.0.0")
    assert story.last.redacted == 0
    versions = [("m", "0.1.0"), ("m", "0.2.0"), ("n", "0.1.0")]
    for model, version in versions:
        story.register(model, version)
    story.land()
    for model, version in versions:
        story.write(f"models/{model}/{version}.yaml", tombstone(manifest(model, version), "a name"))
    assert (story.land().redacted, story.open) == (3, {})
    story.write("models/m/1.0.0.yaml", tombstone(manifest("m", "1.0.0"), "a name"))
    assert (story.land().redacted, list(story.open)) == (0, ["records/m"])


def test_what_a_step_has_to_say_is_passed_on() -> None:
    story = new_story()
    commit = story.commit()
    folded = fold(story.state, [Step(commit, story.trees[commit], "judged as one")], story.world())
    assert folded.notes == ("judged as one",)
    story.register("m", "1.0.0").stage("m", "1.0.0").write("notes.txt", "junk")
    commit = story.commit()
    folded = fold(story.state, [Step(commit, story.trees[commit], "judged twice, said once")], story.world())
    assert folded.notes == ("judged twice, said once",)


def test_a_version_that_cannot_be_read_is_none() -> None:
    story = new_story()
    story.register("m", "1.0.0").write("models/m/1.1.0.yaml", "junk").link("models/m/1.2.0.yaml").commit()
    world = story.world()
    found = [
        world.version_in(story.registry, "m", version) for version in ("1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.1.0")
    ]
    assert [None if version is None else version.version for version in found] == ["1.0.0", None, None, None, None]
