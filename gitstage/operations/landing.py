"""Carrying a plan out: one commit, its tags and the ledger, in one stroke; or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from time import monotonic, sleep

from gitstage.changes import Entry, Nothing, Overlay, Snapshot, below, changes_between, joined
from gitstage.errors import GitstageError
from gitstage.findings import Finding, Judgement, Report, Verdict
from gitstage.git import Checkout, GitError, LocalEdits, NoSuchRevision, RefLocked, RefMoved, RefUpdate, Repository
from gitstage.identity import Identity
from gitstage.layout import Layout, Records, Slot, Thing
from gitstage.ledger import Folded
from gitstage.merges import merged
from gitstage.operations.registries import Registry, TrunkRewritten
from gitstage.operations.signers import Planned
from gitstage.operations.tagging import Tagged, Unsigned, follow, written
from gitstage.plans import Plan, Scene
from gitstage.rules.fold import Step, World, continued, current_policy, layout_of
from gitstage.values import dataclass, replace

ATTEMPTS = 60
"""How often a change is planned and judged again because somebody else was first."""
LOCKED = 5
"""How often in a row a ref may be locked, for a second each time, until its lock is taken for a forgotten one."""
LONGEST_PAUSE = 30.0
"""Seconds that are waited at most before another try."""
TORN = (0.05, 0.2, 0.5)
"""Seconds until a remote is asked again whose ledger has judged a commit that its trunk does not have."""
MANY_MODELS = 100
"""From here on all tags are fetched instead of those of each model."""

PLANNED = "0" * 40
"""The id of a commit that is not made yet."""

AT_ONCE = frozenset({"rollback", "hold", "approve", "waive", "settle"})
"""What an incident asks for, and what people say of a change; it is not held up by what somebody else has left open."""

Planner = Callable[[Scene], Plan]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a changing command did, or would do.

    `commit` is None where nothing was committed, `branch` the full ref that moved. `landed` says that the commit is
    on the trunk; `tags` are the full refs of the tags that were made. `exit_code` is that of the command.
    """

    plan: Plan
    report: Report
    commit: str | None = None
    branch: str | None = None
    landed: bool = False
    dry_run: bool = False
    tags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    exit_code: int = 0


@dataclass(frozen=True)
class Ground:
    """Where a change is made: the registry, the commit it is built on, the branch that moves, what has passed.

    `onto_trunk` says that the commit lands: what it changes is on the trunk for everybody.
    """

    registry: Registry
    head: str | None
    branch: str
    onto_trunk: bool
    pushes: bool
    folded: Folded
    world: World

    @property
    def declared(self) -> Snapshot:
        return self.registry.at(self.head)

    def scene(self, models: Iterable[str]) -> Scene:
        """What the planner looks at."""
        scene = scene_of(self.registry, self.folded, self.world, self.declared, models)
        root: Snapshot = Nothing() if self.head is None else self.registry.repo.tree(self.head)
        return replace(scene, root=root)


def scene_of(registry: Registry, folded: Folded, world: World, declared: Snapshot, models: Iterable[str]) -> Scene:
    """The registry as it is declared and as far as it has passed, for these models."""
    policy = current_policy(folded.state, world)
    if policy is None:
        layout, stages = registry.identity.layout, dict.fromkeys(registry.identity.stages)
    else:
        layout, stages = layout_of(policy), dict.fromkeys(policy.stages)
    models = list(models)
    registry.past.load(models)
    passed = {}
    effects = {}
    for model in models:
        waiting = folded.state.records_open(model)
        if waiting is not None:
            passed[model] = world.registry(waiting.passed)
        for stage in stages:
            slot = Slot(model, stage)
            fresh = tuple(effect for effect in folded.effects if effect.slot == slot)
            effects[slot] = (*world.past.effects(slot), *fresh)
    return Scene(
        registry=declared,
        layout=layout,
        stages=stages,
        passed=passed,
        effects=effects,
        policy=policy,
        state=folded.state,
    )


