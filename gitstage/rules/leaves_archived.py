"""What leaves a slot is in `archived/` from then on."""

from __future__ import annotations

from gitstage.layout import archived_path, version_path
from gitstage.rules.cases import Answer, Answers, RecordsCase, SlotCase, is_listed


def records(case: RecordsCase) -> Answers:
    """What has left a slot stays listed in `archived/`, also while other records of the model are mended."""
    for version in sorted(case.left):
        listed = case.after.entry(archived_path(case.model, version))
        if listed is None and case.after.entry(version_path(case.model, version)) is not None:
            yield Answer(
                message=f"{version} has left a slot and is not in archived/",
                path=archived_path(case.model, version),
                hint=f"gitstage withdraw {case.model}",
            )


def slot(case: SlotCase) -> Answers:
    """A version that is taken out is listed in `archived/` by the same change, whatever other slot still holds it.

    Else two promotions in two regions would each leave it to the other.

    Passes: a promotion made by `gitstage promote`. Refused: `cp models/m/1.1.0.yaml production/m.yaml` alone.
    """
    if case.before is None or case.before_blob == case.after_blob or case.entry is None or not case.matched:
        return
    if not is_listed(case.head, case.slot.model, case.before, case.before_blob):
        yield Answer(
            message=f"{case.before} leaves {case.slot.stage} and is not in archived/",
            path=archived_path(case.slot.model, case.before),
            hint=_way(case, case.before),
        )


def _way(case: SlotCase, before: str) -> str:
    """What is meant, most likely: a reverted commit is a rollback."""
    slot = f"{case.slot.model}@{case.slot.stage}"
    if case.action == "rollback":
        return f"gitstage withdraw {slot}, then gitstage rollback {slot} --to {case.after} --reason …"
    copied = f"cp {version_path(case.slot.model, before)} {archived_path(case.slot.model, before)}"
    return f"gitstage promote and gitstage archive list it by themselves; by hand: {copied}"
