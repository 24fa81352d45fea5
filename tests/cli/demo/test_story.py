from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from gitstage.cli.demo import example, playground
from gitstage.cli.demo.story import ADA, CI, GRACE, SERVED, STORY
from gitstage.cli.demo.teller import Command
from gitstage.cli.main import SUMMARIES
from gitstage.manifest import read_version

FILES = example.files_of(Path(__file__).parents[3] / "registry.example")
COMMANDS = [command for step in STORY for command in step.commands]
OURS = [command for command in COMMANDS if command.line.startswith("gitstage ")]


def metrics(model: str, version: str) -> dict[str, float]:
    return dict(read_version(FILES[f"models/{model}/{version}.yaml"]).metrics)


def test_the_story_has_about_a_dozen_steps_and_each_says_what_it_means() -> None:
    assert 10 <= len(STORY) <= 14
    assert [step.title for step in STORY if not step.means.endswith(".") or not step.commands] == []


def test_the_story_shows_the_main_commands() -> None:
    typed = {shlex.split(command.line)[1] for command in OURS}
    assert typed <= set(SUMMARIES)
    assert typed == {
        *("status", "register", "attest", "tag", "promote", "check", "diff", "rollback", "archive"),
        *("resolve", "log", "pull"),
    }


def test_everybody_in_the_story_is_a_person_of_it() -> None:
    assert {command.who for command in COMMANDS} == {ADA, GRACE, CI}


def test_every_promise_is_about_something_that_is_said() -> None:
    quiet = [command.line for command in COMMANDS if not command.says]
    assert [line for line in quiet if not re.match(r"git (switch|merge|push|commit) --quiet|git merge|cp ", line)] == []


def test_one_promotion_is_refused_in_two_ways_and_one_waits() -> None:
    assert [(shlex.split(command.line)[1], command.ends) for command in COMMANDS if command.ends] == [
        ("promote", 1),
        ("check", 1),
        ("tag", 4),
    ]


@pytest.mark.parametrize(
    "command", [found for found in OURS if "../trained/" in found.line], ids=lambda found: found.line
)
def test_every_file_that_is_named_was_really_trained_or_measured(command: Command) -> None:
    for word in shlex.split(command.line):
        if word.startswith("../trained/"):
            _, _, name = word.partition("../trained/")
            model, version, file = name.rsplit("/", 2)
            assert (model, version) in playground.STORY
            assert file in example.trained(FILES, model, version).files


@pytest.mark.parametrize("command", [found for found in OURS if " attest " in found.line], ids=lambda found: found.line)
def test_what_is_attested_is_what_came_out(command: Command) -> None:
    words = shlex.split(command.line)
    model, _, version = words[2].partition("@")
    name, result = (words[words.index(option) + 1] for option in ("--name", "--result"))
    statement = json.loads(FILES[f"evidence/{model}/{version}/{name}/1.json"])
    assert statement["predicate"]["result"] == result.upper()


def test_the_figures_of_the_story_are_those_of_the_example() -> None:
    aucs = [metrics("biopsy-screener", version)["auc"] for version in ("1.2.0", "1.3.0", "2.0.0")]
    assert aucs == [0.9911, 0.9753, 0.9964]
    told = " ".join(text for command in COMMANDS for text in command.says)
    for figures in ("auc 0.9911 → 0.9753", "auc 0.9911 → 0.9964", "auc 0.9911 0.9964 +0.0053"):
        assert figures in told


@pytest.mark.parametrize(("version", "features"), [("1.3.0", 20), ("2.0.0", 10)])
def test_the_versions_are_registered_with_what_they_were_trained_with(version: str, features: int) -> None:
    assert read_version(FILES[f"models/biopsy-screener/{version}.yaml"]).params["features"] == features
    (line,) = (found.line for found in OURS if f"register biopsy-screener@{version}" in found.line)
    assert f"--param features={features}" in line


def test_what_is_served_at_the_end_is_the_version_that_was_rolled_back_to() -> None:
    (artifact,) = read_version(FILES["models/vision/digit-reader/1.1.0.yaml"]).artifacts
    assert artifact.sha256 == SERVED
