"""Tags and ledgers that somebody pushes, and whether they say what folding says."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from gitstage.changes import Nothing
from gitstage.git import Tag
from gitstage.identity import Identity
from gitstage.ledger import body_of
from gitstage.operations import tag
from gitstage.operations.claimed import claimed_registry, first_difference, standing
from gitstage.operations.guarded import Guarded
from tests.git.sandbox import git
from tests.operations.guards import Guard
from tests.operations.stories import Story, Team
from tests.registries import tree

MODEL = "fraud-detector"
SLOT = f"{MODEL}/production"


@pytest.fixture
def guard(serving_team: tuple[Team, Story]) -> Guard:
    """The server of a team of which 1.1.0 serves and 1.2.0 is staged, from now on with the hook."""
    team, ada = serving_team
    guard = Guard.over(team, ada)
    guard.tick()
    return guard


@pytest.fixture
def ada(guard: Guard) -> Story:
    return guard.story


@pytest.fixture
def ledger(ada: Story) -> str:
    return f"refs/gitstage/{ada.registry().identity.id}"


# names


@pytest.mark.parametrize(
    ("name", "stands"),
    [
        ("policy", "in the way"),
        ("policy/3", "ours"),
        ("policy/3/x", "ours"),
        ("policy/draft", "free"),
        ("risk", "in the way"),
        ("risk/fraud", "in the way"),
        ("risk/fraud/production", "in the way"),
        ("risk/fraud/production/1", "ours"),
        ("risk/fraud/production/x", "ours"),
        ("risk/fraud/production/1/x", "ours"),
        ("risk/fraud/v1.0.0", "ours"),
        ("risk/fraud/v1.0.0/x", "ours"),
        ("risk/fraud/v1", "free"),
        ("risk/fraud/notes", "free"),
        ("risk/production/1", "free"),
        ("churn/production/1", "free"),
        ("churn", "free"),
        ("v1.0.0", "free"),
        ("production/1", "free"),
    ],
)
def test_a_name_is_ours_stands_in_the_way_or_is_free(name: str, stands: str) -> None:
    here = tree({"models/risk/fraud/1.0.0.yaml": "x", "staging/README.md": "x"})
    identity = Identity(id="1", stages=("staging", "production"))
    one = Guarded(folder="", identity=identity)
    if name == "risk/production/1":
        # A namespace is a folder as a model is, and may become one only together with its models.
        assert standing(one, f"refs/tags/{name}", [here]) == "ours"
        return
    assert standing(one, f"refs/tags/{name}", [Nothing(), here]) == stands


@pytest.mark.parametrize(
    ("name", "stands"),
    [
        ("eu", "in the way"),
        ("eu/models", "in the way"),
        ("eu/models/fraud", "in the way"),
        ("eu/models/fraud/staging/2", "ours"),
        ("eu/models/policy/1", "ours"),
        ("fraud/staging/2", "free"),
        ("eu/modelsx", "free"),
    ],
)
def test_with_a_prefix_only_what_begins_with_it_is_ours(name: str, stands: str) -> None:
    identity = Identity(id="1", stages=("staging",), tag_prefix="eu/models/")
    one = Guarded(folder="eu", identity=identity)
    assert standing(one, f"refs/tags/{name}", [tree({"eu/models/fraud/1.0.0.yaml": "x"})]) == stands


def test_tags_of_versions_are_the_users_where_gitstage_makes_none() -> None:
    identity = Identity(id="1", stages=("staging",), tag_versions=False)
    one = Guarded(folder="", identity=identity)
    assert standing(one, "refs/tags/fraud/v1.0.0", [tree({"models/fraud/1.0.0.yaml": "x"})]) == "free"


@pytest.mark.parametrize(
    ("kind", "message", "claimed"),
    [
        ("tag", 'x\n\n{"schema": "gitstage/promotion/v1", "registry": "1"}', "1"),
        ("tag", 'x\n\n{"schema": "gitstage/other/v9", "registry": 7}', "7"),
        ("tag", 'x\n\n{"schema": "other/v9", "registry": "1"}', None),
        ("tag", "x\n\n[]", None),
        ("tag", "x", None),
        ("commit", 'x\n\n{"schema": "gitstage/promotion/v1", "registry": "1"}', None),
    ],
)
def test_a_tag_claims_a_registry_or_none(kind: str, message: str, claimed: str | None) -> None:
    assert claimed_registry(Tag("refs/tags/x", "0" * 40, kind, "0" * 40, message, None)) == claimed


# tags


def forged(story: Story, like: str, name: str, change: Callable[[dict[str, object]], None], at: str = "HEAD") -> None:
    """A tag like another one, but for what its body says and where it stands."""
    message = story.git("for-each-ref", "--format=%(contents)", f"refs/tags/{like}")
    body = body_of(message)
    change(body)
    text = message.partition("\n\n")[0] + "\n\n" + json.dumps(body, indent=2)
    story.git("tag", "-a", "-f", "-m", text, name, at)


def promoted_by_hand(story: Story) -> str:
    story.copy(f"models/{MODEL}/1.2.0.yaml", f"production/{MODEL}.yaml")
    story.copy(f"models/{MODEL}/1.1.0.yaml", f"archived/{MODEL}/1.1.0.yaml")
    return story.commit("promote by hand")


def held_back(story: Story) -> None:
    """A promotion with its tag and the ledger, which lie in this clone and were pushed to nobody."""
    where = story.git("remote", "get-url", "origin")
    story.git("remote", "remove", "origin")
    story.promote(MODEL, to="production")
    story.git("remote", "add", "origin", where)
    assert f"{SLOT}/3" in story.tags()


ALL = ("main", "refs/tags/*", "refs/gitstage/*")


def test_a_promotion_that_is_pushed_by_hand_with_its_tag_and_the_ledger_is_let_in(guard: Guard, ada: Story) -> None:
    held_back(ada)
    guard.lets_in("--atomic", *ALL)
    assert ada.in_effect(MODEL) == "1.2.0"


def test_a_tag_is_never_moved(guard: Guard, ada: Story) -> None:
    ada.git("tag", "-f", f"{SLOT}/2", f"{SLOT}/1^{{commit}}")
    said = guard.refuses("--force", f"refs/tags/{SLOT}/2")
    assert said.splitlines()[1] == f"refs/tags/{SLOT}/2: version-immutable: a tag of gitstage is never moved"


@pytest.mark.parametrize("name", [f"{SLOT}/2", f"{MODEL}/v1.0.0", "policy/1"])
def test_a_tag_is_never_deleted(guard: Guard, ada: Story, name: str) -> None:
    assert f"refs/tags/{name}: version-immutable: a tag of gitstage is never deleted" in guard.refuses(
        "--delete", f"refs/tags/{name}"
    )


def test_a_lightweight_tag_in_our_names_is_refused(guard: Guard, ada: Story) -> None:
    ada.git("tag", f"{SLOT}/3")
    assert "comes with the ledger that says so" in guard.refuses(f"refs/tags/{SLOT}/3")


def test_an_annotated_tag_in_our_names_that_says_nothing_is_refused(guard: Guard, ada: Story) -> None:
    ada.git("tag", "-a", "-m", "ship it", f"{MODEL}/v9.0.0")
    assert "comes with the ledger that says so" in guard.refuses(f"refs/tags/{MODEL}/v9.0.0")


@pytest.mark.parametrize("name", [MODEL, SLOT, "policy"])
def test_a_tag_below_which_git_could_make_none_of_ours_is_refused(guard: Guard, ada: Story, name: str) -> None:
    # Here nothing lies below them, as on a server of a new registry.
    for ref in [ref for ref in guard.refs() if ref.startswith("refs/tags/")]:
        guard.git("update-ref", "-d", ref)
    assert f"refs/tags/{name}: conflict: git could make no tags" in guard.refuses(f"main:refs/tags/{name}")


def test_a_true_promotion_whose_tag_is_lightweight_is_refused(guard: Guard, ada: Story) -> None:
    held_back(ada)
    ada.git("tag", "-f", f"{SLOT}/3", "HEAD")
    assert "it is no annotated tag" in guard.refuses("--atomic", *ALL)


def test_a_true_promotion_whose_tag_stands_on_another_commit_is_refused(guard: Guard, ada: Story) -> None:
    held_back(ada)
    forged(ada, f"{SLOT}/3", f"{SLOT}/3", lambda body: None, at="HEAD~1")
    assert "and this took effect at" in guard.refuses("--atomic", *ALL)


def test_a_tag_of_a_tag_is_refused(guard: Guard, ada: Story) -> None:
    held_back(ada)
    ada.git("tag", "inner", f"{SLOT}/3")
    forged(ada, f"{SLOT}/3", f"{SLOT}/3", lambda body: None, at="inner")
    assert "and this took effect at" in guard.refuses("--atomic", "main", f"refs/tags/{SLOT}/3", "refs/gitstage/*")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("number", 4),
        ("moment", "2026-01-01T00:00:00Z"),
        ("action", "rollback"),
        ("in", {"version": "1.0.0", "blob": "0" * 40}),
        ("out", None),
        ("policy", "0" * 64),
        ("findings", [{"rule": "soak", "verdict": "passed", "message": "it waited"}]),
        ("source", "shadow"),
        ("registry", "00000000-0000-0000-0000-000000000000"),
        ("extra", True),
    ],
)
def test_a_true_promotion_whose_tag_claims_something_else_is_refused(
    guard: Guard, ada: Story, key: str, value: object
) -> None:
    held_back(ada)
    forged(ada, f"{SLOT}/3", f"{SLOT}/3", lambda body: body.update({key: value}))
    said = guard.refuses("--atomic", *ALL)
    assert "it claims what is not so" in said or "it speaks of a registry" in said


def test_a_tag_that_nothing_took_effect_for_is_refused_although_the_ledger_is_true(guard: Guard, ada: Story) -> None:
    held_back(ada)
    forged(ada, f"{SLOT}/3", f"{MODEL}/staging/9", lambda body: body.update(stage="staging", number=9))
    assert f"refs/tags/{MODEL}/staging/9: ledger: folding says nothing of this" in guard.refuses("--atomic", *ALL)


def test_a_forged_tag_of_a_model_that_is_not_there_yet_is_refused(guard: Guard, ada: Story) -> None:
    forged(ada, f"{SLOT}/2", "churn/production/1", lambda body: body.update(model="churn", number=1))
    assert "comes with the ledger that says so" in guard.refuses("refs/tags/churn/production/1")


def test_a_forged_tag_under_a_name_of_nobodys_is_refused(guard: Guard, ada: Story) -> None:
    forged(ada, f"{SLOT}/2", "nightly", lambda body: None)
    assert "comes with the ledger that says so" in guard.refuses("refs/tags/nightly")


def test_a_tag_of_a_registry_that_is_not_here_is_refused(guard: Guard, ada: Story) -> None:
    forged(ada, f"{SLOT}/2", "nightly", lambda body: body.update(registry="1-2"))
    assert "it speaks of a registry 1-2, which is not here" in guard.refuses("refs/tags/nightly")


def test_a_promotion_whose_tag_is_kept_back_is_refused(guard: Guard, ada: Story) -> None:
    held_back(ada)
    assert f"refs/tags/{SLOT}/3: ledger: the ledger says that this took effect" in guard.refuses(
        "--atomic", "main", "refs/gitstage/*"
    )


def test_a_promotion_whose_ledger_is_kept_back_is_refused(guard: Guard, ada: Story) -> None:
    held_back(ada)
    assert "comes with the ledger that says so" in guard.refuses("--atomic", "main", "refs/tags/*")


def test_tags_and_ledger_of_a_commit_that_is_not_on_the_trunk_are_refused(guard: Guard, ada: Story) -> None:
    held_back(ada)
    said = guard.refuses("--atomic", "main:refs/heads/topic", "refs/tags/*", "refs/gitstage/*")
    assert "it has judged a commit that is not on the trunk" in said


# the ledger


def test_the_ledger_is_never_deleted(guard: Guard, ada: Story, ledger: str) -> None:
    assert f"{ledger}: ledger: the ledger is never deleted" in guard.refuses("--delete", ledger)


def test_the_ledger_is_never_rewound(guard: Guard, ada: Story, ledger: str) -> None:
    assert "would be rewound or replaced" in guard.refuses("--force", f"{ledger}~1:{ledger}")


def test_the_ledger_is_never_replaced_by_one_without_its_history(guard: Guard, ada: Story, ledger: str) -> None:
    alone = ada.git("commit-tree", "-m", "alone", f"{ledger}^{{tree}}")
    assert "would be rewound or replaced" in guard.refuses("--force", f"{alone}:{ledger}")


def test_a_merge_is_no_step_of_a_ledger(guard: Guard, ada: Story, ledger: str) -> None:
    merge = ada.git("commit-tree", "-m", "merge", "-p", ledger, "-p", "main", f"{ledger}^{{tree}}")
    assert "would be rewound or replaced" in guard.refuses(f"{merge}:{ledger}")


def child(story: Story, ledger: str, change: Callable[[dict[str, object]], None], *, more: str = "") -> str:
    """A child of the ledger's commit with another document."""
    document = json.loads(story.git("cat-file", "blob", f"{ledger}:ledger.json"))
    change(document)
    text = json.dumps(document, indent=2) + "\n"
    blob = git("hash-object", "-w", "--stdin", cwd=story.path, stdin=text.encode())
    rows = f"100644 blob {blob}\tledger.json\n{more}"
    listed = git("mktree", cwd=story.path, stdin=rows.encode())
    return story.git("commit-tree", "-m", "forged", "-p", ledger, listed)


