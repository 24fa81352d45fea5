from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

from inline_snapshot import snapshot

from gitstage.reports.as_json import document, render
from tests.reports.stories import EMPTY, FIRST, PASSED, PENDING, REFUSED, SOAKS, UNKNOWN_WHEN, promotion, report


def test_a_change_that_passed() -> None:
    assert render(PASSED) == snapshot("""\
{
  "schema": "gitstage/report/v1",
  "verdict": "passed",
  "exit_code": 0,
  "base": "1a2b3c4d5e6f0000000000000000000000000000",
  "head": "5d6e7f8a9b0c0000000000000000000000000000",
  "moment": "2026-11-24T10:40:00Z",
  "registry": "registry.example",
  "new_registry": false,
  "judgements": [
    {
      "thing": "records/fraud-detector",
      "action": "records",
      "model": "fraud-detector",
      "stage": null,
      "source": null,
      "before": null,
      "after": null,
      "verdict": "passed",
      "metrics": {},
      "findings": [],
      "debts": []
    },
    {
      "thing": "production/fraud-detector",
      "action": "promote",
      "model": "fraud-detector",
      "stage": "production",
      "source": "staging",
      "before": "1.0.0",
      "after": "1.1.0",
      "verdict": "passed",
      "metrics": {
        "auc": {
          "before": 0.951,
          "after": 0.953
        },
        "f1": {
          "before": null,
          "after": 0.5
        },
        "latency_p99_ms": {
          "before": 12.0,
          "after": null
        }
      },
      "findings": [
        {
          "rule": "metrics",
          "verdict": "passed",
          "advisory": false,
          "message": "auc 0.953, min 0.9",
          "path": "models/fraud-detector/1.1.0.yaml",
          "line": null,
          "gate": "fraud",
          "value": "0.953",
          "threshold": "min 0.9",
          "opens": null,
          "hint": null,
          "people": []
        },
        {
          "rule": "soak",
          "verdict": "passed",
          "advisory": false,
          "message": "26 hours in staging of 24 hours",
          "path": null,
          "line": null,
          "gate": "standard",
          "value": "26h",
          "threshold": "24h",
          "opens": null,
          "hint": null,
          "people": []
        }
      ],
      "debts": []
    },
    {
      "thing": "production/risk/churn",
      "action": "rollback",
      "model": "risk/churn",
      "stage": "production",
      "source": null,
      "before": "2.0.0",
      "after": "1.9.0",
      "verdict": "passed",
      "metrics": {},
      "findings": [],
      "debts": []
    },
    {
      "thing": "staging/toy",
      "action": "archive",
      "model": "toy",
      "stage": "staging",
      "source": null,
      "before": "0.1.0",
      "after": null,
      "verdict": "passed",
      "metrics": {},
      "findings": [],
      "debts": []
    }
  ],
  "elsewhere": [],
  "notes": []
}
""")


