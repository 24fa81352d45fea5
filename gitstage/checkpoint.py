"""What an audit came to, as a document that a person can sign and that a later audit begins with.

`docs/reference/audit.md` describes it key by key. It has one form: JSON, indented by two, keys sorted, a newline at the
end; so the same audit gives the same bytes, and a signature fits them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gitstage.errors import GitstageError
from gitstage.ledger import State, moment_of, state_document, state_from, text_of
from gitstage.values import dataclass

CHECKPOINT_SCHEMA = "gitstage/checkpoint/v1"
COUNTS = ("commits", "runs", "promotions", "versions", "policies", "redactions", "faults")

_ID = re.compile(r"[0-9a-f]{40}\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """How far an audit got, and what it saw.

    `registry` is the registry's id and `trunk` its branch; `tip` the commit of the trunk up to which everything was
    judged, `ledger` the ledger's commit that says so (None: it was lost), `state` what it says. `tags` counts the tags
    of ours up to there and `digest` is the SHA-256 of their names and ids. `moment` is the auditor's clock (UTC).
    """

    registry: str
    trunk: str
    tip: str
    ledger: str | None
    tags: int
    digest: str
    counts: Mapping[str, int]
    moment: datetime
    state: State


def checkpoint_bytes(checkpoint: Checkpoint) -> bytes:
    """The document, ready to be signed."""
    document = {
        "schema": CHECKPOINT_SCHEMA,
        "registry": checkpoint.registry,
        "trunk": checkpoint.trunk,
        "tip": checkpoint.tip,
        "ledger": checkpoint.ledger,
        "tags": {"count": checkpoint.tags, "sha256": checkpoint.digest},
        "counts": {name: checkpoint.counts[name] for name in COUNTS},
        "moment": text_of(checkpoint.moment),
        "state": json.loads(state_document(checkpoint.state, checkpoint.registry)),
    }
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def checkpoint_from(data: bytes, registry: str) -> Checkpoint:
    """The checkpoint that `checkpoint_bytes` wrote. Raises GitstageError where it is none, or of another registry."""
    try:
        document: dict[str, Any] = json.loads(data)
        if document["schema"] != CHECKPOINT_SCHEMA:
            raise ValueError(f"its schema is not {CHECKPOINT_SCHEMA}")
        if document["registry"] != registry:
            raise ValueError(f"it is of another registry: {document['registry']!s}")
        found = Checkpoint(
            registry=registry,
            trunk=document["trunk"],
            tip=_matching(_ID, document["tip"]),
            ledger=None if document["ledger"] is None else _matching(_ID, document["ledger"]),
            tags=document["tags"]["count"],
            digest=_matching(_DIGEST, document["tags"]["sha256"]),
            counts={name: int(document["counts"][name]) for name in COUNTS},
            moment=moment_of(document["moment"]),
            state=state_from(json.dumps(document["state"]).encode(), registry),
        )
        if checkpoint_bytes(found) != data or found.state.judged != found.tip:
            raise ValueError("it is not as gitstage wrote it")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        said = f"the key {error} is missing" if isinstance(error, KeyError) else str(error)
        raise GitstageError(
            f"this is no checkpoint of registry {registry}: {said}",
            hint="gitstage audit --checkpoint FILE writes one",
        ) from error
    return found


def _matching(form: re.Pattern[str], value: object) -> str:
    if not isinstance(value, str) or not form.match(value):
        raise ValueError(f"{value!r} is no id")
    return value
