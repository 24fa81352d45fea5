"""Approve a change of a slot or of the policy, or countersign what somebody did alone, with a signature of one's own."""

from __future__ import annotations

from collections.abc import Sequence

from gitstage.approvals import APPROVAL, PolicyChange, PolicySaid, Said
from gitstage.changes import Entry, Nothing, Overlay, Snapshot, changes_between, joined
from gitstage.errors import GitstageError
from gitstage.layout import (
    CONFIGURATION,
    EVIDENCE,
    POLICY,
    POLICY_EVIDENCE,
    RECORD_FOLDERS,
    Records,
    Slot,
    evidence_folder,
)
from gitstage.operations.landing import Outcome, carry_out
from gitstage.operations.naming import in_words, known_stage, version_named, without_back
from gitstage.operations.promote import expanded, together
from gitstage.operations.registries import Registry
from gitstage.operations.saying import LONGEST_REASON, Word, binding, ends, plan_of, policy_of
from gitstage.operations.signing import Pen
from gitstage.plans import Plan, Scene, Step
from gitstage.policy import Policy
from gitstage.rules.fold import digest_at
from gitstage.rules.tombstones import MAY_GO, tombstone_in
from gitstage.values import replace


def run(
    registry: Registry,
    references: Sequence[str],
    *,
    stage: str,
    sign: Sequence[str],
    expires: str | None = None,
    reason: str | None = None,
    push: bool = False,
    dry_run: bool = False,
) -> Outcome:
    """Approves that each `MODEL@VERSION` enters a stage, or, where it is in effect there, that it leaves.

    The approval fits this change of the slot and no other. `expires` is a length of time, a date or a moment.
    """
    known_stage(registry, stage)
    until = None if expires is None else ends(expires, registry.now)
    if reason is not None:
        in_words(reason, longest=LONGEST_REASON)
    wanted = expanded(registry, references, push=push)
    for ref in wanted:
        if without_back(ref).name is None:
            raise GitstageError(f"{ref} names no version: what is approved?", hint=f"gitstage approve {ref}@VERSION …")
    pen = Pen(sign)

    def planned(scene: Scene, model: str, version: str) -> Plan:
        about = binding(scene, Slot(model, stage), version)
        said = Said(kind=APPROVAL, about=about, made=registry.now, expires=until, reason=reason)
        leaves = about.manifest == about.incumbent
        word = Word(
            said=said,
            folder=evidence_folder(model, version),
            called=APPROVAL,
            subject=f"{model}: approve that {version} leaves {stage}"
            if leaves
            else f"{model}: approve {version} for {stage}",
            step=Step(action="approve", model=model, version=version),
            asked=_asked(policy_of(scene), model, stage),
            nobody_asked=f"{stage} asks for no approval of {model} by",
        )
        return plan_of(scene, word, pen)

    def planner(scene: Scene) -> Plan:
        plans = [planned(scene, ref.model, version_named(scene, ref)) for ref in wanted]
        return together(plans, f"approve {len(plans)} versions for {stage}")

    return carry_out(registry, planner, models={ref.model for ref in wanted}, push=push, dry_run=dry_run)


def _asked(policy: Policy, model: str, stage: str) -> frozenset[str]:
    """The people whose approval counts for anything in a stage: for a gate, a rollback, or what only owners may do."""
    names = [rule.from_ for _, gate in policy.gates_for(model, stage) for rule in gate.approvals]
    alone = policy.stages[stage].rollback
    named = policy.people_named(*names, *(() if alone is None else alone.by), model=model)
    return frozenset(named) | frozenset(policy.owners_of(model))


