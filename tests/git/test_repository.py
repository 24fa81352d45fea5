"""A repository is found wherever it lies, answers exactly, and writes what the user would have written."""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitstage.changes import FILE, Entry, files
from gitstage.git import (
    CannotSign,
    Commit,
    GitError,
    Head,
    NoIdentity,
    NoSuchRevision,
    NotARepository,
    RefUpdate,
    Repository,
    ShallowRepository,
    environment,
)
from gitstage.git import repository as module
from gitstage.git.objects import Object, Signed, commit_bytes
from gitstage.git.store import SMALL, blobs_in
from tests.git.sandbox import Sandbox, executable, git
from tests.signatures.hands import make_key, public, signature

MISSING = "b" * 40
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
IDENTITY = [f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")]


def where(repo: Repository) -> tuple[Path, Path, Path | None, str, bool]:
    return repo.git_dir, repo.common_dir, repo.work_tree, repo.prefix, repo.is_bare


# ------------------------------------------------------------------------------------------------------- finding


def test_a_work_tree_is_found_from_its_top_and_from_below(sandbox: Sandbox) -> None:
    sandbox.write({"a/b/c.txt": "1"})
    top = sandbox.path
    for path, prefix in ((top, ""), (top / "a", "a"), (top / "a/b", "a/b")):
        with Repository.discover(path) as repo:
            assert where(repo) == (top / ".git", top / ".git", top, prefix, False)


def test_without_a_path_the_current_directory_is_meant(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.write({"a/x": "1"})
    monkeypatch.chdir(sandbox.path / "a")
    with Repository.discover() as repo:
        assert where(repo) == (sandbox.path / ".git", sandbox.path / ".git", sandbox.path, "a", False)


@pytest.mark.parametrize("name", ["$HOME", "~", "a b", "größer", "-C", "'\"", "%s"])
def test_a_directory_may_be_called_anything(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = Sandbox.made(tmp_path / name)
    commit = sandbox.commit("one", {"a": "1"})
    with sandbox.open() as repo:
        assert (repo.work_tree, repo.head().commit) == (tmp_path / name, commit)
    monkeypatch.chdir(tmp_path)
    with Repository.discover(Path(name)) as repo:
        assert (repo.work_tree, repo.head().commit) == (tmp_path / name, commit)


def test_a_directory_with_a_newline_in_its_name_is_refused_clearly(tmp_path: Path) -> None:
    sandbox = Sandbox.made(tmp_path / "new\nline")
    with pytest.raises(GitError, match="has a newline in its name"):
        sandbox.open()


def test_a_linked_work_tree_has_a_git_directory_of_its_own(sandbox: Sandbox, tmp_path: Path) -> None:
    commit = sandbox.commit("one")
    sandbox.git("worktree", "add", "--quiet", "-b", "topic", str(tmp_path / "linked"))
    common = sandbox.path / ".git"
    own = common / "worktrees" / "linked"
    with Repository.discover(tmp_path / "linked") as repo:
        assert where(repo) == (own, common, tmp_path / "linked", "", False)
        assert repo.head() == Head("refs/heads/topic", commit)
    with Repository.discover(own) as repo:
        assert where(repo) == (own, common, tmp_path / "linked", "", False)


def test_the_git_directory_of_a_work_tree_leads_to_the_work_tree(sandbox: Sandbox) -> None:
    with Repository.discover(sandbox.path / ".git") as repo:
        assert where(repo) == (sandbox.path / ".git", sandbox.path / ".git", sandbox.path, "", False)


@pytest.mark.parametrize("elsewhere", ["work tree", "nothing"])
def test_a_git_directory_whose_work_tree_is_not_beside_it_says_so(tmp_path: Path, elsewhere: str) -> None:
    sandbox = Sandbox.made(tmp_path / "work", "--separate-git-dir", str(tmp_path / "apart"))
    with sandbox.open() as repo:
        assert where(repo) == (tmp_path / "apart", tmp_path / "apart", sandbox.path, "", False)
    if elsewhere == "nothing":
        (tmp_path / "apart" / "gitdir").write_text("/no/such/place/.git\n", encoding="utf-8")
    with pytest.raises(
        NotARepository, match="belongs to a work tree that lies elsewhere|there is no Git repository here"
    ):
        Repository.discover(tmp_path / "apart")


def test_a_git_directory_inside_another_repository_is_not_taken_for_that_one(sandbox: Sandbox) -> None:
    inner = Sandbox.made(sandbox.path / "sub", "--separate-git-dir", str(sandbox.path / "apart"))
    with inner.open() as repo:
        assert repo.git_dir == sandbox.path / "apart"
    with pytest.raises(NotARepository, match="belongs to a work tree that lies elsewhere") as caught:
        Repository.discover(sandbox.path / "apart")
    assert caught.value.hint == "run gitstage in the work tree"


def test_a_bare_repository_that_is_named_is_read_even_where_git_is_told_to_be_careful(tmp_path: Path) -> None:
    bare = Sandbox.made(tmp_path / "bare.git", "--bare")
    with bare.open() as repo:
        assert where(repo) == (bare.path, bare.path, None, "", True)
        assert repo.head() == Head("refs/heads/main", None)
        assert repo.remote() is None


def test_a_bare_repository_hidden_in_a_checkout_is_not_stumbled_into(sandbox: Sandbox) -> None:
    hidden = Sandbox.made(sandbox.path / "data" / "evil", "--bare")
    (hidden.path / "below").mkdir()
    with pytest.raises(NotARepository, match=r"is a bare repository, and git is told to use none that") as caught:
        Repository.discover(hidden.path / "below")
    assert caught.value.hint == f"name it: gitstage -C {hidden.path} …"


@pytest.mark.parametrize("name", ["", "no/such/directory", "file"])
def test_where_there_is_no_repository_it_says_so(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        NotARepository, match="there is no Git repository here, nor in a folder above|is not a directory"
    ):
        Repository.discover(tmp_path / name)


def test_the_answer_to_no_repository_is_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(NotARepository) as caught:
        Repository.discover(tmp_path)
    assert caught.value.hint == "gitstage init makes one, -C DIR names another"


def test_a_sha256_repository_is_refused_clearly(tmp_path: Path) -> None:
    sandbox = Sandbox.made(tmp_path / "long", "--object-format=sha256")
    sandbox.commit("one", {"a": "1"})
    with pytest.raises(GitError, match="names its objects by sha256; gitstage reads SHA-1 repositories only"):
        sandbox.open()


@pytest.mark.parametrize("bare", [False, True])
def test_a_repository_that_belongs_to_somebody_else_is_refused_as_git_refuses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare: bool
) -> None:
    sandbox = Sandbox.made(tmp_path / "theirs", *(["--bare"] if bare else []))
    monkeypatch.setattr(environment, "ALWAYS", environment.ALWAYS | {"GIT_TEST_ASSUME_DIFFERENT_OWNER"})
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(NotARepository, match="belongs to another user, and git trusts no repository") as caught:
        sandbox.open()
    assert str(caught.value.hint).startswith("if you do: git config --global --add safe.directory ")


def test_a_directory_that_the_user_calls_safe_by_a_variable_is_safe(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "ALWAYS", environment.ALWAYS | {"GIT_TEST_ASSUME_DIFFERENT_OWNER"})
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    for name, value in {"COUNT": "1", "KEY_0": "safe.directory", "VALUE_0": str(sandbox.path)}.items():
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    with sandbox.open() as repo:
        assert repo.head() == Head("refs/heads/main", None)


def test_variables_that_name_another_repository_do_not_lead_astray(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = sandbox.commit("one", {"a": "1"})
    other = Sandbox.made(tmp_path / "other")
    other.commit("another", {"b": "2"})
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.path))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.path / ".git/index"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other.path / ".git/objects"))
    with sandbox.open() as repo:
        assert (repo.work_tree, repo.head().commit, list(repo.tree(commit).listing(""))) == (
            sandbox.path,
            commit,
            ["a"],
        )


