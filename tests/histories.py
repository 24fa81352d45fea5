"""Random histories of a registry: what people do by the rules, and what they force past them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import TypeVar, cast

from gitstage import plans
from gitstage.canonical import DocumentError
from gitstage.changes import FILE, below
from gitstage.errors import GitstageError
from gitstage.evidence import Result
from gitstage.layout import archived_path, evidence_folder, hold_path, slot_path, version_path
from gitstage.rules.fold import Step, continued, fold
from tests.registries import ID, Story, empty_slot, hold, holds_back, manifest, policy_file

T = TypeVar("T")

MODELS = ("m", "n", "risk/m")
ADOPT_UNTIL = date(2026, 11, 24)
STAGES: Mapping[str, Mapping[str, object]] = {
    "staging": {"from": ["registered", "archived"]},
    "canary": {"from": ["staging"]},
    "production-eu": {"from": ["canary"]},
    "production-us": {"from": ["canary"]},
}


def a_policy(id: str = ID) -> bytes:  # noqa: A002
    """Two regions behind a canary."""
    return policy_file(STAGES, id=id)


class Hand:
    """Somebody who changes a registry; what is changed is chosen by `choose`."""

    def __init__(self, choose: Callable[[Sequence[object]], object]) -> None:
        self._choose = choose
        self.stages: Mapping[str, Mapping[str, object]] = STAGES
        self.gates: Mapping[str, object] = {}

    def policy(self, **more: Mapping[str, object]) -> bytes:
        """The policy by the rules of which the registry is used, with more stages, or others."""
        return policy_file({**self.stages, **more}, self.gates, adopt_until=ADOPT_UNTIL.isoformat())

    def one_of(self, options: Sequence[T]) -> T:
        return cast("T", self._choose(options))

    # what is done by the rules

    def register(self, story: Story, model: str) -> None:
        taken = len(story.scene(model).versions(model))
        story.register(model, f"1.{taken}.0", auc=self.one_of([0.8, 0.9]))
        if self.one_of([True, False]):
            story.stage(model, f"1.{taken}.0")

    def stage(self, story: Story, model: str) -> None:
        versions = sorted(story.scene(model).versions(model))
        if versions:
            story.stage(model, self.one_of(versions))

    def promote(self, story: Story, model: str) -> None:
        stage = self.one_of(["canary", "production-eu", "production-us"])
        source = "staging" if stage == "canary" else "canary"
        version = story.serves(model, source)
        if version is not None:
            story.promote(model, version, stage)

    def roll_back(self, story: Story, model: str) -> None:
        stage = self.one_of(list(STAGES))
        try:
            story.rollback(model, stage, hold_it=self.one_of([True, False]))
        except GitstageError:
            return  # there is nothing to go back to

    def archive(self, story: Story, model: str) -> None:
        stage = self.one_of(list(STAGES))
        if story.serves(model, stage) is not None:
            story.archive(model, stage)

    def shelve(self, story: Story, model: str) -> None:
        for version in sorted(story.scene(model).versions(model)):
            try:
                story.carry_out(plans.shelve(story.scene(model), model, version, reason="unused"))
            except GitstageError:
                continue  # it is in a stage

    def hold(self, story: Story, model: str) -> None:
        for version in sorted(story.scene(model).versions(model))[-1:]:
            path = hold_path(model, version)
            entry = story.registry.entry(path)
            held = entry is not None and holds_back(story.registry, path)
            story.write(path, hold(model, version, state="released" if held else "held"))

    def attest(self, story: Story, model: str) -> None:
        for version in sorted(story.scene(model).versions(model))[-1:]:
            number = len(story.registry.listing(f"{evidence_folder(model, version)}/load-test")) + 1
            result: Result = self.one_of(["PASSED", "FAILED"])
            with suppress(DocumentError, KeyError):  # there is nothing left to attest
                story.attest(model, version, "load-test", result, number, turn=number)

    def describe(self, story: Story, model: str) -> None:
        if story.scene(model).versions(model):
            story.write(f"models/{model}/README.md", self.one_of(["A card.\n", "Another card.\n"]))

    def rule(self, story: Story, model: str) -> None:
        canary = {**self.stages["canary"], "keep": self.one_of(["0s", "0m"])}
        story.policy(self.policy(canary=canary))

    LEGAL = (register, stage, promote, promote, roll_back, archive, shelve, hold, attest, describe, rule)

    def change(self, story: Story) -> None:
        """Something that the rules allow, as far as whoever does it can see."""
        act = self.one_of(self.LEGAL)
        act(self, story, self.one_of(MODELS))

    # what is forced

    def force(self, story: Story) -> None:
        """Something that the rules do not allow, or that may happen to be right."""
        act = self.one_of(self.FORCED)
        act(self, story, self.one_of(MODELS))

    def fill_by_hand(self, story: Story, model: str) -> None:
        versions = sorted(story.scene(model).versions(model))
        if versions:
            story.fill(model, self.one_of(versions), self.one_of(list(STAGES)))

    def promote_anything(self, story: Story, model: str) -> None:
        versions = sorted(story.scene(model).versions(model))
        if versions:
            story.promote(model, self.one_of(versions), self.one_of(list(STAGES)))

    def remove(self, story: Story, model: str) -> None:
        inside = [path for path in sorted(story.files) if f"/{model}/" in path or path.endswith(f"/{model}.yaml")]
        if inside:
            del story.files[self.one_of(inside)]

    def rewrite(self, story: Story, model: str) -> None:
        versions = sorted(story.scene(model).versions(model))
        if versions:
            version = self.one_of(versions)
            path = self.one_of([version_path, archived_path])(model, version)
            story.write(path, manifest(model, version, auc=1.0))
            if self.one_of([True, False]):
                story.fill(model, version, self.one_of(list(STAGES)))

    def junk(self, story: Story, model: str) -> None:
        story.write(
            self.one_of(
                [
                    slot_path(self.one_of(list(STAGES)), model),
                    slot_path("canary", model.upper()),
                    f"models/{model}/notes.txt",
                    f"models/{model.upper()}/1.0.0.yaml",
                    version_path(model, "9.0.0"),
                    hold_path(model, "1.0.0"),
                    archived_path(model, "1.0.0"),
                    f"models/{model}",
                    f"canary/{model}.yaml/x",
                    "notes.txt",
                    "canary",
                    "gitstage.yaml",
                ]
            ),
            self.one_of([b"junk", empty_slot(model), manifest(model, "1.0.0")]),
        )

    def twist(self, story: Story, model: str) -> None:
        path = self.one_of([path for path in sorted(story.files) if path.startswith(story.folder)])
        inside = path.removeprefix(f"{story.folder}/")
        self.one_of([story.link, story.submodule, story.make_executable])(inside)

    def break_rules(self, story: Story, model: str) -> None:
        broken = [
            policy_file({"production-eu": {"from": ["registered"]}}),
            self.policy(canary={"retired": True}),
            self.policy(m={"from": ["registered"]}),
            a_policy(id="11111111-1111-1111-1111-111111111111"),
            b"stages: [",
        ]
        story.policy(self.one_of(broken))

    def empty_by_hand(self, story: Story, model: str) -> None:
        story.write(slot_path(self.one_of(list(STAGES)), model), empty_slot(model))

    def imitate(self, story: Story, model: str) -> None:
        """A good version of a model whose name is too near to another's, or of a namespace."""
        name = self.one_of([model.upper(), model.capitalize(), f"{model}/deep", "risk", f"{model}-2"])
        story.register(name, "1.0.0", auc=0.9).fill(name, "1.0.0", self.one_of(list(STAGES)))

    def swap(self, story: Story, model: str) -> None:
        """Bytes of one place in another."""
        paths = [path for path in sorted(story.files) if story.files[path].mode == FILE]
        if paths:
            story.files[self.one_of(paths)] = story.files[self.one_of(paths)]

    def retire(self, story: Story, model: str) -> None:
        stage = self.one_of(["canary", "production-eu"])
        for name in MODELS:
            if self.one_of([True, False]):
                story.write(slot_path(stage, name), empty_slot(name))
        story.policy(self.policy(**{stage: {**self.stages[stage], "retired": True}}))

    def put_back(self, story: Story, model: str) -> None:
        """What a revert button does: the tree of an earlier commit."""
        story.files = dict(story.files_at(self.one_of(story.line[-4:])))

    FORCED = (
        fill_by_hand,
        promote_anything,
        remove,
        rewrite,
        junk,
        junk,
        twist,
        break_rules,
        empty_by_hand,
        put_back,
        imitate,
        swap,
        retire,
    )


