"""Whatever is killed when: a change happened wholly or not at all, and the same command completes it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.git.sandbox import git
from tests.operations.stories import NOON, Story, Team

ROOT = Path(__file__).parents[2]
COMMANDS = {
    "promote": ["promote", "fraud-detector", "--to", "production"],
    "rollback": ["rollback", "fraud-detector@production", "--reason", "bad"],
    "tag": ["tag"],
}


@dataclass(frozen=True)
class Scene:
    """Where a command is killed: the folder that is copied for each try, the clone in it, and its remote if any."""

    folder: Path
    clone: str
    remote: str | None

    def copied(self, target: Path) -> Scene:
        shutil.copytree(self.folder, target, symlinks=True)
        scene = Scene(target, self.clone, self.remote)
        if self.remote is not None:
            git("remote", "set-url", "origin", str(target / self.remote), cwd=target / self.clone)
        return scene

    @property
    def path(self) -> Path:
        return self.folder / self.clone


def local(folder: Path) -> Scene:
    story = Story.begun(folder / "work")
    serve(story, push=False)
    return Scene(folder, "work", None)


def pushed(folder: Path) -> Scene:
    _, story = Team.begun(folder)
    serve(story, push=True)
    return Scene(folder, "ada", "remote.git")


def serve(story: Story, *, push: bool) -> None:
    """1.0.0 and 1.1.0 have been in production, 1.2.0 is staged, and something has landed that is not judged yet."""
    for version in ("1.0.0", "1.1.0"):
        story.register("fraud-detector", version, to="staging", push=push)
        story.promote("fraud-detector", to="production", push=push)
    story.register("fraud-detector", "1.2.0", to="staging", push=push)
    story.register("other", "1.0.0", push=push)
    story.copy("models/other/1.0.0.yaml", "staging/other.yaml")
    story.commit("staged by hand")
    if push:
        story.git("push", "--quiet", "origin", "main")


def called(scene: Scene, number: int, when: str, command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "STORY_NOW": NOON.isoformat()}
    words = [sys.executable, "-m", "tests.operations.killed", str(number), when, "-C", str(scene.path), *command]
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def refs_of(path: Path) -> dict[str, str]:
    rows = git(f"--git-dir={path}", "for-each-ref", "--format=%(refname) %(objectname)", cwd=path).splitlines()
    return {name: oid for name, oid in (row.split(" ") for row in rows) if not name.startswith("refs/remotes/")}


def slots_of(scene: Scene) -> dict[str, str]:
    """What everybody sees: the trees of the trunk, and the names of the tags."""
    path = scene.folder / scene.remote if scene.remote else scene.path / ".git"
    trees = git(f"--git-dir={path}", "ls-tree", "-r", "main", cwd=path)
    names = sorted(name for name in refs_of(path) if name.startswith("refs/tags/"))
    return {"tree": trees, "tags": "\n".join(names)}


def sweep(scene: Scene, command: list[str], tmp_path: Path, *, short: bool) -> int:
    whole = scene.copied(tmp_path / "whole")
    before = slots_of(whole)
    done = called(whole, 0, "before", command)
    assert done.returncode == 0, done.stderr
    found = re.search(r"calls (\d+)", done.stderr)
    assert found is not None
    after = slots_of(whole)
    assert after != before
    tried = 0
    for number in range(1, int(found[1]) + 1, 4 if short else 1):
        for when in ("before", "after") if not short else ("before",) if number % 4 else ("after",):
            there = scene.copied(tmp_path / f"{number}-{when}")
            killed = called(there, number, when, command)
            assert killed.returncode == -signal.SIGKILL, killed.stderr
            where = f"killed {when} call {number} of {found[1]} of {' '.join(command)}"
            assert slots_of(there) in (before, after), where
            again = called(there, 0, "before", command)
            assert slots_of(there) == after, f"{where}: {again.stderr}"
            git("fsck", "--strict", "--no-dangling", cwd=there.path)
            left = git("status", "--porcelain", cwd=there.path)
            assert left == "", f"{where}: the work tree was left behind:\n{left}"
            shutil.rmtree(there.folder)
            tried += 1
    return tried


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_killed_command_has_happened_or_not_and_completes(name: str, tmp_path: Path) -> None:
    assert sweep(local(tmp_path / "scene"), COMMANDS[name], tmp_path, short=True) >= 3


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("begin", [local, pushed])
@pytest.mark.parametrize("name", list(COMMANDS))
def test_the_same_at_every_call_with_and_without_a_remote(
    name: str, begin: Callable[[Path], Scene], tmp_path: Path
) -> None:
    command = COMMANDS[name] if begin is local or name == "tag" else [*COMMANDS[name], "--push"]
    assert sweep(begin(tmp_path / "scene"), command, tmp_path, short=False) >= 10
