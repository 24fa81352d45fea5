"""Refs are read exactly, and moved all together or not at all."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gitstage.git import GitError, NoSuchRevision, RefMoved, RefUpdate, Repository, Tag, refs
from gitstage.git.process import Answer, Processes
from gitstage.git.refs import is_ref_name
from tests.git.sandbox import Sandbox, executable

MISSING = "b" * 40
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("refs/heads/main", True), ("main", True), ("refs/tags/risk/fraud/production/3", True), ("a/größer", True),
        ("", False), ("-x", False), ("/a", False), ("a/", False), ("a//b", False), ("a..b", False), ("a b", False),
        ("a~1", False), ("a^", False), ("a:b", False), ("a?", False), ("a*", False), ("a[", False), ("a\\b", False),
        ("a\nb", False), ("a\x7f", False), ("a.lock", False), ("a.lock/b", False), ("a.", False), (".a", False),
        ("a/.b", False), ("a@{1}", False), ("@", False), ("a@b", True), ("lock", True), ("a.locked", True),
    ],
)  # fmt: skip
def test_a_ref_name_is_what_git_takes_for_one(name: str, verdict: bool) -> None:
    assert is_ref_name(name) is verdict


def test_is_ref_name_agrees_with_git_check_ref_format(sandbox: Sandbox) -> None:
    parts = ["a", ".", "..", "/", "@", "{", "@{", "-", "lock", ".lock", "~", "é"]
    names = {f"refs/x{one}{two}{three}" for one in parts for two in parts for three in parts}
    script = executable(
        sandbox.path / "check",
        'while IFS= read -r name; do git check-ref-format "$name" && printf "%s\\n" "$name"; done; exit 0',
    )
    listed = subprocess.run([script], input="\n".join([*names, ""]).encode(), capture_output=True, check=True).stdout
    assert {name for name in names if is_ref_name(name)} == set(listed.decode().splitlines())


def test_refs_are_full_names_and_what_they_point_at(sandbox: Sandbox, repo: Repository) -> None:
    commit = sandbox.commit("one")
    sandbox.git("tag", "-m", "x", "v1")
    sandbox.git("branch", "topic")
    everything = sandbox.refs()
    assert repo.refs() == everything
    assert set(everything) == {"refs/heads/main", "refs/heads/topic", "refs/tags/v1"}
    assert repo.refs("refs/heads/") == {"refs/heads/main": commit, "refs/heads/topic": commit}
    assert repo.refs("refs/tags/v1", "refs/heads/topic") == {
        "refs/tags/v1": everything["refs/tags/v1"],
        "refs/heads/topic": commit,
    }


def test_a_prefix_ends_where_its_slash_is(sandbox: Sandbox, repo: Repository) -> None:
    sandbox.commit("one")
    for name in ("a/1", "ab/1", "a-b/1", "x"):
        sandbox.git("tag", name)
    assert set(repo.refs("refs/tags/a/")) == {"refs/tags/a/1"}
    assert repo.refs("refs/tags/a") == {}
    assert set(repo.refs("refs/tags/x")) == {"refs/tags/x"}
    assert repo.refs("refs/tags/x/") == {}
    assert repo.refs("refs/tags/*") == {}


def test_a_thousand_prefixes_are_one_process(sandbox: Sandbox, repo: Repository, calls: list[str]) -> None:
    commit = sandbox.commit("one")
    names = [f"refs/tags/m{number}/v1" for number in range(40)]
    sandbox.git("update-ref", "--stdin", stdin="".join(f"create {name} {commit}\n" for name in names).encode())
    wanted = [f"refs/tags/m{number}/" for number in range(0, 40, 2)] + ["refs/tags/m1/v1", "refs/tags/none/"]
    calls.clear()
    assert set(repo.refs(*wanted)) == {f"refs/tags/m{number}/v1" for number in [1, *range(0, 40, 2)]}
    assert calls == ["for-each-ref"]


def test_many_prefixes_without_a_common_beginning_are_told_apart_too(sandbox: Sandbox, repo: Repository) -> None:
    sandbox.commit("one")
    wanted = [f"refs/tags/{number}/" for number in range(20)]
    assert set(repo.refs(*wanted, "refs/heads/main", "HEAD")) == {"refs/heads/main"}


def test_of_many_prefixes_one_inside_another_finds_what_lies_below_each(sandbox: Sandbox, repo: Repository) -> None:
    commit = sandbox.commit("one")
    names = ["a/b/c/1", "a/b/2", "ab/1", "x", "x-y"]
    sandbox.git(
        "update-ref", "--stdin", stdin="".join(f"create refs/tags/{name} {commit}\n" for name in names).encode()
    )
    others = [f"refs/tags/none{number}/" for number in range(20)]

    def found(*prefixes: str) -> set[str]:
        return {ref.removeprefix("refs/tags/") for ref in repo.refs(*prefixes, *others)}

    assert found("refs/tags/a/", "refs/tags/a/b/c/") == {"a/b/c/1", "a/b/2"}
    assert found("refs/tags/a/b/c/") == {"a/b/c/1"}
    assert found("refs/tags/x", "refs/tags/ab") == {"x"}
    assert found("refs/") == {*names} | {"refs/heads/main"}


def test_one_prefix_many_times_is_one_prefix(sandbox: Sandbox, repo: Repository) -> None:
    sandbox.commit("one")
    assert set(repo.refs(*["refs/heads/main"] * 20)) == {"refs/heads/main"}


def test_one_ref_is_found_by_exactly_its_name(sandbox: Sandbox, repo: Repository) -> None:
    commit = sandbox.commit("one")
    sandbox.git("update-ref", "refs/heads/refs/tags/x", commit)
    sandbox.git("tag", "a/b")
    assert repo.ref("refs/heads/main") == commit
    assert [repo.ref(name) for name in ("refs/tags/x", "refs/tags/a", "main", "", "refs/tags/*", "-x")] == [None] * 6


def test_tags_say_what_they_point_at_and_what_they_say(sandbox: Sandbox, repo: Repository) -> None:
    commit = sandbox.commit("one", {"a": "1"})
    tree, file = sandbox.git("rev-parse", "HEAD^{tree}"), sandbox.git("rev-parse", "HEAD:a")
    sandbox.git("tag", "light")
    sandbox.git("tag", "m/v1", "-m", "subject\n\nbody: größer")
    sandbox.git("tag", "m/v2", "-m", "of a tree", tree)
    sandbox.git("tag", "m/v3", file)
    ids = sandbox.refs()
    expected = [
        Tag("refs/tags/light", commit, "commit", commit, "", None),
        Tag("refs/tags/m/v1", ids["refs/tags/m/v1"], "tag", commit, "subject\n\nbody: größer\n", NOON),
        Tag("refs/tags/m/v2", ids["refs/tags/m/v2"], "tag", tree, "of a tree\n", NOON),
        Tag("refs/tags/m/v3", file, "blob", file, "", None),
    ]
    assert repo.tags() == expected
    assert repo.tags("refs/tags/m/") == expected[1:]
    assert repo.tags("refs/tags/light", "refs/tags/m/v3") == [expected[0], expected[3]]
    assert repo.tags("refs/tags/none/") == []


def test_a_branch_is_no_tag(sandbox: Sandbox, repo: Repository) -> None:
    sandbox.commit("one")
    assert repo.tags() == []


def test_a_tag_of_a_tag_has_the_object_behind_both(sandbox: Sandbox, repo: Repository) -> None:
    commit = sandbox.commit("one")
    sandbox.git("tag", "inner", "-m", "inner")
    sandbox.git("tag", "outer", "-m", "outer", "inner")
    sandbox.git("tag", "outermost", "-m", "outermost", "outer")
    assert [(tag.ref, tag.target, tag.message) for tag in repo.tags()] == [
        ("refs/tags/inner", commit, "inner\n"),
        ("refs/tags/outer", commit, "outer\n"),
        ("refs/tags/outermost", commit, "outermost\n"),
    ]


@pytest.mark.parametrize(
    "message",
    [
        "refs/tags/other " + "a" * 40 + " commit",
        "x\n\nobject " + "a" * 40 + "\ntype commit\ntag fake\ntagger Mallory <m@x> 1 +0000\n\nfake",
        "\n".join(["many"] * 3000),
        "'\"$(touch x)`%00%(refname)\x1b[31m\t",
    ],
)
def test_no_message_pretends_to_be_another_tag(sandbox: Sandbox, repo: Repository, message: str) -> None:
    commit = sandbox.commit("one")
    oid = sandbox.git("mktag", "--no-strict", stdin=(
        f"object {commit}\ntype commit\ntag a\ntagger T <t@x> 1772366400 +0000\n\n{message}\n".encode()
    ))  # fmt: skip
    sandbox.git("update-ref", "refs/tags/a", oid)
    sandbox.git("tag", "b")
    assert repo.tags() == [
        Tag("refs/tags/a", oid, "tag", commit, f"{message}\n", NOON),
        Tag("refs/tags/b", commit, "commit", commit, "", None),
    ]


def test_a_tag_whose_object_is_gone_is_an_error_that_names_it(sandbox: Sandbox, repo: Repository) -> None:
    sandbox.commit("one")
    sandbox.git("tag", "-m", "x", "gone")
    oid = sandbox.refs()["refs/tags/gone"]
    (sandbox.path / ".git/objects" / oid[:2] / oid[2:]).unlink()
    with pytest.raises(GitError, match=f"missing object {oid} for refs/tags/gone"):
        repo.tags()


def test_a_tag_object_that_goes_while_we_read_is_an_error_that_names_it(
    sandbox: Sandbox, repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refs, "listed", lambda *_: {"refs/tags/gone": (MISSING, "tag")})
    with pytest.raises(GitError, match=f"tag object {MISSING} of refs/tags/gone is missing"):
        repo.tags()


def test_all_tags_cost_one_process_beside_the_kept_one(sandbox: Sandbox, repo: Repository, calls: list[str]) -> None:
    commit = sandbox.commit("one")
    oids = [repo.write_tag(f"m{number}/v1", commit, f"tag {number}") for number in range(120)]
    repo.transact([RefUpdate(f"refs/tags/m{number}/v1", oid, None) for number, oid in enumerate(oids)], reason="test")
    calls.clear()
    assert {tag.message for tag in repo.tags()} == {f"tag {number}\n" for number in range(120)}
    assert [call for call in calls if call != "cat-file"] == ["for-each-ref"]


# ------------------------------------------------------------------------------------------------- transactions


def test_a_transaction_moves_branch_tags_and_other_refs_at_once(
    sandbox: Sandbox, repo: Repository, calls: list[str]
) -> None:
    one, two = sandbox.line("one", "two")
    sandbox.git("update-ref", "refs/heads/main", one)
    updates = [
        RefUpdate("refs/heads/main", two, one),
        RefUpdate("refs/tags/m/v1", two, None),
        RefUpdate("refs/gitstage/id", one, None),
    ]
    calls.clear()
    repo.transact(updates, reason="promote\nm@1")
    assert calls == ["update-ref"]
    assert sandbox.refs() == {"refs/heads/main": two, "refs/tags/m/v1": two, "refs/gitstage/id": one}
    assert sandbox.git("reflog", "-1", "--format=%gs", "main") == "promote m@1"
    assert sandbox.git("reflog", "-1", "--format=%gs", "HEAD") == "promote m@1"


def test_no_updates_are_a_transaction_too(sandbox: Sandbox, repo: Repository) -> None:
    sandbox.commit("one")
    before = sandbox.refs()
    repo.transact([], reason="nothing")
    assert sandbox.refs() == before


@pytest.mark.parametrize("lost", ["moved", "made", "gone"])
def test_a_ref_that_is_not_where_it_was_expected_stops_the_whole_transaction(
    sandbox: Sandbox, repo: Repository, lost: str
) -> None:
    one, two = sandbox.line("one", "two")
    sandbox.git("tag", "there", one)
    before = sandbox.refs()
    update = {
        "moved": RefUpdate("refs/heads/main", one, one),
        "made": RefUpdate("refs/tags/there", two, None),
        "gone": RefUpdate("refs/tags/gone", two, one),
    }[lost]
    with pytest.raises(RefMoved, match="cannot lock ref") as caught:
        repo.transact([RefUpdate("refs/tags/first", one, None), update], reason="test")
    assert sandbox.refs() == before
    assert caught.value.hint is not None


def test_a_tag_that_would_lie_below_another_is_an_error_that_names_both(sandbox: Sandbox, repo: Repository) -> None:
    commit = sandbox.commit("one")
    sandbox.git("tag", "fraud-detector")
    before = sandbox.refs()
    with pytest.raises(
        GitError, match="'refs/tags/fraud-detector' exists; cannot create 'refs/tags/fraud-detector/v1'"
    ) as caught:
        repo.transact([RefUpdate("refs/tags/fraud-detector/v1", commit, None)], reason="test")
    assert not isinstance(caught.value, RefMoved)
    assert sandbox.refs() == before


def test_an_object_that_is_not_there_gets_no_ref(sandbox: Sandbox, repo: Repository) -> None:
    sandbox.commit("one")
    before = sandbox.refs()
    with pytest.raises(GitError, match="nonexistent object"):
        repo.transact([RefUpdate("refs/heads/topic", MISSING, None)], reason="test")
    assert sandbox.refs() == before


@pytest.mark.parametrize(
    ("ref", "oid", "words"),
    [
        ("main", "a" * 40, "'main' cannot be the name of a ref"),
        ("refs/heads/a\0commit", "a" * 40, "cannot be the name of a ref"),
        ("refs/heads/a b", "a" * 40, "cannot be the name of a ref"),
        ("refs/heads/a:refs/heads/b", "a" * 40, "cannot be the name of a ref"),
        ("HEAD", "a" * 40, "'HEAD' cannot be the name of a ref"),
        ("refs/heads/a", "main", "'main', where refs/heads/a should be, is not an object id"),
        ("refs/heads/a", "", "'', where refs/heads/a should be, is not an object id"),
    ],
)
def test_what_git_could_take_for_something_else_never_reaches_it(
    repo: Repository, calls: list[str], ref: str, oid: str, words: str
) -> None:
    with pytest.raises(GitError, match=words):
        repo.transact([RefUpdate(ref, oid, None)], reason="test")
    with pytest.raises(GitError, match=words):
        repo.push("origin", {ref: oid})
    assert calls == []


@pytest.mark.parametrize("name", ["a b", "x\ntagger Mallory <m@x> 1 +0000", "", "refs/tags/"])
def test_no_tag_object_says_a_name_that_no_ref_can_have(sandbox: Sandbox, repo: Repository, name: str) -> None:
    commit = sandbox.commit("one")
    with pytest.raises(GitError, match="cannot be the name of a ref"):
        repo.write_tag(name, commit, "x")


def test_a_transaction_that_is_cut_off_anywhere_moves_nothing(
    sandbox: Sandbox, repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What git does when this process dies while it is still telling what to move."""
    one, two = sandbox.line("one", "two")
    before = sandbox.refs()
    told: list[bytes] = []
    run = Processes.run

    def overheard(*words: Any, stdin: bytes = b"", **options: Any) -> Answer:
        told.append(stdin)
        return run(*words, stdin=stdin, **options)

    monkeypatch.setattr(Processes, "run", overheard)
    with pytest.raises(RefMoved):
        repo.transact([RefUpdate("refs/tags/new", two, None), RefUpdate("refs/heads/main", one, one)], reason="test")
    whole = told[0].replace(one.encode() + b"\0" + one.encode(), one.encode() + b"\0" + two.encode())
    for end in [at for at, byte in enumerate(whole) if byte == 0][:-1]:
        subprocess.run(
            ["git", "update-ref", "--stdin", "-z"], cwd=sandbox.path, input=whole[: end + 1], capture_output=True
        )
        assert sandbox.refs() == before
    sandbox.git("update-ref", "--stdin", "-z", stdin=whole)
    assert sandbox.refs() == {"refs/heads/main": one, "refs/tags/new": two}


