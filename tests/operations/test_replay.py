"""A history that is judged again comes out as it was judged, however little of it is kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gitstage.layout import Slot
from gitstage.operations import replay as room
from gitstage.operations.claims import Claims
from gitstage.operations.replay import Replay
from gitstage.operations.route import Route, runs
from tests.operations.stories import Story


def replayed(story: Story) -> tuple[Replay, list[tuple[str, str]], list[int]]:
    """A whole history judged again, what was reported, and how the progress went."""
    registry = story.registry()
    said: list[tuple[str, str]] = []
    done: list[int] = []

    def report(kind: str, message: str, **fields: Any) -> None:
        said.append((kind, message))

    claims = Claims(registry.repo, registry.identity)
    again = Replay(registry, claims, report)
    way = Route(registry, claims, None, str(registry.tip), report)
    again.go(way.legs(runs(registry, str(registry.ledger_commit), None, report), resumed=False), done.append)
    return again, said, done


def lively(story: Story) -> Story:
    """Things wait, are refused, withdrawn, held, rolled back and archived, over several runs."""
    story.amend(
        {
            "  production:\n    from: [staging]": "  production:\n    from: [staging]\n    gates: [g]\ngates:\n"
            "  g: {soak: 2h, metrics: [{name: auc, min: 0.5}]}"
        }
    )
    story.copy("staging/fraud-detector.yaml", "production/fraud-detector.yaml")
    story.commit("promote by hand, too soon")
    story.tag()
    story.later(hours=1).tag()
    story.later(hours=1).tag()
    story.register("risk/late", "1.0.0", to="staging", auc=0.4)
    story.copy("staging/risk/late.yaml", "production/risk/late.yaml")
    story.commit("by hand")
    story.tag()
    story.later(hours=3).tag()
    story.withdraw("risk/late@production")
    story.rollback("fraud-detector@production")
    story.later(hours=1).unhold("fraud-detector@1.2.0")
    story.archive("risk/late@staging")
    story.register("blocked", "1.0.0")
    for tag in story.git("tag", "--list", "blocked/*").splitlines():
        story.git("tag", "--delete", tag)
    story.git("tag", "blocked")
    story.copy("models/blocked/1.0.0.yaml", "staging/blocked.yaml")
    story.commit("a tag is in the way")
    story.tag()
    story.git("tag", "--delete", "blocked")
    story.later(hours=1).tag()
    return story


@pytest.mark.parametrize("kept", [1, 10_000_000])
def test_a_history_in_which_much_happened_comes_out_as_it_was_judged(
    served: Story, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr(room, "KEPT_BYTES", kept)
    monkeypatch.setattr(room, "KEPT_MANIFESTS", kept)
    story = lively(served)
    again, said, done = replayed(story)
    assert said == []
    assert again.state == story.registry().state
    assert [taken.name for taken, _ in again.missing] == ["blocked/v1.0.0"]
    assert done[-1] == again.counts["commits"] == int(story.git("rev-list", "--count", "HEAD"))
    assert [(item.thing, str(item.verdict), item.findings[0].rule) for item in again.untaken] == [
        ("production/risk/late", "refused", "metrics")
    ]
    assert again.still_open() == []


def test_what_waits_in_the_end_is_told(served: Story) -> None:
    served.amend(
        {
            "  production:\n    from: [staging]": "  production:\n    from: [staging]\n    gates: [g]\ngates:\n"
            "  g: {soak: 9h}"
        }
    )
    served.copy("staging/fraud-detector.yaml", "production/fraud-detector.yaml")
    served.commit("promote by hand, too soon")
    served.tag()
    again, said, _ = replayed(served)
    assert said == []
    assert [(item.thing, str(item.verdict), item.until) for item in again.still_open()] == [
        ("production/fraud-detector", "pending", None)
    ]


def test_trees_are_kept_only_as_long_as_they_are_asked_for(served: Story) -> None:
    for number in range(4):
        served.write("staging/README.md", str(number))
        served.commit(str(number))
    served.later(hours=1).tag()
    again, _, _ = replayed(served)
    assert set(again._trees) == {again.state.judged, again.state.policy}


def test_numbers_that_others_have_taken_are_left_out(served: Story) -> None:
    served.git("tag", "fraud-detector/production/3")
    served.later(hours=1).promote("fraud-detector", to="production")
    again, said, _ = replayed(served)
    assert (said, again.missing) == ([], [])
    assert "fraud-detector/production/4" in served.tags()
    assert again._past.taken(Slot("fraud-detector", "production")) == 4


def test_a_policy_without_version_tags_misses_none(served: Story) -> None:
    served.amend({"trunk: main\n": "trunk: main\ntag-versions: false\n"})
    served.later(hours=1).register("fraud-detector", "1.3.0")
    again, said, _ = replayed(served)
    assert (said, again.missing) == ([], [])
    assert (
        served.now - timedelta(hours=1) == served.registry().past.effects(Slot("fraud-detector", "staging"))[-1].moment
    )
