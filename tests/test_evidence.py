from __future__ import annotations

import json
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gitstage import evidence
from gitstage.canonical import DocumentError, Problem
from gitstage.envelopes import Envelope, read_signature, write_envelope
from gitstage.evidence import TEST_RESULT, Result, Statement, deciding, payload_of, predicate_type, read_statement

FOLDER = Path(__file__).parent / "golden"
GOLDEN = (FOLDER / "test-result.json").read_bytes()
SHA = "9b70aa68" * 8
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
NOW = NOON + timedelta(hours=10)


def document(**predicate: Any) -> dict[str, Any]:
    """A good statement whose predicate says what is given; None leaves a key out."""
    said = {"result": "PASSED", "configuration": []} | predicate
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "m@1.0.0", "digest": {"sha256": SHA}}],
        "predicateType": TEST_RESULT,
        "predicate": {key: value for key, value in said.items() if value is not None},
    }


def read(said: object) -> Statement:
    return read_statement(json.dumps(said, indent=1).encode())


def problems_of(data: bytes) -> tuple[Problem, ...]:
    with pytest.raises(DocumentError) as caught:
        read_statement(data)
    return caught.value.problems


# What is written


def test_the_form_of_a_test_result_is_the_golden_one() -> None:
    written = evidence.test_result(
        "risk/fraud-detector",
        "1.1.0",
        SHA,
        "load-test",
        "FAILED",
        {"requests": 1000, "latency_p99_ms": 18.5},
        datetime(2026, 11, 23, 15, tzinfo=timezone(timedelta(hours=1))),
        configuration=[{"uri": "https://example.com/load.yaml", "name": "load.yaml"}],
        url="https://ci.example.com/runs/7",
    )
    assert written == GOLDEN
    assert read_statement(written) == Statement(
        subjects=frozenset({SHA}),
        predicate_type=TEST_RESULT,
        result="FAILED",
        metrics={"latency_p99_ms": 18.5, "requests": 1000},
        made=datetime(2026, 11, 23, 14, tzinfo=UTC),
    )


def test_a_moment_is_written_in_utc_wherever_the_machine_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        written = evidence.test_result("m", "1.0.0", SHA, "smoke", "PASSED", {}, NOON)
    time.tzset()
    assert json.loads(written)["predicate"]["gitstageMade"] == "2026-11-23T12:00:00Z"


@pytest.mark.parametrize(
    ("result", "key"), [("PASSED", "passedTests"), ("WARNED", "warnedTests"), ("FAILED", "failedTests")]
)
def test_the_test_stands_in_the_list_of_its_result(result: Result, key: str) -> None:
    written = json.loads(evidence.test_result("m", "1.0.0", SHA, "smoke", result, {}, NOON))
    assert written["predicate"] == {
        "result": result,
        "configuration": [],
        key: ["smoke"],
        "gitstageMade": "2026-11-23T12:00:00Z",
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"result": "passed"},
            "predicate.result: must be 'PASSED', 'WARNED' or 'FAILED', not 'passed'; did you mean 'PASSED'?",
        ),
        ({"metrics": {"a": float("nan")}}, "NaN is no number"),
        ({"metrics": {"a": True}}, "predicate.gitstageMetrics.a: must be a number, not true"),
        ({"metrics": {"a": 2**63}}, "the number '9223372036854775808' is too big for 64 bits"),
    ],
)
def test_what_could_not_be_read_is_not_written(changes: dict[str, Any], message: str) -> None:
    said: dict[str, Any] = {"result": "PASSED", "metrics": {}} | changes
    with pytest.raises(DocumentError) as caught:
        evidence.test_result("m", "1.0.0", SHA, "smoke", said["result"], said["metrics"], NOON)
    assert [problem.message for problem in caught.value.problems] == [message]


# What is read


