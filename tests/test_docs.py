"""The documentation says what is so: its commands run, its documents are valid, its links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gitstage.canonical import DocumentError
from gitstage.manifest import read_version
from gitstage.policy import read_policy
from tests.operations.test_attacks import CASES

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
VARIES = (
    (re.compile(r"\b[0-9a-f]{64}\b"), "[0-9a-f]{64}"),
    (re.compile(r"\b[0-9a-f]{12}\b"), "[0-9a-f]{12}"),
    (re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2} UTC"), r"\\d{4}-\\d{2}-\\d{2} \\d{2}:\\d{2} UTC"),
)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    return [text for found, text in FENCE.findall(page.read_text(encoding="utf-8")) if found == language]


def prose(page: Path) -> str:
    """A page without what it shows as it is typed or stored."""
    return re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    """What a link may say behind `#`, as GitHub makes it of a heading."""
    words = (heading.lower().replace("`", "") for heading in HEADING.findall(prose(page)))
    return {re.sub(r"[^\w\- ]", "", word).replace(" ", "-") for word in words}


def told(page: Path) -> list[tuple[str, list[str]]]:
    """The commands of a page with the lines that it shows after each."""
    steps: list[tuple[str, list[str]]] = []
    for block in blocks(page, "console"):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append((line[2:], []))
            elif line.startswith("> ") or line == ">":
                command, shown = steps[-1]
                steps[-1] = (f"{command}\n{line[2:]}", shown)
            else:
                steps[-1][1].append(line)
    return steps


def pattern(lines: list[str]) -> str:
    """What an output must be: ids and moments vary, and a line of dots stands for any lines."""
    parts = []
    for line in lines:
        if line == "...":
            parts.append("(?:.*\n)*")
            continue
        text = re.escape(line).replace("\\-", "-").replace("\\ ", " ").replace("\\:", ":")
        for found, varies in VARIES:
            text = found.sub(varies, text)
        parts.append(f"{text} *\n")
    return "".join(parts)


TYPED = ("docs/tutorial.md", "docs/how-to/sign-evidence.md", "docs/how-to/gate-nobody-walks-around.md")
"""Pages whose commands all run, from the first to the last."""


@pytest.mark.parametrize("page", TYPED)
def test_the_commands_of_a_page_do_what_it_says(page: str, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "gitstage").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gitstage "$@"\n', encoding="utf-8")
    (programs / "gitstage").chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "utf-8",
    }
    environment.pop("COLUMNS", None)
    for command, shown in told(ROOT / page):
        # Files of the story lie in the test's own folder, not in the machine's /tmp.
        local = command.replace("/tmp/", f"{tmp_path}/")
        script = f"{local}\nstatus=$?\npwd > {tmp_path}/pwd\nexit $status"
        done = subprocess.run(
            ["bash", "-c", script], cwd=here, env=environment, capture_output=True, text=True, check=False
        )
        here = Path((tmp_path / "pwd").read_text(encoding="utf-8").strip())
        output = done.stdout.replace(f"{tmp_path}/", "/tmp/")
        output += "" if output.endswith("\n") or not output else "\n"
        assert re.fullmatch(pattern(shown), output), f"{page}: $ {command}\n{output}\n{done.stderr}"
        assert done.returncode in (0, 1, 4), f"{page}: $ {command}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    astray = []
    for link, anchor in LINK.findall(prose(page)):
        if "://" in link or link.startswith("mailto:"):
            continue
        target = page.parent / link if link else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            astray.append(f"{link}#{anchor}")
    assert astray == []


def test_every_page_is_found_from_the_index() -> None:
    index = ROOT / "docs" / "index.md"
    listed = {(index.parent / link).resolve() for link, _ in LINK.findall(prose(index)) if "://" not in link}
    doors = ("how-to", "reference", "explanation")
    pages = [page for page in PAGES if page.parent.name in doors and page.parent.parent == index.parent]
    assert [name_of(page) for page in pages if page not in listed] == []


# What is tried, and what holds it

ATTACKS = ROOT / "docs/explanation/attacks.md"
HELD = re.compile(r"\[([^]]+)\]\(\.\./\.\./(tests/[\w/]+\.py)\)")
PLANTED = (
    "tests/operations/test_attacks.py",
    "tests/operations/test_disguises.py",
    "tests/operations/test_together.py",
    "tests/cli/test_hostile_configuration.py",
    "tests/cli/test_hostile_text.py",
    "tests/cli/test_hostile.py",
    "tests/reports/test_hostile_reports.py",
)
"""The files in which there is nothing but attacks: the page names each of their tests."""


def names_of_tests(name: str) -> set[str]:
    """The tests of a file, as the page calls them: without `test_`, with blanks."""
    found = re.findall(r"^def test_(\w+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    return {test.replace("_", " ") for test in found}


def test_every_test_that_the_page_of_attacks_names_is_there() -> None:
    named = HELD.findall(ATTACKS.read_text(encoding="utf-8"))
    assert len(named) > 50
    assert [(test, name) for test, name in named if test not in names_of_tests(name)] == []


@pytest.mark.parametrize("name", PLANTED)
def test_every_attack_is_on_the_page_of_attacks(name: str) -> None:
    named = {test for test, file in HELD.findall(ATTACKS.read_text(encoding="utf-8")) if file == name}
    assert names_of_tests(name) - named == set()


def test_the_page_of_attacks_says_what_the_judges_say() -> None:
    rows = [
        f"| {name} | {'; '.join(f'`{thing}` {in_words(answer)}' for thing, answer in case.says.items())} |"
        for name, case in CASES.items()
    ]
    table = ATTACKS.read_text(encoding="utf-8").partition("|---|---|\n")[2].partition("\n\n")[0]
    assert table.splitlines() == rows


def in_words(answer: str) -> str:
    verdict, *rules = answer.split()
    return f"{verdict}: {', '.join(f'`{rule}`' for rule in rules)}"


def test_every_command_with_json_is_in_the_table_of_shapes() -> None:
    reference = (ROOT / "docs/reference/commands.md").read_text(encoding="utf-8")
    table = (ROOT / "docs/reference/json.md").read_text(encoding="utf-8").partition("\n## ")[0]
    sections = re.split(r"^#+ gitstage ", reference, flags=re.MULTILINE)[1:]
    speaking = [section.partition("\n")[0] for section in sections if re.search(r"^  --json ", section, re.MULTILINE)]
    assert speaking
    assert [command for command in speaking if f"`{command}`" not in table] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_policy_and_manifest_that_is_shown_whole_is_valid(page: Path) -> None:
    for block in blocks(page, "yaml"):
        try:
            if "kind: Registry" in block:
                read_policy(block.encode())
            elif "kind: ModelVersion" in block:
                read_version(block.encode())
        except DocumentError as error:
            pytest.fail(f"{name_of(page)}: {error}\n{block}")


def test_the_pages_that_are_made_from_the_program_are_current() -> None:
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), "make docs writes them"
