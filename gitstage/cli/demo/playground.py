"""Where the story plays: a bare repository that is the server, and a clone in which everybody types."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from gitstage.cli.demo.example import BIOPSY, DIGITS, Trained, files_of, folder, some_weeks_ago, trained
from gitstage.errors import GitstageError
from gitstage.values import dataclass

STORY = ((BIOPSY, "1.3.0"), (BIOPSY, "2.0.0"), (DIGITS, "2.0.0"), (DIGITS, "2.1.0"))
"""The versions whose files somebody needs."""

SEALED = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
"""No hook, signature, alias or default of whoever watches has a say in how the story ends."""


@dataclass(frozen=True)
class Playground:
    """The folder of a demo: `remote.git`, the clone in `models`, and what was trained."""

    top: Path

    @property
    def remote(self) -> Path:
        return self.top / "remote.git"

    @property
    def clone(self) -> Path:
        return self.top / "clone"

    def trained(self, model: str, version: str) -> Path:
        return self.top / "trained" / model / version


def refuse_what_is_not_empty(top: Path) -> None:
    """Raises GitstageError where a demo would get among somebody's files."""
    try:
        if top.is_dir() and not any(top.iterdir()):
            return
        if top.exists() or top.is_symlink():
            raise GitstageError(f"{top} is there already, and not an empty folder", hint="gitstage demo NEW-FOLDER")
    except OSError as error:
        raise GitstageError(f"{top} cannot be read: {error.strerror}") from error


def built(top: Path, today: date) -> Playground:
    """Builds the bare remote, a clone with the example registry in it, and the files of the training runs."""
    place = Playground(top)
    example = files_of(folder())
    for model, version in STORY:
        _write_trained(place, trained(example, model, version))
    files = some_weeks_ago(example, registry_id=str(uuid.uuid4()), today=today)
    _write(place.clone, files)
    git(top, "init", "--quiet", "--bare", "--template=", "--initial-branch=main", "remote.git")
    git(top, "init", "--quiet", "--template=", "--initial-branch=main", "clone")
    # Whoever goes on playing is Ada, and needs no name, key or hook of their own.
    for key, value in (("user.name", "Ada"), ("user.email", "ada@example.com"), ("commit.gpgSign", "false")):
        git(place.clone, "config", key, value)
    git(place.clone, "add", "--all")
    git(place.clone, "commit", "--quiet", "--message", "A registry of three models that serve already")
    git(place.clone, "remote", "add", "origin", "../remote.git")
    git(place.clone, "push", "--quiet", "--set-upstream", "origin", "main")
    return place


def _write_trained(place: Playground, run: Trained) -> None:
    _write(place.trained(run.model, run.version), run.files)


def _write(top: Path, files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        file = top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def git(where: Path, *words: str) -> None:
    """Git, as somebody types it. Raises GitstageError where it fails."""
    ended, said = typed(where, ("git", *words))
    if ended:
        raise GitstageError(f"git {words[0]} ended with {ended}: {said.strip()}")


def typed(where: Path, words: Sequence[str]) -> tuple[int, str]:
    """A program of this machine, as somebody types it in a folder: how it ended, and all that it said."""
    try:
        process = subprocess.Popen(
            list(words), cwd=where, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except FileNotFoundError as error:
        raise GitstageError(f"{words[0]} is not installed, or not on the PATH") from error
    try:
        said, _ = process.communicate()
    except KeyboardInterrupt:
        # Nothing of ours goes on writing after the folder is gone.
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        raise
    return process.returncode, said.decode("utf-8", "replace")


@contextmanager
def sealed() -> Iterator[None]:
    """The environment without what this user's git is told, for this process and those that it starts."""
    before = dict(os.environ)
    for name in before:
        if name.startswith("GIT_"):
            del os.environ[name]
    os.environ.update(SEALED)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def typing(name: str, *, columns: int) -> Iterator[None]:
    """What is committed meanwhile is committed by `name`, on a terminal of so many columns."""
    before = dict(os.environ)
    os.environ["COLUMNS"] = str(columns)
    for role in ("AUTHOR", "COMMITTER"):
        os.environ[f"GIT_{role}_NAME"] = name.capitalize()
        os.environ[f"GIT_{role}_EMAIL"] = f"{name}@example.com"
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
