from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gitstage.approvals import Binding, PolicyChange, PolicySaid, Said
from gitstage.errors import GitstageError, NoSuchThing
from gitstage.operations import approve, redact
from gitstage.operations.landing import Outcome
from gitstage.signatures.signing import CannotSign
from tests.operations.pictures import unchanged
from tests.operations.signatories import make_keys, policy, said_in
from tests.operations.stories import Story
from tests.signatures.hands import public

FOLDER = "evidence/fraud-detector/1.2.0"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def asked(served: Story, keys: dict[str, Path]) -> Story:
    """The story of `served`, in which production asks for an approval."""
    served.amend(policy(keys, approvals="[{count: 1, from: owners}]"))
    return served.later(hours=1)


def approved(story: Story, key: Path, what: str = "fraud-detector@1.2.0", **options: Any) -> Outcome:
    return approve.run(story.registry(), [what], **{"stage": "production", "sign": [str(key)], **options})


def digest(story: Story, path: str) -> str:
    return hashlib.sha256(story.read(path).encode()).hexdigest()


def about(story: Story, version: str = "1.2.0", *, incumbent: str | None = "1.1.0", change: int = 2) -> Binding:
    """The next change of production, as people sign it."""
    manifest = "models/fraud-detector/{}.yaml".format
    return Binding(
        registry=story.registry().identity.id,
        model="fraud-detector",
        version=version,
        manifest=digest(story, manifest(version)),
        stage="production",
        incumbent=None if incumbent is None else digest(story, manifest(incumbent)),
        change=change,
    )


def test_an_approval_is_bound_to_the_next_change_of_the_slot(asked: Story, keys: dict[str, Path]) -> None:
    outcome = approved(asked, keys["bob"], reason="looks good", expires="30d")
    assert (outcome.exit_code, outcome.landed, list(outcome.plan.edits)) == (
        0,
        True,
        [f"{FOLDER}/approval-bob/1.json"],
    )
    said, signed_by = said_in(asked, f"{FOLDER}/approval-bob/1.json")
    assert said == Said(
        kind="approval",
        about=about(asked),
        made=asked.now,
        expires=asked.now + timedelta(days=30),
        reason="looks good",
    )
    assert signed_by == {public(keys["bob"])}
    assert asked.git("log", "-1", "--format=%s%n%b").splitlines() == [
        "fraud-detector: approve 1.2.0 for production",
        "Gitstage-Action: approve",
        "Gitstage-Version: fraud-detector@1.2.0",
    ]


def test_it_stands_in_the_place_of_whoever_signs(asked: Story, keys: dict[str, Path]) -> None:
    both = approved(asked, keys["bob"], sign=[str(keys["bob"]), str(keys["ada"])])
    assert list(both.plan.edits) == [f"{FOLDER}/approval-ada/1.json"]
    assert said_in(asked, f"{FOLDER}/approval-ada/1.json")[1] == {public(keys["ada"]), public(keys["bob"])}


def test_the_same_approval_twice_is_once(asked: Story, keys: dict[str, Path]) -> None:
    approved(asked, keys["bob"], expires="30d")
    asked.later(hours=1)
    with unchanged(asked.path):
        again = approved(asked, keys["bob"], expires="1d")
    assert (again.commit, again.notes) == (None, (f"{FOLDER}/approval-bob/1.json says the same",))
    # What counts for longer, says something else, or is somebody else's is another one.
    assert list(approved(asked, keys["bob"]).plan.edits) == [f"{FOLDER}/approval-bob/2.json"]
    assert list(approved(asked, keys["bob"], reason="again").plan.edits) == [f"{FOLDER}/approval-bob/3.json"]
    assert list(approved(asked, keys["ada"]).plan.edits) == [f"{FOLDER}/approval-ada/1.json"]


def test_one_that_somebody_else_signed_is_not_taken_for_what_is_there(asked: Story, keys: dict[str, Path]) -> None:
    approved(asked, keys["ada"])
    asked.copy(f"{FOLDER}/approval-ada/1.json", f"{FOLDER}/approval-bob/1.json")
    asked.write(f"{FOLDER}/approval-bob/2.json", "{")
    asked.write(f"{FOLDER}/approval-bob/3.json/4.json", "{")
    asked.commit("forged")
    assert list(approved(asked, keys["bob"], dry_run=True).plan.edits) == [f"{FOLDER}/approval-bob/4.json"]


def test_what_is_in_effect_is_approved_to_leave(asked: Story, keys: dict[str, Path]) -> None:
    outcome = approved(asked, keys["ada"], "fraud-detector@production")
    path = "evidence/fraud-detector/1.1.0/approval-ada/1.json"
    assert said_in(asked, path)[0] == Said(kind="approval", about=about(asked, "1.1.0"), made=asked.now)
    assert outcome.plan.subject == "fraud-detector: approve that 1.1.0 leaves production"


