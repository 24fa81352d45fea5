"""No file of a registry is removed (a `README.md` may be)."""

from __future__ import annotations

from gitstage.layout import CONFIGURATION
from gitstage.rules.cases import Answer, Answers, PolicyCase, RecordsCase, SlotCase


def policy(case: PolicyCase) -> Answers:
    """What is not a model's is not removed either; a `README.md` and what never had a place there may be."""
    for change, place in case.changes:
        if change.after is None and place.kind in ("configuration", "attributes"):
            what = "the registry's policy" if change.path == CONFIGURATION else "it"
            yield Answer(message=f"{what} is not removed", path=change.path, hint="gitstage withdraw --policy")
        elif change.before is not None and change.after is None and place.kind == "evidence":
            yield Answer(
                message="nothing is removed from a registry", path=change.path, hint="gitstage withdraw --policy"
            )


def records(case: RecordsCase) -> Answers:
    """Versions, archived versions, evidence, holds and artifacts stay: they are what an audit and a rollback need.

    Passes: a hold that is rewritten as released. Refused: `git revert` of a promotion, which takes the archived file
    away again.
    """
    for change, place in case.changes:
        if change.before is not None and change.after is None and place.kind != "readme":
            yield Answer(
                message="nothing is removed from a registry",
                path=change.path,
                hint=f"to go back to an earlier version: gitstage rollback {case.model}@STAGE --reason …; "
                f"to put this file back: gitstage withdraw {case.model}",
            )


def slot(case: SlotCase) -> Answers:
    """A slot that was filled once keeps its file: an empty one holds an `EmptySlot`."""
    if case.entry is None and case.effects:
        yield Answer(
            message="a slot's file is not removed",
            path=case.slot.path,
            hint=f"empty it with: gitstage archive {case.slot.model}@{case.slot.stage} --reason …; "
            f"put it back with: gitstage withdraw {case.slot.model}@{case.slot.stage}",
        )
