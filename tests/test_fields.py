from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import pytest
from pydantic import AfterValidator, Field, ValidationError

from gitstage.canonical import Unfit
from gitstage.fields import MAX_NAME, Name, Number, Part, distinct, frozen, matching, nothing, some


class Sample(Part):
    name: Name = "x"
    number: Number = 0
    dashed: int = Field(default=0, alias="with-dash")
    names: Annotated[Mapping[Name, Number], AfterValidator(frozen)] = Field(default_factory=nothing)


def refusal(**values: object) -> str:
    with pytest.raises(ValidationError) as caught:
        Sample(**values)  # type: ignore[arg-type]
    (error,) = caught.value.errors()
    return str(error["ctx"]["error"]) if "error" in error.get("ctx", {}) else error["type"]


def test_a_part_is_made_by_the_names_of_its_values_and_stays_as_it_is() -> None:
    assert Sample(name="x" * MAX_NAME).name == "x" * 200
    sample = Sample(name="é x", number=3, dashed=4, names={"a": 1.5})  # type: ignore[call-arg]
    assert (sample.name, sample.number, sample.dashed, sample.names) == ("é x", 3, 4, {"a": 1.5})
    assert type(sample.number) is int
    with pytest.raises(ValidationError, match="frozen"):
        sample.name = "y"
    with pytest.raises(TypeError):
        sample.names["b"] = 2  # type: ignore[index]
    with pytest.raises(TypeError):
        Sample().names["b"] = 2  # type: ignore[index]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": ""}, "a name has 1 to 200 characters, and no space at its ends"),
        ({"name": " x"}, "a name has 1 to 200 characters, and no space at its ends"),
        ({"name": "x" * (MAX_NAME + 1)}, "a name has 1 to 200 characters, and no space at its ends"),
        ({"name": "a\nb"}, r"the name 'a\nb' has control characters, or some that do not show"),
        ({"name": "a\u202eb"}, r"the name 'a\u202eb' has control characters, or some that do not show"),
        ({"name": 3}, "string_type"),
        ({"number": True}, "must be a number, not true"),
        ({"number": "1"}, "must be a number, not '1'"),
        ({"number": [1]}, "must be a number, not a list"),
        ({"dashed": 1.0}, "int_type"),
        ({"other": 1}, "extra_forbidden"),
        ({"names": {"": 1}}, "a name has 1 to 200 characters, and no space at its ends"),
    ],
)
def test_nothing_is_converted_and_nothing_unknown_is_taken(values: dict[str, object], message: str) -> None:
    assert refusal(**values) == message


@pytest.mark.parametrize(("value", "hint"), [("0.5", "write it without quotes"), ("x", None), (None, None)])
def test_a_number_in_quotes_has_a_hint(value: object, hint: str | None) -> None:
    with pytest.raises(ValidationError) as caught:
        Sample(number=value)  # type: ignore[arg-type]
    assert caught.value.errors()[0]["ctx"]["error"].hint == hint


def test_a_list_that_says_something_twice_is_refused() -> None:
    assert distinct(("a", "b")) == ("a", "b")
    with pytest.raises(Unfit, match="^'a' is there twice$"):
        distinct(("a", "b", "a"))


def test_what_must_say_something_may_not_be_empty() -> None:
    assert (some(("a",)), some({"a": 1})) == (("a",), {"a": 1})
    with pytest.raises(Unfit, match="^must not be empty$"):
        some(())


def test_a_pattern_matches_the_whole_text() -> None:
    match = matching("[0-9]{2}", "two digits")
    assert match("12") == "12"
    for text in ("123", "x12", "12\n", "", "٣٣"):
        with pytest.raises(Unfit, match="must be two digits, not "):
            match(text)
