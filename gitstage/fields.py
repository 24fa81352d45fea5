"""What the models of our documents are made of: names, numbers, maps that stay as they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sized
from functools import lru_cache
from types import MappingProxyType
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainValidator, WithJsonSchema

from gitstage.canonical import HIDDEN, Unfit
from gitstage.validation import kind_of

MAX_NAME = 200

Item = TypeVar("Item", bound=Hashable)
Value = TypeVar("Value")
Some = TypeVar("Some", bound=Sized)


class Part(BaseModel):
    """A part of a document: frozen, nothing converted, no unknown keys.

    In Python its values go by their own names; `validation.validated`, which reads files, knows the keys only.
    """

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", validate_by_name=True, validate_by_alias=True, defer_build=True
    )


def frozen(value: dict[str, Value]) -> Mapping[str, Value]:
    """A map that nobody changes any more."""
    return MappingProxyType(value)


def nothing() -> Mapping[str, Any]:
    """The map of a key that is left out."""
    return MappingProxyType({})


def some(items: Some) -> Some:
    """A list or map that is not empty. Asked after its items: pydantic's own counts only those that are right."""
    if not items:
        raise Unfit("must not be empty")
    return items


def distinct(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """A list that says nothing twice."""
    seen: set[Item] = set()
    for item in items:
        if item in seen:
            raise Unfit(f"{item!r} is there twice")
        seen.add(item)
    return items


def matching(pattern: str, wanted: str) -> Callable[[str], str]:
    """What lets through a text that matches a pattern from its beginning to its end, and else says what is wanted."""
    compiled = re.compile(pattern, re.ASCII)

    def matched(text: str) -> str:
        if not compiled.fullmatch(text):
            raise Unfit(f"must be {wanted}, not {kind_of(text)}")
        return text

    return matched


@lru_cache(maxsize=1024)  # most names of metrics, parameters and labels are those of every other version
def _name(text: str) -> str:
    if not text or text != text.strip() or len(text) > MAX_NAME:
        raise Unfit(f"a name has 1 to {MAX_NAME} characters, and no space at its ends")
    if HIDDEN.search(text):
        raise Unfit(f"the name {text!r} has control characters, or some that do not show")
    return text


def _number(value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        hint = "write it without quotes" if isinstance(value, str) and re.fullmatch("[0-9.]+", value) else None
        raise Unfit(f"must be a number, not {kind_of(value)}", hint)
    return value


Name = Annotated[str, AfterValidator(_name), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_NAME})]
"""A name that shows as what it is."""
Number = Annotated[float, PlainValidator(_number), WithJsonSchema({"type": "number"})]
"""An int or a float, as it was written, and no bool."""