def test_a_slot_that_never_held_anything_has_no_incumbent(asked: Story, keys: dict[str, Path]) -> None:
    asked.register("other", "1.0.0", to="staging")
    outcome = approve.run(
        asked.registry(),
        ["other@1.0.0", "fraud-detector@staging"],
        stage="production",
        sign=[str(keys["ada"])],
    )
    assert sorted(outcome.plan.edits) == [f"{FOLDER}/approval-ada/1.json", "evidence/other/1.0.0/approval-ada/1.json"]
    assert outcome.plan.subject == "gitstage: approve 2 versions for production"
    said, _ = said_in(asked, "evidence/other/1.0.0/approval-ada/1.json")
    assert isinstance(said, Said)
    assert (said.about.incumbent, said.about.change) == (None, 0)


def test_on_a_branch_it_lies_beside_what_it_approves(asked: Story, keys: dict[str, Path]) -> None:
    asked.git("switch", "--quiet", "--create", "work")
    asked.promote("fraud-detector", to="production")
    outcome = approved(asked, keys["bob"])
    assert (outcome.exit_code, outcome.landed, outcome.branch) == (0, False, "refs/heads/work")
    assert said_in(asked, f"{FOLDER}/approval-bob/1.json")[0] == Said(
        kind="approval", about=about(asked), made=asked.now
    )


@pytest.mark.parametrize(
    ("what", "options", "error", "why"),
    [
        ("fraud-detector@9.9.9", {}, NoSuchThing, "fraud-detector has no version 9.9.9"),
        ("nobody@1.0.0", {}, NoSuchThing, "nobody"),
        ("fraud-detector", {}, GitstageError, "fraud-detector names no version: what is approved?"),
        ("fraud-detector@production~1", {}, GitstageError, "~1 counts back"),
        ("fraud-detector@1.2.0", {"stage": "canary"}, NoSuchThing, "there is no stage 'canary'"),
        ("fraud-detector@1.2.0", {"expires": "soon"}, GitstageError, "'soon' is no length of time, date or moment"),
        ("fraud-detector@1.2.0", {"expires": "2026-03-01"}, GitstageError, "2026-03-01 is over"),
        ("fraud-detector@1.2.0", {"expires": "0s"}, GitstageError, "0s is over"),
        ("fraud-detector@1.2.0", {"reason": " "}, GitstageError, "a reason has 1 to 1000 characters"),
        ("fraud-detector@1.2.0", {"reason": "x" * 1001}, GitstageError, "a reason has 1 to 1000 characters"),
        ("fraud-detector@1.2.0", {"reason": "a\u202eb"}, GitstageError, "control characters"),
        ("fraud-detector@1.2.0", {"sign": ["nowhere"]}, CannotSign, "nowhere is no file with a key"),
    ],
)
def test_what_cannot_be_approved_is_refused(
    asked: Story, keys: dict[str, Path], what: str, options: dict[str, Any], error: type[GitstageError], why: str
) -> None:
    with unchanged(asked.path), pytest.raises(error) as caught:
        approved(asked, keys["bob"], what, **options)
    assert why in caught.value.message


def test_a_key_that_is_nobodys_signs_nothing_that_counts(asked: Story, keys: dict[str, Path]) -> None:
    for sign in ([keys["eve"]], [keys["ada"], keys["eve"]]):
        with unchanged(asked.path), pytest.raises(GitstageError) as caught:
            approved(asked, keys["eve"], sign=[str(key) for key in sign])
        assert caught.value.message.startswith("SHA256:")
        assert "signed with a key that nobody in gitstage.yaml has, so it would not count" in caught.value.message
        assert caught.value.hint == f"under people: in gitstage.yaml: keys: [{public(keys['eve'])}]"


def test_a_key_that_is_no_longer_valid_signs_nothing_that_counts(asked: Story, keys: dict[str, Path]) -> None:
    key = public(keys["bob"])
    asked.amend({f"[{key}]": f"['valid-before=\"20260301\" {key}']"})
    with unchanged(asked.path), pytest.raises(GitstageError, match="the key of bob is no longer valid"):
        approved(asked.later(hours=1), keys["bob"])


def test_who_is_not_asked_is_told_so_and_may_say_it(asked: Story, keys: dict[str, Path]) -> None:
    asked.amend({"rollback: {by: [owners, oncall], settle: 72h}": "rollback: {by: [owners]}"})
    outcome = approved(asked, keys["cara"])
    assert (outcome.exit_code, outcome.notes) == (0, ("production asks for no approval of fraud-detector by cara",))
    both = approved(asked, keys["cara"], sign=[str(keys["cara"]), str(keys["bob"])])
    assert (list(both.plan.edits), both.notes) == ([f"{FOLDER}/approval-bob/1.json"], ())


def test_a_dry_run_changes_nothing(asked: Story, keys: dict[str, Path]) -> None:
    with unchanged(asked.path):
        outcome = approved(asked, keys["bob"], dry_run=True)
    assert (list(outcome.plan.edits), outcome.exit_code) == ([f"{FOLDER}/approval-bob/1.json"], 0)


# The policy


