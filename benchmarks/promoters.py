"""Many people promote at once and push to one remote: do all land, is none lost, is the history linear?

Each has a clone of its own and runs `gitstage promote MODEL@VERSION --to production --push` for a model of its own, all
started at the same moment. The remote is a bare repository reached by a path. Clones have its pack by a hard link and
check out its root only (`--sparse`): otherwise making them would take longer than all else.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.generate import REGISTRY

if TYPE_CHECKING:
    from benchmarks.work import Subject

PROMOTERS = 50
TIMEOUT = 1_800
TRUNK = "refs/heads/main"
LEDGER = f"refs/gitstage/{REGISTRY}"


@dataclass(frozen=True)
class Landed:
    """What came of it. `seconds` is from the first start to the last end, `each` per promoter from the common start."""

    promoters: int
    seconds: float
    each: tuple[float, ...]
    problems: tuple[str, ...]

    @property
    def outcome(self) -> str:
        if self.problems == ("not there",):
            return "not there"
        return "missed" if self.problems else "met"

    def text(self) -> str:
        if self.outcome == "not there":
            return f"{self.promoters} promoters pushing to one remote: not there"
        lines = [
            (
                f"{self.promoters} promoters pushing to one remote: {self.outcome} in {self.seconds:.1f} s "
                f"(median {statistics.median(self.each):.1f} s, {os.cpu_count()} cores)"
            )
        ]
        if not self.problems:
            lines.append("  all landed, each with one commit and one tag; none lost; history linear; the ledger too")
        return "\n".join(lines + [f"  {problem}" for problem in self.problems])

    def document(self) -> dict[str, object]:
        """The JSON, as README.md describes it."""
        there = self.outcome != "not there"
        return {
            "promoters": self.promoters,
            "outcome": self.outcome,
            "seconds": self.seconds if there else None,
            "each": list(self.each),
            "problems": list(self.problems) if there else [],
        }


def measure(
    subject: Subject, environment: dict[str, str], gitstage: Sequence[str], promoters: int = PROMOTERS
) -> Landed:
    """Lets so many promote at once on a copy of a registry."""
    shown = subprocess.run(
        [*gitstage, "promote", "--help"], capture_output=True, text=True, env=environment, check=False
    )
    if shown.returncode != 0 or "--push" not in shown.stdout:
        return Landed(promoters, 0.0, (), ("not there",))
    with tempfile.TemporaryDirectory(dir=subject.path.parent) as folder:
        scene = _Scene(Path(folder), environment, subject)
        scene.set_up(promoters)
        return scene.run(gitstage, promoters)


class _Scene:
    """A remote and its clones."""

    def __init__(self, folder: Path, environment: dict[str, str], subject: Subject) -> None:
        self.folder = folder
        self.environment = environment
        self.subject = subject
        self.remote = folder / "remote.git"
        self.models = subject.models

    def git(self, *arguments: str, at: Path | None = None) -> str:
        ran = subprocess.run(
            ["git", f"--git-dir={self.remote}", *arguments] if at is None else ["git", "-C", str(at), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode != 0:
            raise SystemExit(f"git {' '.join(arguments)}: {ran.stderr.strip()}")
        return ran.stdout

    def clone(self, number: int) -> Path:
        return self.folder / f"promoter-{number}"

    def set_up(self, promoters: int) -> None:
        self.git("clone", "--quiet", "--mirror", "--local", str(self.subject.path), str(self.remote), at=self.folder)
        self.git("remote", "remove", "origin")
        for number in range(promoters):
            self.git("clone", "--quiet", "--sparse", str(self.remote), str(self.clone(number)), at=self.folder)

    def run(self, gitstage: Sequence[str], promoters: int) -> Landed:
        before = self.git("rev-parse", TRUNK).strip()
        version = self.subject.shape.version(self.subject.shape.versions - 1)
        begun = time.perf_counter()
        running: dict[int, tuple[int, Path]] = {}
        for number in range(promoters):
            said = self.folder / f"promoter-{number}.said"
            with said.open("wb") as output:
                process = subprocess.Popen(
                    [*gitstage, "promote", f"{self.models[number]}@{version}", "--to", "production", "--push"],
                    cwd=self.clone(number),
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            running[process.pid] = (number, said)
            process.returncode = 0  # waited for below, by its id
        each: list[float] = []
        problems: list[str] = []
        for _ in range(promoters):
            pid, status = os.wait()
            each.append(time.perf_counter() - begun)
            number, said = running[pid]
            code = os.waitstatus_to_exitcode(status)
            if code != 0:
                last = said.read_text(errors="replace").strip().splitlines()[-1:]
                problems.append(f"{self.models[number]}: exit code {code}: {' '.join(last)[:200]}")
        problems += self.problems(before, promoters)
        return Landed(promoters, max(each), tuple(sorted(each)), tuple(problems))

    def problems(self, before: str, promoters: int) -> list[str]:
        """What the remote shows that should not be so."""
        found: list[str] = []
        commits = self.git("rev-list", "--parents", f"{before}..{TRUNK}").splitlines()
        if any(len(line.split()) != 2 for line in commits):
            found.append("the history is not linear")
        if not commits or commits[-1].split()[1:] != [before]:
            found.append("the trunk does not go on from where it was")
        if len(commits) != promoters:
            found.append(f"{len(commits)} commits landed, not {promoters}")
        slots = self.git("ls-tree", "-r", TRUNK, "staging", "production").splitlines()
        blobs = {path: meta.split()[2] for meta, _, path in (line.partition("\t") for line in slots)}
        number = self.subject.shape.versions
        tags = set(self.git("for-each-ref", "--format=%(refname)", "refs/tags/").splitlines())
        for model in self.models[:promoters]:
            if blobs[f"production/{model}.yaml"] != blobs[f"staging/{model}.yaml"]:
                found.append(f"{model}: its production does not hold what was promoted")
            if f"refs/tags/{model}/production/{number}" not in tags:
                found.append(f"{model}: it has no tag")
        if f'"judged": "{self.git("rev-parse", TRUNK).strip()}"' not in self.git("show", f"{LEDGER}:ledger.json"):
            found.append("the ledger has not judged the trunk's tip")
        return found


def main(arguments: list[str] | None = None) -> None:
    from benchmarks.run import OUT, SIZES, bench, prepared

    parser = argparse.ArgumentParser(description="Many promote at once and push to one remote.")
    parser.add_argument("--promoters", type=int, default=PROMOTERS)
    parser.add_argument("--size", choices=SIZES, default="small")
    asked = parser.parse_args(arguments)
    OUT.mkdir(exist_ok=True)
    tools = bench(OUT / "home")
    landed = measure(
        prepared(asked.size, SIZES[asked.size], OUT / "home"), tools.environment, tools.gitstage, asked.promoters
    )
    print(landed.text())
    sys.exit(landed.outcome == "missed")


if __name__ == "__main__":
    main()
