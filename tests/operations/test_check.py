from __future__ import annotations

import re
import uuid
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from gitstage.errors import GitstageError
from gitstage.findings import Report, Verdict
from gitstage.git import NoSuchRevision, ShallowRepository
from gitstage.git.store import Reader
from gitstage.operations import check, init
from gitstage.operations.registries import open_registry
from tests.git.sandbox import Sandbox, git
from tests.operations.pictures import unchanged
from tests.operations.stories import NOON, Story, Team

GATED = {
    "    # gates: [standard]             # all of them must pass": (
        "    gates: [standard]\ngates: {standard: {soak: 24h, metrics: [{name: auc, max-drop: 0.01}]}}"
    )
}
PROTECTED = {"# protected: [.github/**, CODEOWNERS]": "protected: [.github/**]"}


def judged(story: Story, base: str | None = None, head: str | None = None) -> Report:
    with unchanged(story.path):
        return story.check(base, head)


def said(report: Report) -> dict[str, list[str]]:
    """The rules that did not pass, by thing."""
    return {
        judgement.thing: [found.rule for found in judgement.findings if found.verdict is not Verdict.PASSED]
        for judgement in report.judgements
    }


@pytest.fixture
def work(served: Story) -> Story:
    """A branch `work` on top of the trunk, in a repository without a remote."""
    served.git("switch", "--quiet", "--create", "work")
    return served


def test_a_good_promotion_on_a_branch_passes(work: Story) -> None:
    work.promote("fraud-detector", to="production")
    report = judged(work)
    assert (report.verdict, report.exit_code, said(report)) == (Verdict.PASSED, 0, {"production/fraud-detector": []})
    judgement = report.judgements[0]
    assert (judgement.action, judgement.before, judgement.after, judgement.source) == (
        "promote",
        "1.1.0",
        "1.2.0",
        "staging",
    )
    assert (report.base, report.head) == (work.git("rev-parse", "main"), work.git("rev-parse", "work"))
    assert (report.moment, report.new_registry, report.elsewhere) == (work.now, False, ())


