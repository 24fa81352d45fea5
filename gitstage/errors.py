"""What gitstage raises when it cannot answer: a message, where, and what to type next."""

from __future__ import annotations


class GitstageError(Exception):
    """We could not answer (exit code 2). What a registry does wrong is a finding, never an exception.

    `hint` is what to type or do next, when we know it.
    """

    exit_code = 2

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class NoSuchThing(GitstageError):
    """A model, version, stage or moment that was asked for is not there."""


class CannotVerify(GitstageError):
    """Whether a signature is good cannot be found out here. Whatever needed to know refuses."""


class Refused(GitstageError):
    """A command that was asked to change something may not (exit code 1); nothing was changed."""

    exit_code = 1


class CannotEvaluate(GitstageError):
    """An expression cannot be checked, or has no value."""
