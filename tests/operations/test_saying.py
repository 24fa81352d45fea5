from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gitstage.errors import GitstageError, NoSuchThing
from gitstage.layout import Layout, Slot
from gitstage.operations.saying import binding, ends, policy_of
from gitstage.plans import Scene
from gitstage.policy import read_policy
from tests.registries import gated, manifest, tree

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HINT = "--expires 30d, --until 2026-12-01, or --until 2026-12-01T14:00Z"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30d", NOON + timedelta(days=30)),
        ("1d12h", NOON + timedelta(hours=36)),
        ("2026-03-02", datetime(2026, 3, 2, tzinfo=UTC)),
        ("2026-03-01T12:01", NOON + timedelta(minutes=1)),
        ("2026-03-01T15:00+02:00", NOON + timedelta(hours=1)),
        ("2026-03-01T12:00:00.000001Z", NOON + timedelta(microseconds=1)),
    ],
)
def test_an_end_is_a_length_of_time_a_date_or_a_moment(text: str, moment: datetime) -> None:
    assert ends(text, NOON) == moment


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0s", "0s is over: it is 2026-03-01T12:00Z"),
        ("2026-03-01", "2026-03-01 is over: it is 2026-03-01T12:00Z"),
        ("2026-03-01T12:00Z", "2026-03-01T12:00Z is over: it is 2026-03-01T12:00Z"),
        ("", "'' is no length of time, date or moment"),
        ("tomorrow", "'tomorrow' is no length of time, date or moment"),
        ("2026-13-01", "'2026-13-01' is no length of time, date or moment"),
        ("2026-03", "'2026-03' is no length of time, date or moment"),
        ("20260401T120000", "'20260401T120000' is no length of time, date or moment"),
        ("999999d999999h", None),
        ("9999999d", "'9999999d' is no length of time, date or moment"),
        ("0001-01-01T00:00+10:00", "'0001-01-01T00:00+10:00' is no length of time, date or moment"),
    ],
)
def test_what_is_no_end_that_lies_ahead_is_refused(text: str, message: str | None) -> None:
    if message is None:
        assert ends(text, NOON) > NOON
        return
    with pytest.raises(GitstageError) as caught:
        ends(text, NOON)
    assert (caught.value.message, caught.value.hint) == (message, HINT)


def scene(**more: object) -> Scene:
    registry = tree({"models/m/1.0.0.yaml": manifest("m", "1.0.0")})
    layout = Layout(frozenset({"production"}))
    return Scene(registry=registry, layout=layout, stages={}, passed={}, effects={}, **more)  # type: ignore[arg-type]


def test_without_a_policy_nobody_is_anybody() -> None:
    with pytest.raises(GitstageError, match="no policy is in effect yet"):
        policy_of(scene())


def test_a_stage_that_is_only_proposed_is_bound_to_nothing() -> None:
    with pytest.raises(NoSuchThing, match="canary is no stage of the policy in effect"):
        binding(scene(policy=read_policy(gated(soak="1h"))), Slot("m", "canary"), "1.0.0")


def test_a_version_that_is_not_registered_is_bound_to_nothing() -> None:
    policy = read_policy(gated(soak="1h"))
    about = binding(scene(policy=policy), Slot("m", "production"), "1.0.0")
    assert (about.registry, about.incumbent, about.change) == (policy.id, None, 0)
    with pytest.raises(NoSuchThing):
        binding(scene(policy=policy), Slot("m", "production"), "1.1.0")
