"""Whatever is pushed at random: what is let in leaves nothing newly open, moves no tag, and an audit finds nothing."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from gitstage.errors import GitstageError
from gitstage.git import Repository
from gitstage.ledger import Folded
from gitstage.operations import audit, receive
from gitstage.operations.guarded import Update
from gitstage.operations.registries import Registry
from gitstage.operations.tagging import written
from tests.git.sandbox import git
from tests.operations.stories import Story

MODEL = "fraud-detector"
MAIN = "refs/heads/main"

Files = Mapping[str, str]


class Crowd:
    """People who push whatever comes to their minds to one repository, in which their objects lie already."""

    def __init__(self, story: Story, seed: int) -> None:
        self.story = story
        self.random = Random(seed)
        self.identity = story.registry().identity
        self.let_in = 0

    # what they make

    def files(self, commit: str) -> Files:
        rows = (line.split("\t") for line in self.story.git("ls-tree", "-r", commit).splitlines())
        return {path: meta.split()[2] for meta, path in rows}

    def blob(self) -> str:
        data = str(self.random.random()).encode()
        return git("hash-object", "-w", "--stdin", cwd=self.story.path, stdin=data)

    def commit(self, files: Files, parents: list[str]) -> str:
        index = self.story.path.parent / "index"
        index.unlink(missing_ok=True)
        rows = "".join(f"100644 {oid}\t{path}\n" for path, oid in files.items()).encode()
        variables = {"GIT_INDEX_FILE": str(index)}
        git("update-index", "--index-info", cwd=self.story.path, stdin=rows, variables=variables)
        tree = git("write-tree", cwd=self.story.path, variables=variables)
        words = [word for parent in parents for word in ("-p", parent)]
        return self.story.git("commit-tree", "-m", str(self.random.random()), *words, tree)

    def changed(self, files: Files) -> Files:
        """A change that is legal, or is not."""
        versions = sorted(path for path in files if path.startswith(f"models/{MODEL}/"))
        one = self.random.choice(versions)
        stage = self.random.choice(("staging", "production"))
        slot, leaves = f"{stage}/{MODEL}.yaml", files.get(f"{stage}/{MODEL}.yaml")
        archived = {f"archived/{MODEL}/{Path(path).name}": oid for path, oid in files.items() if oid == leaves}
        some = self.random.choice(sorted(files))
        changes: list[Files] = [
            {**files, slot: files[one]},
            {**files, slot: files[one], **archived},
            {**files, slot: files.get(f"staging/{MODEL}.yaml", files[one]), **archived},
            {path: oid for path, oid in files.items() if path != some},
            {**files, some: self.blob()},
            {**files, "src/x.py": self.blob()},
            {**files, f"archived/{MODEL}/{Path(one).name}": files[one]},
            {**files, self.random.choice(("eu/gitstage.yaml", "models/x.txt")): self.blob()},
        ]
        return self.random.choice(changes)

    def tip(self, refs: Mapping[str, str]) -> str:
        """Some commits on top of the trunk, or none."""
        tip = refs[MAIN]
        branches = [oid for ref, oid in refs.items() if ref.startswith("refs/heads/")]
        for _ in range(self.random.randrange(4)):
            parents = [tip, *([self.random.choice(branches)] if self.random.random() < 0.15 else [])]
            self.random.shuffle(parents)
            tip = self.commit(self.changed(self.files(tip)), parents)
        return tip

    def claims(self, repo: Repository, tip: str) -> dict[str, str]:
        """Tags and a ledger as folding makes them, now or at another moment, and not all of them."""
        moment = self.story.now + timedelta(minutes=self.random.choice((0, 0, 0, -5, 5, -30, 30)))
        registry, folded = self.folded(repo, tip, moment)
        updates = written(registry, folded).updates
        repo.flush()
        return {update.ref: update.new for update in updates if self.random.random() < 0.93}

    def folded(self, repo: Repository, tip: str, moment: datetime | None = None) -> tuple[Registry, Folded]:
        registry = Registry(repo, "", self.identity, lambda: moment or self.story.now)
        registry.tip = tip
        return registry, registry.folded(tip, lands=True)[0]

    def wanted(self, repo: Repository, refs: Mapping[str, str]) -> dict[str, str | None]:
        tip = self.tip(refs)
        wanted: dict[str, str | None] = {}
        if tip != refs[MAIN]:
            wanted[MAIN if self.random.random() < 0.8 else "refs/heads/topic"] = tip
        if self.random.random() < 0.5:
            with suppress(GitstageError):
                wanted.update(self.claims(repo, wanted.get(MAIN) or refs[MAIN]))
        if self.random.random() < 0.2:
            names = [*refs, f"refs/tags/{MODEL}/production/7", f"refs/tags/{MODEL}", "refs/gitstage/1-2", MAIN]
            wanted[self.random.choice(names)] = self.random.choice([None, *refs.values()])
        return wanted

    # what becomes of it

    def push(self) -> None:
        """Somebody pushes; where it is let in, refs move as git moves them."""
        refs = self.story.refs()
        with Repository.discover(self.story.path, serves=True) as repo:
            wanted = self.wanted(repo, refs)
            updates = [Update(ref=ref, old=refs.get(ref), new=new) for ref, new in wanted.items()]
            try:
                let_in = receive.run(repo, updates, clock=lambda: self.story.now).let_in
            except GitstageError:
                return
        if not let_in:
            return
        self.let_in += 1
        for update in updates:
            if update.new != update.old:
                words = ("-d", update.ref) if update.new is None else (update.ref, update.new)
                self.story.git("update-ref", *words)
        self.look(refs, self.story.refs())

    def look(self, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        """Nothing is newly open, no tag of ours is an alarm, none has moved."""
        line = set(self.story.git("rev-list", "--first-parent", f"{before[MAIN]}..{after[MAIN]}").split())
        with Repository.discover(self.story.path, serves=True) as repo:
            registry, folded = self.folded(repo, after[MAIN])
            assert [item for item in folded.state.open.values() if item.landed in line] == []
            assert registry.past.alarms == ()
        tags = {ref: oid for ref, oid in before.items() if ref.startswith("refs/tags/")}
        assert {ref: after.get(ref) for ref in tags} == tags


def told(story: Story, seed: int, pushes: int) -> Crowd:
    crowd = Crowd(story, seed)
    for _ in range(pushes):
        crowd.push()
        story.later(minutes=crowd.random.choice((0, 1, 60)))
    return crowd


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_is_let_in_is_what_an_audit_takes_for_granted(served: Story, seed: int) -> None:
    crowd = told(served, seed, 40)
    assert crowd.let_in > 5
    assert audit.run(served.registry()).faults == ()


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(10, 18))
def test_whatever_is_let_in_in_the_long_run_is_what_an_audit_takes_for_granted(served: Story, seed: int) -> None:
    crowd = told(served, seed, 150)
    assert crowd.let_in > 20
    assert audit.run(served.registry()).faults == ()