def test_what_the_specification_does_not_know_is_ignored() -> None:
    said = document(somethingNew=[1, None], gitstageMetrics={"a": 1})
    said["extra"] = {"x": "y"}
    said["subject"][0]["annotations"] = {"x": "y"}
    said["subject"].append({"digest": {"gitCommit": "abc"}})
    assert read(said) == Statement(
        subjects=frozenset({SHA}), predicate_type=TEST_RESULT, result="PASSED", metrics={"a": 1}
    )


def test_a_statement_may_be_about_several_things() -> None:
    said = document()
    said["subject"] = [{"digest": {"sha256": "a" * 64, "sha512": "c"}}, {"digest": {"sha256": "b" * 64}}]
    assert read(said).subjects == {"a" * 64, "b" * 64}


def test_numbers_are_read_as_far_as_64_bits_hold_them() -> None:
    metrics = {"least": -(2**63), "most": 2**63 - 1, "half": 0.5}
    assert read(document(gitstageMetrics=metrics)).metrics == metrics


def test_a_statement_may_have_a_million_bytes_and_many_keys() -> None:
    data = json.dumps(document(**{f"key{number}": 1 for number in range(50_000)})).encode()
    assert read_statement(data.ljust(1_000_000)).result == "PASSED"
    start = time.process_time()
    assert problems_of(data.replace(b'"key49999"', b'"key49998"')) == (Problem("duplicate key 'key49998'"),)
    assert time.process_time() - start < 5


def test_the_type_of_a_test_result_has_a_short_name() -> None:
    assert read(document()).type == "test-result"


@pytest.mark.parametrize("predicate", [{}, {"scanner": {"result": [], "x": None}}, None])
def test_of_another_predicate_only_the_type_is_known(predicate: object) -> None:
    kind = "https://in-toto.io/attestation/vulns/v0.1"
    said = document() | {"predicateType": kind, "predicate": predicate}
    if predicate is None:
        del said["predicate"]
    found = read(said)
    assert found == Statement(subjects=frozenset({SHA}), predicate_type=kind)
    assert (found.type, found.is_success) == (kind, True)


# What other tools say

PROVENANCE = json.loads((FOLDER / "provenance.json").read_bytes())
SUMMARY = json.loads((FOLDER / "verification-summary.json").read_bytes())
TOKENIZER = "77e0" * 16


def test_a_provenance_as_it_comes_from_a_builder_is_there_and_says_no_result() -> None:
    found = read_statement((FOLDER / "provenance.json").read_bytes())
    assert found == Statement(
        subjects=frozenset({SHA, TOKENIZER}),
        predicate_type="https://slsa.dev/provenance/v1",
        made=datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC),
    )
    assert (found.type, found.is_success) == ("provenance", True)


@pytest.mark.parametrize(
    "details", [{}, {"metadata": {}}, {"metadata": {"invocationId": "7", "startedOn": "whenever"}}]
)
def test_a_provenance_need_not_say_when(details: dict[str, Any]) -> None:
    predicate = PROVENANCE["predicate"] | {"runDetails": {"builder": {"id": "x"}} | details}
    assert read(PROVENANCE | {"predicate": predicate}).made is None


def test_a_verification_summary_says_a_result() -> None:
    found = read_statement((FOLDER / "verification-summary.json").read_bytes())
    assert found == Statement(
        subjects=frozenset({SHA}),
        predicate_type="https://slsa.dev/verification_summary/v1",
        result="PASSED",
        made=datetime(2026, 11, 23, 13, tzinfo=UTC),
    )
    failed = read(SUMMARY | {"predicate": SUMMARY["predicate"] | {"verificationResult": "FAILED"}})
    assert (found.type, found.is_success, failed.result, failed.is_success) == (
        "verification-summary",
        True,
        "FAILED",
        False,
    )


