from __future__ import annotations

from pathlib import Path

import pytest

from gitstage.changes import FILE, Entry
from gitstage.errors import GitstageError, NoSuchThing
from gitstage.git import RefUpdate
from gitstage.operations import withdraw
from tests.operations.pictures import unchanged
from tests.operations.stories import Story, Team

GATED = {
    "    # gates: [standard]             # all of them must pass": "    gates: [standard]\ngates: {standard: {soak: 24h}}"
}


@pytest.fixture
def early(tmp_path: Path) -> Story:
    """1.0.0 serves; 1.1.0 was put into production before its soak had ended, and waits."""
    story = Story.begun(tmp_path / "work", GATED)
    story.register("m", "1.0.0", to="staging")
    story.later(hours=24).promote("m", to="production")
    story.register("m", "1.1.0", to="staging")
    story.copy("models/m/1.1.0.yaml", "production/m.yaml")
    story.commit("too early")
    assert story.tag().exit_code == 4
    return story


def test_what_waits_is_taken_back(early: Story) -> None:
    outcome = early.withdraw("m@production")
    assert (outcome.exit_code, outcome.tags, early.open_things()) == (0, (), [])
    assert early.read("production/m.yaml") == early.read("models/m/1.0.0.yaml")
    assert early.in_effect("m") == "1.0.0"
    assert early.git("log", "-1", "--format=%s") == "m: withdraw what never passed"
    assert early.tag().exit_code == 0


def test_after_a_withdrawal_the_same_can_be_promoted_once_more(early: Story) -> None:
    early.withdraw("m@production")
    assert early.later(hours=24).promote("m", to="production").tags == ("refs/tags/m/production/2",)


def test_a_model_alone_means_its_slots_and_its_records(early: Story) -> None:
    early.write("models/m/1.0.0.yaml", "rewritten")
    early.write("evidence/m/1.0.0/x/2.json", "{}")
    early.commit("by hand")
    early.tag()
    assert early.open_things() == ["production/m", "records/m"]
    early.withdraw("m")
    assert early.open_things() == []
    assert not (early.path / "evidence/m").exists()
    assert "size: 7" in early.read("models/m/1.0.0.yaml")


def test_a_path_deeper_than_pythons_stack_is_seen_refused_and_withdrawn(served: Story) -> None:
    deep = "/".join("d" for _ in range(1200))
    repo = served.open()
    blob = Entry(FILE, repo.write_blob(b"x"))
    head = served.git("rev-parse", "HEAD")
    tree = repo.write_tree(head, {f"artifacts/fraud-detector/1.0.0/{deep}/x": blob, f"staging/{deep}/x": blob})
    commit = repo.write_commit(tree, [head], "deep")
    repo.transact([RefUpdate("refs/heads/main", commit, head)], reason="by force")
    served.git("reset", "--quiet", "--hard")
    assert served.tag().exit_code == 1
    assert served.open_things() == ["policy", "records/fraud-detector"]
    assert served.withdraw("fraud-detector").exit_code == 0
    assert served.withdraw(policy=True).exit_code == 0
    assert served.open_things() == []
    assert served.git("rev-parse", "HEAD^{tree}") == served.git("rev-parse", f"{head}^{{tree}}")


def test_what_was_removed_is_put_back(served: Story) -> None:
    text = served.read("production/fraud-detector.yaml")
    served.git("rm", "-q", "-r", "production/fraud-detector.yaml", "models/fraud-detector", "archived/fraud-detector")
    served.commit("removed by force")
    assert served.tag().exit_code == 1
    outcome = served.withdraw("fraud-detector")
    assert (outcome.exit_code, served.open_things()) == (0, [])
    assert served.read("production/fraud-detector.yaml") == text
    assert served.git("status", "--porcelain") == ""


def test_a_slot_that_never_held_anything_goes_again(served: Story) -> None:
    served.write("production/other.yaml", "nonsense")
    served.commit("by hand")
    served.tag()
    assert served.open_things() == ["production/other"]
    served.withdraw("other@production")
    assert served.open_things() == []
    assert not (served.path / "production/other.yaml").exists()


def test_a_policy_that_never_passed_is_put_back(served: Story) -> None:
    text = served.read("gitstage.yaml")
    served.write("gitstage.yaml", text.replace("id: ", "id: 0"))
    served.write("staging/stray.txt", "x")
    served.commit("another id")
    assert served.tag().exit_code == 1
    outcome = served.withdraw(policy=True)
    assert (outcome.exit_code, served.open_things()) == (0, [])
    assert served.read("gitstage.yaml") == text
    assert not (served.path / "staging/stray.txt").exists()
    assert served.git("log", "-1", "--format=%s") == "gitstage: withdraw what never passed of the policy"


