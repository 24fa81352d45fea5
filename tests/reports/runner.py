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


# The grammar of annotations as the manual has it: "Setting a notice message" and the sections around it in
# https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands.
_ANNOTATION = re.compile(r"::(?P<name>notice|warning|error)(?: (?P<properties>[^:\r\n]+))?::(?P<message>[^\r\n]*)")
_PROPERTIES = {
    "title": re.compile(r"(?s).+"),
    "file": re.compile(r"(?s).+"),
    "line": re.compile("[1-9][0-9]*"),
    "endLine": re.compile("[1-9][0-9]*"),
    "col": re.compile("[1-9][0-9]*"),
    "endColumn": re.compile("[1-9][0-9]*"),
}
_ESCAPED = re.compile("%(?!0A|0D|25)")
_ESCAPED_PROPERTY = re.compile("%(?!0A|0D|25|2C|3A)")


def annotation(line: str) -> Command:
    """The one annotation that a line is, read by the manual's grammar; anything else is an AssertionError."""
    found = _ANNOTATION.fullmatch(line)
    assert found is not None, f"{line!r} is no annotation"
    properties: dict[str, str] = {}
    for pair in (found["properties"] or "").split(",") if found["properties"] else ():
        key, equals, value = pair.partition("=")
        assert equals, f"{pair!r} is no property"
        assert key in _PROPERTIES, f"{key!r} is a property of no annotation"
        assert key not in properties, f"{key!r} is said twice"
        assert _ESCAPED_PROPERTY.search(value) is None, f"{value!r} is not escaped"
        properties[key] = _unescaped(value)
        assert _PROPERTIES[key].fullmatch(properties[key]), f"{key} is not {properties[key]!r}"
    assert _ESCAPED.search(found["message"]) is None, f"{found['message']!r} is not escaped"
    return found["name"], properties, _unescaped(found["message"])
