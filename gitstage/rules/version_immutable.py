"""What is in `models/*.yaml`, `archived/`, `evidence/` and `artifacts/` never changes."""

from __future__ import annotations

import json
from contextlib import suppress

from gitstage.canonical import DocumentError
from gitstage.changes import FILE, Entry, Snapshot
from gitstage.layout import EVIDENCE, NUMBER, POLICY_EVIDENCE, evidence_folder
from gitstage.rules.cases import LARGEST_DOCUMENT, Answer, Answers, PolicyCase, RecordsCase
from gitstage.rules.tombstones import put_up, why_not

IMMUTABLE = {
    "version": "a version",
    "archived": "an archived version",
    "evidence": "evidence",
    "artifact": "an artifact",
}


def policy(case: PolicyCase) -> Answers:
    """What people signed when they approved a policy never changes, as little as other evidence."""
    for change, place in case.changes:
        if place.kind == "evidence" and change.before is not None and change.after is not None:
            yield Answer(message="evidence never changes", path=change.path, hint="gitstage withdraw --policy")
    added = {str(place.name) for change, place in case.changes if place.kind == "evidence" and change.before is None}
    for name in sorted(added):
        yield from _numbered(case.after, f"{EVIDENCE}/{POLICY_EVIDENCE}/{name}", name)


def records(case: RecordsCase) -> Answers:
    """A version means the same thing for ever, or nothing that was tested, approved or measured means anything.

    A new piece of evidence has the next number of its name, and a payload that is not there yet: a PASSED statement
    cannot be put again behind the FAILED one that followed it, nor can it with another signature.

    What must not stay may make way for a tombstone (`kind: Redacted`, with the digest of what was there), while the
    version sits in no stage; `governance` says who has to approve that.

    Passes: `evidence/m/1.0.0/shadow-traffic/2.json` beside `1.json`.
    Refused: other bytes in `models/m/1.0.0.yaml`; `3.json` where there is no `2.json`.
    """
    gone = {change.path: (change, place, found) for change, place, found in put_up(case)}
    for change, place, found in gone.values():
        why = why_not(case, change, place, found)
        if why is not None:
            yield Answer(message=why, path=change.path, hint=f"gitstage withdraw {case.model}")
    for change, place in case.changes:
        if change.path in gone:
            continue
        if change.before is not None and change.after is not None and place.kind in IMMUTABLE:
            yield Answer(
                message=f"{IMMUTABLE[place.kind]} never changes",
                path=change.path,
                hint=f"put it back with: gitstage withdraw {case.model}; then register the change as a new version",
            )
    yield from _numbers(case)


def _numbers(case: RecordsCase) -> Answers:
    added = {
        (str(place.version), str(place.name))
        for change, place in case.changes
        if place.kind == "evidence" and change.before is None and change.after is not None
    }
    for version, name in sorted(added):
        yield from _numbered(case.after, f"{evidence_folder(case.model, version)}/{name}", name)


def _numbered(registry: Snapshot, folder: str, name: str) -> Answers:
    """Whether the numbers of what lies in a folder are 1, 2, 3 …, and no two say the same."""
    numbered = sorted(
        (int(file.removesuffix(".json")), entry)
        for file, entry in registry.listing(folder).items()
        if file.endswith(".json") and NUMBER.match(file.removesuffix(".json"))
    )
    seen: dict[str, int] = {}
    for expected, (number, entry) in enumerate(numbered, start=1):
        path = f"{folder}/{number}.json"
        if number != expected:
            yield Answer(message=f"the next number of {name} is {expected}", path=path)
            break
        payload = _payload(registry, entry)
        if payload in seen:
            yield Answer(message=f"says the same as {seen[payload]}.json", path=path)
        seen.setdefault(payload, number)


def _payload(registry: Snapshot, entry: Entry) -> str:
    """What a file says, however its JSON is written and whoever signed it; its blob where it is no JSON of ours."""
    if entry.mode != FILE or registry.size(entry.oid) > LARGEST_DOCUMENT:
        return entry.oid
    from gitstage.envelopes import read_envelope

    data = registry.read(entry.oid)
    with suppress(DocumentError):
        envelope = read_envelope(data)
        data = data if envelope is None else envelope.payload
    try:
        return json.dumps(json.loads(data), sort_keys=True)
    except (ValueError, RecursionError):
        return entry.oid
