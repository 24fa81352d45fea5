"""What a reference means: the version that `@production~1`, `@latest` or `@1.1.0` names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitstage.changes import Snapshot
from gitstage.errors import GitstageError, NoSuchThing
from gitstage.layout import Slot, hold_path, is_prerelease, version_key
from gitstage.operations.registries import Registry
from gitstage.references import Reference

if TYPE_CHECKING:
    # Lookups come here as well, and plan nothing.
    from gitstage.plans import Scene


def version_named(scene: Scene, ref: Reference) -> str:
    """The version that a reference names. Raises NoSuchThing where there is none."""
    known_model(scene, ref.model)
    name = ref.name
    if name is None or name == "latest":
        without_back(ref)
        return latest(scene, ref.model)
    if name == "next":
        raise NoSuchThing("@next names no version yet", hint=f"gitstage register {ref.model}@next --artifact FILE")
    if name in scene.stages:
        return _in_stage(scene, Slot(ref.model, name), ref.back)
    without_back(ref)
    scene.blob_of(ref.model, name)
    return name


def known_model(scene: Scene, model: str) -> None:
    """Raises NoSuchThing where a registry has no such model: none declared, none that passed, none in effect."""
    folders = (scene.registry, scene.passed_records(model))
    if any(folder.listing(f"models/{model}") for folder in folders):
        return
    if not any(effects for slot, effects in scene.effects.items() if slot.model == model):
        from gitstage.operations.models import no_model

        raise no_model(scene.registry, scene.layout, model)


def without_back(ref: Reference) -> Reference:
    """A reference to what is there now. Raises GitstageError where it counts back: `~1` must not be overlooked."""
    if ref.back:
        raise GitstageError(
            f"{ref}: ~{ref.back} counts back what took effect in a stage, and cannot stand here",
            hint=f"gitstage resolve {ref.model}@STAGE~{ref.back}",
        )
    return ref


def _in_stage(scene: Scene, slot: Slot, back: int) -> str:
    effects = scene.effects.get(slot, ())
    if back >= len(effects):
        raise NoSuchThing(
            f"{slot.model} has had {len(effects)} changes in {slot.stage}", hint=f"gitstage log {slot.model}"
        )
    version = effects[-1 - back].after
    if version is None:
        raise NoSuchThing(f"{slot.stage} of {slot.model} was empty then", hint=f"gitstage log {slot.model}")
    return version


def in_words(reason: str, *, longest: int = 10_000) -> str:
    """A reason that can stand in a commit and in a hold. Raises GitstageError where there is none, or no text."""
    if not reason.strip() or len(reason) > longest:
        raise GitstageError(f"a reason has 1 to {longest} characters", hint="--reason 'false positives since 14:00'")
    if any(not char.isprintable() and char not in "\n\t" for char in reason):
        raise GitstageError("a reason has no control characters in it")
    return reason


def latest(scene: Scene, model: str) -> str:
    """The highest registered version that is no pre-release and not held. Raises NoSuchThing."""
    held = held_versions(scene, model)
    versions = [version for version in scene.versions(model) if not is_prerelease(version) and version not in held]
    if not versions:
        raise NoSuchThing(
            f"{model} has no version that is neither held nor a pre-release", hint=f"gitstage status {model}"
        )
    return max(versions, key=version_key)


def next_version(scene: Scene, model: str, *, integer: bool) -> str:
    """The version after the highest one that is registered: the next minor one, or the next number."""
    versions = sorted(scene.versions(model), key=version_key)
    if integer:
        return str(int(versions[-1]) + 1) if versions else "1"
    if not versions:
        return "1.0.0"
    highest = versions[-1].partition("+")[0].partition("-")[0]
    major, minor, _ = highest.split(".")
    return highest if is_prerelease(versions[-1]) else f"{major}.{int(minor) + 1}.0"


def holds(registry: Snapshot, model: str) -> dict[str, str]:
    """The versions of a model that are held, with the reason. A hold that cannot be read holds."""
    from gitstage.canonical import DocumentError
    from gitstage.manifest import read_hold

    found = {}
    for name, entry in registry.listing(f"holds/{model}").items():
        if entry.is_folder or not name.endswith(".yaml"):
            continue
        version = name.removesuffix(".yaml")
        try:
            hold = read_hold(registry.read(entry.oid))
        except DocumentError:
            found[version] = f"{hold_path(model, version)} cannot be read"
            continue
        if hold.state == "held":
            found[version] = hold.reason
    return found


def held_versions(scene: Scene, model: str) -> dict[str, str]:
    """The versions of a model that are held, with the reason: by the records that passed, or as declared."""
    return {**holds(scene.registry, model), **holds(scene.passed_records(model), model)}


def known_stage(registry: Registry, stage: str) -> None:
    """Raises NoSuchThing where the registry has no such stage."""
    if stage not in registry.identity.stages:
        stages = ", ".join(registry.identity.stages)
        more = "; into the archive: gitstage archive MODEL@VERSION --reason …" if stage == "archived" else ""
        raise NoSuchThing(f"there is no stage {stage!r}", hint=f"stages: {stages}{more}")
