from __future__ import annotations

import hashlib
import json
import shutil
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gitstage import signatures
from gitstage.envelopes import Signature, read_envelope, read_signature, write_envelope
from gitstage.errors import GitstageError
from gitstage.evidence import read_statement
from gitstage.evidence import test_result as make_statement
from gitstage.findings import Verdict
from gitstage.manifest import read_version
from gitstage.operations import attest
from gitstage.operations.landing import Outcome
from gitstage.signatures import Verifier
from gitstage.signatures.signing import CannotSign
from tests.operations.pictures import unchanged
from tests.operations.signatories import make_keys, policy
from tests.operations.stories import Story, Team
from tests.registries import enveloped, provenance
from tests.signatures.hands import make_key, public, signed

GATED = {
    "    # gates: [standard]             # all of them must pass": (
        "    gates: [standard]\n"
        "gates: {standard: {evidence: [{type: test-result, name: load-test, max-age: 7d}], "
        "metrics: [{name: latency, max: 20, evidence: load-test}]}}"
    )
}


def attested(story: Story, what: str = "fraud-detector@1.2.0", **options: Any) -> Outcome:
    options = {"kind": "test-result", "name": "load-test", "result": "passed", **options}
    return attest.run(story.registry(), what, **options)


def test_a_statement_is_bound_to_the_manifests_digest_and_numbered(served: Story) -> None:
    outcome = attested(served, metrics={"latency": 12.5})
    assert (outcome.exit_code, outcome.landed, outcome.tags) == (0, True, ())
    data = served.read("evidence/fraud-detector/1.2.0/load-test/1.json").encode()
    manifest = served.read("models/fraud-detector/1.2.0.yaml").encode()
    said = read_statement(data)
    assert said.subjects == {hashlib.sha256(manifest).hexdigest()}
    assert (said.type, said.result, dict(said.metrics), said.made) == (
        "test-result",
        "PASSED",
        {"latency": 12.5},
        served.now,
    )
    served.later(hours=1)
    attested(served, result="failed")
    assert json.loads(served.read("evidence/fraud-detector/1.2.0/load-test/2.json"))["predicate"]["result"] == "FAILED"
    assert served.git("log", "-1", "--format=%s") == "fraud-detector: attest load-test of 1.2.0"


def test_the_tenth_comes_after_the_ninth(served: Story) -> None:
    for number in (9, 10):
        served.write(f"evidence/fraud-detector/1.2.0/load-test/{number}.json", "{}")
    served.commit("by hand")
    assert list(attested(served, dry_run=True).plan.edits) == ["evidence/fraud-detector/1.2.0/load-test/11.json"]


def test_a_report_gives_its_metrics_and_its_digest(served: Story, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text('{"latency": 12, "p99": 20.5}')
    attested(served, report=report, metrics={"p99": 21.0})
    predicate = json.loads(served.read("evidence/fraud-detector/1.2.0/load-test/1.json"))["predicate"]
    assert predicate["gitstageMetrics"] == {"latency": 12, "p99": 21.0}
    assert predicate["configuration"] == [
        {"name": "report.json", "digest": {"sha256": hashlib.sha256(report.read_bytes()).hexdigest()}}
    ]


@pytest.mark.parametrize(
    "text", ["nonsense", "[1]", '{"a": "b"}', '{"a": true}', "", "[" * 10_000, '{"a": NaN}', '{"a": 1e999}']
)
@pytest.mark.usefixtures("no_garbage_is_collected")
def test_a_report_that_is_no_object_of_numbers_is_refused(served: Story, tmp_path: Path, text: str) -> None:
    report = tmp_path / "report.json"
    report.write_text(text)
    with unchanged(served.path), pytest.raises(GitstageError):
        attested(served, report=report)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"kind": "slsa"}, "'slsa' is no type of evidence"),
        ({"kind": "provenanc"}, "'provenanc' is no type of evidence; did you mean 'provenance'?"),
        ({"kind": "provenance"}, "gitstage writes test results; a statement of the type provenance is made by another"),
        ({"kind": "https://a.dev/x"}, "a statement of the type https://a.dev/x is made by another tool"),
        ({"result": None}, "how did the test come out?"),
        ({"name": "load test"}, "'load test' is no name of evidence"),
        ({"name": "../x"}, "is no name of evidence"),
        ({"name": ""}, "is no name of evidence"),
        ({"result": "PASSED"}, "'PASSED' is no result"),
        ({"result": "perhaps"}, "'perhaps' is no result"),
        ({"report": Path("/nowhere.json")}, "cannot be read"),
        ({"metrics": {"a": float("nan")}}, "NaN is no number"),
        ({"metrics": {"a": float("-inf")}}, "-Infinity is no number"),
    ],
)
def test_what_cannot_be_said_is_refused(served: Story, options: dict[str, Any], why: str) -> None:
    with unchanged(served.path), pytest.raises(GitstageError) as caught:
        attested(served, **options)
    assert why in caught.value.message


