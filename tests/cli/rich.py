"""A registry of a team that has used it for a while: gates, people, debts, holds, things that wait, a card, a merge."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from gitstage.operations import approve, register, waive
from tests.operations.signatories import make_keys, policy
from tests.operations.stories import NOON, Story

FRAUD, CREDIT, IRIS = "risk/fraud-detector", "risk/credit-scoring-with-a-long-name", "toys/iris"
GATE = {
    "soak": "24h",
    "metrics": "[{name: auc, min: 0.9, max-drop: 0.002}, {name: latency_p99_ms, max: 20, evidence: load-test}]",
    "evidence": "[{type: test-result, name: shadow-traffic, max-age: 30d}]",
    "approvals": "[{count: 1, from: owners}]",
    "windows": '[{deny: "Fri 16:00 - Mon 08:00", timezone: Europe/Berlin}]',
    "rules": "[{name: licensed, expr: \"version.labels.license != 'internal'\", message: needs a licence, enforce: warn}]",
}
ENDS = NOON + timedelta(days=9, hours=6)
"""When the story ends: a Tuesday, 18:00 UTC."""


def told(folder: Path) -> None:
    """The story, in `folder/work`; the keys of its people lie in `folder/keys`."""
    keys = make_keys(folder / "keys")
    story = Story.begun(folder / "work")
    registered(folder, story, FRAUD, "1.0.0", auc=0.951, latency_p99_ms=12.5)
    story.adopt(f"{FRAUD}@1.0.0", stage="production")
    registered(folder, story, IRIS, "1.0.0", accuracy=0.97)
    story.promote(f"{IRIS}@1.0.0", to="staging")
    story.amend(policy(keys, **GATE))
    story.later(days=1)
    registered(folder, story, FRAUD, "1.1.0", auc=0.9523, f1=0.8125, latency_p99_ms=11)
    story.promote(f"{FRAUD}@1.1.0", to="staging")
    registered(folder, story, CREDIT, "2025.1.0", auc=0.91)
    story.promote(f"{CREDIT}@2025.1.0", to="staging")
    story.later(days=1, hours=1)
    story.attest(f"{FRAUD}@1.1.0", "load-test", latency_p99_ms=13.25)
    story.attest(f"{FRAUD}@1.1.0", "shadow-traffic", agreement=0.998)
    approve.run(
        story.registry(), [f"{FRAUD}@1.1.0"], stage="production", sign=[str(keys["bob"])], reason="looked at it"
    )
    story.later(hours=1)
    story.git("switch", "--quiet", "-c", "promotion")
    signs(story, keys["ada"])
    story.promote(f"{FRAUD}@1.1.0", to="production")
    story.git("switch", "--quiet", "main")
    story.git("merge", "--quiet", "--no-ff", "-m", "Merge the promotion", "promotion")
    signs(story, None)
    story.later(hours=2).tag()
    registered(folder, story, FRAUD, "1.2.0", auc=0.938, latency_p99_ms=9.75)
    story.promote(f"{FRAUD}@1.2.0", to="staging")
    registered(folder, story, FRAUD, "1.3.0-rc.1", auc=0.96)
    story.hold(f"{FRAUD}@1.3.0-rc.1")
    story.later(days=2)
    waived = {"rule": "soak", "stage": "production", "until": "72h", "reason": "the auditors are here"}
    for rule in ("approvals", "evidence", "metrics", "windows", "soak"):
        asked: Mapping[str, Any] = {**waived, "rule": rule}
        waive.run(story.registry(), f"{CREDIT}@2025.1.0", sign=[str(keys["ada"])], **asked)
    story.promote(f"{CREDIT}@2025.1.0", to="production")
    story.later(hours=1).write(f"models/{FRAUD}/README.md", "# Fraud detector\n\nFinds fraud.\n")
    story.commit("a card")
    story.tag()
    story.copy(f"models/{FRAUD}/1.2.0.yaml", f"production/{FRAUD}.yaml")
    story.copy(f"models/{FRAUD}/1.1.0.yaml", f"archived/{FRAUD}/1.1.0.yaml")
    story.commit("promoted by hand")
    story.now = ENDS
    story.tag()


def registered(folder: Path, story: Story, model: str, version: str, **metrics: float) -> None:
    file = folder / "model.onnx"
    file.write_bytes(f"{model}@{version}".encode() * 1000)
    wanted = register.Wanted(
        artifacts=(str(file), "s3://acme-models/tokenizer.json"),
        sha256=("9b70aa68" * 8,),
        size=(10_485_760,),
        metrics=metrics,
        params={"max_depth": 6, "eta": 0.3, "objective": "binary:logistic"},
        labels={"team": "risk", "license": "internal" if model == CREDIT else "apache-2.0"},
        data=({"name": "transactions-2026-q1", "sha256": "77e0" * 16},),
        repository="https://github.com/acme/fraud",
        commit="9b70aa68" * 5,
        run=f"https://mlflow.acme.dev/#/experiments/7/runs/{version}",
        description="Retrained with the spring data. " * 3,
    )
    register.run(story.registry(), f"{model}@{version}", wanted)


def signs(story: Story, key: Path | None) -> None:
    settings: Mapping[str, str] = {"commit.gpgsign": "false"}
    if key is not None:
        settings = {"gpg.format": "ssh", "user.signingkey": f"{key}.pub", "commit.gpgsign": "true"}
    for name, value in settings.items():
        story.git("config", name, value)
