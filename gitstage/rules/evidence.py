"""A piece of evidence is there, is not too old, and says PASSED."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gitstage.durations import short
from gitstage.findings import Verdict
from gitstage.policy import EvidenceRule, Gate
from gitstage.rules.cases import Answer, Answers, SlotCase
from gitstage.rules.statements import deciding_statement
from gitstage.values import replace

if TYPE_CHECKING:
    from gitstage.evidence import Statement

MOST_REASONS = 3
"""So many statements are named that do not count."""


def gate(case: SlotCase, gate: Gate) -> Answers:
    """What was tested is written down, bound to the manifest's digest, where a reviewer and an auditor find it.

    Of one name the highest number decides; one dated in the future does not count, and one dated before another that
    is already there never outranks it. Anything but PASSED refuses; a kind of statement that says no result, as
    `provenance`, has to be there. One that is missing or too old is pending. With `signed-by`, only statements that one
    of those people signed are ranked, with a key or an identity that is valid at the judged moment; without it, all are,
    and whoever reviews the pull request answers for them.

    Passes: `evidence/m/1.1.0/shadow-traffic/1.json` with `"result": "PASSED"`.
    Refused: `2.json` beside it with `"result": "FAILED"`.
    """
    for rule in gate.evidence:
        yield replace(_answer(case, rule), about=rule.name, advisory=rule.enforce == "warn")


def _answer(case: SlotCase, rule: EvidenceRule) -> Answer:
    model, version = case.slot.model, str(case.after)
    reasons: list[str] = []
    counts = None if rule.signed_by is None else signed_by(case, rule.signed_by, reasons)
    found = deciding_statement(case.passed, model, version, rule.name, now=case.now, kind=rule.type, counts=counts)
    hint = f"gitstage attest {model}@{version} --type {rule.type} --name {rule.name} {_how(case, rule)}"
    if found is None:
        signed = "" if rule.signed_by is None else f" signed by {rule.signed_by}"
        why = "".join(f"; {reason}" for reason in reasons[:MOST_REASONS])
        return Answer(
            verdict=Verdict.PENDING,
            message=f"no {rule.type} called {rule.name}{signed}{why}",
            path=f"evidence/{model}/{version}/{rule.name}/",
            threshold=f"{rule.type} {rule.name}",
            hint=hint,
        )
    path, statement = found
    if not statement.is_success:
        said = statement.result or "nothing"
        return Answer(message=f"{rule.name} says {said}", value=said, threshold="PASSED", path=path)
    says, value = ("says PASSED", "PASSED") if statement.result else ("is there", "there")
    passed = Answer(verdict=Verdict.PASSED, message=f"{rule.name} {says}", value=value, threshold=value, path=path)
    return _too_old(case, rule, path, statement, hint) or (
        passed if rule.signed_by is None else _with_identity(case, passed, path)
    )


def _how(case: SlotCase, rule: EvidenceRule) -> str:
    """How `attest` is told of what a rule asks for: with a key to sign with, or a bundle of those who have no key."""
    how = "--result passed" if rule.type == "test-result" else "--file STATEMENT.json"
    if rule.signed_by is None:
        return how
    people = [case.policy.people[name] for name in case.policy.people_named(rule.signed_by, model=case.slot.model)]
    keyless = any(person.identities for person in people) and not any(person.keys for person in people)
    return "--file BUNDLE.json" if keyless else f"{how} --sign KEY"


def _with_identity(case: SlotCase, answer: Answer, path: str) -> Answer:
    """What is said of a statement in a Sigstore bundle: the identity that was verified, and who that is."""
    entry = case.passed.entry(path)
    data = b"" if entry is None else case.passed.read(entry.oid)
    identity = case.voices.identity_of(data)
    if identity is None:
        return answer
    people, _ = case.voices.signers_of(data)
    return replace(answer, message=f"{answer.message}, signed by {identity}", people=tuple(sorted(people)))


def signed_by(case: SlotCase, name: str, reasons: list[str]) -> Callable[[str, bytes], bool]:
    """What asks whether somebody of a role signed a file; why nobody did is added to `reasons`."""
    may = frozenset(case.policy.people_named(name, model=case.slot.model))

    def counts(file: str, data: bytes) -> bool:
        people, why = case.voices.signers_of(data)
        if people and not people & may:
            why = f"signed by {', '.join(sorted(people))}"
        if why is not None:
            reasons.append(f"{file}: {why}")
        return bool(people & may)

    return counts


def _too_old(case: SlotCase, rule: EvidenceRule, path: str, statement: Statement, hint: str) -> Answer | None:
    """Why a statement is too old; None where it is not."""
    if rule.max_age is None:
        return None
    if statement.made is None:
        return Answer(message=f"{rule.name} does not say when it was made", path=path, hint=hint)
    age = case.now - statement.made
    if age <= rule.max_age:
        return None
    value, threshold = short(age), short(rule.max_age)
    return Answer(
        verdict=Verdict.PENDING,
        message=f"{rule.name} is {value} old, at most {threshold}",
        value=value,
        threshold=threshold,
        path=path,
        hint=hint,
    )
