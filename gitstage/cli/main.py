"""The top of the command line: the table of commands, what holds everywhere, and where every error ends."""

from __future__ import annotations

import gc
import importlib
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from types import ModuleType
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError

from gitstage.cli.context import Context
from gitstage.errors import GitstageError

COMMANDS: dict[str, dict[str, str]] = {
    "Set up": {
        "init": "Make a registry, here or in a folder.",
        "demo": "See a model's life, from training to rollback, in a throw-away repository.",
        "doctor": "Say what is missing here, and what to do about it.",
        "fmt": "Write manifests in their canonical form.",
        "schema": "Print the JSON Schema of manifests or of gitstage.yaml.",
    },
    "Change": {
        "register": "Register a version of a model.",
        "promote": "Promote versions into a stage.",
        "rollback": "Go back to what served before.",
        "archive": "Take a version out of use.",
        "withdraw": "Declare again what is in effect.",
        "hold": "Keep a version out of every stage.",
        "unhold": "Let a held version in again.",
        "redact": "Put a tombstone in the place of what must not stay.",
        "adopt": "Take in a model that serves already.",
        "attest": "Write down what was tested.",
        "approve": "Approve a promotion or a change of the policy.",
        "waive": "Set one rule aside for one promotion.",
    },
    "Judge": {
        "check": "Judge a change as a pull request would be judged.",
        "tag": "Put into effect what has landed.",
        "audit": "Judge the whole history again, and say what does not agree.",
        "explain": "Say what a promotion would need to pass.",
        "hook": "Judge before a commit, before a push and on a server: hooks of git.",
        "policy": "Try a policy before it judges anything.",
    },
    "Read": {
        "status": "Show what is in each stage.",
        "show": "Show one version.",
        "log": "Show what took effect, and when.",
        "diff": "Put two versions side by side.",
        "resolve": "Print the version that a reference names.",
    },
    "Deliver": {
        "pull": "Fetch a version's artifacts and verify them.",
    },
}
"""Every command, in the order of `--help`. The text stands here so that `--help` imports no command."""

SUMMARIES = {name: text for group in COMMANDS.values() for name, text in group.items()}


class Commands(click.Group):
    """A group whose commands are modules, imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(SUMMARIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in SUMMARIES:
            return None
        module = importlib.import_module(f"gitstage.cli.commands.{cmd_name}")
        command: click.Command = module.command
        command.name = cmd_name
        command.short_help = SUMMARIES[cmd_name]
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and args[0] not in SUMMARIES:
            from difflib import get_close_matches

            near = get_close_matches(args[0], SUMMARIES, n=1)
            raise GitstageError(
                f"there is no command {args[0]!r}", hint=f"gitstage {near[0]}" if near else "gitstage --help"
            )
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            name = ctx.invoked_subcommand
            command = None if error.ctx is not None or name is None else self.get_command(ctx, name)
            if command is not None:  # click's parser does not say of which command it is
                error.ctx = click.Context(command, parent=ctx, info_name=name)
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, commands in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()))


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: gitstage demo",
)
@click.version_option(None, "--version", package_name="gitstage", message="gitstage %(version)s")
@click.option("-C", "directory", metavar="DIR", default=".", help="Run as if started in DIR.")
@click.option("--repo", metavar="PATH|URL", help="The repository; for a URL, a clone in the user's cache is read.")
@click.option("--registry", metavar="FOLDER", help="The registry's folder, where a repository holds several.")
@click.option(
    "--allow-plugin",
    "plugins",
    metavar="NAME",
    multiple=True,
    envvar="GITSTAGE_PLUGINS",
    help="A rule in Python that may run, if the policy names it; also GITSTAGE_PLUGINS, names with spaces between.",
)
@click.option(
    "--sign-tags",
    "tag_keys",
    metavar="KEY",
    multiple=True,
    type=click.Path(),  # of the variable, several are told apart as on a PATH
    envvar="GITSTAGE_SIGN_TAGS",
    help="An SSH key that signs the tags that a command makes; also GITSTAGE_SIGN_TAGS.",
)
@click.option("--verbose", is_flag=True, help="Say on stderr which registry, trunk and moment are meant.")
@click.pass_context
def cli(
    ctx: click.Context,
    directory: str,
    repo: str | None,
    registry: str | None,
    plugins: tuple[str, ...],
    tag_keys: tuple[str, ...],
    verbose: bool,
) -> None:
    """Promote machine-learning models through stages kept in Git.

    Stages are folders of manifests, a promotion is a commit that a policy judges, and what took effect is a tag.
    """
    _go_to(directory, ctx)
    ctx.obj = Context(repo=repo, folder=registry, verbose=verbose, plugins=frozenset(plugins), tag_keys=tag_keys)


def _go_to(directory: str, ctx: click.Context) -> None:
    """Every file that a command is given lies in relation to `-C`; afterwards whoever called us is where they were."""
    try:
        before = Path.cwd()
    except FileNotFoundError:
        raise GitstageError("the folder that you are in is not there any more", hint="cd to another one") from None
    if directory == ".":
        return
    try:
        os.chdir(directory)
    except OSError as error:
        raise GitstageError(
            f"{directory!r} is not a directory"
            if isinstance(error, FileNotFoundError | NotADirectoryError)
            else f"{directory!r} cannot be entered: {error.strerror}"
        ) from error
    ctx.call_on_close(lambda: os.chdir(before))


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits: 0 passed, 1 refused, 4 pending, 2 no answer, 3 our own bug, 130 interrupted."""
    if arguments is not None:
        sys.exit(run(arguments))
    # A process of its own: few cycles are made that are worth looking for, and nothing is left to tidy up at its end.
    gc.set_threshold(100_000, 50, 50)
    _ask_for_no_plugins()
    _put_something_where_streams_are_closed()
    code = run()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # whoever read it has gone
            stream.flush()
    os._exit(code)


