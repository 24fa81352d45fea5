from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gitstage import canonical
from gitstage.canonical import BIGGEST, DocumentError, Problem, dump, line_of, lines_of, parse, quick, quoted, scalar

GOLDEN = Path(__file__).parent / "golden"


def problems_of(data: bytes, **options: Any) -> tuple[Problem, ...]:
    with pytest.raises(DocumentError) as caught:
        parse(data, **options)
    return caught.value.problems


def problem_of(data: bytes, **options: Any) -> Problem:
    (problem,) = problems_of(data, **options)
    return problem


# What is read


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"a: b", {"a": "b"}),
        (b"a: b\n", {"a": "b"}),
        (b"a: b\r\nc: d\r\n", {"a": "b", "c": "d"}),
        (b"---\na: b\n", {"a": "b"}),
        (b"# why\na: b # because\n", {"a": "b"}),
        (b"a: 'it''s'\n", {"a": "it's"}),
        (b'a: "\\u00e9\\n"\n', {"a": "é\n"}),
        (b"a: |\n  one\n  two\n", {"a": "one\ntwo\n"}),
        (b"a: >-\n  one\n  two\n", {"a": "one two"}),
        (b"a: {b: [1, two, {c: 3.5}], d: {}, e: []}\n", {"a": {"b": [1, "two", {"c": 3.5}], "d": {}, "e": []}}),
        (b"a:\n- b\n- - c\n  - d\n", {"a": ["b", ["c", "d"]]}),
        (b"a:\n  - b: 1\n    c: 2\n", {"a": [{"b": 1, "c": 2}]}),
        (b"? a\n: b\n", {"a": "b"}),
        ("größe: 日本\n".encode(), {"größe": "日本"}),
        (b'{"a": {"b": [1, 2.5, true, "x"]}}', {"a": {"b": [1, 2.5, True, "x"]}}),
    ],
)
def test_the_safe_part_of_yaml_is_read(data: bytes, value: dict[str, object]) -> None:
    assert parse(data) == value


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("True", True),
        ("TRUE", True),
        ("false", False),
        ("False", False),
        ("0", 0),
        ("-1", -1),
        ("+12", 12),
        (str(BIGGEST - 1), BIGGEST - 1),
        (str(-BIGGEST), -BIGGEST),
        ("0.5", 0.5),
        ("-1.5e-05", -1.5e-05),
        ("1.0e+16", 1e16),
        ("1.", 1.0),
        ("01.50", 1.5),
        ("1.1.0", "1.1.0"),
        ("1.0.0-rc.1", "1.0.0-rc.1"),
        ("72h", "72h"),
        ("1d12h", "1d12h"),
        ("2%", "2%"),
        ("2026-12-23", "2026-12-23"),
        ("2026-12-23T10:00:00Z", "2026-12-23T10:00:00Z"),
        ("y", "y"),
        ("N", "N"),
        ("nO", "nO"),
        ("tRue", "tRue"),
        ("nan", "nan"),
        ("inf", "inf"),
        (".", "."),
        ("0x", "0x"),
        ("9b70aa68", "9b70aa68"),
        ("https://a.b/c#d", "https://a.b/c#d"),
    ],
)
def test_a_plain_scalar_is_what_every_reader_takes_it_for(written: str, value: object) -> None:
    found = parse(f"a: {written}\n".encode())["a"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("NO", 'write false, or if it is text, quote it: "NO"'),
        ("no", 'write false, or if it is text, quote it: "no"'),
        ("on", 'write true, or if it is text, quote it: "on"'),
        ("Off", 'write false, or if it is text, quote it: "Off"'),
        ("YES", 'write true, or if it is text, quote it: "YES"'),
        ("010", 'if it is text, quote it: "010"'),
        ("-07", 'if it is text, quote it: "-07"'),
        ("1_000", 'write 1000, or if it is text, quote it: "1_000"'),
        ("1_0.5", 'write 10.5, or if it is text, quote it: "1_0.5"'),
        ("0x1f", 'write 31, or if it is text, quote it: "0x1f"'),
        ("0x1e", 'if it is text, quote it: "0x1e"'),
        ("0o17", 'write 15, or if it is text, quote it: "0o17"'),
        ("0b11", 'write 3, or if it is text, quote it: "0b11"'),
        ("1:20", 'if it is text, quote it: "1:20"'),
        ("190:20:30.15", 'if it is text, quote it: "190:20:30.15"'),
        ("1e-5", 'write 1.0e-05, or if it is text, quote it: "1e-5"'),
        ("1e3", 'write 1000.0, or if it is text, quote it: "1e3"'),
        ("1.5e3", 'write 1500.0, or if it is text, quote it: "1.5e3"'),
        (".5", 'write 0.5, or if it is text, quote it: ".5"'),
        ("1e999", 'if it is text, quote it: "1e999"'),
        ("1.0e+999", 'if it is text, quote it: "1.0e+999"'),
        (".inf", 'if it is text, quote it: ".inf"'),
        ("-.Inf", 'if it is text, quote it: "-.Inf"'),
        (".NaN", 'if it is text, quote it: ".NaN"'),
        ("=", 'if it is text, quote it: "="'),
        ("<<", 'if it is text, quote it: "<<"'),
    ],
)
def test_what_readers_disagree_about_is_refused(written: str, hint: str) -> None:
    assert problem_of(f"x: 1\na: {written}\n".encode()) == Problem(
        f"{written!r} means different things to different readers", 2, hint
    )


