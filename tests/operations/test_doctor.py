from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from gitstage import expressions
from gitstage.operations import doctor
from gitstage.operations.doctor import Check
from tests.git.sandbox import Sandbox, git
from tests.operations.stories import Story, Team


def checks(path: Path, folder: str | None = None) -> dict[str, Check]:
    return {check.name: check for check in doctor.run(str(path), folder)}


def test_a_healthy_registry_is_well(served: Story) -> None:
    registry = served.registry()
    assert doctor.run(str(served.path)) == (
        Check(name="git", well=True, found=served.git("--version")),
        Check(name="signatures", well=True, found=f"verified by {shutil.which('ssh-keygen')}"),
        Check(name="registry", well=True, found=f"the root, id {registry.identity.id}"),
        Check(name="history", well=True, found="complete"),
        Check(name="identity", well=True, found="Cleo Committer <cleo@example.com>", optional=True),
        Check(name="attributes", well=True, found=".gitattributes is there"),
        Check(name="ledger", well=True, found=f"judged to {str(registry.tip)[:12]}", optional=True),
    )


def test_who_commits_is_asked_of_git_which_looks_at_the_environment_too(
    served: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_COMMITTER_NAME", "The Bot")
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "bot@example.com")
    assert checks(served.path)["identity"].found == "The Bot <bot@example.com>"
    for name in ("AUTHOR_NAME", "AUTHOR_EMAIL", "COMMITTER_NAME", "COMMITTER_EMAIL"):
        monkeypatch.delenv(f"GIT_{name}")
    unknown = checks(served.path)["identity"]
    assert (unknown.well, unknown.optional) == (False, True)
    assert unknown.found.startswith("git does not know who you are: ")
    assert "git config --global user.name" in str(unknown.hint)
    served.git("config", "user.name", "Ada")
    served.git("config", "user.email", "ada@example.com")
    assert checks(served.path)["identity"].found == "Ada <ada@example.com>"
    # Half of it is not enough: git would make no commit.
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "")
    served.git("config", "--unset", "user.email")
    assert not checks(served.path)["identity"].well


def test_without_ssh_keygen_signatures_cannot_be_verified(
    served: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert checks(served.path)["signatures"] == Check(
        name="signatures", well=True, found=f"verified by {shutil.which('ssh-keygen')}"
    )
    program = tmp_path / "bin" / "ssh-keygen"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 1\n", encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    assert checks(served.path)["signatures"] == Check(
        name="signatures",
        well=False,
        found=f"{program} cannot verify signatures: it is older than OpenSSH 8.2, or broken",
        hint="install OpenSSH 8.2 or newer (Debian: apt-get install openssh-client)",
        optional=True,
    )


def test_outside_of_a_repository_it_says_so(tmp_path: Path) -> None:
    found = checks(tmp_path)
    assert list(found) == ["git", "signatures", "repository"]
    assert found["repository"] == Check(
        name="repository",
        well=False,
        found="there is no Git repository here, nor in a folder above",
        hint="gitstage init makes one, -C DIR names another",
    )


def test_without_a_registry_it_says_so(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    box.commit("code", {"a": "b"})
    found = checks(box.path)
    assert (list(found), found["registry"].well) == (["git", "signatures", "registry"], False)
    assert "gitstage init" in str(found["registry"].hint)


def test_what_waits_and_what_is_not_judged_is_worth_knowing(served: Story) -> None:
    served.write("production/other.yaml", "nonsense")
    served.commit("by hand")
    behind = checks(served.path)["ledger"]
    assert (behind.well, behind.optional, behind.hint) == (False, True, "gitstage tag")
    assert "nobody has run gitstage tag" in behind.found
    served.tag()
    found = checks(served.path)
    assert found["ledger"].well
    assert (found["open"].found, found["open"].optional) == ("production/other", True)


def test_a_workflow_that_does_not_run_is_named(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work", {"# tags: ci ": "tags: ci #"})
    story.register("m", "1.0.0")
    assert "the tag workflow has not run" in checks(story.path)["ledger"].found


def test_a_lost_ledger_is_not_well_and_says_what_to_fetch(served: Story) -> None:
    served.git("update-ref", "-d", served.registry().identity.ledger_ref)
    found = checks(served.path)["ledger"]
    assert (found.well, found.optional) == (False, False)
    assert found.hint == "gitstage audit --remake-ledger"


def test_tags_that_do_not_count_are_named(served: Story) -> None:
    served.git("tag", "fraud-detector/production/9")
    found = checks(served.path)["tag"]
    assert not found.well
    assert found.found.startswith("refs/tags/fraud-detector/production/9: ")


def test_a_shallow_clone_is_not_well(serving_team: tuple[Team, Story], tmp_path: Path) -> None:
    team, _ = serving_team
    git("clone", "--quiet", "--depth=1", f"file://{team.remote}", str(tmp_path / "shallow"), cwd=tmp_path)
    found = checks(tmp_path / "shallow")
    assert (found["history"].well, found["history"].hint) == (False, "git fetch --unshallow")


def test_missing_attributes_are_not_well(served: Story) -> None:
    served.git("rm", "--quiet", ".gitattributes")
    served.commit("removed")
    found = checks(served.path)["attributes"]
    assert not found.well
    assert "* -text merge=binary" in str(found.hint)


@pytest.mark.parametrize(
    ("said", "well"), [("git version 2.38.1", False), ("git version 2.53.0.rc1", True), ("?", False)]
)
def test_an_old_git_is_not_well(
    served: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, well: bool
) -> None:
    from gitstage.git import process

    real = process.Processes.run

    def run(self: process.Processes, *arguments: str, **options: object) -> process.Answer:
        if arguments == ("--version",):
            return process.Answer(0, f"{said}\n".encode(), "")
        return real(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(process.Processes, "run", run)
    found = checks(served.path)["git"]
    assert (found.well, found.found) == (well, said)
    assert (found.hint is None) == well


def test_what_the_policy_asks_in_its_own_words_is_tried(served: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    text = served.read("gitstage.yaml").partition("\nadopt-until")[0]
    rules = "[{name: named, expr: has(version.labels.team)}, {name: licensed, python: acme}]"
    served.write(
        "gitstage.yaml", f"{text}\nstages: {{a: {{from: [registered]}}}}\ngates: {{own: {{rules: {rules}}}}}\n"
    )
    served.commit("policy")
    found = checks(served.path)
    assert found["rules/named"] == Check(name="rules/named", well=True, found="can be evaluated here")
    assert found["rules/licensed"] == Check(
        name="rules/licensed",
        well=False,
        found="the plug-in 'acme' is not allowed to run here",
        hint="gitstage --allow-plugin acme …, or GITSTAGE_PLUGINS=acme",
    )
    allowed = {check.name: check for check in doctor.run(str(served.path), plugins=frozenset({"acme"}))}
    assert allowed["rules/licensed"].found == "no package that is installed here brings the plug-in 'acme'"
    for known in (expressions._programs, expressions._program):
        known.cache_clear()
    monkeypatch.setitem(sys.modules, "cel_expr_python", None)
    assert checks(served.path)["rules/named"] == Check(
        name="rules/named",
        well=False,
        found="what evaluates CEL is not installed here",
        hint="pip install 'gitstage[cel]'",
    )


def test_a_policy_that_cannot_be_read_has_no_rules_to_try(served: Story) -> None:
    served.write("gitstage.yaml", served.read("gitstage.yaml") + "\nnonsense: 1\n")
    served.commit("policy")
    assert not [name for name in checks(served.path) if name.startswith("rules/")]
