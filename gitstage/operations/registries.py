"""An opened registry: a repository, the folder in it, and what the trunk and its ledger say."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from gitstage.canonical import DocumentError
from gitstage.changes import FILE, FOLDER, Snapshot, below, joined
from gitstage.errors import GitstageError
from gitstage.git import GitError, Head, NoSuchRevision, Repository, ShallowRepository
from gitstage.identity import Identity
from gitstage.layout import CONFIGURATION, RECORD_FOLDERS, Records, Slot
from gitstage.ledger import LEDGER_FILE, Open, State, state_from
from gitstage.operations.identities import known_identity
from gitstage.operations.past import TagPast
from gitstage.operations.plugins import plugins
from gitstage.operations.signers import CommitSigners, signed_by, vouched_for

if TYPE_CHECKING:
    from gitstage.forges import Forge
    from gitstage.ledger import Folded
    from gitstage.operations.taggers import Taggers
    from gitstage.rules.fold import Step, World

DEEPEST_REGISTRY = 3
"""How many folders deep a registry is looked for, where none is named."""


class NoRegistry(GitstageError):
    """There is no registry, or more than one and none was named."""


Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The moment of whoever judges: UTC, to the second, as it will stand in tags."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass
class Registry:
    """A registry in a repository, as it is at this moment; nothing in it is written to.

    `folder` is its path from the repository's root ("" is the root), `identity` what its gitstage.yaml says it is,
    `now` the moment (UTC) at which everything is judged, by `clock`. One that `is_new` is
    being made, and has no ledger anywhere. `allowed_plugins` are the rules in Python that may run, and `forge` is what a
    forge or a server says of who made and approved changes. `tag_keys` are the SSH keys that sign the tags.
    """

    repo: Repository
    folder: str
    identity: Identity
    clock: Clock = utc_now
    is_new: bool = False
    allowed_plugins: frozenset[str] = frozenset()
    forge: Forge | None = None
    tag_keys: tuple[str, ...] = ()
    now: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.now = self.clock()

    def again(self) -> Registry:
        """The same registry, asked anew, and never at an earlier moment."""
        fresh = Registry(
            self.repo,
            self.folder,
            self.identity,
            self.clock,
            self.is_new,
            self.allowed_plugins,
            self.forge,
            self.tag_keys,
        )
        fresh.now = max(fresh.now, self.now)
        return fresh

    @cached_property
    def remote(self) -> str | None:
        return self.repo.remote(f"refs/heads/{self.identity.trunk}")

    @cached_property
    def tip(self) -> str | None:
        """The trunk's tip, as far as this repository knows it; None where there is no trunk yet.

        It is the remote's, where there is a remote that has it. A clone of another branch alone fetches it.
        """
        trunk = f"refs/heads/{self.identity.trunk}"
        if self.remote is None:
            return self.repo.ref(trunk)
        tracked = f"refs/remotes/{self.remote}/{self.identity.trunk}"
        found = self.repo.refs(tracked, trunk)
        if not found:
            with suppress(GitError):  # the remote has none either, or cannot be reached
                depth = 1 if self.repo.is_shallow else None
                self.repo.fetch(self.remote, [f"{trunk}:{tracked}"], depth=depth)
            found = self.repo.refs(tracked)
        return found.get(tracked) or found.get(trunk)

    @property
    def lands_here(self) -> bool:
        """Whether a commit on the trunk of this repository has landed: there is no remote that it would go to."""
        return self.remote is None

    def at(self, commit: str | None) -> Snapshot:
        """The registry in the tree of a commit."""
        from gitstage.changes import Nothing

        return Nothing() if commit is None else below(self.repo.tree(commit), self.folder)

    def listed(self, commit: str, paths: Sequence[str]) -> list[tuple[str, str]]:
        """The files below some paths of the registry at a commit, with their blob ids, in one go."""
        if not self.folder:
            return self.repo.listed(commit, paths)
        prefix = f"{self.folder}/"
        found = self.repo.listed(commit, [prefix + path for path in paths])
        return [(path[len(prefix) :], oid) for path, oid in found]

    @cached_property
    def here(self) -> Head:
        """Where HEAD is."""
        return self.repo.head()

    @cached_property
    def head(self) -> str | None:
        """The commit that is checked out; the trunk's tip in a bare repository."""
        return self.here.commit if self.here.commit is not None else self.tip

    @cached_property
    def past(self) -> TagPast:
        return TagPast(self.repo, self.identity, self.folder, self.tip, self.remote, self._taggers)

    def _taggers(self) -> Taggers | None:
        """Whose signatures tags need; None where no policy that took effect ever asked for any.

        The ledger says which did. Where gitstage.yaml asks it has to be here, and readable; elsewhere reading goes by
        the tags alone.
        """
        try:
            here = self.identity.signs_tags or self.repo.ref(self.local_ledger_ref) is not None
            rulings = self.state.rulings if here else ()
        except GitstageError:
            if self.identity.signs_tags:
                raise
            return None
        if not rulings:
            return None
        from gitstage.operations.taggers import Taggers

        return Taggers(self.repo, rulings)

    def layout_owns(self, path: str) -> bool:
        """Whether a path from the registry's folder belongs to it (all do, unless the folder is the root)."""
        return bool(self.folder) or self.identity.layout.owns(path)

    # the ledger

    @cached_property
    def ledger_commit(self) -> str | None:
        """The ledger's newest commit; fetched where this clone has none and its remote does."""
        if self.is_new:
            return None
        ref = self.identity.ledger_ref
        found = self.repo.ref(self.local_ledger_ref)
        if found is None and self.remote is not None:
            try:
                self.repo.fetch(self.remote, [f"{ref}:{self.local_ledger_ref}"])
            except NoSuchRevision:
                pass  # the remote has none either
            except GitError as error:
                if self.has_reached_remote:
                    raise GitstageError(
                        f"the ledger {ref} is not here, and could not be fetched: {error.message}",
                        hint=f"git fetch {self.remote} '{ref}:{self.local_ledger_ref}'",
                    ) from error
            found = self.repo.ref(self.local_ledger_ref)
        if found is None:
            self._refuse_without_ledger()
        return found

    @property
    def has_reached_remote(self) -> bool:
        """Whether the trunk of the remote is here: a remote that nobody has reached yet has no ledger for us."""
        return self.repo.ref(f"refs/remotes/{self.remote}/{self.identity.trunk}") is not None

    @cached_property
    def local_ledger_ref(self) -> str:
        """The ref by which this repository knows the ledger."""
        ref = self.identity.ledger_ref
        if self.remote is not None and ref.startswith("refs/heads/"):
            return f"refs/remotes/{self.remote}/{ref.removeprefix('refs/heads/')}"
        return ref

    def _refuse_without_ledger(self) -> None:
        """There is no ledger: that is so in a new registry, and else something is missing here."""
        if self.repo.refs(self.identity.tag_ref("policy/")):
            fetch = f"git fetch {self.remote} '{self.identity.ledger_ref}:{self.local_ledger_ref}'"
            raise GitstageError(
                f"the ledger {self.identity.ledger_ref} is not here, and there are tags of this registry",
                hint=fetch if self.remote is not None else "gitstage audit --remake-ledger",
            )

    @cached_property
    def state(self) -> State:
        """How far the trunk has been judged, as the ledger says."""
        return self.state_in(self.ledger_commit)

    @cached_property
    def state_here(self) -> State:
        """The state for whoever only reads: where the trunk here lacks what was judged, as far as that goes.

        A ledger that lags behind the trunk is asked for once more: `git pull` brings the one without the other.
        """
        if self.tip is None or self.state.judged == self.tip:
            return self.state
        newest = self._newest
        return newest.state if self.judged_elsewhere is None else newest.state_before(self.tip)

    @cached_property
    def judged_elsewhere(self) -> str | None:
        """The commit judged last, where the trunk here lacks it: this clone lags behind, or the trunk was taken back."""
        judged = self.state.judged if self.state.judged == self.tip else self._newest.state.judged
        if self.tip is None or judged in (None, self.tip):
            return None
        if not self.repo.is_shallow:
            return judged if self.repo.unreachable([str(judged)], self.tip) else None
        try:
            self.repo.commits([str(judged)])
        except NoSuchRevision:
            return judged
        return None

    @cached_property
    def _newest(self) -> Registry:
        return self if self.remote is None else self._with_newest_ledger(self.remote)

    def passed(self, model: str) -> tuple[str | None, Open | None]:
        """The commit at which a model's records are as they passed (None: they never have), and why they are open.

        What has landed and is not judged yet is at the trunk's tip; that it is where this clone lacks what was judged.
        """
        tip = self.tip or self.head
        waiting = self.state.records_open(model)
        if waiting is not None and waiting.passed is None:
            return None, waiting
        commit = self.state.passed_commit(Records(model))
        if commit is None or commit == tip:
            return tip, waiting
        try:
            self.repo.commits([commit])
        except NoSuchRevision as error:
            if waiting is None:
                return tip, None
            raise GitstageError(
                f"the records of {model} are open, and {commit[:12]}, where they passed, is not here",
                hint="git fetch --unshallow" if self.repo.is_shallow else f"git fetch {self.remote or 'origin'}",
            ) from error
        return commit, waiting

    def _with_newest_ledger(self, remote: str) -> Registry:
        with suppress(GitError):  # the remote has none, or cannot be reached
            self.repo.fetch(remote, [f"+{self.identity.ledger_ref}:{self.local_ledger_ref}"])
        return self.again()

    @property
    def is_behind(self) -> bool:
        """Whether commits on the trunk have not been judged, as when nobody tags."""
        try:
            return self.state_here.judged != self.tip
        except GitstageError:
            return False  # reading goes by the tags; whoever needs the ledger is told

    def state_in(self, ledger_commit: str | None) -> State:
        """The state that one commit of the ledger holds."""
        if ledger_commit is None:
            return State()
        tree = self.repo.tree(ledger_commit)
        entry = tree.entry(LEDGER_FILE)
        if entry is None:
            raise GitstageError(f"{self.identity.ledger_ref} holds no {LEDGER_FILE}")
        return state_from(tree.read(entry.oid), self.identity.id)

    def state_before(self, commit: str) -> State:
        """The newest state of the ledger that had judged nothing but `commit` and what came before it."""
        ledger = self.ledger_commit
        while ledger is not None:
            state = self.state_in(ledger)
            if state.judged is None or self._continues(state.judged, commit):
                return state
            parents = self.repo.commits([ledger])[ledger].parents
            ledger = parents[0] if parents else None
        return State()

    # judging

    def world(self, *, tip: Snapshot | None = None, until: datetime | None = None) -> World:
        """What the fold reads from, at `now`."""
        from gitstage.rules.fold import World

        past = self.past if until is None else self.past.until(until)
        return World(
            trees=self.repo.tree,
            past=past,
            folder=self.folder,
            tip=tip if tip is not None else self.at(self.tip),
            now=self.now,
            blocked=self.past.blocked,
            plugin=plugins(self.allowed_plugins),
            signed_by=signed_by,
            vouched_for=vouched_for,
            forge=self.forge,
            commit_signers=CommitSigners(self.repo),
        )

    def refuse_shallow(self) -> None:
        """A shallow clone has no history to judge."""
        if self.repo.is_shallow:
            raise ShallowRepository(
                "this clone is shallow: it has no history to judge",
                hint="git fetch --unshallow (in a workflow: fetch-depth: 0)",
            )

    def steps(self, judged: str | None, to: str) -> Iterator[Step]:
        """The commits of the trunk from `judged` (not itself) to `to`, as steps of the fold.

        Raises TrunkRewritten where `judged` is no ancestor of `to`. What a merge brought in that has the old tip not
        as its first parent is one step.
        """
        from gitstage.rules.fold import Step

        if judged == to:
            return
        if judged is None:
            # What came before the registry has nothing to judge.
            first = self.repo.first_touching(joined(self.folder, CONFIGURATION), to)
            if first is None:
                return
            parents = self.repo.commits([first])[first].parents
            line = self.repo.first_parents(parents[0] if parents else None, to)
        else:
            line = self.repo.first_parents(judged, to)
        if judged is not None and self._first_parent(line) != judged:
            if not self.repo.is_ancestor(judged, to):
                raise TrunkRewritten(judged, to, self)
            merge = self._first_with(judged, line)
            note = f"{line[merge][:12]} merged the trunk the other way round: what it brought in is judged as one step"
            yield Step(line[merge], self.repo.tree(line[merge]), note)
            line = line[merge + 1 :]
        for commit in line:
            yield Step(commit, self.repo.tree(commit))

    def _first_parent(self, line: list[str]) -> str | None:
        if not line:
            return None
        parents = self.repo.commits(line[:1])[line[0]].parents
        return parents[0] if parents else None

    def _first_with(self, ancestor: str, line: list[str]) -> int:
        """The index of the oldest commit of a first-parent line that has `ancestor` in its history."""
        low, high = 0, len(line) - 1
        while low < high:
            middle = (low + high) // 2
            if self.repo.is_ancestor(ancestor, line[middle]):
                high = middle
            else:
                low = middle + 1
        return low

    def folded(self, commit: str | None, *, lands: bool = False) -> tuple[Folded, World]:
        """The state at `commit` on the trunk: the ledger's, brought up to it in memory, at `now`.

        Raises TrunkRewritten where the trunk's tip does not continue what was judged. `lands` says that what is folded
        will be written down: then a tip that lacks what was judged is no clone that lags behind, but a trunk that was
        rewritten or taken back.
        """
        from gitstage.ledger import Folded
        from gitstage.rules.fold import fold

        if commit is None:
            return Folded(state=State(clock=self.now)), self.world()
        self.refuse_shallow()
        state = self.state
        until = None
        if state.judged is not None and not self._continues(state.judged, commit):
            if commit == self.tip and self._was_rewritten(state.judged, commit, lands=lands):
                raise TrunkRewritten(state.judged, commit, self)
            state = self.state_before(commit)
            until = state.clock
        if state.clock is not None and state.clock > self.now:
            self.now = state.clock
        steps = list(self.steps(state.judged, commit))
        world = self.world(until=until)
        self.prefetch(state, steps)
        return fold(state, steps, world), world

    def _continues(self, judged: str, commit: str) -> bool:
        """Whether a commit has another, which need not be here, in its history."""
        return judged == commit or not self.repo.unreachable([judged], commit)

    def _was_rewritten(self, judged: str, tip: str, *, lands: bool) -> bool:
        """Whether a tip that has not in its history what was judged is a rewritten trunk, and no clone that lags behind.

        Whoever writes has just asked where the trunk is: theirs does not lag, it was taken back.
        """
        if lands:
            return True
        try:
            return not self.repo.is_ancestor(tip, judged)
        except GitError:  # the commit is not here
            return False

    def prefetch(self, state: State, steps: list[Step]) -> None:
        """Reads the tags of all models that open things and steps speak of, in one go."""
        models = {model for item in state.open.values() if (model := getattr(item.thing, "model", None))}
        before = self.at(state.judged)
        for step in steps:
            after = below(step.tree, self.folder)
            models |= self.models_changed(before, after)
            before = after
        self.past.load(models)

    def models_changed(self, before: Snapshot, after: Snapshot) -> set[str]:
        """The models whose files differ between two states of the registry."""
        from gitstage.changes import changes_between

        layout = self.identity.layout
        places = (layout.place(change.path) for change in changes_between(before, after))
        return {model for place in places if (model := getattr(place.thing, "model", None))}

    def load(self, models: Iterable[str], *states: Snapshot) -> set[str]:
        """Reads together what judging looks at of models: their folders in states of the registry, and their slots.

        Gives the blobs in the slots.
        """
        places = [f"{folder}/{model}" for model in models for folder in RECORD_FOLDERS]
        slots = [slot.path for model in models for slot in self.slots_of(model)]
        folders = {entry.oid for state in states for path in places if (entry := state.entry(path)) and entry.is_folder}
        files = {entry.oid for state in states for path in slots if (entry := state.entry(path)) and entry.mode == FILE}
        self.repo.load(folders, files)
        return files

    def slots_of(self, model: str) -> list[Slot]:
        return [Slot(model, stage) for stage in self.identity.stages]


