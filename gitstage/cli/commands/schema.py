"""`gitstage schema`."""

from __future__ import annotations

import json

import click


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
    click.echo(json.dumps(schema(), indent=2, ensure_ascii=True))
