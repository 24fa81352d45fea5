"""A version that is held enters no stage."""

from __future__ import annotations

from gitstage.canonical import DocumentError
from gitstage.changes import FILE, Snapshot
from gitstage.layout import hold_path
from gitstage.manifest import read_hold
from gitstage.rules.cases import Answer, Answers, SlotCase

UNREADABLE = "its hold cannot be read"


def slot(case: SlotCase) -> Answers:
    """A hold counts wherever it stands: in the records that passed, in this change, or at the trunk's tip.

    A hold that cannot be read holds: what cannot answer refuses.

    Passes: a version whose hold says `state: released`. Refused: one that was rolled back and not unheld.
    """
    if case.after is None:
        return
    path = hold_path(case.slot.model, case.after)
    for snapshot in (case.passed, case.head, case.tip):
        reason = _reason(snapshot, path)
        if reason is not None:
            yield Answer(
                message=f"{case.after} is held: {reason}",
                path=path,
                hint=f"gitstage unhold {case.slot.model}@{case.after} --reason …",
            )
            return


def _reason(registry: Snapshot, path: str) -> str | None:
    entry = registry.entry(path)
    if entry is None:
        return None
    if entry.mode != FILE:
        return UNREADABLE
    try:
        hold = read_hold(registry.read(entry.oid))
    except DocumentError:
        return UNREADABLE
    return hold.reason if hold.state == "held" else None
