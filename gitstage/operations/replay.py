"""Judging a whole history again: leg by leg through the one fold, each against what its runs and tags say."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from gitstage.changes import Change, Snapshot, below, files, joined
from gitstage.findings import Finding, Judgement, Verdict
from gitstage.folders import Folders
from gitstage.git import Difference, Repository
from gitstage.layout import RECORD_FOLDERS, Slot, Thing
from gitstage.ledger import Effect, Folded, Open, PolicyEffect, Registered, State, Word, text_of, word_from
from gitstage.manifest import ModelVersion
from gitstage.operations.claims import Claim, Claims, Taken, document_of, thing_of
from gitstage.operations.registries import Registry
from gitstage.operations.route import Leg, Report
from gitstage.policy import Policy
from gitstage.rules.cases import LARGEST_DOCUMENT, SlotCase
from gitstage.rules.fold import Step, World, continued, fold
from gitstage.values import dataclass, replace

if TYPE_CHECKING:
    from gitstage.operations.taggers import Stamp, Taggers

AT_ONCE = 512
"""Tags whose signatures are looked at together."""
READ_FOLDERS = tuple(folder for folder in RECORD_FOLDERS if folder != "artifacts")
"""What the rules read of what a commit brings; an artifact only where a manifest names it."""
KEPT_BYTES = 32_000_000
"""Bytes of blobs that are kept because they may be asked for again."""
KEPT_MANIFESTS = 20_000
"""Manifests that are kept as values: what a comparison asks of the version before."""


@dataclass(frozen=True, kw_only=True)
class NotTaken:
    """Something that landed and did not take effect: from when to when (None: it still waits), and why."""

    thing: str
    commit: str
    since: datetime
    until: datetime | None
    verdict: Verdict
    findings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True)
class Otherwise:
    """A promotion that took effect, and what another policy says of it."""

    thing: str
    action: str
    version: str
    commit: str
    moment: datetime
    verdict: Verdict
    findings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True)
class OnWord:
    """A change that rests on what somebody said: which tag says so, since when, and who signed that tag (None: nobody)."""

    tag: str
    word: Word
    moment: datetime
    signer: str | None


class _Blobs:
    """Blobs by their ids: those that the rules will ask for are read ahead, together."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._known: dict[str, bytes] = {}
        self._sizes: dict[str, int] = {}
        self._bytes = 0

    def load(self, oids: Iterable[str]) -> None:
        wanted = [oid for oid in dict.fromkeys(oids) if oid not in self._known]
        if wanted:
            sizes = self._repo.sizes(wanted)
            for oid, data in self._repo.blobs(oid for oid in wanted if sizes.get(oid, 0) <= LARGEST_DOCUMENT).items():
                self._keep(oid, data)

    def read(self, oid: str) -> bytes:
        if oid not in self._known:
            self._keep(oid, self._repo.read(oid))
        return self._known[oid]

    def size(self, oid: str) -> int:
        if oid in self._known:
            return len(self._known[oid])
        return self._repo.sizes([oid])[oid]

    def _keep(self, oid: str, data: bytes) -> None:
        self._known[oid] = data
        self._bytes += len(data)
        while self._bytes > KEPT_BYTES and len(self._known) > 1:
            self._bytes -= len(self._known.pop(next(iter(self._known))))


class _Bounded(dict[str, ModelVersion | None]):
    """A dict that forgets what was put in first."""

    def __setitem__(self, key: str, value: ModelVersion | None) -> None:
        super().__setitem__(key, value)
        if len(self) > KEPT_MANIFESTS:
            del self[next(iter(self))]


