from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gitstage import canonical
from gitstage.canonical import DocumentError, Problem
from gitstage.emptyslot import empty_slot
from gitstage.manifest import (
    Artifact,
    Data,
    Document,
    EmptySlot,
    Hold,
    LfsPointer,
    ModelVersion,
    Redacted,
    Source,
    canonical_bytes,
    formatted,
    manifest_schema,
    path_problem,
    read_hold,
    read_lfs_pointer,
    read_slot,
    read_tombstone,
    read_version,
)

GOLDEN = Path(__file__).parent / "golden"
SHA = "9b70aa68" * 8
FMT = "run: gitstage fmt FILE"

FULL = ModelVersion(
    model="risk/fraud-detector",
    version="1.1.0",
    artifacts=(
        Artifact(
            path="model.onnx", uri="s3://acme-models/fraud-detector/1.1.0/model.onnx", sha256=SHA, size=10_485_760
        ),
        Artifact(
            path="tokenizer/vocab.txt",
            uri="artifacts/risk/fraud-detector/1.1.0/tokenizer/vocab.txt",
            sha256="1" * 64,
            size=0,
        ),
    ),
    format="onnx",
    metrics={"n": 1000, "auc": 0.953, "log_loss": 0.00001},
    params={
        "optimizer": "adam",
        "max_depth": 6,
        "learning_rate": 3e-4,
        "adam": True,
        "country": "NO",
        "seen_until": "2026-03-31",
    },
    data=(
        Data(name="transactions-2026-q1", uri="gs://acme-data/transactions/2026-q1.parquet", sha256="77e0" * 16),
        Data(name="holiday calendar"),
    ),
    source=Source(
        repository="https://github.com/acme/fraud",
        commit="9b70aa68" * 5,
        run="https://mlflow.acme.dev/#/experiments/7/runs/ab12",
    ),
    labels={"tier": "1", "team": "risk", "owner": "Zoë"},
    description="Retrained with the spring data: two more weeks.\nSecond line.",
)
LEAST = ModelVersion(
    model="m", version="3", artifacts=(Artifact(path="a", uri="https://example.com/a", sha256=SHA, size=1),)
)
HOLD = Hold(
    model="risk/fraud-detector", version="1.2.0-rc.1", state="held", reason="Blocks every payment from Norway: INC-7"
)


@pytest.mark.parametrize(
    ("name", "document", "read"),
    [
        ("version-full", FULL, read_version),
        ("version-full", FULL, read_slot),
        ("version-least", LEAST, read_version),
        ("hold", HOLD, read_hold),
        ("empty-slot", EmptySlot(model="risk/fraud-detector"), read_slot),
    ],
)
def test_the_form_of_a_document_is_the_golden_one(
    name: str, document: Document, read: Callable[[bytes], Document]
) -> None:
    """If this fails the form has changed: that is a new apiVersion, or a mistake."""
    golden = (GOLDEN / f"{name}.yaml").read_bytes()
    assert canonical_bytes(document) == golden
    assert read(golden) == document
    assert formatted(golden) == golden
    jsonschema.validate(yaml.safe_load(golden), manifest_schema(), jsonschema.Draft202012Validator)


def test_what_was_read_cannot_be_changed() -> None:
    version = read_version((GOLDEN / "version-full.yaml").read_bytes())
    with pytest.raises(TypeError):
        version.metrics["auc"] = 1  # type: ignore[index]
    with pytest.raises(ValueError, match="frozen"):
        version.model = "other"
    assert isinstance(version.artifacts, tuple)
    assert (type(version.metrics["n"]), type(version.metrics["auc"])) == (int, float)


# Reading

HEAD = "apiVersion: gitstage/v1\nkind: ModelVersion\nmodel: m\nversion: 1.0.0\n"
ARTIFACT = f"- path: a\n  uri: https://example.com/a\n  sha256: {SHA}\n  size: 1\n"
GOOD = f"{HEAD}artifacts:\n{ARTIFACT}"


def problems_of(text: str, read: Callable[[bytes], Document] = read_version) -> tuple[Problem, ...]:
    with pytest.raises(DocumentError) as caught:
        read(text.encode())
    return caught.value.problems


