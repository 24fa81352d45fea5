from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from gitstage.cli.main import run
from gitstage.github.workflows import released, workflow_files
from gitstage.operations import check, init
from gitstage.operations.registries import NoRegistry, open_registry
from tests.git.sandbox import Sandbox


def trunk_in(box: Sandbox) -> str:
    init.run(box.path, "registry")
    return next(line for line in policy_lines(box) if line.startswith("trunk: "))


def policy_lines(box: Sandbox) -> list[str]:
    return box.read("registry/gitstage.yaml").splitlines()


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    """A clone with a commit on `topic`, of a repository whose default branch is `develop`."""
    made = Sandbox.made(tmp_path / "work", "--initial-branch=develop")
    made.commit("Start", {"train.py": ""})
    made.git("switch", "--quiet", "-c", "topic")
    return made


def test_a_registry_proposed_on_a_branch_names_the_remotes_default_branch(box: Sandbox) -> None:
    box.git("remote", "add", "origin", "https://example.com/models.git")
    box.git("update-ref", "refs/remotes/origin/develop", "develop")
    box.git("commit", "--quiet", "--allow-empty", "-m", "Older")
    box.git("update-ref", "refs/remotes/origin/main", "topic")
    box.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/develop")
    assert trunk_in(box) == "trunk: develop"


@pytest.mark.parametrize("usual", ["main", "master"])
def test_where_the_remote_does_not_say_it_is_the_usual_one(box: Sandbox, usual: str) -> None:
    box.git("remote", "add", "origin", "https://example.com/models.git")
    box.git("update-ref", f"refs/remotes/origin/{usual}", "develop")
    box.git("update-ref", "refs/remotes/origin/topic", "topic")
    assert trunk_in(box) == f"trunk: {usual}"


def test_without_a_remote_it_is_the_usual_one(box: Sandbox) -> None:
    box.git("branch", "master", "develop")
    assert trunk_in(box) == "trunk: master"


def test_where_nothing_is_usual_it_is_the_one_that_is_checked_out(box: Sandbox) -> None:
    assert trunk_in(box) == "trunk: topic"


def test_a_registry_that_comes_with_the_change_is_found_in_its_head(box: Sandbox) -> None:
    init.run(box.path, "registry")
    box.git("switch", "--quiet", "develop")
    # As a clone of the proposal has it: no ledger and no tag knows the registry yet.
    for ref in box.git("for-each-ref", "--format=%(refname)", "refs/gitstage", "refs/tags").split():
        box.git("update-ref", "-d", ref)

    with pytest.raises(NoRegistry):
        open_registry(str(box.path), folder="registry")
    report = check.run(open_registry(str(box.path), folder="registry", commit="topic"), base="develop", head="topic")
    assert (report.exit_code, report.new_registry) == (0, True)


def test_a_change_is_judged_by_the_name_that_the_registry_has_in_its_base(box: Sandbox) -> None:
    init.run(box.path, "registry")
    box.git("switch", "--quiet", "-c", "renamed")
    text = box.read("registry/gitstage.yaml")
    box.commit("Another trunk", {"registry/gitstage.yaml": text.replace("trunk: topic", "trunk: renamed")})

    report = check.run(open_registry(str(box.path)), base="topic", head="renamed")
    assert [(found.thing, found.action, str(found.verdict)) for found in report.judgements] == [
        ("policy", "policy", "passed")
    ]

    box.git("switch", "--quiet", "topic")
    from_the_base = check.run(open_registry(str(box.path)), base="topic", head="renamed")
    assert from_the_base.judgements == report.judgements


def test_a_base_whose_policy_cannot_be_read_can_be_mended(box: Sandbox) -> None:
    init.run(box.path, "registry")
    text = box.read("registry/gitstage.yaml")
    box.git("update-ref", "-d", next(ref for ref in box.refs() if ref.startswith("refs/gitstage/")))
    for tag in box.git("tag").splitlines():
        box.git("tag", "--delete", tag)
    box.git("switch", "--quiet", "--orphan", "broken")
    broken = box.commit("Broken", {"registry/gitstage.yaml": text.replace("id: ", "id: [")})
    box.git("switch", "--quiet", "-c", "mended")
    box.commit("Mended", {"registry/gitstage.yaml": text})

    report = check.run(open_registry(str(box.path)), base=broken, head="mended")
    assert report.exit_code == 0


def test_the_command_writes_workflows_for_the_folder_and_the_trunk_it_chose(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "version", {"gitstage": "4.5.6"}.__getitem__)
    box.git("branch", "main", "develop")

    assert run(["-C", str(box.path), "init", "--ci", "github"]) == 0
    assert box.git("show", "--format=", "--name-only").splitlines()[:2] == [
        ".github/workflows/gate.yml",
        ".github/workflows/tag.yml",
    ]
    written = workflow_files("registry", "main", judge=released("4.5.6"))
    assert {path: box.read(path).encode() for path in written} == written
    assert {"tags: ci", "trunk: main"} <= {line.partition(" #")[0].rstrip() for line in policy_lines(box)}
