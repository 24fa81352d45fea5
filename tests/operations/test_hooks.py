"""Hooks put in place, and what stays as it was."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

from gitstage.errors import GitstageError
from gitstage.git import Repository
from gitstage.git.creation import create
from gitstage.operations.hooks import Installed, install, script
from tests.git.sandbox import Sandbox, executable


@pytest.fixture
def server(tmp_path: Path) -> Repository:
    create(tmp_path / "models.git", branch="main", bare=True).close()
    return Repository.discover(tmp_path / "models.git", serves=True)


def test_a_hook_runs_gitstage_by_the_python_that_installed_it_and_imports_nothing_of_the_repository(
    server: Repository,
) -> None:
    path = server.git_dir / "hooks" / "pre-receive"
    assert install(server, "pre-receive", ["--trunk", "two words"]) == Installed(
        name="pre-receive", path=path, was_there=False
    )
    words = shlex.split(path.read_text("utf-8").splitlines()[-1])
    assert words == [
        "exec", sys.executable, "-EP", "-m", "gitstage", "hook", "pre-receive", "--trunk", "two words",
    ]  # fmt: skip
    assert os.access(path, os.X_OK)
    assert [file.name for file in path.parent.iterdir()] == ["pre-receive"]


def test_a_hook_that_is_there_word_for_word_stays(server: Repository) -> None:
    first = install(server, "pre-receive")
    assert install(server, "pre-receive") == Installed(name="pre-receive", path=first.path, was_there=True)


def test_a_hook_of_ours_that_cannot_be_run_or_says_something_else_is_written_again(server: Repository) -> None:
    path = install(server, "pre-receive").path
    path.chmod(0o644)
    assert not install(server, "pre-receive").was_there
    assert os.access(path, os.X_OK)
    assert not install(server, "pre-receive", ["--trunk", "serving"]).was_there
    assert path.read_text("utf-8") == script("pre-receive", ["--trunk", "serving"])


def test_somebody_elses_hook_stays_and_one_is_told_what_to_add_to_it(server: Repository) -> None:
    path = executable(server.git_dir / "hooks" / "pre-receive", "echo theirs")
    with pytest.raises(GitstageError, match="somebody else's") as raised:
        install(server, "pre-receive")
    assert str(raised.value.hint).endswith("-m gitstage hook pre-receive")
    assert path.read_text("utf-8") == "#!/bin/sh\necho theirs\n"


def test_pre_receive_is_for_a_repository_that_people_push_to(tmp_path: Path) -> None:
    with Sandbox.made(tmp_path / "work").open() as repo, pytest.raises(GitstageError, match="has a work tree"):
        install(repo, "pre-receive")


def test_where_git_is_told_to_look_for_hooks_is_where_one_is_put(server: Repository, tmp_path: Path) -> None:
    Sandbox(server.git_dir).git("config", "core.hooksPath", str(tmp_path / "all"))
    with Repository.discover(server.git_dir) as again:
        assert install(again, "pre-receive").path == tmp_path / "all" / "pre-receive"


def test_a_place_that_cannot_be_read_or_written_is_named(server: Repository, tmp_path: Path) -> None:
    hooks = server.git_dir / "hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "pre-receive").mkdir()
    with pytest.raises(GitstageError, match="cannot be read"):
        install(server, "pre-receive")
    (tmp_path / "file").touch()
    Sandbox(server.git_dir).git("config", "core.hooksPath", str(tmp_path / "file"))
    with Repository.discover(server.git_dir) as again, pytest.raises(GitstageError, match="cannot be"):
        install(again, "pre-receive")
