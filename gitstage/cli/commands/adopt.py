"""`gitstage adopt`."""

from __future__ import annotations

import click

from gitstage.cli.completing import complete_reference, complete_stage
from gitstage.cli.context import Context, changing, pass_context


@click.command(
    epilog="""\b
Example:
  gitstage register fraud-detector@3.2.0 --artifact s3://acme/fraud/3.2.0.onnx --sha256 … --size …
  gitstage adopt fraud-detector@3.2.0 --stage production
"""
)
@click.argument("what", shell_complete=complete_reference, metavar="MODEL@VERSION")
@click.option("--stage", required=True, metavar="STAGE", shell_complete=complete_stage, help="Where it serves.")
@changing
@pass_context
def command(context: Context, what: str, stage: str, push: bool, dry_run: bool, as_json: bool) -> int:
    """Take in a model that serves already when the registry is made.

    Only into a slot that never held anything, and only until the date `adopt-until` of gitstage.yaml.
    """
    from gitstage.cli.outcomes import tell
    from gitstage.operations import adopt

    return tell(adopt.run(context.registry(), what, stage=stage, push=push, dry_run=dry_run), as_json=as_json)
