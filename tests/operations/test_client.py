from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError, fields, is_dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from types import MappingProxyType

import pytest

import gitstage
from gitstage.errors import GitstageError
from gitstage.operations.client import Client
from gitstage.operations.register import Wanted
from tests.git.sandbox import git
from tests.operations.pictures import unchanged
from tests.operations.signatories import make_keys, policy, taggers
from tests.operations.stories import Story, Team


def client(story: Story) -> Client:
    return gitstage.open(story.path)


def test_what_the_command_line_asks_python_asks_as_well(served: Story) -> None:
    here = client(served)
    assert here.resolve("fraud-detector@production").version == "1.1.0"
    assert here.resolve("fraud-detector@production", at="2026-03-01T13:00Z").version == "1.0.0"
    assert here.resolve("fraud-detector@staging", declared=True).version == "1.2.0"
    assert [model.model for model in here.status().models] == ["fraud-detector"]
    assert here.show("fraud-detector@1.0.0").archived
    assert len(here.log("fraud-detector").effects) == 5
    assert here.diff("fraud-detector@1.0.0", "fraud-detector@1.1.0").rows[0].name == "auc"
    assert here.check().passed
    assert here.tag(dry_run=True).tags == ()


def test_tags_that_python_makes_are_signed(served: Story, tmp_path: Path) -> None:
    keys = make_keys(tmp_path)
    served.tag_keys = (str(keys["ada"]),)
    served.amend(taggers(keys, "ada"))
    with pytest.raises(GitstageError, match="the policy asks for the signature of ada, and no key was given"):
        client(served).promote("fraud-detector", to="production")
    here = gitstage.open(served.path, sign_tags=[str(keys["ada"])])
    assert here.promote("fraud-detector", to="production").tags == ("refs/tags/fraud-detector/production/3",)
    assert here.resolve("fraud-detector@production").version == "1.2.0"


def test_what_the_command_line_changes_python_changes_as_well(story: Story, tmp_path: Path) -> None:
    here = client(story)
    file = tmp_path / "model.onnx"
    file.write_bytes(b"weights")
    wanted = Wanted(artifacts=(str(file),))
    assert here.register("m@1.0.0", wanted, to="staging").exit_code == 0
    assert here.promote("m", to="production").exit_code == 0
    assert here.register("m@next", Wanted(artifacts=(str(file),), metrics={"auc": 0.9}), to="staging").exit_code == 0
    assert here.attest("m@1.1.0", name="load-test", result="passed", metrics={"latency": 1.0}).exit_code == 0
    assert here.promote("m", to=["production"], dry_run=True).commit is None
    assert here.promote("m", to=["production"]).exit_code == 0
    assert here.rollback("m@production", reason="bad").exit_code == 0
    assert here.unhold("m@1.1.0", reason="was harmless").exit_code == 0
    assert here.hold("m@1.1.0", reason="was not").exit_code == 0
    assert here.withdraw("m").plan.is_empty
    assert here.archive("m@production", reason="no longer used").exit_code == 0
    assert here.tag().exit_code == 0
    assert here.pull("m@1.0.0", tmp_path / "out").files == (("model.onnx", 7),)
    assert [effect.action for effect in here.log("m@production").effects] == [
        "archive",
        "rollback",
        "promote",
        "promote",
    ]


def test_a_refusal_raises_nothing_and_an_error_is_ours(served: Story) -> None:
    here = client(served)
    refused = here.promote("fraud-detector@1.0.0", to="production")
    assert (refused.exit_code, refused.commit) == (0, served.git("rev-parse", "HEAD"))  # a way back is no skip
    held = here.hold("fraud-detector@1.2.0", reason="x")
    assert held.exit_code == 0
    assert here.promote("fraud-detector@1.2.0", to="production").exit_code == 1
    with pytest.raises(gitstage.GitstageError):
        here.resolve("nobody@production")


def test_every_call_looks_anew(served: Story) -> None:
    here = client(served)
    assert here.resolve("fraud-detector@production").version == "1.1.0"
    served.promote("fraud-detector", to="production")
    assert here.resolve("fraud-detector@production").version == "1.2.0"


def test_a_place_that_holds_no_registry_is_said_when_it_is_opened(tmp_path: Path) -> None:
    with pytest.raises(GitstageError):
        gitstage.open(tmp_path)


