"""What the git room answers, held against what plain git says of the same objects, with names of any kind."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitstage.changes import EXECUTABLE, FILE, FOLDER, LINK, SUBMODULE, Change, Entry, changes_between, files
from gitstage.git import GitError, RefUpdate, Repository
from gitstage.git.objects import encoded
from tests.git.sandbox import Sandbox

real = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

BYTES = st.binary(min_size=1, max_size=6).filter(lambda name: not {0, ord("/")} & set(name))
ODD = st.sampled_from(
    [
        b"\xff",
        b"a\nb",
        b"\t",
        b" ",
        b'"',
        b"\\",
        b"-rf",
        b"--",
        b"*",
        b"a.b",
        b"a-b",
        b"a",
        b"ab",
        b"\xc3\xa9",
        b"e\xcc\x81",
    ]
)
NAMES = st.one_of(ODD, BYTES).filter(lambda name: name not in (b".", b"..") and name.lower().strip(b". ") != b".git")
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(b"/".join)
MODES = st.sampled_from([FILE, FILE, FILE, EXECUTABLE, LINK, SUBMODULE])
TREES = st.dictionaries(PATHS, st.tuples(MODES, st.sampled_from([b"", b"one", b"two"])), max_size=7)
ELSEWHERE = "b" * 40
"""What a submodule points at: nothing that is here."""

Asked = Mapping[bytes, tuple[int, bytes]]


def made(sandbox: Sandbox, repo: Repository, asked: Asked) -> dict[bytes, tuple[int, str]]:
    """The asked files that can lie beside each other, as modes and ids; their contents are written."""
    found: dict[bytes, tuple[int, str]] = {}
    for path, (mode, data) in sorted(asked.items()):
        if any(path.startswith(other + b"/") for other in found):
            continue
        found[path] = (mode, ELSEWHERE if mode == SUBMODULE else repo.write_blob(data))
    repo.flush()
    return found


def index_of(sandbox: Sandbox, wanted: Mapping[bytes, tuple[int, str]]) -> None:
    """Puts files into git's own index, and nothing else."""
    sandbox.git("read-tree", "--empty")
    rows = [b"%o %s\t%s\0" % (mode, oid.encode(), path) for path, (mode, oid) in wanted.items()]
    sandbox.git("update-index", "--replace", "-z", "--index-info", stdin=b"".join(rows))


def listed(rows: str) -> dict[str, Entry]:
    """What `ls-tree -r -z` or `ls-files -s -z` says, as entries by path."""
    found = {}
    for row in rows.split("\0")[:-1]:
        meta, _, path = row.partition("\t")
        words = meta.split(" ")
        found[path] = Entry(int(words[0], 8), next(word for word in words if len(word) == 40))
    return found


@real
@given(TREES)
def test_a_tree_of_any_names_is_the_one_of_git_write_tree(sandbox: Sandbox, repo: Repository, asked: Asked) -> None:
    wanted = made(sandbox, repo, asked)
    edits = {path.decode("utf-8", "surrogateescape"): Entry(mode, oid) for path, (mode, oid) in wanted.items()}
    index_of(sandbox, wanted)
    tree = repo.write_tree(None, edits)
    repo.flush()
    assert tree == sandbox.git("write-tree", "--missing-ok")
    assert listed(sandbox.git("ls-tree", "-r", "-z", tree)) == edits
    commit = repo.write_commit(tree, [], "names")
    repo.flush()
    assert dict(files(repo.tree(commit))) == edits
    assert all(repo.tree(commit).entry(path) == entry for path, entry in edits.items())


@real
@given(TREES, TREES)
def test_what_differs_is_what_git_diff_tree_says(
    sandbox: Sandbox, repo: Repository, before: Asked, after: Asked
) -> None:
    commits: list[str] = []
    for asked in (before, after):
        index_of(sandbox, made(sandbox, repo, asked))
        tree = sandbox.git("write-tree", "--missing-ok")
        commits.append(repo.write_commit(tree, commits[:1], "one"))
    repo.flush()
    raw = sandbox.git("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", *commits)
    expected = said_by_diff(raw)
    old, new = map(repo.tree, commits)
    assert sorted(changes_between(old, new)) == expected
    (walked,) = (found for some in repo.differences([(commits[1], commits[0])]) for found in some)
    assert sorted(walked.changes) == expected


def said_by_diff(raw: str) -> list[Change]:
    """`:100644 100755 OLD NEW M`, NUL, path, NUL, as changes."""
    words = raw.split("\0")[:-1]
    found = []
    for meta, path in zip(words[::2], words[1::2], strict=True):
        old, new, was, now, _ = meta.removeprefix(":").split(" ")
        before, after = ((int(mode, 8), oid) for mode, oid in ((old, was), (new, now)))
        found.append(Change(path, Entry(*before) if before[0] else None, Entry(*after) if after[0] else None))
    return sorted(found)


@real
@given(TREES)
def test_what_is_staged_is_what_git_ls_files_says(sandbox: Sandbox, repo: Repository, asked: Asked) -> None:
    wanted = made(sandbox, repo, {path: found for path, found in asked.items() if found[0] != SUBMODULE})
    base = repo.write_commit(repo.write_tree(None, {}), [], "nothing")
    repo.flush()
    index_of(sandbox, wanted)
    assert repo.staged(base).edits == listed(sandbox.git("ls-files", "--stage", "-z").replace(" 0\t", "\t"))


