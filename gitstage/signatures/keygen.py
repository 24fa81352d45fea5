"""Running ssh-keygen: the program itself and no shell, an environment of what may pass, an end to every wait."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from gitstage.errors import CannotVerify

PROGRAM = "ssh-keygen"
FLOOR = "8.2"
"""The oldest OpenSSH whose `ssh-keygen -Y` does what we ask for; git asks for the same."""
INSTALL = f"install OpenSSH {FLOOR} or newer (Debian: apt-get install openssh-client)"


class Purpose(Enum):
    """What ssh-keygen is started for: it decides which variables reach it, and how long it may take."""

    VERIFYING = "verifying"
    SIGNING = "signing"


SECONDS: Mapping[Purpose, float] = {Purpose.VERIFYING: 20, Purpose.SIGNING: 300}
"""How long is waited; somebody may have to type a passphrase, or touch a key."""


EVERYWHERE = frozenset({"PATH", "LD_LIBRARY_PATH", "TMPDIR"})
"""Where programs lie."""
TO_SIGN = frozenset(
    {
        "HOME",
        "USER",
        "LOGNAME",
        "TERM",
        "LANG",
        "LC_ALL",
        "SSH_AUTH_SOCK",
        "SSH_ASKPASS",
        "SSH_ASKPASS_REQUIRE",
        "SSH_SK_PROVIDER",
        "SSH_SK_HELPER",
        "DISPLAY",
        "WAYLAND_DISPLAY",
        "XAUTHORITY",
        "XDG_RUNTIME_DIR",
        "DBUS_SESSION_BUS_ADDRESS",
    }
)
"""The user's agent and security keys, and what asks for a passphrase, on a terminal or a desktop."""


class Answer(NamedTuple):
    """How ssh-keygen ended, and what it said."""

    status: int
    out: bytes
    err: str


def environment(purpose: Purpose, surroundings: Mapping[str, str]) -> dict[str, str]:
    """What of the `surroundings` reaches an ssh-keygen that is started for `purpose`."""
    may_pass = EVERYWHERE if purpose is Purpose.VERIFYING else EVERYWHERE | TO_SIGN
    return {name: value for name, value in surroundings.items() if name in may_pass}


def program(surroundings: Mapping[str, str]) -> str:
    """The absolute path of ssh-keygen. Raises CannotVerify where there is none on the PATH.

    Folders of the PATH that are not absolute are left out: `.` would be the repository that is looked at.
    """
    folders = surroundings.get("PATH", os.defpath).split(os.pathsep)
    path = os.pathsep.join(folder for folder in folders if Path(folder).is_absolute())
    found = shutil.which(PROGRAM, path=path) if path else None
    if found is None:
        raise CannotVerify(f"{PROGRAM} is not installed, or not on the PATH", hint=INSTALL)
    return found


def run(arguments: Sequence[str], stdin: bytes, purpose: Purpose, *, aloud: bool = False) -> Answer:
    """Run ssh-keygen to its end, with `stdin`. Raises CannotVerify where it cannot be run, or does not end in time.

    What is `aloud` says on our own stderr what it waits for, such as a touch of a security key.
    """
    command = [program(os.environ), *arguments]
    try:
        done = subprocess.run(
            command,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=None if aloud else subprocess.PIPE,
            env=environment(purpose, os.environ),
            timeout=SECONDS[purpose],
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CannotVerify(f"{PROGRAM} did not answer within {SECONDS[purpose]} seconds") from None
    except OSError as error:
        raise CannotVerify(f"{command[0]} cannot be run: {error.strerror}", hint=INSTALL) from error
    return Answer(done.returncode, done.stdout, _cleaned(done.stderr or b""))


def _cleaned(said: bytes) -> str:
    """What ssh-keygen said, on one line and fit for a terminal; without the frame that it draws around a warning."""
    lines = said.decode("utf-8", "replace").splitlines()
    shown = ("".join(char if char.isprintable() else "?" for char in line).strip("@ .") for line in lines)
    return "; ".join(line for line in shown if line)
