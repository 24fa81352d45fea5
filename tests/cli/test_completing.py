from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from gitstage.cli.completing import complete_reference, complete_stage
from tests.cli.shell import Shell

HOUSE = Path(__file__).parents[2]
PARAMETER = click.Argument(["what"])


def completed(gs: Shell, incomplete: str, *, directory: str | None = None) -> list[str]:
    context = click.Context(click.Command("gitstage"))
    context.params = {"directory": directory or str(gs.story.path)}
    return [item.value for item in complete_reference(context, PARAMETER, incomplete)]


def test_models_are_completed_and_after_an_at_their_stages_and_versions(gs: Shell) -> None:
    gs.story.register("risk/churn", "1.0.0")
    assert completed(gs, "") == ["fraud-detector", "risk/churn"]
    assert completed(gs, "ri") == ["risk/churn"]
    assert completed(gs, "fraud-detector@") == [
        f"fraud-detector@{name}" for name in ("staging", "production", "latest", "1.0.0", "1.1.0", "1.2.0")
    ]
    assert completed(gs, "fraud-detector@1.1") == ["fraud-detector@1.1.0"]
    assert completed(gs, "nobody@1") == []


def test_stages_are_completed(gs: Shell) -> None:
    context = click.Context(click.Command("gitstage"))
    context.params = {"directory": str(gs.story.path)}
    assert [item.value for item in complete_stage(context, PARAMETER, "p")] == ["production"]


def test_where_there_is_no_registry_nothing_is_completed_and_nothing_said(gs: Shell, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    context = click.Context(click.Command("gitstage"))
    context.params = {"directory": str(elsewhere)}
    assert completed(gs, "fr", directory=str(elsewhere)) == []
    assert complete_stage(context, PARAMETER, "") == []
    assert gs.capture.readouterr() == ("", "")


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_commands_models_and_stages(gs: Shell, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "gitstage"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gitstage "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    # What readline does when TAB is pressed: the function is called with the words and where the cursor is.
    script = """
        eval "$(_GITSTAGE_COMPLETE=bash_source gitstage)"
        completed() {
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
            _gitstage_completion gitstage
            echo "${COMPREPLY[@]}"
        }
        completed gitstage prom
        completed gitstage show fraud
        completed gitstage promote fraud-detector --to prod
    """
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=gs.story.path,
        env={**os.environ, "PYTHONPATH": str(HOUSE), "PATH": f"{program.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.splitlines(), done.stderr) == (["promote", "fraud-detector", "production"], "")
