"""`gitstage unhold`."""

from __future__ import annotations

import click

from gitstage.cli.completing import complete_reference
from gitstage.cli.context import Context, changing, pass_context, reason_option


@click.command(
    epilog="""\b
Example:
  gitstage unhold fraud-detector@1.2.0 --reason 'the feature was harmless'
"""
)
@click.argument("what", shell_complete=complete_reference, metavar="MODEL@VERSION")
@reason_option(required=True)
@changing
@pass_context
def command(context: Context, what: str, reason: str, push: bool, dry_run: bool, as_json: bool) -> int:
    """Let a held version in again.

    The hold stays in the history, as released, with the reason.
    """
    from gitstage.cli.outcomes import tell
    from gitstage.operations import hold

    outcome = hold.run(context.registry(), what, reason=reason, release=True, push=push, dry_run=dry_run)
    return tell(outcome, as_json=as_json)
