"""Rehearsals: the fold, judging a registry that stands in a policy's tests and nowhere else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

from gitstage import plans
from gitstage.approvals import WAIVER, Binding, Said, said_path, written
from gitstage.canonical import DocumentError, Problem
from gitstage.changes import FILE, Entry, Nothing, Overlay, blob_id
from gitstage.errors import GitstageError
from gitstage.evidence import test_result
from gitstage.findings import Finding, Judgement, worst
from gitstage.forges import SERVER, Forge, ForgeChange, Review
from gitstage.layout import CONFIGURATION, Slot, archived_path, evidence_path, hold_path, slot_path, version_path
from gitstage.ledger import Effect, State, text_of
from gitstage.manifest import EmptySlot, Hold, ModelVersion, canonical_bytes
from gitstage.plans import Plan, Scene
from gitstage.policy import Policy, read_policy
from gitstage.policytests import VERDICTS, WHOLE, Case, ExpectedRule, PolicyTest, Stay
from gitstage.references import Reference
from gitstage.rules import ALL, JUDGED_ELSEWHERE
from gitstage.rules.cases import Plugin, no_plugin
from gitstage.rules.fold import Step, World, fold, layout_of
from gitstage.validation import near_miss
from gitstage.values import dataclass, field

GIVEN, CHANGED = "given", "changed"
LONG_AGO = timedelta(days=3650)
"""Since when a policy that is tested has been in effect."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What a rule was expected to say, and what it said; None where nothing was expected, or nothing said.

    `message` is what it said in words.
    """

    rule: str
    expected: str | None
    found: str | None
    message: str | None = None


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """One case as it came out: what the judge said, and how that differs from what was expected."""

    case: Case
    moment: datetime
    line: int | None
    judgements: tuple[Judgement, ...]
    differences: tuple[Difference, ...]

    @property
    def passed(self) -> bool:
        """Whether it came out as expected."""
        return not self.differences


def rehearsed(test: PolicyTest, policy: bytes, *, plugin: Callable[[str], Plugin] = no_plugin) -> Iterator[Rehearsed]:
    """Each case of a policy's tests, judged at its moment by the policy that the bytes of a gitstage.yaml say.

    Raises DocumentError where the policy cannot be read, or a case speaks of what it does not know.
    """
    read = read_policy(policy)
    problems = list(_unknown(test, read))
    if problems:
        raise DocumentError(problems)
    stage = _Playground(test, read, policy, plugin)
    for number, case in enumerate(test.cases):
        yield stage.play(number, case)


def _unknown(test: PolicyTest, policy: Policy) -> Iterator[Problem]:
    """The stages and rules of which a case speaks and the policy does not."""
    own = [f"rules/{rule.name}" for gate in policy.gates.values() for rule in gate.rules]
    known = [rule.id for rule in ALL if rule.id != "rules"] + [*JUDGED_ELSEWHERE, *own, WHOLE]
    stages = [*policy.stages]
    for number, case in enumerate(test.cases):
        where: tuple[str | int, ...] = ("cases", number)
        for name in case.given.stages:
            if name not in policy.stages:
                yield test.problem(_no_such("stage", name, stages), *where, "given", "stages", name)
        change = case.change
        to = change.to if change.kind == "promote" else change.what.name if change.kind in SLOTS else None
        if to is not None and to not in policy.stages:
            key = "to" if change.kind == "promote" else change.kind
            yield test.problem(_no_such("stage", to, stages), *where, "change", key)
        for rule in case.expect:
            if rule not in known:
                yield test.problem(_no_such("rule", rule, known), *where, "expect", rule)
        yield from _unknown_people(test, policy, number, case)
        for waiver in case.given.waivers:
            if waiver.rule not in known:
                yield test.problem(_no_such("rule", waiver.rule, known), *where, "given", "waivers")


def _unknown_people(test: PolicyTest, policy: Policy, number: int, case: Case) -> Iterator[Problem]:
    given = case.given
    named = {
        ("change", "by"): case.change.by,
        ("given", "evidence"): [person for item in given.evidence for person in item.signed_by],
        ("given", "approvals"): [item.by for item in given.approvals],
        ("given", "waivers"): [item.by for item in given.waivers],
    }
    for where, people in named.items():
        for person in dict.fromkeys(people):
            if person not in policy.people:
                yield test.problem(_no_such("person", person, [*policy.people]), "cases", number, *where)


SLOTS = ("rollback", "archive")
"""The changes that name a slot, and no version."""


def _no_such(what: str, name: str, known: list[str]) -> str:
    return f"there is no {what} {name!r}{near_miss(name, known)}"


@dataclass(frozen=True)
class _Past:
    """What took effect, as a case gives it."""

    given: Mapping[Slot, tuple[Effect, ...]] = field(default_factory=dict)

    def effects(self, slot: Slot) -> tuple[Effect, ...]:
        return self.given.get(slot, ())

    def taken(self, slot: Slot) -> int:
        return len(self.effects(slot))


@dataclass(frozen=True)
class _Signed:
    """A statement: where it lies, its bytes, and who signed it."""

    path: str
    data: bytes
    by: tuple[str, ...]


def _forge(case: Case, now: datetime) -> Forge | None:
    """Who made the change and who approved it, as a server knows them, by their names; None where nobody can tell."""
    if not case.change.by:
        return None
    reviews = tuple(Review(account=one.by, commit=CHANGED, moment=now - one.age) for one in case.given.approvals)
    return Forge(kind=SERVER, changes=(ForgeChange(authors=frozenset(case.change.by), approvals=reviews),))


class _Playground:
    """A registry in memory, made anew for each case; what has been read once is known to the next."""

    def __init__(self, test: PolicyTest, policy: Policy, data: bytes, plugin: Callable[[str], Plugin]) -> None:
        self.test = test
        self.policy = policy
        self.data = data
        self.layout = layout_of(policy)
        self.plugin = plugin
        self.policies: dict[str, Policy | DocumentError] = {}
        self.manifests: dict[str, ModelVersion | None] = {}

    def play(self, number: int, case: Case) -> Rehearsed:
        now = case.now or self.test.now
        effects = self._effects(case, now)
        statements = list(self._statements(case, effects, now))
        signatures = self._signatures(number, statements, now)
        registry = self._registry(case, effects, statements)
        try:
            plan = self._plan(case, registry, effects)
        except GitstageError as error:
            raise DocumentError(
                [self.test.problem(error.message, "cases", number, "change", hint=error.hint)]
            ) from None
        if plan.without_what_is_there(registry).is_empty:
            raise DocumentError([self.test.problem("nothing would change", "cases", number, "change")])
        trees = {GIVEN: registry, CHANGED: Overlay(registry, plan.edits, plan.blobs)}
        world = World(
            trees=trees.__getitem__,
            past=_Past(effects),
            folder="",
            tip=registry,
            now=now,
            plugin=self.plugin,
            signed_by=lambda data: signatures.get(data, frozenset()),
            forge=_forge(case, now),
            policies=self.policies,
            manifests=self.manifests,
        )
        state = State(judged=GIVEN, policy=GIVEN, policy_number=1, policy_since=now - LONG_AGO)
        judgements = fold(state, [Step(CHANGED, trees[CHANGED])], world).judgements
        return Rehearsed(
            case=case,
            moment=now,
            line=self.test.problem("", "cases", number, "name").line,
            judgements=judgements,
            differences=tuple(_differences(case, judgements)),
        )

    # what is given

    def _effects(self, case: Case, now: datetime) -> dict[Slot, tuple[Effect, ...]]:
        """The changes of the slots that took effect, the last stay of each up to now."""
        stays: dict[Slot, list[Stay]] = {}
        for stage, came in case.given.stages.items():
            for stay in came:
                stays.setdefault(Slot(stay.version.model, stage), []).append(stay)
        return {slot: tuple(self._stays(slot, came, now)) for slot, came in stays.items()}

    def _stays(self, slot: Slot, came: list[Stay], now: datetime) -> Iterator[Effect]:
        since = now - sum((stay.for_ for stay in came), timedelta())
        before: tuple[str | None, str | None] = (None, None)
        for number, stay in enumerate(came, 1):
            after = str(stay.version.name), blob_id(self._manifest(stay.version))
            yield Effect(
                slot=slot,
                number=number,
                action="promote",
                commit=GIVEN,
                moment=since,
                before=before[0],
                before_blob=before[1],
                after=after[0],
                after_blob=after[1],
            )
            before, since = after, since + stay.for_

    def _manifest(self, version: Reference) -> bytes:
        return self.test.manifests[version.model, str(version.name)]

    def _registry(self, case: Case, effects: Mapping[Slot, tuple[Effect, ...]], statements: list[_Signed]) -> Overlay:
        new = str(case.change.what) if case.change.kind == "register" else None
        files = {CONFIGURATION: self.data}
        for (model, version), manifest in self.test.manifests.items():
            if f"{model}@{version}" != new:
                files[version_path(model, version)] = manifest
        for slot, came in effects.items():
            for effect in came:
                files[slot_path(slot.stage, slot.model)] = self.test.manifests[slot.model, str(effect.after)]
                if effect.before is not None:
                    files[archived_path(slot.model, effect.before)] = self.test.manifests[slot.model, effect.before]
        for kept in case.given.archived:
            files[archived_path(kept.model, str(kept.name))] = self._manifest(kept)
        for held in case.given.held:
            files[hold_path(held.model, str(held.name))] = _hold(held, "held")
        files.update({signed.path: signed.data for signed in statements})
        entries = {path: Entry(FILE, blob_id(data)) for path, data in files.items()}
        return Overlay(Nothing(), entries, {blob_id(data): data for data in files.values()})

    def _statements(self, case: Case, effects: Mapping[Slot, tuple[Effect, ...]], now: datetime) -> Iterator[_Signed]:
        """The evidence and the waivers of a case, with those who signed them."""
        numbers: dict[str, int] = {}
        for given in case.given.evidence:
            model, version = given.about.model, str(given.about.name)
            folder = f"{given.about}/{given.name}"
            numbers[folder] = numbers.get(folder, 0) + 1
            data = test_result(
                model, version, self._digest(given.about), given.name, given.result, given.metrics, now - given.age
            )
            yield _Signed(evidence_path(model, version, given.name, numbers[folder]), data, given.signed_by)
        for number, waiver in enumerate(case.given.waivers, 1):
            about = self._binding(case, effects)
            said = Said(
                kind=WAIVER,
                about=about,
                made=now - waiver.age,
                expires=now + waiver.for_,
                reason=waiver.reason,
                rule=waiver.rule,
                gate=waiver.gate,
            )
            path = said_path(WAIVER, about.model, about.version, waiver.by, number)
            yield _Signed(path, written(said), (waiver.by,))

    def _binding(self, case: Case, effects: Mapping[Slot, tuple[Effect, ...]]) -> Binding:
        """The promotion of a case, as what people sign is bound to it."""
        what = case.change.what
        slot = Slot(what.model, str(case.change.to))
        came = effects.get(slot, ())
        before = None if not came else self._digest(Reference(slot.model, came[-1].after))
        return Binding(
            registry=self.policy.id,
            model=slot.model,
            version=str(what.name),
            manifest=self._digest(what),
            stage=slot.stage,
            incumbent=before,
            change=len(came),
        )

    def _digest(self, version: Reference) -> str:
        return hashlib.sha256(self._manifest(version)).hexdigest()

    def _signatures(self, number: int, statements: list[_Signed], now: datetime) -> dict[bytes, frozenset[str]]:
        """By the bytes of each statement, the keys of those who signed it. Raises DocumentError where one has none."""
        found: dict[bytes, frozenset[str]] = {}
        for signed in statements:
            keys = {person: self._key(person, now) for person in signed.by}
            for person, key in keys.items():
                if key is None:
                    message = f"{person} has no key in gitstage.yaml that is valid then, and cannot have signed"
                    raise DocumentError([self.test.problem(message, "cases", number, "name")])
            found[signed.data] = frozenset(key for key in keys.values() if key is not None)
        return found

    def _key(self, person: str, now: datetime) -> str | None:
        return next(
            (text for text, (name, key) in self.policy.keys.items() if name == person and key.is_valid(now)), None
        )

    # what changes

    def _plan(self, case: Case, registry: Overlay, effects: Mapping[Slot, tuple[Effect, ...]]) -> Plan:
        change, what = case.change, case.change.what
        scene = Scene(registry=registry, layout=self.layout, stages=self.policy.stages, passed={}, effects=effects)
        model, name, why = what.model, str(what.name), "as the case says"
        if change.kind == "promote":
            return plans.promote(scene, Slot(model, str(change.to)), name)
        if change.kind == "rollback":
            held = {str(version.name): "held" for version in case.given.held if version.model == model}
            return plans.rollback(scene, Slot(model, name), to=change.to, held=held, holds={}, reason=why)
        if change.kind == "archive":
            return plans.empty(scene, Slot(model, name), canonical_bytes(EmptySlot(model=model)), reason=why)
        if change.kind == "register":
            return plans.register(scene, model, name, self._manifest(what), {})
        return plans.put_hold(model, name, _hold(what, "released"), action="unhold", reason=why)


def _hold(version: Reference, state: str) -> bytes:
    said = {"model": version.model, "version": str(version.name), "state": state, "reason": "as the case says"}
    return canonical_bytes(Hold.model_validate(said))


# What was expected, and what came.


def _word(finding: Finding) -> str:
    return "warned" if finding.advisory and finding.verdict != "passed" else str(finding.verdict)


def _differences(case: Case, judgements: tuple[Judgement, ...]) -> Iterator[Difference]:
    found: dict[str, list[Finding]] = {}
    for judgement in judgements:
        for finding in judgement.findings:
            found.setdefault(finding.rule, []).append(finding)
    for rule, expected in case.expect.items():
        if rule == WHOLE:
            yield from _difference_of_whole(expected, judgements)
        else:
            yield from _difference(rule, expected, found.get(rule, []))
    for rule, findings in found.items():
        if not {rule, WHOLE} & case.expect.keys() and (word := _worst(findings)) != "passed":
            yield Difference(rule=rule, expected=None, found=word, message=_message(findings))


def _difference_of_whole(expected: ExpectedRule, judgements: tuple[Judgement, ...]) -> Iterator[Difference]:
    verdict = str(worst([judgement.verdict for judgement in judgements]))
    if verdict != expected.verdict:
        said = [finding for judgement in judgements for finding in judgement.findings if _word(finding) == verdict]
        message = "; ".join(f"{finding.rule} {finding.message}" for finding in said) if verdict != "passed" else ""
        yield Difference(rule=WHOLE, expected=expected.verdict, found=verdict, message=message or None)


def _worst(findings: list[Finding]) -> str:
    return min((_word(finding) for finding in findings), key=VERDICTS.index)


def _message(findings: list[Finding]) -> str:
    """What a rule said, in the words of the findings that decide."""
    word = _worst(findings)
    return "; ".join(finding.message for finding in findings if _word(finding) == word)


def _difference(rule: str, expected: ExpectedRule, findings: list[Finding]) -> Iterator[Difference]:
    if not findings:
        yield Difference(rule=rule, expected=expected.verdict, found=None)
        return
    word, message = _worst(findings), _message(findings)
    if word != expected.verdict:
        yield Difference(rule=rule, expected=expected.verdict, found=word, message=message)
        return
    if expected.says is not None and expected.says not in message:
        yield Difference(rule=rule, expected=f"{word}, says {expected.says!r}", found=f"{word}, says {message!r}")
    if expected.opens is not None:
        opens = {finding.opens for finding in findings if _word(finding) == word}
        if opens != {expected.opens}:
            said = ", ".join(sorted("no moment" if moment is None else text_of(moment) for moment in opens))
            yield Difference(
                rule=rule, expected=f"{word}, opens {text_of(expected.opens)}", found=f"{word}, opens {said}"
            )