def artifact(**changes: str) -> str:
    """A manifest whose one artifact says something else."""
    said = {"path": "a", "uri": "https://example.com/a", "sha256": SHA, "size": "1"} | changes
    lines = [f"  {key}: {value}\n" for key, value in said.items()]
    return f"{HEAD}artifacts:\n-{''.join(lines)[1:]}"


def test_the_manifest_that_the_cases_below_change_is_good() -> None:
    assert read_version(GOOD.encode()) == read_version(artifact().encode())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        # form
        (
            GOOD.replace("\n", "\r\n"),
            Problem("not in canonical form: lines end with CRLF, and must end with LF", 1, FMT),
        ),
        (GOOD + "# why\n", Problem("not in canonical form: it says '# why' and not ''", 10, FMT)),
        (GOOD + "labels: {}\n", Problem("not in canonical form: it says 'labels: {}' and not ''", 10, FMT)),
        (
            GOOD.replace("version: 1.0.0", 'version: "1.0.0"'),
            Problem("not in canonical form: it says 'version: \"1.0.0\"' and not 'version: 1.0.0'", 4, FMT),
        ),
        (
            GOOD + "metrics:\n  b: 1\n  a: 2\n",
            Problem("not in canonical form: it says '  b: 1' and not '  a: 2'", 11, FMT),
        ),
        (
            GOOD + "metrics:\n  a: 0.50\n",
            Problem("not in canonical form: it says '  a: 0.50' and not '  a: 0.5'", 11, FMT),
        ),
        (
            GOOD.replace("- path", "  - path")
            .replace("\n  uri", "\n    uri")
            .replace("\n  sha", "\n    sha")
            .replace("\n  size", "\n    size"),
            Problem("not in canonical form: it says '  - path: a' and not '- path: a'", 6, FMT),
        ),
        (GOOD + "model: n\n", Problem("duplicate key 'model'", 10, "keep one of them")),
        # header
        (
            GOOD.replace("v1", "v2"),
            Problem(
                "apiVersion 'gitstage/v2' is not known here",
                1,
                "write: apiVersion: gitstage/v1, or use a newer gitstage",
            ),
        ),
        (
            GOOD.replace("ModelVersion", "Hold"),
            Problem("kind must be ModelVersion, not 'Hold'", 2, "write: kind: ModelVersion"),
        ),
        # keys
        (HEAD, Problem("the key 'artifacts' is missing", 1)),
        (HEAD + "artifacts: []\n", Problem("artifacts: must not be empty", 5)),
        (HEAD + "artifacts: {}\n", Problem("artifacts: must be a list, not a mapping of keys to values", 5)),
        (GOOD + "metrcs:\n  a: 1\n", Problem("unknown key 'metrcs'; did you mean 'metrics'?", 10)),
        (GOOD + "api_version: gitstage/v1\n", Problem("unknown key 'api_version'; did you mean 'apiVersion'?", 10)),
        (GOOD.replace("  size: 1\n", "  size: 1\n  mode: 3\n"), Problem("in artifacts[0]: unknown key 'mode'", 10)),
        # names
        (GOOD.replace("model: m", "model: 12"), Problem("model: must be text, not the number 12", 3, "quote it")),
        (
            GOOD.replace("model: m", "model: ../m"),
            Problem(
                "model: '..' is not made of ASCII letters, digits, '.', '_' and '-', beginning and ending with a letter or digit",
                3,
            ),
        ),
        (GOOD.replace("1.0.0", "1.0"), Problem("version: must be text, not the number 1.0", 4, "quote it")),
        (GOOD.replace("1.0.0", '"1.0"'), Problem("version: '1.0' is not a semantic version such as 1.2.0", 4)),
        (GOOD.replace("1.0.0", "v1.0.0"), Problem("version: 'v1.0.0' is not a semantic version such as 1.2.0", 4)),
        (GOOD + 'format: ""\n', Problem("format: a name has 1 to 200 characters, and no space at its ends", 10)),
        # maps
        (GOOD + "metrics:\n  a: x\n", Problem("metrics.a: must be a number, not 'x'", 11)),
        (
            GOOD + 'metrics:\n  a: "0.5"\n',
            Problem("metrics.a: must be a number, not '0.5'", 11, "write it without quotes"),
        ),
        (GOOD + "metrics:\n  a: true\n", Problem("metrics.a: must be a number, not true", 11)),
        (
            GOOD + "metrics:\n  a:\n    b: 1\n",
            Problem("metrics.a: must be a number, not a mapping of keys to values", 11),
        ),
        (
            GOOD + "metrics:\n  a: .nan\n",
            Problem("'.nan' means different things to different readers", 11, 'if it is text, quote it: ".nan"'),
        ),
        (
            GOOD + 'metrics:\n  "a\\n": 1\n',
            Problem("metrics.a\n: a name has 1 to 200 characters, and no space at its ends", 11),
        ),
        (GOOD + "params:\n  a: [1]\n", Problem("params.a: must be text, a number, true or false, not a list", 11)),
        (GOOD + f"params:\n  a: {'x' * 10_001}\n", Problem("params.a: is longer than 10000 characters", 11)),
        (GOOD + "labels:\n  a: 1\n", Problem("labels.a: must be text, not the number 1", 11, "quote it")),
        (GOOD + "labels:\n  a: true\n", Problem("labels.a: must be text, not true", 11, "quote it")),
        (
            GOOD + "labels:\n  a: NO\n",
            Problem(
                "'NO' means different things to different readers", 11, 'write false, or if it is text, quote it: "NO"'
            ),
        ),
        (GOOD + 'description: ""\n', Problem("description: must not be empty", 10)),
        (GOOD + f"description: {'x' * 10_001}\n", Problem("description: has 10001 characters, and may have 10000", 10)),
        # data and source
        (GOOD + "data:\n- name: a\n- name: a\n", Problem("data: two have the name 'a'", 10)),
        (GOOD + "data:\n- uri: https://a/b\n", Problem("in data[0]: the key 'name' is missing", 11)),
        (GOOD + "source: {}\n", Problem("source: says nothing: it needs repository, commit or run", 10)),
        (
            GOOD + "source:\n  commit: abc123\n",
            Problem(
                "source.commit: must be a full commit id, 40 or 64 lower-case hexadecimal digits, not 'abc123'", 11
            ),
        ),
        (
            GOOD + "source:\n  repository: https://a:b@c/d\n",
            Problem(
                "source.repository: has a password in it; nothing in a registry can be taken back",
                11,
                "remove what stands before '@'",
            ),
        ),
        (
            GOOD + "source:\n  run: a b\n",
            Problem(
                "source.run: an address has no spaces, backslashes or control characters",
                11,
                "percent-encode them, as %20",
            ),
        ),
        # artifacts
        (
            artifact(sha256=SHA.upper()),
            Problem(f"artifacts[0].sha256: must be 64 lower-case hexadecimal digits, not '{SHA.upper()[:60]}…'", 8),
        ),
        (artifact(size="-1"), Problem("artifacts[0].size: must be at least 0, not the number -1", 9)),
        (artifact(size="1.0"), Problem("artifacts[0].size: must be a whole number, not the number 1.0", 9)),
        (artifact(size="true"), Problem("artifacts[0].size: must be a whole number, not true", 9)),
        (artifact(path="../a"), Problem("artifacts[0].path: a path has no part '..'", 6)),
        (GOOD + ARTIFACT, Problem("artifacts: two have the path 'a', or differ from it only in case", 5)),
        (
            GOOD + ARTIFACT.replace("path: a", "path: A"),
            Problem("artifacts: two have the path 'A', or differ from it only in case", 5),
        ),
        (
            GOOD.replace("path: a", "path: \u00e9") + ARTIFACT.replace("path: a", "path: e\u0301"),
            Problem("artifacts: two have the path 'e\u0301', or differ from it only in case", 5),
        ),
        (
            GOOD + ARTIFACT.replace("path: a", "path: A/b/c"),
            Problem("artifacts: 'a' is a file, so 'A/b/c' cannot lie below it", 5),
        ),
    ],
)
def test_a_manifest_that_is_not_right_is_refused_with_its_line(text: str, problem: Problem) -> None:
    assert problems_of(text) == (problem,)


