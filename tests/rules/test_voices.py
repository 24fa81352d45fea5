from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gitstage.changes import FILE, Entry
from gitstage.errors import CannotVerify, GitstageError
from gitstage.forges import Forge, ForgeChange, Review
from gitstage.ledger import Stood, Word
from gitstage.policy import read_policy
from gitstage.rules.voices import (
    SILENT,
    CommitBy,
    Voices,
    is_statement_of_people,
    no_witness,
    nobody,
    statements_called,
    unknown,
)
from gitstage.trust import MEDIA_TYPE
from tests.registries import MONDAY, PEOPLE, Shelf, Story, believing, peopled, public_key, signed_by, tree

POLICY = read_policy(peopled(protected=["CODEOWNERS"]))


def commits(*by: tuple[str, ...]) -> Any:
    """Commits, each as who signed it and then the paths that it changes."""
    found = tuple(CommitBy(frozenset({public_key(who)} if who else ()), frozenset(paths)) for who, *paths in by)
    return lambda base, commit: found


def voices(signers: Any, folder: str = "registry") -> Voices:
    return Voices(policy=POLICY, now=MONDAY, folder=folder, commit="c", landed="c", base="b", commit_signers=signers)


ALICE, BOB = frozenset({"alice"}), frozenset({"bob"})
SLOT, CARD = "registry/production/m.yaml", "registry/models/m/README.md"
APPROVAL = "registry/evidence/m/1.0.0/approval-bob/1.json"


@pytest.mark.parametrize(
    ("signers", "authors"),
    [
        (commits(("alice", SLOT)), frozenset({"alice"})),
        (commits(("alice", SLOT), ("bob", CARD)), frozenset({"alice", "bob"})),
        (commits(("alice", SLOT), ("bob", APPROVAL)), frozenset({"alice"})),
        (commits(("alice", SLOT), ("", APPROVAL)), frozenset({"alice"})),
        (commits(("alice", SLOT), ("bob", APPROVAL, CARD)), frozenset({"alice", "bob"})),
        (commits(("alice", SLOT), ("", "src/main.py")), frozenset({"alice"})),
        (commits(("alice", SLOT), ("", "docs/CODEOWNERS")), None),
        (commits(("alice", SLOT), ("", CARD)), None),
        (commits(("alice", SLOT), ("mallory", CARD)), None),
        (commits(("", SLOT)), None),
        (commits(("alice", APPROVAL)), None),
        (commits(), None),
        (unknown, None),
    ],
)
def test_the_authors_are_the_signers_of_all_that_changes_the_registry(
    signers: Any, authors: frozenset[str] | None
) -> None:
    assert voices(signers).authors == authors


def test_at_a_repository_s_root_only_the_registry_s_own_paths_count() -> None:
    assert voices(commits(("alice", "production/m.yaml"), ("", "src/main.py")), folder="").authors == ALICE
    assert voices(commits(("alice", "production/m.yaml"), ("", "models/m/README.md")), folder="").authors is None


def test_authors_are_looked_for_once_and_only_where_somebody_asks() -> None:
    asked = []

    def signers(base: str | None, commit: str) -> Any:
        asked.append((base, commit))
        return commits(("alice", SLOT))(base, commit)

    found = voices(signers)
    assert found.remembered() is None
    assert (found.authors, found.authors, found.remembered(), asked) == (
        frozenset({"alice"}),
        frozenset({"alice"}),
        frozenset({"alice"}),
        [("b", "c")],
    )
    later = replace(voices(signers), landed="before", heard={})
    assert (later.authors, asked[-1]) == (frozenset({"alice"}), (None, "before"))
    known = replace(found, authors_known=frozenset(frozenset({"bob"})), heard={})
    assert (known.remembered(), known.authors, len(asked)) == (frozenset({"bob"}), frozenset({"bob"}), 2)


