"""`gitstage withdraw`."""

from __future__ import annotations

import click

from gitstage.cli.completing import complete_reference
from gitstage.cli.context import Context, changing, pass_context


@click.command(
    epilog="""\b
Examples:
  gitstage withdraw fraud-detector@production    take back a promotion that waits or was refused
  gitstage withdraw fraud-detector               and put back its versions, evidence and holds as they passed
  gitstage withdraw --policy
"""
)
@click.argument("what", shell_complete=complete_reference, required=False, metavar="[MODEL[@STAGE]]")
@click.option("--policy", is_flag=True, help="Put back gitstage.yaml and what else is no model's.")
@changing
@pass_context
def command(context: Context, what: str | None, policy: bool, push: bool, dry_run: bool, as_json: bool) -> int:
    """Declare again what is in effect, so that nothing stays open.

    Takes back what landed and never passed. What is in effect stays as it is.
    """
    from gitstage.cli.outcomes import tell
    from gitstage.operations import withdraw

    return tell(withdraw.run(context.registry(), what, policy=policy, push=push, dry_run=dry_run), as_json=as_json)
