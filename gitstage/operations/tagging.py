"""Writing down what took effect: tag objects, the ledger's commit, and the refs that will name them."""

from __future__ import annotations

from contextlib import suppress

from gitstage.git import RefMoved, RefUpdate
from gitstage.ledger import (
    LEDGER_FILE,
    Folded,
    State,
    policy_message,
    promotion_message,
    state_document,
    version_message,
)
from gitstage.operations.registries import Registry
from gitstage.values import dataclass


@dataclass(frozen=True)
class Tagged:
    """The refs of one run: its tags, and the ledger's (None: nothing was judged that was not judged before)."""

    tags: tuple[RefUpdate, ...]
    ledger: RefUpdate | None

    @property
    def updates(self) -> tuple[RefUpdate, ...]:
        return self.tags if self.ledger is None else (*self.tags, self.ledger)


def follow(registry: Registry, tagged: Tagged) -> None:
    """Moves this clone's own refs after what was pushed. What another process has moved meanwhile is left to a fetch."""
    # Git itself moves what it tracks of the remote.
    updates = [update for update in tagged.updates if not update.ref.startswith("refs/remotes/")]
    with suppress(RefMoved):
        registry.repo.transact(updates, reason="gitstage: what was pushed")


def written(registry: Registry, folded: Folded, *, reason: str | None = None) -> Tagged:
    """Makes the objects of what took effect and of the new state. No ref moves."""
    tags = tuple(_tags(registry, folded))
    return Tagged(tags, _ledger(registry, folded, tags, reason))


@dataclass(frozen=True)
class Claim:
    """A tag that what took effect calls for: its full ref, the commit that it stands on, and its message."""

    ref: str
    commit: str
    message: str


def _tags(registry: Registry, folded: Folded) -> list[RefUpdate]:
    repo = registry.repo
    return [
        RefUpdate(claim.ref, repo.write_tag(claim.ref, claim.commit, claim.message), None)
        for claim in claims(registry, folded)
    ]


def claims(registry: Registry, folded: Folded) -> list[Claim]:
    """The tags that what took effect calls for, but those of versions that are there already."""
    identity = registry.identity
    wanted: list[tuple[str, str, str]] = []
    for policy in folded.policies:
        # Nothing is decided by these: one that cannot be made stops nobody.
        if registry.past.may_tag(policy.name):
            wanted.append((policy.name, policy.commit, policy_message(policy, identity.id)))
    if identity.tag_versions:
        for version in folded.registered:
            if registry.past.blocked(version.model) is None:
                wanted.append((version.name, version.commit, version_message(version, identity.id)))
    for effect in folded.effects:
        wanted.append((effect.name, effect.commit, promotion_message(effect, identity.id)))
    there = _present(registry, folded)
    return [
        Claim(ref, commit, message) for name, commit, message in wanted if (ref := identity.tag_ref(name)) not in there
    ]


def _present(registry: Registry, folded: Folded) -> set[str]:
    """The tags of versions that are there already: registering is once, whoever made the tag."""
    models = {version.model for version in folded.registered}
    registry.past.load(models)
    return {ref for model in models for ref in registry.past.version_tags(model)}


def _ledger(registry: Registry, folded: Folded, tags: tuple[RefUpdate, ...], reason: str | None) -> RefUpdate | None:
    state, before = folded.state, registry.state
    if not tags and reason is None and _gist(state) == _gist(before):
        return None
    assert state.clock is not None
    document = state_document(state, registry.identity.id)
    count = len(folded.effects)
    subject = f"gitstage: judged {str(state.judged)[:12]}, {count} took effect, {len(state.open)} open"
    if reason is not None:
        subject = f"{subject}\n\nGitstage-Reason: {' '.join(reason.split())}"
    old = registry.ledger_commit
    new = registry.repo.write_record({LEDGER_FILE: document}, old, subject + "\n", state.clock)
    return RefUpdate(registry.local_ledger_ref, new, old)


def _gist(state: State) -> object:
    """What a state says apart from when: a run that finds nothing new writes nothing."""
    return (
        state.judged,
        state.policy,
        state.policy_number,
        {
            name: (
                *(item.landed, item.passed, item.verdict, item.sources, item.with_policy, _words(item.findings)),
                *(item.authors, {path: stood.people for path, stood in item.stood.items()}),
            )
            for name, item in state.open.items()
        },
        state.owed,
    )


def _words(findings: object) -> object:
    assert isinstance(findings, tuple)
    return tuple((found.rule, found.gate, found.verdict, found.path, found.opens) for found in findings)