def carry_out(
    registry: Registry,
    planner: Planner,
    *,
    models: Iterable[str] = (),
    push: bool = False,
    dry_run: bool = False,
    tags_itself: bool = False,
) -> Outcome:
    """Plans, judges and commits; with `push` on the trunk of the remote, again and again while others are first.

    `models` are those that the planner asks about. `tags_itself` makes tags although a workflow does it (a rollback
    does not wait). Raises LocalEdits, RefMoved where somebody was first too often, and what git raises.
    """
    models = tuple(models)
    repo = registry.repo
    if not repo.is_bare and not dry_run:
        Checkout(repo).finish()
    tries = Tries(aside=push and registry.remote is not None)
    while True:
        try:
            if push and registry.remote is not None:
                bring_up_to_date(registry, models)
                registry = registry.again()
            return _once(registry, planner, models, push=push, dry_run=dry_run, tags_itself=tags_itself)
        except (RefMoved, TrunkRewritten) as error:
            registry = tries.after(error, registry)


class Tries:
    """The tries of a change while others change the same: where `aside`, it steps aside for a while between two of them.

    Many who push at once would else fetch, judge and push at the same pace, and all but one for nothing. How long is
    chance: at first no longer than the try took that was lost, then up to twice as long each time.
    """

    def __init__(self, *, aside: bool) -> None:
        self._aside = aside
        self._lost = 0
        self._locked = 0
        self._begun = monotonic()

    def after(self, error: RefMoved | TrunkRewritten, registry: Registry) -> Registry:
        """The registry as it is now, for another try, after `again`. Raises TrunkRewritten where its trunk is the same.

        Where the ledger is read a moment after the trunk, somebody may have landed between the two.
        """
        now = registry.again()
        if isinstance(error, TrunkRewritten):
            if now.tip == registry.tip:
                raise error
            error = RefMoved(f"{registry.identity.trunk} moved meanwhile")
        self.again(error)
        return now.again()

    def again(self, error: RefMoved) -> None:
        """Somebody else was first: waits. Raises RefMoved where that was so too often, or a lock was forgotten."""
        from random import uniform

        self._locked = self._locked + 1 if isinstance(error, RefLocked) else 0
        if self._locked == LOCKED:
            raise error
        if self._lost + 1 == ATTEMPTS:
            raise RefMoved(f"somebody else was first, {ATTEMPTS} times", hint="run the command again") from error
        took = monotonic() - self._begun
        if self._aside:
            sleep(uniform(0, min(LONGEST_PAUSE, took * 2**self._lost)))  # noqa: S311 (chance, and no secret)
        self._lost += 1
        self._begun = monotonic()


def bring_up_to_date(registry: Registry, models: Iterable[str]) -> None:
    """Fetches the trunk, the ledger, and the tags that judging them takes.

    In one request, so that all are of one moment: a ledger that is newer than the trunk has judged what is not here.
    Where a remote was asked while it moved its refs, one after the other, it is so all the same, and asked again.
    """
    asked, before = set(models), registry.repo.ref(registry.local_ledger_ref)
    for pause in (*TORN, None):
        _fetch_refs(registry, asked)
        fresh = registry.again()
        if not _has_judged_what_is_not_here(fresh):
            others = _models_with_news(fresh, before) - asked
            if others:
                registry.repo.fetch(str(registry.remote), _tag_refspecs(registry.identity, others))
            return
        if pause is not None:
            sleep(pause)


def _has_judged_what_is_not_here(registry: Registry) -> bool:
    """Whether the ledger is ahead of the trunk: of another moment, or of a trunk that was taken back."""
    judged, tip = registry.state.judged, registry.tip
    return judged is not None and tip is not None and judged != tip and bool(registry.repo.unreachable([judged], tip))


def _fetch_refs(registry: Registry, models: set[str]) -> None:
    """Fetches the trunk, the ledger, and the tags of some models."""
    repo, remote, identity = registry.repo, registry.remote, registry.identity
    assert remote is not None
    trunk = f"+refs/heads/{identity.trunk}:refs/remotes/{remote}/{identity.trunk}"
    kept = identity.ledger_ref
    if kept.startswith("refs/heads/"):
        kept = f"refs/remotes/{remote}/{kept.removeprefix('refs/heads/')}"
    ledger = f"+{identity.ledger_ref}:{kept}"
    tags = _tag_refspecs(identity, models)
    try:
        repo.fetch(remote, [trunk, ledger, *tags])
    except NoSuchRevision:
        _fetch_if_there(repo, remote, ledger)
        _fetch_if_there(repo, remote, trunk)
        repo.fetch(remote, tags)