def test_a_repository_can_be_used_after_it_was_closed(sandbox: Sandbox) -> None:
    commit = sandbox.commit("one")
    repo = sandbox.open()
    repo.close()
    assert repo.resolve("HEAD") == commit
    repo.close()
    repo.close()


# ----------------------------------------------------------------------------------------------------- revisions


def test_head_is_a_branch_with_its_commit(sandbox: Sandbox, repo: Repository) -> None:
    commit = sandbox.commit("one")
    assert repo.head() == Head("refs/heads/main", commit)


def test_an_unborn_head_has_no_commit(repo: Repository) -> None:
    assert repo.head() == Head("refs/heads/main", None)
    with pytest.raises(NoSuchRevision, match="there is no revision 'HEAD'"):
        repo.resolve("HEAD")


def test_a_detached_head_has_no_branch(sandbox: Sandbox, repo: Repository) -> None:
    one, _ = sandbox.line("one", "two")
    sandbox.git("checkout", "--quiet", "--detach", one)
    assert repo.head() == Head(None, one)


def test_what_a_revision_means(sandbox: Sandbox, repo: Repository) -> None:
    one, two, three = sandbox.line("one", "two", "three")
    sandbox.git("tag", "-m", "x", "annotated", one)
    sandbox.git("tag", "m/production/1", two)
    sandbox.git("update-ref", "refs/remotes/origin/topic", one)
    sandbox.git("update-ref", "refs/gitstage/id", two)
    expected = {
        "main": three, "refs/heads/main": three, "heads/main": three, "HEAD": three, "@": three, "HEAD~1": two,
        "main^": two, "main~2": one, "annotated": one, "refs/tags/annotated": one, "tags/annotated": one,
        "m/production/1": two, "origin/topic": one, "refs/gitstage/id": two, one: one, one[:12]: one, ":/two": two,
        "main@{0}": three,
    }  # fmt: skip
    assert {rev: repo.resolve(rev) for rev in expected} == expected


@pytest.mark.parametrize(
    "rev",
    ["nope", "refs/heads/nope", "", "a b", "main~99", MISSING, "-x", "--all", "main\nHEAD", "main\0", "m..n", "^main", "main:a", "main@{yesterday x", "HEAD^{tree}"],
)  # fmt: skip
def test_what_means_no_commit_is_said_to_be_no_revision(sandbox: Sandbox, repo: Repository, rev: str) -> None:
    sandbox.commit("one", {"a": "1"})
    with pytest.raises(NoSuchRevision, match=re.escape(repr(rev))):
        repo.resolve(rev)
    assert repo.resolve("main") == sandbox.git("rev-parse", "main")


def test_a_revision_that_git_gives_up_on_is_no_revision(sandbox: Sandbox, repo: Repository) -> None:
    sandbox.commit("one")
    with pytest.raises(NoSuchRevision, match=r"'main@\{9\}'.*only has 1 entries"):
        repo.resolve("main@{9}")


def test_a_short_id_that_fits_two_commits_is_said_to_be_ambiguous(sandbox: Sandbox, repo: Repository) -> None:
    tree = sandbox.git("write-tree")
    commits = [repo.write_commit(tree, [], str(number)) for number in range(600)]
    repo.flush()
    known: set[str] = set()
    short = next(commit[:4] for commit in commits if commit[:4] in known or known.add(commit[:4]))  # type: ignore[func-returns-value]
    with pytest.raises(NoSuchRevision, match=f"'{short}'.*ambiguous"):
        repo.resolve(short)


def test_a_tag_called_like_the_branch_does_not_shadow_it(sandbox: Sandbox, repo: Repository) -> None:
    one, two = sandbox.line("one", "two")
    sandbox.git("tag", "main", one)
    assert repo.resolve("main") == two
    assert repo.resolve("refs/tags/main") == one


def test_a_branch_called_like_a_remotes_branch_is_the_branch(sandbox: Sandbox, repo: Repository) -> None:
    one, two = sandbox.line("one", "two")
    sandbox.git("update-ref", "refs/heads/origin/main", one)
    sandbox.git("update-ref", "refs/remotes/origin/main", two)
    assert repo.resolve("origin/main") == one
    assert repo.resolve("refs/remotes/origin/main") == two


def test_a_remotes_branch_called_like_a_tag_is_the_remotes_branch(sandbox: Sandbox, repo: Repository) -> None:
    one, two = sandbox.line("one", "two")
    sandbox.git("update-ref", "refs/tags/origin/main", one)
    sandbox.git("update-ref", "refs/remotes/origin/main", two)
    assert repo.resolve("origin/main") == two


def test_no_branch_takes_the_name_of_head_or_of_a_commit(sandbox: Sandbox, repo: Repository) -> None:
    one, two = sandbox.line("one", "two")
    sandbox.git("update-ref", "refs/heads/HEAD", one)
    sandbox.git("update-ref", f"refs/heads/{two}", one)
    sandbox.git("update-ref", "refs/heads/refs/heads/main", one)
    assert [repo.resolve(rev) for rev in ("HEAD", two, "refs/heads/main")] == [two, two, two]


def test_replace_refs_and_grafts_deceive_nobody(sandbox: Sandbox, repo: Repository) -> None:
    one, two = sandbox.line("one", "two")
    forged = sandbox.git("commit-tree", f"{one}^{{tree}}", "-m", "forged")
    sandbox.git("replace", two, forged)
    (sandbox.path / ".git/info").mkdir(exist_ok=True)
    (sandbox.path / ".git/info/grafts").write_text(f"{two}\n", encoding="utf-8")
    assert set(repo.tree(two).listing("")) == {"one.txt", "two.txt"}
    assert repo.commits([two])[two].message == "two\n"
    assert repo.first_parents(None, two) == [one, two]
    assert repo.is_ancestor(one, two)


