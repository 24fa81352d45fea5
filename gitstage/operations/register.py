"""Register a version: its manifest, which never changes, and the artifacts that are kept in the registry."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitstage.changes import Snapshot
from gitstage.errors import GitstageError
from gitstage.findings import Verdict
from gitstage.layout import Slot, artifact_path, model_problem_under, version_path, version_problem
from gitstage.operations.landing import Outcome, carry_out
from gitstage.operations.naming import known_stage, next_version, without_back
from gitstage.operations.registries import Registry
from gitstage.plans import Plan, Scene, promote, register
from gitstage.references import reference
from gitstage.values import dataclass, field, replace

if TYPE_CHECKING:
    from gitstage.manifest import ModelVersion

LARGEST_KEPT = 50 * 1024 * 1024
"""Bytes; a larger file is not written into the repository."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a version is registered with.

    `artifacts` are `FILE` (kept in the registry), `FILE=URI` (lies at URI, measured from FILE) or `URI` with its
    `sha256` and `size` in bytes, given in the same order.
    """

    artifacts: tuple[str, ...]
    sha256: tuple[str, ...] = ()
    size: tuple[int, ...] = ()
    format: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    params: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    data: tuple[Mapping[str, str], ...] = ()
    repository: str | None = None
    commit: str | None = None
    run: str | None = None
    description: str | None = None


def run(
    registry: Registry,
    text: str,
    wanted: Wanted,
    *,
    to: str | None = None,
    push: bool = False,
    dry_run: bool = False,
) -> Outcome:
    """Registers `MODEL@VERSION` or `MODEL@next`, and with `to` puts it into a stage at once.

    Where the stage is not free yet, it is registered only, and the exit code is 4. A `run` that was registered
    before is registered once.
    """
    ref = without_back(reference(text))
    if ref.name is None:
        raise GitstageError(f"{text} names no version", hint=f"gitstage register {text}@next --artifact FILE")
    problem = model_problem_under(ref.model, frozenset(registry.identity.stages))
    if problem is not None:
        raise GitstageError(f"{ref.model!r} is no name of a model: {problem}")
    in_the_way = registry.past.blocked(ref.model)
    if in_the_way is not None:
        raise GitstageError(in_the_way, hint="choose another name, or rename that tag")
    if to is not None:
        known_stage(registry, to)
    files = _artifacts(wanted)

    def planner(scene: Scene, *, stage: str | None) -> Plan:
        before = _same_run(scene, ref.model, wanted.run)
        if before is not None:
            plan = Plan(subject=f"{ref.model}: register {before}", notes=(f"{wanted.run} is registered as {before}",))
            version = before
        else:
            plan, version = _registered(registry, scene, ref.model, str(ref.name), wanted, files)
        if stage is None:
            return plan
        after = replace(scene, registry=_with(scene.registry, plan))
        whole = plan.and_then(promote(after, Slot(ref.model, stage), version))
        return replace(whole, subject=f"{ref.model}: register {version} and promote it to {stage}")

    def carried(stage: str | None) -> Outcome:
        return carry_out(
            registry, lambda scene: planner(scene, stage=stage), models={ref.model}, push=push, dry_run=dry_run
        )

    outcome = carried(to)
    if outcome.report.verdict is not Verdict.PENDING or outcome.commit is not None or outcome.exit_code == 0:
        return outcome  # on a branch what is pending is there to be reviewed
    only = carried(None)
    return replace(only, report=outcome.report, exit_code=4, notes=(*only.notes, f"{to} is not free yet"))


def _with(registry: Snapshot, plan: Plan) -> Snapshot:
    from gitstage.changes import Overlay

    return Overlay(registry, plan.edits, plan.blobs)


def _same_run(scene: Scene, model: str, run: str | None) -> str | None:
    """The version of a model that was registered from a run before."""
    from gitstage.canonical import DocumentError
    from gitstage.manifest import read_version

    if run is None:
        return None
    for version in scene.versions(model):
        entry = scene.registry.entry(version_path(model, version))
        try:
            found = read_version(scene.registry.read(entry.oid)) if entry is not None else None
        except DocumentError:
            continue
        if found is not None and found.source is not None and found.source.run == run:
            return version
    return None


def _registered(
    registry: Registry, scene: Scene, model: str, name: str, wanted: Wanted, files: Sequence[_File]
) -> tuple[Plan, str]:
    from gitstage.manifest import canonical_bytes

    integer = registry.identity.integer_versions
    version = next_version(scene, model, integer=integer) if name == "next" else name
    problem = version_problem(version, integer=integer)
    if problem is not None:
        raise GitstageError(problem, hint=f"gitstage register {model}@next …")
    manifest = canonical_bytes(_manifest(model, version, wanted, files))
    path = version_path(model, version)
    there = scene.registry.entry(path)
    if there is not None and scene.registry.read(there.oid) != manifest:
        raise GitstageError(
            f"{model}@{version} is registered, and never changes", hint=f"gitstage register {model}@next …"
        )
    kept = {artifact_path(model, version, file.path): file.data for file in files if file.data is not None}
    return register(scene, model, version, manifest, kept), version


@dataclass(frozen=True)
class _File:
    path: str
    uri: str | None
    sha256: str
    size: int
    data: bytes | None


def _artifacts(wanted: Wanted) -> list[_File]:
    if not wanted.artifacts:
        raise GitstageError("a version has at least one artifact", hint="--artifact model.onnx")
    digests, sizes = iter(wanted.sha256), iter(wanted.size)
    found = []
    for text in wanted.artifacts:
        file, equals, uri = text.partition("=")
        if "://" in file:
            digest, size = next(digests, None), next(sizes, None)
            if digest is None or size is None:
                raise GitstageError(
                    f"{text} lies elsewhere: its digest and size are needed",
                    hint="--sha256 HEX --size BYTES, or --artifact FILE=URI to measure them from a local copy",
                )
            found.append(_File(text.rstrip("/").rpartition("/")[2], text, digest, size, None))
        elif equals:
            if not uri:
                raise GitstageError(f"{text} says nowhere that {file} lies", hint="--artifact FILE, FILE=URI or URI")
            found.append(_measured(Path(file), uri))
        elif file:
            found.append(_measured(Path(file), None))
        else:
            raise GitstageError("--artifact '' names no file", hint="--artifact FILE, FILE=URI or URI")
    if next(digests, None) is not None or next(sizes, None) is not None:
        raise GitstageError("there are more --sha256 or --size than artifacts that are only a URI")
    return found


def _measured(file: Path, uri: str | None) -> _File:
    try:
        size = file.stat().st_size
        if uri is None and size > LARGEST_KEPT:
            raise GitstageError(
                f"{file} has {size} bytes: too large to keep in the repository",
                hint=f"put it into a store, and say: --artifact {file}=s3://…",
            )
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        return _File(file.name, uri, digest, size, file.read_bytes() if uri is None else None)
    except OSError as error:
        raise GitstageError(
            f"{file} cannot be read: {error.strerror}", hint="--artifact FILE, FILE=URI or URI"
        ) from error


def _manifest(model: str, version: str, wanted: Wanted, files: Sequence[_File]) -> ModelVersion:
    from pydantic import ValidationError

    from gitstage.manifest import ModelVersion
    from gitstage.validation import problems_of

    document: dict[str, Any] = {
        "model": model,
        "version": version,
        "artifacts": [
            {
                "path": file.path,
                "uri": file.uri or artifact_path(model, version, file.path),
                "sha256": file.sha256,
                "size": file.size,
            }
            for file in files
        ],
        "format": wanted.format or _format(files),
        "metrics": dict(wanted.metrics),
        "params": dict(wanted.params),
        "data": [dict(item) for item in wanted.data],
        "labels": dict(wanted.labels),
        "description": wanted.description,
    }
    source = {
        key: value
        for key, value in (("repository", wanted.repository), ("commit", wanted.commit), ("run", wanted.run))
        if value is not None
    }
    if source:
        document["source"] = source
    try:
        return ModelVersion.model_validate({key: value for key, value in document.items() if value is not None})
    except ValidationError as error:
        first = problems_of(error, ModelVersion, b"")[0]
        raise GitstageError(first.message, hint=first.hint) from error


def _format(files: Sequence[_File]) -> str | None:
    """The format that the one file's name says, where it is one that is known."""
    known = {"onnx": "onnx", "safetensors": "safetensors", "pkl": "pickle", "joblib": "joblib", "pt": "pytorch"}
    return known.get(files[0].path.rpartition(".")[2]) if len(files) == 1 else None
