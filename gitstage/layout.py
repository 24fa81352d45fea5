"""Where things lie in a registry: the only place in which a path becomes a meaning, and a meaning a path."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property, lru_cache
from typing import NamedTuple

from gitstage.values import dataclass

CONFIGURATION = "gitstage.yaml"
POLICY_TESTS = "gitstage.test.yaml"
"""What `gitstage policy test` runs. It belongs to the policy, and judges nothing."""
MODELS, ARCHIVED, EVIDENCE, HOLDS, ARTIFACTS = "models", "archived", "evidence", "holds", "artifacts"
APPROVAL, WAIVER, ROLLBACK, SETTLE = "approval", "waiver", "rollback", "settle"
KINDS = (APPROVAL, WAIVER, ROLLBACK, SETTLE)
"""What people say of one change of a slot; it lies in folders of evidence that begin with it: `approval-PERSON`."""
POLICY_EVIDENCE = "policy"
"""The folder of `evidence/` that is the policy's; no model is called like it."""
RECORD_FOLDERS = (MODELS, ARCHIVED, EVIDENCE, HOLDS, ARTIFACTS)
README = "README.md"
ATTRIBUTES = ".gitattributes"

SOURCES = ("registered", "archived")
"""What a stage's `from` may name besides stages."""

RESERVED = frozenset({*RECORD_FOLDERS, README.lower(), "registered", "records", "policy", "latest", "next"})
"""No stage and no part of a model's name is called like this, in whatever case."""

SLUG = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\Z")
SEMVER = re.compile(
    r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
    r"(?:-(?P<pre>(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+(?P<build>[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?\Z"
)
"""The grammar of semver.org, version 2.0.0."""
INTEGER = re.compile(r"[1-9][0-9]{0,17}\Z")
LOOKS_LIKE_A_VERSION = re.compile(r"[vV]?[0-9]+(?:\.[0-9].*|[-+].*)?\Z")
DIGEST = re.compile(r"[0-9a-f]{64}\Z")
NUMBER = re.compile(r"[1-9][0-9]{0,8}\Z")
MAX_NAME = 200
MAX_PART = 100


class Slot(NamedTuple):
    """The place of one model in one stage; `str()` is its name in the ledger."""

    model: str
    stage: str

    def __str__(self) -> str:
        return f"{self.stage}/{self.model}"

    @property
    def path(self) -> str:
        return slot_path(self.stage, self.model)


class Records(NamedTuple):
    """All that carries a model's name besides its slots: versions, archived, evidence, holds, artifacts."""

    model: str

    def __str__(self) -> str:
        return f"records/{self.model}"


@dataclass(frozen=True)
class PolicyThing:
    """`gitstage.yaml`, its protected paths, and whatever else lies in the registry."""

    def __str__(self) -> str:
        return "policy"


POLICY = PolicyThing()
Thing = Slot | Records | PolicyThing


def thing_named(name: str) -> Thing:
    """The thing that `str(thing)` names."""
    if name == str(POLICY):
        return POLICY
    kind, _, model = name.partition("/")
    return Records(model) if kind == "records" else Slot(model, kind)


@dataclass(frozen=True)
class Place:
    """What a path of a registry means.

    `kind` is `configuration`, `policy-tests`, `attributes`, `readme`, `slot`, `version`, `archived`, `evidence`, `hold`, `artifact`,
    or `stray`, where nothing may lie. `thing` is what the path belongs to. Of the policy's evidence `name` is the
    digest and the name, `SHA256/approval-PERSON`.
    """

    kind: str
    thing: Thing
    model: str | None = None
    version: str | None = None
    stage: str | None = None
    name: str | None = None
    number: int | None = None


@dataclass(frozen=True)
class Layout:
    """The meaning of paths under one policy: its stages, and how its versions are written.

    `stages` are the names of the policy's stages; `integer_versions` says whether versions are plain numbers.
    """

    stages: frozenset[str]
    integer_versions: bool = False

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.stages, self.integer_versions))

    def place(self, path: str) -> Place:
        """What `path`, relative to the registry, means."""
        return _place(self, path)

    def is_version(self, text: str) -> bool:
        return version_problem(text, integer=self.integer_versions) is None

    def versions_among(self, names: Iterable[str]) -> tuple[str, ...]:
        """The versions whose manifests are among the names in a folder of `models/`."""
        stems = ((name, name.removesuffix(".yaml")) for name in names)
        return tuple(stem for name, stem in stems if stem != name and self.is_version(stem))

    def owns(self, path: str) -> bool:
        """Whether a path of a repository whose root is the registry belongs to the registry.

        It does where its first part is one of gitstage's own, or differs from one only in case.
        """
        return path.partition("/")[0].lower() in _own_names(self)


