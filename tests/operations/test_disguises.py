"""However git is told to show or to land a change: the four judges say of it what they say of the plain one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gitstage.operations import audit, log, resolve, tag
from gitstage.operations.registries import TrunkRewritten
from tests.git.sandbox import git
from tests.operations.conftest import Told
from tests.operations.plots import MODEL, SLOT, Plot, Verdicts

WAITS: Verdicts = {SLOT: "pending approvals evidence"}


@pytest.fixture
def plot(tmp_path: Path, told: Told) -> Plot:
    return Plot.copied(told("plot", Plot.laid), tmp_path)


def answers(plot: Plot, *, one_by_one: bool = True) -> dict[str, Verdicts]:
    return {
        "check": plot.checked(),
        "pre-receive": plot.received(),
        "tag": plot.tagged(one_by_one=one_by_one),
        "audit": plot.audited(),
    }


def everybody(says: Verdicts) -> dict[str, Verdicts]:
    return dict.fromkeys(("check", "pre-receive", "tag", "audit"), says)


def smuggled(plot: Plot) -> str:
    """A promotion that nobody tested and nobody approved; its commit."""
    plot.promote()
    return plot.commit()


def on_a_branch(plot: Plot, name: str, path: str, start: str = "main") -> None:
    plot.story.git("switch", "--quiet", "-c", name, start)
    plot.write(path, name)
    plot.commit(name)
    plot.story.git("switch", "--quiet", "main")


# Dates


@pytest.mark.parametrize("date", ["1999-12-31T00:00:00Z", "2038-01-20T00:00:00Z", "2099-01-01T00:00:00Z"])
def test_the_dates_of_commits_hurry_nothing_and_hide_nothing(
    plot: Plot, date: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A soak begins when the tag was made, and a key is valid at the moment of the judge."""
    monkeypatch.setenv("GIT_AUTHOR_DATE", date)
    monkeypatch.setenv("GIT_COMMITTER_DATE", date)
    plot.put(plot.sign(plot.statement(), "dora" if date < "2026" else "dora-2"))
    plot.approve("bob")
    smuggled(plot)
    plot.write("src/a.py", "a commit that is older or younger than its parent")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-03-01T12:00:00Z")
    plot.commit()
    assert answers(plot) == everybody({SLOT: "pending evidence"})


@pytest.mark.parametrize("date", ["1999-12-31T00:00:00Z", "2099-01-01T00:00:00Z"])
def test_the_date_of_a_tag_says_nothing_and_the_moment_in_it_is_held_against_the_ledger(plot: Plot, date: str) -> None:
    name = f"{MODEL}/production/2"
    message = plot.story.git("tag", "--list", "--format=%(contents)", name)
    target = plot.story.git("rev-parse", f"refs/tags/{name}^{{commit}}")
    before = log.run(plot.story.registry(), f"{MODEL}@production").effects
    words = ("tag", "--force", "--annotate", "--message", message, name, target)
    git(*words, cwd=plot.story.path, variables={"GIT_COMMITTER_DATE": date})
    assert log.run(plot.story.registry(), f"{MODEL}@production").effects == before
    at = resolve.run(plot.story.registry(), f"{MODEL}@production", at="2026-03-01T12:30:00Z")
    assert (at.version, audit.run(plot.story.registry()).faults) == ("1.0.0", ())
    moment = before[0].moment.isoformat().replace("+00:00", "Z")
    assert moment in message
    words = (*words[:4], message.replace(moment, date), *words[5:])
    git(*words, cwd=plot.story.path)
    assert [(one.kind, one.ref) for one in audit.run(plot.story.registry()).faults] == [
        ("tag-moment", f"refs/tags/{name}")
    ]


# Merges


def a_merge_with_content_of_its_own(plot: Plot) -> None:
    on_a_branch(plot, "innocent", "src/a.py")
    plot.story.git("merge", "--quiet", "--no-ff", "--no-commit", "innocent")
    smuggled(plot)
    assert len(plot.story.git("rev-parse", "main^@").split()) == 2


def an_octopus(plot: Plot) -> None:
    """Three branches, of which one holds what nobody may."""
    on_a_branch(plot, "one", "src/one.py")
    on_a_branch(plot, "two", "src/two.py")
    plot.story.git("switch", "--quiet", "-c", "three", "main")
    smuggled(plot)
    plot.story.git("switch", "--quiet", "main")
    plot.story.git("merge", "--quiet", "-m", "octopus", "one", "two", "three")
    assert len(plot.story.git("rev-parse", "main^@").split()) == 3


def an_octopus_with_content_of_its_own(plot: Plot) -> None:
    on_a_branch(plot, "one", "src/one.py")
    on_a_branch(plot, "two", "src/two.py")
    before = plot.story.git("rev-parse", "HEAD")
    tree = f"{smuggled(plot)}^{{tree}}"
    parents = [word for parent in (before, "one", "two") for word in ("-p", parent)]
    plot.story.git("reset", "--quiet", "--hard", plot.story.git("commit-tree", "-S", "-m", "octopus", *parents, tree))


