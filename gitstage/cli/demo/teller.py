"""Telling a story: type each command, show what it really says, and stop where it says something else than was told."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click

from gitstage.cli.demo.playground import typed, typing
from gitstage.errors import GitstageError
from gitstage.operations.registries import utc_now
from gitstage.sinks import terminal, visible
from gitstage.values import dataclass

WIDTH = 100
"""Columns, beyond which a command or a sentence is broken into lines, be the terminal ever so wide."""
INDENT = "  "
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
OURS = "gitstage"


@dataclass(frozen=True)
class Command:
    """A line that somebody types, how it ends, and what it says: texts that its output holds, blanks aside.

    `lines` is how much of the output is shown. `{name}` in the line or in what it says is a moment that was remembered.
    """

    who: str
    line: str
    ends: int = 0
    says: tuple[str, ...] = ()
    lines: int = 12


@dataclass(frozen=True)
class Step:
    """One step of a story: what happens, and what it means. `remembers` calls the moment after it by a name."""

    title: str
    commands: tuple[Command, ...]
    means: str
    remembers: str | None = None


class NotAsTold(GitstageError):
    """A command ended otherwise than the story says."""

    exit_code = 1


@dataclass(frozen=True)
class Told:
    """A command as it was typed, how it ended and what it said."""

    words: tuple[str, ...]
    ended: int
    said: str


class _Screen(io.StringIO):
    """Takes what a command says; passes for a terminal where the teller writes to one."""

    def __init__(self, encoding: str, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    def isatty(self) -> bool:
        return self._is_terminal


class Teller:
    """Tells steps, one after the other, with commands typed in the folder `where`.

    `say` takes a line to show. With `colour` what is shown is coloured; `encoding` and `width`, in columns, are those
    of whoever reads it.
    """

    def __init__(
        self,
        where: Path,
        say: Callable[[str], None],
        *,
        colour: bool = False,
        encoding: str = "utf-8",
        width: int = WIDTH,
    ) -> None:
        self.where = where
        self.moments: dict[str, str] = {}
        self._say = say
        self._colour = colour
        self._encoding = encoding
        self._width = width
        self._number = 0

    @property
    def _inner(self) -> int:
        """The columns that are left for what a command says."""
        return self._width - len(INDENT)

    @property
    def _ellipsis(self) -> str:
        return "…" if self._encoding.lower().startswith("utf") else "..."

    def tell(self, step: Step) -> None:
        """One step. Raises NotAsTold."""
        self._number += 1
        self._say("")
        self._say(self._styled(f"{self._number}. {step.title}", bold=True))
        self._say("")
        for number, command in enumerate(step.commands):
            told = self.type(command)
            if told.said.strip() and number + 1 < len(step.commands):
                self._say("")
        if step.remembers is not None:
            self.moments[step.remembers] = self._moment()
        self._say("")
        for line in click.wrap_text(step.means, min(self._width, WIDTH), INDENT, INDENT).splitlines():
            self._say(self._styled(line, fg="yellow"))

    def type(self, command: Command) -> Told:
        """Types one command and shows what it says. Raises NotAsTold where that is not what was told."""
        words = tuple(shlex.split(self._with_moments(command.line)))
        for line in shown(command.who, words, width=min(self._width, WIDTH)):
            self._say(self._styled(line, bold=True, fg="green"))
        told = self._run(command.who, words)
        for line in trimmed(told.said, command.lines, width=self._inner, ellipsis=self._ellipsis):
            self._say(f"{INDENT}{line}")
        self._compare(command, told)
        return told

    def _run(self, who: str, words: tuple[str, ...]) -> Told:
        with typing(who, columns=self._inner):
            if words[0] == OURS:
                ended, said = self._run_ours(words[1:])
            else:
                ended, raw = typed(self.where, words)
                said = "\n".join(terminal(line) for line in raw.splitlines())
        if ended == 130:
            raise KeyboardInterrupt
        return Told(words, ended, said)

    def _run_ours(self, words: Sequence[str]) -> tuple[int, str]:
        """Our own command line, in this process: the same code as in one of its own, without starting Python again."""
        from gitstage.cli.main import run

        screen = _Screen(self._encoding, is_terminal=self._colour)
        with contextlib.chdir(self.where), contextlib.redirect_stdout(screen), contextlib.redirect_stderr(screen):
            ended = run(words)
        return ended, "\n".join(_as_it_stands(line) for line in screen.getvalue().split("\n"))

    def _compare(self, command: Command, told: Told) -> None:
        said = _gist(told.said)
        missing = [text for text in command.says if _gist(self._with_moments(text)) not in said]
        if told.ended != command.ends or missing:
            wanted = f"exit code {command.ends}" + "".join(f", {text!r}" for text in missing)
            raise NotAsTold(
                f"step {self._number} came out otherwise than told: {shlex.join(told.words)}\n"
                f"exit code {told.ended}; told was {wanted}"
            )

    def _moment(self) -> str:
        """This moment; whatever comes next comes in a later second, as moments in tags are whole seconds."""
        now = utc_now()
        while utc_now() == now:
            time.sleep(0.02)
        return f"{now:%Y-%m-%dT%H:%M:%SZ}"

    def _with_moments(self, text: str) -> str:
        return with_moments(text, self.moments)

    def _styled(self, text: str, *, bold: bool | None = None, fg: str | None = None) -> str:
        return click.style(text, bold=bold, fg=fg) if self._colour else text


def _as_it_stands(line: str) -> str:
    """A line as a terminal leaves it: progress writes over itself."""
    return line.rstrip("\r").rpartition("\r")[2]


def _gist(text: str) -> str:
    """A text without colours, line ends and what a terminal may not be able to show."""
    return visible(" ".join(click.unstyle(text).split()), ascii_only=True)


def with_moments(text: str, moments: Mapping[str, str]) -> str:
    """`text` with `{name}` as the moment of that name."""
    return re.sub(r"\{([a-z]+)\}", lambda found: moments.get(found[1], found[0]), text)


def shown(who: str, words: Sequence[str], *, width: int = WIDTH) -> list[str]:
    """A command as it stands at a prompt; a long one is broken before its options, as a shell takes it."""
    prompt = f"{who} $ "
    parts = _parts([shlex.quote(word) if not _is_plain(word) else word for word in words])
    lines = [prompt + parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) + 3 > width:
            lines[-1] += " \\"
            lines.append(" " * (len(prompt) + 4) + part)
        else:
            lines[-1] += f" {part}"
    return lines


def _is_plain(word: str) -> bool:
    return re.fullmatch(r"[\w@%+=:,./~-]+", word) is not None


def _parts(words: Sequence[str]) -> list[str]:
    """The words, with each option and what follows it as one part."""
    parts: list[str] = []
    for word in words:
        if parts and not word.startswith("-") and parts[-1].startswith("-") and " " not in parts[-1]:
            parts[-1] += f" {word}"
        else:
            parts.append(word)
    return parts


def trimmed(said: str, most: int, *, width: int, ellipsis: str = "…") -> list[str]:
    """At most so many lines of an output, none of them too wide; the last one is kept, as it says how it came out."""
    lines = [_cut(line, width, ellipsis) for line in said.rstrip().splitlines()]
    if len(lines) <= most:
        return lines
    return [*lines[: most - 2], f"{ellipsis} {len(lines) - most + 1} more lines", lines[-1]]


def _cut(line: str, width: int, ellipsis: str) -> str:
    """A line of at most `width` columns, colours aside."""
    if len(COLOUR.sub("", line)) <= width:
        return line
    kept, room = "", width - len(ellipsis)
    for part in re.split(f"({COLOUR.pattern})", line):
        if COLOUR.fullmatch(part):
            kept += part
        else:
            kept += part[:room]
            room -= len(part[:room])
    return kept + ellipsis
