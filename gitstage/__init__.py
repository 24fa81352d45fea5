"""A Git-native promotion system for machine-learning models: stages are folders, promotions are commits and tags.

>>> import gitstage
>>> gitstage.open("path/or/url").resolve("fraud-detector@production").version  # doctest: +SKIP
'1.1.0'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitstage.errors import GitstageError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from gitstage.operations.client import Client

__all__ = ["GitstageError", "open"]


def open(
    path: str | Path = ".",
    *,
    registry: str | None = None,
    plugins: Collection[str] = (),
    sign_tags: Collection[str] = (),
) -> Client:
    """The registry of a repository, by path or URL; `registry` is its folder where a repository holds several.

    `plugins` are the rules in Python that may run, by their names, and `sign_tags` SSH keys that sign the tags it makes.
    Raises GitstageError where there is no repository or no registry.
    """
    from gitstage.operations.client import Client

    return Client(str(path), registry, frozenset(plugins), tuple(sign_tags))
