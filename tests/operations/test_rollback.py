from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gitstage.approvals import Said
from gitstage.errors import GitstageError, NoSuchThing
from gitstage.findings import Verdict
from gitstage.operations import rollback
from gitstage.operations.landing import Outcome
from tests.operations.pictures import unchanged
from tests.operations.signatories import make_keys, policy, said_in
from tests.operations.stories import Story, Team
from tests.signatures.hands import public

GATED = {
    "    # gates: [standard]             # all of them must pass": (
        "    gates: [standard]\ngates: {standard: {soak: 24h, metrics: [{name: auc, max-drop: 0.01}]}}"
    )
}


def rolled(story: Story, what: str | None, **options: object) -> Outcome:
    return rollback.run(story.registry(), what, **{"reason": "false positives", **options})  # type: ignore[arg-type]


def test_it_goes_back_to_what_served_before_archives_what_goes_and_holds_it(served: Story) -> None:
    outcome = rolled(served, "fraud-detector@production", reason="false positives\nsince 14:00")
    assert (outcome.exit_code, outcome.landed) == (0, True)
    assert outcome.tags == ("refs/tags/fraud-detector/production/3",)
    assert served.in_effect("fraud-detector") == "1.0.0"
    assert served.read("production/fraud-detector.yaml") == served.read("models/fraud-detector/1.0.0.yaml")
    assert served.read("holds/fraud-detector/1.1.0.yaml") == (
        "apiVersion: gitstage/v1\nkind: Hold\nmodel: fraud-detector\nversion: 1.1.0\nstate: held\n"
        'reason: "false positives\\nsince 14:00"\n'
    )
    assert (
        served.git("log", "-1", "--format=%B")
        == f"""\
fraud-detector: roll production back to 1.0.0

false positives since 14:00

Gitstage-Action: rollback
Gitstage-Version: fraud-detector@1.0.0
Gitstage-From: archived
Gitstage-To: production
Gitstage-Replaces: 1.1.0
Gitstage-Manifest: {served.git("rev-parse", "HEAD:models/fraud-detector/1.0.0.yaml")}
Gitstage-Reason: false positives since 14:00
"""
    )
    # The hold keeps it from being promoted again.
    assert served.promote("fraud-detector@1.1.0", to="staging").report.verdict is Verdict.REFUSED