@pytest.mark.parametrize("key", ["NO", "on", "010", "1", "1.5", "true", "null", "~", "1:20", "=", "0x1f"])
def test_a_key_that_is_not_text_to_every_reader_is_refused(key: str) -> None:
    assert problem_of(f"a:\n  {key}: 1\n".encode()) == Problem(
        f"the key {key!r} is not text to every reader", 2, f"quote it: {quoted(key)}"
    )
    assert parse(f"a:\n  {quoted(key)}: 1\n".encode()) == {"a": {key: 1}}


BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (n + 1, n + 1, b",".join([b"*%c" % n] * 9)) for n in range(ord("a"), ord("h"))
)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", Problem("the document is empty", 1)),
        (b"\n# nothing\n", Problem("the document is empty", 1)),
        (
            b"- a\n",
            Problem("the document is not a mapping of keys to values", 1, "begin with: apiVersion: gitstage/v1"),
        ),
        (
            b"word\n",
            Problem("the document is not a mapping of keys to values", 1, "begin with: apiVersion: gitstage/v1"),
        ),
        (b"~\n", Problem("a value is missing", 1, 'quote it if it is text: "~"')),
        (b"---\n", Problem("a value is missing", 2, "give it one, or leave it out")),
        (b"x: 1\na:\n", Problem("the key 'a' has no value", 2, "give it one, or leave it out")),
        (b"x: 1\na: null\n", Problem("the key 'a' has no value", 2, 'quote it if it is text: "null"')),
        (b"a:\n- 1\n-\n", Problem("a value is missing", 3, "give it one, or leave it out")),
        (
            b"\xef\xbb\xbfa: b\n",
            Problem("the document begins with a byte order mark", 1, "save it as UTF-8 without BOM"),
        ),
        (b"a: b\nc: \xff\n", Problem("the document is not UTF-8", 2, "save it as UTF-8")),
        (b"a: \xed\xa0\x80\n", Problem("the document is not UTF-8", 1, "save it as UTF-8")),
        ("a: b\n".encode("utf-16"), Problem("the document is not UTF-8", 1, "save it as UTF-8")),
        (
            b"a: b\nc: d\x00\n",
            Problem("the document has a control character, U+0000", 2, 'in text, write it as an escape: "\\u0000"'),
        ),
        (
            b"a: b\rc: d\n",
            Problem("the document has a control character, U+000D", 1, 'in text, write it as an escape: "\\u000d"'),
        ),
        (
            "a: b # \u202e\n".encode(),
            Problem("the document has a control character, U+202E", 1, 'in text, write it as an escape: "\\u202e"'),
        ),
        (
            "a: b\u2028c: d\n".encode(),
            Problem("the document has a control character, U+2028", 1, 'in text, write it as an escape: "\\u2028"'),
        ),
        (
            "a: b\nc: \x85\n".encode(),
            Problem("the document has a control character, U+0085", 2, 'in text, write it as an escape: "\\u0085"'),
        ),
        (b"%YAML 1.1\n---\na: b\n", Problem("a directive (%) is not allowed", 1)),
        (b"# x\n%TAG ! !a\n---\na: b\n", Problem("a directive (%) is not allowed", 2)),
        (b"a: b\n---\nc: d\n", Problem("a second document is not allowed", 2, "remove what follows '---'")),
        (b"a: b\n...\n---\nc: d\n", Problem("a second document is not allowed", 3, "remove what follows '---'")),
        (b"a: b\n...\nc: d\n", Problem("this is not YAML: did not find expected <document start>", 3)),
        (b"a: 1\nb: 2\na: 3\n", Problem("duplicate key 'a'", 3, "keep one of them")),
        (b'a: 1\n"\\u0061": 3\n', Problem("duplicate key 'a'", 2, "keep one of them")),
        (b"x: {a: 1, a: 1}\n", Problem("duplicate key 'a'", 1, "keep one of them")),
        (b"a: &x b\n", Problem("an anchor (&) is not allowed", 1, "write the value out where it is needed")),
        (b"a: &x {b: c}\n", Problem("an anchor (&) is not allowed", 1, "write the value out where it is needed")),
        (b"&x a: b\n", Problem("an anchor (&) is not allowed", 1, "write the value out where it is needed")),
        (b"<<: {a: b}\n", Problem("a merge key (<<) is not allowed", 1, "write out what it stands for")),
        (b"a: !!str 1\n", Problem("a tag (!) is not allowed", 1, "remove it, or quote the text")),
        (
            b"a: !!python/object/apply:os.system [x]\n",
            Problem("a tag (!) is not allowed", 1, "remove it, or quote the text"),
        ),
        (b"a: ! b\n", Problem("a tag (!) is not allowed", 1, "remove it, or quote the text")),
        (b"a: !!binary |\n  aGk=\n", Problem("a tag (!) is not allowed", 1, "remove it, or quote the text")),
        (b"? [a]\n: b\n", Problem("a key must be text", 1)),
        (b"? {a: b}\n: b\n", Problem("a key must be text", 1)),
        (b"a:\n\tb: c\n", Problem("the document has a tab", 2, 'use spaces; in text write "\\t"')),
        (b"a: b\t# c\n", Problem("the document has a tab", 1, 'use spaces; in text write "\\t"')),
        (
            b"a: @b\n",
            Problem(
                "this is not YAML: found character that cannot start any token", 1, "quote text that begins with a sign"
            ),
        ),
        (b"a: [1, 2\nb: 3\n", Problem("this is not YAML: did not find expected ',' or ']'", 2)),
        (b"a: b: c\n", Problem("this is not YAML: mapping values are not allowed in this context", 1)),
        (b'a: "b\n', Problem("this is not YAML: found unexpected end of stream", 2)),
        (b'a: "\\ud800"\n', Problem("this is not YAML: found invalid Unicode character escape code", 1)),
        (
            b"a: " + b"9" * 19 + b"\n",
            Problem(f"the number {'9' * 19!r} is too big for 64 bits", 1, "quote it if it is text"),
        ),
        (
            b"a: -9223372036854775809\n",
            Problem("the number '-9223372036854775809' is too big for 64 bits", 1, "quote it if it is text"),
        ),
        (
            b"a: " + b"9" * 5000 + b"\n",
            Problem(f"the number '{'9' * 60}…' is too big for 64 bits", 1, "quote it if it is text"),
        ),
    ],
)
def test_what_is_not_strict_is_refused_with_its_line(data: bytes, problem: Problem) -> None:
    assert problem_of(data) == problem


