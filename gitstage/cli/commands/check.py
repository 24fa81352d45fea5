"""`gitstage check`."""

from __future__ import annotations

from pathlib import Path

import click

from gitstage.cli.context import Context, approvals_option, forge_in, pass_context
from gitstage.cli.output import ascii_only, coloured, print_line, write_file
from gitstage.reports import FORMATS


@click.command(
    epilog="""\b
Examples:
  gitstage check                                  HEAD against the trunk
  gitstage check --base origin/main --head HEAD --format github
  gitstage check --format sarif --output gitstage.sarif
"""
)
@click.option("--base", metavar="REVISION", help="What the change goes into; the trunk unless given.")
@click.option("--head", metavar="REVISION", help="The change; HEAD unless given.")
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="text", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write there instead.")
@approvals_option
@pass_context
def command(
    context: Context,
    base: str | None,
    head: str | None,
    form: str,
    as_json: bool,
    output: Path | None,
    approvals: Path | None,
) -> int:
    """Judge a change as a pull request would be judged.

    The policy, the people and what is in effect are those of the base: a change cannot loosen its own judge.
    Exit codes: 0 passed, 1 refused, 4 only pending, 2 could not answer.
    """
    from gitstage.operations import check

    registry = context.registry(revision=head)  # it may be the first to have one
    registry.forge = forge_in(approvals, landed=False)
    report = check.run(registry, base=base, head=head)
    name = "json" if as_json else form
    if name == "text":
        from gitstage.reports import text

        rendered = text.render(report, colour=output is None and coloured(), ascii_only=output is None and ascii_only())
    else:
        rendered = FORMATS[name](report)
    if output is not None:
        write_file(output, rendered)
    else:
        click.echo(rendered.rstrip("\n"))
    if name != "json":
        for line in report.elsewhere:
            print_line(f"open elsewhere: {line}", err=True)
    return report.exit_code