def test_it_waits_for_no_gate(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work")
    for version, auc in (("1.0.0", 0.5), ("1.1.0", 0.9)):
        story.register("m", version, to="staging", auc=auc)
        story.promote("m", to="production")
    story.amend(GATED)
    outcome = rolled(story, "m@production")
    assert (outcome.exit_code, story.in_effect("m")) == (0, "1.0.0")


def test_without_a_hold_it_can_be_promoted_again(served: Story) -> None:
    rolled(served, "fraud-detector@production", hold=False)
    assert not (served.path / "holds").exists()
    assert served.promote("fraud-detector@1.1.0", to="staging").exit_code == 0


def test_versions_that_are_held_are_skipped_and_said(served: Story) -> None:
    served.promote("fraud-detector", to="production")
    served.hold("fraud-detector@1.1.0")
    outcome = rolled(served, "fraud-detector@production")
    assert outcome.notes == ("skipped 1.1.0: leaks a feature",)
    assert served.in_effect("fraud-detector") == "1.0.0"


def test_a_hold_that_was_taken_away_by_force_still_holds_and_is_put_back(served: Story) -> None:
    served.promote("fraud-detector", to="production")
    served.hold("fraud-detector@1.1.0")
    text = served.read("holds/fraud-detector/1.1.0.yaml")
    served.git("rm", "--quiet", "holds/fraud-detector/1.1.0.yaml")
    served.commit("removed by force")
    assert served.tag().exit_code == 1
    outcome = rolled(served, "fraud-detector@production")
    assert (outcome.exit_code, outcome.notes) == (0, ("skipped 1.1.0: leaks a feature",))
    assert served.in_effect("fraud-detector") == "1.0.0"
    served.withdraw("fraud-detector")
    assert (served.read("holds/fraud-detector/1.1.0.yaml"), served.open_things()) == (text, [])


def test_a_hold_on_what_goes_out_is_put_where_somebody_took_it_away(served: Story) -> None:
    served.hold("fraud-detector@1.1.0")
    served.git("rm", "--quiet", "holds/fraud-detector/1.1.0.yaml")
    served.commit("removed by force")
    served.tag()
    assert served.open_things() == ["records/fraud-detector"]
    rolled(served, "fraud-detector@production")
    # The rollback put another hold there: nothing is missing any more.
    assert "reason: false positives" in served.read("holds/fraud-detector/1.1.0.yaml")
    assert (served.in_effect("fraud-detector"), served.open_things()) == ("1.0.0", [])


def test_a_hold_that_was_released_by_force_still_holds(served: Story) -> None:
    served.promote("fraud-detector", to="production")
    served.hold("fraud-detector@1.1.0")
    text = served.read("holds/fraud-detector/1.1.0.yaml")
    served.write("holds/fraud-detector/1.1.0.yaml", text.replace("state: held", "state: released"))
    # A release that waits with the model's records is none.
    served.write("models/fraud-detector/1.0.0.yaml", "rewritten")
    served.commit("by hand")
    served.tag()
    outcome = rolled(served, "fraud-detector@production")
    assert (outcome.notes, served.in_effect("fraud-detector")) == (("skipped 1.1.0: leaks a feature",), "1.0.0")


def test_what_waits_for_its_policy_is_withdrawn_first_and_then_rolled_back(served: Story) -> None:
    served.copy("models/fraud-detector/1.0.0.yaml", "production/fraud-detector.yaml")
    served.write("gitstage.yaml", served.read("gitstage.yaml") + "# of another mind\n")
    served.commit("back by hand, and the policy with it")
    assert served.tag().exit_code == 1
    for hold in (True, False):
        with unchanged(served.path):
            outcome = rolled(served, "fraud-detector@production", hold=hold)
        assert (outcome.exit_code, outcome.commit) == (1, None)
        (refusal,) = [
            found
            for judgement in outcome.report.judgements
            for found in judgement.findings
            if found.verdict is not Verdict.PASSED
        ]
        assert refusal.rule == "policy-alone"
        assert refusal.hint == (
            "gitstage withdraw fraud-detector@production, then: gitstage rollback fraud-detector@production --reason …"
        )
    assert served.in_effect("fraud-detector") == "1.1.0"
    served.withdraw("fraud-detector@production")
    assert rolled(served, "fraud-detector@production").exit_code == 0
    assert (served.in_effect("fraud-detector"), served.open_things()) == ("1.0.0", [])


def test_where_everything_before_is_held_nothing_is_done(served: Story) -> None:
    served.hold("fraud-detector@1.0.0")
    with unchanged(served.path), pytest.raises(NoSuchThing, match="has held nothing to go back to") as caught:
        rolled(served, "fraud-detector@production")
    assert "skipped 1.0.0: leaks a feature" in caught.value.message
    assert "gitstage archive fraud-detector@production" in str(caught.value.hint)


def test_a_version_that_has_been_there_can_be_named(served: Story) -> None:
    served.promote("fraud-detector", to="production")
    outcome = rolled(served, "fraud-detector@production", to="1.0.0")
    assert (outcome.exit_code, served.in_effect("fraud-detector")) == (0, "1.0.0")
    # What it jumped over is not held: only what went out is.
    assert [path.name for path in (served.path / "holds/fraud-detector").iterdir()] == ["1.2.0.yaml"]


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("1.2.0", "1.2.0 has never been in effect in production"),
        ("1.1.0", "1.1.0 is what is in effect in production"),
        ("9.9.9", "9.9.9 has never been in effect"),
        ("staging", "staging has never been in effect"),
    ],
)
def test_a_version_that_has_not_been_there_is_refused(served: Story, to: str, why: str) -> None:
    with unchanged(served.path), pytest.raises(NoSuchThing) as caught:
        rolled(served, "fraud-detector@production", to=to)
    assert why in caught.value.message


def test_a_held_version_can_be_named_and_is_refused_by_its_rule(served: Story) -> None:
    served.hold("fraud-detector@1.0.0")
    with unchanged(served.path):
        outcome = rolled(served, "fraud-detector@production", to="1.0.0")
    assert outcome.exit_code == 1
    assert [found.rule for found in outcome.report.judgements[0].findings if found.verdict is Verdict.REFUSED] == [
        "held"
    ]