def test_several_problems_are_said_at_once() -> None:
    text = artifact(size="big", path="/a") + "metrics:\n  a: x\nlabls:\n  a: b\n"
    assert [problem.line for problem in problems_of(text)] == [6, 9, 11, 12]


@pytest.mark.parametrize("read", [read_version, read_hold])
def test_only_a_slot_may_be_empty(read: Callable[[bytes], Document]) -> None:
    assert problems_of(empty_slot("m").decode(), read)[0].line == 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "apiVersion: gitstage/v1\nkind: EmptySlot\nmodel: m\nversion: 1.0.0\n",
            Problem("unknown key 'version'; did you mean 'apiVersion'?", 4),
        ),
        (
            "apiVersion: gitstage/v1\nmodel: m\nkind: EmptySlot\n",
            Problem("not in canonical form: it says 'model: m' and not 'kind: EmptySlot'", 2, FMT),
        ),
        (
            "apiVersion: gitstage/v1\nkind: Emptyslot\nmodel: m\n",
            Problem(
                "kind must be ModelVersion or EmptySlot, not 'Emptyslot'; did you mean 'EmptySlot'?",
                2,
                "write: kind: ModelVersion or EmptySlot",
            ),
        ),
    ],
)
def test_a_slot_that_is_not_right_is_refused(text: str, problem: Problem) -> None:
    assert problems_of(text, read_slot) == (problem,)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("held", "hold", Problem("state: must be 'held' or 'released', not 'hold'; did you mean 'held'?", 5)),
        ("reason: why", 'reason: ""', Problem("reason: must not be empty", 6)),
        ("reason: why\n", "", Problem("the key 'reason' is missing", 1)),
        (
            "1.0.0",
            "1.0.0+build",
            Problem("version: '1.0.0+build' has build metadata, which takes no part in the order of versions", 4),
        ),
    ],
)
def test_a_hold_that_is_not_right_is_refused(old: str, new: str, problem: Problem) -> None:
    text = "apiVersion: gitstage/v1\nkind: Hold\nmodel: m\nversion: 1.0.0\nstate: held\nreason: why\n"
    assert read_hold(text.encode()) == Hold(model="m", version="1.0.0", state="held", reason="why")
    assert problems_of(text.replace(old, new), read_hold) == (problem,)