INTERRUPTED = """
import sys
sys.path.insert(0, sys.argv[1])
from gitstage.git import RefUpdate, Repository
with Repository.discover(sys.argv[2]) as repo:
    head = repo.resolve("HEAD")
    try:
        repo.transact([RefUpdate(f"refs/tags/{name}", head, None) for name in "abc"], reason="test")
    except KeyboardInterrupt:
        print("interrupted, with", len(repo.refs("refs/tags/")))
"""


def test_ctrl_c_waits_until_all_refs_are_in_place(sandbox: Sandbox) -> None:
    sandbox.commit("one")
    hook = 'test "$1" = prepared && kill -INT 0; exit 0'
    executable(sandbox.path / ".git/hooks/reference-transaction", hook)
    house = str(Path(refs.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, house, str(sandbox.path)],
        capture_output=True,
        text=True,
        start_new_session=True,
    )
    assert (done.stdout, done.stderr) == ("interrupted, with 3\n", "")


def test_a_symbolic_ref_is_moved_itself_and_not_what_it_points_at(sandbox: Sandbox, repo: Repository) -> None:
    one, two = sandbox.line("one", "two")
    sandbox.git("update-ref", "refs/heads/other", one)
    sandbox.git("symbolic-ref", "refs/heads/alias", "refs/heads/other")
    repo.transact([RefUpdate("refs/heads/alias", two, one)], reason="test")
    assert (sandbox.refs()["refs/heads/alias"], sandbox.refs()["refs/heads/other"]) == (two, one)


