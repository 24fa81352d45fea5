"""A report as annotations of a pull request: workflow commands of GitHub Actions."""

from __future__ import annotations

from collections.abc import Iterator

from gitstage.findings import Finding, Judgement, Report
from gitstage.layout import slot_path
from gitstage.reports import wording
from gitstage.sinks import terminal, workflow_message, workflow_property

SHOWN = 10
"""So many annotations of each type does GitHub show a step; it drops the others without a word."""
_COMMANDS = {"refused": "error", "pending": "warning", "warn": "warning"}


def render(report: Report) -> str:
    """A command for each thing that is not as it should be, then a notice with the verdict, and then a plain line.

    `::error` refuses, `::warning` is pending or advice. What is beyond the ten of a type that GitHub shows is counted.
    """
    found = sorted(_found(report), key=lambda item: ("refused", "pending", "warn").index(wording.weight(item[1])))
    lines: dict[str, list[str]] = {"error": [], "warning": []}
    for judgement, finding in found:
        lines[_COMMANDS[wording.weight(finding)]].append(_annotation(report, judgement, finding))
    shown = [line for kind in lines.values() for line in kind[:SHOWN]]
    unshown = len(found) - len(shown)
    rest = [
        f"{unshown} more finding{' has' if unshown == 1 else 's have'} no annotation: GitHub shows {SHOWN} of a type"
    ]
    summary = [wording.conclusion(report), *_notes(report), *(rest if unshown else [])]
    notice = f"::notice title={workflow_property('gitstage')}::{workflow_message(*summary)}"
    return "".join(f"{line}\n" for line in (*shown, notice, f"gitstage: {terminal('; '.join(summary))}"))


def _found(report: Report) -> Iterator[tuple[Judgement, Finding]]:
    for judgement in report.judgements:
        for finding in judgement.findings:
            if wording.weight(finding) in _COMMANDS:
                yield judgement, finding


def _notes(report: Report) -> list[str]:
    return [*([wording.NEW_REGISTRY] if report.new_registry else []), *report.notes]


def _annotation(report: Report, judgement: Judgement, finding: Finding) -> str:
    properties = {
        "file": wording.location(report, _file(judgement, finding)),
        "line": None if finding.path is None or finding.line is None else str(finding.line),
        "title": f"{finding.rule} {wording.weight(finding)} ({wording.headline(judgement)})",
    }
    written = ",".join(f"{key}={workflow_property(value)}" for key, value in properties.items() if value is not None)
    return f"::{_COMMANDS[wording.weight(finding)]} {written}::{workflow_message(*_message(report, finding))}"


def _file(judgement: Judgement, finding: Finding) -> str | None:
    """Where a reader of the diff sees the annotation: at a file, or else at the slot that the change is about."""
    if finding.path is not None and not finding.path.endswith("/"):
        return finding.path
    if judgement.model is None or judgement.stage is None:
        return None
    return slot_path(judgement.stage, judgement.model)


def _message(report: Report, finding: Finding) -> Iterator[str]:
    yield finding.message
    if finding.opens is not None:
        yield f"opens {wording.opening(finding.opens, report.moment)}"
    if finding.hint is not None:
        yield wording.todo(finding.hint)
