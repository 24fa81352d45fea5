"""Write down what was tested, bound to the manifest's digest: a piece of evidence with the next number of its name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitstage.canonical import DocumentError
from gitstage.errors import GitstageError
from gitstage.layout import SLUG, evidence_folder
from gitstage.operations.landing import Outcome, carry_out
from gitstage.operations.naming import version_named
from gitstage.operations.registries import Registry
from gitstage.operations.signing import Pen, nothing_new, that_says
from gitstage.plans import Plan, Scene, attest
from gitstage.references import reference
from gitstage.values import dataclass, field

if TYPE_CHECKING:
    from gitstage.junit import Counts

TEST_RESULT = "test-result"
RESULTS = {"passed": "PASSED", "warned": "WARNED", "failed": "FAILED"}


@dataclass(frozen=True, kw_only=True)
class Tested:
    """What was found out, by whoever types it and by a report: `result` is as in-toto writes it.

    `configuration` are in-toto resource descriptors of what the statement is made from. `ready` is a statement that
    another tool has made, plain, signed or in a Sigstore bundle; it says everything itself.
    """

    result: str = "PASSED"
    metrics: Mapping[str, float] = field(default_factory=dict)
    configuration: tuple[Mapping[str, object], ...] = ()
    ready: bytes | None = None


def run(
    registry: Registry,
    text: str,
    *,
    kind: str,
    name: str,
    result: str | None = None,
    metrics: Mapping[str, float] | None = None,
    report: Path | None = None,
    sign: Sequence[str] = (),
    push: bool = False,
    dry_run: bool = False,
) -> Outcome:
    """A statement that `MODEL@VERSION` was tested: `result` is passed, warned or failed, `metrics` what was measured.

    `report` is a JUnit report, which says the result itself, a JSON file of metrics, or a statement that another tool
    has made; the statement names its SHA-256. `kind` is `test-result`, or the type of such a statement. Each of the
    keys in `sign` signs.
    """
    if not SLUG.match(name):
        raise GitstageError(f"{name!r} is no name of evidence", hint="letters, digits, '.', '_' and '-'")
    if result is not None and result not in RESULTS:
        raise GitstageError(f"{result!r} is no result", hint=f"results: {', '.join(RESULTS)}")
    ref = reference(text)
    tested = _tested(kind, None if result is None else RESULTS[result], metrics or {}, report)
    pen = Pen(sign)

    def planner(scene: Scene) -> Plan:
        version = version_named(scene, ref)
        statement = tested.ready
        if statement is None:
            manifest = scene.registry.read(scene.blob_of(ref.model, version))
            statement = _statement(registry, ref.model, version, manifest, name, tested)
        there = that_says(scene.registry, f"{evidence_folder(ref.model, version)}/{name}", statement)
        if there is not None:
            return nothing_new(f"{ref.model}: attest {name} of {version}", there)
        return attest(scene.registry, ref.model, version, name, pen.signed(statement))

    return carry_out(registry, planner, models={ref.model}, push=push, dry_run=dry_run)


def statement(registry: Registry, text: str, **options: Any) -> bytes:
    """The statement that `run` would write down, with the same options; for those who sign with something else.

    Nothing is changed. Raises what `run` raises, and GitstageError where a statement says the same already.
    """
    plan = run(registry, text, **options, dry_run=True).plan
    for entry in plan.edits.values():
        if entry is not None:
            return plan.blobs[entry.oid]
    raise GitstageError("; ".join(plan.notes) or "there is nothing to say")


def _statement(registry: Registry, model: str, version: str, manifest: bytes, name: str, tested: Tested) -> bytes:
    from gitstage.evidence import test_result

    return test_result(
        model,
        version,
        hashlib.sha256(manifest).hexdigest(),
        name,
        tested.result,
        tested.metrics,
        registry.now,
        configuration=tested.configuration,
    )


def _tested(kind: str, result: str | None, metrics: Mapping[str, float], report: Path | None) -> Tested:
    """What is known, from the command line and the report. Raises GitstageError where they contradict each other."""
    from gitstage.envelopes import is_bundle

    data = b"" if report is None else bytes_of(report)
    if report is not None and not _is_xml(data):
        document = _json(data, report, 'a JUnit report, or numbers such as {"auc": 0.953}')
        if {"_type", "payloadType"} & document.keys() or is_bundle(document):
            return _ready(kind, result, metrics, data, report)
    if kind != TEST_RESULT:
        raise _no_statement(kind)
    if report is None:
        if result is None:
            raise GitstageError("how did the test come out?", hint="--result passed|warned|failed, or --file junit.xml")
        return Tested(result=result, metrics=metrics)
    configuration = ({"name": report.name, "digest": {"sha256": hashlib.sha256(data).hexdigest()}},)
    derived: str | None = None
    measured: Mapping[str, float]
    if _is_xml(data):
        counts = _counts(data, report)
        derived, measured = counts.result, counts.metrics
        for name in sorted(measured.keys() & metrics.keys()):
            raise GitstageError(f"{report} counts {name} itself: {measured[name]}", hint=f"leave out --metric {name}=…")
    else:
        measured = metrics_in(data, report, instead="a JUnit report, or ")
    if result is None and derived is None:
        raise GitstageError(
            f"{report} says what was measured, not how it came out", hint="--result passed|warned|failed"
        )
    _agree(report, result, derived)
    return Tested(result=result or str(derived), metrics={**measured, **metrics}, configuration=configuration)


def _agree(report: Path, result: str | None, derived: str | None) -> None:
    """Raises GitstageError where somebody says another result than the report; that tests which passed are a warning, may be said."""
    if result in (None, derived) or derived is None or (result, derived) == ("WARNED", "PASSED"):
        return
    raise GitstageError(
        f"{report} says {derived}, and --result says {result}",
        hint="leave out --result: the report says it",
    )


def _no_statement(kind: str) -> GitstageError:
    """Why nothing can be written of a kind of statement: only its own tool writes it."""
    from gitstage.evidence import SHORT_NAMES, predicate_type
    from gitstage.validation import near_miss

    if ":" not in predicate_type(kind):
        known = sorted(SHORT_NAMES.values())
        hint = f"types: {', '.join(known)}, or the URI of a predicate type"
        return GitstageError(f"{kind!r} is no type of evidence{near_miss(kind, known)}", hint=hint)
    return GitstageError(
        f"gitstage writes test results; a statement of the type {kind} is made by another tool",
        hint=f"--type {kind} --file STATEMENT.json",
    )


def _ready(kind: str, result: str | None, metrics: Mapping[str, float], data: bytes, path: Path) -> Tested:
    """A statement that another tool has made, as it is. Raises GitstageError where the command line says something else."""
    from gitstage.approvals import TYPES
    from gitstage.evidence import predicate_type, read_statement

    try:
        statement = read_statement(data)
    except DocumentError as error:
        raise GitstageError(f"{path}: {error.message}", hint=error.hint) from error
    if statement.predicate_type.startswith(f"{TYPES}/"):
        raise GitstageError(
            f"{path} is an approval, or something else that a person says", hint="gitstage approve --help"
        )
    if statement.predicate_type != predicate_type(kind):
        raise GitstageError(f"{path} is a statement of the type {statement.type}", hint=f"--type {statement.type}")
    if metrics:
        raise GitstageError(f"{path} is a statement, and says itself what was measured", hint="leave out --metric")
    if result is not None and result != statement.result:
        said = statement.result or "no result"
        raise GitstageError(f"{path} says {said}, and --result says {result}", hint="leave out --result")
    return Tested(ready=data)


def _counts(data: bytes, path: Path) -> Counts:
    from gitstage.junit import read_junit

    try:
        return read_junit(data)
    except DocumentError as error:
        raise GitstageError(f"{path}: {error.message}", hint=error.hint) from error


def _is_xml(data: bytes) -> bool:
    """Whether a report is XML, in whatever encoding; JSON begins otherwise."""
    return data[:64].lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n").startswith(b"<")


def bytes_of(path: Path) -> bytes:
    """A file, whole. Raises GitstageError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise GitstageError(f"{path} cannot be read: {error.strerror}") from error


def _json(data: bytes, path: Path, hint: str) -> dict[str, object]:
    from gitstage.strictjson import json_object

    try:
        return json_object(data, noun="the report")
    except DocumentError as error:
        raise GitstageError(f"{path}: {error.message}", hint=hint) from error


def metrics_in(data: bytes, path: Path, *, instead: str = "") -> dict[str, float]:
    """The numbers in a JSON object. Raises GitstageError where it is none; `instead` says what it might be, too."""
    found: dict[str, float] = {}
    hint = f'{instead}numbers such as {{"auc": 0.953}}'
    for name, value in _json(data, path, hint).items():
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise GitstageError(f"{path} is not an object of numbers", hint=hint)
        found[name] = value
    return found
