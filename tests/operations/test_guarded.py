"""Which registries a server finds in itself and in a push."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstage.errors import GitstageError
from gitstage.git import Repository
from gitstage.git.creation import create
from gitstage.ledger import State, state_document
from gitstage.operations import init
from gitstage.operations.guarded import Guarded, Objection, Update, Watch, by_ledger, watch
from tests.git.sandbox import git
from tests.operations.stories import NOON, Story, Team

MODEL = "fraud-detector"


@pytest.fixture
def server(serving_team: tuple[Team, Story]) -> Repository:
    return Repository.discover(serving_team[0].remote, serves=True)


@pytest.fixture
def ada(serving_team: tuple[Team, Story]) -> Story:
    return serving_team[1]


def arrived(server: Repository, story: Story, ref: str, *, was: str | None = None) -> Update:
    """A push of what the story has checked out; its objects are there already, as they are in quarantine."""
    tip = story.git("rev-parse", "HEAD")
    git("--git-dir=.", "fetch", "--quiet", str(story.path), tip, cwd=server.git_dir)
    return Update(ref=ref, old=was, new=tip)


def named(found: Watch) -> list[tuple[str, str, bool]]:
    return [(one.folder, one.trunk, one.is_new) for one in found.registries]


def test_a_registry_is_found_by_its_ledger_whatever_is_pushed(server: Repository) -> None:
    found = watch(server, ())
    assert named(found) == [("", "refs/heads/main", False)]


def test_a_registry_without_a_ledger_is_found_on_the_default_branch(server: Repository, ada: Story) -> None:
    git("--git-dir=.", "update-ref", "-d", ada.registry().identity.ledger_ref, cwd=server.git_dir)
    assert named(watch(server, ())) == [("", "refs/heads/main", False)]


def test_an_empty_server_guards_nothing(tmp_path: Path) -> None:
    create(tmp_path / "models.git", branch="main", bare=True).close()
    with Repository.discover(tmp_path / "models.git", serves=True) as empty:
        assert watch(empty, ()) == Watch()


def test_a_registry_that_comes_with_a_push_is_new(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work")
    create(tmp_path / "models.git", branch="main", bare=True).close()
    with Repository.discover(tmp_path / "models.git", serves=True) as empty:
        update = arrived(empty, story, "refs/heads/main")
        assert named(watch(empty, (update,))) == [("", "refs/heads/main", True)]
        elsewhere = Update(ref="refs/heads/topic", old=None, new=update.new)
        assert watch(empty, (elsewhere,)) == Watch()


def test_a_trunk_that_is_not_the_default_branch_is_found_where_it_is_pushed_to_or_named(tmp_path: Path) -> None:
    create(tmp_path / "work", branch="serving").close()
    init.run(tmp_path / "work", clock=lambda: NOON)
    story = Story(tmp_path / "work")
    create(tmp_path / "models.git", branch="main", bare=True).close()
    with Repository.discover(tmp_path / "models.git", serves=True) as server:
        update = arrived(server, story, "refs/heads/serving")
        assert named(watch(server, (update,))) == [("", "refs/heads/serving", True)]
        git("--git-dir=.", "update-ref", "refs/heads/serving", str(update.new), cwd=server.git_dir)
        assert watch(server, ()) == Watch()
        assert named(watch(server, (), ["serving"])) == [("", "refs/heads/serving", False)]
        gone = Update(ref="refs/heads/serving", old=update.new, new=None)
        assert named(watch(server, (gone,))) == [("", "refs/heads/serving", False)]


def second(ada: Story, replacements: dict[str, str] | None = None, folder: str = "eu") -> str:
    """A second registry in a folder of the first one's repository, committed; the answer is its id."""
    where = ada.git("remote", "get-url", "origin")
    ada.git("remote", "remove", "origin")
    init.run(ada.path, folder, clock=lambda: ada.now)
    text = ada.read(f"{folder}/gitstage.yaml")
    for old, new in (replacements or {}).items():
        assert old in text
        text = text.replace(old, new)
    ada.write(f"{folder}/gitstage.yaml", text)
    ada.git("add", "--all")
    ada.git("commit", "--quiet", "--allow-empty", "-m", "second")
    ada.git("remote", "add", "origin", where)
    return next(line.split()[1] for line in text.splitlines() if line.startswith("id: "))


def test_several_registries_of_one_repository_are_all_guarded(server: Repository, ada: Story) -> None:
    second(ada)
    found = watch(server, (arrived(server, ada, "refs/heads/main"),))
    assert sorted(named(found)) == [("", "refs/heads/main", False), ("eu", "refs/heads/main", True)]
    assert found.objections == ()


