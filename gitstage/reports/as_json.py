"""A report for programs: `docs/reference/report.md` describes it key by key."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from gitstage.findings import Debt, Finding, Judgement, Report
from gitstage.sinks import json_document

SCHEMA = "gitstage/report/v1"


def render(report: Report) -> str:
    """One JSON object, always with every key."""
    return json_document(document(report))


def document(report: Report) -> dict[str, Any]:
    """What `render` writes, as dicts, lists, strings, numbers, booleans and None."""
    return {
        "schema": SCHEMA,
        "verdict": str(report.verdict),
        "exit_code": report.exit_code,
        "base": report.base,
        "head": report.head,
        "moment": _moment(report.moment),
        "registry": report.registry,
        "new_registry": report.new_registry,
        "judgements": [_judgement(judgement) for judgement in report.judgements],
        "elsewhere": list(report.elsewhere),
        "notes": list(report.notes),
    }


def _judgement(judgement: Judgement) -> dict[str, object]:
    return {
        "thing": judgement.thing,
        "action": judgement.action,
        "model": judgement.model,
        "stage": judgement.stage,
        "source": judgement.source,
        "before": judgement.before,
        "after": judgement.after,
        "verdict": str(judgement.verdict),
        "metrics": {
            name: {"before": _finite(before), "after": _finite(after)}
            for name, (before, after) in sorted(judgement.metrics.items())
        },
        "findings": [_finding(finding) for finding in judgement.findings],
        "debts": [_debt(debt) for debt in judgement.debts],
    }


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "rule": finding.rule,
        "verdict": str(finding.verdict),
        "advisory": finding.advisory,
        "message": finding.message,
        "path": finding.path,
        "line": finding.line,
        "gate": finding.gate,
        "value": finding.value,
        "threshold": finding.threshold,
        "opens": None if finding.opens is None else _moment(finding.opens),
        "hint": finding.hint,
        "people": list(finding.people),
    }


def _debt(debt: Debt) -> dict[str, object]:
    return {
        "kind": debt.kind,
        "by": list(debt.by),
        "due": None if debt.due is None else _moment(debt.due),
        "rule": debt.rule,
        "gate": debt.gate,
        "reason": debt.reason,
        "expires": None if debt.expires is None else _moment(debt.expires),
    }


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _finite(value: float | None) -> float | None:
    """JSON has no NaN and no infinity."""
    return None if value is None or not math.isfinite(value) else value