@pytest.mark.parametrize(
    ("said", "changes", "message"),
    [
        (
            PROVENANCE,
            {"buildDefinition": None},
            "predicate.buildDefinition: must be a mapping of keys to values, not empty",
        ),
        (PROVENANCE, {"buildDefinition": {}}, "in predicate.buildDefinition: the key 'buildType' is missing"),
        (PROVENANCE, {"runDetails": {"builder": {}}}, "in predicate.runDetails.builder: the key 'id' is missing"),
        (PROVENANCE, {"runDetails": {"builder": {"id": ""}}}, "predicate.runDetails.builder.id: must not be empty"),
        (
            PROVENANCE,
            {"runDetails": {"builder": {"id": "x"}, "metadata": {"finishedOn": "now"}}},
            "predicate.runDetails.metadata.finishedOn: must be a moment such as 2026-11-23T14:00:00Z, not 'now'",
        ),
        (SUMMARY, {"verifier": {}}, "in predicate.verifier: the key 'id' is missing"),
        (SUMMARY, {"resourceUri": ""}, "predicate.resourceUri: must not be empty"),
        (
            SUMMARY,
            {"timeVerified": "now"},
            "predicate.timeVerified: must be a moment such as 2026-11-23T14:00:00Z, not 'now'",
        ),
        (
            SUMMARY,
            {"verificationResult": "passed"},
            "predicate.verificationResult: must be 'PASSED' or 'FAILED', not 'passed'; did you mean 'PASSED'?",
        ),
    ],
)
def test_a_predicate_of_a_known_type_says_what_its_type_says(
    said: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    found = problems_of(json.dumps(said | {"predicate": said["predicate"] | changes}).encode())
    assert message in [problem.message for problem in found]


def test_a_type_is_known_by_its_uri_and_may_have_a_short_name() -> None:
    assert [predicate_type(kind) for kind in ("test-result", "provenance", "verification-summary")] == [
        TEST_RESULT,
        "https://slsa.dev/provenance/v1",
        "https://slsa.dev/verification_summary/v1",
    ]
    assert (predicate_type("https://a.dev/x"), predicate_type("")) == ("https://a.dev/x", "")


@pytest.mark.parametrize(
    ("kind", "subjects", "artifacts", "about"),
    [
        (TEST_RESULT, {SHA}, {"a", "b"}, True),
        (TEST_RESULT, {"a", "b"}, {"a", "b"}, False),
        ("https://a.dev/approval", {"a", "b"}, {"a", "b"}, False),
        ("https://slsa.dev/provenance/v0.2", {"a"}, {"a"}, False),
        ("https://slsa.dev/provenance/v1", {SHA}, {"a"}, True),
        ("https://slsa.dev/provenance/v1", {"a", "b", "c"}, {"a", "b"}, True),
        ("https://slsa.dev/provenance/v1", {"a"}, {"a", "b"}, False),
        ("https://slsa.dev/provenance/v1", {"c"}, {"a", "b"}, False),
        ("https://slsa.dev/provenance/v1", {"a"}, set(), False),
        ("https://slsa.dev/verification_summary/v1", {"a"}, {"a"}, True),
        ("https://slsa.dev/verification_summary/v1", {"b"}, {"a"}, False),
    ],
)
def test_what_other_tools_say_is_about_a_version_where_it_is_about_all_its_artifacts(
    kind: str, subjects: set[str], artifacts: set[str], about: bool
) -> None:
    said = Statement(subjects=frozenset(subjects), predicate_type=kind, result="PASSED")
    assert said.is_about(SHA, frozenset(artifacts)) is about
    decided = deciding([(1, said)], digest=SHA, now=NOW, artifacts=frozenset(artifacts))
    assert decided == ((1, said) if about else None)


@pytest.mark.parametrize("kind", [TEST_RESULT, "https://slsa.dev/verification_summary/v1", "https://a.dev/x"])
def test_what_cannot_be_read_any_more_is_no_success(kind: str) -> None:
    assert not Statement(subjects=frozenset(), predicate_type=kind, readable=False).is_success


# What is in an envelope


def test_an_envelope_says_what_its_payload_says() -> None:
    data = (FOLDER / "envelope.json").read_bytes()
    assert read_statement(data) == read_statement(GOLDEN)
    assert payload_of(data) == payload_of(GOLDEN) == GOLDEN


def enveloped(payload: bytes) -> bytes:
    return write_envelope(Envelope(payload, signatures=(read_signature(b"raw"),)))


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "in the payload: this is not JSON: Expecting value"),
        (b"[]", "in the payload: the statement is no JSON object"),
        (b"{}", "in the payload: the key '_type' is missing"),
        (enveloped(GOLDEN), "in the payload: the key '_type' is missing"),
        (b'{"a": 1, "a": 2}', "in the payload: duplicate key 'a'"),
    ],
)
def test_what_is_wrong_in_a_payload_has_no_line_of_the_file(payload: bytes, message: str) -> None:
    assert Problem(message) in problems_of(enveloped(payload))


