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
from tests.operations.signatories import make_keys, policy
from tests.operations.stories import NOON, Story, Team

ROOT = Path(__file__).parents[2]
ELSEWHERE = ("--artifact", "s3://acme/next.bin", "--sha256", "0" * 64, "--size", "1")
COMMANDS = {
    "promote": ["promote", "fraud-detector", "--to", "production"],
    "rollback": ["rollback", "fraud-detector@production", "--reason", "bad"],
    "tag": ["tag"],
}
OTHERS = {
    "archive": ["archive", "fraud-detector@staging", "--reason", "no longer used"],
    "withdraw": ["withdraw", "fraud-detector@production"],
    "register": ["register", "fraud-detector@1.3.0", *ELSEWHERE, "--to", "staging"],
    "register a file": ["register", "fraud-detector@1.3.0", "--artifact", "../weights.bin"],
    "attest": ["attest", "fraud-detector@1.2.0", "--name", "load-test", "--result", "passed"],
    "adopt": ["adopt", "third@1.0.0", "--stage", "staging"],
    "hold": ["hold", "fraud-detector@1.2.0", "--reason", "leaks"],
    "redact": ["redact", "fraud-detector@1.0.0", "--reason", "a name in it"],
    "approve": ["approve", "fraud-detector@1.2.0", "--for", "production", "--sign", "../keys/bob"],
    "waive": [
        *("waive", "fraud-detector@1.2.0", "--rule", "soak", "--for", "production", "--until", "1d"),
        *("--reason", "now", "--sign", "../keys/ada"),
    ],
}
"""What changes a registry and has less to do; those who sign have their keys beside it."""


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


def signed(folder: Path) -> Scene:
    """The local one, with a gate, people, their keys beside it, and a promotion that was refused."""
    keys = make_keys(folder / "keys")
    (folder / "weights.bin").write_bytes(b"weights")
    story = Story.begun(folder / "work")
    serve(story, push=False)
    story.amend(policy(keys, soak="1h", approvals="[{count: 1, from: owners}]"))
    story.register("third", "1.0.0")
    story.copy("models/fraud-detector/1.2.0.yaml", "production/fraud-detector.yaml")
    story.commit("promoted by hand")
    story.tag()
    return Scene(folder, "work", None)


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


def counted(said: str, what: str) -> int:
    found = re.search(rf"^{what} (\d+)$", said, re.MULTILINE)
    assert found is not None, said
    return int(found[1])


def sweep(scene: Scene, command: list[str], tmp_path: Path, *, points: int | None, files: bool = False) -> int:
    """Kills a command at so many places, or at all of them; what it has then done and what the next one does is looked at."""
    whole = scene.copied(tmp_path / "whole")
    before = slots_of(whole)
    done = called(whole, 0, "before", command)
    assert done.returncode == 0, done.stderr
    after = slots_of(whole)
    assert after != before
    count = counted(done.stderr, "files" if files else "calls")
    ways = ("file",) if files else ("before", "after")
    places = [(number, when) for number in range(1, count + 1) for when in ways]
    if points is not None:
        places = places[len(places) // (2 * points) :: -(-len(places) // points)]
    for number, when in places:
        there = scene.copied(tmp_path / f"{number}-{when}")
        killed = called(there, number, when, command)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        where = f"killed {when} {number} of {count} of {' '.join(command)}"
        assert slots_of(there) in (before, after), where
        again = called(there, 0, "before", command)
        assert slots_of(there) == after, f"{where}: {again.stderr}"
        git("fsck", "--strict", "--no-dangling", cwd=there.path)
        left = git("status", "--porcelain", cwd=there.path)
        assert left == "", f"{where}: the work tree was left behind:\n{left}"
        shutil.rmtree(there.folder)
    return len(places)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_killed_command_has_happened_or_not_and_completes(name: str, tmp_path: Path) -> None:
    assert sweep(local(tmp_path / "scene"), COMMANDS[name], tmp_path, points=4) >= 3


@pytest.mark.parametrize("name", list(OTHERS))
def test_so_has_every_other_that_changes_a_registry(name: str, tmp_path: Path) -> None:
    assert sweep(signed(tmp_path / "scene"), OTHERS[name], tmp_path, points=2) == 2


def test_it_may_be_killed_between_any_two_changes_of_files(tmp_path: Path) -> None:
    assert sweep(local(tmp_path / "scene"), COMMANDS["promote"], tmp_path, points=5, files=True) >= 4


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("begin", [local, pushed])
@pytest.mark.parametrize("name", list(COMMANDS))
def test_the_same_at_every_call_with_and_without_a_remote(
    name: str, begin: Callable[[Path], Scene], tmp_path: Path
) -> None:
    command = COMMANDS[name] if begin is local or name == "tag" else [*COMMANDS[name], "--push"]
    assert sweep(begin(tmp_path / "scene"), command, tmp_path, points=None) >= 20


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", list(OTHERS))
def test_the_others_at_every_call(name: str, tmp_path: Path) -> None:
    assert sweep(signed(tmp_path / "scene"), OTHERS[name], tmp_path, points=None) >= 20


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", [*COMMANDS, *OTHERS])
def test_all_of_them_between_any_two_changes_of_files(name: str, tmp_path: Path) -> None:
    begin = local if name in COMMANDS else signed
    assert sweep(begin(tmp_path / "scene"), {**COMMANDS, **OTHERS}[name], tmp_path, points=None, files=True) >= 1


def test_hooks_that_are_being_installed_are_whole_or_not_there(tmp_path: Path) -> None:
    scene = local(tmp_path / "scene")
    command = ["hook", "install"]

    def hooks(where: Scene) -> dict[str, tuple[str, bool]]:
        folder = where.path / ".git" / "hooks"
        found = [path for path in folder.glob("pre-*") if path.suffix != ".sample"]
        return {path.name: (path.read_text(), os.access(path, os.X_OK)) for path in found}

    whole = scene.copied(tmp_path / "whole")
    done = called(whole, 0, "file", command)
    assert done.returncode == 0, done.stderr
    after = hooks(whole)
    assert [runs for _, runs in after.values()] == [True, True]
    count = counted(done.stderr, "files")
    assert count >= 6
    for number in range(1, count + 1):
        there = scene.copied(tmp_path / str(number))
        assert called(there, number, "file", command).returncode == -signal.SIGKILL
        assert hooks(there).items() <= after.items(), f"killed before change {number} of {count}"
        assert called(there, 0, "file", command).returncode == 0
        assert hooks(there) == after


def test_a_registry_that_is_being_made_is_there_or_not(tmp_path: Path) -> None:
    command = ["init"]
    outcomes = set()
    for number in (2, 6, 10, 14, 18):
        there = Scene(tmp_path / str(number), "work", None)
        there.path.mkdir(parents=True)
        git("init", "--quiet", cwd=there.path)
        killed = called(there, number, "before", command)
        if killed.returncode == 0:  # it needed fewer calls
            continue
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        had = (there.path / "gitstage.yaml").exists()
        again = called(there, 0, "before", command)
        assert again.returncode == (2 if had else 0), again.stderr
        assert git("log", "--format=%s", cwd=there.path) == "gitstage: make a registry"
        assert git("status", "--porcelain", cwd=there.path) == ""
        assert called(there, 0, "before", ["status"]).returncode == 0
        outcomes.add(had)
    assert False in outcomes
