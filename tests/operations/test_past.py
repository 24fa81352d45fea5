from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from gitstage.errors import GitstageError
from gitstage.findings import Verdict
from gitstage.git import Repository, ShallowRepository, Tag
from gitstage.layout import Slot
from gitstage.operations import init, pull, resolve, show, status, tag
from gitstage.operations.past import TagPast
from gitstage.operations.registries import Registry, open_registry
from tests.git.sandbox import Sandbox, git
from tests.operations.stories import NOON, Story, Team

PRODUCTION = Slot("fraud-detector", "production")
Clone = Callable[..., Path]


def past_of(story: Story) -> TagPast:
    return story.registry().past


def message_of(story: Story, name: str) -> str:
    return story.git("tag", "--list", "--format=%(contents)", name)


def forge(story: Story, name: str, at: str, like: str = "fraud-detector/production/2", **fields: Any) -> None:
    """A tag that says what another says, but for some fields."""
    subject, _, body = message_of(story, like).partition("\n\n")
    document = {**json.loads(body), **fields}
    story.git("tag", "--force", "-a", "--cleanup=verbatim", "-m", f"{subject}\n\n{json.dumps(document)}\n", name, at)


# What counts.


def test_effects_are_in_the_order_of_their_numbers(story: Story) -> None:
    for number in range(12):
        story.register("m", f"1.{number}.0", to="staging")
    effects = past_of(story).effects(Slot("m", "staging"))
    assert [effect.number for effect in effects] == list(range(1, 13))
    assert [effect.after for effect in effects] == [f"1.{number}.0" for number in range(12)]


def test_what_is_current_is_what_a_reading_of_all_says(served: Story) -> None:
    for slot in (
        PRODUCTION,
        Slot("fraud-detector", "staging"),
        Slot("fraud-detector", "shadow"),
        Slot("nobody", "staging"),
    ):
        effects = past_of(served).effects(slot)
        assert past_of(served).current(slot) == (effects[-1] if effects else None)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"number": 3}, None),
        ({}, "it speaks of something else than its name"),
        ({"number": 3, "stage": "staging"}, "it speaks of something else than its name"),
        ({"number": 3, "model": "other"}, "it speaks of something else than its name"),
        ({"number": 3, "registry": "another"}, "it speaks of something else than its name"),
        ({"number": 3, "commit": "0" * 40}, "it claims another commit than it stands on"),
        ({"number": 3, "in": {"version": "1.1.0", "blob": "1" * 40}}, "the slot in its commit holds something else"),
        ({"number": 3, "in": None}, "the slot in its commit is not empty"),
        ({"number": 3, "moment": "tomorrow"}, "tomorrow"),
        ({"number": 3, "findings": None}, "its body is not a gitstage/promotion/v1"),
        ({"number": 3, "in": ["1.1.0"]}, "its body is not a gitstage/promotion/v1"),
    ],
)
def test_a_tag_that_lies_is_an_alarm_and_changes_nothing(
    served: Story, fields: dict[str, Any], why: str | None
) -> None:
    before = past_of(served).effects(PRODUCTION)
    forge(served, "fraud-detector/production/3", before[-1].commit, "fraud-detector/production/2", **fields)
    past = past_of(served)
    after = past.effects(PRODUCTION)
    if why is None:
        assert (len(after), past.alarms) == (3, ())
        return
    assert after == before
    (alarm,) = past.alarms
    assert alarm.ref == "refs/tags/fraud-detector/production/3"
    assert why in alarm.why
    assert past.taken(PRODUCTION) == 3
    # The next one takes the next free number.
    assert served.promote("fraud-detector", to="production").tags == ("refs/tags/fraud-detector/production/4",)


def test_a_lightweight_tag_in_our_names_is_an_alarm(served: Story) -> None:
    served.git("tag", "fraud-detector/production/3")
    past = past_of(served)
    assert past.current(PRODUCTION) == past.effects(PRODUCTION)[-1]
    assert [alarm.ref for alarm in past.alarms] == ["refs/tags/fraud-detector/production/3"]
    assert served.promote("fraud-detector", to="production").tags == ("refs/tags/fraud-detector/production/4",)


def test_a_tag_that_was_moved_does_not_count(served: Story) -> None:
    served.git("tag", "--force", "fraud-detector/production/2", "fraud-detector/production/1")
    past = past_of(served)
    assert [effect.number for effect in past.effects(PRODUCTION)] == [1]
    assert past.current(PRODUCTION) == past.effects(PRODUCTION)[0]
    assert [alarm.ref for alarm in past.alarms] == ["refs/tags/fraud-detector/production/2"]


