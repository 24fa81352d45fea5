"""What is in `models/*.yaml`, `archived/`, `evidence/` and `artifacts/` never changes."""

from __future__ import annotations

import json

from gitstage.changes import FILE, Entry, Snapshot
from gitstage.layout import NUMBER, evidence_folder
from gitstage.rules.cases import LARGEST_DOCUMENT, Answer, Answers, RecordsCase

IMMUTABLE = {
    "version": "a version",
    "archived": "an archived version",
    "evidence": "evidence",
    "artifact": "an artifact",
}


def records(case: RecordsCase) -> Answers:
    """A version means the same thing for ever, or nothing that was tested, approved or measured means anything.

    A new piece of evidence has the next number of its name, and a payload that is not there yet: a PASSED statement
    cannot be put again behind the FAILED one that followed it.

    Passes: `evidence/m/1.0.0/shadow-traffic/2.json` beside `1.json`.
    Refused: other bytes in `models/m/1.0.0.yaml`; `3.json` where there is no `2.json`.
    """
    for change, place in case.changes:
        if change.before is not None and change.after is not None and place.kind in IMMUTABLE:
            yield Answer(
                message=f"{IMMUTABLE[place.kind]} never changes",
                path=change.path,
                hint=f"put it back with: gitstage withdraw {case.model}; then register the change as a new version",
            )
    yield from _numbers(case)


def _numbers(case: RecordsCase) -> Answers:
    added = {
        (place.version, place.name)
        for change, place in case.changes
        if place.kind == "evidence" and change.before is None and change.after is not None
    }
    for version, name in sorted(added, key=str):
        folder = f"{evidence_folder(case.model, str(version))}/{name}"
        numbered = sorted(
            (int(file.removesuffix(".json")), entry)
            for file, entry in case.after.listing(folder).items()
            if file.endswith(".json") and NUMBER.match(file.removesuffix(".json"))
        )
        seen: dict[str, int] = {}
        for expected, (number, entry) in enumerate(numbered, start=1):
            path = f"{folder}/{number}.json"
            if number != expected:
                yield Answer(message=f"the next number of {name} is {expected}", path=path)
                break
            payload = _payload(case.after, entry)
            if payload in seen:
                yield Answer(message=f"says the same as {seen[payload]}.json", path=path)
            seen.setdefault(payload, number)


def _payload(registry: Snapshot, entry: Entry) -> str:
    """What a file says, however its JSON is written; its blob where it is no JSON that could be a statement."""
    if entry.mode != FILE or registry.size(entry.oid) > LARGEST_DOCUMENT:
        return entry.oid
    try:
        return json.dumps(json.loads(registry.read(entry.oid)), sort_keys=True)
    except (ValueError, RecursionError):
        return entry.oid
