"""A tombstone in the place of what must not stay, in real repositories."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from gitstage.errors import GitstageError, NoSuchThing
from gitstage.findings import Verdict
from gitstage.operations import audit, pull, redact, resolve, show
from gitstage.operations.landing import Outcome
from tests.operations.pictures import unchanged
from tests.operations.stories import Story


def gone(story: Story, what: str, **more: object) -> Outcome:
    return redact.run(story.registry(), what, reason="a name in it", **more)  # type: ignore[arg-type]


def stone(data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    return f"apiVersion: gitstage/v1\nkind: Redacted\nsha256: {digest}\nreason: a name in it\n"


def test_the_manifest_of_an_archived_version_makes_way_for_a_tombstone(served: Story) -> None:
    manifest = (served.path / "models/fraud-detector/1.0.0.yaml").read_bytes()
    outcome = gone(served, "fraud-detector@1.0.0")
    assert (outcome.exit_code, outcome.landed, outcome.tags) == (0, True, ())
    assert served.git("log", "-1", "--format=%s") == "fraud-detector: redact 1.0.0"
    assert "Gitstage-Action: redact" in served.git("log", "-1", "--format=%b")
    for folder in ("models", "archived"):
        assert served.read(f"{folder}/fraud-detector/1.0.0.yaml") == stone(manifest)
    assert served.tag().exit_code == 0
    assert served.in_effect("fraud-detector", "production") == "1.1.0"


def test_a_piece_of_evidence_makes_way_and_the_version_stays(served: Story) -> None:
    served.attest("fraud-detector@1.0.0", "shadow-traffic")
    piece = (served.path / "evidence/fraud-detector/1.0.0/shadow-traffic/1.json").read_bytes()
    assert gone(served, "fraud-detector@1.0.0", evidence=["shadow-traffic/1"]).exit_code == 0
    assert served.read("evidence/fraud-detector/1.0.0/shadow-traffic/1.json") == stone(piece)
    assert resolve.run(served.registry(), "fraud-detector@1.0.0").version == "1.0.0"
    assert served.attest("fraud-detector@1.0.0", "shadow-traffic", auc=0.9).exit_code == 0
    assert (served.path / "evidence/fraud-detector/1.0.0/shadow-traffic/2.json").is_file()


def test_an_artifact_in_the_registry_makes_way(served: Story, tmp_path: Path) -> None:
    name = "fraud-detector-1.0.0.bin"
    kept = f"artifacts/fraud-detector/1.0.0/{name}"
    weights = (served.path / kept).read_bytes()
    assert gone(served, "fraud-detector@1.0.0", artifacts=[name]).exit_code == 0
    assert served.read(kept) == stone(weights)
    with pytest.raises(GitstageError):
        pull.run(served.registry(), "fraud-detector@1.0.0", tmp_path / "there")
    assert not (tmp_path / "there").exists()


@pytest.mark.parametrize("what", ["fraud-detector@1.1.0", "fraud-detector@1.2.0", "fraud-detector@staging"])
def test_what_is_in_a_stage_stays(served: Story, what: str) -> None:
    with unchanged(served.path), pytest.raises(GitstageError, match=r"fraud-detector@1\.[12]\.0 is in") as refused:
        gone(served, what)
    assert "gitstage archive fraud-detector@" in str(refused.value.hint)


def test_what_was_redacted_can_be_used_no_more(served: Story, tmp_path: Path) -> None:
    gone(served, "fraud-detector@1.0.0")
    refused = served.promote("fraud-detector@1.0.0", to="staging")
    assert refused.report.verdict is Verdict.REFUSED
    assert "1.0.0 was redacted, and enters no stage" in [
        found.message for judged in refused.report.judgements for found in judged.findings
    ]
    assert show.run(served.registry(), "fraud-detector@1.0.0").problem == "redacted: a name in it"
    with pytest.raises(GitstageError, match="the version was redacted: a name in it"):
        pull.run(served.registry(), "fraud-detector@1.0.0", tmp_path / "there")
    assert not (tmp_path / "there").exists()


def test_the_newest_version_is_the_newest_that_can_be_used(served: Story) -> None:
    served.archive("fraud-detector@staging")
    assert gone(served, "fraud-detector@1.2.0").exit_code == 0
    assert resolve.run(served.registry(), "fraud-detector@latest").version == "1.1.0"


def test_typed_twice_it_is_once(served: Story) -> None:
    gone(served, "fraud-detector@1.0.0")
    with unchanged(served.path):
        again = gone(served, "fraud-detector@1.0.0")
    assert (again.exit_code, again.commit) == (0, None)


def test_a_dry_run_changes_nothing(served: Story) -> None:
    with unchanged(served.path):
        assert gone(served, "fraud-detector@1.0.0", dry_run=True).exit_code == 0


def test_what_is_not_there_cannot_go(served: Story) -> None:
    with unchanged(served.path):
        with pytest.raises(GitstageError, match="names no version"):
            gone(served, "fraud-detector")
        with pytest.raises(NoSuchThing, match="has no version 9.9.9"):
            gone(served, "fraud-detector@9.9.9")
        with pytest.raises(NoSuchThing, match="there is no file evidence/fraud-detector/1.0.0/none/1.json"):
            gone(served, "fraud-detector@1.0.0", evidence=["none/1"])
        with pytest.raises(NoSuchThing, match="there is no file artifacts/fraud-detector/1.0.0/other.onnx"):
            gone(served, "fraud-detector@1.0.0", artifacts=["other.onnx"])


def test_a_tombstone_that_somebody_wrote_for_what_serves_is_refused(served: Story) -> None:
    manifest = (served.path / "models/fraud-detector/1.1.0.yaml").read_bytes()
    served.write("models/fraud-detector/1.1.0.yaml", stone(manifest))
    served.git("commit", "-qam", "redact")
    outcome = served.tag()
    assert outcome.exit_code == 1
    assert [found.message for found in outcome.state.open["records/fraud-detector"].findings][:1] == [
        "1.1.0 is in production: what is in a stage is not redacted"
    ]


def test_an_audit_counts_what_was_redacted(served: Story) -> None:
    gone(served, "fraud-detector@1.0.0")
    found = audit.run(served.registry())
    assert (found.faults, found.counts["redactions"]) == ((), 2)