class TrunkRewritten(GitstageError):
    """The trunk's judged tip is not in the history of its new tip."""

    exit_code = 1

    def __init__(self, judged: str, to: str, registry: Registry) -> None:
        trunk = f"refs/heads/{registry.identity.trunk}"
        back = f"git update-ref {trunk} {judged[:12]}"
        if registry.remote is not None:
            back = f"git push --force-with-lease {registry.remote} {judged[:12]}:{trunk}"
        super().__init__(
            f"trunk-continues: the commit judged last, {judged[:12]}, is not in the history of {to[:12]}: "
            "the trunk was rewritten",
            hint=f"put it back ({back}), or go on knowingly: gitstage tag --rewritten --reason …",
        )


REMOTE = re.compile(r"(?:https?|ssh|git|file)://|[\w.-]+@[\w.-]+:")
"""What names a repository elsewhere, as git's own clone understands it."""


def repository_at(path: str) -> Repository:
    """The repository at a path; for a URL, a partial clone in the user's cache, brought up to date."""
    if not REMOTE.match(path):
        return Repository.discover(path)
    from gitstage.git.creation import mirror

    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "gitstage")
    return mirror(path, cache / hashlib.sha256(path.encode()).hexdigest()[:24])


def open_registry(
    path: str = ".", *, folder: str | None = None, clock: Clock | None = None, commit: str | None = None
) -> Registry:
    """The registry that a command is about. `folder` names it where a repository holds several.

    `commit` is the revision whose gitstage.yaml says which registry it is (the one checked out unless given).
    Raises NoRegistry, NotARepository, DocumentError.
    """
    repo = repository_at(path)
    here = repo.head()
    candidates = _candidates(repo, here, None if commit is None else repo.resolve(commit))
    first = list(islice(candidates, 1))
    found = folder.strip("/") if folder is not None else find_folder(repo, first)
    if found == ".":
        found = ""
    registry = Registry(repo, found, settled_identity(repo, found, chain(first, candidates)), clock or utc_now)
    registry.here = here
    return registry


