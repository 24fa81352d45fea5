"""A shell in which commands of gitstage are typed, at the moment and in the repository of a story."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gitstage.cli.main import run
from tests.operations.stories import Story

_COMMIT = re.compile(r"\b(?:[0-9a-f]{40}|[0-9a-f]{12})\b(?!…)")
_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said on stdout and on stderr."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """What it said, where it says nothing but JSON."""
        assert self.err == ""
        return json.loads(self.out)


@dataclass(frozen=True)
class Shell:
    """Types commands in the folder of a story, by its clock."""

    story: Story
    patch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]

    def run(self, *words: str) -> Said:
        """Runs one command."""
        for room in ("registries", "init", "precommit", "prepush"):
            self.patch.setattr(f"gitstage.operations.{room}.utc_now", lambda: self.story.now)
        self.patch.chdir(self.story.path)
        self.capture.readouterr()
        code = run(words)
        said = self.capture.readouterr()
        return Said(code, said.out, said.err)

    def __call__(self, *words: str) -> str:
        """Everything that a command said, as one text: stdout, stderr behind `! `, and how it ended unless with 0.

        Commits are 0s, as they hold the id of the registry, which is another one each time.
        """
        said = self.run(*words)
        lines = [*said.out.splitlines(), *(f"! {line}".rstrip() for line in said.err.splitlines())]
        lines += [f"[{said.code}]"] if said.code else []
        text = "".join(f"{line.rstrip()}\n" for line in lines)
        text = text.replace(str(self.story.path), "…/work").replace(str(self.story.path.parent), "…")
        return _COMMIT.sub(lambda found: "0" * len(found[0]), _ID.sub("<id>", text))

    def state(self) -> tuple[dict[str, str], str]:
        """Everything that a command may change: all refs, and what git says of the work tree."""
        return self.story.refs(), self.story.git("status", "--porcelain=v1", "--untracked-files=all")

    def write(self, name: str, text: str = "weights") -> Path:
        """A file beside the registry's repository."""
        path = self.story.path.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path
