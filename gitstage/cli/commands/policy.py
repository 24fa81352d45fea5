"""`gitstage policy`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gitstage.cli.context import Context, json_option, pass_context
from gitstage.cli.output import ascii_only, coloured, print_json, print_line

if TYPE_CHECKING:
    from gitstage.operations.rehearse import Tested
    from gitstage.rules.rehearse import Difference, Rehearsed


@click.group(
    epilog="""\b
Example:
  gitstage policy test
"""
)
def command() -> None:
    """Try a policy before it judges anything."""


@command.command(
    "test",
    epilog="""\b
Examples:
  gitstage policy test                                     gitstage.test.yaml, here or in a folder
  gitstage policy test registry/gitstage.test.yaml
  gitstage policy test --policy stricter.yaml              the same cases, another policy
""",
)
@click.argument("files", nargs=-1, metavar="[FILE…]", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--policy",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Another policy than the gitstage.yaml beside the tests.",
)
@json_option
@pass_context
def test(context: Context, files: tuple[Path, ...], policy: Path | None, as_json: bool) -> int:
    """Run the tests of a policy: given this, and this change at this time, expect these findings.

    Needs no repository and asks none: the judge is the real one, the registry stands in the test.
    Exit codes: 0 every case came out as expected, 1 one did not, 2 a file cannot be read.
    """
    from gitstage.operations import rehearse

    at = Path(context.directory)
    tested = rehearse.run(
        [at / file for file in files],
        directory=at / (context.folder or ""),
        policy=None if policy is None else at / policy,
        allowed_plugins=context.plugins,
    )
    if as_json:
        print_json(_document(tested))
    else:
        for file in tested:
            _print(file)
    return 0 if all(file.passed for file in tested) else 1


def _print(tested: Tested) -> None:
    marks = ("+", "x") if ascii_only() else ("✓", "✗")
    print_line(str(tested.path))
    for case, took in zip(tested.cases, tested.milliseconds, strict=True):
        mark = (
            click.style(marks[not case.passed], fg="green" if case.passed else "red")
            if coloured()
            else marks[not case.passed]
        )
        click.echo(f"  {mark} ", nl=False)
        print_line(case.case.name, nl=False)
        click.echo(f"  {took:.1f} ms")
        for difference in case.differences:
            print_line(f"      {_in_words(difference)}")
        if not case.passed:
            print_line(f"      {tested.path}:{case.line}")
    bad = sum(not case.passed for case in tested.cases)
    count = len(tested.cases)
    cases = f"{count} case{'' if count == 1 else 's'}"
    print_line(f"{cases} as expected" if not bad else f"{bad} of {cases} not as expected")


def _in_words(difference: Difference) -> str:
    found = difference.found or "nothing: it was not asked"
    said = f": {difference.message}" if difference.message else ""
    if difference.expected is None:
        return f"{difference.rule}: not expected, found {found}{said}"
    return f"{difference.rule}: expected {difference.expected}, found {found}{said}"


def _document(tested: tuple[Tested, ...]) -> dict[str, Any]:
    return {
        "schema": "gitstage/policy-test/v1",
        "passed": all(file.passed for file in tested),
        "files": [
            {
                "path": file.path.as_posix(),
                "policy": file.policy.as_posix(),
                "cases": [_case(case) for case in file.cases],
            }
            for file in tested
        ],
    }


def _case(case: Rehearsed) -> dict[str, Any]:
    from gitstage.findings import Report
    from gitstage.reports import as_json

    return {
        "name": case.case.name,
        "line": case.line,
        "passed": case.passed,
        "differences": [
            {"rule": one.rule, "expected": one.expected, "found": one.found, "message": one.message}
            for one in case.differences
        ],
        "report": as_json.document(Report(judgements=case.judgements, moment=case.moment)),
    }
