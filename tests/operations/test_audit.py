"""An audit finds, from a clone and offline, what was forced, rewritten, moved, forged, backdated or bypassed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gitstage.approvals import Binding, Said, written
from gitstage.checkpoint import Checkpoint
from gitstage.envelopes import write_envelope
from gitstage.errors import GitstageError
from gitstage.findings import Debt
from gitstage.git import ShallowRepository
from gitstage.ledger import Owed, moment_of, text_of
from gitstage.operations import audit, init, tag
from gitstage.operations.audit import Audit
from gitstage.operations.registries import open_registry
from gitstage.policy import read_policy
from gitstage.signatures import sign_envelope
from gitstage.values import replace
from tests.git.sandbox import executable, git
from tests.operations.signatories import make_keys, policy
from tests.operations.stories import Story, Team

SLOT = "fraud-detector/production/"


def audited(story: Story, **options: Any) -> Audit:
    return audit.run(story.registry(), **options)


def found(story: Story, **options: Any) -> list[tuple[str, str | None]]:
    """Kind and tag (or thing) of each finding."""
    result = audited(story, **options)
    return [
        (one.kind, one.ref.removeprefix("refs/tags/") if one.ref is not None else one.thing) for one in result.faults
    ]


def body_of(story: Story, tag: str) -> dict[str, Any]:
    text = story.git("for-each-ref", "--format=%(contents)", f"refs/tags/{tag}")
    body: dict[str, Any] = json.loads(text.partition("\n\n")[2])
    return body


def forge(story: Story, tag: str, commit: str | None = None, **claims: Any) -> None:
    """A tag with a body like ours, put where it is or where nothing is, that claims something else."""
    target = commit or story.git("rev-parse", f"refs/tags/{tag}^{{commit}}")
    like = tag if tag in story.tags() else claims.pop("like")
    body = {**body_of(story, str(like)), "commit": target, **claims}
    write_tag(story, tag, target, f"forged\n\n{json.dumps(body)}")


def write_tag(story: Story, tag: str, target: str, message: str) -> None:
    story.git("tag", "--force", "--annotate", "--message", message, tag, target)


def checkpoint_of(story: Story) -> Checkpoint:
    found = audited(story).checkpoint
    assert found is not None
    return found


def straight_to_production(story: Story) -> str:
    """A version that was never staged is put into production by hand, and refused; the commit."""
    story.register("fraud-detector", "1.3.0", auc=0.99)
    story.copy("models/fraud-detector/1.3.0.yaml", "production/fraud-detector.yaml")
    commit = story.commit("straight to production")
    story.tag()
    return commit


# What is clean


def test_a_clean_history_has_no_finding(served: Story) -> None:
    result = audited(served)
    assert (result.faults, result.trusted, result.untaken, result.exit_code) == ((), (), (), 0)
    assert result.counts == {
        "commits": 6,
        "runs": 6,
        "promotions": 5,
        "versions": 3,
        "policies": 1,
        "redactions": 0,
        "faults": 0,
    }
    assert (result.judged, result.unjudged) == (served.git("rev-parse", "HEAD"), 0)


def test_a_clone_a_bare_one_and_the_remote_itself_say_the_same(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    assert found(ada) == []
    git("clone", "--quiet", "--mirror", str(team.remote), str(team.folder / "bare.git"), cwd=team.folder)
    for path in (team.remote, team.member("grace").path, team.folder / "bare.git"):
        result = audit.run(open_registry(str(path), clock=lambda: ada.now))
        assert (result.faults, result.counts["promotions"]) == ((), 5)


def test_what_is_not_judged_yet_is_counted_and_no_finding(served: Story) -> None:
    served.write("models/fraud-detector/README.md", "A card.\n")
    served.commit("a card")
    result = audited(served)
    assert (result.faults, result.unjudged) == ((), 1)


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_a_run_over_many_commits_is_judged_in_parts_and_comes_to_the_same(
    served: Story, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    straight_to_production(served)  # refused, and open when the long run begins
    served.copy("models/fraud-detector/1.1.0.yaml", "production/fraud-detector.yaml")
    served.commit("put back")
    served.copy("models/fraud-detector/1.3.0.yaml", "production/fraud-detector.yaml")
    served.commit("straight to production again")
    served.copy("models/fraud-detector/1.1.0.yaml", "production/fraud-detector.yaml")
    served.commit("put back again, before anybody judged it")
    served.write("staging/README.md", "What is tested.\n")
    served.commit("a card")
    served.later(hours=1).tag()
    forge(served, "fraud-detector/production/1", moment="2020-01-01T00:00:00Z")
    whole = audited(served)
    monkeypatch.setattr("gitstage.operations.route.SOME", at_once)
    assert audited(served) == whole
    assert [(item.thing, item.until is None) for item in whole.untaken] == [("production/fraud-detector", False)]
    assert (whole.counts["commits"], whole.counts["runs"]) == (6 + 2 + 4, 6 + 2 + 1)


def test_a_registry_in_a_folder_of_a_repository_with_a_past_is_judged_from_its_first_commit(tmp_path: Path) -> None:
    path = tmp_path / "work"
    path.mkdir()
    git("init", "--quiet", cwd=path)
    mine = Story(path, folder="registry")
    mine.path.joinpath("README.md").write_text("ours\n")
    mine.commit("before there was a registry")
    init.run(path, clock=lambda: mine.now)
    mine.register("m", "1.0.0", to="staging")
    mine.path.joinpath("src.py").write_text("x = 1\n")
    mine.commit("something else")
    mine.later(hours=1).promote("m", to="production")
    result = audited(mine)
    assert (result.faults, result.counts["commits"], result.counts["promotions"]) == ((), 4, 2)


def test_what_was_refused_and_taken_back_never_took_effect_and_says_why(served: Story) -> None:
    forced = straight_to_production(served)
    result = audited(served)
    assert [(one.kind, one.thing, one.commit) for one in result.faults] == [
        ("open-refused", "production/fraud-detector", forced)
    ]
    served.later(hours=1).withdraw("fraud-detector@production")
    result = audited(served)
    assert result.faults == ()
    ((item),) = result.untaken
    assert (item.thing, item.commit, item.until) == ("production/fraud-detector", forced, served.now)
    assert "stage-order" in {one.rule for one in item.findings}


def test_merge_commits_with_content_octopus_and_foxtrot_merges_are_judged_as_they_landed(served: Story) -> None:
    def side(name: str, file: str) -> None:
        served.git("switch", "--quiet", "-c", name, "main")
        served.write(f"models/fraud-detector/{file}", name)
        served.commit(name)
        served.git("switch", "--quiet", "main")

    side("one", "README.md")
    served.git("merge", "--quiet", "--no-ff", "--no-commit", "one")
    served.git("commit", "--quiet", "-m", "merge, with a version of its own")
    served.tag()
    served.git("switch", "--quiet", "-c", "a", "main")
    served.write("staging/README.md", "a")
    served.commit("a")
    served.git("switch", "--quiet", "-c", "b", "main")
    served.write("production/README.md", "b")
    served.commit("b")
    served.git("switch", "--quiet", "main")
    served.git("merge", "--quiet", "-m", "octopus", "a", "b")
    served.later(hours=1).tag()
    served.git("switch", "--quiet", "-c", "fox", "HEAD~1")
    served.write("archived/README.md", "fox")
    served.commit("fox")
    served.git("merge", "--quiet", "-m", "foxtrot", "main")
    served.git("branch", "--force", "main", "fox")
    served.git("switch", "--quiet", "main")
    served.later(hours=1).tag()
    served.later(hours=1).promote("fraud-detector", to="production")
    result = audited(served)
    assert (result.faults, result.counts["promotions"]) == ((), 6)


def test_unrelated_history_that_is_merged_in_is_judged_as_one_step(served: Story) -> None:
    served.git("switch", "--quiet", "--orphan", "other")
    served.write("models/fraud-detector/README.md", "from elsewhere")
    served.commit("unrelated")
    served.git("switch", "--quiet", "main")
    served.git("merge", "--quiet", "--allow-unrelated-histories", "-m", "unrelated", "other")
    served.later(hours=1).tag()
    assert found(served) == []


# What was planted


def test_a_forced_push_is_found(served: Story) -> None:
    served.git("reset", "--quiet", "--hard", "HEAD~2")
    served.write("models/fraud-detector/README.md", "instead")
    served.commit("instead")
    kinds = found(served)
    assert kinds[0] == ("trunk-rewritten", None)
    assert {kind for kind, _ in kinds} == {"trunk-rewritten"}


def test_a_forced_push_whose_commits_are_gone_is_found(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    ada.git("reset", "--quiet", "--hard", "HEAD~2")
    ada.git("push", "--quiet", "--force", "origin", "main")
    for name in (f"{SLOT}2", "fraud-detector/staging/3", "fraud-detector/v1.2.0"):
        ada.git("push", "--quiet", "origin", f":refs/tags/{name}")
    assert {"trunk-rewritten", "tag-missing"} == {kind for kind, _ in found(team.member("grace", now=ada.now))}
    git("clone", "--quiet", f"file://{team.remote}", "fresh", cwd=team.folder)
    assert {kind for kind, _ in found(Story(team.folder / "fresh", now=ada.now))} == {"trunk-rewritten"}


def test_going_on_after_a_rewritten_trunk_is_told_and_no_finding(served: Story) -> None:
    served.git("reset", "--quiet", "--hard", "HEAD~1")
    served.write("models/fraud-detector/README.md", "instead")
    served.commit("instead")
    tag.run(served.registry(), rewritten=True, reason="the last one leaked a secret")
    result = audited(served)
    (told,) = result.trusted
    assert told.endswith("the last one leaked a secret")
    # The version that was rewritten away is open until it is put back, as `tag` says too.
    assert [(one.kind, one.thing) for one in result.faults] == [("open-refused", "records/fraud-detector")]


def test_a_moved_tag_is_found(served: Story) -> None:
    message = served.git("for-each-ref", "--format=%(contents)", f"refs/tags/{SLOT}1")
    write_tag(served, f"{SLOT}1", "HEAD~1", message)
    assert found(served) == [("tag-moved", f"{SLOT}1")]


def test_a_tag_that_was_replaced_by_a_plain_one_is_found(served: Story) -> None:
    served.git("tag", "--force", f"{SLOT}1", "HEAD")
    assert found(served) == [("tag-unreadable", f"{SLOT}1")]


def test_a_deleted_tag_is_found(served: Story) -> None:
    for name in (f"{SLOT}1", "fraud-detector/v1.1.0", "policy/1"):
        served.git("tag", "--delete", name)
    assert found(served) == [
        ("tag-missing", "policy/1"),
        ("tag-missing", f"{SLOT}1"),
        ("tag-missing", "fraud-detector/v1.1.0"),
    ]


def test_the_last_tag_of_a_slot_that_is_gone_is_found_also_when_its_number_was_given_again(served: Story) -> None:
    served.git("tag", "--delete", f"{SLOT}2")
    served.later(hours=1).promote("fraud-detector", to="production")
    assert ("tag-missing", f"{SLOT}2") in found(served)


def test_a_tag_on_a_commit_that_never_was_on_the_trunk_is_found(served: Story) -> None:
    served.git("switch", "--quiet", "-c", "side")
    served.copy("models/fraud-detector/1.2.0.yaml", "production/fraud-detector.yaml")
    commit = served.commit("on a branch")
    blob = served.git("rev-parse", "HEAD:production/fraud-detector.yaml")
    served.git("switch", "--quiet", "main")
    forge(served, f"{SLOT}3", commit, like=f"{SLOT}2", number=3, **{"in": {"version": "1.2.0", "blob": blob}})
    assert found(served) == [("tag-elsewhere", f"{SLOT}3")]


@pytest.mark.parametrize(
    "claims",
    [
        {"in": {"version": "1.2.0", "blob": "1" * 40}},
        {"out": None},
        {"action": "rollback"},
        {"source": "registered"},
        {"policy": "0" * 64},
        {"findings": []},
        {"findings": [{"rule": "soak", "verdict": "passed", "message": "24h"}]},
    ],
)
def test_a_tag_with_false_claims_is_found(served: Story, claims: dict[str, Any]) -> None:
    if claims.get("findings") == [] and body_of(served, f"{SLOT}2")["findings"] == []:
        claims = {"findings": [{"rule": "x", "verdict": "passed", "message": "x"}]}
    forge(served, f"{SLOT}2", **claims)
    assert found(served) == [("tag-false", f"{SLOT}2")]


def test_other_words_for_people_are_no_false_claim(served: Story) -> None:
    body = body_of(served, f"{SLOT}2")
    findings = [{**one, "message": "in the words of another release"} for one in body["findings"]]
    forge(served, f"{SLOT}2", findings=findings)
    assert found(served) == []


@pytest.mark.parametrize("hours", [-1, 1, -300, 300])
def test_a_backdated_tag_is_found(served: Story, hours: int) -> None:
    moment = body_of(served, f"{SLOT}2")["moment"]
    forge(served, f"{SLOT}2", moment=text_of(moment_of(moment) + timedelta(hours=hours)))
    assert found(served) == [("tag-moment", f"{SLOT}2")]


def test_a_tag_that_says_that_what_was_refused_took_effect_is_found(served: Story) -> None:
    commit = straight_to_production(served)
    blob = served.git("rev-parse", "HEAD:production/fraud-detector.yaml")
    forge(served, f"{SLOT}3", commit, like=f"{SLOT}2", number=3, **{"in": {"version": "1.2.0", "blob": blob}})
    result = audited(served)
    assert [(one.kind, one.message) for one in result.faults if one.ref] == [
        ("tag-unfounded", "nothing took effect there: refused (stage-order)")
    ]


def test_a_promotion_that_passed_only_under_a_policy_nobody_approved_is_found(served: Story) -> None:
    served.amend(
        {
            "production:\n    from: [staging]": "production:\n    from: [staging]\n    gates: [g]\ngates:\n  g: {soak: 48h}"
        }
    )
    before = served.read("gitstage.yaml")
    served.write("gitstage.yaml", before.replace("48h", "0s"))
    served.copy("models/fraud-detector/1.1.0.yaml", "archived/fraud-detector/1.1.0.yaml")
    served.copy("models/fraud-detector/1.2.0.yaml", "production/fraud-detector.yaml")
    commit = served.commit("the gate, and what it would have stopped, in one")
    blob = served.git("rev-parse", "HEAD:production/fraud-detector.yaml")
    loose = hashlib.sha256(before.replace("48h", "0s").encode()).hexdigest()
    served.tag()
    forge(
        served,
        f"{SLOT}3",
        commit,
        like=f"{SLOT}2",
        number=3,
        policy=loose,
        **{"in": {"version": "1.2.0", "blob": blob}},
    )
    assert ("tag-unfounded", f"{SLOT}3") in found(served)


@pytest.mark.parametrize("how", ["unsigned", "reused", "never given"])
def test_a_forged_or_reused_approval_is_found(served: Story, tmp_path: Path, how: str) -> None:
    keys = make_keys(tmp_path / "keys")
    served.amend(policy(keys, approvals="[{count: 1, from: owners}]"))
    said = Said(
        kind="approval",
        about=Binding(
            registry=served.registry().identity.id,
            model="fraud-detector",
            version="1.2.0",
            manifest=hashlib.sha256(served.read("models/fraud-detector/1.2.0.yaml").encode()).hexdigest(),
            stage="production",
            incumbent=hashlib.sha256(served.read("models/fraud-detector/1.1.0.yaml").encode()).hexdigest(),
            # What was approved was the change before.
            change=1 if how == "reused" else 2,
        ),
        made=served.now,
    )
    if how != "never given":
        data = write_envelope(sign_envelope(written(said), [str(keys["bob"])])) if how == "reused" else written(said)
        served.write("evidence/fraud-detector/1.2.0/approval-bob/1.json", data.decode())
        served.commit("an approval")
    served.copy("models/fraud-detector/1.2.0.yaml", "production/fraud-detector.yaml")
    commit = served.commit("promote by hand")
    served.tag()
    assert served.in_effect("fraud-detector") == "1.1.0"
    blob = served.git("rev-parse", "HEAD:production/fraud-detector.yaml")
    digest = hashlib.sha256(served.read("gitstage.yaml").encode()).hexdigest()
    approval = {"rule": "approvals", "verdict": "passed", "message": "approved by bob (owners)", "people": ["bob"]}
    forge(
        served,
        f"{SLOT}3",
        commit,
        like=f"{SLOT}2",
        number=3,
        policy=digest,
        approvers=["bob"],
        findings=[approval],
        moment=text_of(served.now),
        **{"in": {"version": "1.2.0", "blob": blob}},
    )
    result = audited(served)
    assert [(one.kind, one.ref, one.message) for one in result.faults] == [
        ("tag-unfounded", f"refs/tags/{SLOT}3", "nothing took effect there: pending (approvals)")
    ]


def test_what_nobody_countersigned_in_time_is_found(served: Story) -> None:
    about = Binding(
        registry=served.registry().identity.id,
        model="fraud-detector",
        version="1.1.0",
        manifest="a" * 64,
        stage="production",
        incumbent=None,
        change=1,
    )
    debt = Debt(kind="waiver", by=("ada",), due=served.now - timedelta(hours=1))
    owed = Owed(about=about, number=2, since=served.now - timedelta(hours=2), debt=debt)
    registry = served.registry()
    start = replace(checkpoint_of(served), state=replace(registry.state, owed=(owed,)))
    result = audited(served, start=start)
    assert (result.owed, [(one.kind, one.ref) for one in result.faults]) == (
        (owed,),
        [("debt-overdue", f"refs/tags/{SLOT}2")],
    )
    later = replace(owed, debt=replace(debt, due=served.now + timedelta(hours=1)))
    result = audited(served, start=replace(start, state=replace(registry.state, owed=(later,))))
    assert (result.owed, result.faults) == ((later,), ())


def rewrite_ledger(story: Story, change: Callable[[dict[str, Any]], None], *, parent: str | None = "") -> None:
    """The ledger's newest run says something else."""
    ref = story.registry().identity.ledger_ref
    head = story.git("rev-parse", ref)
    document = json.loads(story.git("show", f"{head}:ledger.json"))
    change(document)
    data = (json.dumps(document, indent=2) + "\n").encode()
    blob = git("hash-object", "-w", "--stdin", cwd=story.path, stdin=data)
    tree = git("mktree", cwd=story.path, stdin=f"100644 blob {blob}\tledger.json\n".encode())
    above = story.git("rev-parse", f"{head}~1") if parent == "" else parent
    words = ["-p", above] if above else []
    story.git("update-ref", ref, story.git("commit-tree", tree, *words, "-m", "gitstage: judged"))


