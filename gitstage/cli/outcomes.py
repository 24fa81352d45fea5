"""How the outcome of a changing command is told: what happened, what the judge said, what to type next."""

from __future__ import annotations

import click

from gitstage.cli.output import ascii_only, coloured, print_json, print_line
from gitstage.findings import Verdict
from gitstage.operations.landing import Outcome


def tell(outcome: Outcome, *, as_json: bool) -> int:
    """Prints an outcome, and gives the command's exit code."""
    if as_json:
        print_json(document(outcome))
        return outcome.exit_code
    for note in outcome.notes:
        print_line(f"note: {note}", err=True)
    verdict = outcome.report.verdict
    # What is declared again is no change: the judge has nothing to say of it.
    if verdict is not Verdict.PASSED or (outcome.dry_run and outcome.report.judgements):
        from gitstage.reports import text

        click.echo(text.render(outcome.report, colour=coloured(), ascii_only=ascii_only()).rstrip("\n"))
    print_line(_sentence(outcome), err=outcome.commit is None and verdict is not Verdict.PASSED)
    return outcome.exit_code


def _sentence(outcome: Outcome) -> str:
    subject = outcome.plan.subject
    if outcome.plan.is_empty:
        return "nothing to change: it is declared already"
    if outcome.commit is None:
        if outcome.report.verdict is Verdict.REFUSED:
            return "refused; nothing was changed"
        if outcome.dry_run:
            return f"would commit: {subject}"
        return "pending; nothing was changed"
    where = str(outcome.branch).removeprefix("refs/heads/")
    told = f"[{where} {outcome.commit[:12]}] {subject}"
    if outcome.tags:
        names = [ref.removeprefix("refs/tags/") for ref in outcome.tags]
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        told = f"{told} (tagged {shown})"
    return told


def document(outcome: Outcome) -> dict[str, object]:
    """An outcome as JSON, `gitstage/outcome/v1`."""
    from gitstage.reports import as_json

    return {
        "schema": "gitstage/outcome/v1",
        "subject": outcome.plan.subject,
        "changed": sorted(outcome.plan.edits),
        "commit": outcome.commit,
        "branch": outcome.branch,
        "landed": outcome.landed,
        "dry_run": outcome.dry_run,
        "tags": list(outcome.tags),
        "notes": list(outcome.notes),
        "exit_code": outcome.exit_code,
        "report": as_json.document(outcome.report),
    }