def test_a_change_that_was_refused() -> None:
    assert render(REFUSED) == snapshot("""\
{
  "schema": "gitstage/report/v1",
  "verdict": "refused",
  "exit_code": 1,
  "base": "1a2b3c4d5e6f0000000000000000000000000000",
  "head": "5d6e7f8a9b0c0000000000000000000000000000",
  "moment": "2026-11-24T10:40:00Z",
  "registry": "registry.example",
  "new_registry": false,
  "judgements": [
    {
      "thing": "records/fraud-detector",
      "action": "records",
      "model": "fraud-detector",
      "stage": null,
      "source": null,
      "before": null,
      "after": null,
      "verdict": "passed",
      "metrics": {},
      "findings": [],
      "debts": []
    },
    {
      "thing": "production/fraud-detector",
      "action": "promote",
      "model": "fraud-detector",
      "stage": "production",
      "source": "staging",
      "before": "1.0.0",
      "after": "1.1.0",
      "verdict": "refused",
      "metrics": {
        "auc": {
          "before": 0.951,
          "after": 0.938
        },
        "f1": {
          "before": null,
          "after": 0.5
        },
        "latency_p99_ms": {
          "before": 12.0,
          "after": null
        }
      },
      "findings": [
        {
          "rule": "soak",
          "verdict": "pending",
          "advisory": false,
          "message": "20 hours 40 minutes in staging of 24 hours",
          "path": null,
          "line": null,
          "gate": "standard",
          "value": "20h40m",
          "threshold": "24h",
          "opens": "2026-11-24T14:00:00Z",
          "hint": null,
          "people": []
        },
        {
          "rule": "metrics",
          "verdict": "refused",
          "advisory": false,
          "message": "auc 0.951 \\u2192 0.938, max-drop 0.002",
          "path": "models/fraud-detector/1.1.0.yaml",
          "line": null,
          "gate": "fraud",
          "value": "0.951 \\u2192 0.938",
          "threshold": "max-drop 0.002",
          "opens": null,
          "hint": null,
          "people": []
        },
        {
          "rule": "evidence",
          "verdict": "pending",
          "advisory": false,
          "message": "no test-result called shadow-traffic",
          "path": "evidence/fraud-detector/1.1.0/shadow-traffic/",
          "line": null,
          "gate": "fraud",
          "value": null,
          "threshold": "test-result shadow-traffic",
          "opens": null,
          "hint": "gitstage attest fraud-detector@1.1.0 --type test-result --name shadow-traffic --result passed",
          "people": []
        },
        {
          "rule": "metrics",
          "verdict": "refused",
          "advisory": true,
          "message": "latency_p99_ms is missing",
          "path": "models/fraud-detector/1.1.0.yaml",
          "line": null,
          "gate": "fraud",
          "value": null,
          "threshold": null,
          "opens": null,
          "hint": "register a version that has it: --metric latency_p99_ms=VALUE",
          "people": []
        },
        {
          "rule": "soak",
          "verdict": "passed",
          "advisory": false,
          "message": "26 hours in staging of 24 hours",
          "path": null,
          "line": null,
          "gate": "standard",
          "value": "26h",
          "threshold": "24h",
          "opens": null,
          "hint": null,
          "people": []
        }
      ],
      "debts": []
    },
    {
      "thing": "policy",
      "action": "policy",
      "model": null,
      "stage": null,
      "source": null,
      "before": null,
      "after": null,
      "verdict": "refused",
      "metrics": {},
      "findings": [
        {
          "rule": "manifest-valid",
          "verdict": "refused",
          "advisory": false,
          "message": "gatez is no key of gitstage.yaml",
          "path": "gitstage.yaml",
          "line": 7,
          "gate": null,
          "value": null,
          "threshold": null,
          "opens": null,
          "hint": "did you mean gates?",
          "people": []
        }
      ],
      "debts": []
    },
    {
      "thing": "production/toy",
      "action": "promote",
      "model": "toy",
      "stage": "production",
      "source": null,
      "before": null,
      "after": null,
      "verdict": "refused",
      "metrics": {},
      "findings": [
        {
          "rule": "slot-matches-version",
          "verdict": "refused",
          "advisory": false,
          "message": "is byte for byte none of the registered versions of toy",
          "path": "production/toy.yaml",
          "line": null,
          "gate": null,
          "value": null,
          "threshold": null,
          "opens": null,
          "hint": "gitstage withdraw toy@production",
          "people": []
        }
      ],
      "debts": []
    }
  ],
  "elsewhere": [
    "risk/churn: production waits for soak"
  ],
  "notes": [
    "three commits, brought in by one merge, judged as one step"
  ]
}
""")


def test_a_change_that_time_will_open() -> None:
    assert render(PENDING) == snapshot("""\
{
  "schema": "gitstage/report/v1",
  "verdict": "pending",
  "exit_code": 4,
  "base": "1a2b3c4d5e6f0000000000000000000000000000",
  "head": "5d6e7f8a9b0c0000000000000000000000000000",
  "moment": "2026-11-24T10:40:00Z",
  "registry": "registry.example",
  "new_registry": false,
  "judgements": [
    {
      "thing": "production/fraud-detector",
      "action": "promote",
      "model": "fraud-detector",
      "stage": "production",
      "source": "staging",
      "before": "1.0.0",
      "after": "1.1.0",
      "verdict": "pending",
      "metrics": {
        "auc": {
          "before": 0.951,
          "after": 0.953
        },
        "f1": {
          "before": null,
          "after": 0.5
        },
        "latency_p99_ms": {
          "before": 12.0,
          "after": null
        }
      },
      "findings": [
        {
          "rule": "soak",
          "verdict": "pending",
          "advisory": false,
          "message": "20 hours 40 minutes in staging of 24 hours",
          "path": null,
          "line": null,
          "gate": "standard",
          "value": "20h40m",
          "threshold": "24h",
          "opens": "2026-11-24T14:00:00Z",
          "hint": null,
          "people": []
        },
        {
          "rule": "metrics",
          "verdict": "refused",
          "advisory": true,
          "message": "latency_p99_ms is missing",
          "path": "models/fraud-detector/1.1.0.yaml",
          "line": null,
          "gate": "fraud",
          "value": null,
          "threshold": null,
          "opens": null,
          "hint": "register a version that has it: --metric latency_p99_ms=VALUE",
          "people": []
        },
        {
          "rule": "metrics",
          "verdict": "passed",
          "advisory": false,
          "message": "auc 0.953, min 0.9",
          "path": "models/fraud-detector/1.1.0.yaml",
          "line": null,
          "gate": "fraud",
          "value": "0.953",
          "threshold": "min 0.9",
          "opens": null,
          "hint": null,
          "people": []
        }
      ],
      "debts": []
    }
  ],
  "elsewhere": [],
  "notes": []
}
""")


