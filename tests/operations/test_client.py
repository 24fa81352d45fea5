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
