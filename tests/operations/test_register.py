from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from gitstage.errors import GitstageError, NoSuchThing
from gitstage.findings import Verdict
from gitstage.operations import register
from gitstage.operations.landing import Outcome
from gitstage.operations.register import LARGEST_KEPT, Wanted
from tests.operations.pictures import unchanged
from tests.operations.stories import Story, Team

KEPT = {"    # keep: 72h ": "    keep: 72h #"}
INTEGER = {"# tags: ci ": "versions: integer\n# tags: ci "}
DATA = b"the weights"
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(DATA)
    return path


def registered(story: Story, what: str, *artifacts: str, **wanted: Any) -> Outcome:
    return register.run(story.registry(), what, Wanted(artifacts=artifacts, **wanted))


def test_a_file_is_kept_in_the_registry_and_measured(story: Story, file: Path) -> None:
    outcome = registered(
        story,
        "fraud-detector@1.0.0",
        str(file),
        metrics={"auc": 0.95},
        params={"depth": 6, "fast": True},
        labels={"team": "risk"},
        data=({"name": "spring", "uri": "s3://data/spring"},),
        repository="https://github.com/acme/fraud",
        commit="a" * 40,
        run="https://mlflow.acme.dev/#/runs/7",
        description="The first one.",
    )
    assert (outcome.exit_code, outcome.landed, outcome.tags) == (0, True, ("refs/tags/fraud-detector/v1.0.0",))
    assert (
        story.read("models/fraud-detector/1.0.0.yaml")
        == f"""\
apiVersion: gitstage/v1
kind: ModelVersion
model: fraud-detector
version: 1.0.0
artifacts:
- path: model.onnx
  uri: artifacts/fraud-detector/1.0.0/model.onnx
  sha256: {SHA256}
  size: 11
format: onnx
metrics:
  auc: 0.95
params:
  depth: 6
  fast: true
data:
- name: spring
  uri: s3://data/spring
source:
  repository: https://github.com/acme/fraud
  commit: {"a" * 40}
  run: https://mlflow.acme.dev/#/runs/7
labels:
  team: risk
description: The first one.
"""
    )
    assert (story.path / "artifacts/fraud-detector/1.0.0/model.onnx").read_bytes() == DATA
    assert story.git("log", "-1", "--format=%B") == (
        "fraud-detector: register 1.0.0\n\nGitstage-Action: register\nGitstage-Version: fraud-detector@1.0.0\n"
        f"Gitstage-Manifest: {story.git('rev-parse', 'HEAD:models/fraud-detector/1.0.0.yaml')}\n"
    )
    assert story.git("status", "--porcelain") == ""


def test_a_file_that_lies_elsewhere_is_measured_from_a_copy_here(story: Story, file: Path) -> None:
    registered(story, "m@1.0.0", f"{file}=s3://models/m/1.0.0/model.onnx")
    said = story.read("models/m/1.0.0.yaml")
    assert f"- path: model.onnx\n  uri: s3://models/m/1.0.0/model.onnx\n  sha256: {SHA256}\n  size: 11\n" in said
    assert not (story.path / "artifacts").exists()


def test_what_is_not_here_needs_its_digest_and_size(story: Story) -> None:
    uri = "https://models.acme.dev/m/model.onnx?version=3"
    outcome = registered(story, "m@1.0.0", "hf://acme/m/model.onnx", sha256=(SHA256,), size=(11,))
    assert outcome.exit_code == 0
    assert f"  uri: hf://acme/m/model.onnx\n  sha256: {SHA256}\n  size: 11\n" in story.read("models/m/1.0.0.yaml")
    with unchanged(story.path), pytest.raises(GitstageError, match="its digest and size are needed"):
        registered(story, "m@1.1.0", uri, sha256=(SHA256,))
    with unchanged(story.path), pytest.raises(GitstageError, match="more --sha256 or --size than artifacts"):
        registered(story, "m@1.1.0", uri, sha256=(SHA256, SHA256), size=(11,))
    with unchanged(story.path), pytest.raises(GitstageError, match="more --sha256 or --size than artifacts"):
        registered(story, "m@1.1.0", uri, sha256=(SHA256,), size=(11, 12))