def test_an_envelope_that_is_not_right_is_no_statement() -> None:
    data = enveloped(GOLDEN).replace(b"application/vnd.in-toto+json", b"text/plain")
    assert problems_of(data) == (Problem("payloadType must be application/vnd.in-toto+json, which holds a statement"),)
    with pytest.raises(DocumentError):
        payload_of(data)


def test_a_later_version_of_the_predicate_is_another_type() -> None:
    said = document() | {"predicateType": TEST_RESULT.replace("v0.1", "v0.2")}
    assert (read(said).type, read(said).result) == ("https://in-toto.io/attestation/test-result/v0.2", None)


@pytest.mark.parametrize(
    ("written", "made"),
    [
        ("2026-11-23T14:00:00Z", datetime(2026, 11, 23, 14, tzinfo=UTC)),
        ("2026-11-23T14:00:00.25Z", datetime(2026, 11, 23, 14, 0, 0, 250_000, tzinfo=UTC)),
        ("2026-11-23T14:00:00+02:00", datetime(2026, 11, 23, 12, tzinfo=UTC)),
        ("2026-11-23T00:30:00+01:00", datetime(2026, 11, 22, 23, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_as_utc(written: str, made: datetime) -> None:
    found = read(document(gitstageMade=written)).made
    assert found == made
    assert found is not None
    assert found.tzinfo is UTC


MOMENT = "predicate.gitstageMade: must be a moment such as 2026-11-23T14:00:00Z, not "


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("2026-11-23", f"{MOMENT}'2026-11-23'"),
        ("2026-11-23T14:00:00", f"{MOMENT}'2026-11-23T14:00:00'"),
        ("2026-11-23 14:00:00Z", f"{MOMENT}'2026-11-23 14:00:00Z'"),
        (1700000000, f"{MOMENT}the number 1700000000"),
        (["x"], f"{MOMENT}a list"),
        ("2026-13-23T14:00:00Z", "predicate.gitstageMade: '2026-13-23T14:00:00Z' is no moment"),
        ("0001-01-01T00:00:00+10:00", "predicate.gitstageMade: '0001-01-01T00:00:00+10:00' is no moment"),
    ],
)
def test_what_is_no_moment_is_refused(written: object, message: str) -> None:
    assert [problem.message for problem in problems_of(json.dumps(document(gitstageMade=written)).encode())] == [
        message
    ]


def changed(old: str, new: str) -> bytes:
    assert old in GOLDEN.decode()
    return GOLDEN.decode().replace(old, new).encode()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", Problem("this is not JSON: Expecting value", 1)),
        (b"{\n1", Problem("this is not JSON: Expecting property name enclosed in double quotes", 2)),
        (b"{} {}", Problem("this is not JSON: Extra data", 1)),
        (b"[]", Problem("the statement is no JSON object")),
        (b"null", Problem("the statement is no JSON object")),
        (b"\xff", Problem("the statement is not UTF-8, or has half of a surrogate pair in it")),
        (b"\xef\xbb\xbf{}", Problem("this is not JSON: Unexpected UTF-8 BOM (decode using utf-8-sig)", 1)),
        (b'{"a": "\\ud800"}', Problem("the statement is not UTF-8, or has half of a surrogate pair in it")),
        (b'{"a": 1, "b": 2, "a": 3}', Problem("duplicate key 'a'")),
        (b'{"b": 1, "a": 2, "a": 3}', Problem("duplicate key 'a'")),
        (b'{"a": -9223372036854775809}', Problem("the number '-9223372036854775809' is too big for 64 bits")),
        (b'{"a": 9223372036854775808}', Problem("the number '9223372036854775808' is too big for 64 bits")),
        (b'{"a": {"b": 1, "b": 1}}', Problem("duplicate key 'b'")),
        (b'{"a": NaN}', Problem("NaN is no number")),
        (b'{"a": -Infinity}', Problem("-Infinity is no number")),
        (b'{"a": 1e999}', Problem("the number 1e999 is too big")),
        (b'{"a": ' + b"9" * 5000 + b"}", Problem(f"the number '{'9' * 60}…' is too big for 64 bits")),
        (b"[" * 100_000, Problem("the statement is nested too deep")),
        (b" " * 1_000_001, Problem("the statement has 1000001 bytes; at most 1000000 are read")),
        (
            changed("Statement/v1", "Statement/v0.1"),
            Problem(
                "_type: must be 'https://in-toto.io/Statement/v1', not 'https://in-toto.io/Statement/v0.1'; "
                "did you mean 'https://in-toto.io/Statement/v1'?",
                2,
            ),
        ),
        (
            changed('"predicateType": "https://in-toto.io/attestation/test-result/v0.1"', '"x": ""'),
            Problem("the key 'predicateType' is missing", 1),
        ),
        (
            changed("https://in-toto.io/attestation/test-result/v0.1", ""),
            Problem("predicateType: must not be empty", 21),
        ),
        (
            changed('"result": "FAILED"', '"result": "failed"'),
            Problem(
                "predicate.result: must be 'PASSED', 'WARNED' or 'FAILED', not 'failed'; did you mean 'FAILED'?", 18
            ),
        ),
        (changed('    "result": "FAILED",\n', ""), Problem("in predicate: the key 'result' is missing", 3)),
        (changed('"configuration"', '"config"'), Problem("in predicate: the key 'configuration' is missing", 3)),
        (
            changed("18.5", '"18.5"'),
            Problem(
                "predicate.gitstageMetrics.latency_p99_ms: must be a number, not '18.5'", 15, "write it without quotes"
            ),
        ),
        (changed("18.5", "null"), Problem("predicate.gitstageMetrics.latency_p99_ms: must be a number, not empty", 15)),
        (
            changed('"sha256": "', '"sha256": ["').replace(b'aa68"\n', b'aa68"]\n'),
            Problem("subject[0].digest.sha256: must be text, not a list", 25),
        ),
    ],
)
@pytest.mark.usefixtures("no_garbage_is_collected")
def test_a_statement_that_is_not_right_is_refused(data: bytes, problem: Problem) -> None:
    assert problems_of(data) == (problem,)


