"""Which way an audit goes: along the commits and clocks that the runs of `tag` recorded, or else along the tags."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from gitstage.changes import joined
from gitstage.errors import GitstageError
from gitstage.git import GitError, NoSuchRevision
from gitstage.layout import CONFIGURATION
from gitstage.ledger import LEDGER_FILE, State, state_from
from gitstage.operations.claims import Claims
from gitstage.operations.registries import Registry, TrunkRewritten
from gitstage.values import dataclass, replace

SOME = 256
"""Commits of the ledger, or of the trunk where tags say when, that are read at once."""
REASON = "Gitstage-Reason: "

Report = Callable[..., None]
"""Takes the kind of a finding, its message, and fields of a finding by name."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of `tag`, as its commit in the ledger says: `reason` is why it went on after the trunk was rewritten."""

    ledger: str
    state: State
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Leg:
    """Some commits that were judged at one moment: pairs of a commit and the one before it (None: nothing).

    `run` is the run of the ledger that ends here. `tip` is the commit that the trunk's tip was, as far as anybody
    knows. `rewritten` says that what comes does not continue what was judged before, and that somebody said so.
    Of a part of a leg, `begins` and `ends` say whether it is the first and the last one.
    """

    now: datetime
    pairs: tuple[tuple[str, str | None], ...] = ()
    tip: str | None = None
    run: Run | None = None
    note: str | None = None
    rewritten: bool = False
    begins: bool = True
    ends: bool = True

    def parts(self) -> Iterator[Leg]:
        """The leg, some commits at a time: one run may have judged all of a history."""
        length = len(self.pairs)
        if length <= SOME:
            yield self
            return
        for at in range(0, length, SOME):
            yield replace(
                self,
                pairs=self.pairs[at : at + SOME],
                tip=self.tip or self.pairs[-1][0],
                begins=at == 0,
                ends=at + SOME >= length,
            )


def runs(registry: Registry, ledger: str, after: str | None, report: Report) -> Iterator[Run]:
    """The runs that the ledger holds, oldest first; those after one of its commits, where one is named."""
    repo = registry.repo
    line = repo.first_parents(after, ledger)
    before = after
    for at in range(0, len(line), SOME):
        part = line[at : at + SOME]
        commits = repo.commits(part)
        blobs = repo.blobs_at([(commit, LEDGER_FILE) for commit in part])
        read = repo.blobs({blob for blob in blobs if blob is not None})
        for commit, blob in zip(part, blobs, strict=True):
            if commits[commit].parents != (() if before is None else (before,)):
                report("ledger-changed", "a run does not follow the one before it", commit=commit)
            before = commit
            try:
                if blob is None:
                    raise GitstageError(f"it holds no {LEDGER_FILE}")
                state = state_from(read[blob], registry.identity.id)
            except GitstageError as error:
                report("ledger-changed", f"a run of the ledger cannot be read: {error.message}", commit=commit)
                continue
            yield Run(ledger=commit, state=state, reason=_reason(commits[commit].message))


def _reason(message: str) -> str | None:
    found = [line.removeprefix(REASON) for line in message.splitlines() if line.startswith(REASON)]
    return found[-1] if found else None


