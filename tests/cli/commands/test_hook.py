"""`gitstage hook` as git and an operator run it."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from gitstage.cli.commands.hook import command
from gitstage.cli.main import run
from gitstage.git.creation import create
from gitstage.operations import receive
from gitstage.operations.guarded import Objection
from gitstage.operations.receive import Received

Hook = Callable[..., tuple[int, str]]
NOTHING, SOME = "0" * 40, "a" * 40
LINE = f"{NOTHING} {SOME} refs/heads/main\n"


@pytest.fixture
def server(tmp_path: Path) -> Path:
    create(tmp_path / "models.git", branch="main", bare=True).close()
    return tmp_path / "models.git"


@pytest.fixture
def pushed(server: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Hook:
    """Runs the hook on what git says to it: how it ends, and what the pusher is told."""

    def push(*options: str, said: str | bytes = LINE) -> tuple[int, str]:
        data = said if isinstance(said, bytes) else said.encode()
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))
        monkeypatch.chdir(server)
        code = run(("hook", "pre-receive", *options))
        out, err = capsys.readouterr()
        assert out == ""
        return code, err

    return push


def answer(monkeypatch: pytest.MonkeyPatch, judge: Callable[..., Received]) -> None:
    monkeypatch.setattr(receive, "run", judge)


def test_a_hook_is_installed_with_what_the_operator_says(server: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        "-C",
        str(server),
        "hook",
        "install",
        "pre-receive",
        "--user-variable",
        "WHO",
        "--trunk",
        "a",
        "--trunk",
        "b",
    )
    assert run(words) == 0
    path = server / "hooks" / "pre-receive"
    assert capsys.readouterr().out == f"pre-receive: {path} written\n"
    assert path.read_text("utf-8").endswith("hook pre-receive --user-variable WHO --trunk a --trunk b\n")
    assert run(words) == 0
    assert capsys.readouterr().out == f"pre-receive: {path} is there already\n"


def test_a_hook_that_gitstage_does_not_know_is_not_installed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(("hook", "install", "post-checkout")) == 2
    assert "gitstage hook install" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(command.commands))
def test_every_hook_has_help_with_an_example_of_its_own(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["hook", name, "--help"]) == 0
    assert f"  gitstage hook {name}" in capsys.readouterr().out


def test_what_is_let_in_is_let_in_without_a_word(pushed: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, lambda *_, **__: Received())
    assert pushed() == (0, "")


def test_an_objection_is_told_with_what_to_do_and_nothing_in_it_acts_on_a_terminal(
    pushed: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    objection = Objection(ref="refs/heads/\x1b[2J", rule="trunk-continues", message="no\nway", hint="git \u202epush")
    other = Objection(ref="refs/tags/x", rule="conflict", message="::error::x")
    answer(monkeypatch, lambda *_, **more: Received(user=more["user"], objections=(objection, other)))
    monkeypatch.setenv("REMOTE_USER", "al\x07ice")
    assert pushed() == (
        1,
        (
            "gitstage: refused, nothing of this push is let in (pushed by al\\x07ice)\n"
            "refs/heads/\\x1b[2J: trunk-continues: no\\nway\n"
            "  try: git \\u202epush\n"
            "refs/tags/x: conflict: ::error::x\n"
        ),
    )


@pytest.mark.parametrize(
    ("variables", "options", "user"),
    [
        ({}, (), None),
        ({"REMOTE_USER": "alice"}, (), "alice"),
        ({"GL_USERNAME": "bob"}, (), "bob"),
        ({"REMOTE_USER": "", "GL_USERNAME": "bob"}, (), "bob"),
        ({"REMOTE_USER": "alice", "GL_USERNAME": "bob"}, (), "alice"),
        ({"REMOTE_USER": "alice", "GL_USER": "carol"}, ("--user-variable", "GL_USER"), "carol"),
        ({"REMOTE_USER": "alice"}, ("--user-variable", "GL_USER"), None),
    ],
)
def test_who_pushes_is_who_the_server_says(
    pushed: Hook,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    options: tuple[str, ...],
    user: str | None,
) -> None:
    for name in ("REMOTE_USER", "GL_USERNAME", "GL_USER"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    seen: list[object] = []

    def judge(*_: object, **more: object) -> Received:
        seen.append(more["user"])
        return Received()

    answer(monkeypatch, judge)
    assert pushed(*options) == (0, "")
    assert seen == [user]


def test_what_cannot_be_judged_is_not_let_in(pushed: Hook) -> None:
    assert pushed(said="rubbish\n") == (
        1,
        (
            "gitstage: this push could not be judged, and is not let in\n"
            "  'rubbish' is not what git says to a pre-receive hook\n"
            "  try: man githooks\n"
        ),
    )
    code, said = pushed(said=b"\xff\n")
    assert code == 1
    assert "could not be judged" in said


def test_objects_that_are_not_there_are_not_let_in(pushed: Hook) -> None:
    code, said = pushed()
    assert code == 1
    assert "could not be judged" in said


def test_a_bug_of_ours_lets_nothing_in_and_shows_nothing_of_the_server(
    pushed: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(*_: object, **__: object) -> Received:
        raise ZeroDivisionError("division by\nzero")

    answer(monkeypatch, bug)
    assert pushed() == (
        1,
        (
            "gitstage: this push could not be judged, and is not let in\n"
            "  this is a bug of gitstage: ZeroDivisionError: division by\n"
            "  zero\n"
            "  try: ask whoever runs this server\n"
        ),
    )


def test_judging_that_takes_too_long_lets_nothing_in(pushed: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(*_: object, **__: object) -> Received:
        time.sleep(20)
        return Received()

    answer(monkeypatch, sleep)
    before = signal.getsignal(signal.SIGALRM)
    code, said = pushed("--timeout", "0.2")
    assert (code, said) == (
        1,
        (
            "gitstage: this push could not be judged, and is not let in\n"
            "  judging took longer than 0.2 seconds\n"
            "  try: push less at once\n"
        ),
    )
    assert signal.getsignal(signal.SIGALRM) == before


def test_a_repository_in_a_namespace_of_git_is_not_judged_by_the_refs_of_another(
    pushed: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_NAMESPACE", "tenant")
    code, said = pushed()
    assert code == 1
    assert "namespace" in said


STUCK = """
import sys
from gitstage.cli.commands import hook
from gitstage.cli.main import run
from gitstage.operations import receive

def stuck(*_, **__):
    while True:
        try:
            while True:
                pass
        except Exception:
            pass

hook.FUSE = 0.3
receive.run = stuck
sys.exit(run(("hook", "pre-receive", "--timeout", "0.2")))
"""


def test_judging_that_does_not_hear_that_its_time_is_over_is_ended(server: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STUCK], cwd=server, input=LINE.encode(), capture_output=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (1, b"")
    # On a slow machine it may just have heard.
    assert done.stderr == b"" or b"judging took longer than" in done.stderr
