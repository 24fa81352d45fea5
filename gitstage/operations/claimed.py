"""Whether pushed tags and a pushed ledger say what folding says, moment by moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from gitstage.changes import FILE, Entry, Snapshot, blob_id, joined
from gitstage.errors import GitstageError
from gitstage.git import Repository, Tag
from gitstage.layout import MODELS, NUMBER
from gitstage.ledger import LEDGER_FILE, Folded, State, body_of, state_document, state_from
from gitstage.operations.guarded import TAGS, Guarded, Objection, Update
from gitstage.operations.registries import Registry, TrunkRewritten
from gitstage.operations.tagging import Claim, claims

if TYPE_CHECKING:
    from gitstage.forges import Forge

TOLERANCE = timedelta(minutes=10)
"""How far the clock of whoever tagged may be from the server's, the time that the push took included."""
LARGEST_LEDGER = 2**26
"""Bytes."""
SAME_RELEASE = "run gitstage tag anew, with the release of gitstage that the server has"

Standing = Literal["ours", "in the way", "free"]
At = Callable[[str, datetime], Registry]


def claimed_registry(tag: Tag) -> str | None:
    """The id of the registry that a tag says it belongs to; None where it is no tag of gitstage."""
    if tag.kind != "tag":
        return None
    try:
        body = body_of(tag.message)
    except ValueError:
        return None
    return str(body.get("registry")) if str(body.get("schema", "")).startswith("gitstage/") else None


def standing(guarded: Guarded, ref: str, trees: Sequence[Snapshot]) -> Standing:
    """Whether a tag's name is one that only gitstage gives, or one below which git then allows none of these.

    `trees` say which models there are.
    """
    identity = guarded.identity
    name = ref.removeprefix(TAGS)
    if identity.tag_prefix and not name.startswith(identity.tag_prefix):
        return "in the way" if identity.tag_prefix.startswith(f"{name}/") else "free"
    parts = name.removeprefix(identity.tag_prefix).split("/")
    if parts[0] == "policy":
        return "in the way" if len(parts) == 1 else "ours" if NUMBER.match(parts[1]) else "free"

    def is_there(model: Sequence[str]) -> bool:
        path = joined(guarded.folder, "/".join((MODELS, *model)))
        return any(entry is not None and entry.is_folder for entry in (tree.entry(path) for tree in trees))

    for at, part in enumerate(parts[1:], start=1):
        if part in identity.stages and is_there(parts[:at]):
            return "ours" if at + 1 < len(parts) else "in the way"
        if part[:1] == "v" and identity.layout.is_version(part[1:]) and is_there(parts[:at]):
            return "ours" if identity.tag_versions else "free"
    return "in the way" if is_there(parts) else "free"


