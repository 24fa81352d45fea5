"""`gitstage explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gitstage.cli.completing import complete_reference, complete_stage
from gitstage.cli.context import Context, json_option, pass_context
from gitstage.cli.output import ascii_only, coloured, print_json, print_line

if TYPE_CHECKING:
    from gitstage.operations.explain import Explanation, Row, Way

_MARKS = {"passed": "✓", "refused": "✗", "pending": "…", "waived": "~", "warn": "!"}
_HOW = {"rollback": ", a rollback: it has been there", "adopt": ", an adoption"}
_ASCII_MARKS = {"passed": "+", "refused": "x", "pending": ".", "waived": "~", "warn": "!"}


@click.command(
    epilog="""\b
Example:
  gitstage explain fraud-detector@1.1.0 --to production
"""
)
@click.argument("what", shell_complete=complete_reference, metavar="MODEL@VERSION")
@click.option("--to", "stage", required=True, metavar="STAGE", shell_complete=complete_stage)
@json_option
@pass_context
def command(context: Context, what: str, stage: str, as_json: bool) -> int:
    """Say what a promotion would need to pass: each rule with its value, its threshold and its verdict.

    What has not passed says what would make it pass, and what to type. Changes nothing.
    Exit codes are those of the promotion: 0 would pass, 1 refused, 4 pending.
    """
    from gitstage.operations import explain

    found = explain.run(context.registry(), what, to=stage)
    if as_json:
        print_json(_document(found))
    else:
        _print(found)
    return found.report.exit_code


def _print(found: Explanation) -> None:
    from gitstage.cli.drawing import metrics_side_by_side, moment, table

    judgement = found.judgement
    if judgement is None:
        since = "" if found.effect is None else f", in effect since {moment(found.effect.moment, found.moment)}"
        named = "" if found.effect is None else f"{found.effect.after} "
        print_line(f"{found.slot.model}: {named}is what {found.slot.stage} declares{since}; nothing is asked")
        return
    before = judgement.before or "empty"
    comes = f", from {judgement.source}" if judgement.source else ""
    how = _HOW.get(judgement.action, "")
    print_line(f"{found.slot.model}: {found.slot.stage} {before} → {judgement.after or 'no version'}{comes}{how}")
    click.echo()
    rows = [_cells(row) for row in found.rows]
    notes = [_notes(row, found) for row in found.rows]
    rows.append([_mark("passed"), "facts", "", "", ""])
    notes.append([", ".join(found.silent)])
    drawn = table(["", "rule", "gate", "found", "asked"], rows, below=notes, colour=coloured(), ascii_only=ascii_only())
    click.echo(drawn, nl=False)
    if judgement.metrics:
        click.echo()
        drawn = metrics_side_by_side(
            judgement.metrics,
            before=before,
            after=judgement.after or "",
            colour=coloured(),
            ascii_only=ascii_only(),
        )
        click.echo(drawn, nl=False)
    click.echo()
    print_line(_verdict(found))
    if found.waiver is not None:
        print_line(f"what a gate asks can be waived by {_way(found.waiver)}")


def _weight(row: Row) -> str:
    from gitstage.reports.wording import weight

    return weight(row.finding)


def _mark(weight: str) -> str:
    return (_ASCII_MARKS if ascii_only() else _MARKS)[weight]


def _cells(row: Row) -> list[str]:
    finding = row.finding
    rule = f"{finding.rule} {finding.about}" if finding.about else finding.rule
    return [_mark(_weight(row)), rule, finding.gate or "", finding.value or "", finding.threshold or ""]


def _notes(row: Row, found: Explanation) -> list[str]:
    """What a row needs besides its cells: what was said, when it passes, and what to do."""
    from gitstage.reports.wording import opening

    finding = row.finding
    weight = _weight(row)
    lines = []
    if weight != "passed" or finding.value is None or (finding.rule == "evidence" and finding.people):
        said = {"warn": "warns only: ", "waived": "waived: "}.get(weight, "")
        lines.append(f"{said}{finding.message}")
    if finding.opens is not None:
        lines.append(f"passes by itself at {opening(finding.opens, found.moment)}")
    for way in row.ways:
        lines.append(f"{'next:' if way.words == finding.hint else 'needs'} {_way(way)}")
    return lines


def _way(way: Way) -> str:
    return f"{way.words}: {way.command}" if way.command else way.words


def _verdict(found: Explanation) -> str:
    from gitstage.reports.wording import conclusion

    if found.report.passed:
        return "it would pass"
    return f"it would be {conclusion(found.report).rpartition(': ')[0]}"


def _document(found: Explanation) -> dict[str, Any]:
    from gitstage.ledger import text_of
    from gitstage.reports import as_json

    judgement = found.judgement
    return {
        "schema": "gitstage/explanation/v1",
        "model": found.slot.model,
        "stage": found.slot.stage,
        "before": judgement.before if judgement else found.effect.after if found.effect else None,
        "after": judgement.after if judgement else found.effect.after if found.effect else None,
        "source": judgement.source if judgement else None,
        "verdict": str(found.verdict),
        "exit_code": found.report.exit_code,
        "in_effect_since": None if found.effect is None else text_of(found.effect.moment),
        "rules": [
            {
                "rule": row.finding.rule,
                "about": row.finding.about,
                "gate": row.finding.gate,
                "verdict": str(row.finding.verdict),
                "advisory": row.finding.advisory,
                "value": row.finding.value,
                "threshold": row.finding.threshold,
                "message": row.finding.message,
                "opens": None if row.finding.opens is None else text_of(row.finding.opens),
                "ways": [{"words": way.words, "command": way.command} for way in row.ways],
            }
            for row in found.rows
        ],
        "facts": list(found.silent),
        "waiver": None if found.waiver is None else {"words": found.waiver.words, "command": found.waiver.command},
        "report": as_json.document(found.report),
    }
