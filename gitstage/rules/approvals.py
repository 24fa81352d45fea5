"""So many people have approved, none of whom made the change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gitstage.changes import Snapshot, below
from gitstage.findings import Verdict
from gitstage.layout import APPROVAL, ROLLBACK
from gitstage.people import matched
from gitstage.policy import Gate, Requirement
from gitstage.rules.cases import Answer, Answers, SlotCase
from gitstage.values import replace

MOST_REASONS = 3
"""So many reasons are said why something does not count."""
NOBODY_KNOWS = (
    "sign the commits (git config commit.gpgsign true), or let the forge say who it was: --approvals FILE.json"
)


def gate(case: SlotCase, gate: Gate) -> Answers:
    """What enters production has been looked at by somebody who did not make it.

    An approval is bound to the registry, the manifest, the stage, what is in the slot, and how many changes of the slot
    have taken effect, so that it fits one promotion and never another. It is a signed statement, or a review on the
    forge. Who made the change cannot approve it; people are counted, not keys or accounts; and somebody who meets one
    requirement of a gate meets no other one of it. Who made it is said by the forge, by the server that knows who
    pushes, or by the signatures of the commits, never by a name in a commit: where none of them says it, nobody can be
    counted. A rollback in a stage without `rollback:` needs the approvals of its gates, too.

    Passes: `approvals: [{count: 1, from: owners}]`, and an owner who did not make the change signed
    `evidence/m/1.1.0/approval-bob/1.json`. Pending: nobody has yet, or it was for another change; it says who could.
    """
    if not gate.approvals:
        return
    authors = case.voices.authors
    if authors is None:
        for rule in gate.approvals:
            yield Answer(
                verdict=Verdict.PENDING,
                message=f"{missing(rule.count, rule.from_)}: nobody can tell who made this change",
                value=f"0 of {rule.count}",
                threshold=asked_for(rule),
                hint=NOBODY_KNOWS,
                advisory=rule.enforce == "warn",
            )
        return
    there, reasons = approvers(case)
    # What only warns takes nobody away from what refuses.
    rules = sorted(gate.approvals, key=lambda rule: rule.enforce == "warn")
    needs = [(rule.count, frozenset(case.policy.people_named(rule.from_, model=case.slot.model))) for rule in rules]
    met = matched(needs, there - authors)
    reasons += tuple(f"{person} made the change" for person in sorted(there & authors))
    hint = f"gitstage approve {case.slot.model}@{case.after} --for {case.slot.stage} --sign KEY"
    for rule, (_, people), found in zip(rules, needs, met, strict=True):
        answer = counted(rule, found, sorted(people - authors - there), reasons, hint)
        yield answer if rule.enforce == "refuse" else replace(answer, advisory=True)


def counted(
    rule: Requirement, found: Sequence[str], others: Sequence[str], reasons: Sequence[str], hint: str
) -> Answer:
    """Whether enough people were found, and else who else could, and why others do not count."""
    value, threshold = f"{len(found)} of {rule.count}", asked_for(rule)
    if len(found) >= rule.count:
        return Answer(
            verdict=Verdict.PASSED,
            message=f"approved by {', '.join(found)} ({rule.from_})",
            value=value,
            threshold=threshold,
            people=tuple(found),
        )
    could = f" ({either(others)} could)" if others else " (there is nobody left who could)"
    return Answer(
        verdict=Verdict.PENDING,
        message=f"{missing(rule.count - len(found), rule.from_)}{could}{listed(reasons)}",
        value=value,
        threshold=threshold,
        hint=hint,
    )


def asked_for(rule: Requirement) -> str:
    """What is asked: `2 from platform`."""
    return f"{rule.count} from {rule.from_}"


def missing(count: int, name: str) -> str:
    """`1 approval by owners missing`."""
    return f"{count} approval{'' if count == 1 else 's'} by {name} missing"


def either(people: Sequence[str]) -> str:
    """`alice, bob or carol`; of many the first ones."""
    first = list(people[:5])
    more = len(people) - len(first)
    last = f"{more} others" if more else first.pop()
    return f"{', '.join(first)} or {last}" if first else last


def approvers(case: SlotCase) -> tuple[frozenset[str], tuple[str, ...]]:
    """The people whose approvals count for a change of a slot, and why others do not."""
    signed, reasons = spoke(case, APPROVAL)
    since = case.effects[-1].moment if case.effects else None
    reviewed, others = case.voices.approved_on_forge(case.voices.landed, lambda tree: _unlike(case, tree), since)
    return signed | reviewed, (*reasons, *others)


def _unlike(case: SlotCase, tree: Snapshot) -> str | None:
    entry = below(tree, case.voices.folder).entry(case.slot.path)
    return None if entry is not None and entry == case.entry else "another content"


def spoke(case: SlotCase, kind: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """The people who signed a statement of a kind that fits this change, and why other statements do not count."""
    from gitstage.approvals import unfit

    people: set[str] = set()
    reasons = []
    about = None
    for name, data, said in case.people_said(kind):
        about = about or case.about()
        why = unfit(said, about, case.now)
        if why is None:
            found, why = case.voices.signers_of(data)
            people |= found
        if why is not None:
            reasons.append(uncounted(name, why))
    return frozenset(people), tuple(reasons)


def uncounted(name: str, why: str) -> str:
    """Why a statement does not count: `approval-bob/1.json has expired`, `approval-bob/1.json: not signed`."""
    return f"{name} {why}" if why.startswith(("is ", "was ", "has ")) else f"{name}: {why}"


def slot(case: SlotCase) -> Answers:
    """A rollback waits for nothing but one person who may: `rollback: {by: [owners, oncall]}`.

    They signed the commit, or a statement, or the forge says that they proposed or approved it. Under `settle` it is a
    debt until a second one of them countersigns it.

    Passes: a rollback whose commit somebody of `oncall` signed. Pending: nobody stands for it yet; it says who could.
    """
    rule = case.policy.stages[case.slot.stage].rollback
    if case.action != "rollback" or rule is None or case.entry is None:
        return
    may = frozenset(case.policy.people_named(*rule.by, model=case.slot.model))
    found = case.voices.stands_for(case.slot.path, case.entry.oid, may)
    reasons: tuple[str, ...] = ()
    for kind in (ROLLBACK, APPROVAL):
        if not found:
            signed, others = spoke(case, kind)
            found, reasons = signed & may, (*reasons, *others)
    threshold = f"1 from {either(rule.by)}"
    if found:
        yield Answer(
            verdict=Verdict.PASSED,
            message=f"{', '.join(sorted(found))} may roll back",
            threshold=threshold,
            people=tuple(sorted(found)),
        )
        return
    yield Answer(
        verdict=Verdict.PENDING,
        message=f"a rollback needs one of {either(sorted(may)) if may else 'nobody'}" + listed(reasons),
        threshold=threshold,
        path=case.slot.path,
        hint="sign the commit (git config commit.gpgsign true), or: "
        f"gitstage approve {case.slot.model}@{case.after} --for {case.slot.stage} --sign KEY",
    )


def listed(reasons: Iterable[str]) -> str:
    """Reasons behind a message."""
    return "".join(f"; {reason}" for reason in list(reasons)[:MOST_REASONS])
