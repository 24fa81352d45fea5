from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gitstage.forges import ForgeChange
from gitstage.policy import read_policy
from gitstage.rules.voices import (
    SILENT,
    CommitBy,
    Voices,
    is_statement_of_people,
    nobody,
    statements_called,
    unknown,
)
from tests.registries import MONDAY, Shelf, Story, believing, peopled, public_key, signed_by, tree

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
    assert (nobody(b"x"), unknown(None, "x")) == (frozenset(), None)
    assert SILENT.approved_on_forge("x", lambda tree: None) == (frozenset(), ())


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("evidence/m/1.0.0/approval-bob/1.json", True),
        ("evidence/risk/m/1.0.0/waiver-bob/1.json", True),
        ("evidence/m/1.0.0/rollback-bob/1.json", True),
        ("evidence/m/1.0.0/settle-bob/1.json", True),
        (f"evidence/policy/{'a' * 64}/approval-bob/1.json", True),
        ("evidence/m/1.0.0/load-test/1.json", False),
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
    it.link(f"{folder}/approval-y/2.json").waive("m", "1.0.0", "soak", "bob")
    found = list(statements_called((it.registry, it.registry), folder, "approval"))
    assert [(name, said is not None) for name, _, said in found] == [
        ("approval-bob/1.json", True),
        ("approval-bob/2.json", True),
        ("approval-y/3.json", False),
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
    assert Voices().forge_people(ForgeChange(authors=frozenset({"alice-acme"}))) == frozenset()
