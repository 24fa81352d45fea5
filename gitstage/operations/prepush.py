"""Judge what is pushed, before it leaves: what the trunk of the remote would have, folded as `tag` will fold it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gitstage.errors import GitstageError
from gitstage.findings import Report, Verdict
from gitstage.git import NoSuchRevision, Repository
from gitstage.operations.guarded import HEADS, TAGS, Guarded, Objection, Update, folders
from gitstage.operations.registries import Clock, Registry, settled_identity, utc_now
from gitstage.values import dataclass

REMOTES = "refs/remotes/"
ID = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """What is said of a push: objections to what is done to refs, and a report for each trunk that is pushed to."""

    objections: tuple[Objection, ...] = ()
    reports: tuple[Report, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 where nothing stands against it, 1 where something is refused, 4 where something would only wait."""
        if self.objections or any(report.verdict is Verdict.REFUSED for report in self.reports):
            return 1
        return max((report.exit_code for report in self.reports), default=0)


def updates_from(text: str) -> tuple[Update, ...]:
    """What git says to a `pre-push` hook (githooks(5)): `LOCALREF LOCALID REMOTEREF REMOTEID`, one a line.

    Raises GitstageError for anything else.
    """
    updates = []
    for line in text.splitlines():
        words = line.rsplit(" ", 3)  # what the user called it may have blanks: HEAD@{1 day ago}
        if len(words) != 4 or not ID.fullmatch(words[1]) or not ID.fullmatch(words[3]):
            raise GitstageError(f"{line[:200]!r} is not what git says to a pre-push hook", hint="man githooks")
        _, new, ref, old = words
        updates.append(Update(ref=ref, old=_there(old), new=_there(new)))
    return tuple(updates)


def _there(oid: str) -> str | None:
    return oid if oid.strip("0") else None


def run(
    repo: Repository,
    updates: Sequence[Update],
    *,
    remote: str | None = None,
    clock: Clock | None = None,
    plugins: frozenset[str] = frozenset(),
) -> Pushed:
    """Judges a push to `remote` (its name; None: not known): commits on a trunk, and what becomes of our tags and ledger.

    Commits are judged one after the other, as they land. Other branches are proposals, and judged where they are
    proposed; so are pushes to a remote that is not the one of the trunk. Nothing is written, and no connection opened
    but for a ledger that this clone lacks. `plugins` are the rules in Python that may run.
    """
    relevant = [update for update in updates if not update.ref.startswith(TAGS) or update.old is not None]
    if not relevant:
        return Pushed()
    found, unreadable = _registries(repo, relevant)
    usual = _usual_trunks(repo, remote)
    objections = [
        Objection(ref=update.ref, rule="manifest-valid", message=unreadable[update.ref].message)
        for update in relevant
        if update.ref in unreadable and update.ref in usual
    ]
    reports: list[Report] = []
    for one in found:
        registry = Registry(repo, one.folder, one.identity, clock or utc_now, allowed_plugins=plugins)
        if None not in (remote, registry.remote) and remote != registry.remote:
            continue
        judge = _Judge(registry, one)
        for update in relevant:
            mine = list(judge.objections(update))
            objections += mine
            if update.ref == one.trunk and not mine:
                reports += judge.reports(update)
    return Pushed(objections=tuple(objections), reports=tuple(reports))


def _registries(repo: Repository, updates: Sequence[Update]) -> tuple[list[Guarded], dict[str, GitstageError]]:
    """The registries of what is there before and after a push, and of HEAD; and by branch what cannot be read."""
    found: dict[str, Guarded] = {}
    unreadable: dict[str, GitstageError] = {}
    heads = [update for update in updates if update.ref.startswith(HEADS)]
    tips = [(update.ref, tip) for update in heads for tip in (update.old, update.new) if tip is not None]
    here = repo.head()
    for branch, tip in [*tips, *([(str(here.branch), here.commit)] if here.commit is not None else [])]:
        for folder in _folders_at(repo, tip):
            if folder in found:
                continue
            try:
                identity = settled_identity(repo, folder, [tip])
            except GitstageError as error:
                unreadable.setdefault(branch, error)
                continue
            is_new = not any(folder in _folders_at(repo, update.old) for update in heads if update.old is not None)
            found[folder] = Guarded(folder=folder, identity=identity, is_new=is_new)
    return list(found.values()), unreadable


def _folders_at(repo: Repository, tip: str) -> list[str]:
    try:
        return list(folders(repo.tree(tip)))
    except NoSuchRevision:  # what the remote has need not be here
        return []


def _usual_trunks(repo: Repository, remote: str | None) -> set[str]:
    """What the trunk is called where no gitstage.yaml can be read that says it."""
    name = f"{REMOTES}{remote or 'origin'}/"
    told = repo.symbolic_refs(f"{name}HEAD").get(f"{name}HEAD", "")
    return {f"{HEADS}main", f"{HEADS}master", *([HEADS + told.removeprefix(name)] if told else [])}


class _Judge:
    """What one registry has to say to a push."""

    def __init__(self, registry: Registry, guarded: Guarded) -> None:
        self.registry = registry
        self.guarded = guarded
        self.repo = registry.repo

    def objections(self, update: Update) -> Iterator[Objection]:
        """What is done to a ref and is never done, whatever it holds."""
        if update.ref == self.guarded.trunk:
            yield from self._of_trunk(update)
        elif update.ref == self.guarded.identity.ledger_ref:
            yield from self._of_ledger(update)
        elif update.ref.startswith(TAGS) and self._is_ours(update.ref):
            word = "deleted" if update.new is None else "moved"
            yield Objection(ref=update.ref, rule="version-immutable", message=f"a tag of gitstage is never {word}")

    def _of_trunk(self, update: Update) -> Iterator[Objection]:
        trunk = self.guarded.identity.trunk
        if update.new is None:
            yield Objection(ref=update.ref, rule="trunk-continues", message="the trunk is never deleted")
        elif update.old is not None and not self._continues(update.old, update.new):
            yield Objection(
                ref=update.ref,
                rule="trunk-continues",
                message=f"its old tip {update.old[:12]} is not on the first-parent line of {update.new[:12]}",
                hint=f"git fetch, then git rebase {self.registry.remote or 'origin'}/{trunk} and push again",
            )

    def _continues(self, old: str, new: str) -> bool:
        try:
            return self.repo.continues(self.repo.resolve(old), new)
        except NoSuchRevision:  # what the remote has is not here, and so not continued
            return False

    def _of_ledger(self, update: Update) -> Iterator[Objection]:
        if update.new is None:
            yield Objection(ref=update.ref, rule="ledger", message="the ledger is never deleted")
        elif update.old is not None and self.repo.unreachable([update.old], update.new):
            yield Objection(ref=update.ref, rule="ledger", message="the ledger would be rewound", hint="git fetch")

    def _is_ours(self, ref: str) -> bool:
        from gitstage.operations.claimed import standing

        tips = {self.registry.tip, self.registry.head} - {None}
        return standing(self.guarded, ref, [self.repo.tree(str(tip)) for tip in tips]) == "ours"

    def reports(self, update: Update) -> Iterator[Report]:
        """What the commits that are pushed leave open, if they do."""
        from gitstage.operations.receive import report_on

        registry, new = self.registry, str(update.new)
        registry.refuse_shallow()
        registry.tip = new
        after, _ = registry.folded(new)
        pushed = set(self.repo.first_parents(update.old, new))
        left = [item for item in after.state.open.values() if update.old is None or item.landed in pushed]
        if left:
            yield report_on(registry, after, left, base=update.old, head=new, is_new=self.guarded.is_new)
