"""The fold in registries of all kinds: in a folder, at the root, several in one repository, with numbers for versions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from gitstage.changes import changes_between
from gitstage.findings import Verdict
from gitstage.layout import Slot
from gitstage.ledger import State, state_document, state_from
from gitstage.rules.fold import Step, World, continued, fold
from tests.registries import ID, MONDAY, STAGES, PastOf, Story, empty_slot, gated, hold, manifest, policy_file

FOLDERS = ["registry", "", "ml/teams/risk"]


def through_production(story: Story, model: str, version: str) -> Story:
    story.register(model, version).stage(model, version).land()
    story.promote(model, version).land()
    return story


# Whatever the registry lies in, and whatever the model is called.


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("model", ["m", "risk/m", "a/b/c/d", "M.x_y-z"])
def test_a_model_lives_wherever_its_registry_lies(folder: str, model: str) -> None:
    story = Story(policy_file(), folder=folder)
    for version in ("1.0.0", "1.1.0"):
        through_production(story, model, version)
    story.rollback(model).land()
    story.unhold(model, "1.1.0").promote(model, "1.1.0").land()
    story.archive(model).land()
    assert story.tags == [
        f"{model}/production/1 promote 1.0.0",
        f"{model}/production/2 promote 1.1.0",
        f"{model}/production/3 rollback 1.0.0",
        f"{model}/production/4 rollback 1.1.0",
        f"{model}/production/5 archive nothing",
        f"{model}/staging/1 promote 1.0.0",
        f"{model}/staging/2 promote 1.1.0",
    ]
    assert story.open == {}


def test_versions_may_be_plain_numbers() -> None:
    story = Story(policy_file(versions="integer"))
    for version in ("1", "2", "10"):
        through_production(story, "m", version)
    assert story.serves("m") == "10"
    story.register("m", "1.0.0").land()
    assert story.open == {"records/m": ["refused", "known-path"]}


def test_numbers_for_versions_stay_numbers() -> None:
    story = through_production(Story(policy_file(versions="integer")), "m", "1")
    story.policy(policy_file()).land()
    assert story.open == {"policy": ["refused", "policy-alone"]}
    story.register("m", "2.0.0").register("n", "2").land()
    assert story.open == {"policy": ["refused", "policy-alone"], "records/m": ["refused", "known-path"]}
    assert [found.version for found in story.registered] == ["1", "2"]


def two_registries() -> tuple[Story, Story]:
    """Two registries in one repository: what one of them writes the other sees, and is none of its business."""
    one, two = Story(folder="one"), Story(folder="two")
    two.shelf, two.files, two.trees, two.line = one.shelf, one.files, one.trees, one.line
    one.policy(policy_file())
    two.policy(policy_file(id="22222222-2222-2222-2222-222222222222", tag_prefix="two/"))
    one.commit()
    one.tag()
    two.tag()
    return one, two


def test_two_registries_in_one_repository_do_not_touch_each_other() -> None:
    one, two = two_registries()
    one.register("m", "1.0.0").stage("m", "1.0.0")
    two.register("m", "1.0.0").promote("m", "1.0.0")
    one.commit()
    one.tag()
    two.tag()
    assert (one.tags, one.open) == (["m/staging/1 promote 1.0.0"], {})
    assert (two.tags, two.open) == ([], {"production/m": ["refused", "stage-order"]})


def test_a_policy_of_one_registry_is_no_policy_of_the_other() -> None:
    one, two = two_registries()
    one.register("m", "1.0.0").stage("m", "1.0.0")
    two.policy(b"junk")
    one.commit()
    one.tag()
    two.tag()
    assert (one.tags, one.open) == (["m/staging/1 promote 1.0.0"], {})
    assert two.open == {"policy": ["refused", "manifest-valid"]}


@pytest.mark.parametrize("folder", ["registry", ""])
@pytest.mark.parametrize(
    "path", ["src/main.py", "docs/models/m/1.0.0.yaml", "gitstage.yml", "registry2/gitstage.yaml", "x/staging/m.yaml"]
)
def test_what_is_outside_is_none_of_the_registrys_business(folder: str, path: str) -> None:
    story = through_production(Story(policy_file(), folder=folder), "m", "1.0.0")
    before = story.state.policy
    story.outside(path, "one").land()
    story.outside(path, "two").land()
    del story.files[path]
    story.land()
    assert (story.open, story.state.policy, len(story.policies)) == ({}, before, 1)


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_protected_path_is_one_of_the_repository_wherever_the_registry_lies(folder: str) -> None:
    story = Story(policy_file(protected=["CODEOWNERS", ".github/**"]), folder=folder)
    through_production(story, "m", "1.0.0")
    through_production(story, "m", "1.1.0")
    story.rollback("m").outside(".github/workflows/x.yml", "x").land()
    assert story.open == {"production/m": ["refused", "policy-alone"]}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_protected_path_is_seen_among_the_changes_that_a_step_says(folder: str) -> None:
    story = Story(policy_file(protected=["CODEOWNERS", ".github/**"]), folder=folder)
    through_production(story, "m", "1.0.0")
    through_production(story, "m", "1.1.0")
    story.rollback("m").outside(".github/workflows/x.yml", "x").commit()
    base, head = story.state.judged, story.line[-1]
    assert base is not None
    step = Step(head, story.tree, base=base, changes=tuple(changes_between(story.trees[base], story.tree)))
    assert list(fold(story.state, [step], story.world()).state.open) == ["production/m"]


# Becoming a registry.


def test_a_folder_that_holds_something_already_becomes_a_registry_once_that_is_gone() -> None:
    story = Story()
    story.write("notes.txt", "mine").write("models/x", "mine").land()
    story.policy(policy_file()).land()
    assert (story.open, story.policies) == ({"policy": ["refused", "known-path"]}, [])
    story.register("m", "1.0.0").stage("m", "1.0.0").land()
    assert (story.tags, story.registered) == ([], [])
    story.remove("notes.txt").remove("models/x").land()
    assert (story.tags, len(story.registered), story.open) == (["m/staging/1 promote 1.0.0"], 1, {})


def test_in_a_new_registry_a_version_skips_no_stage_without_adoption() -> None:
    story = Story()
    story.policy(policy_file()).register("m", "1.0.0").fill("m", "1.0.0").land()
    assert (story.tags, story.open) == ([], {"production/m": ["refused", "stage-order"]})


def test_in_a_new_registry_what_was_archived_before_was_registered() -> None:
    story = Story()
    story.policy(policy_file({**STAGES, "staging": {"from": ["registered"]}})).register("m", "1.0.0")
    story.copy("models/m/1.0.0.yaml", "archived/m/1.0.0.yaml").stage("m", "1.0.0").land()
    assert (story.tags, story.open) == (["m/staging/1 promote 1.0.0"], {})


def test_a_new_registry_with_gates_adopts_past_them_and_promotes_through_them() -> None:
    stages = {**STAGES, "production": {"from": ["staging"], "gates": ["good"]}}
    policy = policy_file(stages, {"good": {"metrics": [{"name": "auc", "min": 0.9}]}}, adopt_until="2026-12-23")
    story = Story()
    story.policy(policy).register("m", "1.0.0", auc=0.5).fill("m", "1.0.0").land()
    assert story.tags == ["m/production/1 adopt 1.0.0"]
    story.register("m", "1.1.0", auc=0.6).stage("m", "1.1.0").land()
    story.promote("m", "1.1.0").land()
    assert story.open == {"production/m": ["refused", "metrics"]}


def test_a_promotion_that_could_have_been_adopted_passes_the_gates() -> None:
    gates = {"good": {"metrics": [{"name": "auc", "min": 0.9}]}}
    stages = {**STAGES, "production": {"from": ["staging"], "gates": ["good"]}}
    story = Story(policy_file(stages, gates, adopt_until="2026-12-23"))
    story.register("m", "1.0.0", auc=0.5).stage("m", "1.0.0").land()
    story.promote("m", "1.0.0").land()
    assert story.open == {"production/m": ["refused", "metrics"]}


# Late, in parts, and on another machine.

HISTORIES: dict[str, Callable[[Story], object]] = {
    "a rollback": lambda story: story.rollback("m", to="1.0.0"),
    "a hold": lambda story: story.hold("m", "1.0.0"),
    "an archive": lambda story: story.archive("m"),
    "a version": lambda story: story.register("m", "1.2.0").stage("m", "1.2.0"),
    "junk": lambda story: story.write("models/m/1.0.0.yaml", "junk"),
    "a stray": lambda story: story.write("stray", "junk"),
    "a broken policy": lambda story: story.policy(b"junk"),
    "a good policy": lambda story: story.policy(policy_file(trunk="trunk")),
    "a removed slot": lambda story: story.remove("production/m.yaml"),
    "a skipped stage": lambda story: story.register("m", "1.3.0").promote("m", "1.3.0"),
}


def in_use() -> Story:
    story = Story(policy_file())
    for version in ("1.0.0", "1.1.0"):
        through_production(story, "m", version)
    return story


@pytest.mark.parametrize("first", HISTORIES)
@pytest.mark.parametrize("second", HISTORIES)
def test_two_commits_are_judged_alike_in_one_run_and_in_two(first: str, second: str) -> None:
    together, apart = in_use(), in_use()
    for act in (first, second):
        HISTORIES[act](together)
        together.commit()
    together.tag()
    # The second act is told by what the first left: the trees are the ones that were committed.
    apart.line, apart.trees = together.line, together.trees
    apart.tag(up_to=len(apart.line) - 1)
    restored = state_from(state_document(apart.state, ID), ID)
    assert restored == apart.state
    apart.state = restored
    apart.tag()
    assert (apart.past.all(), apart.state) == (together.past.all(), together.state)


@pytest.mark.parametrize("act", HISTORIES)
def test_what_is_judged_again_on_another_machine_says_the_same(act: str) -> None:
    story = in_use()
    HISTORIES[act](story)
    story.commit()
    one = fold(story.state, story.steps(), story.world())
    other = fold(state_from(state_document(story.state, ID), ID), story.steps(), story.world())
    assert one == other


@pytest.mark.parametrize("act", HISTORIES)
def test_what_a_branch_is_told_is_what_happens_when_it_lands(act: str) -> None:
    story = in_use()
    branch = story.fork()
    HISTORIES[act](branch)
    told = {found.thing: found.verdict for found in story.check(branch)}
    assert story.merge(branch) == ()
    folded = story.land()
    assert {found.thing: found.verdict for found in folded.judgements} == told
    assert {name for name, verdict in told.items() if verdict is not Verdict.PASSED} == set(story.open)


@pytest.mark.parametrize("act", HISTORIES)
@pytest.mark.parametrize("other", HISTORIES)
def test_what_lands_beside_a_branch_changes_nothing_that_was_open(act: str, other: str) -> None:
    story = in_use()
    story.write("models/x/1.0.0.yaml", "junk").write("staging/x.yaml", "junk").land()
    open_before = dict(story.state.open)
    branch = story.fork()
    HISTORIES[act](branch)
    HISTORIES[other](story)
    story.land()
    if not story.merge(branch):
        story.land()
    assert {name: story.state.open[name] for name in open_before} == open_before


def test_a_run_that_was_killed_before_it_wrote_anything_down_runs_again() -> None:
    story = in_use()
    story.rollback("m").commit()
    first = fold(story.state, story.steps(), story.world())
    second = fold(story.state, story.steps(), story.world())
    assert first == second
    assert [found.action for found in first.effects] == ["rollback"]


def test_a_fold_can_be_gone_on_with() -> None:
    story = in_use()
    for version in ("2.0.0", "3.0.0"):
        story.register("m", version).stage("m", version).commit()
    steps = story.steps()
    whole = fold(story.state, steps, story.world())
    begun = fold(story.state, steps[:1], story.world())
    assert continued(begun, steps[1:], story.world()) == whole
    assert [found.name for found in whole.effects] == ["m/staging/3", "m/staging/4"]


def test_the_clock_of_whoever_goes_on_may_be_behind() -> None:
    story = in_use()
    story.rollback("m").commit()
    world = story.world()
    late = World(
        trees=world.trees, past=world.past, folder=world.folder, tip=world.tip, now=MONDAY + timedelta(hours=9)
    )
    begun = fold(story.state, [], late)
    folded = continued(begun, story.steps(), world)
    assert (folded.effects[0].moment, folded.state.clock) == (late.now, late.now)


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_history_without_a_registry_is_folded_without_a_word(folder: str) -> None:
    story = Story(folder=folder)
    for number in range(3):
        story.outside("README.md", f"{number}").commit()
    folded = story.tag()
    assert (folded.state, folded.judgements) == (State(judged=story.line[-1], clock=MONDAY), ())


def test_nothing_at_all_is_folded_without_a_word() -> None:
    folded = fold(State(), [], Story().world())
    assert (folded.state, folded.effects) == (State(clock=MONDAY), ())


# Who comes between.


@pytest.mark.parametrize("first", ["staging", "production"])
def test_slots_of_one_model_are_open_each_on_its_own(first: str) -> None:
    story = in_use()
    story.write(f"{first}/m.yaml", "junk").land()
    other = "production" if first == "staging" else "staging"
    story.rollback("m", other).land()
    assert (story.serves("m", other), list(story.open)) == ("1.0.0", [f"{first}/m"])


def test_models_are_open_each_on_its_own() -> None:
    story = in_use()
    story.write("models/n/1.0.0.yaml", "junk").register("o", "1.0.0").stage("o", "1.0.0").land()
    assert (story.serves("o", "staging"), list(story.open)) == ("1.0.0", ["records/n"])


def test_while_records_are_open_an_emptied_slot_waits_and_a_rollback_does_not() -> None:
    story = in_use()
    story.write("models/m/notes.txt", "junk").land()
    story.archive("m", "staging").rollback("m").land()
    assert story.open == {"records/m": ["refused", "known-path"], "staging/m": ["pending", "known-path"]}
    assert story.serves("m") == "1.0.0"
    story.remove("models/m/notes.txt").land()
    assert (story.open, story.serves("m", "staging")) == ({}, None)


def test_what_waits_for_its_records_takes_effect_with_their_mending_and_not_before() -> None:
    story = in_use()
    story.write("models/m/notes.txt", "junk").register("m", "1.2.0").stage("m", "1.2.0").land()
    assert (story.registered[-1].version, story.serves("m", "staging")) == ("1.1.0", "1.1.0")
    story.outside("x", "x").land()
    assert story.serves("m", "staging") == "1.1.0"
    story.remove("models/m/notes.txt").land()
    assert (story.registered[-1].version, story.serves("m", "staging")) == ("1.2.0", "1.2.0")
    assert story.registered[-1].commit == story.line[-1]


def test_what_is_open_remembers_when_it_landed_and_since_when() -> None:
    story = in_use()
    story.write("staging/m.yaml", "junk").land()
    landed, since = story.line[-1], story.now
    story.wait(hours=5).outside("x", "x").land()
    waiting = story.state.open["staging/m"]
    assert (waiting.landed, waiting.since) == (landed, since)
    story.write("staging/m.yaml", "other junk").land()
    waiting = story.state.open["staging/m"]
    assert (waiting.landed, waiting.since) == (story.line[-1], since + timedelta(hours=5))


def test_what_is_changed_again_is_judged_by_where_it_was_before_that() -> None:
    story = in_use()
    story.register("m", "1.2.0").promote("m", "1.2.0").land()
    assert story.open == {"production/m": ["refused", "stage-order"]}
    story.stage("m", "1.2.0").land()
    assert story.open == {"production/m": ["refused", "stage-order"]}
    story.make_executable("production/m.yaml").land()
    story.write("production/m.yaml", manifest("m", "1.2.0")).land()
    assert (story.serves("m"), story.open) == ("1.2.0", {}), "it came from staging this time"


def test_an_open_slot_whose_version_is_held_meanwhile_is_refused() -> None:
    story = Story(gated(soak="24h"))
    story.register("m", "1.0.0").stage("m", "1.0.0").land()
    story.promote("m", "1.0.0").land()
    assert story.open == {"production/m": ["pending", "soak"]}
    story.hold("m", "1.0.0").land()
    assert story.open == {"production/m": ["refused", "held", "soak"]}
    story.wait(hours=24).unhold("m", "1.0.0").land()
    assert (story.serves("m"), story.open) == ("1.0.0", {})


def test_two_versions_in_one_commit_are_both_registered_and_one_is_staged() -> None:
    story = Story(policy_file())
    story.register("m", "1.0.0").register("m", "1.1.0").stage("m", "1.1.0").land()
    assert [found.version for found in story.registered] == ["1.0.0", "1.1.0"]
    assert story.tags == ["m/staging/1 promote 1.1.0"]


def test_everything_of_one_model_may_be_done_in_one_commit_but_the_next_stage() -> None:
    story = in_use()
    story.register("m", "1.2.0").stage("m", "1.2.0").promote("m", "1.2.0").attest("m", "1.2.0").hold(
        "m", "1.1.0"
    ).land()
    assert story.open == {"production/m": ["refused", "stage-order"]}
    assert story.serves("m", "staging") == "1.2.0"


def test_what_left_through_another_slot_is_not_archived_twice() -> None:
    story = in_use()
    story.register("m", "1.2.0").stage("m", "1.2.0").land()
    before = story.registry.entry("archived/m/1.1.0.yaml")
    story.promote("m", "1.2.0").land()
    assert story.registry.entry("archived/m/1.1.0.yaml") == before
    assert story.open == {}


def test_a_slot_filled_with_what_is_in_effect_changes_nothing() -> None:
    story = in_use()
    tags = story.tags
    story.fill("m", "1.1.0").write("staging/m.yaml", manifest("m", "1.1.0")).land()
    assert (story.tags, story.open) == (tags, {})


def test_an_emptied_slot_that_is_emptied_again_changes_nothing() -> None:
    story = in_use()
    story.archive("m").land()
    tags = story.tags
    story.write("production/m.yaml", empty_slot("m")).land()
    assert (story.tags, story.open) == (tags, {})


def test_a_released_hold_of_somebody_else_changes_nothing() -> None:
    story = in_use()
    story.write("holds/m/1.0.0.yaml", hold("m", "1.0.0", state="released")).land()
    story.rollback("m").land()
    assert (story.serves("m"), story.open) == ("1.0.0", {})


def test_a_past_that_says_more_than_the_ledger_is_believed() -> None:
    story = in_use()
    past = PastOf(*story.past.all())
    story.rollback("m").commit()
    again = fold(story.state, story.steps(), story.world())
    past.take(again.effects)
    story.past = past
    once_more = fold(story.state, story.steps(), story.world())
    assert once_more.effects == (), "somebody tagged it already"
    assert past.effects(Slot("m", "production"))[-1].after == "1.0.0"