class _Past:
    """What has taken effect so far in the replay."""

    def __init__(self) -> None:
        self._effects: dict[Slot, tuple[Effect, ...]] = {}

    def effects(self, slot: Slot) -> tuple[Effect, ...]:
        return self._effects.get(slot, ())

    def taken(self, slot: Slot) -> int:
        effects = self._effects.get(slot)
        return effects[-1].number if effects else 0

    def add(self, effect: Effect) -> None:
        # What passed without more ado is not asked about again.
        kept = tuple(found for found in effect.findings if found.verdict is not Verdict.PASSED)
        trimmed = effect if len(kept) == len(effect.findings) else replace(effect, findings=kept)
        self._effects[effect.slot] = (*self.effects(effect.slot), trimmed)

    def commits(self) -> set[str]:
        return {effect.commit for effects in self._effects.values() for effect in effects}

    def drop(self, commits: set[str]) -> None:
        """Forgets what stands on commits that are in nobody's history any more."""
        self._effects = {
            slot: kept
            for slot, effects in self._effects.items()
            if (kept := tuple(effect for effect in effects if effect.commit not in commits))
        }


class _Begun:
    """A leg that has begun: the state before it, what has passed since, and the versions that have no tag."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.passed: set[str] = set()
        self.untagged: list[Registered] = []


class Replay:
    """A registry's history as it is judged again. `state` is how far it is, and what is open then.

    `other` is a policy that is asked, too, about each promotion that takes effect from `since` on.
    """

    def __init__(
        self,
        registry: Registry,
        claims: Claims,
        report: Report,
        *,
        state: State | None = None,
        other: Policy | None = None,
        since: datetime | None = None,
    ) -> None:
        self._registry = registry
        self._claims = claims
        self._report = report
        self.state = state or State()
        self._other = other
        self._since = since
        self._past = _Past()
        self._blobs = _Blobs(registry.repo)
        self._trees: dict[str, Folders] = {}
        self._world = replace(
            registry.world(),
            past=self._past,
            trees=self._tree,
            policies={},
            manifests=_Bounded(),
            word=self._word,
            watch=self._watch if other is not None else None,
        )
        self._begun = _Begun(self.state)
        self._said: set[tuple[str, str]] = set()
        self._asked: list[Otherwise] = []
        self.otherwise: list[Otherwise] = []
        self.untaken: list[NotTaken] = []
        self.missing: list[tuple[Taken, str]] = []
        self._leg: Leg | None = None
        self.words: list[OnWord] = []
        self._checked: list[tuple[Claim, Taken]] = []
        self._taggers: Taggers | None = None
        self.counts = dict.fromkeys(("commits", "runs", "promotions", "versions", "policies", "redactions"), 0)

    # the way

    def go(self, legs: Iterable[Leg], progress: Callable[[int], None]) -> None:
        """Judges what lies along the legs. `progress` is told how many commits have been judged."""
        for leg, found in self._with_differences(legs):
            self._judge(leg, found)
            self.counts["commits"] += len(found)
            progress(self.counts["commits"])
            if len(self._checked) >= AT_ONCE:
                self._check_signatures()
        self._check_signatures()

    def _with_differences(self, legs: Iterable[Leg]) -> Iterator[tuple[Leg, list[Difference]]]:
        """Each leg, part by part, with what its commits changed; git is asked about some commits at once."""
        waiting: deque[Leg] = deque()

        def pairs() -> Iterator[tuple[str, str | None]]:
            for leg in legs:
                for part in leg.parts():
                    waiting.append(part)
                    yield from part.pairs

        have: deque[Difference] = deque()
        for part in self._registry.repo.differences(pairs()):
            have.extend(part)
            self._blobs.load(self._to_be_read(part))
            self._claims.load(difference.commit for difference in part)
            while waiting and len(have) >= len(waiting[0].pairs):
                leg = waiting.popleft()
                yield leg, [have.popleft() for _ in leg.pairs]
        for leg in waiting:
            yield leg, []

    def _to_be_read(self, part: Iterable[Difference]) -> Iterator[str]:
        folders = tuple(joined(self._registry.folder, f"{folder}/") for folder in READ_FOLDERS)
        for difference in part:
            for path, _, after in difference.changes:
                if after is not None and path.startswith(folders) and not after.is_folder:
                    yield after.oid

    # trees

    def _tree(self, commit: str) -> Snapshot:
        found = self._trees.get(commit)
        return self._registry.repo.tree(commit) if found is None else found

    def _base(self, commit: str | None) -> Folders:
        """The tree that changes are put on."""
        if commit is None:
            return Folders(self._blobs)
        if commit not in self._trees:
            folder = self._registry.folder
            tree = self._registry.repo.tree(commit)
            tree.load(folder)
            self._trees[commit] = Folders(self._blobs).holding(files(tree, folder))
        return self._trees[commit]

    def _steps(self, leg: Leg, found: list[Difference]) -> Iterator[Step]:
        for commit, base, changes in found:
            tree = self._base(base).changed(self._mine(changes))
            self._trees[commit] = tree
            ordered = tuple(sorted(changes, key=lambda change: change.path.split("/"))) if len(changes) > 1 else changes
            note = leg.note if leg.begins and base == leg.pairs[0][1] else None
            yield Step(commit, tree, note, base=base, changes=ordered)
            if len(found) > 1 and base is not None and base not in self._kept:
                del self._trees[base]

    def _mine(self, changes: tuple[Change, ...]) -> Iterable[Change]:
        """Those changes that lie in the registry's folder; of a registry at the root, all."""
        folder = self._registry.folder
        return changes if not folder else [change for change in changes if change.path.startswith(f"{folder}/")]

    @property
    def _kept(self) -> set[str | None]:
        """The commits whose trees will be asked for."""
        return {self.state.judged, self.state.policy, *(item.passed for item in self.state.open.values())}

    # judging

    def _judge(self, leg: Leg, found: list[Difference]) -> None:
        if leg.rewritten:
            self._past.drop(self._registry.repo.unreachable(self._past.commits(), str(leg.tip)))
        self._leg = leg
        if leg.begins:
            self._begun = _Begun(self.state)
        steps: Iterable[Step] = self._steps(leg, found)
        if len(found) == 1:
            steps = list(steps)
        world = self._world_of(leg)
        # What is open is looked at once more where a leg begins; what comes later in it goes on from there.
        folded = fold(self.state, steps, world) if leg.begins else continued(Folded(state=self.state), steps, world)
        self.state = folded.state
        self.counts["redactions"] += folded.redacted
        kept = self._kept
        for commit in [commit for commit in self._trees if commit not in kept]:
            del self._trees[commit]
        if self._begun.state.open:
            self._begun.passed.update(said.thing for said in folded.judgements if said.verdict is Verdict.PASSED)
        for found_here in (folded.policies, folded.registered, folded.effects):
            for taken in found_here:
                self._check(taken)
        if leg.ends:
            self._end(leg)

    def _end(self, leg: Leg) -> None:
        """What only the end of a leg shows."""
        self._note_untaken(leg.now)
        if self._begun.untagged and self._tags_versions():
            self.missing += [(version, thing_of(version)) for version in self._begun.untagged]
        if leg.run is not None:
            self.counts["runs"] += 1
            self._compare(leg.run.state, leg.run.ledger)

    def _world_of(self, leg: Leg) -> World:
        tip = leg.tip if leg.tip is not None else leg.pairs[-1][0] if leg.pairs else self.state.judged
        tree: Snapshot | None = None if tip is None else self._tree(tip)
        blocked = _nothing_blocks if leg.run is None else _blocked_by(leg.run.state)
        return replace(
            self._world,
            now=leg.now,
            tip=self._world.tip if tree is None else below(tree, self._registry.folder),
            blocked=blocked,
        )

    def _watch(self, case: SlotCase, judgement: Judgement) -> None:
        """Asks the other policy about what takes effect."""
        from gitstage.rules.fold import layout_of
        from gitstage.rules.judge import judge_slot

        assert self._other is not None
        if judgement.verdict is not Verdict.PASSED or case.after is None or case.before_blob == case.after_blob:
            return
        if self._since is not None and case.now < self._since:
            return
        if case.slot.stage not in self._other.stages:
            findings: tuple[Finding, ...] = (
                Finding(rule="policy", verdict=Verdict.REFUSED, message=f"has no stage {case.slot.stage}"),
            )
        else:
            said = judge_slot(replace(case, policy=self._other, layout=layout_of(self._other)))
            findings = tuple(found for found in said.findings if found.verdict is not Verdict.PASSED)
            if said.verdict is Verdict.PASSED:
                return
        verdict = max((found.verdict for found in findings if not found.advisory), key=_severity)
        self._asked.append(
            Otherwise(
                thing=str(case.slot),
                action=case.action,
                version=case.after,
                commit="",
                moment=case.now,
                verdict=verdict,
                findings=findings,
            )
        )

    # what it came to

    def _check(self, taken: Taken) -> None:
        """What took effect, against the tag that says so."""
        thing = thing_of(taken)
        claim = self._claim_of(taken, thing)
        if isinstance(taken, Effect):
            self.counts["promotions"] += 1
            number = claim.number if claim is not None else None
            counted, effect = max(number or 0, self._past.taken(taken.slot) + 1), taken
            if counted != taken.number:
                effect = replace(taken, number=counted)
                self._renumber_debts(taken, counted)
            self._past.add(effect)
            for asked in self._asked:
                if asked.thing == thing and asked.moment == taken.moment:
                    self.otherwise.append(replace(asked, commit=taken.commit))
            self._asked = [asked for asked in self._asked if asked.thing != thing]
            taken = effect
        elif isinstance(taken, Registered):
            self.counts["versions"] += 1
            if claim is None:
                self._begun.untagged.append(taken)
                return
        else:
            self.counts["policies"] += 1
        if claim is None:
            self.missing.append((taken, thing))
            return
        self._claims.take(claim)
        self._compare_claim(claim, taken)
        if not isinstance(taken, Registered) and taken.word is not None:
            self.words.append(OnWord(tag=taken.name, word=taken.word, moment=taken.moment, signer=self._signer(claim)))
        if self.state.rulings:
            self._checked.append((claim, taken))

    # signatures

    def learn(self, claims: Iterable[Claim]) -> None:
        """Finds out who signed some tags, together. Raises CannotVerify."""
        if self.state.rulings:
            self._taggers_now().learn(claim.oid for claim in claims)

    def why_unsigned(self, claim: Claim) -> str | None:
        """Why a tag does not count for its signature; None where it does, or needs none. Raises CannotVerify."""
        if not self.state.rulings or claim.moment is None:
            return None
        (why,) = self._taggers_now().why_not([_stamp(claim, claim.moment)])
        return why

    def _signer(self, claim: Claim) -> str | None:
        if not self.state.rulings or claim.moment is None:
            return None
        return self._taggers_now().signer(_stamp(claim, claim.moment))

    def _word(self, thing: Thing, commit: str) -> Word | None:
        """What the tag of a thing at a commit says that somebody said, or the ledger of what waits or has no tag.

        A tag that is not signed by whoever has to says nothing.
        """
        leg = self._leg
        assert leg is not None
        waiting = _waiting(leg, str(thing), commit)
        if waiting is not None:
            return waiting.word
        for claim in self._claims.standing(str(thing), commit):
            if claim.document is None or claim.moment != leg.now or not claim.document.get("word"):
                continue
            with suppress(TypeError, KeyError):
                word = word_from(claim.document["word"])
                if self.why_unsigned(claim) is None:
                    return word
        return None if leg.run is None else leg.run.state.said.get(str(thing))

    def _taggers_now(self) -> Taggers:
        """Who signs tags, under the policies so far: what a later one says alters nothing of what came before."""
        if self._taggers is None or self._taggers.rulings != self.state.rulings:
            from gitstage.operations.taggers import Taggers

            self._taggers = Taggers(self._registry.repo, self.state.rulings)
        return self._taggers

    def _check_signatures(self) -> None:
        """Reports the tags of what took effect that are not signed as they have to be."""
        checked, self._checked = self._checked, []
        if not checked:
            return
        # Where a tag says another moment than that of its run, it is judged by that of the run.
        said = self._taggers_now().why_not([_stamp(claim, taken.moment) for claim, taken in checked])
        for (claim, taken), why in zip(checked, said, strict=True):
            if why is not None:
                self._report("tag-unsigned", why, ref=claim.ref, commit=claim.target, moment=taken.moment)

    def _renumber_debts(self, taken: Effect, number: int) -> None:
        """What is owed of a change whose tag has another number than that of the replay: others had taken it."""
        self.state = replace(
            self.state,
            owed=tuple(
                replace(owed, number=number)
                if (owed.about.model, owed.about.stage, owed.number)
                == (taken.slot.model, taken.slot.stage, taken.number)
                else owed
                for owed in self.state.owed
            ),
        )

    def _tags_versions(self) -> bool:
        """Whether versions get tags, as the policies before and after a leg say."""
        found = [self._policy_at(state.policy) for state in (self._begun.state, self.state)]
        return all(policy.tag_versions for policy in found if policy is not None)

    def _policy_at(self, commit: str | None) -> Policy | None:
        found = None if commit is None else self._world.policy_in(self._world.registry(commit))
        return found if isinstance(found, Policy) else None

    def _claim_of(self, taken: Taken, thing: str) -> Claim | None:
        """The tag of what took effect: of those that stand there and are about it, the one that says most of it."""
        standing = [claim for claim in self._claims.standing(thing, taken.commit) if claim.problem is None]
        if len(standing) < 2:
            return standing[0] if standing else None
        name = self._registry.identity.tag_ref(taken.name)
        return max(
            standing,
            key=lambda claim: (self.why_unsigned(claim) is None, claim.moment == taken.moment, claim.ref == name),
        )

    def _compare_claim(self, claim: Claim, taken: Taken) -> None:
        document, wanted = claim.document, document_of(taken, self._registry.identity.id)
        assert document is not None
        if document == wanted:
            return
        if claim.moment != taken.moment:
            self._report(
                "tag-moment",
                f"says that it took effect at {text_of(claim.moment or taken.moment)}; it was judged at "
                f"{text_of(taken.moment)}",
                ref=claim.ref,
                commit=claim.target,
                moment=taken.moment,
            )
        wrong = [
            key for key in wanted if key not in ("moment", "findings", "number") and document.get(key) != wanted[key]
        ]
        if isinstance(taken, PolicyEffect) and document.get("number") != wanted["number"]:
            wrong.append("number")
        if _verdicts(document) != _verdicts(wanted):
            wrong.append("findings")
        if wrong:
            said = "; ".join(f"{key} is {_short(document.get(key))}, and was {_short(wanted[key])}" for key in wrong)
            self._report("tag-false", said, ref=claim.ref, commit=claim.target, moment=taken.moment)

    def _compare(self, recorded: State, ledger: str) -> None:
        """What a run of the ledger says is open, against what is."""
        here = self.state
        if (recorded.policy, recorded.policy_number) != (here.policy, here.policy_number):
            self._once(
                "policy",
                f"says that policy {recorded.policy_number} of {_commit(recorded.policy)} is in effect; "
                f"it is {here.policy_number} of {_commit(here.policy)}",
                ledger,
            )
        if recorded.rulings != here.rulings:
            named = [", ".join(_commit(one.commit) for one in rulings) for rulings in (recorded.rulings, here.rulings)]
            self._once(
                "taggers",
                f"says that tags are signed by the policies of {named[0] or 'none'}; it is {named[1] or 'none'}",
                ledger,
            )
        if recorded.owed != here.owed:
            named = [", ".join(one.name for one in owed) or "nothing" for owed in (recorded.owed, here.owed)]
            self._once("owed", f"says that {named[0]} is owed; it is {named[1]}", ledger)
        if not recorded.open and not here.open:
            return
        for name in sorted({*recorded.open, *here.open}):
            said, is_so = recorded.open.get(name), here.open.get(name)
            if _gist(said) != _gist(is_so):
                self._once(name, f"says that {name} is {_state_of(said)}; it is {_state_of(is_so)}", ledger)

    def _once(self, thing: str, message: str, ledger: str) -> None:
        if (thing, message) not in self._said:
            self._said.add((thing, message))
            self._report("ledger-changed", message, commit=ledger, thing=thing, moment=self.state.clock)

    def _note_untaken(self, now: datetime) -> None:
        """What was open where a leg began and is not any more where it ends, without having taken effect."""
        for name, was in self._begun.state.open.items():
            is_now = self.state.open.get(name)
            if (is_now is None and name not in self._begun.passed) or (
                is_now is not None and is_now.landed != was.landed
            ):
                self.untaken.append(_not_taken(was, now))

    def still_open(self) -> list[NotTaken]:
        """What is open in the end."""
        return [_not_taken(self.state.open[name], None) for name in sorted(self.state.open)]

    # beginning somewhere else than at the beginning

    def take_over(self, effects: Iterable[Effect]) -> None:
        """What had taken effect before the replay begins."""
        for effect in sorted(effects, key=lambda effect: effect.number):
            self._past.add(effect)


