"""Where text that came out of a repository ends up, and how it is written there so that it stays text.

One function a sink: a terminal (and the log of a CI job, which obeys what it finds), a workflow command of GitHub
Actions, Markdown, JSON. Each takes text as it was found and returns one line.
"""

from __future__ import annotations

import json
import re

_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\u180b\u180c\u180d\u180f") | frozenset(
    chr(code) for code in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
)
"""Nothing to see, although Unicode counts them as letters, marks or symbols."""
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_TYPEWRITER = str.maketrans({"→": "->", "…": "...", "−": "-", "–": "-", "·": "-", "×": "x", "“": '"', "”": '"'})

# A runner takes "::" at a line's beginning, blanks aside, and "##[" anywhere in it for a command:
# https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
_OLD_COMMAND = "##["
_COMMAND = re.compile(r"\s*:(?=:)")


def visible(text: str, *, ascii_only: bool = False) -> str:
    r"""`text` on one line, with an escape such as `\n`, `\x1b` or `\u202e` for whatever would not be seen.

    That is control characters, line ends, what reorders or hides text, and bytes that are not UTF-8.
    """
    if ascii_only:
        text = text if text.isascii() else text.translate(_TYPEWRITER)
        if text.isascii() and text.isprintable():
            return text
        return "".join(char if " " <= char <= "~" else _escape(char) for char in text)
    if text.isprintable() and (text.isascii() or _BLANK.isdisjoint(text)):
        return text
    return "".join(char if char.isprintable() and char not in _BLANK else _escape(char) for char in text)


def _escape(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, see os.fsdecode
        code -= 0xDC00
    if char in _SHORT:
        return _SHORT[char]
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def terminal(text: str, *, ascii_only: bool = False) -> str:
    """`text` for a terminal or a log: one line, nothing hidden, and no command to the runner that may be reading it."""
    text = visible(text, ascii_only=ascii_only).replace(_OLD_COMMAND, "#\\x23[")
    found = _COMMAND.match(text) if "::" in text else None
    return f"{text[: found.end() - 1]}\\x3a{text[found.end() :]}" if found else text


def workflow_message(*lines: str) -> str:
    """The message of a workflow command: `lines` below each other.

    https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions; the escapes are the runner's own.
    """
    return "%0A".join(terminal(line).replace("%", "%25") for line in lines)


def workflow_property(text: str) -> str:
    """A property of a workflow command, such as a file or a title."""
    return terminal(text).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")


# Every character that GitHub's Markdown might act on becomes an entity, since an entity never is structure.
# Three things look at the text that is shown, after Markdown is done, and are no longer fooled by an entity:
# references (`@team`, `#12`, and GitLab's `!3`, `~label`) and `:emoji:`, taken apart by a space of no width, and
# formulas (`$x$`), for which the manual knows a <span> ("Writing mathematical expressions" on docs.github.com).
_ENTITIES = {ord(char): f"&#{ord(char)};" for char in "\\`*[]|~#"} | {
    ord("&"): "&amp;",
    ord("<"): "&lt;",
    ord(">"): "&gt;",
    ord("$"): "<span>$</span>",
    0x200B: "&#8203;",
}
_STRUCTURE = re.compile(
    r"""
      (?<![A-Za-z0-9])_ | _(?![A-Za-z0-9])                 # within a word it is only a character
    | (?<!\d):(?=\S) | (?<=www)\.                          # https://…, mailto:…, www.…
    | \A[-+=] | \A\d+[.)](?=\s|\Z)                         # a list, or a line below a heading
    """,
    re.VERBOSE | re.IGNORECASE,
)
_REFERENCE = re.compile(
    r"""(?<=[@\#!%^&~$])(?=[\w"\\{\[]) | (?<=:)(?=[\w+-]+:) | (?<=\bGH)(?=-\d)""", re.VERBOSE | re.IGNORECASE
)
_CODE = re.compile(r"[^`|<>&\s](?:[^`|<>&]*[^`|<>&\s])?")


def markdown(text: str) -> str:
    """`text` in GitHub's Markdown, where it reads as it is: one line, safe in a table's cell, in HTML and on its own."""
    return _inert(_REFERENCE.sub("\u200b", terminal(text)))


def markdown_code(text: str) -> str:
    """`text` as code in GitHub's Markdown, to be copied as it is."""
    text = terminal(text)
    if _CODE.fullmatch(text):
        return f"`{text}`"
    # Markdown still looks for links in here, and for an address after entities are gone
    return f"<code>{_inert(text).replace('@', '<span>@</span>')}</code>"


def _inert(text: str) -> str:
    text = _STRUCTURE.sub(lambda found: f"{found[0][:-1]}\0{ord(found[0][-1])}\1", text.strip())
    return text.translate(_ENTITIES).replace("\0", "&#").replace("\1", ";")


def json_document(value: object) -> str:
    """`value` as JSON in ASCII, with a line end, in which neither a page nor a runner's log finds anything to act on.

    What is not JSON (NaN, an object) is a ValueError or TypeError.
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, indent=2)
    for char in "<>&":  # only ever inside a string, as is "##["
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text.replace(_OLD_COMMAND, "#\\u0023[") + "\n"
