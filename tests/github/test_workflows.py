from __future__ import annotations

import re
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitstage.errors import GitstageError
from gitstage.github.workflows import Judge, released, workflow_files
from tests.github.actions import BIN
from tests.github.house import HOUSE, own_files

GATE, TAG = ".github/workflows/gate.yml", ".github/workflows/tag.yml"
PLACES = [
    ("", "main"),
    ("registry", "master"),
    ("risk/models-2", "release/1.x"),
    ("Модели и прочее", "c++"),
    ("on", "no"),
    ("1.0", "1.0"),
    ('it\'s "quoted": #1', "!odd"),
]


def loaded(text: bytes) -> dict[Any, Any]:
    found = yaml.safe_load(text)
    assert isinstance(found, dict)
    return found


def steps(files: dict[str, bytes], path: str) -> list[dict[str, Any]]:
    (job,) = loaded(files[path])["jobs"].values()
    found: list[dict[str, Any]] = job["steps"]
    return found


def test_the_workflows_here_are_those_of_everybody_with_our_own_code_for_a_judge() -> None:
    here = {path: (HOUSE / path).read_bytes() for path in own_files()}
    assert here == own_files(), "write them anew: .venv/bin/python -m tests.github.house"


@pytest.mark.parametrize(("folder", "trunk"), PLACES)
def test_folder_and_trunk_arrive_as_they_are(folder: str, trunk: str) -> None:
    files = workflow_files(folder, trunk, judge=released("1.2.3"))
    gate, tag = loaded(files[GATE]), loaded(files[TAG])
    assert gate["jobs"]["gate"]["env"]["REGISTRY"] == (folder or ".")
    assert tag["jobs"]["tag"]["env"] == {"REGISTRY": folder or ".", "TRUNK": trunk}
    (pattern,) = tag[True]["push"]["branches"]  # YAML reads `on` as true
    assert re.sub(r"\\(.)", r"\1", pattern) == trunk
    assert (pattern == trunk) == (trunk not in ("c++", "!odd"))


@pytest.mark.parametrize("name", ["${{ secrets.X }}", "a\nb", "a\x1bb", "\u202eniam"])
def test_a_name_that_the_runner_would_act_on_is_refused(name: str) -> None:
    for place in ((name, "main"), ("registry", name)):
        with pytest.raises(GitstageError, match="cannot stand in a workflow of GitHub Actions"):
            workflow_files(*place, judge=released("1.2.3"))


def test_nothing_of_the_templates_is_left_to_fill_in() -> None:
    for text in workflow_files("registry", judge=released("1.2.3")).values():
        assert not re.search(rb"@[a-z]+@", text)


def test_the_gate_is_never_skipped() -> None:
    for files in (own_files(), workflow_files("registry", judge=released("1.2.3"))):
        gate = loaded(files[GATE])
        assert gate[True] == {
            "pull_request": {"types": ["opened", "reopened", "synchronize", "ready_for_review", "edited"]},
            "merge_group": {"types": ["checks_requested"]},
        }
        assert not {"if", "needs", "strategy", "continue-on-error"} & set(gate["jobs"]["gate"])
        assert not any({"if", "continue-on-error"} & set(step) for step in gate["jobs"]["gate"]["steps"])


def test_tags_are_made_after_a_push_every_hour_and_by_hand_one_run_at_a_time() -> None:
    for files in (own_files(), workflow_files("registry", judge=released("1.2.3"))):
        tag = loaded(files[TAG])
        assert tag[True] == {
            "push": {"branches": ["main"]},
            "schedule": [{"cron": "17 * * * *"}],
            "workflow_dispatch": None,
        }
        assert tag["concurrency"] == {"group": "${{ github.workflow }}", "cancel-in-progress": False}


def test_a_job_may_do_no_more_than_its_work_and_one_step_alone_has_the_token() -> None:
    for files in (own_files(), workflow_files("registry", judge=released("1.2.3"))):
        gate, tag = loaded(files[GATE]), loaded(files[TAG])
        assert (gate["permissions"], gate["jobs"]["gate"]["permissions"]) == ({}, {"contents": "read"})
        assert (tag["permissions"], tag["jobs"]["tag"]["permissions"]) == ({}, {"contents": "write"})
        assert [step.get("name") for step in steps(files, GATE) if "token" in str(step)] == ["Fetch what is judged"]
        assert [step.get("name") for step in steps(files, TAG) if "token" in str(step)] == ["Tag what has landed"]
        for path in (GATE, TAG):
            checkouts = [step["with"] for step in steps(files, path) if "checkout" in step.get("uses", "")]
            assert all(options["persist-credentials"] is False for options in checkouts)


def test_a_judge_of_ones_own_takes_the_place_of_the_release() -> None:
    files = workflow_files("registry", judge=Judge(gating="- run: one\n", tagging="- run: two\n- run: three\n"))
    assert [step["run"] for step in steps(files, GATE)][:1] == ["one"]
    assert [step["run"] for step in steps(files, TAG)][:2] == ["two", "three"]


def test_the_release_is_the_one_that_writes_the_workflows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", {"gitstage": "4.5.6"}.__getitem__)
    assert workflow_files("registry") == workflow_files("registry", judge=released("4.5.6"))


def test_without_a_release_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    with pytest.raises(GitstageError, match="this gitstage was not installed"):
        workflow_files("registry")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Workflows for many places, in files whose names the linters take for workflows."""
    folder = tmp_path_factory.mktemp("workflows") / ".github" / "workflows"
    folder.mkdir(parents=True)
    for number, place in enumerate(PLACES):
        for path, data in workflow_files(*place, judge=released("1.2.3")).items():
            (folder / f"{number}-{Path(path).name}").write_bytes(data)
    for path, data in own_files().items():
        (folder / f"own-{Path(path).name}").write_bytes(data)
    return sorted(folder.iterdir())


@pytest.mark.parametrize(
    "words",
    [
        ("actionlint", "-no-color"),
        ("zizmor", "--offline", "--pedantic", "--no-progress"),
        ("check-jsonschema", "--builtin-schema", "vendor.github-workflows"),
    ],
    ids=lambda words: words[0],
)
def test_linters_find_nothing(written: list[Path], words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [BIN / words[0], *words[1:], *written], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout
