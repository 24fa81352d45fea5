"""The judge: runs the rules of the table on one case, and puts their names and gates to what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from gitstage.errors import CannotVerify
from gitstage.findings import SEVERITY, Debt, Finding, Judgement, Verdict
from gitstage.layout import POLICY, Records, Slot, version_path
from gitstage.ledger import Open
from gitstage.policy import Gate
from gitstage.rules import ALL, approvals, known_path
from gitstage.rules.cases import Answer, Answers, GateRule, PolicyCase, RecordsCase, SlotCase
from gitstage.values import replace

Case = TypeVar("Case", PolicyCase, RecordsCase, SlotCase)

OF_POLICY = tuple((rule.id, rule.policy) for rule in ALL if rule.policy is not None)
OF_RECORDS = tuple((rule.id, rule.records) for rule in ALL if rule.records is not None)
OF_SLOTS = tuple((rule.id, rule.slot) for rule in ALL if rule.slot is not None)
OF_GATES = tuple((rule.id, rule.gate) for rule in ALL if rule.gate is not None)
"""The rules of the table that have something to say of each kind of case, by their ids."""


def judge_policy(case: PolicyCase) -> Judgement:
    """What the facts say of a change of the policy."""
    return Judgement(thing=str(POLICY), action="policy", findings=tuple(_findings(OF_POLICY, case)))


def judge_records(case: RecordsCase) -> Judgement:
    """What the facts say of a change of a model's records."""
    new = _new_versions(case)
    return Judgement(
        thing=str(Records(case.model)),
        action="register" if new else "records",
        model=case.model,
        after=new[0] if len(new) == 1 else None,
        findings=tuple(_findings(OF_RECORDS, case)),
    )


def _new_versions(case: RecordsCase) -> list[str]:
    """The versions that the change registers, where it does nothing else."""
    if any(change.before is not None or place.kind not in ("version", "artifact") for change, place in case.changes):
        return []
    return [str(place.version) for _, place in case.changes if place.kind == "version"]


def judge_slot(case: SlotCase) -> Judgement:
    """What the facts, the stage and its gates say of a change of a slot.

    A rollback and an emptied slot wait for no gate. A change that could be a rollback or a promotion passes if it
    passes as either.
    """
    judgement = _judged(case)
    if case.action != "rollback" or judgement.verdict is Verdict.PASSED or not case.from_stages:
        return judgement
    promotion = _judged(replace(case, action="promote"))
    return min(judgement, promotion, key=lambda found: SEVERITY.index(found.verdict))


def _judged(case: SlotCase) -> Judgement:
    findings: tuple[Finding, ...] = tuple(_of_slot(case))
    debts: tuple[Debt, ...] = ()
    if case.policy.stages[case.slot.stage].waivers is not None:
        from gitstage.rules.waivers import with_waivers

        findings, debts = with_waivers(case, findings)
    return Judgement(
        thing=str(case.slot),
        action=case.action,
        model=case.slot.model,
        stage=case.slot.stage,
        source=_source(case),
        before=case.before,
        after=case.after,
        findings=findings,
        metrics=_metrics(case),
        debts=(*debts, *_rolled_back_alone(case, findings)),
    )


def _rolled_back_alone(case: SlotCase, findings: tuple[Finding, ...]) -> Iterator[Debt]:
    """What a rollback under `settle` leaves to be countersigned."""
    rule = case.policy.stages[case.slot.stage].rollback
    if case.action == "rollback" and rule is not None and rule.settle is not None:
        by = tuple(person for found in findings if found.rule == "approvals" for person in found.people)
        if len(by) == 1:
            yield Debt(kind="rollback", by=by, due=case.now + rule.settle)


