"""`gitstage pull`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gitstage.cli.completing import complete_reference
from gitstage.cli.context import Context, at_options, json_option, pass_context
from gitstage.cli.output import print_json, print_line


@click.command(
    epilog="""\b
Example:
  gitstage pull fraud-detector@production --to /srv/models/fraud-detector
"""
)
@click.argument("reference", shell_complete=complete_reference, metavar="REF")
@click.option("--to", "folder", required=True, type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@click.option("--allow-private", is_flag=True, help="Follow redirects to private and loopback addresses.")
@at_options
@json_option
@pass_context
def command(
    context: Context,
    reference: str,
    folder: Path,
    allow_private: bool,
    at: str | None,
    declared: bool,
    as_json: bool,
) -> None:
    """Fetch a version's artifacts, verify every digest, and only then put them in place.

    From the registry itself, file: and https:. A folder that holds the same already is left alone.
    """
    from gitstage.operations import pull

    def progress(path: str, done: int, size: int) -> None:
        if sys.stderr.isatty():
            click.echo("\r", err=True, nl=False)
            print_line(f"{path}  {done * 100 // max(size, 1)} %", err=True, nl=done >= size)

    registry = context.registry()
    pulled = pull.run(
        registry,
        reference,
        folder,
        at=at,
        declared=declared,
        allow_private=allow_private,
        progress=progress,
    )
    if as_json:
        document = {
            "schema": "gitstage/pulled/v1",
            "model": pulled.resolved.model,
            "version": pulled.resolved.version,
            "tag": pulled.resolved.tag,
            "folder": str(pulled.folder),
            "files": [{"path": path, "size": size} for path, size in pulled.files],
            "unchanged": pulled.unchanged,
        }
        print_json(document)
        return
    if registry.is_behind:
        click.echo("note: commits on the trunk are not judged yet: gitstage tag", err=True)
    said = "is there already" if pulled.unchanged else "pulled and verified"
    print_line(f"{pulled.resolved.model}@{pulled.resolved.version} {said}: {pulled.folder}")