def _tag_refspecs(identity: Identity, models: set[str]) -> list[str]:
    """What brings the tags of some models, and of the policy."""
    prefix = identity.tag_ref("")
    if len(models) > MANY_MODELS:
        return [f"{prefix}*:{prefix}*"]
    return [f"{prefix}{name}/*:{prefix}{name}/*" for name in (*sorted(models), "policy")]


def _models_with_news(registry: Registry, ledger: str | None) -> set[str]:
    """The models that may have other tags than when this clone's ledger was `ledger`, and those not judged yet.

    Where the trunk comes without their tags, a clone would say that they have not taken effect.
    """
    state = registry.state
    before = state if ledger is None else registry.state_in(ledger)
    waiting = (*state.open.values(), *before.open.values())
    models = {model for item in waiting if (model := getattr(item.thing, "model", None))}
    return models | registry.models_changed(registry.at(before.judged), registry.at(registry.tip))


def _fetch_if_there(repo: Repository, remote: str, refspec: str) -> None:
    try:
        repo.fetch(remote, [refspec])
    except NoSuchRevision:
        return


def ground(registry: Registry, *, push: bool) -> Ground:
    """Where a change is made: on the current branch, or with `push` on the trunk of the remote."""
    repo, trunk, here = registry.repo, f"refs/heads/{registry.identity.trunk}", registry.here
    pushes = push and registry.remote is not None
    if pushes:
        head, branch = registry.tip, trunk
    elif repo.is_bare:
        head, branch = repo.ref(trunk), trunk
    elif here.branch is None:
        raise GitstageError(
            "HEAD is detached: there is no branch to commit to",
            hint=f"git switch {registry.identity.trunk}, or git switch -c NAME; or land with --push",
        )
    else:
        head, branch = here.commit, here.branch
    onto_trunk = pushes or (registry.lands_here and branch == trunk)
    folded, world = registry.folded(registry.tip, lands=onto_trunk)
    return Ground(registry, head, branch, onto_trunk, pushes, folded, world)


def _once(
    registry: Registry,
    planner: Planner,
    models: tuple[str, ...],
    *,
    push: bool,
    dry_run: bool,
    tags_itself: bool,
) -> Outcome:
    registry.past.expect(models)
    if not dry_run:
        registry.repo.expect_people()
    place = ground(registry, push=push)
    scene = place.scene(models)
    plan = planner(scene).without_what_is_there(place.declared)
    checkout = Checkout(registry.repo)
    if not (dry_run or push):
        checkout.expect(in_repository(registry, plan))
    report = judged(place, plan)
    outcome = Outcome(plan=plan, report=report, dry_run=dry_run, notes=plan.notes, exit_code=report.exit_code)
    if report.verdict is Verdict.REFUSED:
        return outcome
    on_trunk = place.branch == f"refs/heads/{registry.identity.trunk}"
    if report.verdict is Verdict.PENDING:
        if on_trunk:
            return outcome
        outcome = replace(outcome, exit_code=0)
    if dry_run or plan.is_empty:
        return replace(outcome, exit_code=outcome.exit_code if dry_run else 0)
    return _commit(place, plan, outcome, checkout, tags_itself=tags_itself)


