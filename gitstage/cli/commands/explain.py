"""`gitstage explain`."""

from __future__ import annotations

import click

from gitstage.cli.completing import complete_reference, complete_stage
from gitstage.cli.context import Context, json_option, pass_context
from gitstage.cli.output import ascii_only, coloured, print_json


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

    Changes nothing. Exit codes are those of the promotion: 0 would pass, 1 refused, 4 pending.
    """
    from gitstage.cli.outcomes import document
    from gitstage.operations import promote

    outcome = promote.run(context.registry(), [what], to=[stage], dry_run=True)
    if as_json:
        print_json(document(outcome))
    elif outcome.plan.is_empty and not outcome.report.judgements:
        click.echo("nothing to promote: it is declared there already")
    else:
        from gitstage.reports import text

        click.echo(text.render(outcome.report, colour=coloured(), ascii_only=ascii_only()).rstrip("\n"))
    return outcome.report.exit_code