def test_an_alias_is_refused_at_once() -> None:
    assert problems_of(b"a: &x b\nc: *x\n") == (
        Problem("an anchor (&) is not allowed", 1, "write the value out where it is needed"),
        Problem("an alias (*) is not allowed", 2, "write out what it stands for"),
    )


def test_every_problem_is_said_not_only_the_first() -> None:
    with pytest.raises(DocumentError) as caught:
        parse(b"a: NO\nb: 1\nb: 010\nc: !x y\n")
    error = caught.value
    assert [problem.line for problem in error.problems] == [1, 3, 3, 4]
    assert str(error) == (
        "line 1: 'NO' means different things to different readers "
        '(write false, or if it is text, quote it: "NO")\n'
        "line 3: duplicate key 'b' (keep one of them)\n"
        "line 3: '010' means different things to different readers (if it is text, quote it: \"010\")\n"
        "line 4: a tag (!) is not allowed (remove it, or quote the text)"
    )
    assert error.hint is None


def test_one_hint_for_all_stands_beside_the_message() -> None:
    error = DocumentError([Problem("second", 2, "do this"), Problem("first", None, "do this")])
    assert (str(error), error.hint, error.exit_code) == ("first\nline 2: second", "do this", 2)


def test_a_document_of_nothing_but_problems_ends_after_some() -> None:
    assert len(problems_of(b"".join(b"a%d: NO\n" % number for number in range(1000)))) == canonical.MAX_PROBLEMS


def test_the_bomb_is_refused() -> None:
    assert problems_of(BOMB)[-1] == Problem("an alias (*) is not allowed", 2, "write out what it stands for")


def test_ten_megabytes_are_refused_before_anything_is_read() -> None:
    data = b"a: " + b"x" * 10_000_000
    start = time.process_time()
    assert problem_of(data) == Problem("the document has 10000003 bytes; at most 1000000 are read")
    assert time.process_time() - start < 0.5
    assert problem_of(b"a: b\n", limit=4) == Problem("the document has 5 bytes; at most 4 are read")
    assert parse(b"a: b\n", limit=5) == {"a": "b"}


def nested(levels: int) -> bytes:
    return b"a: " + b"[" * (levels - 1) + b"]" * (levels - 1)