# Paths


@pytest.mark.parametrize(
    "path",
    ["a", "model.onnx", "tokenizer/vocab.txt", "a b.txt", ".hidden", "größe/日本", "a.b.c", "..a", "xy:z", "a" * 400],
)
def test_a_path_that_can_be_made_anywhere_is_good(path: str) -> None:
    assert path_problem(path) is None


SHOWS = "a path has '/' between its parts, no backslash, no control characters and none that do not show"
ENDS = "no part of a path begins or ends with a space, or ends with a dot"


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("", "a path has 1 to 400 characters"),
        ("a" * 401, "a path has 1 to 400 characters"),
        ("/a", "a path is relative"),
        ("C:/a", "a path is relative"),
        ("c:a", "a path is relative"),
        ("a\\b", SHOWS),
        ("a\nb", SHOWS),
        ("a\u202eb", SHOWS),
        ("a\u200bb", SHOWS),
        ("..", "a path has no part '..'"),
        ("a/../b", "a path has no part '..'"),
        ("./a", "a path has no part '.'"),
        ("a//b", "a path has no part ''"),
        ("a/", "a path has no part ''"),
        (".git/config", "a path has no part '.git'"),
        ("a/.GIT", "a path has no part '.git'"),
        (" a", ENDS),
        ("a /b", ENDS),
        ("a./b", ENDS),
        ("...", ENDS),
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(path: str, problem: str) -> None:
    assert path_problem(path) == problem


# Addresses