# --------------------------------------------------------------------------------------- trees, blobs and commits


def test_the_tree_of_what_is_no_commit_is_refused(sandbox: Sandbox, repo: Repository) -> None:
    commit = sandbox.commit("one", {"a": "1"})
    tree, blob = sandbox.git("rev-parse", f"{commit}^{{tree}}"), sandbox.git("rev-parse", f"{commit}:a")
    for oid in (tree, blob, MISSING, "main", ""):
        with pytest.raises(NoSuchRevision):
            repo.tree(oid)


def test_what_lies_below_paths_is_listed_at_once(sandbox: Sandbox, repo: Repository, calls: list[str]) -> None:
    commit = sandbox.commit("one", {"a/b/c": "1", "a/d": "2", "e": "3", "f[x]": "4", "fx": "5"})
    ids = {path: sandbox.git("rev-parse", f"HEAD:{path}") for path in ("a/b/c", "a/d", "f[x]")}
    calls.clear()
    assert dict(repo.listed(commit, ["a", "f[x]", "none"])) == ids
    assert calls == ["ls-tree"]


def test_which_blob_lies_where_is_asked_in_one_go(sandbox: Sandbox, repo: Repository, calls: list[str]) -> None:
    one, two = sandbox.commit("one", {"a/b": "1"}), sandbox.commit("two", {"a/b": "2"})
    was, now = sandbox.git("rev-parse", f"{one}:a/b"), sandbox.git("rev-parse", f"{two}:a/b")
    places = [(one, "a/b"), (two, "a/b"), (two, "a"), (two, "none"), (MISSING, "a/b"), (two, "a/b\na"), (one, "a/b")]
    calls.clear()
    assert repo.blobs_at(places) == [was, now, None, None, None, None, was]
    assert calls == ["cat-file"]
    new = repo.write_blob(b"3")
    pending = repo.write_commit(repo.write_tree(two, {"a/b": Entry(FILE, new)}), [two], "three")
    assert repo.blobs_at([(pending, "a/b"), (two, "a/b"), (two, "a"), (MISSING, "a")]) == [new, now, None, None]


def test_where_a_blob_lies_cannot_be_said_of_a_broken_tree(sandbox: Sandbox, repo: Repository) -> None:
    commit = sandbox.commit("one", {"a": "1"})
    tree = sandbox.git("rev-parse", "HEAD^{tree}")
    path = sandbox.path / ".git/objects" / tree[:2] / tree[2:]
    path.chmod(0o644)
    path.write_bytes(b"broken")
    with pytest.raises(GitError):
        repo.blobs_at([(commit, "a")])


def test_blobs_are_read_together_and_nothing_else_is(sandbox: Sandbox, repo: Repository) -> None:
    commit = sandbox.commit("one", {"a": "1", "b": "2"})
    a, b = sandbox.git("rev-parse", "HEAD:a"), sandbox.git("rev-parse", "HEAD:b")
    assert repo.blobs(iter([a, b, commit, MISSING])) == {a: b"1", b: b"2"}
    assert repo.read(a) == b"1"
    with pytest.raises(NoSuchRevision, match="is a commit, not a blob"):
        repo.read(commit)


def test_commits_say_who_when_and_why(sandbox: Sandbox, repo: Repository) -> None:
    one, two = sandbox.line("one", "two")
    trees = {commit: sandbox.git("rev-parse", f"{commit}^{{tree}}") for commit in (one, two)}
    assert repo.commits(iter([two, one, two])) == {
        two: Commit(two, trees[two], (one,), "Ada Author <ada@example.com>", NOON, "two\n"),
        one: Commit(one, trees[one], (), "Ada Author <ada@example.com>", NOON, "one\n"),
    }


def test_a_commit_dated_in_2038_is_read(sandbox: Sandbox, repo: Repository) -> None:
    tree = sandbox.git("write-tree")
    dated = {"GIT_COMMITTER_DATE": "@2147483648 +0000"}
    commit = git("commit-tree", tree, "-m", "later", cwd=sandbox.path, variables=dated)
    assert repo.commits([commit])[commit].committed == datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC)


@pytest.mark.parametrize("oid", [MISSING, "main", "tree"])
def test_what_is_no_commit_is_refused_among_commits(sandbox: Sandbox, repo: Repository, oid: str) -> None:
    commit = sandbox.commit("one")
    oid = sandbox.git("rev-parse", "HEAD^{tree}") if oid == "tree" else oid
    with pytest.raises(NoSuchRevision, match=f"there is no commit '{oid}'"):
        repo.commits([commit, oid])


# ------------------------------------------------------------------------------------------------------- history


def merged(sandbox: Sandbox) -> dict[str, str]:
    """main: base - one - merge (of side: s1 - s2) - two."""
    names = dict(zip(("base", "one"), sandbox.line("base", "one"), strict=True))
    sandbox.git("checkout", "--quiet", "-b", "side", names["base"])
    names.update(zip(("s1", "s2"), sandbox.line("s1", "s2"), strict=True))
    sandbox.git("checkout", "--quiet", "main")
    sandbox.git("merge", "--quiet", "--no-ff", "-m", "merge", "side")
    names["merge"] = sandbox.git("rev-parse", "HEAD")
    names.update(zip(("two",), sandbox.line("two"), strict=True))
    return names


def test_first_parents_are_the_trunks_own_steps_oldest_first(sandbox: Sandbox, repo: Repository) -> None:
    names = merged(sandbox)
    base, one, merge, two = (names[name] for name in ("base", "one", "merge", "two"))
    assert repo.first_parents(None, two) == [base, one, merge, two]
    assert repo.first_parents(one, two) == [merge, two]
    assert repo.first_parents(two, two) == []
    assert repo.first_parents(two, one) == []


def test_a_history_that_git_gives_up_on_too_early_is_walked_to_its_end(sandbox: Sandbox, repo: Repository) -> None:
    """Six commits dated 1970 on the trunk are more than git looks behind for what is newer."""
    tree = repo.write_tree(None, {})

    def commit(number: int, parents: list[str]) -> str:
        person = f"A <a@b> {number if 3 < number < 11 else 1772366400 + number} +0000"
        return repo._store.write("commit", commit_bytes(tree, parents, person, person, str(number)))

    ids: list[str] = []
    for number in range(12):
        ids.append(commit(number, ids[-1:]))
    side = commit(12, ids[1:2])
    repo.flush()
    assert repo.unreachable([*ids, side], ids[-1]) == {side}
    assert repo.first_parents(ids[2], ids[-1]) == ids[3:]
    assert repo.first_parents(side, ids[-1]) == ids[2:]


def test_first_parents_after_a_commit_of_a_merged_branch_are_those_of_the_trunk(
    sandbox: Sandbox, repo: Repository
) -> None:
    names = merged(sandbox)
    assert repo.first_parents(names["s2"], names["two"]) == [names["one"], names["merge"], names["two"]]


