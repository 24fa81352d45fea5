from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from gitstage.errors import NoSuchThing
from gitstage.operations import show
from gitstage.operations.show import Evidence, Shown
from tests.operations.pictures import unchanged
from tests.operations.stories import NOON, Story, Team


def shown(story: Story, text: str, *, at: str | None = None, declared: bool = False) -> Shown:
    return show.run(story.registry(), text, at=at, declared=declared)


def test_a_version_with_everything_that_is_known_about_it(served: Story) -> None:
    served.attest("fraud-detector@1.0.0", "load-test", latency=12.5)
    served.hold("fraud-detector@1.0.0")
    with unchanged(served.path):
        found = shown(served, "fraud-detector@production~1")
    assert found.resolved.version == "1.0.0"
    assert found.manifest["metrics"] == {"auc": 0.9}
    assert (found.in_effect, found.held, found.archived, found.problem) == ((), "leaks a feature", True, None)
    assert [(effect.name, effect.after) for effect in found.effects] == [
        ("fraud-detector/staging/1", "1.0.0"),
        ("fraud-detector/staging/2", "1.1.0"),
        ("fraud-detector/production/1", "1.0.0"),
        ("fraud-detector/production/2", "1.1.0"),
    ]
    assert found.evidence == (
        Evidence(
            path="evidence/fraud-detector/1.0.0/load-test/1.json",
            name="load-test",
            number=1,
            type="test-result",
            result="PASSED",
            made=(NOON + timedelta(hours=4)).isoformat(),
            metrics={"latency": 12.5},
            counts=True,
            why="decides",
        ),
    )


def test_where_it_is_in_effect(served: Story) -> None:
    served.promote("fraud-detector", to="production")
    found = shown(served, "fraud-detector@1.2.0")
    assert (found.in_effect, found.archived, found.held) == (("staging", "production"), False, None)


def test_evidence_is_in_the_order_of_its_numbers_and_what_cannot_be_read_is_said(served: Story) -> None:
    for number in (2, 10, 1):
        served.write(f"evidence/fraud-detector/1.2.0/x/{number}.json", "{}")
    served.write("evidence/fraud-detector/1.2.0/x/notes.txt", "")
    served.commit("by hand")
    found = shown(served, "fraud-detector@1.2.0")
    assert [(item.number, item.type, item.result, item.counts, item.why) for item in found.evidence] == [
        (1, "unreadable", None, False, "cannot be read"),
        (2, "unreadable", None, False, "cannot be read"),
        (10, "unreadable", None, False, "cannot be read"),
        (0, "unreadable", None, False, "cannot be read"),
    ]


def test_a_manifest_that_cannot_be_read_is_shown_with_its_problem(served: Story) -> None:
    served.write("models/fraud-detector/1.0.0.yaml", "a: [\n")
    served.commit("by force")
    found = shown(served, "fraud-detector@1.0.0", at="HEAD")
    assert found.manifest == {}
    assert found.problem is not None
    # It is what was registered all the same.
    assert shown(served, "fraud-detector@1.0.0").manifest["metrics"] == {"auc": 0.9}
    # What serves is read from its tag and is as it was.
    assert shown(served, "fraud-detector@production~1").manifest["metrics"] == {"auc": 0.9}


def test_then_and_declared(served: Story) -> None:
    assert shown(served, "fraud-detector@production", at="2026-03-01T13:00Z").resolved.version == "1.0.0"
    assert shown(served, "fraud-detector@staging", declared=True).resolved.version == "1.2.0"


def test_what_is_not_there_is_said(served: Story) -> None:
    for text in ("nobody@1.0.0", "fraud-detector@9.9.9"):
        with pytest.raises(NoSuchThing):
            shown(served, text)


def test_a_slot_filled_and_emptied_again(served: Story) -> None:
    served.archive("fraud-detector@staging")
    assert shown(served, "fraud-detector@1.2.0").archived
    assert shown(served, "fraud-detector@1.2.0").in_effect == ()


def test_a_clone_shows_what_is_on_the_remotes_trunk(serving_team: tuple[Team, Story], tmp_path: Path) -> None:
    _, ada = serving_team
    ada.git("switch", "--quiet", "--create", "work")
    ada.hold("fraud-detector@1.2.0")
    assert shown(ada, "fraud-detector@1.2.0").held is None