def test_twenty_levels_are_read_and_no_more() -> None:
    assert parse(nested(20))
    assert problem_of(nested(21)) == Problem("the document is nested deeper than 20 levels", 1)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 900_000,
        b"{" * 900_000,
        b"- " * 400_000,
        b"? " * 400_000,
        b"a: " + b"{a: " * 200_000,
        b"a: " + b"1" * 900_000 + b"x",
        b"a: " + b"1_" * 450_000 + b"x",
        b"a: 1" + b":1" * 450_000 + b"x",
        b"a: " + b"a b" * 300_000,
        b"a: b\n" + b"#" * 900_000,
        b"&a " * 300_000,
        b"!a " * 300_000,
        b"%TAG !a! b\n" * 80_000,
        b"a: '" + b"''" * 450_000,
        b"\n" * 900_000,
        b"a: |\n" + b" \n" * 400_000,
        b"*a " * 300_000,
        b"a" * 900_000,
        b"a\n" * 400_000,
    ],
    ids=lambda data: data[:12].decode(),
)
def test_no_document_takes_long_or_exhausts_the_stack(data: bytes) -> None:
    start = time.process_time()
    with suppress(DocumentError):
        parse(data)
    assert time.process_time() - start < 10


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))))
@example(b"\x80")
@example(b"a: \xf4\x90\x80\x80")
def test_no_bytes_make_the_reader_raise_anything_else(data: bytes) -> None:
    with suppress(DocumentError):
        parse(data)
    lines_of(data)


YAMLISH = st.lists(
    st.sampled_from([*"abc01:-?&*!|>%@`'\"{}[],#~<=. \n", "\n  ", "a: ", "- ", "---\n", "<<: ", "\\", "é", "\t", "NO"]),
    max_size=30,
).map(lambda parts: "".join(parts).encode())


@settings(max_examples=1000, deadline=None)
@given(YAMLISH)
def test_what_is_read_is_what_pyyaml_reads(data: bytes) -> None:
    """Whatever the strict reader takes, an ordinary one takes for the same, but for dates, which are text to it."""
    try:
        found = parse(data)
    except DocumentError:
        return
    assert found == loaded(data)


