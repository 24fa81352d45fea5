"""`gitstage fmt`."""

from __future__ import annotations

from pathlib import Path

import click

from gitstage.cli.context import Context, json_option, pass_context


@click.command(
    epilog="""\b
Example:
  gitstage fmt models/fraud-detector/1.1.0.yaml
"""
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE…")
@click.option("--check", is_flag=True, help="Change nothing; exit 1 where a file would change.")
@json_option
@pass_context
def command(context: Context, files: tuple[Path, ...], check: bool, as_json: bool) -> int:
    """Write manifests in their canonical form. Comments are lost."""
    from gitstage.cli.output import print_json, print_line
    from gitstage.operations import fmt

    done = fmt.run([Path(context.directory) / file for file in files], check=check)
    code = 2 if done.problems else 1 if check and done.changed else 0
    if as_json:
        problems = [
            {"path": str(path), "line": problem.line, "message": problem.message, "hint": problem.hint}
            for path, problem in done.problems
        ]
        changed = [str(path) for path in done.changed]
        print_json({"schema": "gitstage/fmt/v1", "changed": changed, "problems": problems, "exit_code": code})
        return code
    for path in done.changed:
        print_line(f"{'would change' if check else 'wrote'} {path}")
    for path, problem in done.problems:
        line = f":{problem.line}" if problem.line else ""
        print_line(f"{path}{line}: {problem.message}", err=True)
        if problem.hint:
            print_line(f"  try: {problem.hint}", err=True)
    return code
