"""Say what a promotion would need: each rule with what it found, what it asked, and what would make it pass."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from gitstage.errors import GitstageError
from gitstage.findings import Finding, Judgement, Report, Verdict
from gitstage.git import Head
from gitstage.layout import SOURCES, Slot
from gitstage.ledger import Effect
from gitstage.operations import promote
from gitstage.operations.registries import Registry
from gitstage.policy import Policy, Stage
from gitstage.values import dataclass


@dataclass(frozen=True, kw_only=True)
class Way:
    """What would make a rule pass, in words, and what to type for it (None: nothing that is typed does it)."""

    words: str
    command: str | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One rule's answer, and the ways in which it would pass; none where it has, or where nothing would."""

    finding: Finding
    ways: tuple[Way, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What a promotion would need.

    `rows` are what the rules said, in the order of the rules, and `silent` the facts that hold and say nothing. Where the
    version is in effect in the stage already, `effect` is since when and why, and no rule is asked. `waiver` is how a
    gate's rule that does not pass may be waived, where the stage says by whom.
    """

    slot: Slot
    report: Report
    judgement: Judgement | None
    rows: tuple[Row, ...]
    silent: tuple[str, ...]
    effect: Effect | None = None
    waiver: Way | None = None

    @property
    def verdict(self) -> Verdict:
        return self.report.verdict

    @property
    def moment(self) -> datetime:
        return self.report.moment


def run(registry: Registry, what: str, *, to: str) -> Explanation:
    """Judges the promotion of `what` (a model, `MODEL@VERSION`, `MODEL@STAGE`) into `to`, and changes nothing.

    Raises what `promote` raises, and GitstageError where several models are meant.
    """
    if "*" in what or "?" in what.partition("@")[0]:
        raise GitstageError(
            "one promotion is explained at a time", hint=f"gitstage promote '{what}' --to {to} --dry-run"
        )
    if not registry.repo.is_bare and registry.here.branch is None:
        # Nothing is committed: what a workflow has checked out will do.
        registry.here = Head(f"refs/heads/{registry.identity.trunk}", registry.here.commit)
    outcome = promote.run(registry, [what], to=[to], dry_run=True)
    report = outcome.report
    judgement = next((found for found in report.judgements if found.stage == to), None)
    slot = Slot(outcome.plan.steps[0].model, to)
    policy = _policy(registry)
    stage = None if policy is None else policy.stages.get(to)
    if judgement is None:
        return Explanation(
            slot=slot, report=report, judgement=None, rows=(), silent=(), effect=registry.past.current(slot)
        )
    findings = (
        *judgement.findings,
        *(finding for other in report.judgements if other is not judgement for finding in _at_fault(other)),
    )
    rows = tuple(Row(finding=finding, ways=tuple(_ways(finding, judgement, stage))) for finding in findings)
    return Explanation(
        slot=slot,
        report=report,
        judgement=judgement,
        rows=rows,
        silent=tuple(_silent({finding.rule for finding in findings})),
        waiver=_waiver(findings, judgement, stage),
    )


def _policy(registry: Registry) -> Policy | None:
    found = registry.world().policy_in(registry.at(registry.tip or registry.head))
    return found if isinstance(found, Policy) else None


def _at_fault(judgement: Judgement) -> list[Finding]:
    return [finding for finding in judgement.findings if finding.verdict is not Verdict.PASSED]


FACTS = ("slot-matches-version", "stage-order", "leaves-archived", "held", "known-path", "policy-alone")
"""The facts that are asked of a promotion, and say nothing where they hold."""


def _silent(said: set[str]) -> list[str]:
    return [fact for fact in FACTS if fact not in said]


def _ways(finding: Finding, judgement: Judgement, stage: Stage | None) -> list[Way]:
    if finding.verdict not in (Verdict.REFUSED, Verdict.PENDING):
        return []
    if finding.opens is not None:
        return []
    own = _own_way(finding, judgement, stage)
    if own is not None:
        return [own]
    if finding.hint is None:
        return []
    if finding.hint.startswith("gitstage "):
        return [Way(words=_WORDS.get(finding.rule, "this"), command=finding.hint)]
    return [Way(words=finding.hint)]


_WORDS = {
    "evidence": "a statement that says so",
    "metrics": "a value",
    "held": "its release",
    "owner": "an approval",
}


def _own_way(finding: Finding, judgement: Judgement, stage: Stage | None) -> Way | None:
    """What would make a refusal pass, for the rules whose own hint is for a change that has been made already."""
    named = f"{judgement.model}@{judgement.after}"
    source = next((name for name in (stage.from_ if stage else ()) if name not in SOURCES), None)
    if finding.rule in ("stage-order", "soak"):
        words = f"a stay in {source}" if finding.rule == "soak" else f"to take effect in {source} first"
        return None if source is None else Way(words=words, command=f"gitstage promote {named} --to {source}")
    if finding.rule == "metrics" and finding.threshold is not None:
        return Way(words=f"a version that keeps to {finding.threshold}")
    if finding.rule == "metrics" and finding.verdict is Verdict.REFUSED:
        command = f"gitstage register {judgement.model}@next … --metric {finding.about}=VALUE"
        return Way(words="a version that has it", command=command)
    if finding.rule == "evidence" and finding.threshold == "PASSED":
        command = f"gitstage attest {named} --type test-result --name {finding.about} --result passed"
        return Way(words="a newer statement that says PASSED", command=command)
    if finding.rule == "approvals" and finding.threshold is not None:
        command = f"gitstage approve {named} --for {judgement.stage} --sign KEY"
        return Way(words=f"approval, {finding.threshold}, by who did not make the change", command=command)
    if finding.rule == "windows":
        return Way(words="other windows in gitstage.yaml: these leave no time")
    if finding.rule.startswith("rules/") and finding.hint is None and finding.threshold is not None:
        return Way(words=f"a version for which it holds: {finding.threshold}")
    return None


def _waiver(findings: Iterable[Finding], judgement: Judgement, stage: Stage | None) -> Way | None:
    """How what a gate asks and did not get may be waived, and by whom."""
    waivable = [
        finding.rule
        for finding in findings
        if finding.verdict in (Verdict.REFUSED, Verdict.PENDING)
        and not finding.advisory
        and (finding.gate or finding.rule == "keep")
    ]
    if stage is None or stage.waivers is None or not waivable:
        return None
    rule = waivable[0] if len(set(waivable)) == 1 else "RULE"
    command = (
        f"gitstage waive {judgement.model}@{judgement.after} --rule {rule} --for {judgement.stage} "
        "--until DATE --reason … --sign KEY"
    )
    return Way(words=" or ".join(stage.waivers.by), command=command)
