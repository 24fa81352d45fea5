"""Documents held against pydantic models: what does not fit is said in our words, with its line and a near miss."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from gitstage.canonical import MAX_PROBLEMS, DocumentError, Location, Problem, line_in, lines_of, shown

if TYPE_CHECKING:
    from pydantic import BaseModel

API_VERSION = "gitstage/v1"
MAX_KNOWN = 1000
"""Words that are looked at for a near miss."""


def check_header(document: Mapping[str, object], data: bytes, kinds: Sequence[str]) -> str:
    """The document's kind. Raises DocumentError unless it is of our apiVersion and one of `kinds`."""
    version, kind = document.get("apiVersion"), document.get("kind")
    if version == API_VERSION and kind in kinds:
        return str(kind)
    lines = lines_of(data)
    problems = []
    if version != API_VERSION:
        said = (
            "the key 'apiVersion' is missing" if version is None else f"apiVersion {kind_of(version)} is not known here"
        )
        hint = f"write: apiVersion: {API_VERSION}" + ("" if version is None else ", or use a newer gitstage")
        problems.append(Problem(said, line_in(lines, ("apiVersion",)), hint))
    if kind not in kinds:
        wanted = " or ".join(kinds)
        said = "the key 'kind' is missing" if kind is None else f"kind must be {wanted}, not {kind_of(kind)}"
        near = near_miss(kind, kinds)
        problems.append(Problem(f"{said}{near}", line_in(lines, ("kind",)), f"write: kind: {wanted}"))
    raise DocumentError(problems)


Model = TypeVar("Model", bound="BaseModel")


def validated(model: type[Model], document: Mapping[str, object], data: bytes, *, within: Location = ()) -> Model:
    """`document`, which was parsed from `data`, as a value of a pydantic model. Raises DocumentError with lines.

    `within` says where in `data` the document stands, if it is not the whole.
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(document, by_alias=True, by_name=False)
    except ValidationError as error:
        raise DocumentError(problems_of(error, model, data, within)) from None


def problems_of(error: Any, model: type[BaseModel], data: bytes, within: Location = ()) -> list[Problem]:
    """What a pydantic ValidationError says, in our words and with the lines of `data`."""
    lines = lines_of(data)
    problems = []
    for found in error.errors(include_url=False)[:MAX_PROBLEMS]:
        where = tuple(step for step in found["loc"] if step != "[key]")
        message, hint = _said(found, where, within, model)
        problems.append(Problem(message, line_in(lines, (*within, *where)), hint))
    return problems


NOUNS = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "tuple": "a list",
    "list": "a list",
    "dict": "a mapping of keys to values",
    "model": "a mapping of keys to values",
    "mapping": "a mapping of keys to values",
}


def _said(
    found: Mapping[str, Any], where: Location, within: Location, model: type[BaseModel]
) -> tuple[str, str | None]:
    kind: str = found["type"]
    context: Mapping[str, Any] = found.get("ctx", {})
    value = found["input"]
    whole = path_in_words((*within, *where))
    parent = path_in_words((*within, *where[:-1]), "in ")
    if kind == "missing":
        return f"{parent}the key '{where[-1]}' is missing", None
    if kind == "extra_forbidden":
        return f"{parent}{unknown_key(where[-1], _keys_at(model, where[:-1]))}", None
    if kind == "value_error":
        return f"{whole}{context['error']}", getattr(context["error"], "hint", None)
    noun = NOUNS.get(kind.removesuffix("_type"))
    if noun is not None:
        quotable = noun == "text" and isinstance(value, int | float)
        return f"{whole}must be {noun}, not {kind_of(value)}", "quote it" if quotable else None
    if kind == "literal_error":
        near = near_miss(value, re.findall(r"'([^']*)'", context["expected"]))
        return f"{whole}must be {context['expected']}, not {kind_of(value)}{near}", None
    if kind == "string_too_short":
        return f"{whole}must not be empty", None
    if kind == "string_too_long":
        return f"{whole}has {len(value)} characters, and may have {context['max_length']}", None
    if kind == "greater_than_equal":
        return f"{whole}must be at least {context['ge']}, not {kind_of(value)}", None
    return f"{whole}{found['msg']}", None


def kind_of(value: object) -> str:
    """A value in words, short enough for a message."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, Mapping):
        return "a mapping of keys to values"
    if isinstance(value, list | tuple):
        return "a list"
    return shown(str(value))


def path_in_words(where: Location, before: str = "") -> str:
    """`('artifacts', 0, 'uri')` as `artifacts[0].uri: `; nothing for the document itself."""
    said = ""
    for step in where:
        said += f"[{step}]" if isinstance(step, int) else f".{step}" if said else step
    return f"{before}{said}: " if said else ""


def unknown_key(key: object, known: Iterable[str]) -> str:
    """What is said of a key that nobody knows, with the known one that may be meant."""
    return f"unknown key '{key}'{near_miss(key, known)}"


def near_miss(word: object, known: Iterable[str]) -> str:
    """`; did you mean 'soak'?` where one of the known words is close to `word`."""
    from difflib import get_close_matches

    if not isinstance(word, str):
        return ""
    spelled = {name.lower(): name for name in islice(known, MAX_KNOWN)}
    close = get_close_matches(word.lower(), list(spelled), 1, 0.6)
    return f"; did you mean '{spelled[close[0]]}'?" if close else ""


def _keys_at(model: type[BaseModel], where: Location) -> list[str]:
    """The keys that a pydantic model knows at a location."""
    from pydantic import BaseModel

    kinds: list[Any] = [model]
    for step in where:
        kinds = [inner for kind in kinds for inner in _inside(kind, step)]
    return [
        field.alias or name
        for kind in kinds
        if isinstance(kind, type) and issubclass(kind, BaseModel)
        for name, field in kind.model_fields.items()
    ]


def _inside(kind: Any, step: str | int) -> list[Any]:
    """The types that lie at one step into a type."""
    from typing import get_args

    if hasattr(kind, "model_fields"):
        found = [field.annotation for name, field in kind.model_fields.items() if (field.alias or name) == step]
    else:
        members = [member for member in get_args(kind) if member is not Ellipsis]
        found = members[-1:]
    return [inner for annotation in found for inner in _flat(annotation)]


def _flat(annotation: Any) -> list[Any]:
    """The members of a union, without None and without what an Annotated says besides."""
    from types import NoneType, UnionType
    from typing import Annotated, Union, get_args, get_origin

    if get_origin(annotation) is Annotated:
        return _flat(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [inner for member in get_args(annotation) for inner in _flat(member)]
    return [] if annotation is NoneType else [annotation]
