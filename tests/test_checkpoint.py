"""A checkpoint has one form, and is read back as what it was; anything else is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from gitstage.checkpoint import COUNTS, Checkpoint, checkpoint_bytes, checkpoint_from
from gitstage.errors import GitstageError
from gitstage.ledger import State, state_document
from tests.registries import ID

TIP, LEDGER = "a" * 40, "b" * 40
NOW = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
CHECKPOINT = Checkpoint(
    registry=ID,
    trunk="main",
    tip=TIP,
    ledger=LEDGER,
    tags=3,
    digest="c" * 64,
    counts=dict.fromkeys(COUNTS, 1),
    moment=NOW,
    state=State(judged=TIP, clock=NOW, policy=TIP, policy_number=1),
)
DOCUMENT = {
    "schema": "gitstage/checkpoint/v1",
    "registry": ID,
    "trunk": "main",
    "tip": TIP,
    "ledger": LEDGER,
    "tags": {"count": 3, "sha256": "c" * 64},
    "counts": {"commits": 1, "runs": 1, "promotions": 1, "versions": 1, "policies": 1, "redactions": 1, "faults": 1},
    "moment": "2026-11-23T10:30:00Z",
    "state": json.loads(state_document(CHECKPOINT.state, ID)),
}
FORM = (json.dumps(DOCUMENT, indent=2, sort_keys=True) + "\n").encode()


def test_a_checkpoint_has_one_form_and_is_read_back() -> None:
    assert checkpoint_bytes(CHECKPOINT) == FORM
    assert checkpoint_from(FORM, ID) == CHECKPOINT


def test_the_ledger_may_have_been_lost() -> None:
    data = FORM.replace(b'"' + LEDGER.encode() + b'"', b"null")
    assert checkpoint_from(data, ID).ledger is None


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    document = json.loads(FORM)
    change(document)
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"nonsense", "Expecting value"),
        (b"[" * 100_000, "recursion"),
        (b"[]", "list indices"),
        (changed(lambda document: document.pop("tip")), "the key 'tip' is missing"),
        (changed(lambda document: document.update(schema="x")), "its schema is not gitstage/checkpoint/v1"),
        (changed(lambda document: document.update(registry="x")), "it is of another registry: x"),
        (changed(lambda document: document.update(tip="HEAD")), "'HEAD' is no id"),
        (changed(lambda document: document.update(ledger=7)), "7 is no id"),
        (changed(lambda document: document["tags"].update(sha256="c")), "'c' is no id"),
        (changed(lambda document: document.update(tip="d" * 40)), "it is not as gitstage wrote it"),
        (changed(lambda document: document.update(more=1)), "it is not as gitstage wrote it"),
        (changed(lambda document: document.update(moment="yesterday")), "Invalid isoformat"),
        (FORM.replace(b"  ", b" "), "it is not as gitstage wrote it"),
    ],
)
def test_what_is_no_checkpoint_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(GitstageError, match=why) as caught:
        checkpoint_from(data, ID)
    assert caught.value.hint == "gitstage audit --checkpoint FILE writes one"


def test_a_state_that_is_none_is_refused() -> None:
    with pytest.raises(GitstageError, match="cannot be read"):
        checkpoint_from(changed(lambda document: document["state"].update(open=7)), ID)