def now(story: Story) -> str:
    return story.now.isoformat().replace("+00:00", "Z")


def test_a_run_that_found_nothing_new_may_be_written_down(guard: Guard, ada: Story, ledger: str) -> None:
    guard.lets_in(f"{child(ada, ledger, lambda said: said.update(clock=now(ada)))}:{ledger}")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"judged": None}, "it says not what was judged"),
        ({"clock": None}, "it says not what was judged"),
        ({"clock": "x"}, "cannot be read"),
        ({"registry": "1"}, "cannot be read"),
        ({"schema": "gitstage/ledger/v2"}, "cannot be read"),
        ({"policy": {"commit": None, "number": 0, "since": None}}, "it says something else than folding does"),
        ({"policy": {"commit": None, "number": 7, "since": None}}, "it says something else than folding does"),
        ({"open": [], "more": 1}, "it says something else than folding does"),
        ({"judged": "0" * 40}, "it has judged a commit that is not on the trunk"),
        ({"judged": "main"}, "it has judged a commit that is not on the trunk"),
    ],
)
def test_a_forged_ledger_is_refused(
    guard: Guard, ada: Story, ledger: str, change: dict[str, object], said: str
) -> None:
    forgery = child(ada, ledger, lambda document: document.update({"clock": now(ada), **change}))
    assert said in guard.refuses(f"{forgery}:{ledger}")


