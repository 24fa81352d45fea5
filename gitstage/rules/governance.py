"""The policy, what it protects, and what is redacted change with the approvals that the policy before asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from gitstage.changes import Snapshot, below, joined
from gitstage.findings import Verdict
from gitstage.layout import APPROVAL, EVIDENCE, POLICY_EVIDENCE
from gitstage.people import matched
from gitstage.policy import Policy
from gitstage.rules.approvals import NOBODY_KNOWS, asked_for, counted, missing, uncounted
from gitstage.rules.cases import Answer, Answers, PolicyCase, RecordsCase
from gitstage.rules.tombstones import digests
from gitstage.rules.voices import Voices, statements_called
from gitstage.values import dataclass

if TYPE_CHECKING:
    from gitstage.approvals import PolicyChange


def policy(case: PolicyCase) -> Answers:
    """Who may promote does not also decide what a promotion needs.

    `governance: [{count: 1, from: platform}]` asks for approvals of every change of gitstage.yaml and of the paths that
    it protects: reviews on the forge, or `gitstage approve --policy`, which signs the digests of what is to be in
    effect. Asked is the policy that is in effect, so that a change cannot loosen its own judge; who made the change
    cannot approve it.

    Passes: a pull request that changes a threshold, which somebody else of `platform` approved. Pending: until then.
    """
    yield from _answers(case)


def records(case: RecordsCase) -> Answers:
    """What must not stay goes with the same approvals: of tombstones, each by its path and digest.

    Pending: a manifest with a name in it that makes way for a tombstone, until somebody else of `platform` approved it.
    """
    files = digests(case)
    if files and case.policy.governance:
        yield from _governed(_redaction(case, files))


def is_met(case: PolicyCase) -> bool:
    """Whether governance is asked for, and everybody who is has approved."""
    answers = list(_answers(case))
    return bool(answers) and all(answer.verdict is Verdict.PASSED for answer in answers)


def _answers(case: PolicyCase) -> Answers:
    old = case.old
    about = None if old is None or not old.governance else case.about()
    if old is None or about is None:
        return
    yield from _governed(
        _Asked(policy=old, about=about, head=case.after, now=case.now, voices=case.voices, unlike=case.unlike)
    )


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """A change for which governance is asked: `about` is what an approval is bound to."""

    policy: Policy
    about: PolicyChange
    head: Snapshot
    now: datetime
    voices: Voices
    unlike: Callable[[Snapshot], str | None]


def _redaction(case: RecordsCase, files: Mapping[str, str]) -> _Asked:
    from gitstage.approvals import PolicyChange

    policy, folder = case.policy, case.voices.folder

    def unlike(tree: Snapshot) -> str | None:
        there = below(tree, folder)
        return next((f"another {path}" for path in files if there.entry(path) != case.after.entry(path)), None)

    about = PolicyChange(
        registry=policy.id,
        policy=policy.digest,
        base=policy.digest,
        number=case.policy_number,
        files={joined(folder, path): digest for path, digest in files.items()},
    )
    return _Asked(policy=policy, about=about, head=case.after, now=case.now, voices=case.voices, unlike=unlike)


def _governed(case: _Asked) -> Answers:
    policy, authors = case.policy, case.voices.authors
    if authors is None:
        for rule in policy.governance:
            yield Answer(
                verdict=Verdict.PENDING,
                message=f"{missing(rule.count, rule.from_)}: nobody can tell who made this change",
                value=f"0 of {rule.count}",
                threshold=asked_for(rule),
                hint=NOBODY_KNOWS,
            )
        return
    there, reasons = _approvers(case)
    needs = [(rule.count, frozenset(policy.people_named(rule.from_))) for rule in policy.governance]
    met = matched(needs, there - authors)
    reasons += tuple(f"{person} made the change" for person in sorted(there & authors))
    for rule, (_, people), found in zip(policy.governance, needs, met, strict=True):
        others = sorted(people - authors - there)
        yield counted(rule, found, others, reasons, "gitstage approve --policy --sign KEY")


def _approvers(case: _Asked) -> tuple[frozenset[str], tuple[str, ...]]:
    """The people whose approvals count for a change, and why others do not."""
    from gitstage.approvals import PolicySaid, policy_unfit

    people: set[str] = set()
    reasons = []
    folder = f"{EVIDENCE}/{POLICY_EVIDENCE}/{case.about.policy}"
    for name, data, said in statements_called((case.head,), folder, APPROVAL):
        if not isinstance(said, PolicySaid):
            continue
        why = policy_unfit(said, case.about, case.now)
        if why is None:
            found, why = case.voices.signers_of(data)
            people |= found
        if why is not None:
            reasons.append(uncounted(name, why))
    reviewed, others = case.voices.approved_on_forge(case.voices.landed, case.unlike)
    return frozenset(people) | reviewed, (*reasons, *others)
