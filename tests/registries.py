"""Registries in memory: trees over a dict, documents in one call, and histories that read as a story."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from gitstage import plans
from gitstage.approvals import PolicyChange, PolicySaid, Said, written
from gitstage.canonical import DocumentError
from gitstage.changes import (
    EXECUTABLE,
    FILE,
    FOLDER,
    LINK,
    SUBMODULE,
    Change,
    Entry,
    Nothing,
    Snapshot,
    below,
    blob_id,
    changes_between,
    files,
)
from gitstage.envelopes import Envelope, read_envelope, read_signature, write_envelope
from gitstage.evidence import Result, test_result
from gitstage.findings import Finding, Judgement
from gitstage.forges import Forge
from gitstage.layout import (
    CONFIGURATION,
    POLICY,
    Layout,
    Place,
    Records,
    Slot,
    Thing,
    evidence_folder,
    evidence_path,
    hold_path,
    slot_path,
    thing_named,
    version_path,
)
from gitstage.ledger import Binding, Effect, Folded, PolicyEffect, Registered, State
from gitstage.manifest import Artifact, EmptySlot, Hold, ModelVersion, canonical_bytes, read_hold, read_version
from gitstage.merges import Merged, merged
from gitstage.plans import Plan, Scene
from gitstage.policy import Policy, read_policy
from gitstage.rules.cases import PolicyCase, RecordsCase, SlotCase
from gitstage.rules.fold import Step, World, continued, current_policy, digest_at, fold, layout_of
from gitstage.rules.voices import CommitBy, Commits
from gitstage.signatures.bundles import Bundles

ID = "4f6c1c1e-8a39-4a0e-9d7e-2f1b7c0a5f11"
MONDAY = datetime(2026, 11, 23, 10, tzinfo=UTC)
STAGES = {"staging": {"from": ["registered", "archived"]}, "production": {"from": ["staging"]}}


# Trees.


class Shelf:
    """The bytes of blobs by their ids, and the folders of trees by theirs, as in a repository's object store."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.folders: dict[str, Mapping[str, Entry]] = {"": MappingProxyType({})}

    def put(self, data: bytes) -> str:
        oid = blob_id(data)
        self.blobs[oid] = data
        return oid

    def folder(self, names: Mapping[str, Entry]) -> str:
        text = "\n".join(f"{name}\t{entry.mode}\t{entry.oid}" for name, entry in sorted(names.items()))
        oid = hashlib.sha1(text.encode("utf-8", "surrogateescape")).hexdigest()
        self.folders.setdefault(oid, MappingProxyType(dict(names)))
        return oid


@dataclass(frozen=True)
class Tree:
    """A `Snapshot` over a dict: files by path. Equal folders have one id and are one object, as in git."""

    shelf: Shelf
    root: str
    known: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, shelf: Shelf, files: Mapping[str, Entry]) -> Tree:
        folders: dict[str, dict[str, Entry]] = {"": {}}
        for path, entry in files.items():
            folder, _, name = path.rpartition("/")
            folders.setdefault(folder, {})[name] = entry
            while folder:
                folder = folder.rpartition("/")[0]
                folders.setdefault(folder, {})
        for path in sorted(folders, key=lambda path: -path.count("/")):
            if path:
                above, _, name = path.rpartition("/")
                assert name not in folders[above], f"{path} is a file and a folder"
                folders[above][name] = Entry(FOLDER, shelf.folder(folders[path]))
        return cls(shelf, shelf.folder(folders[""]))

    def entry(self, path: str) -> Entry | None:
        if not path:
            return Entry(FOLDER, self.root)
        folder, _, name = path.rpartition("/")
        return self.listing(folder).get(name)

    def listing(self, folder: str) -> Mapping[str, Entry]:
        """The names in a folder, from the nearest folder above it that was asked about before."""
        unknown = []
        while folder and folder not in self.known:
            unknown.append(folder)
            folder = folder.rpartition("/")[0]
        oid = self.known[folder] if folder else self.root
        for path in reversed(unknown):
            found = self.shelf.folders[oid].get(path.rpartition("/")[2])
            oid = self.known[path] = found.oid if found is not None and found.is_folder else ""
        return self.shelf.folders[oid]

    def read(self, oid: str) -> bytes:
        return self.shelf.blobs[oid]

    def size(self, oid: str) -> int:
        return len(self.shelf.blobs[oid])


