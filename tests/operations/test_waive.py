from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gitstage.approvals import Said
from gitstage.errors import GitstageError, NoSuchThing, Refused
from gitstage.operations import waive
from gitstage.operations.landing import Outcome
from tests.operations.pictures import unchanged
from tests.operations.signatories import make_keys, policy, said_in
from tests.operations.stories import Story
from tests.operations.test_approve import about
from tests.signatures.hands import public

PATH = "evidence/fraud-detector/1.2.0/waiver-ada/1.json"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def soaking(served: Story, keys: dict[str, Path]) -> Story:
    """The story of `served`, in which a version soaks for ten days."""
    served.amend(policy(keys, soak="240h", rules="[{name: lucky, expr: 'true'}]"))
    return served.later(hours=1)


def waived(story: Story, key: Path, what: str = "fraud-detector@1.2.0", **options: Any) -> Outcome:
    asked = {"rule": "soak", "stage": "production", "until": "72h", "reason": "it burns", "sign": [str(key)], **options}
    return waive.run(story.registry(), what, **asked)


def test_a_waiver_says_which_rule_why_and_until_when(soaking: Story, keys: dict[str, Path]) -> None:
    outcome = waived(soaking, keys["ada"], gate="standard")
    assert (outcome.exit_code, list(outcome.plan.edits)) == (0, [PATH])
    said, signed_by = said_in(soaking, PATH)
    assert said == Said(
        kind="waiver",
        about=about(soaking),
        made=soaking.now,
        expires=soaking.now + timedelta(hours=72),
        reason="it burns",
        rule="soak",
        gate="standard",
    )
    assert signed_by == {public(keys["ada"])}
    assert soaking.git("log", "-1", "--format=%s") == "fraud-detector: waive soak of 1.2.0 for production"
    with unchanged(soaking.path):
        assert waived(soaking, keys["ada"], gate="standard", until="24h").notes == (f"{PATH} says the same",)
    # Another rule, or another reason, is another waiver.
    assert list(waived(soaking, keys["ada"], rule="keep").plan.edits) == [PATH.replace("1.json", "2.json")]


@pytest.mark.parametrize("rule", ["soak", "keep", "approvals", "metrics", "windows", "rules/lucky"])
def test_what_a_gate_asks_can_be_waived(soaking: Story, keys: dict[str, Path], rule: str) -> None:
    assert waived(soaking, keys["bob"], rule=rule, dry_run=True).exit_code == 0


@pytest.mark.parametrize(
    ("options", "error", "why"),
    [
        ({"rule": "held"}, Refused, "held always holds: no waiver switches it off"),
        ({"rule": "version-immutable"}, Refused, "version-immutable always holds: no waiver switches it off"),
        ({"rule": "sok"}, GitstageError, "there is no rule 'sok' that can be waived"),
        ({"rule": "rules/unlucky"}, GitstageError, "there is no rule 'rules/unlucky' that can be waived"),
        ({"rule": "rules"}, Refused, "rules always holds"),
        ({"gate": "fraud"}, GitstageError, "'fraud' is no gate of production for fraud-detector"),
        ({"stage": "staging"}, Refused, "nobody may waive anything in staging"),
        ({"stage": "nowhere"}, NoSuchThing, "there is no stage 'nowhere'"),
        ({"reason": ""}, GitstageError, "a reason has 1 to 1000 characters"),
        ({"until": "yesterday"}, GitstageError, "'yesterday' is no length of time, date or moment"),
        ({"what": "fraud-detector"}, GitstageError, "fraud-detector names no version: for what is it waived?"),
        ({"what": "fraud-detector@9.0.0"}, NoSuchThing, "fraud-detector has no version 9.0.0"),
    ],
)
def test_what_cannot_be_waived_is_refused(
    soaking: Story, keys: dict[str, Path], options: dict[str, Any], error: type[GitstageError], why: str
) -> None:
    with unchanged(soaking.path), pytest.raises(error) as caught:
        waived(soaking, keys["ada"], **options)
    assert why in caught.value.message


def test_only_those_may_whom_the_stage_names(soaking: Story, keys: dict[str, Path]) -> None:
    with unchanged(soaking.path), pytest.raises(GitstageError) as caught:
        waived(soaking, keys["cara"])
    assert caught.value.message == "cara may not: it has to be ada or bob"
    both = waived(soaking, keys["ada"], sign=[str(keys["ada"]), str(keys["cara"])])
    assert list(both.plan.edits) == [PATH]


@pytest.mark.parametrize(
    ("until", "expires"),
    [
        ("1d12h", timedelta(hours=36)),
        ("2026-03-09", datetime(2026, 3, 9, tzinfo=UTC)),
        ("2026-03-09T14:00", datetime(2026, 3, 9, 14, tzinfo=UTC)),
        ("2026-03-09T14:00+02:00", datetime(2026, 3, 9, 12, tzinfo=UTC)),
    ],
)
def test_until_when_is_a_date_a_moment_or_a_length_of_time(
    soaking: Story, keys: dict[str, Path], until: str, expires: datetime | timedelta
) -> None:
    waived(soaking, keys["ada"], until=until)
    said, _ = said_in(soaking, PATH)
    assert said.expires == (soaking.now + expires if isinstance(expires, timedelta) else expires)


def test_a_stage_that_is_only_proposed_has_nothing_to_waive(soaking: Story, keys: dict[str, Path]) -> None:
    soaking.git("switch", "--quiet", "--create", "work")
    text = soaking.read("gitstage.yaml").replace("stages:\n", "stages:\n  canary: {from: [staging]}\n")
    soaking.write("gitstage.yaml", text)
    soaking.write("canary/README.md", "new")
    soaking.commit("canary")
    with unchanged(soaking.path), pytest.raises(NoSuchThing, match="canary"):
        waived(soaking, keys["ada"], stage="canary")
