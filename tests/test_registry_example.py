"""The registry that ships with gitstage: in order, honest, and past its own gates."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gitstage.canonical import parse
from gitstage.cli.main import run as gitstage
from gitstage.evidence import read_statement
from gitstage.findings import Verdict
from gitstage.layout import Layout
from gitstage.manifest import canonical_bytes, read_hold, read_slot, read_version
from gitstage.operations import check, promote, status, tag
from gitstage.operations.registries import Registry, open_registry
from gitstage.policy import read_policy

HOUSE = Path(__file__).parent.parent
EXAMPLE = HOUSE / "registry.example"
CARDS = HOUSE / "docs" / "example-models" / "cards"
FILES = {path.relative_to(EXAMPLE).as_posix(): path.read_bytes() for path in EXAMPLE.rglob("*") if path.is_file()}
MANIFESTS = sorted(path for path in FILES if path.startswith("models/") and path.endswith(".yaml"))
EVIDENCE = sorted(path for path in FILES if path.startswith("evidence/"))
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
POLICY = read_policy(FILES["gitstage.yaml"])
IN_PRODUCTION = {"biopsy-screener": "1.2.0", "diabetes-progression": "1.2.0", "vision/digit-reader": "1.1.0"}
IN_STAGING = {"biopsy-screener": "1.3.0", "diabetes-progression": "1.3.0", "vision/digit-reader": "2.1.0"}


def git(where: Path, *words: str) -> None:
    subprocess.run(["git", "-C", where, *words], check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository that got the example in one commit, as this project's did."""
    (tmp_path / "README.md").write_text("A project.\n", encoding="utf-8")
    git(tmp_path, "init", "--initial-branch=main", ".")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "A project")
    for path, data in FILES.items():
        file = tmp_path / "registry.example" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "registry.example")
    return tmp_path


Open = Callable[..., Registry]


@pytest.fixture
def registry(clone: Path) -> Iterator[Open]:
    """Opens the example in the repository, at a moment."""
    with ExitStack() as opened:

        def open_at(now: datetime = NOW) -> Registry:
            found = open_registry(str(clone), folder="registry.example", clock=lambda: now)
            opened.enter_context(found.repo)
            return found

        yield open_at


# ---------------------------------------------------------------------------------------------- in a repository


def test_it_passes_its_own_check_as_a_new_registry(registry: Open) -> None:
    report = check.run(registry(), base="HEAD~1", head="HEAD")
    assert report.verdict is Verdict.PASSED
    assert {(found.model, found.stage, found.action, found.after) for found in report.judgements if found.stage} == {
        *((model, "production", "adopt", version) for model, version in IN_PRODUCTION.items()),
        *((model, "staging", "promote", version) for model, version in IN_STAGING.items()),
    }


def test_its_first_run_of_tag_puts_everything_into_effect_and_the_second_nothing(registry: Open) -> None:
    dry = tag.run(registry(), dry_run=True)
    first = tag.run(registry())
    second = tag.run(registry())
    assert dry.tags == first.tags
    assert (first.exit_code, first.alarms, first.state.open) == (0, (), {})
    assert len(first.tags) == len(MANIFESTS) + len(IN_PRODUCTION) + len(IN_STAGING) + 1
    assert (second.exit_code, second.tags) == (0, ())


def test_its_status_says_what_serves_and_what_is_kept(registry: Open) -> None:
    tag.run(registry())
    found = status.run(registry())
    assert {
        model.model: (model.slots["staging"].version, model.slots["production"].version, sorted(model.archived))
        for model in found.models
    } == {
        "biopsy-screener": ("1.3.0", "1.2.0", ["1.0.0", "1.1.0"]),
        "diabetes-progression": ("1.3.0", "1.2.0", ["1.0.0", "1.1.0"]),
        "vision/digit-reader": ("2.1.0", "1.1.0", ["1.0.0", "2.0.0"]),
    }


