"""All built-in rules, in one table."""

from __future__ import annotations

from collections.abc import Callable

from gitstage.rules import (
    approvals,
    evidence,
    governance,
    held,
    keep,
    known_path,
    leaves_archived,
    manifest_valid,
    metrics,
    nothing_removed,
    owner,
    policy_alone,
    rules,
    signed_commits,
    slot_matches_version,
    soak,
    stage_order,
    version_immutable,
    windows,
)
from gitstage.rules.cases import Answers, GateRule, PolicyCase, RecordsCase, SlotCase
from gitstage.values import dataclass


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule: its id, which never changes once released, and what it asks of each kind of thing.

    `summary` is the fact it protects, in one line. A rule with `gate` answers for one gate of a stage.
    """

    id: str
    summary: str
    policy: Callable[[PolicyCase], Answers] | None = None
    records: Callable[[RecordsCase], Answers] | None = None
    slot: Callable[[SlotCase], Answers] | None = None
    gate: GateRule | None = None


ALL: tuple[Rule, ...] = (
    Rule(
        id="manifest-valid",
        summary="every manifest is valid, canonical, and says what its path says",
        policy=manifest_valid.policy,
        records=manifest_valid.records,
    ),
    Rule(
        id="version-immutable",
        summary="a version, its evidence and its artifacts never change",
        policy=version_immutable.policy,
        records=version_immutable.records,
    ),
    Rule(
        id="nothing-removed",
        summary="no file of a registry is removed",
        policy=nothing_removed.policy,
        records=nothing_removed.records,
        slot=nothing_removed.slot,
    ),
    Rule(
        id="slot-matches-version",
        summary="a slot is byte for byte a registered version",
        records=slot_matches_version.records,
        slot=slot_matches_version.slot,
    ),
    Rule(id="stage-order", summary="a version enters a stage from one named in its from", slot=stage_order.slot),
    Rule(
        id="leaves-archived",
        summary="what leaves a slot is in archived/",
        records=leaves_archived.records,
        slot=leaves_archived.slot,
    ),
    Rule(id="held", summary="a version that is held enters no stage", slot=held.slot),
    Rule(
        id="known-path",
        summary="nothing else lies in the registry's directories",
        policy=known_path.policy,
        records=known_path.records,
        slot=known_path.slot,
    ),
    Rule(
        id="policy-alone",
        summary="a change of the policy changes no slot",
        policy=policy_alone.policy,
        slot=policy_alone.slot,
    ),
    Rule(id="keep", summary="what is being tested is not pushed out too soon", slot=keep.slot),
    Rule(
        id="governance",
        summary="the policy and what it protects change with approvals",
        policy=governance.policy,
        records=governance.records,
    ),
    Rule(
        id="owner",
        summary="an owner empties a gated slot, releases a hold and changes the owners",
        policy=owner.policy,
        records=owner.records,
        slot=owner.slot,
    ),
    Rule(id="soak", summary="a version stays in the stage before for a while", gate=soak.gate),
    Rule(id="metrics", summary="metrics lie within their bounds and near the incumbent's", gate=metrics.gate),
    Rule(id="evidence", summary="what was tested is written down and passed", gate=evidence.gate),
    Rule(id="rules", summary="what the policy asks in its own words: a finding's id is `rules/NAME`", gate=rules.gate),
    Rule(
        id="approvals",
        summary="people who did not make a change approved it, and somebody who may stands for a rollback",
        slot=approvals.slot,
        gate=approvals.gate,
    ),
    Rule(
        id="signed-commits",
        summary="the commits that bring a change are signed by people of the policy",
        gate=signed_commits.gate,
    ),
    Rule(id="windows", summary="something takes effect only when people are there", gate=windows.gate),
)

JUDGED_ELSEWHERE = {
    "trunk-continues": "the trunk's old tip is on the first-parent line of its new tip",
    "conflict": "both sides changed one file differently since they parted, or a tag stands in the way of the model's tags",
}
"""Ids of findings that no rule of the table gives: they are about commits, not about one thing of a registry."""
