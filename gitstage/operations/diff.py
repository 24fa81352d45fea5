"""Two versions side by side: metrics with their differences, params, data, artifacts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gitstage.canonical import parse
from gitstage.operations.registries import Registry
from gitstage.operations.resolve import Resolved
from gitstage.operations.resolve import run as resolve
from gitstage.values import dataclass


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing in which two versions differ or agree; None where a version does not say it."""

    group: str
    name: str
    before: str | int | float | bool | None
    after: str | int | float | bool | None

    @property
    def same(self) -> bool:
        return self.before == self.after and type(self.before) is type(self.after)

    @property
    def rise(self) -> float | None:
        """How much a number rose; None where there is no number on both sides."""
        sides = (self.before, self.after)
        if any(isinstance(side, bool) or not isinstance(side, int | float) for side in sides):
            return None
        return float(self.after or 0) - float(self.before or 0)


@dataclass(frozen=True, kw_only=True)
class Differences:
    """Two versions, and everything that their manifests say."""

    before: Resolved
    after: Resolved
    rows: tuple[Difference, ...]


def run(registry: Registry, before: str, after: str, *, at: str | None = None, declared: bool = False) -> Differences:
    """Compares what two references name; they may be of different models. Raises NoSuchThing."""
    left = resolve(registry, before, at=at, declared=declared)
    right = resolve(registry, after, at=at, declared=declared)
    one, other = parse(left.manifest), parse(right.manifest)
    rows = [
        *_mapping("metrics", one, other),
        *_mapping("params", one, other),
        *_items("data", one, other, "name", ("sha256", "uri")),
        *_items("artifacts", one, other, "path", ("sha256", "size", "uri")),
        *_mapping("source", one, other),
        *_mapping("labels", one, other),
        *_texts(one, other),
    ]
    return Differences(before=left, after=right, rows=tuple(rows))


def _mapping(group: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[Difference]:
    left, right = one.get(group, {}), other.get(group, {})
    for name in sorted({*left, *right}):
        yield Difference(group=group, name=name, before=left.get(name), after=right.get(name))


def _items(
    group: str, one: Mapping[str, Any], other: Mapping[str, Any], key: str, fields: tuple[str, ...]
) -> Iterator[Difference]:
    left = {item[key]: item for item in one.get(group, [])}
    right = {item[key]: item for item in other.get(group, [])}
    for name in sorted({*left, *right}):
        for field in fields:
            was, now = left.get(name, {}).get(field), right.get(name, {}).get(field)
            if was is not None or now is not None:
                yield Difference(group=group, name=f"{name} {field}", before=was, after=now)


def _texts(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[Difference]:
    for name in ("format", "description"):
        if name in one or name in other:
            yield Difference(group="", name=name, before=one.get(name), after=other.get(name))
