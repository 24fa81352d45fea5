"""`gitstage schema`."""

from __future__ import annotations

import click

from gitstage.cli.output import print_json


@click.command(
    epilog="""\b
Example:
  gitstage schema policy > gitstage.schema.json     for an editor to complete gitstage.yaml
"""
)
@click.argument("what", type=click.Choice(["manifest", "policy"]))
def command(what: str) -> None:
    """Print the JSON Schema (draft 2020-12) of manifests or of gitstage.yaml."""
    if what == "manifest":
        from gitstage.manifest import manifest_schema as schema
    else:
        from gitstage.policy import policy_schema as schema
    print_json(schema())