def settled_identity(repo: Repository, folder: str, commits: Iterable[str]) -> Identity:
    """Which registry lies in a folder: as the policy in effect says, where a ledger is here; else as some commits say.

    So a gitstage.yaml that never passed neither renames a registry nor stops anybody; nor does one that was removed.
    """
    declared: Identity | None = None
    problem: GitstageError | None = None
    try:
        declared = identity_in(repo, folder, commits)
        ledger = repo.ref(declared.ledger_ref)
        if ledger is not None:
            return _identity_by(repo, folder, declared.id, ledger) or declared
    except GitstageError as error:
        problem = error
    settled = _identity_by_a_ledger(repo, folder)
    if settled is None and problem is not None and _fetched_ledgers(repo):
        settled = _identity_by_a_ledger(repo, folder)
    found = settled or declared
    if found is None:
        assert problem is not None
        raise problem
    return found


def _identity_by_a_ledger(repo: Repository, folder: str) -> Identity | None:
    """Which registry lies in a folder, as the first ledger says that knows it."""
    ledgers = repo.refs("refs/gitstage/")
    found = (_identity_by(repo, folder, ref.rpartition("/")[2], oid) for ref, oid in ledgers.items())
    return next((identity for identity in found if identity is not None), None)


def _fetched_ledgers(repo: Repository) -> bool:
    """Whether the ledgers of the remote are here now: a fresh clone has none."""
    remote = repo.remote()
    if remote is None:
        return False
    with suppress(GitError):
        repo.fetch(remote, ["refs/gitstage/*:refs/gitstage/*"])
        return True
    return False


