from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import pytest
from pydantic import Field

from gitstage.canonical import MAX_PROBLEMS, DocumentError, Problem, parse
from gitstage.fields import Name, Part
from gitstage.validation import check_header, kind_of, near_miss, path_in_words, unknown_key, validated


class Inner(Part):
    soak: str | None = None
    size: int = 0


class Outer(Part):
    name: Annotated[str, Field(max_length=5)]
    inner: Inner | None = None
    items: Annotated[tuple[Inner, ...], Field(strict=False)] = ()
    some: Annotated[str, Field(min_length=1)] = "a"
    by_name: Mapping[Name, Inner] = Field(default={}, alias="by-name")
    by_names: Mapping[str, Annotated[tuple[Inner, ...], Field(strict=False)]] = Field(default={}, alias="by-names")
    word: Literal["held", "released"] = "held"
    flag: bool = False
    odd: Annotated[str, Field(pattern="^x$")] = "x"
    least: Annotated[int, Field(ge=0)] = 0


def problems_of(text: str) -> tuple[Problem, ...]:
    data = text.encode()
    with pytest.raises(DocumentError) as caught:
        validated(Outer, parse(data), data)
    return caught.value.problems


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("flag: true\n", Problem("the key 'name' is missing", 1)),
        ("name: a\nnam: b\n", Problem("unknown key 'nam'; did you mean 'name'?", 2)),
        ("name: a\nzzz: b\n", Problem("unknown key 'zzz'", 2)),
        ("name: a\nby_name: {}\n", Problem("unknown key 'by_name'; did you mean 'by-name'?", 2)),
        ("name: a\ninner:\n  sok: b\n", Problem("in inner: unknown key 'sok'; did you mean 'soak'?", 3)),
        ("name: a\nitems:\n- size: 1\n- siz: 1\n", Problem("in items[1]: unknown key 'siz'; did you mean 'size'?", 4)),
        (
            "name: a\nby-name:\n  x:\n    Soak: b\n",
            Problem("in by-name.x: unknown key 'Soak'; did you mean 'soak'?", 4),
        ),
        (
            "name: a\nby-names: {x: [{}, {sok: b}]}\n",
            Problem("in by-names.x[1]: unknown key 'sok'; did you mean 'soak'?", 2),
        ),
        ("name: 3\n", Problem("name: must be text, not the number 3", 1, "quote it")),
        ("name: 1.10\n", Problem("name: must be text, not the number 1.1", 1, "quote it")),
        ("name: true\n", Problem("name: must be text, not true", 1, "quote it")),
        ("name: {a: b}\n", Problem("name: must be text, not a mapping of keys to values", 1)),
        ("name: [a]\n", Problem("name: must be text, not a list", 1)),
        ("name: toolong\n", Problem("name: has 7 characters, and may have 5", 1)),
        ("name: a\ninner: b\n", Problem("inner: must be a mapping of keys to values, not 'b'", 2)),
        ("name: a\ninner:\n  size: big\n", Problem("inner.size: must be a whole number, not 'big'", 3)),
        ("name: a\ninner:\n  size: 1.0\n", Problem("inner.size: must be a whole number, not the number 1.0", 3)),
        ("name: a\nitems: b\n", Problem("items: must be a list, not 'b'", 2)),
        ('name: a\nsome: ""\n', Problem("some: must not be empty", 2)),
        ("name: a\nby-name: [b]\n", Problem("by-name: must be a mapping of keys to values, not a list", 2)),
        (
            'name: a\nby-name:\n  " x": {}\n',
            Problem("by-name. x: a name has 1 to 200 characters, and no space at its ends", 3),
        ),
        ("name: a\nword: hold\n", Problem("word: must be 'held' or 'released', not 'hold'; did you mean 'held'?", 2)),
        ("name: a\nword: 3\n", Problem("word: must be 'held' or 'released', not the number 3", 2)),
        ("name: a\nflag: maybe\n", Problem("flag: must be true or false, not 'maybe'", 2)),
        ("name: a\nodd: x1\n", Problem("odd: String should match pattern '^x$'", 2)),
        ("name: a\nleast: -1\n", Problem("least: must be at least 0, not the number -1", 2)),
    ],
)
def test_what_does_not_fit_is_said_in_words_with_its_line(text: str, problem: Problem) -> None:
    assert problems_of(text) == (problem,)


