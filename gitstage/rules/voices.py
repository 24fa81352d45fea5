"""Whose word there is on a change: who made it, who stands for it, and who said what of it in signed statements.

All of it is asked for only by the rules that need it. Who somebody is, the policy of the base decides, at the judged
moment. A name in a commit says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from gitstage.canonical import DocumentError
from gitstage.changes import FILE, Snapshot, below, joined
from gitstage.errors import CannotVerify, GitstageError
from gitstage.layout import EVIDENCE, KINDS, NUMBER, POLICY_EVIDENCE
from gitstage.ledger import Stood, Word
from gitstage.people import signers, why_nobody
from gitstage.policy import Policy
from gitstage.values import dataclass, field

if TYPE_CHECKING:
    from gitstage.forges import Forge, ForgeChange, Review

LARGEST_STATEMENT = 1_000_000
"""Bytes."""


class CommitBy(NamedTuple):
    """One commit: the public keys with a good signature on it, and the paths (from the root) that are its own doing.

    What a merge only brought in is the doing of the commits that it brought.
    """

    keys: frozenset[str]
    paths: frozenset[str]


Commits = tuple[CommitBy, ...] | None
"""The commits that a step brought; None where they are not there, as of a commit that is only planned."""


def nobody(data: bytes) -> frozenset[str]:  # noqa: ARG001 - whatever it is
    """No signature is known to be good."""
    return frozenset()


def no_witness(data: bytes, root: bytes) -> frozenset[str]:  # noqa: ARG001
    """No Sigstore bundle is known to be good."""
    return frozenset()


def unknown(base: str | None, commit: str) -> Commits:  # noqa: ARG001
    """Nothing is known of any commit."""
    return None


@dataclass(frozen=True, kw_only=True)
class Voices:
    """What can be asked of one change of one thing.

    `landed` is the commit that brought it, `commit` the one that is judged and `base` the one judged before; `changed`
    are the paths of the registry that change between the two. `is_new` says that the commit is judged for the first time.
    `authors_known` and `stood` were remembered when it landed, and `word_known` how much of that is somebody's word.
    Where a history is judged again, `word` is what tag or ledger say that somebody said, asked instead of the `forge`.
    `tree_at` gives the tree of a reviewed commit, and `policy_since` is the moment (UTC) from which on
    the policy is in effect: a review counts only as long as that is the policy under which it was given. `policy_at` is
    the commit at which it took effect, where its trusted root lies.
    """

    policy: Policy | None = None
    now: datetime | None = None
    folder: str = ""
    commit: str = ""
    base: str | None = None
    landed: str = ""
    changed: frozenset[str] = frozenset()
    is_new: bool = True
    signed_by: Callable[[bytes], frozenset[str]] = nobody
    vouched_for: Callable[[bytes, bytes], frozenset[str]] = no_witness
    forge: Forge | None = None
    commit_signers: Callable[[str | None, str], Commits] = unknown
    tree_at: Callable[[str], Snapshot] | None = None
    policy_since: datetime | None = None
    policy_at: str | None = None
    authors_known: frozenset[str] | None = None
    word_known: Word | None = None
    word: Word | None = None
    stood: Mapping[str, Stood] = field(default_factory=dict)
    heard: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """What was found out, so that it is asked once, and remembered while the change is open."""

    # who made it

    @property
    def authors(self) -> frozenset[str] | None:
        """The people who made the change; None where nobody can tell."""
        if "authors" not in self.heard:
            self.heard["authors"] = self._authors()
        found: frozenset[str] | None = self.heard["authors"]
        return found

    def remembered(self) -> frozenset[str] | None:
        """The people who made the change, as far as it is known without looking any further."""
        if "authors" in self.heard or self._forge_change(self.landed) is not None:
            return self.authors
        return self.authors_known

    def said(self) -> Word | None:
        """What a forge or a server was heard to say, now or when it landed; None where nobody asked, or said anything."""
        found: Word | None = self.heard.get("word")
        return found

    def remembered_word(self) -> Word | None:
        """The same, also where nobody asked again."""
        return self.said() or self.word_known

    def _said_by(self) -> str:
        """Who says something of a change; asked where somebody does."""
        if self.word is not None:
            return self.word.by
        assert self.forge is not None
        return self.forge.kind

    def _authors_said(self, landed: str) -> frozenset[str] | None:
        """The people of whom somebody says that they made a change; None where nobody says anything."""
        if self.word is not None:
            return self.word.authors
        change = self._forge_change(landed)
        return None if change is None else self.forge_people(change)

    def _hear(self, by: str, *, authors: frozenset[str] = frozenset(), approvers: frozenset[str] = frozenset()) -> None:
        """Remembers what counts by somebody's word alone."""
        was = self.said() or Word(by=by)
        self.heard["word"] = Word(by=by, authors=was.authors | authors, approvers=was.approvers | approvers)

    def _authors(self) -> frozenset[str] | None:
        if self.policy is None:
            return None
        said = self._authors_said(self.landed)
        if said is not None:
            self._hear(self._said_by(), authors=said)
            return said
        if self.authors_known is not None:
            if self.word_known is not None:
                self._hear(self.word_known.by, authors=self.word_known.authors)
            return self.authors_known
        commits = self.commits(self.landed)
        if commits is None:
            return None
        made = [self.people(commit.keys) for commit in commits if self._makes(commit.paths)]
        return frozenset[str]().union(*made) if made and all(made) else None

    def _forge_change(self, commit: str) -> ForgeChange | None:
        judged_now = self.is_new and commit == self.commit
        return None if self.forge is None else self.forge.said_of(commit, judged_now=judged_now)

    def forge_people(self, change: ForgeChange) -> frozenset[str]:
        """The people who made a change, as the forge says."""
        if self.forge is None or self.policy is None:
            return frozenset()
        return self.forge.people(change.authors, self.policy)

    def commits(self, landed: str) -> Commits:
        """The commits that came with the one that landed."""
        key = f"commits {landed}"
        if key not in self.heard:
            base = self.base if landed == self.commit != self.base else None
            self.heard[key] = self.commit_signers(base, landed)
        found: Commits = self.heard[key]
        return found

    def _makes(self, paths: Iterable[str]) -> bool:
        """Whether somebody who changes these paths is an author: saying something of a change is not making it."""
        assert self.policy is not None
        for path in paths:
            inside = self._inside(path)
            if self.policy.is_protected(path) or (inside is not None and not is_statement_of_people(inside)):
                return True
        return False

    def _inside(self, path: str) -> str | None:
        """A path from the registry's folder; None where it is not the registry's."""
        if self.folder:
            return path.removeprefix(f"{self.folder}/") if path.startswith(f"{self.folder}/") else None
        assert self.policy is not None
        return path if self.policy.layout.owns(path) else None

    def people(self, keys: Iterable[str]) -> frozenset[str]:
        """Whose some keys are at the judged moment."""
        if self.policy is None or self.now is None:
            return frozenset()
        return signers(self.policy, keys, self.now)

    # who stands for it

    def stands_for(self, path: str, blob: str, wanted: frozenset[str]) -> frozenset[str]:
        """Those of the `wanted` people who signed, proposed or approved, on a forge, that a path holds a blob.

        Where it was signed, every commit that changes the path has to be by one of them.
        """
        was = self.stood.get(path)
        was = was if was is not None and was.blob == blob and path not in self.changed else None
        landed = self.commit if path in self.changed else was.landed if was is not None else self.landed
        found = frozenset[str]() if was is None else was.people & wanted
        if was is not None and self.word_known is not None:
            self._hear(self.word_known.by, authors=self.word_known.authors, approvers=self.word_known.approvers & found)
        authors = self._authors_said(landed)
        if authors is not None:
            self._hear(self._said_by(), authors=authors)
            approved, _ = self.approved_on_forge(landed, lambda tree: self._holds(tree, path, blob))
            found |= (authors | approved) & wanted
        elif not found:
            found = self._signed(path, landed, wanted)
        stood: dict[str, Stood] = self.heard.setdefault("stood", {})
        stood[path] = Stood(blob=blob, landed=landed, people=found)
        return found

    def _holds(self, tree: Snapshot, path: str, blob: str) -> str | None:
        entry = below(tree, self.folder).entry(path)
        return None if entry == (FILE, blob) else "another content"

    def _signed(self, path: str, landed: str, wanted: frozenset[str]) -> frozenset[str]:
        whole = joined(self.folder, path)
        by = [self.people(commit.keys) & wanted for commit in self.commits(landed) or () if whole in commit.paths]
        return frozenset[str]().union(*by) if all(by) else frozenset()

    @property
    def who_stood(self) -> Mapping[str, Stood]:
        """Who was found to stand for something, by path."""
        found: Mapping[str, Stood] = self.heard.get("stood", {})
        return found

    # who approved it on a forge

    def approved_on_forge(
        self, landed: str, unlike: Callable[[Snapshot], str | None], since: datetime | None = None
    ) -> tuple[frozenset[str], tuple[str, ...]]:
        """The people whose reviews on the forge count, and why others do not.

        A review counts for what the reviewed commit holds, as long as the policy is the one under which it was given
        and, with `since`, nothing has changed since that moment. `unlike` says what a tree has that differs.
        """
        if self.word is not None:
            people, reasons = self._approved_by_word(self.word)
        else:
            people, reasons = self._reviewed(landed, unlike, since)
        if people:
            self._hear(self._said_by(), approvers=people)
        return people, reasons

    def _approved_by_word(self, word: Word) -> tuple[frozenset[str], tuple[str, ...]]:
        known = frozenset() if self.policy is None else word.approvers & self.policy.people.keys()
        said = f"who approved it by the word of {word.by}, is nobody in gitstage.yaml"
        return known, tuple(f"{person}, {said}" for person in sorted(word.approvers - known))

    def _reviewed(
        self, landed: str, unlike: Callable[[Snapshot], str | None], since: datetime | None
    ) -> tuple[frozenset[str], tuple[str, ...]]:
        change = self._forge_change(landed)
        people, reasons = set(), []
        for review in () if change is None else change.approvals:
            assert self.forge is not None
            person = None if self.policy is None else self.forge.person(review.account, self.policy)
            if person is None:
                reasons.append(f"{review.account} on {self.forge.kind} is nobody in gitstage.yaml")
                continue
            why = self._uncounted(review, unlike, since)
            if why is None:
                people.add(person)
            else:
                reasons.append(f"the review of {person} {why}")
        return frozenset(people), tuple(reasons)

    def _uncounted(
        self, review: Review, unlike: Callable[[Snapshot], str | None], since: datetime | None
    ) -> str | None:
        if self.now is None or review.moment > self.now:
            return "is dated in the future"
        if self.policy_since is None or review.moment <= self.policy_since:
            return "was given under another policy"
        if since is not None and review.moment <= since:
            return "was given before the slot changed"
        try:
            differs = None if self.tree_at is None else unlike(self.tree_at(review.commit))
        except GitstageError:
            return f"is of {review.commit[:12]}, which is not here: fetch it"
        return None if differs is None else f"is of {differs}"

    # who signed a statement

    def signers_of(self, data: bytes) -> tuple[frozenset[str], str | None]:
        """The people who signed a file of evidence, and why there is none. Raises CannotVerify."""
        if self.policy is None or self.now is None:
            return frozenset(), "not signed"
        from gitstage.envelopes import holds_bundle

        keys, why = self._vouched_for(self.policy, data) if holds_bundle(data) else (self.signed_by(data), None)
        people = signers(self.policy, keys, self.now)
        return people, None if people else why or why_nobody(self.policy, keys, self.now)

    def identity_of(self, data: bytes) -> str | None:
        """`IDENTITY (ISSUER)` of who signed a Sigstore bundle; None where nobody did, or it is none. Raises CannotVerify."""
        from gitstage.envelopes import holds_bundle, known_as

        if self.policy is None or not holds_bundle(data):
            return None
        keys, _ = self._vouched_for(self.policy, data)
        return next(map(known_as, keys), None)

    def _vouched_for(self, policy: Policy, data: bytes) -> tuple[frozenset[str], str | None]:
        """Who signed a Sigstore bundle, and why nobody did. Nothing is verified for a policy that names no root."""
        if policy.sigstore is None:
            return frozenset(), "a Sigstore bundle, and gitstage.yaml has no sigstore"
        from gitstage.trust import trusted_root

        if self.tree_at is None or self.policy_at is None:
            raise CannotVerify("it is not known where the trusted root lies")
        found = self.vouched_for(data, trusted_root(policy.sigstore, self.tree_at(self.policy_at)))
        return found, None if found else f"a Sigstore bundle that is not good, going by {policy.sigstore.trusted_root}"


