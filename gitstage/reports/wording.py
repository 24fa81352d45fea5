"""What every format says in the same words. Nothing is escaped here: that is for each format, and its sink."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from gitstage.findings import SEVERITY, Finding, Judgement, Report, Verdict
from gitstage.layout import slot_path
from gitstage.reports.figures import clock, distance

WEIGHTS = ("refused", "pending", "waived", "warn", "passed")
NOTHING = "nothing of a registry changes"
NEW_REGISTRY = "a new registry: there is none at the base, so its own policy judges it"


def subject(judgement: Judgement) -> str:
    """What a judgement is about: `fraud-detector: production`, `fraud-detector: registers 1.1.0`, `policy`.

    What changes a model's records otherwise (evidence, a hold, what is archived) is `fraud-detector: records`.
    """
    if judgement.model is None:
        return judgement.thing
    if judgement.action == "register":
        return f"{judgement.model}: registers {judgement.after or 'versions'}"
    return f"{judgement.model}: {judgement.stage or judgement.thing.partition('/')[0]}"


def step(judgement: Judgement) -> str:
    """What becomes of a slot: `1.0.0 → 1.1.0`; nothing where it is none."""
    if judgement.stage is None:
        return ""
    after = judgement.after or ("empty" if judgement.action == "archive" else "no registered version")
    known = "" if judgement.action in ("promote", "archive") else f" ({judgement.action})"
    return f"{judgement.before or 'empty'} → {after}{known}"


def headline(judgement: Judgement) -> str:
    """Subject and step in one: `fraud-detector: production 1.0.0 → 1.1.0`."""
    return f"{subject(judgement)} {step(judgement)}".rstrip()


def weight(finding: Finding) -> str:
    """How a finding counts: its verdict, or `warn` where it refuses nothing."""
    return "warn" if finding.advisory and finding.verdict is not Verdict.PASSED else str(finding.verdict)


def by_weight(findings: Iterable[Finding]) -> list[Finding]:
    """What refuses, what is pending, what is waived, what warns, what passed; each in the order of the rules."""
    return sorted(findings, key=lambda finding: WEIGHTS.index(weight(finding)))


def by_verdict(judgements: Iterable[Judgement]) -> list[Judgement]:
    """The worst first, else in their own order."""
    return sorted(judgements, key=lambda judgement: -SEVERITY.index(judgement.verdict))


def location(report: Report, path: str | None) -> str | None:
    """A path of the registry, from the repository's root."""
    return f"{report.registry}/{path}" if report.registry and path is not None else path


def shown_at(judgement: Judgement, finding: Finding) -> str | None:
    """The file at which a reader of the diff sees a finding: its own, or else that of the slot that it is about.

    From the registry's folder; None where there is neither.
    """
    if finding.path is not None and not finding.path.endswith("/"):
        return finding.path
    if judgement.model is None or judgement.stage is None:
        return None
    return slot_path(judgement.stage, judgement.model)


def next_steps(report: Report, finding: Finding) -> Iterator[str]:
    """When a finding passes by itself, and what to do about it; one line each."""
    if finding.opens is not None:
        yield f"opens {opening(finding.opens, report.moment)}"
    if finding.hint is not None:
        yield todo(finding.hint)


def clipped(text: str, characters: int) -> str:
    """At most so many characters of a text; a text that goes on ends in how many were left out."""
    if len(text) <= characters:
        return text
    kept = text[: max(0, characters - 40)]
    return f"{kept}… ({len(text) - len(kept):,} more characters)"


def left_out(count: int, why: str, *, of: str = "finding") -> str:
    """How many findings are missing in a format that has room for so many only, and where all of them are."""
    return f"{count:,} more {of}{' is' if count == 1 else 's are'} left out: {why}; all of them: gitstage check"


def opening(moment: datetime, now: datetime) -> str:
    """When something passes by itself: `2026-11-24 14:00 UTC (in 3h 20m)`."""
    return f"{clock(moment)} (in {distance(moment - now)})" if moment > now else f"{clock(moment)} (any moment)"


def todo(hint: str) -> str:
    """A hint with the verb it needs: something to type, or something else to do."""
    return f"type: {hint}" if hint.startswith("gitstage ") else f"next: {hint}"


def conclusion(report: Report) -> str:
    """The verdict about the whole change: `refused: 1 of 3 changes`."""
    count = len(report.judgements)
    if not count:
        return f"{report.verdict}: {NOTHING}"
    changes = f"{count} change{'' if count == 1 else 's'}{_waived(report)}"
    if report.passed:
        return f"passed: {changes}"
    at_fault = [judgement for judgement in report.judgements if judgement.verdict is report.verdict]
    until = _until(report, at_fault) if report.verdict is Verdict.PENDING else ""
    return f"{report.verdict}{until}: {len(at_fault)} of {changes}"


def _waived(report: Report) -> str:
    """How many rules were waived, which counts wherever there is room for a line."""
    count = sum(finding.verdict is Verdict.WAIVED for found in report.judgements for finding in found.findings)
    return f", {count} waived" if count else ""


def debts(report: Report, judgement: Judgement) -> Iterator[str]:
    """What a judgement leaves to be countersigned by somebody else, one line each."""
    if judgement.debts:
        from gitstage.rules.waivers import in_words

        yield from (in_words(debt, report.moment) for debt in judgement.debts)


def _until(report: Report, pending: list[Judgement]) -> str:
    """By when time alone opens what is pending; nothing where a person has to do something, too."""
    moments = [
        finding.opens
        for judgement in pending
        for finding in judgement.findings
        if finding.verdict is Verdict.PENDING and not finding.advisory
    ]
    known = [moment for moment in moments if moment is not None]
    return f" until {opening(max(known), report.moment)}" if len(known) == len(moments) else ""
