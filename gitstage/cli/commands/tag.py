"""`gitstage tag`."""

from __future__ import annotations

from pathlib import Path

import click

from gitstage.cli.context import (
    Context,
    approvals_option,
    dry_run_option,
    forge_in,
    json_option,
    pass_context,
    reason_option,
    sign_option,
)
from gitstage.cli.output import print_json, print_line

INDENT = " " * 11


@click.command(
    epilog="""\b
Example:
  gitstage tag              on the trunk, after every merge and from time to time
  gitstage tag --sign KEY   where `taggers` of gitstage.yaml says who signs tags
"""
)
@click.option("--rewritten", is_flag=True, help="Go on knowingly after the trunk was rewritten; needs --reason.")
@reason_option(required=False)
@sign_option()
@approvals_option
@dry_run_option
@json_option
@pass_context
def command(
    context: Context,
    rewritten: bool,
    reason: str | None,
    sign: tuple[str, ...],
    approvals: Path | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Put into effect what has landed: judge what is new on the trunk and what is open, and tag what passes.

    May run twice, late, and on several machines at once. In a clone with a remote it pushes what it made. Where
    gitstage.yaml names `taggers`, one of them signs.
    Exit codes: 0 nothing is open, 4 something waits, 1 something was refused or a tag is an alarm.
    """
    from gitstage.changes import joined
    from gitstage.findings import Verdict
    from gitstage.operations import tag

    registry = context.registry()
    registry.forge = forge_in(approvals, landed=True)
    registry.tag_keys = sign or registry.tag_keys
    outcome = tag.run(registry, dry_run=dry_run, rewritten=rewritten, reason=reason)
    if as_json:
        print_json(document(outcome))
        return outcome.exit_code
    for note in outcome.notes:
        print_line(f"note: {note}", err=True)
    for effect in outcome.effects:
        print_line(f"in effect  {effect.subject()}")
    made = [ref for ref in outcome.tags if not any(ref.endswith(f"/{effect.name}") for effect in outcome.effects)]
    for ref in made:
        print_line(f"tagged     {ref.removeprefix('refs/tags/')}")
    for name, item in sorted(outcome.state.open.items()):
        word = "refused" if item.verdict is Verdict.REFUSED else "pending"
        print_line(f"{word}    {name}")
        for finding in item.findings:
            opens = f", opens {finding.opens:%Y-%m-%d %H:%M} UTC" if finding.opens else ""
            print_line(f"{INDENT}{finding.rule}: {finding.message}{opens}")
            if finding.path is not None:
                print_line(
                    f"{INDENT}{joined(registry.folder, finding.path)}{'' if finding.line is None else f':{finding.line}'}"
                )
            if finding.hint:
                print_line(f"{INDENT}try: {finding.hint}")
        print_line(f"{INDENT}to take it back: {item.way_back}")
    for alarm in outcome.alarms:
        print_line(f"alarm      {alarm.ref}: {alarm.why}")
    if not (outcome.tags or outcome.state.open or outcome.alarms):
        click.echo("nothing new")
    elif outcome.pushed:
        count = len(outcome.tags)
        click.echo(f"pushed {count} {'tag' if count == 1 else 'tags'} and the ledger", err=True)
    return outcome.exit_code


def document(outcome: object) -> dict[str, object]:
    """The outcome as JSON, `gitstage/tag/v1`."""
    from gitstage.ledger import finding_document, text_of
    from gitstage.operations.tag import TagOutcome

    assert isinstance(outcome, TagOutcome)
    return {
        "schema": "gitstage/tag/v1",
        "judged": outcome.state.judged,
        "tags": list(outcome.tags),
        "pushed": outcome.pushed,
        "dry_run": outcome.dry_run,
        "effects": [
            {
                "tag": effect.name,
                "action": effect.action,
                "model": effect.slot.model,
                "stage": effect.slot.stage,
                "before": effect.before,
                "after": effect.after,
                "commit": effect.commit,
                "moment": text_of(effect.moment),
            }
            for effect in outcome.effects
        ],
        "open": [
            {
                "thing": name,
                "verdict": str(item.verdict),
                "landed": item.landed,
                "since": text_of(item.since),
                "way_back": item.way_back,
                "findings": [finding_document(finding) for finding in item.findings],
            }
            for name, item in sorted(outcome.state.open.items())
        ],
        "alarms": [{"ref": alarm.ref, "why": alarm.why} for alarm in outcome.alarms],
        "notes": list(outcome.notes),
        "exit_code": outcome.exit_code,
    }
