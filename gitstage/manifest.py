"""What a registry says of its models: the documents ModelVersion, EmptySlot and Hold, read strictly and written canonically."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    WithJsonSchema,
    model_validator,
)

from gitstage import canonical, validation
from gitstage.canonical import HIDDEN, DocumentError, Problem, Scalar, Unfit
from gitstage.emptyslot import empty_slot
from gitstage.fields import Name, Number, Part, frozen, matching, nothing, some
from gitstage.layout import model_problem, version_problem

__all__ = [
    "Artifact",
    "Data",
    "EmptySlot",
    "Hold",
    "LfsPointer",
    "ModelVersion",
    "Source",
    "canonical_bytes",
    "empty_slot",
    "formatted",
    "manifest_schema",
    "read_hold",
    "read_lfs_pointer",
    "read_slot",
    "read_version",
]

SCHEMES = ("https", "s3", "gs", "az", "oci", "hf", "file")
MAX_TEXT = 10_000
MAX_PATH = 400
MAX_URI = 2_000


# The kinds of text.


@lru_cache(maxsize=1024)
def _model_name(text: str) -> str:
    problem = model_problem(text)
    if problem is not None:
        raise Unfit(problem)
    return text


@lru_cache(maxsize=1024)
def _version_name(text: str) -> str:
    problem = version_problem(text)
    if problem is not None and version_problem(text, integer=True) is not None:
        raise Unfit(problem)
    return text


def path_problem(path: str) -> str | None:
    """Why `path` is no relative path of a file that could be made on any system; None where it is one."""
    if not path or len(path) > MAX_PATH:
        return f"a path has 1 to {MAX_PATH} characters"
    if HIDDEN.search(path) or "\\" in path:
        return "a path has '/' between its parts, no backslash, no control characters and none that do not show"
    if path.startswith("/") or re.match("[A-Za-z]:", path):
        return "a path is relative"
    for part in path.split("/"):
        if part in ("", ".", ".."):
            return f"a path has no part {part!r}"
        if part.lower() == ".git":
            return "a path has no part '.git'"
        if part != part.strip(" ") or part.endswith("."):
            return "no part of a path begins or ends with a space, or ends with a dot"
    return None


def _path(text: str) -> str:
    problem = path_problem(text)
    if problem is not None:
        raise Unfit(problem)
    return text


_URI = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?://(?P<authority>[^/?#]*))?(?P<rest>.*)\Z", re.DOTALL)
_PASSWORD = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://)?[^/?#@]*(?::|%3a)[^/?#]*@", re.IGNORECASE)
_SECRET = re.compile(r"[?&](?:x-amz-signature|x-amz-security-token|x-goog-signature|sig|access_token)=", re.IGNORECASE)


def _uri(text: str) -> str:
    """An address whose scheme we know, or a path below `artifacts/`; with nothing secret in it."""
    if text.startswith("artifacts/"):
        return _path(text)
    _check_address(text)
    found = _URI.match(text)
    scheme = found["scheme"] if found else None
    if found is None or scheme not in SCHEMES:
        near = validation.near_miss(scheme or "", SCHEMES)
        raise Unfit(f"begins with none of {', '.join(f'{known}:' for known in SCHEMES)} and artifacts/{near}")
    authority, rest = found["authority"], found["rest"]
    if scheme == "file":
        if authority not in ("", "localhost") or len(rest) < 2 or not rest.startswith("/"):
            raise Unfit("a file: address is written file:///folder/name")
        return text
    host = (authority or "").rpartition("@")[2]
    if not host or host.startswith(":"):
        raise Unfit(f"a {scheme}: address is written {scheme}://place/name")
    if scheme == "https" and "@" in (authority or ""):
        raise Unfit("has a user name in it; nothing in a registry can be taken back", "remove what stands before '@'")
    return text


def _address(text: str) -> str:
    """An address or name of something elsewhere, of any form, with nothing secret in it."""
    _check_address(text)
    return text


def _check_address(text: str) -> None:
    if not text or len(text) > MAX_URI:
        raise Unfit(f"an address has 1 to {MAX_URI} characters")
    if HIDDEN.search(text) or " " in text or "\\" in text:
        raise Unfit("an address has no spaces, backslashes or control characters", "percent-encode them, as %20")
    if _PASSWORD.match(text):
        raise Unfit("has a password in it; nothing in a registry can be taken back", "remove what stands before '@'")
    if _SECRET.search(text):
        raise Unfit(
            "has a signature or token in it; nothing in a registry can be taken back", "remove it from the query"
        )


# Kinds of values.


def _scalar(value: object) -> object:
    if not isinstance(value, str | int | float):
        raise Unfit(f"must be text, a number, true or false, not {validation.kind_of(value)}")
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise Unfit(f"is longer than {MAX_TEXT} characters")
    return value


def _distinct_names(items: tuple[Data, ...]) -> tuple[Data, ...]:
    seen: set[str] = set()
    for item in items:
        if item.name in seen:
            raise Unfit(f"two have the name {item.name!r}")
        seen.add(item.name)
    return items


def _distinct_paths(items: tuple[Artifact, ...]) -> tuple[Artifact, ...]:
    """No path twice, none that another file system takes for the same, and none below another."""
    from unicodedata import normalize

    if len(items) == 1:
        return items
    seen: dict[str, str] = {}
    for item in items:
        folded = normalize("NFC", normalize("NFC", item.path).casefold())
        if folded in seen:
            raise Unfit(f"two have the path {item.path!r}, or differ from it only in case")
        seen[folded] = item.path
    for folded, path in seen.items():
        folder, _, _ = folded.rpartition("/")
        while folder:
            if folder in seen:
                raise Unfit(f"{seen[folder]!r} is a file, so {path!r} cannot lie below it")
            folder, _, _ = folder.rpartition("/")
    return items


ModelName = Annotated[str, AfterValidator(_model_name)]
VersionName = Annotated[str, AfterValidator(_version_name)]
Path = Annotated[str, AfterValidator(_path)]
Uri = Annotated[str, AfterValidator(_uri)]
Address = Annotated[str, AfterValidator(_address)]
Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
Sha256 = Annotated[
    str,
    AfterValidator(matching("[0-9a-f]{64}", "64 lower-case hexadecimal digits")),
    WithJsonSchema({"type": "string", "pattern": "^[0-9a-f]{64}$"}),
]
CommitId = Annotated[
    str,
    AfterValidator(matching("[0-9a-f]{40}|[0-9a-f]{64}", "a full commit id, 40 or 64 lower-case hexadecimal digits")),
    WithJsonSchema({"type": "string", "pattern": "^([0-9a-f]{40}|[0-9a-f]{64})$"}),
]
Param = Annotated[
    Scalar, BeforeValidator(_scalar), WithJsonSchema({"type": ["string", "number", "boolean"], "maxLength": MAX_TEXT})
]


class Artifact(Part):
    """One file of a version."""

    path: Path = Field(description="Where the file goes when the version is pulled: relative, with / between parts.")
    uri: Uri = Field(description="Where it lies: https, s3, gs, az, oci, hf, file, or a path below artifacts/.")
    sha256: Sha256 = Field(description="SHA-256 of its bytes, 64 lower-case hexadecimal digits.")
    size: Annotated[int, Field(ge=0)] = Field(description="How many bytes it has.")


class Data(Part):
    """One set of data that the version was made with."""

    name: Name = Field(description="What the data are called.")
    uri: Uri | None = Field(default=None, description="Where they lie.")
    sha256: Sha256 | None = Field(default=None, description="SHA-256 of their bytes.")


class Source(Part):
    """What the version was made from."""

    repository: Address | None = Field(default=None, description="The repository of the code that made it.")
    commit: CommitId | None = Field(default=None, description="The full id of the commit of that repository.")
    run: Address | None = Field(
        default=None, description="The run that made it, as an address in an experiment tracker."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Source:
        if (self.repository, self.commit, self.run) == (None, None, None):
            raise Unfit("says nothing: it needs repository, commit or run")
        return self


class _Document(Part):
    api_version: Literal["gitstage/v1"] = Field(
        default="gitstage/v1", alias="apiVersion", description="The version of this format."
    )


class ModelVersion(_Document):
    """A version of a model: `models/MODEL/VERSION.yaml`, and byte for byte every slot that holds it."""

    kind: Literal["ModelVersion"] = Field(default="ModelVersion", description="What this document is.")
    model: ModelName = Field(description="The model's name, with its namespace: risk/fraud-detector.")
    version: VersionName = Field(description="A semantic version, or a whole number where the registry counts.")
    artifacts: Annotated[
        tuple[Artifact, ...], Field(strict=False), AfterValidator(some), AfterValidator(_distinct_paths)
    ] = Field(description="The files that make up the version.", json_schema_extra={"minItems": 1})
    format: Name | None = Field(default=None, description="What reads the files: onnx, safetensors, pickle.")
    metrics: Annotated[Mapping[Name, Number], AfterValidator(frozen)] = Field(
        default_factory=nothing, description="What was measured, by name. Gates compare these numbers."
    )
    params: Annotated[Mapping[Name, Param], AfterValidator(frozen)] = Field(
        default_factory=nothing, description="What the version was made with: text, numbers, true or false by name."
    )
    data: Annotated[tuple[Data, ...], Field(strict=False), AfterValidator(_distinct_names)] = Field(
        default=(), description="The data that the version was made with."
    )
    source: Source | None = Field(default=None, description="What the version was made from.")
    labels: Annotated[Mapping[Name, Annotated[str, Field(max_length=MAX_TEXT)]], AfterValidator(frozen)] = Field(
        default_factory=nothing, description="Words to find the version by."
    )
    description: Text | None = Field(default=None, description="What a reader should know about the version.")


class EmptySlot(_Document):
    """A slot that held a version and is empty."""

    kind: Literal["EmptySlot"] = Field(default="EmptySlot", description="What this document is.")
    model: ModelName = Field(description="The model's name, with its namespace.")


class Hold(_Document):
    """What keeps a version out of every stage: `holds/MODEL/VERSION.yaml`."""

    kind: Literal["Hold"] = Field(default="Hold", description="What this document is.")
    model: ModelName = Field(description="The model's name, with its namespace.")
    version: VersionName = Field(description="The version that is held.")
    state: Literal["held", "released"] = Field(description="Whether the version is held, or was and is released.")
    reason: Text = Field(description="Why it is held, or was released.")


class Redacted(_Document):
    """A tombstone: what stands in the place of a manifest, a piece of evidence or an artifact that had to go."""

    kind: Literal["Redacted"] = Field(default="Redacted", description="What this document is.")
    sha256: Sha256 = Field(description="SHA-256 of the bytes that were there, 64 lower-case hexadecimal digits.")
    reason: Text = Field(description="Why they had to go, without saying what they were.")


Document = ModelVersion | EmptySlot | Hold | Redacted
KINDS: Mapping[str, type[Document]] = MappingProxyType(
    {"ModelVersion": ModelVersion, "EmptySlot": EmptySlot, "Hold": Hold, "Redacted": Redacted}
)


# Reading.


def read_version(data: bytes) -> ModelVersion:
    """The version that a manifest in canonical form says. Raises DocumentError."""
    gone = read_tombstone(data)
    if gone is not None:
        raise DocumentError([Problem(f"the version was redacted: {gone.reason}", 2)])
    return _version(data)


_TOMBSTONE = b"apiVersion: gitstage/v1\nkind: Redacted\n"


# Several rules ask for one manifest, one after the other.
@lru_cache(maxsize=256)
def _version(data: bytes) -> ModelVersion:
    return _read(data, ModelVersion)


def read_tombstone(data: bytes) -> Redacted | None:
    """The tombstone that a document in canonical form is; None where it is something else."""
    if not data.startswith(_TOMBSTONE):
        return None
    try:
        return _read(data, Redacted)
    except DocumentError:
        return None


def tombstone(data: bytes, reason: str) -> bytes:
    """The document that stands in the place of `data` from now on. Raises DocumentError where the reason is not fit."""
    digest = hashlib.sha256(data).hexdigest()
    written = canonical_bytes(validation.validated(Redacted, {"sha256": digest, "reason": reason}, b""))
    _read(written, Redacted)
    return written


def read_hold(data: bytes) -> Hold:
    """The hold that a document in canonical form says. Raises DocumentError."""
    return _read(data, Hold)


def read_slot(data: bytes) -> ModelVersion | EmptySlot:
    """What a slot's document in canonical form holds. Raises DocumentError."""
    kinds: tuple[type[ModelVersion | EmptySlot], ...] = (ModelVersion, EmptySlot)
    return _read(data, *kinds)


