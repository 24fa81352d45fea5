"""Writes the pages of the reference that are made from the program: the commands, the rules, and what expressions name.

`python docs/generate.py` writes them; with `--check` it only says which would change, and exits 1.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import click

from gitstage.cli.main import COMMANDS, cli
from gitstage.expressions import LONGEST, MOST_LOOPS, VARIABLES
from gitstage.rules import ALL, JUDGED_ELSEWHERE

REFERENCE = Path(__file__).parent / "reference"
WIDTH = 100


def commands() -> str:
    """The page of the commands: each one's `--help`, as it is."""
    parts = [
        "# Commands",
        "",
        "Made from `--help` by `make docs`.",
        "",
        "Exit codes: **0** done or passed, **1** refused, **4** only pending, **2** could not answer, **3** a bug of ours, **130** interrupted.",
        "",
        "## gitstage",
        "",
        *_fenced(_help(cli, "gitstage")),
    ]
    for title, names in COMMANDS.items():
        parts += [f"## {title}", ""]
        for name in names:
            command = cli.get_command(click.Context(cli), name)
            assert command is not None
            parts += [f"### gitstage {name}", "", *_fenced(_help(command, f"gitstage {name}"))]
            for inner, sub in command.commands.items() if isinstance(command, click.Group) else ():
                parts += [f"#### gitstage {name} {inner}", "", *_fenced(_help(sub, f"gitstage {name} {inner}"))]
    return "\n".join(parts).rstrip() + "\n"


def _help(command: click.Command, name: str) -> str:
    context = click.Context(command, info_name=name, terminal_width=WIDTH, max_content_width=WIDTH)
    return command.get_help(context)


def _fenced(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.replace("\b\n", "").splitlines()]
    return ["```text", *lines, "```", ""]


def rules() -> str:
    """The page of the rules: why each exists, what passes it, what does not."""
    parts = [
        "# Rules",
        "",
        "Made from the rules' own docstrings by `make docs`.",
        "A rule's id never changes once it is released.",
        "The facts hold always: no policy switches them off.",
        "A gate's rules, from `soak` on, and `keep` ask what the policy asks.",
        "",
    ]
    for rule in ALL:
        parts += [f"## `{rule.id}`", "", f"**{_sentence(rule.summary)}**", ""]
        for what, function in (
            ("The policy", rule.policy),
            ("A model's records", rule.records),
            ("A slot", rule.slot),
            ("A gate", rule.gate),
        ):
            if function is not None:
                parts += [f"*{what}.* {inspect.cleandoc(function.__doc__ or '')}", ""]
    parts += ["## Findings about commits", ""]
    parts += [f"- `{rule}`: {summary}." for rule, summary in JUDGED_ELSEWHERE.items()]
    return "\n".join(parts).rstrip() + "\n"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


EXAMPLES = (
    ("version.labels.license != 'internal'", "the version has the label, and it says something else"),
    ("has(version.labels.team)", "the version has the label"),
    ("version.artifacts.all(a, a.uri.startsWith('s3://acme-models/'))", "every file lies where it should"),
    ("!incumbent.exists || version.data.size() >= incumbent.data.size()", "no less data than the one that serves"),
    ("version.version.matches('^[0-9]+[.][0-9]+[.][0-9]+$')", "no pre-release"),
    ("version.metrics.auc - version.metrics.auc_worst_group < 0.05", "no group is left behind"),
    ("evidence['load-test'].metrics.p99_ms < 20.0", "a value that was measured, and not the registrant's"),
    ("now - timestamp(evidence['load-test'].made) < duration('72h')", "and not long ago"),
    ("change.soaked >= duration('24h') || version.labels.urgent == 'yes'", "a day in staging, or it says why not"),
    ("now.getDayOfWeek('Europe/Berlin') != 5", "not on a Friday (Sunday is 0)"),
)


def expressions() -> str:
    """The page of what an expression may name."""
    parts = [
        "# Expressions",
        "",
        "Made from the program by `make docs`.",
        "",
        "A rule of a gate's own in [`gitstage.yaml`](policy.md#gates) may be an expression in [CEL](https://cel.dev), the Common Expression Language.",
        "It must be true; its finding is called `rules/NAME`.",
        "It needs the extra `cel`: `pip install 'gitstage[cel]'`.",
        "Where that is not installed, the rule refuses and says so.",
        "",
        "## What it may name",
        "",
        "| variable | type | what it holds |",
        "|---|---|---|",
        *(f"| `{variable.name}` | `{variable.type}` | {_sentence(variable.meaning)} |" for variable in VARIABLES),
        "",
        "A manifest is read from the records that passed, an incumbent from those of the base.",
        "Evidence counts here whether somebody signed it or not: where a signature is needed, a gate's `evidence` asks with `signed-by`.",
        "",
        "## Examples",
        "",
        "| expression | what it asks |",
        "|---|---|",
        *(f"| `{expression.replace('|', chr(92) + '|')}` | {_sentence(meaning)} |" for expression, meaning in EXAMPLES),
        "",
        "## When it is checked, and what it may cost",
        "",
        "Its types are checked when a `gitstage.yaml` is judged, by `gitstage check`, `tag` and `policy test`: a name that is not there, a text compared with a number or a result that is not true or false refuses the policy (`manifest-valid`), with the line.",
        "Reading a registry needs no engine.",
        "",
        "What has no value refuses: a label or a metric that the version does not have, a division by zero, a time zone that is none.",
        "Ask with `has(…)` or `in` first where it may be missing.",
        "A metric has a fraction, so that it is compared with one: `version.metrics.auc > 0.9`, `evidence['load-test'].metrics.p99_ms < 20.0`.",
        "",
        f"An expression has at most {LONGEST:,} characters and {MOST_LOOPS} of `all`, `exists`, `exists_one`, `map` and `filter`.",
        "All its loops together have 10,000 turns; then it is stopped, and refuses.",
        "Within a loop no texts or lists are put together with `+`, and `matches` takes a short pattern in quotes, without `{…}`.",
        "Several small rules cost no more than one large one, and say better what is wrong.",
    ]
    return "\n".join(parts) + "\n"


PAGES = {"commands.md": commands, "expressions.md": expressions, "rules.md": rules}


def main(arguments: list[str]) -> int:
    """Writes the pages, or with `--check` compares them."""
    stale = []
    for name, made in PAGES.items():
        path, text = REFERENCE / name, made()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
    for name in stale:
        sys.stdout.write(f"{'stale' if '--check' in arguments else 'wrote'}: docs/reference/{name}\n")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