def test_a_ref_that_another_process_holds_is_lost_to_it(
    sandbox: Sandbox, repo: Repository, hermetic_seal: object
) -> None:
    commit = sandbox.commit("one")
    (sandbox.path / ".git/refs/heads/topic.lock").touch()
    with pytest.raises(RefMoved, match=r"topic\.lock': File exists"):
        repo.transact([RefUpdate("refs/heads/topic", commit, None)], reason="test")
    (sandbox.path / ".git/refs/heads/topic.lock").unlink()
    repo.transact([RefUpdate("refs/heads/topic", commit, None)], reason="test")
    assert sandbox.refs()["refs/heads/topic"] == commit


def test_a_hook_that_forbids_the_transaction_is_an_error_with_its_words(sandbox: Sandbox, repo: Repository) -> None:
    commit = sandbox.commit("one")
    executable(sandbox.path / ".git/hooks/reference-transaction", "echo not on my watch >&2; exit 1")
    with pytest.raises(GitError, match="not on my watch|aborted by hook"):
        repo.transact([RefUpdate("refs/heads/topic", commit, None)], reason="test")
    assert repo.ref("refs/heads/topic") is None


def test_of_many_transactions_at_once_each_ref_is_moved_by_exactly_one(sandbox: Sandbox) -> None:
    ids = sandbox.line("base", *"abcdef")
    base, rivals = ids[0], ids[1:]
    sandbox.git("update-ref", "refs/heads/trunk", base)
    won: list[str] = []
    lost: list[RefMoved] = []

    def attempt(commit: str) -> None:
        with sandbox.open() as repo:
            try:
                repo.transact(
                    [RefUpdate("refs/heads/trunk", commit, base), RefUpdate("refs/tags/m/production/1", commit, None)],
                    reason="race",
                )
                won.append(commit)
            except RefMoved as error:
                lost.append(error)

    threads = [threading.Thread(target=attempt, args=(commit,)) for commit in rivals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, len(rivals) - 1)
    refs_now = sandbox.refs()
    assert refs_now["refs/heads/trunk"] == refs_now["refs/tags/m/production/1"] == won[0]