class WithoutDates(yaml.CSafeLoader):
    yaml_implicit_resolvers = {  # noqa: RUF012 - as in the class above it
        key: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for key, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def loaded(data: bytes) -> object:
    return yaml.load(data, WithoutDates)


# Without libyaml


@pytest.fixture
def without_libyaml(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delattr(yaml, "CSafeLoader")
    canonical._loader_class.cache_clear()
    yield
    canonical._loader_class.cache_clear()


@pytest.mark.usefixtures("without_libyaml")
def test_where_yaml_has_no_c_loader_the_slow_one_says_the_same() -> None:
    assert canonical._loader_class() is yaml.SafeLoader
    data = b"a:\n- b: 'c'\n  d: 1.5\ne: {f: [true]}\n"
    assert parse(data) == {"a": [{"b": "c", "d": 1.5}], "e": {"f": [True]}}
    assert lines_of(data)[("a", 0, "d")] == 3
    assert problems_of(b"a: &x b\nb: NO\nb: ! c\n") == (
        Problem("an anchor (&) is not allowed", 1, "write the value out where it is needed"),
        Problem("'NO' means different things to different readers", 2, 'write false, or if it is text, quote it: "NO"'),
        Problem("duplicate key 'b'", 3, "keep one of them"),
        Problem("a tag (!) is not allowed", 3, "remove it, or quote the text"),
    )
    assert problem_of(b'a: "\\ud800"\n') == Problem("half of a surrogate pair is no character", 1)
    assert problem_of(b"a: [\n").line == 2
    assert parse(b"a: ''\n") == {"a": ""}


def test_an_error_of_the_reader_without_a_place_is_said_without_a_line() -> None:
    assert canonical._syntax_problem(yaml.YAMLError("odd")) == Problem("this is not YAML: odd")


# Lines

LINED = b"""\
# a policy
stages:
  staging:
    from: [registered,
           archived]
  production: {from: [staging],
    gates: [x]}
items:
- name: a
  uri: b
-
  name: c
"""


@pytest.mark.parametrize(
    ("location", "line"),
    [
        ((), 2),
        (("stages",), 2),
        (("stages", "staging"), 3),
        (("stages", "staging", "from"), 4),
        (("stages", "staging", "from", 0), 4),
        (("stages", "staging", "from", 1), 5),
        (("stages", "production", "gates", 0), 7),
        (("items", 0, "uri"), 10),
        (("items", 1), 12),
        (("items", 1, "name"), 12),
        (("stages", "staging", "sok"), 3),
        (("stages", "canary", "from", 3), 2),
        (("nowhere",), 2),
    ],
)
def test_the_line_of_a_key_or_of_what_is_deepest_on_the_way_to_it(location: tuple[str | int, ...], line: int) -> None:
    assert line_of(LINED, location) == line


def test_lines_are_known_as_far_as_the_document_can_be_read() -> None:
    assert lines_of(b"a: 1\nb: [\n") == {(): 1, ("a",): 1, ("b",): 2}
    assert line_of(b"\xff", ["a"]) is None


# What is written


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "Z",
        "_",
        "/",
        "0a",
        "9b70aa68",
        "1.1.0",
        "1.0.0-rc.1",
        "10.0.0-alpha.1",
        "2026.11.23",
        "1-2",
        "12e",
        "e12",
        "fraud-detector",
        "risk/fraud-detector",
        "artifacts/m/1.0.0/model.onnx",
        "s3://acme-models/a/b.onnx",
        "https://mlflow.acme.dev/#/experiments/7/runs/ab12",
        "git@github.com:acme/fraud.git",
        "a:b",
        "a#b",
        "Retrained with the spring data.",
        "it's (really) fine; 100% & more, <b>, x|y, a=b, a*b, $x, ~y!?",
        "größe",
        "日本語",
        "nay",
        "yess",
        "onn",
        "no1",
        "nullx",
        "y1",
        "1y",
        "20261123x",
        "2026-11",
        "2026-11-23-rc",
        "1.2.3.4",
        "1:60x",
        "a" * 5000,
        "\U0001f600",
    ],
)
def test_what_is_surely_text_is_plain(text: str) -> None:
    assert scalar(text) == text
    assert parse(f"a: {text}\n".encode()) == {"a": text} == yaml.safe_load(f"a: {text}\n")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", '""'),
        (" ", '" "'),
        (" a", '" a"'),
        ("a ", '"a "'),
        ("a  b", '"a  b"'),
        ("a: b", '"a: b"'),
        ("a:", '"a:"'),
        ("a #b", '"a #b"'),
        ("#a", '"#a"'),
        ("- a", '"- a"'),
        ("-a", '"-a"'),
        ("+a", '"+a"'),
        (".a", '".a"'),
        ("~", '"~"'),
        ("=", '"="'),
        ("<<", '"<<"'),
        ("?a", '"?a"'),
        ("&a", '"&a"'),
        ("*a", '"*a"'),
        ("!a", '"!a"'),
        ("|a", '"|a"'),
        (">a", '">a"'),
        ("%a", '"%a"'),
        ("@a", '"@a"'),
        ("`a", '"`a"'),
        ("a`b", '"a`b"'),
        ("a[0]", '"a[0]"'),
        ("a{b}", '"a{b}"'),
        ('say "hi"', '"say \\"hi\\""'),
        ("a\\b", '"a\\\\b"'),
        ("'a'", "\"'a'\""),
        ("null", '"null"'),
        ("NULL", '"NULL"'),
        ("True", '"True"'),
        ("fAlse", '"fAlse"'),
        ("yes", '"yes"'),
        ("No", '"No"'),
        ("on", '"on"'),
        ("OFF", '"OFF"'),
        ("y", '"y"'),
        ("N", '"N"'),
        ("1", '"1"'),
        ("007", '"007"'),
        ("1.0", '"1.0"'),
        ("1.", '"1."'),
        ("1_000", '"1_000"'),
        ("1,000", '"1,000"'),
        ("1e5", '"1e5"'),
        ("1.5E-3", '"1.5E-3"'),
        ("12345678e10", '"12345678e10"'),
        ("0x1F", '"0x1F"'),
        ("0o17", '"0o17"'),
        ("0b101", '"0b101"'),
        ("12:30", '"12:30"'),
        ("12:30:45.5", '"12:30:45.5"'),
        ("2026-11-23", '"2026-11-23"'),
        ("2026-1-2", '"2026-1-2"'),
        ("2026-11-23T10:00:00Z", '"2026-11-23T10:00:00Z"'),
        ("2026-11-23 10:00", '"2026-11-23 10:00"'),
        ("a\nb", '"a\\nb"'),
        ("a\tb", '"a\\tb"'),
        ("a\rb", '"a\\rb"'),
        ("\x00\x07\x08\x0c\x1b\x7f", '"\\u0000\\u0007\\b\\f\\u001b\\u007f"'),
        ("\x85\xa0\xad", '"\\u0085\\u00a0\\u00ad"'),
        ("a\u2028b\u2029", '"a\\u2028b\\u2029"'),
        ("\ufeffa", '"\\ufeffa"'),
        ("abc\u202ednes", '"abc\\u202ednes"'),
        ("zero\u200bwidth\u200d", '"zero\\u200bwidth\\u200d"'),
        ("\ufffe\uffff", '"\\ufffe\\uffff"'),
        ("tag\U000e0041", '"tag\\U000e0041"'),
        ("\U0010ffff", '"\\U0010ffff"'),
        ("é: ö", '"é: ö"'),
    ],
)
def test_what_is_not_surely_text_is_quoted(text: str, written: str) -> None:
    assert scalar(text) == written
    assert parse(f"a: {written}\n".encode()) == {"a": text} == yaml.safe_load(f"a: {written}\n")
    if max(text, default="") <= "\uffff":
        assert json.loads(written) == text


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-5, "-5"),
        (BIGGEST - 1, "9223372036854775807"),
        (0.5, "0.5"),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (1e-05, "1.0e-05"),
        (1.5e-05, "1.5e-05"),
        (0.0001, "0.0001"),
        (1e15, "1000000000000000.0"),
        (1e16, "1.0e+16"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (5e-324, "5.0e-324"),
        (0.1 + 0.2, "0.30000000000000004"),
    ],
)
def test_numbers_have_one_form_that_both_yamls_take_for_a_number(value: object, written: str) -> None:
    assert scalar(value) == written
    for found in (parse(f"a: {written}\n".encode())["a"], yaml.safe_load(f"a: {written}\n")["a"]):
        assert (found, type(found), str(found)) == (value, type(value), str(value))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "an empty mapping cannot be written"),
        ({"a": {}}, "an empty mapping cannot be written"),
        ({"a": []}, "an empty sequence cannot be written"),
        ({"a": [[]]}, "an empty sequence cannot be written"),
        ({"a": None}, "a NoneType cannot be written"),
        ({"a": [b"x"]}, "a bytes cannot be written"),
        ({"a": Decimal(1)}, "a Decimal cannot be written"),
        ({"a": float("nan")}, "nan is not a number that can be written"),
        ({"a": float("-inf")}, "-inf is not a number that can be written"),
        ({"a": BIGGEST}, "a number is too big for 64 bits"),
        ({"a": -BIGGEST - 1}, "a number is too big for 64 bits"),
        ({"a": "\ud800"}, "half of a surrogate pair is no character"),
        ({"\udfff": 1}, "half of a surrogate pair is no character"),
        ({1: 2}, "the key 1 is not text"),
        ({"k" * 1001: 1}, f"the key '{'k' * 60}…' is longer than 1000 characters"),
    ],
)
def test_what_has_no_place_in_the_form_is_refused(document: Mapping[str, object], message: str) -> None:
    with pytest.raises(DocumentError, match=f"^{re.escape(message)}$"):
        dump(document)


