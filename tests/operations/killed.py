"""A command in a process of its own that kills itself at a place that can be counted to.

Run as `python -m tests.operations.killed N WHEN ARGUMENTS…`: `before` or `after` its n-th call of git, or before it
changes a `file` for the n-th time. With N = 0 nothing is killed, and the number of both is printed on stderr.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from gitstage.cli.main import run
from gitstage.git import process
from gitstage.operations import init, registries

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.symlink", "os.link", "os.truncate")


def main() -> int:
    number, when, *arguments = sys.argv[1:]
    counted = {"calls": 0, "files": 0}

    def kill_at(found: int) -> None:
        if found == int(number):
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(moment: str, _: Sequence[str]) -> None:
        if moment == "before":
            counted["calls"] += 1
        if moment == when:
            kill_at(counted["calls"])

    def looking(event: str, found: tuple[object, ...]) -> None:
        opened = event == "open" and isinstance(found[2], int) and found[2] & WRITES and found[0] != os.devnull
        if opened or event in CHANGES:
            counted["files"] += 1
            if when == "file":
                kill_at(counted["files"])

    moment = os.environ.get("STORY_NOW")
    if moment:
        for room in (registries, init):
            vars(room)["utc_now"] = lambda: datetime.fromisoformat(moment).astimezone(UTC)
    sys.dont_write_bytecode = True
    process.WATCHERS.append(watch)
    sys.addaudithook(looking)
    code = run(arguments)
    if int(number) == 0:
        sys.stderr.write(f"calls {counted['calls']}\nfiles {counted['files']}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
