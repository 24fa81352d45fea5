"""A report as annotations of a pull request: workflow commands of GitHub Actions."""

from __future__ import annotations

from collections.abc import Iterator

from gitstage.findings import Finding, Judgement, Report
from gitstage.reports import wording
from gitstage.sinks import terminal, workflow_message, workflow_property

SHOWN = 10
"""So many annotations of each type does GitHub show a step; it drops the others without a word."""
TITLE, MESSAGE = 255, 4_000
"""So many characters of a title and of each line of a message are written; GitHub takes 255, and 64 KB of a message."""
_COMMANDS = {"refused": "error", "pending": "warning", "waived": "warning", "warn": "warning"}


def render(report: Report) -> str:
    """A command for each thing that is not as it should be, then a notice with the verdict, and then a plain line.

    `::error` refuses, `::warning` is pending, waived or advice. What is beyond the ten of a type that GitHub shows is counted.
    """
    found = sorted(_found(report), key=lambda item: wording.WEIGHTS.index(wording.weight(item[1])))
    lines: dict[str, list[str]] = {"error": [], "warning": []}
    for judgement, finding in found:
        lines[_COMMANDS[wording.weight(finding)]].append(_annotation(report, judgement, finding))
    shown = [line for kind in lines.values() for line in kind[:SHOWN]]
    unshown = len(found) - len(shown)
    rest = [wording.left_out(unshown, f"GitHub shows {SHOWN} annotations of a type")] if unshown else []
    summary = [wording.clipped(line, MESSAGE) for line in (wording.conclusion(report), *_notes(report), *rest)]
    notice = f"::notice title={workflow_property('gitstage')}::{workflow_message(*summary)}"
    return "".join(f"{line}\n" for line in (*shown, notice, f"gitstage: {terminal('; '.join(summary))}"))


def _found(report: Report) -> Iterator[tuple[Judgement, Finding]]:
    for judgement in report.judgements:
        for finding in judgement.findings:
            if wording.weight(finding) in _COMMANDS:
                yield judgement, finding


def _notes(report: Report) -> list[str]:
    debts = [f"debt: {debt}" for judgement in report.judgements for debt in wording.debts(report, judgement)]
    more = [wording.left_out(len(debts) - SHOWN, "there are many", of="debt")] if len(debts) > SHOWN else []
    return [*([wording.NEW_REGISTRY] if report.new_registry else []), *debts[:SHOWN], *more, *report.notes]


def _annotation(report: Report, judgement: Judgement, finding: Finding) -> str:
    properties = {
        "file": wording.location(report, wording.shown_at(judgement, finding)),
        "line": None if finding.path is None or finding.line is None else str(finding.line),
        "title": wording.clipped(f"{finding.rule} {wording.weight(finding)} ({wording.headline(judgement)})", TITLE),
    }
    written = ",".join(f"{key}={workflow_property(value)}" for key, value in properties.items() if value)
    message = (wording.clipped(line, MESSAGE) for line in _message(report, finding))
    return f"::{_COMMANDS[wording.weight(finding)]} {written}::{workflow_message(*message)}"


def _message(report: Report, finding: Finding) -> Iterator[str]:
    yield finding.message
    yield from wording.next_steps(report, finding)
