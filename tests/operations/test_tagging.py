from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from gitstage.layout import Slot
from gitstage.ledger import LEDGER_FILE
from gitstage.operations.tagging import follow, written
from tests.operations.stories import NOON, Story, Team

GATED = {
    "    # gates: [standard]             # all of them must pass": "    gates: [standard]\ngates: {standard: {soak: 24h}}"
}


def ledger(story: Story) -> str:
    return story.registry().identity.ledger_ref


def document(story: Story, rev: str) -> dict[str, object]:
    found = json.loads(story.git("show", f"{rev}:{LEDGER_FILE}"))
    assert isinstance(found, dict)
    return found


def test_a_run_is_a_commit_of_the_ledger_with_a_small_document(served: Story) -> None:
    registry = served.registry()
    assert document(served, ledger(served)) == {
        "schema": "gitstage/ledger/v1",
        "registry": registry.identity.id,
        "clock": "2026-03-01T16:00:00Z",
        "judged": served.git("rev-parse", "HEAD"),
        "policy": {
            "commit": served.git("rev-list", "--max-parents=0", "HEAD"),
            "number": 1,
            "since": "2026-03-01T12:00:00Z",
        },
        "taggers": [],
        "said": {},
        "owed": [],
        "open": [],
    }
    subjects = served.git("log", "--format=%s", ledger(served)).splitlines()
    assert len(subjects) == 6
    assert subjects[0] == f"gitstage: judged {served.git('rev-parse', 'HEAD')[:12]}, 1 took effect, 0 open"
    moments = served.git("log", "--format=%ct", "--reverse", ledger(served)).splitlines()
    assert [int(moment) for moment in moments] == [
        int((NOON + timedelta(hours=hours)).timestamp()) for hours in (0, 0, 1, 2, 3, 4)
    ]
    assert served.git("ls-tree", "-r", "--name-only", ledger(served)) == LEDGER_FILE


def test_a_run_that_finds_nothing_new_writes_nothing(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work", GATED)
    story.register("m", "1.0.0", to="staging")
    story.copy("models/m/1.0.0.yaml", "production/m.yaml")
    story.commit("too early")
    story.tag()
    before = story.refs()
    for _ in range(3):
        story.later(hours=1).tag()
    assert story.refs() == before
    story.later(hours=24).tag()
    assert story.refs() != before


def test_versions_may_go_untagged(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work", {"# tags: ci ": "tag-versions: false\n# tags: ci "})
    assert story.register("m", "1.0.0", to="staging").tags == ("refs/tags/m/staging/1",)


def test_a_versions_tag_says_what_was_registered(story: Story) -> None:
    commit = story.register("m", "1.0.0").commit
    subject, _, body = story.git("tag", "--list", "--format=%(contents)", "m/v1.0.0").partition("\n\n")
    assert subject == "m: register 1.0.0"
    assert json.loads(body) == {
        "schema": "gitstage/version/v1",
        "registry": story.registry().identity.id,
        "model": "m",
        "version": "1.0.0",
        "blob": story.git("rev-parse", "HEAD:models/m/1.0.0.yaml"),
        "commit": commit,
        "moment": "2026-03-01T12:00:00Z",
    }


def test_objects_are_made_and_no_ref_moves(served: Story) -> None:
    served.copy("models/fraud-detector/1.2.0.yaml", "production/fraud-detector.yaml")
    served.commit("landed")
    before = served.refs()
    registry = served.registry()
    folded, _ = registry.folded(registry.tip)
    tagged = written(registry, folded)
    assert [update.ref for update in tagged.tags] == ["refs/tags/fraud-detector/production/3"]
    assert tagged.ledger is not None
    assert (tagged.ledger.ref, tagged.ledger.old) == (ledger(served), before[ledger(served)])
    assert served.refs() == before
    # What nothing points at costs nobody anything.
    assert served.git("fsck", "--no-dangling") == ""


def test_a_reason_stands_in_the_ledgers_commit(served: Story) -> None:
    registry = served.registry()
    folded, _ = registry.folded(registry.tip)
    tagged = written(registry, folded, reason="the history held\na password")
    assert tagged.ledger is not None
    registry.repo.transact(tagged.updates, reason="x")
    assert served.git("log", "-1", "--format=%b", ledger(served)) == "Gitstage-Reason: the history held a password\n"


def test_refs_that_somebody_else_has_moved_are_left_to_a_fetch(serving_team: tuple[Team, Story]) -> None:
    _, ada = serving_team
    ada.copy("models/fraud-detector/1.2.0.yaml", "production/fraud-detector.yaml")
    ada.commit("landed")
    ada.git("push", "--quiet", "origin", "main")
    registry = ada.registry()
    folded, _ = registry.folded(registry.tip)
    tagged = written(registry, folded)
    ada.tag()
    before = ada.refs()
    follow(registry, tagged)
    assert ada.refs() == before


def test_moments_in_tags_are_in_their_order_whatever_the_clock_does(story: Story) -> None:
    story.register("m", "1.0.0", to="staging")
    story.later(hours=-5).promote("m", to="production")
    story.later(hours=1).register("m", "1.1.0", to="staging")
    past = story.registry().past
    moments = [effect.moment for stage in ("staging", "production") for effect in past.effects(Slot("m", stage))]
    assert moments == [NOON, NOON, NOON]