def run_policy(
    registry: Registry,
    *,
    sign: Sequence[str],
    expires: str | None = None,
    reason: str | None = None,
    push: bool = False,
    dry_run: bool = False,
) -> Outcome:
    """Approves the gitstage.yaml, and the protected files, that the branch at hand declares, or with `push` the trunk."""
    until = None if expires is None else ends(expires, registry.now)
    if reason is not None:
        in_words(reason, longest=LONGEST_REASON)
    pen = Pen(sign)

    def planned(scene: Scene, about: PolicyChange, what: str) -> Plan:
        word = Word(
            said=PolicySaid(about=about, made=registry.now, expires=until, reason=reason),
            folder=f"{EVIDENCE}/{POLICY_EVIDENCE}/{about.policy}",
            called=APPROVAL,
            subject=f"gitstage: approve {what}",
            step=Step(action="approve", model=CONFIGURATION),
        )
        return plan_of(scene, word, pen)

    def planner(scene: Scene) -> Plan:
        plans = []
        changed = _policy_change(registry, scene)
        if changed is not None:
            plans.append(planned(scene, changed, f"the policy {changed.policy[:12]}"))
        for model, about in _redactions(registry, scene):
            with_those = replace(scene, registry=Overlay(scene.registry, *_edits(plans)))
            plans.append(planned(with_those, about, f"what is redacted of {model}"))
        if not plans:
            raise GitstageError(
                "nothing of the policy changes here, and nothing is redacted",
                hint="git switch to the branch that changes it; --push approves what waits on the trunk",
            )
        return together(plans, f"approve {len(plans)} changes")

    return carry_out(registry, planner, push=push, dry_run=dry_run)


def _edits(plans: Sequence[Plan]) -> tuple[dict[str, Entry | None], dict[str, bytes]]:
    """What some plans put where, together, and the bytes of it."""
    edits = {path: entry for plan in plans for path, entry in plan.edits.items()}
    return edits, {oid: data for plan in plans for oid, data in plan.blobs.items()}


def _redactions(registry: Registry, scene: Scene) -> list[tuple[str, PolicyChange]]:
    """The tombstones that are declared and have not passed, model by model, as an approval is bound to them."""
    policy, state = policy_of(scene), scene.state
    assert state is not None
    judged = registry.at(state.judged)
    found: dict[str, dict[str, str]] = {}
    models = registry.models_changed(judged, scene.registry)
    models |= {item.thing.model for item in state.open.values() if isinstance(item.thing, Records)}
    for model in sorted(models):
        passed = registry.at(state.passed_commit(Records(model)))
        for folder in RECORD_FOLDERS:
            for change in changes_between(passed, scene.registry, f"{folder}/{model}"):
                place = scene.layout.place(change.path)
                old = change.before is None or tombstone_in(passed, change.before) is not None
                if old or place.model != model or place.kind not in MAY_GO:
                    continue
                if tombstone_in(scene.registry, change.after) is not None:
                    path = joined(registry.folder, change.path)
                    found.setdefault(model, {})[path] = str(digest_at(scene.registry, change.path))
    return [
        (
            model,
            PolicyChange(
                registry=policy.id,
                policy=policy.digest,
                base=policy.digest,
                number=state.policy_number,
                files=files,
            ),
        )
        for model, files in found.items()
    ]


def _policy_change(registry: Registry, scene: Scene) -> PolicyChange | None:
    """The change of the policy, and of what it protects, that is declared; None where there is none."""
    policy, state = policy_of(scene), scene.state
    assert state is not None
    passed = state.passed_commit(POLICY)
    before: Snapshot = Nothing() if passed is None else registry.repo.tree(passed)
    after = Nothing() if scene.root is None else scene.root
    own = joined(registry.folder, CONFIGURATION)
    guarded = [path for path in _changed(before, after) if path != own and policy.is_protected(path)]
    new = digest_at(after, own)
    if new is None or (before.entry(own) == after.entry(own) and not guarded):
        return None
    return PolicyChange(
        registry=policy.id,
        policy=new,
        base=policy.digest,
        number=state.policy_number,
        files={path: digest_at(after, path) for path in guarded},
    )


def _changed(before: Snapshot, after: Snapshot) -> list[str]:
    return [change.path for change in changes_between(before, after)]
