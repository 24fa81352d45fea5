"""Writes a registry of a chosen size into a new repository, through one `git fast-import` stream.

What a model goes through is not made up here: one model's story is planned by `gitstage.plans` and judged by
`gitstage.rules.fold`, and stamped for every model, with its own names, digests and commits. So gitstage takes every
commit, tag and ledger as its own. The same size gives the same object ids, on any machine.

A model with ten versions has 19 commits and 19 tags: each version is registered and staged by one commit
(`MODEL/staging/N`), the next promotes it to production (`MODEL/production/N`), and the last is staged and waits.
`tag-versions: false` in its gitstage.yaml leaves the ten tags `MODEL/vVERSION` out; `--tag-versions` makes them too.
One commit more, the first, holds gitstage.yaml, and one tag more, `policy/1`, says that it is in effect.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING

from gitstage.canonical import dump
from gitstage.changes import FILE, Entry, Nothing, Overlay, Snapshot, blob_id
from gitstage.layout import ATTRIBUTES, CONFIGURATION, Slot
from gitstage.ledger import (
    LEDGER_FILE,
    Effect,
    Folded,
    PolicyEffect,
    State,
    policy_message,
    promotion_message,
    state_document,
    text_of,
    version_message,
)

if TYPE_CHECKING:
    from gitstage.plans import Plan, Scene

REGISTRY = "4f6c1c1e-8a39-4a0e-9d7e-2f1b7c0a5f11"
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
SPAN = timedelta(days=300)
"""Over how long the commits are spread, evenly."""

POLICY = """\
apiVersion: gitstage/v1
kind: Registry
id: {registry}
trunk: main
tag-versions: {tag_versions}
stages:
  staging:
    from: [registered, archived]
  production:
    from: [staging]
    gates: [standard]
gates:
  standard:
    metrics:
    - {{name: auc, min: 0.80, max-drop: 0.01}}
models:
  "**": {{owners: [platform]}}
people:
  alice: {{emails: [alice@example.org]}}
roles:
  platform: [alice]