def test_the_version_that_is_worse_is_refused_and_the_report_says_by_how_much(registry: Open) -> None:
    tag.run(registry())
    outcome = promote.run(registry(), ["biopsy-screener@1.3.0"], to=["production"])
    refused = [
        (found.rule, found.message)
        for judgement in outcome.report.judgements
        for found in judgement.findings
        if found.verdict is Verdict.REFUSED
    ]
    assert (outcome.exit_code, outcome.commit) == (1, None)
    assert refused == [
        ("metrics", "auc 0.9911 → 0.9753, max-drop 0.002"),
        ("metrics", "sensitivity 0.9176 → 0.9059, max-drop 0.01"),
        ("metrics", "log_loss 0.1057 → 0.1876, max-rise 10%"),
    ]


def test_the_version_that_mends_the_incident_passes(registry: Open) -> None:
    tag.run(registry())
    outcome = promote.run(registry(), ["vision/digit-reader@2.1.0"], to=["production"])
    assert (outcome.exit_code, outcome.report.verdict) == (0, Verdict.PASSED)


def test_a_day_in_staging_is_waited_for(registry: Open) -> None:
    tag.run(registry())
    soon, later = (
        promote.run(registry(now), ["diabetes-progression@1.3.0"], to=["production"], dry_run=True).report.verdict
        for now in (NOW + timedelta(hours=23), NOW + timedelta(hours=24))
    )
    assert (soon, later) == (Verdict.PENDING, Verdict.PASSED)


def test_the_version_that_was_rolled_back_is_held_out_of_every_stage(registry: Open) -> None:
    tag.run(registry())
    outcome = promote.run(registry(), ["vision/digit-reader@2.0.0"], to=["staging"])
    (judgement,) = (found for found in outcome.report.judgements if found.stage == "staging")
    assert [found.rule for found in judgement.findings if found.verdict is Verdict.REFUSED] == ["held"]


def test_models_that_serve_already_are_taken_in_for_some_time_only(registry: Open) -> None:
    assert POLICY.adopt_until == date(2027, 6, 30)
    late = check.run(registry(datetime(2027, 7, 1, tzinfo=UTC)), base="HEAD~1", head="HEAD")
    assert late.verdict is Verdict.REFUSED


# ------------------------------------------------------------------------------------------------------- files


def test_every_path_is_known() -> None:
    layout = Layout(frozenset(POLICY.stages), POLICY.integer_versions)
    assert [path for path in FILES if layout.place(path).kind in ("unknown", "stray")] == []


