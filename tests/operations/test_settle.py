from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gitstage.approvals import Said
from gitstage.errors import GitstageError, NoSuchThing
from gitstage.operations import rollback, settle
from gitstage.operations.landing import Outcome
from tests.operations.pictures import unchanged
from tests.operations.signatories import make_keys, policy, said_in
from tests.operations.stories import Story
from tests.operations.test_approve import about
from tests.signatures.hands import public


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def rolled_back(served: Story, keys: dict[str, Path]) -> Story:
    """The story of `served`, in which Cara, who is on call, rolled production back alone."""
    served.amend(policy(keys, soak="1h"))
    served.later(hours=1)
    outcome = rollback.run(
        served.registry(), "fraud-detector@production", reason="false positives", sign=[str(keys["cara"])]
    )
    assert outcome.tags == ("refs/tags/fraud-detector/production/3",)
    return served.later(hours=1)


TAG = "fraud-detector/production/3"
SETTLED = "evidence/fraud-detector/1.0.0/settle-ada/1.json"


def settled(story: Story, key: Path, tag: str = TAG, **options: Any) -> Outcome:
    return settle.run(story.registry(), tag, **{"sign": [str(key)], **options})


def test_what_somebody_did_alone_is_countersigned_by_somebody_else(rolled_back: Story, keys: dict[str, Path]) -> None:
    assert [one.name for one in rolled_back.registry().state.owed] == [TAG]
    outcome = settled(rolled_back, keys["ada"], f"refs/tags/{TAG}", reason="I agree")
    assert (outcome.exit_code, outcome.landed, list(outcome.plan.edits)) == (0, True, [SETTLED])
    said, signed_by = said_in(rolled_back, SETTLED)
    change = about(rolled_back, "1.0.0", incumbent="1.1.0", change=2)
    assert said == Said(kind="settle", about=change, made=rolled_back.now, reason="I agree")
    assert signed_by == {public(keys["ada"])}
    assert outcome.plan.subject == "fraud-detector: countersign production/3"
    assert rolled_back.registry().state.owed == ()


def test_whoever_did_it_does_not_countersign_it(rolled_back: Story, keys: dict[str, Path]) -> None:
    with unchanged(rolled_back.path), pytest.raises(GitstageError) as caught:
        settled(rolled_back, keys["cara"])
    assert caught.value.message == "cara may not: it has to be ada or bob"


@pytest.mark.parametrize(
    ("tag", "why", "hint"),
    [
        ("fraud-detector/production/2", "nothing of fraud-detector/production/2 has to be countersigned", TAG),
        ("fraud-detector/production/9", "nothing of fraud-detector/production/9 has to be countersigned", TAG),
        ("nonsense", "there is no tag nonsense", "gitstage status says what has to be countersigned"),
    ],
)
def test_what_nobody_did_alone_is_not_countersigned(
    rolled_back: Story, keys: dict[str, Path], tag: str, why: str, hint: str
) -> None:
    with unchanged(rolled_back.path), pytest.raises(GitstageError) as caught:
        settled(rolled_back, keys["ada"], tag)
    assert why in caught.value.message
    assert hint in str(caught.value.hint)


def test_where_nothing_is_owed_it_says_so(served: Story, keys: dict[str, Path]) -> None:
    with unchanged(served.path), pytest.raises(NoSuchThing) as caught:
        settled(served, keys["ada"])
    assert caught.value.hint == "nothing at all has: gitstage status"
