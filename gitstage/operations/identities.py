"""Identities that have been read, kept beside the repository's objects by the id of the gitstage.yaml that says them.

Equal bytes have one id and say one thing, so what is kept is never stale; reading it spares a command the YAML reader.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from gitstage.identity import Identity, identity_of

FORM = 2
"""The form of what is kept; a release that reads more out of gitstage.yaml raises it."""


def known_identity(common_dir: Path, oid: str, read: Callable[[], bytes]) -> Identity:
    """The identity in a gitstage.yaml by its blob id; `read` gives its bytes where it was never read here.

    Raises what `parse` and `identity_of` raise. Where nothing can be written, nothing is kept.
    """
    path = common_dir / "gitstage" / "identities" / f"{oid}-{FORM}.json"
    kept = _kept(path)
    if kept is not None:
        return kept
    from gitstage.canonical import parse

    identity = identity_of(parse(read()))
    keep(path, asdict(identity))
    return identity


def _kept(path: Path) -> Identity | None:
    try:
        document = json.loads(path.read_bytes())
        return Identity(**{**document, "stages": tuple(document["stages"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def keep(path: Path, document: object) -> None:
    """Puts a document, as JSON, into a file, at once or not at all. Where nothing can be written, nothing is kept."""
    import tempfile

    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            file.write(json.dumps(document).encode())
        os.replace(file.name, path)
