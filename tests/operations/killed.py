"""A command in a process of its own that kills itself before or after its n-th call of git.

Run as `python -m tests.operations.killed N WHEN ARGUMENTS…`; with N = 0 nothing is killed, and the number of calls is
printed on stderr.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from gitstage.cli.main import run
from gitstage.git import process
from gitstage.operations import registries


def main() -> int:
    number, when, *arguments = sys.argv[1:]
    counted = 0

    def watch(moment: str, _: Sequence[str]) -> None:
        nonlocal counted
        if moment == "before":
            counted += 1
        if moment == when and counted == int(number):
            os.kill(os.getpid(), signal.SIGKILL)

    process.WATCHERS.append(watch)
    moment = os.environ.get("STORY_NOW")
    if moment:
        registries.utc_now = lambda: datetime.fromisoformat(moment).astimezone(UTC)
    code = run(arguments)
    if int(number) == 0:
        sys.stderr.write(f"calls {counted}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
