"""`gitstage hook pre-commit`."""

from __future__ import annotations

import click

from gitstage.cli.context import Context, pass_context
from gitstage.cli.output import ascii_only, coloured, print_line


@click.command(
    epilog="""\b
Examples:
  gitstage hook pre-commit                what .git/hooks/pre-commit calls
  git commit --no-verify                  commits without it
"""
)
@pass_context
def command(context: Context) -> int:
    """Judge what is staged, as it would be judged once it is on the trunk.

    Nothing that is not staged counts, and nothing is asked where no file of a registry is staged.
    On a branch, what only waits (for time, a test, a person) may be committed, so that there is something to review.
    Exit codes: 0 go on, 1 refused, 4 only pending and on the trunk, 2 could not answer; git then does not commit.
    """
    from gitstage.git import Repository
    from gitstage.operations import precommit

    repo = Repository.of_hook(context.where)
    click.get_current_context().call_on_close(repo.close)
    folder = None if context.folder is None else context.folder.strip("/").removeprefix(".")
    found = precommit.run(repo, folder=folder, plugins=context.plugins)
    for staged in found:
        if staged.report.passed:
            continue
        from gitstage.reports import text

        click.echo(text.render(staged.report, colour=coloured(), ascii_only=ascii_only()), nl=False)
        if staged.exit_code == 0:
            print_line("committed all the same: on a branch, what waits can be proposed", err=True)
    code = max((staged.exit_code for staged in found), key=(0, 4, 1).index, default=0)
    if code:
        print_line("not committed; to commit all the same: git commit --no-verify", err=True)
    return code