@pytest.mark.parametrize("target", ["HEAD^{tree}", "HEAD:gitstage.yaml"])
def test_a_tag_on_something_that_is_no_commit_does_not_count(served: Story, target: str) -> None:
    oid = served.git("rev-parse", target)
    # The slot at the tip holds what it claims: only its commit is none.
    forge(served, "fraud-detector/production/3", oid, number=3, commit=oid)
    past = past_of(served)
    current = past.current(PRODUCTION)
    assert current is not None
    assert current.number == 2
    assert [alarm.why for alarm in past.alarms] == ["its commit is not in the trunk's history"]
    served.register("fraud-detector", "2.0.0")
    served.copy("models/fraud-detector/2.0.0.yaml", "staging/fraud-detector.yaml")
    served.commit("by hand")
    outcome = served.tag()
    assert [alarm.ref for alarm in outcome.alarms] == ["refs/tags/fraud-detector/production/3"]
    assert outcome.exit_code == 1


@pytest.mark.parametrize("name", ["x", "03", "1.5", "-1", "9999999999", "3/4"])
def test_a_tag_in_a_slots_names_that_is_no_number_is_an_alarm(served: Story, name: str) -> None:
    served.git("tag", f"fraud-detector/production/{name}")
    past = past_of(served)
    assert len(past.effects(PRODUCTION)) == 2
    assert [alarm.why for alarm in past.alarms] == ["it is in the names of gitstage, and no number"]
    number = 4 if name.startswith("3") else 3  # git allows no 3 beside 3/4
    assert served.promote("fraud-detector", to="production").tags == (f"refs/tags/fraud-detector/production/{number}",)


def test_tags_of_other_peoples_are_none_of_our_business(served: Story) -> None:
    for name in (
        "v1.0.0",
        "release/1",
        "fraud/production/1",
        "fraud-detector/seen/1",
        "fraud-detector/note",
        "production/1",
    ):
        served.git("tag", name)
    past = past_of(served)
    past.load_all()
    assert past.alarms == ()
    assert past.models() == {"fraud-detector"}


def test_a_version_whose_tag_somebody_else_made_is_registered_all_the_same(story: Story) -> None:
    story.git("tag", "m/v1.0.0")
    outcome = story.register("m", "1.0.0", to="staging")
    assert outcome.tags == ("refs/tags/m/staging/1",)
    assert list(past_of(story).version_tags("m")) == ["refs/tags/m/v1.0.0"]


def test_all_at_once_is_the_same_as_one_by_one(served: Story) -> None:
    served.register("other", "1.0.0", to="staging")
    whole, single = past_of(served), past_of(served)
    single.load(["other"])
    single.load_all()
    whole.load_all()
    for slot in (PRODUCTION, Slot("other", "staging")):
        assert whole.effects(slot) == single.effects(slot) == past_of(served).effects(slot) != ()


def test_until_a_moment(served: Story) -> None:
    until = past_of(served).until(NOON.replace(hour=14))
    assert [effect.number for effect in until.effects(PRODUCTION)] == [1]
    assert until.taken(PRODUCTION) == 2


def test_the_last_change_before_a_moment_is_what_a_reading_of_all_says(served: Story) -> None:
    served.register("other", "1.0.0", to="staging")
    lie: dict[str, Any] = {"number": 3, "moment": "2026-03-01T12:00:00Z", "in": None}
    for lies in (False, True):
        if lies:
            commit = past_of(served).effects(PRODUCTION)[0].commit
            forge(served, "fraud-detector/production/3", commit, **lie)
            forge(served, "lied-about/production/1", commit, number=1, model="lied-about", commit=commit)
        for hour in (11, 13, 14, 23):
            moment = NOON.replace(hour=hour)
            quick, whole = past_of(served), past_of(served)
            quick.load_all()
            whole.load_all()
            slots = {effect.slot for effect in whole.claimed()}
            before = {slot: [effect for effect in whole.effects(slot) if effect.moment <= moment] for slot in slots}
            last = {slot: effects[-1] for slot, effects in before.items() if effects}
            assert quick.last(lambda effect, moment=moment: effect.moment <= moment) == last  # type: ignore[misc]
            assert past_of(served).newest(lambda effect, moment=moment: effect.moment <= moment) == last  # type: ignore[misc]


