from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from gitstage.approvals import Binding, PolicyChange, PolicySaid, Said, written
from gitstage.canonical import DocumentError
from gitstage.changes import EXECUTABLE, LINK, Entry, blob_id
from gitstage.manifest import Artifact, read_version
from gitstage.rules import manifest_valid
from gitstage.rules.cases import Answer
from gitstage.rules.voices import Voices
from gitstage.trust import MEDIA_TYPE
from tests.registries import (
    ID,
    MONDAY,
    Content,
    empty_slot,
    enveloped,
    hold,
    manifest,
    policy_case,
    policy_file,
    provenance,
    records_case,
    signed_by,
    statement,
    tree,
)

ONE = manifest("m", "1.0.0")
WEIGHTS = b"weights"
POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:" + hashlib.sha256(b"large").hexdigest().encode() + b"\nsize 5\n"
)
KEPT = "artifacts/m/1.1.0/model.onnx"


def short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


def keeping(data: bytes = WEIGHTS, uri: str = KEPT, *, size: int | None = None) -> bytes:
    """The manifest of m@1.1.0 with an artifact that lies in the registry."""
    digest = hashlib.sha256(data).hexdigest()
    artifact = Artifact(path="model.onnx", uri=uri, sha256=digest, size=len(data) if size is None else size)
    return manifest("m", "1.1.0", artifacts=(artifact,))


def said(edits: dict[str, Content | None], model: str = "m") -> list[tuple[str | None, int | None, str]]:
    case = records_case({"models/m/1.0.0.yaml": ONE, "models/m/README.md": "A card."}, edits, model=model)
    return [(found.path, found.line, found.message) for found in manifest_valid.records(case)]


@pytest.mark.parametrize(
    "edits",
    [
        {"models/m/1.1.0.yaml": manifest("m", "1.1.0", auc=0.9)},
        {"models/m/1.1.0.yaml": keeping(), KEPT: WEIGHTS},
        {"models/m/1.1.0.yaml": keeping(b"large"), KEPT: POINTER},
        {"models/m/README.md": "Another card."},
        {"holds/m/1.0.0.yaml": hold("m", "1.0.0")},
        {"holds/m/1.1.0.yaml": hold("m", "1.1.0"), "models/m/1.1.0.yaml": manifest("m", "1.1.0")},
        {"evidence/m/1.0.0/load-test/1.json": statement(ONE)},
        {"models/m/1.0.0.yaml": None},
        {"archived/m/1.0.0.yaml": "looked at by another rule"},
        {"models/m/notes.txt": "looked at by another rule"},
    ],
)
def test_documents_that_are_valid_pass(edits: dict[str, Content | None]) -> None:
    assert said(edits) == []


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (ONE, None, "says m@1.0.0, and its path says m@1.1.0"),
        (manifest("x", "1.1.0"), None, "says x@1.1.0, and its path says m@1.1.0"),
        ("x" * 1_000_001, None, "has 1000001 bytes; no document of a registry has more than 1000000"),
    ],
)
def test_a_version_says_what_its_path_says(content: Content, line: int | None, message: str) -> None:
    assert said({"models/m/1.1.0.yaml": content}) == [("models/m/1.1.0.yaml", line, message)]


GOOD = manifest("m", "1.1.0", auc=0.9)


@pytest.mark.parametrize(
    "content",
    [
        GOOD + b"version: 1.1.0\n",
        GOOD + b"---\n" + GOOD,
        GOOD + b"# nothing to see\n",
        GOOD.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + GOOD,
        GOOD.replace(b"0.9", b".nan"),
        GOOD.replace(b"0.9", b"!!float 0.9"),
        GOOD.replace(b"model: m\n", b"model: &m m\n"),
        GOOD.replace(b"auc: 0.9", b"<<: {auc: 0.9}"),
        GOOD.replace(b"auc: 0.9", b"auc: 0.90"),
        GOOD.replace(b"metrics:\n  auc: 0.9", b"metrics: {auc: 0.9}"),
        GOOD + b"labels: {}\n",
        GOOD.replace(b"metrics", b"metrix"),
        GOOD.rstrip(b"\n"),
        b"",
        b"\xff",
        empty_slot("m"),
        hold("m", "1.1.0"),
    ],
)
def test_a_manifest_in_which_anything_could_hide_is_refused(content: bytes) -> None:
    answers = said({"models/m/1.1.0.yaml": content})
    assert answers != []
    assert {path for path, _, _ in answers} == {"models/m/1.1.0.yaml"}


