"""The command line: one module a command, imported when it is asked for."""

from __future__ import annotations

from gitstage.cli.main import main

__all__ = ["main"]
