"""What is being tested is not pushed out by the next candidate too soon."""

from __future__ import annotations

from gitstage.durations import short
from gitstage.findings import Verdict
from gitstage.rules.cases import Answer, Answers, SlotCase


def slot(case: SlotCase) -> Answers:
    """A stage's `keep` gives its occupant the time to be tested, counted from the occupant's tag.

    It binds promotions only: a rollback never waits, and a slot may be emptied at any time.

    Passes: a promotion into staging, whose occupant came three days ago, `keep: 72h`. Pending: it came this morning.
    """
    keep = case.policy.stages[case.slot.stage].keep
    if keep is None or case.action != "promote" or case.before is None:
        return
    since = case.effects[-1].moment
    length = case.now - since
    value, threshold = short(length), short(keep)
    if length >= keep:
        yield Answer(
            verdict=Verdict.PASSED,
            message=f"{case.before} has been in {case.slot.stage} for {value} of {threshold}",
            value=value,
            threshold=threshold,
        )
    else:
        yield Answer(
            verdict=Verdict.PENDING,
            message=f"{case.before} has been in {case.slot.stage} for {value} of {threshold}",
            value=value,
            threshold=threshold,
            opens=since + keep,
        )
