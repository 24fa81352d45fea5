"""A metric lies within its bounds, and is not worse than the incumbent's by more than is allowed."""

from __future__ import annotations

from collections.abc import Iterator

from gitstage.findings import Verdict
from gitstage.layout import version_path
from gitstage.policy import Gate, MetricRule, Tolerance
from gitstage.rules.cases import Answer, Answers, SlotCase
from gitstage.rules.statements import deciding_statement


def gate(case: SlotCase, gate: Gate) -> Answers:
    """A version that is worse than the one that serves does not replace it by oversight.

    `min` and `max` bound the value; `max-drop` and `max-rise` bound its difference from the version that is in the
    slot at the base, absolutely (`0.002`) or in percent of the incumbent's value (`2%`). With `evidence: NAME` the
    value is the one that was measured in the statement of that name that decides, and not the registrant's.
    Without an incumbent, or one without that metric, a comparison passes and says so; a metric that is missing from
    the version refuses.

    Passes: `{name: auc, min: 0.90, max-drop: 0.002}` with auc 0.951 → 0.953. Refused: auc 0.951 → 0.938.
    """
    for rule in gate.metrics:
        for answer in _answers(case, rule):
            yield answer if rule.enforce == "refuse" else _as_advice(answer)


def _as_advice(answer: Answer) -> Answer:
    from dataclasses import replace

    return replace(answer, advisory=True)


def measured(case: SlotCase, rule: MetricRule, version: str) -> tuple[float | None, str]:
    """The value of a metric for a version, and the path of the file that says so."""
    model = case.slot.model
    if rule.evidence is None:
        manifest = case.version_in(case.passed, model, version)
        return (None if manifest is None else manifest.metrics.get(rule.name)), version_path(model, version)
    found = deciding_statement(case.passed, model, version, rule.evidence, now=case.now)
    if found is None:
        return None, f"evidence/{model}/{version}/{rule.evidence}/"
    path, statement = found
    return statement.metrics.get(rule.name), path


def _answers(case: SlotCase, rule: MetricRule) -> Answers:
    version = str(case.after)
    value, path = measured(case, rule, version)
    where = f" in evidence {rule.evidence}" if rule.evidence else ""
    if value is None:
        hint = (
            f"gitstage attest {case.slot.model}@{version} --type test-result --name {rule.evidence} "
            f"--result passed --metric {rule.name}=VALUE"
            if rule.evidence
            else f"register a version that has it: --metric {rule.name}=VALUE"
        )
        missing = Verdict.PENDING if rule.evidence else Verdict.REFUSED
        yield Answer(message=f"{rule.name} is missing{where}", path=path, hint=hint, verdict=missing)
        return
    yield from _bounds(rule, value, path)
    if rule.max_drop is not None or rule.max_rise is not None:
        yield from _comparison(case, rule, value, path)


def _bounds(rule: MetricRule, value: float, path: str) -> Answers:
    for bound, word, holds in ((rule.min, "min", _at_least), (rule.max, "max", _at_most)):
        if bound is not None:
            yield Answer(
                verdict=Verdict.PASSED if holds(value, bound) else Verdict.REFUSED,
                message=f"{rule.name} {number(value)}, {word} {number(bound)}",
                value=number(value),
                threshold=f"{word} {number(bound)}",
                path=path,
            )


def _at_least(value: float, bound: float) -> bool:
    return value >= bound


def _at_most(value: float, bound: float) -> bool:
    return value <= bound


def _comparison(case: SlotCase, rule: MetricRule, value: float, path: str) -> Answers:
    before = None if case.before is None else measured(case, rule, case.before)[0]
    if before is None:
        why = "no incumbent" if case.before is None else f"the incumbent {case.before} has no {rule.name}"
        yield Answer(
            verdict=Verdict.PASSED,
            message=f"{rule.name} {number(value)}: {why} to compare with",
            value=number(value),
            path=path,
        )
        return
    for tolerance, word, worse in _tolerances(rule, before, value):
        allowed = tolerance.allowed(before)
        yield Answer(
            verdict=Verdict.PASSED if _within(worse, allowed) else Verdict.REFUSED,
            message=f"{rule.name} {number(before)} → {number(value)}, {word} {tolerance}",
            value=f"{number(before)} → {number(value)}",
            threshold=f"{word} {tolerance}",
            path=path,
        )


def _tolerances(rule: MetricRule, before: float, value: float) -> Iterator[tuple[Tolerance, str, float]]:
    if rule.max_drop is not None:
        yield rule.max_drop, "max-drop", before - value
    if rule.max_rise is not None:
        yield rule.max_rise, "max-rise", value - before


def _within(worse: float, allowed: float) -> bool:
    """Whether a difference is allowed; 0.951 - 0.949 is 0.002, whatever binary floats make of it."""
    return worse <= allowed or abs(worse - allowed) <= 1e-9 * max(abs(worse), abs(allowed))


def number(value: float) -> str:
    """A number as a person writes it."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