Kind = TypeVar("Kind", bound=Document)


def _read(data: bytes, *kinds: type[Kind]) -> Kind:
    quick = canonical.quick(data)
    if quick is not None:
        with suppress(DocumentError):
            document = _validated(quick, data, kinds)
            # What is written as it would be written again, and in the order of the format, is canonical.
            if repr(_plain(document)) == repr(quick):
                return document
    document = _validated(canonical.parse(data), data, kinds)
    canonical.check_canonical(data, canonical_bytes(document))
    return document


def _validated(document: dict[str, object], data: bytes, kinds: Sequence[type[Kind]]) -> Kind:
    kind = validation.check_header(document, data, [kind.__name__ for kind in kinds])
    return validation.validated(next(known for known in kinds if known.__name__ == kind), document, data)


# Writing.


def canonical_bytes(document: Document) -> bytes:
    """The canonical form of a document: its keys in the order of the format, the names in its maps sorted."""
    return canonical.dump(_plain(document))


def _plain(part: Part) -> dict[str, object]:
    """What a document says, without what it leaves out."""
    plain: dict[str, object] = {}
    for name, key in _keys(type(part)):
        value = getattr(part, name)
        if isinstance(value, (str, int, float)):
            plain[key] = value
            continue
        if isinstance(value, tuple):
            value = [_plain(item) for item in value]
        elif isinstance(value, Part):
            value = _plain(value)
        elif value is not None:
            value = dict(sorted(value.items()))
        if value:
            plain[key] = value
    return plain


