"""How a person names a version."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstage.errors import GitstageError
from gitstage.layout import model_problem
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


PARTS = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,6}[a-z0-9])?", fullmatch=True).filter(
    lambda part: model_problem(part) is None
)
MODELS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)
NAMED = st.sampled_from(["1.0.0", "1.0.0-rc.1", "7", "latest", "next", "staging", "a~b", "~", "x@y"])


@given(MODELS, st.none() | NAMED, st.integers(0, 999_999))
def test_what_is_put_together_is_taken_apart_again(model: str, name: str | None, back: int) -> None:
    meant = Reference(model, name, back if name is not None and "~" not in name else 0)
    assert reference(str(meant)) == meant
    assert str(reference(str(meant))) == str(meant)


@given(st.text(st.sampled_from("ab1.~@/-_ \n\té*?"), max_size=12))
def test_whatever_is_typed_is_a_reference_that_says_the_same_or_is_refused_with_a_hint(text: str) -> None:
    found = refused = None
    try:
        found = reference(text)
    except GitstageError as error:
        refused = error
    if found is None:
        assert refused is not None
        assert repr(text) in refused.message
        assert refused.hint is not None
        return
    assert model_problem(found.model) is None
    assert found.name != ""
    assert reference(str(found)) == found
    # Only how far it counts back may be written in several ways.
    assert str(found) == text or (found.name is not None and text.startswith(f"{found.model}@{found.name}~"))


@pytest.mark.parametrize("digits", ["", "x", "-1", "1000000", "1 ", "1~2", "٣"])
def test_what_counts_back_is_at_most_six_digits(digits: str) -> None:
    assert reference(f"m@production~{digits}").back in (0, 2)