def _waiting(leg: Leg, thing: str, commit: str) -> Open | None:
    """What the run of a leg left open of a thing, where it had landed when a commit was judged."""
    waiting = None if leg.run is None else leg.run.state.open.get(thing)
    commits = [pair[0] for pair in leg.pairs]
    if waiting is None or waiting.landed not in commits:
        return waiting
    return waiting if commit in commits[commits.index(waiting.landed) :] else None


def _stamp(claim: Claim, moment: datetime) -> Stamp:
    from gitstage.operations.taggers import Stamp

    return Stamp(claim.oid, claim.target, moment)


def _severity(verdict: Verdict) -> int:
    return list(Verdict).index(verdict)


def _not_taken(was: Open, until: datetime | None) -> NotTaken:
    return NotTaken(
        thing=str(was.thing),
        commit=was.landed,
        since=was.since,
        until=until,
        verdict=was.verdict,
        findings=was.findings,
    )


def _nothing_blocks(model: str) -> str | None:  # noqa: ARG001
    return None


def _blocked_by(recorded: State) -> Callable[[str], str | None]:
    """Which models' tags could not be made, as the run says that found it so: no clone shows what stood in the way."""
    models = {
        item.thing.model: finding.message
        for item in recorded.open.values()
        if isinstance(item.thing, Slot)
        for finding in item.findings
        if finding.rule == "conflict"
    }
    return models.get if models else _nothing_blocks


