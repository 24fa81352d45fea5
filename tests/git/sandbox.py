"""Real repositories to play in: plain git on one side, gitstage's git room on the other."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from gitstage.git import Repository


def git(
    *arguments: str | os.PathLike[str], cwd: Path, stdin: bytes = b"", variables: Mapping[str, str] | None = None
) -> str:
    """What plain git answers, without the last newline; a failure shows what git said."""
    done = subprocess.run(
        ["git", *arguments], cwd=cwd, input=stdin, capture_output=True, env={**os.environ, **(variables or {})}
    )
    assert done.returncode == 0, f"git {arguments} in {cwd}: {done.stderr.decode()}"
    return done.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")


def executable(path: Path, script: str) -> Path:
    """A shell script at `path` that can be run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


class Sandbox:
    """A repository in a directory of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def made(cls, path: Path, *options: str) -> Sandbox:
        """A new repository at `path`; `options` are `git init`'s."""
        path.mkdir(parents=True)
        git("init", "--quiet", *options, cwd=path)
        return cls(path)

    def git(self, *arguments: str | os.PathLike[str], stdin: bytes = b"") -> str:
        bare = ["--git-dir=."] if (self.path / "HEAD").is_file() else []
        return git(*bare, *arguments, cwd=self.path, stdin=stdin)

    def write(self, files: Mapping[str, str]) -> None:
        """Put files into the work tree."""
        for name, text in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def commit(self, message: str, files: Mapping[str, str] | None = None) -> str:
        """Commit files with everything else that lies in the work tree, and say the commit's id."""
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def line(self, *messages: str) -> list[str]:
        """Commits one after the other, each with a file of its own."""
        return [self.commit(message, {f"{message}.txt": message}) for message in messages]

    def open(self) -> Repository:
        return Repository.discover(self.path)

    def refs(self) -> dict[str, str]:
        """Every ref and what it points at, as plain git sees it."""
        rows = self.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(row.split(" ") for row in rows)

    def status(self) -> str:
        return self.git("status", "--porcelain", "--untracked-files=all")

    def read(self, name: str) -> str:
        return (self.path / name).read_text(encoding="utf-8")
