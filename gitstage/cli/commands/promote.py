"""`gitstage promote`."""

from __future__ import annotations

import click

from gitstage.cli.completing import complete_reference, complete_stage
from gitstage.cli.context import Context, changing, pass_context, reason_option
from gitstage.errors import GitstageError


@click.command(
    epilog="""\b
Examples:
  gitstage promote fraud-detector@1.1.0 --to staging
  gitstage promote fraud-detector --to production      what staging holds
  gitstage promote 'risk/*' --to production --push     all of them in one commit, or none
"""
)
@click.argument(
    "references", shell_complete=complete_reference, nargs=-1, required=True, metavar="MODEL[@VERSION|@STAGE]…"
)
@click.option(
    "--to",
    "stages",
    multiple=True,
    metavar="STAGE",
    shell_complete=complete_stage,
    help="The stage; may be given again.  [required]",
)
@reason_option(required=False)
@changing
@pass_context
def command(
    context: Context,
    references: tuple[str, ...],
    stages: tuple[str, ...],
    reason: str | None,
    push: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Promote versions into a stage: one commit for all of them, or none.

    What leaves the stage is archived in the same commit. A refused promotion changes nothing (exit 1); one that
    still waits for time or a person is committed on a branch, for a pull request, and not on the trunk (exit 4).
    """
    from gitstage.cli.outcomes import tell
    from gitstage.operations import promote

    if not stages:
        # `promote MODEL production`, as many type it at first
        *models, last = references
        meant = (
            f"{' '.join(models)} --to {last}" if models and "@" not in last else f"{' '.join(references)} --to STAGE"
        )
        raise GitstageError("promote needs a stage", hint=f"gitstage promote {meant}")
    outcome = promote.run(context.registry(), references, to=stages, reason=reason, push=push, dry_run=dry_run)
    return tell(outcome, as_json=as_json)
