"""`gitstage hook pre-push`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from gitstage.cli.context import Context, pass_context
from gitstage.cli.output import ascii_only, print_line

if TYPE_CHECKING:
    from gitstage.git import Repository
    from gitstage.operations.guarded import Update


@click.command(
    epilog="""\b
Examples:
  gitstage hook pre-push origin URL < updates    as git calls it: "REF ID REMOTEREF REMOTEID", one a line
  git push --no-verify                           pushes without it
"""
)
@click.argument("remote", required=False, metavar="[REMOTE]")
@click.argument("url", required=False, metavar="[URL]")
@pass_context
def command(context: Context, remote: str | None, url: str | None) -> int:
    """Judge what is pushed to the trunk, commit by commit, as it is judged once it has landed.

    Nothing may be left newly open, refused or pending; the trunk is never rewritten or deleted, and no tag of gitstage
    is ever moved. Other branches are proposals: they pass, and are judged where they are proposed.
    Exit codes: 0 go on, 1 refused, 4 only pending, 2 could not answer; git then does not push.
    """
    from gitstage.git import Repository
    from gitstage.operations import prepush

    del url  # git says it, and the name is what counts
    text = "" if sys.stdin.isatty() else sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
    updates = prepush.updates_from(text)
    if not updates and not os.environ.get("PRE_COMMIT_REMOTE_BRANCH"):
        return 0
    repo = Repository.of_hook(context.where)
    click.get_current_context().call_on_close(repo.close)
    if not updates:
        updates, remote = (_from_pre_commit(repo, os.environ),), os.environ.get("PRE_COMMIT_REMOTE_NAME")
    pushed = prepush.run(repo, updates, remote=remote, plugins=context.plugins)
    for report in pushed.reports:
        from gitstage.reports import text as as_text

        # Git leaves stdout to those who read what `git push --porcelain` says.
        click.echo(as_text.render(report, ascii_only=ascii_only(err=True)), nl=False, err=True)
    for objection in pushed.objections:
        print_line(f"{objection.ref}: {objection.rule}: {objection.message}", err=True)
        if objection.hint:
            print_line(f"  try: {objection.hint}", err=True)
    if pushed.exit_code:
        print_line("not pushed; to push all the same: git push --no-verify", err=True)
    return pushed.exit_code


def _from_pre_commit(repo: Repository, variables: Mapping[str, str]) -> Update:
    """What the framework of that name says in variables, which keeps stdin for itself.

    https://pre-commit.com/#pre-push; of several refs that are pushed it tells the first, and of a first push only
    what the branch is called here.
    """
    from gitstage.operations.guarded import Update

    old, new = variables.get("PRE_COMMIT_FROM_REF"), variables.get("PRE_COMMIT_TO_REF")
    return Update(
        ref=variables["PRE_COMMIT_REMOTE_BRANCH"],
        old=repo.resolve(old) if old else None,
        new=repo.resolve(new or variables.get("PRE_COMMIT_LOCAL_BRANCH") or "HEAD"),
    )
