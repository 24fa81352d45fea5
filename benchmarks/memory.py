"""What `gitstage audit` keeps in memory of a registry, and of how long its history is: `python -m benchmarks.memory`.

Two registries of the same models and versions: one as `generate` makes it, and one in which the production slots went
back and forth until its history is twice as long. What both declare in the end is the same. The goal is that the longer
one takes at most a quarter more memory; git's own processes, which map its packs, are not counted.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.generate import Shape, clean_environment, generate

GOAL = 1.25
"""How much more memory twice the history may take."""
AUDIT = """
import io, resource, sys
from gitstage.cli.main import run
out, sys.stdout = sys.stdout, io.StringIO()
code = run(["-C", sys.argv[1], "audit"])
print(code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, file=out, flush=True)
"""


def lengthened(path: Path, shape: Shape, rounds: int, environment: dict[str, str]) -> None:
    """Takes every model's production slot back to the version before, and forth again, so many times; and tags it."""
    before, last = (shape.version(shape.versions - behind) for behind in (3, 2))
    git = ["git", "-C", str(path)]
    blobs = _manifests(path, environment)
    said = subprocess.run([*git, "rev-parse", "main"], env=environment, capture_output=True, text=True, check=True)
    begin, words = f"from {said.stdout.strip()}\n", []
    for turn in range(2 * rounds):
        to, leaves = (before, last) if turn % 2 == 0 else (last, before)
        for number, model in enumerate(shape.names()):
            moment = shape.moment(shape.commits + turn * shape.models + number)
            message = f"{model}: roll production back to {to}\n"
            words += [
                f"commit refs/heads/main\ncommitter Benchmark <benchmark@example.org> {int(moment.timestamp())} +0000\n",
                f"data {len(message)}\n{message}{begin}",
                f"M 100644 {blobs[f'models/{model}/{to}.yaml']} production/{model}.yaml\n",
                f"M 100644 {blobs[f'models/{model}/{leaves}.yaml']} archived/{model}/{leaves}.yaml\n",
            ]
            begin = ""
    subprocess.run([*git, "fast-import", "--quiet"], input="".join(words).encode(), env=environment, check=True)
    subprocess.run([*git, "reset", "--quiet", "--hard"], env=environment, check=True)
    tag = [sys.executable, "-m", "gitstage", "-C", str(path), "tag"]
    subprocess.run(tag, env=environment, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*git, "gc", "--quiet"], env=environment, check=True)


def _manifests(path: Path, environment: dict[str, str]) -> dict[str, str]:
    """The blobs of all manifests, by their paths."""
    listed = ["git", "-C", str(path), "ls-tree", "-r", "-z", "main", "models/"]
    rows = subprocess.run(listed, env=environment, capture_output=True, text=True, check=True).stdout.split("\0")
    return {row.partition("\t")[2]: row[12:52] for row in rows if row}


def peak(path: Path, environment: dict[str, str]) -> int:
    """The most memory, in bytes, that the process of an audit took; it has to find nothing."""
    said = subprocess.run(
        [sys.executable, "-c", AUDIT, str(path)], env=environment, capture_output=True, text=True, check=True
    )
    code, memory = said.stdout.split()
    if code != "0":
        raise RuntimeError(f"the audit of {path} ended with {code}")
    return int(memory)


def measured(shape: Shape, folder: Path) -> dict[str, object]:
    """Both histories over one registry: how many commits, and the most memory (bytes) that an audit took."""
    environment = clean_environment(folder / "home")
    found = []
    for name, rounds in (("short", 1), ("long", 1 + -(-(shape.commits + 2 * shape.models) // (2 * shape.models)))):
        path = folder / name
        generate(path, shape, bare=False, home=folder / "home")
        lengthened(path, shape, rounds, environment)
        found.append({"commits": shape.commits + 2 * rounds * shape.models, "memory": peak(path, environment)})
    short, long = (int(one["memory"]) for one in found)
    return {"histories": found, "ratio": long / short, "goal": GOAL, "met": long <= GOAL * short}


def main(arguments: list[str] | None = None) -> int:
    """Prints what was measured as JSON; 1 where the goal is missed."""
    parser = argparse.ArgumentParser(prog="benchmarks.memory", description="What an audit keeps in memory.")
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--versions", type=int, default=10)
    asked = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp())
    try:
        found = measured(Shape(asked.models, asked.versions), folder)
    finally:
        shutil.rmtree(folder)
    print(json.dumps(found, indent=2))
    return 0 if found["met"] else 1


if __name__ == "__main__":
    sys.exit(main())
