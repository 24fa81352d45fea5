"""The workflows that judge every pull request and tag what has landed, made from the templates beside this module."""

from __future__ import annotations

import json
import re
from textwrap import indent

from gitstage.errors import GitstageError
from gitstage.values import dataclass

FOLDER = ".github/workflows"

_STEPS = re.compile(r"^( *)# @judge@\n", re.MULTILINE)
_PLACE = re.compile(r"@([a-z]+)@")
_PATTERN = re.compile(r"[\\*?+\[\]!]")
"""What means something else in a filter of branches:
https://docs.github.com/en/actions/reference/workflow-syntax-for-github-actions#filter-pattern-cheat-sheet
"""


@dataclass(frozen=True)
class Judge:
    """The steps, as YAML, that put `gitstage` and its `python` on the PATH: in the gate, and where tags are made.

    They run before the change is there, and never from it: a change must not bring its own judge.
    """

    gating: str
    tagging: str


def released(release: str) -> Judge:
    """A release of gitstage, as the package index has it."""
    steps = _filled(_template("install"), {"requirement": f'"gitstage=={release}"'})
    return Judge(gating=steps, tagging=steps)


def workflow_files(folder: str, trunk: str = "main", *, judge: Judge | None = None) -> dict[str, bytes]:
    """The workflows of the registry in `folder` ("" is the repository's root), by their path from the root.

    `judge` is the release that is running now, unless given. Raises GitstageError where a name cannot stand in a workflow.
    """
    judge = judge or released(_running())
    names = {
        "registry": _scalar(folder or "."),
        "trunk": _scalar(trunk),
        "branch": _scalar(_PATTERN.sub(r"\\\g<0>", trunk)),
    }
    texts = {
        "gate.yml": _with_steps(_filled(_template("gate"), names), judge.gating),
        "tag.yml": _with_steps(_filled(_template("tag"), names), judge.tagging),
    }
    return {f"{FOLDER}/{name}": text.encode() for name, text in texts.items()}


def _running() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("gitstage")
    except PackageNotFoundError as error:
        raise GitstageError(
            "this gitstage was not installed, so there is no release that a workflow could install",
            hint="install it (pip install gitstage), or go on without --ci",
        ) from error


def _template(name: str) -> str:
    from importlib.resources import files

    return (files("gitstage.github") / "templates" / f"{name}.yml").read_text(encoding="utf-8")


def _filled(text: str, names: dict[str, str]) -> str:
    return _PLACE.sub(lambda found: names.get(found[1], found[0]), text)


def _with_steps(text: str, steps: str) -> str:
    return _STEPS.sub(lambda found: indent(steps.strip("\n"), found[1]) + "\n\n", text)


def _scalar(text: str) -> str:
    """`text` as a YAML scalar in which the runner finds no expression."""
    if "${{" in text or not text.isprintable():
        raise GitstageError(f"{text!r} cannot stand in a workflow of GitHub Actions", hint="choose a plainer name")
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_./-]*", text) and text.lower() not in _WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)


_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
"""What YAML reads as something else than text."""