def test_the_first_commit_that_touched_a_path_is_found(sandbox: Sandbox, repo: Repository) -> None:
    names = merged(sandbox)
    assert repo.first_touching("one.txt", names["two"]) == names["one"]
    assert repo.first_touching("s1.txt", names["two"]) == names["merge"]
    assert repo.first_touching("*.txt", names["two"]) is None


def test_ancestors_and_merge_bases(sandbox: Sandbox, repo: Repository) -> None:
    names = merged(sandbox)
    assert repo.is_ancestor(names["s1"], names["two"])
    assert repo.is_ancestor(names["two"], names["two"])
    assert not repo.is_ancestor(names["two"], names["s1"])
    assert repo.merge_bases(names["one"], names["s2"]) == [names["base"]]
    assert repo.merge_bases(names["s2"], names["two"]) == [names["s2"]]
    orphan = sandbox.git("commit-tree", f"{names['one']}^{{tree}}", "-m", "orphan")
    assert repo.merge_bases(orphan, names["two"]) == []


def test_two_best_merge_bases_are_both_said(sandbox: Sandbox, repo: Repository) -> None:
    tree = sandbox.git("write-tree")
    made: dict[str, str] = {}
    for name, parents in (("root", ""), ("a", "root"), ("b", "root"), ("x", "a b"), ("y", "b a")):
        words = [word for parent in parents.split() for word in ("-p", made[parent])]
        made[name] = sandbox.git("commit-tree", tree, *words, "-m", name)
    assert set(repo.merge_bases(made["x"], made["y"])) == {made["a"], made["b"]}


def test_what_is_not_in_a_history_is_told_from_what_is(sandbox: Sandbox, repo: Repository, calls: list[str]) -> None:
    names = merged(sandbox)
    tree = sandbox.git("rev-parse", "HEAD^{tree}")
    orphan = sandbox.git("commit-tree", tree, "-m", "orphan")
    calls.clear()
    assert repo.unreachable(names.values(), names["two"]) == set()
    assert calls == ["cat-file", "rev-list"]
    assert repo.unreachable([names["s1"], names["two"]], names["merge"]) == {names["two"]}
    assert repo.unreachable([orphan, MISSING, tree, "main", names["base"]], names["two"]) == {
        orphan,
        MISSING,
        tree,
        "main",
    }
    calls.clear()
    assert repo.unreachable([names["two"]], names["two"]) == set()
    assert repo.unreachable([MISSING], names["two"]) == {MISSING}
    assert calls == []


Graph = list[list[int]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Commits by their parents' numbers; the first ones of each are their first parents."""
    size = draw(st.integers(2, 9))
    return [
        draw(st.lists(st.integers(0, number - 1), unique=True, max_size=2)) if number else [] for number in range(size)
    ]


def ancestors(graph: Graph, commit: int) -> set[int]:
    """A commit and all that came before it."""
    return {commit}.union(*(ancestors(graph, parent) for parent in graph[commit]))


def line(graph: Graph, commit: int) -> list[int]:
    """The first-parent line that ends at a commit, oldest first."""
    return [*(line(graph, graph[commit][0]) if graph[commit] else []), commit]


DATES = st.sampled_from([0, 1, 1772366400, 1772366401, 2147483648])
"""Commit dates are never trusted: they may be equal, run backwards, or lie in 2038."""


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graph=graphs(), data=st.data())
def test_in_any_history_the_answers_are_those_of_its_definition(
    repo: Repository, graph: Graph, data: st.DataObject
) -> None:
    tree = repo.write_tree(None, {})
    ids: list[str] = []
    for number, parents in enumerate(graph):
        person = f"A <a@b> {data.draw(DATES)} +0000"
        written = commit_bytes(tree, [ids[parent] for parent in parents], person, person, f"{number} of {graph}")
        ids.append(repo._store.write("commit", written))
    repo.flush()
    numbers = st.integers(0, len(graph) - 1)
    one, two = data.draw(numbers), data.draw(numbers)
    assert repo.first_parents(None, ids[two]) == [ids[number] for number in line(graph, two)]
    assert repo.first_parents(ids[one], ids[two]) == [
        ids[number] for number in line(graph, two) if number not in line(graph, one)
    ]
    assert repo.is_ancestor(ids[one], ids[two]) == (one in ancestors(graph, two))
    assert repo.unreachable(ids, ids[two]) == {
        ids[number] for number in range(len(graph)) if number not in ancestors(graph, two)
    }
    common = ancestors(graph, one) & ancestors(graph, two)
    best = {number for number in common if not any(number in ancestors(graph, other) - {other} for other in common)}
    assert set(repo.merge_bases(ids[one], ids[two])) == {ids[number] for number in best}


def test_a_shallow_clone_says_that_it_has_no_history_and_still_reads_its_tree(sandbox: Sandbox, tmp_path: Path) -> None:
    one, two = sandbox.line("one", "two")
    git("clone", "--quiet", "--depth=1", sandbox.path.as_uri(), "shallow", cwd=tmp_path)
    with Repository.discover(tmp_path / "shallow") as repo:
        assert repo.is_shallow
        assert [path for path, _ in files(repo.tree(repo.resolve("HEAD")))] == ["one.txt", "two.txt"]
        assert repo.is_ancestor(two, two)
        asks: list[Callable[[], object]] = [
            lambda: repo.first_parents(None, two),
            lambda: repo.is_ancestor(one, two),
            lambda: repo.unreachable([one], two),
            lambda: repo.merge_bases(one, two),
            lambda: repo.first_touching("one.txt", two),
        ]
        for ask in asks:
            with pytest.raises(ShallowRepository, match="shallow clone") as caught:
                ask()
            assert caught.value.hint == "git fetch --unshallow (in GitHub Actions: fetch-depth: 0)"


# ------------------------------------------------------------------------------------------------- configuration


def test_configuration_is_read_once_and_as_git_reads_it(
    sandbox: Sandbox, repo: Repository, calls: list[str], hermetic_seal: Path
) -> None:
    sandbox.git("config", "core.Mixed", "one")
    sandbox.git("config", "--add", "core.mixed", "two\nlines")
    sandbox.git("config", "branch.Feature/X.remote", "up")
    sandbox.git("config", "--global", "user.signingKey", "global")
    with (sandbox.path / ".git/config").open("a", encoding="utf-8") as file:
        file.write("[commit]\n\tgpgSign\n[some]\n\tempty =\n")
    calls.clear()
    asked = ["core.mixed", "CORE.MIXED", "branch.Feature/X.remote", "branch.feature/x.remote", "user.signingkey",
             "commit.gpgsign", "some.empty", "no.such", "core.bare"]  # fmt: skip
    assert [repo.config(key) for key in asked] == [
        "two\nlines",
        "two\nlines",
        "up",
        None,
        "global",
        "true",
        "",
        None,
        "false",
    ]
    assert [repo.is_set(key) for key in ("commit.gpgsign", "some.empty", "no.such", "core.bare")] == [
        True,
        False,
        False,
        False,
    ]
    assert calls == ["config"]