Content = bytes | str | Entry
"""What may be put at a path: bytes, text, or an entry with a mode of its own."""


def tree(files: Mapping[str, Content], shelf: Shelf | None = None) -> Tree:
    """A tree of the given files."""
    shelf = shelf or Shelf()
    return Tree.of(shelf, {path: entry_of(shelf, content) for path, content in files.items()})


def entry_of(shelf: Shelf, content: Content) -> Entry:
    if isinstance(content, Entry):
        return content
    return Entry(FILE, shelf.put(content.encode() if isinstance(content, str) else content))


def put(files: dict[str, Entry], path: str, entry: Entry | None) -> None:
    """Puts an entry at a path, or nothing, as git does: a file takes the place of a folder, a folder that of a file."""
    for other in [other for other in files if other.startswith(f"{path}/")]:
        if entry is not None:
            del files[other]
    if entry is None:
        files.pop(path, None)
        return
    above = path.rpartition("/")[0]
    while above:
        files.pop(above, None)
        above = above.rpartition("/")[0]
    files[path] = entry


def holds_back(registry: Snapshot, path: str) -> bool:
    """Whether a hold at a path holds: one that cannot be read does."""
    entry = registry.entry(path)
    if entry is None or entry.mode != FILE:
        return entry is not None
    try:
        return read_hold(registry.read(entry.oid)).state == "held"
    except DocumentError:
        return True


# Documents.


def public_key(owner: str) -> str:
    """A public key that is somebody's; nobody has the other half of it."""
    blob = _wired(b"ssh-ed25519", hashlib.sha256(owner.encode()).digest())
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


def manifest(model: str, version: str, **more: object) -> bytes:
    """A version's manifest in canonical form; `more` are fields of ModelVersion, or metrics by name."""
    fields = {name: more.pop(name) for name in list(more) if name in ModelVersion.model_fields}
    if more:
        fields["metrics"] = {**more}
    fields.setdefault(
        "artifacts",
        (Artifact(path="model.onnx", uri=f"s3://models/{model}/{version}/model.onnx", sha256="0" * 64, size=4),),
    )
    return canonical_bytes(ModelVersion(model=model, version=version, **fields))  # type: ignore[arg-type]


def empty_slot(model: str) -> bytes:
    """The bytes of an empty slot."""
    return canonical_bytes(EmptySlot(model=model))


def hold(model: str, version: str, reason: str = "it drifts", *, state: str = "held") -> bytes:
    """The bytes of a hold, or of a released one."""
    return canonical_bytes(Hold(model=model, version=version, state=state, reason=reason))  # type: ignore[arg-type]


def statement(
    about: bytes,
    name: str = "shadow-traffic",
    result: Result = "PASSED",
    made: datetime | None = MONDAY,
    **metrics: float,
) -> bytes:
    """A test result about a manifest. One without `made` does not say when it was made."""
    said = read_version(about)
    digest = hashlib.sha256(about).hexdigest()
    data = test_result(said.model, said.version, digest, name, result, metrics, made or MONDAY)
    if made is not None:
        return data
    document = json.loads(data)
    del document["predicate"]["gitstageMade"]
    return json.dumps(document, indent=2, sort_keys=True).encode() + b"\n"


def provenance(*digests: str, made: datetime = MONDAY) -> bytes:
    """What a builder says of things with these SHA-256 digests."""
    document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": f"file-{number}", "digest": {"sha256": digest}} for number, digest in enumerate(digests)],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {"buildType": "https://a.dev/train", "externalParameters": {}},
            "runDetails": {"builder": {"id": "https://a.dev/ci"}, "metadata": {"finishedOn": made.isoformat()}},
        },
    }
    return json.dumps(document).encode()


def enveloped(payload: bytes, *signatures: bytes) -> bytes:
    """A statement in an envelope; the signatures are whatever they are."""
    return write_envelope(Envelope(payload, signatures=tuple(map(read_signature, signatures or (b"raw",)))))


