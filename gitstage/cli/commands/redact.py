"""`gitstage redact`."""

from __future__ import annotations

import click

from gitstage.cli.completing import complete_reference
from gitstage.cli.context import Context, changing, pass_context, reason_option


@click.command(
    epilog="""\b
Examples:
  gitstage redact fraud-detector@0.9.0 --reason 'a name in the description'
  gitstage redact fraud-detector@0.9.0 --evidence shadow-traffic/1 --reason 'an address in the report'
"""
)
@click.argument("what", shell_complete=complete_reference, metavar="MODEL@VERSION")
@click.option("--evidence", multiple=True, metavar="NAME/NUMBER", help="A piece of evidence, and not the manifest.")
@click.option("--artifact", "artifacts", multiple=True, metavar="PATH", help="A file kept in artifacts/.")
@reason_option(required=True)
@changing
@pass_context
def command(
    context: Context,
    what: str,
    evidence: tuple[str, ...],
    artifacts: tuple[str, ...],
    reason: str,
    push: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Put a tombstone in the place of what must not stay: a secret, or somebody's data.

    Only of a version that sits in no stage, and with the approvals that `governance` of gitstage.yaml asks for. The
    version can be used no more. What was there stays in Git's history until that is purged.
    """
    from gitstage.cli.outcomes import tell
    from gitstage.operations import redact

    outcome = redact.run(
        context.registry(), what, evidence=evidence, artifacts=artifacts, reason=reason, push=push, dry_run=dry_run
    )
    return tell(outcome, as_json=as_json)