"""
READMES = {
    "staging/README.md": b"# staging\n\nThe dress rehearsal.\n",
    "production/README.md": b"# production\n\nWhat serves.\n",
    "archived/README.md": b"# archived\n\nWhat was taken out, and is kept.\n",
}
WHO = b"Benchmark <benchmark@example.org>"

# What the story of the one model is told with, and what stands for it in every other.
MODEL = "the-model"
MOMENT = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)


@dataclass(frozen=True)
class Shape:
    """How large a registry is. `namespaces` 0: all models lie flat."""

    models: int
    versions: int = 10
    namespaces: int = 0
    tag_versions: bool = False

    def names(self) -> list[str]:
        """The models' names, in their order."""
        if not self.namespaces:
            return [f"model-{number:05}" for number in range(self.models)]
        each = -(-self.models // self.namespaces)
        return [f"team-{number // each:03}/model-{number:05}" for number in range(self.models)]

    @property
    def commits(self) -> int:
        """The commits of the trunk."""
        return self.models * (2 * self.versions - 1) + 1

    @property
    def tags(self) -> int:
        return self.commits + (self.models * self.versions if self.tag_versions else 0)

    @property
    def policy(self) -> bytes:
        return POLICY.format(registry=REGISTRY, tag_versions=str(self.tag_versions).lower()).encode()

    def moment(self, number: int) -> datetime:
        """When the commit of a number landed, counted from 0."""
        return BEGIN + number * timedelta(seconds=max(1, int(SPAN.total_seconds()) // self.commits))

    def version(self, number: int) -> str:
        """The name of a model's version, counted from 0."""
        return f"1.{number}.0"


SMALL = Shape(models=1_000)
LARGE = Shape(models=10_000, namespaces=100)


def manifest(model: str, version: str, number: int) -> bytes:
    """The manifest of a model's version, as a team would write it. Better with every number."""
    seed = f"{model}@{version}".encode()
    digest = hashlib.sha256(seed).hexdigest()
    return dump(
        {
            "apiVersion": "gitstage/v1",
            "kind": "ModelVersion",
            "model": model,
            "version": version,
            "artifacts": [
                {
                    "path": "model.onnx",
                    "uri": f"s3://acme-models/{model}/{version}/model.onnx",
                    "sha256": digest,
                    "size": 10_485_760 + int(digest[:4], 16),
                }
            ],
            "format": "onnx",
            "metrics": {"auc": 0.9 + number / 1000, "latency_p99_ms": 12.5, "log_loss": 0.25},
            "params": {"learning_rate": 0.1, "max_depth": 6},
            "data": [{"name": "transactions", "uri": "s3://acme-data/transactions", "sha256": digest[::-1]}],
            "source": {
                "repository": "https://git.example.org/acme/models",
                "commit": hashlib.sha1(seed, usedforsecurity=False).hexdigest(),
                "run": f"https://mlflow.example.org/#/experiments/7/runs/{digest[:12]}",
            },
            "labels": {"team": model.partition("/")[0]},
            "description": "Retrained with the newest data.",
        }
    )


# One model's story, planned and judged by gitstage itself.


@dataclass
class _Past:
    """What has taken effect in the story so far."""

    by_slot: dict[Slot, tuple[Effect, ...]] = field(default_factory=dict)

    def effects(self, slot: Slot) -> tuple[Effect, ...]:
        return self.by_slot.get(slot, ())

    def taken(self, slot: Slot) -> int:
        return len(self.effects(slot))

    def take(self, effect: Effect) -> None:
        self.by_slot[effect.slot] = (*self.effects(effect.slot), effect)


@dataclass(frozen=True)
class Chapter:
    """One commit of the story: its message, what it writes, the tags that it gets, and the version it is about.

    `edits` says which version's manifest lies at a path from then on. In all texts the template's names, blobs,
    commit and moment stand for those of the model it is stamped for.
    """

    number: int
    message: str
    edits: tuple[tuple[str, int], ...]
    tags: tuple[tuple[str, str], ...]
    commit: str


class Story:
    """What happens to a model: `first_files` make the registry, then each version is staged, then promoted.

    The promotion of the last version is told as well, and is on no trunk: it is what the branches promote.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.manifests = [manifest(MODEL, shape.version(number), number) for number in range(shape.versions)]
        self.blobs = [blob_id(data) for data in self.manifests]
        self.policy_digest = hashlib.sha256(shape.policy).hexdigest()
        self.first_files = {
            CONFIGURATION: shape.policy,
            ATTRIBUTES: b"* -text -merge\n",
            **READMES,
        }
        self._past = _Past()
        self._trees: dict[str, Snapshot] = {}
        self._tree: Snapshot = Overlay(
            Nothing(),
            {path: Entry(FILE, blob_id(data)) for path, data in self.first_files.items()},
            {blob_id(data): data for data in self.first_files.values()},
        )
        self._state = State()
        first = self._fold(_placeholder(0))
        if len(first.policies) != 1:
            raise SystemExit(f"the policy does not pass: {first.judgements}")
        self.staged: list[Chapter] = []
        self.promoted: list[Chapter] = []
        for number in range(shape.versions):
            self.staged.append(self._chapter(2 * number + 1, number, self._stage_plan(number)))
            self.promoted.append(self._chapter(2 * number + 2, number, self._promote_plan(number)))

    def form(self) -> str:
        """A digest of all that is stamped: two stories of one form make the same registry."""
        ledger = state_document(State(), REGISTRY)
        told = (self.shape, self.first_files, self.manifests, self.staged, self.promoted, ledger)
        return hashlib.sha256(repr(told).encode()).hexdigest()

    def _scene(self) -> Scene:
        from gitstage.plans import Scene
        from gitstage.policy import read_policy
        from gitstage.rules.fold import layout_of

        policy = read_policy(self.shape.policy)
        return Scene(
            registry=self._tree,
            layout=layout_of(policy),
            stages=policy.stages,
            passed={},
            effects=self._past.by_slot,
        )

    def _stage_plan(self, number: int) -> Plan:
        from gitstage import plans

        version = self.shape.version(number)
        register = plans.register(self._scene(), MODEL, version, self.manifests[number], {})
        self._tree = Overlay(self._tree, register.edits, register.blobs)
        return register.and_then(plans.promote(self._scene(), Slot(MODEL, "staging"), version))

    def _promote_plan(self, number: int) -> Plan:
        from gitstage import plans

        return plans.promote(self._scene(), Slot(MODEL, "production"), self.shape.version(number))

    def _chapter(self, step: int, number: int, plan: Plan) -> Chapter:
        self._tree = Overlay(self._tree, plan.edits, plan.blobs)
        commit = _placeholder(step)
        folded = self._fold(commit)
        if self._state.open or not folded.effects:
            raise SystemExit(f"what the story does is refused: {folded.judgements}")
        return Chapter(
            number=number,
            message=plan.message(),
            edits=tuple((path, self.blobs.index(entry.oid)) for path, entry in sorted(plan.edits.items()) if entry),
            tags=tuple(self._tags(folded)),
            commit=commit,
        )

    def _fold(self, commit: str) -> Folded:
        from gitstage.rules.fold import Step, World, fold

        self._trees[commit] = self._tree
        world = World(trees=self._trees.__getitem__, past=self._past, folder="", tip=self._tree, now=MOMENT)
        folded = fold(self._state, [Step(commit, self._tree)], world)
        self._state = folded.state
        for effect in folded.effects:
            self._past.take(effect)
        return folded

    def _tags(self, folded: Folded) -> Iterator[tuple[str, str]]:
        if self.shape.tag_versions:
            for registered in folded.registered:
                yield registered.name, version_message(registered, REGISTRY)
        for effect in folded.effects:
            yield effect.name, promotion_message(effect, REGISTRY)


def _placeholder(step: int) -> str:
    """An id that no commit has, to be replaced by that of the commit it stands for."""
    return hashlib.sha1(b"placeholder %d" % step, usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class _Stamp:
    """What stands in the story's texts for one model."""

    model: str
    blobs: dict[str, str]

    def on(self, text: str) -> str:
        for template, own in self.blobs.items():
            text = text.replace(template, own)
        return text.replace(MODEL, self.model)


# The stream.


class _Import:
    """A running `git fast-import`: commits come back as ids, tags are written at its end."""

    def __init__(self, git_dir: Path, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [
                *("git", f"--git-dir={git_dir}", "-c", "core.fsync=none", "-c", "fastimport.unpackLimit=0"),
                *("fast-import", "--quiet", "--done", "--depth=50"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.input: IO[bytes] = self.process.stdin
        self.output: IO[bytes] = self.process.stdout

    def blob(self, data: bytes) -> None:
        self.input.write(b"blob\n" + _data(data))

    def commit(
        self, ref: str, message: str, when: datetime, edits: Iterator[tuple[str, str]], parent: str | None = None
    ) -> str:
        """Writes a commit on a ref and returns its id; its parent is the ref's last commit, or that of the ref `parent`."""
        stamp = b"%s %d +0000\n" % (WHO, int(when.timestamp()))
        lines = [b"commit %s\nmark :1\nauthor %scommitter %s" % (ref.encode(), stamp, stamp), _data(message.encode())]
        if parent is not None:
            lines.append(b"from %s\n" % parent.encode())
        lines += [b"M 100644 %s %s\n" % (oid.encode(), path.encode()) for path, oid in edits]
        lines.append(b"\nget-mark :1\n")
        self.input.write(b"".join(lines))
        self.input.flush()
        return self.output.readline().decode().strip()

    def tag(self, name: str, commit: str, message: str, when: datetime) -> None:
        self.input.write(
            b"tag %s\nfrom %s\ntagger %s %d +0000\n" % (name.encode(), commit.encode(), WHO, int(when.timestamp()))
            + _data(message.encode())
        )

    def done(self) -> None:
        self.input.write(b"done\n")
        self.input.close()
        if self.process.wait() != 0:
            raise SystemExit("git fast-import failed")
        self.output.close()


def _data(data: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(data), data)


class _Writer:
    """Tells the story of every model, one version after the other, all models in turn."""

    def __init__(self, story: Story, stream: _Import) -> None:
        self.shape = story.shape
        self.story = story
        self.stream = stream
        self.count = 0
        self.tip = ""
        self.blobs: dict[str, list[str]] = {name: [] for name in self.shape.names()}

    def write(self) -> None:
        first = self._first()
        for number in range(self.shape.versions):
            for model in self.blobs:
                self._register(model, number)
                self._tell(model, self.story.staged[number])
            if number < self.shape.versions - 1:
                for model in self.blobs:
                    self._tell(model, self.story.promoted[number])
        self._ledger(first)
        names = list(self.blobs)
        self._branch("one", names[:1])
        self._branch("many", names[: min(1_000, len(names))])

    def _first(self) -> str:
        when = self.shape.moment(0)
        for data in self.story.first_files.values():
            self.stream.blob(data)
        files = ((path, blob_id(data)) for path, data in sorted(self.story.first_files.items()))
        self.tip = self.stream.commit("refs/heads/main", "gitstage: a new registry\n", when, files)
        effect = PolicyEffect(
            number=1,
            blob=blob_id(self.shape.policy),
            digest=self.story.policy_digest,
            commit=self.tip,
            moment=when,
        )
        self.stream.tag(effect.name, self.tip, policy_message(effect, REGISTRY), when)
        self.count = 1
        return self.tip

    def _register(self, model: str, number: int) -> None:
        data = manifest(model, self.shape.version(number), number)
        self.stream.blob(data)
        self.blobs[model].append(blob_id(data))

    def _stamp(self, model: str) -> _Stamp:
        return _Stamp(model, dict(zip(self.story.blobs, self.blobs[model], strict=False)))

    def _tell(self, model: str, chapter: Chapter) -> None:
        when = self.shape.moment(self.count)
        stamp = self._stamp(model)
        own = self.blobs[model]
        edits = ((path.replace(MODEL, model), own[number]) for path, number in chapter.edits)
        commit = self.stream.commit("refs/heads/main", stamp.on(chapter.message), when, edits)
        for name, message in chapter.tags:
            said = stamp.on(message).replace(chapter.commit, commit).replace(text_of(MOMENT), text_of(when))
            self.stream.tag(name.replace(MODEL, model), commit, said, when)
        self.tip = commit
        self.count += 1

    def _ledger(self, first: str) -> None:
        when = self.shape.moment(self.count - 1)
        state = State(judged=self.tip, clock=when, policy=first, policy_number=1, policy_since=self.shape.moment(0))
        document = state_document(state, REGISTRY)
        self.stream.blob(document)
        files = iter([(LEDGER_FILE, blob_id(document))])
        self.stream.commit(f"refs/gitstage/{REGISTRY}", "gitstage: judged\n", when, files)

    def _branch(self, branch: str, models: list[str]) -> None:
        """A branch with one commit that promotes the waiting version of each of some models."""
        chapter = self.story.promoted[-1]
        edits = (
            (path.replace(MODEL, model), self.blobs[model][number])
            for model in models
            for path, number in chapter.edits
        )
        message = f"promote {len(models)} to production\n"
        self.stream.commit(f"refs/heads/{branch}", message, self.shape.moment(self.count), edits, "refs/heads/main")


# The repository around it.


@dataclass(frozen=True)
class Made:
    """What was made, and how long each part took, in seconds."""

    path: Path
    shape: Shape
    tip: str
    importing: float
    upkeep: float
    checkout: float


def clean_environment(home: Path) -> dict[str, str]:
    """An environment in which no setting of whoever runs this changes what is made or measured."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith("GIT_") and name != "XDG_CONFIG_HOME"
    }
    home.mkdir(parents=True, exist_ok=True)
    name, _, mail = WHO.decode().partition(" <")
    (home / ".gitconfig").write_text(f"[user]\n\tname = {name}\n\temail = {mail.rstrip('>')}\n[gc]\n\tauto = 0\n")
    return {**kept, "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def generate(path: Path, shape: Shape, *, bare: bool, home: Path) -> Made:
    """Makes a repository at `path`, which must not exist, and brings it into the state that git's own upkeep leaves.

    That is `git gc`: one pack with deltas found anew where there were none, packed refs, and a commit graph.
    """
    story = Story(shape)
    environment = clean_environment(home)
    kind = ["--bare"] if bare else []
    subprocess.run(["git", "init", "--quiet", "-b", "main", *kind, str(path)], check=True, env=environment)
    git_dir = path if bare else path / ".git"
    begun = time.perf_counter()
    stream = _Import(git_dir, environment)
    writer = _Writer(story, stream)
    writer.write()
    stream.done()
    imported = time.perf_counter()
    git = ["git", f"--git-dir={git_dir}"]
    subprocess.run([*git, "gc", "--quiet"], check=True, env=environment)
    kept = time.perf_counter()
    if not bare:
        subprocess.run(["git", "-C", str(path), "reset", "--quiet", "--hard"], check=True, env=environment)
    done = time.perf_counter()
    return Made(path, shape, writer.tip, imported - begun, kept - imported, done - kept)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Write a registry of a chosen size into a new repository.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--models", type=int, default=SMALL.models)
    parser.add_argument("--versions", type=int, default=SMALL.versions)
    parser.add_argument("--namespaces", type=int, default=0, help="0: all models lie flat")
    parser.add_argument("--tag-versions", action="store_true", help="tags MODEL/vVERSION as well")
    parser.add_argument("--bare", action="store_true")
    asked = parser.parse_args(arguments)
    if asked.path.exists():
        parser.error(f"{asked.path} is there already")
    shape = Shape(asked.models, asked.versions, asked.namespaces, asked.tag_versions)
    made = generate(asked.path, shape, bare=asked.bare, home=asked.path.with_name(asked.path.name + ".home"))
    print(
        f"{made.path}: {shape.commits:,} commits and {shape.tags:,} tags, imported in {made.importing:.1f} s, "
        f"git gc (one pack, packed refs, commit graph) {made.upkeep:.1f} s, checkout {made.checkout:.1f} s",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