@pytest.mark.parametrize("subject", [None, [], [{}], [{"digest": {}}], {}, "x"])
def test_a_statement_is_about_something(subject: object) -> None:
    (problem,) = problems_of(json.dumps(document() | {"subject": subject}).encode())
    assert "subject" in problem.message


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=40),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["_type", "subject", "predicate", "predicateType", "digest"]), inner)
            ),
            max_leaves=8,
        ).map(lambda value: json.dumps(value).encode()),
    )
)
@example(
    b'{"_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": {"sha256": null}}], "predicateType": "x"}'
)
def test_no_bytes_make_the_reader_raise_anything_else(data: bytes) -> None:
    with suppress(DocumentError):
        read_statement(data)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_statement_raises_nothing_but_a_document_error(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(GOLDEN)))
    end = data.draw(st.integers(start, min(len(GOLDEN), start + 40)))
    with suppress(DocumentError):
        read_statement(GOLDEN[:start] + data.draw(st.binary(max_size=8)) + GOLDEN[end:])


# Which one decides


def statement(result: Result | None = "PASSED", hours: float | None = 0, about: str = SHA) -> Statement:
    """A statement made so many hours after noon; None has no date."""
    return Statement(
        subjects=frozenset({about}),
        predicate_type=TEST_RESULT,
        result=result,
        made=None if hours is None else NOON + timedelta(hours=hours),
    )


