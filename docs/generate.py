"""Writes the pages of the reference that are made from the program: the commands and the rules.

`python docs/generate.py` writes them; with `--check` it only says which would change, and exits 1.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import click

from gitstage.cli.main import COMMANDS, cli
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
        "A gate's rules (`soak`, `metrics`, `evidence`) and `keep` ask what the policy asks.",
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


PAGES = {"commands.md": commands, "rules.md": rules}


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
