from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from gitstage.errors import GitstageError
from gitstage.evidence import read_statement
from gitstage.operations import attest
from gitstage.operations.landing import Outcome
from tests.operations.pictures import unchanged
from tests.operations.stories import Story, Team

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