def test_two_registries_of_one_id_are_refused(server: Repository, ada: Story) -> None:
    mine = second(ada)
    text = ada.read("eu/gitstage.yaml")
    ada.write("eu/gitstage.yaml", text.replace(mine, ada.registry().identity.id))
    ada.commit("copied")
    assert watch(server, (arrived(server, ada, "refs/heads/main"),)).objections == (
        Objection(ref="refs/heads/main", rule="known-path", message="eu has the id of the registry in the root"),
    )


@pytest.mark.parametrize("prefix", ["", f"tag-prefix: {MODEL}/\n"])
def test_two_registries_whose_tags_would_be_called_alike_are_refused(
    server: Repository, ada: Story, prefix: str
) -> None:
    second(ada, {"tag-prefix: eu/    # another registry of this repository has tags, too\n": prefix})
    assert watch(server, (arrived(server, ada, "refs/heads/main"),)).objections == (
        Objection(
            ref="refs/heads/main",
            rule="known-path",
            message="the tags of eu would be called like those of the registry in the root",
            hint="say tag-prefix: NAME/ in its gitstage.yaml",
        ),
    )


def test_a_registry_whose_ledger_would_lie_where_something_else_lies_is_refused(server: Repository, ada: Story) -> None:
    places = ["refs/heads/main", "refs/heads/taken", ada.registry().identity.ledger_ref, "refs/tags/x"]
    git("--git-dir=.", "branch", "taken", "main", cwd=server.git_dir)
    git("--git-dir=.", "symbolic-ref", "HEAD", "refs/heads/other", cwd=server.git_dir)
    second(ada)
    text = ada.read("eu/gitstage.yaml")
    said = []
    for place in [*places, "refs/heads/free", "refs/heads/other"]:
        ada.write("eu/gitstage.yaml", f"{text}ledger: {place}\n")
        ada.commit(place)
        said += [one.message for one in watch(server, (arrived(server, ada, "refs/heads/main"),)).objections]
    assert said == [f"the ledger of eu would lie at {place}" for place in [*places, "refs/heads/other"]]


