"""Which registries a repository that people push to holds, and which come with a push."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

from gitstage.changes import FILE, Entry, Snapshot, joined
from gitstage.errors import GitstageError
from gitstage.git import NoSuchRevision, Repository
from gitstage.identity import Identity
from gitstage.layout import CONFIGURATION, MODELS
from gitstage.ledger import LEDGER_FILE, state_from
from gitstage.operations.registries import folders_with_registry, identity_in, settled_identity
from gitstage.values import dataclass

LARGEST_POLICY = 2**20
"""Bytes of a gitstage.yaml that is read; whoever pushes says how large it is."""
Reader = Callable[[Repository, str, Iterable[str]], Identity]
LEDGERS, HEADS, TAGS = "refs/gitstage/", "refs/heads/", "refs/tags/"


@dataclass(frozen=True, kw_only=True)
class Update:
    """What a push wants of one ref: from object `old` (None: there is none) to `new` (None: it shall go)."""

    ref: str
    old: str | None
    new: str | None


@dataclass(frozen=True, kw_only=True)
class Objection:
    """Why a push is not let in, apart from what the judge found: the ref, the fact's id, and what to do instead."""

    ref: str
    rule: str
    message: str
    hint: str | None = None


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """A registry whose trunk, tags and ledger are guarded. One that `is_new` comes with the push."""

    folder: str
    identity: Identity
    is_new: bool = False

    @property
    def trunk(self) -> str:
        """The full ref of its trunk."""
        return f"{HEADS}{self.identity.trunk}"


@dataclass(frozen=True, kw_only=True)
class Watch:
    """The registries that are guarded, and what is wrong with those that come with a push."""

    registries: tuple[Guarded, ...] = ()
    objections: tuple[Objection, ...] = ()


def watch(repo: Repository, updates: Sequence[Update], trunks: Iterable[str] = ()) -> Watch:
    """The registries of a repository before a push, and those that come with it.

    A registry is known by its ledger, and by what lies on its trunk: that is looked for on the default branch, on those
    that the operator names (`trunks`, short names), on the branches that are pushed to, and on the one that a pushed
    ledger speaks of. Raises GitstageError where a ledger that is here speaks of nothing that is here.
    """
    return _Search(repo, updates, trunks).found()


