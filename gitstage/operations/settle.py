"""Countersign what somebody did alone, a waiver or a rollback: somebody else who might have done it has looked at it."""

from __future__ import annotations

from collections.abc import Sequence

from gitstage.approvals import SETTLE, WAIVER, Said
from gitstage.errors import NoSuchThing
from gitstage.layout import evidence_folder
from gitstage.ledger import Owed
from gitstage.operations.landing import Outcome, carry_out
from gitstage.operations.naming import in_words
from gitstage.operations.registries import Registry
from gitstage.operations.saying import LONGEST_REASON, Word, plan_of, policy_of
from gitstage.operations.signing import Pen
from gitstage.plans import Plan, Scene, Step
from gitstage.policy import Policy
from gitstage.references import reference


def run(
    registry: Registry,
    tag: str,
    *,
    sign: Sequence[str],
    reason: str | None = None,
    push: bool = False,
    dry_run: bool = False,
) -> Outcome:
    """Countersigns what somebody did alone, a waiver or a rollback, by the tag of the change that took effect with it.

    Whoever did it cannot, and only those can who might have done it.
    """
    if reason is not None:
        in_words(reason, longest=LONGEST_REASON)
    name = tag.removeprefix("refs/tags/").removeprefix(registry.identity.tag_prefix)
    model = name.rpartition("/")[0].rpartition("/")[0]
    if not model:
        raise NoSuchThing(f"there is no tag {tag}", hint="gitstage status says what has to be countersigned")
    reference(model)
    pen = Pen(sign)

    def planner(scene: Scene) -> Plan:
        owed = _owed(scene, name)
        about = owed[0].about
        policy = policy_of(scene)
        word = Word(
            said=Said(kind=SETTLE, about=about, made=registry.now, reason=reason),
            folder=evidence_folder(about.model, about.version),
            called=SETTLE,
            subject=f"{about.model}: countersign {about.stage}/{owed[0].number}",
            step=Step(action="settle", model=about.model, version=about.version),
            may=frozenset[str]().union(*(_may_settle(policy, one) for one in owed)),
        )
        return plan_of(scene, word, pen)

    return carry_out(registry, planner, models={model}, push=push, dry_run=dry_run)


def _owed(scene: Scene, name: str) -> list[Owed]:
    """What is to be countersigned of one change. Raises NoSuchThing where nothing is."""
    everything = () if scene.state is None else scene.state.owed
    owed = [one for one in everything if one.name == name]
    if not owed:
        names = sorted({one.name for one in everything})
        raise NoSuchThing(
            f"nothing of {name} has to be countersigned",
            hint=f"what has: {', '.join(names)}" if names else "nothing at all has: gitstage status",
        )
    return owed


def _may_settle(policy: Policy, owed: Owed) -> frozenset[str]:
    """Those who might have done what somebody did, and did not."""
    stage = policy.stages.get(owed.about.stage)
    rule = None if stage is None else stage.waivers if owed.debt.kind == WAIVER else stage.rollback
    may = () if rule is None else policy.people_named(*rule.by, model=owed.about.model)
    return frozenset(may) - frozenset(owed.debt.by)
