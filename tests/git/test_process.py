"""Git processes get what they are given and nothing else, end when they should, and speak cleanly."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from gitstage.git import GitError, process
from gitstage.git.environment import Purpose
from gitstage.git.process import Processes, cleaned
from tests.git.sandbox import Sandbox, executable


@pytest.fixture
def spy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `git` that writes down its arguments and variables instead of doing anything."""
    import git  # its own look at git's version is over before the spy is there

    git.Git()
    folder = tmp_path / "spy"
    executable(folder / "git", f'printf "%s\\n" "$@" > {folder}/arguments; env > {folder}/variables')
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def variables(spy: Path) -> Mapping[str, str]:
    shells_own = {"PWD", "OLDPWD", "SHLVL", "_"}
    rows = (row.split("=", 1) for row in (spy / "variables").read_text(encoding="utf-8").splitlines())
    return {name: value for name, value in rows if name not in shells_own}


def test_a_reading_git_gets_exactly_the_listed_variables(spy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name not in ("PATH", "HOME"):
            monkeypatch.delenv(name)
    for name in ("GIT_DIR", "GIT_TRACE", "LD_PRELOAD_NOT", "GIT_AUTHOR_NAME", "SECRET", "GIT_EXTERNAL_DIFF"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("GIT_REPLACE_REF_BASE", "refs/evil/")
    Processes().run("rev-parse")
    assert variables(spy) == {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "LANGUAGE": "C",
        "LC_ALL": "C",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_GRAFT_FILE": "/dev/null/grafts",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
    }


def test_where_nothing_has_to_be_kept_back_git_is_started_directly(spy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name not in ("PATH", "HOME"):
            monkeypatch.delenv(name)
    executable(spy / "env", "exit 9")
    executable(spy / "git", "exit 0")
    assert Processes().run("rev-parse").status == 0


def test_a_reading_git_runs_no_hooks_and_no_monitor(spy: Path) -> None:
    Processes(("--git-dir=x",)).run("rev-parse", "--all", options=("-c", "a.b=c"))
    assert (spy / "arguments").read_text(encoding="utf-8").splitlines() == [
        "-c", "core.fsmonitor=false", "-c", "core.attributesFile=/dev/null", "-c", "safe.bareRepository=explicit",
        "-c", "core.warnAmbiguousRefs=false", "-c", "core.hooksPath=/dev/null",
        "--git-dir=x", "-c", "a.b=c", "rev-parse", "--all",
    ]  # fmt: skip


def test_a_writing_git_keeps_the_users_hooks_and_identity(spy: Path) -> None:
    Processes(variables={"GIT_INDEX_FILE": "/i"}).run("commit-tree", purpose=Purpose.WRITING)
    assert "core.hooksPath=/dev/null" not in (spy / "arguments").read_text(encoding="utf-8")
    given = variables(spy)
    assert (given["GIT_AUTHOR_NAME"], given["GIT_COMMITTER_EMAIL"]) == ("Ada Author", "cleo@example.com")
    assert given["GIT_INDEX_FILE"] == "/i"
    assert given["GIT_ALLOW_PROTOCOL"] == "none"


def test_a_git_that_transports_gets_the_users_ways_to_a_remote(spy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_SSH_COMMAND", "GIT_ASKPASS", "https_proxy", "GH_TOKEN", "GIT_DIR"):
        monkeypatch.setenv(name, "mine")
    Processes().run("fetch", purpose=Purpose.TRANSPORT)
    given = variables(spy)
    assert {name for name, value in given.items() if value == "mine"} == {
        "GIT_SSH_COMMAND",
        "GIT_ASKPASS",
        "https_proxy",
        "GH_TOKEN",
    }
    assert "GIT_ALLOW_PROTOCOL" not in given


def test_git_answers_with_bytes_and_status_and_gets_its_input(sandbox: Sandbox) -> None:
    answer = Processes(("-C", str(sandbox.path))).run("hash-object", "--stdin", stdin=b"a\0b")
    assert answer == (0, b"20b5be91886d0b6f26dc98a225c0dac05fe2c86e\n", "")


def test_what_is_started_ahead_answers_as_if_it_had_been_waited_for(sandbox: Sandbox) -> None:
    processes = Processes(("-C", str(sandbox.path)))
    many = b"".join(b"%d\n" % number for number in range(200_000))  # more than any pipe holds
    ahead = processes.ahead("cat-file", "--batch-check", stdin=many)
    failing = processes.ahead("rev-parse", "nope", options=("-c", "core.abbrev=7"), purpose=Purpose.WRITING)
    hashed = processes.run("hash-object", "--stdin", stdin=b"a\0b")
    assert ahead() == ahead() == processes.run("cat-file", "--batch-check", stdin=many)
    said = failing()
    assert (said.status, said.out) == (128, b"nope\n")
    assert said.err.startswith("ambiguous argument 'nope'")
    assert hashed.status == 0


def test_of_what_was_started_ahead_and_broke_nothing_is_known(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("I/O operation on closed file")

    monkeypatch.setattr("threading.excepthook", lambda _: None)
    processes = Processes(("-C", str(sandbox.path)))
    process = processes.keep("rev-parse", "HEAD")
    monkeypatch.setattr(processes, "_start", lambda *_: process)
    monkeypatch.setattr(type(process.proc), "communicate", broken)
    assert processes.ahead("rev-parse", "HEAD")() == (-1, b"", "")


def test_a_status_that_was_not_expected_is_an_error_with_what_git_said(sandbox: Sandbox) -> None:
    with pytest.raises(GitError, match="ambiguous argument 'nope'"):
        Processes(("-C", str(sandbox.path))).run("rev-parse", "nope")


def test_a_status_that_was_expected_is_an_answer(sandbox: Sandbox) -> None:
    answer = Processes(("-C", str(sandbox.path))).run("config", "no.such", accept=(0, 1))
    assert answer == (1, b"", "")


def test_a_git_that_fails_without_a_word_is_named(sandbox: Sandbox) -> None:
    with pytest.raises(GitError, match="git config ended with status 1"):
        Processes(("-C", str(sandbox.path))).run("config", "no.such")


def test_where_git_was_never_there_the_error_says_what_to_install(tmp_path: Path) -> None:
    script = """
import sys
sys.path.insert(0, sys.argv[1])
from gitstage.git import GitError, Repository
try:
    Repository.discover(".")
except GitError as error:
    print(error.message, "/", error.hint)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(Path(process.__file__).parents[2])],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("git is not installed, or not on the PATH / install git 2.39 or newer\n", "")


def test_a_gitpython_that_finds_no_git_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "git", None)
    with pytest.raises(GitError, match="git is not installed, or not on the PATH"):
        Processes().run("version")


def test_without_git_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import git

    for name in list(os.environ):
        if name not in ("PATH", "HOME"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(git.Git, "GIT_PYTHON_GIT_EXECUTABLE", str(tmp_path / "no-such-git"))
    with pytest.raises(GitError, match="git is not installed") as caught:
        Processes().run("version")
    assert caught.value.hint == "install git 2.39 or newer"


@pytest.mark.parametrize(
    ("said", "clean"),
    [
        (b"fatal: no\nerror: nor this\n", "no\nnor this"),
        (b"remote: error: no        \x1b[K\nremote: \x1b[31mred\x1b[0m\n", "remote: error: no\nremote: red"),
        (b"Counting: 10%\rCounting: 100%\n", "Counting: 10%\nCounting: 100%"),
        (b"bell \x07 and \xe2\x80\xae bidi \xff\n", "bell ? and ? bidi \ufffd"),
        (b"unable to access 'https://me:secret@host/x'", "unable to access 'https://host/x'"),
        ("größer\tals".encode(), "größer als"),
    ],
)
def test_what_git_says_is_fit_for_a_terminal(said: bytes, clean: str) -> None:
    assert cleaned(said) == clean


def test_watchers_see_each_process_before_and_after(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, Sequence[str]]] = []
    monkeypatch.setattr(process, "WATCHERS", [lambda moment, arguments: seen.append((moment, tuple(arguments)))])
    Processes(("-C", str(sandbox.path))).run("rev-parse", "--git-dir", options=("-c", "a.b=c"))
    assert seen == [("before", ("rev-parse", "--git-dir")), ("after", ("rev-parse", "--git-dir"))]


def test_importing_the_room_imports_neither_gitpython_nor_anything_heavy() -> None:
    script = (
        "import sys, gitstage.git; print([n for n in ('git', 'pydantic', 'rich', 'click', 'yaml') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