def test_every_problem_of_a_document_is_said_with_its_line_and_a_hint() -> None:
    wrong = GOOD.replace(b"metrics", b"metrix") + b"colour: red\n"
    with pytest.raises(DocumentError) as caught:
        read_version(wrong)
    assert list(manifest_valid.records(records_case({}, {"models/m/1.1.0.yaml": wrong}))) == [
        Answer(message=found.message, path="models/m/1.1.0.yaml", line=line, hint=found.hint)
        for line, found in zip((10, 12), caught.value.problems, strict=True)
    ]
    spaced = records_case({}, {"models/m/1.1.0.yaml": GOOD.replace(b"auc: 0.9", b"auc:  0.9")})
    assert [(found.line, found.hint) for found in manifest_valid.records(spaced)] == [(11, "run: gitstage fmt FILE")]


def test_evidence_of_another_manifest_is_told_how_to_be_made_for_this_one() -> None:
    path = "evidence/m/1.0.0/load-test/1.json"
    case = records_case({"models/m/1.0.0.yaml": ONE}, {path: statement(GOOD)})
    assert list(manifest_valid.records(case)) == [
        Answer(
            message="its subject is not the manifest of m@1.0.0",
            path=path,
            hint="evidence is bound to one manifest's sha256; make it with: gitstage attest m@1.0.0 …",
        )
    ]


def test_a_document_may_have_a_million_bytes() -> None:
    for more, is_read in ((0, True), (1, False)):
        ((path, _, message),) = said({"models/m/1.1.0.yaml": GOOD + b"#" * (1_000_000 - len(GOOD) + more)})
        assert (path, "no document of a registry has more" in message) == ("models/m/1.1.0.yaml", not is_read)


def test_what_a_document_is_taken_away_for_is_looked_at() -> None:
    assert said({"models/m/1.0.0.yaml": None, "models/m/1.1.0.yaml": ONE}) == [
        ("models/m/1.1.0.yaml", None, "says m@1.0.0, and its path says m@1.1.0")
    ]


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        (
            {"models/m/1.1.0.yaml": keeping(uri="artifacts/m/1.0.0/model.onnx")},
            "its artifact artifacts/m/1.0.0/model.onnx does not lie below artifacts/m/1.1.0/",
        ),
        (
            {"models/m/1.1.0.yaml": keeping(uri="artifacts/other/1.1.0/model.onnx")},
            "its artifact artifacts/other/1.1.0/model.onnx does not lie below artifacts/m/1.1.0/",
        ),
        ({"models/m/1.1.0.yaml": keeping()}, f"its artifact {KEPT} is not in the registry"),
        ({"models/m/1.1.0.yaml": keeping(), f"{KEPT}/x": "x"}, f"its artifact {KEPT} is not in the registry"),
        (
            {"models/m/1.1.0.yaml": keeping(), KEPT: "other"},
            f"{KEPT} has 5 bytes and sha256 {short(b'other')}…, not 7 bytes and {short(WEIGHTS)}…",
        ),
        (
            {"models/m/1.1.0.yaml": keeping(size=8), KEPT: WEIGHTS},
            f"{KEPT} has 7 bytes and sha256 {short(WEIGHTS)}…, not 8 bytes and {short(WEIGHTS)}…",
        ),
        (
            {"models/m/1.1.0.yaml": keeping(b"small"), KEPT: POINTER},
            f"{KEPT} has 5 bytes and sha256 {short(b'large')}…, not 5 bytes and {short(b'small')}…",
        ),
    ],
)
def test_an_artifact_in_the_registry_agrees_with_its_manifest(edits: dict[str, Content | None], message: str) -> None:
    assert ("models/m/1.1.0.yaml", None, message) in said(edits)


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ({KEPT: "x"}, "belongs to 1.1.0, which is not registered"),
        ({"artifacts/m/1.0.0/backdoor": "x"}, "is none of the artifacts of m@1.0.0"),
    ],
)
def test_an_artifact_that_no_manifest_names_is_refused(edits: dict[str, Content | None], message: str) -> None:
    assert said(edits) == [(next(iter(edits)), None, message)]


