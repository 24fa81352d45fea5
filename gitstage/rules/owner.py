"""Somebody who owns the model stands for what takes it away, or sets aside a warning about it."""

from __future__ import annotations

from gitstage.canonical import DocumentError
from gitstage.changes import FILE, Entry, Snapshot, files
from gitstage.findings import Verdict
from gitstage.layout import APPROVAL, CONFIGURATION, MODELS
from gitstage.manifest import Hold, read_hold
from gitstage.policy import Policy
from gitstage.rules.approvals import either, listed, spoke
from gitstage.rules.cases import Answer, Answers, PolicyCase, RecordsCase, SlotCase
from gitstage.rules.governance import is_met

MOST_MODELS = 3
"""So many models are named."""


def slot(case: SlotCase) -> Answers:
    """A slot whose stage has gates is emptied by an owner of the model, and not by whoever may push.

    One of them signed the commit or an approval, proposed it, or approved it on the forge. Where a model has no owners,
    anybody may.

    Passes: `gitstage archive m@production`, in a commit that an owner of m signed. Pending: in one that nobody signed.
    """
    if case.action != "archive" or case.before is None or case.entry is None:
        return
    owners = frozenset(case.policy.owners_of(case.slot.model))
    if not owners or not case.policy.gates_for(case.slot.model, case.slot.stage):
        return
    found = case.voices.stands_for(case.slot.path, case.entry.oid, owners)
    reasons: tuple[str, ...] = ()
    if not found:
        signed, reasons = spoke(case, APPROVAL)
        found = signed & owners
    hint = f"gitstage approve {case.slot.model}@{case.before} --for {case.slot.stage} --sign KEY"
    yield _answer(f"emptying {case.slot.stage}", found, owners, listed(reasons), case.slot.path, hint)


def records(case: RecordsCase) -> Answers:
    """A hold is released by an owner of the model.

    Passes: `gitstage unhold m@1.1.0` in a commit that an owner of m signed, or in a pull request of theirs. Pending:
    in anybody else's, until an owner approves it.
    """
    owners = frozenset(case.policy.owners_of(case.model))
    for change, place in case.changes:
        if place.kind != "hold" or change.before is None or change.after is None or not owners:
            continue
        before, after = _hold(case.before, change.before), _hold(case.after, change.after)
        if after is None or after.state != "released" or (before is not None and before.state == "released"):
            continue
        found = case.voices.stands_for(change.path, change.after.oid, owners)
        yield _answer(f"releasing the hold on {place.version}", found, owners, "", change.path, None)


def _hold(registry: Snapshot, entry: Entry) -> Hold | None:
    try:
        return read_hold(registry.read(entry.oid)) if entry.mode == FILE else None
    except DocumentError:
        return None


def policy(case: PolicyCase) -> Answers:
    """Who owns a model is changed by one of its owners, or with all approvals that `governance` asks for.

    Governance can, or a model whose only owner has left would never have another one.

    Passes: an owner of `risk/fraud` proposes that somebody else owns it. Pending: somebody else proposes it.
    """
    old, new = case.old, case.new
    if old is None or new is None or (old.models == new.models and old.roles == new.roles):
        return
    entry = case.after.entry(CONFIGURATION)
    groups = _disowned(case, old, new)
    if not groups or entry is None or is_met(case):
        return
    for owners, models in groups.items():
        found = case.voices.stands_for(CONFIGURATION, entry.oid, owners)
        more = f" and {len(models) - MOST_MODELS} others" if len(models) > MOST_MODELS else ""
        what = f"changing the owners of {', '.join(models[:MOST_MODELS])}{more}"
        yield _answer(what, found, owners, "", CONFIGURATION, None)


def _disowned(case: PolicyCase, old: Policy, new: Policy) -> dict[frozenset[str], list[str]]:
    """The models whose owners change, by those who were it."""
    places = (old.layout.place(path) for path, _ in files(case.after, MODELS))
    models = {*(str(place.model) for place in places if place.kind == "version"), *case.displaced}
    groups: dict[frozenset[str], list[str]] = {}
    for model in sorted(models):
        owners = frozenset(old.owners_of(model))
        if owners and owners != frozenset(new.owners_of(model)):
            groups.setdefault(owners, []).append(model)
    return groups


def _answer(
    what: str, found: frozenset[str], owners: frozenset[str], reasons: str, path: str, hint: str | None
) -> Answer:
    if found:
        return Answer(
            verdict=Verdict.PASSED,
            message=f"{what}: {', '.join(sorted(found))} owns it",
            path=path,
            people=tuple(sorted(found)),
        )
    return Answer(
        verdict=Verdict.PENDING,
        message=f"{what} needs one of its owners, {either(sorted(owners))}, who signs, proposes or approves it{reasons}",
        path=path,
        hint=f"one of them signs the commit, or approves it on the forge{f', or: {hint}' if hint else ''}",
    )
