"""Break the glass: set one rule of a gate aside for one promotion, for a reason, until a moment, in one's own name."""

from __future__ import annotations

from collections.abc import Sequence

from gitstage.approvals import WAIVER, Said
from gitstage.errors import GitstageError, Refused
from gitstage.layout import Slot, evidence_folder
from gitstage.operations.landing import Outcome, carry_out
from gitstage.operations.naming import in_words, known_stage, version_named, without_back
from gitstage.operations.registries import Registry
from gitstage.operations.saying import LONGEST_REASON, Word, binding, ends, plan_of, policy_of
from gitstage.operations.signing import Pen
from gitstage.plans import Plan, Scene, Step
from gitstage.policy import Policy
from gitstage.references import reference
from gitstage.rules import ALL

KEEP = "keep"
"""The one rule besides those of gates that can be waived."""


def run(
    registry: Registry,
    text: str,
    *,
    rule: str,
    stage: str,
    until: str,
    reason: str,
    sign: Sequence[str],
    gate: str | None = None,
    push: bool = False,
    dry_run: bool = False,
) -> Outcome:
    """Waives a rule for the next change that brings `MODEL@VERSION` into a stage, by one of its `waivers.by`.

    `gate` names the gate whose rule it is, where several have it. `until` is a date, a moment or a length of time.
    """
    known_stage(registry, stage)
    in_words(reason, longest=LONGEST_REASON)
    expires = ends(until, registry.now)
    ref = without_back(reference(text))
    if ref.name is None:
        raise GitstageError(f"{ref} names no version: for what is it waived?", hint=f"gitstage waive {ref}@VERSION …")
    pen = Pen(sign)

    def planner(scene: Scene) -> Plan:
        version = version_named(scene, ref)
        policy, about = policy_of(scene), binding(scene, Slot(ref.model, stage), version)
        _can_be_waived(policy, ref.model, stage, rule, gate)
        said = Said(
            kind=WAIVER,
            about=about,
            made=registry.now,
            expires=expires,
            reason=reason,
            rule=rule,
            gate=gate,
        )
        waivers = policy.stages[stage].waivers
        word = Word(
            said=said,
            folder=evidence_folder(ref.model, version),
            called=WAIVER,
            may=frozenset() if waivers is None else frozenset(policy.people_named(*waivers.by, model=ref.model)),
            step=Step(action="waive", model=ref.model, version=version),
            subject=f"{ref.model}: waive {rule} of {version} for {stage}",
        )
        return plan_of(scene, word, pen)

    return carry_out(registry, planner, models={ref.model}, push=push, dry_run=dry_run)


def _can_be_waived(policy: Policy, model: str, stage: str, rule: str, gate: str | None) -> None:
    """Raises Refused where the policy lets nobody waive this, GitstageError where there is no such rule."""
    if policy.stages[stage].waivers is None:
        raise Refused(f"nobody may waive anything in {stage}", hint=f"in gitstage.yaml, {stage}: waivers: {{by: […]}}")
    gates = dict(policy.gates_for(model, stage))
    if gate is not None and gate not in gates:
        named = ", ".join(gates) or "none"
        raise GitstageError(f"{gate!r} is no gate of {stage} for {model}", hint=f"gates: {named}")
    of_gates = {known.id for known in ALL if known.gate is not None} - {"rules"}
    own = {f"rules/{custom.name}" for found in gates.values() for custom in found.rules}
    if rule in of_gates | own | {KEEP}:
        return
    if rule in {known.id for known in ALL}:
        raise Refused(f"{rule} always holds: no waiver switches it off", hint="gitstage explain says what is missing")
    known_ones = ", ".join(sorted(of_gates | own | {KEEP}))
    raise GitstageError(f"there is no rule {rule!r} that can be waived", hint=f"rules: {known_ones}")
