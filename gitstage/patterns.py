"""Patterns of model names and of paths: what they match, which is more specific, and whether two can meet."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

from gitstage.canonical import HIDDEN


def model_pattern_problem(pattern: str) -> str | None:
    """Why `pattern` is no model's name in which `*`, `?` and `**` may stand; None where it is one."""
    parts = pattern.split("/")
    for part in parts:
        if part != "**" and ("**" in part or not re.fullmatch(r"[A-Za-z0-9._*?-]+", part, re.ASCII)):
            return f"{pattern!r} is no pattern of names such as fraud-detector, risk/**, risk/* or **"
    return f"{pattern!r} has '**' twice in a row" if ("**", "**") in pairwise(parts) else None


def path_pattern_problem(pattern: str) -> str | None:
    """Why `pattern` is no pattern of paths as in a .gitignore; None where it is one."""
    if re.search(r"[\[\]{}!\\#]", pattern) or HIDDEN.search(pattern) or pattern != pattern.strip():
        return f"{pattern!r} has something besides names, '/', '*', '**' and '?'"
    parts = pattern.removeprefix("/").removesuffix("/").split("/")
    if any(part in ("", ".", "..") or ("**" in part and part != "**") for part in parts):
        return f"{pattern!r} is no path from the repository's root"
    return None


def specificity(pattern: str) -> tuple[tuple[int, int], ...]:
    """What patterns of model names are compared by: the greater of two is the more specific.

    Part by part from the left: a plain name is more specific than one with `*` or `?`, which is more specific than
    `**`; of two with `*` or `?` the one with more plain characters. Where one pattern ends, the other is more
    specific. Two patterns that come out equal and can match one model are an error in gitstage.yaml.
    """
    return tuple(_specificity(part) for part in pattern.split("/"))


def _specificity(part: str) -> tuple[int, int]:
    if part == "**":
        return 0, 0
    wild = part.count("*") + part.count("?")
    return (1, len(part) - wild) if wild else (2, 0)


def model_parts(pattern: str) -> tuple[str, ...]:
    """What `matches` takes for a pattern of model names; a `**` at its end stands for at least one part."""
    parts = pattern.split("/")
    return (*parts[:-1], "*", "**") if parts[-1] == "**" else tuple(parts)


def path_parts(pattern: str) -> tuple[str, ...]:
    """What `matches` takes for a pattern of paths.

    As in a .gitignore: one without a `/` but at its end matches in every folder, and a folder with all that is in it.
    """
    parts = model_parts(pattern.strip("/"))
    return (*parts, "**") if "/" in pattern.rstrip("/") else ("**", *parts, "**")


def matches(pattern: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether the parts of a name match those of a pattern; `**` stands for any number of parts."""
    return _matches(pattern, parts, "**", lambda wanted, part: _matches(wanted, part, "*", _same))


def _same(wanted: str, character: str) -> bool:
    return wanted in (character, "?")


def _matches(pattern: Sequence[str], items: Sequence[str], star: str, fits: Callable[[str, str], bool]) -> bool:
    """Whether items match a pattern in which `star` stands for any number of them.

    Only what the last star stands for is ever tried again, so that it takes at most pattern x items steps.
    """
    at = item = 0
    last_star = starred = -1
    while item < len(items):
        if at < len(pattern) and pattern[at] == star:
            last_star, starred = at, item
            at += 1
        elif at < len(pattern) and fits(pattern[at], items[item]):
            at, item = at + 1, item + 1
        elif last_star >= 0:
            starred += 1
            at, item = last_star + 1, starred
        else:
            return False
    return all(rest == star for rest in pattern[at:])


def ways_apart(pattern: str) -> tuple[object, ...]:
    """A key that is equal for two patterns wherever both can match one name and neither is the more specific.

    What stands before the first `**` and behind the last one is at the same place in every name that matches.
    """
    parts = pattern.split("/")
    stars = [at for at, part in enumerate(parts) if part == "**"]
    first, last = (stars[0], stars[-1] + 1) if stars else (len(parts), len(parts))
    fixed = tuple("" if "*" in part or "?" in part else part for part in (*parts[:first], "", *parts[last:]))
    return specificity(pattern), fixed


def can_both_match(one: str, other: str) -> bool:
    """Whether there is a name that two patterns of model names both match."""
    return _meet(model_parts(one), model_parts(other), "**", lambda a, b: _meet(a, b, "*", _alike))


def _alike(a: str, b: str) -> bool:
    return a == b or "?" in (a, b)


def _meet(one: Sequence[str], other: Sequence[str], star: str, fits: Callable[[str, str], bool]) -> bool:
    """Whether something matches both patterns: a walk through how far each of them can have come."""
    seen: set[tuple[int, int]] = set()
    reached = [(0, 0)]
    while reached:
        at = i, j = reached.pop()
        if at in seen:
            continue
        seen.add(at)
        a, b = one[i] if i < len(one) else None, other[j] if j < len(other) else None
        if a is None and b is None:
            return True
        if star in (a, b):
            # The star stands for nothing more, or for what comes next in the other pattern.
            reached += [(i + 1, j)] if a is not None else []
            reached += [(i, j + 1)] if b is not None else []
        elif a is not None and b is not None and fits(a, b):
            reached.append((i + 1, j + 1))
    return False
