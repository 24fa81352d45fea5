"""`tag` after every kind of landing, late, twice, on two machines, and beside tags that say something else."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from gitstage.errors import GitstageError
from gitstage.findings import Verdict
from gitstage.ledger import promotion_message
from gitstage.operations import log, tag
from gitstage.operations.landing import Outcome
from gitstage.operations.registries import TrunkRewritten
from tests.operations.stories import Story, Team

GATED = {
    "    # gates: [standard]             # all of them must pass": "    gates: [standard]\ngates: {standard: {soak: 24h}}",
}
KEPT = {"    # keep: 72h ": "    keep: 72h #"}


def landed(outcome: Outcome) -> str:
    assert outcome.commit is not None, outcome.report
    return outcome.commit


@pytest.fixture
def team(tmp_path: Path) -> tuple[Team, Story]:
    return Team.begun(tmp_path)


def branch_that_stages(story: Story, *versions: str) -> None:
    """A branch on which each of some versions is registered, and the last one staged, a commit each."""
    story.git("switch", "--quiet", "--create", "work")
    for version in versions:
        story.register("fraud-detector", version, auc=0.9)
    story.promote(f"fraud-detector@{versions[-1]}", to="staging")
    story.git("switch", "--quiet", "main")


def test_what_a_merge_commit_brings_takes_effect_at_the_merge(team: tuple[Team, Story]) -> None:
    _, ada = team
    branch_that_stages(ada, "1.0.0")
    ada.git("merge", "--quiet", "--no-ff", "-m", "merged", "work")
    ada.git("push", "--quiet", "origin", "main")
    outcome = ada.tag()
    assert outcome.tags == ("refs/tags/fraud-detector/v1.0.0", "refs/tags/fraud-detector/staging/1")
    assert [effect.commit for effect in outcome.effects] == [ada.git("rev-parse", "HEAD")]
    assert (outcome.pushed, outcome.exit_code) == (True, 0)


def test_what_a_squash_brings_takes_effect_at_the_squashed_commit(team: tuple[Team, Story]) -> None:
    _, ada = team
    branch_that_stages(ada, "1.0.0", "1.1.0")
    ada.git("merge", "--quiet", "--squash", "work")
    ada.git("commit", "--quiet", "-m", "squashed")
    ada.git("push", "--quiet", "origin", "main")
    assert ada.tag().tags == (
        "refs/tags/fraud-detector/v1.0.0",
        "refs/tags/fraud-detector/v1.1.0",
        "refs/tags/fraud-detector/staging/1",
    )
    assert ada.in_effect("fraud-detector", "staging") == "1.1.0"


def test_commits_of_a_rebase_are_judged_singly(team: tuple[Team, Story]) -> None:
    team_, ada = team
    branch_that_stages(ada, "1.0.0", "1.1.0")
    bob = team_.member("bob")
    bob.register("other", "1.0.0", push=True)
    ada.git("fetch", "--quiet")
    ada.git("switch", "--quiet", "work")
    ada.git("rebase", "--quiet", "origin/main")
    ada.git("push", "--quiet", "origin", "HEAD:main")
    line = ada.git("log", "--format=%H", "--reverse", "-3").splitlines()
    outcome = ada.tag()
    targets = {ref: ada.git("rev-parse", f"{ref}^{{commit}}") for ref in outcome.tags}
    assert targets == {
        "refs/tags/fraud-detector/v1.0.0": line[0],
        "refs/tags/fraud-detector/v1.1.0": line[1],
        "refs/tags/fraud-detector/staging/1": line[2],
    }


def test_a_pull_that_merged_the_trunk_the_other_way_round_is_one_step_and_said(team: tuple[Team, Story]) -> None:
    team_, ada = team
    bob = team_.member("bob")
    ada.register("fraud-detector", "1.0.0", to="staging", push=True)
    bob.register("other", "1.0.0")
    bob.promote("other@1.0.0", to="staging")
    bob.git("pull", "--quiet", "--no-rebase", "--no-edit", "origin", "main")
    bob.git("push", "--quiet", "origin", "main")
    outcome = ada.tag()
    # Registered and staged by two commits, which the merge turned into one step.
    assert outcome.tags == ("refs/tags/other/v1.0.0", "refs/tags/other/staging/1")
    assert "judged as one step" in outcome.notes[0]
    assert ada.in_effect("fraud-detector", "staging") == "1.0.0"


def test_running_again_changes_nothing(team: tuple[Team, Story]) -> None:
    team_, ada = team
    ada.register("fraud-detector", "1.0.0", to="staging")
    ada.git("push", "--quiet", "origin", "main")
    ada.tag()
    before = team_.refs()
    again = ada.later(hours=1).tag()
    assert (again.tags, again.pushed, team_.refs()) == ((), False, before)


def test_two_machines_at_once_make_one_set_of_tags(team: tuple[Team, Story]) -> None:
    team_, ada = team
    for number in range(5):
        ada.register(f"model-{number}x", "1.0.0", to="staging")
    ada.git("push", "--quiet", "origin", "main")
    others = [team_.member(f"machine-{number}") for number in range(3)]
    failures: list[BaseException] = []

    def run(story: Story) -> None:
        try:
            story.tag()
        except BaseException as error:  # noqa: BLE001 - shown below
            failures.append(error)

    threads = [threading.Thread(target=run, args=(story,)) for story in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    names = [name for name in team_.refs() if name.startswith("refs/tags/")]
    assert len(names) == 1 + 5 + 5
    assert ada.tag().tags == ()


def test_a_merge_before_the_soak_had_ended_waits_and_takes_effect_when_it_has(tmp_path: Path) -> None:
    _, ada = Team.begun(tmp_path, GATED)
    ada.register("fraud-detector", "1.0.0", to="staging", push=True)
    ada.later(hours=1)
    ada.git("switch", "--quiet", "--create", "too-early")
    assert ada.promote("fraud-detector", to="production").report.verdict is Verdict.PENDING
    ada.git("push", "--quiet", "origin", "HEAD:main")
    first = ada.tag()
    assert (first.exit_code, first.tags, list(first.state.open)) == (4, (), ["production/fraud-detector"])
    waiting = first.state.open["production/fraud-detector"]
    assert [finding.opens for finding in waiting.findings] == [ada.now + timedelta(hours=23)]
    assert ada.in_effect("fraud-detector") is None
    assert ada.later(hours=22).tag().tags == ()
    passed = ada.later(hours=1).tag()
    assert passed.tags == ("refs/tags/fraud-detector/production/1",)
    assert passed.effects[0].moment == ada.now
    assert (passed.exit_code, ada.in_effect("fraud-detector")) == (0, "1.0.0")


def test_a_commit_date_in_2038_hurries_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, ada = Team.begun(tmp_path, GATED)
    ada.register("fraud-detector", "1.0.0", to="staging", push=True)
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2038-01-19T03:14:07Z")
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2038-01-19T03:14:07Z")
    ada.git("switch", "--quiet", "--create", "from-the-future")
    ada.promote("fraud-detector", to="production")
    ada.git("push", "--quiet", "origin", "HEAD:main")
    assert ada.later(hours=1).tag().exit_code == 4
    assert ada.in_effect("fraud-detector") is None


def test_a_forced_push_of_something_refused_is_no_ground_for_a_good_change(team: tuple[Team, Story]) -> None:
    _, ada = team
    ada.register("fraud-detector", "1.0.0", to="staging", push=True)
    ada.promote("fraud-detector", to="production", push=True)
    text = ada.read("models/fraud-detector/1.0.0.yaml")
    rewritten = text.replace("size:", "size: 9") if "auc" not in text else text.replace("0.9", "0.99")
    ada.write("models/fraud-detector/1.0.0.yaml", rewritten)
    ada.commit("rewritten by force")
    ada.git("push", "--quiet", "--force", "origin", "main")
    refused = ada.tag()
    assert (refused.exit_code, list(refused.state.open)) == (1, ["records/fraud-detector"])

    ada.write("staging/fraud-detector.yaml", rewritten)
    ada.commit("a good change that builds on it")
    ada.git("push", "--quiet", "origin", "main")
    still = ada.tag()
    assert still.tags == ()
    assert sorted(still.state.open) == ["records/fraud-detector", "staging/fraud-detector"]
    assert ada.in_effect("fraud-detector", "staging") == "1.0.0"

    ada.withdraw("fraud-detector", push=True)
    assert ada.open_things() == []
    assert ada.read("models/fraud-detector/1.0.0.yaml") == text
    assert ada.tag().exit_code == 0


def test_a_tag_that_says_something_else_is_an_alarm_and_takes_its_number_out_of_use(team: tuple[Team, Story]) -> None:
    _, ada = team
    ada.register("fraud-detector", "1.0.0", to="staging", push=True)
    ada.git("tag", "-a", "-m", "trust me", "fraud-detector/production/1")
    found = log.run(ada.registry(), "fraud-detector")
    assert [alarm.ref for alarm in found.alarms] == ["refs/tags/fraud-detector/production/1"]
    ada.register("fraud-detector", "1.1.0")
    ada.git("push", "--quiet", "origin", "main")
    outcome = ada.tag()
    assert ([alarm.ref for alarm in outcome.alarms], outcome.exit_code) == ([found.alarms[0].ref], 1)
    assert ada.in_effect("fraud-detector") is None
    assert ada.promote("fraud-detector", to="production", push=True).tags == ("refs/tags/fraud-detector/production/2",)
    assert ada.in_effect("fraud-detector") == "1.0.0"


def test_a_tag_that_claims_what_its_commit_does_not_hold_is_an_alarm(team: tuple[Team, Story]) -> None:
    _, ada = team
    ada.register("fraud-detector", "1.0.0", to="staging", push=True)
    ada.register("fraud-detector", "1.1.0", push=True)
    registry = ada.registry()
    (effect,) = (effect for slot in registry.slots_of("fraud-detector") for effect in registry.past.effects(slot))
    head = ada.git("rev-parse", "HEAD")
    lie = promotion_message(
        type(effect)(**{**vars(effect), "number": 2, "after": "1.1.0", "after_blob": "1" * 40, "commit": head}),
        registry.identity.id,
    )
    ada.git("tag", "-a", "-m", lie, "--cleanup=verbatim", "fraud-detector/staging/2")
    assert ada.in_effect("fraud-detector", "staging") == "1.0.0"
    assert [alarm.why for alarm in log.run(ada.registry(), "fraud-detector").alarms] == [
        "the slot in its commit holds something else"
    ]


def test_a_tag_on_a_commit_that_never_was_on_the_trunk_does_not_count(team: tuple[Team, Story]) -> None:
    _, ada = team
    ada.register("fraud-detector", "1.0.0", to="staging", push=True)
    ada.register("fraud-detector", "1.1.0", push=True)
    ada.git("switch", "--quiet", "--create", "aside")
    commit = landed(ada.promote("fraud-detector@1.1.0", to="staging"))
    blob = ada.git("rev-parse", "HEAD:staging/fraud-detector.yaml")
    registry = ada.registry()
    (effect,) = (effect for slot in registry.slots_of("fraud-detector") for effect in registry.past.effects(slot))
    claim = promotion_message(
        type(effect)(**{**vars(effect), "number": 2, "after": "1.1.0", "after_blob": blob, "commit": commit}),
        registry.identity.id,
    )
    ada.git("tag", "-a", "-m", claim, "--cleanup=verbatim", "fraud-detector/staging/2")
    assert ada.in_effect("fraud-detector", "staging") == "1.0.0"
    assert [alarm.why for alarm in log.run(ada.registry(), "fraud-detector").alarms] == [
        "its commit is not in the trunk's history"
    ]


def test_a_users_tag_named_like_a_model_stops_that_model_only(team: tuple[Team, Story]) -> None:
    _, ada = team
    for model in ("fraud-detector", "other"):
        ada.register(model, "1.0.0")
    ada.git("push", "--quiet", "origin", "main")
    ada.git("tag", "fraud-detector")
    ada.copy("models/fraud-detector/1.0.0.yaml", "staging/fraud-detector.yaml")
    ada.copy("models/other/1.0.0.yaml", "staging/other.yaml")
    ada.commit("staged by hand")
    ada.git("push", "--quiet", "origin", "main")
    outcome = ada.tag()
    assert outcome.tags == ("refs/tags/other/v1.0.0", "refs/tags/other/staging/1")
    assert list(outcome.state.open) == ["staging/fraud-detector"]
    ada.git("tag", "--delete", "fraud-detector")
    assert "refs/tags/fraud-detector/staging/1" in ada.tag().tags


def test_a_trunk_that_was_rewritten_is_judged_no_further_until_somebody_says_why(team: tuple[Team, Story]) -> None:
    team_, ada = team
    ada.register("fraud-detector", "1.0.0", to="staging", push=True)
    ada.git("reset", "--quiet", "--hard", "HEAD~1")
    ada.register("other", "1.0.0")
    ada.git("push", "--quiet", "--force", "origin", "main")
    before = team_.refs()
    with pytest.raises(TrunkRewritten) as caught:
        ada.tag()
    assert caught.value.exit_code == 1
    assert "--rewritten --reason" in str(caught.value.hint)
    assert team_.refs() == before
    with pytest.raises(GitstageError, match="needs a reason"):
        tag.run(ada.registry(), rewritten=True)
    outcome = tag.run(ada.registry(), rewritten=True, reason="the history held a password")
    # Nothing is removed from a registry: what is gone is open. Tags on commits that are gone count no longer.
    assert sorted(outcome.state.open) == ["records/fraud-detector"]
    assert ada.in_effect("fraud-detector", "staging") is None
    assert "refs/tags/other/v1.0.0" in outcome.tags


def test_a_lost_ledger_is_not_taken_for_a_new_registry(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work")
    story.register("fraud-detector", "1.0.0", to="staging")
    ledger = story.registry().identity.ledger_ref
    story.git("update-ref", "-d", ledger)
    with pytest.raises(GitstageError, match="is not here") as caught:
        story.tag()
    assert ledger in caught.value.message
    assert caught.value.hint == "gitstage audit --remake-ledger"


def test_a_fresh_clone_fetches_the_ledger_by_itself(team: tuple[Team, Story]) -> None:
    team_, ada = team
    ada.register("fraud-detector", "1.0.0", to="staging", push=True)
    bob = team_.member("bob")
    assert not [name for name in bob.refs() if name.startswith("refs/gitstage/")]
    assert bob.check().passed
    assert [name for name in bob.refs() if name.startswith("refs/gitstage/")] != []


def test_the_ledger_may_be_a_branch(tmp_path: Path) -> None:
    team_, ada = Team.begun(tmp_path, {"# tags: ci ": "ledger: refs/heads/gitstage-ledger\n# tags: ci "})
    ada.register("fraud-detector", "1.0.0", to="staging", push=True)
    assert "refs/heads/gitstage-ledger" in team_.refs()
    assert [name for name in team_.refs() if name.startswith("refs/gitstage/")] == []
    bob = team_.member("bob")
    assert bob.promote("fraud-detector", to="production", push=True).tags == ("refs/tags/fraud-detector/production/1",)
    assert ada.tag().tags == ()


def test_where_a_workflow_tags_a_push_does_not(tmp_path: Path) -> None:
    _, ada = Team.begun(tmp_path, {"# tags: ci ": "tags: ci #"})
    outcome = ada.register("fraud-detector", "1.0.0", to="staging", push=True)
    assert (outcome.landed, outcome.tags) == (True, ())
    assert ada.in_effect("fraud-detector", "staging") is None
    assert ada.tag().exit_code == 0
    assert ada.in_effect("fraud-detector", "staging") == "1.0.0"
    assert ada.promote("fraud-detector", to="production", push=True).tags == ()
    ada.tag()
    ada.register("fraud-detector", "1.1.0", to="staging", push=True)
    ada.tag()
    ada.promote("fraud-detector", to="production", push=True)
    ada.tag()
    # A rollback does not wait for the workflow.
    assert ada.rollback("fraud-detector@production", push=True).tags == ("refs/tags/fraud-detector/production/3",)
    assert ada.in_effect("fraud-detector") == "1.0.0"


def test_a_remote_that_lets_only_its_workflow_tag_takes_the_rollback_all_the_same(tmp_path: Path) -> None:
    team_, ada = Team.begun(tmp_path, {"# tags: ci ": "tags: ci #"})
    for version in ("1.0.0", "1.1.0"):
        ada.register("fraud-detector", version, to="staging", push=True)
        ada.tag()
        ada.promote("fraud-detector", to="production", push=True)
        ada.tag()
    hook = team_.remote / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\ncase "$1" in refs/tags/*) echo "only the workflow tags" >&2; exit 1;; esac\n')
    hook.chmod(0o755)
    outcome = ada.rollback("fraud-detector@production", push=True)
    assert (outcome.landed, outcome.exit_code) == (True, 0)
    assert team_.refs()["refs/heads/main"] == outcome.commit
    hook.unlink()
    assert ada.tag().tags == ("refs/tags/fraud-detector/production/3",)


def test_a_dry_run_says_what_would_take_effect_and_writes_nothing(team: tuple[Team, Story]) -> None:
    team_, ada = team
    ada.register("fraud-detector", "1.0.0", to="staging")
    ada.git("push", "--quiet", "origin", "main")
    before, here = team_.refs(), ada.refs()
    outcome = tag.run(ada.registry(), dry_run=True)
    assert [effect.name for effect in outcome.effects] == ["fraud-detector/staging/1"]
    assert (team_.refs(), ada.refs()) == (before, here)


def test_a_tags_body_says_what_came_in_what_went_out_and_why(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work", GATED)
    story.register("fraud-detector", "1.0.0", to="staging", auc=0.9)
    story.later(days=1)
    commit = landed(story.promote("fraud-detector", to="production"))
    subject, _, body = story.git("tag", "--list", "--format=%(contents)", "fraud-detector/production/1").partition(
        "\n\n"
    )
    blob = story.git("rev-parse", "HEAD:production/fraud-detector.yaml")
    assert subject == "fraud-detector: promote 1.0.0 to production"
    registry = story.registry()
    assert json.loads(body) == {
        "schema": "gitstage/promotion/v1",
        "registry": registry.identity.id,
        "model": "fraud-detector",
        "stage": "production",
        "number": 1,
        "action": "promote",
        "commit": commit,
        "moment": "2026-03-02T12:00:00Z",
        "in": {"version": "1.0.0", "blob": blob},
        "out": None,
        "source": "staging",
        "policy": registry.past.current(registry.slots_of("fraud-detector")[1]).policy,  # type: ignore[union-attr]
        "approvers": [],
        "word": None,
        "debts": [],
        "findings": [
            {
                "rule": "soak",
                "verdict": "passed",
                "message": "1d in staging of 1d",
                "gate": "standard",
                "value": "1d",
                "threshold": "1d",
            }
        ],
    }


def test_a_clock_that_goes_back_does_not_judge_before_the_last_run(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work")
    story.later(days=1).register("fraud-detector", "1.0.0", to="staging")
    story.later(days=-5).promote("fraud-detector", to="production")
    registry = story.registry()
    moments = [effect.moment for slot in registry.slots_of("fraud-detector") for effect in registry.past.effects(slot)]
    assert moments == sorted(moments)
    assert moments[0] == moments[1]
