from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import benchmarks
from benchmarks import memory
from benchmarks.generate import REGISTRY, Shape, clean_environment, generate
from benchmarks.work import Subject, check
from gitstage.git import Repository
from gitstage.layout import Slot
from gitstage.ledger import LEDGER_FILE, Effect, State, effect_from, effects_by_slot, state_from
from gitstage.rules.fold import Step, World, fold

SHAPE = Shape(models=3, versions=2)


def git(repository: Path, *arguments: str) -> str:
    ran = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=True)
    return ran.stdout


@pytest.fixture
def generated(tmp_path: Path) -> Path:
    return generate(tmp_path / "generated", SHAPE, bare=False, home=tmp_path / "home").path


def claims(repository: Path) -> list[Effect]:
    """What the tags of a generated registry say has taken effect, in the order in which it did."""
    found = []
    with Repository.discover(repository) as opened:
        tags = opened.tags("refs/tags/")
    for tag in tags:
        model, _, place = tag.ref.removeprefix("refs/tags/").rpartition("/")[0].rpartition("/")
        if model:
            number = int(tag.ref.rpartition("/")[2])
            found.append(effect_from(tag.message, Slot(model, place), number, REGISTRY))
    return sorted(found, key=lambda effect: effect.moment)


class KnownPast:
    """What has taken effect so far."""

    def __init__(self, effects: dict[Slot, tuple[Effect, ...]]) -> None:
        self.found = effects

    def effects(self, slot: Slot) -> tuple[Effect, ...]:
        return self.found.get(slot, ())

    def taken(self, slot: Slot) -> int:
        return len(self.effects(slot))


def test_git_finds_nothing_wrong_with_a_generated_repository(generated: Path) -> None:
    assert git(generated, "fsck", "--full", "--strict", "--no-dangling") == ""
    assert git(generated, "status", "--porcelain") == ""


def test_a_model_has_as_many_commits_and_tags_as_the_design_says(generated: Path) -> None:
    assert SHAPE.commits == SHAPE.tags == 3 * 3 + 1
    assert Shape(models=1_000).commits == Shape(models=1_000).tags == 19_001
    assert len(git(generated, "rev-list", "--first-parent", "main").split()) == SHAPE.commits
    assert git(generated, "tag", "--list").split() == [
        "model-00000/production/1",
        "model-00000/staging/1",
        "model-00000/staging/2",
        "model-00001/production/1",
        "model-00001/staging/1",
        "model-00001/staging/2",
        "model-00002/production/1",
        "model-00002/staging/1",
        "model-00002/staging/2",
        "policy/1",
    ]


def test_the_tags_of_versions_are_made_where_they_are_asked_for(tmp_path: Path) -> None:
    shape = replace(SHAPE, models=1, tag_versions=True)
    made = generate(tmp_path / "generated", shape, bare=True, home=tmp_path / "home")
    assert git(made.path, "--git-dir=.", "tag", "--list", "*/v*").split() == [
        "model-00000/v1.0.0",
        "model-00000/v1.1.0",
    ]
    assert len(git(made.path, "--git-dir=.", "tag", "--list").split()) == shape.tags


def test_the_same_size_gives_the_same_ids_bare_or_not(tmp_path: Path, generated: Path) -> None:
    bare = generate(tmp_path / "bare", SHAPE, bare=True, home=tmp_path / "home").path
    assert git(bare, "--git-dir=.", "for-each-ref") == git(generated, "for-each-ref")


def test_models_of_a_large_registry_lie_in_namespaces() -> None:
    names = Shape(models=6, namespaces=2).names()
    assert names == [
        "team-000/model-00000",
        "team-000/model-00001",
        "team-000/model-00002",
        "team-001/model-00003",
        "team-001/model-00004",
        "team-001/model-00005",
    ]


def test_judging_every_commit_anew_gives_what_the_tags_say_and_leaves_nothing_open(tmp_path: Path) -> None:
    shape = Shape(models=2, versions=3, namespaces=2)
    path = generate(tmp_path / "generated", shape, bare=True, home=tmp_path / "home").path
    state, taken = State(), list[Effect]()
    with Repository.discover(path) as repository:
        for number, commit in enumerate(repository.first_parents(None, repository.resolve("main"))):
            past = KnownPast(effects_by_slot(taken))
            step = Step(commit, repository.tree(commit))
            folded = fold(state, [step], World(repository.tree, past, "", step.tree, shape.moment(number)))
            state = folded.state
            taken += folded.effects
        ledger = repository.tree(repository.resolve(f"refs/gitstage/{REGISTRY}"))
        entry = ledger.entry(LEDGER_FILE)
        assert entry is not None
        written = ledger.read(entry.oid)
    assert taken == claims(path)
    assert state == state_from(written, REGISTRY)
    assert state.open == {}