def unrelated_history(plot: Plot) -> None:
    """A root of its own, merged in with what it holds."""
    tree = f"{smuggled(plot)}^{{tree}}"
    alone = plot.story.git("commit-tree", "-S", "-m", "from elsewhere", tree)
    plot.story.git("reset", "--quiet", "--hard", "HEAD~1")
    merge = plot.story.git("commit-tree", "-S", "-m", "merge", "-p", "HEAD", "-p", alone, tree)
    plot.story.git("reset", "--quiet", "--hard", merge)


def a_merge_that_takes_their_side(plot: Plot) -> None:
    """A branch that was forked long ago wins every conflict, so that 1.0.0 serves again, unarchived."""
    plot.story.git("switch", "--quiet", "-c", "old", "main")
    smuggled(plot)
    plot.story.git("switch", "--quiet", "main")
    plot.story.git("merge", "--quiet", "--no-ff", "-X", "theirs", "-m", "Merge", "old")


@pytest.mark.parametrize(
    "lands",
    [
        a_merge_with_content_of_its_own,
        an_octopus,
        an_octopus_with_content_of_its_own,
        unrelated_history,
        a_merge_that_takes_their_side,
    ],
)
def test_a_merge_of_any_kind_is_judged_by_what_it_holds(plot: Plot, lands: Callable[[Plot], None]) -> None:
    lands(plot)
    assert answers(plot) == everybody(WAITS)


def test_a_foxtrot_merge_is_no_way_in_and_one_step_where_it_landed_all_the_same(plot: Plot) -> None:
    on_a_branch(plot, "other", "src/a.py")
    plot.story.git("push", "--quiet", "origin", "other:refs/heads/main")
    smuggled(plot)
    plot.story.git("merge", "--quiet", "--no-ff", "-m", "Merge branch 'main' of server", "origin/main")
    said = answers(plot, one_by_one=False)
    assert said == {**everybody(WAITS), "pre-receive": {"refs/heads/main": "refused trunk-continues"}}


@pytest.mark.parametrize("tree", ["HEAD^{tree}", "HEAD~2^{tree}"])
def test_a_trunk_of_unrelated_history_is_judged_by_nobody(plot: Plot, tree: str) -> None:
    alone = plot.story.git("commit-tree", "-S", "-m", "a new beginning", tree)
    plot.story.git("reset", "--quiet", "--hard", alone)
    assert plot.checked() == {"policy": "refused conflict"}
    said = plot.received("--force")
    assert said == {"refs/heads/main": "refused trunk-continues"}
    plot.story.git("push", "--quiet", "--force", "origin", "main")
    before = plot.team.refs()
    with pytest.raises(TrunkRewritten):
        plot.tagged()
    assert plot.team.refs() == before
    assert {one.kind for one in audit.run(plot.story.registry()).faults} == {"trunk-rewritten"}


def test_a_trunk_that_was_rewound_is_judged_no_further_by_anybody(plot: Plot) -> None:
    """Taken back to what was there before the last promotion, and gone on from there with something harmless."""
    plot.test()
    plot.approve("bob")
    plot.promote()
    judged = plot.commit()
    plot.land()
    refs = plot.team.refs()
    plot.story.git("reset", "--quiet", "--hard", "HEAD~1")
    for commits in (0, 1):
        if commits:
            plot.write("src/a.py", "1")
            plot.commit()
        assert plot.received("--force") == {"refs/heads/main": "refused trunk-continues"}
        plot.story.git("push", "--quiet", "--force", "origin", "main")
        for command in (plot.tagged, lambda: plot.story.rollback(f"{MODEL}@production", push=True)):
            with pytest.raises(TrunkRewritten) as caught:
                command()
            assert caught.value.message.startswith(f"trunk-continues: the commit judged last, {judged[:12]}, is not in")
        assert {ref: oid for ref, oid in plot.team.refs().items() if ref != "refs/heads/main"} == {
            ref: oid for ref, oid in refs.items() if ref != "refs/heads/main"
        }
        assert [one.kind for one in audit.run(plot.story.registry()).faults] == ["trunk-rewritten"]
    # Put back, everything is as it was.
    plot.story.git("reset", "--quiet", "--hard", judged)
    assert (plot.tagged(), plot.audited()) == ({}, {})
    assert (plot.team.refs(), plot.story.in_effect(MODEL)) == (refs, "1.2.0")


def test_what_was_rewound_may_be_gone_on_from_knowingly(plot: Plot) -> None:
    plot.test()
    plot.commit()
    plot.land()
    plot.story.git("reset", "--quiet", "--hard", "HEAD~1")
    plot.story.git("push", "--quiet", "--force", "origin", "main")
    outcome = tag.run(plot.story.registry(), rewritten=True, reason="it held a person's name")
    thing = f"records/{MODEL}"
    assert {name: str(item.verdict) for name, item in outcome.state.open.items()} == {thing: "refused"}
    result = audit.run(plot.story.registry())
    assert [(one.kind, one.thing) for one in result.faults] == [("open-refused", thing)]
    assert result.trusted[0].endswith("it held a person's name")


