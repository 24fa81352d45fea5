"""A version enters a stage from one named in its `from`, or returns to a stage where it has been in effect."""

from __future__ import annotations

from gitstage.findings import Verdict
from gitstage.rules.cases import Answer, Answers, SlotCase


def slot(case: SlotCase) -> Answers:
    """Nothing reaches production without having been in staging.

    Where the version was is looked at in the state before the commit that last changed the slot's file, so neither
    waiting nor filling two stages at once cures anything. A model that serves already when a registry is made is
    taken in by `gitstage adopt`, into a slot that never held anything, until the date `adopt-until`.

    Passes: 1.1.0 into production, while staging holds 1.1.0. Refused: 1.2.0 into production, registered just now.
    """
    if case.after is None:
        return
    if case.policy.stages[case.slot.stage].retired:
        yield Answer(
            message=f"the stage {case.slot.stage} is retired: nothing enters it",
            path=case.slot.path,
            hint=f"gitstage withdraw {case.slot.model}@{case.slot.stage}",
        )
        return
    if case.action == "rollback" or case.from_stages:
        return
    allowed = ", ".join(case.policy.stages[case.slot.stage].from_)
    if case.action == "adopt":
        yield Answer(
            message=f"adopted: it did not come from {allowed} (allowed until {case.policy.adopt_until})",
            verdict=Verdict.PASSED,
            path=case.slot.path,
        )
        return
    was = ", ".join(sorted(case.sources)) or "nowhere"
    yield Answer(
        message=f"{case.after} enters {case.slot.stage} from {allowed}; before this change it was in effect: {was}",
        path=case.slot.path,
        hint=_way(case),
    )


def _way(case: SlotCase) -> str:
    stages = [name for name in case.policy.stages[case.slot.stage].from_ if name in case.policy.stages]
    withdrawn = f"gitstage withdraw {case.slot.model}@{case.slot.stage}"
    if not stages:
        return withdrawn
    return f"{withdrawn}; then gitstage promote {case.slot.model}@{case.after} --to {stages[0]}"