def in_use(story: Story) -> Story:
    """The story, after two models went their way with two versions each, and a third with one."""
    for version in ("1.0.0", "1.1.0"):
        for model in MODELS[: 2 if version == "1.1.0" else 3]:
            story.register(model, version, auc=0.9).stage(model, version)
        for stage in ("canary", "production-eu", "production-us"):
            story.land()
            story.wait(hours=3)
            for model in MODELS:
                story.promote(model, str(story.serves(model, "staging")), stage)
        story.land()
    assert story.open == {}
    return story


def is_held(story: Story, commit: str, model: str, version: str) -> bool:
    """Whether a version is held in the tree of a commit."""
    return holds_back(below(story.trees[commit], story.folder), hold_path(model, version))


def is_legal(story: Story, branch: Story) -> bool:
    """Whether nothing is open that was not open before, once what a branch holds is put on the trunk in one step."""
    so_far = fold(story.state, story.steps(), story.world())
    step = Step("0" * 40, branch.tree)
    after = continued(replace(so_far, judgements=()), [step], story.world())
    before = {name: item.landed for name, item in so_far.state.open.items()}
    return {name: item.landed for name, item in after.state.open.items()}.items() <= before.items()


def legal_change(story: Story, hand: Hand, steps: int) -> Story:
    """A branch with up to so many changes, each of which is legal after the one before."""
    branch = story.fork()
    for _ in range(steps):
        attempt = branch.fork()
        hand.change(attempt)
        if is_legal(story, attempt):
            branch.files = attempt.files
    return branch
