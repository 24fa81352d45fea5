from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from gitstage.errors import GitstageError, NoSuchThing
from gitstage.findings import Verdict
from gitstage.operations import promote
from gitstage.operations.landing import Outcome
from tests.operations.pictures import unchanged
from tests.operations.stories import NOON, Story, Team

GATED = {
    "    # gates: [standard]             # all of them must pass": (
        "    gates: [standard]\n"
        "gates: {standard: {soak: 24h, metrics: [{name: auc, max-drop: 0.01}], "
        "evidence: [{type: test-result, name: load-test}]}}"
    )
}
REGIONS = {
    "  production:\n    from: [staging]\n": (
        "  eu:\n    from: [staging]\n  us:\n    from: [staging]\n  production:\n    from: [eu, us]\n"
    )
}


def promoted(
    story: Story, *what: str, to: str | list[str], reason: str | None = None, dry_run: bool = False
) -> Outcome:
    stages = [to] if isinstance(to, str) else to
    return promote.run(story.registry(), what, to=stages, reason=reason, dry_run=dry_run)


def rules(outcome: Outcome, verdict: Verdict) -> list[str]:
    return [
        finding.rule
        for judgement in outcome.report.judgements
        for finding in judgement.findings
        if finding.verdict is verdict
    ]


def test_a_model_alone_means_what_is_in_effect_in_the_stage_before(served: Story) -> None:
    outcome = promoted(served, "fraud-detector", to="production", reason="it is\nbetter")
    assert (outcome.exit_code, outcome.landed) == (0, True)
    assert outcome.tags == ("refs/tags/fraud-detector/production/3",)
    assert served.in_effect("fraud-detector") == "1.2.0"
    blob = served.git("rev-parse", "HEAD:models/fraud-detector/1.2.0.yaml")
    assert (
        served.git("log", "-1", "--format=%B")
        == f"""\
fraud-detector: promote 1.2.0 to production

it is better

Gitstage-Action: promote
Gitstage-Version: fraud-detector@1.2.0
Gitstage-From: staging
Gitstage-To: production
Gitstage-Replaces: 1.1.0
Gitstage-Manifest: {blob}
Gitstage-Reason: it is better
"""
    )
    changed = served.git("show", "--name-status", "--format=", "--no-renames", "HEAD").splitlines()
    # 1.1.0 was archived when it left staging.
    assert changed == ["M\tproduction/fraud-detector.yaml"]
    assert served.git("status", "--porcelain") == ""


def test_a_version_a_stage_and_the_latest_can_be_named(served: Story) -> None:
    assert promoted(served, "fraud-detector@1.2.0", to="production", dry_run=True).exit_code == 0
    assert promoted(served, "fraud-detector@staging", to="production", dry_run=True).exit_code == 0
    assert promoted(served, "fraud-detector@latest", to="production", dry_run=True).exit_code == 0
    served.register("fraud-detector", "2.0.0")
    latest = promoted(served, "fraud-detector@latest", to="staging")
    assert latest.tags == ("refs/tags/fraud-detector/staging/4",)
    assert served.in_effect("fraud-detector", "staging") == "2.0.0"


def test_where_versions_come_from_no_stage_a_model_alone_means_the_latest(served: Story) -> None:
    served.register("fraud-detector", "1.10.0")
    served.register("fraud-detector", "1.11.0-rc.1")
    assert promoted(served, "fraud-detector", to="staging").exit_code == 0
    assert served.in_effect("fraud-detector", "staging") == "1.10.0"


def test_what_is_there_already_is_nothing_to_do(served: Story) -> None:
    with unchanged(served.path):
        outcome = promoted(served, "fraud-detector@1.1.0", to="production")
    assert (outcome.exit_code, outcome.commit, outcome.plan.is_empty) == (0, None, True)


def test_skipping_a_stage_is_refused_and_nothing_changes(served: Story) -> None:
    served.register("fraud-detector", "2.0.0")
    with unchanged(served.path):
        outcome = promoted(served, "fraud-detector@2.0.0", to="production")
    assert (outcome.exit_code, rules(outcome, Verdict.REFUSED)) == (1, ["stage-order"])


