"""`gitstage init`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitstage.cli.context import Context, dry_run_option, json_option, pass_context
from gitstage.cli.output import print_line
from gitstage.errors import GitstageError

if TYPE_CHECKING:
    from gitstage.operations.init import Workflows


@click.command(
    epilog="""\b
Examples:
  gitstage init                  registry/ in this repository, or the root of a new one
  gitstage init --ci github      with workflows that gate pull requests and tag what has landed
"""
)
@click.argument("folder", required=False, metavar="[DIR]")
@click.option("--ci", type=click.Choice(["github"]), help="Write workflows that gate and tag.")
@dry_run_option
@json_option
@pass_context
def command(context: Context, folder: str | None, ci: str | None, dry_run: bool, as_json: bool) -> int:
    """Make a registry: gitstage.yaml, its folders, and one commit of nothing else.

    Where there is no repository, one is made.
    """
    from gitstage.cli.outcomes import tell
    from gitstage.operations import init

    workflows = None if ci is None else _workflows(ci)
    made = init.run(Path(context.directory), folder or context.folder, ci=ci, workflows=workflows, dry_run=dry_run)
    code = tell(made.outcome, as_json=as_json)
    if not as_json and made.outcome.commit is not None:
        where = f"in {made.folder}/" if made.folder else "at the root of the repository"
        print_line(
            f"The registry is {where}; its policy is {f'{made.folder}/' if made.folder else ''}gitstage.yaml.", err=True
        )
        click.echo("Next:", err=True)
        click.echo("  gitstage register MODEL@1.0.0 --artifact FILE --metric NAME=VALUE --to staging", err=True)
    return code


def _workflows(forge: str) -> Workflows:
    """What writes a forge's workflows: its own face, found by an entry point, since faces do not know each other."""
    from importlib.metadata import entry_points

    found = next(iter(entry_points(group="gitstage.workflows", name=forge)), None)
    if found is None:
        raise GitstageError(
            f"this gitstage was not installed whole: nothing here writes workflows for {forge}",
            hint="install it (pip install gitstage), or go on without --ci",
        )
    writer: Workflows = found.load()
    return writer
