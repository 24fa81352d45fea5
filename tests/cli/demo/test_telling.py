from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import pytest

from gitstage.cli.demo import telling
from gitstage.cli.demo.story import SERVED, STORY
from gitstage.cli.demo.teller import Command, NotAsTold, Step
from gitstage.errors import GitstageError

FIRST = STORY[:1]


def one_line(line: str) -> str:
    return " ".join(line.split())


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_the_story_comes_out_as_told_on_a_narrow_terminal_too_and_ends_with_what_to_try_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.delenv("NO_COLOR")
    shown: list[str] = []
    before = dict(os.environ), Path.cwd()
    place = telling.told(tmp_path / "play", shown.append, colour=True)
    lines = [click.unstyle(line) for line in shown]
    text = "\n".join(lines)
    assert shown != lines
    assert [line for line in lines[3:-1] if len(line) > telling.NARROWEST] == []
    assert (dict(os.environ), Path.cwd()) == before
    assert place.top == tmp_path / "play"
    assert [line for line in lines if line.startswith(tuple(f"{number}. " for number in range(1, 99)))] == [
        f"{number}. {step.title}" for number, step in enumerate(STORY, start=1)
    ]
    for step in STORY:
        assert one_line(step.means) in one_line(text)
    assert f"cd {place.clone}" in text
    assert hashlib.sha256((place.top / "served" / "model.onnx").read_bytes()).hexdigest() == SERVED
    assert _tags(place.remote) == _tags(place.clone)
    assert {"biopsy-screener/production/2", "vision/digit-reader/production/3"} <= _tags(place.remote)
    _what_to_try_next_works(place.clone, lines)


def _tags(repository: Path) -> set[str]:
    words = ["git", f"--git-dir={repository if repository.suffix == '.git' else repository / '.git'}", "tag", "--list"]
    return set(subprocess.run(words, check=True, capture_output=True, text=True).stdout.split())


def _what_to_try_next_works(clone: Path, lines: list[str]) -> None:
    """Every command that the demo proposes at its end, in a process of its own."""
    proposed = lines[-1].replace("\\\n", " ").splitlines()
    commands = [shlex.split(line) for line in proposed if line.startswith(("  gitstage ", "  git "))]
    ends = {"explain": 4}
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    assert len(commands) == 6
    for words in commands:
        program = [sys.executable, "-m", "gitstage"] if words[0] == "gitstage" else [words[0]]
        done = subprocess.run([*program, *words[1:]], cwd=clone, env=environment, capture_output=True, check=False)
        assert done.returncode == ends.get(words[1], 0), (words, done.stdout, done.stderr)


def test_without_a_folder_a_temporary_one_is_made_and_stays(temporary: Path) -> None:
    place = telling.told(None, lambda _: None, story=FIRST)
    assert place.top.parent == temporary
    assert place.top.name.startswith("gitstage-demo-")
    assert (place.clone / "gitstage.yaml").is_file()


def interrupted_at(step: int) -> tuple[Step, ...]:
    """A story in which somebody presses Ctrl-C."""
    ctrl_c = Step("Interrupted", (Command("ada", "sh -c 'kill -INT $PPID; sleep 5'"),), "So.")
    return (*STORY[:step], ctrl_c)


@pytest.mark.filterwarnings("ignore:Exception ignored in. <function Popen.__del__")  # what Ctrl-C left
def test_an_interrupted_demo_leaves_nothing(temporary: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        telling.told(None, lambda _: None, story=interrupted_at(1))
    assert list(temporary.iterdir()) == []


@pytest.mark.filterwarnings("ignore:Exception ignored in. <function Popen.__del__")  # what Ctrl-C left
def test_an_interrupted_demo_leaves_nothing_but_the_folder_that_was_named(temporary: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        telling.told(temporary / "play", lambda _: None, story=interrupted_at(1))
    assert [path.name for path in temporary.iterdir()] == ["play"]


def test_a_story_that_comes_out_otherwise_leaves_what_there_is_to_look_at(temporary: Path) -> None:
    wrong = Step("Wrong", (Command("ada", "false"),), "So.")
    with pytest.raises(NotAsTold):
        telling.told(None, lambda _: None, story=[wrong])
    assert len(list(temporary.iterdir())) == 1


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(GitstageError, match="cannot be made: Not a directory"):
        telling.told(tmp_path / "file" / "play", lambda _: None)


def test_an_example_that_is_not_in_order_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = Path(__file__).parents[3] / "registry.example"
    from gitstage.cli.demo import playground
    from gitstage.cli.demo.example import files_of

    broken = {**files_of(example), "production/biopsy-screener.yaml": b"kind: Nonsense\n"}
    monkeypatch.setattr(playground, "files_of", lambda _: broken)
    monkeypatch.setattr(playground, "some_weeks_ago", lambda files, **_: dict(files))
    with pytest.raises(GitstageError, match=r"not in order: \['production/biopsy-screener'\]"):
        telling.told(tmp_path, lambda _: None)
