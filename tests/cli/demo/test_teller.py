from __future__ import annotations

import sys
from pathlib import Path

import click
import pytest

from gitstage.cli.demo.teller import Command, NotAsTold, Step, Teller, shown, trimmed, with_moments
from gitstage.operations.doctor import Check
from gitstage.operations.registries import utc_now


class Audience:
    """What was shown, line by line."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def audience() -> Audience:
    return Audience()


@pytest.fixture
def teller(tmp_path: Path, audience: Audience) -> Teller:
    return Teller(tmp_path, audience)


def python(script: str) -> str:
    return f'{sys.executable} -c "{script}"'


def test_a_step_shows_what_is_typed_what_it_says_and_what_it_means(teller: Teller, audience: Audience) -> None:
    step = Step(
        "Begin", (Command("ada", "true"), Command("ada", "echo one", says=("one",)), Command("ci", "echo two")), "So."
    )
    teller.tell(step)
    assert audience.lines == [
        "",
        "1. Begin",
        "",
        "ada $ true",
        "ada $ echo one",
        "  one",
        "",
        "ci $ echo two",
        "  two",
        "",
        "  So.",
    ]


def test_steps_are_counted(teller: Teller, audience: Audience) -> None:
    for title in ("Begin", "End"):
        teller.tell(Step(title, (), "So."))
    assert [line for line in audience.lines if line[:1].isdigit()] == ["1. Begin", "2. End"]


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        (Command("ada", "false"), "exit code 1; told was exit code 0"),
        (Command("ada", "true", ends=4), "exit code 0; told was exit code 4"),
        (Command("ada", "echo 1.1.0", says=("2.0.0",)), "told was exit code 0, '2.0.0'"),
    ],
)
def test_a_command_that_comes_out_otherwise_stops_the_story(teller: Teller, command: Command, wanted: str) -> None:
    with pytest.raises(NotAsTold) as error:
        teller.tell(Step("Begin", (command, Command("ada", "touch never")), "So."))
    assert error.value.exit_code == 1
    assert "step 1 came out otherwise than told" in error.value.message
    assert wanted in error.value.message
    assert not (teller.where / "never").exists()


def test_what_a_command_says_is_compared_without_blanks_colours_and_what_only_looks_nice(
    tmp_path: Path, audience: Audience, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Check(name="git", well=True, found="auc   0.9911 -> 0.9753")
    monkeypatch.setattr("gitstage.operations.doctor.run", lambda *_: [found])
    monkeypatch.setattr("gitstage.sinks.terminal", lambda text, **_: click.style(text, fg="red"))
    Teller(tmp_path, audience, colour=True).type(Command("ada", "gitstage doctor", says=("auc 0.9911 → 0.9753",)))
    assert "\x1b[31mauc   0.9911 -> 0.9753\x1b[0m" in audience.lines[-1]


def test_our_own_commands_are_run_in_the_clone_by_whoever_types_them(teller: Teller, audience: Audience) -> None:
    teller.where.joinpath("here.json").write_text("[]", encoding="utf-8")
    told = teller.type(Command("ada", "gitstage attest m@1.0.0 --name t --result passed --file here.json", ends=2))
    assert told.said.startswith("error: ")
    assert audience.lines[-1].startswith("  ")


def test_progress_that_writes_over_itself_is_shown_as_it_ends(
    teller: Teller, audience: Audience, monkeypatch: pytest.MonkeyPatch
) -> None:
    def looked(*_: object) -> tuple[Check, ...]:
        click.echo("\r50 %", nl=False)
        click.echo("\r100 %\r")
        return ()

    monkeypatch.setattr("gitstage.operations.doctor.run", looked)
    teller.type(Command("ada", "gitstage doctor"))
    assert audience.lines == ["ada $ gitstage doctor", "  100 %"]


def test_our_own_bug_is_not_a_step_of_the_story(teller: Teller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitstage.operations.doctor.run", lambda *_: 1 // 0)
    with pytest.raises(NotAsTold, match="exit code 3"):
        teller.type(Command("ada", "gitstage doctor"))


def test_an_interrupted_command_interrupts_the_story(teller: Teller, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gitstage.operations.doctor.run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        teller.type(Command("ada", "gitstage doctor"))


def test_what_git_says_cannot_move_the_cursor(teller: Teller, audience: Audience) -> None:
    teller.type(Command("ada", python("print(chr(27) + '[2J' + chr(0x202e) + 'evil')")))
    assert audience.lines[-1] == "  \\x1b[2J\\u202eevil"


def test_a_terminal_is_given_colours_and_nothing_else_is(tmp_path: Path) -> None:
    plain, coloured = Audience(), Audience()
    step = Step("Begin", (Command("ada", "gitstage schema manifest", lines=5),), "So.")
    Teller(tmp_path, plain).tell(step)
    Teller(tmp_path, coloured, colour=True).tell(step)
    assert "\x1b[" not in "".join(plain.lines)
    assert [click.unstyle(line) for line in coloured.lines] == plain.lines
    assert coloured.lines[1] == "\x1b[1m1. Begin\x1b[0m"


def test_commands_see_a_terminal_only_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bool, str]] = []

    def looked(*_: object) -> tuple[Check, ...]:
        seen.append((sys.stdout.isatty(), sys.stdout.encoding))
        return ()

    monkeypatch.setattr("gitstage.operations.doctor.run", looked)
    for colour, encoding in ((True, "utf-8"), (False, "ascii")):
        Teller(tmp_path, Audience(), colour=colour, encoding=encoding).type(Command("ada", "gitstage doctor"))
    assert seen == [(True, "utf-8"), (False, "ascii")]


def test_a_moment_that_is_remembered_lies_in_a_second_of_its_own(teller: Teller) -> None:
    teller.tell(Step("Begin", (), "So.", remembers="then"))
    then = teller.moments["then"]
    later = f"{utc_now():%Y-%m-%dT%H:%M:%SZ}"
    assert then < later
    assert teller.type(Command("ada", "echo at {then} or {never}", says=("at {then} or {never}",))).said == (
        f"at {then} or {{never}}"
    )


def test_only_moments_that_are_known_are_put_in() -> None:
    assert with_moments("{then} {other}", {"then": "2026-01-01T00:00:00Z"}) == "2026-01-01T00:00:00Z {other}"


def test_a_long_command_is_broken_before_its_options_as_a_shell_takes_it() -> None:
    words = ["gitstage", "attest", "m@1.0.0", "--name", "load-test", "--reason", "it's one word", "--push"]
    assert shown("ada", words, width=40) == [
        "ada $ gitstage attest m@1.0.0 \\",
        "          --name load-test \\",
        "          --reason 'it'\"'\"'s one word' \\",
        "          --push",
    ]
    assert shown("ada", words[:3]) == ["ada $ gitstage attest m@1.0.0"]


def test_an_output_is_trimmed_in_its_middle_and_says_by_how_much() -> None:
    said = "".join(f"{number}\n" for number in range(1, 8))
    assert trimmed(said, 7, width=80) == ["1", "2", "3", "4", "5", "6", "7"]
    assert trimmed(said, 4, width=80) == ["1", "2", "… 4 more lines", "7"]
    assert trimmed(said, 4, width=80, ellipsis="...") == ["1", "2", "... 4 more lines", "7"]
    assert trimmed("\n", 4, width=80) == []


def test_a_wide_line_is_cut_and_its_colours_are_not() -> None:
    assert trimmed("12345678", 9, width=8) == ["12345678"]
    assert trimmed("123456789", 9, width=8) == ["1234567…"]
    assert trimmed("\x1b[31m1234\x1b[0m5678", 9, width=8) == ["\x1b[31m1234\x1b[0m5678"]
    assert trimmed("\x1b[31m1234\x1b[0m56789\x1b[1m0\x1b[0m", 9, width=8) == ["\x1b[31m1234\x1b[0m567\x1b[1m\x1b[0m…"]


def test_where_only_ascii_can_be_shown_three_dots_are(tmp_path: Path) -> None:
    audience = Audience()
    Teller(tmp_path, audience, encoding="ascii", width=20).type(Command("ada", "echo 1234567890123456789"))
    assert audience.lines[-1] == "  123456789012345..."
