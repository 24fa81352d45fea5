"""Measures what gitstage costs and prints DESIGN's table: each command beside its floor, met or missed.

Every command is a whole process, and so is every floor; they are run in turn, floors and commands in every round, so
that whatever else the machine does meets them all. Shown are medians. README.md says what the JSON holds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import promoters
from benchmarks.generate import LARGE, SMALL, Shape, Story, clean_environment, generate
from benchmarks.work import FLOORS, Subject, Work, table

SCHEMA = "gitstage/benchmark/v1"
OUT = Path(__file__).parent / "out"
SIZES = {"small": SMALL, "large": LARGE}
SLOW, FEWER = 5.0, 3
"""A command that takes longer than SLOW seconds is run FEWER times."""
TIMEOUT = 1_800


@dataclass
class Series:
    """The runs of one command: seconds each, and the most memory that one of them took, in bytes."""

    seconds: list[float] = field(default_factory=list)
    memory: int = 0
    problem: str | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def wants_more(self, repeat: int) -> bool:
        if self.problem is not None:
            return False
        slow = bool(self.seconds) and self.seconds[0] > SLOW
        return len(self.seconds) < (min(FEWER, repeat) if slow else repeat)


@dataclass(frozen=True)
class Bench:
    """Where and how commands are run."""

    environment: dict[str, str]
    gitstage: tuple[str, ...]

    def timed(self, command: Sequence[str], folder: Path, series: Series) -> None:
        """Runs a command to its end and notes what it took; its output goes nowhere."""
        begun = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stderr.close()
        if process.returncode != 0:
            series.problem = f"exit code {process.returncode}: {_last_line(said.decode(errors='replace'))}"
            return
        series.seconds.append(took)
        series.memory = max(series.memory, usage.ru_maxrss * 1024)

    def said(self, command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT,
        )


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:200] if lines else ""


def bench(home: Path) -> Bench:
    """The installed `gitstage` beside this Python where there is one, else `python -m gitstage` from this checkout."""
    environment = clean_environment(home)
    for name in [name for name in environment if name.startswith(("PYTHON", "COV_", "COVERAGE_", "GITSTAGE_"))]:
        del environment[name]
    script = Path(sys.executable).with_name("gitstage")
    if script.exists():
        return Bench(environment, (str(script),))
    environment["PYTHONPATH"] = str(Path(__file__).parents[1])
    return Bench(environment, (sys.executable, "-m", "gitstage"))


def prepared(name: str, shape: Shape, home: Path) -> Subject:
    """The registry of a size: made once, and anew when what is generated has changed."""
    form = Story(shape).form()
    path, stamp = OUT / name, OUT / f"{name}.made"
    if not path.exists() or not stamp.exists() or stamp.read_text() != form:
        shutil.rmtree(path, ignore_errors=True)
        say(f"making {name}: {shape.models:,} models x {shape.versions}, {shape.commits:,} commits …")
        made = generate(path, shape, bare=False, home=home)
        say(f"imported in {made.importing:.0f} s, git gc {made.upkeep:.0f} s, checkout {made.checkout:.0f} s")
        stamp.write_text(form)
    return Subject(path, shape, name)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# Measuring.


@dataclass(frozen=True)
class Row:
    """What was found about one command."""

    work: Work
    series: Series
    goal: float | None

    @property
    def outcome(self) -> str:
        if self.series.problem is not None:
            return self.series.problem
        assert self.goal is not None
        return "met" if self.series.median <= self.goal else "missed"


@dataclass(frozen=True)
class Measured:
    """What was found about one registry."""

    subject: Subject
    floors: dict[str, Series]
    rows: list[Row]


def measure(subject: Subject, tools: Bench, repeat: int, wanted: Callable[[Work], bool]) -> Measured:
    """Runs every command and its floors, in turn."""
    works = [work for work in table(subject) if wanted(work)]
    floors = {name: Series() for name in sorted({name for work in works for name in work.goal.floors()})}
    series = {work.name: Series(problem=problem_of(work, subject, tools)) for work in works}
    with copied(subject, any(work.lands and series[work.name].problem is None for work in works)) as copy:
        fresh = iter(subject.models)
        for _ in range(repeat):
            for name, found in floors.items():
                if found.wants_more(repeat):
                    tools.timed(_floor(name, subject), subject.path, found)
            for work in works:
                if series[work.name].wants_more(repeat):
                    command = [*tools.gitstage, *_filled(work, fresh)]
                    tools.timed(command, copy if work.lands else subject.path, series[work.name])
        for work in works:
            if work.lands and series[work.name].seconds:
                series[work.name].problem = _lost(subject, tools, copy, len(series[work.name].seconds))
    medians = {name: found.median for name, found in floors.items()}
    return Measured(subject, floors, [Row(work, series[work.name], work.goal.seconds(medians)) for work in works])


def _floor(name: str, subject: Subject) -> list[str]:
    words = [word.replace("{model}", subject.model) for word in FLOORS[name]]
    return [sys.executable if words[0] == "python" else words[0], *words[1:]]


def _filled(work: Work, fresh: Iterator[str]) -> list[str]:
    return [word.replace("{fresh}", next(fresh)) if "{fresh}" in word else word for word in work.arguments]


def problem_of(work: Work, subject: Subject, tools: Bench) -> str | None:
    """Why a command cannot be measured: it is not there, or does not say what it should. It also warms the caches."""
    options = [word for word in work.arguments if word.startswith("--")]
    verb = [] if work.arguments[0].startswith("-") else [work.arguments[0]]
    shown = tools.said([*tools.gitstage, *verb, "--help"], subject.path)
    if shown.returncode != 0 or any(option not in shown.stdout for option in options):
        return "not there"
    if work.lands:
        return None
    ran = tools.said([*tools.gitstage, *work.arguments], subject.path)
    if ran.returncode != 0:
        return f"exit code {ran.returncode}: {_last_line(ran.stderr)}"
    return None if work.says in ran.stdout else f"{work.says!r} is not in its output"


@contextmanager
def copied(subject: Subject, wanted: bool) -> Iterator[Path]:
    """A copy of the registry that may be changed. Making it is not measured."""
    if not wanted:
        yield subject.path
        return
    with tempfile.TemporaryDirectory(dir=OUT) as folder:
        copy = Path(folder) / subject.name
        subprocess.run(["cp", "-a", str(subject.path), str(copy)], check=True)
        yield copy


def _lost(subject: Subject, tools: Bench, copy: Path, times: int) -> str | None:
    """Whether so many promotions did not land: one commit and one tag each, on an unbroken line."""
    count = ["git", "rev-list", "--count", "--first-parent", "refs/heads/main"]
    landed = int(tools.said(count, copy).stdout) - int(tools.said(count, subject.path).stdout)
    if landed != times:
        return f"{landed} of {times} promotions landed"
    for model in subject.models[:times]:
        tag = f"refs/tags/{model}/production/{subject.shape.versions}"
        if tools.said(["git", "rev-parse", "--quiet", "--verify", tag], copy).returncode != 0:
            return f"{model} was promoted and not tagged"
    return None


# Telling.


def text_of(measured: Measured) -> str:
    """The table, for people."""
    shape = measured.subject.shape
    lie = f"in {shape.namespaces} namespaces" if shape.namespaces else "flat"
    lines = [
        (
            f"{shape.models:,} models x {shape.versions}, {lie}: {shape.commits:,} commits and {shape.tags:,} tags, "
            "after git gc (one pack, packed refs, commit graph), with a work tree"
        ),
        "",
        "  floor       median   command",
    ]
    for name, floor in measured.floors.items():
        lines.append(f"  {name:<10}{_ms(floor.median):>8}   {' '.join(FLOORS[name])}")
    width = max(len(row.work.title) for row in measured.rows)
    lines += ["", f"  {'work':<{width}}   median     goal            memory   held against"]
    for row in measured.rows:
        if row.series.problem is not None or row.goal is None:
            lines.append(f"  {row.work.title:<{width}}   {row.outcome}")
            continue
        runs = len(row.series.seconds)
        lines.append(
            f"  {row.work.title:<{width}} {_ms(row.series.median):>8} {_ms(row.goal):>8}  {row.outcome:<7}"
            f"{row.series.memory / 2**20:>5.0f} MiB   {row.work.goal}" + (f" ({runs} runs)" if runs < 10 else "")
        )
    return "\n".join(lines)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms" if seconds < 10 else f"{seconds:,.1f} s"


def document_of(found: Iterable[Measured], landed: promoters.Landed | None, tools: Bench) -> dict[str, object]:
    """The JSON, as README.md describes it."""
    return {
        "schema": SCHEMA,
        "machine": {
            "python": platform.python_version(),
            "git": tools.said(["git", "version"], OUT).stdout.split()[2],
            "system": platform.system(),
            "cores": os.cpu_count(),
        },
        "command": [Path(word).name for word in tools.gitstage],
        "registries": [_registry(measured) for measured in found],
        "promoters": None if landed is None else landed.document(),
    }


def _registry(measured: Measured) -> dict[str, object]:
    shape = measured.subject.shape
    return {
        "name": measured.subject.name,
        "models": shape.models,
        "versions": shape.versions,
        "namespaces": shape.namespaces,
        "commits": shape.commits,
        "tags": shape.tags,
        "floors": {
            name: {"command": list(FLOORS[name]), **_numbers(series)} for name, series in measured.floors.items()
        },
        "rows": [
            {
                "name": row.work.name,
                "work": row.work.title,
                "arguments": list(row.work.arguments),
                "outcome": row.outcome if row.outcome in ("met", "missed", "not there") else "failed",
                "problem": row.series.problem,
                "goal": row.goal if row.series.problem is None else None,
                "held_against": str(row.work.goal),
                **_numbers(row.series),
            }
            for row in measured.rows
        ],
    }


def _numbers(series: Series) -> dict[str, object]:
    """Seconds and bytes; nulls where nothing could be measured."""
    if series.problem is not None or not series.seconds:
        return {"median": None, "runs": [], "memory": None}
    return {"median": series.median, "runs": series.seconds, "memory": series.memory}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description="What gitstage costs, beside its floors.")
    parser.add_argument("--size", choices=[*SIZES, "both"], default="both")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the numbers there as JSON, too")
    parser.add_argument("--repeat", type=int, default=11, help="runs of each command")
    parser.add_argument("--only", action="append", metavar="NAME", help="a row's name, or promoters; may be repeated")
    asked = parser.parse_args(arguments)
    names = [work.name for work in table(Subject(OUT, SMALL, "small"))] + ["promoters"]
    for name in asked.only or []:
        if name not in names:
            parser.error(f"there is no row {name!r}: {', '.join(names)}")
    OUT.mkdir(exist_ok=True)
    (OUT / ".gitignore").write_text("*\n")
    tools = bench(OUT / "home")
    found: list[Measured] = []
    for size in SIZES if asked.size == "both" else [asked.size]:
        if asked.only != ["promoters"]:
            subject = prepared(size, SIZES[size], OUT / "home")
            measured = measure(subject, tools, asked.repeat, lambda work: not asked.only or work.name in asked.only)
            print(text_of(measured), end="\n\n", flush=True)
            found.append(measured)
    landed = None
    if not asked.only or "promoters" in asked.only:
        landed = promoters.measure(prepared("small", SMALL, OUT / "home"), tools.environment, tools.gitstage)
        print(landed.text(), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(document_of(found, landed, tools), indent=2) + "\n")


if __name__ == "__main__":
    main()
