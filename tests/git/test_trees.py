"""Trees as snapshots, and new trees that are what git itself would have written."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gitstage.changes import EXECUTABLE, FILE, FOLDER, LINK, SUBMODULE, Change, Entry, Overlay, changes_between, files
from gitstage.git import GitError, NoSuchRevision, Repository, Tree, trees
from gitstage.git.objects import encoded
from gitstage.git.trees import listed_rows
from tests.git.sandbox import Sandbox

MISSING = "b" * 40


def tree_at(repo: Repository, rev: str = "HEAD") -> Tree:
    return repo.tree(repo.resolve(rev))


def test_a_tree_answers_what_lies_where(sandbox: Sandbox, repo: Repository) -> None:
    sandbox.commit("one", {"top.txt": "1", "a/b/c.txt": "2", "a/d.txt": "3"})
    tree = tree_at(repo)
    one, two, three = (sandbox.git("rev-parse", f"HEAD:{path}") for path in ("top.txt", "a/b/c.txt", "a/d.txt"))
    folder, inner = (sandbox.git("rev-parse", f"HEAD:{path}") for path in ("a", "a/b"))
    assert tree.id == sandbox.git("rev-parse", "HEAD^{tree}")
    assert dict(tree.listing("")) == {"a": Entry(FOLDER, folder), "top.txt": Entry(FILE, one)}
    assert dict(tree.listing("a")) == {"b": Entry(FOLDER, inner), "d.txt": Entry(FILE, three)}
    assert tree.entry("") == Entry(FOLDER, tree.id)
    assert tree.entry("a/b/c.txt") == Entry(FILE, two)
    assert tree.entry("a/b") == Entry(FOLDER, inner)
    assert [tree.entry(path) for path in ("nope", "a/nope", "nope/a", "top.txt/a", "a/b/c.txt/d")] == [None] * 5
    assert [dict(tree.listing(path)) for path in ("nope", "top.txt", "a/nope/x")] == [{}, {}, {}]
    assert list(files(tree)) == [
        ("a/b/c.txt", Entry(FILE, two)),
        ("a/d.txt", Entry(FILE, three)),
        ("top.txt", Entry(FILE, one)),
    ]


def test_a_tree_reads_blobs_and_their_sizes_without_a_process_for_each(
    sandbox: Sandbox, repo: Repository, calls: list[str]
) -> None:
    sandbox.commit("one", {f"{number}/file.txt": "x" * number for number in range(30)})
    tree = tree_at(repo)
    calls.clear()
    read = {path: (tree.read(entry.oid), tree.size(entry.oid)) for path, entry in files(tree)}
    assert read == {f"{number}/file.txt": (b"x" * number, number) for number in range(30)}
    assert calls == []


def test_links_submodules_and_executables_are_seen_as_what_they_are(sandbox: Sandbox, repo: Repository) -> None:
    (sandbox.path / "link").symlink_to("/etc/passwd")
    sandbox.write({"run": "#!/bin/sh"})
    (sandbox.path / "run").chmod(0o755)
    sandbox.git("update-index", "--add", "--cacheinfo", f"160000,{MISSING},module")
    sandbox.git("add", "link", "run")
    sandbox.git("commit", "-qm", "one")
    tree = tree_at(repo)
    assert {name: entry.mode for name, entry in tree.listing("").items()} == {
        "link": LINK,
        "module": SUBMODULE,
        "run": EXECUTABLE,
    }
    assert tree.read(tree.listing("")["link"].oid) == b"/etc/passwd"
    assert dict(tree.listing("module")) == {}


@pytest.mark.parametrize(
    "name", [b"\xff\xfe.yaml", b"new\nline", b"tab\there", b"\x1b[31m", b'qu"ote', b"\xe2\x80\xae"]
)
def test_a_path_that_is_not_utf8_or_has_a_newline_is_seen(sandbox: Sandbox, repo: Repository, name: bytes) -> None:
    before = sandbox.commit("one", {"a/plain": "1"})
    blob = sandbox.git("hash-object", "-w", "--stdin", stdin=b"hidden?")
    sandbox.git("update-index", "--add", "-z", "--index-info", stdin=b"100644 %s\ta/%s\0" % (blob.encode(), name))
    sandbox.git("commit", "-qm", "two")
    path = "a/" + name.decode("utf-8", "surrogateescape")
    found = list(changes_between(repo.tree(before), tree_at(repo)))
    assert found == [Change(path, None, Entry(FILE, blob))]
    assert tree_at(repo).read(blob) == b"hidden?"


def test_equal_trees_give_the_identical_listing_at_any_commit(sandbox: Sandbox, repo: Repository) -> None:
    before = sandbox.commit("one", {"a/x": "1", "b/y": "1"})
    after = sandbox.commit("two", {"b/y": "2"})
    old, new = repo.tree(before), repo.tree(after)
    assert old.listing("a") is new.listing("a")
    assert old.listing("b") is not new.listing("b")
    assert repo.tree(before).listing("") is old.listing("")


def test_of_more_trees_than_are_kept_the_longest_unused_is_forgotten(
    sandbox: Sandbox, repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.commit("one", {"a/x": "1", "b/x": "2", "c/x": "3"})
    monkeypatch.setattr(trees, "KEPT_ENTRIES", 8)
    tree = tree_at(repo)
    first, second = tree.listing("a"), tree.listing("b")
    assert tree.listing("a") is first
    assert dict(tree.listing("c")) == {"x": Entry(FILE, sandbox.git("rev-parse", "HEAD:c/x"))}
    assert tree.listing("a") is first
    assert tree.listing("b") == second
    assert tree.listing("b") is not second


def test_one_tree_is_kept_however_large_it_is(
    sandbox: Sandbox, repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.commit("one", {"a": "1", "b": "2", "c": "3"})
    monkeypatch.setattr(trees, "KEPT_ENTRIES", 1)
    tree = tree_at(repo)
    assert tree.listing("") is tree.listing("")


def test_loading_reads_everything_below_a_folder_at_once(
    sandbox: Sandbox, repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.commit("one", {f"in/{number}/deep/file": str(number) for number in range(40)} | {"out/file": "x"})
    tree = tree_at(repo)
    tree.load("in")
    monkeypatch.setattr(trees, "parsed_tree", None)
    assert len(list(files(tree, "in"))) == 40
    with pytest.raises(TypeError):
        tree.listing("out")


def test_loading_everything_or_nothing_changes_no_answer(sandbox: Sandbox, repo: Repository) -> None:
    sandbox.commit("one", {"a/b/c": "1", "d": "2"})
    loaded, plain = tree_at(repo), tree_at(repo)
    loaded.load()
    loaded.load("no/such/folder")
    assert list(files(loaded)) == list(files(plain))


def test_a_tree_that_points_at_what_is_no_tree_is_an_error(sandbox: Sandbox, repo: Repository) -> None:
    blob = sandbox.git("hash-object", "-w", "--stdin", stdin=b"x")
    row = b"40000 folder\0" + bytes.fromhex(blob)
    tree = sandbox.git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=row)
    commit = sandbox.git("commit-tree", tree, "-m", "broken")
    with pytest.raises(NoSuchRevision, match=f"object {blob} is a blob, not a tree"):
        repo.tree(commit).listing("folder")
    with pytest.raises(NoSuchRevision, match=f"object {blob} is a blob, not a tree"):
        repo.tree(commit).load()


def test_a_row_of_ls_tree_is_a_path_and_an_id() -> None:
    first, second = b"100755 blob " + b"a" * 40 + b"\tdir/a\nb\xff\0", b"100644 blob " + b"b" * 40 + b"\tc\td\0"
    module = b"160000 commit " + b"c" * 40 + b"\tmod\tule\0"
    assert listed_rows(first + second + module) == [
        ("dir/a\nb\udcff", "a" * 40),
        ("c\td", "b" * 40),
        ("mod\tule", "c" * 40),
    ]
    assert listed_rows(b"") == []


# ---------------------------------------------------------------------------------------------------- new trees


def written(sandbox: Sandbox, repo: Repository, base: str | None, edits: Mapping[str, Entry | None]) -> dict[str, str]:
    """The files of the tree that edits make, as plain git lists them."""
    tree = repo.write_tree(base, edits)
    repo.flush()
    sandbox.git("fsck", "--strict", "--no-dangling")
    rows = sandbox.git("ls-tree", "-r", "-z", tree).split("\0")[:-1]
    return {path: meta for meta, _, path in (row.partition("\t") for row in rows)}


def blob(repo: Repository, text: str) -> Entry:
    return Entry(FILE, repo.write_blob(text.encode()))


def row(entry: Entry) -> str:
    return f"{entry.mode:06o} blob {entry.oid}"


def test_edits_make_the_tree_that_was_asked_for(sandbox: Sandbox, repo: Repository) -> None:
    base = sandbox.commit("one", {"a/x": "1", "a/y": "2", "b/z": "3", "top": "4"})
    kept = {path: row(Entry(FILE, sandbox.git("rev-parse", f"HEAD:{path}"))) for path in ("a/x", "top")}
    new, deep = blob(repo, "new"), blob(repo, "deep")
    edits = {"a/y": new, "b/z": None, "c/d/e": deep, "a/none": None, "no/such": None}
    assert written(sandbox, repo, base, edits) == {**kept, "a/y": row(new), "c/d/e": row(deep)}


def test_a_tree_is_made_of_nothing(sandbox: Sandbox, repo: Repository) -> None:
    one = blob(repo, "1")
    assert written(sandbox, repo, None, {"a/b": one, "a.b": one, "a-b": one}) == {
        "a/b": row(one),
        "a.b": row(one),
        "a-b": row(one),
    }


def test_nothing_made_of_nothing_is_the_empty_tree(repo: Repository) -> None:
    assert repo.write_tree(None, {}) == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    assert repo.write_tree(None, {"a": None}) == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def test_no_edits_give_the_tree_that_was_there(sandbox: Sandbox, repo: Repository) -> None:
    base = sandbox.commit("one", {"a/x": "1"})
    assert repo.write_tree(base, {}) == sandbox.git("rev-parse", "HEAD^{tree}")


def test_only_touched_trees_are_read_and_written(sandbox: Sandbox, repo: Repository) -> None:
    base = sandbox.commit("one", {f"{folder}/deep/file": folder for folder in "abcdef"})
    before = set(sandbox.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split())
    repo.write_tree(base, {"c/deep/file": blob(repo, "new")})
    read = set(repo._listings._known)
    assert read == {sandbox.git("rev-parse", f"HEAD:{path}") for path in ("", "c", "c/deep")}
    repo.flush()
    after = set(sandbox.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split())
    assert len(after - before) == 4


def test_a_commit_that_was_just_written_can_be_built_upon(sandbox: Sandbox, repo: Repository) -> None:
    first = repo.write_commit(repo.write_tree(None, {"a": blob(repo, "1")}), [], "one")
    second = repo.write_commit(repo.write_tree(first, {"b": blob(repo, "2")}), [first], "two")
    assert [path for path, _ in files(repo.tree(second))] == ["a", "b"]


def test_where_no_file_shall_lie_a_folder_stays(sandbox: Sandbox, repo: Repository) -> None:
    base = sandbox.commit("one", {"a/b/c": "1", "a/d": "2", "e": "3"})
    assert repo.write_tree(base, {"a": None, "a/b": None}) == sandbox.git("rev-parse", "HEAD^{tree}")
    assert set(written(sandbox, repo, base, {"a": None, "a/d": None})) == {"a/b/c", "e"}
    assert set(written(sandbox, repo, base, {"a": None, "a/d": None, "a/b/c": None})) == {"e"}


def test_a_path_deeper_than_pythons_stack_is_written_read_and_removed(sandbox: Sandbox, repo: Repository) -> None:
    deep = "/".join("d" for _ in range(1500))
    base = repo.write_commit(repo.write_tree(None, {f"{deep}/file": blob(repo, "x"), "kept": blob(repo, "y")}), [], "a")
    repo.flush()
    # Asked for it at once, and not from above.
    assert tree_at(repo, base).entry(f"{deep}/file") == blob(repo, "x")
    assert tree_at(repo, base).entry(f"{deep}/none/file") is None
    assert [path for path, _ in files(tree_at(repo, base))] == [f"{deep}/file", "kept"]
    changed = written(sandbox, repo, base, {f"{deep}/file": None, f"{deep}/other": blob(repo, "z")})
    assert set(changed) == {f"{deep}/other", "kept"}
    assert set(written(sandbox, repo, base, {f"{deep}/file": None})) == {"kept"}


def test_a_folder_can_be_put_in_place_as_a_whole(sandbox: Sandbox, repo: Repository) -> None:
    base = sandbox.commit("one", {"a/x": "1", "a/y": "2"})
    folder = Entry(FOLDER, sandbox.git("rev-parse", "HEAD:a"))
    assert set(written(sandbox, repo, base, {"copy": folder})) == {"a/x", "a/y", "copy/x", "copy/y"}


@pytest.mark.parametrize(
    "path",
    [
        "", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", ".git", ".git/config", "a/.GIT/hooks/x", ".Git ", ".git.",
        "git~1", "GIT~1/x", ".g\u200cit/config", "a\0b", "\ufeff.git",
    ],
)  # fmt: skip
def test_a_path_that_could_reach_gits_own_files_is_refused(repo: Repository, path: str) -> None:
    with pytest.raises(GitError, match="is not a path that git may write"):
        repo.write_tree(None, {path: Entry(FILE, MISSING)})


@pytest.mark.parametrize("path", [".gitattributes", "a/.gitignore", "git", "...a", "a b", "größer", ".github/x"])
def test_a_path_that_merely_looks_like_git_is_written(sandbox: Sandbox, repo: Repository, path: str) -> None:
    entry = blob(repo, "1")
    assert written(sandbox, repo, None, {path: entry}) == {path: row(entry)}


@pytest.mark.parametrize("oid", ["", "HEAD", "a" * 39])
def test_an_edit_without_an_object_is_refused(repo: Repository, oid: str) -> None:
    with pytest.raises(NoSuchRevision, match="is not an object id"):
        repo.write_tree(None, {"a": Entry(FILE, oid)})


@pytest.mark.parametrize(
    "edits",
    [
        {"a/x/y": True},
        {"a/x/y/z": True},
        {"b": True, "b/c": True},
        {"b": True, "b/c/d": True},
        {"a/x/q": None, "a/x/y": True},
    ],
)
def test_a_file_and_a_folder_of_one_name_are_refused(
    sandbox: Sandbox, repo: Repository, edits: Mapping[str, bool | None]
) -> None:
    base = sandbox.commit("one", {"a/x": "1"})
    entry = blob(repo, "new")
    with pytest.raises(GitError, match="cannot be a file and a folder at once"):
        repo.write_tree(base, {path: entry if edit else None for path, edit in edits.items()})


def test_a_file_gives_way_to_a_folder_and_a_folder_to_a_file(sandbox: Sandbox, repo: Repository) -> None:
    base = sandbox.commit("one", {"a/x": "1", "b/y": "2"})
    entry = blob(repo, "new")
    assert written(sandbox, repo, base, {"a/x": None, "a": entry, "b/y": None}) == {"a": row(entry)}
    assert written(sandbox, repo, base, {"b/y": None, "b/y/z": entry, "a/x/none": None}) == {
        "a/x": row(Entry(FILE, sandbox.git("rev-parse", "HEAD:a/x"))),
        "b/y/z": row(entry),
    }


NAMES = st.sampled_from(["a", "b", "a.b", "a-b", "ab", "größer", "\udcff"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.sets(PATHS, max_size=6), edits=st.dictionaries(PATHS, st.booleans(), max_size=6))
def test_any_edits_give_the_tree_that_gits_index_gives(
    sandbox: Sandbox, repo: Repository, before: set[str], edits: dict[str, bool]
) -> None:
    old, new = Entry(FILE, repo.write_blob(b"old")), Entry(EXECUTABLE, repo.write_blob(b"new"))
    apart = [path for path in sorted(before) if not any(other.startswith(f"{path}/") for other in before)]
    base = repo.write_commit(repo.write_tree(None, dict.fromkeys(apart, old)), [], "base")
    expected = {path: old for path in apart if edits.get(path, True)}
    expected.update(dict.fromkeys((path for path, stays in edits.items() if stays), new))
    clash = any(other.startswith(f"{path}/") for path in expected for other in expected)
    try:
        tree = repo.write_tree(base, {path: new if stays else None for path, stays in edits.items()})
    except GitError:
        assert clash
        return
    repo.flush()
    sandbox.git("read-tree", "--empty")
    rows = [b"%o %s\t%s\0" % (entry.mode, entry.oid.encode(), encoded(path)) for path, entry in expected.items()]
    sandbox.git("update-index", "-z", "--index-info", stdin=b"".join(rows))
    assert clash or tree == sandbox.git("write-tree")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.sets(PATHS, max_size=6), edits=st.dictionaries(PATHS, st.booleans(), max_size=6))
def test_what_is_written_is_what_an_overlay_foretells(
    repo: Repository, before: set[str], edits: dict[str, bool]
) -> None:
    old, new = Entry(FILE, repo.write_blob(b"old")), Entry(EXECUTABLE, repo.write_blob(b"new"))
    apart = [path for path in sorted(before) if not any(other.startswith(f"{path}/") for other in before)]
    base = repo.write_commit(repo.write_tree(None, dict.fromkeys(apart, old)), [], "base")
    asked = {path: new if stays else None for path, stays in edits.items()}
    stay = {path for path, stays in edits.items() if stays}
    # A file and a folder of one name are asked about above; the overlay leaves them to the rules.
    assume(not any(path.startswith(f"{other}/") for path in edits for other in [*edits, *apart]))
    commit = repo.write_commit(repo.write_tree(base, asked), [base], "change")
    assert list(files(repo.tree(commit))) == list(files(Overlay(repo.tree(base), asked)))
    gone = {change.path for change in changes_between(repo.tree(base), repo.tree(commit)) if change.after is None}
    assert not gone & stay
