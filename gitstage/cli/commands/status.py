"""`gitstage status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitstage.cli.completing import complete_reference
from gitstage.cli.context import Context, at_options, json_option, pass_context
from gitstage.cli.output import print_json, print_line, print_table

if TYPE_CHECKING:
    from gitstage.ledger import Open
    from gitstage.operations.status import Cell, ModelStatus, Status

EMPTY = "–"


@click.command(
    epilog="""\b
Examples:
  gitstage status
  gitstage status fraud-detector
  gitstage status --at 2026-07-15T14:00Z
"""
)
@click.argument("model", shell_complete=complete_reference, required=False)
@at_options
@json_option
@pass_context
def command(context: Context, model: str | None, at: str | None, declared: bool, as_json: bool) -> None:
    """Show what is in each stage: what is in effect and, where it differs, what is declared and why it waits."""
    from gitstage.operations import status

    found = status.run(context.registry(), model, at=at, declared=declared)
    if as_json:
        print_json(document(found))
        return
    _print(found, detailed=model is not None, declared=declared)


def _print(found: Status, *, detailed: bool, declared: bool) -> None:
    if not found.models:
        if found.at is not None:
            print_line(
                f"nothing had taken effect at {found.at}"
                if not declared
                else f"no model is declared at {found.at[:12]}"
            )
        else:
            click.echo("no model is registered: gitstage register MODEL@1.0.0 --artifact FILE")
    elif detailed:
        _print_model(found.models[0])
    else:
        known = any(model.versions for model in found.models)  # tags, which answer for a moment, know only slots
        rows = [_row(model, found.stages, known=known) for model in found.models]
        print_table(["model", *found.stages, *(["archived"] if known else [])], rows)
        for model in found.models:
            for line in _why(model):
                print_line(line)
    if found.policy_waiting is not None:
        print_line(f"policy waits: {_reason(found.policy_waiting)}")
    if found.owed and found.now is not None:
        from gitstage.rules.waivers import in_words

        for owed in found.owed:
            print_line(f"debt: {owed.name}: {in_words(owed.debt, found.now)}")
    for note in found.notes:
        print_line(f"note: {note}", err=True)


def _row(model: ModelStatus, stages: tuple[str, ...], *, known: bool) -> list[str]:
    cells = [_cell(model.slots[stage]) for stage in stages]
    archived = [str(len(model.archived)) if model.archived else EMPTY]
    return [model.model, *cells, *(archived if known else [])]


def _cell(cell: Cell) -> str:
    version = cell.version or EMPTY
    return f"{version} ({cell.declared or 'something else'} declared)" if cell.differs else version


def _why(model: ModelStatus) -> list[str]:
    lines = []
    for stage, cell in model.slots.items():
        if cell.waiting is not None:
            lines.append(f"{model.model}: {stage} waits: {_reason(cell.waiting)}")
    if model.waiting is not None:
        lines.append(f"{model.model}: its records are open: {_reason(model.waiting)}")
    return lines


def _reason(waiting: Open) -> str:
    found = waiting.findings[0] if waiting.findings else None
    if found is None:
        return str(waiting.verdict)
    opens = f", opens {found.opens:%Y-%m-%d %H:%M} UTC" if found.opens else ""
    more = f" and {len(waiting.findings) - 1} more" if len(waiting.findings) > 1 else ""
    return f"{found.rule}: {found.message}{opens}{more}"


def _print_model(model: ModelStatus) -> None:
    from gitstage.layout import version_key

    rows = []
    for stage, cell in model.slots.items():
        effect = cell.effect
        since = f"{effect.moment:%Y-%m-%d %H:%M} UTC" if effect is not None and effect.after else ""
        rows.append([stage, _cell(cell), since, effect.name if effect is not None else ""])
    print_line(model.model)
    print_table(["stage", "in effect", "since", "tag"], rows)
    if model.versions:
        print_line(f"versions  {', '.join(sorted(model.versions, key=version_key, reverse=True))}")
        print_line(f"archived  {', '.join(sorted(model.archived, key=version_key, reverse=True)) or EMPTY}")
    for version, reason in sorted((model.held or {}).items()):
        print_line(f"held      {version}: {reason}")
    for line in _why(model):
        print_line(line)


def document(found: Status) -> dict[str, object]:
    """The status as JSON, `gitstage/status/v1`."""
    from gitstage.ledger import finding_document, text_of

    def waiting(item: Open | None) -> dict[str, object] | None:
        if item is None:
            return None
        return {
            "verdict": str(item.verdict),
            "landed": item.landed,
            "since": text_of(item.since),
            "findings": [finding_document(finding) for finding in item.findings],
        }

    def slot(cell: Cell) -> dict[str, object]:
        return {
            "version": cell.version,
            "declared": cell.declared if cell.differs else cell.version,
            "differs": cell.differs,
            "since": text_of(cell.effect.moment) if cell.effect else None,
            "tag": cell.effect.name if cell.effect else None,
            "waiting": waiting(cell.waiting),
        }

    return {
        "schema": "gitstage/status/v1",
        "at": found.at,
        "stages": list(found.stages),
        "judged": found.state.judged,
        "unjudged": found.unjudged,
        "policy": waiting(found.policy_waiting),
        "models": [
            {
                "model": model.model,
                "stages": {stage: slot(cell) for stage, cell in model.slots.items()},
                "versions": sorted(model.versions),
                "archived": sorted(model.archived),
                "held": dict(model.held) if model.held is not None else None,
                "records": waiting(model.waiting),
            }
            for model in found.models
        ],
        "owed": [
            {
                "tag": owed.name,
                "kind": owed.debt.kind,
                "by": list(owed.debt.by),
                "since": text_of(owed.since),
                "due": None if owed.debt.due is None else text_of(owed.debt.due),
            }
            for owed in found.owed
        ],
    }
