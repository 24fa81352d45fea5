from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from gitstage.errors import GitstageError, NoSuchThing
from gitstage.git.creation import create
from gitstage.operations import resolve
from gitstage.operations.registries import open_registry
from gitstage.operations.resolve import FIELDS, Resolved
from tests.git.sandbox import git
from tests.operations.pictures import unchanged
from tests.operations.stories import NOON, Story, Team


def resolved(story: Story, text: str, *, at: str | None = None, declared: bool = False) -> Resolved:
    return resolve.run(story.registry(), text, at=at, declared=declared)


def test_what_is_in_effect_comes_with_its_tag_moment_and_commit(served: Story) -> None:
    with unchanged(served.path):
        found = resolved(served, "fraud-detector@production")
    commit = served.git("rev-parse", "fraud-detector/production/2^{commit}")
    blob = served.git("rev-parse", "HEAD:models/fraud-detector/1.1.0.yaml")
    assert found == Resolved(
        model="fraud-detector",
        version="1.1.0",
        blob=blob,
        commit=commit,
        stage="production",
        tag="fraud-detector/production/2",
        moment=NOON + timedelta(hours=3),
        action="promote",
        manifest=served.read("models/fraud-detector/1.1.0.yaml").encode(),
    )
    document = found.document()
    assert json.loads(json.dumps(document)) == document
    assert {key: document[key] for key in ("schema", "stage", "moment", "path")} == {
        "schema": "gitstage/resolved/v1",
        "stage": "production",
        "moment": "2026-03-01T15:00:00Z",
        "path": "models/fraud-detector/1.1.0.yaml",
    }
    assert document["manifest"]["metrics"] == {"auc": 0.92}


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("production", "1.1.0"),
        ("production~0", "1.1.0"),
        ("production~1", "1.0.0"),
        ("staging", "1.2.0"),
        ("staging~2", "1.0.0"),
        ("latest", "1.2.0"),
        ("1.0.0", "1.0.0"),
    ],
)
def test_a_version_has_many_names(served: Story, text: str, version: str) -> None:
    assert resolved(served, f"fraud-detector@{text}").version == version


@pytest.mark.parametrize(
    ("text", "at", "version"),
    [
        ("production", "2026-03-01T13:00Z", "1.0.0"),
        ("production", "2026-03-01T14:59:59Z", "1.0.0"),
        ("production", "2026-03-01T15:00:00Z", "1.1.0"),
        ("production", "2026-03-01T16:00:00+01:00", "1.1.0"),
        ("production", "2026-03-01T16:00", "1.1.0"),
        ("production", "2026-03-02", "1.1.0"),
        ("production", "fraud-detector/production/1", "1.0.0"),
        ("production", "refs/tags/fraud-detector/production/1", "1.0.0"),
        ("production", "fraud-detector/v1.1.0", "1.0.0"),
        ("production", "HEAD", "1.1.0"),
        ("production", "HEAD~1", "1.1.0"),
        ("production", "HEAD~2", "1.0.0"),
        ("production", "main", "1.1.0"),
        ("staging~1", "2026-03-01T15:00Z", "1.0.0"),
        ("latest", "HEAD~2", "1.1.0"),
    ],
)
def test_what_served_then(served: Story, text: str, at: str, version: str) -> None:
    assert resolved(served, f"fraud-detector@{text}", at=at).version == version


@pytest.mark.parametrize(
    ("text", "at", "why"),
    [
        (
            "fraud-detector@production",
            "2026-03-01",
            "nothing has taken effect in production of fraud-detector at 2026-03-01",
        ),
        ("fraud-detector@production~5", None, "production of fraud-detector has not had so many changes"),
        ("fraud-detector@production", "yesterday", "'yesterday' is no moment, commit or tag"),
        ("fraud-detector@production", "fraud-detector/production/7", "is no moment, commit or tag"),
        ("fraud-detector@production", "2026-02-30", "is no moment, commit or tag"),
        ("fraud-detector@shadow", None, "fraud-detector has no version or stage shadow"),
        ("fraud-detector@9.9.9", None, "fraud-detector has no version or stage 9.9.9"),
        ("fraud-detektor@production", None, "there is no model fraud-detektor"),
        ("fraud-detektor@1.0.0", None, "there is no model fraud-detektor"),
        ("fraud-detector@1.0.0~1", None, "~1 counts back"),
        ("fraud-detector", None, "names no version"),
        ("fraud-detector@", None, "names no version"),
        ("fraud detector@production", None, "names no model"),
    ],
)
def test_what_is_not_there_is_said(served: Story, text: str, at: str | None, why: str) -> None:
    with unchanged(served.path), pytest.raises(GitstageError) as caught:
        resolved(served, text, at=at)
    assert why in caught.value.message
    assert caught.value.exit_code == 2


