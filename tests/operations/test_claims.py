"""What tags claim is read where it stands, and what says nothing of ours says why."""

from __future__ import annotations

import json

import pytest

from gitstage.ledger import PolicyEffect, Registered
from gitstage.operations.claims import Claims, document_of, thing_of
from tests.operations.stories import NOON, Story

SLOT = "fraud-detector/production/1"


def claims(story: Story) -> Claims:
    registry = story.registry()
    return Claims(registry.repo, registry.identity)


def test_the_tags_of_a_commit_are_read_when_it_is_their_turn(served: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitstage.operations.claims.SOME", 2)
    served.git("tag", "release-1")
    served.git("tag", "fraud-detector/notes")
    found = claims(served)
    assert len(found) == 9
    commit = served.git("rev-parse", f"{SLOT}^{{commit}}")
    assert found.standing("production/fraud-detector", commit) == []
    found.load([commit])
    (claim,) = found.standing("production/fraud-detector", commit)
    assert (claim.name, claim.number, claim.problem, claim.has_moved) == (SLOT, 1, None, False)
    assert found.moments(commit) == [claim.moment]
    assert found.moments(commit) == []
    found.take(claim)
    assert list(found.left()) == []
    found.load_rest()
    assert [claim.name for claim in found.left()] == [
        "fraud-detector/production/2",
        "fraud-detector/staging/1",
        "fraud-detector/staging/2",
        "fraud-detector/staging/3",
        "fraud-detector/v1.0.0",
        "fraud-detector/v1.1.0",
        "fraud-detector/v1.2.0",
        "policy/1",
    ]


@pytest.mark.parametrize(
    ("name", "message", "why"),
    [
        (SLOT, None, "it is no annotated tag, or a broken one"),
        (SLOT, "words", "there is no JSON in its message"),
        (SLOT, "words\n\n[]", "not an object"),
        (SLOT, "words\n\n{}", "its text has no 'schema'"),
        (f"{SLOT}/more", "words\n\n{}", "it is in the names of gitstage, and no number"),
        ("policy/x", "words\n\n{}", "it is in the names of gitstage, and no number"),
        ("policy/1", None, "it is no annotated tag, or a broken one"),
        ("fraud-detector/v1.0.0", "my own", "there is no JSON in its message"),
    ],
)
def test_a_tag_that_says_nothing_of_ours_says_why(served: Story, name: str, message: str | None, why: str) -> None:
    for tag in served.git("tag", "--list", "policy/*", f"{SLOT}*", "fraud-detector/v1.0.0").splitlines():
        served.git("tag", "--delete", tag)
    served.git("tag", *(() if message is None else ("--annotate", "--message", message)), name, "HEAD")
    found = claims(served)
    found.load_rest()
    (claim,) = (claim for claim in found.left() if claim.problem is not None)
    assert (claim.name, claim.problem, claim.moment, claim.number) == (name, why, None, None)


def test_a_tag_that_speaks_of_another_slot_is_none_of_ours(served: Story) -> None:
    text = served.git("for-each-ref", "--format=%(contents)", "refs/tags/fraud-detector/staging/1")
    served.git("tag", "--force", "--annotate", "--message", text, SLOT, "HEAD")
    found = claims(served)
    found.load_rest()
    (claim,) = (claim for claim in found.left() if claim.problem is not None)
    assert claim.problem == "it speaks of something else than its name: stage is 'staging'"


def test_what_took_effect_says_what_its_tag_would_say() -> None:
    registered = Registered(model="m", version="1.0.0", blob="b" * 40, commit="c" * 40, moment=NOON)
    policy = PolicyEffect(number=2, blob="b" * 40, digest="d" * 64, commit="c" * 40, moment=NOON)
    assert (thing_of(registered), thing_of(policy)) == ("m/v1.0.0", "policy")
    assert json.loads(json.dumps(document_of(registered, "id")))["schema"] == "gitstage/version/v1"
    assert json.loads(json.dumps(document_of(policy, "id")))["number"] == 2
