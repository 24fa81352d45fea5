"""Errors of the git room are answers that a face can print, and say which files stand in the way."""

from __future__ import annotations

import pytest

from gitstage.errors import GitstageError
from gitstage.git import errors
from gitstage.git.errors import GitError, LocalEdits


@pytest.mark.parametrize(
    "kind",
    [
        errors.NotARepository,
        errors.ShallowRepository,
        errors.NoSuchRevision,
        errors.RefMoved,
        errors.PushRefused,
        errors.NoIdentity,
        errors.CannotSign,
    ],
)
def test_every_way_in_which_git_cannot_answer_is_told_apart_and_ends_with_exit_code_2(kind: type[GitError]) -> None:
    error = kind("why", hint="what to type")
    assert isinstance(error, GitError)
    assert isinstance(error, GitstageError)
    assert (error.message, error.hint, error.exit_code) == ("why", "what to type", 2)


def test_local_edits_name_their_paths() -> None:
    error = LocalEdits("two files have local edits", paths=["a", "b"], hint="commit or stash them")
    assert (error.paths, error.message, error.hint) == (
        ("a", "b"),
        "two files have local edits",
        "commit or stash them",
    )