def test_a_slot_that_was_emptied_is_said_to_be_empty(served: Story) -> None:
    served.archive("fraud-detector@production")
    with pytest.raises(NoSuchThing, match="production of fraud-detector is empty"):
        resolved(served, "fraud-detector@production")
    assert resolved(served, "fraud-detector@production~1").version == "1.1.0"


def test_a_name_that_was_nearly_right_is_offered(served: Story) -> None:
    served.register("risk/scorer", "1.0.0")
    for wrong, right in (("fraud-detektor", "fraud-detector"), ("risk/score", "risk/scorer")):
        for name in ("1.0.0", "production"):
            with pytest.raises(NoSuchThing) as caught:
                resolved(served, f"{wrong}@{name}")
            assert right in str(caught.value.hint)


def test_the_latest_is_neither_held_nor_a_pre_release(served: Story) -> None:
    served.register("fraud-detector", "2.0.0-rc.1")
    served.register("fraud-detector", "1.10.0")
    assert resolved(served, "fraud-detector@latest").version == "1.10.0"
    served.hold("fraud-detector@1.10.0")
    assert resolved(served, "fraud-detector@latest").version == "1.2.0"
    served.register("rc", "1.0.0-rc.1")
    with pytest.raises(NoSuchThing, match="neither held nor a pre-release"):
        resolved(served, "rc@latest")


def test_what_is_declared_is_read_from_the_tree(served: Story) -> None:
    served.copy("models/fraud-detector/1.2.0.yaml", "production/fraud-detector.yaml")
    commit = served.commit("declared, not judged")
    found = resolved(served, "fraud-detector@production", declared=True)
    assert (found.version, found.commit, found.tag, found.moment) == ("1.2.0", commit, None, None)
    assert resolved(served, "fraud-detector@production").version == "1.1.0"
    assert resolved(served, "fraud-detector@production", declared=True, at="HEAD~1").version == "1.1.0"
    assert resolved(served, "fraud-detector@1.0.0", declared=True).version == "1.0.0"


@pytest.mark.parametrize(
    ("text", "at", "why"),
    [
        ("fraud-detector@production~1", None, "~N counts what took effect"),
        ("fraud-detector@production", "2026-03-01T13:00Z", "--at takes a commit then, not a moment"),
        ("nobody@production", None, "production of nobody declares no version"),
    ],
)
def test_a_tree_declares_only_one(served: Story, text: str, at: str | None, why: str) -> None:
    with pytest.raises(GitstageError) as caught:
        resolved(served, text, at=at, declared=True)
    assert why in caught.value.message


def test_a_slot_that_declares_no_version_is_said(served: Story) -> None:
    served.write("production/fraud-detector.yaml", "nonsense")
    served.commit("by hand")
    with pytest.raises(NoSuchThing, match="declares no version"):
        resolved(served, "fraud-detector@production", declared=True)
    assert resolved(served, "fraud-detector@production").version == "1.1.0"


def test_fields_are_lines_of_text(served: Story) -> None:
    found = resolved(served, "fraud-detector@production")
    assert {name: found.field(name) for name in FIELDS if name not in ("commit", "blob", "sha256")} == {
        "version": "1.1.0",
        "model": "fraud-detector",
        "stage": "production",
        "tag": "fraud-detector/production/2",
        "moment": "2026-03-01T15:00:00Z",
        "path": "models/fraud-detector/1.1.0.yaml",
        "uri": "artifacts/fraud-detector/1.1.0/fraud-detector-1.1.0.bin",
        "size": "20",
        "format": "",
    }
    assert found.field("metrics.auc") == "0.92"
    assert resolved(served, "fraud-detector@1.0.0").field("stage") == ""
    for name, why in (("metrics.f1", "has no metrics.f1"), ("colour", "there is no field 'colour'")):
        with pytest.raises(NoSuchThing, match=why):
            found.field(name)