def test_a_changed_ledger_is_found(served: Story) -> None:
    straight_to_production(served)
    rewrite_ledger(served, lambda document: document["open"].clear())
    assert ("ledger-changed", "production/fraud-detector") in found(served)


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document["policy"].update(number=7),
        lambda document: document.update(clock="2020-01-01T00:00:00Z"),
        lambda document: document.update(clock=None),
        lambda document: document.update(open=7),
        lambda document: document["open"].append(
            {
                "thing": "production/fraud-detector",
                "verdict": "refused",
                "landed": "1" * 40,
                "passed": None,
                "since": "2026-03-01T12:00:00Z",
                "sources": [],
                "with_policy": False,
                "after": None,
                "findings": [],
            }
        ),
    ],
)
def test_whatever_is_changed_in_the_ledger_is_found(served: Story, change: Callable[[dict[str, Any]], None]) -> None:
    rewrite_ledger(served, change)
    assert "ledger-changed" in {kind for kind, _ in found(served)}


def test_a_ledger_that_was_cut_short_is_found(served: Story) -> None:
    ref = served.registry().identity.ledger_ref
    served.git("update-ref", ref, f"{ref}~1")
    assert {kind for kind, _ in found(served)} == {"ledger-changed"}
    rewrite_ledger(served, lambda document: None, parent=None)
    assert found(served) != []


