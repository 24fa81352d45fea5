"""Two changes that are each good, merged by git without a conflict, and not good together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from gitstage.operations import audit, status
from tests.operations.stories import Story

MODEL = "fraud-detector"
SHADOW = {"  production:\n    from: [staging]": "  shadow:\n    from: [staging]\n  production:\n    from: [staging]"}

Act = Callable[[Story], object]


def registers(model: str, *, to: str | None = None) -> Act:
    return lambda story: story.register(model, "1.0.0", to=to)


def amends(replacements: Mapping[str, str]) -> Act:
    def act(story: Story) -> None:
        text = story.read("gitstage.yaml")
        for old, new in replacements.items():
            assert old in text
            text = text.replace(old, new)
        story.write("gitstage.yaml", text)
        story.commit("policy")

    return act


@dataclass(frozen=True)
class Pair:
    """What two branches do, and what is open, by thing and rule, once the second is merged behind the first."""

    first: Act
    second: Act
    open: Mapping[str, str]


RETIRES = amends({"  shadow:\n    from: [staging]": "  shadow:\n    from: [staging]\n    retired: true"})
PAIRS: dict[str, Pair] = {
    "twins": Pair(registers("churn"), registers("Churn"), {"records/Churn": "known-path"}),
    "twins, staged": Pair(
        registers("churn", to="staging"),
        registers("Churn", to="staging"),
        {"records/Churn": "known-path", "staging/Churn": "known-path"},
    ),
    "a namespace of a model's name": Pair(
        registers("churn"), registers("churn/eu"), {"records/churn/eu": "known-path"}
    ),
    "a model of a namespace's name": Pair(registers("churn/eu"), registers("churn"), {"records/churn": "known-path"}),
    "namespaces that are twins": Pair(registers("eu/a"), registers("EU/b"), {"records/EU/b": "known-path"}),
    "a stage retired while something is promoted into it": Pair(
        lambda story: story.promote(MODEL, to="shadow"), RETIRES, {"policy": "policy-alone"}
    ),
    "a promotion into a stage that was retired meanwhile": Pair(
        RETIRES, lambda story: story.promote(MODEL, to="shadow"), {f"shadow/{MODEL}": "stage-order"}
    ),
    "a stage of a model's name": Pair(
        registers("live"),
        amends({"  production:\n": "  live:\n    from: [staging]\n  production:\n"}),
        {"policy": "policy-alone"},
    ),
    "a model of a stage's name": Pair(
        amends({"  production:\n": "  live:\n    from: [staging]\n  production:\n"}),
        registers("live"),
        {"policy": "known-path"},
    ),
    "a version held while it is promoted": Pair(
        lambda story: story.hold(f"{MODEL}@1.2.0"),
        lambda story: story.promote(MODEL, to="production"),
        {f"production/{MODEL}": "held"},
    ),
}


@pytest.fixture
def shadowed(served: Story) -> Story:
    served.amend(SHADOW)
    return served.later(hours=1)


def rules(story: Story) -> dict[str, str]:
    return {
        thing: " ".join(sorted({found.rule for found in item.findings if str(found.verdict) != "passed"}))
        for thing, item in sorted(story.registry().state.open.items())
    }


@pytest.mark.parametrize("name", PAIRS)
def test_two_good_changes_that_break_a_fact_together_are_open_and_stop_nobody_else(shadowed: Story, name: str) -> None:
    pair, story = PAIRS[name], shadowed
    for branch, act in (("first", pair.first), ("second", pair.second)):
        story.git("switch", "--quiet", "-c", branch, "main")
        act(story)
        assert story.check(base="main", head=branch).exit_code == 0, "alone each is good"
    story.git("switch", "--quiet", "main")
    story.git("merge", "--quiet", "--no-ff", "--no-edit", "first")
    assert story.later(hours=1).tag().exit_code == 0
    tags = story.tags()
    # Whoever asks before the merge is told.
    report = story.check(base="main", head="second")
    told = {
        one.thing: " ".join(sorted({found.rule for found in one.findings if str(found.verdict) != "passed"}))
        for one in report.judgements
        if str(one.verdict) != "passed"
    }
    assert (report.exit_code, told) == (1, pair.open)
    # Whoever merges all the same finds it open, and in effect nowhere.
    story.git("merge", "--quiet", "--no-ff", "--no-edit", "second")
    assert story.later(hours=1).tag().exit_code == 1
    assert (rules(story), story.tags()) == (pair.open, tags)
    shown = status.run(story.registry())
    assert sorted(shown.state.open) == sorted(pair.open)
    result = audit.run(story.registry())
    assert sorted((one.kind, one.thing) for one in result.faults) == [
        ("open-refused", thing) for thing in sorted(pair.open)
    ]
    # Nobody else waits for it, and it can be taken back.
    assert story.register("bystander", "1.0.0", to="staging").exit_code == 0
    assert story.in_effect("bystander", "staging") == "1.0.0"
    for thing in pair.open:
        place, _, model = thing.partition("/")
        if thing == "policy":
            story.withdraw(policy=True)
        elif thing in rules(story):  # a model is withdrawn with its slots
            story.withdraw(model if place == "records" else f"{model}@{place}")
    assert rules(story) == {}
    assert audit.run(story.registry()).faults == ()
