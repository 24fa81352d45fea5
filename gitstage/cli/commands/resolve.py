"""`gitstage resolve`."""

from __future__ import annotations

import click

from gitstage.cli.completing import complete_reference
from gitstage.cli.context import Context, at_options, json_option, pass_context
from gitstage.cli.output import print_json, print_line


@click.command(
    epilog="""\b
Examples:
  gitstage resolve fraud-detector@production
  gitstage resolve fraud-detector@production --field uri
  gitstage resolve fraud-detector@production --at 2026-07-15T14:00Z --json
"""
)
@click.argument("reference", shell_complete=complete_reference, metavar="MODEL@VERSION|STAGE[~N]|latest")
@click.option("--field", metavar="F", help="Print this instead: uri, sha256, tag, commit, moment, metrics.NAME, …")
@at_options
@json_option
@pass_context
def command(context: Context, reference: str, field: str | None, at: str | None, declared: bool, as_json: bool) -> None:
    """Print the version that a reference names: what is in effect, for a server or a script to read."""
    from gitstage.operations import resolve

    resolved = resolve.run(context.registry(), reference, at=at, declared=declared)
    if as_json:
        print_json(resolved.document())
    else:
        for line in resolved.field(field or "version").splitlines():
            print_line(line)