def _identity_by(repo: Repository, folder: str, registry_id: str, ledger: str) -> Identity | None:
    """The identity in the policy that a ledger says is in effect; None where it says none of this folder."""
    policy = _policy_of(repo, registry_id, ledger)
    try:
        settled = None if policy is None else identity_in(repo, folder, [policy])
    except GitstageError:
        return None
    return settled if settled is not None and settled.id == registry_id else None


def _policy_of(repo: Repository, registry_id: str, ledger: str) -> str | None:
    """The commit whose policy a ledger says is in effect; None where it says nothing that can be read."""
    tree = repo.tree(ledger)
    entry = tree.entry(LEDGER_FILE)
    try:
        return None if entry is None else state_from(tree.read(entry.oid), registry_id).policy
    except GitstageError:
        return None


def identity_in(repo: Repository, folder: str, commits: Iterable[str]) -> Identity:
    """Which registry lies in a folder, as the first of some commits says that has one there."""
    problem: GitstageError | None = None
    for candidate in commits:
        entry = repo.tree(candidate).entry(joined(folder, CONFIGURATION))
        if entry is None or entry.is_folder:
            continue
        try:
            return known_identity(repo.common_dir, entry.oid, partial(repo.read, entry.oid))
        except (DocumentError, GitstageError) as error:
            problem = problem or error
    if problem is not None:
        raise problem
    raise NoRegistry(
        f"there is no registry in {folder or 'the root of this repository'}",
        hint="make one with: gitstage init" + (f" {folder}" if folder else ""),
    )


