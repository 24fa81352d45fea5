"""`gitstage approve`."""

from __future__ import annotations

import click

from gitstage.cli.completing import complete_reference
from gitstage.cli.context import Context, changing, pass_context, sign_option


@click.command(
    epilog="""\b
Examples:
  gitstage approve fraud-detector@1.1.0 --for production --sign ~/.ssh/id_ed25519 --push
  gitstage approve --policy --sign ~/.ssh/id_ed25519
  gitstage approve --settle fraud-detector/production/7 --sign ~/.ssh/id_ed25519 --push
"""
)
@click.argument("what", nargs=-1, shell_complete=complete_reference, metavar="[MODEL@VERSION]…")
@click.option("--for", "stage", metavar="STAGE", help="The stage that the versions may enter, or leave.")
@click.option("--policy", is_flag=True, help="The gitstage.yaml of this branch, and the protected files with it.")
@click.option("--settle", metavar="TAG", help="Countersign what somebody did alone: the tag of the change.")
@click.option(
    "--expires", metavar="WHEN", help="Until when it counts: 30d, a date or a moment. Else as long as it fits."
)
@click.option("--reason", metavar="TEXT", help="Why; it stands in what is signed.")
@sign_option(required=True)
@changing
@pass_context
def command(
    context: Context,
    what: tuple[str, ...],
    stage: str | None,
    policy: bool,
    settle: str | None,
    expires: str | None,
    reason: str | None,
    sign: tuple[str, ...],
    push: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Approve, with your signature, that versions enter a stage, or that a policy takes effect.

    It is bound to one change of the slot, or of the policy, and fits no other. Whoever made the change cannot approve
    it. Where a version is in effect in the stage, it is approved that it leaves.
    """
    from gitstage.cli.outcomes import tell
    from gitstage.operations import approve
    from gitstage.operations import settle as settling

    if (bool(what), policy, settle is not None).count(True) != 1 or (stage is not None and not what):
        raise click.UsageError("approve MODEL@VERSION --for STAGE, or --policy, or --settle TAG")
    if what and stage is None:
        raise click.UsageError("missing option '--for': which stage is it approved for?")
    if settle is not None and expires is not None:
        raise click.UsageError("what is countersigned stays so: there is nothing to expire")
    registry = context.registry()
    if settle is not None:
        outcome = settling.run(registry, settle, sign=sign, reason=reason, push=push, dry_run=dry_run)
    elif policy:
        outcome = approve.run_policy(registry, sign=sign, expires=expires, reason=reason, push=push, dry_run=dry_run)
    else:
        outcome = approve.run(
            registry, what, stage=str(stage), sign=sign, expires=expires, reason=reason, push=push, dry_run=dry_run
        )
    return tell(outcome, as_json=as_json)