@real
@given(TREES, st.lists(PATHS, max_size=4))
def test_what_lies_where_is_what_git_rev_parse_says(
    sandbox: Sandbox, repo: Repository, asked: Asked, others: list[bytes]
) -> None:
    wanted = made(sandbox, repo, asked)
    index_of(sandbox, wanted)
    commit = repo.write_commit(sandbox.git("write-tree", "--missing-ok"), [], "one")
    repo.flush()
    paths = [path.decode("utf-8", "surrogateescape") for path in [*wanted, *others]]
    tree = repo.tree(commit)
    rows = listed(sandbox.git("ls-tree", "-r", "-t", "-z", commit))
    assert [tree.entry(path) for path in paths] == [rows.get(path) for path in paths]
    folders = {path for path, entry in rows.items() if entry.mode == FOLDER}
    for folder in folders:
        assert dict(tree.listing(folder)) == {
            path.removeprefix(f"{folder}/"): entry
            for path, entry in rows.items()
            if path.startswith(f"{folder}/") and "/" not in path.removeprefix(f"{folder}/")
        }


@real
@given(st.lists(st.binary(max_size=300), max_size=12, unique=True))
def test_objects_are_called_what_git_hash_object_calls_them(
    sandbox: Sandbox, repo: Repository, blobs: list[bytes]
) -> None:
    ids = [repo.write_blob(data) for data in blobs]
    repo.flush()
    assert ids == [sandbox.git("hash-object", "--stdin", stdin=data) for data in blobs]
    assert repo.blobs(ids) == dict(zip(ids, blobs, strict=True))
    assert repo.sizes(ids) == {oid: len(data) for oid, data in zip(ids, blobs, strict=True)}


GRAPHS = st.lists(st.lists(st.integers(0, 100), max_size=3), min_size=1, max_size=9)
"""For each commit, which of the ones before it are its parents."""


@real
@given(GRAPHS, st.data())
def test_histories_are_walked_as_git_rev_list_walks_them(
    sandbox: Sandbox, repo: Repository, graph: list[list[int]], data: st.DataObject
) -> None:
    commits: list[str] = []
    for number, parents in enumerate(graph):
        above = list(dict.fromkeys(commits[parent % number] for parent in parents)) if number else []
        tree = repo.write_tree(None, {"number": Entry(FILE, repo.write_blob(str(number).encode()))})
        commits.append(repo.write_commit(tree, above, f"commit {number}"))
    repo.flush()
    one, other = data.draw(st.sampled_from(commits)), data.draw(st.sampled_from(commits))

    def git(*words: str) -> list[str]:
        return sandbox.git(*words).splitlines()

    assert repo.first_parents(None, other) == git("rev-list", "--first-parent", "--reverse", other)
    reached = set(git("rev-list", other))
    assert repo.is_ancestor(one, other) == (one in reached)
    assert repo.unreachable(commits, other) == set(commits) - reached
    assert sorted(repo.merge_bases(one, other)) == sorted(bases(sandbox, one, other))
    line = git("rev-list", "--first-parent", other)
    assert repo.not_in_trunk(commits, other) == set(commits) - reached
    assert repo.continues(one, other) == (one in line)


def bases(sandbox: Sandbox, one: str, other: str) -> list[str]:
    """`git merge-base --all`, which ends with 1 where there is none."""
    return sandbox.git("-c", f"alias.bases=!git merge-base --all {one} {other} || true", "bases").split()


REFS = st.text(st.sampled_from("ab./-~^:?*[\\@{ \x7fé"), min_size=1, max_size=8)


@real
@given(REFS)
def test_no_name_becomes_a_ref_that_git_check_ref_format_forbids(sandbox: Sandbox, repo: Repository, name: str) -> None:
    commit = repo.write_commit(repo.write_tree(None, {}), [], "one")
    repo.flush()
    full = f"refs/tags/{name}"
    good = (
        sandbox.git("-c", f"alias.good=!git check-ref-format {shlex.quote(full)} && echo yes || echo no", "good")
        == "yes"
    )
    try:
        repo.transact([RefUpdate(full, commit, None)], reason="a test")
    except GitError:
        assert not good
        return
    assert good
    assert repo.ref(full) == commit
    sandbox.git("update-ref", "-d", full)


@pytest.mark.parametrize("path", ["a\0b", "a//b", "/a", "a/", "../a", "a/./b", ".git/x", "x/.GIT/y"])
def test_what_git_itself_refuses_in_its_index_is_not_written(sandbox: Sandbox, repo: Repository, path: str) -> None:
    oid = repo.write_blob(b"x")
    repo.flush()
    with pytest.raises(GitError):
        repo.write_tree(None, {path: Entry(FILE, oid)})
    if "\0" not in path:
        told = sandbox.git(
            "-c",
            f"alias.put=!git update-index --add --cacheinfo 100644,{oid},{shlex.quote(path)} 2>&1 || echo refused",
            "put",
        )
        assert told.endswith("refused")
    assert encoded(path).decode() == path
