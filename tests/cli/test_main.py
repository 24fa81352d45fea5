from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from gitstage.cli.main import COMMANDS, SUMMARIES, cli, main, run
from tests.cli.shell import Shell

HOUSE = Path(__file__).parents[2]
GITSTAGE = (sys.executable, "-m", "gitstage")


def started(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """gitstage in a process of its own."""
    return subprocess.run(
        [*GITSTAGE, *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(HOUSE), **environment},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.parametrize("name", SUMMARIES)
def test_every_command_has_help_with_an_example_of_its_own(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    said = capsys.readouterr()
    assert f"  gitstage {name}" in said.out
    assert max(map(len, said.out.splitlines())) <= 125
    assert said.err == ""


def test_help_lists_every_command_in_its_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-h"]) == 0
    said = capsys.readouterr().out
    assert [title for title in COMMANDS if f"\n{title}:\n" not in said] == []
    assert [text for text in SUMMARIES.values() if text not in " ".join(said.split())] == []
    assert cli.list_commands(click.Context(cli)) == list(SUMMARIES)
    assert cli.get_command(click.Context(cli), "nix") is None


def test_without_a_command_the_help_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.startswith("Usage: gitstage")) == ("", True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["stauts"], "error: there is no command 'stauts'\n  try: gitstage status\n"),
        (["zzz"], "error: there is no command 'zzz'\n  try: gitstage --help\n"),
        (["--jsn"], "error: no such option '--jsn'\n  try: gitstage --help\n"),
        (["status", "--jsn"], "error: no such option '--jsn'. Did you mean '--json'?\n  try: gitstage status\n"),
        (["status", "a", "b"], "error: got unexpected extra argument (b)\n  try: gitstage status\n"),
        (["-C", "nix", "status"], "error: 'nix' is not a directory\n"),
    ],
)
def test_a_mistake_at_the_command_line_exits_with_2(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    assert capsys.readouterr() == ("", told)


def test_outside_of_a_repository_there_is_something_to_type(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-C", str(tmp_path), "status"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "error: there is no Git repository here, nor in a folder above\n"
        "  try: gitstage init makes one, -C DIR names another\n"
    )


def test_a_bug_of_ours_exits_with_3_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("gitstage.operations.doctor.run", lambda *_: 1 / 0)
    assert run(["doctor"]) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("Traceback")
    assert said.err.splitlines()[-2:] == [
        "error: this is a bug of gitstage: ZeroDivisionError: division by zero",
        "  try: report it with the lines above; nothing half done is left behind",
    ]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_an_interrupted_command_exits_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    def interrupted(*_: object) -> None:
        raise error

    monkeypatch.setattr("gitstage.operations.doctor.run", interrupted)
    assert run(["doctor"]) == 130
    assert capsys.readouterr().err.strip() == "interrupted"


def test_an_error_of_several_lines_is_told_below_each_other_and_acts_on_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from gitstage.errors import Refused

    def failing(*_: object) -> None:
        raise Refused("one\x1b[31m\n::error::two", hint="three\x07")

    monkeypatch.setattr("gitstage.operations.doctor.run", failing)
    assert run(["doctor"]) == 1
    assert capsys.readouterr().err == "error: one\\x1b[31m\n       \\x3a:error::two\n  try: three\\x07\n"


def test_another_error_of_click_is_told_as_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(*_: object) -> None:
        raise click.ClickException("Something is wrong.")

    monkeypatch.setattr("gitstage.operations.doctor.run", failing)
    assert run(["doctor"]) == 2
    assert capsys.readouterr().err == "error: something is wrong\n"


def test_main_exits_with_the_code_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("gitstage ")


ALWAYS_SLOW = {"rich", "jinja2", "importlib.metadata"}
ASKED_FOR = {f"gitstage.{name}" for name in ("approvals", "envelopes", "evidence", "forges", "signatures", "windows")}
"""What is imported where a policy asks for it, and costs those nothing who do not."""


@pytest.mark.parametrize(
    ("words", "slow"),
    [
        (["--help"], {"pydantic", "yaml", "git"}),
        (["resolve", "fraud-detector@production"], {"pydantic", "yaml"}),
        (["check"], ASKED_FOR),
        (["promote", "fraud-detector@production", "--to", "staging", "--dry-run"], ASKED_FOR),
    ],
    ids=["help", "resolve", "check", "promote"],
)
def test_what_has_to_be_quick_imports_nothing_slow(gs: Shell, words: list[str], slow: set[str]) -> None:
    code = (
        "import os, sys\n"
        "def end(code): print(*sorted(sys.modules), file=sys.stderr); sys.stderr.flush(); exit_now(code)\n"
        "exit_now, os._exit = os._exit, end\n"
        "from gitstage.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=gs.story.path,
        env={**os.environ, "PYTHONPATH": str(HOUSE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 4), done.stderr
    assert set(done.stderr.splitlines()[-1].split()) & (slow | ALWAYS_SLOW) == set()


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_whoever_stops_reading_gets_no_traceback(tmp_path: Path, unbuffered: str) -> None:
    with subprocess.Popen(
        [*GITSTAGE, "schema", "manifest"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(HOUSE), "PYTHONUNBUFFERED": unbuffered},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_on_a_terminal_of_ascii_everything_is_ascii(gs: Shell) -> None:
    ascii_terminal = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    for words in (
        ["log", "fraud-detector"],
        ["status"],
        ["doctor"],
        ["check"],
        ["diff", "fraud-detector@1.0.0", "fraud-detector@1.1.0"],
    ):
        done = started(*words, cwd=gs.story.path, **ascii_terminal)
        assert (done.returncode, done.stdout.isascii(), done.stdout.count("\\u")) == (0, True, 0)


def test_ctrl_c_while_pushing_leaves_nothing_half_done(ada: Shell) -> None:
    hook = ada.story.path / ".git" / "hooks" / "pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch ../reached\nsleep 60\n", encoding="utf-8")
    hook.chmod(0o755)
    before = ada.state()
    with subprocess.Popen(
        [*GITSTAGE, "promote", "fraud-detector", "--to", "production", "--push"],
        cwd=ada.story.path,
        env={**os.environ, "PYTHONPATH": str(HOUSE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        until = time.monotonic() + 60
        while not (ada.story.path.parent / "reached").exists() and time.monotonic() < until:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the command and to the git that it runs
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.strip()) == (130, "", "interrupted")
    assert ada.state() == before
    hook.unlink()
    assert ada.run("promote", "fraud-detector", "--to", "production", "--push").code == 0