def test_an_artifact_of_a_manifest_that_cannot_be_read_is_not_spoken_of() -> None:
    answers = said({"models/m/1.1.0.yaml": "x" * 1_000_001, KEPT: WEIGHTS})
    assert [path for path, _, _ in answers] == ["models/m/1.1.0.yaml"]


@pytest.mark.parametrize(
    ("content", "messages"),
    [
        (hold("m", "1.0.0"), ["says m@1.0.0, and its path says m@1.1.0", "holds 1.1.0, which is not registered"]),
        (hold("x", "1.1.0"), ["says x@1.1.0, and its path says m@1.1.0", "holds 1.1.0, which is not registered"]),
        (hold("m", "1.1.0"), ["holds 1.1.0, which is not registered"]),
        ("x" * 1_000_001, ["has 1000001 bytes; no document of a registry has more than 1000000"]),
    ],
)
def test_a_hold_says_what_its_path_says_of_a_version_that_is_registered(content: Content, messages: list[str]) -> None:
    path = "holds/m/1.1.0.yaml"
    assert said({path: content}) == [(path, None, message) for message in messages]


def test_a_hold_that_cannot_be_read_is_refused() -> None:
    assert {path for path, _, _ in said({"holds/m/1.0.0.yaml": GOOD})} == {"holds/m/1.0.0.yaml"}


@pytest.mark.parametrize(
    ("version", "content", "message"),
    [
        ("1.1.0", statement(ONE), "speaks of 1.1.0, which is not registered"),
        ("1.0.0", statement(GOOD), "its subject is not the manifest of m@1.0.0"),
        ("1.0.0", "x" * 1_000_001, "has 1000001 bytes; no document of a registry has more than 1000000"),
    ],
)
def test_evidence_speaks_of_the_version_of_its_path(version: str, content: Content, message: str) -> None:
    path = f"evidence/m/{version}/load-test/1.json"
    assert said({path: content}) == [(path, None, message)]


@pytest.mark.parametrize("content", [b"{}", b"[]", b"{", statement(ONE).replace(b"PASSED", b"SUPER"), b"\xff"])
def test_evidence_that_cannot_be_read_is_refused(content: bytes) -> None:
    path = "evidence/m/1.0.0/load-test/1.json"
    assert {found[0] for found in said({path: content})} == {path}


@pytest.mark.parametrize(
    ("digests", "message"),
    [
        (["0" * 64], None),
        (["1" * 64, "0" * 64], None),
        ([hashlib.sha256(ONE).hexdigest()], None),
        (["1" * 64], "its subject is not the manifest of m@1.0.0"),
    ],
)
def test_what_a_builder_says_is_about_the_artifacts(digests: list[str], message: str | None) -> None:
    path = "evidence/m/1.0.0/build/1.json"
    expected = [] if message is None else [(path, None, message)]
    assert said({path: provenance(*digests)}) == said({path: enveloped(provenance(*digests))}) == expected


def test_evidence_about_a_manifest_that_cannot_be_read_is_not_about_its_artifacts() -> None:
    path = "evidence/m/1.0.0/build/1.json"
    edits: dict[str, Content | None] = {"models/m/1.0.0.yaml": "{", path: provenance("0" * 64)}
    assert (path, None, "its subject is not the manifest of m@1.0.0") in said(edits)


