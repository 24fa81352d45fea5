"""`gitstage attest`."""

from __future__ import annotations

from pathlib import Path

import click

from gitstage.cli.completing import complete_reference
from gitstage.cli.context import Context, changing, numbers, pass_context


@click.command(
    epilog="""\b
Example:
  gitstage attest fraud-detector@1.1.0 --type test-result --name load-test --result passed --metric latency_p99_ms=12.5
"""
)
@click.argument("what", shell_complete=complete_reference, metavar="MODEL@VERSION")
@click.option("--type", "kind", default="test-result", show_default=True, metavar="TYPE", help="The kind of statement.")
@click.option("--name", required=True, metavar="NAME", help="What was tested, as the gate calls it.")
@click.option("--result", required=True, type=click.Choice(["passed", "warned", "failed"]))
@click.option("--metric", "metrics", multiple=True, metavar="K=V", help="What was measured; may be given again.")
@click.option("--file", "report", type=click.Path(path_type=Path), metavar="REPORT", help="A JSON file of metrics.")
@changing
@pass_context
def command(
    context: Context,
    what: str,
    kind: str,
    name: str,
    result: str,
    metrics: tuple[str, ...],
    report: Path | None,
    push: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Write down what was tested, as an in-toto statement bound to the manifest's digest.

    Of one name the newest statement decides; what is there is never changed.
    """
    from gitstage.cli.outcomes import tell
    from gitstage.operations import attest

    outcome = attest.run(
        context.registry(),
        what,
        kind=kind,
        name=name,
        result=result,
        metrics=numbers(metrics, "--metric"),
        report=report,
        push=push,
        dry_run=dry_run,
    )
    return tell(outcome, as_json=as_json)
