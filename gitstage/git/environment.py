"""Which environment variables a git process gets: a list of what may pass, one for each purpose."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path


class Purpose(Enum):
    """What a git process is started for: it decides which variables, options and hooks reach it."""

    READING = "reading"
    WRITING = "writing"
    TRANSPORT = "transport"


ALWAYS = frozenset(
    {
        "PATH",
        "LD_LIBRARY_PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "TMPDIR",
        "TZ",
        "XDG_CONFIG_HOME",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_SYSTEM",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_EXEC_PATH",
        "GIT_CEILING_DIRECTORIES",
        "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    }
)
"""Where programs and the user's own configuration lie, and how far to look for a repository."""

IDENTITY = frozenset(
    {
        "EMAIL",
        *(f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL", "DATE")),
    }
)
OPTIONS = ("GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_", "GIT_CONFIG_PARAMETERS")
"""Configuration given by environment (`git -c`), as CI systems hand over identities and credentials."""

TRANSPORT = (
    "GIT_ASKPASS",
    "GIT_SSH",
    "GIT_PROXY_",
    "GIT_SSL_",
    "GIT_HTTP_",
    "GIT_ALLOW_PROTOCOL",
    "GIT_PROTOCOL",
)
"""How the user reaches remotes (beginnings of names)."""

INDEX, OBJECTS, ALTERNATES, QUARANTINE = (
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_QUARANTINE_PATH",
)

FIXED: Mapping[str, str] = {
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    # A path below a file: git finds no grafts there, and does not complain that there are none.
    "GIT_GRAFT_FILE": "/dev/null/grafts",
}

# No process that reads may open a connection, not even to fetch what a partial clone lacks.
NO_CONNECTION: Mapping[str, str] = {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1"}


def passes(name: str, purpose: Purpose) -> bool:
    """Whether the variable `name` reaches a git process that is started for `purpose`."""
    if name in ALWAYS:
        return True
    if purpose is Purpose.READING:
        return False
    if name in IDENTITY or name.startswith(OPTIONS):
        return True
    if name.startswith("GIT_"):
        return purpose is Purpose.TRANSPORT and name.startswith(TRANSPORT)
    # Hooks, credential helpers, ssh and gpg are the user's programs, and get the user's variables.
    return True


def fixed(purpose: Purpose) -> dict[str, str]:
    """The variables that every git process started for `purpose` gets, whatever the user has set."""
    return {**FIXED, **(NO_CONNECTION if purpose is not Purpose.TRANSPORT else {})}


def from_a_hook(surroundings: Mapping[str, str], git_dir: Path, common_dir: Path, here: Path) -> dict[str, str]:
    """Git's own variables, where git has set them for this repository (we run inside a hook), made absolute.

    Pushed objects lie in quarantine until a `pre-receive` hook has passed, and are seen only with these. Such
    variables of another repository, as when a hook's test suite makes repositories of its own, are not passed on.
    """
    kept: dict[str, str] = {}
    index = surroundings.get(INDEX)
    if index and _lies_in(here / index, git_dir):
        kept[INDEX] = str((here / index).resolve())
    objects = surroundings.get(OBJECTS)
    if objects and _lies_in(here / objects, common_dir):
        kept[OBJECTS] = str((here / objects).resolve())
        for name in (ALTERNATES, QUARANTINE):
            if surroundings.get(name):
                kept[name] = surroundings[name]
    return kept


def _lies_in(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())