def test_a_lost_ledger_is_made_again_from_trees_and_tags(served: Story) -> None:
    registry = served.registry()
    state = registry.state
    served.git("update-ref", "-d", registry.identity.ledger_ref)
    result = audited(served)
    assert [one.kind for one in result.faults] == ["ledger-missing"]
    assert len(result.trusted) == 1
    assert audit.remade_ledger(served.registry(), result) == registry.identity.ledger_ref
    assert served.registry().state == state
    again = audited(served)
    assert again.faults == ()
    assert again.trusted == ("the ledger begins with one run over all that came before it: its moments are the tags'",)
    with pytest.raises(GitstageError, match="is not lost"):
        audit.remade_ledger(served.registry(), again)


def test_replace_refs_and_grafts_change_nothing(served: Story) -> None:
    served.git("replace", served.git("rev-parse", "HEAD~1"), served.git("rev-parse", "HEAD~2"))
    (served.path / ".git" / "info").mkdir(exist_ok=True)
    (served.path / ".git" / "info" / "grafts").write_text(served.git("rev-parse", "HEAD") + "\n")
    assert found(served) == []


def test_nothing_of_a_hostile_configuration_runs(served: Story) -> None:
    trap = executable(served.path.parent / "trap", "touch $(dirname $0)/sprung; cat")
    (served.path / ".git" / "info").mkdir(exist_ok=True)
    (served.path / ".git" / "info" / "attributes").write_text("* diff=trap filter=trap merge=trap\n")
    for key in (
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
        "diff.external",
        "diff.trap.textconv",
        "diff.trap.command",
        "filter.trap.smudge",
        "filter.trap.clean",
        "gpg.program",
        "gpg.ssh.program",
    ):
        served.git("config", key, str(trap))
    served.git("config", "log.showSignature", "true")
    assert found(served) == []
    assert not (served.path.parent / "sprung").exists()