@dataclass
class Claimed:
    """The tags and the ledger of one push, held against what folding says at the moments that they name.

    `registry` gives the registry as it is with the trunk at a commit and at a moment. `tip` is the trunk's tip once the
    push is let in, `landed_on` what it was before (None: the push leaves it alone, or makes it), `now` the server's
    clock. `is_first` says that the trunk comes with this push: then the runs may lie in the past, since this server
    knows nothing that could gainsay them. `rewritten` says that the trunk was rewritten on the server itself, so that a
    ledger may go on knowingly. `pushers` is what the server remembers of who pushed what, which whoever tags here knows,
    and whoever tags elsewhere does not.
    """

    repo: Repository
    guarded: Guarded
    registry: At
    tip: str
    landed_on: str | None
    is_first: bool
    rewritten: bool
    now: datetime
    pushers: Forge | None = None
    objections: list[Objection] = field(default_factory=list)

    def checked(self, ledger: Update | None, tags: Mapping[str, Tag]) -> Folded | None:
        """Finds what is not so. The answer is what the runs of a pushed ledger came to; None without one that is true."""
        folded = None if ledger is None else self._runs(ledger)
        if self.objections:
            return None
        expected = (
            {} if folded is None else {claim.ref: claim for claim in claims(self.registry(self.tip, self.now), folded)}
        )
        for ref, tag in tags.items():
            self._compare(ref, tag, expected.get(ref), with_ledger=ledger is not None)
        for ref in expected.keys() - tags.keys():
            self._object(ref, "the ledger says that this took effect, and its tag is not pushed with it", SAME_RELEASE)
        if folded is not None and folded.state.rulings and not self.objections:
            self._check_signatures(folded.state, [(claim, tags[ref]) for ref, claim in expected.items()])
        return folded

    def _check_signatures(self, state: State, made: Sequence[tuple[Claim, Tag]]) -> None:
        from gitstage.operations.taggers import Stamp, Taggers

        said = Taggers(self.repo, state.rulings).why_not(
            [Stamp(tag.oid, claim.commit, claim.moment) for claim, tag in made]
        )
        for (claim, _), why in zip(made, said, strict=True):
            if why is not None:
                self._object(claim.ref, why, "gitstage tag --sign KEY, with a key of theirs")

    def _object(self, ref: str, message: str, hint: str | None = None) -> None:
        self.objections.append(Objection(ref=ref, rule="ledger", message=message, hint=hint))

    def _compare(self, ref: str, tag: Tag, claim: Claim | None, *, with_ledger: bool) -> None:
        if claim is None:
            said = (
                "folding says nothing of this"
                if with_ledger
                else "a tag of gitstage comes with the ledger that says so"
            )
            self._object(ref, said, "gitstage tag makes both")
        elif tag.kind != "tag":
            self._object(ref, "it is no annotated tag")
        elif tag.target != claim.commit:
            self._object(ref, f"it stands on {tag.target[:12]}, and this took effect at {claim.commit[:12]}")
        elif tag.message.rstrip("\n") != claim.message.rstrip("\n"):
            self._object(ref, f"it claims what is not so: {first_difference(tag.message, claim.message)}", SAME_RELEASE)

    # the ledger

    def _runs(self, ledger: Update) -> Folded | None:
        """What the runs that a ledger records come to; an objection where one is not as folding says."""
        if ledger.new is None:
            self._object(ledger.ref, "the ledger is never deleted")
            return None
        runs = self._line(ledger)
        if runs is None:
            self._object(
                ledger.ref,
                "the ledger goes from parent to child, and this one would be rewound or replaced",
                "gitstage tag, again",
            )
            return None
        so_far = Folded(state=self.registry(self.tip, self.now).state)
        for commit in runs:
            try:
                so_far = self._run(commit, so_far)
            except _NotSo as error:
                self._object(ledger.ref, f"{commit[:12]}: {error.message}", error.hint)
                return None
        return so_far

    def _line(self, ledger: Update) -> list[str] | None:
        """The new commits of a ledger, oldest first; None where they do not follow the old one, parent to child."""
        line: list[str] = []
        commit = ledger.new
        while commit != ledger.old:
            if commit is None:
                return None
            line.append(commit)
            parents = self.repo.commits([commit])[commit].parents
            if len(parents) > 1:
                return None
            commit = parents[0] if parents else None
        return line[::-1]

    def _run(self, commit: str, so_far: Folded) -> Folded:
        tree = self.repo.tree(commit)
        said = self._document(tree)
        judged, moment = self._checked(said, so_far.state)
        found: Folded | None = None
        for folded in self._folded(judged, moment, so_far):
            found = folded
            document = state_document(folded.state, self.guarded.identity.id)
            if dict(tree.listing("")) == {LEDGER_FILE: Entry(FILE, blob_id(document))}:
                return folded
        if found is None:
            raise _NotSo("it has judged a commit that is not on the trunk, or one that was judged before")
        raise _NotSo("it says something else than folding does", hint=SAME_RELEASE)

    def _document(self, tree: Snapshot) -> State:
        entry = tree.entry(LEDGER_FILE)
        if entry is None or entry.mode != FILE or tree.size(entry.oid) > LARGEST_LEDGER:
            raise _NotSo(f"it holds no {LEDGER_FILE} that could be read")
        try:
            return state_from(tree.read(entry.oid), self.guarded.identity.id)
        except GitstageError as error:
            raise _NotSo(error.message) from error

    def _checked(self, said: State, before: State) -> tuple[str, datetime]:
        """What a run says that it judged, and when; that can be so."""
        if said.clock is None or said.judged is None:
            raise _NotSo("it says not what was judged, or not when")
        if said.clock > self.now + TOLERANCE:
            raise _NotSo(
                f"its moment {said.clock:%Y-%m-%dT%H:%M:%SZ} is still to come", hint="set the clock of whoever tags"
            )
        if before.clock is not None and said.clock < before.clock:
            raise _NotSo("its moment is before that of the run before it")
        if not self.is_first and said.clock < self.now - TOLERANCE:
            raise _NotSo(
                f"it is backdated: its moment {said.clock:%Y-%m-%dT%H:%M:%SZ} is more than "
                f"{TOLERANCE.seconds // 60} minutes ago",
                hint="gitstage tag, again",
            )
        return said.judged, said.clock

    def _folded(self, judged: str, moment: datetime, so_far: Folded) -> Iterator[Folded]:
        """What folding says to a commit at a moment: by `tag`, and by a command that lands a commit of its own.

        The one looks at the trunk's tip all the way, the other at what was the tip before its own commit. What landed
        before this push is judged at the trunk's tip: else somebody could put into effect what is on hold by now.
        """
        from gitstage.rules.fold import Step, resumed

        if not self._on_trunk(judged):
            return
        parent = self._parent(judged)
        known = (None,) if self.pushers is None else (None, self.pushers)
        try:
            for forge in known:
                yield self._at(judged, moment, so_far, None, forge)
                if parent is not None and judged != so_far.state.judged and (self.is_first or parent == self.landed_on):
                    yield self._at(judged, moment, so_far, parent, forge)
        except TrunkRewritten:
            if not self.rewritten or judged != self.tip:
                return
            registry = self.registry(judged, moment)
            step = Step(judged, self.repo.tree(judged))
            registry.prefetch(so_far.state, [step])
            yield resumed(so_far, [step], registry.world())

    def _at(self, judged: str, moment: datetime, so_far: Folded, parent: str | None, forge: Forge | None) -> Folded:
        from gitstage.rules.fold import continued, resumed

        whole = self.registry(judged, moment)
        whole.forge = forge
        steps = list(whole.steps(so_far.state.judged, judged))
        whole.prefetch(so_far.state, steps)
        if parent is None:
            return resumed(so_far, steps, whole.world())
        before = self.registry(parent, moment)
        before.forge = forge
        folded = resumed(so_far, steps[:-1], before.world())
        return continued(folded, steps[-1:], whole.world())

    def _parent(self, commit: str) -> str | None:
        parents = self.repo.commits([commit])[commit].parents
        return parents[0] if parents else None

    def _on_trunk(self, commit: str) -> bool:
        return commit == self.tip or (
            not self.repo.unreachable([commit], self.tip) and self.repo.continues(commit, self.tip)
        )


class _NotSo(GitstageError):
    """A ledger does not say what folding says."""


def first_difference(said: str, so: str) -> str:
    """The first line at which two texts differ."""
    lines = zip(said.rstrip("\n").split("\n"), so.rstrip("\n").split("\n"), strict=False)
    for one, other in lines:
        if one != other:
            return f"{one.strip()!r} instead of {other.strip()!r}"
    return "it is longer, or cut off"
