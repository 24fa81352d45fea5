"""A version stays in the stage it comes from for a while, without a break, before it goes on."""

from __future__ import annotations

from datetime import datetime, timedelta

from gitstage.durations import short
from gitstage.findings import SEVERITY, Verdict
from gitstage.layout import Slot
from gitstage.ledger import stay
from gitstage.policy import Gate
from gitstage.rules.cases import Answer, Answers, SlotCase


def gate(case: SlotCase, gate: Gate) -> Answers:
    """What was in staging for an hour has met an hour of the world.

    The soak is the length of the version's last stay in the stage it comes from, from tag to tag or to now: what is
    not tagged has not begun.

    Passes: 1.1.0 in effect in staging since yesterday, `soak: 24h`. Pending: since this morning; it says when it
    will pass. Refused: replaced in staging before the time was up.
    """
    if gate.soak is None:
        return
    asked = gate.soak
    stays = [
        (name, found)
        for name in case.from_stages
        if name in case.policy.stages
        and (found := stay(case.past.effects(Slot(case.slot.model, name)), str(case.after), case.now)) is not None
    ]
    if not stays:
        yield Answer(
            message=f"{case.after} has been in no stage that it could soak in", threshold=short(asked), value="0s"
        )
        return
    answers = [_answer(case, name, asked, *found) for name, found in stays]
    yield min(answers, key=lambda answer: (SEVERITY.index(answer.verdict), answer.opens or case.now))


def _answer(case: SlotCase, stage: str, asked: timedelta, since: datetime, until: datetime | None) -> Answer:
    length = (until or case.now) - since
    value, threshold = short(length), short(asked)
    if length >= asked:
        return Answer(
            verdict=Verdict.PASSED, message=f"{value} in {stage} of {threshold}", value=value, threshold=threshold
        )
    if until is not None:
        return Answer(message=f"left {stage} after {value} of {threshold}", value=value, threshold=threshold)
    return Answer(
        verdict=Verdict.PENDING,
        message=f"{value} in {stage} of {threshold}",
        value=value,
        threshold=threshold,
        opens=since + asked,
    )