def policy_file(
    stages: Mapping[str, object] | None = None, gates: Mapping[str, object] | None = None, **top: object
) -> bytes:
    """A gitstage.yaml; a key with a dash is written with an underscore."""
    document: dict[str, object] = {"apiVersion": "gitstage/v1", "kind": "Registry", "id": ID}
    document["stages"] = stages or STAGES
    if gates is not None:
        document["gates"] = gates
    document |= {key.replace("_", "-"): value for key, value in top.items()}
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in document.items()).encode()


def gated(stages: Mapping[str, object] | None = None, **gate: object) -> bytes:
    """A gitstage.yaml whose production has one gate, `standard`, that asks this."""
    production = {"from": ["staging"], "gates": ["standard"]}
    return policy_file({**STAGES, "production": production, **(stages or {})}, {"standard": gate})


# Signatures that nobody checks: in a test, whoever is named in one has signed.


def signed_by(payload: bytes, *owners: str) -> bytes:
    """A statement in an envelope that carries a signature of each of these, by the key that is theirs."""
    signatures = []
    for owner in owners:
        wire = base64.b64decode(public_key(owner).split()[1])
        parts = (wire, b"gitstage", b"", b"sha512", _wired(b"ssh-ed25519", b"good"))
        signatures.append(read_signature(b"SSHSIG\0\0\0\1" + _wired(*parts)))
    return write_envelope(Envelope(payload, signatures=tuple(signatures)))


