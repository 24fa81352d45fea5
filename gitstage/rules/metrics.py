"""A metric lies within its bounds, and is not worse than the incumbent's by more than is allowed."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from decimal import Decimal

from gitstage.changes import Snapshot
from gitstage.findings import Verdict
from gitstage.layout import version_path
from gitstage.policy import Gate, MetricRule, Tolerance
from gitstage.rules.cases import Answer, Answers, SlotCase
from gitstage.rules.evidence import signed_by
from gitstage.rules.statements import deciding_statement
from gitstage.values import replace


def gate(case: SlotCase, gate: Gate) -> Answers:
    """A version that is worse than the one that serves does not replace it by oversight.

    `min` and `max` bound the value; `max-drop` and `max-rise` bound its difference from the version that is in the
    slot at the base, absolutely (`0.002`) or in percent of the incumbent's value (`2%`). With `evidence: NAME` the
    value is the one that was measured in the statement of that name that decides, and not the registrant's; where a gate
    of the stage asks for that evidence `signed-by` somebody, only theirs count here, too.
    Without an incumbent, or one without that metric, a comparison passes and says so; a metric that is missing from
    the version refuses.

    Passes: `{name: auc, min: 0.90, max-drop: 0.002}` with auc 0.951 → 0.953. Refused: auc 0.951 → 0.938.
    """
    for rule in gate.metrics:
        for answer in _answers(case, rule):
            yield replace(answer, about=rule.name, advisory=rule.enforce == "warn")


def measured(case: SlotCase, rule: MetricRule, version: str, records: Snapshot) -> tuple[float | None, str]:
    """The value of a metric for a version, as the given records say, and the path of the file that says so."""
    model = case.slot.model
    if rule.evidence is None:
        manifest = case.version_in(records, model, version)
        return (None if manifest is None else manifest.metrics.get(rule.name)), version_path(model, version)
    found = deciding_statement(
        records, model, version, rule.evidence, now=case.now, counts=_counts(case, rule.evidence)
    )
    if found is None:
        return None, f"evidence/{model}/{version}/{rule.evidence}/"
    path, statement = found
    return statement.metrics.get(rule.name), path


def _counts(case: SlotCase, name: str) -> Callable[[str, bytes], bool] | None:
    """Whose statements of a name count: those that the stage's gates ask for, where one asks who signed them."""
    for _, gate in case.policy.gates_for(case.slot.model, case.slot.stage):
        for rule in gate.evidence:
            if rule.name == name and rule.signed_by is not None:
                return signed_by(case, rule.signed_by, [])
    return None


def _answers(case: SlotCase, rule: MetricRule) -> Answers:
    version = str(case.after)
    value, path = measured(case, rule, version, case.passed)
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
    for bound, word, holds in ((rule.min, "min", operator.ge), (rule.max, "max", operator.le)):
        if bound is not None:
            measured_text, bound_text = told_apart(value, bound)
            yield Answer(
                verdict=Verdict.PASSED if holds(value, bound) else Verdict.REFUSED,
                message=f"{rule.name} {measured_text}, {word} {bound_text}",
                value=measured_text,
                threshold=f"{word} {bound_text}",
                path=path,
            )


def _comparison(case: SlotCase, rule: MetricRule, value: float, path: str) -> Answers:
    # What this change says of the incumbent does not count: nobody lowers the bar with what has to pass it.
    before = None if case.before is None else measured(case, rule, case.before, case.base)[0]
    if before is None:
        why = "no incumbent" if case.before is None else f"the incumbent {case.before} has no {rule.name}"
        yield Answer(
            verdict=Verdict.PASSED,
            message=f"{rule.name} {number(value)}: {why} to compare with",
            value=number(value),
            path=path,
        )
        return
    was_text, now_text = told_apart(before, value)
    for tolerance, word, worse in _tolerances(rule, _exact(before), _exact(value)):
        yield Answer(
            verdict=Verdict.PASSED if worse <= _allowed(tolerance, _exact(before)) else Verdict.REFUSED,
            message=f"{rule.name} {was_text} → {now_text}, {word} {tolerance}",
            value=f"{was_text} → {now_text}",
            threshold=f"{word} {tolerance}",
            path=path,
        )


def _tolerances(rule: MetricRule, before: Decimal, value: Decimal) -> Iterator[tuple[Tolerance, str, Decimal]]:
    if rule.max_drop is not None:
        yield rule.max_drop, "max-drop", before - value
    if rule.max_rise is not None:
        yield rule.max_rise, "max-rise", value - before


def _exact(value: float) -> Decimal:
    """A number as it is written: 0.951 - 0.949 is 0.002, whatever binary floats make of it."""
    return Decimal(str(value))


def _allowed(tolerance: Tolerance, before: Decimal) -> Decimal:
    amount = _exact(tolerance.amount)
    return abs(before) * amount / 100 if tolerance.percent else amount


def number(value: float) -> str:
    """A number as a person writes it: whole, or with six digits."""
    whole = value == int(value) and abs(value) < 10**15
    return str(int(value)) if whole else f"{value:.6g}"


def told_apart(one: float, other: float) -> tuple[str, str]:
    """Two numbers as a person writes them; with all their digits where they would look the same and are not."""
    texts = number(one), number(other)
    return (str(one), str(other)) if one != other and texts[0] == texts[1] else texts