def test_a_value_deeper_than_can_be_read_is_not_written() -> None:
    value: object = 1
    for _ in range(20):
        value = {"a": value}
    assert isinstance(value, dict)
    assert parse(dump(value)) == value
    for deeper in ({"a": value}, {"a": [value]}):
        with pytest.raises(DocumentError, match="more than 20 levels"):
            dump(deeper)
    items: object = 1
    for _ in range(19):
        items = [items]
    assert parse(dump({"a": items})) == {"a": items}
    with pytest.raises(DocumentError, match="more than 20 levels"):
        dump({"a": [items]})


STRINGS: dict[str, object] = {
    "plain": "Retrained with the spring data.",
    "empty": "",
    "number": "1.0",
    "version": "1.1.0",
    "digest": "9b70aa689b70aa689b70aa689b70aa689b70aa68",
    "digits": "1234567890123456789012345678901234567890",
    "date": "2026-11-23",
    "norway": "NO",
    "url": "https://mlflow.acme.dev/#/experiments/7/runs/ab12",
    "lines": "one\ntwo\n\tthree",
    "quotes": 'she said "it\'s \\ fine"',
    "colon": "a: b",
    "hash": "a #b",
    "umlaut": "Größe 10 µm",
    "bidi": "abc\u202edef",
    "emoji": "\U0001f600\ufe0f",
    "on": "a key that is quoted",
    "a key: with #everything": True,
    "nested": {"list": [1, 2.5, "three", ["four", {"five": 5, "six": [6]}]], "map": {"deep": {"deeper": "x"}}},
    "maps": [{"a": 1, "b": {"c": 2}}, {"d": [{"e": 3}]}],
}


def test_the_form_is_the_golden_one() -> None:
    """If this fails the form has changed: that is a new apiVersion, or a mistake."""
    golden = (GOLDEN / "strings.yaml").read_bytes()
    assert dump(STRINGS) == golden
    assert parse(golden) == STRINGS == yaml.safe_load(golden)


