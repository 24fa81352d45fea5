from __future__ import annotations

import html
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from gitstage.sinks import (
    json_document,
    markdown,
    markdown_code,
    terminal,
    visible,
    workflow_message,
    workflow_property,
)
from tests.reports.runner import commands_in

PIECES = (
    *"`*_[]()~#@!$<>&\\|:=+-^%;\"'{}. abé日😀\n\r\t\0\x1b\x7f\x9b\u202e\u2066\u2028\u200b\ufeff\u3164\ue000\udcff",
    *("``", "**", "__", "~~", "&amp;", "&#64;", "\\|", "://", "https://x.org/a", "www.", "www.x.org", "a@b.co"),
    *("mailto:a@b.co", "GH-1", "#12", "@team", "!3", "~bug", "[^1]", "[x](y)", "![x](y)", "<script>x</script>"),
    *("<!--", "-->", "- ", "+ ", "1. ", "123) ", "===", "---", "    ", "::error::x", "::", "##[error]x", ":tada:"),
    *("\x1b[31m", "</td>", "%0A", "%25"),
)
HOSTILE = st.lists(st.sampled_from(PIECES), max_size=8).map("".join) | st.text(max_size=12)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("auc 0.951 → 0.938", "auc 0.951 → 0.938"),
        ("名前 é 😀", "名前 é 😀"),
        ("one\ntwo\r\n\tthree", r"one\ntwo\r\n\tthree"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x9b31m, \x07 and \x7f", r"\x9b31m, \x07 and \x7f"),
        ("user\u202egnp.exe\u2069", r"user\u202egnp.exe\u2069"),
        ("a\u200bb\u3164c\ufe0fd\u2028e\xa0f", r"a\u200bb\u3164c\ufe0fd\u2028e\xa0f"),
        ("a\u3164b", r"a\u3164b"),
        ("\U000e0041", r"\U000e0041"),
        (b"caf\xe9".decode("utf-8", "surrogateescape"), r"caf\xe9"),
        ("\ud800", r"\ud800"),
        ("", ""),
    ],
)
def test_what_would_not_be_seen_is_written_as_an_escape(text: str, seen: str) -> None:
    assert visible(text) == seen


def test_where_only_ascii_can_be_shown_an_arrow_is_drawn_and_a_letter_is_escaped() -> None:
    assert visible("“auc” 0.951 → 0.938 (−0.013) …", ascii_only=True) == '"auc" 0.951 -> 0.938 (-0.013) ...'
    assert visible("é 日 😀\n", ascii_only=True) == r"\xe9 \u65e5 \U0001f600\n"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("::error file=a::b", r"\x3a:error file=a::b"),
        ("  ::stop-commands::x", r"  \x3a:stop-commands::x"),
        ("see ##[add-mask]x", r"see #\x23[add-mask]x"),
        ("###[error]x", r"##\x23[error]x"),
        (": and a::b and # [x]", ": and a::b and # [x]"),
    ],
)
def test_a_log_that_obeys_commands_finds_none(text: str, seen: str) -> None:
    assert terminal(text) == seen
    assert bool(commands_in(text)) == (text != seen)
    assert commands_in(seen) == []


@given(HOSTILE, st.booleans())
def test_text_for_a_terminal_is_one_line_that_hides_nothing_and_commands_nobody(text: str, ascii_only: bool) -> None:
    written = terminal(text, ascii_only=ascii_only)
    assert written.isprintable()
    assert written.isascii() or not ascii_only
    assert commands_in(written) == []


def test_a_workflow_command_is_escaped_as_the_runner_reads_it() -> None:
    assert workflow_message("100%: a, b", "next: x") == "100%25: a, b%0Anext: x"
    assert workflow_property("100%: a, b\r\n") == r"100%25%3A a%2C b\r\n"


