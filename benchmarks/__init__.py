"""What gitstage costs: registries of a chosen size, and the table of DESIGN's section 13 measured on them."""

from __future__ import annotations