def test_a_ledger_with_something_beside_its_document_is_refused(guard: Guard, ada: Story, ledger: str) -> None:
    blob = ada.git("rev-parse", f"{ledger}:ledger.json")
    forgery = child(ada, ledger, lambda said: said.update(clock=now(ada)), more=f"100644 blob {blob}\tmore.json\n")
    assert "it says something else than folding does" in guard.refuses(f"{forgery}:{ledger}")


def test_a_ledger_without_a_document_is_refused(guard: Guard, ada: Story, ledger: str) -> None:
    forgery = ada.git("commit-tree", "-m", "forged", "-p", ledger, "main^{tree}")
    assert "it holds no ledger.json" in guard.refuses(f"{forgery}:{ledger}")


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        (timedelta(minutes=-11), "it is backdated"),
        (timedelta(minutes=11), "is still to come"),
        (timedelta(hours=-30), "before that of the run before it"),
    ],
)
def test_a_run_that_says_another_moment_than_now_is_refused(
    guard: Guard, ada: Story, ledger: str, moment: timedelta, said: str
) -> None:
    ada.later(hours=10)
    when = (ada.now + moment).isoformat().replace("+00:00", "Z")
    forgery = child(ada, ledger, lambda document: document.update(clock=when))
    assert said in guard.refuses(f"{forgery}:{ledger}")