@pytest.mark.parametrize(
    ("statements", "decides"),
    [
        ({}, None),
        ({1: statement()}, 1),
        # the highest number
        ({1: statement("FAILED", 1), 2: statement("PASSED", 2)}, 2),
        ({1: statement("PASSED", 1), 2: statement("FAILED", 2)}, 2),
        ({9: statement("PASSED", 1), 10: statement("FAILED", 2)}, 10),
        ({1: statement("PASSED", 1), 2: statement("WARNED", 1)}, 2),
        # not what is about something else
        ({1: statement("PASSED", 1, "a" * 64)}, None),
        ({1: statement("FAILED", 1), 2: statement("PASSED", 2, "a" * 64)}, 1),
        # nor what is dated in the future; what is dated now counts
        ({1: statement("FAILED", 1), 2: statement("PASSED", 10.1)}, 1),
        ({1: statement("FAILED", 1), 2: statement("PASSED", 10)}, 2),
        ({1: statement("PASSED", 11)}, None),
        # one dated before another that is there never outranks it
        ({1: statement("FAILED", 5), 2: statement("PASSED", 4)}, 1),
        ({1: statement("FAILED", 5), 2: statement("PASSED", 4), 3: statement("PASSED", 4.5)}, 1),
        ({1: statement("FAILED", 5), 2: statement("PASSED", 4), 3: statement("PASSED", 6)}, 3),
        ({1: statement("PASSED", 5), 2: statement("FAILED", 4)}, 1),
        ({1: statement("PASSED", 20), 2: statement("FAILED", 4)}, 2),
        ({1: statement("FAILED", 5, "a" * 64), 2: statement("PASSED", 4)}, 2),
        # one without a date outranks one with a date only where it is no success
        ({1: statement("FAILED", None), 2: statement("PASSED", None)}, 2),
        ({1: statement("FAILED", 1), 2: statement("PASSED", None)}, 1),
        ({1: statement("PASSED", 1), 2: statement("FAILED", None)}, 2),
        ({1: statement("PASSED", 1), 2: statement("WARNED", None)}, 2),
        ({1: statement("PASSED", 1), 2: statement(None, None)}, 2),
        ({1: statement("PASSED", 1), 2: statement("FAILED", None), 3: statement("PASSED", 0.5)}, 2),
        ({1: statement("PASSED", 1), 2: statement("FAILED", None), 3: statement("PASSED", None)}, 2),
        ({1: statement("PASSED", 1), 2: statement("FAILED", None), 3: statement("PASSED", 2)}, 3),
        ({1: statement("PASSED", None), 2: statement("FAILED", 1)}, 2),
    ],
)
def test_one_statement_of_a_name_decides(statements: dict[int, Statement], decides: int | None) -> None:
    expected = None if decides is None else (decides, statements[decides])
    assert deciding(list(statements.items()), digest=SHA, now=NOW) == expected
    assert deciding(list(statements.items())[::-1], digest=SHA, now=NOW) == expected


