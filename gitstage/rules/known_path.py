"""Nothing else lies in the registry's directories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache

from gitstage.changes import Change, Nothing, Snapshot, files, joined
from gitstage.layout import MODELS, Place, folded, is_twin, printable
from gitstage.rules.cases import Answer, Answers, PolicyCase, RecordsCase, SlotCase, is_model, what_it_is


def policy(case: PolicyCase) -> Answers:
    """No file that gitstage does not know, by which something could be smuggled past a reviewer."""
    yield from _unknown(case.changes)
    yield from _twins(case.after, case.changes, there=Nothing())


def records(case: RecordsCase) -> Answers:
    """No stray file, symbolic link, submodule, executable bit or undecodable name; no two names that differ in case.

    Of two names that differ in case, and of a model and a namespace of one name, the newcomer is refused.

    Passes: `models/m/README.md`. Refused: `models/m/notes.txt`; `models/Fraud/` beside `models/fraud/`; a model
    `risk` beside models `risk/…`.
    """
    yield from _unknown(case.changes)
    known = is_model(case.before, case.layout, case.model)
    yield from _twins(case.after, case.changes, there=case.before if known else Nothing())
    if not known and is_model(case.after, case.layout, case.model):
        yield from _namespaces(case)
        for other in sorted(case.displaced):
            yield from _too_near(case.model, other)


def slot(case: SlotCase) -> Answers:
    """A slot is a plain file, and no other name differs from its own only in case.

    A name in which something took effect stays good, whatever is put beside it: it is the newcomer who is refused.
    """
    if case.entry is not None:
        wrong = what_it_is(case.entry)
        if wrong is not None:
            yield Answer(message=f"{wrong}; only plain files lie in a registry", path=case.slot.path)
        if not case.effects:
            yield from _twins_of(case.head, case.slot.path, set(), Nothing())
        if case.stays_empty and not is_model(case.passed, case.layout, case.slot.model):
            yield Answer(message=f"there is no model {case.slot.model}", path=case.slot.path)


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


def _twins(after: Snapshot, changes: tuple[tuple[Change, Place], ...], *, there: Snapshot) -> Answers:
    seen: set[str] = set()
    for change, _ in changes:
        if change.before is None and change.after is not None:
            yield from _twins_of(after, change.path, seen, there)


def _twins_of(registry: Snapshot, path: str, seen: set[str], there: Snapshot) -> Answers:
    """The names on the way to `path` that another differs from only in case; those that were `there` are good."""
    for folder, name in _levels(path):
        here = joined(folder, name)
        if here in seen or there.entry(here) is not None:
            return  # and so is all that it lies in
        seen.add(here)
        if _is_alone(registry.listing(folder), name):
            continue
        for other in _by_folded_name(_Names(registry.listing(folder))).get(folded(name), ()):
            if other != name:
                yield Answer(message=f"{here} differs only in case from {other!r} beside it", path=path)


def _is_alone(listing: Mapping[str, object], name: str) -> bool:
    """Whether a name of plain letters is, among plain letters, the only one of its kind; mostly, and quickly, so."""
    names = "\n\0".join(("", *listing, ""))
    return names.isascii() and names.lower().count(f"\0{name.lower()}\n") == 1


class _Names:
    """The names in a folder, as one object: a large folder is not gone through for each file that is new in it."""

    def __init__(self, listing: Mapping[str, object]) -> None:
        self.listing = listing

    def __hash__(self) -> int:
        return id(self.listing)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Names) and self.listing is other.listing


@lru_cache(maxsize=64)
def _by_folded_name(names: _Names) -> Mapping[str, list[str]]:
    found = defaultdict(list)
    for name in names.listing:
        found[folded(name)].append(name)
    return found


def _levels(path: str) -> Iterator[tuple[str, str]]:
    while path:
        folder, _, name = path.rpartition("/")
        yield folder, name
        path = folder


def _too_near(model: str, other: str) -> Answers:
    """Whether a new model's name excludes that of one that passed, whose files have been taken away or rewritten."""
    path = f"{MODELS}/{model}"
    for part, others in zip(model.split("/"), other.split("/"), strict=False):
        if part != others:
            if is_twin(part, others):
                yield Answer(message=f"{model} differs only in case from {other!r}, which is registered", path=path)
            return
    if model != other:
        upper, lower = sorted((model, other))
        yield Answer(message=f"{upper} cannot be a model and the namespace of {lower}", path=path)


def _namespaces(case: RecordsCase) -> Answers:
    parts = case.model.split("/")
    for depth in range(1, len(parts)):
        parent = "/".join(parts[:depth])
        if is_model(case.after, case.layout, parent):
            yield Answer(message=f"{parent} is a model, and so no namespace of models", path=f"{MODELS}/{case.model}")
    for path, _ in files(case.after, f"{MODELS}/{case.model}"):
        place = case.layout.place(path)
        if place.kind == "version" and place.model != case.model:
            yield Answer(
                message=f"{case.model} is a namespace (of {place.model}), and so no model",
                path=f"{MODELS}/{case.model}",
            )
            return