def test_typed_twice_it_is_once(served: Story) -> None:
    served.promote("fraud-detector", to="production")
    rolled(served, "fraud-detector@production")
    with unchanged(served.path):
        again = rolled(served, "fraud-detector@production")
    assert (again.exit_code, again.plan.is_empty, served.in_effect("fraud-detector")) == (0, True, "1.1.0")
    assert "for this reason already" in again.notes[0]
    rolled(served, "fraud-detector@production", reason="another reason")
    assert served.in_effect("fraud-detector") == "1.0.0"


def test_it_leaves_what_is_in_effect_also_where_something_else_waits(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work")
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        story.register("m", version, to="staging", auc=0.9)
        if version != "1.2.0":
            story.promote("m", to="production")
    story.amend(GATED)
    story.copy("models/m/1.2.0.yaml", "production/m.yaml")
    story.commit("too early")
    assert story.tag().exit_code == 4
    outcome = rolled(story, "m@production")
    assert (outcome.exit_code, story.in_effect("m"), story.open_things()) == (0, "1.0.0", [])
    # What waited is held as well, so that nothing promotes it again.
    assert sorted(path.name for path in (story.path / "holds/m").iterdir()) == ["1.1.0.yaml", "1.2.0.yaml"]
    assert sorted(path.name for path in (story.path / "archived/m").iterdir()) == [
        "1.0.0.yaml",
        "1.1.0.yaml",
        "1.2.0.yaml",
    ]


def test_it_takes_effect_while_the_models_records_are_open(served: Story) -> None:
    text = served.read("models/fraud-detector/1.0.0.yaml")
    served.write("models/fraud-detector/1.0.0.yaml", text.replace("auc: 0.9", "auc: 0.99"))
    served.commit("rewritten")
    assert served.tag().exit_code == 1
    outcome = rolled(served, "fraud-detector@production")
    assert served.in_effect("fraud-detector") == "1.0.0"
    # Its bytes are those that passed, not the rewritten ones.
    assert served.read("production/fraud-detector.yaml") == text
    assert outcome.tags == ("refs/tags/fraud-detector/production/3",)
    # It takes effect; the model's records stay what they were: open, and the command says so.
    assert served.open_things() == ["records/fraud-detector"]


def test_everything_that_one_promotion_changed_goes_back_together(story: Story) -> None:
    for version in ("1.0.0", "1.1.0"):
        for model in ("a", "b"):
            story.register(model, version, to="staging")
        story.promote("a", "b", to="production")
    story.register("b", "1.2.0", to="staging")
    before = story.git("rev-parse", "HEAD")
    outcome = rolled(story, None, change="a/production/2")
    assert outcome.tags == ("refs/tags/a/production/3", "refs/tags/b/production/3")
    assert (story.in_effect("a"), story.in_effect("b"), story.in_effect("b", "staging")) == ("1.0.0", "1.0.0", "1.2.0")
    assert story.git("rev-parse", "HEAD~1") == before
    assert story.git("log", "-1", "--format=%s") == "gitstage: roll back a/production/2"


@pytest.mark.parametrize(
    ("what", "options", "why"),
    [
        ("fraud-detector", {}, "names no stage"),
        ("fraud-detector@shadow", {}, "there is no stage 'shadow'"),
        ("fraud-detector@1.0.0", {}, "there is no stage '1.0.0'"),
        ("fraud-detector@production~1", {}, "~1 counts back"),
        ("nobody@production", {}, "there is no model nobody"),
        ("fraud-detector@production", {"change": "fraud-detector/production/2"}, "--change rolls back everything"),
        (None, {"change": "fraud-detector/production/2", "to": "1.0.0"}, "--change rolls back everything"),
        (None, {}, "what is to be rolled back?"),
        (None, {"change": "fraud-detector/production/99"}, "there is no tag"),
        (None, {"change": "fraud-detector/v1.0.0"}, "is no promotion that took effect"),
        (None, {"change": "policy/1"}, "is no promotion that took effect"),
        ("fraud-detector@production", {"reason": " \n"}, "a reason has 1 to 10000 characters"),
    ],
)
def test_what_cannot_be_rolled_back_is_said(served: Story, what: str | None, options: dict[str, str], why: str) -> None:
    with unchanged(served.path), pytest.raises(GitstageError) as caught:
        rolled(served, what, **options)
    assert why in caught.value.message


def test_the_first_version_has_nothing_before_it(story: Story) -> None:
    story.register("m", "1.0.0", to="staging")
    story.promote("m", to="production")
    with unchanged(story.path), pytest.raises(NoSuchThing, match="has held nothing to go back to"):
        rolled(story, "m@production")


def test_an_emptied_slot_is_left_by_a_promotion_and_not_by_a_rollback(served: Story) -> None:
    served.archive("fraud-detector@production")
    with unchanged(served.path), pytest.raises(NoSuchThing, match="nothing is in effect in production"):
        rolled(served, "fraud-detector@production")


def test_a_rollback_over_an_emptying_goes_to_what_served(served: Story) -> None:
    served.archive("fraud-detector@production")
    served.promote("fraud-detector", to="production")
    rolled(served, "fraud-detector@production")
    assert served.in_effect("fraud-detector") == "1.1.0"


def test_a_dry_run_changes_nothing(served: Story) -> None:
    with unchanged(served.path):
        outcome = rolled(served, "fraud-detector@production", dry_run=True)
    assert (outcome.exit_code, outcome.dry_run) == (0, True)
    assert sorted(outcome.plan.edits) == ["holds/fraud-detector/1.1.0.yaml", "production/fraud-detector.yaml"]


def test_it_lands_with_push_whatever_lies_in_this_clone(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    bob = team.member("bob", now=ada.now)
    ada.promote("fraud-detector", to="production", push=True)
    # Bob's clone is behind, and he is in the middle of something.
    bob.write("production/fraud-detector.yaml", "half done")
    outcome = bob.rollback("fraud-detector@production", push=True)
    assert (outcome.exit_code, outcome.tags) == (0, ("refs/tags/fraud-detector/production/4",))
    assert bob.in_effect("fraud-detector") == "1.1.0"
    assert bob.read("production/fraud-detector.yaml") == "half done"
    assert team.refs()["refs/heads/main"] == outcome.commit


# In one's own name


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_keys(tmp_path_factory.mktemp("keys"))


def signed(story: Story, *keys: Path, **options: Any) -> Outcome:
    sign = [str(key) for key in keys]
    return rollback.run(story.registry(), "fraud-detector@production", reason="it was\nbad", sign=sign, **options)


def test_who_is_on_call_signs_a_rollback_and_nothing_waits(served: Story, keys: dict[str, Path]) -> None:
    served.amend(policy(keys, soak="240h", windows="[{deny: Fri 16:00 - Mon 08:00, timezone: UTC}]"))
    with unchanged(served.path):
        assert served.rollback("fraud-detector@production").exit_code == 4
    outcome = signed(served, keys["cara"])
    path = "evidence/fraud-detector/1.0.0/rollback-cara/1.json"
    assert (outcome.exit_code, outcome.tags) == (0, ("refs/tags/fraud-detector/production/3",))
    assert path in outcome.plan.edits
    said, signed_by = said_in(served, path)
    assert isinstance(said, Said)
    assert (said.kind, said.about.version, said.about.change, said.reason) == ("rollback", "1.0.0", 2, "it was bad")
    assert signed_by == {public(keys["cara"])}
    assert served.git("log", "-1", "--format=%s") == "fraud-detector: roll production back to 1.0.0"
    with unchanged(served.path):
        assert signed(served, keys["cara"]).commit is None


def test_who_may_not_roll_back_is_told_who_may(served: Story, keys: dict[str, Path]) -> None:
    served.amend(policy(keys, soak="240h"))
    served.amend({"rollback: {by: [owners, oncall], settle: 72h}": "rollback: {by: [owners]}"})
    with unchanged(served.path), pytest.raises(GitstageError, match="cara may not: it has to be ada or bob"):
        signed(served, keys["cara"])


def test_where_nobody_may_alone_it_is_an_approval(served: Story, keys: dict[str, Path]) -> None:
    served.amend(policy(keys, soak="240h"))
    served.amend({"    rollback: {by: [owners, oncall], settle: 72h}\n": ""})
    outcome = signed(served, keys["bob"], dry_run=True)
    assert "evidence/fraud-detector/1.0.0/approval-bob/1.json" in outcome.plan.edits
