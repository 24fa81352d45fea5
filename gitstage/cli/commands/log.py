"""`gitstage log`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitstage.cli.completing import complete_reference
from gitstage.cli.context import Context, json_option, pass_context
from gitstage.cli.output import print_json, print_line, print_table

if TYPE_CHECKING:
    from gitstage.ledger import Effect


@click.command(
    epilog="""\b
Examples:
  gitstage log fraud-detector
  gitstage log fraud-detector@production
"""
)
@click.argument("what", shell_complete=complete_reference, metavar="MODEL[@STAGE]")
@click.option("--at", metavar="WHEN", help="Only what had taken effect then: a moment, a date, a commit or a tag.")
@json_option
@pass_context
def command(context: Context, what: str, at: str | None, as_json: bool) -> None:
    """Show what took effect in a model's stages, when and why, newest first."""
    from gitstage.operations import log

    found = log.run(context.registry(), what, at=at)
    if as_json:
        print_json(document(found))
        return
    # The tag says the stage, too, and leads to the commit: `git show TAG`.
    rows = [
        [
            f"{effect.moment:%Y-%m-%d %H:%M} UTC",
            effect.slot.stage,
            effect.action,
            f"{effect.before or '–'} → {effect.after or '–'}",
            effect.name,
        ]
        for effect in found.effects
    ]
    headers = ["when", "stage", "what", "version", "tag"]
    if "@" in what:
        headers, rows = headers[:1] + headers[2:], [row[:1] + row[2:] for row in rows]
    if rows:
        reasons = (found.reasons.get(effect.commit) for effect in found.effects)
        print_table(
            headers, rows, below=[_below(effect, reason) for effect, reason in zip(found.effects, reasons, strict=True)]
        )
    else:
        print_line(f"nothing of {what} has taken effect")
    for alarm in found.alarms:
        print_line(f"alarm: {alarm.ref}: {alarm.why}", err=True)


def _below(effect: Effect, reason: str | None) -> str:
    """What stands below a row: why it was done, who approved it, and what was waived."""
    waived = sorted({found.rule for found in effect.findings if found.verdict == "waived"})
    said = [
        f"why: {reason}" if reason else "",
        f"approved by {', '.join(effect.approvers)}" if effect.approvers else "",
        f"waived: {', '.join(waived)}" if waived else "",
    ]
    return "; ".join(part for part in said if part)


def document(found: object) -> dict[str, object]:
    """The log as JSON, `gitstage/log/v1`."""
    from gitstage.ledger import finding_document, text_of
    from gitstage.operations.log import Log

    assert isinstance(found, Log)
    return {
        "schema": "gitstage/log/v1",
        "model": found.model,
        "effects": [
            {
                "moment": text_of(effect.moment),
                "stage": effect.slot.stage,
                "number": effect.number,
                "action": effect.action,
                "before": effect.before,
                "after": effect.after,
                "source": effect.source,
                "commit": effect.commit,
                "tag": effect.name,
                "policy": effect.policy,
                "reason": found.reasons.get(effect.commit),
                "approvers": list(effect.approvers),
                "findings": [finding_document(finding) for finding in effect.findings],
            }
            for effect in found.effects
        ],
        "alarms": [{"ref": alarm.ref, "why": alarm.why} for alarm in found.alarms],
    }
