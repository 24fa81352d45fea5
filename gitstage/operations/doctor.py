"""Say what is missing here, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gitstage.errors import CannotEvaluate, CannotVerify, GitstageError
from gitstage.git import NoIdentity, NotARepository
from gitstage.layout import ATTRIBUTES
from gitstage.operations.registries import Registry, open_registry
from gitstage.values import dataclass

FLOOR = (2, 39)
"""The oldest git that gitstage is tested with: Debian 12's."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at: whether it is well, what was found, and what to do where it is not.

    `optional` things are worth knowing and stop nothing.
    """

    name: str
    well: bool
    found: str
    hint: str | None = None
    optional: bool = False


def run(directory: str = ".", folder: str | None = None, plugins: frozenset[str] = frozenset()) -> tuple[Check, ...]:
    """Looks at git, ssh-keygen, the repository, the registry, its policy, its ledger and its tags.

    `plugins` are the rules in Python that may run.
    """
    return tuple(_checks(directory, folder, plugins))


def _checks(directory: str, folder: str | None, plugins: frozenset[str]) -> Iterator[Check]:
    yield _git()
    yield _signatures()
    try:
        registry = open_registry(directory, folder=folder)
    except GitstageError as error:
        name = "repository" if isinstance(error, NotARepository) else "registry"
        yield Check(name=name, well=False, found=error.message, hint=error.hint)
        return
    yield Check(name="registry", well=True, found=f"{registry.folder or 'the root'}, id {registry.identity.id}")
    yield _history(registry)
    yield _identity(registry)
    yield _attributes(registry)
    yield from _rules(registry, plugins)
    yield from _sigstore(registry)
    yield from _judged(registry)


def _git() -> Check:
    from gitstage.git.process import Processes

    said = Processes().run("--version").out.decode().strip()
    found = re.search(r"(\d+)\.(\d+)", said)
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    return Check(
        name="git",
        well=version >= FLOOR,
        found=said,
        hint=None if version >= FLOOR else f"gitstage needs git {FLOOR[0]}.{FLOOR[1]} or newer",
    )


def _signatures() -> Check:
    from gitstage.signatures.verifying import prove

    try:
        return Check(name="signatures", well=True, found=f"verified by {prove()}")
    except CannotVerify as error:
        # Only a policy that asks for signatures needs it, and says so itself.
        return Check(name="signatures", well=False, found=error.message, hint=error.hint, optional=True)


def _sigstore(registry: Registry) -> Iterator[Check]:
    """Whether Sigstore bundles can be verified here, where the policy says against what."""
    from gitstage.policy import Policy
    from gitstage.signatures import bundles
    from gitstage.trust import trusted_root

    commit = registry.tip or registry.head
    policy = registry.world().policy_in(registry.at(commit))
    if not isinstance(policy, Policy) or policy.sigstore is None or commit is None:
        return
    try:
        bundles.prove(trusted_root(policy.sigstore, registry.repo.tree(commit)))
    except CannotVerify as error:
        yield Check(name="sigstore", well=False, found=error.message, hint=error.hint)
    else:
        yield Check(name="sigstore", well=True, found=f"verified against {policy.sigstore.trusted_root}")


def _history(registry: Registry) -> Check:
    shallow = registry.repo.is_shallow
    return Check(
        name="history",
        well=not shallow,
        found="a shallow clone" if shallow else "complete",
        hint="git fetch --unshallow" if shallow else None,
    )


def _identity(registry: Registry) -> Check:
    try:
        who = registry.repo.committer()
    except NoIdentity as error:
        return Check(name="identity", well=False, found=error.message, hint=error.hint, optional=True)
    return Check(name="identity", well=True, found=who, optional=True)


def _attributes(registry: Registry) -> Check:
    there = registry.at(registry.head).entry(ATTRIBUTES) is not None
    return Check(
        name="attributes",
        well=there,
        found=f"{ATTRIBUTES} is there"
        if there
        else f"no {ATTRIBUTES}: git may convert line ends and merge line by line",
        hint=None if there else f"write into it: * -text merge=binary (in {registry.folder or 'the root'})",
    )


def _rules(registry: Registry, allowed: frozenset[str]) -> Iterator[Check]:
    """Whether what the policy asks in its own words can be evaluated here."""
    from gitstage.expressions import check
    from gitstage.operations.plugins import plugins
    from gitstage.policy import Policy

    policy = registry.world().policy_in(registry.at(registry.tip or registry.head))
    rules = [rule for gate in policy.gates.values() for rule in gate.rules] if isinstance(policy, Policy) else []
    for rule in rules:
        name = f"rules/{rule.name}"
        try:
            if rule.expr is not None:
                check(rule.expr)
            else:
                plugins(allowed)(str(rule.python))
        except CannotEvaluate as error:
            yield Check(name=name, well=False, found=error.message, hint=error.hint)
        else:
            yield Check(name=name, well=True, found="can be evaluated here")


def _judged(registry: Registry) -> Iterator[Check]:
    try:
        state = registry.state_here
    except GitstageError as error:
        yield Check(name="ledger", well=False, found=error.message, hint=error.hint)
        return
    tip = registry.tip
    behind = state.judged != tip
    who = "the tag workflow has not run" if registry.identity.tags_in_ci else "nobody has run gitstage tag"
    found, hint = f"judged to {str(state.judged)[:12]}", "gitstage tag" if behind else None
    if registry.judged_elsewhere is not None:
        behind, found = True, f"what was judged last, {registry.judged_elsewhere[:12]}, is not on the trunk here"
        hint = "git fetch; or the trunk was taken back, and gitstage tag says how to go on"
    elif behind:
        found = f"{found}; the trunk is at {str(tip)[:12]}: {who}"
    yield Check(name="ledger", well=not behind, found=found, hint=hint, optional=True)
    if state.open:
        yield Check(
            name="open",
            well=False,
            found=", ".join(sorted(state.open)),
            hint="gitstage status; gitstage tag --dry-run says why",
            optional=True,
        )
    if registry.repo.is_shallow:
        return  # which tags count is a question of history
    registry.past.load_all()
    for alarm in registry.past.alarms:
        yield Check(name="tag", well=False, found=f"{alarm.ref}: {alarm.why}", hint="find out who made it")