def judged(place: Ground, plan: Plan) -> Report:
    """What the judge says of a plan, where it is to be made."""
    registry = place.registry
    tree = _edited(registry, place.head, plan)
    conflicts: tuple[str, ...] = ()
    tip = registry.tip
    if tip is not None and place.head is not None and not registry.repo.is_ancestor(tip, place.head):
        base = _merge_base(registry, tip, place.head)
        whole = merged(base, registry.repo.tree(tip), tree, _owned(registry))
        tree, conflicts = replace(whole.tree, blobs=plan.blobs), whole.conflicts
    world = replace(
        place.world,
        may_adopt=any(step.action in ("adopt", "init") for step in plan.steps),
        commit_signers=Planned(registry.repo, PLANNED, place.head, in_repository(registry, plan)),
    )
    after = continued(replace(place.folded, judgements=()), [Step(PLANNED, tree)], world)
    layout = layout_at(place)
    things = {layout.place(path).thing for path in plan.edits}
    things |= {Slot(step.model, step.stage) for step in plan.steps if step.stage in layout.stages}
    if all(step.action in AT_ONCE for step in plan.steps):
        things -= {thing for thing in things if _was_open(thing, place.folded, after)}
    return report_of(registry, after, things, conflicts, base=tip, head=None)


def _was_open(thing: Thing, before: Folded, after: Folded) -> bool:
    """Whether a model's records were open before a plan for the same reasons as after it: not the plan's doing."""
    was, now = before.state.open.get(str(thing)), after.state.open.get(str(thing))
    if not isinstance(thing, Records) or was is None or now is None:
        return False
    return {(found.rule, found.path) for found in now.findings} <= {(found.rule, found.path) for found in was.findings}


def _merge_base(registry: Registry, tip: str, head: str) -> Snapshot:
    bases = registry.repo.merge_bases(tip, head)
    if len(bases) != 1:
        trunk = registry.identity.trunk
        raise GitstageError(
            f"this branch and {trunk} have {len(bases) or 'no'} merge bases", hint=f"git merge {trunk}, then try again"
        )
    return registry.repo.tree(bases[0])


def _owned(registry: Registry) -> Callable[[str], bool]:
    folder = f"{registry.folder}/" if registry.folder else ""

    def owned(path: str) -> bool:
        return path.startswith(folder) and registry.layout_owns(path.removeprefix(folder))

    return owned


def _edited(registry: Registry, head: str | None, plan: Plan) -> Snapshot:
    """The tree of the whole repository once the plan is carried out."""
    base: Snapshot = Nothing() if head is None else registry.repo.tree(head)
    return Overlay(base, in_repository(registry, plan), plan.blobs)


def in_repository(registry: Registry, plan: Plan) -> dict[str, Entry | None]:
    """A plan's edits by their paths from the repository's root."""
    return {**plan.beside, **{joined(registry.folder, path): entry for path, entry in plan.edits.items()}}


def report_of(
    registry: Registry,
    after: Folded,
    things: Iterable[Thing],
    conflicts: tuple[str, ...] = (),
    *,
    base: str | None,
    head: str | None,
) -> Report:
    """The report on the things that a change touches; what else is open is named."""
    names = {str(thing) for thing in things}
    judgements: list[Judgement] = [found for found in after.judgements if found.thing in names]
    for path in conflicts:
        place = registry.identity.layout.place(path.removeprefix(f"{registry.folder}/" if registry.folder else ""))
        finding = Finding(
            rule="conflict",
            verdict=Verdict.REFUSED,
            message=f"{registry.identity.trunk} and this branch changed it differently since they parted",
            path=path.removeprefix(f"{registry.folder}/" if registry.folder else ""),
            hint=f"git merge {registry.identity.trunk}, and decide which one is meant",
        )
        judgements.append(
            Judgement(
                thing=str(place.thing),
                action="conflict",
                model=place.model,
                stage=place.stage,
                findings=(finding,),
            )
        )
    elsewhere = tuple(
        f"{name}: {item.findings[0].rule if item.findings else 'open'}: "
        f"{item.findings[0].message if item.findings else ''}"
        for name, item in sorted(after.state.open.items())
        if name not in names
    )
    return Report(
        judgements=tuple(sorted(judgements, key=lambda found: found.thing)),
        moment=registry.now,
        registry=registry.folder,
        base=base,
        head=head,
        elsewhere=elsewhere,
        notes=after.notes,
    )