@lru_cache(maxsize=64)
def _own_names(layout: Layout) -> frozenset[str]:
    return frozenset(
        name.lower() for name in (*layout.stages, *RECORD_FOLDERS, CONFIGURATION, POLICY_TESTS, ATTRIBUTES)
    )


@lru_cache(maxsize=65536)
def _place(layout: Layout, path: str) -> Place:
    folder, _, rest = path.partition("/")
    if path == CONFIGURATION:
        return Place("configuration", POLICY)
    if path == POLICY_TESTS:
        return Place("policy-tests", POLICY)
    if path == ATTRIBUTES:
        return Place("attributes", POLICY)
    if path == README:
        return Place("readme", POLICY)
    if not rest:
        return Place("stray", POLICY)
    if folder in layout.stages:
        return _in_stage(layout, folder, rest)
    if folder in RECORD_FOLDERS:
        return _in_records(layout, folder, rest)
    return Place("stray", POLICY)


def _in_stage(layout: Layout, stage: str, rest: str) -> Place:
    if rest == README:
        return Place("readme", POLICY, stage=stage)
    model = rest.removesuffix(".yaml")
    if model != rest and model_problem_under(model, layout.stages) is None:
        return Place("slot", Slot(model, stage), model=model, stage=stage)
    return Place("stray", POLICY, stage=stage)


def _in_records(layout: Layout, folder: str, rest: str) -> Place:
    parts = rest.split("/")
    if folder == ARCHIVED and rest == README:
        return Place("readme", POLICY)
    if folder in (MODELS, ARCHIVED, HOLDS):
        model, last = "/".join(parts[:-1]), parts[-1]
        if model_problem_under(model, layout.stages) is not None:
            return Place("stray", POLICY)
        if folder == MODELS and last == README:
            return Place("readme", Records(model), model=model)
        version = last.removesuffix(".yaml")
        if version != last and layout.is_version(version):
            kind = {MODELS: "version", ARCHIVED: "archived", HOLDS: "hold"}[folder]
            return Place(kind, Records(model), model=model, version=version)
        return Place("stray", Records(model), model=model)
    if folder == EVIDENCE and parts[0] == POLICY_EVIDENCE:
        return _in_policy_evidence(parts[1:])
    at = next((i for i, part in enumerate(parts) if layout.is_version(part)), None)
    model = "/".join(parts[:at])
    if at is None or model_problem_under(model, layout.stages) is not None:
        return Place("stray", POLICY)
    version, inner = parts[at], parts[at + 1 :]
    if folder == ARTIFACTS and inner and all(_is_artifact_part(part) for part in inner):
        return Place("artifact", Records(model), model=model, version=version, name="/".join(inner))
    if folder == EVIDENCE and len(inner) == 2 and SLUG.match(inner[0]):
        number = _number_of(inner[1])
        if number is not None:
            return Place("evidence", Records(model), model=model, version=version, name=inner[0], number=number)
    return Place("stray", Records(model), model=model)


def _in_policy_evidence(inner: list[str]) -> Place:
    """What lies in `evidence/policy/`: SHA256/NAME/NUMBER.json. It belongs to the policy, and to no model."""
    if len(inner) == 3 and DIGEST.match(inner[0]) and SLUG.match(inner[1]):
        number = _number_of(inner[2])
        if number is not None:
            return Place("evidence", POLICY, name=f"{inner[0]}/{inner[1]}", number=number)
    return Place("stray", POLICY)


def _number_of(file: str) -> int | None:
    """The number of a piece of evidence, by its file's name; None where it has none."""
    number = file.removesuffix(".json")
    return int(number) if number != file and NUMBER.match(number) else None


def _is_artifact_part(part: str) -> bool:
    return part not in ("", ".", "..") and part.lower() != ".git" and printable(part)


def printable(text: str) -> bool:
    """Whether a name is decodable and free of control, bidi and separator characters."""
    return text.isprintable() and "\\" not in text


def is_twin(one: str, other: str) -> bool:
    """Whether a file system that knows no case, or writes accents its own way, takes one name for the other."""
    return folded(one) == folded(other)