SILENT = Voices()
"""Nobody says anything."""


def is_statement_of_people(path: str) -> bool:
    """Whether a path of the registry is that of an approval, a waiver or the like."""
    parts = path.split("/")
    if parts[0] != EVIDENCE or len(parts) < 4:
        return False
    return parts[1] == POLICY_EVIDENCE or parts[-2].startswith(tuple(f"{kind}-" for kind in KINDS))


def statements_called(registries: Iterable[Snapshot], folder: str, kind: str) -> Iterator[tuple[str, bytes, Any]]:
    """What people said in the folders `KIND-…` of a folder of evidence: the name, the file's bytes, and what it says.

    A registry that was looked at already gives nothing new. What cannot be read says None.
    """
    seen: set[str] = set()
    for registry in registries:
        for name, entry in sorted(registry.listing(folder).items()):
            if not entry.is_folder or not name.startswith(f"{kind}-"):
                continue
            for file, found in sorted(registry.listing(f"{folder}/{name}").items()):
                if found.mode != FILE or found.oid in seen or not NUMBER.match(file.removesuffix(".json")):
                    continue
                seen.add(found.oid)
                if registry.size(found.oid) <= LARGEST_STATEMENT:
                    data = registry.read(found.oid)
                    yield f"{name}/{file}", data, _said(data)


def _said(data: bytes) -> Any:
    from gitstage.approvals import read_said

    try:
        return read_said(data)
    except DocumentError:
        return None