def test_the_last_version_waits_and_the_branches_promote_it(generated: Path) -> None:
    assert git(
        generated, "ls-tree", "-r", "--name-only", "main", "archived/", "models/model-00000", "production/"
    ).split() == [
        "archived/README.md",
        "archived/model-00000/1.0.0.yaml",
        "archived/model-00001/1.0.0.yaml",
        "archived/model-00002/1.0.0.yaml",
        "models/model-00000/1.0.0.yaml",
        "models/model-00000/1.1.0.yaml",
        "production/README.md",
        "production/model-00000.yaml",
        "production/model-00001.yaml",
        "production/model-00002.yaml",
    ]
    assert git(generated, "diff", "--name-only", "main", "one").split() == ["production/model-00000.yaml"]
    assert git(generated, "rev-parse", "one:production/model-00000.yaml") == git(
        generated, "rev-parse", "main:models/model-00000/1.1.0.yaml"
    )
    assert git(generated, "diff", "--name-only", "main", "many").split() == [
        "production/model-00000.yaml",
        "production/model-00001.yaml",
        "production/model-00002.yaml",
    ]


def test_what_served_at_a_moment_is_known_from_the_shape_alone(tmp_path: Path) -> None:
    shape = Shape(models=3, versions=4)
    path = generate(tmp_path / "generated", shape, bare=True, home=tmp_path / "home").path
    subject = Subject(path, shape, "generated")
    slot, when = Slot(subject.model, "production"), shape.moment(shape.commits // 2)
    served = [effect.after for effect in claims(path) if effect.slot == slot and effect.moment <= when]
    assert served[-1] == subject.version_then()


LOADED = """
import sys
from gitstage.cli.main import run
from gitstage.git.process import WATCHERS
started = []
WATCHERS.append(lambda moment, arguments: started.append(arguments[0]) if moment == "before" else None)
code = run(sys.argv[1:])
heavy = {"pydantic", "rich", "semver", "gitstage.manifest", "gitstage.policy", "gitstage.plans", "gitstage.rules"}
print(code, len(started), sorted(heavy & sys.modules.keys()), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "command",
    [
        ["resolve", "model-00001@production"],
        ["resolve", "model-00001@production", "--at", "2025-10-01"],
        ["status"],
        ["status", "--at", "2025-10-01"],
        ["log", "model-00001"],
    ],
    ids=" ".join,
)
def test_who_only_looks_loads_no_judge_and_starts_few_processes(generated: Path, command: list[str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LOADED, "-C", str(generated), *command],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(benchmarks.__path__[0]).parent)},
    )
    code, started, heavy = ran.stderr.split(maxsplit=2)
    assert (code, heavy.strip()) == ("0", "[]")
    assert int(started) <= 10


@pytest.mark.parametrize("command", [["status"], ["tag"]], ids=" ".join)
def test_gitstage_takes_a_generated_registry_as_its_own(generated: Path, command: list[str]) -> None:
    refs = git(generated, "for-each-ref")
    ran = subprocess.run(
        [sys.executable, "-m", "gitstage", "-C", str(generated), *command],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(benchmarks.__path__[0]).parent)},
    )
    assert ran.stderr == ""
    assert "open" not in ran.stdout
    assert git(generated, "for-each-ref") == refs
    assert git(generated, "status", "--porcelain") == ""


@pytest.mark.parametrize(("branch", "said"), [("one", "passed: 1 change\n"), ("many", "passed: 3 changes\n")])
def test_the_promotions_that_wait_on_a_branch_pass(generated: Path, branch: str, said: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "gitstage", "-C", str(generated), *check(branch)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(benchmarks.__path__[0]).parent)},
    )
    assert ran.stdout.endswith(said)


def test_a_history_twice_as_long_over_the_same_registry_passes_its_audit_in_little_more_memory(tmp_path: Path) -> None:
    found = memory.measured(Shape(models=2, versions=3), tmp_path)
    assert found["histories"] == [
        {"commits": 11 + 4, "memory": found["histories"][0]["memory"]},  # type: ignore[index]
        {"commits": 11 + 20, "memory": found["histories"][1]["memory"]},  # type: ignore[index]
    ]
    assert found["met"] is True
    declared = [git(tmp_path / name, "rev-parse", "main^{tree}") for name in ("short", "long")]
    assert declared[0] == declared[1]
    tags = git(tmp_path / "long", "tag", "--list", "model-00000/production/*").split()
    assert sorted(tags) == sorted(f"model-00000/production/{number}" for number in range(1, 13))


def test_an_audit_that_finds_something_is_not_measured(tmp_path: Path, generated: Path) -> None:
    git(generated, "tag", "--delete", "model-00000/production/1")
    with pytest.raises(RuntimeError, match="ended with 1"):
        memory.peak(generated, clean_environment(tmp_path / "home"))
