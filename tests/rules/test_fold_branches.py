"""The fold and branches: what a check foretells, and what squash, merge, rebase and a queue come to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from gitstage.findings import Verdict
from tests.registries import STAGES, Story, gated, policy_file

PASSED, REFUSED, PENDING = Verdict.PASSED, Verdict.REFUSED, Verdict.PENDING
Act = Callable[[Story], Story]


def in_use(policy: bytes | None = None) -> Story:
    story = Story(policy or policy_file())
    for version in ("1.0.0", "1.1.0"):
        story.register("m", version).stage("m", version).land()
        story.promote("m", version).land()
    return story


def verdicts(story: Story, branch: Story) -> dict[str, Verdict]:
    return {found.thing: found.verdict for found in story.check(branch)}


def register(story: Story) -> Story:
    return story.register("m", "1.2.0")


def stage(story: Story) -> Story:
    return story.stage("m", "1.2.0")


def promote(story: Story) -> Story:
    return story.promote("m", "1.2.0")


def archive(story: Story) -> Story:
    return story.archive("m")


def describe(story: Story) -> Story:
    return story.write("models/m/README.md", "Better than ever.\n")


def squashed(story: Story, acts: Sequence[Act]) -> Story:
    """All of it in one commit."""
    for act in acts:
        act(story)
    story.land()
    return story


def rebased(story: Story, acts: Sequence[Act]) -> Story:
    """One commit after the other, pushed and judged together."""
    for act in acts:
        act(story)
        story.commit()
    story.tag()
    return story


def merged(story: Story, acts: Sequence[Act]) -> Story:
    """A branch, merged while something else landed."""
    branch = story.fork()
    for act in acts:
        act(branch)
    story.outside("README.md", "Something else.\n").land()
    assert story.merge(branch) == ()
    story.land()
    return story


WAYS = [squashed, rebased, merged]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("acts", "tags"),
    [
        ([register, stage], ["m/staging/3 promote 1.2.0"]),
        ([register, describe], []),
        ([archive], ["m/production/3 archive nothing"]),
        ([archive, register, stage], ["m/production/3 archive nothing", "m/staging/3 promote 1.2.0"]),
    ],
)
def test_one_change_comes_out_the_same_however_it_lands(
    way: Callable[[Story, Sequence[Act]], Story], acts: Sequence[Act], tags: list[str]
) -> None:
    before = in_use()
    story = way(before, acts)
    known = {"m/production/1", "m/production/2", "m/staging/1", "m/staging/2"}
    assert [tag for tag in story.tags if tag.split()[0] not in known] == tags
    assert story.open == {}


def test_steps_that_need_each_other_pass_one_by_one_and_not_at_once() -> None:
    acts = [register, stage, promote]
    assert (rebased(in_use(), acts).serves("m"), rebased(in_use(), acts).open) == ("1.2.0", {})
    for way in (squashed, merged):
        story = way(in_use(), acts)
        assert (story.serves("m"), story.open) == ("1.1.0", {"production/m": ["refused", "stage-order"]})


def test_a_check_answers_for_what_a_branch_touches_and_for_what_is_open() -> None:
    story = in_use()
    story.write("models/x/1.0.0.yaml", "junk").land()
    branch = story.fork().register("m", "1.2.0")
    assert verdicts(story, branch) == {"records/m": PASSED, "records/x": REFUSED}
    assert story.open == {"records/x": ["refused", "manifest-valid"]}, "a check changes nothing"


def test_a_check_is_not_fooled_by_the_policy_of_the_branch() -> None:
    story = in_use(gated(metrics=[{"name": "auc", "min": 0.9}]))
    assert story.open == {"production/m": ["refused", "metrics"]}
    branch = story.fork().policy(policy_file())
    found = verdicts(story, branch)
    assert found["policy"] is PASSED
    assert found["production/m"] is PASSED, "by the new policy, which passes first"
    both = story.fork().policy(policy_file()).register("m", "1.2.0").stage("m", "1.2.0")
    assert verdicts(story, both)["staging/m"] is REFUSED


def test_a_check_says_what_is_pending_and_when_it_passes() -> None:
    story = Story(gated(soak="24h"))
    story.register("m", "1.0.0").stage("m", "1.0.0").land()
    branch = story.fork().promote("m", "1.0.0")
    (judgement,) = story.check(branch)
    assert (judgement.verdict, judgement.action, judgement.source) == (PENDING, "promote", "staging")
    story.wait(hours=24)
    assert verdicts(story, branch) == {"production/m": PASSED}


def test_what_a_branch_was_told_may_be_overtaken_and_is_judged_where_it_lands() -> None:
    story = in_use()
    register(story).land()
    stage(story).land()
    branch = promote(story.fork())
    assert verdicts(story, branch) == {"production/m": PASSED}
    story.register("m", "1.3.0").stage("m", "1.3.0").land()
    assert story.merge(branch) == ()
    assert story.land().judgements[0].verdict is REFUSED
    assert story.open == {"production/m": ["refused", "stage-order"]}


def test_a_queue_lands_what_passes_behind_what_is_refused() -> None:
    story = in_use()
    bad = story.fork().register("n", "1.0.0").promote("n", "1.0.0")
    good = stage(register(story.fork()))
    for branch in (bad, good):
        assert story.merge(branch) == ()
        story.commit()
    story.tag()
    assert (story.serves("m", "staging"), story.open) == ("1.2.0", {"production/n": ["refused", "stage-order"]})


def test_a_branch_from_before_a_rollback_does_not_undo_it() -> None:
    story = in_use()
    register(story).land()
    stage(story).land()
    branch = describe(story.fork())
    story.rollback("m").land()
    assert story.merge(branch) == ()
    story.land()
    assert (story.serves("m"), story.open) == ("1.0.0", {})


def test_a_branch_that_promotes_conflicts_with_a_rollback_meanwhile() -> None:
    story = in_use()
    register(story).land()
    stage(story).land()
    branch = promote(story.fork())
    story.rollback("m").land()
    assert story.merge(branch) == ("registry/production/m.yaml",)
    assert (story.serves("m"), story.open) == ("1.0.0", {})


def test_the_same_rollback_on_two_branches_is_one() -> None:
    story = in_use()
    one, two = story.fork().rollback("m"), story.fork().rollback("m")
    for branch in (one, two):
        assert story.merge(branch) == ()
        story.land()
    assert [tag for tag in story.tags if "production/3" in tag or "production/4" in tag] == [
        "m/production/3 rollback 1.0.0"
    ]
    assert story.open == {}


def test_a_branch_that_retires_a_stage_waits_for_what_is_promoted_there_meanwhile() -> None:
    retired = policy_file({**STAGES, "production": {"from": ["staging"], "retired": True}})
    story = in_use()
    archive(story).land()
    branch = story.fork().policy(retired)
    assert verdicts(story, branch) == {"policy": PASSED}
    story.promote("m", "1.1.0").land()
    assert verdicts(story, branch) == {"policy": REFUSED}
    assert story.merge(branch) == ()
    story.land()
    assert story.open == {"policy": ["refused", "policy-alone"]}
    archive(story).land()
    assert (story.open, len(story.policies)) == ({}, 2)


def test_two_people_register_two_versions_at_once() -> None:
    story = in_use()
    one, two = story.fork().register("m", "1.2.0"), story.fork().register("m", "1.3.0").stage("m", "1.3.0")
    for branch in (one, two):
        assert {found.verdict for found in story.check(branch)} == {PASSED}
        assert story.merge(branch) == ()
        story.land()
    assert ([found.version for found in story.registered][-2:], story.serves("m", "staging")) == (
        ["1.2.0", "1.3.0"],
        "1.3.0",
    )


def test_two_models_that_exclude_each_other_pass_alone_and_the_second_is_refused() -> None:
    for names in (("risk", "risk/a"), ("x", "X")):
        for first, second in (names, names[::-1]):
            story = in_use()
            branches = [story.fork().register(name, "1.0.0") for name in (first, second)]
            for branch in branches:
                assert {found.verdict for found in story.check(branch)} == {PASSED}
            for branch in branches:
                assert story.merge(branch) == ()
                story.land()
            assert story.open == {f"records/{second}": ["refused", "known-path"]}
            story.register(first, "1.1.0").land()
            assert list(story.open) == [f"records/{second}"]
