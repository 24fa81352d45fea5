"""`.pre-commit-hooks.yaml`, run by the framework of that name as its users run it.

Only how gitstage is installed differs: theirs is built from its repository, which takes a connection, and here it is
the one of this house (`language: system`).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gitstage.cli.commands.hook import command
from tests.git.sandbox import Sandbox, git
from tests.operations.conftest import served, serving_team, told
from tests.operations.stories import Story, Team

__all__ = ["served", "serving_team", "told"]

HOUSE = Path(__file__).parents[1]
MANIFEST = HOUSE / ".pre-commit-hooks.yaml"
BIN = Path(sys.executable).parent


def run(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PRE_COMMIT_HOME": f"{cwd}.cache"}
    return subprocess.run(words, cwd=cwd, env=variables, capture_output=True, text=True, encoding="utf-8")


@pytest.fixture
def published(tmp_path: Path) -> Sandbox:
    """A repository that holds what the framework reads of this one."""
    box = Sandbox.made(tmp_path / "gitstage")
    box.commit("hooks", {".pre-commit-hooks.yaml": MANIFEST.read_text("utf-8")})
    box.git("tag", "v1")
    return box


def uses(story: Story, published: Sandbox) -> None:
    """The lines of the manual, and the framework's own hooks in place."""
    hooks = "".join(f"\n  - {{id: {name}, language: system}}" for name in ("gitstage", "gitstage-pre-push"))
    story.write(".pre-commit-config.yaml", f"repos:\n- repo: {published.path}\n  rev: v1\n  hooks:{hooks}\n")
    story.commit("pre-commit")
    done = run("pre-commit", "install", "-t", "pre-commit", "-t", "pre-push", cwd=story.path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_manifest_is_one_and_names_hooks_that_there_are() -> None:
    done = run("pre-commit", "validate-manifest", MANIFEST, cwd=HOUSE)
    assert (done.returncode, done.stdout) == (0, "")
    hooks = {hook["id"]: hook for hook in yaml.safe_load(MANIFEST.read_text("utf-8"))}
    assert [hook["entry"].split() for hook in hooks.values()] == [
        ["gitstage", "hook", "pre-commit"],
        ["gitstage", "hook", "pre-push"],
    ]
    assert {hook["entry"].split()[2] for hook in hooks.values()} <= command.commands.keys()
    assert {(hook["always_run"], hook["pass_filenames"]) for hook in hooks.values()} == {(True, False)}


def test_what_the_policy_refuses_is_not_committed(served: Story, published: Sandbox) -> None:
    uses(served, published)
    served.write("train.py", "1")
    served.git("add", "--all")
    done = run("git", "commit", "-m", "code", cwd=served.path)
    assert done.returncode == 0, done.stdout + done.stderr
    head = served.git("rev-parse", "HEAD")
    served.git("rm", "--quiet", "models/fraud-detector/1.0.0.yaml")  # the framework passes no names of such files
    done = run("git", "commit", "-m", "by hand", cwd=served.path)
    assert done.returncode == 1
    assert "nothing-removed" in done.stdout + done.stderr
    assert served.git("rev-parse", "HEAD") == head


def test_what_the_policy_refuses_is_not_pushed(serving_team: tuple[Team, Story], published: Sandbox) -> None:
    team, ada = serving_team
    uses(ada, published)
    done = run("git", "push", "origin", "main", cwd=ada.path)
    assert done.returncode == 0, done.stdout + done.stderr
    before = team.refs()
    ada.write("staging/x.txt", "1")
    ada.git("add", "--all")
    git("commit", "--quiet", "--no-verify", "-m", "by hand", cwd=ada.path)
    done = run("git", "push", "origin", "main", cwd=ada.path)
    assert done.returncode == 1
    assert re.search("known-path", done.stdout + done.stderr)
    assert team.refs() == before
    assert run("git", "push", "origin", "main:topic", cwd=ada.path).returncode == 0
