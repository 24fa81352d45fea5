"""`gitstage waive`."""

from __future__ import annotations

import click

from gitstage.cli.completing import complete_reference
from gitstage.cli.context import Context, changing, pass_context, sign_option


@click.command(
    epilog="""\b
Example:
  gitstage waive fraud-detector@1.1.0 --rule soak --for production --until 2026-12-01 --reason '…' --sign KEY --push
"""
)
@click.argument("what", shell_complete=complete_reference, metavar="MODEL@VERSION")
@click.option("--rule", required=True, metavar="RULE", help="The rule that is set aside: soak, metrics, rules/NAME …")
@click.option("--gate", metavar="GATE", help="The gate whose rule it is; else in every gate of the stage.")
@click.option("--for", "stage", required=True, metavar="STAGE", help="The stage that the version enters.")
@click.option("--until", required=True, metavar="WHEN", help="Until when it counts: a date, a moment, or 72h from now.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it stands in what is signed.")
@sign_option(required=True)
@changing
@pass_context
def command(
    context: Context,
    what: str,
    rule: str,
    gate: str | None,
    stage: str,
    until: str,
    reason: str,
    sign: tuple[str, ...],
    push: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Set one rule aside for one promotion, with your signature: break the glass.

    Only those may whom the stage names under `waivers:`. It is shown in every report and tag, and stays a debt until
    somebody else countersigns it.
    """
    from gitstage.cli.outcomes import tell
    from gitstage.operations import waive

    outcome = waive.run(
        context.registry(),
        what,
        rule=rule,
        gate=gate,
        stage=stage,
        until=until,
        reason=reason,
        sign=sign,
        push=push,
        dry_run=dry_run,
    )
    return tell(outcome, as_json=as_json)
