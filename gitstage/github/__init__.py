"""What GitHub needs: the workflows that gate and tag."""

from __future__ import annotations