def test_a_clone_that_lags_behind_is_no_trunk_that_was_rewound(plot: Plot) -> None:
    """Its ledger was fetched, and its trunk was not; what it reads is what it knows."""
    before = plot.story.git("rev-parse", "refs/remotes/origin/main")
    plot.test()
    plot.commit()
    plot.land()
    plot.story.git("update-ref", "refs/remotes/origin/main", before)
    assert tag.run(plot.story.registry(), dry_run=True).state.judged == before
    assert plot.story.check().exit_code == 0
    assert tag.run(plot.story.registry()).exit_code == 0, "which asks the remote first"


# Names


@pytest.mark.parametrize(
    "name",
    [
        "refs/tags/main",
        "refs/tags/origin/main",
        "refs/tags/refs/heads/main",
        "refs/heads/origin/main",
        "refs/heads/refs/heads/main",
        "refs/heads/refs/remotes/origin/main",
        "refs/heads/HEAD",
        "refs/main",
    ],
)
@pytest.mark.parametrize("points_at", ["HEAD", "HEAD~1"])
def test_a_name_like_the_trunks_stands_for_nothing(plot: Plot, name: str, points_at: str) -> None:
    """It names what the judges should take for the base, or for the head."""
    smuggled(plot)
    git("--git-dir=.", "fetch", "--quiet", "../ada", "refs/heads/main:refs/heads/topic", cwd=plot.team.remote)
    commit = plot.story.git("rev-parse", points_at)
    plot.story.git("update-ref", name, commit)
    if not name.endswith("/refs/heads/main"):  # git itself pushes to no trunk that has such a neighbour
        git("--git-dir=.", "update-ref", name, commit, cwd=plot.team.remote)
    assert answers(plot) == everybody(WAITS)


# What git would show instead


def a_commit_replaced(plot: Plot, bad: str, good: str) -> dict[str, str]:
    return {f"refs/replace/{bad}": good}


def a_tree_replaced(plot: Plot, bad: str, good: str) -> dict[str, str]:
    tree = plot.story.git("rev-parse", f"{bad}^{{tree}}")
    return {f"refs/replace/{tree}": plot.story.git("rev-parse", f"{good}^{{tree}}")}


def a_policy_replaced(plot: Plot, bad: str, good: str) -> dict[str, str]:
    policy = plot.story.git("rev-parse", "HEAD:gitstage.yaml")
    loose = plot.story.read("gitstage.yaml").replace("gates: [standard]", "gates: []")
    blob = git("hash-object", "-w", "--stdin", cwd=plot.story.path, stdin=loose.encode())
    return {f"refs/replace/{policy}": blob}


def a_manifest_replaced(plot: Plot, bad: str, good: str) -> dict[str, str]:
    """What is in production looks like what was there before."""
    new = plot.story.git("rev-parse", f"{bad}:production/{MODEL}.yaml")
    return {f"refs/replace/{new}": plot.story.git("rev-parse", f"{good}:production/{MODEL}.yaml")}


@pytest.mark.parametrize("replaced", [a_commit_replaced, a_tree_replaced, a_policy_replaced, a_manifest_replaced])
def test_replacements_deceive_nobody(
    plot: Plot, replaced: Callable[[Plot, str, str], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = smuggled(plot)
    good = plot.story.git("rev-parse", "HEAD~1")
    refs = replaced(plot, bad, good)
    server = ("--git-dir=.", "fetch", "--quiet", "../ada")
    git(*server, *(f"{oid}:{ref}" for ref, oid in {**refs, "refs/heads/topic": bad}.items()), cwd=plot.team.remote)
    for ref, oid in refs.items():
        plot.story.git("update-ref", ref, oid)
    shown = plot.story.git("cat-file", "-p", next(iter(refs)).removeprefix("refs/replace/"))
    monkeypatch.setenv("GIT_NO_REPLACE_OBJECTS", "1")
    assert shown != plot.story.git("cat-file", "-p", next(iter(refs)).removeprefix("refs/replace/")), "git is deceived"
    assert answers(plot) == everybody(WAITS)


def test_grafts_deceive_nobody(plot: Plot) -> None:
    """The trunk seems to begin with the change, or to have been elsewhere before it."""
    bad = smuggled(plot)
    git("--git-dir=.", "fetch", "--quiet", "../ada", f"{bad}:refs/heads/topic", cwd=plot.team.remote)
    grafts = plot.story.path / ".git" / "info" / "grafts"
    for path in (grafts, plot.team.remote / "info" / "grafts"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{bad}\n", encoding="ascii")
    assert plot.story.git("rev-list", "--count", bad) == "1", "git is deceived"
    said = {"check": plot.checked(), "audit before": plot.audited()}
    grafts.rename(plot.story.path.parent / "grafts")  # plain git would not push what it does not see
    said["pre-receive"] = plot.received()
    plot.story.git("push", "--quiet", "origin", "refs/heads/main")
    (plot.story.path.parent / "grafts").rename(grafts)
    said |= {"tag": plot.tagged(), "audit": plot.audited()}
    assert said == {**everybody(WAITS), "audit before": {}}