def test_a_git_that_says_nothing_has_not_committed(
    sandbox: Sandbox, repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repo.processes, "run", lambda *_, **__: Answer(0, b"start: ok\n", ""))
    with pytest.raises(GitError, match="did not say that it is done"):
        repo.transact([], reason="test")


def test_a_tag_whose_target_cannot_be_followed_is_an_error(sandbox: Sandbox, repo: Repository) -> None:
    sandbox.commit("one")
    inner = f"object {MISSING}\ntype tag\ntag inner\ntagger T <t@x> 1 +0000\n\nx\n".encode()
    oid = sandbox.git("hash-object", "-w", "-t", "tag", "--literally", "--stdin", stdin=inner)
    sandbox.git("update-ref", "refs/tags/outer", oid)
    with pytest.raises(NoSuchRevision, match=f"object '{MISSING}' is not in this repository"):
        repo.tags()


def test_refs_that_are_there_are_found_without_a_process(sandbox: Sandbox, repo: Repository, calls: list[str]) -> None:
    one = sandbox.commit("one")
    sandbox.git("tag", "-m", "x", "v1")
    assert repo.ref("refs/heads/main") == one
    calls.clear()
    assert repo.refs("refs/tags/v1", "refs/heads/main") == sandbox.refs()
    two = sandbox.commit("two")
    assert repo.ref("refs/heads/main") == two
    sandbox.git("pack-refs", "--all")
    three = sandbox.commit("three")
    sandbox.git("pack-refs", "--all")
    assert repo.ref("refs/heads/main") == three
    assert calls == []