def test_a_version_that_is_not_there_has_no_evidence(served: Story) -> None:
    for what in ("fraud-detector@9.9.9", "nobody@1.0.0", "fraud-detector@1.2.0~1"):
        with unchanged(served.path), pytest.raises(GitstageError):
            attested(served, what)


def test_the_same_statement_twice_is_once(served: Story) -> None:
    attested(served)
    with unchanged(served.path):
        again = attested(served)
    assert (again.exit_code, again.commit, again.plan.is_empty) == (0, None, True)


def test_what_was_missing_takes_effect_once_it_is_there(tmp_path: Path) -> None:
    _, ada = Team.begun(tmp_path, GATED)
    ada.register("m", "1.0.0", to="staging", push=True)
    ada.git("switch", "--quiet", "--create", "work")
    assert ada.promote("m", to="production").exit_code == 0
    ada.git("push", "--quiet", "origin", "HEAD:main")
    assert ada.tag().exit_code == 4
    failed = ada.attest("m@1.0.0", "load-test", result="passed", push=True, latency=25.0)
    assert (failed.exit_code, ada.in_effect("m")) == (0, None)
    assert ada.tag().exit_code == 1  # 25 ms are too many: no longer pending, refused
    done = ada.later(hours=1).attest("m@1.0.0", "load-test", push=True, latency=15.0)
    assert done.tags == ("refs/tags/m/production/1",)
    assert ada.in_effect("m") == "1.0.0"


