"""`gitstage explain`."""

from __future__ import annotations

import json

import click

from gitstage.cli.context import Context, ascii_only, coloured, json_option, pass_context


@click.command(
    epilog="""\b
Example:
  gitstage explain fraud-detector@1.1.0 --to production
"""
)
@click.argument("what", metavar="MODEL@VERSION")
@click.option("--to", "stage", required=True, metavar="STAGE")
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
        click.echo(json.dumps(document(outcome), indent=2, ensure_ascii=True))
    else:
        from gitstage.reports import text

        click.echo(text.render(outcome.report, colour=coloured(), ascii_only=ascii_only()).rstrip("\n"))
    return outcome.report.exit_code