def _candidates(repo: Repository, here: Head, commit: str | None) -> Iterator[str]:
    if commit is not None:
        yield commit
    if here.commit is not None:
        yield here.commit
    names = ("refs/remotes/origin/HEAD", "refs/remotes/origin/main", "refs/heads/main", "refs/heads/master")
    found = repo.refs(*names)
    yield from (found[name] for name in names if name in found)


def find_folder(repo: Repository, commits: Sequence[str]) -> str:
    """The folder of the one registry that is meant: the nearest above the current folder, else the only one.

    It is looked for in the first of `commits`.
    """
    head = commits[0] if commits else None
    if head is None:
        raise NoRegistry("this repository has no commit yet, and so no registry", hint="gitstage init")
    tree = repo.tree(head)
    above = repo.prefix.strip("/")
    while True:
        if tree.entry(joined(above, CONFIGURATION)) is not None:
            return above
        if not above:
            break
        above = above.rpartition("/")[0]
    found = list(folders_with_registry(tree))
    if len(found) == 1:
        return found[0]
    if not found:
        found = folders_by_ledger(repo)
    if len(found) == 1:
        return found[0]
    if not found:
        raise NoRegistry("there is no registry in this repository", hint="make one with: gitstage init")
    raise NoRegistry(
        "this repository holds several registries: " + ", ".join(found),
        hint=f"name one: gitstage --registry {found[0]} …",
    )


