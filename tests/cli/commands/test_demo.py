from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import click
import pytest

from gitstage.cli.demo import telling
from gitstage.cli.demo.story import STORY
from gitstage.cli.demo.teller import Command, Step
from gitstage.cli.main import run

HOUSE = Path(__file__).parents[3]


def test_it_needs_nobodys_name_no_key_and_no_terminal_and_no_hook_of_the_users_runs(
    tmp_path: Path, hermetic_seal: Path
) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("pre-commit", "pre-push", "commit-msg", "post-checkout", "reference-transaction"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n", encoding="utf-8")
        (hooks / name).chmod(0o755)
    with (hermetic_seal / ".gitconfig").open("a", encoding="utf-8") as config:
        config.write("[commit]\n\tgpgSign = true\n[tag]\n\tgpgSign = true\n[user]\n\tsigningKey = nobody\n")
        config.write(
            f"[core]\n\thooksPath = {hooks}\n\tautocrlf = true\n[merge]\n\tff = only\n[push]\n\tdefault = nothing\n"
        )
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_AUTHOR", "GIT_COMM"))}
    done = subprocess.run(
        [sys.executable, "-m", "gitstage", "demo", "play"],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(HOUSE), "GIT_DIR": "/elsewhere"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "ran").exists()
    assert f"{len(STORY)}. {STORY[-1].title}" in done.stdout
    assert "\x1b" not in done.stdout
    assert "auc 0.9911 → 0.9753" in done.stdout


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "told", partial(telling.told, story=STORY[:1]))


@pytest.mark.usefixtures("short")
def test_a_folder_is_named_from_where_the_command_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-C", str(tmp_path), "demo", "my play"]) == 0
    assert (tmp_path / "my play" / "clone" / "gitstage.yaml").is_file()
    assert f"cd '{tmp_path}/my play/clone'" in capsys.readouterr().out


@pytest.mark.usefixtures("short")
def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").touch()
    assert run(["demo", str(tmp_path)]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"error: {tmp_path} is there already, and not an empty folder\n")


@pytest.mark.usefixtures("short")
def test_on_a_terminal_it_is_coloured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert run(["demo", str(tmp_path / "play")]) == 0
    said = capsys.readouterr().out
    assert click.style(f"1. {STORY[0].title}", bold=True) in said


def test_a_step_that_comes_out_otherwise_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = Step("Wrong", (Command("ada", "gitstage status nobody"),), "So.")
    monkeypatch.setattr(telling, "told", partial(telling.told, story=[wrong]))
    assert run(["demo", str(tmp_path / "play")]) == 1
    assert "step 1 came out otherwise than told: gitstage status nobody" in capsys.readouterr().err