def test_a_promotion_that_is_backdated_with_its_tag_and_its_ledger_is_refused(guard: Guard, ada: Story) -> None:
    held_back(ada)
    ada.later(hours=1)
    assert "it is backdated" in guard.refuses("--atomic", *ALL)


def test_a_promotion_that_is_pushed_some_minutes_after_it_was_made_is_let_in(guard: Guard, ada: Story) -> None:
    held_back(ada)
    ada.later(minutes=9)
    guard.lets_in("--atomic", *ALL)


def test_a_ledger_that_leaves_a_commit_of_the_trunk_to_the_next_run_is_let_in_and_one_that_passes_over_it_is_not(
    guard: Guard, ada: Story, ledger: str
) -> None:
    ada.later(hours=1)
    promoted_by_hand(ada)
    guard.lets_in("main")
    tip = ada.git("rev-parse", "main")
    passing_over = child(ada, ledger, lambda said: said.update(clock=now(ada), judged=tip))
    assert f"refs/tags/{SLOT}/3: ledger: the ledger says that this took effect" in guard.refuses(
        f"{passing_over}:{ledger}"
    )
    guard.lets_in(f"{child(ada, ledger, lambda said: said.update(clock=now(ada)))}:{ledger}")


def test_of_two_taggers_the_second_finds_everything_done(guard: Guard, ada: Story) -> None:
    promoted_by_hand(ada)
    guard.lets_in("main")
    bob = Team(guard.path.parent).member("bob", now=ada.now)
    assert ada.tag().tags == (f"refs/tags/{SLOT}/3",)
    before = guard.refs()
    assert bob.tag().tags == ()
    assert guard.refs() == before


