"""A server remembers who pushed, and what it remembers counts when it tags; with a real hook and real keys."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gitstage.forges import Forge, ForgeChange
from gitstage.ledger import Word
from gitstage.operations import approve, audit
from gitstage.operations.pushers import KNOWN, remember, remembered
from tests.git.sandbox import Sandbox
from tests.operations.forgers import MODEL, body_of
from tests.operations.guards import Guard
from tests.operations.signatories import make_keys, policy
from tests.operations.stories import Story, Team

A, B, C = "a" * 40, "b" * 40, "c" * 40
THIRD = f"{MODEL}/production/3"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def guard(serving_team: tuple[Team, Story], keys: dict[str, Path]) -> Guard:
    """A server with the hook, where production asks for an owner's approval, and no commit is signed."""
    team, ada = serving_team
    guard = Guard.over(team, ada)
    ada.later(hours=1)
    text = ada.read("gitstage.yaml")
    for old, new in policy(keys, approvals="[{count: 1, from: owners}]").items():
        assert old in text
        text = text.replace(old, new)
    ada.write("gitstage.yaml", text)
    ada.commit("policy")
    guard.lets_in("main", user="ada")
    ada.tag()
    ada.later(hours=1)
    guard.tick()
    return guard


def proposed(guard: Guard, key: Path | None) -> None:
    """On a branch: a promotion, and an approval that somebody signed."""
    story = guard.story
    story.git("switch", "--quiet", "-c", "topic")
    story.promote(f"{MODEL}@1.2.0", to="production")
    if key is not None:
        approve.run(story.registry(), [f"{MODEL}@1.2.0"], stage="production", sign=[str(key)])


def squashed(guard: Guard) -> None:
    """Both in one commit of the trunk: commits that are pushed singly are judged singly."""
    story = guard.story
    story.git("switch", "--quiet", "main")
    story.git("merge", "--quiet", "--squash", "topic")
    story.git("commit", "--quiet", "-m", "promotion")


def on_the_server(guard: Guard) -> Story:
    return Story(guard.path, now=guard.story.now)


# Who pushes


def test_the_author_who_pushes_an_approval_of_their_own_is_refused(guard: Guard, keys: dict[str, Path]) -> None:
    proposed(guard, keys["ada"])
    squashed(guard)
    said = guard.refuses("main", user="ada")
    assert "1 approval by owners missing (bob could); ada made the change" in said
    assert remembered(guard.open()) == Forge(changes=only(guard, "ada"))


def only(guard: Guard, user: str) -> tuple[ForgeChange, ...]:
    """That somebody pushed everything that the server has let in with a user."""
    oid = guard.git("rev-parse", "main")
    return (ForgeChange(authors=frozenset({user}), commits=frozenset({oid})),)


@pytest.mark.parametrize(("key", "user"), [("bob", "ada"), ("ada", "bob"), ("bob", "cara")])
def test_the_approval_of_a_second_person_is_let_in(guard: Guard, keys: dict[str, Path], key: str, user: str) -> None:
    proposed(guard, keys[key])
    squashed(guard)
    guard.lets_in("main", user=user)


@pytest.mark.parametrize(
    ("key", "user", "why"),
    [
        ("bob", "bob", "1 approval by owners missing (ada could); bob made the change"),
        ("cara", "ada", "1 approval by owners missing (bob could)"),
        (None, "ada", "1 approval by owners missing (bob could)"),
        ("bob", None, "nobody can tell who made this change"),
        ("bob", "Bob", None),
    ],
)
def test_whose_approval_does_not_count_lets_nothing_in(
    guard: Guard, keys: dict[str, Path], key: str | None, user: str | None, why: str | None
) -> None:
    proposed(guard, None if key is None else keys[key])
    squashed(guard)
    if why is None:
        # Somebody whom gitstage.yaml does not know by that name has made it, and Bob has not.
        guard.lets_in("main", user=user)
        return
    assert why in guard.refuses("main", user=user)


# What is remembered


def test_who_pushed_is_who_made_it_when_the_server_tags(guard: Guard, keys: dict[str, Path]) -> None:
    proposed(guard, keys["bob"])
    squashed(guard)
    guard.lets_in("main", user="ada")
    guard.story.later(minutes=5)
    # Whoever tags elsewhere knows nothing of it, and what they push is let in as it is.
    guard.tick()
    assert guard.story.tag().exit_code == 4
    assert guard.story.in_effect(MODEL) == "1.1.0"
    server = on_the_server(guard)
    assert server.tag().tags == (f"refs/tags/{THIRD}",)
    guard.story.git("fetch", "--quiet", "origin", "refs/tags/*:refs/tags/*", "+refs/gitstage/*:refs/gitstage/*")
    guard.story.git("fetch", "--quiet", "origin")
    assert body_of(guard.story, THIRD)["word"] == {"by": "server", "authors": ["ada"], "approvers": []}
    for story in (server, guard.story):
        found = audit.run(story.registry())
        assert (found.faults, [one.word for one in found.words]) == (
            (),
            [Word(by="server", authors=frozenset({"ada"}))],
        )
    assert guard.story.in_effect(MODEL) == "1.2.0"