@pytest.mark.parametrize(
    "uri",
    [
        "https://example.com/a",
        "https://example.com:8443/a?b=c#d",
        "https://example.com/a@b:c",
        "s3://bucket/key",
        "s3://key-id@bucket/key",
        "gs://bucket/a/b",
        "az://container/a",
        "oci://registry.example:5000/models/fraud:1.0@sha256:" + "a" * 64,
        "hf://acme/fraud@main/model.onnx",
        "file:///srv/models/a",
        "file:///a",
        "https://a/".ljust(2000, "b"),
        "file://localhost/srv/a",
        "artifacts/m/1.0.0/model with space.onnx",
        "https://example.com/größe",
        "https://example.com/?design=x&sigma=3",
    ],
)
def test_an_address_of_a_known_scheme_is_good(uri: str) -> None:
    assert Artifact(path="a", uri=uri, sha256=SHA, size=1).uri == uri


KNOWN = "begins with none of https:, s3:, gs:, az:, oci:, hf:, file: and artifacts/"
PASSWORD = "has a password in it; nothing in a registry can be taken back"
TOKEN = "has a signature or token in it; nothing in a registry can be taken back"
ODD = "an address has no spaces, backslashes or control characters"


@pytest.mark.parametrize(
    ("uri", "problem", "hint"),
    [
        ("", "an address has 1 to 2000 characters", None),
        ("https://a/" + "b" * 2000, "an address has 1 to 2000 characters", None),
        ("http://a/b", f"{KNOWN}; did you mean 'https'?", None),
        ("HTTPS://a/b", f"{KNOWN}; did you mean 'https'?", None),
        ("ftp://a/b", KNOWN, None),
        ("javascript:alert(1)", KNOWN, None),
        ("model.onnx", KNOWN, None),
        ("/srv/a", KNOWN, None),
        ("artifacts", KNOWN, None),
        ("artifacts/../a", "a path has no part '..'", None),
        ("artifacts//a", "a path has no part ''", None),
        ("https:a", "a https: address is written https://place/name", None),
        ("https:///a", "a https: address is written https://place/name", None),
        ("https://:443/a", "a https: address is written https://place/name", None),
        ("s3:/bucket/key", "a s3: address is written s3://place/name", None),
        ("file:a", "a file: address is written file:///folder/name", None),
        ("file://host/a", "a file: address is written file:///folder/name", None),
        ("file:///", "a file: address is written file:///folder/name", None),
        (
            "https://alice@a/b",
            "has a user name in it; nothing in a registry can be taken back",
            "remove what stands before '@'",
        ),
        ("https://alice:secret@a/b", PASSWORD, "remove what stands before '@'"),
        ("https://:secret@a/b", PASSWORD, "remove what stands before '@'"),
        ("s3://id:secret@bucket/key", PASSWORD, "remove what stands before '@'"),
        ("s3://id%3Asecret@bucket/key", PASSWORD, "remove what stands before '@'"),
        ("gs://a:b@c@d/e", PASSWORD, "remove what stands before '@'"),
        ("https://a/b?X-Amz-Signature=abc", TOKEN, "remove it from the query"),
        ("https://a/b?x=1&sig=abc", TOKEN, "remove it from the query"),
        ("https://a/b?access_token=abc", TOKEN, "remove it from the query"),
        ("https://a/b c", ODD, "percent-encode them, as %20"),
        ("https://a\\b", ODD, "percent-encode them, as %20"),
        ("https://a/\n", ODD, "percent-encode them, as %20"),
        ("https://a/\u202e", ODD, "percent-encode them, as %20"),
    ],
)
def test_an_address_that_cannot_be_taken_is_refused(uri: str, problem: str, hint: str | None) -> None:
    assert problems_of(artifact(uri=canonical.scalar(uri))) == (Problem(f"artifacts[0].uri: {problem}", 7, hint),)


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/acme/fraud",
        "git@github.com:acme/fraud.git",
        "ssh://git@github.com:22/acme/fraud",
        "../fraud",
        "run-7",
    ],
)
def test_what_is_elsewhere_may_have_any_address(address: str) -> None:
    assert Source(repository=address, run=address).repository == address


@pytest.mark.parametrize(
    "address",
    ["https://alice:secret@github.com/acme/fraud", "alice:secret@github.com:acme/fraud", "ssh://alice:secret@host/x"],
)
def test_no_address_has_a_password(address: str) -> None:
    with pytest.raises(ValueError, match=PASSWORD):
        Source(repository=address)


# What fmt writes


