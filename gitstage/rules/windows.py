"""Something takes effect only at the times that the gate allows."""

from __future__ import annotations

from gitstage.durations import short
from gitstage.findings import Verdict
from gitstage.policy import Gate
from gitstage.rules.cases import Answer, Answers, SlotCase


def gate(case: SlotCase, gate: Gate) -> Answers:
    """Nobody is called out of bed for what could have waited until Monday.

    A gate is shut while one of its `deny` windows holds, and outside all of its `allow` windows. What was merged while
    it was shut takes effect when it opens. A rollback never waits.

    Passes: on a Tuesday, `{deny: "Fri 16:00 - Mon 08:00", timezone: Europe/Berlin}`. Pending: on a Saturday; it says
    when the window ends. Refused: where no window ever opens again.
    """
    if not gate.windows:
        return
    from gitstage.windows import closed

    windows = [rule.window for rule in gate.windows]
    shut = closed(windows, case.now)
    threshold = "; ".join(str(window) for window in windows)
    if shut is None:
        yield Answer(verdict=Verdict.PASSED, message="within the windows", threshold=threshold)
    elif shut.opens is None:
        yield Answer(message=f"no window opens again: {shut.why}", threshold=threshold)
    else:
        yield Answer(
            verdict=Verdict.PENDING,
            message=f"shut: {shut.why}",
            value=f"opens in {short(shut.opens - case.now)}",
            threshold=threshold,
            opens=shut.opens,
        )