def test_a_change_that_waits_for_a_person_too() -> None:
    assert render(UNKNOWN_WHEN) == snapshot("""\
{
  "schema": "gitstage/report/v1",
  "verdict": "pending",
  "exit_code": 4,
  "base": "1a2b3c4d5e6f0000000000000000000000000000",
  "head": "5d6e7f8a9b0c0000000000000000000000000000",
  "moment": "2026-11-24T10:40:00Z",
  "registry": "registry.example",
  "new_registry": false,
  "judgements": [
    {
      "thing": "production/fraud-detector",
      "action": "promote",
      "model": "fraud-detector",
      "stage": "production",
      "source": "staging",
      "before": "1.0.0",
      "after": "1.1.0",
      "verdict": "pending",
      "metrics": {
        "auc": {
          "before": 0.951,
          "after": 0.953
        },
        "f1": {
          "before": null,
          "after": 0.5
        },
        "latency_p99_ms": {
          "before": 12.0,
          "after": null
        }
      },
      "findings": [
        {
          "rule": "soak",
          "verdict": "pending",
          "advisory": false,
          "message": "20 hours 40 minutes in staging of 24 hours",
          "path": null,
          "line": null,
          "gate": "standard",
          "value": "20h40m",
          "threshold": "24h",
          "opens": "2026-11-24T14:00:00Z",
          "hint": null,
          "people": []
        },
        {
          "rule": "evidence",
          "verdict": "pending",
          "advisory": false,
          "message": "no test-result called shadow-traffic",
          "path": "evidence/fraud-detector/1.1.0/shadow-traffic/",
          "line": null,
          "gate": "fraud",
          "value": null,
          "threshold": "test-result shadow-traffic",
          "opens": null,
          "hint": "gitstage attest fraud-detector@1.1.0 --type test-result --name shadow-traffic --result passed",
          "people": []
        }
      ],
      "debts": []
    }
  ],
  "elsewhere": [],
  "notes": []
}
""")


def test_a_change_that_touches_no_registry() -> None:
    assert render(EMPTY) == snapshot("""\
{
  "schema": "gitstage/report/v1",
  "verdict": "passed",
  "exit_code": 0,
  "base": "1a2b3c4d5e6f0000000000000000000000000000",
  "head": "5d6e7f8a9b0c0000000000000000000000000000",
  "moment": "2026-11-24T10:40:00Z",
  "registry": "registry.example",
  "new_registry": false,
  "judgements": [],
  "elsewhere": [],
  "notes": []
}
""")


def test_a_new_registry_is_said() -> None:
    assert render(FIRST) == snapshot("""\
{
  "schema": "gitstage/report/v1",
  "verdict": "passed",
  "exit_code": 0,
  "base": null,
  "head": "5d6e7f8a9b0c0000000000000000000000000000",
  "moment": "2026-11-24T10:40:00Z",
  "registry": "",
  "new_registry": true,
  "judgements": [
    {
      "thing": "policy",
      "action": "policy",
      "model": null,
      "stage": null,
      "source": null,
      "before": null,
      "after": null,
      "verdict": "passed",
      "metrics": {},
      "findings": [],
      "debts": []
    }
  ],
  "elsewhere": [],
  "notes": []
}
""")


MANUAL = (Path(__file__).parents[2] / "docs/reference/report.md").read_text("utf-8")


def test_the_manuals_example_is_what_is_written() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", MANUAL, re.DOTALL)
    assert example == render(report(promotion(SOAKS)))


def test_the_manual_describes_every_key_and_no_other() -> None:
    (judgement,) = document(report(promotion(SOAKS)))["judgements"]
    described = [
        re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
        for table in re.split(r"^A (?:judgement|finding):$", MANUAL.split("\n## ")[1], flags=re.MULTILINE)
    ]
    assert described == [list(document(EMPTY)), list(judgement), list(judgement["findings"][0])]


def test_what_is_no_number_to_json_is_null() -> None:
    judged = replace(promotion(), metrics={"auc": (float("nan"), float("inf")), "f1": (0.5, None)})
    assert json.loads(render(report(judged)))["judgements"][0]["metrics"] == {
        "auc": {"before": None, "after": None},
        "f1": {"before": 0.5, "after": None},
    }