def test_several_tags_of_one_run_are_told_apart(story: Story) -> None:
    for version in ("1.0.0", "1.1.0"):
        story.register("m", version)
    for version in ("1.0.0", "1.1.0"):
        story.copy(f"models/m/{version}.yaml", "staging/m.yaml")
        if version == "1.1.0":
            story.copy("models/m/1.0.0.yaml", "archived/m/1.0.0.yaml")
        story.commit(version)
    assert story.tag().tags == ("refs/tags/m/staging/1", "refs/tags/m/staging/2")
    # Both took effect at one moment, that of the run; a tag names the one of the two.
    assert resolved(story, "m@staging", at="m/staging/1").version == "1.0.0"
    assert resolved(story, "m@staging", at="m/staging/2").version == "1.1.0"
    assert resolved(story, "m@staging", at="2026-03-01T12:00Z").version == "1.1.0"


def test_a_tag_that_lies_is_no_moment(served: Story) -> None:
    message = served.git("tag", "--list", "--format=%(contents)", "fraud-detector/production/2")
    lie = message.replace('"number": 2', '"number": 9').replace("2026-03-01T15", "2020-03-01T15")
    served.git("tag", "-a", "-m", lie, "--cleanup=verbatim", "fraud-detector/production/9", "HEAD~4")
    # It is a tag like any other: a commit, and what was in effect in its history.
    with pytest.raises(NoSuchThing, match="nothing has taken effect"):
        resolved(served, "fraud-detector@production", at="fraud-detector/production/9")
    assert resolved(served, "fraud-detector@production").version == "1.1.0"


def test_a_bare_repository_answers(serving_team: tuple[Team, Story]) -> None:
    team, _ = serving_team
    with unchanged(team.remote):
        registry = open_registry(str(team.remote))
        assert resolve.run(registry, "fraud-detector@production").version == "1.1.0"
        assert resolve.run(registry, "fraud-detector@staging", declared=True).version == "1.2.0"
        assert resolve.run(registry, "fraud-detector@production", at="2026-03-01T13:00Z").version == "1.0.0"