def test_what_is_not_canonical_is_made_so() -> None:
    untidy = f"""\
# a comment
kind: "ModelVersion"
apiVersion: 'gitstage/v1'
version: "1.0.0"
model: m
labels: {{}}
metrics: {{b: 1.50, a: 2}}
artifacts: [{{size: 1, path: a, uri: "https://example.com/a", sha256: {SHA}}}]
""".replace("\n", "\r\n")
    assert formatted(untidy.encode()).decode() == f"{GOOD}metrics:\n  a: 2\n  b: 1.5\n"


def test_the_form_of_every_kind_is_made() -> None:
    for text in (
        "{kind: EmptySlot, model: m, apiVersion: gitstage/v1}",
        "model: m\nkind: EmptySlot\napiVersion: gitstage/v1",
    ):
        assert formatted(text.encode()) == empty_slot("m")
    assert formatted(
        b"{kind: Hold, model: m, apiVersion: gitstage/v1, reason: x, state: held, version: 1.0.0}"
    ) == canonical_bytes(Hold(model="m", version="1.0.0", state="held", reason="x"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("kind: Registry\n", Problem("gitstage.yaml has no canonical form: it keeps the one that people gave it", 1)),
        (
            "apiVersion: gitstage/v1\nkind: Holt\n",
            Problem(
                "kind must be ModelVersion or EmptySlot or Hold or Redacted, not 'Holt'; did you mean 'Hold'?",
                2,
                "write: kind: ModelVersion or EmptySlot or Hold or Redacted",
            ),
        ),
        (
            "apiVersion: gitstage/v1\nkind: EmptySlot\nmodel: on\n",
            Problem(
                "'on' means different things to different readers", 3, 'write true, or if it is text, quote it: "on"'
            ),
        ),
    ],
)
def test_what_cannot_be_formatted_is_refused(text: str, problem: Problem) -> None:
    assert problems_of(text, formatted) == (problem,)  # type: ignore[arg-type]


TEXT = st.text(max_size=12)
NAMES = TEXT.filter(lambda text: bool(text) and text == text.strip() and not canonical.HIDDEN.search(text))
SOME_NUMBERS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False))


@settings(max_examples=100, deadline=None)
@given(
    st.builds(
        ModelVersion,
        model=st.sampled_from(["m", "a/b", "12x", "risk/on"]),
        version=st.sampled_from(["1.0.0", "1.0.0-rc.1", "0.0.1-0x1", "7"]),
        artifacts=st.lists(
            st.builds(
                Artifact,
                path=st.uuids().map(str),
                uri=st.sampled_from(["https://a/b", "s3://a/b#c", "artifacts/m/1.0.0/x: y"]),
                sha256=st.from_regex("[0-9a-f]{64}", fullmatch=True),
                size=st.integers(0, 2**63 - 1),
            ),
            min_size=1,
            max_size=3,
            unique_by=lambda item: item.path,
        ).map(tuple),
        metrics=st.dictionaries(NAMES, SOME_NUMBERS, max_size=4),
        params=st.dictionaries(NAMES, st.one_of(TEXT, st.booleans(), SOME_NUMBERS), max_size=4),
        labels=st.dictionaries(NAMES, TEXT, max_size=4),
        description=st.one_of(st.none(), TEXT.filter(bool)),
    )
)
def test_every_version_reads_back_as_it_was_written(version: ModelVersion) -> None:
    data = canonical_bytes(version)
    assert read_version(data) == version == read_slot(data)
    assert formatted(data) == data


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_manifest_raises_nothing_but_a_document_error(data: st.DataObject) -> None:
    golden = (GOLDEN / "version-full.yaml").read_bytes()
    start = data.draw(st.integers(0, len(golden)))
    end = data.draw(st.integers(start, min(len(golden), start + 40)))
    other = data.draw(
        st.one_of(st.binary(max_size=8), st.sampled_from([b"[", b"{}", b": ", b"\n- ", b"null", b"1e9", b"*a"]))
    )
    damaged = golden[:start] + other + golden[end:]
    for read in (read_version, read_slot, read_hold, formatted):
        with suppress(DocumentError):
            read(damaged)


