from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstage.canonical import DocumentError, Problem
from gitstage.strictjson import MAX_BYTES, fail, json_object


def test_an_object_is_what_it_says() -> None:
    assert json_object(b'{"a": [1, 2.5, "\\u00fc", null, true, -9223372036854775808]}') == {
        "a": [1, 2.5, "ü", None, True, -(2**63)]
    }


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", Problem("this is not JSON: Expecting value", 1)),
        (b"{\n1", Problem("this is not JSON: Expecting property name enclosed in double quotes", 2)),
        (b"[]", Problem("the report is no JSON object")),
        (b"\xff", Problem("the report is not UTF-8, or has half of a surrogate pair in it")),
        (b'{"a": "\\ud800"}', Problem("the report is not UTF-8, or has half of a surrogate pair in it")),
        (b'{"a": 1, "a": 1}', Problem("duplicate key 'a'")),
        (b'{"' + b"a" * 100 + b'": 1, "' + b"a" * 100 + b'": 1}', Problem(f"duplicate key '{'a' * 60}…'")),
        (b'{"a": 9223372036854775808}', Problem("the number '9223372036854775808' is too big for 64 bits")),
        (b'{"a": ' + b"9" * 5000 + b"}", Problem(f"the number '{'9' * 60}…' is too big for 64 bits")),
        (b'{"a": Infinity}', Problem("Infinity is no number")),
        (b'{"a": -1e999}', Problem("the number -1e999 is too big")),
        (b"[" * 100_000, Problem("the report is nested too deep")),
        (b" " * (MAX_BYTES + 1), Problem("the report has 1000001 bytes; at most 1000000 are read")),
    ],
)
@pytest.mark.usefixtures("no_garbage_is_collected")
def test_what_two_readers_could_understand_differently_is_refused(data: bytes, problem: Problem) -> None:
    with pytest.raises(DocumentError) as caught:
        json_object(data, noun="the report")
    assert caught.value.problems == (problem,)


def test_an_object_of_the_largest_size_is_read() -> None:
    assert json_object(b"{}".ljust(MAX_BYTES)) == {}


def test_a_failure_is_one_problem_without_a_line() -> None:
    with pytest.raises(DocumentError) as caught:
        fail("it is so")
    assert caught.value.problems == (Problem("it is so"),)


@given(st.binary(max_size=60))
def test_no_bytes_make_it_raise_anything_else(data: bytes) -> None:
    with suppress(DocumentError):
        json_object(data)