def _commit(place: Ground, plan: Plan, outcome: Outcome, checkout: Checkout, *, tags_itself: bool) -> Outcome:
    registry, repo = place.registry, place.registry.repo
    for data in plan.blobs.values():
        repo.write_blob(data)
    edits = in_repository(registry, plan)
    tree = repo.write_tree(place.head, edits)
    commit = repo.write_commit(tree, [place.head] if place.head else [], plan.message())
    tagged: Tagged | None = None
    if place.onto_trunk and (tags_itself or not registry.identity.tags_in_ci):
        world = replace(place.world, tip=below(repo.tree(commit), registry.folder))
        after = continued(place.folded, [Step(commit, repo.tree(commit))], world)
        try:
            tagged = written(registry, after)
        except Unsigned as error:
            if not registry.identity.tags_in_ci:
                raise
            # It does not wait, and has landed when the workflow comes.
            outcome = replace(outcome, notes=(*outcome.notes, f"the workflow will tag it: {error.message}"))
    moved = RefUpdate(place.branch, commit, place.head)
    if place.pushes:
        _push(place, moved, tagged, tags_itself=tags_itself)
    else:
        _move(repo, moved, tagged, checkout, sorted(edits), plan.subject)
    return replace(
        outcome,
        commit=commit,
        branch=place.branch,
        landed=place.onto_trunk,
        tags=tuple(update.ref for update in tagged.tags) if tagged else (),
        exit_code=0,
    )


def _move(
    repo: Repository, moved: RefUpdate, tagged: Tagged | None, checkout: Checkout, paths: list[str], subject: str
) -> None:
    """Moves the branch, the tags and the ledger of this repository, and brings the work tree after them."""
    updates = [moved, *(tagged.updates if tagged else ())]
    here = repo.head()
    if repo.is_bare or here.branch != moved.ref:
        repo.transact(updates, reason=subject)
        return
    edited = checkout.local_edits(paths, moved.old)
    if edited:
        raise LocalEdits(
            f"{', '.join(edited[:5])}{' and others' if len(edited) > 5 else ''}: changed here and not committed",
            paths=edited,
            hint="commit, stash or undo those changes first",
        )
    checkout.begin(moved.old, moved.new, paths)
    repo.transact(updates, reason=subject)
    checkout.finish()


def _push(place: Ground, moved: RefUpdate, tagged: Tagged | None, *, tags_itself: bool) -> None:
    """Pushes the commit with its tags and the ledger, all or nothing; then this clone follows."""
    registry, repo = place.registry, place.registry.repo
    remote = registry.remote
    assert remote is not None
    updates = {moved.ref: moved.new}
    if tagged is not None:
        updates.update({update.ref: update.new for update in tagged.tags})
        updates.update({registry.identity.ledger_ref: tagged.ledger.new} if tagged.ledger else {})
    try:
        repo.push(remote, updates)
    except GitError as error:
        if not (tags_itself and registry.identity.tags_in_ci and len(updates) > 1) or isinstance(error, RefMoved):
            raise
        # The remote lets only its workflow tag: the rollback lands all the same, and is tagged there.
        repo.push(remote, {moved.ref: moved.new})
        tagged = None
    if tagged is not None:
        follow(registry, tagged)
    # It has landed, whatever keeps this clone from following: it is planned no second time.
    with suppress(GitError):
        _follow(repo, moved)


def _follow(repo: Repository, moved: RefUpdate) -> None:
    """Moves this clone's own trunk along, where it stood at what was built on and nothing is in the way."""
    if moved.old is None or repo.ref(moved.ref) != moved.old:
        return
    if repo.head().branch != moved.ref:
        # A linked work tree that has it checked out would look as if somebody had undone everything.
        if repo.work_tree_on(moved.ref) is None:
            repo.transact([moved], reason="gitstage: what was pushed")
        return
    checkout = Checkout(repo)
    paths = [change.path for change in changes_between(repo.tree(moved.old), repo.tree(moved.new))]
    if checkout.local_edits(paths, moved.old):
        return
    checkout.begin(moved.old, moved.new, paths)
    repo.transact([moved], reason="gitstage: what was pushed")
    checkout.finish()


def layout_at(place: Ground) -> Layout:
    """What paths mean under the policy in effect."""
    policy = current_policy(place.folded.state, place.world)
    return place.registry.identity.layout if policy is None else layout_of(policy)
