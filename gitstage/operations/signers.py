"""Who signed what: files of evidence, and the commits that bring a change; asked only where a rule needs it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from gitstage.canonical import DocumentError
from gitstage.git import NoSuchRevision, Repository

if TYPE_CHECKING:
    from gitstage.rules.voices import Commits
    from gitstage.signatures import Verifier
    from gitstage.signatures.bundles import Bundles

IN_GIT = "git"
"""The namespace of the signatures that git makes (gitformat-signature(5), ssh-keygen(1))."""


@cache
def verifier() -> Verifier:
    """What remembers, as long as the program runs, which signatures were good."""
    from gitstage.signatures import Verifier

    return Verifier()


@cache
def bundles() -> Bundles:
    """What remembers who signed which Sigstore bundle."""
    from gitstage.signatures.bundles import Bundles

    return Bundles()


def vouched_for(data: bytes, root: bytes) -> frozenset[str]:
    """Who signed a Sigstore bundle under a trusted root, as `sigstore:ISSUER#IDENTITY`. Raises CannotVerify."""
    return bundles().vouched_for(data, root)


def signed_by(data: bytes) -> frozenset[str]:
    """The public keys with a good signature on a file of evidence. Raises CannotVerify."""
    return verifier().signed_by(data)


class CommitSigners:
    """The commits of a repository, with the keys that signed them and what is their own doing."""

    def __init__(self, repo: Repository) -> None:
        self.repo = repo

    def __call__(self, base: str | None, commit: str) -> Commits:
        """The commits from `base` (None: its first parent) to another; None where that one is not made yet.

        What a merge only brought in is the doing of the commits that it brought: its own is what differs from each of
        its parents. Raises CannotVerify.
        """
        from gitstage.rules.voices import CommitBy

        try:
            ids = self.repo.brought_by(commit, base)
            paths, signed = self._own_paths(ids), self.repo.signed(ids)
        except NoSuchRevision:
            return None
        found = []
        for oid in ids:
            part = signed[oid]
            key = None
            if part.signature is not None and paths[oid]:
                key = verifier().signer_of(part.payload, part.signature, IN_GIT)
            found.append(CommitBy(frozenset(() if key is None else (key,)), paths[oid]))
        return tuple(found)

    def _own_paths(self, ids: list[str]) -> dict[str, frozenset[str]]:
        """By commit, the paths that differ from each of its parents."""
        commits = self.repo.commits(ids)
        pairs = [(oid, parent) for oid in ids for parent in (commits[oid].parents or (None,))]
        paths: dict[str, frozenset[str]] = {}
        for some in self.repo.differences(pairs):
            for difference in some:
                changed = frozenset(change.path for change in difference.changes)
                known = paths.get(difference.commit)
                paths[difference.commit] = changed if known is None else known & changed
        return paths


class Planned:
    """The commits of a repository, and one that is only planned: git will sign it where the user's configuration says so.

    `head` is the commit on which it is built, and `edits` are the paths, from the repository's root, that it changes.
    """

    def __init__(self, repo: Repository, commit: str, head: str | None, edits: Iterable[str]) -> None:
        self.made = CommitSigners(repo)
        self.commit = commit
        self.head = head
        self.edits = frozenset(edits)

    def __call__(self, base: str | None, commit: str) -> Commits:
        if commit != self.commit:
            return self.made(base, commit)
        from gitstage.rules.voices import CommitBy

        before = () if self.head is None or base is None else self.made(base, self.head) or ()
        key = key_of_user(self.made.repo)
        return (*before, CommitBy(frozenset(() if key is None else (key,)), self.edits))


def key_of_user(repo: Repository) -> str | None:
    """The public key with which git signs the user's commits; None where it signs none, or not with an SSH key."""
    if not repo.is_set("commit.gpgsign") or repo.config("gpg.format") != "ssh":
        return None
    named = (repo.config("user.signingkey") or "").removeprefix("key::")
    from gitstage.envelopes import public_key

    try:
        if " " not in named:
            path = Path(named).expanduser()
            named = (path if path.suffix == ".pub" else path.with_name(f"{path.name}.pub")).read_text("utf-8")
        return public_key(named)
    except (OSError, ValueError, DocumentError):
        return None