def test_the_default_branch_is_not_left_to_whoever_took_its_registrys_id_first(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work")
    create(tmp_path / "models.git", branch="main", bare=True).close()
    good = story.read("gitstage.yaml")
    with Repository.discover(tmp_path / "models.git", serves=True) as server:
        mine = arrived(server, story, "refs/heads/main")
        story.write("gitstage.yaml", good.replace("trunk: main", "trunk: squat"))
        story.commit("squat")
        first = arrived(server, story, "refs/heads/squat")
        git("--git-dir=.", "update-ref", "refs/heads/squat", str(first.new), cwd=server.git_dir)
        ledger = state_document(State(policy=first.new, policy_number=1), story.registry().identity.id).decode()
        kept = ledger_of(server, ledger)
        git("--git-dir=.", "update-ref", story.registry().identity.ledger_ref, kept, cwd=server.git_dir)
        found = watch(server, (mine,))
    assert named(found) == [("", "refs/heads/squat", False)]
    assert [said.ref for said in found.objections] == ["refs/heads/main"]
    assert found.objections[0].message.endswith("has its trunk at refs/heads/squat")


def test_a_copy_of_a_registry_on_another_branch_is_only_a_branch(server: Repository, ada: Story) -> None:
    ada.write("gitstage.yaml", ada.read("gitstage.yaml").replace("trunk: main", "trunk: topic"))
    ada.commit("renamed")
    found = watch(server, (arrived(server, ada, "refs/heads/topic"),))
    assert named(found) == [("", "refs/heads/main", False)]
    assert found.objections == ()


def test_a_policy_that_never_was_good_is_let_be_until_it_is_touched(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work")
    good = story.read("gitstage.yaml")
    story.write("gitstage.yaml", "stages: {\n")
    story.commit("broken")
    create(tmp_path / "models.git", branch="main", bare=True).close()
    with Repository.discover(tmp_path / "models.git", serves=True) as server:
        update = arrived(server, story, "refs/heads/main")
        assert [(said.ref, said.rule) for said in watch(server, (update,)).objections] == [
            ("refs/heads/main", "manifest-valid")
        ]
        assert watch(server, (Update(ref="refs/heads/topic", old=None, new=update.new),)) == Watch()
        git("--git-dir=.", "update-ref", "refs/heads/main", str(update.new), cwd=server.git_dir)
        assert watch(server, ()) == Watch()
        assert watch(server, (Update(ref="refs/heads/main", old=update.new, new=update.new),)) == Watch()
        story.write("gitstage.yaml", "stages: [\n")
        story.commit("broken otherwise")
        again = arrived(server, story, "refs/heads/main", was=update.new)
        assert [said.rule for said in watch(server, (again,)).objections] == ["manifest-valid"]
        elsewhere = Update(ref="refs/heads/main", old="1" * 40, new=update.new)
        assert [said.rule for said in watch(server, (elsewhere,)).objections] == ["manifest-valid"]
        story.write("gitstage.yaml", good)
        story.commit("mended")
        mended = watch(server, (arrived(server, story, "refs/heads/main", was=update.new),))
        assert named(mended) == [("", "refs/heads/main", True)]


def test_a_policy_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story.begun(tmp_path / "work")
    create(tmp_path / "models.git", branch="main", bare=True).close()
    monkeypatch.setattr("gitstage.operations.guarded.LARGEST_POLICY", 100)
    with Repository.discover(tmp_path / "models.git", serves=True) as server:
        found = watch(server, (arrived(server, story, "refs/heads/main"),))
    assert [said.message for said in found.objections] == ["gitstage.yaml: gitstage.yaml is larger than 100 bytes"]


def test_of_two_branches_that_both_say_they_are_the_trunk_the_default_one_is(server: Repository, ada: Story) -> None:
    git("--git-dir=.", "update-ref", "-d", ada.registry().identity.ledger_ref, cwd=server.git_dir)
    ada.write("gitstage.yaml", ada.read("gitstage.yaml").replace("trunk: main", "trunk: aaa"))
    ada.commit("mine")
    update = arrived(server, ada, "refs/heads/aaa")
    git("--git-dir=.", "update-ref", "refs/heads/aaa", str(update.new), cwd=server.git_dir)
    main = git("--git-dir=.", "rev-parse", "main", cwd=server.git_dir)
    both = (
        Update(ref="refs/heads/aaa", old=update.new, new=update.new),
        Update(ref="refs/heads/main", old=main, new=main),
    )
    assert named(watch(server, both)) == [("", "refs/heads/main", False)]


def test_a_ledger_that_is_pushed_says_where_to_look_for_its_trunk_and_is_not_believed(
    tmp_path: Path,
) -> None:
    create(tmp_path / "work", branch="serving").close()
    init.run(tmp_path / "work", clock=lambda: NOON)
    story = Story(tmp_path / "work")
    ledger = story.registry().identity.ledger_ref
    create(tmp_path / "models.git", branch="main", bare=True).close()
    with Repository.discover(tmp_path / "models.git", serves=True) as server:
        update = arrived(server, story, "refs/heads/serving")
        git("--git-dir=.", "fetch", "--quiet", str(story.path), ledger, cwd=server.git_dir)
        pushed = Update(ref=ledger, old=None, new=story.git("rev-parse", ledger))
        assert watch(server, (pushed,)) == Watch()
        git("--git-dir=.", "update-ref", "refs/heads/serving", str(update.new), cwd=server.git_dir)
        assert named(watch(server, (pushed,))) == [("", "refs/heads/serving", False)]
        assert watch(server, (Update(ref=ledger, old=None, new=update.new),)) == Watch()
        assert watch(server, (Update(ref=ledger, old=pushed.new, new=None),)) == Watch()


def test_a_ledger_that_speaks_of_nothing_that_is_here_is_an_error(server: Repository, ada: Story) -> None:
    mine = ada.registry().identity.id
    with pytest.raises(GitstageError, match="holds no ledger.json"):
        by_ledger(server, mine, git("--git-dir=.", "rev-parse", "main", cwd=server.git_dir))
    document = git("--git-dir=.", "cat-file", "blob", f"refs/gitstage/{mine}:ledger.json", cwd=server.git_dir)
    other = document.replace(mine, "12-34")
    with pytest.raises(GitstageError, match="speaks of a registry that is not in"):
        by_ledger(server, "12-34", ledger_of(server, other))


def test_a_ledger_of_a_registry_of_which_nothing_ever_passed_says_nothing(server: Repository) -> None:
    document = state_document(State(), "12").decode()
    assert by_ledger(server, "12", ledger_of(server, document)) is None


def ledger_of(server: Repository, document: str) -> str:
    here = server.git_dir
    blob = git("--git-dir=.", "hash-object", "-w", "--stdin", cwd=here, stdin=document.encode())
    listed = git("--git-dir=.", "mktree", cwd=here, stdin=f"100644 blob {blob}\tledger.json\n".encode())
    return git("--git-dir=.", "commit-tree", "-m", "ledger", listed, cwd=here)


def test_a_broken_registry_beside_the_one_of_a_ledger_is_passed_over(server: Repository, ada: Story) -> None:
    mine = second(ada)
    ada.write("gitstage.yaml", "{")
    tip = ada.commit("broken")
    arrived(server, ada, "refs/heads/topic")
    document = state_document(State(judged=tip, policy=tip, policy_number=1), mine).decode()
    found = by_ledger(server, mine, ledger_of(server, document))
    assert isinstance(found, Guarded)
    assert found.folder == "eu"
