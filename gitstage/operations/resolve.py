"""The version that a reference names, and what its tag and its manifest say of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gitstage.canonical import parse
from gitstage.changes import Snapshot
from gitstage.errors import GitstageError, NoSuchThing
from gitstage.layout import Slot, is_prerelease, version_key, version_path
from gitstage.ledger import Effect, text_of
from gitstage.operations.moments import When, effects_at, when
from gitstage.operations.naming import without_back
from gitstage.operations.registries import Registry
from gitstage.references import Reference, reference
from gitstage.values import dataclass

FIELDS = ("version", "model", "stage", "tag", "commit", "moment", "blob", "path", "uri", "sha256", "size", "format")


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """What a reference names. `tag`, `moment` (UTC) and `action` are of the change that put it where it is."""

    model: str
    version: str
    blob: str
    commit: str
    stage: str | None = None
    tag: str | None = None
    moment: datetime | None = None
    action: str | None = None
    manifest: bytes = b""

    def document(self) -> dict[str, Any]:
        """As JSON, `gitstage/resolved/v1`."""
        return {"schema": "gitstage/resolved/v1", **self._said(), "manifest": parse(self.manifest)}

    def _said(self) -> dict[str, str | None]:
        """What is known without reading the manifest."""
        return {
            "model": self.model,
            "version": self.version,
            "stage": self.stage,
            "tag": self.tag,
            "commit": self.commit,
            "moment": text_of(self.moment) if self.moment else None,
            "action": self.action,
            "blob": self.blob,
            "path": version_path(self.model, self.version),
        }

    def field(self, name: str) -> str:
        """One field, as a line of text for each value. Raises NoSuchThing where there is no such field."""
        if name not in FIELDS and not name.startswith("metrics."):
            raise NoSuchThing(f"there is no field {name!r}", hint=f"fields: {', '.join(FIELDS)}, metrics.NAME")
        said = self._said()
        if name in said:
            return said[name] or ""
        manifest: dict[str, Any] = parse(self.manifest)
        if name.startswith("metrics."):
            value = manifest.get("metrics", {}).get(name.removeprefix("metrics."))
            if value is None:
                raise NoSuchThing(f"{self.model}@{self.version} has no {name}")
            return str(value)
        if name == "format":
            return str(manifest.get("format", ""))
        return "\n".join(str(artifact[name]) for artifact in manifest["artifacts"])


def run(
    registry: Registry, text: str, *, at: str | None = None, declared: bool = False, unpassed: bool = False
) -> Resolved:
    """What `MODEL@VERSION`, `MODEL@STAGE`, `MODEL@STAGE~N` or `MODEL@latest` names.

    A stage means what is in effect in it, at `at` or now; with `declared`, what the tree of HEAD (or of the commit
    `at`) says. A version is as it passed, whatever became of its file since; one that never passed, or of which
    nobody knows because the ledger is not here, is there only where `unpassed` asks for it. Raises NoSuchThing.
    """
    ref = reference(text)
    if ref.name is None:
        raise GitstageError(f"{text} names no version", hint=f"gitstage resolve {text}@production")
    moment = when(registry, at) if at is not None else None
    if ref.name in registry.identity.stages:
        return _declared(registry, ref, moment) if declared else _in_effect(registry, ref, moment)
    return _registered(registry, without_back(ref), moment, unpassed=unpassed)


def _in_effect(registry: Registry, ref: Reference, moment: When | None) -> Resolved:
    slot = Slot(ref.model, str(ref.name))
    if moment is None and ref.back == 0:
        effect = registry.past.current(slot)
    else:
        effects = effects_at(registry, registry.past.effects(slot), moment)
        effect = effects[-1 - ref.back] if ref.back < len(effects) else None
    if effect is None or effect.after is None or effect.after_blob is None:
        raise _nothing(registry, ref, effect, moment)
    return Resolved(
        model=ref.model,
        version=effect.after,
        blob=effect.after_blob,
        commit=effect.commit,
        stage=slot.stage,
        tag=registry.identity.tag_prefix + effect.name,
        moment=effect.moment,
        action=effect.action,
        manifest=registry.repo.read(effect.after_blob),
    )


def _nothing(registry: Registry, ref: Reference, effect: Effect | None, moment: When | None) -> NoSuchThing:
    then = f" at {moment.text}" if moment else ""
    if effect is not None:
        return NoSuchThing(f"{ref.name} of {ref.model} is empty{then}", hint=f"gitstage log {ref.model}")
    tip = registry.at(registry.tip)
    if not tip.listing(f"models/{ref.model}"):
        return NoSuchThing(f"there is no model {ref.model}", hint=_near(tip, ref.model))
    if ref.back:
        return NoSuchThing(
            f"{ref.name} of {ref.model} has not had so many changes{then}", hint=f"gitstage log {ref.model}"
        )
    return NoSuchThing(
        f"nothing has taken effect in {ref.name} of {ref.model}{then}", hint=f"gitstage status {ref.model}"
    )


def _near(registry: Snapshot, model: str) -> str:
    from difflib import get_close_matches

    folder, _, _ = model.rpartition("/")
    names = [f"{folder}/{name}" if folder else name for name in registry.listing(f"models/{folder}".rstrip("/"))]
    near = get_close_matches(model, names, n=1)
    return f"did you mean {near[0]}?" if near else "gitstage status lists the models"


def _declared(registry: Registry, ref: Reference, moment: When | None) -> Resolved:
    if ref.back:
        raise GitstageError("~N counts what took effect; a tree declares only one", hint="leave --declared out")
    commit = tree_commit(registry, moment)
    snapshot = registry.at(commit)
    slot = Slot(ref.model, str(ref.name))
    entry = snapshot.entry(slot.path)
    version = None if entry is None else version_of(snapshot, ref.model, entry.oid)
    if entry is None or version is None:
        raise NoSuchThing(f"{ref.name} of {ref.model} declares no version at {commit[:12]}")
    return Resolved(
        model=ref.model,
        version=version,
        blob=entry.oid,
        commit=commit,
        stage=slot.stage,
        manifest=snapshot.read(entry.oid),
    )


def tree_commit(registry: Registry, moment: When | None) -> str:
    """The commit whose tree `--declared` reads."""
    if moment is not None and moment.commit is None:
        raise GitstageError("--declared reads a tree: --at takes a commit then, not a moment")
    commit = moment.commit if moment is not None else registry.head
    if commit is None:
        raise NoSuchThing("there is no commit yet", hint="gitstage init")
    return commit


def version_of(snapshot: Snapshot, model: str, blob: str) -> str | None:
    """The version of `model` whose manifest is a blob."""
    for name, entry in snapshot.listing(f"models/{model}").items():
        if entry.oid == blob and name.endswith(".yaml"):
            return name.removesuffix(".yaml")
    return None


def _registered(registry: Registry, ref: Reference, moment: When | None, *, unpassed: bool) -> Resolved:
    if moment is not None and moment.commit is not None:
        return _version_at(registry, ref, moment.commit)
    try:
        passed, waiting = registry.passed(ref.model)
    except GitstageError:
        if not unpassed:
            raise
        passed, waiting = None, None
    tip = registry.tip or registry.head
    if tip is None:
        raise NoSuchThing("there is no commit yet", hint="gitstage init")
    if passed is not None and (waiting is not None or ref.name != "latest"):
        # What was rewritten by force, judged or not, is not what was registered.
        path = version_path(ref.model, str(ref.name))
        if ref.name == "latest" or registry.at(passed).entry(path) is not None:
            return _version_at(registry, ref, passed)
    found = _version_at(registry, ref, tip)
    if waiting is not None and not unpassed:
        why = f": {waiting.findings[0].message}" if waiting.findings else ""
        raise NoSuchThing(
            f"{found.model}@{found.version} has not passed{why}",
            hint=f"gitstage status {ref.model}; to take it back: {waiting.way_back}",
        )
    return found


def _version_at(registry: Registry, ref: Reference, commit: str) -> Resolved:
    """A version as the tree of a commit has it."""
    snapshot = registry.at(commit)
    version = ref.name
    if version == "latest":
        version = latest(registry, snapshot, ref.model)
    entry = snapshot.entry(version_path(ref.model, str(version)))
    if entry is None:
        names = sorted(_versions(registry, snapshot, ref.model), key=version_key)
        if not names:
            raise NoSuchThing(f"there is no model {ref.model}", hint=_near(snapshot, ref.model))
        stages = ", ".join(registry.identity.stages)
        raise NoSuchThing(
            f"{ref.model} has no version or stage {version}", hint=f"versions: {', '.join(names)}; stages: {stages}"
        )
    return Resolved(
        model=ref.model, version=str(version), blob=entry.oid, commit=commit, manifest=snapshot.read(entry.oid)
    )


def _versions(registry: Registry, snapshot: Snapshot, model: str) -> list[str]:
    layout = registry.identity.layout
    names = [name.removesuffix(".yaml") for name in snapshot.listing(f"models/{model}") if name.endswith(".yaml")]
    return [name for name in names if layout.is_version(name)]


def latest(registry: Registry, snapshot: Snapshot, model: str) -> str:
    """The highest registered version that is no pre-release, not held and not redacted."""
    from gitstage.operations.naming import holds

    held = holds(snapshot, model)
    found = [name for name in _versions(registry, snapshot, model) if not is_prerelease(name) and name not in held]
    found.sort(key=version_key)
    while found and _is_redacted(snapshot, model, found[-1]):
        found.pop()
    if not found:
        raise NoSuchThing(f"{model} has no version that is neither held nor a pre-release", hint=_near(snapshot, model))
    return found[-1]


def _is_redacted(snapshot: Snapshot, model: str, version: str) -> bool:
    entry = snapshot.entry(version_path(model, version))
    # Looked at without what reads a manifest: a lookup has to be quick.
    return entry is not None and not entry.is_folder and b"\nkind: Redacted\n" in snapshot.read(entry.oid)[:100]
