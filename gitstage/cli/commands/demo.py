"""`gitstage demo`."""

from __future__ import annotations

from pathlib import Path

import click

from gitstage.cli.context import Context, pass_context
from gitstage.cli.output import coloured


@click.command(
    epilog="""\b
Examples:
  gitstage demo
  gitstage demo /tmp/play      in a folder that is new or empty
"""
)
@click.argument("folder", required=False, metavar="[DIR]", type=click.Path(path_type=Path))
@pass_context
def command(context: Context, folder: Path | None) -> None:
    """See a model's life, from training to rollback, in a throw-away repository.

    Builds a bare remote and a clone from the example registry, and types the commands of a few weeks there: what you
    see is what they really say. Needs git, no network, and a few seconds. The folder stays, to go on playing.
    """
    from gitstage.cli.demo.telling import told

    told(None if folder is None else Path(context.directory, folder), click.echo, colour=coloured())
