"""One repository: everything that gitstage asks git, and everything that it has git do."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Self

from gitstage.changes import EXECUTABLE, FILE, LINK, Entry
from gitstage.git import ancestry, index, refs, remotes
from gitstage.git.environment import INDEX, OBJECTS, Purpose, from_a_hook
from gitstage.git.errors import (
    CannotSign,
    GitError,
    NoIdentity,
    NoSuchRevision,
    NotARepository,
    ShallowRepository,
)
from gitstage.git.history import Difference, differences
from gitstage.git.objects import (
    Commit,
    Signed,
    Tag,
    commit_bytes,
    encoded,
    is_object_id,
    parsed_commit,
    signed_commit,
    signed_tag,
    tag_bytes,
)
from gitstage.git.process import NO_HOOKS, Answer, Processes
from gitstage.git.refs import RefUpdate
from gitstage.git.store import ObjectStore, Promised, Reader, blobs_in, fits_ahead
from gitstage.git.trees import Listings, Tree, edited, listed_rows
from gitstage.values import dataclass

OWN = "gitstage"
"""The folder of a git directory in which gitstage keeps what is its own."""

HEADS, REMOTES, TAGS = "refs/heads/", "refs/remotes/", "refs/tags/"
PSEUDO = frozenset({"HEAD", "FETCH_HEAD", "ORIG_HEAD", "MERGE_HEAD", "@"})
"""Names that always mean git's own, whatever branches are called."""
# Commits whose trees are remembered: whoever asks a thousand things of a commit has it read once.
KEPT_TREES = 64

ASKED = (
    "--path-format=absolute",
    "--is-bare-repository",
    "--is-shallow-repository",
    "--show-object-format",
    "--git-dir",
    "--git-common-dir",
    "--show-prefix",
)
"""What is asked of a repository first: one line of answer for each but the first."""

ASKED_LAST = ("--show-toplevel", "--symbolic-full-name", "HEAD")

NO_GUESS = ("-c", "user.useConfigOnly=true")
"""Without it git makes a committer's name up from the machine's."""
OWN_SCOPES = ("system", "global", "command")
"""Where configuration is the user's, and not that of a repository."""

WHO_ARE_YOU = 'git config --global user.name "Your Name"; git config --global user.email you@example.com'


@dataclass(frozen=True)
class Head:
    """Where HEAD is: `branch` is a full ref name (None: detached), `commit` an id (None: nothing committed yet)."""

    branch: str | None
    commit: str | None


@dataclass(frozen=True)
class Place:
    """Where the parts of a repository lie; `prefix` is where it was asked for, from the work tree's top.

    `head` is the full name of the branch that HEAD was at when that was asked, "HEAD" where it was at none, and None
    where git did not say.
    """

    git_dir: Path
    common_dir: Path
    work_tree: Path | None
    prefix: str
    is_bare: bool
    is_shallow: bool
    head: str | None = None