def test_a_version_that_is_held_is_refused(served: Story) -> None:
    served.hold("fraud-detector@1.2.0")
    with unchanged(served.path):
        outcome = promoted(served, "fraud-detector", to="production")
    assert rules(outcome, Verdict.REFUSED) == ["held"]
    served.unhold("fraud-detector@1.2.0")
    assert promoted(served, "fraud-detector", to="production").exit_code == 0


def test_several_models_are_one_commit_or_none(story: Story) -> None:
    for model in ("risk/a", "risk/b", "toys/c"):
        story.register(model, "1.0.0", to="staging")
    before = story.git("rev-parse", "HEAD")
    outcome = promoted(story, "risk/*", "toys/c@1.0.0", to="production")
    assert outcome.tags == (
        "refs/tags/risk/a/production/1",
        "refs/tags/risk/b/production/1",
        "refs/tags/toys/c/production/1",
    )
    assert story.git("rev-parse", "HEAD~1") == before
    assert story.git("log", "-1", "--format=%s") == "gitstage: promote 3 versions to production"
    story.register("risk/a", "1.1.0", to="staging")
    story.register("risk/b", "1.1.0")
    with unchanged(story.path):
        refused = promoted(story, "risk/a", "risk/b@1.1.0", to="production")
    assert (refused.exit_code, rules(refused, Verdict.REFUSED)) == (1, ["stage-order"])


def test_a_pattern_may_name_a_stage_or_version(story: Story) -> None:
    for model in ("risk/a", "risk/b"):
        story.register(model, "1.0.0")
    assert promoted(story, "risk/?@1.0.0", to="staging").exit_code == 0
    assert promoted(story, "risk/*@staging", "risk/a", to="production", dry_run=True).exit_code == 0
    with unchanged(story.path), pytest.raises(NoSuchThing, match="no model is called like 'x\\*'"):
        promoted(story, "x*", to="staging")


