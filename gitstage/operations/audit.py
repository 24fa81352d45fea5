"""Judge a registry's whole history again: do trees, tags, the ledger and the policies agree?"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from gitstage.checkpoint import Checkpoint
from gitstage.errors import GitstageError
from gitstage.findings import Verdict
from gitstage.git import RefUpdate
from gitstage.layout import Slot
from gitstage.ledger import LEDGER_FILE, Effect, Owed, State, effect_from, state_document
from gitstage.operations.claims import Claim, Claims
from gitstage.operations.registries import Registry
from gitstage.operations.replay import NotTaken, OnWord, Otherwise, Replay
from gitstage.operations.route import Route, Run, is_here, runs
from gitstage.policy import Policy
from gitstage.values import dataclass

Progress = Callable[[int, int], None]
"""Told how many commits have been judged, and of how many."""

KINDS = {
    "trunk-rewritten": "what was judged is not in the trunk's history any more",
    "tag-missing": "something took effect and has no tag",
    "tag-moved": "a tag stands on another commit than it was made for",
    "tag-elsewhere": "a tag stands on a commit that never was on the trunk",
    "tag-unfounded": "a tag says that something took effect, and nothing did",
    "tag-false": "a tag says something else than what took effect",
    "tag-moment": "a tag says another moment than that of the run that made it",
    "tag-unsigned": "a tag is not signed by one of those whom the policy names that judged it",
    "tag-unreadable": "a tag in the registry's names says nothing that can be read",
    "ledger-missing": "the ledger is lost",
    "ledger-changed": "the ledger says something else than what is so",
    "debt-overdue": "nobody countersigned in time what somebody did alone",
    "open-refused": "something lies on the trunk that was refused",
    "history-removed": "what an earlier audit saw is gone",
    "tags-changed": "tags that an earlier audit saw are gone or changed",
}
"""What an audit finds. Kinds never change once released."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that is not as it should be: `kind` is one of KINDS, `ref` a tag's full name, `moment` in UTC."""

    kind: str
    message: str
    ref: str | None = None
    commit: str | None = None
    thing: str | None = None
    moment: datetime | None = None
    hint: str | None = None


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What an audit came to.

    `judged` is the last commit that a run judged, `unjudged` how many came after it. `trusted` says what was taken on
    trust, `untaken` what landed and never took effect, `otherwise` what another policy would have said, and
    `owed` what nobody has countersigned yet. `words` are the changes that rest on what a forge or a server said.
    `checkpoint` is None where nothing has been judged.
    """

    registry: str
    trunk: str
    tip: str
    judged: str | None
    ledger: str | None
    moment: datetime
    since: datetime | None
    faults: tuple[Fault, ...]
    counts: dict[str, int]
    unjudged: int
    trusted: tuple[str, ...]
    untaken: tuple[NotTaken, ...]
    otherwise: tuple[Otherwise, ...] | None
    owed: tuple[Owed, ...]
    words: tuple[OnWord, ...]
    checkpoint: Checkpoint | None

    @property
    def exit_code(self) -> int:
        """1 where something is not as it should be, or another policy would have said no; else 0."""
        return 1 if self.faults or self.otherwise else 0


def run(
    registry: Registry,
    *,
    since: datetime | None = None,
    start: Checkpoint | None = None,
    other: Policy | None = None,
    progress: Progress = lambda done, total: None,
) -> Audit:
    """Replays the history of the trunk, each run at the moment it recorded, and compares tags and ledger with it.

    `since` leaves out what is older; everything is judged all the same. With `start`, an earlier audit's checkpoint,
    only what came later is judged, as long as what it saw is still there. `other` is a policy that is asked, too, about
    each promotion. Raises GitstageError where there is no trunk, no history, or a clone that was made without tags, and
    what git raises.
    """
    registry.refuse_shallow()
    if registry.tip is None:
        raise GitstageError(
            f"there is no {registry.identity.trunk} yet", hint="the trunk's name stands in gitstage.yaml: trunk:"
        )
    _refuse_without_tags(registry)
    return _Auditor(registry, registry.tip, since, other).audited(start, progress)


def _refuse_without_tags(registry: Registry) -> None:
    """Of a clone that was told to take no tags, nobody can say which are missing. One that has lost them is another case."""
    repo, remote = registry.repo, registry.remote
    if remote is None or repo.config(f"remote.{remote}.tagOpt") != "--no-tags":
        return
    if repo.ref(registry.identity.tag_ref("policy/1")) is None:
        raise GitstageError(
            "this clone was made without tags, and an audit looks at all of them",
            hint=f"git fetch {remote} 'refs/tags/*:refs/tags/*'",
        )


def remade_ledger(registry: Registry, found: Audit) -> str:
    """Writes the ledger anew, with one run that says what the audit came to; its ref. Pushes where there is a remote.

    Raises GitstageError where the ledger is not lost, or nothing could be judged.
    """
    ref = registry.local_ledger_ref
    if found.ledger is not None:
        raise GitstageError(f"{registry.identity.ledger_ref} is not lost: it is at {found.ledger[:12]}")
    if found.checkpoint is None:
        raise GitstageError("there is nothing to make a ledger of", hint="gitstage tag makes the first")
    state = found.checkpoint.state
    assert state.clock is not None
    data = state_document(state, registry.identity.id)
    subject = f"gitstage: made again from trees and tags, judged {found.checkpoint.tip[:12]}\n"
    update = RefUpdate(ref, registry.repo.write_record({LEDGER_FILE: data}, None, subject, state.clock), None)
    if registry.remote is not None:
        registry.repo.push(registry.remote, {registry.identity.ledger_ref: update.new})
    if not ref.startswith("refs/remotes/"):
        registry.repo.transact([update], reason="gitstage audit --remake-ledger")
    return registry.identity.ledger_ref


class _Auditor:
    def __init__(self, registry: Registry, tip: str, since: datetime | None, other: Policy | None) -> None:
        self.registry = registry
        self.tip = tip
        self.since = since
        self.other = other
        self.faults: list[Fault] = []
        self.trusted: list[str] = []

    def report(self, kind: str, message: str, **fields: Any) -> None:
        self.faults.append(Fault(kind=kind, message=message, **fields))

    def audited(self, start: Checkpoint | None, progress: Progress) -> Audit:
        claims = Claims(self.registry.repo, self.registry.identity)
        ledger = self._ledger(claims)
        if start is not None and not self._is_as_it_was(start, claims, ledger):
            start = None
        replay = Replay(self.registry, claims, self.report, other=self.other, since=self.since)
        route = Route(self.registry, claims, None if start is None else start.tip, self.tip, self.report)
        if start is not None:
            replay.state = start.state
            replay.take_over(self._effects_until(start, claims))
        last: list[Run] = []
        if ledger is None:
            legs = route.legs_by_tags(self.registry.now)
        else:
            after = None if start is None else start.ledger
            legs = route.legs(_noted(runs(self.registry, ledger, after, self.report), last), resumed=start is not None)
        replay.go(legs, lambda done: progress(done, route.length))
        judged = replay.state.judged
        if ledger is not None and judged is not None:
            self._check_tip(judged)
        claims.load_rest()
        self._explain(claims, replay, last[-1].state if last else replay.state)
        self.trusted += route.trusted
        untaken = [*replay.untaken, *replay.still_open()]
        for item in untaken:
            if item.until is None and item.verdict is Verdict.REFUSED:
                self._report_open(item)
        for owed in replay.state.owed:
            if owed.debt.is_overdue(self.registry.now):
                self._report_debt(owed)
        faults = tuple(self._since(self.faults))
        counts = {**replay.counts, "faults": len(faults)}
        return Audit(
            registry=self.registry.identity.id,
            trunk=self.registry.identity.trunk,
            tip=self.tip,
            judged=judged,
            ledger=ledger,
            moment=self.registry.now,
            since=self.since,
            faults=faults,
            counts=counts,
            unjudged=route.unjudged,
            trusted=tuple(self.trusted),
            untaken=tuple(item for item in untaken if self.since is None or (item.until or item.since) >= self.since),
            otherwise=None if self.other is None else tuple(replay.otherwise),
            owed=replay.state.owed,
            words=tuple(said for said in replay.words if self.since is None or said.moment >= self.since),
            checkpoint=self._checkpoint(claims, ledger, replay.state, counts),
        )

    def _since(self, faults: Iterable[Fault]) -> Iterator[Fault]:
        for fault in faults:
            if self.since is None or fault.moment is None or fault.moment >= self.since:
                yield fault

    def _ledger(self, claims: Claims) -> str | None:
        """The ledger's newest commit; None, and a finding, where it is lost."""
        try:
            found = self.registry.ledger_commit
        except GitstageError as error:
            if not claims:
                raise
            self.report("ledger-missing", error.message, hint=error.hint)
            self.trusted.append(
                "the ledger is lost: which commits were judged together, and when what has no tag was judged, "
                "is taken from the moments of the tags"
            )
            return None
        if found is None and claims:
            self.report("ledger-missing", f"there are tags, and no {self.registry.identity.ledger_ref}")
        return found

    def _check_tip(self, judged: str) -> None:
        if judged != self.tip and self.registry.repo.unreachable([judged], self.tip):
            self.report(
                "trunk-rewritten",
                f"the commit judged last, {judged[:12]}, is not in the history of {self.tip[:12]}",
                commit=judged,
                hint=f"put it back, or go on knowingly: gitstage tag --rewritten --reason …; see git log {judged[:12]}",
            )

    def _report_debt(self, owed: Owed) -> None:
        self.report(
            "debt-overdue",
            f"the {owed.debt.in_words} is not countersigned",
            ref=self.registry.identity.tag_ref(owed.name),
            moment=owed.since,
        )

    def _report_open(self, item: NotTaken) -> None:
        rules = ", ".join(dict.fromkeys(f"{found.rule}: {found.message}" for found in item.findings))
        self.report("open-refused", f"{item.thing} is refused: {rules}", commit=item.commit, thing=item.thing)

    # what is left

    def _explain(self, claims: Claims, replay: Replay, recorded: State) -> None:
        """The tags that nothing stands behind, and what took effect and has no tag."""
        missing = {self.registry.identity.tag_ref(taken.name): taken for taken, _ in replay.missing}
        left = list(claims.left())
        elsewhere = self.registry.repo.unreachable({claim.target for claim in left}, self.tip) if left else set()
        replay.learn(left)
        for claim in left:
            self._explain_one(claim, replay, recorded, elsewhere, lacks=missing.pop(claim.ref, None) is not None)
        for ref, taken in missing.items():
            self.report(
                "tag-missing",
                f"{taken.name} took effect and has no tag",
                ref=ref,
                commit=taken.commit,
                moment=taken.moment,
            )

    def _explain_one(self, claim: Claim, replay: Replay, recorded: State, elsewhere: set[str], *, lacks: bool) -> None:
        moment = claim.moment
        fields = {"ref": claim.ref, "commit": claim.target, "thing": claim.thing}
        if claim.problem is not None:
            if lacks or self._is_ours(claim):
                self.report("tag-unreadable", claim.problem, **fields)
        elif claim.has_moved:
            assert claim.document is not None
            said = str(claim.document.get("commit"))[:12]
            self.report("tag-moved", f"was made for {said}", moment=moment, **fields)
        elif claim.target in elsewhere:
            self.report("tag-elsewhere", "its commit is not in the trunk's history", moment=moment, **fields)
        elif recorded.clock is not None and moment is not None and moment > recorded.clock:
            self.report("ledger-changed", "a tag is newer than the ledger's last run", moment=moment, **fields)
        else:
            why = f"nothing took effect there{_why_not(claim, replay)}"
            unsigned = replay.why_unsigned(claim)
            if unsigned is None:
                self.report("tag-unfounded", why, moment=moment, **fields)
            else:
                self.report("tag-unsigned", f"{unsigned}; {why}", moment=moment, **fields)

    def _is_ours(self, claim: Claim) -> bool:
        """Whether a tag that says nothing is in the way of a model or of a policy, and not somebody else's."""
        if claim.thing == "policy":
            return True
        stage, _, model = claim.thing.partition("/")
        is_slot = stage in self.registry.identity.stages
        return is_slot and self.registry.at(self.tip).entry(f"models/{model}") is not None

    # checkpoints

    def _checkpoint(
        self, claims: Claims, ledger: str | None, state: State, counts: dict[str, int]
    ) -> Checkpoint | None:
        if state.judged is None:
            return None
        found = claims.until(state.clock, self.registry.repo, state.judged)
        return Checkpoint(
            registry=self.registry.identity.id,
            trunk=self.registry.identity.trunk,
            tip=state.judged,
            ledger=ledger,
            tags=len(found),
            digest=digest_of(found),
            counts=counts,
            moment=self.registry.now,
            state=state,
        )

    def _is_as_it_was(self, start: Checkpoint, claims: Claims, ledger: str | None) -> bool:
        """Whether what an earlier audit saw is still there; else everything is judged from the beginning."""
        repo = self.registry.repo
        sound = True
        if not is_here(self.registry, start.tip) or repo.unreachable([start.tip], self.tip):
            sound = False
            self.report(
                "history-removed",
                f"{start.tip[:12]}, up to which the audit of {start.moment:%Y-%m-%d %H:%M} UTC judged, "
                "is not in the trunk's history",
                commit=start.tip,
            )
        if start.ledger is not None and (
            ledger is None or not is_here(self.registry, start.ledger) or repo.unreachable([start.ledger], ledger)
        ):
            sound = False
            self.report(
                "history-removed",
                f"the ledger that the audit of {start.moment:%Y-%m-%d %H:%M} UTC saw is not in the ledger's history",
                commit=start.ledger,
            )
        claims.load_rest()
        found = claims.until(start.state.clock, repo, start.tip) if sound else claims.until(start.state.clock)
        if (len(found), digest_of(found)) != (start.tags, start.digest):
            sound = False
            self.report(
                "tags-changed",
                f"of the tags up to there the audit saw {start.tags}, and there are {len(found)}"
                + ("" if len(found) != start.tags else ", not the same ones"),
            )
        return sound

    def _effects_until(self, start: Checkpoint, claims: Claims) -> Iterator[Effect]:
        """What had taken effect by an earlier audit: what its tags say is what it saw."""
        for claim in list(claims.left()):
            if claim.moment is None or start.state.clock is None or claim.moment > start.state.clock:
                continue
            claims.take(claim)
            stage, _, model = claim.thing.partition("/")
            if claim.document is not None and claim.number is not None and claim.thing != "policy":
                yield effect_from(claim.text, Slot(model, stage), claim.number, self.registry.identity.id)


def _noted(found: Iterator[Run], last: list[Run]) -> Iterator[Run]:
    for one in found:
        last[:] = [one]
        yield one


def _why_not(claim: Claim, replay: Replay) -> str:
    """What was said of the thing when it landed there, if anything was."""
    said = [item for item in [*replay.untaken, *replay.still_open()] if item.thing == claim.thing]
    there = next((item for item in said if item.commit == claim.target), None)
    if there is None:
        return ""
    rules = ", ".join(dict.fromkeys(found.rule for found in there.findings))
    return f": {there.verdict} ({rules})"


def digest_of(tags: Iterable[tuple[str, str]]) -> str:
    """The SHA-256 over names and ids of tags, `NAME ID` and a newline each, in the order of their names."""
    digest = hashlib.sha256()
    for ref, oid in sorted(tags):
        digest.update(f"{ref} {oid}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