def folded(name: str) -> str:
    """A name as a file system compares it that knows no case, or writes accents its own way."""
    if name.isascii():
        return name.lower()
    from unicodedata import normalize

    return normalize("NFC", normalize("NFC", name).casefold())


def model_problem(name: str) -> str | None:
    """Why `name` is no model's name; None where it is one."""
    if not name:
        return "a model needs a name"
    if len(name) > MAX_NAME:
        return f"the name is longer than {MAX_NAME} characters"
    for part in name.split("/"):
        problem = _part_problem(part)
        if problem is not None:
            return problem
    return None


def _part_problem(part: str) -> str | None:
    if not part:
        return "a part of the name is empty"
    if not SLUG.match(part):
        return f"{part!r} is not made of ASCII letters, digits, '.', '_' and '-', beginning and ending with a letter or digit"
    if len(part) > MAX_PART:
        return f"{part[:20]!r}… is longer than {MAX_PART} characters"
    if ".." in part:
        return f"{part!r} contains '..'"
    if part.lower().endswith((".lock", ".yaml")):
        return f"{part!r} ends with '{part[-5:]}'"
    if LOOKS_LIKE_A_VERSION.match(part):
        return f"{part!r} looks like a version"
    if part.lower() in RESERVED:
        return f"{part!r} is the name of a directory or a word of gitstage's own"
    return None


def model_problem_under(name: str, stages: frozenset[str]) -> str | None:
    """Why `name` is no model's name in a registry that has `stages`; None where it is one."""
    problem = model_problem(name)
    if problem is not None:
        return problem
    lowered = {stage.lower() for stage in stages}
    for part in name.split("/"):
        if part.lower() in lowered:
            return f"{part!r} is the name of a stage"
    return None


def stage_problem(name: str) -> str | None:
    """Why `name` is no stage's name; None where it is one."""
    if "/" in name:
        return f"{name!r} contains '/'"
    return _part_problem(name)


def version_problem(text: str, *, integer: bool = False) -> str | None:
    """Why `text` is no version; None where it is one. Versions are SemVer 2.0.0, or plain numbers where `integer`."""
    if integer:
        return None if INTEGER.match(text) else f"{text!r} is not a whole number from 1"
    found = SEMVER.match(text)
    if found is None:
        return f"{text!r} is not a semantic version such as 1.2.0"
    if len(text) > MAX_PART:
        return f"the version is longer than {MAX_PART} characters"
    if found["build"] is not None:
        return f"{text!r} has build metadata, which takes no part in the order of versions"
    if text.lower().endswith(".lock"):
        return f"{text!r} ends with '.lock'"
    return None


def version_key(text: str) -> tuple[bool, object]:
    """What versions are sorted by: precedence as in SemVer 2.0.0, section 11; plain numbers by their value."""
    if INTEGER.match(text):
        return (False, int(text))
    from semver import Version

    return (True, Version.parse(text))


def is_prerelease(text: str) -> bool:
    """Whether a semantic version has a pre-release part."""
    found = SEMVER.match(text)
    return found is not None and found["pre"] is not None


def slot_path(stage: str, model: str) -> str:
    """Where the slot of a model in a stage lies."""
    return f"{stage}/{model}.yaml"


def version_path(model: str, version: str) -> str:
    """Where the manifest of a version lies."""
    return f"{MODELS}/{model}/{version}.yaml"


def archived_path(model: str, version: str) -> str:
    """Where an archived version is listed."""
    return f"{ARCHIVED}/{model}/{version}.yaml"


def hold_path(model: str, version: str) -> str:
    """Where the hold of a version lies."""
    return f"{HOLDS}/{model}/{version}.yaml"


def evidence_folder(model: str, version: str) -> str:
    """Where the evidence of a version lies."""
    return f"{EVIDENCE}/{model}/{version}"


def evidence_path(model: str, version: str, name: str, number: int) -> str:
    """Where the evidence of a version with this name and number lies."""
    return f"{EVIDENCE}/{model}/{version}/{name}/{number}.json"


def policy_evidence_path(digest: str, name: str, number: int) -> str:
    """Where the evidence about a gitstage.yaml, by the SHA-256 of its bytes, with this name and number lies."""
    return f"{EVIDENCE}/{POLICY_EVIDENCE}/{digest}/{name}/{number}.json"


def artifact_path(model: str, version: str, name: str) -> str:
    """Where an artifact that is kept in the registry lies."""
    return f"{ARTIFACTS}/{model}/{version}/{name}"
