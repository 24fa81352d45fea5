"""The bytes of documents that need no model: what a command writes without importing pydantic for it."""

from __future__ import annotations

from gitstage import canonical


def empty_slot(model: str) -> bytes:
    """The one `EmptySlot` document of `model`."""
    return f"apiVersion: gitstage/v1\nkind: EmptySlot\nmodel: {canonical.scalar(model)}\n".encode()
