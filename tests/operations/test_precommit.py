from __future__ import annotations

from pathlib import Path

import pytest

from gitstage.errors import GitstageError
from gitstage.findings import Verdict
from gitstage.git import Repository, ShallowRepository, process
from gitstage.operations import init, precommit
from gitstage.operations.registries import NoRegistry
from tests.git.sandbox import Sandbox, git
from tests.operations.pictures import unchanged
from tests.operations.stories import NOON, Story, Team

SOAKING = {
    "    # gates: [standard]             # all of them must pass": (
        "    gates: [standard]\ngates: {standard: {soak: 24h}}"
    )
}


def judged(story: Story, folder: str | None = None) -> tuple[precommit.Staged, ...]:
    with unchanged(story.path), Repository.of_hook(story.path) as repo:
        return precommit.run(repo, folder=folder, clock=lambda: story.now)


def said(story: Story) -> dict[str, list[str]]:
    """The rules that did not pass, by thing."""
    (staged,) = judged(story)
    return {
        judgement.thing: [found.rule for found in judgement.findings if found.verdict is not Verdict.PASSED]
        for judgement in staged.report.judgements
    }


@pytest.fixture
def work(served: Story) -> Story:
    """A branch on which production was changed by hand, and that was not staged yet."""
    served.register("fraud-detector", "1.3.0")
    served.git("switch", "--quiet", "--create", "work")
    served.copy("models/fraud-detector/1.3.0.yaml", "production/fraud-detector.yaml")
    return served


def test_nothing_that_is_not_staged_counts(work: Story) -> None:
    assert judged(work) == ()
    work.write("train.py", "1")
    work.git("add", "train.py")
    assert judged(work) == ()


def test_what_is_staged_is_judged_as_it_would_be_committed(work: Story) -> None:
    work.git("add", "production")
    work.write("production/fraud-detector.yaml", "something else by now")
    assert said(work) == {"production/fraud-detector": ["stage-order"]}
    (staged,) = judged(work)
    assert (staged.exit_code, staged.on_trunk, staged.report.head) == (1, False, None)
    assert staged.report.base == work.git("rev-parse", "main")


def test_what_one_commit_needs_is_staged_together(work: Story) -> None:
    work.git("restore", "production")
    work.copy("models/fraud-detector/1.3.0.yaml", "staging/fraud-detector.yaml")
    work.git("add", "staging")
    assert said(work) == {"staging/fraud-detector": ["leaves-archived"]}
    work.copy("models/fraud-detector/1.2.0.yaml", "archived/fraud-detector/1.2.0.yaml")
    assert said(work) == {"staging/fraud-detector": ["leaves-archived"]}
    work.git("add", "archived")
    assert said(work) == {"records/fraud-detector": [], "staging/fraud-detector": []}
    assert [staged.exit_code for staged in judged(work)] == [0]


def test_what_was_committed_before_on_the_branch_is_not_this_commits_doing(work: Story) -> None:
    work.commit("promoted by hand")
    work.write("models/other/README.md", "a card")
    work.git("add", "models")
    (staged,) = judged(work)
    assert (staged.exit_code, said(work)) == (0, {"records/other": []})
    assert [line.partition(":")[0] for line in staged.report.elsewhere] == ["production/fraud-detector"]


def test_putting_it_right_is_not_refused(work: Story) -> None:
    work.commit("promoted by hand")
    work.copy("models/fraud-detector/1.1.0.yaml", "production/fraud-detector.yaml")
    work.git("add", "production")
    assert said(work) == {}
    assert [staged.exit_code for staged in judged(work)] == [0]