@given(HOSTILE, HOSTILE, HOSTILE)
def test_a_workflow_command_arrives_with_the_words_that_were_sent(title: str, first: str, second: str) -> None:
    command = f"::error title={workflow_property(title)}::{workflow_message(first, second)}\n"
    shown = terminal(title).rstrip()  # the runner trims what follows the command
    properties = {"title": shown} if shown else {}
    assert commands_in(command) == [("error", properties, f"{terminal(first)}\n{terminal(second)}")]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("latency_p99_ms is 12, at most 11", "latency_p99_ms is 12, at most 11"),
        ("a | b", "a &#124; b"),
        ("`rm` *now* _now_ ~~no~~", "&#96;rm&#96; &#42;now&#42; &#95;now&#95; &#126;&#126;&#8203;no&#126;&#126;"),
        ("<script>&", "&lt;script&gt;&amp;"),
        ("[x](http://y)", "&#91;x&#93;(http&#58;//y)"),
        ("see www.x.org", "see www&#46;x.org"),
        ("cc @team, #12, GH-3", "cc @&#8203;team, &#35;&#8203;12, GH&#8203;-3"),
        (":tada: at 14:00", "&#58;&#8203;tada: at 14:00"),
        ("$x$ for 5 $", "<span>$</span>&#8203;x<span>$</span> for 5 <span>$</span>"),
        ("- a", "&#45; a"),
        ("12. a", "12&#46; a"),
        ("1.2.0", "1.2.0"),
        ("  a\nb  ", r"a&#92;nb"),
    ],
)
def test_markdown_reads_as_it_is(text: str, written: str) -> None:
    assert markdown(text) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("models/m/1.1.0.yaml:3", "`models/m/1.1.0.yaml:3`"),
        ("gitstage promote m@1 --reason …", "`gitstage promote m@1 --reason …`"),
        ("a`b", "<code>a&#96;b</code>"),
        ("a|b@c", "<code>a&#124;b<span>@</span>c</code>"),
        ("<b>", "<code>&lt;b&gt;</code>"),
        (" ", "<code></code>"),
    ],
)
def test_code_is_copied_as_it_is(text: str, written: str) -> None:
    assert markdown_code(text) == written


PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
TAG = re.compile(r"<[^>]*>")


def shown(page: str) -> str:
    return " ".join(html.unescape(TAG.sub("", page)).replace("\u200b", "").split())


@given(HOSTILE)
def test_markdown_shows_the_text_and_does_nothing_else(text: str) -> None:
    for written in (markdown(text), markdown_code(text)):
        seen = " ".join(terminal(text).split())
        for page, tags in (
            (written, {"p"}),
            (f"- x {written}", {"ul", "li"}),
            (f"- {written}", {"ul", "li"}),
            (f"#### x {written}", {"h4"}),
            (f"<details>\n<summary>{written}</summary>\n\nx\n</details>", {"details", "summary", "p"}),
            (f"| a | b |\n|---|---|\n| {written} | {written} |", {"table", "thead", "tbody", "tr", "th", "td"}),
        ):
            made = PARSER.render(page)
            assert set(re.findall(r"</?(\w+)", made)) <= tags | {"span", "code"}, made
            assert seen in shown(made), made


@given(HOSTILE)
def test_nobody_is_called_and_nothing_is_linked(text: str) -> None:
    read = html.unescape(TAG.sub("\0", markdown(text)))
    assert re.search(r"[@#!%^&~$]\w|:[\w+-]+:|\bGH-\d", read) is None
    assert re.search(r"https?:|mailto:|www\.", markdown(text), re.IGNORECASE) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | HOSTILE, lambda inner: st.lists(inner) | st.dictionaries(HOSTILE, inner)
)


@given(JSON)
def test_json_says_the_same_to_whoever_parses_it_and_nothing_to_anybody_else(value: object) -> None:
    written = json_document(value)
    assert json.loads(written) == value
    assert written.isascii()
    assert "<" not in written
    assert commands_in(written) == []


def test_what_json_cannot_say_is_an_error() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        json_document(float("nan"))
