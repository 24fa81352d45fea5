"""The policy, and what it protects, change with the approvals that the policy before asks for."""

from __future__ import annotations

from gitstage.findings import Verdict
from gitstage.layout import APPROVAL, EVIDENCE, POLICY_EVIDENCE
from gitstage.people import matched
from gitstage.rules.approvals import NOBODY_KNOWS, asked_for, counted, missing
from gitstage.rules.cases import Answer, Answers, PolicyCase
from gitstage.rules.voices import statements_called


def policy(case: PolicyCase) -> Answers:
    """Who may promote does not also decide what a promotion needs.

    `governance: [{count: 1, from: platform}]` asks for approvals of every change of gitstage.yaml and of the paths that
    it protects: reviews on the forge, or `gitstage approve --policy`, which signs the digests of what is to be in
    effect. Asked is the policy that is in effect, so that a change cannot loosen its own judge; who made the change
    cannot approve it.

    Passes: a pull request that changes a threshold, which somebody else of `platform` approved. Pending: until then.
    """
    yield from _answers(case)


def is_met(case: PolicyCase) -> bool:
    """Whether governance is asked for, and everybody who is has approved."""
    answers = list(_answers(case))
    return bool(answers) and all(answer.verdict is Verdict.PASSED for answer in answers)


def _answers(case: PolicyCase) -> Answers:
    old = case.old
    about = None if old is None or not old.governance else case.about()
    if old is None or about is None:
        return
    authors = case.voices.authors
    if authors is None:
        for rule in old.governance:
            yield Answer(
                verdict=Verdict.PENDING,
                message=f"{missing(rule.count, rule.from_)}: nobody can tell who made this change",
                value=f"0 of {rule.count}",
                threshold=asked_for(rule),
                hint=NOBODY_KNOWS,
            )
        return
    there, reasons = _approvers(case)
    who = [frozenset(old.people_named(rule.from_)) for rule in old.governance]
    needs = [(rule.count, people) for rule, people in zip(old.governance, who, strict=True)]
    met = matched(needs, there - authors)
    reasons += tuple(f"{person} made the change" for person in sorted(there & authors))
    for rule, people, found in zip(old.governance, who, met, strict=True):
        others = sorted(people - authors - there)
        yield counted(rule, found, others, reasons, "gitstage approve --policy --sign KEY")


def _approvers(case: PolicyCase) -> tuple[frozenset[str], tuple[str, ...]]:
    """The people whose approvals count for a change of the policy, and why others do not."""
    from gitstage.approvals import PolicySaid, policy_unfit

    about = case.about()
    assert about is not None
    people: set[str] = set()
    reasons = []
    folder = f"{EVIDENCE}/{POLICY_EVIDENCE}/{about.policy}"
    for name, data, said in statements_called((case.after,), folder, APPROVAL):
        if not isinstance(said, PolicySaid):
            continue
        why = policy_unfit(said, about, case.now)
        if why is None:
            found, why = case.voices.signers_of(data)
            people |= found
        if why is not None:
            reasons.append(f"{name} {why}" if why.startswith(("is ", "was ", "has ")) else f"{name}: {why}")
    reviewed, others = case.voices.approved_on_forge(case.voices.landed, case.unlike)
    return frozenset(people) | reviewed, (*reasons, *others)
