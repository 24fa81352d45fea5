from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gitstage.errors import NoSuchThing
from gitstage.layout import Slot
from gitstage.operations.moments import effects_at, when
from tests.operations.stories import NOON, Story


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T14:00Z", datetime(2026, 3, 1, 14, tzinfo=UTC)),
        ("2026-03-01T14:00", datetime(2026, 3, 1, 14, tzinfo=UTC)),
        ("2026-03-01 14:00:05+02:00", datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)),
        ("fraud-detector/production/1", datetime(2026, 3, 1, 13, tzinfo=UTC)),
    ],
)
def test_a_moment_is_utc_where_it_does_not_say(served: Story, text: str, moment: datetime) -> None:
    assert when(served.registry(), text).moment == moment


def test_a_revision_is_a_commit(served: Story) -> None:
    head = served.git("rev-parse", "HEAD")
    for text in ("HEAD", "main", head, head[:10], "refs/heads/main"):
        found = when(served.registry(), text)
        assert (found.moment, found.commit, found.text) == (None, head, text)


def test_a_branch_called_like_a_number_is_a_branch(served: Story) -> None:
    served.git("branch", "7", "HEAD~1")
    served.git("branch", "20260301", "HEAD~2")
    assert when(served.registry(), "7").commit == served.git("rev-parse", "HEAD~1")
    assert when(served.registry(), "20260301").commit == served.git("rev-parse", "HEAD~2")


def test_a_users_own_tag_that_ends_in_a_number_is_a_commit(served: Story) -> None:
    served.git("tag", "-a", "-m", "release", "release/1", "HEAD~1")
    served.git("tag", "builds/fraud-detector/7", "HEAD~1")
    for text in ("release/1", "builds/fraud-detector/7"):
        assert when(served.registry(), text).commit == served.git("rev-parse", "HEAD~1")


@pytest.mark.parametrize("text", ["", "2026-13-01", "2026-3-1", "14:00", "nowhere", "9/9", "main\nHEAD", "--help"])
def test_what_is_none_of_these_is_said(served: Story, text: str) -> None:
    with pytest.raises(NoSuchThing, match="is no moment, commit or tag"):
        when(served.registry(), text)


def test_a_commit_aside_has_in_effect_what_its_own_history_has(served: Story) -> None:
    served.git("switch", "--quiet", "--create", "aside", "HEAD~2")
    served.git("commit", "--quiet", "--allow-empty", "-m", "aside")
    registry = served.registry()
    slot = Slot("fraud-detector", "production")
    effects = registry.past.effects(slot)
    assert [effect.number for effect in effects] == [1, 2]
    assert effects_at(registry, effects, when(registry, "aside")) == effects[:1]
    assert effects_at(registry, effects, None) == effects
    assert effects_at(registry, effects, when(registry, NOON.isoformat())) == ()
