from __future__ import annotations

import pytest

from gitstage.errors import GitstageError, NoSuchThing
from gitstage.findings import Verdict
from gitstage.operations import archive
from tests.operations.pictures import unchanged
from tests.operations.stories import Story, Team

EMPTY = "apiVersion: gitstage/v1\nkind: EmptySlot\nmodel: fraud-detector\n"


def test_a_slot_is_emptied_and_what_was_in_it_is_listed(served: Story) -> None:
    outcome = served.archive("fraud-detector@staging")
    assert (outcome.exit_code, outcome.tags) == (0, ("refs/tags/fraud-detector/staging/4",))
    assert served.read("staging/fraud-detector.yaml") == EMPTY
    assert served.read("archived/fraud-detector/1.2.0.yaml") == served.read("models/fraud-detector/1.2.0.yaml")
    assert served.in_effect("fraud-detector", "staging") is None
    assert served.in_effect("fraud-detector") == "1.1.0"
    assert served.git("log", "-1", "--format=%s") == "fraud-detector: archive 1.2.0, staging is empty"
    assert served.git("status", "--porcelain") == ""


def test_the_file_of_a_slot_is_never_removed(served: Story) -> None:
    served.archive("fraud-detector@production")
    changed = served.git("show", "--name-status", "--format=", "--no-renames", "HEAD")
    assert [line for line in changed.splitlines() if line.startswith("D")] == []


def test_what_is_archived_can_come_back(served: Story) -> None:
    served.archive("fraud-detector@staging")
    assert served.promote("fraud-detector@1.2.0", to="staging").tags == ("refs/tags/fraud-detector/staging/5",)
    assert served.in_effect("fraud-detector", "staging") == "1.2.0"


def test_a_version_in_no_slot_is_listed(served: Story) -> None:
    served.register("fraud-detector", "2.0.0")
    outcome = served.archive("fraud-detector@2.0.0")
    assert (outcome.exit_code, sorted(outcome.plan.edits)) == (0, ["archived/fraud-detector/2.0.0.yaml"])
    with unchanged(served.path):
        again = served.archive("fraud-detector@2.0.0")
    assert (again.exit_code, again.plan.is_empty) == (0, True)


def test_a_version_that_serves_is_archived_by_its_stage(served: Story) -> None:
    for what, stage in (("1.1.0", "production"), ("1.2.0", "staging")):
        with unchanged(served.path), pytest.raises(GitstageError, match=f"@{what} is in {stage}") as caught:
            served.archive(f"fraud-detector@{what}")
        assert caught.value.hint == f"empty that slot: gitstage archive fraud-detector@{stage} --reason …"


def test_a_slot_that_is_empty_cannot_be_emptied(served: Story) -> None:
    served.archive("fraud-detector@staging")
    with unchanged(served.path), pytest.raises(NoSuchThing, match="staging of fraud-detector is empty"):
        served.archive("fraud-detector@staging")


def test_what_is_declared_and_waits_is_archived_with_what_is_in_effect(served: Story) -> None:
    served.register("fraud-detector", "2.0.0")
    served.copy("models/fraud-detector/2.0.0.yaml", "production/fraud-detector.yaml")
    served.commit("skips staging")
    assert served.tag().exit_code == 1
    outcome = served.archive("fraud-detector@production")
    assert outcome.exit_code == 0
    assert served.open_things() == []
    listed = served.git("ls-tree", "--name-only", "HEAD", "archived/fraud-detector/").splitlines()
    assert [name.rpartition("/")[2] for name in listed] == ["1.0.0.yaml", "1.1.0.yaml", "2.0.0.yaml"]


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("fraud-detector", "names neither a stage nor a version"),
        ("fraud-detector@shadow", "has no version shadow"),
        ("fraud-detector@9.9.9", "has no version 9.9.9"),
        ("nobody@production", "there is no model nobody"),
        ("nobody@1.0.0", "there is no model nobody"),
        ("fraud-detector@production~1", "~1 counts back"),
    ],
)
def test_what_cannot_be_archived_is_said(served: Story, what: str, why: str) -> None:
    with unchanged(served.path), pytest.raises(GitstageError) as caught:
        served.archive(what)
    assert why in caught.value.message


def test_a_dry_run_changes_nothing(served: Story) -> None:
    with unchanged(served.path):
        outcome = archive.run(served.registry(), "fraud-detector@staging", reason="old", dry_run=True)
    assert sorted(outcome.plan.edits) == ["archived/fraud-detector/1.2.0.yaml", "staging/fraud-detector.yaml"]
    assert (outcome.exit_code, outcome.commit) == (0, None)


def test_archived_on_the_trunk_while_a_branch_promotes_it_is_judged_again_where_it_lands(
    serving_team: tuple[Team, Story],
) -> None:
    team, ada = serving_team
    bob = team.member("bob", now=ada.now)
    bob.git("switch", "--quiet", "--create", "work")
    assert bob.promote("fraud-detector", to="production").exit_code == 0
    ada.archive("fraud-detector@staging", push=True)
    bob.git("fetch", "--quiet", "origin", "+refs/gitstage/*:refs/gitstage/*", "main", "refs/tags/*:refs/tags/*")
    # What a reviewer would be told: 1.2.0 is in staging no more.
    assert bob.check().verdict is Verdict.REFUSED
    bob.git("merge", "--quiet", "--no-edit", "origin/main")
    bob.git("push", "--quiet", "origin", "HEAD:main")
    outcome = ada.tag()
    assert (outcome.exit_code, list(outcome.state.open)) == (1, ["production/fraud-detector"])
    assert [found.rule for found in outcome.state.open["production/fraud-detector"].findings] == ["stage-order"]
    assert ada.in_effect("fraud-detector") == "1.1.0"
