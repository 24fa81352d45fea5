"""`gitstage rollback`."""

from __future__ import annotations

import click

from gitstage.cli.completing import complete_reference
from gitstage.cli.context import Context, changing, pass_context, reason_option, sign_option


@click.command(
    epilog="""\b
Examples:
  gitstage rollback fraud-detector@production --reason 'false positives since 14:00' --push
  gitstage rollback fraud-detector@production --to 1.0.0 --reason '…'
  gitstage rollback fraud-detector@production --reason '…' --sign ~/.ssh/id_ed25519 --push
  gitstage rollback --change fraud-detector/production/3 --reason '…'
"""
)
@click.argument("slot", shell_complete=complete_reference, required=False, metavar="[MODEL@STAGE]")
@click.option("--to", "version", metavar="VERSION", help="An earlier version of this slot; the latest unless given.")
@click.option("--change", metavar="TAG", help="Roll back everything that the commit of this promotion's tag changed.")
@click.option("--no-hold", is_flag=True, help="Put no hold on what goes out.")
@reason_option(required=True)
@sign_option()
@changing
@pass_context
def command(
    context: Context,
    slot: str | None,
    version: str | None,
    change: str | None,
    no_hold: bool,
    reason: str,
    sign: tuple[str, ...],
    push: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Go back to the version that was in effect before, at once.

    A rollback waits for no gate: the version has passed them before. What goes out is archived and held, so that
    nothing promotes it again until `gitstage unhold`. Where the stage says who may roll back alone, one of them signs:
    the commit, or with --sign a statement that comes along.
    """
    from gitstage.cli.outcomes import tell
    from gitstage.operations import rollback

    outcome = rollback.run(
        context.registry(),
        slot,
        reason=reason,
        to=version,
        change=change,
        hold=not no_hold,
        sign=sign,
        push=push,
        dry_run=dry_run,
    )
    return tell(outcome, as_json=as_json)
