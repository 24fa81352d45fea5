"""`gitstage hook install`."""

from __future__ import annotations

import click

from gitstage.cli.context import Context, dry_run_option, pass_context
from gitstage.cli.output import print_line

NAMES = ("pre-commit", "pre-push", "pre-receive")
_WORDS = {"written": "written", "renewed": "renewed", "kept": "is there already"}


@click.command(
    epilog="""\b
Examples:
  gitstage hook install                   pre-commit and pre-push; in a bare repository pre-receive
  gitstage hook install pre-push --dry-run
"""
)
@click.argument("names", nargs=-1, type=click.Choice(NAMES), metavar="[HOOK]…")
@click.option("--user-variable", metavar="NAME", help="pre-receive: the variable in which the server says who pushes.")
@click.option("--trunk", "trunks", metavar="BRANCH", multiple=True, help="pre-receive: see there.")
@dry_run_option
@pass_context
def command(
    context: Context, names: tuple[str, ...], user_variable: str | None, trunks: tuple[str, ...], dry_run: bool
) -> int:
    """Put hooks in place that ask gitstage, where git looks for them (core.hooksPath, worktrees).

    One that somebody else wrote stays as it is: what to add to it is said, and the command exits 1.
    May run twice. Hooks are not cloned: each clone has its own.
    """
    from gitstage.git import Repository
    from gitstage.operations import hooks

    options = [] if user_variable is None else ["--user-variable", user_variable]
    options += [word for trunk in trunks for word in ("--trunk", trunk)]
    repo = Repository.discover(context.where, serves=True)
    click.get_current_context().call_on_close(repo.close)
    names = tuple(dict.fromkeys(names))
    if options and (names or ("pre-receive",) * repo.is_bare) != ("pre-receive",):
        raise click.UsageError("--user-variable and --trunk are for pre-receive alone")
    done = hooks.install(repo, names, options, dry_run=dry_run)
    for hook in done:
        if hook.state == "taken":
            print_line(f"{hook.name}: {hook.path} is another hook, and stays as it is; add this line to it:", err=True)
            click.echo(f"  {hook.line}", err=True)
        else:
            word = _WORDS[hook.state]
            would = "would be " if dry_run and hook.state != "kept" else ""
            print_line(f"{hook.name}: {hook.path} {would}{word}")
    return 1 if any(hook.state == "taken" for hook in done) else 0
