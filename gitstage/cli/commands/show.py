"""`gitstage show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitstage.cli.completing import complete_reference
from gitstage.cli.context import Context, at_options, json_option, pass_context
from gitstage.cli.output import print_json, print_line, print_table

if TYPE_CHECKING:
    from gitstage.operations.show import Shown


@click.command(
    epilog="""\b
Examples:
  gitstage show fraud-detector@production
  gitstage show fraud-detector@1.1.0 --json
"""
)
@click.argument("reference", shell_complete=complete_reference, metavar="REF")
@at_options
@json_option
@pass_context
def command(context: Context, reference: str, at: str | None, declared: bool, as_json: bool) -> None:
    """Show one version: its manifest, where it was in effect, what was tested, whether it is held."""
    from gitstage.operations import show

    found = show.run(context.registry(), reference, at=at, declared=declared)
    if as_json:
        print_json(document(found))
        return
    _print(found)


def _print(found: Shown) -> None:
    manifest, resolved = found.manifest, found.resolved
    where = f"in effect in {', '.join(found.in_effect)}" if found.in_effect else "archived" if found.archived else ""
    print_line(f"{resolved.model}@{resolved.version}" + (f"  {where}" if where else ""))
    if found.held is not None:
        print_line(f"held: {found.held}")
    if found.problem is not None:
        print_line(f"its manifest cannot be read: {found.problem}")
    if manifest.get("description"):
        print_line(str(manifest["description"]))
    for group in ("metrics", "params", "labels", "source"):
        rows = _rows(manifest.get(group, {}))
        if rows:
            click.echo("")
            print_table([group, ""], rows)
    artifacts = _artifacts(manifest.get("artifacts", []))
    if artifacts:
        click.echo("")
        print_table(["artifact", "size", "sha256", "uri"], artifacts)
    evidence = [
        [
            item.name,
            str(item.number),
            item.result or "–",
            _made(item.made),
            _metrics(item.metrics),
            ", ".join(map(str, item.signers)) or "–",
            item.why if item.counts else f"no: {item.why}",
        ]
        for item in found.evidence
    ]
    if evidence:
        click.echo("")
        headers = ["evidence", "no.", "result", "made", "measured", "signed by", "counts"]
        print_table(headers, evidence)
    effects = [
        [f"{effect.moment:%Y-%m-%d %H:%M} UTC", effect.slot.stage, effect.action, effect.name]
        for effect in sorted(found.effects, key=lambda effect: effect.moment)
    ]
    if effects:
        click.echo("")
        print_table(["when", "stage", "what", "tag"], effects)


def _rows(group: object) -> list[list[str]]:
    """The names of a group with their values. What cannot be read may hold anything, and is shown as it is."""
    if not isinstance(group, dict):
        return [["–", str(group)]]
    return [[str(name), str(value)] for name, value in group.items()]


def _artifacts(group: object) -> list[list[str]]:
    """Each artifact's path, size, digest and address, as far as it says them."""
    from gitstage.cli.drawing import size

    rows = []
    for item in group if isinstance(group, list) else [group]:
        said = item if isinstance(item, dict) else {"path": item}
        length, digest = said.get("size", "–"), str(said.get("sha256", "–"))
        short = f"{digest[:12]}…" if len(digest) > 12 else digest
        shown = size(length) if isinstance(length, int) else str(length)
        rows.append([str(said.get("path", "–")), shown, short, str(said.get("uri", "–"))])
    return rows


def _made(text: str | None) -> str:
    """The moment that a statement says, as all others are written; where it says none, what it says."""
    from datetime import UTC, datetime

    try:
        return f"{datetime.fromisoformat(text or '').astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError):
        return text or "–"


def _metrics(metrics: object) -> str:
    assert isinstance(metrics, dict)
    return ", ".join(f"{name} {value}" for name, value in metrics.items()) or "–"


def document(found: Shown) -> dict[str, object]:
    """A version as JSON, `gitstage/shown/v1`."""
    from gitstage.ledger import text_of

    return {
        "schema": "gitstage/shown/v1",
        **{key: value for key, value in found.resolved.document().items() if key not in ("schema", "manifest")},
        "manifest": dict(found.manifest),
        "in_effect": list(found.in_effect),
        "archived": found.archived,
        "held": found.held,
        "problem": found.problem,
        "evidence": [
            {
                "path": item.path,
                "name": item.name,
                "number": item.number,
                "type": item.type,
                "result": item.result,
                "made": item.made,
                "metrics": dict(item.metrics),
                "signers": [{"key": one.key, "person": one.person, "valid": one.valid} for one in item.signers],
                "counts": item.counts,
                "why": item.why,
            }
            for item in found.evidence
        ],
        "effects": [
            {
                "moment": text_of(effect.moment),
                "stage": effect.slot.stage,
                "action": effect.action,
                "before": effect.before,
                "after": effect.after,
                "tag": effect.name,
            }
            for effect in found.effects
        ],
    }
