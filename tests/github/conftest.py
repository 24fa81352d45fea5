"""A forge with a registry in it, and a runner for its workflows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.github.actions import Actions
from tests.github.forge import Forge, served
from tests.github.stories import copied, made, made_own


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Forges that were made already, by name: making one takes seconds, copying it does not."""
    found: dict[str, Path] = {}

    def template(name: str) -> Path:
        if name not in found:
            folder = tmp_path_factory.mktemp("forge")
            found[name] = made(folder) if name == "theirs" else made_own(folder, template("theirs"))
        return found[name]

    return template


@pytest.fixture
def forge(tmp_path: Path, templates: Callable[[str], Path]) -> Iterator[Forge]:
    """A forge whose repository has a registry, as `gitstage init --ci github` makes it."""
    with served(tmp_path / "forge") as url:
        yield copied(templates("theirs"), tmp_path / "forge").at(url)


@pytest.fixture
def own_forge(tmp_path: Path, templates: Callable[[str], Path]) -> Iterator[Forge]:
    """The same for this repository: its workflows, and its own code for a judge."""
    with served(tmp_path / "forge") as url:
        yield copied(templates("ours"), tmp_path / "forge").at(url)


@pytest.fixture
def empty_forge(tmp_path: Path) -> Iterator[Forge]:
    """A forge whose repository has a README and nothing else."""
    with served(tmp_path / "forge") as url:
        forge = Forge.made(tmp_path / "forge").at(url)
        forge.clone.commit("Start", {"README.md": "Models\n"})
        forge.clone.git("push", "--quiet", "--set-upstream", "origin", "main")
        yield forge


@pytest.fixture
def actions(tmp_path: Path) -> Actions:
    return Actions(tmp_path / "actions")
