"""`gitstage attest`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gitstage.cli.completing import complete_reference
from gitstage.cli.context import Context, changing, numbers, pass_context, sign_option
from gitstage.cli.output import write_file
from gitstage.errors import GitstageError


@click.command(
    epilog="""\b
Examples:
  gitstage attest fraud-detector@1.1.0 --type test-result --name load-test --result passed --metric latency_p99_ms=12.5
  gitstage attest fraud-detector@1.1.0 --name unit-tests --file junit.xml --sign ~/.ssh/id_ed25519
  gitstage attest fraud-detector@1.1.0 --type provenance --name build --file provenance.intoto.json
  gitstage attest fraud-detector@1.1.0 --name unit-tests --file junit.xml --output statement.json
  gitstage attest fraud-detector@1.1.0 --name unit-tests --file statement.sigstore.json
"""
)
@click.argument("what", shell_complete=complete_reference, metavar="MODEL@VERSION")
@click.option("--type", "kind", default="test-result", show_default=True, metavar="TYPE", help="The kind of statement.")
@click.option("--name", required=True, metavar="NAME", help="What was tested, as the gate calls it.")
@click.option(
    "--result",
    type=click.Choice(["passed", "warned", "failed"]),
    help="How it came out; a JUnit report says it itself.",
)
@click.option("--metric", "metrics", multiple=True, metavar="K=V", help="What was measured; may be given again.")
@click.option(
    "--file",
    "report",
    type=click.Path(path_type=Path),
    metavar="REPORT",
    help="A JUnit report, a JSON file of metrics, or a statement that another tool has made or signed.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the statement there, to be signed by another tool, and change nothing.",
)
@sign_option()
@changing
@pass_context
def command(
    context: Context,
    what: str,
    kind: str,
    name: str,
    result: str | None,
    metrics: tuple[str, ...],
    report: Path | None,
    output: Path | None,
    sign: tuple[str, ...],
    push: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Write down what was tested, as an in-toto statement bound to the manifest's digest.

    Of one name the newest statement decides; what is there is never changed. With --sign it says who found it out.
    """
    from gitstage.cli.outcomes import tell
    from gitstage.operations import attest

    options: dict[str, Any] = {
        "kind": kind,
        "name": name,
        "result": result,
        "metrics": numbers(metrics, "--metric"),
        "report": report,
        "sign": sign,
    }
    if output is not None:
        if push or as_json:
            raise GitstageError(
                "--output writes a statement to a file, and changes nothing", hint="leave out --push and --json"
            )
        write_file(output, attest.statement(context.registry(), what, **options).decode())
        return 0
    outcome = attest.run(context.registry(), what, **options, push=push, dry_run=dry_run)
    return tell(outcome, as_json=as_json)