_KEYS: dict[type[Part], tuple[tuple[str, str], ...]] = {}


def _keys(kind: type[Part]) -> tuple[tuple[str, str], ...]:
    """The attributes of a document and their keys, in the order of the format."""
    found = _KEYS.get(kind)
    if found is None:
        found = _KEYS[kind] = tuple((name, field.alias or name) for name, field in kind.model_fields.items())
    return found


def formatted(data: bytes) -> bytes:
    """The canonical form of a manifest, a hold or another document that need not be in it. Comments are lost.

    Raises DocumentError, also for gitstage.yaml, which keeps the form and the comments that people gave it.
    """
    document = canonical.parse(data)
    if document.get("kind") == "Registry":
        raise DocumentError([Problem("gitstage.yaml has no canonical form: it keeps the one that people gave it", 1)])
    return canonical_bytes(_validated(document, data, tuple(KINDS.values())))


# Pointers.


class LfsPointer(NamedTuple):
    """What a Git LFS pointer stands for."""

    sha256: str
    size: int


_LFS = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n"
    rb"(?:ext-[0-9]-[^ \n]+ sha256:[0-9a-f]{64}\n)*"
    rb"oid sha256:(?P<oid>[0-9a-f]{64})\n"
    rb"size (?P<size>0|[1-9][0-9]{0,17})\n\Z"
)


def read_lfs_pointer(data: bytes) -> LfsPointer | None:
    """What a pointer of the Git LFS specification, version 1, stands for; None where `data` is none.

    https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md: less than 1,024 bytes, keys sorted after `version`.
    """
    found = _LFS.match(data) if len(data) < 1024 else None
    return None if found is None else LfsPointer(found["oid"].decode(), int(found["size"]))


# For editors.


def manifest_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the documents that `gitstage fmt` writes."""
    from pydantic.json_schema import models_json_schema

    refs, schema = models_json_schema(
        [(kind, "validation") for kind in KINDS.values()], by_alias=True, title="A document of a gitstage registry"
    )
    for name in KINDS:
        header = schema["$defs"][name]
        header["required"] = ["apiVersion", "kind", *header["required"]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": schema["title"],
        "oneOf": [refs[kind, "validation"] for kind in KINDS.values()],
        "$defs": schema["$defs"],
    }
