from __future__ import annotations

import pytest

from gitstage.errors import GitstageError, NoSuchThing, Refused


def test_an_error_says_what_is_wrong_and_what_to_type_next() -> None:
    error = GitstageError("there is no registry here", hint="gitstage init")
    assert (str(error), error.message, error.hint) == (
        "there is no registry here",
        "there is no registry here",
        "gitstage init",
    )
    assert GitstageError("so it is").hint is None


@pytest.mark.parametrize(("kind", "code"), [(GitstageError, 2), (NoSuchThing, 2), (Refused, 1)])
def test_an_error_knows_the_exit_code_of_its_kind(kind: type[GitstageError], code: int) -> None:
    with pytest.raises(GitstageError) as raised:
        raise kind("x")
    assert raised.value.exit_code == code
