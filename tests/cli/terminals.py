"""A command on a terminal of its own: what is drawn there, character by character."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_SGR = re.compile(r"\x1b\[([0-9;]*)m")


@dataclass(frozen=True)
class Drawn:
    """What stood on the terminal, as it was sent, what went to stderr, and how the command ended."""

    code: int
    out: str
    err: str

    @property
    def marked(self) -> str:
        """The text, its colours as `‹1;36›`, which `‹›` ends, and without blanks at the ends of lines."""
        marked = _SGR.sub(lambda found: f"‹{found[1].removeprefix('0')}›", self.out)
        return "".join(f"{line.rstrip()}\n" for line in marked.splitlines())

    @property
    def plain(self) -> str:
        """The text without its colours, and without blanks at the ends of lines."""
        return "".join(f"{line.rstrip()}\n" for line in _SGR.sub("", self.out).splitlines())


def drawn(path: Path, *words: str, columns: int = 80, variables: Mapping[str, str | None] | None = None) -> Drawn:
    """A command typed in a folder, at a terminal so many columns wide. A variable that is None is not set.

    The clock is that of `STORY_NOW`; NO_COLOR and COLUMNS, which the seal around the tests sets, are not.
    """
    changed = {"NO_COLOR": None, "COLUMNS": None, "TERM": "xterm", "PYTHONPATH": str(ROOT), **(variables or {})}
    environment = {**os.environ, **{name: value for name, value in changed.items() if value is not None}}
    for name in [name for name, value in changed.items() if value is None]:
        environment.pop(name, None)
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-m", "tests.operations.killed", "0", "never", *words],
        cwd=path,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        os.close(terminal)
        pieces = []
        while piece := _read(screen):
            pieces.append(piece)
        os.close(screen)
        _, said = process.communicate(timeout=60)
    err = re.sub(r"^(?:calls|files) \d+\n", "", said, flags=re.MULTILINE)
    return Drawn(process.returncode, b"".join(pieces).decode().replace("\r\n", "\n"), err)


def _read(screen: int) -> bytes:
    try:
        return os.read(screen, 65536)
    except OSError:  # Linux says so where nobody has the other side open any more
        return b""