STATEMENTS = st.lists(
    st.builds(
        statement,
        st.sampled_from(["PASSED", "FAILED"]),
        st.one_of(st.none(), st.integers(0, 12)),
        st.sampled_from([SHA, SHA, "a" * 64]),
    ),
    max_size=6,
).map(lambda items: list(enumerate(items, 1)))


@settings(max_examples=500, deadline=None)
@given(STATEMENTS)
def test_no_success_outranks_a_failure_that_is_as_new(statements: list[tuple[int, Statement]]) -> None:
    """Whatever is brought in after a failure that counts: it is not overruled by something older or without a date."""
    found = deciding(statements, digest=SHA, now=NOW)
    counting = [
        (number, said)
        for number, said in statements
        if SHA in said.subjects and (said.made is None or said.made <= NOW)
    ]
    assert (found is None) == (not counting)
    if found is None or found[1].result != "PASSED":
        return
    number, success = found
    for earlier, said in counting:
        if earlier < number and said.made is not None:
            assert success.made is not None
            assert success.made >= said.made
        if earlier > number and said.result == "FAILED":
            assert said.made is not None
            assert success.made is not None
            assert said.made < max(made for n, other in counting if n < earlier and (made := other.made) is not None)


# What others make of it: the protocol buffers of the in-toto project, which know every field of what they describe


def message(module: str, name: str, data: bytes, *, strict: bool = True) -> Any:
    made = getattr(import_module(f"in_toto_attestation.{module}"), name)()
    return import_module("google.protobuf.json_format").Parse(data, made, ignore_unknown_fields=not strict)


@pytest.mark.parametrize(
    ("file", "module", "name", "strict"),
    [
        # With our own two fields in it, which its parsing rules allow; the last one with fields of SLSA 1.1.
        ("test-result", "test_result.v0.test_result_pb2", "TestResult", False),
        ("provenance", "provenance.v1.provenance_pb2", "Provenance", True),
        ("verification-summary", "vsa.v1.vsa_pb2", "VerificationSummary", False),
    ],
)
def test_the_statements_that_we_test_with_are_what_in_toto_describes(
    file: str, module: str, name: str, strict: bool
) -> None:
    data = (FOLDER / f"{file}.json").read_bytes()
    found = message("v1.statement_pb2", "Statement", data)
    import_module("in_toto_attestation.v1.statement").Statement.copy_from_pb(found).validate()
    ours = read_statement(data)
    assert found.predicate_type == ours.predicate_type
    assert {subject.digest["sha256"] for subject in found.subject} == ours.subjects
    predicate = json.loads(data)["predicate"]
    predicate.pop("verifiedLevels", None)  # their release of 2023 takes one text, and SLSA writes a list
    theirs = message(f"predicates.{module}", name, json.dumps(predicate).encode(), strict=strict)
    said = getattr(theirs, "result", "") or getattr(theirs, "verification_result", "") or None
    assert said == ours.result


def test_what_we_write_is_what_in_toto_describes() -> None:
    written = evidence.test_result("m", "1.0.0", SHA, "smoke", "PASSED", {}, NOON)
    predicate = json.loads(written)["predicate"]
    assert predicate.pop("gitstageMade") == "2026-11-23T12:00:00Z"
    theirs = message("predicates.test_result.v0.test_result_pb2", "TestResult", json.dumps(predicate).encode())
    assert (theirs.result, list(theirs.passed_tests)) == ("PASSED", ["smoke"])


# What the manual says of it

MANUAL = (Path(__file__).parents[1] / "docs" / "reference" / "evidence.md").read_text("utf-8")


def test_the_example_of_the_manual_is_what_is_written() -> None:
    example, _ = (block.split("```")[0] for block in MANUAL.split("```json\n")[1:])
    made = datetime(2026, 11, 23, 14, tzinfo=UTC)
    metrics = {"latency_p99_ms": 18.5}
    assert example.encode() == evidence.test_result(
        "risk/fraud-detector", "1.1.0", SHA, "load-test", "PASSED", metrics, made
    )