def test_every_manifest_is_in_canonical_form(capsys: pytest.CaptureFixture[str]) -> None:
    paths = [
        str(EXAMPLE / path)
        for path in FILES
        if path.endswith(".yaml") and path not in ("gitstage.yaml", "gitstage.test.yaml")
    ]
    assert gitstage(["fmt", "--check", *paths]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("path", MANIFESTS)
def test_a_manifest_says_what_its_path_says_and_is_written_as_it_is_read(path: str) -> None:
    version = read_version(FILES[path])
    assert path == f"models/{version.model}/{version.version}.yaml"
    assert canonical_bytes(version) == FILES[path]


def test_every_slot_and_archived_file_is_a_registered_version() -> None:
    kept = [
        path for path in FILES if path.startswith(("staging/", "production/", "archived/")) and path.endswith(".yaml")
    ]
    assert [path for path in kept if FILES[path] not in [FILES[manifest] for manifest in MANIFESTS]] == []
    slots = {
        path: getattr(read_slot(FILES[path]), "version", None) for path in kept if not path.startswith("archived/")
    }
    assert slots == {
        **{f"production/{model}.yaml": version for model, version in IN_PRODUCTION.items()},
        **{f"staging/{model}.yaml": version for model, version in IN_STAGING.items()},
    }


@pytest.mark.parametrize("path", MANIFESTS)
def test_an_artifact_has_the_size_and_digest_that_its_manifest_says(path: str) -> None:
    (artifact,) = read_version(FILES[path]).artifacts
    data = FILES[artifact.uri]
    assert (artifact.size, artifact.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_no_artifact_lies_about_without_a_manifest() -> None:
    named = {artifact.uri for path in MANIFESTS for artifact in read_version(FILES[path]).artifacts}
    assert {path for path in FILES if path.startswith("artifacts/")} == named


def fields(data: bytes) -> Mapping[int, list[int | bytes]]:
    """The fields of a protobuf message by their number: https://protobuf.dev/programming-guides/encoding/."""
    found: dict[int, list[int | bytes]] = {}
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            found.setdefault(key >> 3, []).append(varint())
        else:
            assert key & 7 == 2, f"wire type {key & 7} at {at}"
            length = varint()
            found.setdefault(key >> 3, []).append(data[at : at + length])
            at += length
    assert at == len(data)
    return found


IR_VERSION, GRAPH, OPSET_IMPORT = 1, 7, 8
"""Fields of ModelProto: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto."""


@pytest.mark.parametrize("path", sorted(path for path in FILES if path.startswith("artifacts/")))
def test_an_artifact_is_an_onnx_model_with_a_graph(path: str) -> None:
    model = fields(FILES[path])
    (graph,) = model[GRAPH]
    assert isinstance(graph, bytes)
    nodes, inputs, outputs = (fields(graph).get(number, []) for number in (1, 11, 12))
    assert 3 <= int(model[IR_VERSION][0]) <= 15
    assert model[OPSET_IMPORT]
    assert nodes
    assert (len(inputs), len(outputs) > 0) == (1, True)


@pytest.mark.parametrize("path", EVIDENCE)
def test_evidence_is_about_the_version_whose_path_it_has_and_is_not_of_the_future(path: str) -> None:
    _, rest = path.split("/", 1)
    model, version, name, number = rest.rsplit("/", 3)
    statement = read_statement(FILES[path])
    manifest = FILES[f"models/{model}/{version}.yaml"]
    assert statement.subjects == {hashlib.sha256(manifest).hexdigest()}
    assert (number, statement.type) == ("1.json", "test-result")
    assert statement.made is not None
    assert statement.made < NOW
    assert statement.result == ("FAILED" if (version, name) == ("2.0.0", "faint-scans") else "PASSED")


def test_the_hold_says_why_and_the_evidence_shows_it() -> None:
    (path,) = (path for path in FILES if path.startswith("holds/"))
    hold = read_hold(FILES[path])
    tested = read_statement(FILES["evidence/vision/digit-reader/2.0.0/faint-scans/1.json"])
    assert (hold.model, hold.version, hold.state) == ("vision/digit-reader", "2.0.0", "held")
    assert hold.reason == "misreads one faint scan in five"
    assert 0.2 < 1 - tested.metrics["accuracy"] < 0.22


def test_every_metric_that_a_gate_asks_for_was_measured() -> None:
    missing = []
    for path in MANIFESTS:
        version = read_version(FILES[path])
        for _, gate in POLICY.gates_for(version.model, "production"):
            for rule in gate.metrics:
                measured: Mapping[str, Any] = version.metrics
                if rule.evidence is not None:
                    tested = FILES[f"evidence/{version.model}/{version.version}/{rule.evidence}/1.json"]
                    measured = read_statement(tested).metrics
                if rule.name not in measured:
                    missing.append((path, rule.name))
    assert missing == []


@pytest.mark.parametrize("model", sorted(IN_PRODUCTION))
def test_a_model_card_shows_the_figures_of_the_manifests(model: str) -> None:
    card = FILES[f"models/{model}/README.md"].decode()
    lines = [
        tuple(cell.strip() for cell in line.strip("|").split("|")) for line in card.splitlines() if line[:1] == "|"
    ]
    header, _, *rows = lines
    versions = [read_version(FILES[path]) for path in MANIFESTS if path.startswith(f"models/{model}/")]
    assert [dict(zip(header, row, strict=True)) for row in rows] == [
        {"version": found.version, **{name: str(value) for name, value in found.metrics.items()}} for found in versions
    ]
    assert card == (CARDS / model / "README.md").read_text(encoding="utf-8")
    assert "so they flatter" in card


def test_everybody_who_answers_for_a_model_is_a_person_of_the_policy() -> None:
    document: Any = parse(FILES["gitstage.yaml"])
    assert {person for people in document["roles"].values() for person in people} == set(document["people"])
    assert json.dumps(document["people"]).count("@example.com") == len(document["people"])
