"""Going along a history: what each commit changed is said in order, whatever a path is called."""

from __future__ import annotations

import pytest

from gitstage.changes import FILE, LINK, SUBMODULE, Change, Entry, changes_between
from gitstage.git import Difference, GitError, Repository, ShallowRepository, history
from tests.git.sandbox import Sandbox, executable, git

MISSING = "1" * 40


def told(repo: Repository, pairs: list[tuple[str, str | None]]) -> list[Difference]:
    return [found for part in repo.differences(pairs) for found in part]


def paired(line: list[str]) -> list[tuple[str, str | None]]:
    return list(zip(line, [None, *line], strict=False))


def test_each_commit_says_what_it_changed_by_one_process(
    sandbox: Sandbox, repo: Repository, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "AT_ONCE", 3)
    line = [sandbox.commit(str(at), {f"{at % 3}/file": str(at)}) for at in range(8)]
    line.insert(4, line[3])  # a commit against itself differs in nothing
    calls.clear()
    found = told(repo, paired(line))
    assert calls == ["diff-tree"]
    assert [(one.commit, one.base) for one in found] == paired(line)
    assert found[4].changes == ()
    for one in found[1:]:
        assert one.changes == tuple(changes_between(repo.tree(str(one.base)), repo.tree(one.commit)))
    assert told(repo, []) == []


def test_links_submodules_and_odd_names_are_told_as_they_are(sandbox: Sandbox, repo: Repository) -> None:
    names = [":100644 000000 x", "two\nlines", "tab\t", "f" * 40, "ümlaut"]
    first = sandbox.commit("one", {name: name for name in names})
    (sandbox.path / "link").symlink_to("/etc/passwd")
    sandbox.git("add", "link")
    sandbox.git("update-index", "--add", "--cacheinfo", f"160000,{MISSING},module")
    sandbox.git("commit", "--quiet", "-m", "two")
    second = sandbox.git("rev-parse", "HEAD")
    one, two = told(repo, [(first, None), (second, first)])
    assert {change.path for change in one.changes} == set(names)
    assert two.changes == (
        Change("link", None, Entry(LINK, sandbox.git("rev-parse", "HEAD:link"))),
        Change("module", None, Entry(SUBMODULE, MISSING)),
    )


def test_a_merge_is_compared_with_the_base_that_is_named(sandbox: Sandbox, repo: Repository) -> None:
    base = sandbox.commit("base", {"a": "1"})
    sandbox.git("switch", "--quiet", "-c", "side")
    side = sandbox.commit("side", {"b": "2"})
    sandbox.git("switch", "--quiet", "main")
    sandbox.commit("main", {"c": "3"})
    sandbox.git("merge", "--quiet", "--no-ff", "-m", "merge", "side")
    merge = sandbox.git("rev-parse", "HEAD")
    found = told(repo, [(merge, base), (merge, side)])
    assert [[change.path for change in one.changes] for one in found] == [["b", "c"], ["c"]]


def test_a_large_answer_comes_whole_and_the_rest_may_be_left(
    sandbox: Sandbox, repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "AT_ONCE", 1)
    monkeypatch.setattr(history, "CHUNK", 7)
    line = [sandbox.commit(str(at), {f"{at}-{number}": "x" for number in range(40)}) for at in range(3)]
    assert [len(one.changes) for one in told(repo, paired(line))] == [40, 40, 40]
    parts = repo.differences(paired(line))
    assert [one.commit for one in next(parts)] == line[:1]
    parts.close()  # type: ignore[attr-defined]
    assert repo.tree(line[0]).entry("0-0") == Entry(FILE, sandbox.git("rev-parse", "HEAD:0-0"))


def test_what_is_missing_is_said(sandbox: Sandbox, repo: Repository) -> None:
    commit = sandbox.commit("one", {"a": "1"})
    with pytest.raises(GitError):
        told(repo, [(MISSING, None), (commit, None)])
    tree = sandbox.git("rev-parse", "HEAD^{tree}")
    loose = sandbox.path / ".git" / "objects" / tree[:2] / tree[2:]
    loose.unlink()
    with pytest.raises(GitError):
        told(repo, [(commit, None)])


def test_a_git_that_ends_at_once_is_said(sandbox: Sandbox, repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    line = sandbox.line(*(f"c{at}" for at in range(3)))
    monkeypatch.setattr(history, "COMMAND", ("diff-tree", "--no-such-option"))
    monkeypatch.setattr(history, "AT_ONCE", 1)
    with pytest.raises(GitError):
        told(repo, paired(line))


def test_a_question_that_nobody_reads_any_more_is_said(
    sandbox: Sandbox, repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = sandbox.line(*(f"c{at}" for at in range(4)))
    monkeypatch.setattr(history, "AT_ONCE", 1)
    parts = repo.differences(paired(line))
    next(parts)
    keep = history._Asked.ask

    def ended(self: history._Asked, pairs: object) -> None:
        self.process.terminate()
        self.process.proc.wait()  # type: ignore[union-attr]
        keep(self, pairs)  # type: ignore[arg-type]

    monkeypatch.setattr(history._Asked, "ask", ended)
    with pytest.raises(GitError, match="git diff-tree ended unexpectedly"):
        list(parts)


def test_nothing_of_a_hostile_configuration_runs(sandbox: Sandbox, repo: Repository) -> None:
    trap = executable(sandbox.path.parent / "trap", "touch $(dirname $0)/sprung; cat")
    (sandbox.path / ".gitattributes").write_text("* diff=trap filter=trap\n")
    first = sandbox.commit("one", {"a.txt": "1"})
    second = sandbox.commit("two", {"a.txt": "2"})
    for key in (
        "core.fsmonitor",
        "diff.external",
        "diff.trap.command",
        "diff.trap.textconv",
        "filter.trap.clean",
        "filter.trap.smudge",
        "core.pager",
        "gpg.program",
    ):
        sandbox.git("config", key, str(trap))
    sandbox.git("config", "log.showSignature", "true")
    assert [len(one.changes) for one in told(repo, [(first, None), (second, first)])] == [2, 1]
    assert not (sandbox.path.parent / "sprung").exists()


def test_replaced_objects_and_grafts_are_not_believed(sandbox: Sandbox, repo: Repository) -> None:
    line = [sandbox.commit(str(at), {"a": str(at)}) for at in range(3)]
    before = told(repo, paired(line))
    sandbox.git("replace", line[1], line[2])
    (sandbox.path / ".git" / "info" / "grafts").write_text(f"{line[2]}\n")
    assert told(repo, paired(line)) == before
    assert repo.first_parents(None, line[2]) == line


def test_a_shallow_clone_has_no_history(sandbox: Sandbox) -> None:
    sandbox.line("one", "two")
    git("clone", "--quiet", "--depth=1", f"file://{sandbox.path}", "shallow", cwd=sandbox.path.parent)
    with Repository.discover(sandbox.path.parent / "shallow") as shallow, pytest.raises(ShallowRepository):
        told(shallow, [("1" * 40, None)])