def test_two_stages_at_once_are_two_regions(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work", REGIONS)
    story.register("m", "1.0.0", to="staging")
    outcome = promoted(story, "m", to=["eu", "us"])
    assert outcome.tags == ("refs/tags/m/eu/1", "refs/tags/m/us/1")
    # Filling two stages at once does not make one the ground of the other.
    story.register("m", "1.1.0", to="staging")
    with unchanged(story.path):
        both = promoted(story, "m@1.1.0", to=["eu", "production"])
    assert rules(both, Verdict.REFUSED) == ["stage-order"]


def test_one_slot_takes_one_version(served: Story) -> None:
    served.register("fraud-detector", "2.0.0")
    with (
        unchanged(served.path),
        pytest.raises(GitstageError, match="staging of fraud-detector takes one version, not 1.2.0 and 2.0.0"),
    ):
        promoted(served, "fraud-detector@1.2.0", "fraud-detector@2.0.0", to="staging")


def test_the_same_named_twice_is_once(served: Story) -> None:
    outcome = promoted(served, "fraud-detector", "fraud-detector@1.2.0", to=["production", "production"])
    assert outcome.tags == ("refs/tags/fraud-detector/production/3",)
    assert served.git("log", "-1", "--format=%s") == "fraud-detector: promote 1.2.0 to production"


def test_nothing_is_to_be_promoted_where_nothing_is_named(served: Story) -> None:
    with unchanged(served.path), pytest.raises(GitstageError, match="there is nothing to do"):
        promoted(served, to="production")
    with unchanged(served.path), pytest.raises(GitstageError, match="there is nothing to do"):
        promoted(served, "fraud-detector", to=[])


@pytest.mark.parametrize(
    ("what", "to", "why", "hint"),
    [
        ("fraud-detector", "shadow", "there is no stage 'shadow'", "stages: staging, production"),
        ("fraud-detector", "archived", "there is no stage 'archived'", "stages: staging, production"),
        ("fraud-detektor", "production", "there is no model fraud-detektor", "fraud-detector, if that was meant"),
        (
            "fraud-detector@9.9.9",
            "production",
            "fraud-detector has no version 9.9.9",
            "registered: 1.0.0, 1.1.0, 1.2.0",
        ),
        ("fraud-detector@staging~7", "production", "fraud-detector has had 3 changes in staging", "gitstage log"),
        ("fraud-detector@next", "staging", "@next names no version yet", "gitstage register"),
        ("fraud-detector@1.2.0~1", "production", "~1", ""),
        ("fraud detector", "production", "names no model", ""),
    ],
)
def test_what_is_not_there_is_said(served: Story, what: str, to: str, why: str, hint: str) -> None:
    with unchanged(served.path), pytest.raises(GitstageError) as caught:
        promoted(served, what, to=to)
    assert why in caught.value.message
    assert hint in (caught.value.hint or "")


def test_an_emptied_stage_has_no_version_to_promote(served: Story) -> None:
    served.archive("fraud-detector@staging")
    with unchanged(served.path), pytest.raises(NoSuchThing, match="staging of fraud-detector was empty then"):
        promoted(served, "fraud-detector", to="production")


def test_what_a_gate_asks_for_is_pending_and_nothing_lands(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work", GATED)
    story.register("m", "1.0.0", to="staging", auc=0.9)
    with unchanged(story.path):
        outcome = promoted(story, "m", to="production")
    assert (outcome.exit_code, outcome.commit) == (4, None)
    assert rules(outcome, Verdict.PENDING) == ["soak", "evidence"]
    opens = [finding.opens for judgement in outcome.report.judgements for finding in judgement.findings]
    assert NOON + timedelta(hours=24) in opens
    story.attest("m@1.0.0", "load-test")
    story.later(hours=24)
    assert promoted(story, "m", to="production").tags == ("refs/tags/m/production/1",)


def test_on_a_branch_what_is_pending_is_committed_to_be_reviewed(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work", GATED)
    story.register("m", "1.0.0", to="staging", auc=0.9)
    story.git("switch", "--quiet", "--create", "work")
    tags = story.tags()
    outcome = promoted(story, "m", to="production")
    assert (outcome.exit_code, outcome.landed, outcome.tags) == (0, False, ())
    assert (outcome.branch, outcome.report.verdict) == ("refs/heads/work", Verdict.PENDING)
    assert story.tags() == tags


def test_a_worse_model_is_refused_with_its_numbers(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work", GATED)
    outcomes = []
    for version, auc in (("1.0.0", 0.95), ("1.1.0", 0.92)):
        story.register("m", version, to="staging", auc=auc)
        story.attest(f"m@{version}", "load-test")
        outcomes.append(promoted(story.later(hours=24), "m", to="production"))
    outcome = outcomes[-1]
    finding = next(found for found in outcome.report.judgements[0].findings if found.rule == "metrics")
    assert (outcome.exit_code, finding.verdict, finding.value) == (1, Verdict.REFUSED, "0.95 → 0.92")
    assert story.in_effect("m") == "1.0.0"


def test_a_dry_run_says_what_would_happen(served: Story) -> None:
    with unchanged(served.path):
        outcome = promoted(served, "fraud-detector", to="production", dry_run=True)
    assert (outcome.exit_code, outcome.dry_run, outcome.commit, outcome.tags) == (0, True, None, ())
    assert sorted(outcome.plan.edits) == ["production/fraud-detector.yaml"]


def test_a_dry_run_of_something_pending_says_so_also_on_a_branch(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work", GATED)
    story.register("m", "1.0.0", to="staging", auc=0.9)
    assert promoted(story, "m", to="production", dry_run=True).exit_code == 4
    story.git("switch", "--quiet", "--create", "work")
    with unchanged(story.path):
        assert promoted(story, "m", to="production", dry_run=True).exit_code == 0


def test_a_branch_that_does_not_know_the_version_yet_is_told_to_merge(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    bob = team.member("bob", now=ada.now)
    bob.git("switch", "--quiet", "--create", "work", "HEAD~1")
    assert bob.open_things() == []  # the ledger is here
    with unchanged(bob.path), pytest.raises(NoSuchThing, match="registered on main and not on this branch") as caught:
        bob.promote("fraud-detector", to="production")
    assert caught.value.hint == "git merge main, then try again"
    bob.git("merge", "--quiet", "origin/main")
    assert bob.promote("fraud-detector", to="production").exit_code == 0


def test_a_pattern_with_push_means_the_models_of_the_remotes_trunk(team: tuple[Team, Story]) -> None:
    team_, ada = team
    bob = team_.member("bob")
    ada.register("risk/a", "1.0.0", to="staging", push=True)
    outcome = bob.promote("risk/*", to="production", push=True)
    assert outcome.tags == ("refs/tags/risk/a/production/1",)
