"""What a server lets in: the pushed commits folded as `tag` would, and nothing that makes the ledger say what is not so."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from gitstage.errors import GitstageError
from gitstage.findings import Judgement, Report
from gitstage.git import Repository, Tag
from gitstage.ledger import Folded, Open
from gitstage.operations.claimed import Claimed, claimed_registry, standing
from gitstage.operations.guarded import LEDGERS, TAGS, Guarded, Objection, Update, Watch, watch
from gitstage.operations.pushers import remember, remembered
from gitstage.operations.registries import Clock, Registry, TrunkRewritten, identity_in, utc_now
from gitstage.values import dataclass

if TYPE_CHECKING:
    from gitstage.forges import Forge

LINE = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{40}|[0-9a-f]{64}) (refs/[^\n]+)")
REPLACEMENTS = "refs/replace/"


@dataclass(frozen=True, kw_only=True)
class Received:
    """The answer to a push by `user`: it is let in where there are no objections and every report passed.

    There is a report for each registry of which the push leaves something open.
    """

    user: str | None = None
    objections: tuple[Objection, ...] = ()
    reports: tuple[Report, ...] = ()

    @property
    def let_in(self) -> bool:
        return not self.objections and all(report.passed for report in self.reports)


def updates_from(text: str) -> tuple[Update, ...]:
    """The refs that a push is about, as git says them to a `pre-receive` hook (githooks(5)): `old new ref` each line.

    Raises GitstageError for anything else, and where it says nothing: then somebody else has read it.
    """
    if not text:
        raise GitstageError(
            "git says nothing of what is pushed: another part of the hook has read it",
            hint="ask gitstage first, and give both what git says: tee",
        )
    updates = []
    for line in text.removesuffix("\n").split("\n"):
        found = LINE.fullmatch(line)
        if found is None:
            raise GitstageError(f"{line[:200]!r} is not what git says to a pre-receive hook", hint="man githooks")
        old, new, ref = found.groups()
        updates.append(Update(ref=ref, old=old if old.strip("0") else None, new=new if new.strip("0") else None))
    return tuple(updates)


def run(
    repo: Repository,
    updates: Sequence[Update],
    *,
    user: str | None = None,
    trunks: Iterable[str] = (),
    plugins: frozenset[str] = frozenset(),
    clock: Clock | None = None,
) -> Received:
    """Judges a push to `repo`, whose objects may still be in quarantine. Nothing is written but what is kept for speed.

    `user` is who the server says is pushing, `trunks` are branches that hold registries besides the default one, and
    `plugins` the rules in Python that may run.
    Raises GitstageError where it cannot be judged; then it is not let in either.
    """
    found = watch(repo, updates, trunks)
    begun = _where(repo, updates, found)
    late = _too_late(begun, {update.ref: update.old for update in updates})
    if late:
        return Received(user=user, objections=late)
    received = _judged(repo, updates, found, user, plugins, (clock or utc_now)())
    # Whoever was first while this was judged may be why it is refused: then the pusher tries again.
    late = () if received.let_in else _too_late(_where(repo, updates, found), begun)
    return Received(user=user, objections=late) if late else received


def _where(repo: Repository, updates: Sequence[Update], found: Watch) -> dict[str, str | None]:
    """Where the refs of a push are, and those that its judgement looks at."""
    guarded = (ref for one in found.registries for ref in (one.trunk, one.identity.ledger_ref))
    names = list(dict.fromkeys([*(update.ref for update in updates), *guarded]))
    here = repo.refs(*names) if names else {}
    return {name: here.get(name) for name in names}


def _too_late(here: Mapping[str, str | None], expected: Mapping[str, str | None]) -> tuple[Objection, ...]:
    """What to say where refs are not where they were expected."""
    return tuple(
        Objection(
            ref=ref,
            rule="trunk-continues",
            message="somebody was first, it is not where it was",
            hint="git fetch, then push again",
        )
        for ref, oid in expected.items()
        if here[ref] != oid
    )


def _judged(
    repo: Repository,
    updates: Sequence[Update],
    found: Watch,
    user: str | None,
    plugins: frozenset[str],
    now: datetime,
) -> Received:
    objections = [*found.objections, *_of_names(repo, updates, found)]
    tags = _tags(repo, updates)
    objections += _of_strangers(updates, tags, found)
    if objections:
        return Received(user=user, objections=tuple(objections))
    reports: list[Report] = []
    for one in found.registries:
        guard = _Guard(repo, one, updates, tags, now, plugins, user)
        guard.judge()
        objections += guard.objections
        reports += guard.reports
    received = Received(user=user, objections=tuple(objections), reports=tuple(reports))
    if received.let_in and user is not None:
        remember(repo, user, _landing(repo, updates, found))
    return received


def _landing(repo: Repository, updates: Sequence[Update], found: Watch) -> list[str]:
    """The commits that come onto the trunks of the registries here."""
    trunks = {one.trunk for one in found.registries}
    landing = [update for update in updates if update.ref in trunks and update.new is not None]
    return list(dict.fromkeys(oid for update in landing for oid in repo.first_parents(update.old, str(update.new))))


# What is said of refs, whoever they belong to


def _of_names(repo: Repository, updates: Sequence[Update], found: Watch) -> Iterable[Objection]:
    guarded = {ref for one in found.registries for ref in (one.trunk, one.identity.ledger_ref)}
    links = repo.symbolic_refs(*guarded, *(update.ref for update in updates if update.old is not None))
    behind = {links[ref]: ref for ref in guarded if ref in links}
    twins = {ref.lower(): ref for ref in guarded}
    for update in updates:
        ref = update.ref
        if found.registries and ref.startswith(REPLACEMENTS):
            yield Objection(
                ref=ref,
                rule="known-path",
                message="a replacement would show others another history than the one that was judged",
            )
        if links.get(ref) in guarded:
            yield Objection(
                ref=ref,
                rule="trunk-continues",
                message=f"it stands for {links[ref]}",
                hint=f"push to {links[ref]} itself",
            )
        if ref in behind:
            yield Objection(
                ref=ref,
                rule="trunk-continues",
                message=f"{behind[ref]} stands for it",
                hint=f"push to {behind[ref]}",
            )
        if twins.get(ref.lower(), ref) != ref:
            yield Objection(ref=ref, rule="known-path", message=f"it differs from {twins[ref.lower()]} only in case")


def _tags(repo: Repository, updates: Sequence[Update]) -> dict[str, tuple[Tag | None, Tag | None]]:
    """What lies at the tags of a push, before and after it."""
    about = [update for update in updates if update.ref.startswith(TAGS)]
    before = repo.tags_of({update.ref: update.old for update in about if update.old is not None})
    after = repo.tags_of({update.ref: update.new for update in about if update.new is not None})
    return {update.ref: (before.get(update.ref), after.get(update.ref)) for update in about}


def _of_strangers(
    updates: Sequence[Update], tags: dict[str, tuple[Tag | None, Tag | None]], found: Watch
) -> Iterable[Objection]:
    """What speaks of a registry that is not here."""
    ids = {one.identity.id for one in found.registries}
    ledgers = {one.identity.ledger_ref for one in found.registries}
    for update in updates:
        if update.ref.startswith(LEDGERS) and update.ref not in ledgers:
            yield Objection(
                ref=update.ref,
                rule="known-path",
                message="there is no registry here that keeps its ledger there",
                hint="push its trunk first, and as the branch that its gitstage.yaml names",
            )
    for ref, versions in tags.items():
        strangers = {claimed_registry(tag) for tag in versions if tag is not None} - {None, *ids}
        if strangers:
            yield Objection(
                ref=ref,
                rule="known-path",
                message=f"it speaks of a registry {min(map(str, strangers))}, which is not here",
            )


@dataclasses.dataclass
class _Guard:
    """What one registry has to say to a push."""

    repo: Repository
    guarded: Guarded
    updates: Sequence[Update]
    tags: dict[str, tuple[Tag | None, Tag | None]]
    now: datetime
    plugins: frozenset[str]
    user: str | None = None
    objections: list[Objection] = dataclasses.field(default_factory=list)
    reports: list[Report] = dataclasses.field(default_factory=list)

    def judge(self) -> None:
        """Finds what is to be said."""
        identity = self.guarded.identity
        trunk, ledger = self._update_of(self.guarded.trunk), self._update_of(identity.ledger_ref)
        old = trunk.old if trunk is not None else self.repo.ref(self.guarded.trunk)
        new = trunk.new if trunk is not None else old
        ours = self._our_tags(old, new)
        if trunk is None and ledger is None and not ours:
            return
        if trunk is not None and not self._continues(trunk):
            return
        if new is None:
            self._object(
                identity.ledger_ref if ledger else next(iter(ours)),
                "trunk-continues",
                f"there is no {identity.trunk} yet",
            )
            return
        rewritten = self._was_rewritten(old, trunk)
        claimed = Claimed(
            self.repo,
            self.guarded,
            self._registry,
            tip=new,
            landed_on=None if trunk is None else trunk.old,
            is_first=old is None and (ledger is None or ledger.old is None),
            rewritten=rewritten,
            now=self.now,
            pushers=remembered(self.repo),
        )
        so_far = claimed.checked(ledger, ours)
        self.objections += claimed.objections
        if trunk is not None and not self.objections:
            self._judge_commits(old, new, so_far if old is None else None)

    def _update_of(self, ref: str) -> Update | None:
        return next((update for update in self.updates if update.ref == ref), None)

    def _object(self, ref: str, rule: str, message: str, hint: str | None = None) -> None:
        self.objections.append(Objection(ref=ref, rule=rule, message=message, hint=hint))

    def _our_tags(self, old: str | None, new: str | None) -> dict[str, Tag]:
        """The tags of the push that only folding may make; objections to what was done to them and is never done."""
        trees = [self.repo.tree(tip) for tip in (old, new) if tip is not None]
        ours: dict[str, Tag] = {}
        for ref, (before, after) in self.tags.items():
            stands = standing(self.guarded, ref, trees)
            claims = {claimed_registry(tag) for tag in (before, after) if tag is not None} - {None}
            # What another registry of this server claims is held against what that one says.
            if self.guarded.identity.id in claims or (stands == "ours" and not claims):
                if before is not None:
                    word = "deleted" if after is None else "moved"
                    self._object(ref, "version-immutable", f"a tag of gitstage is never {word}")
                elif after is not None:
                    ours[ref] = after
            elif stands == "in the way" and before is None:
                self._object(ref, "conflict", "git could make no tags of a model below it", hint="call it otherwise")
        return ours

    def _continues(self, trunk: Update) -> bool:
        """Whether the trunk goes on from where it was."""
        if trunk.new is None:
            self._object(trunk.ref, "trunk-continues", "the trunk is never deleted")
        elif trunk.old is not None and not self.repo.continues(trunk.old, trunk.new):
            behind = self.repo.is_ancestor(trunk.old, trunk.new)
            what = "the trunk was merged into another branch" if behind else "the trunk would be rewritten"
            self._object(
                trunk.ref,
                "trunk-continues",
                f"{what}: its old tip {trunk.old[:12]} is not on the first-parent line of {trunk.new[:12]}",
                hint=f"git fetch, then git rebase origin/{self.guarded.identity.trunk} and push again",
            )
        else:
            return True
        return False

    def _was_rewritten(self, old: str | None, trunk: Update | None) -> bool:
        """Whether somebody rewrote the trunk on the server itself, and the push is what goes on knowingly."""
        if trunk is not None or old is None:
            return False
        judged = self._registry(old, self.now).state.judged
        return judged is not None and bool(self.repo.unreachable([judged], old))

    def _registry(self, tip: str, moment: datetime) -> Registry:
        """The registry as it is with the trunk at a commit, at a moment."""
        registry = Registry(
            self.repo, self.guarded.folder, self.guarded.identity, lambda: moment, allowed_plugins=self.plugins
        )
        registry.tip = tip
        return registry

    # the commits

    def _judge_commits(self, old: str | None, new: str, so_far: Folded | None) -> None:
        """Folds what is pushed, and reports what it leaves open."""
        from gitstage.rules.fold import resumed

        registry = self._registry(new, self.now)
        registry.forge = self._known(old, new)
        try:
            if so_far is None:
                after, _ = registry.folded(new, lands=True)
            else:
                steps = list(registry.steps(so_far.state.judged, new))
                registry.prefetch(so_far.state, steps)
                after = resumed(so_far, steps, registry.world())
        except TrunkRewritten as error:
            self._object(self.guarded.trunk, "trunk-continues", error.message, error.hint)
            return
        self._refuse_another_place(after)
        pushed = set(self.repo.first_parents(old, new))
        left = [item for item in after.state.open.values() if old is None or item.landed in pushed]
        if left:
            self.reports.append(report_on(registry, after, left, base=old, head=new, is_new=self.guarded.is_new))

    def _known(self, old: str | None, new: str) -> Forge | None:
        """What the server knows of who pushes, and who pushed what still waits."""
        before = remembered(self.repo)
        if self.user is None:
            return before
        from gitstage.forges import pushed_by

        now = pushed_by(self.user, self.repo.first_parents(old, new))
        return now if before is None else dataclasses.replace(now, changes=(*now.changes, *before.changes))

    def _refuse_another_place(self, after: Folded) -> None:
        """Where trunk and ledger are is what this guard stands on."""
        policy = after.state.policy
        if policy is None:
            return
        was, now = self.guarded.identity, identity_in(self.repo, self.guarded.folder, [policy])
        for key, before, then in (("trunk", was.trunk, now.trunk), ("ledger", was.ledger_ref, now.ledger_ref)):
            if before != then:
                self._object(
                    self.guarded.trunk,
                    "policy-alone",
                    f"{key}: is {before}, and is not changed by a push to a server that guards it",
                    hint="whoever runs the server moves it there, without the hook",
                )


def report_on(
    registry: Registry, after: Folded, left: Sequence[Open], *, base: str | None, head: str, is_new: bool
) -> Report:
    """What the judge says of what a push from `base` to `head` leaves open."""
    said = {judgement.thing: judgement for judgement in after.judgements}
    judgements = [said.get(str(item.thing)) or _judgement(item) for item in left]
    return Report(
        judgements=tuple(sorted(judgements, key=lambda judgement: judgement.thing)),
        moment=registry.now,
        registry=registry.folder,
        base=base,
        head=head,
        new_registry=is_new,
        notes=after.notes,
    )


def _judgement(item: Open) -> Judgement:
    """An open thing of which nothing was said on the way."""
    return Judgement(thing=str(item.thing), action="records", findings=item.findings)