def test_several_files_are_one_version(story: Story, file: Path, tmp_path: Path) -> None:
    other = tmp_path / "labels.txt"
    other.write_text("a\nb\n")
    registered(
        story, "m@1.0.0", str(file), f"{other}=file:///srv/labels.txt", "oci://r/m/big", sha256=("0" * 64,), size=(1,)
    )
    paths = [line for line in story.read("models/m/1.0.0.yaml").splitlines() if line.startswith("- path")]
    assert paths == ["- path: model.onnx", "- path: labels.txt", "- path: big"]


def test_registering_the_same_twice_is_once(story: Story, file: Path) -> None:
    registered(story, "m@1.0.0", str(file))
    with unchanged(story.path):
        again = registered(story, "m@1.0.0", str(file))
    assert (again.exit_code, again.commit, again.plan.is_empty) == (0, None, True)


def test_a_version_never_changes(story: Story, file: Path) -> None:
    registered(story, "m@1.0.0", str(file), metrics={"auc": 0.9})
    with (
        unchanged(story.path),
        pytest.raises(GitstageError, match="m@1.0.0 is registered, and never changes") as caught,
    ):
        registered(story, "m@1.0.0", str(file), metrics={"auc": 0.99})
    assert caught.value.hint == "gitstage register m@next …"


@pytest.mark.parametrize(
    ("before", "after"),
    [([], "1.0.0"), (["1.0.0"], "1.1.0"), (["1.9.3", "1.10.0", "0.1.0"], "1.11.0"), (["1.0.0", "2.0.0-rc.1"], "2.0.0")],
)
def test_next_is_the_version_after_the_highest(story: Story, file: Path, before: list[str], after: str) -> None:
    for version in before:
        registered(story, f"m@{version}", str(file))
    outcome = registered(story, "m@next", str(file))
    assert outcome.tags == (f"refs/tags/m/v{after}",)


def test_next_is_the_next_number_where_versions_are_numbers(tmp_path: Path, file: Path) -> None:
    story = Story.begun(tmp_path / "work", INTEGER)
    for number in ("1", "2", "3"):
        assert registered(story, "m@next", str(file), labels={"n": number}).tags == (f"refs/tags/m/v{number}",)
    with unchanged(story.path), pytest.raises(GitstageError):
        registered(story, "m@1.0.0", str(file))


def test_a_run_is_registered_once(story: Story, file: Path) -> None:
    run = "https://mlflow.acme.dev/#/runs/7"
    registered(story, "m@next", str(file), run=run)
    with unchanged(story.path):
        again = registered(story, "m@next", str(file), run=run, metrics={"auc": 0.5})
    assert again.notes == (f"{run} is registered as 1.0.0",)
    assert registered(story, "m@next", str(file), run=run + "8").tags == ("refs/tags/m/v1.1.0",)
    assert registered(story, "n@next", str(file), run=run).tags == ("refs/tags/n/v1.0.0",)


def test_a_run_that_was_registered_can_still_be_staged(story: Story, file: Path) -> None:
    run = "https://mlflow.acme.dev/#/runs/7"
    registered(story, "m@next", str(file), run=run)
    outcome = register.run(story.registry(), "m@next", Wanted(artifacts=(str(file),), run=run), to="staging")
    assert outcome.tags == ("refs/tags/m/staging/1",)


def test_a_manifest_that_cannot_be_read_is_no_run(story: Story, file: Path) -> None:
    story.write("models/m/0.1.0.yaml", "nonsense: [")
    story.commit("by hand")
    outcome = registered(story, "m@1.0.0", str(file), run="https://run/1")
    assert outcome.report.verdict is Verdict.REFUSED


def test_it_goes_into_a_stage_at_once(story: Story, file: Path) -> None:
    outcome = register.run(story.registry(), "m@1.0.0", Wanted(artifacts=(str(file),)), to="staging")
    assert outcome.tags == ("refs/tags/m/v1.0.0", "refs/tags/m/staging/1")
    assert story.git("log", "-1", "--format=%s") == "m: register 1.0.0 and promote it to staging"
    assert story.in_effect("m", "staging") == "1.0.0"


def test_what_may_not_enter_a_stage_is_not_registered_either(story: Story, file: Path) -> None:
    with unchanged(story.path):
        outcome = register.run(story.registry(), "m@1.0.0", Wanted(artifacts=(str(file),)), to="production")
    assert (outcome.exit_code, outcome.commit, outcome.report.verdict) == (1, None, Verdict.REFUSED)