class Route:
    """The legs of an audit, from a commit that was judged (None: the registry's first) to the trunk's tip."""

    def __init__(self, registry: Registry, claims: Claims, start: str | None, tip: str, report: Report) -> None:
        self._registry = registry
        self._claims = claims
        self._report = report
        self._line = self._commits_since(start, tip)
        self.base = start if start is not None else self._before(self._line)
        self._at = {commit: at for at, commit in enumerate(self._line)}
        if start is not None:
            self._at[start] = -1
        self.trusted: list[str] = []
        self.judged = start
        self.unjudged = 0

    @property
    def length(self) -> int:
        """The commits of the trunk's line that there are."""
        return len(self._line)

    def _commits_since(self, start: str | None, tip: str) -> list[str]:
        repo = self._registry.repo
        if start is not None:
            return repo.first_parents(start, tip)
        first = repo.first_touching(joined(self._registry.folder, CONFIGURATION), tip)
        if first is None:
            return []
        # What came before the registry has nothing to judge.
        parents = repo.commits([first])[first].parents
        return repo.first_parents(parents[0] if parents else None, tip)

    def _before(self, line: list[str]) -> str | None:
        if not line:
            return None
        parents = self._registry.repo.commits(line[:1])[line[0]].parents
        return parents[0] if parents else None

    def legs(self, found: Iterator[Run], *, resumed: bool) -> Iterator[Leg]:
        """The legs that the runs recorded. Those of the first run, which may have made the ledger anew, go by the tags."""
        clock: datetime | None = None
        first = not resumed
        for run in found:
            now = run.state.clock
            if now is None or run.state.judged is None:
                self._report("ledger-changed", "a run says nothing of when or what it judged", commit=run.ledger)
                continue
            if clock is not None and now < clock:
                self._report("ledger-changed", "a run is dated before the one before it", commit=run.ledger, moment=now)
            clock = max(now, clock or now)
            pairs, note, rewritten = self._to(run)
            if pairs is None:
                continue
            if first:
                yield from self._by_tags(pairs, clock, run)
            else:
                yield Leg(now=clock, pairs=tuple(pairs), tip=run.state.judged, run=run, note=note, rewritten=rewritten)
            first = False
        self.unjudged = len(self._line) - 1 - self._at.get(str(self.judged), -1)

    def legs_by_tags(self, now: datetime) -> Iterator[Leg]:
        """The legs where the ledger is lost: all of the trunk, at the moments of its tags."""
        self.judged = self._line[-1] if self._line else None
        yield from self._by_tags(self._pairs(-1, len(self._line) - 1), None, None)

    def _by_tags(self, pairs: list[tuple[str, str | None]], clock: datetime | None, run: Run | None) -> Iterator[Leg]:
        """Each commit at the moments that its tags say, as far as they are in order; the others with the next one."""
        tip = None if run is None else run.state.judged
        last: datetime | None = None
        early = False
        waiting: list[tuple[str, str | None]] = []
        for at in range(0, len(pairs), SOME):
            part = pairs[at : at + SOME]
            self._claims.load(commit for commit, _ in part)
            for pair in part:
                waiting.append(pair)
                moments = self._claims.moments(pair[0])
                for moment in moments:
                    if (last is None or moment >= last) and (clock is None or moment <= clock):
                        last = moment
                        early = early or moment != clock
                        yield Leg(now=moment, pairs=tuple(waiting), tip=tip if moment == clock else None)
                        waiting = []
        if run is not None:
            assert clock is not None
            if early:
                self.trusted.append(
                    "the ledger begins with one run over all that came before it: its moments are the tags'"
                )
            yield Leg(now=clock, pairs=tuple(waiting), tip=tip, run=run)
        elif waiting and last is not None:
            yield Leg(now=last, pairs=tuple(waiting))

    def _pairs(self, before: int, to: int) -> list[tuple[str, str | None]]:
        if to <= before:
            return []
        first = [] if before >= 0 else [self.base]
        bases = [*first, *self._line[max(before, 0) : to]]
        return list(zip(self._line[before + 1 : to + 1], bases, strict=True))

    def _to(self, run: Run) -> tuple[list[tuple[str, str | None]] | None, str | None, bool]:
        """The way from what was judged to what a run judged; None where there is none that can be gone."""
        before, to = self.judged, str(run.state.judged)
        begin = -1 if before is None else self._at.get(before, None)
        end = self._at.get(to)
        if begin is not None and end is not None and begin <= end:
            self.judged = to
            return self._pairs(begin, end), None, False
        try:
            steps = [(step.commit, step.note) for step in self._registry.steps(before, to)]
        except TrunkRewritten as error:
            return self._rewritten(run, error)
        except GitError:
            self._report(
                "trunk-rewritten",
                f"a run judged {to[:12]}, which is not here any more",
                commit=to,
                moment=run.state.clock,
            )
            return None, None, False
        self.judged = to
        commits = [commit for commit, _ in steps]
        notes = [note for _, note in steps if note is not None]
        return list(zip(commits, [before, *commits], strict=False)), notes[0] if notes else None, False

    def _rewritten(self, run: Run, error: TrunkRewritten) -> tuple[list[tuple[str, str | None]], str | None, bool]:
        before, to = self.judged, str(run.state.judged)
        self.judged = to
        if run.reason is not None:
            self.trusted.append(f"the trunk was rewritten, and somebody went on at {to[:12]}: {run.reason}")
        else:
            self._report("trunk-rewritten", error.message, commit=to, moment=run.state.clock, hint=error.hint)
        return [(to, before)], None, True


def is_here(registry: Registry, commit: str) -> bool:
    """Whether a commit is in this repository at all."""
    try:
        registry.repo.commits([commit])
    except NoSuchRevision:
        return False
    return True