def test_evidence_grows_old(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work", GATED)
    story.register("m", "1.0.0", to="staging")
    story.attest("m@1.0.0", "load-test", latency=15.0)
    assert story.later(days=8).promote("m", to="production").exit_code == 4
    story.attest("m@1.0.0", "load-test", latency=15.0)
    assert story.promote("m", to="production").exit_code == 0


def test_a_dry_run_changes_nothing(served: Story) -> None:
    with unchanged(served.path):
        outcome = attested(served, dry_run=True)
    assert (list(outcome.plan.edits), outcome.exit_code) == (["evidence/fraud-detector/1.2.0/load-test/1.json"], 0)


def test_two_who_attest_at_once_take_two_numbers(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    bob = team.member("bob", now=ada.now)
    ada.attest("fraud-detector@1.2.0", "load-test", push=True, latency=1.0)
    bob.attest("fraud-detector@1.2.0", "load-test", push=True, latency=2.0)
    names = bob.git("ls-tree", "--name-only", "origin/main", "evidence/fraud-detector/1.2.0/load-test/").splitlines()
    assert [name.rpartition("/")[2] for name in names] == ["1.json", "2.json"]


# From a report


PASSED = '<testsuite><testcase name="a"/><testcase name="b"/><testcase name="c"><skipped/></testcase></testsuite>'
FAILED = '<testsuite><testcase name="a"/><testcase name="b"><failure/></testcase></testsuite>'


def predicate_of(story: Story, number: int = 1) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(story.read(f"evidence/fraud-detector/1.2.0/load-test/{number}.json"))
    predicate: dict[str, Any] = said["predicate"]
    return predicate


@pytest.mark.parametrize(
    ("text", "typed", "result", "counted"),
    [
        (PASSED, None, "PASSED", {"tests": 3, "failures": 0, "errors": 0, "skipped": 1}),
        (PASSED, "passed", "PASSED", {"tests": 3, "failures": 0, "errors": 0, "skipped": 1}),
        (PASSED, "warned", "WARNED", {"tests": 3, "failures": 0, "errors": 0, "skipped": 1}),
        (FAILED, None, "FAILED", {"tests": 2, "failures": 1, "errors": 0, "skipped": 0}),
        (FAILED, "failed", "FAILED", {"tests": 2, "failures": 1, "errors": 0, "skipped": 0}),
    ],
)
def test_a_junit_report_says_how_it_came_out(
    served: Story, tmp_path: Path, text: str, typed: str | None, result: str, counted: dict[str, int]
) -> None:
    report = tmp_path / "junit.xml"
    report.write_text(f"\n{text}")
    attested(served, report=report, result=typed, metrics={"latency": 12.5})
    predicate = predicate_of(served)
    assert (predicate["result"], predicate["gitstageMetrics"]) == (result, {**counted, "latency": 12.5})
    assert predicate["configuration"] == [
        {"name": "junit.xml", "digest": {"sha256": hashlib.sha256(report.read_bytes()).hexdigest()}}
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_junit_report_in_another_encoding_is_one(served: Story, tmp_path: Path, encoding: str) -> None:
    report = tmp_path / "junit.xml"
    report.write_text(PASSED, encoding=encoding)
    attested(served, report=report, result=None)
    assert predicate_of(served)["result"] == "PASSED"


@pytest.mark.parametrize(
    ("text", "options", "why"),
    [
        (PASSED, {"result": "failed"}, "junit.xml says PASSED, and --result says FAILED"),
        (FAILED, {"result": "passed"}, "junit.xml says FAILED, and --result says PASSED"),
        (FAILED, {"result": "warned"}, "junit.xml says FAILED, and --result says WARNED"),
        (FAILED, {"metrics": {"failures": 0}, "result": None}, "junit.xml counts failures itself: 1"),
        ("<html/>", {}, "junit.xml: line 1: this is no JUnit report: it begins with 'html'"),
        ("<!DOCTYPE a><testsuite/>", {}, "junit.xml: line 1: a report declares no document type"),
        ("<testsuite>", {}, "junit.xml: line 1: this is not XML: no element found"),
        ("<testsuite/>", {"result": "passed"}, "junit.xml: line 1: there is no test in the report"),
        (PASSED, {"kind": "provenance"}, "a statement of the type provenance is made by another tool"),
        ('{"latency": 12}', {"result": None}, "junit.xml says what was measured, not how it came out"),
        ('{"latency": 12, "latency": 13}', {}, "junit.xml: duplicate key 'latency'"),
    ],
)
def test_what_contradicts_a_report_is_refused(
    served: Story, tmp_path: Path, text: str, options: dict[str, Any], why: str
) -> None:
    report = tmp_path / "junit.xml"
    report.write_text(text)
    with unchanged(served.path), pytest.raises(GitstageError) as caught:
        attested(served, report=report, **options)
    assert why in caught.value.message


# What another tool has made


def artifact_of(story: Story) -> str:
    (artifact,) = read_version(story.read("models/fraud-detector/1.2.0.yaml").encode()).artifacts
    return artifact.sha256


def from_a_builder(story: Story, tmp_path: Path, **options: Any) -> tuple[bytes, Outcome]:
    report = tmp_path / "provenance.json"
    report.write_bytes(options.pop("data", None) or provenance(artifact_of(story)))
    options = {"kind": "provenance", "name": "build", "result": None, **options}
    return report.read_bytes(), attested(story, report=report, **options)


def test_a_provenance_is_taken_as_it_comes(served: Story, tmp_path: Path) -> None:
    data, outcome = from_a_builder(served, tmp_path)
    path = "evidence/fraud-detector/1.2.0/build/1.json"
    assert (outcome.exit_code, served.read(path).encode()) == (0, data)
    # Once more is once, under its URI too, and whoever signed it.
    for again in ({"kind": "https://slsa.dev/provenance/v1"}, {"data": enveloped(data)}):
        _, outcome = from_a_builder(served, tmp_path, **again)
        assert (outcome.commit, outcome.notes) == (None, (f"{path} says the same",))


def test_a_statement_that_was_signed_elsewhere_keeps_its_signatures(served: Story, tmp_path: Path) -> None:
    ours = make_key(tmp_path / "keys")
    data = enveloped(provenance(artifact_of(served)), b"raw")
    from_a_builder(served, tmp_path, data=data, sign=[str(ours)])
    found = read_envelope(served.read("evidence/fraud-detector/1.2.0/build/1.json").encode())
    assert found is not None
    assert found.payload == provenance(artifact_of(served))
    assert sorted((one.key or "", one.problem) for one in found.signatures) == [
        ("", "is no SSH signature"),
        (public(ours), None),
    ]


@pytest.mark.parametrize(
    ("data", "options", "why"),
    [
        (None, {"kind": "verification-summary"}, "provenance.json is a statement of the type provenance"),
        (None, {"kind": "test-result"}, "provenance.json is a statement of the type provenance"),
        (None, {"metrics": {"a": 1}}, "provenance.json is a statement, and says itself what was measured"),
        (None, {"result": "passed"}, "provenance.json says no result, and --result says PASSED"),
        (b'{"_type": "x"}', {}, "provenance.json: _type: must be 'https://in-toto.io/Statement/v1', not 'x'"),
        (b'{"payloadType": "x", "payload": ""}', {}, "provenance.json: payloadType must be application/vnd.in-toto"),
        (
            provenance("0" * 64).replace(
                b"https://slsa.dev/provenance/v1", b"https://gitstage.dev/attestation/approval/v1"
            ),
            {"kind": "https://gitstage.dev/attestation/approval/v1"},
            "provenance.json is an approval, or something else that a person says",
        ),
    ],
)
def test_a_statement_that_says_something_else_is_refused(
    served: Story, tmp_path: Path, data: bytes | None, options: dict[str, Any], why: str
) -> None:
    with unchanged(served.path), pytest.raises(GitstageError) as caught:
        from_a_builder(served, tmp_path, data=data, **options)
    assert why in caught.value.message.replace("line 1: ", "")


def test_a_statement_about_something_else_is_refused_by_the_judge(served: Story, tmp_path: Path) -> None:
    with unchanged(served.path):
        _, outcome = from_a_builder(served, tmp_path, data=provenance("0" * 64))
    assert outcome.exit_code == 1
    findings = [finding for judged in outcome.report.judgements for finding in judged.findings]
    assert [(found.rule, found.message) for found in findings if found.verdict is Verdict.REFUSED] == [
        ("manifest-valid", "its subject is not the manifest of fraud-detector@1.2.0")
    ]


# Signed


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_a_statement_is_signed_by_everybody_who_was_asked(served: Story, tmp_path: Path, kind: str) -> None:
    keys = [make_key(tmp_path / "keys", name, kind=kind) for name in ("ada", "bob")]
    outcome = attested(served, sign=[str(key) for key in keys])
    assert (outcome.exit_code, outcome.landed) == (0, True)
    data = served.read("evidence/fraud-detector/1.2.0/load-test/1.json").encode()
    assert Verifier().signed_by(data) == {public(key) for key in keys}
    assert read_statement(data).result == "PASSED"
    # An ECDSA signature is another one each time; what it signs is not.
    with unchanged(served.path):
        again = attested(served, sign=[str(key) for key in keys])
    assert (again.commit, again.notes) == (None, ("evidence/fraud-detector/1.2.0/load-test/1.json says the same",))


def test_without_its_key_nothing_is_written(served: Story, tmp_path: Path) -> None:
    key = make_key(tmp_path / "keys")
    with unchanged(served.path), pytest.raises(CannotSign, match="nowhere is no file with a key"):
        attested(served, sign=[str(key), "nowhere"])


def test_who_plans_again_signs_once(
    serving_team: tuple[Team, Story], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    team, ada = serving_team
    bob = team.member("bob", now=ada.now)
    ada.attest("fraud-detector@1.2.0", "load-test", push=True, latency=1.0)
    signed: list[str] = []
    really = signatures.sign

    def counted(message: bytes, key: str) -> Signature:
        signed.append(key)
        # Somebody is first between planning and pushing.
        if len(signed) == 1:
            ada.later(hours=1).attest("fraud-detector@1.2.0", "load-test", push=True, latency=3.0)
        return really(message, key)

    monkeypatch.setattr(signatures, "sign", counted)
    key = str(make_key(tmp_path / "keys"))
    outcome = attested(bob, metrics={"latency": 2.0}, sign=[key], push=True)
    assert list(outcome.plan.edits) == ["evidence/fraud-detector/1.2.0/load-test/3.json"]
    assert signed == [key]


# What a gate that asks who signed makes of it: real keys, real signatures, and what somebody could try


PLACE = "evidence/fraud-detector/1.2.0/load-test"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def guarded(served: Story, keys: dict[str, Path]) -> Story:
    """The story of `served`, in which only what Cara signs says anything of a load test."""
    served.amend(policy(keys, evidence="[{type: test-result, name: load-test, signed-by: oncall}]"))
    return served.later(hours=1)


def said_of(story: Story, result: str = "PASSED", version: str = "1.2.0") -> bytes:
    """A test result that nobody has signed yet."""
    manifest = story.read(f"models/fraud-detector/{version}.yaml").encode()
    digest = hashlib.sha256(manifest).hexdigest()
    return make_statement("fraud-detector", version, digest, "load-test", result, {}, story.now)


def put(story: Story, *files: bytes) -> int:
    """Puts files of evidence in place by hand, and gives the exit code of the promotion that they are to let in."""
    for number, data in enumerate(files, 1):
        story.write(f"{PLACE}/{number}.json", data.decode())
        story.later(minutes=1)
    story.commit("by hand")
    return story.promote("fraud-detector", to="production", dry_run=True).exit_code


def by(data: bytes, *keys: Path, **options: Any) -> bytes:
    return write_envelope(signed(data, *keys, **options))


def test_what_the_right_person_signed_lets_a_promotion_in(guarded: Story, keys: dict[str, Path]) -> None:
    assert put(guarded, by(said_of(guarded), keys["cara"])) == 0


def test_a_signature_beside_those_of_others_counts(guarded: Story, keys: dict[str, Path]) -> None:
    assert put(guarded, by(said_of(guarded), keys["eve"], keys["cara"], keys["ada"])) == 0


@pytest.mark.parametrize(
    "attack",
    [
        lambda story, keys: said_of(story),
        lambda story, keys: by(said_of(story), keys["ada"]),
        lambda story, keys: by(said_of(story), keys["eve"]),
        lambda story, keys: by(said_of(story), keys["cara"], namespace="git"),
        lambda story, keys: by(said_of(story), keys["cara"], namespace="file"),
        # a failure that was signed, and says PASSED now
        lambda story, keys: write_envelope(
            replace(signed(said_of(story, "FAILED"), keys["cara"]), payload=said_of(story))
        ),
        # her signature of another version
        lambda story, keys: write_envelope(
            replace(signed(said_of(story, version="1.1.0"), keys["cara"]), payload=said_of(story))
        ),
        # her key in a signature of somebody else, a bit less, and a bit more
        lambda story, keys: forged(
            story, lambda blob: blob.replace(wire(keys["eve"]), wire(keys["cara"])), keys["eve"]
        ),
        lambda story, keys: forged(story, lambda blob: blob[:-1], keys["cara"]),
        lambda story, keys: forged(story, lambda blob: blob[:-1] + bytes([blob[-1] ^ 1]), keys["cara"]),
        lambda story, keys: forged(story, lambda blob: blob + b"\0", keys["cara"]),
        lambda story, keys: forged(story, lambda blob: b"\0" * 100_000, keys["cara"]),
    ],
)
def test_what_the_right_person_did_not_sign_lets_nothing_in(
    guarded: Story, keys: dict[str, Path], attack: Callable[[Story, dict[str, Path]], bytes]
) -> None:
    assert put(guarded, attack(guarded, keys)) == 4


def forged(story: Story, change: Callable[[bytes], bytes], key: Path) -> bytes:
    """A statement with a signature that somebody changed."""
    envelope = signed(said_of(story), key)
    return write_envelope(replace(envelope, signatures=(read_signature(change(envelope.signatures[0].blob)),)))


def wire(key: Path) -> bytes:
    return b64decode(public(key).split()[1])


def test_a_statement_about_another_version_is_refused_whoever_signed_it(guarded: Story, keys: dict[str, Path]) -> None:
    assert put(guarded, by(said_of(guarded, version="1.1.0"), keys["cara"])) == 4
    assert list(guarded.registry().folded(guarded.registry().tip)[0].state.open) == ["records/fraud-detector"]


@pytest.mark.parametrize("valid", ['valid-before="20260301"', 'valid-after="20270101"'])
def test_a_key_counts_while_it_is_valid(guarded: Story, keys: dict[str, Path], valid: str) -> None:
    data = by(said_of(guarded), keys["cara"])
    guarded.amend({f"[{public(keys['cara'])}]": f"['{valid} {public(keys['cara'])}']"})
    assert put(guarded, data) == 4


def test_a_failure_that_was_signed_decides_whatever_somebody_puts_behind_it(
    guarded: Story, keys: dict[str, Path]
) -> None:
    passed = said_of(guarded)
    failed = said_of(guarded.later(minutes=1), "FAILED")
    later = said_of(guarded.later(minutes=1))
    assert put(guarded, by(passed, keys["cara"]), by(failed, keys["cara"]), by(later, keys["ada"])) == 1


def test_a_success_that_was_signed_stands_whatever_somebody_else_says(guarded: Story, keys: dict[str, Path]) -> None:
    failed = said_of(guarded.later(minutes=1), "FAILED")
    assert put(guarded, by(said_of(guarded), keys["cara"]), failed) == 0


def test_where_ssh_keygen_is_missing_nothing_is_let_in(
    guarded: Story, keys: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = by(said_of(guarded.later(minutes=7)), keys["cara"])  # what was verified once is known
    (tmp_path / "bin").mkdir()
    for program in ("git", "env"):
        (tmp_path / "bin" / program).symlink_to(str(shutil.which(program)))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert put(guarded, data) in (1, 4)