def test_where_nobody_listens_nobody_says_anything() -> None:
    assert (SILENT.authors, SILENT.people([public_key("alice")]), SILENT.signers_of(b"")) == (
        None,
        frozenset(),
        (frozenset(), "not signed"),
    )
    assert SILENT.stands_for("x", "y", frozenset(frozenset({"alice"}))) == frozenset()
    assert (nobody(b"x"), no_witness(b"x", b"y"), unknown(None, "x")) == (frozenset(), frozenset(), None)
    assert SILENT.approved_on_forge("x", lambda tree: None) == (frozenset(), ())


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("evidence/m/1.0.0/approval-bob/1.json", True),
        ("evidence/risk/m/1.0.0/waiver-bob/1.json", True),
        ("evidence/m/1.0.0/rollback-bob/1.json", True),
        ("evidence/m/1.0.0/settle-bob/1.json", True),
        (f"evidence/policy/{'a' * 64}/approval-bob/1.json", True),
        (f"evidence/policy/{'a' * 64}/whatever/1.json", True),
        ("evidence/m/1.0.0/load-test/1.json", False),
        ("evidence/m/policy/load-test/1.json", False),
        ("evidence/m/1.0.0/approval/1.json", False),
        ("evidence/approval-bob/1.json", False),
        ("models/m/approval-bob/1.json", False),
    ],
)
def test_what_people_said_is_known_by_its_path(path: str, found: bool) -> None:
    assert is_statement_of_people(path) is found


def test_statements_are_found_in_the_folders_of_their_kind() -> None:
    it = Story(peopled())
    it.register("m", "1.0.0").approve("m", "1.0.0", "bob").approve("m", "1.0.0", "bob", reason="again")
    folder = "evidence/m/1.0.0"
    it.write(f"{folder}/approval-x", "a file").write(f"{folder}/approval-y/notes.txt", "x")
    it.write(f"{folder}/approval-y/3.json", "{").write(f"{folder}/approval-y/1.json", "x" * 1_000_001)
    it.write(f"{folder}/approval-y/4.json", "x" * 1_000_000)
    it.link(f"{folder}/approval-y/2.json").waive("m", "1.0.0", "soak", "bob")
    found = list(statements_called((it.registry, it.registry), folder, "approval"))
    assert [(name, said is not None) for name, _, said in found] == [
        ("approval-bob/1.json", True),
        ("approval-bob/2.json", True),
        ("approval-y/3.json", False),
        ("approval-y/4.json", False),
    ]


def test_who_signed_a_file_is_said_or_why_nobody_did() -> None:
    heard = replace(voices(unknown), signed_by=believing)
    assert heard.signers_of(signed_by(b"{}", "alice", "mallory")) == (frozenset({"alice"}), None)
    assert heard.signers_of(signed_by(b"{}", "mallory")) == (
        frozenset(),
        "signed with a key that nobody in gitstage.yaml has",
    )
    assert heard.signers_of(b"{}") == (frozenset(), "not signed")
    assert tree({}, Shelf()).entry("x") is None


def test_where_no_forge_says_anything_nobody_made_a_change() -> None:
    change = ForgeChange(authors=frozenset({"alice-acme"}))
    forge = Forge(kind="github", changes=(change,))
    assert Voices().forge_people(change) == frozenset()
    assert Voices(policy=POLICY).forge_people(change) == Voices(forge=forge).forge_people(change) == frozenset()
    assert Voices(policy=POLICY, forge=forge).forge_people(change) == ALICE


def test_a_key_is_somebody_s_while_it_is_valid() -> None:
    people = {**PEOPLE, "alice": {"keys": [f'valid-before="20261201" {public_key("alice")}']}}
    now = voices(unknown)
    now = replace(now, policy=read_policy(peopled(people=people)))
    later = replace(now, now=MONDAY + timedelta(days=30))
    keys = [public_key("alice")]
    assert [found.people(keys) for found in (now, later, replace(now, now=None), replace(now, policy=None))] == [
        ALICE,
        frozenset(),
        frozenset(),
        frozenset(),
    ]


# What a forge says


def on_forge(*changes: ForgeChange, **more: Any) -> Voices:
    return replace(voices(unknown), forge=Forge(kind="server", changes=changes), **more)


def test_what_the_forge_says_of_what_landed_is_remembered_without_being_asked() -> None:
    made = ForgeChange(authors=ALICE, commits=frozenset({"c"}))
    assert on_forge(made, authors_known=BOB).remembered() == ALICE
    assert on_forge(made, authors_known=BOB, landed="before").remembered() == BOB


