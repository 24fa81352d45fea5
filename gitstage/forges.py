"""What a forge, or a server that knows its users, says of changes: who made them, and who approved them.

It comes in a file, `check --approvals FILE.json`, whose shape `docs/reference/json.md` describes: a workflow asks the
forge and writes it, and the judge, who has no credentials, reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from gitstage.ledger import moment_of
from gitstage.policy import Policy
from gitstage.strictjson import fail, json_object
from gitstage.values import dataclass

SCHEMA = "gitstage/approvals/v1"
GITHUB, GITLAB, SERVER = "github", "gitlab", "server"
KINDS = (GITHUB, GITLAB, SERVER)
"""Whose accounts are spoken of. Those of a `server` are the names that gitstage.yaml has for people."""
MAX_CHANGES = 1000

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")


@dataclass(frozen=True, kw_only=True)
class Review:
    """That an account approved, at a moment (UTC), what a commit holds."""

    account: str
    commit: str
    moment: datetime


@dataclass(frozen=True, kw_only=True)
class ForgeChange:
    """One change: the accounts that made it, and who approved it. `commits` are those on the trunk that it became.

    One without commits is the change that is being judged.
    """

    authors: frozenset[str]
    approvals: tuple[Review, ...] = ()
    commits: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Forge:
    """What one forge says."""

    kind: str = SERVER
    changes: tuple[ForgeChange, ...] = ()

    def said_of(self, commit: str, *, judged_now: bool) -> ForgeChange | None:
        """What is said of a commit of the trunk, or, of what is `judged_now`, of the change that is being judged."""
        named = next((change for change in self.changes if commit in change.commits), None)
        if named is not None or not judged_now:
            return named
        return next((change for change in self.changes if not change.commits), None)

    def person(self, account: str, policy: Policy) -> str | None:
        """Who an account is, by the name that a policy has for them; None where it knows nobody by it."""
        if self.kind == SERVER:
            return account if account in policy.people else None
        return policy.accounts.get((self.kind, account.lower()))

    def people(self, accounts: frozenset[str], policy: Policy) -> frozenset[str]:
        """Those of some accounts whom a policy knows."""
        return frozenset(person for account in accounts if (person := self.person(account, policy)) is not None)


def pushed_by(account: str, commits: Iterable[str]) -> Forge:
    """What a server says that knows who pushes: they made what these commits of the trunk bring."""
    return Forge(kind=SERVER, changes=(ForgeChange(authors=frozenset({account}), commits=frozenset(commits)),))


def read_forge(data: bytes, *, landed: bool) -> Forge:
    """What the file says. Raises DocumentError.

    Where what has `landed` is tagged, every change names its commits; else one of them may be the one that is judged.
    """
    document = json_object(data, noun="the file of approvals")
    _only(document, ("schema", "forge", "changes"), "")
    if document.get("schema") != SCHEMA:
        fail(f"schema must be {SCHEMA}")
    kind, changes = document.get("forge"), document.get("changes")
    if kind not in KINDS:
        fail(f"forge must be one of {', '.join(KINDS)}")
    if not isinstance(changes, list) or len(changes) > MAX_CHANGES:
        fail(f"changes must be a list of at most {MAX_CHANGES}")
    read = tuple(_change(change, f"changes[{at}]") for at, change in enumerate(changes))
    unnamed = [change for change in read if not change.commits]
    if landed and unnamed:
        fail("a change that has landed names its commits")
    if len(unnamed) > 1:
        fail("only one change can be the one that is being judged, and has no commits")
    named = [commit for change in read for commit in change.commits]
    if len(named) > len(set(named)):
        fail("two changes name one commit")
    return Forge(kind=str(kind), changes=read)


def _only(document: Mapping[str, object], keys: tuple[str, ...], where: str) -> None:
    for key in document:
        if key not in keys:
            fail(f"{where}unknown key {key!r}; there are {', '.join(keys)}")


def _change(document: object, where: str) -> ForgeChange:
    if not isinstance(document, dict):
        fail(f"{where} must be an object")
    _only(document, ("commits", "authors", "approvals"), f"{where}: ")
    authors = [_account(item, f"{where}.authors") for item in _list(document.get("authors"), f"{where}.authors")]
    if not authors:
        fail(f"{where}.authors must name at least one account: somebody made the change")
    commits = _list(document.get("commits", []), f"{where}.commits")
    approvals = _list(document.get("approvals", []), f"{where}.approvals")
    return ForgeChange(
        authors=frozenset(authors),
        approvals=tuple(_review(item, f"{where}.approvals[{at}]") for at, item in enumerate(approvals)),
        commits=frozenset(_commit(item, f"{where}.commits") for item in commits),
    )


def _review(document: object, where: str) -> Review:
    if not isinstance(document, dict):
        fail(f"{where} must be an object")
    _only(document, ("account", "commit", "moment"), f"{where}: ")
    said = document.get("moment")
    try:
        moment = moment_of(said if isinstance(said, str) else "")
    except ValueError:
        fail(f"{where}.moment must be a moment such as 2026-11-23T14:00:00Z")
    return Review(
        account=_account(document.get("account"), f"{where}.account"),
        commit=_commit(document.get("commit"), f"{where}.commit"),
        moment=moment,
    )


def _list(value: object, where: str) -> list[object]:
    if not isinstance(value, list):
        fail(f"{where} must be a list")
    return value


def _account(value: object, where: str) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 200 or not value.isprintable():
        fail(f"{where} must be the name of an account")
    return value


def _commit(value: object, where: str) -> str:
    if not isinstance(value, str) or not _COMMIT.match(value):
        fail(f"{where} must be the full id of a commit")
    return value
