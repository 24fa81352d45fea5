"""A repository for each test, opened both ways, and what git processes it cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from gitstage.git import Repository, process
from tests.git.sandbox import Sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    """An empty repository with a work tree."""
    return Sandbox.made(tmp_path / "work")


@pytest.fixture
def repo(sandbox: Sandbox) -> Iterator[Repository]:
    """The sandbox's repository, opened."""
    with sandbox.open() as opened:
        yield opened


@pytest.fixture
def calls() -> Iterator[list[str]]:
    """The subcommands of the git processes that were started, in their order."""
    started: list[str] = []

    def watch(moment: str, arguments: Sequence[str]) -> None:
        if moment == "before":
            started.append(arguments[0])

    process.WATCHERS.append(watch)
    yield started
    process.WATCHERS.remove(watch)