def _ask_for_no_plugins() -> None:
    """Spares pydantic the module that looks for its plug-ins, which takes 10 ms also where they are switched off."""
    loader = ModuleType("pydantic.plugin._loader")
    vars(loader)["get_plugins"] = tuple
    sys.modules.setdefault(loader.__name__, loader)


def _put_something_where_streams_are_closed() -> None:
    """Of whoever closed stdin, stdout or stderr (`>&-`) no other file takes the place, and what is said there is not heard."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003 - the lowest number that is free: this one
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line, and gives its exit code."""
    # Looking for pydantic's plug-ins reads the metadata of everything installed, and would run what it finds.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        result = cli.main(
            args=None if arguments is None else list(arguments), prog_name="gitstage", standalone_mode=False
        )
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.UsageError as error:
        _say(GitstageError(_first_small(error.format_message()), hint=_how(error.ctx)))
        return 2
    except click.ClickException as error:
        _say(GitstageError(_first_small(error.format_message())))
        return 2
    except (click.Abort, KeyboardInterrupt):
        _echo("interrupted")
        return 130
    except GitstageError as error:
        _say(error)
        return error.exit_code
    except BrokenPipeError:
        return _unheard()
    except SystemExit:
        # Nobody else ends so here: click does where a pipe breaks under it, with 1, which would say `refused`.
        return _unheard()
    except OSError as error:
        return _unwritten(error) if _was_saying_something(error) else _bug(error)
    except Exception as error:  # noqa: BLE001 - the one place where everything else ends
        return _bug(error)


def _unheard() -> int:
    """The exit code where whoever read our output has gone; nothing is left to say, and nobody to say it to."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141


def _was_saying_something(error: OSError) -> bool:
    """Whether it was in the middle of an answer that something went wrong, and not while looking for one."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code in (click.echo.__code__, run.__code__)


def _unwritten(error: OSError) -> int:
    """The exit code where the answer could not be written. What a command changed before it answered stays."""
    hint = "free space there; gitstage status says what has been done"
    _say(GitstageError(f"the answer could not be written: {error.strerror}", hint=hint))
    return 2


def _echo(text: str) -> None:
    """A line on stderr, where that can be written to."""
    with suppress(OSError):
        click.echo(text, err=True)


def _first_small(message: str) -> str:
    """One of click's sentences as we write ours: on one line, without a capital and a full stop."""
    words = " ".join(message.split()).removesuffix(".")
    return words[:1].lower() + words[1:]


def _how(ctx: click.Context | None) -> str:
    """The command's own example, as somebody who typed it wrongly needs one; else where to look."""
    if ctx is None or ctx.parent is None:
        return "gitstage --help"
    examples = [line.strip() for line in (ctx.command.epilog or "").splitlines()]
    example = next((line for line in examples if line.startswith(ctx.command_path)), None)
    return re.split("  +", example)[0] if example else f"{ctx.command_path} --help"


def _say(error: GitstageError) -> None:
    from gitstage.sinks import terminal

    lines = error.message.splitlines() or [""]
    _echo(f"error: {terminal(lines[0])}")
    for line in lines[1:]:
        _echo(f"       {terminal(line)}")
    if error.hint:
        _echo(f"  try: {terminal(error.hint)}")


def _bug(error: Exception) -> int:
    import traceback

    from gitstage.sinks import terminal

    for line in "".join(traceback.format_exception(error)).splitlines():
        _echo(terminal(line))
    _echo(f"error: this is a bug of gitstage: {terminal(f'{type(error).__name__}: {error}')}")
    _echo("  try: report it with the lines above; nothing half done is left behind")
    return 3
