"""Whatever is done to a registry in whatever order: every answer is the one that a book kept by hand gives."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gitstage.errors import NoSuchThing
from gitstage.git.creation import create
from gitstage.operations import init, log, resolve, rollback, show, status
from tests.operations.pictures import unchanged
from tests.operations.stories import NOON, Story

MODELS = st.sampled_from(["fraud-detector", "risk/churn"])
STAGES = ("staging", "production")
CHOSEN = st.sampled_from(STAGES)


@dataclass(frozen=True)
class Entry:
    """One change of a slot, as somebody would write it into a book: what came in, when, and by which word."""

    version: str | None
    moment: datetime
    action: str


@dataclass
class Book:
    """One model, as whoever watched from the beginning would have written it down."""

    versions: list[str] = field(default_factory=list)
    archived: set[str] = field(default_factory=set)
    held: dict[str, str] = field(default_factory=dict)
    slots: dict[str, list[Entry]] = field(default_factory=lambda: {stage: [] for stage in STAGES})

    def current(self, stage: str) -> str | None:
        return self.slots[stage][-1].version if self.slots[stage] else None

    def has_held(self, stage: str, version: str) -> bool:
        return any(entry.version == version for entry in self.slots[stage])

    def may_enter(self, stage: str, version: str) -> bool:
        """Whether a version may go into a stage: from where the policy says, or back to where it has been."""
        if version in self.held:
            return False
        return stage == "staging" or self.has_held(stage, version) or self.current("staging") == version

    def earlier(self, stage: str) -> str | None:
        """Where a rollback leads."""
        now = self.current(stage)
        before = [entry.version for entry in reversed(self.slots[stage][:-1])]
        return next((version for version in before if version not in (None, now) and version not in self.held), None)

    def took(self, stage: str, version: str | None, moment: datetime, action: str) -> None:
        leaving = self.current(stage)
        if leaving is not None:
            self.archived.add(leaving)
        self.slots[stage].append(Entry(version, moment, action))

    def word_for(self, stage: str, version: str) -> str:
        """How the ledger calls it: what comes back where it has been is a rollback, whoever typed what."""
        return "rollback" if self.has_held(stage, version) else "promote"


class Life(RuleBasedStateMachine):
    """Commands and hands on a real repository, and the book beside it."""

    def __init__(self, template: Path, registry: str | None) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="life-", dir=template.parent))
        shutil.copytree(template, self.folder, dirs_exist_ok=True)
        self.story = Story(self.folder / "work", folder=registry)
        self.books: dict[str, Book] = {}
        self.done = 0

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def _later(self) -> None:
        self.story.later(minutes=10)
        self.done += 1

    def _draw(self, data: st.DataObject, versions: list[str]) -> str | None:
        """One of some versions. Where there are none nothing is done: to `assume` would end the whole life."""
        return data.draw(st.sampled_from(versions)) if versions else None

    @initialize(staged=st.booleans())
    def somebody_begins(self, staged: bool) -> None:
        for model in ("fraud-detector", "risk/churn"):
            self.somebody_registers(model, staged=staged)
            self.somebody_registers(model, staged=False)

    # what people do

    @rule(model=MODELS, staged=st.booleans())
    def somebody_registers(self, model: str, staged: bool) -> None:
        self._later()
        book = self.books.setdefault(model, Book())
        version = f"1.{len(book.versions)}.0"
        outcome = self.story.register(model, version, to="staging" if staged else None, auc=0.9)
        assert (outcome.exit_code, outcome.landed) == (0, True)
        book.versions.append(version)
        if staged:
            book.took("staging", version, self.story.now, "promote")

    @rule(model=MODELS, stage=CHOSEN, data=st.data())
    def somebody_promotes(self, model: str, stage: str, data: st.DataObject) -> None:
        book = self.books[model]
        version = self._draw(data, book.versions)
        if version is None:
            return
        self._later()
        if book.may_enter(stage, version) or book.current(stage) == version:
            outcome = self.story.promote(f"{model}@{version}", to=stage)
            assert outcome.exit_code == 0
            assert (outcome.commit is None) == (book.current(stage) == version)
            if outcome.commit is not None:
                book.took(stage, version, self.story.now, book.word_for(stage, version))
        else:
            with unchanged(self.story.path):
                outcome = self.story.promote(f"{model}@{version}", to=stage)
            assert (outcome.exit_code, outcome.commit) == (1, None)
            rules = {finding.rule for judgement in outcome.report.judgements for finding in judgement.findings}
            assert ("held" in rules) if version in book.held else ("stage-order" in rules)

    @rule(model=MODELS, stage=CHOSEN, hold=st.booleans())
    def somebody_rolls_back(self, model: str, stage: str, hold: bool) -> None:
        book = self.books[model]
        self._later()
        now, target, reason = book.current(stage), book.earlier(stage), f"incident {self.done}"
        if now is None or target is None:
            with unchanged(self.story.path), pytest.raises(NoSuchThing):
                rollback.run(self.story.registry(), f"{model}@{stage}", reason=reason, hold=hold)
            return
        outcome = rollback.run(self.story.registry(), f"{model}@{stage}", reason=reason, hold=hold)
        assert (outcome.exit_code, len(outcome.tags)) == (0, 1)
        book.took(stage, target, self.story.now, "rollback")
        if hold:
            book.held.setdefault(now, reason)

    @rule(model=MODELS, stage=CHOSEN)
    def somebody_empties_a_slot(self, model: str, stage: str) -> None:
        book = self.books[model]
        self._later()
        if book.current(stage) is None:
            with unchanged(self.story.path), pytest.raises(NoSuchThing):
                self.story.archive(f"{model}@{stage}")
        else:
            assert self.story.archive(f"{model}@{stage}").exit_code == 0
            book.took(stage, None, self.story.now, "archive")

    @rule(model=MODELS, data=st.data())
    def somebody_holds_a_version(self, model: str, data: st.DataObject) -> None:
        book = self.books[model]
        version = self._draw(data, [version for version in book.versions if version not in book.held])
        if version is None:
            return
        self._later()
        assert self.story.hold(f"{model}@{version}").exit_code == 0
        book.held[version] = "leaks a feature"

    @rule(model=MODELS, data=st.data())
    def somebody_releases_a_version(self, model: str, data: st.DataObject) -> None:
        book = self.books[model]
        version = self._draw(data, sorted(book.held))
        if version is None:
            return
        self._later()
        assert self.story.unhold(f"{model}@{version}").exit_code == 0
        del book.held[version]

    @rule(model=MODELS, stage=CHOSEN, careful=st.booleans(), data=st.data())
    def somebody_copies_a_file_by_hand(self, model: str, stage: str, careful: bool, data: st.DataObject) -> None:
        book = self.books[model]
        now = book.current(stage)
        version = self._draw(data, [version for version in book.versions if version != now])
        if version is None:
            return
        self._later()
        if careful and now is not None:
            self.story.copy(f"models/{model}/{now}.yaml", f"archived/{model}/{now}.yaml")
        self.story.copy(f"models/{model}/{version}.yaml", f"{stage}/{model}.yaml")
        self.story.commit("by hand")
        # While a registry is young, what serves already may be taken in by hand.
        adopted = not book.slots[stage] and version not in book.held and not book.may_enter(stage, version)
        is_listed = now is None or careful or now in book.archived
        if is_listed and (adopted or book.may_enter(stage, version)):
            assert self.story.tag().exit_code == 0
            book.took(stage, version, self.story.now, "adopt" if adopted else book.word_for(stage, version))
            return
        if careful and now is not None and not (adopted or book.may_enter(stage, version)):
            book.archived.add(now)
        with self._nothing_takes_effect():
            assert self.story.tag().exit_code == 1
        assert self.story.open_things() == [f"{stage}/{model}"]
        self._later()
        with self._nothing_takes_effect():
            assert self.story.withdraw(f"{model}@{stage}").exit_code == 0
        assert self.story.open_things() == []

    @rule(model=MODELS, what=st.sampled_from(["rewritten", "removed"]), data=st.data())
    def somebody_tampers_with_a_version(self, model: str, what: str, data: st.DataObject) -> None:
        book = self.books[model]
        version = self._draw(data, book.versions)
        if version is None:
            return
        path = self.story.path / (self.story.folder or "") / "models" / model / f"{version}.yaml"
        text = path.read_text()
        self._later()
        path.write_text(text.replace("auc: 0.9", "auc: 0.99")) if what == "rewritten" else path.unlink()
        self.story.commit(what)
        with self._nothing_takes_effect():
            assert self.story.tag().exit_code == 1
            assert self.story.open_things() == [f"records/{model}"]
            # Nobody is given what was put there, and nobody is told that nothing is there.
            self.the_slots_are_what_the_book_says()
            found = resolve.run(self.story.registry(), f"{model}@{version}")
            assert found.manifest.decode() == text
            self._later()
            assert self.story.withdraw(model).exit_code == 0
        assert (path.read_text(), self.story.open_things()) == (text, [])

    @precondition(lambda self: self.done > 0)
    @rule()
    def the_tagger_runs_once_more(self) -> None:
        with unchanged(self.story.path):
            outcome = self.story.tag()
        assert (outcome.exit_code, outcome.tags, outcome.effects, outcome.alarms) == (0, (), (), ())

    @contextmanager
    def _nothing_takes_effect(self) -> Iterator[None]:
        before = self.story.tags()
        yield
        assert self.story.tags() == before

    # what everybody sees

    @invariant()
    def the_status_is_what_the_book_says(self) -> None:
        found = status.run(self.story.registry())
        assert (found.unjudged, found.policy_waiting, dict(found.state.open)) == (False, None, {})
        assert not any(cell.differs for row in found.models for cell in row.slots.values())
        self.the_slots_are_what_the_book_says()

    def the_slots_are_what_the_book_says(self) -> None:
        found = status.run(self.story.registry())
        assert {row.model: {stage: cell.version for stage, cell in row.slots.items()} for row in found.models} == {
            model: {stage: book.current(stage) for stage in STAGES} for model, book in self.books.items()
        }
        for row in found.models:
            book = self.books[row.model]
            assert set(row.versions) == set(book.versions)
            # What is listed and came back to a slot is in the slot.
            serving = {book.current(stage) for stage in STAGES}
            assert set(row.archived) == book.archived - serving

    @invariant()
    def the_tree_says_the_same_and_nothing_is_left_lying_about(self) -> None:
        assert self.story.git("status", "--porcelain") == ""
        declared = status.run(self.story.registry(), declared=True)
        assert {row.model: {stage: cell.version for stage, cell in row.slots.items()} for row in declared.models} == {
            model: {stage: book.current(stage) for stage in STAGES} for model, book in self.books.items()
        }

    @precondition(lambda self: self.done % 4 == 3)
    @invariant()
    def the_log_and_every_reference_are_what_the_book_says(self) -> None:
        for model, book in self.books.items():
            for stage, entries in book.slots.items():
                found = log.run(self.story.registry(), f"{model}@{stage}").effects
                told = [Entry(effect.after, effect.moment, effect.action) for effect in reversed(found)]
                assert told == entries
                assert [effect.number for effect in reversed(found)] == [*range(1, len(entries) + 1)]
                for back, entry in enumerate(reversed(entries)):
                    self._resolves(f"{model}@{stage}~{back}" if back else f"{model}@{stage}", entry, None)
            held = {version: show.run(self.story.registry(), f"{model}@{version}").held for version in book.versions}
            assert {version: why for version, why in held.items() if why is not None} == book.held

    @precondition(lambda self: self.done % 4 == 1)
    @invariant()
    def the_past_is_what_the_book_says(self) -> None:
        for model, book in self.books.items():
            for stage, entries in book.slots.items():
                ends = [*(entry.moment - timedelta(seconds=1) for entry in entries[1:]), self.story.now]
                for entry, end in zip(entries, ends, strict=False):
                    for moment in (entry.moment, end):
                        self._resolves(f"{model}@{stage}", entry, moment)

    def _resolves(self, reference: str, entry: Entry, moment: datetime | None) -> None:
        at = None if moment is None else moment.isoformat()
        if entry.version is None:
            with pytest.raises(NoSuchThing):
                resolve.run(self.story.registry(), reference, at=at)
            return
        found = resolve.run(self.story.registry(), reference, at=at)
        assert (found.version, found.moment, found.action) == (entry.version, entry.moment, entry.action)


@pytest.fixture(params=[None, "teams/us"], ids=["at the root", "in a folder beside another"])
def begun(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Callable[[], Life]:
    """Begins lives in a registry that is alone, or that has a neighbour and so a prefix for its tags."""
    folder = tmp_path_factory.mktemp("lives") / "template"
    folder.mkdir()
    if request.param is None:
        Story.begun(folder / "work")
    else:
        create(folder / "work", branch="main").close()
        for registry in ("eu", request.param):
            init.run(folder / "work", registry, clock=lambda: NOON)
    return lambda: Life(folder, request.param)


QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def test_a_short_life_is_what_the_book_says(begun: Callable[[], Life]) -> None:
    run_state_machine_as_test(
        begun,  # type: ignore[arg-type]  # anything that makes one will do
        settings=settings(
            max_examples=3, stateful_step_count=10, deadline=None, suppress_health_check=QUIET, phases=[Phase.generate]
        ),
    )


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_long_lives_are_what_the_book_says(begun: Callable[[], Life]) -> None:
    run_state_machine_as_test(
        begun,  # type: ignore[arg-type]
        settings=settings(max_examples=30, stateful_step_count=40, deadline=None, suppress_health_check=QUIET),
    )
