"""Nothing else lies in the registry's directories."""

from __future__ import annotations

from collections.abc import Iterator

from gitstage.changes import Change, Snapshot
from gitstage.layout import MODELS, Layout, Place, printable
from gitstage.rules.cases import Answer, Answers, PolicyCase, RecordsCase, SlotCase, what_it_is


def policy(case: PolicyCase) -> Answers:
    """No file that gitstage does not know, by which something could be smuggled past a reviewer."""
    yield from _unknown(case.changes)
    yield from _twins(case.after, case.changes)


def records(case: RecordsCase) -> Answers:
    """No stray file, symbolic link, submodule, executable bit or undecodable name; no two names that differ in case.

    Passes: `models/m/README.md`. Refused: `models/m/notes.txt`; `models/Fraud/` beside `models/fraud/`; a model
    `risk` beside models `risk/…`.
    """
    yield from _unknown(case.changes)
    yield from _twins(case.after, case.changes)
    if any(place.kind == "version" and change.after is not None for change, place in case.changes):
        yield from _namespaces(case)


def slot(case: SlotCase) -> Answers:
    """A slot is a plain file, and no other name differs from its own only in case."""
    if case.entry is not None:
        wrong = what_it_is(case.entry)
        if wrong is not None:
            yield Answer(message=f"{wrong}; only plain files lie in a registry", path=case.slot.path)
        yield from _twins_of(case.head, case.slot.path, set())


def _unknown(changes: tuple[tuple[Change, Place], ...]) -> Answers:
    for change, place in changes:
        if change.after is None:
            continue
        if place.kind == "stray":
            odd = "" if printable(change.path) else " (its name has characters that cannot be shown)"
            yield Answer(
                message=f"is none of the files that lie in a registry{odd}",
                path=change.path,
                hint="move it out of the registry's folder",
            )
        else:
            wrong = what_it_is(change.after)
            if wrong is not None:
                yield Answer(message=f"{wrong}; only plain files lie in a registry", path=change.path)


def _twins(after: Snapshot, changes: tuple[tuple[Change, Place], ...]) -> Answers:
    seen: set[str] = set()
    for change, _ in changes:
        if change.before is None and change.after is not None:
            yield from _twins_of(after, change.path, seen)


def _twins_of(registry: Snapshot, path: str, seen: set[str]) -> Answers:
    for folder, name in _levels(path):
        here = f"{folder}/{name}"
        if here in seen:
            continue
        seen.add(here)
        lowered = name.lower()
        for other in registry.listing(folder):
            if other != name and len(other) == len(name) and other.lower() == lowered:
                yield Answer(message=f"differs only in case from {other!r} beside it", path=path)


def _levels(path: str) -> Iterator[tuple[str, str]]:
    while path:
        folder, _, name = path.rpartition("/")
        yield folder, name
        path = folder


def _namespaces(case: RecordsCase) -> Answers:
    parts = case.model.split("/")
    for depth in range(1, len(parts)):
        parent = "/".join(parts[:depth])
        if _is_model(case.after, case.layout, parent):
            yield Answer(message=f"{parent} is a model, and so no namespace of models", path=f"{MODELS}/{case.model}")
    for name, entry in case.after.listing(f"{MODELS}/{case.model}").items():
        if entry.is_folder:
            yield Answer(
                message=f"{case.model} is a namespace (it has {name} below it), and so no model",
                path=f"{MODELS}/{case.model}",
            )
            return


def _is_model(registry: Snapshot, layout: Layout, name: str) -> bool:
    return any(
        file.endswith(".yaml") and layout.is_version(file.removesuffix(".yaml"))
        for file in registry.listing(f"{MODELS}/{name}")
    )
