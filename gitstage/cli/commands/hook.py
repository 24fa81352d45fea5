"""`gitstage hook`: what git asks before it goes on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitstage.cli.commands import hook_install, hook_pre_commit, hook_pre_push
from gitstage.cli.context import Context, pass_context
from gitstage.cli.output import ascii_only, print_line
from gitstage.errors import GitstageError

if TYPE_CHECKING:
    from gitstage.operations.receive import Received

USERS = ("REMOTE_USER", "GL_USERNAME")
"""Where servers say who is pushing: git-http-backend(1), and GitLab's server hooks."""
FUSE = 5.0
"""Seconds after which a process ends that does not hear that its time is over."""


@click.group(
    epilog="""\b
Examples:
  gitstage hook install                judge here before each commit and each push
  gitstage hook install pre-receive    on the server, in the repository that people push to
"""
)
def command() -> None:
    """Hooks of git: judged before a commit, before a push, and on the server that people push to.

    What a developer's hook refuses can be forced (--no-verify): it saves a round through the pull request.
    What nobody may force is refused by the server, or by the gate of the forge.
    """


command.add_command(hook_install.command, "install")
command.add_command(hook_pre_commit.command, "pre-commit")
command.add_command(hook_pre_push.command, "pre-push")


@command.command(
    "pre-receive",
    epilog="""\b
Example:
  gitstage hook pre-receive < updates    as git calls it: "OLD NEW REF", one a line (githooks(5))
""",
)
@click.option(
    "--user-variable",
    metavar="NAME",
    help="The variable in which the server says who pushes.  [default: REMOTE_USER, else GL_USERNAME]",
)
@click.option(
    "--trunk", "trunks", metavar="BRANCH", multiple=True, help="A branch with a registry, besides the default one."
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0.01),
    default=60.0,
    show_default=True,
    help="How long judging may take.",
)
@pass_context
def pre_receive(context: Context, user_variable: str | None, trunks: tuple[str, ...], timeout: float) -> int:
    """Let in what leaves nothing newly open, refused or pending, and no tag and no ledger that says what is not so.

    Reads from stdin what git says to the hook of that name. Exit 0: let in; 1: not let in, or it could not be judged.
    """
    try:
        with _limited(timeout):
            received = _judged(context, user_variable, trunks)
    except GitstageError as error:
        _say_no(error.message, error.hint)
    except Exception as error:  # noqa: BLE001 - nothing is let in because of a bug
        _say_no(f"this is a bug of gitstage: {type(error).__name__}: {error}", "ask whoever runs this server")
    else:
        return _told(received)
    return 1


def _judged(context: Context, user_variable: str | None, trunks: tuple[str, ...]) -> Received:
    from gitstage.git import Repository
    from gitstage.operations import receive

    if os.environ.get("GIT_NAMESPACE"):
        raise GitstageError("the server keeps this repository in a namespace of git, which gitstage does not read")
    updates = receive.updates_from(sys.stdin.buffer.read().decode("utf-8", "surrogateescape"))
    with Repository.discover(context.where, serves=True) as repo:
        return receive.run(repo, updates, user=_user(user_variable), trunks=trunks, plugins=context.plugins)


def _user(variable: str | None) -> str | None:
    """Who is pushing, as the server knows; None where it does not say."""
    names = USERS if variable is None else (variable,)
    return next((user for name in names if (user := os.environ.get(name))), None)


def _told(received: Received) -> int:
    if received.let_in:
        return 0
    who = f" (pushed by {received.user})" if received.user else ""
    print_line(f"gitstage: refused, nothing of this push is let in{who}", err=True)
    for objection in received.objections:
        print_line(f"{objection.ref}: {objection.rule}: {objection.message}", err=True)
        if objection.hint:
            print_line(f"  try: {objection.hint}", err=True)
    if received.reports:
        from gitstage.reports import text

        for report in received.reports:
            click.echo(text.render(report, ascii_only=ascii_only(err=True)).rstrip("\n"), err=True)
    return 1


def _say_no(message: str, hint: str | None) -> None:
    print_line("gitstage: this push could not be judged, and is not let in", err=True)
    for line in message.splitlines():
        print_line(f"  {line}", err=True)
    if hint:
        print_line(f"  try: {hint}", err=True)


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Ends what takes longer with an error; with the process, where that is not heard."""
    import faulthandler
    import signal

    def over(*_: object) -> None:
        raise GitstageError(f"judging took longer than {seconds:g} seconds", hint="push less at once")

    before = signal.signal(signal.SIGALRM, over)
    left, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    with Path(os.devnull).open("w", encoding="ascii") as nowhere:
        # Its thread needs no lock of Python's: it ends the process also while a library never comes back.
        faulthandler.dump_traceback_later(seconds + FUSE, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            signal.signal(signal.SIGALRM, before)
            signal.setitimer(signal.ITIMER_REAL, left)