def test_a_folder_and_a_url_can_be_named(
    serving_team: tuple[Team, Story], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    team, _ = serving_team
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    git("--git-dir=.", "config", "uploadpack.allowFilter", "true", cwd=team.remote)
    assert gitstage.open(f"file://{team.remote}").resolve("fraud-detector@production").version == "1.1.0"
    assert gitstage.open(str(team.remote), registry=".").resolve("fraud-detector@staging").version == "1.2.0"


PLAIN = (str, int, float, bool, bytes, datetime, Path, Enum, type(None))


def odd_parts(value: object, where: str) -> list[str]:
    """The parts of a value that are neither plain data nor frozen containers of it."""
    if isinstance(value, PLAIN):
        return []
    if is_dataclass(value) and not isinstance(value, type):
        try:
            value.anything = 1  # type: ignore[attr-defined]
            return [f"{where} is not frozen"]
        except FrozenInstanceError:
            pass
        return [
            odd for field in fields(value) for odd in odd_parts(getattr(value, field.name), f"{where}.{field.name}")
        ]
    if isinstance(value, Mapping | MappingProxyType):
        return [odd for key, item in value.items() for odd in odd_parts(item, f"{where}[{key}]")]
    if isinstance(value, tuple | list | frozenset):
        return [odd for item in value for odd in odd_parts(item, f"{where}[]")]
    return [f"{where} is a {type(value).__name__}"]


CALLS: Mapping[str, Callable[[Client, Path], object]] = {
    "resolve": lambda here, _: here.resolve("fraud-detector@production"),
    "status": lambda here, _: here.status("fraud-detector"),
    "show": lambda here, _: here.show("fraud-detector@1.0.0"),
    "log": lambda here, _: here.log("fraud-detector"),
    "diff": lambda here, _: here.diff("fraud-detector@1.0.0", "fraud-detector@1.1.0"),
    "check": lambda here, _: here.check(base="HEAD~1"),
    "tag": lambda here, _: here.tag(),
    "pull": lambda here, folder: here.pull("fraud-detector@production", folder / "out"),
    "promote": lambda here, _: here.promote("fraud-detector", to="production"),
    "rollback": lambda here, _: here.rollback("fraud-detector@production", reason="bad"),
    "archive": lambda here, _: here.archive("fraud-detector@staging", reason="old"),
    "hold": lambda here, _: here.hold("fraud-detector@1.0.0", reason="bad"),
    "withdraw": lambda here, _: here.withdraw("fraud-detector"),
    "attest": lambda here, _: here.attest("fraud-detector@1.0.0", name="x", result="failed"),
}


@pytest.mark.parametrize("name", list(CALLS))
def test_what_comes_back_is_plain_frozen_data(served: Story, tmp_path: Path, name: str) -> None:
    assert odd_parts(CALLS[name](client(served), tmp_path), name) == []


def test_what_people_say_is_signed_from_python_too(served: Story, tmp_path: Path) -> None:
    keys = make_keys(tmp_path / "keys")
    served.amend(policy(keys, soak="1h"))
    served.later(hours=1)
    here = client(served)
    approved = here.approve("fraud-detector@1.2.0", stage="production", sign=[str(keys["bob"])], expires="30d")
    waived = here.waive(
        "fraud-detector@1.2.0", rule="soak", stage="production", until="1d", reason="now", sign=[str(keys["ada"])]
    )
    assert [list(outcome.plan.edits) for outcome in (approved, waived)] == [
        ["evidence/fraud-detector/1.2.0/approval-bob/1.json"],
        ["evidence/fraud-detector/1.2.0/waiver-ada/1.json"],
    ]
    assert odd_parts(here.show("fraud-detector@1.2.0"), "show") == []


REFUSALS: Mapping[str, tuple[Callable[[Client, Path], object], str, str | None]] = {
    "resolve": (
        lambda here, _: here.resolve("fraud-detector@shadow"),
        "fraud-detector has no version or stage shadow",
        "versions: 1.0.0, 1.1.0, 1.2.0; stages: staging, production",
    ),
    "resolve then": (
        lambda here, _: here.resolve("fraud-detector@production", at="2020-01-01"),
        "nothing has taken effect in production of fraud-detector at 2020-01-01",
        "gitstage status fraud-detector",
    ),
    "status": (lambda here, _: here.status("nobody"), "there is no model nobody", "one of fraud-detector"),
    "show": (
        lambda here, _: here.show("fraud-detector"),
        "fraud-detector names no version",
        "gitstage resolve fraud-detector@production",
    ),
    "log": (lambda here, _: here.log("m@prod"), "there is no stage 'prod'", "stages: staging, production"),
    "diff": (
        lambda here, _: here.diff("fraud-detector@1.0.0", "nobody@1.0.0"),
        "there is no model nobody",
        "gitstage status lists the models",
    ),
    "check": (
        lambda here, _: here.check(base="nowhere"),
        "there is no revision 'nowhere'",
        "git branch --all and git tag say what there is, git fetch brings what is new elsewhere",
    ),
    "pull": (
        lambda here, folder: here.pull("fraud-detector@production", folder),
        "{folder} is not empty, and holds something else than fraud-detector@1.1.0",
        "name a new folder: --to DIR",
    ),
    "register": (
        lambda here, _: here.register("fraud-detector@2.0.0", Wanted(artifacts=())),
        "a version has at least one artifact",
        "--artifact model.onnx",
    ),
    "promote": (
        lambda here, _: here.promote("fraud-detector@9.9.9", to="staging"),
        "fraud-detector has no version 9.9.9",
        "registered: 1.0.0, 1.1.0, 1.2.0; register it with: gitstage register fraud-detector@9.9.9 --artifact FILE",
    ),
    "rollback": (
        lambda here, _: here.rollback("fraud-detector@production", reason="x", to="1.2.0"),
        "1.2.0 has never been in effect in production of fraud-detector",
        "it has held: 1.1.0, 1.0.0; something new is promoted, not rolled back to",
    ),
    "archive": (
        lambda here, _: here.archive("fraud-detector@1.2.0", reason="x"),
        "fraud-detector@1.2.0 is in staging",
        "empty that slot: gitstage archive fraud-detector@staging --reason …",
    ),
    "withdraw": (
        lambda here, _: here.withdraw(),
        "withdraw takes a model, a slot or --policy",
        "gitstage withdraw MODEL@STAGE",
    ),
    "hold": (
        lambda here, _: here.hold("fraud-detector@1.2.0", reason=""),
        "a reason has 1 to 10000 characters",
        "--reason 'false positives since 14:00'",
    ),
    "unhold": (
        lambda here, _: here.unhold("fraud-detector@1.2.0", reason="x"),
        "fraud-detector@1.2.0 is not held",
        "gitstage status fraud-detector",
    ),
    "redact": (
        lambda here, _: here.redact("fraud-detector@1.1.0", reason="x"),
        "fraud-detector@1.1.0 is in production",
        "empty that slot: gitstage archive fraud-detector@production --reason …",
    ),
    "attest": (
        lambda here, _: here.attest("fraud-detector@1.2.0", name="a b", result="passed"),
        "'a b' is no name of evidence",
        "letters, digits, '.', '_' and '-'",
    ),
    "approve": (
        lambda here, _: here.approve("fraud-detector@1.2.0", stage="prod", sign=["/no/key"]),
        "there is no stage 'prod'",
        "stages: staging, production",
    ),
    "waive": (
        lambda here, _: here.waive(
            "fraud-detector@1.2.0", rule="soak", stage="production", until="1d", reason="x", sign=["/no/key"]
        ),
        "nobody may waive anything in production",
        "in gitstage.yaml, production: waivers: {by: […]}",
    ),
}
"""What each call raises where it cannot answer, and what it says to type."""


@pytest.mark.parametrize("name", list(REFUSALS))
def test_what_cannot_be_answered_is_raised_with_what_to_type_and_changes_nothing(served: Story, name: str) -> None:
    call, message, hint = REFUSALS[name]
    here = client(served)
    with unchanged(served.path), pytest.raises(gitstage.GitstageError) as caught:
        call(here, served.path)
    assert (caught.value.message, caught.value.hint) == (message.replace("{folder}", str(served.path)), hint)


def test_every_call_of_the_client_is_tried_here() -> None:
    calls = {name for name in vars(Client) if not name.startswith("_")}
    assert calls - {"tag"} == {name.partition(" ")[0] for name in REFUSALS}


def test_what_an_outcome_says_is_what_happened(served: Story) -> None:
    here = client(served)
    before = served.git("rev-parse", "HEAD")
    outcome = here.promote("fraud-detector", to="production", reason="it is better")
    commit = served.git("rev-parse", "HEAD")
    assert (outcome.commit, outcome.branch, outcome.landed, outcome.exit_code) == (commit, "refs/heads/main", True, 0)
    assert outcome.tags == ("refs/tags/fraud-detector/production/3",)
    assert list(outcome.plan.edits) == ["production/fraud-detector.yaml"]
    assert served.git("rev-parse", "HEAD~1") == before
    resolved = here.resolve("fraud-detector@production")
    assert (resolved.version, resolved.commit, resolved.action) == ("1.2.0", commit, "promote")
    (newest, *_) = here.log("fraud-detector@production").effects
    assert (newest.action, newest.before, newest.after, newest.number) == ("promote", "1.1.0", "1.2.0", 3)
    status = here.status("fraud-detector").models[0]
    assert {stage: cell.version for stage, cell in status.slots.items()} == {"staging": "1.2.0", "production": "1.2.0"}
    assert here.promote("fraud-detector", to="production").plan.is_empty


def test_a_promotion_that_is_refused_says_by_which_rule(served: Story, tmp_path: Path) -> None:
    here = client(served)
    file = tmp_path / "model.onnx"
    file.write_bytes(b"weights")
    assert here.register("fraud-detector@2.0.0", Wanted(artifacts=(str(file),))).exit_code == 0
    with unchanged(served.path):
        refused = here.promote("fraud-detector@2.0.0", to="production")
    assert (refused.exit_code, refused.commit, refused.landed, refused.tags) == (1, None, False, ())
    (judgement,) = refused.report.judgements
    assert [(found.rule, str(found.verdict)) for found in judgement.findings] == [("stage-order", "refused")]


def test_two_clients_of_one_registry_see_what_the_other_did(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    bob = team.member("bob", now=ada.now)
    hers, his = client(ada), client(bob)
    assert hers.promote("fraud-detector", to="production", push=True).landed
    assert his.resolve("fraud-detector@production").version == "1.1.0"
    assert his.hold("fraud-detector@1.0.0", reason="leaks", push=True).landed
    assert his.resolve("fraud-detector@production").version == "1.2.0"
    assert hers.rollback("fraud-detector@production", reason="bad", push=True).landed
    # 1.0.0 is held, as he said, and she has heard of it by landing.
    assert hers.resolve("fraud-detector@production").version == "1.1.0"
