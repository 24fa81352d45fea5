"""From a signed commit to an approved promotion, with real git and real ssh-keygen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gitstage.cli.commands import log as logged
from gitstage.cli.commands import status as shown
from gitstage.forges import read_forge
from gitstage.layout import Slot
from gitstage.operations import approve, check, status, waive
from gitstage.operations import tag as tagging
from tests.git.sandbox import git
from tests.operations.signatories import make_keys, policy
from tests.operations.stories import Story


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_keys(tmp_path_factory.mktemp("keys"))


def sign_as(path: Path, key: Path | None) -> None:
    """From now on git signs commits here with a key, or none."""
    if key is None:
        git("config", "commit.gpgsign", "false", cwd=path)
        return
    for name, value in (("gpg.format", "ssh"), ("user.signingkey", f"{key}.pub"), ("commit.gpgsign", "true")):
        git("config", name, value, cwd=path)


@pytest.fixture
def asked(served: Story, keys: dict[str, Path]) -> Story:
    """The story of `served`, in which production needs an owner's approval."""
    served.amend(policy(keys, approvals="[{count: 1, from: owners}]"))
    return served.later(hours=1)


def approved(story: Story, key: Path) -> None:
    approve.run(story.registry(), ["fraud-detector@1.2.0"], stage="production", sign=[str(key)])


def test_a_promotion_that_ada_signed_waits_for_bob(asked: Story, keys: dict[str, Path]) -> None:
    sign_as(asked.path, keys["ada"])
    asked.git("switch", "--quiet", "-c", "promotion")
    asked.promote("fraud-detector@1.2.0", to="production")
    assert asked.check().exit_code == 4
    approved(asked, keys["ada"])
    assert asked.check().exit_code == 4
    approved(asked, keys["bob"])
    assert asked.check().exit_code == 0
    asked.git("switch", "--quiet", "main")
    asked.git("merge", "--quiet", "--no-ff", "--no-edit", "promotion")
    asked.tag()
    assert asked.in_effect("fraud-detector") == "1.2.0"
    assert '"approvers": [\n    "bob"\n  ]' in asked.git(
        "tag", "-l", "--format=%(contents)", "fraud-detector/production/3"
    )


def test_a_promotion_that_nobody_signed_counts_nobody(asked: Story, keys: dict[str, Path]) -> None:
    sign_as(asked.path, None)
    asked.git("switch", "--quiet", "-c", "promotion")
    asked.promote("fraud-detector@1.2.0", to="production")
    approved(asked, keys["bob"])
    (found,) = (one for one in asked.check().judgements if one.stage == "production")
    assert [finding.message for finding in found.findings] == [
        "1 approval by owners missing: nobody can tell who made this change"
    ]
    # The forge knows who made it.
    registry = asked.registry()
    document = {"schema": "gitstage/approvals/v1", "forge": "server", "changes": [{"authors": ["ada"]}]}
    registry.forge = read_forge(json.dumps(document).encode(), landed=False)
    assert check.run(registry).exit_code == 0
    document["changes"] = [{"authors": ["bob"]}]
    registry = asked.registry()
    registry.forge = read_forge(json.dumps(document).encode(), landed=False)
    assert check.run(registry).exit_code == 4


def test_a_forge_says_of_what_has_landed_who_made_and_approved_it(asked: Story, keys: dict[str, Path]) -> None:
    asked.git("switch", "--quiet", "-c", "promotion")
    asked.promote("fraud-detector@1.2.0", to="production")
    reviewed = asked.git("rev-parse", "HEAD")
    asked.git("switch", "--quiet", "main")
    asked.git("merge", "--quiet", "--no-ff", "--no-edit", "promotion")
    assert asked.tag().exit_code == 4
    document = {
        "schema": "gitstage/approvals/v1",
        "forge": "server",
        "changes": [
            {
                "commits": [asked.git("rev-parse", "HEAD")],
                "authors": ["cara"],
                "approvals": [{"account": "bob", "commit": reviewed, "moment": "2026-03-01T17:00:00Z"}],
            }
        ],
    }
    registry = asked.registry()
    registry.forge = read_forge(json.dumps(document).encode(), landed=True)
    assert tagging.run(registry).exit_code == 0
    assert asked.in_effect("fraud-detector") == "1.2.0"


def test_where_no_rule_asks_nothing_is_verified(served: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*words: object, **more: object) -> None:
        raise AssertionError("somebody asked")

    monkeypatch.setattr("gitstage.operations.signers.verifier", fail)
    monkeypatch.setattr("gitstage.git.repository.Repository.brought_by", fail)
    served.later(hours=1).promote("fraud-detector@1.2.0", to="production")
    assert served.in_effect("fraud-detector") == "1.2.0"


def test_a_waiver_is_a_debt_in_status_until_somebody_else_countersigns(
    served: Story, keys: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    served.amend(policy(keys, soak="240h"))
    served.later(hours=1)
    waive.run(
        served.registry(),
        "fraud-detector@1.2.0",
        rule="soak",
        stage="production",
        until="72h",
        reason="it burns",
        sign=[str(keys["ada"])],
    )
    served.promote("fraud-detector@1.2.0", to="production")
    found = status.run(served.registry())
    assert [owed.name for owed in found.owed] == ["fraud-detector/production/3"]
    shown._print(found, detailed=False, declared=False)
    line = "debt: fraud-detector/production/3: ada waived soak (it burns): to be countersigned within 3d"
    assert line in capsys.readouterr().out.splitlines()
    assert shown.document(found)["owed"] == [
        {
            "tag": "fraud-detector/production/3",
            "kind": "waiver",
            "by": ["ada"],
            "since": "2026-03-01T17:00:00Z",
            "due": "2026-03-04T17:00:00Z",
        }
    ]
    assert status.run(served.registry(), "fraud-detector").owed == found.owed
    assert status.run(served.registry(), at="2026-03-01T17:00:00Z").owed == ()
    effect = served.registry().past.current(Slot("fraud-detector", "production"))
    assert effect is not None
    assert logged._below(effect, "an incident") == "why: an incident; waived: soak"
    assert logged._below(effect, None) == "waived: soak"
