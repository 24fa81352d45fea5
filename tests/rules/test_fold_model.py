"""A registry and a book kept beside it by hand: what the book allows is never refused, what it forbids never passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from gitstage.errors import NoSuchThing
from gitstage.evidence import Result
from gitstage.layout import Slot, archived_path, hold_path, slot_path, version_path
from tests.registries import OWNED, PEOPLE, ROLES, STAGES, Story, hold, manifest, policy_file

MODELS = st.sampled_from(["m", "risk/n"])
STAGE = st.sampled_from(["staging", "production"])
HANDS = st.sampled_from(["alice", "bob", "carol", "dave", None])
"""Who signs a commit: two owners, one who is neither owner nor on call, one who is on call, nobody."""
OWNERS = frozenset(ROLES["risk"])
MAY_ROLL_BACK = OWNERS | frozenset(ROLES["oncall"])
AUC = st.sampled_from([0.4, 0.55, 0.75, 0.95])

KEEP, SOAK = timedelta(hours=1), timedelta(hours=2)
LEAST, DROP = 0.5, 0.1
GATE = {
    "soak": "2h",
    "metrics": [{"name": "auc", "min": LEAST, "max-drop": DROP}],
    "evidence": [{"type": "test-result", "name": "load-test"}],
    "approvals": [{"count": 1, "from": "owners"}],
}
PRODUCTION = {"rollback": {"by": ["owners", "oncall"]}}


def a_policy(turn: int = 0) -> bytes:
    """The policy; another `turn` says the same in other bytes."""
    staging = {**STAGES["staging"], "keep": "1h"}
    production = {**STAGES["production"], "gates": ["standard"], **PRODUCTION}
    stages = {"staging": staging, "production": production}
    written = policy_file(stages, {"standard": GATE}, people=PEOPLE, roles=ROLES, models=OWNED)
    return written + b"# turn %d\n" % turn


@dataclass(frozen=True)
class Stay:
    """What somebody wrote down of one change of a slot."""

    version: str | None
    since: datetime


@dataclass
class Page:
    """What somebody wrote down of one model."""

    auc: dict[str, float] = field(default_factory=dict)
    tests: dict[str, list[Result]] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)
    slots: dict[str, list[Stay]] = field(default_factory=lambda: {"staging": [], "production": []})
    approvals: set[tuple[str, int, str]] = field(default_factory=set)

    def now_in(self, stage: str) -> str | None:
        return self.slots[stage][-1].version if self.slots[stage] else None

    def was_in(self, stage: str, version: str) -> bool:
        return any(stay.version == version for stay in self.slots[stage])

    def approvers(self, version: str) -> set[str]:
        """Who approved that a version comes into production as it is now."""
        change = len(self.slots["production"])
        return {person for about, number, person in self.approvals if (about, number) == (version, change)}


Answer = dict[str, str]
"""What somebody with the book expects: by rule that does not pass, `refused` or `pending`."""


def worst(answer: Answer) -> str:
    return "refused" if "refused" in answer.values() else "pending" if answer else "passed"


class Judged(RuleBasedStateMachine):
    """One step is one change on the trunk; what the fold says of it is what the book says."""

    said: ClassVar[Counter[str]] = Counter()
    """What the judge said of each step, in all histories: the kind of thing, the verdict, the rules."""

    def __init__(self) -> None:
        super().__init__()
        self.story = Story(a_policy())
        self.book: dict[str, Page] = {}
        self.words = 0

    # the book

    @initialize(aucs=st.lists(AUC, min_size=4, max_size=4))
    def somebody_begins(self, aucs: list[float]) -> None:
        """Of each model there are two versions, and one of m was staged an hour ago."""
        self.book = {"m": Page(), "risk/n": Page()}
        for number, auc in enumerate(aucs):
            self.somebody_registers(("m", "risk/n")[number % 2], auc, None)
        self._fill("m", "staging", "1.0.0", None, lists=False)
        self.tick(60)

    def one_of(self, data: st.DataObject, versions: Iterable[str]) -> str | None:
        """One of some versions. Where there are none nothing is done: to `assume` would end the whole history."""
        there = sorted(versions)
        return data.draw(st.sampled_from(there)) if there else None

    def expected(self, model: str, stage: str, version: str, by: str | None, *, lists: bool) -> Answer:
        """What stands in the way of a version that comes into a stage, in a commit that `by` signed."""
        page = self.book[model]
        leaving = page.now_in(stage)
        facts: Answer = {}
        if version in page.held:
            facts["held"] = "refused"
        if leaving is not None and not lists and leaving not in page.listed:
            facts["leaves-archived"] = "refused"
        comes = stage == "staging" or page.now_in("staging") == version
        promotion = {**facts, **self.gate(page, stage, version, by)}
        if not page.was_in(stage, version):
            return promotion if comes else {**promotion, "stage-order": "refused"}
        rollback = dict(facts)
        if stage == "production" and not ({by} | page.approvers(version)) & MAY_ROLL_BACK:
            rollback["approvals"] = "pending"
        order = ["passed", "pending", "refused"]
        if comes and order.index(worst(promotion)) < order.index(worst(rollback)):
            return promotion
        return rollback

    def gate(self, page: Page, stage: str, version: str, by: str | None) -> Answer:
        now = self.story.now
        if stage == "staging":
            too_soon = page.now_in(stage) is not None and now - page.slots[stage][-1].since < KEEP
            return {"keep": "pending"} if too_soon else {}
        answer: Answer = {}
        if page.now_in("staging") != version:
            answer["soak"] = "refused"
        elif now - page.slots["staging"][-1].since < SOAK:
            answer["soak"] = "pending"
        before = page.now_in("production")
        if page.auc[version] < LEAST or (before is not None and page.auc[before] - page.auc[version] > DROP):
            answer["metrics"] = "refused"
        results = page.tests.get(version, [])
        if not results or results[-1] != "PASSED":
            answer["evidence"] = "refused" if results else "pending"
        if by is None or not (page.approvers(version) & OWNERS) - {by}:
            answer["approvals"] = "pending"
        return answer

    # what is held against it

    def lands(self, by: str | None) -> dict[str, tuple[str, set[str]]]:
        """A commit lands and is judged: of what does not pass the verdict, and the rules that say so."""
        assert self.story.open == {}
        self.story.land(*([by] if by else []))
        said = {
            thing: (str(item.verdict), {found.rule for found in item.findings if str(found.verdict) != "passed"})
            for thing, item in self.story.state.open.items()
        }
        what = [
            f"{thing.partition('/')[0]} {verdict} {' '.join(sorted(rules))}" for thing, (verdict, rules) in said.items()
        ]
        self.said["; ".join(what) or "everything passed"] += 1
        return said

    def lands_as_expected(self, by: str | None, thing: str, answer: Answer) -> bool:
        """Whether it passed, as the book says that it does, or does not."""
        said = self.lands(by)
        assert said == ({thing: (worst(answer), set(answer))} if answer else {})
        return not said

    def goes_back(self) -> None:
        """Whoever was refused takes it back, and nothing has happened."""
        self.story.withdraw_all().land()
        assert self.story.open == {}

    def tick(self, minutes: int) -> None:
        self.story.wait(minutes=minutes)

    # what may be done

    @rule(minutes=st.sampled_from([1, 30, 70, 130]))
    def time_goes_by(self, minutes: int) -> None:
        self.tick(minutes)
        assert self.story.tag().effects == ()

    @rule(model=MODELS, auc=AUC, by=HANDS)
    def somebody_registers(self, model: str, auc: float, by: str | None) -> None:
        page = self.book[model]
        version = f"1.{len(page.auc)}.0"
        self.story.register(model, version, auc=auc)
        assert self.lands(by) == {}
        page.auc[version] = auc
        assert (self.story.registered[-1].model, self.story.registered[-1].version) == (model, version)

    @rule(model=MODELS, result=st.sampled_from(["PASSED", "PASSED", "WARNED", "FAILED"]), by=HANDS, data=st.data())
    def somebody_tests(self, model: str, result: Result, by: str | None, data: st.DataObject) -> None:
        page = self.book[model]
        version = data.draw(st.sampled_from(sorted(page.auc)))
        number = len(page.tests.get(version, [])) + 1
        self.story.attest(model, version, "load-test", result, number, turn=number)
        assert self.lands(by) == {}
        page.tests.setdefault(version, []).append(result)

    @rule(model=MODELS, person=st.sampled_from(["alice", "bob", "carol", "dave"]), by=HANDS, data=st.data())
    def somebody_approves(self, model: str, person: str, by: str | None, data: st.DataObject) -> None:
        page = self.book[model]
        version = self.one_of(data, page.auc.keys() - {page.now_in("production")})
        if version is None:
            return
        self.words += 1
        self.story.approve(model, version, person, reason=f"word {self.words}")
        assert self.lands(by) == {}
        page.approvals.add((version, len(page.slots["production"]), person))

    @rule(model=MODELS, by=HANDS, data=st.data())
    def somebody_holds(self, model: str, by: str | None, data: st.DataObject) -> None:
        page = self.book[model]
        version = self.one_of(data, page.auc.keys() - page.held)
        if version is None:
            return
        self.words += 1
        self.story.write(hold_path(model, version), hold(model, version, f"word {self.words}"))
        assert self.lands(by) == {}
        page.held.add(version)

    @rule(model=MODELS, by=HANDS, data=st.data())
    def somebody_releases(self, model: str, by: str | None, data: st.DataObject) -> None:
        page = self.book[model]
        version = self.one_of(data, page.held)
        if version is None:
            return
        self.story.unhold(model, version)
        if self.lands_as_expected(by, f"records/{model}", {} if by in OWNERS else {"owner": "pending"}):
            page.held.discard(version)
        else:
            self.goes_back()

    @rule(model=MODELS, stage=STAGE, by=HANDS, lists=st.booleans(), data=st.data())
    def somebody_fills_a_slot(self, model: str, stage: str, by: str | None, lists: bool, data: st.DataObject) -> None:
        page = self.book[model]
        # What is staged goes on more often than anything else does.
        likely = [page.now_in("staging")] * 3 if stage == "production" else []
        version = data.draw(
            st.sampled_from([one for one in [*page.auc, *likely] if one not in (None, page.now_in(stage))])
        )
        self._fill(model, stage, version, by, lists=lists)

    def _fill(self, model: str, stage: str, version: str, by: str | None, *, lists: bool) -> bool:
        page = self.book[model]
        leaving = page.now_in(stage)
        answer = self.expected(model, stage, version, by, lists=lists)
        self.story.fill(model, version, stage)
        if leaving is not None and lists:
            self.story.copy(version_path(model, leaving), archived_path(model, leaving))
        passed = self.lands_as_expected(by, f"{stage}/{model}", answer)
        if leaving is not None and lists:
            page.listed.add(leaving)
        if passed:
            page.slots[stage].append(Stay(version, self.story.now))
        else:
            self.goes_back()
        return passed

    @rule(model=MODELS, stage=STAGE, by=HANDS, data=st.data())
    def somebody_forgets_what_leaves(self, model: str, stage: str, by: str | None, data: st.DataObject) -> None:
        page = self.book[model]
        leaving = page.now_in(stage)
        if leaving is None or leaving in page.listed:
            return
        version = data.draw(st.sampled_from(sorted(page.auc.keys() - {leaving})))
        assert not self._fill(model, stage, version, by, lists=False)

    @rule(model=MODELS, by=st.sampled_from(["alice", "bob", "carol"]), auc=st.sampled_from([0.75, 0.95]))
    def somebody_does_it_by_the_book(self, model: str, by: str, auc: float) -> None:
        """From a version's registration to production, with everything that is asked for."""
        page = self.book[model]
        before = page.now_in("production")
        if before is not None and page.auc[before] - auc > DROP:
            return
        self.somebody_registers(model, auc, None)
        version = next(reversed(page.auc))
        self.tick(60)
        assert self._fill(model, "staging", version, None, lists=True)
        self.story.attest(model, version, "load-test", "PASSED", turn=0)
        assert self.lands(None) == {}
        page.tests[version] = ["PASSED"]
        person = "bob" if by == "alice" else "alice"
        self.words += 1
        self.story.approve(model, version, person, reason=f"word {self.words}")
        assert self.lands(None) == {}
        page.approvals.add((version, len(page.slots["production"]), person))
        self.tick(120)
        assert self._fill(model, "production", version, by, lists=True)

    @rule(model=MODELS, stage=STAGE, by=HANDS)
    def somebody_rolls_back(self, model: str, stage: str, by: str | None) -> None:
        page = self.book[model]
        leaving = page.now_in(stage)
        earlier = [stay.version for stay in reversed(page.slots[stage][:-1])]
        back = next((one for one in earlier if one not in (None, leaving) and one not in page.held), None)
        try:
            self.story.rollback(model, stage, hold_it=False)
        except NoSuchThing:
            assert leaving is None or back is None
            return
        assert back is not None
        answer = self.expected(model, stage, back, by, lists=True)
        if self.lands_as_expected(by, f"{stage}/{model}", answer):
            page.slots[stage].append(Stay(back, self.story.now))
            page.listed.add(str(leaving))
        else:
            page.listed.add(str(leaving))
            self.goes_back()

    @rule(model=MODELS, stage=STAGE, by=HANDS)
    def somebody_empties_a_slot(self, model: str, stage: str, by: str | None) -> None:
        page = self.book[model]
        leaving = page.now_in(stage)
        if leaving is None:
            return
        self.story.archive(model, stage)
        answer: Answer = {"owner": "pending"} if stage == "production" and by not in OWNERS else {}
        passed = self.lands_as_expected(by, f"{stage}/{model}", answer)
        page.listed.add(str(leaving))
        if passed:
            page.slots[stage].append(Stay(None, self.story.now))
        else:
            self.goes_back()

    @rule(by=HANDS)
    def somebody_says_the_policy_in_other_words(self, by: str | None) -> None:
        self.words += 1
        self.story.policy(a_policy(self.words))
        number = len(self.story.policies)
        assert self.lands(by) == {}
        assert len(self.story.policies) == number + 1

    # what nobody may

    @rule(model=MODELS, by=HANDS, what=st.sampled_from(["rewritten", "junk", "removed"]), data=st.data())
    def somebody_tampers_with_a_version(self, model: str, by: str | None, what: str, data: st.DataObject) -> None:
        version = data.draw(st.sampled_from(sorted(self.book[model].auc)))
        path = version_path(model, version)
        if what == "removed":
            self.story.remove(path)
        else:
            self.story.write(path, "junk\n" if what == "junk" else manifest(model, version, auc=0.99))
        rules = {
            "removed": {"nothing-removed": "refused"},
            "rewritten": {"version-immutable": "refused"},
            "junk": {"version-immutable": "refused", "manifest-valid": "refused"},
        }
        assert not self.lands_as_expected(by, f"records/{model}", rules[what])
        self.goes_back()

    @rule(model=MODELS, by=HANDS, what=st.sampled_from(["archived", "evidence", "holds"]), data=st.data())
    def somebody_removes_a_record(self, model: str, by: str | None, what: str, data: st.DataObject) -> None:
        at = self.story.at(f"{what}/{model}/")
        there = sorted(path.removeprefix(self.story.at("")) for path in self.story.files if path.startswith(at))
        if not there:
            return
        self.story.remove(data.draw(st.sampled_from(there)))
        ((thing, (verdict, rules)),) = self.lands(by).items()
        assert (thing, verdict) == (f"records/{model}", "refused")
        assert "nothing-removed" in rules
        self.goes_back()

    @rule(model=MODELS, stage=STAGE, by=HANDS, what=st.sampled_from(["removed", "junk", "link", "executable", "other"]))
    def somebody_tampers_with_a_slot(self, model: str, stage: str, by: str | None, what: str) -> None:
        path = slot_path(stage, model)
        if self.book[model].now_in(stage) is None:
            return
        tampers: dict[str, Callable[[], object]] = {
            "removed": lambda: self.story.remove(path),
            "junk": lambda: self.story.write(path, "junk\n"),
            "link": lambda: self.story.link(path),
            "executable": lambda: self.story.make_executable(path),
            "other": lambda: self.story.write(path, manifest(model, "9.9.9", auc=0.99)),
        }
        tampers[what]()
        ((thing, (verdict, rules)),) = self.lands(by).items()
        assert (thing, verdict) == (f"{stage}/{model}", "refused")
        fact = {"removed": "nothing-removed", "link": "known-path", "executable": "known-path"}
        assert fact.get(what, "slot-matches-version") in rules
        self.goes_back()

    @rule(
        by=HANDS,
        stray=st.sampled_from(
            [
                "staging/notes.txt",
                "models/M/1.0.0.yaml",
                "models/risk/1.0.0.yaml",
                "models/m/deep/1.0.0.yaml",
                "evidence/x",
            ]
        ),
    )
    def somebody_puts_what_has_no_place(self, by: str | None, stray: str) -> None:
        model = stray.removeprefix("models/").removesuffix("/1.0.0.yaml") if stray.startswith("models/") else None
        self.story.write(stray, "x\n" if model is None else manifest(model, "1.0.0"))
        thing = "policy" if model is None else f"records/{model}"
        assert not self.lands_as_expected(by, thing, {"known-path": "refused"})
        self.goes_back()

    @rule(by=HANDS, what=st.sampled_from(["id", "stage", "junk", "removed", "retired"]))
    def somebody_breaks_the_policy(self, by: str | None, what: str) -> None:
        if what == "retired" and not any(page.now_in("staging") for page in self.book.values()):
            return
        broken = {
            "id": a_policy().replace(b'id: "4f', b'id: "5f'),
            "stage": policy_file({"production": {"from": ["registered"]}}),
            "junk": b"stages: [\n",
            "retired": a_policy().replace(b'"keep"', b'"retired": true, "keep"'),
        }
        if what == "removed":
            self.story.remove("gitstage.yaml")
        else:
            self.story.policy(broken[what])
        number = len(self.story.policies)
        ((thing, (verdict, _)),) = self.lands(by).items()
        assert (thing, verdict) == ("policy", "refused")
        self.goes_back()
        assert len(self.story.policies) == number

    @rule(model=MODELS, stage=STAGE, by=HANDS, data=st.data())
    def somebody_fills_a_slot_together_with_the_policy(
        self, model: str, stage: str, by: str | None, data: st.DataObject
    ) -> None:
        page = self.book[model]
        leaving = page.now_in(stage)
        version = data.draw(st.sampled_from(sorted(page.auc.keys() - {leaving})))
        answer = self.expected(model, stage, version, by, lists=leaving is not None)
        self.words += 1
        self.story.policy(a_policy(self.words)).fill(model, version, stage)
        if leaving is not None:
            self.story.copy(version_path(model, leaving), archived_path(model, leaving))
            page.listed.add(leaving)
        number = len(self.story.policies)
        assert not self.lands_as_expected(by, f"{stage}/{model}", {**answer, "policy-alone": "refused"})
        assert len(self.story.policies) == number + 1, "the policy is not refused"
        self.goes_back()

    # what everybody sees

    @invariant()
    def what_serves_and_since_when_is_what_the_book_says(self) -> None:
        assert self.story.open == {}
        for model, page in self.book.items():
            for stage, stays in page.slots.items():
                effects = self.story.past.effects(Slot(model, stage))
                assert [Stay(effect.after, effect.moment) for effect in effects] == stays


QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
AT_NIGHT = settings.get_current_profile_name() == "nightly"


def test_what_the_book_allows_is_never_refused_and_what_it_forbids_never_passes() -> None:
    """10,000 steps at night, see `make steps`; about a thousand else."""
    short = settings(max_examples=25, stateful_step_count=40, phases=[Phase.generate])
    asked = settings(settings() if AT_NIGHT else short, deadline=None, suppress_health_check=QUIET)
    Judged.said.clear()
    run_state_machine_as_test(Judged, settings=asked)
    steps = Judged.said.total()
    print(f"{steps} steps:", *(f"{count} {what}" for what, count in Judged.said.most_common()), sep="\n")
    assert steps >= (10_000 if AT_NIGHT else 500)
    # Without these the histories would be about nothing.
    verdicts = {what.split()[1] for what in Judged.said}
    assert verdicts == {"passed", "pending", "refused"}
