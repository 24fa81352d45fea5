"""What is measured, and against what: DESIGN's section 13 as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.generate import Shape

START_UP = "start-up"
FLOORS: Mapping[str, tuple[str, ...]] = {
    START_UP: ("python", "-c", "import git, pydantic, click, yaml"),
    "click": ("python", "-c", "import click"),
    "ls-tree": ("git", "ls-tree", "-r", "HEAD"),
    "tags of m": ("git", "for-each-ref", "refs/tags/{model}/"),
    "history": ("git", "log", "--first-parent", "--raw", "refs/heads/main"),
    "all tags": ("git", "for-each-ref", "--format=%(refname) %(objectname) %(contents)", "refs/tags/"),
}
"""What a command is held against, by name. `python` is the one that runs gitstage; git runs in the registry."""


@dataclass(frozen=True)
class Goal:
    """At most `times` a floor, plus the start-up where `start_up`, plus `plus` seconds."""

    floor: str | None = None
    times: float = 1.0
    plus: float = 0.0
    start_up: bool = False

    def seconds(self, medians: Mapping[str, float]) -> float:
        """The goal in seconds, with the floors as they were measured."""
        floor = medians[self.floor] * self.times if self.floor else 0.0
        return floor + (medians[START_UP] if self.start_up else 0.0) + self.plus

    def floors(self) -> set[str]:
        return {name for name in (self.floor, START_UP if self.start_up else None) if name}

    def __str__(self) -> str:
        times = f"{self.times:g} x " if self.times != 1 else ""
        parts = [f"{times}{self.floor}" if self.floor else "", START_UP if self.start_up else ""]
        parts.append(f"{self.plus * 1000:.0f} ms" if self.plus else "")
        return " + ".join(part for part in parts if part)


@dataclass(frozen=True)
class Work:
    """One row: a command line of gitstage, and what it may cost.

    `says` must be part of what it prints, or the row has failed. A command that `lands` changes the registry: it is
    run in a copy, on another model each time.
    """

    name: str
    title: str
    arguments: tuple[str, ...]
    goal: Goal
    says: str = ""
    lands: bool = False


@dataclass(frozen=True)
class Subject:
    """A generated registry, and what in it is asked about: a model in its middle, a moment in its middle."""

    path: Path
    shape: Shape
    name: str

    @property
    def models(self) -> list[str]:
        return self.shape.names()

    @property
    def model(self) -> str:
        return self.models[self.shape.models // 2]

    @property
    def moment(self) -> str:
        """Half the history's commits have landed."""
        return self.shape.moment(self.shape.commits // 2).isoformat().replace("+00:00", "Z")

    def version_then(self) -> str:
        """What the model's production slot held at that moment."""
        shape, number = self.shape, self.shape.models // 2
        landed = (1 + shape.models * (2 * version + 1) + number for version in range(shape.versions - 1))
        return shape.version(sum(commit <= shape.commits // 2 for commit in landed) - 1)


def table(subject: Subject) -> tuple[Work, ...]:
    """The rows for one registry."""
    shape, model, moment = subject.shape, subject.model, subject.moment
    last = shape.versions - 1
    of_model = Goal("tags of m", plus=0.05, start_up=True)
    promotions = min(1_000, shape.models)
    return (
        Work("help", "--help", ("--help",), Goal("click", times=2.0), "promote"),
        Work(
            "resolve",
            "resolve m@production",
            ("resolve", f"{model}@production"),
            Goal(START_UP),
            shape.version(last - 1),
        ),
        Work(
            "status", "status of everything", ("status",), Goal("ls-tree", times=3.0, start_up=True), subject.models[-1]
        ),
        Work("check", "check of one promotion", check("one"), Goal(START_UP, plus=0.1), "passed"),
        Work(
            "check-many", f"check of {promotions:,} promotions in one change", check("many"), Goal(plus=2.0), "passed"
        ),
        Work(
            "promote",
            "promote, landing and tagging",
            ("promote", f"{{fresh}}@{shape.version(last)}", "--to", "production"),
            Goal(START_UP, plus=0.25 if shape.models > 1_000 else 0.1),
            lands=True,
        ),
        Work("log", "log m", ("log", model), of_model, shape.version(last)),
        Work(
            "before",
            "resolve m@production~1",
            ("resolve", f"{model}@production~1"),
            of_model,
            shape.version(last - 2),
        ),
        Work(
            "at",
            "resolve m@production --at DATE",
            ("resolve", f"{model}@production", "--at", moment),
            of_model,
            subject.version_then(),
        ),
        Work(
            "status-at",
            "status --at DATE",
            ("status", "--at", moment),
            Goal("all tags", times=2.0, start_up=True),
            subject.models[-1],
        ),
        Work(
            "audit",
            "audit of everything, unsigned",
            ("audit",),
            Goal("history", times=5.0),
            "nothing that is not as it should be",
        ),
    )


def check(branch: str) -> tuple[str, ...]:
    """The check of a branch as a pull request's would be run."""
    return ("check", "--base", "refs/heads/main", "--head", f"refs/heads/{branch}")
