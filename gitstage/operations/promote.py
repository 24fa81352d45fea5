"""Promote versions into stages: one commit for all of them, or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from gitstage.errors import GitstageError, NoSuchThing
from gitstage.layout import Slot
from gitstage.operations.landing import Outcome, bring_up_to_date, carry_out
from gitstage.operations.naming import known_stage, version_named
from gitstage.operations.registries import Registry
from gitstage.plans import Plan, Scene, all_models, promote
from gitstage.references import Reference, reference


def run(
    registry: Registry,
    references: Sequence[str],
    *,
    to: Sequence[str],
    reason: str | None = None,
    push: bool = False,
    dry_run: bool = False,
) -> Outcome:
    """Promotes each of `references` (a model, `MODEL@VERSION`, `MODEL@STAGE`, a pattern such as `risk/*`) into `to`.

    A model alone means the version in effect in the stage that `to` takes its versions from; where it takes them from
    no stage, the latest. Raises NoSuchThing, GitstageError, and what `carry_out` raises.
    """
    for stage in to:
        known_stage(registry, stage)
    stages = list(dict.fromkeys(to))
    wanted = expanded(registry, references, push=push)

    def planner(scene: Scene) -> Plan:
        versions = _versions(registry, scene, wanted, stages)
        plans = [promote(scene, slot, version, reason=reason) for slot, version in versions.items()]
        return together(plans, f"promote {len(plans)} versions to {', '.join(stages)}")

    return carry_out(registry, planner, models={ref.model for ref in wanted}, push=push, dry_run=dry_run)


def together(plans: Sequence[Plan], subject: str) -> Plan:
    """Several plans as one commit. Raises GitstageError where there is none."""
    if not plans:
        raise GitstageError("there is nothing to do")
    whole = plans[0]
    for plan in plans[1:]:
        whole = whole.and_then(plan)
    return whole if len(plans) == 1 else replace(whole, subject=f"gitstage: {subject}")


def expanded(registry: Registry, references: Sequence[str], *, push: bool) -> list[Reference]:
    """References, with patterns such as `risk/*` as the models that match; each once.

    With `push` those of the remote's trunk are meant, where a registry has one, else those of the commit at hand.
    """
    found: dict[Reference, None] = {}
    lands = push and registry.remote is not None
    if lands and any("*" in text or "?" in text for text in references):
        bring_up_to_date(registry, ())
        registry = registry.again()
    registered = registry.at(registry.tip if lands else registry.head)
    for text in references:
        pattern, at, name = text.partition("@")
        if "*" in pattern or "?" in pattern:
            models = [
                model for model in all_models(registered, registry.identity.layout) if fnmatchcase(model, pattern)
            ]
            if not models:
                raise NoSuchThing(f"no model is called like {pattern!r}", hint="gitstage status")
            found.update(dict.fromkeys(reference(f"{model}{at}{name}") for model in models))
        else:
            found[reference(text)] = None
    return list(found)


def _versions(registry: Registry, scene: Scene, wanted: Sequence[Reference], stages: Sequence[str]) -> dict[Slot, str]:
    """The version that is meant to go into each slot. Raises GitstageError where two are."""
    found: dict[Slot, str] = {}
    for ref in wanted:
        for stage in stages:
            slot, version = Slot(ref.model, stage), _version(registry, scene, ref, stage)
            if found.setdefault(slot, version) != version:
                raise GitstageError(f"{stage} of {ref.model} takes one version, not {found[slot]} and {version}")
    return found


def _version(registry: Registry, scene: Scene, ref: Reference, stage: str) -> str:
    """The version that is meant to go into `stage`."""
    if ref.name is not None:
        return version_named(scene, ref)
    source = next((name for name in _sources(registry, stage) if name in scene.stages), None)
    if source is None:
        return version_named(scene, Reference(ref.model, "latest"))
    version = version_named(scene, Reference(ref.model, source))
    if version not in scene.versions(ref.model):
        trunk = registry.identity.trunk
        raise NoSuchThing(
            f"{source} of {ref.model} holds {version}, which is registered on {trunk} and not on this branch",
            hint=f"git merge {trunk}, then try again",
        )
    return version


def _sources(registry: Registry, stage: str) -> tuple[str, ...]:
    from gitstage.policy import Policy
    from gitstage.rules.fold import World

    world: World = registry.world()
    policy = world.policy_in(registry.at(registry.head))
    return policy.stages[stage].from_ if isinstance(policy, Policy) and stage in policy.stages else ()
