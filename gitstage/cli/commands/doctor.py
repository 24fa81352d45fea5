"""`gitstage doctor`."""

from __future__ import annotations

import click

from gitstage.cli.context import Context, json_option, pass_context
from gitstage.cli.output import ascii_only, print_json, print_line


@click.command(
    epilog="""\b
Example:
  gitstage doctor
"""
)
@json_option
@pass_context
def command(context: Context, as_json: bool) -> int:
    """Say what is missing here, and what to do about it. Exit 1 where something is not well."""
    from gitstage.operations import doctor
    from gitstage.sinks import terminal

    checks = doctor.run(context.directory, context.folder, context.plugins)
    well = all(check.well or check.optional for check in checks)
    if as_json:
        found = [
            {"name": item.name, "well": item.well, "optional": item.optional, "found": item.found, "hint": item.hint}
            for item in checks
        ]
        print_json({"schema": "gitstage/doctor/v1", "well": well, "checks": found})
        return 0 if well else 1
    marks = ("ok", "--", "!!") if ascii_only() else ("✓", "–", "✗")
    width = max([11, *(len(check.name) for check in checks)])
    for check in checks:
        mark = marks[0] if check.well else marks[1] if check.optional else marks[2]
        click.echo(f"{mark} {terminal(check.name):<{width}} {terminal(check.found, ascii_only=ascii_only())}")
        if check.hint:
            print_line(f"  {'':<{width}} try: {check.hint}")
    return 0 if well else 1