def test_a_change_that_has_no_commit_yet_is_the_one_that_is_judged_and_no_other() -> None:
    judged = ForgeChange(authors=ALICE)
    assert on_forge(judged).authors == ALICE
    assert on_forge(judged, landed="before").authors is None, "what landed before is another change"
    assert on_forge(judged, is_new=False).authors is None, "it was judged before: this is not it"


def test_each_commit_that_landed_brought_commits_of_its_own() -> None:
    by: dict[tuple[str | None, str], Any] = {
        ("b", "c"): commits(("alice", SLOT))(None, "c"),
        (None, "before"): commits(("bob", SLOT))(None, "before"),
    }
    found = voices(lambda base, commit: by[base, commit])
    assert (found.commits("c"), found.commits("before")) == (by["b", "c"], by[None, "before"])
    root: dict[tuple[str | None, str], Any] = {(None, "c"): commits(("bob", SLOT))(None, "c")}
    first = replace(found, base="c", heard={}, commit_signers=lambda base, commit: root[base, commit])
    assert first.commits("c") == root[None, "c"]


def test_whoever_reviews_is_nobody_where_there_is_no_policy() -> None:
    review = Review(account="bob", commit="c", moment=MONDAY)
    made = ForgeChange(authors=ALICE, approvals=(review,), commits=frozenset({"c"}))
    heard = on_forge(made, policy=None)
    assert heard.approved_on_forge("c", lambda tree: None) == (
        frozenset(),
        ("bob on server is nobody in gitstage.yaml",),
    )


def test_a_review_counts_for_what_it_saw_and_from_the_policy_on() -> None:
    def said(unlike: Any = lambda tree: None, since: Any = None, moment: Any = MONDAY, **more: Any) -> Any:
        reviews = (
            Review(account="eve", commit="c", moment=MONDAY),
            Review(account="bob", commit="d" * 40, moment=moment),
        )
        made = ForgeChange(authors=ALICE, approvals=reviews, commits=frozenset({"c"}))
        fields = {"policy_since": MONDAY - timedelta(hours=2), **more}
        return on_forge(made, **fields).approved_on_forge("c", unlike, since)

    eve = "eve on server is nobody in gitstage.yaml"
    assert said() == (BOB, (eve,))
    assert said(since=MONDAY - timedelta(hours=1)) == (BOB, (eve,))
    for why, found in (
        ("is dated in the future", said(moment=MONDAY + timedelta(seconds=1))),
        ("is dated in the future", said(now=None)),
        ("was given under another policy", said(moment=MONDAY - timedelta(hours=2))),
        ("was given under another policy", said(policy_since=None)),
        ("was given before the slot changed", said(since=MONDAY)),
        ("is of another content", said(lambda tree: "another content", tree_at=lambda commit: tree({}))),
        (f"is of {'d' * 12}, which is not here: fetch it", said(tree_at=gone)),
    ):
        assert found == (frozenset(), (eve, f"the review of bob {why}")), why


def gone(commit: str) -> Any:
    raise GitstageError(f"{commit} is not here")


# Who stands for it

WHO, PATH, BLOB = ALICE | BOB, "production/m.yaml", "1" * 40


def standing(by: dict[tuple[str | None, str], str], **more: Any) -> Voices:
    """Each commit that landed, with the one before it, changed the slot and was signed by somebody."""
    return replace(voices(lambda base, commit: commits((by[base, commit], SLOT))(base, commit)), **more)


def stood(*people: str, blob: str = BLOB) -> dict[str, Stood]:
    return {PATH: Stood(blob=blob, landed="a", people=frozenset(people))}


