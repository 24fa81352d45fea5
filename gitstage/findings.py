"""What a judge says: findings about things of a registry, and the report that holds them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Self

from gitstage.values import dataclass, field, lazy, replace


class Verdict(StrEnum):
    """What a rule answers. Pending is what time or a person can still change.

    Waived is said of a single finding only: somebody who may has taken it on themselves, and the whole has passed.
    """

    PASSED = "passed"
    REFUSED = "refused"
    PENDING = "pending"
    WAIVED = "waived"


EXIT_CODES: Mapping[Verdict, int] = {Verdict.PASSED: 0, Verdict.REFUSED: 1, Verdict.PENDING: 4}
SEVERITY = (Verdict.PASSED, Verdict.WAIVED, Verdict.PENDING, Verdict.REFUSED)


def worst(verdicts: list[Verdict]) -> Verdict:
    """Refused before pending before passed; what is waived counts as passed."""
    for verdict in (Verdict.REFUSED, Verdict.PENDING):
        if verdict in verdicts:
            return verdict
    return Verdict.PASSED


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One rule's answer about one thing.

    `rule` is an id that never changes once released; `path` is relative to the registry and `line` counts from 1.
    `about` is what of many the rule speaks of, a metric or a piece of evidence; no file says it.
    `value` and `threshold` are what was measured and what was asked, ready to be printed. `opens` is the UTC moment
    at which something pending will pass by itself. `hint` is what to type next. `advisory` findings (`enforce: warn`)
    are reported and refuse nothing. `people` are those who approved, waived or stood for it, by their names in
    gitstage.yaml.
    """

    rule: str
    verdict: Verdict
    message: str
    path: str | None = None
    line: int | None = None
    gate: str | None = None
    about: str | None = field(default=None, compare=False)
    value: str | None = None
    threshold: str | None = None
    opens: datetime | None = None
    hint: str | None = None
    advisory: bool = False
    people: tuple[str, ...] = ()

    def bind(self, **fields: object) -> Self:
        """The same finding with other fields."""
        return replace(self, **fields)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class Debt:
    """What somebody did alone, and somebody else has to countersign: a `waiver`, or a `rollback`.

    `by` are those who did it, `due` the moment (UTC) by which it has to be countersigned (None: no time is set). A
    waiver says which `rule` of which `gate` it waived, why, and until when.
    """

    kind: str
    by: tuple[str, ...]
    due: datetime | None = None
    rule: str | None = None
    gate: str | None = None
    reason: str | None = None
    expires: datetime | None = None

    @property
    def in_words(self) -> str:
        """`waiver of soak by alice`, `rollback by carol`."""
        of = f" of {self.rule}" if self.rule else ""
        return f"{self.kind}{of} by {', '.join(self.by)}"

    def is_overdue(self, now: datetime) -> bool:
        """Whether it should have been countersigned by a moment, or the waiver has expired."""
        return any(end is not None and end <= now for end in (self.due, self.expires))


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What was found about one thing: a slot, the records of a model, or the policy.

    `thing` is its name in the ledger (`production/fraud-detector`, `records/fraud-detector`, `policy`), `action` what
    the change does to it (`promote`, `rollback`, `adopt`, `archive`, `register`, `policy`, `records`).
    `source` is the stage the version comes from, `before` and `after` are versions (None: empty). `debts` are what it
    leaves to be countersigned if it takes effect.
    """

    thing: str
    action: str
    findings: tuple[Finding, ...]
    model: str | None = None
    stage: str | None = None
    source: str | None = None
    before: str | None = None
    after: str | None = None
    metrics: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    debts: tuple[Debt, ...] = ()

    @lazy
    def verdict(self) -> Verdict:
        return worst([finding.verdict for finding in self.findings if not finding.advisory])


@dataclass(frozen=True, kw_only=True)
class Report:
    """The judge's answer about a whole change, at one moment (UTC).

    `base` and `head` are commit ids. `registry` is the folder of the registry from the repository's root ("" is the
    root). `elsewhere` says, one line each, what else is open in the registry but not touched by this change;
    `notes` what a reader should know besides (a new registry, a merge judged as one step).
    """

    judgements: tuple[Judgement, ...]
    moment: datetime
    registry: str = ""
    base: str | None = None
    head: str | None = None
    new_registry: bool = False
    elsewhere: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        return worst([judgement.verdict for judgement in self.judgements])

    @property
    def passed(self) -> bool:
        return self.verdict is Verdict.PASSED

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]