def _gist(waiting: Open | None) -> object:
    if waiting is None:
        return None
    rules = sorted({(found.rule, found.gate or "", str(found.verdict)) for found in waiting.findings})
    return waiting.landed, waiting.passed, waiting.verdict, waiting.sources, waiting.with_policy, waiting.after, rules


def _state_of(waiting: Open | None) -> str:
    if waiting is None:
        return "not open"
    rules = ", ".join(dict.fromkeys(found.rule for found in waiting.findings if not found.advisory))
    return f"{waiting.verdict} since {waiting.landed[:12]} ({rules})"


def _verdicts(document: Mapping[str, object]) -> object:
    """What a tag says of the rules, without the words for people, which a later release may choose otherwise."""
    findings = document.get("findings", [])
    if not isinstance(findings, list):
        return findings
    keys = ("rule", "gate", "verdict", "value", "threshold", "advisory")
    return [[found.get(key) for key in keys] if isinstance(found, dict) else found for found in findings]


def _short(value: object) -> str:
    if isinstance(value, dict) and set(value) == {"version", "blob"}:
        return f"{value['version']} ({str(value['blob'])[:12]})"
    if isinstance(value, list):
        said = [f"{found.get('rule')} {found.get('verdict')}" for found in value if isinstance(found, dict)]
        return ", ".join(said) or "nothing"
    return "nothing" if value is None else str(value)[:80]


def _commit(commit: str | None) -> str:
    return "none" if commit is None else commit[:12]