def test_somebody_who_goes_on_knowingly_after_the_trunk_was_rewritten_on_the_server_is_let_in(
    guard: Guard, ada: Story
) -> None:
    ada.git("commit", "--quiet", "--amend", "-m", "another history")
    guard.git("fetch", "--quiet", str(ada.path), "+main:main")  # whoever runs the server may
    ada.write("README.md", "# after the accident\n")
    ada.commit("go on")
    assert "trunk-continues: the commit judged last" in guard.refuses("main")
    ada.git("reset", "--quiet", "--hard", "HEAD~1")
    ada.git("fetch", "--quiet")
    assert tag.run(ada.registry(), rewritten=True, reason="the disk was lost").pushed
    ada.write("README.md", "# after the accident\n")
    ada.commit("go on")
    guard.lets_in("main")


def test_a_run_that_judged_less_than_the_run_before_it_is_refused(guard: Guard, ada: Story, ledger: str) -> None:
    before = ada.git("rev-parse", "main~1")
    forgery = child(ada, ledger, lambda said: said.update(clock=now(ada), judged=before))
    assert "or one that was judged before" in guard.refuses(f"{forgery}:{ledger}")


def test_a_command_that_lands_a_hold_puts_into_effect_what_had_landed_before_it(guard: Guard, ada: Story) -> None:
    promoted_by_hand(ada)
    guard.lets_in("main")
    assert f"refs/tags/{SLOT}/3" in ada.hold(f"{MODEL}@1.2.0", push=True).tags
    assert f"refs/tags/{SLOT}/3" in guard.refs()


@pytest.mark.parametrize(
    ("said", "so", "difference"),
    [
        ("a\n b\n", "a\n c\n", "'b' instead of 'c'"),
        ("a\nb", "a", "it is longer, or cut off"),
        ("a", "a\nb", "it is longer, or cut off"),
    ],
)
def test_the_first_line_that_is_not_so_is_shown(said: str, so: str, difference: str) -> None:
    assert first_difference(said, so) == difference


def test_nobody_goes_on_knowingly_after_a_trunk_that_was_not_rewritten(guard: Guard, ada: Story, ledger: str) -> None:
    ada.git("commit", "--quiet", "--amend", "-m", "another history")
    tip = ada.git("rev-parse", "HEAD")
    forgery = child(ada, ledger, lambda said: said.update(clock=now(ada), judged=tip))
    assert "not on the first-parent line" in guard.refuses("--force", "main", f"{forgery}:{ledger}")
    assert "it has judged a commit that is not on the trunk" in guard.refuses("main:topic", f"{forgery}:{ledger}")
