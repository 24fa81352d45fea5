"""Keep a version out of every stage, and let it in again."""

from __future__ import annotations

from gitstage.errors import GitstageError
from gitstage.operations.landing import Outcome, carry_out
from gitstage.operations.naming import holds, in_words, version_named
from gitstage.operations.registries import Registry
from gitstage.plans import Plan, Scene, put_hold
from gitstage.references import reference


def run(
    registry: Registry, text: str, *, reason: str, release: bool = False, push: bool = False, dry_run: bool = False
) -> Outcome:
    """Holds `MODEL@VERSION`, or with `release` lifts its hold. A hold takes no version out of a stage."""
    from gitstage.manifest import Hold, canonical_bytes

    ref = reference(text)
    verb = "unhold" if release else "hold"
    if ref.name is None:
        raise GitstageError(f"{text} names no version", hint=f"gitstage {verb} {text}@VERSION --reason …")
    in_words(reason)

    def planner(scene: Scene) -> Plan:
        version = version_named(scene, ref)
        if release and version not in holds(scene.registry, ref.model):
            raise GitstageError(f"{ref.model}@{version} is not held", hint=f"gitstage status {ref.model}")
        hold = Hold(model=ref.model, version=version, state="released" if release else "held", reason=reason)
        return put_hold(ref.model, version, canonical_bytes(hold), action=verb, reason=reason)

    return carry_out(registry, planner, models={ref.model}, push=push, dry_run=dry_run)
