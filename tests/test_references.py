"""How a person names a version."""

from __future__ import annotations

import pytest

from gitstage.errors import GitstageError
from gitstage.references import Reference, reference


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("fraud-detector", Reference("fraud-detector")),
        ("fraud-detector@1.1.0", Reference("fraud-detector", "1.1.0")),
        ("risk/fraud-detector@production", Reference("risk/fraud-detector", "production")),
        ("fraud-detector@production~0", Reference("fraud-detector", "production", 0)),
        ("fraud-detector@production~12", Reference("fraud-detector", "production", 12)),
        ("fraud-detector@latest", Reference("fraud-detector", "latest")),
        ("fraud-detector@1.0.0-rc.1", Reference("fraud-detector", "1.0.0-rc.1")),
        ("fraud-detector@production~x", Reference("fraud-detector", "production~x")),
    ],
)
def test_what_a_person_types_is_what_is_meant(text: str, meant: Reference) -> None:
    assert reference(text) == meant


@pytest.mark.parametrize("text", ["fraud-detector", "a/b@1.1.0", "m@production~1", "m@latest"])
def test_a_reference_is_written_as_it_was_typed(text: str) -> None:
    assert str(reference(text)) == text


@pytest.mark.parametrize(
    "text", ["", "@1.0.0", "a b@1.0.0", "-m@1.0.0", "../m@1.0.0", "m\n@1.0.0", "1.0.0@1.0.0", "a//b"]
)
def test_what_is_no_models_name_is_refused(text: str) -> None:
    with pytest.raises(GitstageError, match="names no model"):
        reference(text)


def test_an_at_with_nothing_behind_it_is_refused() -> None:
    with pytest.raises(GitstageError) as caught:
        reference("fraud-detector@")
    assert caught.value.hint == "fraud-detector@VERSION, fraud-detector@STAGE or fraud-detector@latest"
