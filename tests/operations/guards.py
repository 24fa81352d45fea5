"""A server whose `pre-receive` hook is gitstage's, and people who push to it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from gitstage.git import Repository
from gitstage.operations import hooks
from tests.git.sandbox import executable, git
from tests.operations.stories import Story, Team

AT = (
    "import sys; from datetime import datetime; from pathlib import Path; from gitstage.operations import receive; "
    "receive.utc_now = lambda: datetime.fromisoformat(Path('now').read_text()); "
    "from gitstage.cli.main import main; sys.exit(main())"
)
"""The command line with the clock that stands in a file of the repository."""


class Guard:
    """A bare repository with the hook; its clock goes with the one of the story that is told."""

    def __init__(self, path: Path, story: Story) -> None:
        self.path = path
        self.story = story

    @classmethod
    def over(cls, team: Team, story: Story, *options: str, first: str = "") -> Guard:
        """The hook is installed now, whatever was pushed before; its clock is the story's. `first` is run before it."""
        guard = cls(team.remote, story)
        words = [sys.executable, "-P", "-c", first + AT, "hook", "pre-receive", *options]
        executable(guard.path / "hooks" / "pre-receive", f"exec {shlex.join(words)}")
        return guard

    @classmethod
    def installed(cls, path: Path, story: Story, *options: str) -> Guard:
        """The hook as `hook install` writes it, with the clock of the machine."""
        with Repository.discover(path, serves=True) as repo:
            hooks.install(repo, ["pre-receive"], options)
        return cls(path, story)

    def tick(self) -> None:
        self.set(self.story.now)

    def set(self, moment: datetime) -> None:
        (self.path / "now").write_text(moment.isoformat(), encoding="utf-8")

    def git(self, *arguments: str) -> str:
        return git("--git-dir=.", *arguments, cwd=self.path)

    def open(self) -> Repository:
        return Repository.discover(self.path, serves=True)

    def refs(self) -> dict[str, str]:
        rows = self.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(row.split(" ") for row in rows)

    def push(
        self,
        *words: str,
        by: Story | None = None,
        user: str | None = None,
        variables: Mapping[str, str] | None = None,
        keep_clock: bool = False,
    ) -> tuple[bool, str]:
        """A plain `git push` by somebody: whether it went in, and what it was told."""
        if not keep_clock:
            self.tick()
        env = {**os.environ, **({"REMOTE_USER": user} if user else {}), **(variables or {})}
        command = ["git", "push", "--porcelain", "origin", *words]
        done = subprocess.run(command, cwd=(by or self.story).path, capture_output=True, env=env)
        return done.returncode == 0, said_by_remote(done.stderr.decode())

    def lets_in(self, *words: str, by: Story | None = None, user: str | None = None) -> str:
        """A push that goes in."""
        went, said = self.push(*words, by=by, user=user)
        assert went, said
        return said

    def refuses(self, *words: str, by: Story | None = None, user: str | None = None, keep_clock: bool = False) -> str:
        """A push that is refused and changes nothing; the answer is what the pusher is told."""
        before = self.refs()
        went, said = self.push(*words, by=by, user=user, keep_clock=keep_clock)
        assert not went
        assert self.refs() == before
        return said


def said_by_remote(text: str) -> str:
    """The lines that the server printed."""
    lines = [line for line in text.splitlines() if line.startswith("remote: ")]
    return "\n".join(line.removeprefix("remote: ").rstrip() for line in lines)
