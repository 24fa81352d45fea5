from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from gitstage.errors import NoSuchThing
from gitstage.findings import Verdict
from gitstage.ledger import State
from gitstage.operations import status
from gitstage.operations.registries import open_registry
from gitstage.operations.status import Cell, ModelStatus, Status
from tests.operations.pictures import unchanged
from tests.operations.stories import NOON, Story, Team

GATED = {
    "    # gates: [standard]             # all of them must pass": "    gates: [standard]\ngates: {standard: {soak: 24h}}"
}


def asked(story: Story, model: str | None = None, *, at: str | None = None, declared: bool = False) -> Status:
    return status.run(story.registry(), model, at=at, declared=declared)


def versions(found: Status) -> dict[str, dict[str, str | None]]:
    return {model.model: {stage: cell.version for stage, cell in model.slots.items()} for model in found.models}


def test_every_model_with_what_is_in_effect_in_each_stage(served: Story) -> None:
    served.register("risk/scorer", "1.0.0")
    with unchanged(served.path):
        found = asked(served)
    assert versions(found) == {
        "fraud-detector": {"staging": "1.2.0", "production": "1.1.0"},
        "risk/scorer": {"staging": None, "production": None},
    }
    fraud = found.models[0]
    assert fraud == ModelStatus(
        model="fraud-detector",
        slots={
            "staging": Cell(version="1.2.0", declared="1.2.0"),
            "production": Cell(version="1.1.0", declared="1.1.0"),
        },
        versions=("1.0.0", "1.1.0", "1.2.0"),
        archived=("1.0.0",),
    )
    assert (found.stages, found.unjudged, found.notes, found.at) == (("staging", "production"), False, (), None)


def test_one_model_with_since_when_and_what_is_held(served: Story) -> None:
    served.hold("fraud-detector@1.0.0")
    (model,) = asked(served, "fraud-detector").models
    assert model.held == {"1.0.0": "leaks a feature"}
    assert {stage: (cell.effect.name, cell.effect.moment) for stage, cell in model.slots.items() if cell.effect} == {
        "staging": ("fraud-detector/staging/3", NOON + timedelta(hours=4)),
        "production": ("fraud-detector/production/2", NOON + timedelta(hours=3)),
    }