@pytest.mark.parametrize(
    ("heard", "landed", "people"),
    [
        # who signs it now
        (standing({("b", "c"): "bob"}, changed=frozenset({PATH})), "c", BOB),
        (standing({("b", "c"): "carol"}, changed=frozenset({PATH})), "c", frozenset()),
        (standing({("b", "c"): "bob"}, changed=frozenset({PATH}), landed="z"), "c", BOB),
        # what was there before is asked of the commit that brought it
        (standing({(None, "a"): "bob"}, landed="a"), "a", BOB),
        (standing({(None, "a"): "bob"}, landed="z", stood=stood()), "a", BOB),
        # what was remembered counts, and need not be asked again
        (standing({}, stood=stood("alice")), "a", ALICE),
        (standing({}, stood=stood("alice", "carol")), "a", ALICE),
        # … as long as it is what they stood for
        (standing({(None, "z"): "bob"}, landed="z", stood=stood("alice", blob="2" * 40)), "z", BOB),
        (standing({("b", "c"): "bob"}, changed=frozenset({PATH}), stood=stood("alice")), "c", BOB),
    ],
)
def test_whoever_stood_for_a_file_stands_for_it_until_it_changes(
    heard: Voices, landed: str, people: frozenset[str]
) -> None:
    assert heard.who_stood == {}
    assert heard.stands_for(PATH, BLOB, WHO) == people
    assert heard.who_stood == {PATH: Stood(blob=BLOB, landed=landed, people=people)}


def test_whom_a_forge_names_stands_beside_those_who_stood_before() -> None:
    review = Review(account="bob", commit="a", moment=MONDAY)
    made = ForgeChange(authors=frozenset({"carol"}), approvals=(review,), commits=frozenset({"a"}))
    heard = on_forge(made, stood=stood("alice"), policy_since=MONDAY - timedelta(hours=1))
    assert heard.stands_for(PATH, BLOB, WHO) == ALICE | BOB
    assert heard.stands_for(PATH, BLOB, frozenset({"alice", "carol"})) == frozenset({"alice", "carol"})
    other = tree({f"registry/{PATH}": "another"})
    assert replace(heard, tree_at=lambda commit: other).stands_for(PATH, BLOB, WHO) == ALICE


# Whose word it is

GITHUB = Word(by="github", authors=ALICE, approvers=BOB)


def reviewed(**more: Any) -> Voices:
    """Alice proposed it on a forge, and Bob approved it there."""
    review = Review(account="bob", commit="c", moment=MONDAY)
    made = ForgeChange(authors=ALICE, approvals=(review,), commits=frozenset({"c"}))
    return on_forge(made, policy_since=MONDAY - timedelta(hours=1), **more)


def test_what_a_forge_was_heard_to_say_is_what_a_rule_asked_it() -> None:
    heard = reviewed()
    assert (heard.said(), heard.remembered_word()) == (None, None)
    assert heard.authors == ALICE
    assert heard.said() == Word(by="server", authors=ALICE)
    assert heard.approved_on_forge("c", lambda tree: None)[0] == BOB
    assert heard.said() == heard.remembered_word() == Word(by="server", authors=ALICE, approvers=BOB)
    unlike = reviewed(tree_at=lambda commit: tree({}))
    assert unlike.approved_on_forge("c", lambda tree: "another content")[0] == frozenset()
    assert unlike.said() is None
    standing_for = reviewed(landed="c", changed=frozenset({PATH}))
    assert standing_for.stands_for(PATH, BLOB, BOB) == BOB
    assert standing_for.said() == Word(by="server", authors=ALICE, approvers=BOB)


def test_what_is_signed_is_nobody_s_word() -> None:
    heard = voices(commits(("alice", SLOT)))
    assert (heard.authors, heard.said()) == (ALICE, None)
    known = replace(voices(unknown), authors_known=ALICE, stood=stood("alice"))
    assert (known.authors, known.stands_for(PATH, BLOB, WHO), known.said()) == (ALICE, ALICE, None)


def test_what_was_remembered_of_somebody_s_word_still_is_one() -> None:
    word = Word(by="github", authors=ALICE, approvers=frozenset({"bob", "carol"}))
    heard = replace(voices(unknown), authors_known=ALICE, stood=stood("bob"), word_known=word)
    assert heard.remembered_word() == word
    assert heard.authors == ALICE
    assert heard.said() == Word(by="github", authors=ALICE)
    assert heard.stands_for(PATH, BLOB, WHO) == BOB
    assert heard.said() == GITHUB
    other = replace(heard, heard={}, changed=frozenset({PATH}))
    assert other.stands_for(PATH, BLOB, WHO) == frozenset(), "they stood for what was there before"
    assert other.said() is None