TEXTS = st.one_of(
    st.text(max_size=20),
    st.text(alphabet="0123456789_.,:eExXoObB+-aAfF TZ", max_size=12),
    st.sampled_from(
        ["yes", "No", "on", "y", "null", "~", "=", "<<", "-", "?", ":", "#", "a: b", "---", "...", "\x85", "\ufeff"]
    ),
)
SCALARS = st.one_of(
    TEXTS,
    st.booleans(),
    st.integers(-BIGGEST, BIGGEST - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4), st.dictionaries(TEXTS, inner, min_size=1, max_size=4)
    ),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(TEXTS, VALUES, min_size=1, max_size=6)


def typed(value: object) -> object:
    """A value in which 1, 1.0 and True differ, and -0.0 and 0.0."""
    if isinstance(value, dict):
        return {key: typed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [typed(inner) for inner in value]
    return type(value).__name__, repr(value)


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS)
def test_what_was_written_reads_back_and_is_written_the_same(document: dict[str, object]) -> None:
    data = dump(document)
    assert typed(parse(data)) == typed(document)
    assert dump(parse(data)) == data
    assert data.endswith(b"\n")
    assert b"\r" not in data
    assert list(parse(data)) == list(document)


SIMPLE = st.dictionaries(
    st.sampled_from(["a", "b-c", "d_e"]),
    st.recursive(
        SCALARS,
        lambda inner: st.one_of(
            st.dictionaries(st.sampled_from(["f", "g"]), inner, min_size=1),
            st.lists(st.dictionaries(st.sampled_from(["h", "i"]), SCALARS, min_size=1), min_size=1, max_size=3),
        ),
        max_leaves=8,
    ),
    min_size=1,
)


@settings(max_examples=200, deadline=None)
@given(SIMPLE)
def test_a_plain_document_is_read_quickly(document: dict[str, object]) -> None:
    data = dump(document)
    assert "\\U" in data.decode() or typed(quick(data)) == typed(document)


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.one_of(DOCUMENTS, SIMPLE).map(dump), YAMLISH, st.binary(max_size=40)), st.data())
def test_what_is_read_quickly_is_written_as_the_same_bytes_and_read_the_same_strictly(
    data: bytes, chance: st.DataObject
) -> None:
    at = chance.draw(st.integers(0, len(data)))
    data = data[:at] + chance.draw(st.sampled_from([b"", b"", b"\n", b" ", b"- ", b": ", b"'", b'"', b"#"])) + data[at:]
    lines = data.split(b"\n")
    here, there = (chance.draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    change = chance.draw(st.sampled_from(["", "again", "less", "deeper", "higher"]))
    if change == "again":
        lines.insert(here, lines[there])
    elif change == "less":
        del lines[here]
    elif change:
        lines[here] = b"  " + lines[here] if change == "deeper" else lines[here].removeprefix(b"  ")
    data = b"\n".join(lines)
    guess = quick(data)
    if guess is not None:
        assert dump(guess) == data
        assert typed(guess) == typed(parse(data))


@pytest.mark.parametrize(
    "data",
    [
        b"\xff: 1\n",
        b"a\n",
        b'"a": 1\n',
        b"- a: 1\n",
        b"a: 1\n- b: 2\n",
        b"a:\n    b: 1\n",
        b"a:\n- b\n",
        b"a:\n- - b: 1\n",
        b"  a: 1\n",
        b'a: "\\x"\n',
        b"a: " + b"9" * 5000 + b"\n",
        b"a: 1",
        b"a: 1\n\n",
        b"a: 1 \n",
        b"a:  1\n",
        b"a:1\n",
        b"a: 1\r\n",
        b"a: 1\na: 2\n",
        b"a:\n",
        b"a:\nb: 1\n",
        b"a:\n  - b: 1\n",
        b"a:\n- b:\n- c: 1\n",
        b"a:\n- b: 1\n   c: 2\n",
        b"a:\n  b: 1\n c: 2\n",
        b'a: "x"\n',
        b"a: NO\n",
        b"a: True\n",
        b"a: ~\n",
        b"a: 01\n",
        b"a: +1\n",
        b"a: 1.50\n",
        b"a: 1e400\n",
        b"no: 1\n",
        b"".join(b"  " * depth + b"a:\n" for depth in range(20)) + b"  " * 20 + b"a: 1\n",
        b"a: " + b"x" * canonical.MAX_BYTES + b"\n",
    ],
)
def test_what_is_odd_or_not_canonical_is_not_read_quickly(data: bytes) -> None:
    assert quick(data) is None


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS)
def test_other_readers_of_yaml_1_1_find_the_same(document: dict[str, object]) -> None:
    data = dump(document)
    assert typed(yaml.safe_load(data)) == typed(document)
    assert typed(yaml.load(data, yaml.CSafeLoader)) == typed(document)


