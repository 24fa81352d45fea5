"""Judge a change: what would be on the trunk once this is merged, against what has passed."""

from __future__ import annotations

from gitstage.changes import Snapshot, below, changes_between
from gitstage.errors import GitstageError
from gitstage.findings import Finding, Judgement, Report, Verdict
from gitstage.layout import CONFIGURATION, POLICY, Layout, Thing
from gitstage.merges import merged
from gitstage.operations.landing import report_of
from gitstage.operations.registries import Registry, settled_identity
from gitstage.policy import Policy
from gitstage.rules.fold import Step, World, continued, current_policy, layout_of
from gitstage.values import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What is judged: a tree of the whole repository, and the commits on which it was built, the branch's own first.

    `commit` is the id under which it is judged. Where `before` is given, only what differs between it and the tree
    counts; the rest of the branch is not its doing.
    """

    tree: Snapshot
    parents: tuple[str, ...]
    commit: str
    before: Snapshot | None = None


def run(registry: Registry, *, base: str | None = None, head: str | None = None) -> Report:
    """Judges `head` (HEAD unless given) against `base` (the trunk unless given); both are revisions.

    Pure but for reading: it opens no connection and changes nothing. Raises ShallowRepository where the history that
    it takes is not here.
    """
    repo = registry.repo
    registry.refuse_shallow()
    base_commit = repo.resolve(base) if base is not None else registry.tip
    head_commit = repo.resolve(head) if head is not None else registry.head
    if head_commit is None:
        raise GitstageError("there is no commit to judge", hint="gitstage init makes the first one")
    proposal = Proposal(tree=repo.tree(head_commit), parents=(head_commit,), commit=head_commit)
    return replace(judged(registry, base_commit, proposal), head=head_commit)


def judged(registry: Registry, base_commit: str | None, proposal: Proposal) -> Report:
    """What the judge says of a proposal, against what has passed at `base_commit` (None: nothing has)."""
    registry = _as_the_base_says(registry, base_commit)
    before: Snapshot = registry.at(base_commit)
    forge, registry.forge = registry.forge, None
    folded, world = registry.folded(base_commit)
    # What a forge says of the change that is judged says nothing of what is there already.
    registry.forge = forge
    world = replace(_with_tip(registry, world), forge=forge)
    policy = current_policy(folded.state, world)
    tree, conflicts, problem = _foretold(registry, base_commit, proposal, policy, world)
    if problem is not None:
        return Report(judgements=(problem,), moment=registry.now, registry=registry.folder, base=base_commit)
    changed = registry.models_changed(before, below(tree, registry.folder))
    registry.past.load(changed)
    if len(changed) > 1:
        # Git looks at the claims meanwhile.
        registry.past.expect(changed)
        for oid in registry.load(changed, before, below(tree, registry.folder)):
            world.manifest(before, oid)
    registry.past.verify()
    after = continued(replace(folded, judgements=()), [Step(proposal.commit, tree)], world)
    if proposal.before is None:
        things = _touched(registry, before, tree, world)
    else:
        things = _touched(registry, below(proposal.before, registry.folder), proposal.tree, world)
    if policy is not None and _guarded_changes(registry, base_commit, tree, policy):
        things.add(POLICY)
    if policy is None:
        things |= {item.thing for item in after.state.open.values()}
    report = report_of(registry, after, things, conflicts, base=base_commit, head=None)
    return replace(report, new_registry=policy is None and bool(report.judgements or things))


def _as_the_base_says(registry: Registry, base: str | None) -> Registry:
    """The registry by the name that it has in the base: a change cannot choose its trunk, its tags or its ledger."""
    if base is None or registry.at(base).entry(CONFIGURATION) is None:
        return registry
    try:
        identity = settled_identity(registry.repo, registry.folder, [base])
    except GitstageError:  # what cannot be read may be mended by the change
        return registry
    return Registry(
        registry.repo,
        registry.folder,
        identity,
        registry.clock,
        allowed_plugins=registry.allowed_plugins,
        forge=registry.forge,
    )


def _with_tip(registry: Registry, world: World) -> World:
    return replace(world, tip=registry.at(registry.tip)) if registry.tip is not None else world


def _foretold(
    registry: Registry, base: str | None, proposal: Proposal, policy: Policy | None, world: World
) -> tuple[Snapshot, tuple[str, ...], Judgement | None]:
    """The tree that the base would have once the proposal is merged, what conflicts, and why there is none.

    Looked at are the registry, the paths that `policy`, the one in effect, protects, and the trusted root that the
    proposed one names.
    """
    repo = registry.repo
    shared = [] if base is None else [repo.merge_bases(base, parent) for parent in proposal.parents]
    if base is None or [base] in shared:
        return proposal.tree, (), None
    bases = shared[0] if shared else []
    if bases == [proposal.commit]:
        return repo.tree(base), (), None
    if len(bases) != 1:
        trunk = registry.identity.trunk
        finding = Finding(
            rule="conflict",
            verdict=Verdict.REFUSED,
            message=f"the branch and {trunk} have {len(bases) or 'no'} merge bases: what a merge would give is not certain",
            hint=f"bring the branch up to date: git merge {trunk}",
        )
        return repo.tree(base), (), Judgement(thing=str(POLICY), action="conflict", findings=(finding,))
    folder = f"{registry.folder}/" if registry.folder else ""
    proposed = world.policy_in(below(proposal.tree, registry.folder))
    sigstore = proposed.sigstore if isinstance(proposed, Policy) else None

    def looked_at(path: str) -> bool:
        named = sigstore is not None and path == sigstore.trusted_root
        return named or path.startswith(folder) or (policy is not None and policy.is_protected(path))

    whole = merged(repo.tree(bases[0]), repo.tree(base), proposal.tree, looked_at)
    mine = tuple(path for path in whole.conflicts if path.startswith(folder) and _owns(registry, path))
    return whole.tree, mine, None


def _owns(registry: Registry, path: str) -> bool:
    return registry.layout_owns(path.removeprefix(f"{registry.folder}/" if registry.folder else ""))


def _guarded_changes(registry: Registry, base: str | None, tree: Snapshot, policy: Policy) -> bool:
    """Whether a change touches a path that the policy protects, outside the registry, and has to be approved."""
    if base is None or not policy.governance or not policy.protected:
        return False
    return any(policy.is_protected(change.path) for change in changes_between(registry.repo.tree(base), tree))


def _touched(registry: Registry, before: Snapshot, tree: Snapshot, world: World) -> set[Thing]:
    """The things whose files the change touches."""
    after = below(tree, registry.folder)
    found = world.policy_in(after)
    layouts: list[Layout] = [registry.identity.layout]
    if isinstance(found, Policy):
        layouts.append(layout_of(found))
    return {
        layout.place(change.path).thing
        for change in changes_between(before, after)
        for layout in layouts
        if registry.folder or layout.owns(change.path)
    }