# Checkpoints


def test_a_later_audit_resumes_and_judges_only_what_is_new(served: Story) -> None:
    start = checkpoint_of(served)
    assert audited(served, start=start).counts["commits"] == 0
    served.later(hours=1).promote("fraud-detector", to="production")
    result = audited(served, start=start)
    assert (result.faults, result.counts["commits"], result.counts["promotions"]) == ((), 1, 1)
    whole = audited(served)
    assert result.checkpoint is not None
    assert whole.checkpoint is not None
    assert (result.checkpoint.digest, result.checkpoint.tags, result.checkpoint.state) == (
        whole.checkpoint.digest,
        whole.checkpoint.tags,
        whole.checkpoint.state,
    )


def test_history_and_its_tags_removed_together_are_found_against_a_checkpoint(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    start = checkpoint_of(ada)
    gone = ada.git("rev-parse", "HEAD")
    ada.git("push", "--quiet", "--force", "origin", "HEAD~1:main")
    ref = ada.registry().identity.ledger_ref
    ada.git("push", "--quiet", "--force", "origin", f"{ref}~1:{ref}")
    for name in ada.git("tag", "--points-at", gone).splitlines():
        ada.git("push", "--quiet", "origin", f":refs/tags/{name}")
    grace = team.member("grace", now=ada.now)
    assert found(grace) == []
    assert {kind for kind, _ in found(grace, start=start)} == {"history-removed", "tags-changed"}


def test_a_tag_that_was_removed_behind_a_checkpoint_is_found_and_named(served: Story) -> None:
    start = checkpoint_of(served)
    served.git("tag", "--delete", f"{SLOT}1")
    assert found(served, start=start) == [("tags-changed", None), ("tag-missing", f"{SLOT}1")]


def test_a_tag_that_was_exchanged_behind_a_checkpoint_is_found(served: Story) -> None:
    start = checkpoint_of(served)
    forge(served, f"{SLOT}1")
    assert found(served, start=start) == [("tags-changed", None)]


# What is asked besides


def test_what_is_older_than_since_is_not_said(served: Story) -> None:
    forge(served, f"{SLOT}1", action="rollback")
    forge(served, f"{SLOT}2", action="rollback")
    moment = served.now - timedelta(hours=2)
    assert found(served, since=moment) == [("tag-false", f"{SLOT}2")]


def test_another_policy_is_asked_about_what_took_effect(served: Story) -> None:
    text = served.read("gitstage.yaml")
    other = read_policy(
        text.replace(
            "production:\n    from: [staging]",
            "production:\n    from: [staging]\n    gates: [g]\ngates:\n  g:\n    metrics:\n    - {name: auc, min: 0.91}",
        ).encode()
    )
    result = audited(served, other=other)
    assert result.otherwise is not None
    assert [(one.thing, one.version, str(one.verdict), one.findings[0].rule) for one in result.otherwise] == [
        ("production/fraud-detector", "1.0.0", "refused", "metrics")
    ]
    assert (result.faults, result.exit_code) == ((), 1)
    later = audited(served, other=other, since=served.now - timedelta(hours=1))
    assert (later.otherwise, later.exit_code) == ((), 0)
    without = read_policy(text.replace("production:", "live:").encode())
    said = audited(served, other=without).otherwise
    assert said is not None
    assert {(one.thing, one.findings[0].message) for one in said} == {
        ("production/fraud-detector", "has no stage production")
    }


# What cannot be answered


def test_a_clone_that_was_made_without_tags_is_told_to_fetch_them(serving_team: tuple[Team, Story]) -> None:
    """What nobody fetched is not missing; what is gone where they were fetched is."""
    team, _ = serving_team
    git("clone", "--quiet", "--no-tags", f"file://{team.remote}", "tagless", cwd=team.folder)
    tagless = Story(team.folder / "tagless")
    tagless.git("fetch", "--quiet", "origin", "+refs/gitstage/*:refs/gitstage/*")
    with pytest.raises(
        GitstageError, match="this clone was made without tags, and an audit looks at all of them"
    ) as caught:
        found(tagless)
    assert caught.value.hint == "git fetch origin 'refs/tags/*:refs/tags/*'"
    tagless.git("fetch", "--quiet", "origin", "refs/tags/*:refs/tags/*")
    assert found(tagless) == []
    tagless.git("tag", "--delete", "fraud-detector/production/1")
    assert [kind for kind, _ in found(tagless)] == ["tag-missing"]
    whole = team.member("heidi")
    whole.git("tag", "--delete", *whole.git("tag").split())
    assert {kind for kind, _ in found(whole)} == {"tag-missing"}


def test_a_shallow_clone_and_a_repository_without_a_trunk_cannot_be_audited(
    serving_team: tuple[Team, Story],
) -> None:
    team, _ = serving_team
    git("clone", "--quiet", "--depth=1", f"file://{team.remote}", "shallow", cwd=team.folder)
    with pytest.raises(ShallowRepository):
        found(Story(team.folder / "shallow"))
    grace = team.member("grace")
    grace.git("switch", "--quiet", "-c", "other")
    grace.git("branch", "--delete", "--force", "main")
    grace.git("update-ref", "-d", "refs/remotes/origin/main")
    grace.git("remote", "set-url", "origin", "/nowhere")
    with pytest.raises(GitstageError, match="there is no main yet"):
        found(grace)
