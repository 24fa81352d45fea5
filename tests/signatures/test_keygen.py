from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from gitstage.errors import CannotVerify
from gitstage.signatures import keygen
from gitstage.signatures.keygen import Answer, Purpose, environment, program, run

HERE = {
    "PATH": "/usr/bin",
    "HOME": "/nowhere",
    "SSH_AUTH_SOCK": "/nowhere/agent",
    "SSH_ASKPASS": "/bin/false",
    "GIT_DIR": "/x",
    "LD_PRELOAD": "/x.so",
    "AWS_SECRET_ACCESS_KEY": "x",
    "MALLOC_TRACE": "x",
}


def test_only_what_is_listed_passes() -> None:
    assert environment(Purpose.VERIFYING, HERE) == {"PATH": "/usr/bin"}
    assert environment(Purpose.SIGNING, HERE) == {
        name: HERE[name] for name in ("PATH", "HOME", "SSH_AUTH_SOCK", "SSH_ASKPASS")
    }


def pretend(folder: Path, script: str) -> Path:
    """A program of the name ssh-keygen."""
    folder.mkdir(exist_ok=True)
    file = folder / "ssh-keygen"
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
    file.chmod(0o755)
    return file


def test_the_program_is_found_on_the_path_and_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = pretend(tmp_path / "a", "exit 1"), pretend(tmp_path / "b", "exit 2")
    assert program({"PATH": f"{tmp_path}:{first.parent}:{second.parent}"}) == str(first)
    monkeypatch.chdir(first.parent)
    assert program({"PATH": f".::a:{second.parent}"}) == str(second)
    assert program({}) == shutil.which("ssh-keygen", path=os.defpath)


@pytest.mark.parametrize("path", ["", ".", "a:./a", "/nowhere"])
def test_what_is_not_there_is_said_with_what_to_install(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pretend(tmp_path / "a", "exit 0").parent)
    with pytest.raises(CannotVerify) as caught:
        program({"PATH": path})
    assert (caught.value.message, caught.value.hint) == (
        "ssh-keygen is not installed, or not on the PATH",
        "install OpenSSH 8.2 or newer (Debian: apt-get install openssh-client)",
    )


def test_it_runs_without_a_shell_and_says_how_it_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = 'printf "%s|" "$@"; cat; env | grep -c SECRET; printf "a\\033[1mb\\n\\n c\\n" >&2; exit 7'
    pretend(tmp_path / "a", said)
    monkeypatch.setenv("PATH", f"{tmp_path / 'a'}:{os.environ['PATH']}")
    monkeypatch.setenv("SECRET", "x")
    answer = run(["-n", "$(date); x"], b"in\n", Purpose.SIGNING)
    assert answer == Answer(7, b"-n|$(date); x|in\n0\n", "a?[1mb; c")


def test_what_waits_for_somebody_says_so_aloud(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pretend(tmp_path / "a", "echo touch it >&2")
    monkeypatch.setenv("PATH", f"{tmp_path / 'a'}:{os.environ['PATH']}")
    assert run([], b"", Purpose.SIGNING, aloud=True) == Answer(0, b"", "")
    assert capfd.readouterr().err == "touch it\n"


def test_nobody_waits_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(tmp_path / "a", "exec sleep 60")
    monkeypatch.setenv("PATH", f"{tmp_path / 'a'}:{os.environ['PATH']}")
    monkeypatch.setattr(keygen, "SECONDS", {Purpose.VERIFYING: 0.2})
    with pytest.raises(CannotVerify, match="ssh-keygen did not answer within 0.2 seconds"):
        run([], b"", Purpose.VERIFYING)


def test_what_cannot_be_started_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = pretend(tmp_path / "a", "")
    file.write_bytes(b"\x7fELF nonsense")
    monkeypatch.setenv("PATH", str(file.parent))
    with pytest.raises(CannotVerify, match=f"{file} cannot be run: Exec format error"):
        run([], b"", Purpose.VERIFYING)
