"""What a policy asks in its own words: expressions in CEL, and plug-ins in Python."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from gitstage.errors import CannotEvaluate
from gitstage.findings import Verdict
from gitstage.layout import Slot, evidence_folder, version_path
from gitstage.ledger import stay, text_of
from gitstage.manifest import ModelVersion
from gitstage.policy import CustomRule, Gate
from gitstage.rules.cases import Answer, Answers, SlotCase
from gitstage.rules.statements import deciding_statement
from gitstage.values import replace


def gate(case: SlotCase, gate: Gate) -> Answers:
    """For what no table foresees, a gate has rules of its own, each with a name: its findings are called `rules/NAME`.

    `expr` is an expression in CEL that must be true. It names what stands in
    [the table of variables](expressions.md), its types are checked when the policy is judged, and it has a
    budget. `python` is the name of a plug-in, an entry point in the group `gitstage.rules`. It runs only where whoever
    runs gitstage allows it by name, `--allow-plugin NAME` or `GITSTAGE_PLUGINS`: a repository never chooses code to
    run. It answers True (passed), False or a text (refused), or a moment (pending until then).

    What cannot be evaluated refuses: an engine that is not installed, a label that the version does not have, a
    plug-in that is not allowed, that raises, or that answers something else.

    Passes: `{name: licensed-data, expr: "version.labels.license != 'internal'"}` with the label `license: cc-by`.
    Refused: with the label `license: internal`, or without that label.
    """
    for rule in gate.rules:
        try:
            answer = _answer(case, rule)
        except CannotEvaluate as error:
            answer = Answer(message=f"cannot be evaluated: {error.message}", hint=error.hint)
        yield replace(
            answer,
            name=rule.name,
            path=version_path(case.slot.model, str(case.after)),
            advisory=rule.enforce == "warn",
        )


def _answer(case: SlotCase, rule: CustomRule) -> Answer:
    if rule.expr is not None:
        from gitstage.expressions import value

        holds = value(rule.expr, facts_of(case))
        said = rule.expr if holds or rule.message is None else rule.message
        return _said(holds=holds, message=said, threshold=rule.expr)
    name = str(rule.python)
    plugin = case.plugin(name)
    try:
        found = plugin(facts_of(case))
    except (Exception, SystemExit) as error:
        raise CannotEvaluate(f"the plug-in {name!r} raised {type(error).__name__}: {error}") from error
    if isinstance(found, bool):
        said = (
            rule.message
            if rule.message is not None and not found
            else f"the plug-in {name!r} says {str(found).lower()}"
        )
        return _said(holds=found, message=said, threshold=name)
    if isinstance(found, str) and found.strip():
        return _said(holds=False, message=found, threshold=name)
    if isinstance(found, datetime) and found.tzinfo is not None and found > case.now:
        return Answer(
            verdict=Verdict.PENDING,
            message=rule.message or f"the plug-in {name!r} asks to wait",
            threshold=name,
            opens=found.astimezone(UTC),
        )
    raise CannotEvaluate(
        f"the plug-in {name!r} answered {type(found).__name__}",
        hint="a rule answers True, False, a text that says what is wrong, or a moment to come that has a time zone",
    )


def _said(*, holds: bool, message: str, threshold: str) -> Answer:
    return Answer(
        verdict=Verdict.PASSED if holds else Verdict.REFUSED,
        message=message,
        value=str(holds).lower(),
        threshold=threshold,
    )


# The facts, as `gitstage.expressions.VARIABLES` describes them: made anew for each rule, so that none changes another's.


def facts_of(case: SlotCase) -> dict[str, Any]:
    """What the rules of a policy's own are asked about."""
    source = _source(case)
    stayed = (
        None if source is None else stay(case.past.effects(Slot(case.slot.model, source)), str(case.after), case.now)
    )
    incumbent = case.incumbent()
    return {
        "version": _version(case.incoming()),
        "incumbent": {
            "exists": case.before is not None,
            **({"since": case.effects[-1].moment} if case.before is not None else {}),
            **_version(incumbent),
        },
        "change": {
            "action": case.action,
            "source": source or "",
            "number": case.past.taken(case.slot) + 1,
            "soaked": timedelta() if stayed is None else (stayed[1] or case.now) - stayed[0],
        },
        "stage": {"name": case.slot.stage, "sources": list(case.policy.stages[case.slot.stage].from_)},
        "evidence": _evidence(case),
        "now": case.now,
    }


def _source(case: SlotCase) -> str | None:
    return case.from_stages[0] if case.from_stages else None


def _version(version: ModelVersion | None) -> dict[str, Any]:
    if version is None:
        return {}
    return {
        "model": version.model,
        "version": version.version,
        "format": version.format or "",
        "description": version.description or "",
        "metrics": _numbers(version.metrics),
        "params": dict(version.params),
        "labels": dict(version.labels),
        "artifacts": [artifact.model_dump() for artifact in version.artifacts],
        "data": [data.model_dump(exclude_none=True) for data in version.data],
        "source": {} if version.source is None else version.source.model_dump(exclude_none=True),
    }


def _evidence(case: SlotCase) -> dict[str, Any]:
    model, version = case.slot.model, str(case.after)
    found = {}
    for name in case.passed.listing(evidence_folder(model, version)):
        decides = deciding_statement(case.passed, model, version, name, now=case.now)
        if decides is None:
            continue
        path, statement = decides
        found[name] = {
            "number": int(path.rpartition("/")[2].removesuffix(".json")),
            "type": statement.type,
            "metrics": _numbers(statement.metrics),
            **({} if statement.result is None else {"result": statement.result}),
            **({} if statement.made is None else {"made": text_of(statement.made)}),
        }
    return found


def _numbers(numbers: Mapping[str, float]) -> dict[str, float]:
    return {name: float(number) for name, number in numbers.items()}