class Repository:
    """A repository that git lets us use. Close it, or use it in a `with`, to end the process that it keeps.

    One that `serves` others knows no remote, whatever its configuration says, and so never opens a connection.
    """

    def __init__(self, place: Place, *, serves: bool = False) -> None:
        self._serves = serves
        self.git_dir = place.git_dir
        self.common_dir = place.common_dir
        self.work_tree = place.work_tree
        self.prefix = place.prefix
        self.is_bare = place.is_bare
        self.is_shallow = place.is_shallow
        self._head_at_first = place.head
        top = place.work_tree or place.git_dir
        kept = self._kept = from_a_hook(os.environ, place.git_dir, place.common_dir, Path.cwd())
        self.index_file = Path(kept.get(INDEX, place.git_dir / "index"))
        self.processes = Processes(("-C", str(top), f"--git-dir={place.git_dir}"), kept)
        self._reader = Reader(self.processes)
        # Whoever forgets to close it leaves no process and no pipe behind.
        weakref.finalize(self, self._reader.close)
        self._store = ObjectStore(self.processes, self._reader, self._promised)
        self._listings = Listings(self._store)
        self._trees: dict[str, Tree] = {}
        self._settings: dict[str, list[str]] | None = None
        self._identities: tuple[str, str] | None = None
        self._committer: Callable[[], Answer] | None = None
        self._without_fetching: Reader | None = None

    @staticmethod
    def discover(path: str | PathLike[str] = ".", *, serves: bool = False) -> Repository:
        """The repository at or above `path`: a work tree, a linked one, a bare repository, or a git directory."""
        return Repository(place_of(Path(path)), serves=serves)

    @staticmethod
    def of_hook(path: str | PathLike[str] = ".") -> Repository:
        """The repository in whose hook we run: that at or above `path`, unless git names another (`GIT_DIR`)."""
        named = os.environ.get("GIT_DIR")
        if not named:
            return Repository.discover(path)
        git_dir = Path(named).resolve()
        with suppress(NotARepository):
            found = Repository.discover(path)
            if found.git_dir.resolve() == git_dir:
                return found
        return Repository(_place_of_git_dir(git_dir, Path(path)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the kept process. The repository can still be used, and starts another one."""
        self._reader.close()
        if self._without_fetching is not None:
            self._without_fetching.close()

    # Reading: where things are

    def head(self) -> Head:
        """Where HEAD is."""
        # What was asked when the repository was opened is good for once: HEAD may have moved since.
        at_first, self._head_at_first = self._head_at_first, None
        if at_first is not None:
            branch = at_first if at_first.startswith(HEADS) else None
        else:
            answer = self.processes.run("symbolic-ref", "--quiet", "HEAD", accept=(0, 1))
            branch = answer.out.decode("utf-8", "surrogateescape").rstrip("\n") or None
        found = next(self._reader.headers(["HEAD^{commit}"]))
        return Head(branch, found.oid if found is not None else None)

    def work_tree_on(self, branch: str) -> Path | None:
        """The work tree, this one or a linked one, in which a branch (a full ref name) is checked out."""
        answer = self.processes.run("for-each-ref", "--format=%(worktreepath)", branch)
        path = answer.out.decode("utf-8", "surrogateescape").rstrip("\n")
        return Path(path) if path else None

    def resolve(self, rev: str) -> str:
        """The full id of the commit that a revision means.

        A name is a branch before it is a remote's branch, and that before it is a tag; only then git's own rules hold.
        """
        if not rev or "\n" in rev or "\0" in rev:
            raise NoSuchRevision(f"{rev!r} is not a revision")
        found = None
        if rev not in PSEUDO and not is_object_id(rev) and refs.is_ref_name(rev):
            candidates = [rev] if rev.startswith("refs/") else [HEADS + rev, REMOTES + rev, TAGS + rev]
            here = self.refs(*candidates)
            found = next((here[name] for name in candidates if name in here), None)
        try:
            header = next(self._reader.headers([found or rev]))
            if header is not None and header.kind == "tag":
                # Asked apart, because of `:/text` everything up to the end is text.
                header = next(self._reader.headers([f"{header.oid}^{{commit}}"]))
        except GitError as error:
            raise NoSuchRevision(f"there is no revision {rev!r}: {error.message}", hint=error.hint) from error
        if header is None or header.kind != "commit":
            raise NoSuchRevision(
                f"there is no revision {rev!r}",
                hint="git branch --all and git tag say what there is, git fetch brings what is new elsewhere",
            )
        return header.oid

    def refs(self, *prefixes: str) -> dict[str, str]:
        """The objects that refs point at, by full name. A prefix is a full name, or ends with `/`; none means all."""
        exact = [] if any(prefix.endswith("/") for prefix in prefixes) else prefixes
        here = refs.found(self._reader, exact)
        if prefixes and len(here) == len(set(prefixes)):
            return dict(sorted(here.items()))
        return {name: oid for name, (oid, _) in refs.listed(self.processes, prefixes).items()}

    def ref(self, name: str) -> str | None:
        """The object that one ref points at, by its full name."""
        return self.refs(name).get(name) if refs.is_ref_name(name) else None

    def tags(self, *prefixes: str) -> list[Tag]:
        """The tags below prefixes such as `refs/tags/a/`, in the order of their names; without any, all tags."""
        return refs.tags(self.processes, self._store, prefixes or (TAGS,))

    def tags_of(self, objects: Mapping[str, str]) -> dict[str, Tag]:
        """What refs are, or would be, as tags, by their names and the objects that they point at.

        Here `target` is what a tag names itself, which may be a tag again. An object that is not here raises
        NoSuchRevision.
        """
        return refs.tags_of(self._store, objects)

    def symbolic_refs(self, *names: str) -> dict[str, str]:
        """Those of some refs that only stand for another, and the full name of the one that they stand for."""
        return refs.symbolic(self.processes, names)

    def tag_objects(self, prefix: str) -> list[tuple[str, str, str | None]]:
        """Of each tag below a prefix such as `refs/tags/a/`: its full name, its object's id, and the id of what that object points at.

        The last is None for what is no annotated tag. The tags themselves are not read.
        """
        return refs.tag_objects(self.processes, prefix)

    def tags_by_id(self, oids: Iterable[str]) -> dict[str, Tag]:
        """Annotated tags by the ids of their objects, read together; `ref` is "". What is broken or no tag is left out."""
        return refs.tags_by_id(self._store, oids)

    def config(self, key: str) -> str | None:
        """The last value of a key of git's configuration; "true" for one that stands there without a value."""
        section, _, rest = key.partition(".")
        subsection, dot, name = rest.rpartition(".")
        values = self._config().get(f"{section.lower()}.{subsection}{dot}{name.lower()}")
        return values[-1] if values else None

    @property
    def hooks_folder(self) -> Path:
        """Where git looks for hooks (githooks(5)); a relative `core.hooksPath` counts from where hooks are run."""
        configured = self.config("core.hooksPath")
        if configured is None:
            return self.common_dir / "hooks"
        return (self.work_tree or self.git_dir) / Path(configured).expanduser()

    def is_set(self, key: str) -> bool:
        """Whether a yes-or-no key of git's configuration says yes."""
        return _says_yes(self.config(key))

    def signing_key(self) -> str | None:
        """The SSH key with which git signs the user's tags, as the user's own configuration says; None where it does not.

        It says `tag.gpgSign`, `gpg.format = ssh` and `user.signingKey` (git-config(1)). What a repository says of itself
        counts for nothing: whoever put that together would choose the key.
        """
        if not self.is_set("tag.gpgsign"):
            return None
        answer = self.processes.run("config", "--list", "-z", "--show-scope", purpose=Purpose.WRITING)
        words = answer.out.decode("utf-8", "surrogateescape").split("\0")[:-1]
        own: dict[str, str] = {}
        for scope, item in zip(words[::2], words[1::2], strict=True):
            if scope in OWN_SCOPES:
                key, has_value, value = item.partition("\n")
                own[key] = value if has_value else "true"
        if not _says_yes(own.get("tag.gpgsign")) or own.get("gpg.format") != "ssh":
            return None
        return own.get("user.signingkey", "").removeprefix("key::") or None

    # Reading: trees, commits, history

    def tree(self, commit: str) -> Tree:
        """The root tree of a commit."""
        found = self._trees.pop(commit, None) or Tree(self._tree_of(commit), self._store, self._listings)
        self._trees[commit] = found
        if len(self._trees) > KEPT_TREES:
            del self._trees[next(iter(self._trees))]
        return found

    def load(self, trees: Iterable[str], blobs: Iterable[str]) -> None:
        """Read trees and small blobs by their ids together, so that asking for one of them waits for nothing."""
        self._listings.load(trees)
        self._store.load(blobs)

    def empty_tree(self) -> Tree:
        """The tree that holds nothing, and can read every object of the repository all the same."""
        return Tree(index.EMPTY_TREE, self._store, self._listings)

    def listed(self, commit: str, paths: Sequence[str]) -> list[tuple[str, str]]:
        """Path and id of what lies below `paths` at a commit but folders, by one `ls-tree`; what is not there is left out."""
        answer = self.processes.run(
            "ls-tree", "-r", "-z", "--full-tree", commit, "--", *paths, options=("--literal-pathspecs",)
        )
        return listed_rows(answer.out)

    def blobs_at(self, places: Sequence[tuple[str, str]]) -> list[str | None]:
        """The blob that lies at each (commit, path), in one go; None where there is none."""
        if any(self._store.is_pending(commit) for commit, _ in places):
            return [self._blob_at(commit, path) for commit, path in places]
        try:
            found = list(self._reader.headers([f"{commit}:{path}" for commit, path in places]))
        except GitError:
            # A partial clone knows a blob's name from its tree, and nothing else of it.
            if self._promised() is None:
                raise
            return [self._blob_at(commit, path) for commit, path in places]
        return [header.oid if header is not None and header.kind == "blob" else None for header in found]

    def blobs_ahead(self, places: Sequence[tuple[str, str]]) -> Callable[[], list[str | None]]:
        """As `blobs_at`, by a process of its own that finds them while other things are done; called once."""
        names = [f"{commit}:{path}" for commit, path in places]
        pending = any(self._store.is_pending(commit) for commit, _ in places)
        if not places or pending or self._promised() is not None or any("\n" in name for name in names):
            return lambda: self.blobs_at(places)
        if not fits_ahead(names):
            asked = "".join(f"{name}\n" for name in names)
            answer = self.processes.ahead("cat-file", "--batch-check", stdin=encoded(asked))
            return lambda: blobs_in(answer().out, len(places)) or self.blobs_at(places)
        reader = Reader(self.processes)
        answers = reader.ahead(names)

        def found() -> list[str | None]:
            headers = answers()
            reader.close()
            return [header.oid if header is not None and header.kind == "blob" else None for header in headers]

        weakref.finalize(found, reader.close)  # for whoever does not want to know any more
        return found

    def read(self, oid: str) -> bytes:
        """The bytes of one blob."""
        return self._store.read(oid, "blob")

    def blobs(self, oids: Iterable[str]) -> dict[str, bytes]:
        """Blobs by id, read together (in a partial clone: fetched in one request). What is no blob is left out."""
        return {oid: found.data for oid, found in self._store.read_many(list(oids)).items() if found.kind == "blob"}

    def sizes(self, oids: Iterable[str]) -> dict[str, int]:
        """How many bytes objects have, asked together and not read. What is not there is left out."""
        return {header.oid: header.size for header in self._store.headers(list(oids))}

    def staged(self, commit: str | None) -> index.Staged:
        """How the next commit would differ from `commit` (None: from nothing); the work tree is not looked at."""
        return index.staged(self.processes, commit)

    def staged_files(self, name: str) -> list[str]:
        """The paths of the index that end in a file called `name`, wherever it lies."""
        return index.called(self.processes, name)

    def merging(self) -> list[str]:
        """The commits that are being merged into the current branch: the next commit's parents after the first."""
        try:
            text = (self.git_dir / "MERGE_HEAD").read_text(encoding="ascii")
        except FileNotFoundError:
            return []
        return [oid for oid in text.split() if is_object_id(oid)]

    def commits(self, ids: Iterable[str]) -> dict[str, Commit]:
        """Commits by id, read together. One that is not there, or is no commit, raises NoSuchRevision."""
        wanted = list(dict.fromkeys(ids))
        found = {oid: parsed_commit(oid, read.data) for oid, read in self._store.each(wanted) if read.kind == "commit"}
        for oid in wanted:
            if oid not in found:
                raise NoSuchRevision(f"there is no commit {oid!r}")
        return {oid: found[oid] for oid in wanted}

    def signed(self, ids: Iterable[str]) -> dict[str, Signed]:
        """What was signed of commits, and the signatures, by id. One that is not there raises NoSuchRevision."""
        wanted = list(dict.fromkeys(ids))
        found = {oid: signed_commit(oid, read.data) for oid, read in self._store.each(wanted) if read.kind == "commit"}
        for oid in wanted:
            if oid not in found:
                raise NoSuchRevision(f"there is no commit {oid!r}")
        return found

    def signed_tags(self, oids: Iterable[str]) -> dict[str, Signed]:
        """What was signed of annotated tags, and the signatures, by the ids of their objects; what is no tag is left out."""
        found = self._store.read_many(oids)
        return {oid: signed_tag(read.data) for oid, read in found.items() if read.kind == "tag"}

    def brought_by(self, commit: str, base: str | None) -> list[str]:
        """The commits in the history of one that are not in that of `base` (None: that of its first parent).

        One that is not there raises NoSuchRevision.
        """
        self._needs_history()
        self.flush()
        parents = self.commits([commit])[commit].parents
        if base is None:
            base = next(iter(parents), None)
        without = [] if base is None else [f"^{base}"]
        return self.processes.run("rev-list", *without, "--end-of-options", commit).out.decode().split()

    def first_parents(self, after: str | None, to: str) -> list[str]:
        """The commits on the first-parent line of `to` that are not on that of `after` (None: all), oldest first."""
        self._needs_history()
        if after is None:
            return self._line("--end-of-options", to)
        if after == to:
            return []
        # Mostly `after` is on the line. (git's own --exclude-first-parent-only leaves second parents out as well,
        # where commit dates are equal or out of order.)
        line = self._line(f"^{after}", "--end-of-options", to)
        if line and self.commits(line[:1])[line[0]].parents[:1] == (after,):
            return line
        known = set(self._line("--end-of-options", after))
        return [commit for commit in self._line("--end-of-options", to) if commit not in known]

    def _line(self, *revisions: str) -> list[str]:
        return self.processes.run("rev-list", "--first-parent", "--reverse", *revisions).out.decode().split()

    def differences(self, pairs: Iterable[tuple[str, str | None]]) -> Iterator[list[Difference]]:
        """What each (commit, base) differs in, some at a time, in their order, by one process; None is the empty tree."""
        self._needs_history()
        return differences(self.processes, pairs)

    def continues(self, old: str, new: str) -> bool:
        """Whether `old` is on the first-parent line of `new`."""
        if old == new:
            return True
        line = self.first_parents(old, new)
        return bool(line) and self.commits(line[:1])[line[0]].parents[:1] == (old,)

    def first_touching(self, path: str, to: str) -> str | None:
        """The oldest commit on the first-parent line of `to` that changed what lies at `path`."""
        self._needs_history()
        words = ("rev-list", "--first-parent", "--reverse", "--end-of-options", to, "--", path)
        answer = self.processes.run(*words, options=("--literal-pathspecs",))
        found = answer.out.decode().split()
        return found[0] if found else None

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Whether `ancestor` is `descendant` or in its history."""
        if ancestor == descendant:
            return True
        self._needs_history()
        answer = self.processes.run("merge-base", "--is-ancestor", ancestor, descendant, accept=(0, 1))
        return answer.status == 0

    def unreachable(self, commits: Iterable[str], tip: str) -> set[str]:
        """Those of `commits` that are not in the history of `tip`, with those that are not here at all."""
        self._needs_history()
        wanted = set(commits) - {tip}
        present = self._store.commits_among(wanted)
        if not present:
            return wanted
        if any(self._store.is_pending(oid) for oid in (tip, *present)):
            self.flush()
        stdin = "".join(f"{oid}\n" for oid in (*sorted(present), f"^{tip}")).encode()
        without = present & set(self.processes.run("rev-list", "--stdin", stdin=stdin).out.decode().split())
        if without:
            # Where commit dates are out of order git may have given up too early on finding them.
            without -= set(self.processes.run("rev-list", "--end-of-options", tip).out.decode().split())
        return (wanted - present) | without

    def not_in_trunk(self, commits: Iterable[str], tip: str) -> set[str]:
        """As `unreachable`, for the one branch that is asked about again and again: its history is kept in a file."""
        if OBJECTS in self._kept:  # a push that is being received: its commits may be gone in a moment
            return self.unreachable(commits, tip)
        self._needs_history()
        wanted = set(commits)
        # Whatever is in a history is here: git is not asked for each.
        ids = {oid for oid in wanted if is_object_id(oid)}
        file = self.common_dir / OWN / "history"
        if not ids:
            return wanted
        return (wanted - ids) | ancestry.missing(
            self.processes, file, ids, tip, lambda commit: self.commits([commit])[commit].parents
        )

    def merge_bases(self, a: str, b: str) -> list[str]:
        """The best common ancestors of two commits."""
        self._needs_history()
        return self.processes.run("merge-base", "--all", a, b, accept=(0, 1)).out.decode().split()

    # Writing: objects stay in memory until `flush` or `transact`

    def write_blob(self, data: bytes) -> str:
        """Write a blob, and say its id."""
        return self._store.write("blob", data)

    def write_tree(self, base: str | None, edits: Mapping[str, Entry | None]) -> str:
        """Write the tree that the commit `base` (None: nothing) becomes by edits, and say its id.

        An edit is what shall lie at a path, or None where no file shall. Folders that become empty go; a path that git
        must not write raises GitError.
        """
        return edited(self._store, self._listings, self._tree_of(base) if base is not None else None, edits)

    def write_commit(self, tree: str, parents: Sequence[str], message: str) -> str:
        """Write a commit of the user's, signed where `commit.gpgSign` says so, and say its id."""
        author, committer = self._people()
        if self.is_set("commit.gpgsign"):
            return self._signed(tree, parents, message)
        return self._store.write("commit", commit_bytes(tree, parents, author, committer, message))

    def tag_payload(self, name: str, target: str, message: str) -> bytes:
        """An annotated tag as whoever signs it has to sign it. `name` is the ref's, with or without `refs/tags/`."""
        name = name.removeprefix(TAGS)
        refs.check_update(TAGS + name, target)
        _, committer = self._people()
        kind = self._store.header(target).kind
        return tag_bytes(name, target, kind, committer, message)

    def write_tag(self, name: str, target: str, message: str, signature: bytes = b"") -> str:
        """Write an annotated tag object, and say its id; `signature` is one over its `tag_payload`, in armor."""
        return self._store.write("tag", self.tag_payload(name, target, message) + signature)

    def write_record(self, files: Mapping[str, bytes], parent: str | None, message: str, when: datetime) -> str:
        """Write a commit that holds just these files, never signed and dated `when`, and say its id."""
        tree = edited(
            self._store,
            self._listings,
            None,
            {path: Entry(FILE, self.write_blob(data)) for path, data in files.items()},
        )
        _, committer = self._people()
        person = f"{committer.rpartition('>')[0]}> {int(when.timestamp())} +0000"
        parents = [] if parent is None else [parent]
        return self._store.write("commit", commit_bytes(tree, parents, person, person, message))

    def flush(self) -> None:
        """Hand what was written to git, in one process."""
        self._store.flush()

    def transact(self, updates: Sequence[RefUpdate], *, reason: str) -> None:
        """Write what is in memory, then move all these refs or none; `reason` goes into the reflog.

        RefMoved where one is not at its `old`: nothing has changed then.
        """
        self.flush()
        refs.transact(self.processes, updates, reason)

    # Remotes

    def remote(self, branch: str | None = None) -> str | None:
        """The remote of `branch` (a full ref name; None: the current one), else the only one, else origin, if any."""
        if self.is_bare or self._serves:
            return None
        branch = branch or self.head().branch
        named = self.config(f"branch.{branch.removeprefix(HEADS)}.remote") if branch else None
        if named and named != ".":
            return named
        known = self.remotes()
        return known[0] if len(known) == 1 else "origin" if "origin" in known else None

    def remotes(self) -> list[str]:
        """The names of the configured remotes."""
        urls = (key for key in self._config() if key.startswith("remote.") and key.endswith(".url"))
        return [key[len("remote.") : -len(".url")] for key in urls]

    def remote_refs(self, remote: str, *patterns: str) -> dict[str, str]:
        """The objects that refs of a remote point at, by full name; `*` in a pattern stands for anything."""
        return remotes.listed(self.processes, remote, patterns)

    def fetch(self, remote: str, refspecs: Sequence[str], *, depth: int | None = None) -> None:
        """Fetch exactly these refspecs. A ref that the remote does not have raises NoSuchRevision.

        `depth` is for a shallow clone: no more than so many commits of each.
        """
        remotes.fetch(self.processes, remote, refspecs, depth=depth)

    def push(self, remote: str, updates: Mapping[str, str]) -> None:
        """Push objects to full ref names of the remote: all or none, never by force.

        RefMoved where somebody was first, PushRefused where the remote or a hook said no for another reason.
        """
        self.flush()
        remotes.push(self.processes, remote, updates)

    # Inner

    def _config(self) -> dict[str, list[str]]:
        if self._settings is None:
            answer = self.processes.run("config", "--list", "-z", purpose=Purpose.WRITING)
            self._settings = {}
            for item in answer.out.decode("utf-8", "surrogateescape").split("\0")[:-1]:
                key, has_value, value = item.partition("\n")
                self._settings.setdefault(key, []).append(value if has_value else "true")
        return self._settings

    def _blob_at(self, commit: str, path: str) -> str | None:
        try:
            entry = self.tree(commit).entry(path)
        except NoSuchRevision:
            return None
        return entry.oid if entry is not None and entry.mode in (FILE, EXECUTABLE, LINK) else None

    def _tree_of(self, commit: str) -> str:
        return parsed_commit(commit, self._store.read(commit, "commit")).tree

    def _needs_history(self) -> None:
        if self.is_shallow:
            raise ShallowRepository(
                "this is a shallow clone, which does not have the history that is needed",
                hint="git fetch --unshallow (in GitHub Actions: fetch-depth: 0)",
            )

    def _promised(self) -> Promised | None:
        """How objects are read that this clone lacks; None where it is no partial one."""
        if self._serves:
            return None
        promisor = self.config("extensions.partialclone") or next(
            (name for name in self.remotes() if self.is_set(f"remote.{name}.promisor")), None
        )
        if promisor is None:
            return None
        if self._without_fetching is None:
            # A repository that has the same objects and knows no remote: git 2.39 has no other way to forbid fetching.
            bare = self.common_dir / OWN / "objects-only"
            for folder in ("objects", "refs"):
                (bare / folder).mkdir(parents=True, exist_ok=True)
            (bare / "HEAD").write_text("ref: refs/heads/none\n", encoding="ascii")
            objects = {OBJECTS: str(self.common_dir / "objects")}
            self._without_fetching = Reader(Processes((f"--git-dir={bare}",), objects))
            weakref.finalize(self, self._without_fetching.close)
        return Promised(self._without_fetching, lambda oids: remotes.fetch_objects(self.processes, promisor, oids))

    def expect_people(self) -> None:
        """As `committer`, for those who will commit: git finds out who that is while they go on."""
        if self._identities is None and self._committer is None:
            self._committer = self.processes.ahead(
                "var", "GIT_COMMITTER_IDENT", options=NO_GUESS, purpose=Purpose.WRITING
            )

    def _people(self) -> tuple[str, str]:
        """Author and committer, as git says them: `Name <mail> seconds zone`."""
        if self._identities is None:
            expected, self._committer = self._committer, None
            found = None if expected is None else expected()
            committer = _said(found) if found and found.status == 0 else self._person("GIT_COMMITTER_IDENT")
            own = any(name.startswith(("GIT_AUTHOR_", "GIT_COMMITTER_")) for name in os.environ)
            apart = own or any(key.startswith(("author.", "committer.")) for key in self._config())
            self._identities = (self._person("GIT_AUTHOR_IDENT") if apart else committer, committer)
        return self._identities

    def committer(self) -> str:
        """Who commits here, `Name <mail>`, by git's configuration or the environment. Raises NoIdentity."""
        _, committer = self._people()
        return f"{committer.rpartition('>')[0]}>"

    def _person(self, variable: str) -> str:
        answer = self.processes.run(
            "var",
            variable,
            options=NO_GUESS,
            purpose=Purpose.WRITING,
            accept=(0, 1, 128),
        )
        if answer.status != 0:
            raise NoIdentity(f"git does not know who you are: {answer.err.splitlines()[-1]}", hint=WHO_ARE_YOU)
        return _said(answer)

    def _signed(self, tree: str, parents: Sequence[str], message: str) -> str:
        self.flush()
        words = [word for parent in parents for word in ("-p", parent)]
        # Signing is the user's own program, with its agent and its keys.
        answer = self.processes.run(
            "commit-tree", "-S", *words, tree, stdin=encoded(message), purpose=Purpose.WRITING, accept=(0, 1, 128)
        )
        if answer.status != 0:
            raise CannotSign(
                f"git could not sign the commit: {answer.err}",
                hint="mend user.signingKey and gpg.format, or git config commit.gpgSign false",
            )
        return answer.out.decode().strip()


def _said(answer: Answer) -> str:
    return answer.out.decode("utf-8", "surrogateescape").rstrip("\n")


def _says_yes(value: str | None) -> bool:
    return (value or "").lower() in ("true", "yes", "on", "1")


def place_of(path: Path) -> Place:
    """Where the repository at or above `path` lies. Git is asked, so that its check of who owns it is respected."""
    if not path.is_dir():
        raise NotARepository(f"{str(path)!r} is not a directory")
    # A bare repository that is named is meant; one that merely lies above is not looked into where the user forbids it.
    named = (path / "HEAD").is_file() and ((path / "objects").is_dir() or (path / "commondir").is_file())
    processes = Processes(("-C", str(path), *(("-c", "safe.bareRepository=all") if named else ())))
    # Git says the work tree and HEAD last, because it ends there where there is none, or nothing is committed yet.
    # The user's configuration counts here also where it is given by variables, as `safe.directory` is in containers.
    answer = processes.run("rev-parse", *ASKED, *ASKED_LAST, options=NO_HOOKS, purpose=Purpose.WRITING, accept=(0, 128))
    lines = answer.out.decode("utf-8", "surrogateescape").split("\n")[:-1]
    if len(lines) < len(ASKED) - 1:
        raise _unusable(path, answer.err)
    # A branch without a commit is no answer, and git says the question instead.
    said = lines.pop() if len(lines) > len(ASKED) and (answer.status == 0 or lines[-1] == "HEAD") else None
    head = said if answer.status == 0 else None
    if len(lines) > len(ASKED):
        raise GitError(f"{str(path.absolute())!r} has a newline in its name, and git says names by line")
    bare, shallow, hash_name, git_dir, common_dir, prefix, *top = lines
    if hash_name != "sha1":
        raise GitError(f"{git_dir} names its objects by {hash_name}; gitstage reads SHA-1 repositories only")
    if not top and bare != "true":
        return _place_of_work_tree(Path(git_dir))
    work_tree = Path(top[0]) if top else None
    return Place(
        Path(git_dir), Path(common_dir), work_tree, prefix.rstrip("/"), bare == "true", shallow == "true", head
    )


def _unusable(path: Path, said: str) -> NotARepository:
    """Why git does not let us use what lies at a path."""
    from gitstage.git.failures import explained

    broken = next((folder for folder in (path, *path.absolute().parents) if (folder / ".git").is_dir()), None)
    if "not a git repository (or any" in said and broken is not None:
        hint = "is .git/HEAD whole? else make the clone again"
        return NotARepository(f"{broken / '.git'} is no repository that git can read", hint=hint)
    message, hint_for_it = explained(said, f"git says nothing of {path}")
    return NotARepository(message, hint=hint_for_it)


def _place_of_git_dir(git_dir: Path, work_tree: Path) -> Place:
    """The place of a git directory whose work tree lies elsewhere, as git has told us in the environment of a hook."""
    processes = Processes(("-C", str(work_tree), f"--git-dir={git_dir}"))
    answer = processes.run("rev-parse", *ASKED, options=NO_HOOKS, purpose=Purpose.WRITING, accept=(0, 128))
    lines = answer.out.decode("utf-8", "surrogateescape").split("\n")[:-1]
    if len(lines) != len(ASKED) - 1 or lines[2] != "sha1":
        raise _unusable(git_dir, answer.err)
    bare, shallow, _, _, common_dir, _ = lines
    top = None if bare == "true" else work_tree.resolve()
    return Place(git_dir, Path(common_dir), top, "", bare == "true", shallow == "true")


def _place_of_work_tree(git_dir: Path) -> Place:
    """The place of a repository that was named by the git directory of a work tree."""
    pointer = git_dir / "gitdir"
    work_tree = Path(pointer.read_text(encoding="utf-8").rstrip("\n")).parent if pointer.is_file() else git_dir.parent
    if work_tree.is_dir() and not work_tree.is_relative_to(git_dir):
        place = place_of(work_tree)
        if place.git_dir == git_dir:
            return place
    raise NotARepository(f"{git_dir} belongs to a work tree that lies elsewhere", hint="run gitstage in the work tree")