def test_what_is_declared_and_waits_is_shown_beside_what_is_in_effect(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work", GATED)
    story.register("m", "1.0.0", to="staging")
    story.copy("models/m/1.0.0.yaml", "production/m.yaml")
    story.commit("too early")
    before = asked(story)
    assert (before.unjudged, before.notes) == (True, ("commits on the trunk are not judged yet: gitstage tag",))
    assert before.models[0].slots["production"] == Cell(version=None, declared="1.0.0", differs=True)
    story.tag()
    cell = asked(story).models[0].slots["production"]
    assert (cell.version, cell.declared, cell.differs) == (None, "1.0.0", True)
    assert cell.waiting is not None
    assert [(found.rule, found.opens) for found in cell.waiting.findings] == [("soak", NOON + timedelta(hours=24))]
    # Something that is no version is declared, too.
    story.write("production/m.yaml", "nonsense")
    story.commit("by hand")
    story.tag()
    cell = asked(story).models[0].slots["production"]
    assert (cell.version, cell.declared, cell.differs) == (None, None, True)
    assert cell.waiting is not None
    assert cell.waiting.verdict is Verdict.REFUSED


def test_records_and_policy_that_are_open_are_shown(served: Story) -> None:
    served.write("models/fraud-detector/1.0.0.yaml", "rewritten")
    served.write("gitstage.yaml", "nonsense")
    served.commit("by force")
    served.tag()
    found = asked(served)
    assert found.policy_waiting is not None
    assert found.models[0].waiting is not None
    assert versions(found) == {"fraud-detector": {"staging": "1.2.0", "production": "1.1.0"}}


def test_an_empty_slot_and_one_without_a_file_are_the_same(served: Story) -> None:
    served.archive("fraud-detector@staging")
    (model,) = asked(served).models
    assert model.slots["staging"] == Cell(version=None)
    assert model.archived == ("1.0.0", "1.2.0")


def test_then(served: Story) -> None:
    assert versions(asked(served, at="2026-03-01T13:30Z")) == {
        "fraud-detector": {"staging": "1.0.0", "production": "1.0.0"}
    }
    assert versions(asked(served, "fraud-detector", at="HEAD~3")) == {
        "fraud-detector": {"staging": "1.0.0", "production": "1.0.0"}
    }
    assert asked(served, at="2026-01-01").models == ()
    with pytest.raises(NoSuchThing, match="nothing of fraud-detector had taken effect at 2026-01-01"):
        asked(served, "fraud-detector", at="2026-01-01")


def test_what_a_tree_declares(served: Story) -> None:
    served.copy("models/fraud-detector/1.2.0.yaml", "production/fraud-detector.yaml")
    commit = served.commit("declared")
    found = asked(served, declared=True)
    assert versions(found) == {"fraud-detector": {"staging": "1.2.0", "production": "1.2.0"}}
    assert (found.at, found.state) == (commit, State())
    assert versions(asked(served, "fraud-detector", declared=True, at="HEAD~2")) == {
        "fraud-detector": {"staging": "1.1.0", "production": "1.1.0"}
    }
    assert found.models[0].archived == ("1.0.0", "1.1.0")


def test_a_model_that_is_not_there_is_said(served: Story) -> None:
    for declared in (False, True):
        with pytest.raises(NoSuchThing, match="there is no model nobody"):
            asked(served, "nobody", declared=declared)
        with pytest.raises(NoSuchThing):
            asked(served, "fraud", declared=declared)


def test_a_namespace_is_no_model(story: Story) -> None:
    story.register("risk/scorer", "1.0.0")
    with pytest.raises(NoSuchThing, match="there is no model risk"):
        asked(story, "risk")


def test_a_registry_without_models_has_none(story: Story) -> None:
    assert asked(story).models == ()


def test_a_clone_that_lags_behind_says_what_it_knows(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    bob = team.member("bob", now=ada.now)
    ada.promote("fraud-detector", to="production", push=True)
    ada.register("other", "1.0.0", push=True)
    # The ledger comes from the remote and has judged commits that are not here.
    assert versions(asked(bob)) == {"fraud-detector": {"staging": "1.2.0", "production": "1.1.0"}}
    assert versions(asked(bob, "fraud-detector")) == {"fraud-detector": {"staging": "1.2.0", "production": "1.1.0"}}
    assert not asked(bob).unjudged
    judged = ada.git("rev-parse", "HEAD")[:12]
    lacks = f"what was judged last, {judged}, is not on the trunk here"
    assert asked(bob).notes == (f"{lacks}: git fetch; or the trunk was taken back, and gitstage tag says how to go on",)
    bob.git("pull", "--quiet", "--tags")
    assert asked(bob).notes == ()
    assert versions(asked(bob))["fraud-detector"] == {"staging": "1.2.0", "production": "1.2.0"}


@pytest.mark.parametrize("more", [0, 1])
def test_a_trunk_that_was_taken_back_shows_what_its_own_tags_say(serving_team: tuple[Team, Story], more: int) -> None:
    """As `resolve` and `log` do; here, and in a clone in which nothing of what was taken back was ever fetched as a branch."""
    team, ada = serving_team
    ada.promote("fraud-detector", to="production", push=True)
    judged = ada.git("rev-parse", "HEAD")[:12]
    ada.git("reset", "--quiet", "--hard", "HEAD~1")
    if more:
        ada.write("src/a.py", "1")
        ada.commit("goes on")
    ada.git("push", "--quiet", "--force", "origin", "main")
    for story in (ada, team.member("bob", now=ada.now)):
        found = asked(story)
        assert versions(found) == {"fraud-detector": {"staging": "1.2.0", "production": "1.1.0"}}
        assert story.in_effect("fraud-detector") == "1.1.0"
        assert (found.unjudged, len(found.notes)) == (bool(more), 1)
        assert found.notes[0].startswith(f"what was judged last, {judged}, is not on the trunk here: ")


def test_a_clone_that_pulls_the_trunk_asks_for_the_ledger_as_well(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    bob = team.member("bob", now=ada.now)
    assert not asked(bob).unjudged
    ada.promote("fraud-detector", to="production", push=True)
    bob.git("pull", "--quiet")
    found = asked(bob)
    assert (found.unjudged, found.notes) == (False, ())
    assert versions(found)["fraud-detector"] == {"staging": "1.2.0", "production": "1.2.0"}
    # Offline it says what it knows.
    ada.register("other", "1.0.0", push=True)
    bob.git("fetch", "--quiet")
    team.remote.rename(team.folder / "gone.git")
    assert asked(bob).unjudged


def test_a_bare_repository_has_a_status(serving_team: tuple[Team, Story]) -> None:
    team, _ = serving_team
    with unchanged(team.remote):
        found = status.run(open_registry(str(team.remote)))
    assert versions(found) == {"fraud-detector": {"staging": "1.2.0", "production": "1.1.0"}}


def test_from_a_branch_the_trunk_is_meant(serving_team: tuple[Team, Story]) -> None:
    _, ada = serving_team
    ada.git("switch", "--quiet", "--create", "work")
    ada.promote("fraud-detector", to="production")
    assert versions(asked(ada)) == {"fraud-detector": {"staging": "1.2.0", "production": "1.1.0"}}
    assert versions(asked(ada, declared=True)) == {"fraud-detector": {"staging": "1.2.0", "production": "1.2.0"}}


def test_what_serves_is_shown_whatever_became_of_its_versions_files(served: Story) -> None:
    text = served.read("models/fraud-detector/1.1.0.yaml")
    served.write("models/fraud-detector/1.1.0.yaml", text.replace("auc: 0.92", "auc: 0.99"))
    served.commit("rewritten by force")
    served.tag()
    for files in ((), ("models", "artifacts")):
        if files:
            served.git("rm", "--quiet", "-r", *files)
            served.commit("removed by force")
            served.tag()
        for asked in (None, "fraud-detector"):
            (row,) = status.run(served.registry(), asked).models
            assert {stage: (cell.version, cell.differs) for stage, cell in row.slots.items()} == {
                "staging": ("1.2.0", False),
                "production": ("1.1.0", False),
            }
            assert row.versions == ("1.0.0", "1.1.0", "1.2.0")
            assert row.waiting is not None
            assert {found.rule for found in row.waiting.findings} >= {
                "nothing-removed" if files else "version-immutable"
            }


def test_what_lies_open_and_is_no_model_is_shown(served: Story) -> None:
    served.write("production/nobody.yaml", "nonsense")
    served.write("models/nobody-else/1.0.0.yaml", "nonsense")
    served.commit("by hand")
    served.tag()
    found = status.run(served.registry())
    rows = {row.model: row for row in found.models}
    assert sorted(rows) == ["fraud-detector", "nobody", "nobody-else"]
    slot, records = rows["nobody"].slots["production"], rows["nobody-else"].waiting
    assert (slot.version, slot.declared, slot.differs) == (None, None, True)
    assert slot.waiting is not None
    assert [finding.rule for finding in slot.waiting.findings] == ["slot-matches-version"]
    assert (rows["nobody"].versions, rows["nobody-else"].versions) == ((), ())
    assert records is not None
    assert [finding.rule for finding in records.findings] == ["manifest-valid"]
    assert [row.model for row in status.run(served.registry(), "nobody").models] == ["nobody"]
    # Of one model nothing else is shown.
    assert [row.model for row in status.run(served.registry(), "fraud-detector").models] == ["fraud-detector"]
