"""What judging one promotion with ten rules costs in the judge alone: `python -m benchmarks.judging`.

The goal is less than 1 ms. Everything is in memory, and no signature is checked: what ssh-keygen takes comes on top.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from statistics import median
from time import perf_counter

from gitstage.approvals import Said, written
from gitstage.changes import blob_id
from gitstage.findings import Verdict
from gitstage.layout import Slot
from gitstage.policy import read_policy
from gitstage.rules.cases import SlotCase
from gitstage.rules.judge import judge_slot
from gitstage.rules.voices import CommitBy, Voices
from gitstage.values import replace
from tests.registries import (
    MONDAY,
    Content,
    believing,
    effect,
    manifest,
    peopled,
    public_key,
    signed_by,
    slot_case,
    statement,
)

GOAL = 0.001
"""Seconds."""
ROUNDS = 300
RULES = {
    "soak": "24h",
    "metrics": [{"name": "auc", "min": 0.9, "max-drop": 0.002}, {"name": "p99", "max": 20, "evidence": "load-test"}],
    "evidence": [
        {"type": "test-result", "name": name, "signed-by": "compliance", "max-age": "30d"}
        for name in ("load-test", "shadow-traffic")
    ],
    "approvals": [{"count": 1, "from": "owners"}, {"count": 1, "from": "compliance"}],
    "windows": [{"deny": "Fri 16:00 - Mon 08:00", "timezone": "Europe/Berlin"}],
    "signed-commits": True,
}
"""Ten rules: two bounds and a drop, two pieces of evidence, two approvals, and one each of the others."""


def main() -> int:
    """Prints the median as JSON; 1 where it misses the goal, or something is judged that does not pass."""
    was, comes = manifest("m", "1.0.0", auc=0.95), manifest("m", "1.1.0", auc=0.951)
    now = MONDAY + timedelta(days=1)
    files: dict[str, Content] = {"archived/m/1.0.0.yaml": was, "models/m/1.0.0.yaml": was, "models/m/1.1.0.yaml": comes}
    files |= {
        f"evidence/m/1.1.0/{name}/1.json": signed_by(statement(comes, name, p99=12.5), "carol")
        for name in ("load-test", "shadow-traffic")
    }
    case = _case(files, comes, now)
    about = case.about()
    for person in ("bob", "carol"):
        said = written(Said(kind="approval", about=about, made=MONDAY))
        files[f"evidence/m/1.1.0/approval-{person}/1.json"] = signed_by(said, person)
    case = _case(files, comes, now)
    judgement, times = judge_slot(case), []
    for _ in range(ROUNDS):
        fresh = replace(case, voices=replace(case.voices, heard={}))
        begun = perf_counter()
        judgement = judge_slot(fresh)
        times.append(perf_counter() - begun)
    rules = [found for found in judgement.findings if found.gate]
    passed = judgement.verdict is Verdict.PASSED
    print(json.dumps({"seconds": median(times), "goal": GOAL, "findings": len(rules), "passed": passed}))
    if not passed:
        print(*(found.message for found in judgement.findings), sep="\n", file=sys.stderr)
    return 0 if passed and median(times) < GOAL else 1


def _case(files: dict[str, Content], comes: bytes, now: datetime) -> SlotCase:
    policy = read_policy(peopled(RULES))
    signers = (CommitBy(frozenset({public_key("alice")}), frozenset({"production/m.yaml"})),)
    return slot_case(
        files,
        {"production/m.yaml": comes},
        policy=policy.data,
        now=now,
        before_blob=blob_id(manifest("m", "1.0.0", auc=0.95)),
        past=[effect(Slot("m", "staging"), after="1.1.0", moment=MONDAY - timedelta(hours=1))],
        voices=Voices(
            policy=policy,
            now=now,
            commit="c",
            landed="c",
            signed_by=believing,
            commit_signers=lambda base, commit: signers,
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
