"""`python -m gitstage`."""

from __future__ import annotations

from gitstage.cli import main

if __name__ == "__main__":
    main()