def test_where_a_history_is_judged_again_the_word_is_asked_and_no_forge() -> None:
    heard = reviewed(word=GITHUB, authors_known=frozenset({"carol"}))
    assert heard.authors == ALICE
    assert heard.approved_on_forge("c", lambda tree: "another content") == (BOB, ())
    assert heard.stands_for(PATH, BLOB, frozenset({"alice", "carol"})) == ALICE
    assert heard.said() == GITHUB


def test_of_a_word_only_people_whom_the_policy_names_count() -> None:
    word = Word(by="github", authors=frozenset({"mallory"}), approvers=frozenset({"bob", "eve", "zed"}))
    heard = reviewed(word=word)
    said = "who approved it by the word of github, is nobody in gitstage.yaml"
    assert heard.authors == frozenset({"mallory"}), "whoever made it approves nothing, whoever it is"
    assert heard.approved_on_forge("c", lambda tree: None) == (BOB, (f"eve, {said}", f"zed, {said}"))
    assert heard.said() == Word(by="github", authors=frozenset({"mallory"}), approvers=BOB)
    nobody_known = reviewed(word=GITHUB, policy=None)
    assert nobody_known.approved_on_forge("c", lambda tree: None) == (frozenset(), (f"bob, {said}",))
    assert (nobody_known.authors, nobody_known.said()) == (None, None)


# Who signed a Sigstore bundle