class _Search:
    def __init__(self, repo: Repository, updates: Sequence[Update], trunks: Iterable[str]) -> None:
        self.repo = repo
        self.updates = updates
        default = repo.head().branch
        self.usual = [*([default] if default else []), *(f"{HEADS}{trunk}" for trunk in trunks)]
        self.known: dict[str, Guarded] = {}
        self.objections: list[Objection] = []

    def found(self) -> Watch:
        for ref, oid in self.repo.refs(LEDGERS).items():
            one = by_ledger(self.repo, ref.removeprefix(LEDGERS), oid)
            if one is not None:
                self.known[one.identity.id] = one
        pushed = [update for update in self.updates if update.ref.startswith(HEADS)]
        # The usual ones first: where several branches say that they are a registry's trunk, those are right.
        branches = dict.fromkeys([*self.usual, *(update.ref for update in pushed), *self._spoken_of()])
        here = self.repo.refs(*branches) if branches else {}
        for branch in branches:
            if branch in here:
                self._there_before(branch, here[branch])
        for update in pushed:
            if update.new is not None:
                self._comes_along(update.ref, update.new, update.old)
        return Watch(
            registries=tuple(self.known[name] for name in sorted(self.known)), objections=tuple(self.objections)
        )

    def _spoken_of(self) -> Iterator[str]:
        """The trunks that pushed ledgers speak of; whether it is so will be seen there."""
        for update in self.updates:
            if update.ref.startswith(LEDGERS) and update.new is not None:
                with suppress(GitstageError):
                    one = by_ledger(self.repo, update.ref.removeprefix(LEDGERS), update.new)
                    if one is not None:
                        yield one.trunk

    def _there_before(self, branch: str, tip: str) -> None:
        tree = self.repo.tree(tip)
        for folder in folders(tree):
            # One that cannot be read never was good: nothing of it is in effect, and there is nothing to guard.
            with suppress(GitstageError):
                identity = self._identity(tree, folder, tip, settled_identity)
                if f"{HEADS}{identity.trunk}" == branch:
                    self.known.setdefault(identity.id, Guarded(folder=folder, identity=identity))

    def _identity(self, tree: Snapshot, folder: str, commit: str, reader: Reader) -> Identity:
        entry = tree.entry(joined(folder, CONFIGURATION))
        if entry is not None and entry.mode == FILE and tree.size(entry.oid) > LARGEST_POLICY:
            raise GitstageError(f"{joined(folder, CONFIGURATION)} is larger than {LARGEST_POLICY} bytes")
        return reader(self.repo, folder, [commit])

    def _comes_along(self, branch: str, new: str, old: str | None) -> None:
        tree = self.repo.tree(new)
        there = {one.folder for one in self.known.values() if one.trunk == branch}
        for folder in folders(tree):
            if folder in there:
                continue
            try:
                identity = self._identity(tree, folder, new, identity_in)
            except GitstageError as error:
                path = joined(folder, CONFIGURATION)
                if branch in self.usual and self._at(old, path) != tree.entry(path):
                    self._object(branch, "manifest-valid", f"{path}: {error.message}")
                continue
            if f"{HEADS}{identity.trunk}" != branch:
                continue
            one = Guarded(folder=folder, identity=identity, is_new=True)
            other = self.known.setdefault(identity.id, one)
            if other is one:
                self._refuse_clashes(one, tree)
            elif other.trunk == branch:
                where = other.folder or "the root"
                self._object(branch, "known-path", f"{folder or 'the root'} has the id of the registry in {where}")
            elif branch in self.usual:
                self._object(branch, "known-path", f"the registry {identity.id} has its trunk at {other.trunk}")

    def _at(self, commit: str | None, path: str) -> Entry | None:
        """What lay at a path; what a push says that there was need not be here."""
        try:
            return None if commit is None else self.repo.tree(commit).entry(path)
        except NoSuchRevision:
            return None

    def _refuse_clashes(self, one: Guarded, tree: Snapshot) -> None:
        """No two registries may speak of their tags by one name, or keep their ledgers where something else is kept."""
        ledger = one.identity.ledger_ref
        kept = ledger == f"{LEDGERS}{one.identity.id}" or (
            ledger.startswith(HEADS) and ledger not in {*self.usual, one.trunk} and self.repo.ref(ledger) is None
        )
        others = [other for other in self.known.values() if other is not one]
        if not kept or any(ledger in (other.trunk, other.identity.ledger_ref) for other in others):
            self._object(one.trunk, "known-path", f"the ledger of {one.folder or 'the root'} would lie at {ledger}")
        for other in others:
            if self._is_called_alike(one, other, tree):
                where = other.folder or "the root"
                self._object(
                    one.trunk,
                    "known-path",
                    f"the tags of {one.folder or 'the root'} would be called like those of the registry in {where}",
                    hint="say tag-prefix: NAME/ in its gitstage.yaml",
                )

    def _is_called_alike(self, one: Guarded, other: Guarded, tree: Snapshot) -> bool:
        prefix, tip = one.identity.tag_prefix, self.repo.ref(other.trunk)
        models = joined(other.folder, joined(MODELS, prefix.strip("/")))
        trees = (tree, *([self.repo.tree(tip)] if tip is not None else []))
        taken = bool(prefix) and any(found.entry(models) is not None for found in trees)
        return prefix == other.identity.tag_prefix or taken

    def _object(self, ref: str, rule: str, message: str, hint: str | None = None) -> None:
        self.objections.append(Objection(ref=ref, rule=rule, message=message, hint=hint))


def by_ledger(repo: Repository, registry_id: str, ledger: str) -> Guarded | None:
    """The registry that a ledger speaks of, by the policy that it says is in effect; None where none ever passed."""
    tree = repo.tree(ledger)
    entry = tree.entry(LEDGER_FILE)
    if entry is None:
        raise GitstageError(f"{LEDGERS}{registry_id} holds no {LEDGER_FILE}", hint="git update-ref -d it on the server")
    policy = state_from(tree.read(entry.oid), registry_id).policy
    if policy is None:
        return None
    for folder in folders(repo.tree(policy)):
        try:
            identity = identity_in(repo, folder, [policy])
        except GitstageError:
            continue  # another registry of this repository, which was never good
        if identity.id == registry_id:
            return Guarded(folder=folder, identity=identity)
    raise GitstageError(f"{LEDGERS}{registry_id} speaks of a registry that is not in {policy[:12]}")


def folders(tree: Snapshot) -> Iterator[str]:
    """The folders of a tree that hold a registry; "" is the root."""
    if tree.entry(CONFIGURATION) is not None:
        yield ""
    yield from folders_with_registry(tree)
