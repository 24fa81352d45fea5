"""The commits that bring a change are signed by people of the policy."""

from __future__ import annotations

from gitstage.findings import Verdict
from gitstage.policy import Gate
from gitstage.rules.approvals import either
from gitstage.rules.cases import Answer, Answers, SlotCase


def gate(case: SlotCase, gate: Gate) -> Answers:
    """With `signed-commits: true`, what changes a slot can be traced to people, whatever names stand in commits.

    Asked are all commits that came with the one that landed and change the slot's file; what a merge only brought in is
    the doing of the commits that it brought. Only SSH signatures by keys in gitstage.yaml count.

    Passes: a promotion in a commit that alice signed with her key. Refused: in one that nobody signed, or that was
    signed with a key that is nobody's, or not valid any more. Pending: a commit that is not made yet.
    """
    if not gate.signed_commits:
        return
    commits = case.voices.commits(case.voices.landed)
    path = case.slot.path
    if commits is None:
        yield Answer(
            verdict=Verdict.PENDING,
            message="the commit is not signed yet",
            path=path,
            hint="git config gpg.format ssh; git config user.signingkey KEY.pub; git config commit.gpgsign true",
        )
        return
    whole = f"{case.voices.folder}/{path}" if case.voices.folder else path
    by = [case.voices.people(commit.keys) for commit in commits if whole in commit.paths]
    if by and all(by):
        people = sorted(frozenset[str]().union(*by))
        yield Answer(verdict=Verdict.PASSED, message=f"signed by {', '.join(people)}", path=path, people=tuple(people))
        return
    unsigned = sum(not people for people in by)
    said = f"{unsigned} of {len(by)} commits" if len(by) > 1 else "the commit"
    signed = f"; others are signed by {either(sorted(frozenset[str]().union(*by)))}" if any(by) else ""
    yield Answer(
        message=f"{said} that changed it {'are' if unsigned > 1 else 'is'} signed by nobody in gitstage.yaml{signed}",
        path=path,
        hint=f"gitstage withdraw {case.slot.model}@{case.slot.stage}; then promote again, signed: "
        "git config commit.gpgsign true",
    )
