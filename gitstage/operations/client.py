"""The same use-cases from Python: `gitstage.open(…)` gives this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gitstage.operations.registries import Registry, open_registry

if TYPE_CHECKING:
    from gitstage.findings import Report
    from gitstage.operations.diff import Differences
    from gitstage.operations.landing import Outcome
    from gitstage.operations.log import Log
    from gitstage.operations.pull import Pulled
    from gitstage.operations.register import Wanted
    from gitstage.operations.resolve import Resolved
    from gitstage.operations.show import Shown
    from gitstage.operations.status import Status
    from gitstage.operations.tag import TagOutcome


class Client:
    """A registry, asked and changed from Python. Every call looks anew, and returns the values the command line prints.

    Errors are `gitstage.GitstageError`. A refused change raises nothing: its outcome says so.
    """

    def __init__(
        self,
        path: str,
        folder: str | None = None,
        plugins: frozenset[str] = frozenset(),
        tag_keys: tuple[str, ...] = (),
    ) -> None:
        self._path = path
        self._folder = folder
        self._plugins = plugins
        self._tag_keys = tag_keys
        self._registry()

    def _registry(self) -> Registry:
        registry = open_registry(self._path, folder=self._folder)
        registry.allowed_plugins = self._plugins
        registry.tag_keys = self._tag_keys
        return registry

    def resolve(self, reference: str, *, at: str | None = None, declared: bool = False) -> Resolved:
        """The version that `MODEL@STAGE`, `MODEL@VERSION`, `MODEL@STAGE~N` or `MODEL@latest` names."""
        from gitstage.operations import resolve

        return resolve.run(self._registry(), reference, at=at, declared=declared)

    def status(self, model: str | None = None, *, at: str | None = None, declared: bool = False) -> Status:
        """What is in each stage."""
        from gitstage.operations import status

        return status.run(self._registry(), model, at=at, declared=declared)

    def show(self, reference: str, *, at: str | None = None, declared: bool = False) -> Shown:
        """One version, with everything that is known about it."""
        from gitstage.operations import show

        return show.run(self._registry(), reference, at=at, declared=declared)

    def log(self, model: str, *, at: str | None = None) -> Log:
        """What took effect in a model's slots, newest first."""
        from gitstage.operations import log

        return log.run(self._registry(), model, at=at)

    def diff(self, before: str, after: str, *, at: str | None = None, declared: bool = False) -> Differences:
        """Two versions side by side."""
        from gitstage.operations import diff

        return diff.run(self._registry(), before, after, at=at, declared=declared)

    def pull(self, reference: str, folder: str | Path, *, at: str | None = None) -> Pulled:
        """A version's artifacts, verified, in a folder."""
        from gitstage.operations import pull

        return pull.run(self._registry(), reference, Path(folder), at=at)

    def check(self, *, base: str | None = None, head: str | None = None) -> Report:
        """What the judge says of a change."""
        from gitstage.operations import check

        return check.run(self._registry(), base=base, head=head)

    def tag(self, *, dry_run: bool = False) -> TagOutcome:
        """Puts into effect what has landed and passes."""
        from gitstage.operations import tag

        return tag.run(self._registry(), dry_run=dry_run)

    def register(
        self, reference: str, wanted: Wanted, *, to: str | None = None, push: bool = False, dry_run: bool = False
    ) -> Outcome:
        """Registers a version."""
        from gitstage.operations import register

        return register.run(self._registry(), reference, wanted, to=to, push=push, dry_run=dry_run)

    def promote(
        self,
        *references: str,
        to: str | Sequence[str],
        reason: str | None = None,
        push: bool = False,
        dry_run: bool = False,
    ) -> Outcome:
        """Promotes versions into a stage, all of them or none."""
        from gitstage.operations import promote

        stages = [to] if isinstance(to, str) else list(to)
        return promote.run(self._registry(), references, to=stages, reason=reason, push=push, dry_run=dry_run)

    def rollback(
        self,
        slot: str,
        *,
        reason: str,
        to: str | None = None,
        hold: bool = True,
        sign: Sequence[str] = (),
        push: bool = False,
    ) -> Outcome:
        """Goes back to what was in effect before; whose keys `sign` names stands for it."""
        from gitstage.operations import rollback

        return rollback.run(self._registry(), slot, reason=reason, to=to, hold=hold, sign=sign, push=push)

    def archive(self, what: str, *, reason: str, push: bool = False) -> Outcome:
        """Empties a slot, or archives a version that sits in none."""
        from gitstage.operations import archive

        return archive.run(self._registry(), what, reason=reason, push=push)

    def withdraw(self, what: str | None = None, *, policy: bool = False, push: bool = False) -> Outcome:
        """Declares again what is in effect."""
        from gitstage.operations import withdraw

        return withdraw.run(self._registry(), what, policy=policy, push=push)

    def hold(self, what: str, *, reason: str, push: bool = False) -> Outcome:
        """Keeps a version out of every stage."""
        from gitstage.operations import hold

        return hold.run(self._registry(), what, reason=reason, push=push)

    def unhold(self, what: str, *, reason: str, push: bool = False) -> Outcome:
        """Lets a held version in again."""
        from gitstage.operations import hold

        return hold.run(self._registry(), what, reason=reason, release=True, push=push)

    def redact(
        self,
        what: str,
        *,
        reason: str,
        evidence: Sequence[str] = (),
        artifacts: Sequence[str] = (),
        push: bool = False,
    ) -> Outcome:
        """Puts tombstones in the place of files of a version that sits in no stage."""
        from gitstage.operations import redact

        return redact.run(self._registry(), what, evidence=evidence, artifacts=artifacts, reason=reason, push=push)

    def attest(
        self,
        what: str,
        *,
        name: str,
        result: str | None = None,
        metrics: Mapping[str, float] | None = None,
        kind: str = "test-result",
        report: Path | None = None,
        sign: Sequence[str] = (),
        push: bool = False,
    ) -> Outcome:
        """Writes down what was tested, and who found it out: `sign` are SSH keys, as `--sign` takes them."""
        from gitstage.operations import attest

        return attest.run(
            self._registry(),
            what,
            kind=kind,
            name=name,
            result=result,
            metrics=metrics,
            report=report,
            sign=sign,
            push=push,
        )

    def approve(
        self,
        *what: str,
        stage: str,
        sign: Sequence[str],
        expires: str | None = None,
        reason: str | None = None,
        push: bool = False,
    ) -> Outcome:
        """Approves, with the signature of each key in `sign`, that versions enter a stage, or leave it."""
        from gitstage.operations import approve

        return approve.run(self._registry(), what, stage=stage, sign=sign, expires=expires, reason=reason, push=push)

    def waive(
        self, what: str, *, rule: str, stage: str, until: str, reason: str, sign: Sequence[str], push: bool = False
    ) -> Outcome:
        """Sets one rule aside for one promotion, with the signature of each key in `sign`."""
        from gitstage.operations import waive

        return waive.run(
            self._registry(), what, rule=rule, stage=stage, until=until, reason=reason, sign=sign, push=push
        )
