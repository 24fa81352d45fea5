from __future__ import annotations

import pytest

from gitstage.errors import GitstageError, NoSuchThing
from gitstage.operations.landing import ground
from gitstage.operations.naming import (
    holds,
    in_words,
    known_stage,
    latest,
    next_version,
    version_named,
    without_back,
)
from gitstage.plans import Scene
from gitstage.references import Reference, reference
from tests.operations.stories import Story


def scene(story: Story, *models: str) -> Scene:
    return ground(story.registry(), push=False).scene(models or ("fraud-detector",))


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("fraud-detector", "1.2.0"),
        ("fraud-detector@latest", "1.2.0"),
        ("fraud-detector@production", "1.1.0"),
        ("fraud-detector@production~1", "1.0.0"),
        ("fraud-detector@staging~0", "1.2.0"),
        ("fraud-detector@1.0.0", "1.0.0"),
    ],
)
def test_what_a_reference_means_for_whoever_plans(served: Story, text: str, version: str) -> None:
    assert version_named(scene(served), reference(text)) == version


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("fraud-detector@production~2", "has had 2 changes in production"),
        ("fraud-detector@next", "@next names no version yet"),
        ("fraud-detector@latest~1", "~1 counts back"),
        ("fraud-detector@1.0.0~3", "~3 counts back"),
        ("fraud-detector@2.0.0", "has no version 2.0.0"),
    ],
)
def test_what_names_nothing_is_said(served: Story, text: str, why: str) -> None:
    with pytest.raises(GitstageError) as caught:
        version_named(scene(served), reference(text))
    assert why in caught.value.message


def test_what_took_effect_in_memory_counts(served: Story) -> None:
    served.copy("models/fraud-detector/1.2.0.yaml", "production/fraud-detector.yaml")
    served.commit("landed, not judged yet")
    assert version_named(scene(served), reference("fraud-detector@production")) == "1.2.0"
    assert version_named(scene(served), reference("fraud-detector@production~1")) == "1.1.0"


def test_a_model_without_a_version_for_everybody_has_no_latest(served: Story) -> None:
    served.register("rc", "1.0.0-rc.1")
    for model in ("rc", "nobody"):
        with pytest.raises(NoSuchThing):
            latest(scene(served, model), model)


@pytest.mark.parametrize(
    ("versions", "integer", "after"),
    [
        ((), False, "1.0.0"),
        ((), True, "1"),
        (("1.2.3", "1.10.0"), False, "1.11.0"),
        (("2.0.0-rc.2", "1.9.9"), False, "2.0.0"),
        (("1.0.0+build.7",), False, "1.1.0"),
        (("1.0.0+build-7",), False, "1.1.0"),
        (("1.0.0-rc.1+build-7",), False, "1.0.0"),
        (("9", "10", "2"), True, "11"),
    ],
)
def test_the_next_version(versions: tuple[str, ...], *, integer: bool, after: str) -> None:
    class Known:
        def versions(self, model: str) -> tuple[str, ...]:
            return versions

    assert next_version(Known(), "m", integer=integer) == after  # type: ignore[arg-type]


def test_a_hold_that_cannot_be_read_holds(served: Story) -> None:
    served.hold("fraud-detector@1.0.0")
    served.hold("fraud-detector@1.1.0")
    served.unhold("fraud-detector@1.1.0")
    served.write("holds/fraud-detector/1.2.0.yaml", "state: [")
    served.write("holds/fraud-detector/notes.txt", "x")
    served.write("holds/fraud-detector/deeper/1.0.0.yaml", "x")
    served.commit("by hand")
    registry = served.registry()
    assert holds(registry.at(registry.tip), "fraud-detector") == {
        "1.0.0": "leaks a feature",
        "1.2.0": "holds/fraud-detector/1.2.0.yaml cannot be read",
    }


def test_a_reference_to_what_is_there_now_counts_nothing_back() -> None:
    assert without_back(Reference("m", "production")) == Reference("m", "production")
    with pytest.raises(GitstageError, match="m@production~2: ~2 counts back"):
        without_back(Reference("m", "production", 2))


def test_a_stage_is_one_of_the_registrys(story: Story) -> None:
    known_stage(story.registry(), "staging")
    with pytest.raises(NoSuchThing) as caught:
        known_stage(story.registry(), "archived")
    assert caught.value.hint == (
        "stages: staging, production; into the archive: gitstage archive MODEL@VERSION --reason …"
    )
    with pytest.raises(NoSuchThing) as caught:
        known_stage(story.registry(), "stagging")
    assert caught.value.hint == "stages: staging, production"


@pytest.mark.parametrize("reason", ["it drifts", "two\nlines\tand a tab", "ümläut 模型", "x" * 10_000])
def test_a_reason_is_some_words(reason: str) -> None:
    assert in_words(reason) == reason


@pytest.mark.parametrize("reason", ["", " \n", "x" * 10_001, "a\0b", "\x1b[31m", "a\x7fb", "a\u202eb"])
def test_a_reason_that_is_none_is_refused(reason: str) -> None:
    with pytest.raises(GitstageError, match="a reason"):
        in_words(reason)