def test_where_the_stage_is_kept_it_is_only_registered_and_said(tmp_path: Path, file: Path) -> None:
    story = Story.begun(tmp_path / "work", KEPT)
    story.register("m", "1.0.0", to="staging")
    outcome = story.later(hours=1).register("m", "1.1.0", to="staging")
    assert (outcome.exit_code, outcome.tags) == (4, ("refs/tags/m/v1.1.0",))
    assert outcome.notes == ("staging is not free yet",)
    assert outcome.report.verdict is Verdict.PENDING
    assert story.in_effect("m", "staging") == "1.0.0"
    assert story.open_things() == []


def test_on_a_branch_a_kept_stage_is_something_to_review(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work", KEPT)
    story.register("m", "1.0.0", to="staging")
    story.git("switch", "--quiet", "--create", "work")
    outcome = story.register("m", "1.1.0", to="staging")
    assert (outcome.exit_code, outcome.landed, outcome.report.verdict) == (0, False, Verdict.PENDING)
    assert sorted(outcome.plan.edits) == [
        "archived/m/1.0.0.yaml",
        "artifacts/m/1.1.0/m-1.1.0.bin",
        "models/m/1.1.0.yaml",
        "staging/m.yaml",
    ]


def test_a_dry_run_of_a_kept_stage_says_the_same_and_writes_nothing(tmp_path: Path, file: Path) -> None:
    story = Story.begun(tmp_path / "work", KEPT)
    story.register("m", "1.0.0", to="staging")
    with unchanged(story.path):
        outcome = register.run(story.registry(), "m@1.1.0", Wanted(artifacts=(str(file),)), to="staging", dry_run=True)
    assert (outcome.exit_code, outcome.commit) == (4, None)


def test_a_dry_run_writes_nothing(story: Story, file: Path) -> None:
    with unchanged(story.path):
        outcome = register.run(story.registry(), "m@1.0.0", Wanted(artifacts=(str(file),)), dry_run=True)
    assert sorted(outcome.plan.edits) == ["artifacts/m/1.0.0/model.onnx", "models/m/1.0.0.yaml"]
    assert (outcome.dry_run, outcome.exit_code, outcome.commit) == (True, 0, None)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("fraud detector@1.0.0", "names no model"),
        ("../m@1.0.0", "names no model"),
        ("-m@1.0.0", "names no model"),
        ("m\nn@1.0.0", "names no model"),
        ("staging@1.0.0", "is no name of a model"),
        ("a/production@1.0.0", "is no name of a model"),
        ("models@1.0.0", "names no model"),
        ("policy@1.0.0", "names no model"),
        ("1.0.0@1.0.0", "names no model"),
        ("m.lock@1.0.0", "names no model"),
        ("m.yaml@1.0.0", "names no model"),
        ("@1.0.0", "names no model"),
        ("m@", "names no version"),
        ("m", "names no version"),
        ("m@1.0", "1.0"),
        ("m@v1.0.0", "v1.0.0"),
        ("m@1.0.0rc1", "1.0.0rc1"),
        ("m@latest", "latest"),
        ("m@staging", "staging"),
        ("m@1.0.0~1", "~1"),
        ("m@next~1", "~1"),
    ],
)
def test_names_that_are_none_are_refused(story: Story, file: Path, name: str, why: str) -> None:
    with unchanged(story.path), pytest.raises(GitstageError) as caught:
        registered(story, name, str(file))
    assert why in caught.value.message


def test_names_that_differ_only_in_case_are_refused(story: Story, file: Path) -> None:
    registered(story, "fraud@1.0.0", str(file))
    registered(story, "risk/m@1.0.0", str(file))
    for name in ("Fraud", "FRAUD/m", "Risk/n", "fraud/detector", "risk"):
        with unchanged(story.path):
            outcome = registered(story, f"{name}@1.0.0", str(file))
        assert (outcome.exit_code, outcome.report.verdict) == (1, Verdict.REFUSED), name


def test_a_name_that_git_has_no_room_for_is_refused(story: Story, file: Path) -> None:
    story.git("tag", "fraud")
    for name in ("fraud", "fraud/detector"):
        with unchanged(story.path), pytest.raises(GitstageError, match="the tag fraud stands in the way"):
            registered(story, f"{name}@1.0.0", str(file))