def test_what_was_last_is_found_without_reading_what_is_older(served: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    past = past_of(served)
    tags_by_id = Repository.tags_by_id

    def watched(repo: Repository, oids: Iterable[str]) -> dict[str, Tag]:
        wanted = list(oids)
        read.extend(wanted)
        return tags_by_id(repo, wanted)

    monkeypatch.setattr(Repository, "tags_by_id", watched)
    monkeypatch.setattr(TagPast, "load", lambda self, models: None if not set(models) else pytest.fail("all were read"))
    found = past.newest(lambda effect: True)
    assert {slot.stage: effect.number for slot, effect in found.items()} == {"staging": 3, "production": 2}
    assert sorted(read) == sorted(
        served.git("rev-parse", f"refs/tags/fraud-detector/{last}") for last in ("staging/3", "production/2")
    )


@pytest.mark.parametrize("how", ["a tag of a tag", "no annotated tag", "another slot's", "a broken one"])
def test_a_tag_that_is_not_plain_does_not_hide_what_was_last(served: Story, how: str) -> None:
    name, number = "fraud-detector/production/2", "fraud-detector/production/3"
    if how == "a tag of a tag":
        text = served.git("for-each-ref", "--format=%(contents)", f"refs/tags/{name}")
        served.git("tag", "--annotate", "--force", "--message", text, name, f"refs/tags/{name}")
    elif how == "no annotated tag":
        served.git("tag", number, "HEAD")
    elif how == "another slot's":
        served.git("update-ref", f"refs/tags/{number}", served.git("rev-parse", "refs/tags/fraud-detector/staging/1"))
    else:
        served.git("tag", "--annotate", "--message", "nothing\n\n{", number, "HEAD")
    whole = past_of(served)
    whole.load_all()
    last = whole.last(lambda effect: True)
    assert last[PRODUCTION].number == 2
    assert past_of(served).newest(lambda effect: True) == last


def test_tag_names_may_begin_with_a_prefix(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    box.commit("code", {"train.py": ""})
    for folder in ("eu", "us"):
        init.run(box.path, folder, clock=lambda: NOON)
    eu, us = Story(box.path, folder="eu"), Story(box.path, folder="us")
    eu.register("m", "1.0.0", to="staging")
    us.register("m", "2.0.0", to="staging")
    assert (eu.in_effect("m", "staging"), us.in_effect("m", "staging")) == ("1.0.0", "2.0.0")
    prefix = us.registry().identity.tag_prefix
    assert prefix == "us/"
    found = resolve.run(us.registry(), "m@staging")
    assert found.tag == "us/m/staging/1"
    assert resolve.run(us.registry(), "m@staging", at="us/m/staging/1").version == "2.0.0"
    us.git("tag", "m/production")  # stands in the way of the other registry's only
    assert us.promote("m", to="production").exit_code == 0
    assert eu.promote("m", to="production").exit_code == 4


def test_a_tag_called_like_a_slot_stops_its_model_only(served: Story) -> None:
    served.register("other", "1.0.0", to="staging")
    served.git("tag", "other/production")
    outcome = served.promote("other", to="production")
    assert outcome.exit_code == 4
    assert [found.message for found in outcome.report.judgements[0].findings if found.verdict is Verdict.PENDING] == [
        "the tag other/production stands in the way of other's tags"
    ]
    assert served.promote("fraud-detector", to="production").exit_code == 0
    served.git("tag", "--delete", "other/production")
    assert served.promote("other", to="production").exit_code == 0


def test_a_tag_below_a_versions_takes_its_name(story: Story) -> None:
    story.git("tag", "m/v1.0.0/reviewed")
    assert story.register("m", "1.0.0", to="staging").tags == ("refs/tags/m/staging/1",)


@pytest.mark.parametrize("name", ["policy/2", "policy/2/x"])
def test_a_tag_in_the_way_of_a_policys_is_an_alarm_and_stops_nobody(story: Story, name: str) -> None:
    story.git("tag", name)
    story.write("gitstage.yaml", story.read("gitstage.yaml").replace("# keep: 72h ", "keep: 72h #"))
    story.commit("keep")
    outcome = story.tag()
    assert [(alarm.ref, alarm.why) for alarm in outcome.alarms] == [
        (f"refs/tags/{name}", "it stands in the way of policy/2")
    ]
    assert (outcome.exit_code, story.open_things()) == (1, [])
    story.register("m", "1.0.0", to="staging")
    assert story.register("m", "1.1.0", to="staging").exit_code == 4  # the policy is in effect


def test_a_tag_called_policy_is_in_nobodys_way_but_its_own(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    box.commit("code", {"train.py": ""})
    box.git("tag", "policy")
    init.run(box.path, clock=lambda: NOON)
    story = Story(box.path, folder="registry")
    assert story.register("m", "1.0.0", to="staging").tags == ("refs/tags/m/v1.0.0", "refs/tags/m/staging/1")


# Clones that lack something.


@pytest.fixture
def clone(serving_team: tuple[Team, Story], tmp_path: Path) -> Clone:
    team, _ = serving_team

    def made(*options: str, name: str = "clone") -> Path:
        git("clone", "--quiet", *options, f"file://{team.remote}", str(tmp_path / name), cwd=tmp_path)
        return tmp_path / name

    return made


def registry_at(path: Path) -> Registry:
    return open_registry(str(path), clock=lambda: NOON)


def test_a_shallow_clone_fetches_the_newest_tags_and_nothing_else(clone: Clone) -> None:
    path = clone("--depth=1", "--no-tags")
    found = resolve.run(registry_at(path), "fraud-detector@production")
    assert (found.version, found.tag) == ("1.1.0", "fraud-detector/production/2")
    assert resolve.run(registry_at(path), "fraud-detector@staging").version == "1.2.0"
    tags = git("tag", cwd=path).splitlines()
    assert tags == ["fraud-detector/production/2", "fraud-detector/staging/3"]
    assert git("rev-list", "--count", "HEAD", cwd=path) == "1"


def test_a_shallow_clone_with_some_tags_is_not_taken_for_one_with_all(
    clone: Clone, serving_team: tuple[Team, Story]
) -> None:
    path = clone("--depth=1")  # git brings the tags of the newest commit along
    assert resolve.run(registry_at(path), "fraud-detector@production").version == "1.1.0"
    _, ada = serving_team
    ada.promote("fraud-detector", to="production", push=True)
    git("fetch", "--quiet", "--depth=1", "--no-tags", cwd=path)
    assert resolve.run(registry_at(path), "fraud-detector@production").version == "1.2.0"


def test_the_history_that_a_shallow_clone_has_is_not_cut(clone: Clone) -> None:
    path = clone("--depth=4", "--no-tags")
    resolve.run(registry_at(path), "fraud-detector@production")
    assert git("rev-list", "--count", "HEAD", cwd=path) == "4"


def test_what_a_shallow_clone_cannot_know_is_said_with_what_to_fetch(clone: Clone) -> None:
    path = clone("--depth=1", "--no-tags")
    for text, at in (("fraud-detector@production~1", None), ("fraud-detector@production", "2026-03-01T13:00Z")):
        with pytest.raises(ShallowRepository, match="shallow") as caught:
            resolve.run(registry_at(path), text, at=at)
        assert "git fetch --unshallow" in str(caught.value.hint)
        assert caught.value.exit_code == 2
    for asks in (tag.run, lambda registry: show.run(registry, "fraud-detector@1.0.0")):
        with pytest.raises(ShallowRepository):
            asks(registry_at(path))
    git("fetch", "--quiet", "--unshallow", "--tags", cwd=path)
    assert resolve.run(registry_at(path), "fraud-detector@production~1").version == "1.0.0"


def test_a_shallow_clone_reads_trees_pulls_and_has_a_status(clone: Clone, tmp_path: Path) -> None:
    path = clone("--depth=1", "--no-tags")
    assert resolve.run(registry_at(path), "fraud-detector@latest").version == "1.2.0"
    assert resolve.run(registry_at(path), "fraud-detector@production", declared=True).version == "1.1.0"
    cells = status.run(registry_at(path)).models[0].slots
    assert {stage: cell.version for stage, cell in cells.items()} == {"staging": "1.2.0", "production": "1.1.0"}
    pulled = pull.run(registry_at(path), "fraud-detector@production", tmp_path / "out")
    assert pulled.resolved.version == "1.1.0"
    assert (tmp_path / "out/fraud-detector-1.1.0.bin").read_bytes() == b"fraud-detector@1.1.0"


def test_a_shallow_clone_in_which_something_waits_needs_its_history(
    clone: Clone, serving_team: tuple[Team, Story]
) -> None:
    _, ada = serving_team
    ada.write("production/fraud-detector.yaml", "nonsense")
    ada.commit("by force")
    ada.git("push", "--quiet", "origin", "main")
    path = clone("--depth=1", "--no-tags")
    with pytest.raises(ShallowRepository):
        resolve.run(registry_at(path), "fraud-detector@production")
    assert resolve.run(registry_at(path), "fraud-detector@staging").version == "1.2.0"


def test_a_shallow_clone_whose_remote_is_gone_says_what_to_fetch(
    clone: Clone, serving_team: tuple[Team, Story]
) -> None:
    team, _ = serving_team
    path = clone("--depth=1", "--no-tags")
    whole = clone("--depth=1", "--no-tags", name="whole")
    resolve.run(registry_at(whole), "fraud-detector@production")
    shutil.move(team.remote, team.folder / "gone")
    with pytest.raises(GitstageError, match="lacks tags, which could not be fetched") as caught:
        resolve.run(registry_at(path), "fraud-detector@production")
    assert caught.value.hint == ("git fetch --depth=1 origin 'refs/tags/fraud-detector/*:refs/tags/fraud-detector/*'")
    # What was fetched before is an answer, as in any clone that is not brought up to date.
    assert resolve.run(registry_at(whole), "fraud-detector@production").version == "1.1.0"


def test_a_shallow_clone_without_a_remote_has_what_it_has(clone: Clone) -> None:
    path = clone("--depth=1")
    git("remote", "remove", "origin", cwd=path)
    assert resolve.run(registry_at(path), "fraud-detector@staging").version == "1.2.0"
    with pytest.raises(GitstageError):
        resolve.run(registry_at(path), "fraud-detector@production")


def test_a_clone_without_tags_fetches_those_of_the_model(clone: Clone) -> None:
    path = clone("--no-tags")
    assert resolve.run(registry_at(path), "fraud-detector@production~1").version == "1.0.0"
    assert len(git("tag", cwd=path).splitlines()) == 8


def test_a_clone_of_one_branch_answers(clone: Clone, serving_team: tuple[Team, Story]) -> None:
    _, ada = serving_team
    ada.git("push", "--quiet", "origin", "HEAD~1:refs/heads/work")
    path = clone("--single-branch", "--branch=work")
    assert resolve.run(registry_at(path), "fraud-detector@production").version == "1.1.0"


def test_a_partial_clone_answers(clone: Clone, serving_team: tuple[Team, Story]) -> None:
    team, _ = serving_team
    git("--git-dir=.", "config", "uploadpack.allowFilter", "true", cwd=team.remote)
    path = clone("--filter=blob:none", "--no-checkout")
    assert resolve.run(registry_at(path), "fraud-detector@production").version == "1.1.0"
    assert show.run(registry_at(path), "fraud-detector@1.0.0").manifest["version"] == "1.0.0"


def test_a_ledger_that_cannot_be_fetched_is_not_taken_for_none(clone: Clone, serving_team: tuple[Team, Story]) -> None:
    team, _ = serving_team
    path = clone("--no-tags")
    shutil.move(team.remote, team.folder / "gone")
    with pytest.raises(GitstageError, match="could not be fetched") as caught:
        status.run(registry_at(path))
    assert "git fetch origin 'refs/gitstage/" in str(caught.value.hint)


def test_a_remote_that_nobody_has_reached_yet_is_no_hindrance(story: Story) -> None:
    story.git("remote", "add", "origin", str(story.path.parent / "not-yet.git"))
    story.git("update-ref", "-d", story.registry().identity.ledger_ref)
    story.git("tag", "--delete", "policy/1")
    outcome = story.register("m", "1.0.0")
    assert (outcome.exit_code, outcome.landed, outcome.tags) == (0, False, ())


def test_what_is_expected_is_found_while_other_things_are_done(served: Story) -> None:
    expected, plain = served.registry().past, served.registry().past
    expected.expect(["fraud-detector"])
    for stage in ("staging", "production"):
        slot = Slot("fraud-detector", stage)
        assert expected.effects(slot) == plain.effects(slot)
    expected.expect(["fraud-detector"])
    assert expected.alarms == ()


def test_tags_of_somebody_else_below_a_models_name_are_nobodys_alarm(served: Story) -> None:
    before = served.tags()
    served.git("tag", "--annotate", "-m", "mine", "releases/production/notes")
    served.git("tag", "--annotate", "-m", "mine", "releases/production/7")
    served.git("tag", "--annotate", "-m", "mine", "fraud-detector/production/notes")
    registry = served.registry()
    registry.past.load_all()
    assert [(alarm.ref, alarm.why) for alarm in registry.past.alarms] == [
        ("refs/tags/fraud-detector/production/notes", "it is in the names of gitstage, and no number")
    ]
    assert served.promote("fraud-detector", to="production").tags == ("refs/tags/fraud-detector/production/3",)
    assert len(served.tags()) == len(before) + 4