def test_a_url_answers_from_a_clone_in_the_users_cache(
    serving_team: tuple[Team, Story], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    team, ada = serving_team
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    git("--git-dir=.", "config", "uploadpack.allowFilter", "true", cwd=team.remote)
    url = f"file://{team.remote}"
    assert resolve.run(open_registry(url), "fraud-detector@production").version == "1.1.0"
    ada.promote("fraud-detector", to="production", push=True)
    assert resolve.run(open_registry(url), "fraud-detector@production").version == "1.2.0"
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["gitstage"]


def test_a_linked_work_tree_answers_as_the_main_one(served: Story, tmp_path: Path) -> None:
    served.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"), "HEAD~2")
    registry = open_registry(str(tmp_path / "linked"))
    assert resolve.run(registry, "fraud-detector@production").version == "1.1.0"
    assert resolve.run(registry, "fraud-detector@production", declared=True).version == "1.0.0"


def test_a_repository_without_a_commit_has_no_registry(tmp_path: Path) -> None:
    create(tmp_path / "empty", branch="main").close()
    with pytest.raises(GitstageError, match="no commit yet"):
        open_registry(str(tmp_path / "empty"))


def test_it_asks_git_little(served: Story) -> None:
    from gitstage.git import process

    calls: list[str] = []

    def watch(moment: str, arguments: object) -> None:
        if moment == "before":
            calls.append(arguments[0])  # type: ignore[index]

    process.WATCHERS.append(watch)
    try:
        resolved(served, "fraud-detector@production")
    finally:
        process.WATCHERS.remove(watch)
    assert len(calls) <= 9, calls


@pytest.mark.parametrize("judged", [True, False])
def test_a_version_is_what_was_registered_and_not_what_was_put_in_its_place(served: Story, judged: bool) -> None:
    text = served.read("models/fraud-detector/1.1.0.yaml")
    before = served.git("rev-parse", "HEAD")
    served.write("models/fraud-detector/1.1.0.yaml", text.replace("auc: 0.92", "auc: 0.99"))
    served.write("models/fraud-detector/9.0.0.yaml", text.replace("version: 1.1.0", "version: 9.0.0"))
    served.commit("by force")
    if judged:
        served.tag()
    found = resolve.run(served.registry(), "fraud-detector@1.1.0")
    assert (found.manifest.decode(), found.commit) == (text, before)
    # Whoever names a commit, or what is declared, is told what stands there.
    assert b"auc: 0.99" in resolve.run(served.registry(), "fraud-detector@1.1.0", at="HEAD").manifest
    if judged:
        assert resolve.run(served.registry(), "fraud-detector@latest").version == "1.2.0"
        with pytest.raises(NoSuchThing, match="fraud-detector@9.0.0 has not passed: ") as caught:
            resolve.run(served.registry(), "fraud-detector@9.0.0")
        assert caught.value.hint == (
            "gitstage status fraud-detector; to take it back: gitstage withdraw fraud-detector"
        )
        assert resolve.run(served.registry(), "fraud-detector@9.0.0", unpassed=True).version == "9.0.0"


def test_a_version_that_was_removed_by_force_is_still_there(served: Story) -> None:
    text = served.read("models/fraud-detector/1.1.0.yaml")
    served.git("rm", "--quiet", "-r", "models")
    served.commit("by force")
    for _ in range(2):
        assert resolve.run(served.registry(), "fraud-detector@1.1.0").manifest.decode() == text
        served.tag()
    assert resolve.run(served.registry(), "fraud-detector@latest").version == "1.2.0"


def test_a_model_whose_records_never_passed_has_no_version(served: Story) -> None:
    served.write("models/other/1.0.0.yaml", "nonsense")
    served.commit("by force")
    served.tag()
    with pytest.raises(NoSuchThing, match="other@1.0.0 has not passed: "):
        resolve.run(served.registry(), "other@1.0.0")
    with pytest.raises(NoSuchThing, match="other has no version or stage 2.0.0"):
        resolve.run(served.registry(), "other@2.0.0")


def test_what_landed_and_is_not_judged_yet_can_be_named(served: Story) -> None:
    text = served.read("models/fraud-detector/1.2.0.yaml")
    served.write("models/fraud-detector/1.3.0.yaml", text.replace("1.2.0", "1.3.0"))
    served.commit("by hand")
    assert resolve.run(served.registry(), "fraud-detector@1.3.0").version == "1.3.0"
    assert resolve.run(served.registry(), "fraud-detector@latest").version == "1.3.0"


def test_a_clone_that_lacks_where_the_records_passed_says_what_to_fetch(
    serving_team: tuple[Team, Story], tmp_path: Path
) -> None:
    team, ada = serving_team
    text = ada.read("models/fraud-detector/1.1.0.yaml")
    ada.write("models/fraud-detector/1.1.0.yaml", text.replace("auc: 0.92", "auc: 0.99"))
    ada.commit("by force")
    ada.git("push", "--quiet", "origin", "main")
    shallow = tmp_path / "shallow"
    # Not judged yet: of a shallow clone only the tip is known.
    git("clone", "--quiet", "--depth=1", f"file://{team.remote}", str(shallow), cwd=tmp_path)
    assert resolve.run(Story(shallow).registry(), "fraud-detector@1.0.0").version == "1.0.0"
    ada.tag()
    git("fetch", "--quiet", "origin", "+refs/gitstage/*:refs/gitstage/*", cwd=shallow)
    with pytest.raises(
        GitstageError, match="the records of fraud-detector are open, and [0-9a-f]{12}, where"
    ) as caught:
        resolve.run(Story(shallow).registry(), "fraud-detector@1.1.0")
    assert caught.value.hint == "git fetch --unshallow"
