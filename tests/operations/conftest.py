"""Stories that many tests begin with, told once and copied."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.git.sandbox import git
from tests.operations.stories import NOON, Story, Team


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """The folder of a story by its name; told when it is first asked for."""
    folders: dict[str, Path] = {}

    def folder(name: str, tell: Callable[[Path], object]) -> Path:
        if name not in folders:
            folders[name] = tmp_path_factory.mktemp(name)
            tell(folders[name])
        return folders[name]

    return folder


Told = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture
def story(tmp_path: Path, told: Told) -> Story:
    """A registry at the root of a repository without a remote, at noon."""
    shutil.copytree(told("begun", lambda folder: Story.begun(folder / "work")), tmp_path, dirs_exist_ok=True)
    return Story(tmp_path / "work")


@pytest.fixture
def served(tmp_path: Path, told: Told) -> Story:
    """1.0.0 and then 1.1.0 went to production, 1.2.0 is staged; an hour lies between any two of the five steps."""
    shutil.copytree(told("served", lambda folder: serve(Story.begun(folder / "work"))), tmp_path, dirs_exist_ok=True)
    return Story(tmp_path / "work", now=NOON + timedelta(hours=4))


@pytest.fixture
def team(tmp_path: Path, told: Told) -> tuple[Team, Story]:
    """A bare remote with a registry, and the clone of the one who made it."""
    return _copied(told("team", Team.begun), tmp_path)


@pytest.fixture
def serving_team(tmp_path: Path, told: Told) -> tuple[Team, Story]:
    """The story of `served`, pushed."""

    def tell(folder: Path) -> None:
        _, ada = Team.begun(folder)
        serve(ada, push=True)

    team, ada = _copied(told("serving-team", tell), tmp_path)
    ada.later(hours=4)
    return team, ada


def serve(story: Story, *, push: bool = False) -> Story:
    """What `served` says."""
    story.register("fraud-detector", "1.0.0", to="staging", push=push, auc=0.90)
    story.later(hours=1).promote("fraud-detector", to="production", push=push)
    story.later(hours=1).register("fraud-detector", "1.1.0", to="staging", push=push, auc=0.92)
    story.later(hours=1).promote("fraud-detector", to="production", push=push)
    story.later(hours=1).register("fraud-detector", "1.2.0", to="staging", push=push, auc=0.95)
    return story


def _copied(source: Path, folder: Path) -> tuple[Team, Story]:
    shutil.copytree(source, folder, dirs_exist_ok=True)
    git("remote", "set-url", "origin", str(folder / "remote.git"), cwd=folder / "ada")
    return Team(folder), Story(folder / "ada")