def test_a_policy_that_cannot_be_read_stops_nobody_and_is_put_back(served: Story) -> None:
    served.write("gitstage.yaml", "stages: [")
    served.commit("broken")
    assert served.tag().exit_code == 1
    assert served.promote("fraud-detector", to="production").exit_code == 0
    assert served.in_effect("fraud-detector") == "1.2.0"
    assert served.withdraw(policy=True).exit_code == 0
    assert served.open_things() == []


def test_files_beside_the_registry_are_nobodys_to_withdraw(served: Story) -> None:
    served.write("README.md", "mine")
    served.write("train.py", "mine")
    served.write("gitstage.yaml", "stages: [")
    served.commit("broken, and more")
    served.tag()
    served.withdraw(policy=True)
    assert (served.read("README.md"), served.read("train.py")) == ("mine", "mine")


def test_where_nothing_waits_nothing_is_done(served: Story) -> None:
    for what, policy in (
        ("fraud-detector", False),
        ("fraud-detector@production", False),
        (None, True),
    ):
        with unchanged(served.path):
            outcome = served.withdraw(what, policy=policy)
        assert (outcome.exit_code, outcome.commit, outcome.plan.is_empty) == (0, None, True)


def test_a_model_that_is_not_there_is_said(served: Story) -> None:
    with unchanged(served.path), pytest.raises(NoSuchThing, match="there is no model nobody"):
        served.withdraw("nobody")


def test_a_first_policy_that_never_passed_has_nothing_to_go_back_to(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work")
    story.git("update-ref", "-d", story.registry().identity.ledger_ref)
    story.git("tag", "--delete", "policy/1")
    story.write("gitstage.yaml", story.read("gitstage.yaml") + "nonsense: 1\n")
    story.git("commit", "--quiet", "--all", "--amend", "-m", "never valid")
    with unchanged(story.path), pytest.raises(GitstageError, match="no policy has passed yet"):
        story.withdraw(policy=True)


@pytest.mark.parametrize(
    ("what", "policy", "why"),
    [
        (None, False, "takes a model, a slot or --policy"),
        ("fraud-detector", True, "takes a model, a slot or --policy"),
        ("fraud-detector@shadow", False, "there is no stage 'shadow'"),
        ("fraud-detector@production~1", False, "~1 counts back"),
    ],
)
def test_what_cannot_be_withdrawn_is_said(served: Story, what: str | None, policy: bool, why: str) -> None:
    with unchanged(served.path), pytest.raises(GitstageError) as caught:
        served.withdraw(what, policy=policy)
    assert why in caught.value.message


def test_a_dry_run_changes_nothing(early: Story) -> None:
    with unchanged(early.path):
        outcome = withdraw.run(early.registry(), "m@production", dry_run=True)
        assert withdraw.run(early.registry(), None, policy=True, dry_run=True).plan.is_empty
    assert sorted(outcome.plan.edits) == ["production/m.yaml"]


def test_it_lands_with_push(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    ada.write("production/fraud-detector.yaml", "nonsense")
    ada.write("gitstage.yaml", "nonsense")
    ada.commit("by force")
    ada.git("push", "--quiet", "--force", "origin", "main")
    assert ada.tag().exit_code == 1
    bob = team.member("bob", now=ada.now)
    assert bob.withdraw("fraud-detector@production", push=True).landed
    assert bob.withdraw(policy=True, push=True).landed
    assert bob.open_things() == []
    assert ada.tag().exit_code == 0


def test_a_revert_button_is_refused_and_the_way_back_is_named(served: Story) -> None:
    served.promote("fraud-detector", to="production")
    served.git("revert", "--no-edit", "HEAD~1")  # the registration of 1.2.0, which a revert button takes back whole
    outcome = served.tag()
    assert outcome.exit_code == 1
    waiting = outcome.state.open["records/fraud-detector"]
    assert {found.rule for found in waiting.findings} >= {"nothing-removed"}
    assert waiting.way_back == "gitstage withdraw fraud-detector"
    assert served.in_effect("fraud-detector") == "1.2.0"
    assert served.withdraw("fraud-detector").exit_code == 0
    assert (served.open_things(), served.tag().exit_code) == ([], 0)


def test_a_stage_that_is_not_there_is_said(story: Story) -> None:
    with pytest.raises(NoSuchThing):
        story.withdraw("nobody@nowhere")
