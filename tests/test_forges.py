from __future__ import annotations

import json
from typing import Any

import pytest

from gitstage.canonical import DocumentError
from gitstage.forges import Forge, ForgeChange, Review, pushed_by, read_forge
from gitstage.policy import read_policy
from tests.registries import MONDAY, peopled

ONE, TWO = "1" * 40, "2" * 64
DOCUMENT: dict[str, Any] = {
    "schema": "gitstage/approvals/v1",
    "forge": "github",
    "changes": [
        {
            "commits": [ONE, TWO],
            "authors": ["alice-acme"],
            "approvals": [{"account": "bob-acme", "commit": TWO, "moment": "2026-11-23T10:00:00Z"}],
        },
        {"authors": ["carol"]},
    ],
}
CHANGE = ForgeChange(
    commits=frozenset({ONE, TWO}),
    authors=frozenset({"alice-acme"}),
    approvals=(Review(account="bob-acme", commit=TWO, moment=MONDAY),),
)
JUDGED = ForgeChange(authors=frozenset({"carol"}))


def test_a_file_says_who_made_and_who_approved_changes() -> None:
    forge = read_forge(json.dumps(DOCUMENT).encode(), landed=False)
    assert forge == Forge(kind="github", changes=(CHANGE, JUDGED))
    assert forge.said_of(ONE, judged_now=False) == forge.said_of(TWO, judged_now=True) == CHANGE
    assert (forge.said_of("3" * 40, judged_now=True), forge.said_of("3" * 40, judged_now=False)) == (JUDGED, None)


def with_(path: str, value: object) -> bytes:
    document: Any = json.loads(json.dumps(DOCUMENT))
    *steps, last = path.split(".")
    place = document
    for step in steps:
        place = place[int(step) if step.isdigit() else step]
    place[int(last) if last.isdigit() else last] = value
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"[]", "the file of approvals is no JSON object"),
        (with_("schema", "gitstage/approvals/v2"), "schema must be gitstage/approvals/v1"),
        (with_("forge", "gitea"), "forge must be one of github, gitlab, server"),
        (with_("more", 1), "unknown key 'more'; there are schema, forge, changes"),
        (with_("changes", {}), "changes must be a list of at most 1000"),
        (with_("changes", [1] * 1001), "changes must be a list of at most 1000"),
        (with_("changes.0", 3), "changes[0] must be an object"),
        (with_("changes.1.author", "x"), "changes[1]: unknown key 'author'; there are commits, authors, approvals"),
        (with_("changes.1.authors", []), "changes[1].authors must name at least one account"),
        (with_("changes.1.authors", "carol"), "changes[1].authors must be a list"),
        (with_("changes.1.authors", [" "]), "changes[1].authors must be the name of an account"),
        (with_("changes.1.authors", ["x" * 201]), "changes[1].authors must be the name of an account"),
        (with_("changes.1.authors", ["a\nb"]), "changes[1].authors must be the name of an account"),
        (with_("changes.1.authors", [3]), "changes[1].authors must be the name of an account"),
        (with_("changes.0.commits", ["abc"]), "changes[0].commits must be the full id of a commit"),
        (with_("changes.0.commits", [3]), "changes[0].commits must be the full id of a commit"),
        (with_("changes.0.commits", []), "only one change can be the one that is being judged"),
        (with_("changes.1.commits", [ONE]), "two changes name one commit"),
        (with_("changes.0.approvals", "x"), "changes[0].approvals must be a list"),
        (with_("changes.0.approvals.0", "x"), "changes[0].approvals[0] must be an object"),
        (with_("changes.0.approvals.0.who", "x"), "changes[0].approvals[0]: unknown key 'who'"),
        (with_("changes.0.approvals.0.account", ""), "changes[0].approvals[0].account must be the name"),
        (with_("changes.0.approvals.0.commit", None), "changes[0].approvals[0].commit must be the full id"),
        (with_("changes.0.approvals.0.moment", "soon"), "changes[0].approvals[0].moment must be a moment"),
        (with_("changes.0.approvals.0.moment", 3), "changes[0].approvals[0].moment must be a moment"),
    ],
)
def test_a_file_that_is_not_right_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read_forge(data, landed=False)
    assert said in str(caught.value)


def test_what_has_landed_names_its_commits() -> None:
    with pytest.raises(DocumentError, match="a change that has landed names its commits"):
        read_forge(json.dumps(DOCUMENT).encode(), landed=True)
    del (landed := {**DOCUMENT, "changes": DOCUMENT["changes"][:1]})["forge"]
    landed["forge"] = "gitlab"
    assert read_forge(json.dumps(landed).encode(), landed=True) == Forge(kind="gitlab", changes=(CHANGE,))


@pytest.mark.parametrize(
    ("kind", "account", "person"),
    [
        ("github", "alice-ACME", "alice"),
        ("github", "bob", None),
        ("gitlab", "BOB", "bob"),
        ("gitlab", "alice-acme", None),
        ("server", "carol", "carol"),
        ("server", "Carol", None),
        ("server", "alice-acme", None),
    ],
)
def test_an_account_is_somebody_or_nobody(kind: str, account: str, person: str | None) -> None:
    policy = read_policy(peopled())
    assert Forge(kind=kind).person(account, policy) == person
    assert Forge(kind=kind).people(frozenset({account}), policy) == ({person} - {None})


def test_a_server_knows_who_pushes() -> None:
    pushed = pushed_by("carol", [ONE])
    assert pushed.said_of(ONE, judged_now=False) == ForgeChange(authors=frozenset({"carol"}), commits=frozenset({ONE}))
    assert pushed.said_of(TWO, judged_now=True) is None
    assert Forge().said_of(ONE, judged_now=True) is None
