"""Which registries a repository that people push to holds, and which come with a push."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from gitstage.changes import Snapshot, joined
from gitstage.errors import GitstageError
from gitstage.git import Repository
from gitstage.identity import Identity
from gitstage.layout import CONFIGURATION, MODELS
from gitstage.ledger import LEDGER_FILE, state_from
from gitstage.operations.registries import folders_with_registry, identity_in, settled_identity
from gitstage.values import dataclass

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
    """Everything that is guarded, what is wrong with it, and the trunks of which nobody can say what lies there."""

    registries: tuple[Guarded, ...] = ()
    objections: tuple[Objection, ...] = ()
    unreadable: Mapping[str, GitstageError] | None = None

    @property
    def is_empty(self) -> bool:
        return not (self.registries or self.objections or self.unreadable)


def watch(repo: Repository, updates: Sequence[Update], trunks: Iterable[str] = ()) -> Watch:
    """The registries of a repository before a push, and those that come with it.

    A registry is known by its ledger, and by what lies on its trunk: that is looked for on the default branch, on the
    branches that are pushed to, and on those that the operator names (`trunks`, short names). Raises GitstageError
    where a ledger speaks of nothing that is here.
    """
    return _Search(repo, updates, trunks).found()


class _Search:
    def __init__(self, repo: Repository, updates: Sequence[Update], trunks: Iterable[str]) -> None:
        self.repo = repo
        self.heads = [update for update in updates if update.ref.startswith(HEADS)]
        default = repo.head().branch
        self.usual = {*([default] if default else []), *(f"{HEADS}{trunk}" for trunk in trunks)}
        self.known: dict[str, Guarded] = {}
        self.objections: list[Objection] = []
        self.unreadable: dict[str, GitstageError] = {}

    def found(self) -> Watch:
        for ref, oid in self.repo.refs(LEDGERS).items():
            one = by_ledger(self.repo, ref.removeprefix(LEDGERS), oid)
            if one is not None:
                self.known[one.identity.id] = one
        pushed = {update.ref: update.new for update in self.heads}
        branches = sorted({*self.usual, *pushed})
        here = self.repo.refs(*branches) if branches else {}
        for branch, tip in here.items():
            self._there_before(branch, tip, pushed.get(branch))
        for update in self.heads:
            if update.new is not None:
                self._comes_along(update.ref, update.new)
        return Watch(
            registries=tuple(self.known[name] for name in sorted(self.known)),
            objections=tuple(self.objections),
            unreadable=self.unreadable,
        )

    def _there_before(self, branch: str, tip: str, new: str | None) -> None:
        for folder in folders(self.repo.tree(tip)):
            try:
                identity = settled_identity(self.repo, folder, [tip])
            except GitstageError as error:
                self._unreadable_there(branch, folder, new, error)
                continue
            if f"{HEADS}{identity.trunk}" == branch:
                self.known.setdefault(identity.id, Guarded(folder=folder, identity=identity))

    def _unreadable_there(self, branch: str, folder: str, new: str | None, error: GitstageError) -> None:
        """A gitstage.yaml that was never good: it may be mended, and until then nothing is known of its registry."""
        if branch not in self.usual:
            return
        try:
            identity = identity_in(self.repo, folder, [] if new is None else [new])
            self.known.setdefault(identity.id, Guarded(folder=folder, identity=identity))
        except GitstageError:
            self.unreadable[branch] = error

    def _comes_along(self, branch: str, new: str) -> None:
        tree = self.repo.tree(new)
        there = {one.folder for one in self.known.values() if one.trunk == branch}
        for folder in folders(tree):
            if folder in there:
                continue
            try:
                identity = identity_in(self.repo, folder, [new])
            except GitstageError as error:
                if branch in self.usual and branch not in self.unreadable:
                    self._object(branch, "manifest-valid", error.message)
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

    def _refuse_clashes(self, one: Guarded, tree: Snapshot) -> None:
        """No two registries may speak of their tags by one name."""
        prefix = one.identity.tag_prefix
        for other in self.known.values():
            if other is one:
                continue
            models = joined(other.folder, joined(MODELS, prefix.strip("/")))
            taken = tree.entry(models) is not None if prefix else False
            if prefix == other.identity.tag_prefix or taken:
                where = other.folder or "the root"
                self._object(
                    one.trunk,
                    "known-path",
                    f"the tags of {one.folder or 'the root'} would be called like those of the registry in {where}",
                    hint="say tag-prefix: NAME/ in its gitstage.yaml",
                )

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