# Pointers

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + SHA.encode() + b"\nsize 12345\n"


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        (POINTER, LfsPointer(SHA, 12345)),
        (POINTER.replace(b"12345", b"0"), LfsPointer(SHA, 0)),
        (POINTER.replace(b"oid", b"ext-0-foo sha256:" + b"a" * 64 + b"\noid"), LfsPointer(SHA, 12345)),
        (b"", None),
        (b"version https://git-lfs.github.com/spec/v1\n", None),
        (POINTER[:-1], None),
        (POINTER + b"\n", None),
        (POINTER.replace(b"v1", b"v2"), None),
        (POINTER.replace(b"\n", b"\r\n"), None),
        (POINTER.replace(b"12345", b"012345"), None),
        (POINTER.replace(b"12345", b"-1"), None),
        (POINTER.replace(SHA.encode(), SHA.upper().encode()), None),
        (b" " + POINTER, None),
        (
            POINTER.replace(
                b"oid", b"".join(b"ext-%d-x sha256:%s\n" % (n % 10, b"a" * 64) for n in range(12)) + b"oid"
            ),
            None,
        ),
    ],
)
def test_a_pointer_of_git_lfs_is_read(data: bytes, pointer: LfsPointer | None) -> None:
    assert read_lfs_pointer(data) == pointer
    assert pointer is None or read_lfs_pointer(data) == (pointer.sha256, pointer.size)


# For editors


def schema_accepts(document: object) -> bool:
    return jsonschema.Draft202012Validator(manifest_schema()).is_valid(document)


def test_the_schema_is_one_and_explains_every_key() -> None:
    schema = manifest_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    json.dumps(schema)
    for name, part in schema["$defs"].items():
        for key, value in part["properties"].items():
            assert value.get("description"), (name, key)
    assert list(schema["$defs"]["ModelVersion"]["properties"])[:3] == ["apiVersion", "kind", "model"]


@pytest.mark.parametrize(
    ("change", "accepted"),
    [
        ({}, True),
        ({"kind": "Hold"}, False),
        ({"metrics": {"a": "x"}}, False),
        ({"metrics": {"a": 1}}, True),
        ({"labels": {"a": 1}}, False),
        ({"params": {"a": [1]}}, False),
        ({"params": {"a": True}}, True),
        ({"artifacts": []}, False),
        ({"api_version": "gitstage/v1"}, False),
        ({"metrcs": {}}, False),
        ({"source": {"commit": "abc"}}, False),
    ],
)
def test_the_schema_says_what_the_reader_says(change: dict[str, Any], accepted: bool) -> None:
    document = yaml.safe_load(GOOD) | change
    assert schema_accepts(document) == accepted
    assert accepted == (formatted_or_none(document) is not None)


def formatted_or_none(document: object) -> bytes | None:
    with suppress(DocumentError):
        return formatted(json.dumps(document).encode())
    return None


def test_the_schema_asks_for_a_header() -> None:
    document = yaml.safe_load(GOOD)
    del document["kind"]
    assert not schema_accepts(document)


# What the manual says of it

MANUAL = (Path(__file__).parents[1] / "docs" / "reference" / "manifest.md").read_text("utf-8")


def test_the_examples_of_the_manual_are_canonical() -> None:
    examples = [block.split("```")[0].encode() for block in MANUAL.split("```yaml\n")[1:]]
    assert [
        type(read(data))
        for read, data in zip((read_version, read_slot, read_hold, read_tombstone), examples, strict=True)
    ] == [
        ModelVersion,
        EmptySlot,
        Hold,
        Redacted,
    ]


def test_the_manual_has_every_key() -> None:
    schema = manifest_schema()["$defs"]
    parts = {"": "ModelVersion", "artifacts[].": "Artifact", "data[].": "Data", "source.": "Source"}
    for prefix, name in parts.items():
        for key in schema[name]["properties"]:
            needed = "✓" if key in schema[name].get("required", []) else ""
            assert f"| `{prefix}{key}` | {needed} |".replace("|  |", "| |") in MANUAL
    for key in {**schema["Hold"]["properties"], **schema["Redacted"]["properties"]}:
        assert f"| `{key}` | ✓ |" in MANUAL
