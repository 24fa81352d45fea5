from __future__ import annotations

import io
import sys

import pytest

from gitstage.cli.output import ascii_only, coloured, print_json, print_line, print_table


@pytest.mark.parametrize(("terminal", "no_color", "answer"), [(True, "", True), (True, "1", False), (False, "", False)])
def test_colour_is_for_terminals_and_never_with_no_color(
    monkeypatch: pytest.MonkeyPatch, *, terminal: bool, no_color: str, answer: bool
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    monkeypatch.setenv("NO_COLOR", no_color)
    assert coloured() is answer


@pytest.mark.parametrize(
    ("encoding", "answer"), [("ascii", True), ("latin-1", True), ("utf-8", False), ("UTF8", False)]
)
def test_what_cannot_show_more_than_ascii_gets_no_more(
    monkeypatch: pytest.MonkeyPatch, encoding: str, *, answer: bool
) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert ascii_only() is answer
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert ascii_only(err=True) is answer


def test_a_line_acts_on_no_terminal_and_goes_where_it_belongs(capsys: pytest.CaptureFixture[str]) -> None:
    print_line("a\x1b[31m\nb → c")
    print_line("::error::d", err=True, nl=False)
    said = capsys.readouterr()
    assert (said.out, said.err) == ("a\\x1b[31m\\nb → c\n", "\\x3a:error::d")


def test_tables_and_json_go_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["a", "b"], [["1", "x"]], below=["why"])
    print_json({"a": "##[error]<"})
    assert capsys.readouterr().out == 'a  b\n1  x\n    why\n{\n  "a": "#\\u0023[error]\\u003c"\n}\n'