def test_what_the_server_has_forgotten_nobody_can_tell(guard: Guard, keys: dict[str, Path]) -> None:
    proposed(guard, keys["bob"])
    squashed(guard)
    guard.lets_in("main", user="ada")
    (guard.path / "gitstage" / KNOWN).unlink()
    outcome = on_the_server(guard).tag()
    assert outcome.exit_code == 4
    (waiting,) = outcome.state.open.values()
    assert [finding.message for finding in waiting.findings] == [
        "1 approval by owners missing: nobody can tell who made this change"
    ]


def test_what_waits_on_the_server_is_still_that_of_who_pushed_it(guard: Guard, keys: dict[str, Path]) -> None:
    """It landed before the hook knew users; Ada's own approval, which Ada pushes later, is not counted."""
    proposed(guard, keys["bob"])
    squashed(guard)
    guard.lets_in("main", user="bob-who-left")
    (one,) = [change for change in remembered(guard.open()).changes if "bob-who-left" in change.authors]  # type: ignore[union-attr]
    assert one.commits == frozenset({guard.git("rev-parse", "main")})


def test_a_run_with_what_the_server_knows_is_let_in_from_elsewhere(guard: Guard, keys: dict[str, Path]) -> None:
    """Whoever tags elsewhere may be told by the server, in a file, who pushed."""
    from gitstage.operations import tag

    proposed(guard, keys["bob"])
    squashed(guard)
    guard.lets_in("main", user="ada")
    guard.tick()
    registry = guard.story.registry()
    registry.forge = remembered(guard.open())
    assert tag.run(registry).pushed
    assert f"refs/tags/{THIRD}" in guard.refs()
    assert body_of(guard.story, THIRD)["word"] == {"by": "server", "authors": ["ada"], "approvers": []}


def test_a_run_that_says_that_somebody_else_pushed_is_refused(guard: Guard, keys: dict[str, Path]) -> None:
    from gitstage.errors import GitstageError
    from gitstage.forges import pushed_by
    from gitstage.operations import tag

    proposed(guard, keys["bob"])
    squashed(guard)
    guard.lets_in("main", user="ada")
    guard.tick()
    registry = guard.story.registry()
    registry.forge = pushed_by("cara", [str(registry.tip)])
    before = guard.refs()
    with pytest.raises(GitstageError):
        tag.run(registry)
    assert guard.refs() == before


# The file


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    return Sandbox.made(tmp_path / "server.git", "--bare")


def test_nothing_is_remembered_of_nobody(box: Sandbox) -> None:
    with box.open() as repo:
        assert remembered(repo) is None
        remember(repo, "ada", [])
        assert remembered(repo) is None
    assert not (box.path / "gitstage").exists()


def test_each_commit_has_everybody_who_pushed_it(box: Sandbox) -> None:
    with box.open() as repo:
        remember(repo, "ada", [A, B])
        remember(repo, "bob", [B])
        remember(repo, "zoë o'hara\n", [C])
        found = remembered(repo)
    assert found is not None
    assert found.kind == "server"
    assert {change.authors: change.commits for change in found.changes} == {
        frozenset({"ada"}): frozenset({A}),
        frozenset({"ada", "bob"}): frozenset({B}),
        frozenset({"zoë o'hara\n"}): frozenset({C}),
    }


@pytest.mark.parametrize(
    "broken",
    ["", f"{A} eve", f"{A} eve .x", f"{A[1:]} eve .", f"{A} .", f"{A}  eve .", "\0", f"x{A} eve .", f"{A} e v ."],
)
def test_a_line_that_was_cut_off_is_nobodys(box: Sandbox, broken: str) -> None:
    (box.path / "gitstage").mkdir()
    (box.path / "gitstage" / KNOWN).write_text(broken, "ascii")
    with box.open() as repo:
        assert remembered(repo) is None
        remember(repo, "ada", [B])
        assert remembered(repo) == Forge(changes=(ForgeChange(authors=frozenset({"ada"}), commits=frozenset({B})),))


def test_what_is_old_is_forgotten(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitstage.operations.pushers.MANY", 2)
    commits = [f"{number:040x}" for number in range(5)]
    with box.open() as repo:
        for commit in commits[:4]:
            remember(repo, "ada", [commit])
        assert remembered(repo) == Forge(
            changes=(ForgeChange(authors=frozenset({"ada"}), commits=frozenset(commits[:4])),)
        )
        remember(repo, "ada", commits[4:])
        assert remembered(repo) == Forge(
            changes=(ForgeChange(authors=frozenset({"ada"}), commits=frozenset(commits[3:])),)
        )
    assert [path.name for path in (box.path / "gitstage").iterdir()] == [KNOWN]


def test_where_nothing_can_be_written_the_push_is_let_in_all_the_same(guard: Guard, keys: dict[str, Path]) -> None:
    shutil.rmtree(guard.path / "gitstage")
    (guard.path / "gitstage").write_text("no folder")
    proposed(guard, keys["bob"])
    squashed(guard)
    guard.lets_in("main", user="ada")
    assert remembered(guard.open()) is None
