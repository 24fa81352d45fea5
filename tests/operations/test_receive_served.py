"""Pushes over smart HTTP with users, and over ssh, to servers whose hook is the one that `hook install` writes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gitstage.cli.demo.example import folder as example
from gitstage.git.creation import create
from gitstage.operations.registries import utc_now
from tests.operations import gitservers
from tests.operations.gitservers import as_http_user
from tests.operations.guards import Guard
from tests.operations.stories import Story, Team

MODEL = "fraud-detector"


@pytest.fixture
def guard(serving_team: tuple[Team, Story]) -> Guard:
    """The server of a team of which 1.1.0 serves and 1.2.0 is staged; its clock is the machine's."""
    team, ada = serving_team
    ada.now = utc_now()
    return Guard.installed(team.remote, ada)


def going_over(story: Story, url: str) -> None:
    story.git("remote", "set-url", "origin", url)


@contextmanager
def over_http(guard: Guard, user: str) -> Iterator[None]:
    with gitservers.http(guard.path.parent) as url:
        going_over(guard.story, as_http_user(url, user) + "/remote.git")
        yield


@pytest.fixture(params=["http", "ssh"])
def alice(
    request: pytest.FixtureRequest, guard: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Story]:
    """Alice, whom the server has authenticated."""
    if request.param == "http":
        with over_http(guard, "alice"):
            yield guard.story
        return
    if gitservers.SSHD is None:
        pytest.skip("OpenSSH's server is not installed: .ci/packages openssh-server")
    with gitservers.ssh(tmp_path / "ssh") as server:
        monkeypatch.setenv("GIT_SSH_COMMAND", server.command("alice"))
        going_over(guard.story, server.url(guard.path))
        yield guard.story


def test_a_promotion_and_a_rollback_are_let_in(guard: Guard, alice: Story) -> None:
    assert alice.promote(MODEL, to="production", push=True).landed
    assert alice.in_effect(MODEL) == "1.2.0"
    alice.now = utc_now()
    assert alice.rollback(f"{MODEL}@production", push=True).landed
    assert alice.in_effect(MODEL) == "1.1.0"
    assert f"refs/tags/{MODEL}/production/4" in guard.refs()


def test_a_merge_is_let_in_and_tagged(guard: Guard, alice: Story) -> None:
    alice.git("switch", "--quiet", "-c", "topic")
    alice.promote(MODEL, to="production")
    alice.git("switch", "--quiet", "main")
    alice.git("merge", "--quiet", "--no-ff", "-m", "Merge topic", "topic")
    guard.lets_in("main")
    alice.now = utc_now()
    assert alice.tag().pushed
    assert f"refs/tags/{MODEL}/production/3" in guard.refs()


def test_a_rewritten_version_is_refused_and_alice_is_told(guard: Guard, alice: Story) -> None:
    alice.write(f"models/{MODEL}/1.0.0.yaml", "kind: ModelVersion\n")
    alice.commit("rewritten")
    said = guard.refuses("main")
    assert "gitstage: refused, nothing of this push is let in (pushed by alice)" in said
    assert f"models/{MODEL}/1.0.0.yaml" in said


def test_what_comes_out_of_the_repository_is_escaped_on_the_pushers_terminal(guard: Guard, alice: Story) -> None:
    alice.write("models/\x1b[2J\u202eevil/x.yaml", "x")
    alice.commit("evil")
    said = guard.refuses("main")
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "\\x1b[2J\\u202eevil" in said


def test_a_push_of_many_megabytes_in_one_request_is_judged(guard: Guard, alice: Story) -> None:
    (alice.path / "weights.bin").write_bytes(b"".join(i.to_bytes(4, "big") for i in range(600_000)))
    alice.git("config", "http.postBuffer", "65536")
    alice.commit("large")
    guard.lets_in("main")


def test_somebody_whom_the_server_does_not_know_pushes_nothing(guard: Guard) -> None:
    with gitservers.http(guard.path.parent) as url:
        going_over(guard.story, url.format(user="mallory:secret") + "/remote.git")
        before = guard.refs()
        went, said = guard.push("main:topic")
    assert (went, said, guard.refs()) == (False, "", before)


def test_a_name_in_a_commit_or_in_the_pushers_own_surroundings_makes_nobody_else_of_alice(
    guard: Guard, alice: Story
) -> None:
    alice.git("config", "user.name", "bob")
    (alice.path / f"models/{MODEL}/1.0.0.yaml").unlink()
    alice.commit("evil")
    went, said = guard.push("main", user="bob", variables={"GL_USERNAME": "bob"})
    assert not went
    assert "(pushed by alice)" in said


def test_the_example_registry_is_served_and_guarded(tmp_path: Path) -> None:
    create(tmp_path / "remote.git", branch="main", bare=True).close()
    create(tmp_path / "ada", branch="main").close()
    shutil.copytree(example(), tmp_path / "ada", dirs_exist_ok=True)
    ada = Story(tmp_path / "ada", now=utc_now())
    ada.commit("the example")
    guard = Guard.installed(tmp_path / "remote.git", ada)
    ada.git("remote", "add", "origin", "nowhere")
    with over_http(guard, "bob"):
        guard.lets_in("main")
        ada.git("fetch", "--quiet")
        ada.now = utc_now()
        assert ada.tag().pushed
        assert ada.in_effect("vision/digit-reader") == "1.1.0"
        ada.copy("models/vision/digit-reader/2.0.0.yaml", "staging/vision/digit-reader.yaml")
        ada.commit("the one that is held")
        assert "held" in guard.refuses("main")
        ada.git("reset", "--quiet", "--hard", "HEAD~1")
        ada.copy("models/biopsy-screener/1.0.0.yaml", "models/biopsy-screener/1.1.0.yaml")
        ada.commit("rewritten")
        assert "version-immutable" in guard.refuses("main")