def test_everything_that_does_not_fit_is_said_at_once_in_the_order_of_the_lines() -> None:
    assert problems_of("flag: maybe\nitems:\n- sok: 1\n  size: x\nword: 3\n") == (
        Problem("the key 'name' is missing", 1),
        Problem("flag: must be true or false, not 'maybe'", 1),
        Problem("in items[0]: unknown key 'sok'; did you mean 'soak'?", 3),
        Problem("items[0].size: must be a whole number, not 'x'", 4),
        Problem("word: must be 'held' or 'released', not the number 3", 5),
    )


def test_what_fits_is_a_frozen_value() -> None:
    data = b"name: a\nby-name: {x: {size: 3}}\n"
    assert validated(Outer, parse(data), data) == Outer(name="a", by_name={"x": Inner(size=3)})  # type: ignore[call-arg]


def test_a_part_of_a_document_is_found_in_the_whole() -> None:
    data = b"part:\n  name: a\n  inner:\n    sok: 1\n"
    with pytest.raises(DocumentError) as caught:
        validated(Outer, {"name": "a", "inner": {"sok": 1}}, data, within=("part",))
    assert caught.value.problems == (Problem("in part.inner: unknown key 'sok'; did you mean 'soak'?", 4),)


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (
            "a: b\n",
            (
                Problem("the key 'apiVersion' is missing", 1, "write: apiVersion: gitstage/v1"),
                Problem("the key 'kind' is missing", 1, "write: kind: Hold or Slot"),
            ),
        ),
        (
            "kind: Hold\napiVersion: gitstage/v2\n",
            (
                Problem(
                    "apiVersion 'gitstage/v2' is not known here",
                    2,
                    "write: apiVersion: gitstage/v1, or use a newer gitstage",
                ),
            ),
        ),
        (
            "apiVersion: gitstage/v1\nkind: hold\n",
            (Problem("kind must be Hold or Slot, not 'hold'; did you mean 'Hold'?", 2, "write: kind: Hold or Slot"),),
        ),
        (
            "apiVersion: gitstage/v1\nkind: [Hold]\n",
            (Problem("kind must be Hold or Slot, not a list", 2, "write: kind: Hold or Slot"),),
        ),
    ],
)
def test_a_document_of_another_kind_is_refused(text: str, problems: tuple[Problem, ...]) -> None:
    data = text.encode()
    with pytest.raises(DocumentError) as caught:
        check_header(parse(data), data, ["Hold", "Slot"])
    assert caught.value.problems == problems


def test_the_kind_of_a_document_of_ours_is_answered() -> None:
    data = b"apiVersion: gitstage/v1\nkind: Slot\n"
    assert check_header(parse(data), data, ["Hold", "Slot"]) == "Slot"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "empty"),
        (True, "true"),
        (False, "false"),
        (3, "the number 3"),
        (0.5, "the number 0.5"),
        ({}, "a mapping of keys to values"),
        ([], "a list"),
        ((), "a list"),
        ("a\x1b", r"'a\x1b'"),
        ("x" * 61, f"'{'x' * 60}…'"),
    ],
)
def test_a_value_is_said_in_words(value: object, said: str) -> None:
    assert kind_of(value) == said


def test_a_place_is_said_in_words() -> None:
    assert path_in_words(("a", 0, "b")) == "a[0].b: "
    assert path_in_words(("a",), "in ") == "in a: "
    assert path_in_words((), "in ") == ""


def test_of_very_many_problems_the_first_are_said() -> None:
    assert len(problems_of("".join(f"zzz{number}: 1\n" for number in range(1000)))) == MAX_PROBLEMS


def test_a_near_miss_is_offered_and_a_far_one_is_not() -> None:
    assert near_miss("SOKE", ["keep", "Soak"]) == "; did you mean 'Soak'?"
    assert near_miss("windows", ["keep", "soak"]) == ""
    assert unknown_key("kep", ["keep"]) == "unknown key 'kep'; did you mean 'keep'?"