def loosened(story: Story) -> str:
    """A branch on which the gate asks for nobody any more, and the digest of its policy."""
    story.git("switch", "--quiet", "--create", "work")
    text = story.read("gitstage.yaml").replace("approvals: [{count: 1, from: owners}]", "soak: 1h")
    story.write("gitstage.yaml", text)
    story.commit("loosened")
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_policy_is_approved_by_its_digest(asked: Story, keys: dict[str, Path]) -> None:
    base = digest(asked, "gitstage.yaml")
    number = asked.registry().state.policy_number
    new = loosened(asked)
    outcome = approve.run_policy(asked.registry(), sign=[str(keys["ada"])], expires="2026-04-01", reason="agreed")
    path = f"evidence/policy/{new}/approval-ada/1.json"
    assert (outcome.exit_code, list(outcome.plan.edits)) == (0, [path])
    said, signed_by = said_in(asked, path)
    change = PolicyChange(registry=asked.registry().identity.id, policy=new, base=base, number=number)
    assert isinstance(said, PolicySaid)
    assert (said.about, said.reason) == (change, "agreed")
    assert signed_by == {public(keys["ada"])}
    assert outcome.plan.subject == f"gitstage: approve the policy {new[:12]}"
    asked.later(hours=1)
    with unchanged(asked.path):
        again = approve.run_policy(asked.registry(), sign=[str(keys["ada"])], expires="2026-04-01", reason="agreed")
    assert again.notes == (f"{path} says the same",)


def test_protected_files_are_approved_with_it(asked: Story, keys: dict[str, Path]) -> None:
    asked.amend({"stages:\n": "protected: [CODEOWNERS, ci/**]\nstages:\n"})
    asked.write("CODEOWNERS", "* @ada\n")
    asked.write("ci/old.yml", "old")
    asked.commit("ci")
    asked.later(hours=1).tag()
    asked.git("switch", "--quiet", "--create", "work")
    asked.write("CODEOWNERS", "* @eve\n")
    asked.git("rm", "--quiet", "ci/old.yml")
    asked.write("notes.txt", "not protected")
    asked.commit("mine now")
    outcome = approve.run_policy(asked.registry(), sign=[str(keys["ada"])])
    (path,) = outcome.plan.edits
    said, _ = said_in(asked, path)
    assert isinstance(said, PolicySaid)
    assert dict(said.about.files) == {"CODEOWNERS": digest(asked, "CODEOWNERS"), "ci/old.yml": None}
    assert said.about.policy == said.about.base == digest(asked, "gitstage.yaml")


def test_tombstones_are_approved_by_their_digests(asked: Story, keys: dict[str, Path]) -> None:
    asked.git("switch", "--quiet", "--create", "work")
    redact.run(asked.registry(), "fraud-detector@1.0.0", reason="a name")
    outcome = approve.run_policy(asked.registry(), sign=[str(keys["ada"])])
    (path,) = outcome.plan.edits
    current = digest(asked, "gitstage.yaml")
    assert path == f"evidence/policy/{current}/approval-ada/1.json"
    assert outcome.plan.subject == "gitstage: approve what is redacted of fraud-detector"
    said, _ = said_in(asked, path)
    assert isinstance(said, PolicySaid)
    places = ("archived/fraud-detector/1.0.0.yaml", "models/fraud-detector/1.0.0.yaml")
    assert dict(said.about.files) == {place: digest(asked, place) for place in places}
    assert (said.about.policy, said.about.base) == (current, current)


def test_a_policy_and_what_is_redacted_are_approved_in_one_commit(asked: Story, keys: dict[str, Path]) -> None:
    loosened(asked)
    redact.run(asked.registry(), "fraud-detector@1.0.0", reason="a name")
    outcome = approve.run_policy(asked.registry(), sign=[str(keys["ada"])])
    assert len(outcome.plan.edits) == 2
    assert outcome.exit_code == 0


def test_where_nothing_of_the_policy_changes_there_is_nothing_to_approve(asked: Story, keys: dict[str, Path]) -> None:
    with unchanged(asked.path), pytest.raises(GitstageError) as caught:
        approve.run_policy(asked.registry(), sign=[str(keys["ada"])])
    assert caught.value.message == "nothing of the policy changes here, and nothing is redacted"


# From the first word to the last


def test_an_approval_lets_a_promotion_take_effect(asked: Story, keys: dict[str, Path]) -> None:
    signing_commits(asked, keys["ada"])
    asked.git("switch", "--quiet", "--create", "work")
    assert asked.promote("fraud-detector", to="production").exit_code == 0
    asked.git("switch", "--quiet", "main")
    asked.git("merge", "--quiet", "--ff-only", "work")
    assert asked.tag().exit_code == 4
    approved(asked, keys["ada"])
    assert asked.in_effect("fraud-detector") == "1.1.0"  # who made it does not approve it
    outcome = approved(asked.later(hours=1), keys["bob"])
    assert outcome.tags == ("refs/tags/fraud-detector/production/3",)
    assert asked.in_effect("fraud-detector") == "1.2.0"


def signing_commits(story: Story, key: Path) -> None:
    """From here on commits are signed with a key."""
    story.git("config", "gpg.format", "ssh")
    story.git("config", "user.signingKey", str(key))
    story.git("config", "commit.gpgSign", "true")