def test_the_remote_is_the_branchs_then_the_only_one_then_origin(sandbox: Sandbox) -> None:
    def remote(branch: str | None = None) -> str | None:
        with sandbox.open() as repo:
            return repo.remote(branch)

    assert remote() is None
    sandbox.git("remote", "add", "up.stream", "https://example.com/a.git")
    assert remote() == "up.stream"
    sandbox.git("remote", "add", "mirror", "https://example.com/b.git")
    assert remote() is None
    sandbox.git("remote", "add", "origin", "https://example.com/c.git")
    assert remote() == "origin"
    sandbox.git("config", "branch.main.remote", "mirror")
    assert (remote(), remote("refs/heads/main"), remote("refs/heads/other")) == ("mirror", "mirror", "origin")
    sandbox.git("config", "branch.main.remote", ".")
    assert remote() == "origin"
    sandbox.commit("one")
    sandbox.git("checkout", "--quiet", "--detach")
    assert remote() == "origin"
    with sandbox.open() as repo:
        assert sorted(repo.remotes()) == ["mirror", "origin", "up.stream"]


# ------------------------------------------------------------------------------------------------------- writing


def test_a_commit_is_the_one_that_git_would_have_made(sandbox: Sandbox, repo: Repository, calls: list[str]) -> None:
    base = sandbox.commit("one", {"a": "1"})
    calls.clear()
    blob = repo.write_blob(b"2")
    tree = repo.write_tree(base, {"a": Entry(FILE, blob)})
    commit = repo.write_commit(tree, [base], "two\n\nGitstage-Action: promote")
    repo.flush()
    assert calls == ["cat-file", "var", "var", "config", "unpack-objects"]
    expected = sandbox.git("commit-tree", tree, "-p", base, "-m", "two\n\nGitstage-Action: promote")
    assert commit == expected
    assert sandbox.git("show", f"{commit}:a") == "2"
    sandbox.git("fsck", "--strict", "--no-dangling")


