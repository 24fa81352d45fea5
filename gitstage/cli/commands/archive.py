"""`gitstage archive`."""

from __future__ import annotations

import click

from gitstage.cli.completing import complete_reference
from gitstage.cli.context import Context, changing, pass_context, reason_option


@click.command(
    epilog="""\b
Examples:
  gitstage archive fraud-detector@production --reason 'replaced by rules'    empties the slot
  gitstage archive fraud-detector@1.3.0 --reason 'never good enough'         a version in no slot
"""
)
@click.argument("what", shell_complete=complete_reference, metavar="MODEL@STAGE|MODEL@VERSION")
@reason_option(required=True)
@changing
@pass_context
def command(context: Context, what: str, reason: str, push: bool, dry_run: bool, as_json: bool) -> int:
    """Take a version out of use. It is kept, for audit, comparison and rollback.

    To bring it back: gitstage promote MODEL@VERSION --to staging.
    """
    from gitstage.cli.outcomes import tell
    from gitstage.operations import archive

    return tell(archive.run(context.registry(), what, reason=reason, push=push, dry_run=dry_run), as_json=as_json)