def test_what_only_waits_may_be_committed_on_a_branch_and_not_on_the_trunk(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work", SOAKING)
    story.register("m", "1.0.0", to="staging")
    story.copy("models/m/1.0.0.yaml", "production/m.yaml")
    story.git("add", "production")
    (on_trunk,) = judged(story)
    assert (on_trunk.report.verdict, on_trunk.on_trunk, on_trunk.exit_code) == (Verdict.PENDING, True, 4)
    story.git("switch", "--quiet", "--create", "work")
    (on_branch,) = judged(story)
    assert (on_branch.report.verdict, on_branch.on_trunk, on_branch.exit_code) == (Verdict.PENDING, False, 0)
    (later,) = judged(story.later(hours=25))
    assert (later.report.verdict, later.exit_code) == (Verdict.PASSED, 0)


def test_a_policy_is_judged_by_the_one_in_effect_and_alone(served: Story) -> None:
    served.git("switch", "--quiet", "--create", "work")
    served.write("gitstage.yaml", served.read("gitstage.yaml") + "gatez: 1\n")
    served.git("add", "gitstage.yaml")
    assert said(served) == {"policy": ["manifest-valid"]}


def test_the_trunk_may_have_moved_on_meanwhile(served: Story) -> None:
    served.git("switch", "--quiet", "--create", "work")
    served.git("switch", "--quiet", "main")
    served.promote("fraud-detector", to="production")
    served.git("switch", "--quiet", "work")
    served.copy("models/fraud-detector/1.0.0.yaml", "production/fraud-detector.yaml")
    served.git("add", "production")
    assert "conflict" in said(served)["production/fraud-detector"]


def test_a_merge_of_the_trunk_that_is_being_completed_goes_on_from_the_trunk(served: Story) -> None:
    served.git("switch", "--quiet", "--create", "work")
    served.hold("fraud-detector@1.2.0")
    served.git("switch", "--quiet", "main")
    served.promote("fraud-detector", to="production")
    served.git("switch", "--quiet", "work")
    served.git("merge", "--quiet", "--no-commit", "--no-ff", "main")
    (staged,) = judged(served)
    assert (staged.exit_code, staged.report.base) == (0, served.git("rev-parse", "main"))
    assert [judgement.thing for judgement in staged.report.judgements] == []


def test_a_merge_that_is_not_resolved_cannot_be_judged(served: Story) -> None:
    served.git("switch", "--quiet", "--create", "work")
    served.write("train.py", "1")
    served.commit("ours")
    served.git("switch", "--quiet", "main")
    served.write("train.py", "2")
    served.commit("theirs")
    with pytest.raises(AssertionError):
        served.git("merge", "--quiet", "work")
    with pytest.raises(GitstageError, match="train.py is not merged yet"), Repository.of_hook(served.path) as repo:
        precommit.run(repo)


def test_the_first_commit_of_a_registry_is_judged_by_its_own_policy(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "new")
    policy = init.POLICY_TEXT.format(
        id="4f6c1c1e-8a39-4a0e-9d7e-2f1b7c0a5f11",
        trunk="main",
        prefix="",
        tags="",
        adopt_until="2026-04-01",
        protected="",
    )
    box.write({"registry/gitstage.yaml": policy, "registry/staging/notes.txt": "x"})
    box.git("add", "registry/gitstage.yaml")
    story = Story(box.path, folder="registry")
    (staged,) = judged(story)
    assert (staged.report.new_registry, staged.exit_code, staged.on_trunk) == (True, 0, True)
    box.git("add", "--all")
    assert said(story) == {"policy": ["known-path"]}


def test_a_registry_that_cannot_be_read_is_no_reason_to_go_on(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "new")
    box.write({"gitstage.yaml": "x: ["})
    box.git("add", "--all")
    with pytest.raises(GitstageError), Repository.of_hook(box.path) as repo:
        precommit.run(repo)


def test_a_policy_that_is_a_link_is_no_registry_and_no_reason_to_go_on(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "new")
    (box.path / "gitstage.yaml").symlink_to("elsewhere")
    box.git("add", "--all")
    with pytest.raises(NoRegistry), Repository.of_hook(box.path) as repo:
        precommit.run(repo)


def test_what_lies_beside_a_registry_is_nobodys_business(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    box.commit("code", {"train.py": "1"})
    init.run(box.path, "registry", clock=lambda: NOON)
    box.write({"train.py": "2", "registry.md": "3"})
    box.git("add", "--all")
    assert judged(Story(box.path)) == ()


def test_a_registry_that_is_taken_away_is_refused(served: Story) -> None:
    served.git("switch", "--quiet", "--create", "work")
    served.git("rm", "--quiet", "-r", "--cached", ".")
    assert "nothing-removed" in said(served)["policy"]


def test_of_several_registries_those_are_judged_that_are_touched(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    box.commit("code", {"train.py": "1"})
    for folder in ("a", "deep/b"):
        init.run(box.path, folder, clock=lambda: NOON)
    box.write(
        {
            "a/staging/x.txt": "",
            "deep/b/staging/x.txt": "",
            "deep/b/models/gitstage.yaml": "",
            "1/2/3/4/gitstage.yaml": "",
        }
    )
    box.git("add", "a")
    story = Story(box.path)
    assert [staged.report.registry for staged in judged(story)] == ["a"]
    box.git("add", "--all")
    assert [staged.report.registry for staged in judged(story)] == ["a", "deep/b"]
    assert [staged.report.registry for staged in judged(story, "deep/b")] == ["deep/b"]


def test_in_a_shallow_clone_there_is_no_answer(tmp_path: Path, serving_team: tuple[Team, Story]) -> None:
    team, _ = serving_team
    git("clone", "--quiet", "--depth=1", f"file://{team.remote}", str(tmp_path / "shallow"), cwd=tmp_path)
    story = Story(tmp_path / "shallow")
    story.write("train.py", "1")
    story.git("add", "--all")
    assert judged(story) == ()
    story.write("staging/x.txt", "1")
    story.git("add", "--all")
    with pytest.raises(ShallowRepository), Repository.of_hook(story.path) as repo:
        precommit.run(repo)


def test_the_base_is_the_remotes_trunk(serving_team: tuple[Team, Story]) -> None:
    _, ada = serving_team
    ada.register("other", "1.0.0")
    ada.write("models/other/README.md", "a card")
    ada.git("add", "--all")
    (staged,) = judged(ada)
    assert (staged.report.base, staged.on_trunk) == (ada.git("rev-parse", "origin/main"), True)
    assert [judgement.thing for judgement in staged.report.judgements] == ["records/other"]


def test_where_nothing_of_a_registry_is_staged_only_the_index_is_read(served: Story) -> None:
    started: list[str] = []

    def watch(moment: str, arguments: object) -> None:
        if moment == "before":
            assert isinstance(arguments, tuple)
            started.append(arguments[0])

    with Repository.of_hook(served.path) as repo:
        process.WATCHERS.append(watch)
        try:
            assert precommit.run(repo) == ()
        finally:
            process.WATCHERS.remove(watch)
    assert set(started) <= {"symbolic-ref", "cat-file", "diff-index"}
