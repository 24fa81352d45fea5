"""Tags as somebody makes them who may not: with the claims of a true one, and signed by somebody else, or by nobody."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gitstage.layout import Slot
from tests.git.sandbox import git
from tests.operations.stories import Story
from tests.signatures.hands import signature

MODEL = "fraud-detector"
SLOT = Slot(MODEL, "production")
ASKS = "the policy asks for the signature of ada"
"""What is said in a story in which Ada signs the tags."""


def body_of(story: Story, name: str) -> dict[str, Any]:
    text = story.git("for-each-ref", "--format=%(contents:body)", f"refs/tags/{name}")
    body: dict[str, Any] = json.loads(text)
    return body


def put(story: Story, name: str, payload: bytes, signed: bytes = b"") -> None:
    oid = git("hash-object", "-t", "tag", "-w", "--stdin", cwd=story.path, stdin=payload + signed)
    story.git("update-ref", f"refs/tags/{name}", oid)


def payload_of(name: str, commit: str, body: dict[str, Any]) -> bytes:
    head = f"object {commit}\ntype commit\ntag {name}\ntagger Eve <eve@example.com> 1772380800 +0000\n"
    return f"{head}\nforged\n\n{json.dumps(body)}\n".encode()


def claim(story: Story, number: int, commit: str, slot: Slot = SLOT, like: int = 3, **claims: Any) -> tuple[str, bytes]:
    """A tag's name, and its text, in which everything is as in another tag of the slot but what is named."""
    name = f"{MODEL}/{slot.stage}/{number}"
    body = {**body_of(story, f"{MODEL}/{slot.stage}/{like}"), "number": number, "commit": commit, **claims}
    return name, payload_of(name, commit, body)


def past_the_gate(story: Story) -> tuple[str, dict[str, Any]]:
    """1.3.0 was never staged and lies in production, refused; the commit, and what a tag would claim for it."""
    story.register(MODEL, "1.3.0")
    story.copy(f"models/{MODEL}/1.3.0.yaml", f"production/{MODEL}.yaml")
    commit = story.commit("straight to production")
    assert story.tag().exit_code == 1
    blob = story.git("rev-parse", f"{commit}:production/{MODEL}.yaml")
    last = body_of(story, f"{MODEL}/production/3")["in"]
    moment = story.now.isoformat().replace("+00:00", "Z")
    return commit, {"in": {"version": "1.3.0", "blob": blob}, "out": last, "moment": moment}


SSH = dict[str, Path]
"""A key of each."""

FORGERIES: dict[str, tuple[Callable[[bytes, SSH], bytes], str | None]] = {
    "by the tagger": (lambda payload, keys: signature(payload, keys["ada"], namespace="git").armored, None),
    "by nobody": (lambda payload, keys: b"", f"it is not signed; {ASKS}"),
    "by somebody else": (
        lambda payload, keys: signature(payload, keys["bob"], namespace="git").armored,
        f"bob signed it; {ASKS}",
    ),
    "by a stranger": (
        lambda payload, keys: signature(payload, keys["stranger"], namespace="git").armored,
        f"it is signed with a key that nobody in gitstage.yaml has; {ASKS}",
    ),
    "for another use": (
        lambda payload, keys: signature(payload, keys["ada"], namespace="gitstage").armored,
        f"its signature is not good; {ASKS}",
    ),
    "over something else": (
        lambda payload, keys: signature(payload + b" ", keys["ada"], namespace="git").armored,
        f"its signature is not good; {ASKS}",
    ),
    "no signature at all": (
        lambda payload, keys: b"-----BEGIN SSH SIGNATURE-----\nhello\n-----END SSH SIGNATURE-----\n",
        f"its signature is not good; {ASKS}",
    ),
    "of another kind": (
        lambda payload, keys: b"-----BEGIN PGP SIGNATURE-----\n\nhello\n-----END PGP SIGNATURE-----\n",
        f"its signature is not good; {ASKS}",
    ),
}
"""How a tag is signed, and why it does not count then (None: it does)."""
