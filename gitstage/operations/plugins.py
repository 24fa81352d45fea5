"""Rules in Python, which other packages bring: found by name among their entry points, and run only where allowed."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING

from gitstage.errors import CannotEvaluate

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitstage.rules.cases import Plugin

GROUP = "gitstage.rules"
"""The group of entry points, https://packaging.python.org/specifications/entry-points/."""


def plugins(allowed: Collection[str]) -> Callable[[str], Plugin]:
    """What gives a plug-in by its name, where whoever runs gitstage allowed that name; else it raises CannotEvaluate.

    What a repository says is only ever looked up: nothing is imported that was not allowed by name.
    """
    return partial(_plugin, frozenset(allowed))


def _plugin(allowed: frozenset[str], name: str) -> Plugin:
    from importlib.metadata import entry_points

    from gitstage.rules.cases import no_plugin

    if name not in allowed:
        return no_plugin(name)
    found = entry_points(group=GROUP, name=name)
    if not found:
        raise CannotEvaluate(
            f"no package that is installed here brings the plug-in {name!r}",
            hint=f"install the one whose entry points {GROUP!r} name {name!r}",
        )
    if len({point.value for point in found}) > 1:
        raise CannotEvaluate(f"{len(found)} packages bring a plug-in {name!r}: which one is meant is not certain")
    try:
        loaded = next(iter(found)).load()
    except (Exception, SystemExit) as error:
        raise CannotEvaluate(f"the plug-in {name!r} cannot be loaded: {type(error).__name__}: {error}") from error
    if not callable(loaded):
        raise CannotEvaluate(f"the plug-in {name!r} is no function")
    plugin: Plugin = loaded
    return plugin
