"""What the git room raises: every way in which git, or a repository, cannot answer."""

from __future__ import annotations

from collections.abc import Sequence

from gitstage.errors import GitstageError


class GitError(GitstageError):
    """Git could not answer. The message carries what git said, without control characters or passwords."""


class NotARepository(GitError):
    """There is no repository at a path, or none that git lets us use."""


class ShallowRepository(GitError):
    """A shallow clone was asked about history, which it does not have."""


class NoSuchRevision(GitError):
    """A revision, a ref of a remote, or an object is not there."""


class RefMoved(GitError):
    """Somebody was first: a ref is not where it was expected to be. Nothing was changed."""


class RefLocked(RefMoved):
    """Somebody is moving a ref, or was when they died: its lock is there. Nothing was changed."""


class PushRefused(GitError):
    """A remote, or a hook here or there, refused a push; the message is what it said. Nothing was changed."""


class LocalEdits(GitError):
    """Files that would be touched have changes of the user's own; `paths` names them, from the work tree's top."""

    def __init__(self, message: str, *, paths: Sequence[str], hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.paths = tuple(paths)


class NoIdentity(GitError):
    """Git does not know who commits."""


class CannotSign(GitError):
    """The user asked git to sign, and git could not."""
