"""The example registry that ships with gitstage, and what it looked like some weeks ago, when the story begins."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import gitstage
from gitstage.canonical import parse
from gitstage.errors import GitstageError
from gitstage.layout import (
    CONFIGURATION,
    archived_path,
    artifact_path,
    evidence_folder,
    hold_path,
    slot_path,
    version_path,
)
from gitstage.values import dataclass

NAME = "registry.example"
ADOPTION = timedelta(days=30)

Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Trained:
    """What comes out of a training run and of a rehearsal: files that somebody registers and attests.

    `files` are by their names: the model, its metrics, and for each test what it measured.
    """

    model: str
    version: str
    files: Files


def folder() -> Path:
    """Where the example registry lies: in the installed package, or beside it in a checkout of the project."""
    package = Path(gitstage.__file__).parent
    for place in (package / NAME, package.parent / NAME):
        if (place / CONFIGURATION).is_file():
            return place
    raise GitstageError(
        f"{NAME} is missing from this installation", hint="install gitstage again: pip install gitstage"
    )


def files_of(place: Path) -> dict[str, bytes]:
    """The files below a folder, by their path from it."""
    return {
        file.relative_to(place).as_posix(): file.read_bytes() for file in sorted(place.rglob("*")) if file.is_file()
    }


def trained(example: Files, model: str, version: str) -> Trained:
    """A version of the example as it lay on somebody's disk before it was registered."""
    document = parse(example[version_path(model, version)])
    metrics: Any = document["metrics"]
    found = {"metrics.json": _json(metrics)}
    for artifact in _artifacts(document):
        found[artifact] = example[artifact_path(model, version, artifact)]
    tests = f"{evidence_folder(model, version)}/"
    for path in sorted(example):
        if path.startswith(tests):
            name = path.removeprefix(tests).partition("/")[0]
            found[f"{name}.json"] = _json(json.loads(example[path])["predicate"]["gitstageMetrics"])
    return Trained(model, version, found)


def _artifacts(document: Mapping[str, object]) -> Iterator[str]:
    listed: Any = document["artifacts"]
    for artifact in listed:
        yield str(artifact["path"])


def _json(numbers: Mapping[str, float]) -> bytes:
    return (json.dumps(numbers, indent=2, sort_keys=True) + "\n").encode()


BIOPSY, DIGITS = "biopsy-screener", "vision/digit-reader"


def some_weeks_ago(example: Files, *, registry_id: str, today: date) -> dict[str, bytes]:
    """The example before the story: what the story registers, attests and rolls back has not happened yet.

    It gets an id of its own, and a month from `today` in which what serves already may be taken in.
    """
    files = dict(example)
    for version in ("1.3.0", "2.0.0"):
        _forget(files, BIOPSY, version)
    _fill(files, BIOPSY, staging="1.2.0", production="1.2.0")
    _forget(files, DIGITS, "2.1.0")
    _drop(files, [f"{evidence_folder(DIGITS, '2.0.0')}/{test}/" for test in ("shadow-traffic", "faint-scans")])
    _drop(files, [hold_path(DIGITS, "2.0.0")])
    _fill(files, DIGITS, staging="2.0.0", production="1.1.0")
    files[CONFIGURATION] = _renewed(files[CONFIGURATION], registry_id, today + ADOPTION)
    return files


def _forget(files: dict[str, bytes], model: str, version: str) -> None:
    """As if a version had never been registered."""
    artifacts = artifact_path(model, version, "")
    _drop(files, [version_path(model, version), archived_path(model, version), hold_path(model, version)])
    _drop(files, [artifacts, f"{evidence_folder(model, version)}/"])


def _fill(files: dict[str, bytes], model: str, **slots: str) -> None:
    """As if these versions had entered their stages and none had left them yet."""
    for stage, version in slots.items():
        files[slot_path(stage, model)] = files[version_path(model, version)]
    _drop(files, [archived_path(model, slots["staging"])])


def _drop(files: dict[str, bytes], beginnings: Iterable[str]) -> None:
    for beginning in beginnings:
        for path in [path for path in files if path.startswith(beginning)]:
            del files[path]


def _renewed(policy: bytes, registry_id: str, adopt_until: date) -> bytes:
    """The policy with another id and date, and with its comments."""
    text = policy.decode()
    for key, value in (("id", registry_id), ("adopt-until", adopt_until.isoformat())):
        text, count = re.subn(rf"(?m)^({key}: )\S+", rf"\g<1>{value}", text)
        if count != 1:
            raise GitstageError(f"the example's {CONFIGURATION} has {count} lines for {key}")
    return text.encode()