def test_what_is_no_plain_file_is_left_to_the_rule_that_knows_it() -> None:
    entry = Entry(LINK, "d" * 40)
    paths = ["models/m/1.1.0.yaml", "holds/m/1.0.0.yaml", "evidence/m/1.0.0/x/1.json", "artifacts/m/1.0.0/model.onnx"]
    assert said(dict.fromkeys(paths, entry)) == []


def test_evidence_of_a_manifest_that_is_no_plain_file_speaks_of_nothing() -> None:
    edits: dict[str, Content | None] = {
        "models/m/1.0.0.yaml": Entry(EXECUTABLE, blob_id(ONE)),
        "evidence/m/1.0.0/x/1.json": statement(ONE),
    }
    assert said(edits) == [("evidence/m/1.0.0/x/1.json", None, "speaks of 1.0.0, which is not registered")]


# The policy.


def test_a_policy_that_can_be_read_passes() -> None:
    assert list(manifest_valid.policy(policy_case({}, {"gitstage.yaml": policy_file()}))) == []


def test_a_policy_that_cannot_be_read_is_refused_with_its_line() -> None:
    broken = policy_file().replace(b"stages:", b"stage:")
    answers = list(manifest_valid.policy(policy_case({}, {"gitstage.yaml": broken})))
    assert {(found.path, found.verdict) for found in answers} == {("gitstage.yaml", Answer(message="").verdict)}
    assert 4 in {found.line for found in answers}


def test_every_expression_of_a_policy_is_checked_and_named_with_its_line() -> None:
    policy = policy_file(
        gates={
            "first": {
                "rules": [{"name": "fine", "expr": "version.model == 'm'"}, {"name": "plug-in", "python": "acme"}]
            },
            "second": {"rules": [{"name": "typo", "expr": "version.lables.a == 'b'"}], "soak": "1h"},
            "third": {"rules": [{"name": "text", "expr": "version.metrics.auc > 1"}]},
        }
    ).replace(b'"third"', b'\n"third"')
    assert list(manifest_valid.policy(policy_case({}, {"gitstage.yaml": policy}))) == [
        Answer(
            message="rules/typo: 1:15: there is no 'version.lables'; did you mean 'version.labels'?",
            path="gitstage.yaml",
            line=5,
        ),
        Answer(
            message="rules/text: 1:21: found no matching overload for '_>_' applied to '(double, int)'",
            path="gitstage.yaml",
            line=6,
            hint="beside a metric a number has a fraction: > 20.0",
        ),
    ]


# What people said

SHA = hashlib.sha256(manifest("m", "1.0.0")).hexdigest()
ABOUT = Binding(registry=ID, model="m", version="1.0.0", manifest=SHA, stage="production", incumbent=None, change=0)
APPROVED = written(Said(kind="approval", about=ABOUT, made=MONDAY))
OF_POLICY = written(PolicySaid(about=PolicyChange(registry=ID, policy=SHA, base=SHA, number=1), made=MONDAY))


@pytest.mark.parametrize(
    ("content", "messages"),
    [
        (APPROVED, []),
        (APPROVED.replace(b'"change": 0', b'"change":  0'), ["it says more than it should, or is not in the form"]),
        (
            written(Said(kind="approval", about=replace(ABOUT, version="1.1.0"), made=MONDAY)),
            ["says m@1.1.0, and its path says m@1.0.0"],
        ),
        (OF_POLICY, ["approves a policy, and does not lie in evidence/policy/"]),
    ],
)
def test_an_approval_is_in_one_form_and_about_its_version(content: bytes, messages: list[str]) -> None:
    edits: dict[str, Content | None] = {
        "models/m/1.0.0.yaml": manifest("m", "1.0.0"),
        "evidence/m/1.0.0/approval-bob/1.json": content,
    }
    found = list(manifest_valid.records(records_case({}, edits)))
    assert [answer.message[: len(said)] for answer, said in zip(found, messages, strict=True)] == messages
    assert {answer.path for answer in found} <= {"evidence/m/1.0.0/approval-bob/1.json"}