@pytest.mark.parametrize("other", refs.OTHERWISE)
def test_a_ref_of_a_longer_name_is_not_taken_for_one_that_is_missing(
    sandbox: Sandbox, repo: Repository, other: str
) -> None:
    one = sandbox.commit("one")
    sandbox.git("update-ref", other.format("refs/heads/topic"), one)
    assert repo.ref("refs/heads/topic") is None
    assert repo.refs("refs/heads/topic", "refs/heads/main") == {"refs/heads/main": one}
    two = sandbox.commit("two")
    sandbox.git("update-ref", "refs/heads/topic", two)
    assert repo.ref("refs/heads/topic") == two


def test_what_describe_says_is_not_taken_for_a_ref(sandbox: Sandbox, repo: Repository) -> None:
    one = sandbox.commit("one")
    name = f"refs/tags/v1-1-g{one[:10]}"
    assert sandbox.git("rev-parse", name) == one
    assert repo.ref(name) is None
    sandbox.git("update-ref", name, sandbox.commit("two"))
    assert repo.ref(name) == sandbox.git("rev-parse", "HEAD")


def test_a_ref_that_points_at_one_that_is_missing_is_missing(sandbox: Sandbox, repo: Repository) -> None:
    one = sandbox.commit("one")
    sandbox.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    assert repo.refs("refs/remotes/origin/HEAD", "refs/heads/main") == {"refs/heads/main": one}
    sandbox.git("update-ref", "refs/remotes/origin/main", one)
    assert repo.refs("refs/remotes/origin/HEAD", "refs/heads/main") == {
        "refs/heads/main": one,
        "refs/remotes/origin/HEAD": one,
    }