def test_a_tag_below_the_models_name_is_in_nobodys_way(story: Story, file: Path) -> None:
    story.git("tag", "fraud/seen-by-bob")
    assert registered(story, "fraud@1.0.0", str(file)).tags == ("refs/tags/fraud/v1.0.0",)


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"metrics": {"auc": float("nan")}}, "nan is not a number"),
        ({"metrics": {"auc": float("inf")}}, "inf is not a number"),
        ({"metrics": {"": 1.0}}, "metrics"),
        ({"commit": "HEAD"}, "commit"),
        ({"repository": "https://me:secret@github.com/acme/fraud"}, "password"),
        ({"description": ""}, "description"),
        ({"labels": {"a": 1}}, "labels"),
        ({"data": ({"name": "x"}, {"name": "x"})}, "data"),
        ({"format": "on nx\n"}, "format"),
    ],
)
def test_what_a_manifest_cannot_say_is_refused_in_words(
    story: Story, file: Path, wanted: dict[str, object], why: str
) -> None:
    with unchanged(story.path), pytest.raises(GitstageError) as caught:
        registered(story, "m@1.0.0", str(file), **wanted)
    assert why in caught.value.message


@pytest.mark.parametrize(
    ("artifacts", "why"),
    [
        ((), "at least one artifact"),
        (("nowhere.onnx",), "cannot be read"),
        (("/",), "cannot be read"),
        (("{file}=ftp://a/b",), "artifacts"),
        (("{file}=https://a:b@c/d",), "password"),
        (("{file}", "{file}"), "two have the path"),
        (("{file}=artifacts/m/../../x",), "part '..'"),
        (("{file}=",), "artifacts"),
    ],
)
def test_artifacts_that_are_none_are_refused(story: Story, file: Path, artifacts: tuple[str, ...], why: str) -> None:
    with unchanged(story.path), pytest.raises(GitstageError) as caught:
        registered(story, "m@1.0.0", *(text.format(file=file) for text in artifacts))
    assert why in caught.value.message


def test_a_file_that_is_too_large_to_keep_is_refused_before_it_is_read(story: Story, file: Path) -> None:
    with file.open("ab") as opened:
        opened.truncate(LARGEST_KEPT + 1)
    with unchanged(story.path), pytest.raises(GitstageError, match="too large to keep in the repository") as caught:
        registered(story, "m@1.0.0", str(file))
    assert "=s3://" in str(caught.value.hint)


def test_a_stage_that_is_not_there_is_said_before_anything_is_read(story: Story) -> None:
    with unchanged(story.path), pytest.raises(NoSuchThing, match="there is no stage 'shadow'"):
        register.run(story.registry(), "m@1.0.0", Wanted(artifacts=("nowhere",)), to="shadow")


def test_the_format_is_known_by_the_name_of_a_single_file(story: Story, tmp_path: Path) -> None:
    for name, said in (("a.safetensors", "safetensors"), ("b.pkl", "pickle"), ("c.bin", None)):
        (tmp_path / name).write_bytes(b"x")
        model = name[0]
        registered(story, f"{model}@1.0.0", str(tmp_path / name))
        assert (f"format: {said}\n" in story.read(f"models/{model}/1.0.0.yaml")) == (said is not None)


def test_it_lands_with_push(team: tuple[Team, Story]) -> None:
    team_, ada = team
    outcome = ada.register("m", "1.0.0", push=True)
    assert (outcome.landed, outcome.branch) == (True, "refs/heads/main")
    assert team_.refs()["refs/heads/main"] == outcome.commit
    assert team_.refs()["refs/tags/m/v1.0.0"] == ada.refs()["refs/tags/m/v1.0.0"]
    assert ada.git("rev-parse", "HEAD") == outcome.commit


def test_two_people_who_register_next_at_once_get_two_versions(team: tuple[Team, Story], file: Path) -> None:
    team_, ada = team
    bob = team_.member("bob")
    for number, story in enumerate((ada, bob)):
        register.run(story.registry(), "m@next", Wanted(artifacts=(str(file),), labels={"n": str(number)}), push=True)
    assert [name for name in team_.refs() if "/m/v" in name] == ["refs/tags/m/v1.0.0", "refs/tags/m/v1.1.0"]
