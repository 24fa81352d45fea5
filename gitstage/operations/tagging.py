"""Writing down what took effect: tag objects, the ledger's commit, and the refs that will name them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from gitstage.errors import GitstageError
from gitstage.git import RefMoved, RefUpdate
from gitstage.ledger import (
    LEDGER_FILE,
    Effect,
    Folded,
    PolicyEffect,
    Registered,
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


def written(registry: Registry, folded: Folded, *, reason: str | None = None, dry_run: bool = False) -> Tagged:
    """Makes the objects of what took effect and of the new state. No ref moves; in a dry run nothing is signed.

    Raises Unsigned where the policy asks for signatures of tags that the keys given do not make, and what signing raises.
    """
    wanted = claims(registry, folded)
    state = folded.state
    if dry_run:
        oids = [_tag(registry, claim, None) for claim in wanted]
    else:
        oids = _objects(registry, state, wanted, _keys(registry) if wanted else ())
    tags = tuple(RefUpdate(claim.ref, oid, None) for claim, oid in zip(wanted, oids, strict=True))
    return Tagged(tags, _ledger(registry, folded, tags, reason))


@dataclass(frozen=True)
class Claim:
    """A tag that what took effect calls for: its full ref, the commit it stands on, its message, and when (UTC)."""

    ref: str
    commit: str
    message: str
    moment: datetime


class Unsigned(GitstageError):
    """The tags of a run have to be signed by somebody else than whoever runs it, or nobody signs them."""


def _keys(registry: Registry) -> tuple[str, ...]:
    """What tags are signed with: the keys that were given, or else the one that the user's own configuration names."""
    if registry.tag_keys:
        return registry.tag_keys
    own = registry.repo.signing_key()
    return () if own is None else (own,)


def _objects(registry: Registry, state: State, wanted: Sequence[Claim], keys: Sequence[str]) -> list[str]:
    """The tags, each signed by the first key that its policy takes; unsigned where no key was given and nobody has to."""
    oids = [""] * len(wanted)
    left = list(range(len(wanted)))
    said: list[str | None] = []
    for key in keys or (None,):
        for at in left:
            oids[at] = _tag(registry, wanted[at], key)
        said = _why_not(registry, state, [(wanted[at], oids[at]) for at in left])
        left = [at for at, why in zip(left, said, strict=True) if why is not None]
    if left:
        raise _refusal(registry, wanted[left[0]].ref, next(why for why in said if why is not None), tried=bool(keys))
    return oids


def _tag(registry: Registry, claim: Claim, key: str | None) -> str:
    signature = b""
    if key is not None:
        from gitstage.operations.signers import IN_GIT
        from gitstage.signatures import sign

        signature = sign(registry.repo.tag_payload(claim.ref, claim.commit, claim.message), key, IN_GIT).armored
    return registry.repo.write_tag(claim.ref, claim.commit, claim.message, signature)


def _why_not(registry: Registry, state: State, tags: Sequence[tuple[Claim, str]]) -> list[str | None]:
    """Why each tag would not count for its signature; None where it would."""
    if not state.rulings:
        return [None] * len(tags)
    from gitstage.operations.taggers import Stamp, Taggers

    taggers = Taggers(registry.repo, state.rulings)
    return taggers.why_not([Stamp(oid, claim.commit, claim.moment) for claim, oid in tags])


def _refusal(registry: Registry, ref: str, why: str, *, tried: bool) -> Unsigned:
    name = ref.removeprefix("refs/tags/")
    if tried:
        return Unsigned(f"{name} would not count: {why}", hint="sign with a key of theirs that is valid now")
    leave = "" if registry.identity.tags_in_ci else "; or leave tags to a workflow: tags: ci in gitstage.yaml"
    return Unsigned(
        f"{name} would not count: {why}, and no key was given",
        hint=f"gitstage --sign-tags KEY …, or GITSTAGE_SIGN_TAGS=KEY{leave}",
    )


def claims(registry: Registry, folded: Folded) -> list[Claim]:
    """The tags that what took effect calls for, but those of versions that are there already."""
    identity = registry.identity
    wanted: list[Claim] = []

    def want(taken: Effect | Registered | PolicyEffect, message: str) -> None:
        wanted.append(Claim(identity.tag_ref(taken.name), taken.commit, message, taken.moment))

    for policy in folded.policies:
        # Nothing is decided by these: one that cannot be made stops nobody.
        if registry.past.may_tag(policy.name):
            want(policy, policy_message(policy, identity.id))
    if identity.tag_versions:
        for version in folded.registered:
            if registry.past.blocked(version.model) is None:
                want(version, version_message(version, identity.id))
    for effect in folded.effects:
        want(effect, promotion_message(effect, identity.id))
    there = _present(registry, folded)
    return [claim for claim in wanted if claim.ref not in there]


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
