"""`gitstage diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitstage.cli.completing import complete_reference
from gitstage.cli.context import Context, at_options, json_option, pass_context
from gitstage.cli.output import print_json, print_table

if TYPE_CHECKING:
    from gitstage.operations.diff import Difference


@click.command(
    epilog="""\b
Examples:
  gitstage diff fraud-detector@production fraud-detector@staging
  gitstage diff fraud-detector@1.0.0 fraud-detector@1.1.0 --all
"""
)
@click.argument("before", shell_complete=complete_reference, metavar="REF")
@click.argument("after", shell_complete=complete_reference, metavar="REF")
@click.option("--all", "everything", is_flag=True, help="Show what is the same, too.")
@at_options
@json_option
@pass_context
def command(
    context: Context, before: str, after: str, everything: bool, at: str | None, declared: bool, as_json: bool
) -> None:
    """Put two versions side by side: metrics with their differences, params, data, artifacts."""
    from gitstage.operations import diff

    found = diff.run(context.registry(), before, after, at=at, declared=declared)
    if as_json:
        document = {
            "schema": "gitstage/diff/v1",
            "before": {"model": found.before.model, "version": found.before.version},
            "after": {"model": found.after.model, "version": found.after.version},
            "rows": [
                {
                    "group": row.group,
                    "name": row.name,
                    "before": row.before,
                    "after": row.after,
                    "rise": row.rise,
                    "same": row.same,
                }
                for row in found.rows
            ],
        }
        print_json(document)
        return

    rows = [
        [row.group, row.name, _text(row.before), _text(row.after), _rise(row.rise)]
        for row in found.rows
        if everything or not (row.same or _is_where_it_is_kept(row))
    ]
    titles = [f"{side.model}@{side.version}" for side in (found.before, found.after)]
    if rows:
        print_table(["", "", *titles, ""], _grouped(rows))
    else:
        click.echo("they say the same")


def _is_where_it_is_kept(row: Difference) -> bool:
    """Whether a row says where the registry keeps an artifact, which differs with every version."""
    kept = [str(side).startswith("artifacts/") for side in (row.before, row.after) if side is not None]
    return row.group == "artifacts" and row.name.endswith(" uri") and all(kept)


def _grouped(rows: list[list[str]]) -> list[list[str]]:
    """Each group's name on its first row only."""
    shown, last = [], None
    for row in rows:
        shown.append([row[0] if row[0] != last else "", *row[1:]])
        last = row[0]
    return shown


def _text(value: object) -> str:
    if value is None:
        return "–"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"{text[:12]}…" if len(text) == 64 and set(text) <= set("0123456789abcdef") else text


def _rise(rise: float | None) -> str:
    if rise is None or rise == 0:
        return ""
    return f"{'+' if rise > 0 else '−'}{abs(rise):.6g}"
