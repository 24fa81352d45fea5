"""The document of a slot that was filled and is empty; apart from `manifest`, so that pydantic is not imported for it."""

from __future__ import annotations

from gitstage.canonical import scalar


def empty_slot(model: str) -> bytes:
    """The one `EmptySlot` document of `model`: always the same bytes, so that its blob is known without reading it."""
    return f"apiVersion: gitstage/v1\nkind: EmptySlot\nmodel: {scalar(model)}\n".encode()
