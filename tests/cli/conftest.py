"""Shells at the beginning of stories that other tests tell, too."""

from __future__ import annotations

import pytest

from tests.cli.shell import Shell
from tests.operations.conftest import served, serving_team, story, team, told
from tests.operations.stories import Story, Team

__all__ = ["served", "serving_team", "story", "team", "told"]


@pytest.fixture
def new(story: Story, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A shell in a registry that holds nothing yet."""
    return Shell(story, monkeypatch, capsys)


@pytest.fixture
def gs(served: Story, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A shell where fraud-detector 1.1.0 serves (1.0.0 served before), and 1.2.0 is staged."""
    return Shell(served, monkeypatch, capsys)


@pytest.fixture
def ada(serving_team: tuple[Team, Story], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A shell in Ada's clone of the remote to which the story of `gs` was pushed."""
    return Shell(serving_team[1], monkeypatch, capsys)