@settings(max_examples=150, deadline=None)
@given(DOCUMENTS)
def test_a_reader_of_yaml_1_2_finds_the_same(document: dict[str, object]) -> None:
    from ruamel.yaml import YAML

    reader = YAML(typ="safe", pure=True)
    reader.version = (1, 2)
    assert typed(reader.load(dump(document))) == typed(document)


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_a_text_in_quotes_is_a_string_of_json(text: str) -> None:
    written = quoted(text)
    assert not canonical.HIDDEN.search(written)
    if "\\U" not in written:
        assert json.loads(written) == text


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS, st.data())
def test_the_line_of_every_value_is_where_it_stands(document: dict[str, object], data: st.DataObject) -> None:
    written = dump(document)
    key = data.draw(st.sampled_from(sorted(document)))
    line = line_of(written, [key])
    assert line is not None
    assert written.decode().split("\n")[line - 1].startswith(f"{scalar(key)}:")


# Whether it is canonical


@pytest.mark.parametrize(
    ("data", "message", "line"),
    [
        (b"a: 1\r\nb: 2\r\n", "lines end with CRLF, and must end with LF", 1),
        (b"a: 1\nb: 2", "a line feed at the end is missing", 2),
        (b"a: 1\nb: 2\n\n", "it goes on where it should end", 3),
        (b"a: 1\nb: 2\n# c\n", "it says '# c' and not ''", 3),
        (b"b: 2\na: 1\n", "it says 'b: 2' and not 'a: 1'", 1),
        (b"a: 1\nb: '2'\n", "it says \"b: '2'\" and not 'b: 2'", 2),
        (b"a: 1\nb:  2\n", "it says 'b:  2' and not 'b: 2'", 2),
        (b"a: 1 \nb: 2\n", "it says 'a: 1 ' and not 'a: 1'", 1),
    ],
)
def test_what_is_not_canonical_is_refused_with_the_first_line_that_differs(
    data: bytes, message: str, line: int
) -> None:
    with pytest.raises(DocumentError) as caught:
        canonical.check_canonical(data, b"a: 1\nb: 2\n")
    assert caught.value.problems == (Problem(f"not in canonical form: {message}", line, "run: gitstage fmt FILE"),)


def test_of_long_lines_the_part_that_differs_is_shown() -> None:
    with pytest.raises(DocumentError, match="it says '1' and not '2'"):
        canonical.check_canonical(b"a: " + b"x" * 77 + b"1\n", b"a: " + b"x" * 77 + b"2\n")


def test_the_canonical_form_passes() -> None:
    canonical.check_canonical(b"a: 1\n", b"a: 1\n")


# What it costs


def test_the_form_needs_nothing_but_the_standard_library_to_be_imported() -> None:
    import subprocess
    import sys

    code = "import sys, gitstage.canonical; print(sorted(m for m in sys.modules if m.split('.')[0] in ('yaml', 'pydantic')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# What the manual says of it

MANUAL = (Path(__file__).parents[1] / "docs" / "reference" / "manifest.md").read_text("utf-8")


def test_the_manual_lists_the_hidden_characters() -> None:
    paragraph = re.search(r"\*\*Hidden characters\*\*[^\n]*\n([^\n]*)\n", MANUAL)
    assert paragraph is not None
    ends = [[int(end, 16) for end in re.findall(r"U\+([0-9A-F]+)", listed)] for listed in paragraph[1].split(", ")]
    listed = {code for end in ends for code in range(end[0], end[-1] + 1)}
    assert listed == {code for code in range(0x110000) if canonical.HIDDEN.search(chr(code))}


def text_is_plain_by_the_manual(text: str) -> bool:
    """The six rules of the manual, written down in another way than the emitter has them."""
    looks = re.findall(r"^   - `(.*)`$", MANUAL, re.MULTILINE)
    marks = re.search(r"of spaces, and of ``(.*)``", MANUAL)
    assert len(looks) == 4
    assert marks is not None

    def is_word(character: str) -> bool:
        return character > "\x7f" or character.isalnum() or character in "_/"

    return (
        bool(text)
        and is_word(text[0])
        and all(is_word(character) or character in f" {marks[1]}" for character in text)
        and not re.search(r" ( |#|\Z)|:( |\Z)", text)
        and not canonical.HIDDEN.search(text)
        and text.lower() not in ("null", "true", "false", "yes", "no", "on", "off", "y", "n")
        and not any(re.fullmatch(look, text) for look in looks)
    )


@settings(max_examples=1000, deadline=None)
@given(TEXTS)
@example("2026-11-23T")
@example("1,000.5")
@example("a\x7f")
@example("K")
def test_text_is_plain_where_the_manual_says_so(text: str) -> None:
    assert (scalar(text) == text) == text_is_plain_by_the_manual(text)
