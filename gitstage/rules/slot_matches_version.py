"""A slot, and a file of `archived/`, is byte for byte a registered version of that model."""

from __future__ import annotations

from gitstage.layout import version_path
from gitstage.rules.cases import Answer, Answers, RecordsCase, SlotCase
from gitstage.rules.tombstones import tombstone_in


def records(case: RecordsCase) -> Answers:
    """A file of `archived/` is the registered version of its own path, byte for byte."""
    for change, place in case.changes:
        if place.kind != "archived" or change.after is None:
            continue
        registered = case.after.entry(version_path(case.model, str(place.version)))
        if registered is None:
            yield Answer(message=f"{case.model} {place.version} is not registered", path=change.path)
        elif registered.oid != change.after.oid:
            yield Answer(
                message=f"is not byte for byte {version_path(case.model, str(place.version))}", path=change.path
            )


def slot(case: SlotCase) -> Answers:
    """What serves is what was registered, and not something that looks like it.

    Passes: a slot that `gitstage promote` filled, or `cp models/m/1.1.0.yaml production/m.yaml`; an `EmptySlot`.
    Refused: a slot in which somebody raised a metric by hand.
    """
    if not case.matched and case.entry is not None:
        yield Answer(
            message=f"is byte for byte none of the registered versions of {case.slot.model}",
            path=case.slot.path,
            hint=f"gitstage withdraw {case.slot.model}@{case.slot.stage}, then "
            f"gitstage promote {case.slot.model}@VERSION --to {case.slot.stage}",
        )
    elif case.after is not None and case.incoming() is None and tombstone_in(case.head, case.entry) is not None:
        yield Answer(message=f"{case.after} was redacted, and enters no stage", path=case.slot.path)