def test_author_and_committer_are_asked_for_once_where_nothing_sets_them_apart(
    sandbox: Sandbox, repo: Repository, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith(("GIT_AUTHOR_", "GIT_COMMITTER_")):
            monkeypatch.delenv(name)
    sandbox.git("config", "user.name", "Both")
    sandbox.git("config", "user.email", "both@example.com")
    tree = sandbox.git("write-tree")
    commit = repo.write_commit(tree, [], "one")
    assert calls == ["var", "config"]
    repo.flush()
    author, committer = sandbox.git("show", "-s", "--format=%an <%ae> %at%n%cn <%ce> %ct", commit).splitlines()
    assert author == committer
    assert author.startswith("Both <both@example.com> ")


def test_who_commits_is_found_out_while_other_things_are_done(
    sandbox: Sandbox, repo: Repository, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith(("GIT_AUTHOR_", "GIT_COMMITTER_")):
            monkeypatch.delenv(name)
    sandbox.git("config", "user.name", "Both")
    tree = sandbox.git("write-tree")
    repo.expect_people()
    repo.expect_people()
    assert calls == ["var"]
    # Who is not known is asked for again, so that what git says can be told.
    with pytest.raises(NoIdentity, match="git does not know who you are: no email was given"):
        repo.committer()
    sandbox.git("config", "user.email", "both@example.com")
    repo.expect_people()
    assert repo.committer() == "Both <both@example.com>"
    assert calls.count("var") == 3
    commit = repo.write_commit(tree, [], "one")
    repo.flush()
    assert sandbox.git("show", "-s", "--format=%an, %cn", commit) == "Both, Both"
    repo.expect_people()
    assert calls.count("var") == 3


def test_author_and_committer_may_be_two_people_by_configuration(
    sandbox: Sandbox, repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith(("GIT_AUTHOR_", "GIT_COMMITTER_")):
            monkeypatch.delenv(name)
    for key, value in {
        "user.name": "User", "user.email": "user@x", "author.name": "Writer", "committer.email": "bot@x",
    }.items():  # fmt: skip
        sandbox.git("config", key, value)
    commit = repo.write_commit(sandbox.git("write-tree"), [], "one")
    repo.flush()
    assert sandbox.git("show", "-s", "--format=%an <%ae>, %cn <%ce>", commit) == "Writer <user@x>, User <bot@x>"


@pytest.mark.parametrize("missing", ["name", "email"])
def test_whoever_git_does_not_know_is_told_how_to_introduce_themselves(
    sandbox: Sandbox, repo: Repository, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    for name in IDENTITY:
        monkeypatch.delenv(name)
    sandbox.git("config", "user.email" if missing == "name" else "user.name", "x")
    tree = sandbox.git("write-tree")
    writes: list[Callable[[], str]] = [
        lambda: repo.write_commit(tree, [], "one"),
        lambda: repo.write_tag("v1", tree, "one"),
        lambda: repo.write_record({}, None, "one", NOON),
    ]
    for write in writes:
        with pytest.raises(NoIdentity, match=f"git does not know who you are: no {missing} was given") as caught:
            write()
        assert caught.value.hint is not None
        assert "git config --global user.name" in caught.value.hint


def test_a_tag_is_the_one_that_git_would_have_made(sandbox: Sandbox, repo: Repository) -> None:
    commit = sandbox.commit("one", {"a": "1"})
    sandbox.git("config", "tag.gpgSign", "true")
    mine = {name: repo.write_tag(name, target, "says\n\nmore") for name, target in (
        ("m/v1", commit), ("refs/tags/m/v2", commit), ("blob", sandbox.git("rev-parse", "HEAD:a")),
    )}  # fmt: skip
    repo.transact(
        [RefUpdate(f"refs/tags/mine/{number}", oid, None) for number, oid in enumerate(mine.values())], reason="t"
    )
    sandbox.git("config", "tag.gpgSign", "false")
    for name, target in (("m/v1", commit), ("m/v2", commit), ("blob", "HEAD:a")):
        sandbox.git("tag", "-m", "says\n\nmore", name, target)
    theirs = sandbox.refs()
    assert list(mine.values()) == [theirs[f"refs/tags/{name}"] for name in ("m/v1", "m/v2", "blob")]


def test_a_tag_of_a_commit_that_was_just_written(sandbox: Sandbox, repo: Repository, calls: list[str]) -> None:
    commit = repo.write_commit(repo.write_tree(None, {}), [], "one")
    tag = repo.write_tag("v1", commit, "one")
    calls.clear()
    repo.transact([RefUpdate("refs/heads/main", commit, None), RefUpdate("refs/tags/v1", tag, None)], reason="t")
    assert calls == ["unpack-objects", "update-ref"]
    assert sandbox.refs() == {"refs/heads/main": commit, "refs/tags/v1": tag}
    sandbox.git("fsck", "--strict", "--no-dangling")


def test_what_was_just_written_is_in_no_history_that_it_is_not_in(sandbox: Sandbox, repo: Repository) -> None:
    base = sandbox.commit("one", {"a": "1"})
    tree = repo.write_tree(base, {})
    child = repo.write_commit(tree, [base], "two")
    other = repo.write_commit(tree, [base], "three")
    assert repo.unreachable([base, other, child, MISSING], child) == {other, MISSING}
    later = repo.write_commit(tree, [child], "four")
    assert repo.unreachable([base, later], child) == {later}


def test_a_tag_of_nothing_is_refused(repo: Repository) -> None:
    with pytest.raises(NoSuchRevision, match="is not in this repository"):
        repo.write_tag("v1", MISSING, "x")


def test_records_are_a_line_of_commits_with_just_their_files(sandbox: Sandbox, repo: Repository) -> None:
    sandbox.git("config", "commit.gpgSign", "true")
    when = datetime(2026, 11, 23, 20, 30, tzinfo=timezone(timedelta(hours=1)))
    first = repo.write_record({"state.json": b"{}", "a/b": b"1"}, None, "run 1", when)
    second = repo.write_record({"state.json": b"[]"}, first, "run 2", when + timedelta(seconds=1))
    repo.transact([RefUpdate("refs/gitstage/id", second, None)], reason="run")
    form = "%H %P|%an <%ae> %at|%cn <%ce> %ct|%s|%GG"
    who = "Cleo Committer <cleo@example.com>"
    at = 1795462200
    assert sandbox.git("log", f"--format={form}", "refs/gitstage/id").splitlines() == [
        f"{second} {first}|{who} {at + 1}|{who} {at + 1}|run 2|",
        f"{first} |{who} {at}|{who} {at}|run 1|",
    ]
    assert sandbox.git("ls-tree", "-r", "--name-only", second) == "state.json"
    assert sandbox.git("ls-tree", "-r", "--name-only", first) == "a/b\nstate.json"
    assert sandbox.git("show", "-s", "--format=%ci", first) == "2026-11-23 19:30:00 +0000"


def test_the_same_record_at_the_same_moment_is_the_same_commit(repo: Repository) -> None:
    one = repo.write_record({"a": b"1"}, None, "run", NOON)
    assert repo.write_record({"a": b"1"}, None, "run", NOON) == one
    assert repo.write_record({"a": b"1"}, None, "run", NOON + timedelta(seconds=1)) != one


def test_commits_are_signed_where_the_user_says_so(sandbox: Sandbox, repo: Repository, tmp_path: Path) -> None:
    import subprocess

    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    base = sandbox.commit("one")
    for key, value in {
        "gpg.format": "ssh", "user.signingKey": str(tmp_path / "key"), "commit.gpgSign": "yes",
        "gpg.ssh.allowedSignersFile": str(tmp_path / "allowed"),
    }.items():  # fmt: skip
        sandbox.git("config", key, value)
    (tmp_path / "allowed").write_text(f"cleo@example.com {(tmp_path / 'key.pub').read_text()}", encoding="utf-8")
    tree = repo.write_tree(base, {"a": Entry(FILE, repo.write_blob(b"1"))})
    commit = repo.write_commit(tree, [base], "größer, and signed")
    tag = repo.write_tag("v1", commit, "of a signed commit")
    record = repo.write_record({}, None, "run", NOON)
    repo.transact([RefUpdate("refs/tags/v1", tag, None), RefUpdate("refs/gitstage/id", record, None)], reason="t")
    assert sandbox.git("show", "-s", "--format=%G? %s %P", commit) == f"G größer, and signed {base}"
    assert repo.commits([commit])[commit].message == "größer, and signed"
    assert sandbox.git("cat-file", "commit", record).count("gpgsig") == 0


def test_a_signed_tag_is_the_one_that_git_would_have_made_and_verifies(
    sandbox: Sandbox, repo: Repository, tmp_path: Path
) -> None:
    key = make_key(tmp_path / "keys")
    commit = sandbox.commit("one")
    payload = repo.tag_payload("refs/tags/m/v1", commit, "says\n\nmore")
    made = signature(payload, key, namespace="git")
    oid = repo.write_tag("m/v1", commit, "says\n\nmore", made.armored)
    repo.transact([RefUpdate("refs/tags/m/v1", oid, None)], reason="t")
    allowed = tmp_path / "allowed"
    allowed.write_text(f'cleo@example.com namespaces="git" {public(key)}\n', encoding="ascii")
    for name, value in {
        "gpg.format": "ssh",
        "user.signingKey": str(key),
        "gpg.ssh.allowedSignersFile": str(allowed),
    }.items():
        sandbox.git("config", name, value)
    sandbox.git("verify-tag", "m/v1")
    sandbox.git("tag", "-s", "-m", "says\n\nmore", "m/v2", commit)
    theirs = sandbox.git("rev-parse", "m/v2")
    found = repo.signed_tags([oid, theirs, commit, MISSING])
    assert found[oid] == Signed(payload, made.armored)
    # Ed25519 signs without chance, so git's own tag has the same bytes but for its name.
    assert found.keys() == {oid, theirs}
    assert found[theirs].payload == payload.replace(b"tag m/v1\n", b"tag m/v2\n")
    assert (found[theirs].signature or b"").startswith(b"-----BEGIN SSH SIGNATURE-----\n")
    again = signature(found[theirs].payload, key, namespace="git")
    assert repo.write_tag("m/v2", commit, "says\n\nmore", again.armored) == theirs
    other = repo.write_tag("m/v3", commit, "says\n\nless", made.armored)
    repo.transact([RefUpdate("refs/tags/m/v3", other, None)], reason="t")
    with pytest.raises(AssertionError, match="verify-tag"):
        sandbox.git("verify-tag", "m/v3")


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ({"tag.gpgSign": "true", "gpg.format": "ssh", "user.signingKey": "~/.ssh/key"}, "~/.ssh/key"),
        ({"tag.gpgSign": "yes", "gpg.format": "ssh", "user.signingKey": "key::ssh-ed25519 AAAA"}, "ssh-ed25519 AAAA"),
        ({"tag.gpgSign": "false", "gpg.format": "ssh", "user.signingKey": "~/.ssh/key"}, None),
        ({"gpg.format": "ssh", "user.signingKey": "~/.ssh/key"}, None),
        ({"tag.gpgSign": "true", "user.signingKey": "ABCDEF"}, None),
        ({"tag.gpgSign": "true", "gpg.format": "openpgp", "user.signingKey": "ABCDEF"}, None),
        ({"tag.gpgSign": "true", "gpg.format": "ssh"}, None),
    ],
)
def test_a_users_own_configuration_names_the_key_that_signs_tags(
    sandbox: Sandbox, said: dict[str, str], key: str | None
) -> None:
    for name, value in said.items():
        sandbox.git("config", "--global", name, value)
    with sandbox.open() as repo:
        assert repo.signing_key() == key


@pytest.mark.parametrize("named", ["tag.gpgSign", "gpg.format", "user.signingKey"])
def test_what_a_repository_says_of_itself_chooses_no_key(sandbox: Sandbox, named: str) -> None:
    said = {"tag.gpgSign": "true", "gpg.format": "ssh", "user.signingKey": "/the/key"}
    for name, value in said.items():
        sandbox.git("config", *(["--global"] if name != named else []), name, value)
    with sandbox.open() as repo:
        assert repo.signing_key() is None
    sandbox.git("config", "--global", named, said[named])
    sandbox.git("config", "user.signingKey", "/another/key")
    with sandbox.open() as repo:
        assert repo.signing_key() == "/the/key"


def test_configuration_of_the_call_is_the_users(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"tag.gpgSign": "true", "gpg.format": "ssh", "user.signingKey": "/the/key"}
    monkeypatch.setenv("GIT_CONFIG_COUNT", str(len(said)))
    for at, (name, value) in enumerate(said.items()):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{at}", name)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{at}", value)
    with sandbox.open() as repo:
        assert repo.signing_key() == "/the/key"


def test_where_tags_are_not_signed_git_is_asked_nothing_more(
    sandbox: Sandbox, repo: Repository, calls: list[str]
) -> None:
    assert not repo.is_set("tag.gpgsign")
    calls.clear()
    assert repo.signing_key() is None
    assert calls == []


def test_a_commit_that_cannot_be_signed_is_not_made(sandbox: Sandbox, repo: Repository) -> None:
    base = sandbox.commit("one")
    for key, value in {"commit.gpgSign": "true", "gpg.format": "ssh", "user.signingKey": "/no/such/key"}.items():
        sandbox.git("config", key, value)
    before = sandbox.refs()
    with pytest.raises(CannotSign, match="git could not sign the commit") as caught:
        repo.write_commit(repo.write_tree(base, {}), [base], "two")
    assert caught.value.hint == "mend user.signingKey and gpg.format, or git config commit.gpgSign false"
    assert sandbox.refs() == before


def test_a_commit_without_any_program_to_sign_is_not_made(sandbox: Sandbox, repo: Repository) -> None:
    base = sandbox.commit("one")
    sandbox.git("config", "commit.gpgSign", "true")
    sandbox.git("config", "gpg.program", "/no/such/gpg")
    with pytest.raises(CannotSign):
        repo.write_commit(repo.write_tree(base, {}), [base], "two")


# ------------------------------------------------------------------------------------------- nothing runs when reading


def test_reading_a_hostile_repository_runs_nothing_of_it(sandbox: Sandbox, tmp_path: Path) -> None:
    one, two = sandbox.line("one", "two")
    sandbox.git("tag", "-m", "x", "m/v1")
    ran = tmp_path / "ran"
    ran.mkdir()
    script = executable(tmp_path / "evil", f'touch "{ran}/$(date +%N)"; cat')
    for key in (
        "core.fsmonitor", "core.hooksPath", "core.pager", "core.editor", "core.sshCommand", "core.gitProxy",
        "core.askPass", "core.alternateRefsCommand", "credential.helper", "diff.external", "diff.evil.textconv",
        "diff.evil.command", "filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "merge.evil.driver",
        "gpg.program", "gpg.ssh.program", "sequence.editor", "uploadpack.packObjectsHook", "pager.rev-list",
        "interactive.diffFilter", "man.evil.cmd", "browser.evil.cmd", "ssh.variant", "trailer.x.command",
    ):  # fmt: skip
        sandbox.git("config", key, str(script))
    for name in ("cat-file", "rev-list", "for-each-ref", "rev-parse", "symbolic-ref", "ls-tree", "ls-files", "config"):
        sandbox.git("config", f"alias.{name}", f"!{script}")
    sandbox.git("config", "filter.evil.required", "true")
    sandbox.git("config", "log.showSignature", "true")
    sandbox.write({".gitattributes": "* diff=evil filter=evil merge=evil text eol=crlf working-tree-encoding=UTF-16"})
    (sandbox.path / ".git/info").mkdir(exist_ok=True)
    (sandbox.path / ".git/info/attributes").write_text("* diff=evil filter=evil merge=evil\n", encoding="utf-8")
    executable(sandbox.path / ".git/hooks/post-index-change", f"touch {ran}/hook")
    from gitstage.git import Checkout

    with sandbox.open() as repo:
        head = repo.head()
        assert head.commit == two
        tree = repo.tree(two)
        tree.load()
        assert {path: tree.read(entry.oid) for path, entry in files(tree)} == {"one.txt": b"one", "two.txt": b"two"}
        assert [tag.message for tag in repo.tags()] == ["x\n"]
        assert repo.first_parents(one, two) == [two]
        assert repo.listed(two, ["one.txt"])
        assert repo.is_ancestor(one, two)
        assert repo.merge_bases(one, two) == [one]
        assert repo.unreachable([one], two) == set()
        assert repo.resolve("main") == two
        assert repo.refs()
        assert repo.commits([one, two])
        assert repo.first_touching("one.txt", two) == one
        assert repo.config("core.pager") == str(script)
        assert Checkout(repo).local_edits(["one.txt", "new.txt"], two) == []
    assert list(ran.iterdir()) == []


def test_a_commit_is_read_once_however_often_its_tree_is_asked_for(
    sandbox: Sandbox, repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = sandbox.commit("one", {"a": "1"}), sandbox.commit("two", {"a": "2"})
    tree = repo.tree(one)
    assert repo.tree(one) is tree
    monkeypatch.setattr(module, "KEPT_TREES", 1)
    assert repo.tree(two).id == sandbox.git("rev-parse", f"{two}^{{tree}}")
    assert repo.tree(one) is not tree
    assert repo.tree(one).id == tree.id


def test_sizes_are_asked_together_and_nothing_is_read(sandbox: Sandbox, repo: Repository) -> None:
    sandbox.commit("one", {"a": "1", "b": "22"})
    a, b = (sandbox.git("rev-parse", f"HEAD:{name}") for name in "ab")
    written = repo.write_blob(b"333")
    assert repo.sizes([a, b, written, "1" * 40]) == {a: 1, b: 2, written: 3}


# ---------------------------------------------------------------------------------------------- where HEAD was at first


def test_where_head_is_was_asked_when_the_repository_was_opened(sandbox: Sandbox, calls: list[str]) -> None:
    one = sandbox.commit("one", {"a": "1"})
    with sandbox.open() as repo:
        assert repo.head() == Head("refs/heads/main", one)
        assert "symbolic-ref" not in calls
        sandbox.git("switch", "--quiet", "-c", "other")
        assert repo.head() == Head("refs/heads/other", one)


def test_a_detached_head_is_at_no_branch_from_the_first(sandbox: Sandbox, calls: list[str]) -> None:
    one = sandbox.commit("one", {"a": "1"})
    sandbox.git("switch", "--quiet", "--detach")
    sandbox.git("update-ref", "refs/heads/HEAD", one)
    with sandbox.open() as repo:
        assert repo.head() == Head(None, one)
    assert "symbolic-ref" not in calls


def test_a_branch_without_a_commit_is_one_all_the_same(sandbox: Sandbox) -> None:
    with sandbox.open() as repo:
        assert (repo.head(), repo.work_tree) == (Head("refs/heads/main", None), sandbox.path)


# ------------------------------------------------------------------------------------------------------- asked ahead


def test_what_is_asked_ahead_is_what_would_have_been_found(
    sandbox: Sandbox, repo: Repository, calls: list[str]
) -> None:
    one = sandbox.commit("one", {"a": "1", "b/c": "2"})
    two = sandbox.commit("two", {"a": "3"})
    places = [(one, "a"), (two, "a"), (two, "b/c"), (two, "b"), (one, "none"), (MISSING, "a")]
    found = repo.blobs_ahead(places)
    assert calls == ["config", "cat-file"]
    assert repo.read(sandbox.git("rev-parse", f"{one}:a")) == b"1"
    assert found() == repo.blobs_at(places)
    assert found.__closure__ is not None


def test_nothing_is_asked_ahead_where_it_would_not_do(sandbox: Sandbox, repo: Repository, calls: list[str]) -> None:
    one = sandbox.commit("one", {"a": "1"})
    assert repo.blobs_ahead([])() == []
    blob = sandbox.git("rev-parse", f"{one}:a")
    assert repo.blobs_ahead([(one, "a\nb")])() == [None]
    assert repo.blobs_ahead([(one, "a\nb"), *[(one, "a")] * 1000])() == [None, *[blob] * 1000]
    pending = repo.write_commit(repo.write_tree(one, {"x": Entry(FILE, repo.write_blob(b"x"))}), [one], "pending")
    assert repo.blobs_ahead([(pending, "a")])() == [blob]
    assert calls.count("cat-file") == 1


def test_many_places_are_looked_at_while_other_things_are_done(
    sandbox: Sandbox, repo: Repository, calls: list[str]
) -> None:
    one = sandbox.commit("one", {"a": "1", "a blob": "2", "b/c": "3", "ä": "4"})
    two = sandbox.commit("two", {"a": "5"})
    paths = ("a", "a blob", "b/c", "b", "ä", "none", "a blob 7", "none blob 7")
    places = [(commit, path) for commit in (one, two, MISSING) for path in paths]
    found = repo.blobs_ahead(places * 100)
    assert repo.read(sandbox.git("rev-parse", f"{one}:a")) == b"1"
    assert found() == repo.blobs_at(places) * 100
    assert calls == ["config", "cat-file", "cat-file"]


def test_what_git_did_not_say_to_its_end_is_asked_again(sandbox: Sandbox, repo: Repository) -> None:
    one = sandbox.commit("one", {"a": "1", "b": "2"})
    blob = sandbox.git("rev-parse", f"{one}:a")
    tree = sandbox.git("rev-parse", f"{one}^{{tree}}")
    broken = sandbox.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=b"tree nonsense\n")
    found = repo.blobs_ahead([(one, "a")] * 500 + [(broken, "a")] + [(one, "a")] * 500)
    answers = found()
    assert (answers[:500], answers[500], answers[501:]) == ([blob] * 500, None, [blob] * 500)
    (sandbox.path / ".git/objects" / tree[:2] / tree[2:]).unlink()
    with sandbox.open() as other:
        assert other.blobs_ahead([(one, "a")] * 1000)() == other.blobs_at([(one, "a")] * 1000)


@pytest.mark.parametrize(
    ("said", "count"), [(b"", 1), (b"1 blob 2\n", 2), (b"1 blob 2\n2 blob 3\n", 1), (b"fatal: x\n1 blob 2\n", 1)]
)
def test_an_answer_of_another_length_is_none(said: bytes, count: int) -> None:
    assert blobs_in(said, count) is None


def test_only_blobs_count_in_an_answer() -> None:
    said = b"1111 blob 2\n2222 tree 3\nx:a b missing\nx:a blob missing\nx:a ambiguous\n3333 blob 0\n"
    assert blobs_in(said, 6) == ["1111", None, None, None, None, "3333"]


def test_what_is_loaded_is_read_without_asking(sandbox: Sandbox, repo: Repository, calls: list[str]) -> None:
    one = sandbox.commit("one", {"a": "1", "b/c": "2", "large": "x" * (SMALL + 1), "just": "y" * SMALL})
    oids = {path: sandbox.git("rev-parse", f"{one}:{path}") for path in ("a", "b", "b/c", "large", "just")}
    repo.load([oids["b"], MISSING], [oids["a"], oids["a"], oids["large"], oids["just"], MISSING])
    asked: list[str] = []
    reader = repo._reader
    plain = reader.contents

    def watched(names: Sequence[str]) -> Iterator[tuple[str, Object] | None]:
        asked.extend(names)
        return plain(names)

    reader.contents = watched  # type: ignore[method-assign]
    try:
        assert (repo.read(oids["a"]), repo.read(oids["just"])) == (b"1", b"y" * SMALL)
        assert repo.tree(one).listing("b")["c"].oid == oids["b/c"]
        # It stands for no other kind, and what is large is read when somebody wants it.
        with pytest.raises(NoSuchRevision, match="is a blob, not a tree"):
            repo._store.read(oids["a"], "tree")
        assert not {oids["a"], oids["b"], oids["just"]} & set(asked)
        assert repo.read(oids["large"]) == b"x" * (SMALL + 1)
        assert oids["large"] in asked
        repo.load([], [])
        assert repo.read(oids["a"]) == b"1"
        assert oids["a"] in asked
    finally:
        reader.contents = plain  # type: ignore[method-assign]


def test_a_process_that_was_asked_ahead_and_never_read_is_ended(sandbox: Sandbox) -> None:
    one = sandbox.commit("one", {"a": "1"})
    with sandbox.open() as repo:
        found = repo.blobs_ahead([(one, "a")])
        reader = next(cell.cell_contents for cell in found.__closure__ or () if hasattr(cell.cell_contents, "ahead"))
        process = reader._process
        assert process.proc.poll() is None
        del found
        gc.collect()
        assert process.proc.poll() is not None


def test_what_was_signed_of_a_commit_that_is_not_there_cannot_be_said(sandbox: Sandbox, repo: Repository) -> None:
    one = sandbox.commit("one", {"a": "1"})
    assert repo.signed([one, one])[one].signature is None
    with pytest.raises(NoSuchRevision, match=f"there is no commit '{MISSING}'"):
        repo.signed([one, MISSING])
