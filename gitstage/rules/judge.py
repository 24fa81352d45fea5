"""The judge: runs the rules of the table on one case, and puts their names and gates to what they say."""

from __future__ import annotations

from collections.abc import Iterator

from gitstage.findings import Finding, Judgement, Verdict
from gitstage.layout import POLICY, Records, Slot, version_path
from gitstage.ledger import Open
from gitstage.rules import ALL, known_path
from gitstage.rules.cases import Answer, PolicyCase, RecordsCase, SlotCase


def judge_policy(case: PolicyCase) -> Judgement:
    """What the facts say of a change of the policy."""
    findings = [_finding(rule.id, answer) for rule in ALL if rule.policy is not None for answer in rule.policy(case)]
    return Judgement(thing=str(POLICY), action="policy", findings=tuple(findings))


def judge_records(case: RecordsCase) -> Judgement:
    """What the facts say of a change of a model's records."""
    findings = [_finding(rule.id, answer) for rule in ALL if rule.records is not None for answer in rule.records(case)]
    new = _new_versions(case)
    return Judgement(
        thing=str(Records(case.model)),
        action="register" if new else "records",
        model=case.model,
        after=new[0] if len(new) == 1 else None,
        findings=tuple(findings),
    )


def _new_versions(case: RecordsCase) -> list[str]:
    """The versions that the change registers, where it does nothing else."""
    if any(change.before is not None or place.kind not in ("version", "artifact") for change, place in case.changes):
        return []
    return [str(place.version) for _, place in case.changes if place.kind == "version"]


def judge_slot(case: SlotCase) -> Judgement:
    """What the facts, the stage and its gates say of a change of a slot.

    A rollback and an emptied slot wait for no gate.
    """
    return Judgement(
        thing=str(case.slot),
        action=case.action,
        model=case.slot.model,
        stage=case.slot.stage,
        source=_source(case),
        before=case.before,
        after=case.after,
        findings=tuple(_of_slot(case)),
        metrics=_metrics(case),
    )


def _of_slot(case: SlotCase) -> Iterator[Finding]:
    if case.stays_empty:
        # What never held anything and is empty takes no effect: only its name is looked at.
        for answer in known_path.slot(case):
            yield _finding("known-path", answer)
        return
    if case.records_open is not None and case.action != "rollback":
        yield from _of_open_records(case.slot.model, case.records_open)
    for rule in ALL:
        if rule.slot is not None:
            for answer in rule.slot(case):
                yield _finding(rule.id, answer)
    if case.action == "promote" and case.after is not None:
        yield from _of_gates(case)


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
        for rule in ALL:
            if rule.gate is not None:
                for answer in rule.gate(case, gate):
                    yield _finding(rule.id, answer, gate=name)


def _finding(rule: str, answer: Answer, gate: str | None = None) -> Finding:
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
    )


def _source(case: SlotCase) -> str | None:
    return case.from_stages[0] if case.from_stages and case.action == "promote" else None


def _metrics(case: SlotCase) -> dict[str, tuple[float | None, float | None]]:
    incoming, incumbent = case.incoming() if case.matched else None, case.incumbent()
    if incoming is None:
        return {}
    before = {} if incumbent is None else incumbent.metrics
    return {name: (before.get(name), incoming.metrics.get(name)) for name in sorted({*before, *incoming.metrics})}


def slot_of(judgement: Judgement) -> Slot | None:
    """The slot that a judgement is about."""
    if judgement.model is None or judgement.stage is None:
        return None
    return Slot(judgement.model, judgement.stage)
