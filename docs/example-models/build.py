"""Makes registry.example/ from what train.py wrote, with gitstage's own commands, in a repository that is thrown away.

    python docs/example-models/build.py TRAINED OUT

The clock is the script's own, so that ten weeks of rehearsals take seconds, and every run gives the same bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gitstage.changes import FILE, Entry, files
from gitstage.git import RefUpdate, Repository
from gitstage.git.creation import create
from gitstage.operations import attest, promote, register, rollback, tag
from gitstage.operations.init import registry_files
from gitstage.operations.landing import Outcome
from gitstage.operations.registries import Registry, open_registry

HERE = Path(__file__).parent
FOLDER = "registry.example"
BEGIN = datetime(2026, 8, 31, 8, 30, tzinfo=UTC)
BETWEEN_VERSIONS = timedelta(days=5, hours=2)
REHEARSAL = timedelta(hours=20)
REST = timedelta(hours=6)
"""After the rehearsal, until somebody promotes: with it a day, which one of the gates asks for."""
INCIDENT = timedelta(days=2, hours=3)

TASKS = {
    "biopsy-screener": "binary-classification",
    "diabetes-progression": "regression",
    "vision/digit-reader": "image-classification",
}

Document = dict[str, Any]


@dataclass
class Team:
    """Whoever types the commands, one after the other, on a clock of their own."""

    root: Path
    trained: Path
    now: datetime = BEGIN

    @property
    def registry(self) -> Registry:
        return open_registry(str(self.root), folder=FOLDER, clock=lambda: self.now)

    def wait(self, length: timedelta) -> None:
        self.now += length

    def landed(self, outcome: Outcome) -> None:
        """Tags what was done, as a workflow would. Ends the program where it was not let through."""
        if outcome.exit_code or not outcome.commit:
            sys.exit(f"not as planned: {outcome.plan.subject}: {outcome.report}")
        tagged = tag.run(self.registry)
        if tagged.exit_code:
            sys.exit(f"not in effect: {outcome.plan.subject}: {tagged.state.open}")

    def register(self, entry: Document) -> None:
        folder = self.trained / entry["folder"]
        wanted = register.Wanted(
            artifacts=(str(folder / "model.onnx"),),
            metrics=read(folder / "metrics.json"),
            params=read(folder / "params.json"),
            data=tuple(read(folder / "data.json")),
            labels={"task": TASKS[entry["model"]]},
            description=(folder / "description.txt").read_text(encoding="utf-8").strip(),
        )
        to = None if entry["stage"] == "registered" else "staging"
        self.landed(register.run(self.registry, named(entry), wanted, to=to))

    def attest(self, entry: Document, path: str) -> None:
        measured = read(self.trained / entry["folder"] / path)
        self.landed(
            attest.run(
                self.registry,
                named(entry),
                kind=measured["type"],
                name=measured["name"],
                result=measured["result"],
                metrics=measured["metrics"],
            )
        )

    def promote(self, entry: Document) -> None:
        self.landed(promote.run(self.registry, [named(entry)], to=["production"]))

    def must_be_refused(self, entry: Document) -> None:
        outcome = promote.run(self.registry, [named(entry)], to=["production"])
        if outcome.exit_code != 1:
            sys.exit(f"{named(entry)} was let into production, and is worse than what serves")

    def live_through(self, incident: Document, entry: Document) -> None:
        """What serves turns out to be bad: the test that shows it, and the way back."""
        self.wait(INCIDENT)
        self.attest(entry, incident["evidence"])
        reason = "misreads one faint scan in five"
        self.landed(rollback.run(self.registry, f"{entry['model']}@production", reason=reason))


def named(entry: Document) -> str:
    return f"{entry['model']}@{entry['version']}"


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def beginning(repo: Repository) -> str:
    """The first commit: the policy, the folders and the model cards."""
    found = registry_files(registry_id="", trunk="main", today=BEGIN.date(), ci=None)
    for path in sorted((HERE / "registry").iterdir()):
        found[path.name] = path.read_bytes()
    for card in sorted((HERE / "cards").rglob("README.md")):
        found[f"models/{card.relative_to(HERE / 'cards').as_posix()}"] = card.read_bytes()
    edits = {f"{FOLDER}/{path}": Entry(FILE, repo.write_blob(data)) for path, data in found.items()}
    return repo.write_commit(repo.write_tree(None, edits), [], "registry.example: the policy and the model cards\n")


def in_turns(versions: list[Document]) -> list[Document]:
    """The first version of each model, then the second of each, and so on."""
    seen: dict[str, int] = {}
    numbered = []
    for entry in versions:
        seen[entry["model"]] = seen.get(entry["model"], 0) + 1
        numbered.append((seen[entry["model"]], entry))
    return [entry for _, entry in sorted(numbered, key=lambda pair: pair[0])]


def live(team: Team, plan: Document) -> None:
    """Ten weeks of three models."""
    incident, refused = plan["incident"], plan["refused"]
    by_name = {named(entry): entry for entry in plan["versions"]}
    for entry in in_turns(plan["versions"]):
        if (entry["model"], entry["version"]) == (incident["model"], incident["mended-by"]):
            team.live_through(incident, by_name[f"{incident['model']}@{incident['version']}"])
        team.register(entry)
        team.wait(REHEARSAL)
        for path in entry["evidence"]:
            team.attest(entry, path)
        team.wait(REST)
        if entry["stage"] in ("production", "archived"):
            team.promote(entry)
        elif (entry["model"], entry["version"]) == (refused["model"], refused["version"]):
            team.must_be_refused(entry)
        team.wait(BETWEEN_VERSIONS)


def build(trained: Path, out: Path) -> None:
    """Writes `out` anew. Everything happens in a temporary repository first."""
    with tempfile.TemporaryDirectory(prefix="gitstage-example-") as temporary:
        root = Path(temporary, "repository")
        repo = create(root, branch="main")
        repo.transact([RefUpdate("refs/heads/main", beginning(repo), None)], reason="begin")
        team = Team(root, trained)
        tag.run(team.registry)
        live(team, read(trained / "plan.json"))
        made = export(open_registry(str(root), folder=FOLDER))
        replace_folder(out, made)


def export(registry: Registry) -> Mapping[str, bytes]:
    """Every file of the registry at the trunk's tip."""
    snapshot = registry.at(registry.tip)
    return {path: snapshot.read(entry.oid) for path, entry in files(snapshot, "")}


def replace_folder(out: Path, made: Mapping[str, bytes]) -> None:
    if out.exists():
        if not (out / "gitstage.yaml").exists() and any(out.iterdir()):
            sys.exit(f"{out} holds something else; name a new folder, or one that this script made")
        shutil.rmtree(out)
    for path, data in made.items():
        file = out / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("trained", type=Path, help="the folder that train.py wrote")
    parser.add_argument("out", type=Path, help="the folder to write, made anew: registry.example")
    arguments = parser.parse_args()
    # Nobody's name, mail or signature gets into a file of the registry, but git wants to know who commits.
    os.environ.update({"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"})
    for who in ("AUTHOR", "COMMITTER"):
        os.environ.update({f"GIT_{who}_NAME": "Ada", f"GIT_{who}_EMAIL": "ada@example.com"})
    build(arguments.trained, arguments.out)


if __name__ == "__main__":
    main()