def folders_by_ledger(repo: Repository) -> list[str]:
    """The folders in which registries lie whose policy has passed, whatever has become of their gitstage.yaml since."""
    ledgers = repo.refs("refs/gitstage/")
    if not ledgers and any(ref.endswith("policy/1") for ref in repo.refs("refs/tags/")) and _fetched_ledgers(repo):
        ledgers = repo.refs("refs/gitstage/")
    return sorted({folder for ref, oid in ledgers.items() for folder in _folders_of(repo, ref.rpartition("/")[2], oid)})


def _folders_of(repo: Repository, registry_id: str, ledger: str) -> list[str]:
    """The folders that held a registry of this id when its policy passed: one, or none."""
    policy = _policy_of(repo, registry_id, ledger)
    if policy is None:
        return []
    tree = repo.tree(policy)
    folders = [*([""] if tree.entry(CONFIGURATION) is not None else []), *folders_with_registry(tree)]
    return [folder for folder in folders if _identity_by(repo, folder, registry_id, ledger) is not None]


def folders_with_registry(tree: Snapshot, folder: str = "", depth: int = DEEPEST_REGISTRY) -> Iterator[str]:
    """The folders below `folder`, not itself, that hold a registry."""
    for name, entry in sorted(tree.listing(folder).items()):
        if entry.mode != FOLDER or name in RECORD_FOLDERS:
            continue
        path = joined(folder, name)
        if tree.entry(joined(path, CONFIGURATION)) is not None:
            yield path
        elif depth > 1:
            yield from folders_with_registry(tree, path, depth - 1)
