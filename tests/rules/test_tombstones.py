"""A tombstone may stand where something of a version had to go, while the version sits in no stage."""

from __future__ import annotations

import hashlib

import pytest

from gitstage.findings import Verdict
from gitstage.manifest import tombstone
from gitstage.rules import manifest_valid, version_immutable
from gitstage.rules.cases import Answer
from gitstage.rules.tombstones import digests, put_up, tombstone_in
from gitstage.values import replace
from tests.registries import Content, Story, manifest, policy_file, records_case, statement

ONE = manifest("m", "1.0.0")
PIECE = statement(ONE)
WITHDRAW = "gitstage withdraw m"
RECORDS: dict[str, Content] = {
    "models/m/1.0.0.yaml": ONE,
    "evidence/m/1.0.0/shadow-traffic/1.json": PIECE,
    "artifacts/m/1.0.0/model.onnx": "weights",
    "holds/m/1.0.0.yaml": "held",
}
GONE = {
    "models/m/1.0.0.yaml": tombstone(ONE, "a name"),
    "evidence/m/1.0.0/shadow-traffic/1.json": tombstone(PIECE, "an address"),
    "artifacts/m/1.0.0/model.onnx": tombstone(b"weights", "learnt a secret"),
}


def why(
    before: dict[str, Content], edits: dict[str, Content | None], in_stages: dict[str, str] | None = None
) -> list[Answer]:
    case = replace(records_case(before, edits), in_stages=in_stages or {})
    return [*version_immutable.records(case), *manifest_valid.records(case)]


@pytest.mark.parametrize("path", GONE)
def test_a_tombstone_may_stand_where_something_was(path: str) -> None:
    assert why(RECORDS, {path: GONE[path]}) == []
    case = records_case(RECORDS, {path: GONE[path]})
    assert digests(case) == {path: hashlib.sha256(GONE[path]).hexdigest()}
    ((change, place, found),) = put_up(case)
    assert (change.path, place.version, found.sha256) == (
        path,
        "1.0.0",
        hashlib.sha256(case.before.read(str(change.before and change.before.oid))).hexdigest(),
    )


def test_all_of_a_version_may_go_at_once() -> None:
    assert why(RECORDS, dict(GONE)) == []


@pytest.mark.parametrize("path", GONE)
def test_a_tombstone_says_what_it_stands_for(path: str) -> None:
    other = tombstone(b"something else", "a name")
    assert why(RECORDS, {path: other}) == [
        Answer(message="is the tombstone of something else", path=path, hint=WITHDRAW)
    ]


@pytest.mark.parametrize("path", GONE)
def test_what_is_in_a_stage_is_not_redacted(path: str) -> None:
    assert why(RECORDS, {path: GONE[path]}, in_stages={"1.0.0": "production"}) == [
        Answer(message="1.0.0 is in production: what is in a stage is not redacted", path=path, hint=WITHDRAW)
    ]
    assert why(RECORDS, {path: GONE[path]}, in_stages={"1.1.0": "production"}) == []


def test_what_is_archived_goes_with_the_manifest() -> None:
    archived = {**RECORDS, "archived/m/1.0.0.yaml": ONE}
    stone = GONE["models/m/1.0.0.yaml"]
    assert why(archived, {"models/m/1.0.0.yaml": stone}) == [
        Answer(message="is redacted, and archived/m/1.0.0.yaml is not", path="models/m/1.0.0.yaml", hint=WITHDRAW)
    ]
    assert why(archived, {"models/m/1.0.0.yaml": stone, "archived/m/1.0.0.yaml": stone}) == []


def test_a_tombstone_never_changes_either() -> None:
    there: dict[str, Content] = {**RECORDS, "models/m/1.0.0.yaml": GONE["models/m/1.0.0.yaml"]}
    answers = why(there, {"models/m/1.0.0.yaml": tombstone(GONE["models/m/1.0.0.yaml"], "again")})
    assert answers[0].message == "a version never changes"
    assert [answer.message for answer in why(there, {"models/m/1.0.0.yaml": ONE})] == ["a version never changes"]


def test_where_nothing_was_there_is_nothing_to_redact() -> None:
    answers = why(RECORDS, {"models/m/1.1.0.yaml": tombstone(b"x", "a name")})
    assert [answer.message for answer in answers] == ["the version was redacted: a name"]


@pytest.mark.parametrize(
    "data",
    [
        GONE["models/m/1.0.0.yaml"].replace(b"reason: a name", b"reason:  a name"),
        GONE["models/m/1.0.0.yaml"] + b"note: x\n",
        GONE["models/m/1.0.0.yaml"].replace(b"sha256", b"sha1"),
        b"apiVersion: gitstage/v1\nkind: Redacted\n" + b"# " * 600_000,
    ],
    ids=["not canonical", "an unknown key", "no digest", "too large"],
)
def test_what_is_no_tombstone_is_a_change_like_any_other(data: bytes) -> None:
    assert "a version never changes" in [answer.message for answer in why(RECORDS, {"models/m/1.0.0.yaml": data})]


def test_a_hold_is_no_place_for_a_tombstone() -> None:
    assert list(put_up(records_case(RECORDS, {"holds/m/1.0.0.yaml": tombstone(b"held", "a name")}))) == []


def test_a_folder_is_no_tombstone() -> None:
    case = records_case(RECORDS, {})
    assert tombstone_in(case.after, case.after.entry("models")) is None
    assert tombstone_in(case.after, None) is None


def served(*versions: str) -> Story:
    """Versions that were in production, one after the other."""
    story = Story(policy_file())
    for version in versions:
        story.register("m", version).stage("m", version).land()
        story.promote("m", version).land()
    return story


def redact(story: Story, version: str) -> Story:
    stone = tombstone(story.read(f"models/m/{version}.yaml"), "a name")
    return story.write(f"models/m/{version}.yaml", stone).write(f"archived/m/{version}.yaml", stone)


@pytest.mark.parametrize("stage", ["staging", "production"])
def test_a_version_that_was_redacted_enters_no_stage(stage: str) -> None:
    story = served("1.0.0", "1.1.0")
    redact(story, "1.0.0").land()
    assert story.open == {}
    story.fill("m", "1.0.0", stage).copy("models/m/1.1.0.yaml", "archived/m/1.1.0.yaml").land()
    assert story.state.open[f"{stage}/m"].verdict is Verdict.REFUSED
    assert "1.0.0 was redacted, and enters no stage" in [found.message for found in story.said(f"{stage}/m")]


def test_what_serves_is_not_redacted() -> None:
    story = served("1.0.0", "1.1.0")
    redact(story, "1.1.0").land()
    assert [found.message for found in story.said("records/m")][:1] == [
        "1.1.0 is in production: what is in a stage is not redacted"
    ]
    assert story.serves("m") == "1.1.0"


def test_a_rollback_skips_what_was_redacted() -> None:
    story = served("1.0.0", "1.1.0", "1.2.0")
    redact(story, "1.1.0").land()
    assert story.open == {}
    story.rollback("m", hold_it=False).land()
    assert (story.serves("m"), story.open) == ("1.0.0", {})


def test_a_withdrawal_puts_nothing_back_that_was_redacted() -> None:
    story = served("1.0.0", "1.1.0")
    redact(story, "1.0.0").land()
    story.write("models/m/1.1.0.yaml", "something else").land()
    assert list(story.open) == ["records/m"]
    story.withdraw_all().land()
    assert story.open == {}
    assert story.read("archived/m/1.0.0.yaml") == tombstone(manifest("m", "1.0.0"), "a name")
