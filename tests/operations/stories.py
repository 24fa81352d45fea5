"""Registries in real repositories, told as stories: who registers, who promotes, and when."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gitstage.findings import Report
from gitstage.git import Repository
from gitstage.git.creation import create
from gitstage.operations import adopt, archive, attest, check, hold, init, promote, register, rollback, tag, withdraw
from gitstage.operations.landing import Outcome
from gitstage.operations.registries import Registry, open_registry
from gitstage.operations.tag import TagOutcome
from tests.git.sandbox import git

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""The moment at which every story begins."""


class Story:
    """A registry in a work tree, and a clock that stands still until it is moved."""

    def __init__(self, path: Path, *, now: datetime = NOON, folder: str | None = None) -> None:
        self.path = path
        self.now = now
        self.folder = folder
        self.tag_keys: tuple[str, ...] = ()

    @classmethod
    def begun(cls, path: Path, policy: Mapping[str, str] | None = None) -> Story:
        """A new repository whose root is a registry. `policy` replaces texts of the gitstage.yaml that `init` writes."""
        create(path, branch="main").close()
        story = cls(path)
        init.run(path, clock=lambda: story.now)
        if policy:
            story.amend(policy)
        return story

    # what a story is made of

    def registry(self) -> Registry:
        registry = open_registry(str(self.path), folder=self.folder, clock=lambda: self.now)
        registry.tag_keys = self.tag_keys
        return registry

    def later(self, **length: float) -> Story:
        self.now += timedelta(**length)
        return self

    def git(self, *arguments: str) -> str:
        return git(*arguments, cwd=self.path)

    def open(self) -> Repository:
        return Repository.discover(self.path)

    def write(self, name: str, text: str) -> Path:
        path = self.path / (self.folder or "") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def read(self, name: str) -> str:
        return (self.path / (self.folder or "") / name).read_text(encoding="utf-8")

    def amend(self, replacements: Mapping[str, str]) -> None:
        """A change of gitstage.yaml, committed by hand and judged."""
        text = self.read("gitstage.yaml")
        for old, new in replacements.items():
            assert old in text, f"the policy that init writes does not say {old!r}"
            text = text.replace(old, new)
        self.write("gitstage.yaml", text)
        self.commit("policy")
        self.tag()

    def commit(self, message: str) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", message)
        return self.git("rev-parse", "HEAD")

    def copy(self, source: str, target: str) -> None:
        """`cp` inside the registry, as somebody without gitstage does it."""
        top = self.path / (self.folder or "")
        (top / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(top / source, top / target)

    # the verbs

    def register(
        self, model: str, version: str, *, to: str | None = None, push: bool = False, **metrics: float
    ) -> Outcome:
        file = self.path.parent / f"{model.replace('/', '-')}-{version}.bin"
        file.write_bytes(f"{model}@{version}".encode())
        wanted = register.Wanted(artifacts=(str(file),), metrics=metrics)
        return register.run(self.registry(), f"{model}@{version}", wanted, to=to, push=push)

    def promote(self, *references: str, to: str, push: bool = False, dry_run: bool = False) -> Outcome:
        return promote.run(self.registry(), references, to=[to], push=push, dry_run=dry_run)

    def rollback(self, slot: str, *, to: str | None = None, push: bool = False, no_hold: bool = False) -> Outcome:
        return rollback.run(self.registry(), slot, reason="it was bad", to=to, hold=not no_hold, push=push)

    def archive(self, what: str, *, push: bool = False) -> Outcome:
        return archive.run(self.registry(), what, reason="no longer used", push=push)

    def withdraw(self, what: str | None = None, *, policy: bool = False, push: bool = False) -> Outcome:
        return withdraw.run(self.registry(), what, policy=policy, push=push)

    def hold(self, what: str, *, push: bool = False) -> Outcome:
        return hold.run(self.registry(), what, reason="leaks a feature", push=push)

    def unhold(self, what: str, *, push: bool = False) -> Outcome:
        return hold.run(self.registry(), what, reason="it was harmless", release=True, push=push)

    def adopt(self, what: str, *, stage: str) -> Outcome:
        return adopt.run(self.registry(), what, stage=stage)

    def attest(self, what: str, name: str, *, result: str = "passed", push: bool = False, **metrics: float) -> Outcome:
        return attest.run(
            self.registry(), what, kind="test-result", name=name, result=result, metrics=metrics, push=push
        )

    def check(self, base: str | None = None, head: str | None = None) -> Report:
        return check.run(self.registry(), base=base, head=head)

    def tag(self) -> TagOutcome:
        return tag.run(self.registry())

    # what came of it

    def in_effect(self, model: str, stage: str = "production") -> str | None:
        from gitstage.layout import Slot

        effect = self.registry().past.current(Slot(model, stage))
        return None if effect is None else effect.after

    def refs(self) -> dict[str, str]:
        rows = self.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(row.split(" ") for row in rows)

    def tags(self) -> list[str]:
        return self.git("tag").splitlines()

    def open_things(self) -> list[str]:
        return sorted(self.registry().state.open)


class Team:
    """A bare remote, and people who each have a clone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.remote = folder / "remote.git"

    @classmethod
    def begun(cls, folder: Path, policy: Mapping[str, str] | None = None) -> tuple[Team, Story]:
        """A team whose first member has made a registry and pushed it."""
        team = cls(folder)
        create(team.remote, branch="main", bare=True).close()
        first = team.member("ada")
        init.run(first.path, clock=lambda: first.now)
        if policy:
            text = first.read("gitstage.yaml")
            for old, new in policy.items():
                assert old in text
                text = text.replace(old, new)
            first.write("gitstage.yaml", text)
            first.commit("policy")
        first.git("push", "--quiet", "origin", "main")
        first.tag()
        return team, first

    def member(self, name: str, *, now: datetime = NOON) -> Story:
        path = self.folder / name
        git("clone", "--quiet", str(self.remote), str(path), cwd=self.folder)
        return Story(path, now=now)

    def refs(self) -> dict[str, str]:
        rows = git("--git-dir=.", "for-each-ref", "--format=%(refname) %(objectname)", cwd=self.remote).splitlines()
        return dict(row.split(" ") for row in rows)
