"""Objects are read through one kept process, written in one go, and fetched together where a clone lacks them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitstage.git import GitError, NoSuchRevision, Repository, store
from gitstage.git.objects import Object, object_id
from gitstage.git.process import Processes
from gitstage.git.store import Header, ObjectStore, Reader
from tests.git.sandbox import Sandbox, git

MISSING = "b" * 40


@pytest.fixture
def reader(sandbox: Sandbox) -> Reader:
    return Reader(Processes(("-C", str(sandbox.path))))


def blobs(sandbox: Sandbox, *texts: str) -> list[str]:
    return [sandbox.git("hash-object", "-w", "--stdin", stdin=text.encode()) for text in texts]


def test_headers_and_contents_come_in_the_order_of_their_names(sandbox: Sandbox, reader: Reader) -> None:
    one, two = blobs(sandbox, "one", "two\n\0two")
    assert list(reader.headers([two, MISSING, one])) == [Header(two, "blob", 8), None, Header(one, "blob", 3)]
    assert list(reader.contents([two, MISSING, one])) == [
        (two, Object("blob", b"two\n\0two")),
        None,
        (one, Object("blob", b"one")),
    ]
    reader.close()


def test_a_reader_starts_one_process_for_all_questions(sandbox: Sandbox, reader: Reader, calls: list[str]) -> None:
    (one,) = blobs(sandbox, "one")
    assert calls == []
    for _ in range(3):
        assert list(reader.headers([one])) == [Header(one, "blob", 3)]
        assert list(reader.contents([one])) == [(one, Object("blob", b"one"))]
    assert calls == ["cat-file"]
    reader.close()
    reader.close()
    assert list(reader.headers([one])) == [Header(one, "blob", 3)]
    assert calls == ["cat-file", "cat-file"]
    reader.close()


def test_thousands_of_objects_fill_no_pipe(sandbox: Sandbox, reader: Reader) -> None:
    (big,) = blobs(sandbox, "x" * 100_000)
    answers = list(reader.contents([big, MISSING] * 1500))
    assert answers == [(big, Object("blob", b"x" * 100_000)), None] * 1500
    reader.close()


def test_a_revision_longer_than_the_requests_sent_ahead_is_asked_alone(sandbox: Sandbox, reader: Reader) -> None:
    (one,) = blobs(sandbox, "one")
    assert list(reader.headers([one, "x" * 20_000, one])) == [Header(one, "blob", 3), None, Header(one, "blob", 3)]
    reader.close()


@pytest.mark.parametrize(
    "name",
    ["HEAD^{commit} with words", ":/no such", "-x", "--batch", "main 1 2", "größer", "\udcff", "", "two\nlines", "\n"],
)
def test_a_name_that_means_nothing_is_an_answer(sandbox: Sandbox, reader: Reader, name: str) -> None:
    (one,) = blobs(sandbox, "one")
    assert list(reader.headers([name, one])) == [None, Header(one, "blob", 3)]
    reader.close()


QUESTIONS = st.lists(
    st.sampled_from(
        ["blob", "tree", "HEAD", "main", MISSING, "", "a b", "x\ny", "HEAD:nope", "-x", "HEAD^{tree}", "1 2"]
    )
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=QUESTIONS, ahead=st.sampled_from([1, 60, 8192]))
def test_many_questions_at_once_get_the_answers_that_each_gets_alone(
    sandbox: Sandbox, names: list[str], ahead: int
) -> None:
    if not (sandbox.path / "a").exists():
        sandbox.commit("one", {"a": "text\n"})
    words = {"blob": sandbox.git("rev-parse", "HEAD:a"), "tree": sandbox.git("rev-parse", "HEAD^{tree}")}
    asked = [words.get(name, name) for name in names]
    with pytest.MonkeyPatch.context() as patched, sandbox.open() as repo:
        alone = [next(repo._reader.contents([name])) for name in asked]
        patched.setattr(store, "AHEAD", ahead)
        assert list(repo._reader.contents(asked)) == alone
        assert [header and header.oid for header in repo._reader.headers(asked)] == [one and one[0] for one in alone]


def test_a_killed_process_is_an_error_and_the_next_question_starts_another(sandbox: Sandbox, reader: Reader) -> None:
    (one,) = blobs(sandbox, "one")
    assert list(reader.headers([one])) == [Header(one, "blob", 3)]
    process = reader._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(GitError, match="cat-file ended unexpectedly"):
        list(reader.headers([one] * 5000))
    assert list(reader.headers([one])) == [Header(one, "blob", 3)]
    reader.close()


def corrupted(sandbox: Sandbox, text: str, *, keep: int) -> str:
    """A loose object of which only the first bytes are left."""
    (oid,) = blobs(sandbox, text)
    path = sandbox.path / ".git" / "objects" / oid[:2] / oid[2:]
    whole = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(whole[:keep])
    return oid


def test_a_corrupt_object_is_an_error_with_what_git_said(sandbox: Sandbox, reader: Reader) -> None:
    oid = corrupted(sandbox, "abc" * 1000, keep=10)
    with pytest.raises(GitError, match=f"header for {oid} too long"):
        list(reader.contents([oid]))
    reader.close()


def test_an_answer_is_not_lost_among_warnings(sandbox: Sandbox, reader: Reader) -> None:
    sandbox.commit("one")
    sandbox.git("tag", "main")
    assert [header and header.kind for header in reader.headers(["main", "main@{2001-01-01}"])] == ["commit", "commit"]
    reader.close()


def test_after_an_interrupt_no_answer_is_taken_for_another(
    sandbox: Sandbox, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = blobs(sandbox, "one", "two")

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(store, "_header", interrupted)
        with pytest.raises(KeyboardInterrupt):
            list(reader.headers([one]))
    assert list(reader.headers([two])) == [Header(two, "blob", 3)]
    reader.close()


def test_an_object_that_ends_early_is_an_error_and_not_a_short_answer(sandbox: Sandbox, reader: Reader) -> None:
    text = "".join(str(number) for number in range(400_000))
    sandbox.git("config", "core.bigFileThreshold", "1k")
    oid = corrupted(sandbox, text, keep=300_000)
    with pytest.raises(GitError):
        list(reader.contents([oid]))


def store_of(repo: Repository) -> ObjectStore:
    return repo._store


def test_what_is_written_can_be_read_before_git_has_it(sandbox: Sandbox, repo: Repository, calls: list[str]) -> None:
    objects = store_of(repo)
    oid = objects.write("blob", b"new")
    assert oid == object_id("blob", b"new")
    assert (objects.read(oid), objects.header(oid), calls) == (b"new", Header(oid, "blob", 3), [])
    objects.flush()
    assert calls == ["unpack-objects"]
    assert sandbox.git("cat-file", "-p", oid) == "new"
    assert (objects.read(oid), objects.header(oid)) == (b"new", Header(oid, "blob", 3))


def test_nothing_written_costs_no_process(repo: Repository, calls: list[str]) -> None:
    store_of(repo).flush()
    assert calls == []


def test_many_objects_become_one_pack_and_stay_readable(sandbox: Sandbox, repo: Repository, calls: list[str]) -> None:
    objects = store_of(repo)
    oids = [objects.write("blob", b"%d" % number) for number in range(101)]
    objects.flush()
    assert calls == ["index-pack"]
    assert len(list((sandbox.path / ".git/objects/pack").glob("*.pack"))) == 1
    assert {oid: found.data for oid, found in objects.read_many(oids).items()} == {
        oid: b"%d" % number for number, oid in enumerate(oids)
    }


def test_objects_are_read_together_and_what_is_missing_is_left_out(sandbox: Sandbox, repo: Repository) -> None:
    objects = store_of(repo)
    one, two = blobs(sandbox, "one", "two")
    new = objects.write("blob", b"new")
    found = objects.read_many([new, one, MISSING, two, one, "no id", "HEAD\ncontents x"])
    assert {oid: (read.kind, read.data) for oid, read in found.items()} == {
        one: ("blob", b"one"),
        two: ("blob", b"two"),
        new: ("blob", b"new"),
    }


@pytest.mark.parametrize("oid", [MISSING, "HEAD", "", "a" * 39, "x\ny"])
def test_an_object_that_is_not_there_is_said_to_be_missing(repo: Repository, oid: str) -> None:
    with pytest.raises(NoSuchRevision, match="is not in this repository"):
        store_of(repo).read(oid)
    with pytest.raises(NoSuchRevision, match="is not in this repository"):
        store_of(repo).header(oid)


def test_an_object_of_another_kind_is_not_taken_for_what_was_asked(sandbox: Sandbox, repo: Repository) -> None:
    (one,) = blobs(sandbox, "one")
    assert store_of(repo).read(one, "blob") == b"one"
    with pytest.raises(NoSuchRevision, match=f"object {one} is a blob, not a tree"):
        store_of(repo).read(one, "tree")


def test_commits_are_told_from_everything_else(sandbox: Sandbox, repo: Repository) -> None:
    commit = sandbox.commit("one", {"a": "1"})
    tree = sandbox.git("rev-parse", "HEAD^{tree}")
    objects = store_of(repo)
    pending = repo.write_commit(tree, [commit], "two")
    blob = objects.write("blob", b"x")
    assert objects.commits_among([commit, tree, blob, pending, MISSING, "main"]) == {commit, pending}


def test_a_broken_object_in_a_whole_clone_stays_an_error(sandbox: Sandbox, repo: Repository) -> None:
    oid = corrupted(sandbox, "abc" * 1000, keep=10)
    with pytest.raises(GitError, match="header for"):
        store_of(repo).read(oid)


# ------------------------------------------------------------------------------------------------ partial clones


@pytest.fixture
def partial(sandbox: Sandbox, tmp_path: Path) -> Sandbox:
    """A clone without blobs, of a repository with five of them."""
    sandbox.commit("one", {f"{number}.txt": str(number) for number in range(5)})
    sandbox.git("config", "uploadpack.allowFilter", "true")
    sandbox.git("config", "uploadpack.allowAnySHA1InWant", "true")
    git("clone", "--quiet", "--no-checkout", "--filter=blob:none", sandbox.path.as_uri(), "partial", cwd=tmp_path)
    return Sandbox(tmp_path / "partial")


def present(sandbox: Sandbox) -> int:
    """How many blobs a repository has."""
    rows = sandbox.git("cat-file", "--batch-all-objects", "--batch-check=%(objecttype)").splitlines()
    return rows.count("blob")


def test_a_partial_clone_is_given_all_the_blobs_that_it_lacks_in_one_request(
    partial: Sandbox, calls: list[str]
) -> None:
    with partial.open() as repo:
        tree = repo.tree(repo.resolve("HEAD"))
        oids = [entry.oid for entry in tree.listing("").values()]
        assert present(partial) == 0
        assert sorted(repo.blobs(oids).values()) == [b"0", b"1", b"2", b"3", b"4"]
        assert calls.count("fetch") == 1
        assert tree.read(oids[0]) in (b"0", b"1", b"2", b"3", b"4")
        assert calls.count("fetch") == 1
    assert present(partial) == 5


def test_of_a_partial_clone_only_what_is_lacking_is_fetched(
    partial: Sandbox, sandbox: Sandbox, calls: list[str]
) -> None:
    with partial.open() as repo:
        oids = [entry.oid for entry in repo.tree(repo.resolve("HEAD")).listing("").values()]
        assert repo.read(oids[0])
        assert repo.blobs(oids[:1])
        assert (calls.count("fetch"), present(partial)) == (1, 1)
        assert len(repo.blobs(oids)) == 5
        assert calls.count("fetch") == 2
    with partial.open() as again:
        assert len(again.blobs(oids)) == 5
        assert calls.count("fetch") == 2


def test_the_size_of_a_blob_that_a_partial_clone_lacks_is_known_after_fetching_it(partial: Sandbox) -> None:
    with partial.open() as repo:
        tree = repo.tree(repo.resolve("HEAD"))
        assert [tree.size(entry.oid) for entry in tree.listing("").values()] == [1] * 5


def test_what_lies_where_is_known_in_a_partial_clone_without_fetching(partial: Sandbox, calls: list[str]) -> None:
    head = partial.git("rev-parse", "HEAD")
    with partial.open() as repo:
        oid = repo.tree(head).listing("")["3.txt"].oid
        calls.clear()
        places = [(head, "3.txt"), (head, "none"), (head, "")]
        assert repo.blobs_at(places) == [oid, None, None]
        assert "fetch" not in calls
    assert present(partial) == 0


def test_commits_are_told_from_what_a_partial_clone_lacks(partial: Sandbox, calls: list[str]) -> None:
    head = partial.git("rev-parse", "HEAD")
    with partial.open() as repo:
        blob = repo.tree(head).listing("")["3.txt"].oid
        calls.clear()
        assert repo.unreachable([head, blob, MISSING], head) == {blob, MISSING}
        assert "fetch" not in calls


def test_among_broken_objects_no_commits_are_told(sandbox: Sandbox, repo: Repository) -> None:
    oid = corrupted(sandbox, "abc" * 1000, keep=10)
    with pytest.raises(GitError, match="header for"):
        store_of(repo).commits_among([oid])


def test_git_fetches_nothing_of_itself_while_we_read(partial: Sandbox, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.path.rename(tmp_path / "gone")
    with partial.open() as repo:
        tree = repo.tree(repo.resolve("HEAD"))
        with pytest.raises(GitError, match=r"does not appear to be a git repository|not found"):
            repo.read(tree.listing("")["0.txt"].oid)


def test_an_object_that_the_promisor_does_not_have_either_is_an_error(partial: Sandbox) -> None:
    with partial.open() as repo, pytest.raises(GitError):
        repo.read(MISSING)


def test_a_partial_clone_whose_reader_was_killed_reads_on(partial: Sandbox, calls: list[str]) -> None:
    with partial.open() as repo:
        oid = repo.tree(repo.resolve("HEAD")).listing("")["3.txt"].oid
        assert repo.read(oid) == b"3"
        assert repo.resolve("HEAD")
        process = repo._reader._process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        calls.clear()
        assert repo.read(oid) == b"3"
        assert "fetch" not in calls


def test_a_partial_clone_of_the_old_kind_is_known_by_its_extension(partial: Sandbox) -> None:
    partial.git("config", "--unset", "remote.origin.promisor")
    partial.git("config", "extensions.partialClone", "origin")
    with partial.open() as repo:
        assert repo.read(repo.tree(repo.resolve("HEAD")).listing("")["3.txt"].oid) == b"3"
