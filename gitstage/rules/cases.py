"""What a rule is asked about, and what it answers: a change of the policy, of a model's records, or of a slot."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gitstage.canonical import DocumentError
from gitstage.changes import FILE, LINK, SUBMODULE, Change, Entry, Snapshot
from gitstage.errors import CannotEvaluate
from gitstage.findings import Verdict
from gitstage.layout import MODELS, Layout, Place, Slot, archived_path, evidence_folder
from gitstage.ledger import Binding, Effect, Open, Past
from gitstage.manifest import ModelVersion
from gitstage.policy import Gate, Policy
from gitstage.rules.voices import SILENT, Voices, statements_called
from gitstage.values import dataclass, field

if TYPE_CHECKING:
    from gitstage.approvals import PolicyChange, Said

LARGEST_DOCUMENT = 1_000_000
"""Bytes; no manifest or statement is larger."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a rule says. It knows neither its own name nor its severity; the runner adds both.

    `name` is that of a rule which the policy writes itself: it stands behind the id, `rules/NAME`. `about` is what of
    many it speaks of, a metric or a piece of evidence.
    """

    message: str
    verdict: Verdict = Verdict.REFUSED
    path: str | None = None
    line: int | None = None
    about: str | None = field(default=None, compare=False)
    value: str | None = None
    threshold: str | None = None
    opens: datetime | None = None
    hint: str | None = None
    advisory: bool = False
    name: str | None = None
    people: tuple[str, ...] = ()


Answers = Iterator[Answer]


Plugin = Callable[[dict[str, Any]], object]
"""A rule in Python: facts in (`gitstage.expressions.VARIABLES`), an answer out (`gitstage.rules.rules`)."""


def no_plugin(name: str) -> Plugin:
    """Raises CannotEvaluate: where nobody allowed a plug-in, none runs."""
    raise CannotEvaluate(
        f"the plug-in {name!r} is not allowed to run here",
        hint=f"gitstage --allow-plugin {name} …, or GITSTAGE_PLUGINS={name}",
    )


@dataclass(frozen=True, kw_only=True)
class PolicyCase:
    """A change of `gitstage.yaml`, of protected paths, or of what else lies in the registry.

    `before` and `after` are the registry's trees, `old` and `new` the policies in them (None: there is none that can
    be read). `problem` says why `new` is None. `filled` names the slots of a stage in which a version is in effect.
    `displaced` are models of which a version passed, whatever has become of their files since. `about` gives the change
    as an approval is bound to it (None: nothing that is guarded changes), and `unlike` says how the tree of a commit
    that was reviewed differs from what is to be in effect.
    """

    before: Snapshot
    after: Snapshot
    old: Policy | None
    new: Policy | None
    problem: DocumentError | None
    changes: tuple[tuple[Change, Place], ...]
    now: datetime
    filled: Callable[[str], Iterable[Slot]] = field(default=lambda stage: (), compare=False)
    displaced: frozenset[str] = frozenset()
    about: Callable[[], PolicyChange | None] = field(default=lambda: None, compare=False)
    unlike: Callable[[Snapshot], str | None] = field(default=lambda tree: None, compare=False)
    voices: Voices = SILENT


@dataclass(frozen=True, kw_only=True)
class RecordsCase:
    """A change of all that carries one model's name besides its slots.

    `left` are the versions that have left one of the model's slots, `in_stages` those that are in effect, with a stage
    of each. `displaced` are models of which a version passed, whatever has become of their files since. `policy_number`
    counts the policies that have taken effect.
    """

    model: str
    policy: Policy
    layout: Layout
    before: Snapshot
    after: Snapshot
    changes: tuple[tuple[Change, Place], ...]
    left: frozenset[str]
    now: datetime
    in_stages: Mapping[str, str] = field(default_factory=dict)
    policy_number: int = 0
    displaced: frozenset[str] = frozenset()
    voices: Voices = SILENT


@dataclass(frozen=True, kw_only=True)
class SlotCase:
    """A change of one slot.

    `entry` is what lies at the slot's path, `before` what is in effect and `after` the version that the slot declares
    (None: empty, or no version that is known: then `matched` is False). `head` is the registry as it would be,
    `passed` as far as the model's records have passed, `base` as far as they had before this change landed, `tip` the
    trunk's tip.
    """

    slot: Slot
    action: str
    policy: Policy
    layout: Layout
    entry: Entry | None
    matched: bool
    before: str | None
    before_blob: str | None
    after: str | None
    after_blob: str | None
    sources: frozenset[str]
    with_policy: bool
    records_open: Open | None
    head: Snapshot
    passed: Snapshot
    base: Snapshot
    tip: Snapshot
    past: Past
    now: datetime
    version_in: Callable[[Snapshot, str, str], ModelVersion | None] = field(compare=False)
    plugin: Callable[[str], Plugin] = field(default=no_plugin, compare=False)
    voices: Voices = SILENT

    @property
    def effects(self) -> tuple[Effect, ...]:
        return self.past.effects(self.slot)

    @property
    def stays_empty(self) -> bool:
        """Whether the slot never held anything, and its file says that it is empty."""
        return self.matched and self.after is None and self.entry is not None and not self.effects

    @property
    def from_stages(self) -> tuple[str, ...]:
        """The places the version may come from, and was in before this change."""
        return tuple(name for name in self.policy.stages[self.slot.stage].from_ if name in self.sources)

    @property
    def has_passed_before(self) -> bool:
        """Whether what the slot declares was in effect here, and nothing was waived for it."""
        blob = None if self.entry is None else self.entry.oid
        return any(effect.after_blob == blob and not effect.is_waived for effect in self.effects)

    def about(self) -> Binding:
        """The change, as what people sign is bound to it."""
        incumbent = None if self.before_blob is None else _sha256(self.head, self.before_blob)
        manifest = incumbent if self.after_blob is None else _sha256(self.head, self.after_blob)
        return Binding(
            registry=self.policy.id,
            model=self.slot.model,
            version=str(self.after or self.before),
            manifest=str(manifest),
            stage=self.slot.stage,
            incumbent=incumbent,
            change=len(self.effects),
        )

    def people_said(self, kind: str) -> Iterator[tuple[str, bytes, Said]]:
        """What people said of the version that comes in, or leaves: the file's name, its bytes, and what it says.

        A rollback does not wait for records that are open, and so what stands in this change counts too: a signature
        needs no other witness.
        """
        from gitstage.approvals import Said

        folder = evidence_folder(self.slot.model, str(self.after or self.before))
        registries = (self.passed,) if self.passed is self.head else (self.passed, self.head)
        for name, data, said in statements_called(registries, folder, kind):
            if isinstance(said, Said) and said.kind == kind:
                yield name, data, said

    def incoming(self) -> ModelVersion | None:
        """The manifest of the version that comes in."""
        return None if self.after is None else self.version_in(self.passed, self.slot.model, self.after)

    def incumbent(self) -> ModelVersion | None:
        """The manifest of the version that is in effect."""
        return None if self.before is None else self.version_in(self.base, self.slot.model, self.before)


def _sha256(registry: Snapshot, blob: str) -> str:
    return hashlib.sha256(registry.read(blob)).hexdigest()


GateRule = Callable[[SlotCase, Gate], Answers]

NOT_A_FILE: Mapping[int, str] = {
    LINK: "is a symbolic link",
    SUBMODULE: "is a submodule",
    0o100755: "has the executable bit",
}


def what_it_is(entry: Entry) -> str | None:
    """Why an entry is no plain file; None where it is one."""
    return None if entry.mode == FILE else NOT_A_FILE.get(entry.mode, "is no regular file")


def version_of_blob(snapshot: Snapshot, layout: Layout, model: str, blob: str) -> str | None:
    """The registered version of `model` whose manifest is exactly this blob; None where there is none."""
    names = [name for name, entry in snapshot.listing(f"{MODELS}/{model}").items() if entry == (FILE, blob)]
    return next(iter(layout.versions_among(names)), None)


def is_model(snapshot: Snapshot, layout: Layout, name: str) -> bool:
    """Whether a version of a model is registered."""
    names = snapshot.listing(f"{MODELS}/{name}")
    return any(layout.is_version(other.removesuffix(".yaml")) for other in names if other.endswith(".yaml"))


def is_listed(snapshot: Snapshot, model: str, version: str, blob: str | None) -> bool:
    """Whether `archived/` lists a version with exactly these bytes."""
    return blob is not None and snapshot.entry(archived_path(model, version)) == (FILE, blob)