def _wired(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def believing(data: bytes) -> frozenset[str]:
    """The keys of whoever is named in an envelope, as if every signature were good."""
    envelope = read_envelope(data)
    return frozenset(found.key for found in (envelope.signatures if envelope else ()) if found.key is not None)


BUNDLES = Bundles()
"""Sigstore bundles are verified for real: `tests.signatures.authority` makes good ones."""


PEOPLE: Mapping[str, Mapping[str, object]] = {
    "alice": {"keys": [public_key("alice"), public_key("alice-2")], "github": "Alice-Acme"},
    "bob": {"keys": [public_key("bob")], "github": "bob-acme", "gitlab": "bob"},
    "carol": {"keys": [public_key("carol")]},
    "dave": {"keys": [public_key("dave")]},
}
ROLES: Mapping[str, list[str]] = {"risk": ["alice", "bob"], "compliance": ["bob", "carol"], "oncall": ["dave"]}
OWNED: Mapping[str, object] = {"**": {"owners": ["risk"]}}


def peopled(
    gate: Mapping[str, object] | None = None, production: Mapping[str, object] | None = None, **top: object
) -> bytes:
    """A gitstage.yaml with people: alice and bob own everything, bob and carol are compliance, dave is on call.

    Its production asks what `gate` says, if it says anything, and says besides what `production` says.
    """
    gates = {} if gate is None else {"gates": ["standard"]}
    stages = {**STAGES, "production": {"from": ["staging"], **gates, **(production or {})}}
    people = {"people": PEOPLE, "roles": ROLES, "models": OWNED, **top}
    return policy_file(stages, None if gate is None else {"standard": gate}, **people)


# Cases: what a rule is asked.


class NoPast:
    """Nothing has taken effect."""

    def effects(self, slot: Slot) -> tuple[Effect, ...]:
        return ()

    def taken(self, slot: Slot) -> int:
        return 0


class PastOf:
    """What has taken effect, in a dict."""

    def __init__(self, *effects: Effect) -> None:
        self._effects: dict[Slot, list[Effect]] = {}
        self._used: dict[Slot, int] = {}
        self._in_order: list[Effect] = []
        self.take(effects)

    def take(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            self._effects.setdefault(effect.slot, []).append(effect)
            self._in_order.append(effect)

    def in_order(self) -> list[Effect]:
        """Everything that took effect, one after the other."""
        return list(self._in_order)

    def effects(self, slot: Slot) -> tuple[Effect, ...]:
        return tuple(self._effects.get(slot, ()))

    def taken(self, slot: Slot) -> int:
        return max((self._used.get(slot, 0), *(effect.number for effect in self.effects(slot))))

    def use_up(self, slot: Slot, number: int) -> None:
        """A tag with this number is there, and does not count."""
        self._used[slot] = number

    def copy(self) -> PastOf:
        """The same past, that may go on otherwise."""
        return PastOf(*self._in_order)

    def all(self) -> list[Effect]:
        return [effect for slot in sorted(self._effects, key=str) for effect in self._effects[slot]]


def effect(
    slot: Slot,
    number: int = 1,
    after: str | None = "1.0.0",
    before: str | None = None,
    *,
    action: str = "promote",
    moment: datetime = MONDAY,
    commit: str = "c" * 40,
) -> Effect:
    """A change of a slot that took effect; the blobs are those of `manifest(model, version)`."""
    return Effect(
        slot=slot,
        number=number,
        action=action,
        commit=commit,
        moment=moment,
        before=before,
        after=after,
        before_blob=None if before is None else blob_id(manifest(slot.model, before)),
        after_blob=None if after is None else blob_id(manifest(slot.model, after)),
    )


def placed(before: Snapshot, after: Snapshot, layout: Layout, thing: Thing) -> tuple[tuple[Change, Place], ...]:
    """The differences of one thing between two trees of a registry, with what their paths mean."""
    changes = [(change, layout.place(change.path)) for change in changes_between(before, after)]
    return tuple((change, place) for change, place in changes if place.thing == thing)


def records_case(
    before: Mapping[str, Content],
    edits: Mapping[str, Content | None],
    model: str = "m",
    left: Iterable[str] = (),
    displaced: Iterable[str] = (),
    policy: bytes | None = None,
) -> RecordsCase:
    """A change of a model's records: what was there, and what is put there or taken away (None)."""
    was, now = before_and_after(before, edits)
    rules = read_policy(policy or policy_file())
    layout = layout_of(rules)
    return RecordsCase(
        model=model,
        policy=rules,
        layout=layout,
        before=was,
        after=now,
        changes=placed(was, now, layout, Records(model)),
        left=frozenset(left),
        now=MONDAY,
        displaced=frozenset(displaced),
    )


def policy_case(
    before: Mapping[str, Content],
    edits: Mapping[str, Content | None],
    filled: Iterable[Slot] = (),
    displaced: Iterable[str] = (),
) -> PolicyCase:
    """A change of the policy: what was there, and what is put there or taken away; `filled` slots are in effect."""
    was, now = before_and_after(before, edits)
    old, new = (_policy_in(tree) for tree in (was, now))
    layout = layout_of(new or old or read_policy(policy_file()))
    slots = list(filled)
    return PolicyCase(
        before=was,
        after=now,
        old=old,
        new=new,
        problem=_problem_in(now),
        changes=placed(was, now, layout, POLICY),
        now=MONDAY,
        filled=lambda stage: [slot for slot in slots if slot.stage == stage],
        displaced=frozenset(displaced),
    )


def before_and_after(before: Mapping[str, Content], edits: Mapping[str, Content | None]) -> tuple[Tree, Tree]:
    shelf = Shelf()
    files = {path: entry_of(shelf, content) for path, content in before.items()}
    was = Tree.of(shelf, files)
    for path, content in edits.items():
        put(files, path, None if content is None else entry_of(shelf, content))
    return was, Tree.of(shelf, files)


def _policy_in(registry: Tree) -> Policy | None:
    entry = registry.entry(CONFIGURATION)
    try:
        return None if entry is None else read_policy(registry.read(entry.oid))
    except DocumentError:
        return None


def _problem_in(registry: Tree) -> DocumentError | None:
    entry = registry.entry(CONFIGURATION)
    try:
        if entry is not None:
            read_policy(registry.read(entry.oid))
    except DocumentError as error:
        return error
    return None


def slot_case(
    before: Mapping[str, Content] | None = None,
    edits: Mapping[str, Content | None] | None = None,
    *,
    model: str = "m",
    stage: str = "production",
    action: str = "promote",
    policy: bytes | None = None,
    incoming: str | None = "1.1.0",
    incumbent: str | None = "1.0.0",
    sources: Iterable[str] = ("staging",),
    past: Iterable[Effect] = (),
    now: datetime = MONDAY,
    **more: object,
) -> SlotCase:
    """A change of `production/m` from 1.0.0 to 1.1.0, both registered; and what else is there, put there or different."""
    slot = Slot(model, stage)
    registered = {version_path(model, v): manifest(model, v) for v in (incoming, incumbent) if v is not None}
    filled = {slot.path: empty_slot(model) if incoming is None else manifest(model, incoming)}
    was, head = before_and_after({**registered, **(before or {})}, {**filled, **(edits or {})})
    rules = read_policy(policy or policy_file())
    entry = head.entry(slot.path)
    effects = [effect(slot, after=incumbent)] if incumbent is not None else []
    fields: dict[str, object] = {
        "slot": slot,
        "action": action,
        "policy": rules,
        "layout": layout_of(rules),
        "entry": entry,
        "matched": True,
        "before": incumbent,
        "before_blob": None if incumbent is None else blob_id(manifest(model, incumbent)),
        "after": incoming,
        "after_blob": None if entry is None or incoming is None else entry.oid,
        "sources": frozenset(sources),
        "with_policy": False,
        "records_open": None,
        "head": head,
        "passed": head,
        "base": was,
        "tip": head,
        "past": PastOf(*effects, *past),
        "now": now,
        "version_in": World(trees=lambda _: head, past=NoPast(), folder="", tip=head, now=now).version_in,
    }
    return SlotCase(**{**fields, **more})  # type: ignore[arg-type]


# Histories.


class Story:
    """A history of a registry: edits, commits on the trunk, and runs of `tag`, with a clock of its own.

    A story can be forked: the fork is a branch that edits, commits and is merged back.
    """

    def __init__(
        self,
        policy: bytes | None = None,
        *,
        folder: str = "registry",
        start: datetime = MONDAY,
        shelf: Shelf | None = None,
    ) -> None:
        self.shelf = shelf or Shelf()
        self.folder = folder
        self.now = start
        self.files: dict[str, Entry] = {}
        self.trees: dict[str, Tree] = {}
        self.line: list[str] = []
        self.sees_tip = True
        self.state = State()
        self.past = PastOf()
        self.registered: list[Registered] = []
        self.policies: list[PolicyEffect] = []
        self.last = Folded(state=self.state)
        self.known_policies: dict[str, Policy | DocumentError] = {}
        self.known_manifests: dict[str, ModelVersion | None] = {}
        self.forge: Forge | None = None
        self.signers: dict[str, tuple[str, ...]] = {}
        self.signed_by: Callable[[bytes], frozenset[str]] = believing
        self.vouched_for: Callable[[bytes, bytes], frozenset[str]] = BUNDLES.vouched_for
        if policy is not None:
            self.write(CONFIGURATION, policy)
            for stage in (*read_policy(policy).stages, "archived"):
                self.write(f"{stage}/README.md", f"What is in {stage}.\n")
            self.land()

    # editing

    def at(self, path: str) -> str:
        """A path of the registry, from the repository's root."""
        return f"{self.folder}/{path}" if self.folder else path

    def write(self, path: str, content: Content) -> Story:
        put(self.files, self.at(path), entry_of(self.shelf, content))
        return self

    def remove(self, path: str) -> Story:
        put(self.files, self.at(path), None)
        return self

    def link(self, path: str, target: str = "elsewhere") -> Story:
        return self.write(path, Entry(LINK, self.shelf.put(target.encode())))

    def submodule(self, path: str) -> Story:
        return self.write(path, Entry(SUBMODULE, "d" * 40))

    def make_executable(self, path: str) -> Story:
        return self.write(path, Entry(EXECUTABLE, self.files[self.at(path)].oid))

    def copy(self, source: str, target: str) -> Story:
        return self.write(target, self.files[self.at(source)])

    def copy_from(self, files: Mapping[str, Entry], path: str) -> Story:
        """Puts a file back as it is in other files."""
        return self.write(path, files[self.at(path)])

    def read(self, path: str) -> bytes:
        return self.shelf.blobs[self.files[self.at(path)].oid]

    def outside(self, path: str, content: Content) -> Story:
        """Writes a file of the repository that is not the registry's."""
        put(self.files, path, entry_of(self.shelf, content))
        return self

    def remove_outside(self, path: str) -> Story:
        put(self.files, path, None)
        return self

    # what people do

    def policy(self, policy: bytes) -> Story:
        return self.write(CONFIGURATION, policy)

    def register(self, model: str, version: str, **more: object) -> Story:
        return self.write(version_path(model, version), manifest(model, version, **more))

    def promote(self, model: str, version: str, stage: str = "production") -> Story:
        return self.carry_out(plans.promote(self.scene(model), Slot(model, stage), version))

    def stage(self, model: str, version: str) -> Story:
        return self.promote(model, version, "staging")

    def fill(self, model: str, version: str, stage: str = "production") -> Story:
        """Fills a slot by hand: nothing is archived."""
        return self.copy(version_path(model, version), slot_path(stage, model))

    def archive(self, model: str, stage: str = "production") -> Story:
        slot = Slot(model, stage)
        return self.carry_out(plans.empty(self.scene(model), slot, empty_slot(model), reason="no longer used"))

    def rollback(self, model: str, stage: str = "production", to: str | None = None, *, hold_it: bool = True) -> Story:
        scene = self.scene(model)
        places = (scene.registry, scene.passed_records(model))
        versions = {
            *scene.versions(model),
            *(found.after for found in self.past.effects(Slot(model, stage)) if found.after),
        }
        held = {
            version: "held"
            for version in versions
            if any(holds_back(place, hold_path(model, version)) for place in places)
        }
        holds = {version: hold(model, version) for version in versions} if hold_it else {}
        plan = plans.rollback(scene, Slot(model, stage), to=to, held=held, holds=holds, reason="it drifts")
        return self.carry_out(plan)

    def hold(self, model: str, version: str) -> Story:
        return self.write(hold_path(model, version), hold(model, version))

    def unhold(self, model: str, version: str) -> Story:
        return self.write(hold_path(model, version), hold(model, version, "it was the data", state="released"))

    def attest(
        self,
        model: str,
        version: str,
        name: str = "shadow-traffic",
        result: Result = "PASSED",
        number: int = 1,
        made: datetime | None = None,
        **metrics: float,
    ) -> Story:
        about = self.read(version_path(model, version))
        data = statement(about, name, result, made or self.now, **metrics)
        return self.write(evidence_path(model, version, name, number), data)

    def about(self, model: str, version: str, stage: str = "production") -> Binding:
        """The change that puts a version into a slot, as what people sign is bound to it."""
        effects = self.past.effects(Slot(model, stage))
        before = effects[-1].after if effects else None

        def digest(of: str) -> str:
            return hashlib.sha256(self.read(version_path(model, of))).hexdigest()

        return Binding(
            registry=ID,
            model=model,
            version=version,
            manifest=digest(version),
            stage=stage,
            incumbent=None if before is None else digest(before),
            change=len(effects),
        )

    def say(self, kind: str, *by: str, about: Binding, **more: Any) -> Story:
        """Somebody signs something about a change: an approval, a waiver, a rollback, a countersignature."""
        said = Said(**{"kind": kind, "about": about, "made": self.now, **more})
        return self.write_said(f"{kind}-{by[0] if by else 'nobody'}", said, *by)

    def write_said(self, name: str, said: Said, *by: str) -> Story:
        folder = f"{evidence_folder(said.about.model, said.about.version)}/{name}"
        number = len(self.registry.listing(folder)) + 1
        data = written(said)
        return self.write(f"{folder}/{number}.json", signed_by(data, *by) if by else data)

    def approve(self, model: str, version: str, *by: str, stage: str = "production", **more: Any) -> Story:
        return self.say("approval", *by, about=self.about(model, version, stage), **more)

    def waive(
        self, model: str, version: str, rule: str, *by: str, stage: str = "production", hours: float = 8, **more: Any
    ) -> Story:
        fields: dict[str, Any] = {
            "rule": rule,
            "reason": "it burns",
            "expires": self.now + timedelta(hours=hours),
            **more,
        }
        return self.say("waiver", *by, about=self.about(model, version, stage), **fields)

    def approve_policy(self, *by: str, change: Mapping[str, Any] | None = None, **more: Any) -> Story:
        """Somebody approves gitstage.yaml, and what is in the paths that it protects, as they are edited here.

        With `change`, they approve something else.
        """
        policy = self.in_effect
        assert policy is not None
        assert self.state.judged is not None
        passed = self.trees[str(self.state.passed_commit(POLICY))]
        changed = [change.path for change in changes_between(passed, self.tree) if policy.is_protected(change.path)]
        digest = hashlib.sha256(self.read(CONFIGURATION)).hexdigest()
        about = PolicyChange(
            registry=ID,
            policy=digest,
            base=policy.digest,
            number=self.state.policy_number,
            files={path: digest_at(self.tree, path) for path in changed},
        )
        about = replace(about, **(change or {}))
        data = written(PolicySaid(**{"about": about, "made": self.now, **more}))
        folder = f"evidence/policy/{digest}/approval-{by[0] if by else 'nobody'}"
        number = len(self.registry.listing(folder)) + 1
        return self.write(f"{folder}/{number}.json", signed_by(data, *by) if by else data)

    def withdraw(self, *names: str) -> Story:
        """Puts back what is open: a slot `production/m`, `records/m`, or `policy`."""
        for name in names:
            self.carry_out(self.withdrawal(thing_named(name)))
        return self

    def withdraw_all(self) -> Story:
        return self.withdraw(*sorted(self.state.open))

    def withdrawal(self, thing: Thing) -> Plan:
        if isinstance(thing, Slot):
            return plans.withdraw_slot(self.scene(thing.model), thing, empty_slot(thing.model))
        if isinstance(thing, Records):
            return plans.withdraw_records(self.scene(thing.model), thing.model)
        passed = self.world().registry(self.state.passed_commit(thing))
        layouts = [] if self.in_effect is None else [layout_of(self.in_effect)]
        layouts += [layout_of(policy) for policy in [self.declared_policy] if policy is not None]
        return plans.withdraw_policy(self.registry, passed, tuple(layouts), at_root=not self.folder)

    def carry_out(self, plan: Plan) -> Story:
        """Edits the files as a command does, which puts no file below another."""
        self.shelf.blobs.update(plan.blobs)
        plan = plan.without_what_is_there(self.registry)
        for path, entry in sorted(plan.edits.items(), key=lambda edit: edit[1] is not None):
            if entry is not None:
                above = [path[:at] for at in range(len(path)) if path[at] == "/"]
                assert not [folder for folder in above if self.at(folder) in self.files], f"{path} is below a file"
            put(self.files, self.at(path), entry)
        return self

    # time and the trunk

    def wait(self, length: timedelta | None = None, **more: float) -> Story:
        self.now += length or timedelta(**more)
        return self

    def commit(self, *by: str) -> str:
        """A commit on the trunk, which these people sign: its id."""
        commit = hashlib.sha1(f"{len(self.trees)} {self.line[-1:]}".encode()).hexdigest()
        self.trees[commit] = self.tree
        self.line.append(commit)
        self.signers[commit] = by
        return commit

    def commit_signers(self, base: str | None, commit: str) -> Commits:
        """The commits after `base` (or the one before) up to another, with the keys of who signed them."""
        if commit not in self.line:
            return None
        last = self.line.index(commit)
        first = last if base is None else self.line.index(base) + 1
        return tuple(self._commit_by(at) for at in range(first, last + 1))

    def _commit_by(self, at: int) -> CommitBy:
        before: Snapshot = self.trees[self.line[at - 1]] if at else Nothing()
        paths = frozenset(change.path for change in changes_between(before, self.trees[self.line[at]]))
        return CommitBy(frozenset(public_key(owner) for owner in self.signers.get(self.line[at], ())), paths)

    def tag(self, *, at: str | None = None, up_to: int | None = None) -> Folded:
        """One run of `tag`: judges what has landed, and remembers what took effect."""
        if at is not None:
            self.now = datetime.fromisoformat(at).astimezone(UTC)
        folded = fold(self.state, self.steps(up_to), self.world())
        self.past.take(folded.effects)
        self.registered += folded.registered
        self.policies += folded.policies
        self.state, self.last = folded.state, folded
        return folded

    def steps(self, up_to: int | None = None) -> list[Step]:
        """The commits that have landed and were not judged yet."""
        begin = 0 if self.state.judged is None else self.line.index(self.state.judged) + 1
        return [Step(commit, self.trees[commit]) for commit in self.line[begin:up_to]]

    def land(self, *by: str) -> Folded:
        """A commit, which these people sign, and a run of `tag` on it."""
        self.commit(*by)
        return self.tag()

    def world(self) -> World:
        seen = self.sees_tip and bool(self.line)
        return World(
            trees=self.trees.__getitem__,
            past=self.past,
            folder=self.folder,
            tip=below(self.trees[self.line[-1]], self.folder) if seen else Nothing(),
            now=self.now,
            policies=self.known_policies,
            manifests=self.known_manifests,
            signed_by=self.signed_by,
            vouched_for=self.vouched_for,
            forge=self.forge,
            commit_signers=self.commit_signers,
        )

    def fork(self) -> Story:
        """A branch: it sees the same past and ledger, and edits files of its own."""
        branch = Story(folder=self.folder, start=self.now, shelf=self.shelf)
        branch.files = dict(self.files)
        branch.trees, branch.line = self.trees, list(self.line)
        branch.state, branch.past = self.state, self.past
        branch.signers, branch.forge, branch.signed_by = self.signers, self.forge, self.signed_by
        branch.vouched_for = self.vouched_for
        branch.known_policies, branch.known_manifests = self.known_policies, self.known_manifests
        return branch

    def elsewhere(self) -> Story:
        """The same story, that may go on otherwise."""
        other = self.fork()
        other.trees, other.past = dict(self.trees), self.past.copy()
        other.sees_tip, other.last = self.sees_tip, self.last
        other.registered, other.policies = list(self.registered), list(self.policies)
        return other

    def merge(self, branch: Story) -> tuple[str, ...]:
        """Merges a branch into the trunk's files, from its last common commit: the conflicts."""
        found = self.merged_with(branch)
        if not found.conflicts:
            self.files = dict(files(found.tree))
        return found.conflicts

    def merged_with(self, branch: Story) -> Merged:
        common = [commit for commit in branch.line if commit in self.line][-1]
        return merged(self.trees[common], self.tree, branch.tree)

    def check(self, branch: Story) -> tuple[Judgement, ...]:
        """What the judge says of a branch before it is merged."""
        so_far = fold(self.state, self.steps(), self.world())
        step = Step("0" * 40, self.merged_with(branch).tree)
        return continued(replace(so_far, judgements=()), [step], self.world()).judgements

    # questions

    @property
    def registry(self) -> Snapshot:
        """The registry as it is being edited."""
        return below(self.tree, self.folder)

    @property
    def tree(self) -> Tree:
        """The whole repository as it is being edited."""
        return Tree.of(self.shelf, self.files)

    def files_at(self, commit: str) -> Mapping[str, Entry]:
        """The files of the whole repository at a commit."""
        return dict(files(self.trees[commit]))

    @property
    def in_effect(self) -> Policy | None:
        """The policy that is in effect."""
        return current_policy(self.state, self.world())

    @property
    def declared_policy(self) -> Policy | None:
        found = self.world().policy_in(self.registry)
        return found if isinstance(found, Policy) else None

    def scene(self, model: str) -> Scene:
        policy = self.in_effect or self.declared_policy
        assert policy is not None
        waiting = self.state.records_open(model)
        return Scene(
            registry=self.registry,
            layout=layout_of(policy),
            stages=policy.stages,
            passed={} if waiting is None else {model: self.world().registry(waiting.passed)},
            effects={Slot(model, stage): self.past.effects(Slot(model, stage)) for stage in policy.stages},
        )

    def serves(self, model: str, stage: str = "production") -> str | None:
        """The version that is in effect."""
        effects = self.past.effects(Slot(model, stage))
        return effects[-1].after if effects else None

    @property
    def tags(self) -> list[str]:
        """Everything that took effect, in words: `m/production/1 promote 1.0.0`."""
        return [f"{found.name} {found.action} {found.after or 'nothing'}" for found in self.past.all()]

    @property
    def open(self) -> dict[str, list[str]]:
        """What is open: by thing, the verdict and the ids of the rules that say so."""
        return {
            name: [str(item.verdict), *dict.fromkeys(found.rule for found in item.findings if not found.advisory)]
            for name, item in sorted(self.state.open.items())
        }

    def said(self, thing: str) -> tuple[Finding, ...]:
        """What the last run said about a thing."""
        return next((found.findings for found in self.last.judgements if found.thing == thing), ())
