"""Waivers: what a gate refuses, or still waits for, and somebody who may has taken on themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from gitstage.approvals import WAIVER, Said, unfit
from gitstage.durations import short
from gitstage.errors import CannotVerify
from gitstage.findings import Debt, Finding, Verdict
from gitstage.ledger import text_of
from gitstage.rules.approvals import uncounted
from gitstage.rules.cases import SlotCase
from gitstage.values import dataclass

WITHOUT_A_GATE = frozenset({"keep"})
"""Rules that can be waived besides those of gates. The facts never can."""


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """A waiver that counts, with the people who signed it and may; or one that does not, and why."""

    said: Said
    by: tuple[str, ...] = ()
    why_not: str | None = None

    def covers(self, finding: Finding) -> bool:
        """Whether it waives what a finding says."""
        return self.said.rule == finding.rule and self.said.gate in (None, finding.gate)


def with_waivers(case: SlotCase, findings: Sequence[Finding]) -> tuple[tuple[Finding, ...], tuple[Debt, ...]]:
    """The findings, of which those that are waived say so, and what that leaves to be countersigned."""
    if not any(map(_can_be_waived, findings)):
        return tuple(findings), ()
    try:
        waivers = list(_waivers(case))
    except CannotVerify as error:
        return tuple(_noted(finding, f"no waiver can be verified: {error.message}") for finding in findings), ()
    used: dict[int, Waiver] = {}
    said = []
    for finding in findings:
        covering = [waiver for waiver in waivers if _can_be_waived(finding) and waiver.covers(finding)]
        good = next((waiver for waiver in covering if waiver.why_not is None), None)
        if good is not None:
            used[id(good)] = good
            said.append(_waived(finding, good))
        else:
            said.append(_noted(finding, *(str(waiver.why_not) for waiver in covering)))
    return tuple(said), tuple(_debt(case, waiver) for waiver in used.values())


def _can_be_waived(finding: Finding) -> bool:
    blocks = finding.verdict in (Verdict.REFUSED, Verdict.PENDING) and not finding.advisory
    return blocks and (finding.gate is not None or finding.rule in WITHOUT_A_GATE)


def _waivers(case: SlotCase) -> Iterable[Waiver]:
    rule = case.policy.stages[case.slot.stage].waivers
    assert rule is not None
    may = frozenset(case.policy.people_named(*rule.by, model=case.slot.model))
    about = None
    for name, data, said in case.people_said(WAIVER):
        about = about or case.about()
        why = unfit(said, about, case.now)
        by: frozenset[str] = frozenset()
        if why is None:
            people, why = case.voices.signers_of(data)
            by = people & may
            if people and not by:
                why = f"is signed by {', '.join(sorted(people))}, who may not"
        yield Waiver(said=said, by=tuple(sorted(by)), why_not=None if by else uncounted(name, str(why)))


def _waived(finding: Finding, waiver: Waiver) -> Finding:
    expires = waiver.said.expires
    until = "" if expires is None else f" until {text_of(expires)}"
    return finding.bind(
        verdict=Verdict.WAIVED,
        message=f"{finding.message}; waived by {', '.join(waiver.by)}{until}: {waiver.said.reason}",
        opens=None,
        hint=None,
        people=waiver.by,
    )


def _noted(finding: Finding, *notes: str) -> Finding:
    if not notes or not _can_be_waived(finding):
        return finding
    return finding.bind(message="; ".join((finding.message, *notes)))


def _debt(case: SlotCase, waiver: Waiver) -> Debt:
    rule = case.policy.stages[case.slot.stage].waivers
    said = waiver.said
    return Debt(
        kind=WAIVER,
        by=waiver.by,
        due=None if rule is None or rule.settle is None else case.now + rule.settle,
        rule=said.rule,
        gate=said.gate,
        reason=said.reason,
        expires=said.expires,
    )


def in_words(debt: Debt, now: datetime) -> str:
    """A debt for people: what was done by whom, and by when somebody else has to countersign it."""
    what = f"waived {debt.rule}{f' of {debt.gate}' if debt.gate else ''}" if debt.kind == WAIVER else "rolled back"
    who = ", ".join(debt.by)
    if debt.due is None:
        by_when = "to be countersigned"
    elif debt.due > now:
        by_when = f"to be countersigned within {short(debt.due - now)}"
    else:
        by_when = f"to be countersigned since {short(now - debt.due)}"
    expired = ", expired" if debt.expires is not None and debt.expires <= now else ""
    return f"{who} {what}{f' ({debt.reason})' if debt.reason else ''}: {by_when}{expired}"
