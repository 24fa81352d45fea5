"""Statements that are written down: signed where somebody asked for it, once, and numbered behind those of their name."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from gitstage.canonical import DocumentError
from gitstage.changes import Snapshot
from gitstage.errors import GitstageError
from gitstage.plans import Plan
from gitstage.strictjson import json_object


class Pen:
    """Signs a statement with each of some keys; whoever plans again is not asked for the passphrase again.

    `keys` are what `gitstage.signatures.sign` takes. Without one, a statement stays plain.
    """

    def __init__(self, keys: Sequence[str] = ()) -> None:
        self._keys = tuple(keys)
        self._signed: dict[bytes, bytes] = {}

    def signed(self, data: bytes) -> bytes:
        """The file that holds a statement; `data` may be an envelope already, whose signatures stay.

        Raises CannotSign where a key is not there or does not sign, DocumentError where `data` is no JSON object, and
        GitstageError where it is a Sigstore bundle.
        """
        if not self._keys:
            return data
        if data not in self._signed:
            from gitstage.envelopes import Envelope, envelope_in, write_envelope
            from gitstage.signatures import sign

            envelope = envelope_in(json_object(data)) or Envelope(data)
            if envelope.is_bundle:
                raise GitstageError(
                    "a Sigstore bundle carries its one signature, and no other can be put beside it",
                    hint="leave out --sign, or sign the statement itself",
                )
            for key in self._keys:
                envelope = envelope.signed(sign(envelope.pae, key))
            self._signed[data] = write_envelope(envelope)
        return self._signed[data]


def that_says(registry: Snapshot, folder: str, data: bytes) -> str | None:
    """The path of a statement in a folder of `evidence/` that says exactly what `data` says, whoever signed it.

    Typed twice within a second, a statement is one.
    """
    from gitstage.evidence import payload_of

    payload = payload_of(data)
    for name, entry in registry.listing(folder).items():
        if not entry.is_folder:
            with suppress(DocumentError, KeyError):
                if payload_of(registry.read(entry.oid)) == payload:
                    return f"{folder}/{name}"
    return None


def nothing_new(subject: str, path: str) -> Plan:
    """The plan that changes nothing, since a file says it already."""
    return Plan(subject=subject, notes=(f"{path} says the same",))