BUNDLE = json.dumps({"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}).encode()
ROOT = json.dumps({"mediaType": MEDIA_TYPE}).encode()
NAMED = {"sigstore": {"trusted-root": "trust/root.json", "sha256": hashlib.sha256(ROOT).hexdigest()}}
ISSUER, BOT = "https://accounts.acme.dev", "bot@acme.dev"
TREES = {"p": tree({"trust/root.json": ROOT}), "q": tree({})}


def vouching(*keys: str, **more: Any) -> Voices:
    """A policy that knows a bot by its identity, and a Sigstore by whose root these have signed."""
    people = {**PEOPLE, "bot": {"identities": [{"identity": BOT, "issuer": ISSUER}]}}

    def vouched(data: bytes, root: bytes) -> frozenset[str]:
        assert (data, root) == (BUNDLE, ROOT)
        return frozenset(keys)

    heard = replace(voices(unknown), policy=read_policy(peopled(people=people, **NAMED)), vouched_for=vouched)
    return replace(heard, tree_at=TREES.__getitem__, policy_at="p", **more)


def test_who_signed_a_bundle_is_known_by_identity_and_issuer() -> None:
    good = vouching(f"sigstore:{ISSUER}#{BOT}")
    assert good.signers_of(BUNDLE) == (frozenset({"bot"}), None)
    assert good.identity_of(BUNDLE) == f"{BOT} ({ISSUER})"
    assert replace(good, signed_by=believing).signers_of(signed_by(b"{}", "alice")) == (ALICE, None)
    assert good.identity_of(signed_by(b"{}", "alice")) is None


def test_a_bundle_that_nobody_we_know_signed_says_why() -> None:
    bad = vouching()
    assert bad.signers_of(BUNDLE) == (
        frozenset(),
        "a Sigstore bundle that is not good, going by trust/root.json",
    )
    assert bad.identity_of(BUNDLE) is None
    other = vouching(f"sigstore:{ISSUER}#eve@acme.dev")
    assert (other.signers_of(BUNDLE)[0], other.identity_of(BUNDLE)) == (frozenset(), f"eve@acme.dev ({ISSUER})")
    rootless = replace(bad, policy=POLICY)
    assert rootless.signers_of(BUNDLE) == (frozenset(), "a Sigstore bundle, and gitstage.yaml has no sigstore")
    assert rootless.identity_of(BUNDLE) is None
    for silent in (replace(bad, policy=None), replace(bad, now=None)):
        assert silent.signers_of(BUNDLE) == (frozenset(), "not signed")
    assert replace(bad, policy=None).identity_of(BUNDLE) is None


@pytest.mark.parametrize("more", [{"tree_at": None}, {"policy_at": None}])
def test_where_the_root_cannot_be_looked_for_nothing_is_verified(more: dict[str, Any]) -> None:
    lost = replace(vouching(f"sigstore:{ISSUER}#{BOT}"), **more)
    for ask in (lost.signers_of, lost.identity_of):
        with pytest.raises(CannotVerify, match="^it is not known where the trusted root lies$"):
            ask(BUNDLE)


def test_the_root_is_read_where_the_policy_took_effect() -> None:
    with pytest.raises(CannotVerify, match="the trusted root, is not there"):
        replace(vouching(), policy_at="q").signers_of(BUNDLE)


# What was heard by somebody's word alone

REVIEWED = ForgeChange(
    authors=ALICE, approvals=(Review(account="bob", commit="c", moment=MONDAY),), commits=frozenset({"c"})
)
SINCE = MONDAY - timedelta(hours=1)


def test_what_a_forge_said_and_counted_is_remembered_with_whose_word_it_is() -> None:
    heard = on_forge(REVIEWED, policy_since=SINCE)
    assert (heard.said(), heard.remembered_word()) == (None, None), "nobody has asked"
    assert heard.authors == ALICE
    assert heard.said() == Word(by="server", authors=ALICE)
    assert heard.approved_on_forge("c", lambda tree: None) == (BOB, ())
    assert heard.said() == heard.remembered_word() == Word(by="server", authors=ALICE, approvers=BOB)


def test_what_no_forge_said_is_nobody_s_word() -> None:
    signed = voices(commits(("alice", SLOT)))
    assert (signed.authors, signed.said()) == (ALICE, None)
    other = on_forge(replace(REVIEWED, commits=frozenset({"z"})), commit_signers=commits(("alice", SLOT)))
    assert (other.authors, other.stands_for(PATH, BLOB, WHO), other.said()) == (ALICE, ALICE, None)
    assert on_forge(REVIEWED, landed="z", authors_known=ALICE).authors == ALICE


def test_what_was_heard_when_it_landed_stays_their_word() -> None:
    known = Word(by="github", authors=ALICE, approvers=BOB)
    later = replace(voices(unknown), authors_known=ALICE, word_known=known)
    assert (later.said(), later.remembered_word()) == (None, known)
    assert (later.authors, later.said()) == (ALICE, Word(by="github", authors=ALICE))
    standing_by = replace(voices(unknown), word_known=known, stood=stood("bob"))
    assert standing_by.stands_for(PATH, BLOB, WHO) == BOB
    assert standing_by.said() == known
    without = replace(voices(unknown), word_known=known, stood=stood("alice"))
    assert (without.stands_for(PATH, BLOB, WHO), without.said()) == (ALICE, Word(by="github", authors=ALICE))
    gone = replace(voices(unknown), word_known=known)
    assert (gone.stands_for(PATH, BLOB, WHO), gone.said()) == (frozenset(), None)


def test_whoever_stands_by_a_forge_s_word_is_heard_with_it() -> None:
    heard = on_forge(REVIEWED, policy_since=SINCE, changed=frozenset({PATH}), landed="z")
    same = tree({f"registry/{PATH}": Entry(FILE, BLOB)})
    heard = replace(heard, tree_at=lambda commit: same)
    assert heard.stands_for(PATH, BLOB, WHO) == ALICE | BOB
    assert heard.said() == Word(by="server", authors=ALICE, approvers=BOB)


def test_a_word_that_a_tag_kept_is_taken_for_the_people_whom_the_policy_knows() -> None:
    word = Word(by="gitlab", authors=ALICE, approvers=frozenset({"bob", "zoe", "eve"}))
    audited = replace(voices(unknown), word=word)
    assert audited.authors == ALICE
    said = "who approved it by the word of gitlab, is nobody in gitstage.yaml"
    assert audited.approved_on_forge("c", lambda tree: None) == (BOB, (f"eve, {said}", f"zoe, {said}"))
    assert audited.said() == Word(by="gitlab", authors=ALICE, approvers=BOB)
    assert audited.stands_for(PATH, BLOB, WHO) == ALICE | BOB
    assert replace(audited, policy=None, heard={}).approved_on_forge("c", lambda tree: None)[0] == frozenset()