@pytest.mark.parametrize(
    ("content", "messages"),
    [
        (OF_POLICY, []),
        (signed_by(OF_POLICY, "bob"), []),
        (APPROVED, ["is no approval of a policy"]),
        (statement(manifest("m", "1.0.0")), ["is no approval of a policy"]),
        (
            written(PolicySaid(about=PolicyChange(registry=ID, policy="2" * 64, base=SHA, number=1), made=MONDAY)),
            ["is about another gitstage.yaml than its path says"],
        ),
        ("{", ["this is not JSON: Expecting property name enclosed in double quotes"]),
        ("x" * 1_000_001, ["has 1000001 bytes; no document of a registry has more than 1000000"]),
        (Entry(LINK, "c" * 40), []),
    ],
)
def test_an_approval_of_a_policy_is_one(content: Content, messages: list[str]) -> None:
    path = f"evidence/policy/{SHA}/approval-bob/1.json"
    case = policy_case({"gitstage.yaml": policy_file()}, {path: content})
    assert [answer.message for answer in manifest_valid.policy(case)] == messages
    assert {answer.path for answer in manifest_valid.policy(case)} <= {path}
    gone = policy_case({"gitstage.yaml": policy_file(), path: content}, {path: None})
    assert list(manifest_valid.policy(gone)) == []


def test_an_approval_of_something_else_is_told_how_to_be_one() -> None:
    path = f"evidence/policy/{SHA}/approval-bob/1.json"
    assert list(manifest_valid.policy(policy_case({"gitstage.yaml": policy_file()}, {path: APPROVED}))) == [
        Answer(message="is no approval of a policy", path=path, hint="make one with: gitstage approve --policy")
    ]


BLOCKS = b"""\
apiVersion: gitstage/v1
kind: Registry
id: 4f6c1c1e-8a39-4a0e-9d7e-2f1b7c0a5f11
stages:
  staging:
    from: [registered]
gates:
  own:
    soak: 1h
    rules:
    - name: plug-in
      python: acme
    - name: fine
      expr: version.model == 'm'
    - name: typo
      message: needs a team
      expr: version.lables.a == 'b'
"""


def test_an_expression_is_found_by_its_line_behind_rules_of_other_kinds() -> None:
    (answer,) = manifest_valid.policy(policy_case({}, {"gitstage.yaml": BLOCKS}))
    assert (answer.message[:10], answer.path, answer.line) == ("rules/typo", "gitstage.yaml", 17)


ROOT = json.dumps({"mediaType": MEDIA_TYPE}).encode()
NAMED = BLOCKS.partition(b"gates:")[0] + b"sigstore:\n  sha256: %s\n  trusted-root: trust/root.json\n" % (
    hashlib.sha256(ROOT).hexdigest().encode()
)


@pytest.mark.parametrize(
    ("files", "answers"),
    [
        ({"trust/root.json": ROOT}, []),
        (
            {},
            [
                Answer(
                    message="trust/root.json, the trusted root, is not there, or is no regular file",
                    path="gitstage.yaml",
                    line=9,
                    hint="git add trust/root.json",
                )
            ],
        ),
    ],
)
def test_the_root_that_a_policy_names_lies_in_the_same_commit(files: dict[str, Content], answers: list[Answer]) -> None:
    trees = {"c": tree(files)}
    case = policy_case({}, {"gitstage.yaml": NAMED})
    asked = replace(case, voices=Voices(commit="c", tree_at=trees.__getitem__))
    assert list(manifest_valid.policy(asked)) == answers
    assert list(manifest_valid.policy(case)) == [], "where nothing can be looked at, the signature is refused later"


def test_expressions_of_a_policy_that_does_not_change_are_not_checked_again() -> None:
    policy = policy_file(gates={"own": {"rules": [{"name": "typo", "expr": "version.lables.a == 'b'"}]}})
    changed = policy.replace(b"lables", b"labls")
    assert list(manifest_valid.policy(policy_case({"gitstage.yaml": policy}, {"README.md": "read me"}))) == []
    (answer,) = manifest_valid.policy(policy_case({"gitstage.yaml": policy}, {"gitstage.yaml": changed}))
    assert answer.message.startswith("rules/typo: ")