def test_a_branch_that_changes_nothing_of_the_registry_passes(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    box.commit("code", {"train.py": "1"})
    init.run(box.path, clock=lambda: NOON)
    story = Story(box.path)
    story.git("switch", "--quiet", "--create", "work")
    box.commit("more code", {"train.py": "2", "production/x": ""})
    assert judged(story).judgements == ()
    assert judged(story, "HEAD", "HEAD").passed


@pytest.mark.parametrize(
    ("files", "thing", "rule"),
    [
        ({"models/fraud-detector/1.0.0.yaml": "rewritten"}, "records/fraud-detector", "version-immutable"),
        (
            {"artifacts/fraud-detector/1.0.0/fraud-detector-1.0.0.bin": "x"},
            "records/fraud-detector",
            "version-immutable",
        ),
        ({"models/fraud-detector/3.0.0.yaml": "a: 1\na: 2\n"}, "records/fraud-detector", "manifest-valid"),
        ({"staging/fraud-detector.yaml": "by hand"}, "staging/fraud-detector", "slot-matches-version"),
        ({"staging/notes.txt": "x"}, "policy", "known-path"),
        ({"models/fraud-detector/notes.txt": "x"}, "records/fraud-detector", "known-path"),
        ({"models/Fraud-Detector/1.0.0.yaml": "x"}, "records/Fraud-Detector", "known-path"),
        ({"gitstage.yaml": "x: ["}, "policy", "manifest-valid"),
    ],
)
def test_what_nobody_may_do_is_refused(work: Story, files: dict[str, str], thing: str, rule: str) -> None:
    for name, text in files.items():
        work.write(name, text)
    work.commit("by hand")
    report = judged(work)
    assert report.exit_code == 1
    assert rule in said(report)[thing]


def test_skipping_staging_is_refused(work: Story) -> None:
    work.register("fraud-detector", "2.0.0")
    work.copy("models/fraud-detector/2.0.0.yaml", "production/fraud-detector.yaml")
    work.commit("skips staging")
    assert said(judged(work))["production/fraud-detector"] == ["stage-order"]


def test_staging_and_promoting_in_one_branch_skips_it_as_well(work: Story) -> None:
    work.register("fraud-detector", "2.0.0", to="staging")
    work.copy("models/fraud-detector/2.0.0.yaml", "production/fraud-detector.yaml")
    work.commit("both")
    found = said(judged(work))
    assert found["production/fraud-detector"] == ["stage-order"]
    assert found["staging/fraud-detector"] == []


def test_what_leaves_a_slot_unarchived_is_refused(work: Story) -> None:
    work.register("fraud-detector", "2.0.0")
    work.copy("models/fraud-detector/2.0.0.yaml", "staging/fraud-detector.yaml")
    work.commit("forgets archived/")
    assert said(judged(work))["staging/fraud-detector"] == ["leaves-archived"]


@pytest.mark.parametrize("mode", ["120000", "160000", "100755"])
def test_a_manifest_that_is_no_plain_file_is_refused(work: Story, mode: str) -> None:
    oid = work.git("rev-parse", "HEAD" if mode == "160000" else "HEAD:models/fraud-detector/1.0.0.yaml")
    for path in ("staging/fraud-detector.yaml", "models/fraud-detector/3.0.0.yaml"):
        work.git("update-index", "--add", "--cacheinfo", f"{mode},{oid},{path}")
    work.git("commit", "--quiet", "-m", "no file")
    report = work.check()
    assert report.exit_code == 1
    assert said(report)["staging/fraud-detector"] != []
    assert said(report)["records/fraud-detector"] != []


def test_a_path_that_is_not_utf_8_is_seen(work: Story) -> None:
    name = b"staging/\xff\xfe.yaml"
    oid = work.git("rev-parse", "HEAD:staging/fraud-detector.yaml")
    git("update-index", "--index-info", cwd=work.path, stdin=b"100644 " + oid.encode() + b"\t" + name + b"\n")
    work.git("commit", "--quiet", "-m", "hidden")
    report = work.check()
    assert (report.exit_code, said(report)) == (1, {"policy": ["known-path"]})


def test_a_policy_and_a_promotion_together_are_refused(work: Story) -> None:
    work.promote("fraud-detector", to="production")
    work.write("gitstage.yaml", work.read("gitstage.yaml") + "# a comment\n")
    work.commit("and the policy")
    assert said(judged(work)) == {"policy": [], "production/fraud-detector": ["policy-alone"]}


def test_protected_paths_are_the_policy_wherever_they_lie(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work", PROTECTED)
    story.register("m", "1.0.0", to="staging")
    story.git("switch", "--quiet", "--create", "work")
    story.promote("m", to="production")
    story.write(".github/workflows/gate.yml", "on: nothing")
    story.commit("and the workflow")
    assert said(judged(story)) == {"production/m": ["policy-alone"]}
    # The same where the branch and the trunk have parted.
    story.git("switch", "--quiet", "main")
    story.write("train.py", "1")
    story.commit("code")
    assert said(judged(story, head="work")) == {"production/m": ["policy-alone"]}


def test_the_policy_of_the_base_judges(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work", GATED)
    story.register("m", "1.0.0", to="staging")
    story.git("switch", "--quiet", "--create", "work")
    story.write("gitstage.yaml", story.read("gitstage.yaml").replace("soak: 24h", "soak: 0h"))
    story.commit("looser")
    story.copy("models/m/1.0.0.yaml", "production/m.yaml")
    story.commit("promoted")
    assert said(judged(story)) == {"policy": [], "production/m": ["policy-alone", "metrics"]}


def test_what_time_will_bring_is_pending(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work", GATED)
    story.register("m", "1.0.0", to="staging", auc=0.9)
    story.git("switch", "--quiet", "--create", "work")
    story.promote("m", to="production")
    assert (judged(story).verdict, judged(story).exit_code) == (Verdict.PENDING, 4)
    assert judged(story.later(hours=24)).passed


def test_a_branch_that_is_behind_is_merged_in_mind(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    bob = team.member("bob", now=ada.now)
    bob.git("switch", "--quiet", "--create", "work")
    bob.promote("fraud-detector", to="production")
    ada.register("other", "1.0.0", to="staging", push=True)
    bob.git("fetch", "--quiet", "--tags")
    report = judged(bob)
    assert (report.passed, list(said(report))) == (True, ["production/fraud-detector"])


def test_two_branches_that_promote_one_model_conflict_whichever_is_merged_first(story: Story) -> None:
    for version in ("1.0.0", "1.1.0"):
        story.register("m", version, to="staging")
    for name, version in (("a", "1.0.0"), ("b", "1.1.0")):
        story.git("switch", "--quiet", "--create", name, "main")
        if version == "1.0.0":
            story.promote("m@1.0.0", to="staging")
        story.copy(f"models/m/{version}.yaml", "production/m.yaml")
        story.commit(f"promote {version}")
    for first, second in (("a", "b"), ("b", "a")):
        story.git("switch", "--quiet", "--detach", "main")
        story.git("branch", "--force", "main", first)
        report = story.check("main", second)
        conflicts = [
            (found.rule, found.path)
            for judgement in report.judgements
            for found in judgement.findings
            if found.rule == "conflict"
        ]
        assert report.exit_code == 1
        assert conflicts == [("conflict", "production/m.yaml")]
        story.git("branch", "--force", "main", "main~1" if first == "b" else "main~2")


def test_a_conflict_is_a_finding_with_its_path_and_what_to_do(served: Story) -> None:
    served.git("switch", "--quiet", "--create", "work")
    served.promote("fraud-detector", to="production")
    served.git("switch", "--quiet", "main")
    served.archive("fraud-detector@production")
    report = judged(served, head="work")
    (finding,) = [found for judgement in report.judgements for found in judgement.findings if found.rule == "conflict"]
    assert (finding.verdict, finding.path, finding.hint) == (
        Verdict.REFUSED,
        "production/fraud-detector.yaml",
        "git merge main, and decide which one is meant",
    )


def test_two_regions_promoted_by_two_branches_merge(tmp_path: Path) -> None:
    regions = {
        "  production:\n    from: [staging]\n": "  eu:\n    from: [staging]\n  us:\n    from: [staging]\n  production:\n    from: [eu]\n"
    }
    story = Story.begun(tmp_path / "work", regions)
    story.register("m", "1.0.0", to="staging")
    story.promote("m", to="eu")
    story.promote("m", to="us")
    story.register("m", "1.1.0", to="staging")
    for region in ("eu", "us"):
        story.git("switch", "--quiet", "--create", region, "main")
        story.promote("m", to=region)
    story.git("switch", "--quiet", "main")
    story.git("merge", "--quiet", "--no-ff", "--no-edit", "eu")
    assert story.tag().exit_code == 0
    assert judged(story, head="us").passed
    story.git("merge", "--quiet", "--no-ff", "--no-edit", "us")
    assert story.tag().exit_code == 0
    assert (story.in_effect("m", "eu"), story.in_effect("m", "us")) == ("1.1.0", "1.1.0")


def test_main_staged_another_version_while_a_branch_promotes_the_one_before(served: Story) -> None:
    served.git("switch", "--quiet", "--create", "work")
    served.promote("fraud-detector", to="production")
    served.git("switch", "--quiet", "main")
    served.register("fraud-detector", "2.0.0", to="staging")
    report = judged(served, head="work")
    assert said(report)["production/fraud-detector"] == ["stage-order"]
    served.git("merge", "--quiet", "--no-edit", "work")
    assert served.tag().exit_code == 1
    assert served.in_effect("fraud-detector") == "1.1.0"


def test_an_older_base_is_judged_as_it_was_then(served: Story) -> None:
    # At HEAD~1 1.1.0 was in staging, and 1.2.0 not registered.
    report = judged(served, "HEAD~1", "HEAD")
    assert said(report) == {"records/fraud-detector": [], "staging/fraud-detector": []}
    assert report.judgements[1].before == "1.1.0"
    assert judged(served, "HEAD~4", "HEAD~3").passed
    assert said(judged(served, "HEAD~3", "HEAD~1")) == {
        "production/fraud-detector": ["stage-order"],
        "records/fraud-detector": [],
        "staging/fraud-detector": [],
    }


def test_several_merge_bases_are_said(served: Story) -> None:
    served.git("switch", "--quiet", "--create", "a")
    served.register("a", "1.0.0")
    served.git("switch", "--quiet", "--create", "b", "main")
    served.register("b", "1.0.0")
    served.git("switch", "--quiet", "--create", "ab", "a")
    served.git("merge", "--quiet", "--no-edit", "b")
    served.git("switch", "--quiet", "--create", "ba", "b")
    served.git("merge", "--quiet", "--no-edit", "a")
    served.register("c", "1.0.0")
    report = judged(served, "ab", "ba")
    assert (report.exit_code, said(report)) == (1, {"policy": ["conflict"]})
    assert "2 merge bases" in report.judgements[0].findings[0].message


def test_no_merge_base_is_said(served: Story) -> None:
    served.git("switch", "--quiet", "--orphan", "alone")
    served.git("commit", "--quiet", "--allow-empty", "-m", "alone")
    served.git("switch", "--quiet", "main")
    report = check.run(served.registry(), base="main", head="alone")
    assert (report.exit_code, said(report)) == (1, {"policy": ["conflict"]})
    assert "no merge bases" in report.judgements[0].findings[0].message


def test_where_there_is_no_registry_yet_the_heads_policy_judges(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    box.commit("code", {"train.py": "1"})
    box.git("switch", "--quiet", "--create", "proposal")
    init.run(box.path, clock=lambda: NOON)
    story = Story(box.path)
    report = judged(story)
    assert (report.passed, report.new_registry, said(report)) == (True, True, {"policy": []})
    # What serves already may be taken in with it.
    story.register("m", "1.0.0")
    story.copy("registry/models/m/1.0.0.yaml", "registry/production/m.yaml")
    story.commit("adopted")
    adopting = judged(story)
    assert adopting.passed
    assert next(found for found in adopting.judgements if found.thing == "production/m").action == "adopt"
    story.write("registry/production/x.yaml", "nonsense")
    story.commit("nonsense")
    refused = judged(story)
    assert (refused.exit_code, refused.new_registry) == (1, True)


def test_a_new_registry_whose_policy_is_wrong_is_refused(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    box.commit("code", {"train.py": "1"})
    box.git("switch", "--quiet", "--create", "proposal")
    init.run(box.path, clock=lambda: NOON)
    story = Story(box.path)
    text = story.read("registry/gitstage.yaml")
    story.write("registry/gitstage.yaml", text.replace("from: [staging]", "from: [stagging]"))
    story.commit("a slip")
    report = judged(story)
    assert report.exit_code == 1
    assert "manifest-valid" in said(report)["policy"]


def test_what_else_is_open_is_named_and_refuses_nobody(served: Story) -> None:
    served.write("staging/other.yaml", "nonsense")
    served.commit("by force")
    served.tag()
    served.git("switch", "--quiet", "--create", "work")
    served.promote("fraud-detector", to="production")
    report = judged(served)
    assert report.passed
    assert [line.partition(":")[0] for line in report.elsewhere] == ["staging/other"]


def test_a_change_cannot_choose_its_ledger_or_its_trunk(served: Story) -> None:
    served.git("switch", "--quiet", "--create", "work")
    served.promote("fraud-detector", to="production")
    text = served.read("gitstage.yaml")
    served.write(
        "gitstage.yaml", re.sub(r"(?m)^id: \S+", f"id: {uuid.UUID(int=7)}", text).replace("trunk: main", "trunk: work")
    )
    served.commit("another registry, it says")
    found = said(judged(served))
    assert "policy-alone" in found["production/fraud-detector"]
    assert "policy-alone" in found["policy"]


def test_a_revision_that_is_not_there_is_said(served: Story) -> None:
    for options in ({"base": "nowhere"}, {"head": "nowhere"}, {"base": "--help"}):
        with pytest.raises(NoSuchRevision):
            check.run(served.registry(), **options)


def test_a_shallow_clone_has_no_history_to_judge(serving_team: tuple[Team, Story], tmp_path: Path) -> None:
    team, _ = serving_team
    git("clone", "--quiet", "--depth=1", f"file://{team.remote}", str(tmp_path / "shallow"), cwd=tmp_path)
    with pytest.raises(ShallowRepository) as caught:
        check.run(open_registry(str(tmp_path / "shallow")))
    assert "fetch-depth: 0" in str(caught.value.hint)


def test_a_repository_that_is_bare_is_judged_as_well(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    ada.git("switch", "--quiet", "--create", "work")
    ada.promote("fraud-detector", to="production")
    ada.git("push", "--quiet", "origin", "work")
    with unchanged(team.remote):
        report = check.run(open_registry(str(team.remote), clock=lambda: ada.now), head="work")
    assert (report.passed, list(said(report))) == (True, ["production/fraud-detector"])


def test_a_thousand_files_beside_the_registry_are_cheap(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work", PROTECTED)
    story.register("m", "1.0.0", to="staging")
    story.git("switch", "--quiet", "--create", "work")
    for number in range(1000):
        story.write(f"src/{number}.py", str(number))
    story.commit("code")
    story.promote("m", to="production")
    story.git("switch", "--quiet", "main")
    story.write("train.py", "1")
    story.commit("code")
    begun = process_time()
    assert story.check(head="work").passed
    assert process_time() - begun < 5


def test_nothing_to_judge_is_said(tmp_path: Path) -> None:
    Sandbox.made(tmp_path / "work")
    with pytest.raises(GitstageError):
        check.run(open_registry(str(tmp_path / "work")))


def test_a_protected_path_beside_the_registry_needs_what_governance_asks_for(tmp_path: Path) -> None:
    story = Story.begun(
        tmp_path / "work",
        {
            "# protected: [.github/**, CODEOWNERS]": "protected: [CODEOWNERS]\ngovernance: [{count: 1, from: platform}]",
            "# people:\n#   alice": "people:\n  alice",
            "# roles:\n#   platform: [alice]": "roles:\n  platform: [alice]",
        },
    )
    story.git("switch", "--quiet", "-c", "proposal")
    story.write("CODEOWNERS", "* @mallory\n")
    story.commit("who answers")
    report = story.check()
    assert [(found.thing, found.verdict) for found in report.judgements] == [("policy", Verdict.PENDING)]
    assert [
        (found.rule, found.path) for found in report.judgements[0].findings if found.verdict is Verdict.PENDING
    ] == [("governance", None)]
    # What nobody protects needs nobody.
    story.git("switch", "--quiet", "-c", "other", "main")
    story.write("train.py", "pass\n")
    story.commit("code")
    assert (story.check().passed, story.check().judgements) == (True, ())


def test_a_branch_that_has_been_merged_already_changes_nothing(served: Story) -> None:
    served.git("branch", "older", "HEAD~2")
    report = served.check(base="main", head="older")
    assert (report.passed, report.judgements, report.head) == (True, (), served.git("rev-parse", "older"))


def test_a_base_whose_policy_cannot_be_read_may_be_mended(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work", "--initial-branch=main")
    init.run(box.path, ".", clock=lambda: NOON)
    for ref in box.git("for-each-ref", "--format=%(refname)", "refs/gitstage", "refs/tags").splitlines():
        box.git("update-ref", "-d", ref)
    good = (box.path / "gitstage.yaml").read_text()
    (box.path / "gitstage.yaml").write_text("stages: [\n")
    box.git("commit", "--quiet", "--all", "--amend", "-m", "never valid")
    box.git("switch", "--quiet", "-c", "mended")
    (box.path / "gitstage.yaml").write_text(good)
    box.git("commit", "--quiet", "--all", "-m", "mended")
    report = Story(box.path).check(base="main")
    assert (report.passed, report.new_registry) == (True, True)


MANIFEST = f"""\
apiVersion: gitstage/v1
kind: ModelVersion
model: {{model}}
version: 1.0.0
artifacts:
- path: m.bin
  uri: https://models.example/m.bin
  sha256: {"a" * 64}
  size: 7
metrics:
  auc: 0.9
"""


@pytest.mark.parametrize("count", [2, 12])
def test_many_promotions_are_asked_about_together(served: Story, count: int) -> None:
    """However many there are, git is asked a few things; and what is said of each is what is said of it alone."""
    names = [f"team/m{number}" for number in range(count)]
    for name in names:
        served.write(f"models/{name}/1.0.0.yaml", MANIFEST.format(model=name))
        served.copy(f"models/{name}/1.0.0.yaml", f"staging/{name}.yaml")
    served.commit("staged")
    assert served.tag().exit_code == 0
    served.git("switch", "--quiet", "--create", "work")
    for name in names:
        served.copy(f"models/{name}/1.0.0.yaml", f"production/{name}.yaml")
    served.commit("promoted")
    asked: list[int] = []
    plain = Reader._answers

    def counted(self: Reader, requests: list[bytes], answer: Any) -> Any:
        asked.append(len(requests))
        return plain(self, requests, answer)

    Reader._answers = counted  # type: ignore[method-assign,assignment]
    try:
        report = judged(served, "main")
    finally:
        Reader._answers = plain  # type: ignore[method-assign]
    assert len(asked) <= 45, len(asked)
    assert said(report) == {f"production/{name}": [] for name in names}
    assert [judgement.metrics["auc"] for judgement in report.judgements] == [(None, 0.9)] * count
