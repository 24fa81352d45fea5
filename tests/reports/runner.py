"""How the runner of GitHub Actions finds commands in what a step prints.

After `ActionCommand.cs` of https://github.com/actions/runner: "::" at a line's beginning, blanks aside, or "##["
anywhere in it. It knows its commands by name; here any name will do.
"""

from __future__ import annotations

import re

Command = tuple[str, dict[str, str], str]


def commands_in(output: str) -> list[Command]:
    """The commands of an output: name, properties, message."""
    found = (_command(line) or _old_command(line) for line in re.split(r"\r\n|\r|\n", output))
    return [command for command in found if command is not None]


def _command(line: str) -> Command | None:
    line = line.lstrip()
    info, separator, data = line[2:].partition("::")
    if not line.startswith("::") or not separator:
        return None
    return _parsed(info, data, between=",")


def _old_command(line: str) -> Command | None:
    _, prefix, rest = line.partition("##[")
    info, bracket, data = rest.partition("]")
    return _parsed(info, data, between=";") if prefix and bracket else None


def _parsed(info: str, data: str, between: str) -> Command:
    name, _, properties = info.partition(" ")
    pairs = (pair.partition("=") for pair in properties.strip().split(between) if pair)
    return name, {key: _unescaped(value) for key, _, value in pairs if value}, _unescaped(data)


def _unescaped(text: str) -> str:
    for escape, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(escape, char)
    return text
