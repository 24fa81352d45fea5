"""`python -m benchmarks` is `python -m benchmarks.run`, which `make bench` calls."""

from __future__ import annotations

from benchmarks.run import main

main()
