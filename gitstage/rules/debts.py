"""Debts: what somebody did alone, until somebody else who may has countersigned it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from gitstage.approvals import SETTLE, WAIVER, Said, unfit
from gitstage.changes import Snapshot
from gitstage.errors import CannotVerify
from gitstage.layout import evidence_folder
from gitstage.ledger import Owed
from gitstage.policy import Policy
from gitstage.rules.voices import Voices, statements_called


def debts(owed: Iterable[Owed], registry: Snapshot, voices: Voices, policy: Policy, now: datetime) -> tuple[Owed, ...]:
    """What of all that was owed nobody has countersigned at a moment, as the files of a registry say.

    A countersignature is a signed statement in the folder of the version that came in, by one of those who may do what
    was done (`waivers.by`, `rollback.by`) and did not do it themselves. What cannot be verified settles nothing.
    """
    return tuple(one for one in owed if not _is_settled(one, registry, voices, policy, now))


def _is_settled(owed: Owed, registry: Snapshot, voices: Voices, policy: Policy, now: datetime) -> bool:
    about, stage = owed.about, policy.stages.get(owed.about.stage)
    rule = None if stage is None else stage.waivers if owed.debt.kind == WAIVER else stage.rollback
    if rule is None:
        return False
    others = frozenset(policy.people_named(*rule.by, model=about.model)) - frozenset(owed.debt.by)
    folder = evidence_folder(about.model, about.version)
    for _, data, said in statements_called((registry,), folder, SETTLE):
        if isinstance(said, Said) and said.kind == SETTLE and unfit(said, about, now) is None:
            try:
                if voices.signers_of(data)[0] & others:
                    return True
            except CannotVerify:
                return False
    return False
