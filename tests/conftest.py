"""The seal around every test: a world in which nothing but the test decides who commits, when, and how git is set up."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("fuzz", deadline=None, print_blob=True)  # `make fuzz`: other examples each time
settings.register_profile("nightly", deadline=None, print_blob=True, max_examples=250, stateful_step_count=50)

FIXED = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada Author",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_AUTHOR_DATE": "2026-03-01T12:00:00+00:00",
    "GIT_COMMITTER_NAME": "Cleo Committer",
    "GIT_COMMITTER_EMAIL": "cleo@example.com",
    "GIT_COMMITTER_DATE": "2026-03-01T12:00:00+00:00",
    "GIT_EDITOR": "false",
    "GIT_TERMINAL_PROMPT": "0",
    "TZ": "UTC",
    "LC_ALL": "C.UTF-8",
    "NO_COLOR": "1",
    "COLUMNS": "120",
}
GLOBAL = """\
[init]
\tdefaultBranch = main
[safe]
\tbareRepository = explicit
[protocol "file"]
\tallow = always
[gc]
\tauto = 0
[maintenance]
\tauto = false
"""


@pytest.fixture(autouse=True)
def hermetic_seal(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own home, no system configuration, fixed names and dates, no editor, UTC, no GIT_* of whoever runs us."""
    # Its own mktemp would look through all that there are for the next number.
    home = Path(tempfile.mkdtemp(prefix="home-", dir=tmp_path_factory.getbasetemp()))
    for name in list(os.environ):
        if name.startswith(("GIT_", "GITHUB_", "SSH_", "GNUPG", "XDG_")) or name == "EMAIL":
            monkeypatch.delenv(name)
    for name, value in FIXED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    (home / ".gitconfig").write_text(GLOBAL, encoding="utf-8")
    return home


@pytest.fixture
def no_garbage_is_collected() -> Iterator[None]:
    """For tests that go as deep as Python can: what is finalized down there finds no room to run in, and says so."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
