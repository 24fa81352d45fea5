from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from gitstage.evidence import TEST_RESULT, Statement, read_statement
from gitstage.manifest import Artifact
from gitstage.rules.statements import deciding_statement
from tests.registries import MONDAY, Content, enveloped, manifest, provenance, statement, tree

ONE = manifest("m", "1.0.0")
FOLDER = "evidence/m/1.0.0/shadow-traffic"


def decided(files: dict[str, Content], kind: str | None = "test-result") -> str | None:
    """The path of the statement that decides."""
    registry = tree({"models/m/1.0.0.yaml": ONE, **files})
    found = deciding_statement(registry, "m", "1.0.0", "shadow-traffic", now=MONDAY, kind=kind)
    return None if found is None else found[0]


@pytest.mark.parametrize(
    ("files", "path"),
    [
        ({}, None),
        ({"1.json": statement(ONE)}, "1.json"),
        ({"1.json": statement(ONE), "2.json": statement(ONE, result="FAILED")}, "2.json"),
        ({"9.json": statement(ONE), "10.json": statement(ONE, result="FAILED")}, "10.json"),
        ({"1.json": statement(ONE), "2.json": statement(ONE, made=MONDAY + timedelta(seconds=1))}, "1.json"),
        ({"1.json": statement(ONE), "2.json": statement(ONE, made=MONDAY - timedelta(seconds=1))}, "1.json"),
        ({"1.json": statement(manifest("m", "1.0.0", auc=1.0))}, None),
        ({"1.json": statement(ONE), "notes.txt": "x", "²": "x", "01.json": "x", "2": "x"}, "1.json"),
        ({"0.json": "x", "2.json": statement(ONE)}, "2.json"),
        ({"1.json": provenance("0" * 64), "2.json": statement(ONE)}, "2.json"),
    ],
)
def test_the_highest_number_that_counts_decides(files: dict[str, Content], path: str | None) -> None:
    found = decided({f"{FOLDER}/{name}": content for name, content in files.items()})
    assert found == (None if path is None else f"{FOLDER}/{path}")


def test_what_decides_is_read() -> None:
    data = statement(ONE, latency=12.5)
    registry = tree({"models/m/1.0.0.yaml": ONE, f"{FOLDER}/1.json": data})
    found = deciding_statement(registry, "m", "1.0.0", "shadow-traffic", now=MONDAY)
    assert found == (f"{FOLDER}/1.json", read_statement(data))


def test_a_statement_of_another_kind_decides_only_where_any_kind_does() -> None:
    other = statement(ONE).replace(b"test-result/v0.1", b"vuln/v0.1")
    files: dict[str, Content] = {f"{FOLDER}/1.json": other}
    assert decided(files) is None
    assert decided(files, kind=None) == f"{FOLDER}/1.json"
    # It says no result and no date, so it outranks nothing that has one.
    files = {f"{FOLDER}/1.json": statement(ONE), f"{FOLDER}/2.json": other}
    assert decided(files) == decided(files, kind=None) == f"{FOLDER}/1.json"


def test_a_version_that_is_not_registered_has_no_evidence() -> None:
    registry = tree({f"{FOLDER}/1.json": statement(ONE)})
    assert deciding_statement(registry, "m", "1.0.0", "shadow-traffic", now=MONDAY) is None


@pytest.mark.parametrize("kind", ["test-result", TEST_RESULT, None])
def test_a_statement_that_cannot_be_read_any_more_is_no_success(kind: str | None) -> None:
    files: dict[str, Content] = {
        "models/m/1.0.0.yaml": ONE,
        f"{FOLDER}/1.json": statement(ONE),
        f"{FOLDER}/2.json": "{",
    }
    found = deciding_statement(tree(files), "m", "1.0.0", "shadow-traffic", now=MONDAY, kind=kind)
    assert found is not None
    assert found == (
        f"{FOLDER}/2.json",
        Statement(
            subjects=frozenset({hashlib.sha256(ONE).hexdigest()}),
            predicate_type="" if kind is None else TEST_RESULT,
            readable=False,
        ),
    )
    assert not found[1].is_success


def of_provenance(data: bytes, *more: bytes) -> str | None:
    version = manifest("m", "1.0.0", artifacts=TWO_PARTS)
    files: dict[str, Content] = {"models/m/1.0.0.yaml": version, f"{FOLDER}/1.json": data}
    files |= {f"{FOLDER}/{number}.json": other for number, other in enumerate(more, 2)}
    found = deciding_statement(tree(files), "m", "1.0.0", "shadow-traffic", now=MONDAY, kind="provenance")
    return None if found is None else found[0]


TWO_PARTS = tuple(
    Artifact(path=name, uri=f"s3://models/{name}", sha256=digest * 64, size=1)
    for name, digest in (("a", "a"), ("b", "b"))
)


def test_what_a_builder_says_of_all_artifacts_decides() -> None:
    assert of_provenance(provenance("a" * 64, "b" * 64)) == f"{FOLDER}/1.json"
    assert of_provenance(provenance("a" * 64, "c" * 64, "b" * 64)) == f"{FOLDER}/1.json"
    assert of_provenance(provenance("a" * 64)) is None
    assert of_provenance(provenance("a" * 64, "b" * 64), provenance("b" * 64)) == f"{FOLDER}/1.json"


def test_a_statement_in_an_envelope_decides_as_a_plain_one_does() -> None:
    assert of_provenance(enveloped(provenance("a" * 64, "b" * 64))) == f"{FOLDER}/1.json"
    failed = statement(ONE, result="FAILED")
    files: dict[str, Content] = {f"{FOLDER}/1.json": statement(ONE), f"{FOLDER}/2.json": enveloped(failed)}
    assert decided(files) == decided(files, kind=TEST_RESULT) == f"{FOLDER}/2.json"


def test_of_a_manifest_that_cannot_be_read_no_artifact_is_known() -> None:
    files: dict[str, Content] = {"models/m/1.0.0.yaml": "{", f"{FOLDER}/1.json": provenance("a" * 64)}
    assert deciding_statement(tree(files), "m", "1.0.0", "shadow-traffic", now=MONDAY) is None


def test_whose_statements_count_is_asked_of_each_file_by_its_name_and_bytes() -> None:
    files: dict[str, Content] = {"1.json": statement(ONE), "2.json": statement(ONE, x=1), "3.json": statement(ONE, x=2)}
    registry = tree({"models/m/1.0.0.yaml": ONE, **{f"{FOLDER}/{name}": data for name, data in files.items()}})
    asked: dict[str, bytes] = {}

    def counts(file: str, data: bytes) -> bool:
        asked[file] = data
        return file != "3.json"

    found = deciding_statement(registry, "m", "1.0.0", "shadow-traffic", now=MONDAY, counts=counts)
    assert (asked, found and found[0]) == (files, f"{FOLDER}/2.json")