def _of_slot(case: SlotCase) -> Iterator[Finding]:
    if case.stays_empty:
        # What never held anything and is empty takes no effect: only its name is looked at.
        yield from _findings((("known-path", known_path.slot),), case)
        return
    if case.records_open is not None and case.action != "rollback":
        yield from _of_open_records(case.slot.model, case.records_open)
    yield from _findings(OF_SLOTS, case)
    if case.action == "promote" and case.after is not None:
        yield from _of_gates(case)
    elif case.action == "rollback" and not case.has_passed_before:
        # It was here by a waiver only: what was waived then is asked now.
        yield from _of_gates(case)
    elif case.action == "rollback" and case.policy.stages[case.slot.stage].rollback is None:
        for name, gate in case.policy.gates_for(case.slot.model, case.slot.stage):
            yield from _gate_findings((("approvals", approvals.gate),), case, name, gate)


def _of_open_records(model: str, waiting: Open) -> Iterator[Finding]:
    message = f"the records of {model} are open"
    said = [finding for finding in waiting.findings if finding.verdict is not Verdict.PASSED]
    for finding in said:
        yield finding.bind(verdict=Verdict.PENDING, message=f"{message}: {finding.message}")
    if not said:
        yield Finding(rule="manifest-valid", verdict=Verdict.PENDING, message=message)


def _of_gates(case: SlotCase) -> Iterator[Finding]:
    gates = case.policy.gates_for(case.slot.model, case.slot.stage)
    if gates and case.incoming() is None:
        # What is registered could be read when it passed; where it cannot be now, no gate is open.
        path = version_path(case.slot.model, str(case.after))
        if case.records_open is None:
            yield Finding(rule="manifest-valid", verdict=Verdict.REFUSED, message="cannot be read", path=path)
        return
    for name, gate in gates:
        yield from _gate_findings(OF_GATES, case, name, gate)


def _findings(rules: Iterable[tuple[str, Callable[[Case], Answers]]], case: Case) -> Iterator[Finding]:
    """What rules say of a case. One that cannot answer refuses."""
    for rule, ask in rules:
        try:
            for answer in ask(case):
                yield _finding(rule, answer, None)
        except CannotVerify as error:
            yield _unverified(rule, error, None)


def _gate_findings(rules: Iterable[tuple[str, GateRule]], case: SlotCase, name: str, gate: Gate) -> Iterator[Finding]:
    """What rules say of a case at one gate of its stage, in the same way."""
    for rule, ask in rules:
        try:
            for answer in ask(case, gate):
                yield _finding(rule, answer, name)
        except CannotVerify as error:
            yield _unverified(rule, error, name)


def _unverified(rule: str, error: CannotVerify, gate: str | None) -> Finding:
    return Finding(
        rule=rule,
        verdict=Verdict.REFUSED,
        message=f"no signature can be verified: {error.message}",
        gate=gate,
        hint=error.hint,
    )


def _finding(rule: str, answer: Answer, gate: str | None) -> Finding:
    return Finding(
        rule=rule if answer.name is None else f"{rule}/{answer.name}",
        verdict=answer.verdict,
        message=answer.message,
        path=answer.path,
        line=answer.line,
        gate=gate,
        about=answer.about,
        value=answer.value,
        threshold=answer.threshold,
        opens=answer.opens,
        hint=answer.hint,
        advisory=answer.advisory,
        people=answer.people,
    )


def _source(case: SlotCase) -> str | None:
    return case.from_stages[0] if case.from_stages and case.action == "promote" else None


def _metrics(case: SlotCase) -> dict[str, tuple[float | None, float | None]]:
    incoming, incumbent = case.incoming(), case.incumbent()
    if incoming is None:
        return {}
    before = {} if incumbent is None else incumbent.metrics
    return {name: (before.get(name), incoming.metrics.get(name)) for name in sorted({*before, *incoming.metrics})}


def slot_of(judgement: Judgement) -> Slot | None:
    """The slot that a judgement is about."""
    if judgement.model is None or judgement.stage is None:
        return None
    return Slot(judgement.model, judgement.stage)
