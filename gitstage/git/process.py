"""Running git: GitPython starts and keeps the processes, this decides what they are given."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from subprocess import PIPE
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

from gitstage.git.environment import Purpose, fixed, passes
from gitstage.git.errors import GitError

if TYPE_CHECKING:
    import git

OPTIONS = (
    "-c", "core.fsmonitor=false",
    "-c", "core.attributesFile=/dev/null",
    "-c", "safe.bareRepository=explicit",
    "-c", "core.warnAmbiguousRefs=false",
)  # fmt: skip
NO_HOOKS = ("-c", "core.hooksPath=/dev/null")

Watcher = Callable[[str, Sequence[str]], None]
WATCHERS: list[Watcher] = []
"""Each is called with "before" or "after" and git's arguments, around every process that is started.

For tests, which count processes, or kill this one between two of them.
"""

INSTALL = "install git 2.39 or newer"
CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*@")
LOUD = re.compile(r"^(?:fatal|error): ", re.MULTILINE)
"""With what git begins a line that says why it failed: whoever shows it says so in words of its own."""


UNKNOWN = -1
"""The status of a process of which nobody knows how it ended."""


class Answer(NamedTuple):
    """How a git process ended, and what it said."""

    status: int
    out: bytes
    err: str


def cleaned(said: bytes) -> str:
    """What git or a remote said, fit for a terminal: no control characters, no passwords in addresses, no `fatal:`."""
    text = CONTROL_SEQUENCE.sub("", said.decode("utf-8", "replace")).replace("\r", "\n").replace("\t", " ")
    lines = ("".join(char if char.isprintable() else "?" for char in line).rstrip() for line in text.split("\n"))
    return LOUD.sub("", CREDENTIALS.sub("", "\n".join(line for line in lines if line)))


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Signals that end a process wait until this is over, for us and for the processes that are started meanwhile."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Processes:
    """Starts git for one repository. `options` come before the subcommand, `variables` are added to each environment."""

    def __init__(self, options: Sequence[str] = (), variables: Mapping[str, str] | None = None) -> None:
        self._options = tuple(options)
        self._variables = dict(variables or {})

    def run(
        self,
        *arguments: str,
        options: Sequence[str] = (),
        stdin: bytes = b"",
        purpose: Purpose = Purpose.READING,
        accept: Sequence[int] = (0,),
        undisturbed: bool = False,
    ) -> Answer:
        """Run git to its end; `options` stand before the subcommand.

        A status not in `accept` raises GitError with what git said. What is `undisturbed` is not stopped half way by
        somebody's Ctrl-C; that counts when it is over.
        """
        self._watch("before", arguments)
        with _interrupts_later() if undisturbed else nullcontext():
            process = self._start([*options, *arguments], purpose)
            out, err = process.communicate(stdin)
        answer = Answer(process.returncode, out, cleaned(err))
        self._watch("after", arguments)
        if answer.status not in accept:
            from gitstage.git.failures import explained

            message, hint = explained(answer.err, f"git {arguments[0]} ended with status {answer.status}")
            raise GitError(message, hint=hint)
        return answer

    def ahead(
        self, *arguments: str, options: Sequence[str] = (), stdin: bytes = b"", purpose: Purpose = Purpose.READING
    ) -> Callable[[], Answer]:
        """As `run`, but git works while other things are done: what is given back waits for its end.

        Whatever status it ends with is taken.
        """
        self._watch("before", arguments)
        process = self._start([*options, *arguments], purpose)
        self._watch("after", arguments)
        said: list[tuple[bytes, bytes]] = []
        thread = Thread(target=lambda: said.append(process.communicate(stdin)), daemon=True)
        thread.start()

        def answer() -> Answer:
            thread.join()
            ((out, err),) = said or [(b"", b"")]
            return Answer(process.returncode if said else UNKNOWN, out, cleaned(err))

        return answer

    def keep(self, *arguments: str) -> git.Git.AutoInterrupt:
        """Start a git process that reads, and answers until it is let go of."""
        self._watch("before", arguments)
        process = self._start(arguments, Purpose.READING)
        self._watch("after", arguments)
        return process

    def _start(self, arguments: Sequence[str], purpose: Purpose) -> git.Git.AutoInterrupt:
        try:
            # Takes longer than everything else that starts up, and starts git itself to see that it is there.
            from git import Git, GitCommandNotFound
        except ImportError as error:
            raise GitError("git is not installed, or not on the PATH", hint=INSTALL) from error

        added = {**fixed(purpose), **self._variables}
        dropped = [name for name in os.environ if name not in added and not passes(name, purpose)]
        hooks = NO_HOOKS if purpose is Purpose.READING else ()
        command = [Git.GIT_PYTHON_GIT_EXECUTABLE or "git", *OPTIONS, *hooks, *self._options, *arguments]
        if dropped:
            # GitPython hands every variable of this process on, and can only add to them; `env` takes them away.
            command[:0] = ["env", *(f"-u{name}" for name in dropped)]
        try:
            return Git().execute(command, istream=PIPE, as_process=True, env=added)
        except GitCommandNotFound as error:
            raise GitError("git is not installed, or not on the PATH", hint=INSTALL) from error

    @staticmethod
    def _watch(moment: str, arguments: Sequence[str]) -> None:
        for watcher in WATCHERS:
            watcher(moment, arguments)
