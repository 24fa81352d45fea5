"""What every command says with `--json`, whole: a program that reads it notices each key that changes."""

from __future__ import annotations

import re
import shutil

from inline_snapshot import snapshot

from tests.cli.shell import Shell

DIGEST = re.compile(r'(?<="policy": ")[0-9a-f]{64}')
"""The policy's digest, which is another one for each registry: its id is in it."""


def test_reading(gs: Shell) -> None:
    assert gs("resolve", "fraud-detector@production", "--json") == snapshot("""\
{
  "schema": "gitstage/resolved/v1",
  "model": "fraud-detector",
  "version": "1.1.0",
  "stage": "production",
  "tag": "fraud-detector/production/2",
  "commit": "0000000000000000000000000000000000000000",
  "moment": "2026-03-01T15:00:00Z",
  "action": "promote",
  "blob": "0000000000000000000000000000000000000000",
  "path": "models/fraud-detector/1.1.0.yaml",
  "manifest": {
    "apiVersion": "gitstage/v1",
    "kind": "ModelVersion",
    "model": "fraud-detector",
    "version": "1.1.0",
    "artifacts": [
      {
        "path": "fraud-detector-1.1.0.bin",
        "uri": "artifacts/fraud-detector/1.1.0/fraud-detector-1.1.0.bin",
        "sha256": "5b4d782e0a9a94f1aa18f94c98269b21caa0a52c927e238bf8eb63c71f8dd73d",
        "size": 20
      }
    ],
    "metrics": {
      "auc": 0.92
    }
  }
}
""")
    assert gs("resolve", "fraud-detector@1.2.0", "--json") == snapshot("""\
{
  "schema": "gitstage/resolved/v1",
  "model": "fraud-detector",
  "version": "1.2.0",
  "stage": null,
  "tag": null,
  "commit": "0000000000000000000000000000000000000000",
  "moment": null,
  "action": null,
  "blob": "0000000000000000000000000000000000000000",
  "path": "models/fraud-detector/1.2.0.yaml",
  "manifest": {
    "apiVersion": "gitstage/v1",
    "kind": "ModelVersion",
    "model": "fraud-detector",
    "version": "1.2.0",
    "artifacts": [
      {
        "path": "fraud-detector-1.2.0.bin",
        "uri": "artifacts/fraud-detector/1.2.0/fraud-detector-1.2.0.bin",
        "sha256": "c495903acafc0e89f07b2aa54a3815859d3f0bf63ab3cb2e966cab2df0b4b120",
        "size": 20
      }
    ],
    "metrics": {
      "auc": 0.95
    }
  }
}
""")
    assert gs("resolve", "fraud-detector@staging", "--declared", "--json") == snapshot("""\
{
  "schema": "gitstage/resolved/v1",
  "model": "fraud-detector",
  "version": "1.2.0",
  "stage": "staging",
  "tag": null,
  "commit": "0000000000000000000000000000000000000000",
  "moment": null,
  "action": null,
  "blob": "0000000000000000000000000000000000000000",
  "path": "models/fraud-detector/1.2.0.yaml",
  "manifest": {
    "apiVersion": "gitstage/v1",
    "kind": "ModelVersion",
    "model": "fraud-detector",
    "version": "1.2.0",
    "artifacts": [
      {
        "path": "fraud-detector-1.2.0.bin",
        "uri": "artifacts/fraud-detector/1.2.0/fraud-detector-1.2.0.bin",
        "sha256": "c495903acafc0e89f07b2aa54a3815859d3f0bf63ab3cb2e966cab2df0b4b120",
        "size": 20
      }
    ],
    "metrics": {
      "auc": 0.95
    }
  }
}
""")
    assert gs("status", "--json") == snapshot("""\
{
  "schema": "gitstage/status/v1",
  "at": null,
  "stages": [
    "staging",
    "production"
  ],
  "judged": "0000000000000000000000000000000000000000",
  "unjudged": false,
  "policy": null,
  "models": [
    {
      "model": "fraud-detector",
      "stages": {
        "staging": {
          "version": "1.2.0",
          "declared": "1.2.0",
          "differs": false,
          "since": null,
          "tag": null,
          "waiting": null
        },
        "production": {
          "version": "1.1.0",
          "declared": "1.1.0",
          "differs": false,
          "since": null,
          "tag": null,
          "waiting": null
        }
      },
      "versions": [
        "1.0.0",
        "1.1.0",
        "1.2.0"
      ],
      "archived": [
        "1.0.0"
      ],
      "held": null,
      "records": null
    }
  ],
  "owed": []
}
""")
    assert gs("status", "--at", "2026-03-01T13:00Z", "--json") == snapshot("""\
{
  "schema": "gitstage/status/v1",
  "at": "2026-03-01T13:00Z",
  "stages": [
    "staging",
    "production"
  ],
  "judged": null,
  "unjudged": false,
  "policy": null,
  "models": [
    {
      "model": "fraud-detector",
      "stages": {
        "staging": {
          "version": "1.0.0",
          "declared": "1.0.0",
          "differs": false,
          "since": "2026-03-01T12:00:00Z",
          "tag": "fraud-detector/staging/1",
          "waiting": null
        },
        "production": {
          "version": "1.0.0",
          "declared": "1.0.0",
          "differs": false,
          "since": "2026-03-01T13:00:00Z",
          "tag": "fraud-detector/production/1",
          "waiting": null
        }
      },
      "versions": [],
      "archived": [],
      "held": null,
      "records": null
    }
  ],
  "owed": []
}
""")
    assert DIGEST.sub("<policy>", gs("log", "fraud-detector@production", "--json")) == snapshot("""\
{
  "schema": "gitstage/log/v1",
  "model": "fraud-detector",
  "effects": [
    {
      "moment": "2026-03-01T15:00:00Z",
      "stage": "production",
      "number": 2,
      "action": "promote",
      "before": "1.0.0",
      "after": "1.1.0",
      "source": "staging",
      "commit": "0000000000000000000000000000000000000000",
      "tag": "fraud-detector/production/2",
      "policy": "<policy>",
      "reason": null,
      "approvers": [],
      "findings": []
    },
    {
      "moment": "2026-03-01T13:00:00Z",
      "stage": "production",
      "number": 1,
      "action": "promote",
      "before": null,
      "after": "1.0.0",
      "source": "staging",
      "commit": "0000000000000000000000000000000000000000",
      "tag": "fraud-detector/production/1",
      "policy": "<policy>",
      "reason": null,
      "approvers": [],
      "findings": []
    }
  ],
  "alarms": []
}
""")
    assert gs("show", "fraud-detector@1.0.0", "--json") == snapshot("""\
{
  "schema": "gitstage/shown/v1",
  "model": "fraud-detector",
  "version": "1.0.0",
  "stage": null,
  "tag": null,
  "commit": "0000000000000000000000000000000000000000",
  "moment": null,
  "action": null,
  "blob": "0000000000000000000000000000000000000000",
  "path": "models/fraud-detector/1.0.0.yaml",
  "manifest": {
    "apiVersion": "gitstage/v1",
    "kind": "ModelVersion",
    "model": "fraud-detector",
    "version": "1.0.0",
    "artifacts": [
      {
        "path": "fraud-detector-1.0.0.bin",
        "uri": "artifacts/fraud-detector/1.0.0/fraud-detector-1.0.0.bin",
        "sha256": "45765d8786953ff0e17d2e25d9d0c2c561eb976dbc0e5a931e6d1000dffb57f5",
        "size": 20
      }
    ],
    "metrics": {
      "auc": 0.9
    }
  },
  "in_effect": [],
  "archived": true,
  "held": null,
  "problem": null,
  "evidence": [],
  "effects": [
    {
      "moment": "2026-03-01T12:00:00Z",
      "stage": "staging",
      "action": "promote",
      "before": null,
      "after": "1.0.0",
      "tag": "fraud-detector/staging/1"
    },
    {
      "moment": "2026-03-01T14:00:00Z",
      "stage": "staging",
      "action": "promote",
      "before": "1.0.0",
      "after": "1.1.0",
      "tag": "fraud-detector/staging/2"
    },
    {
      "moment": "2026-03-01T13:00:00Z",
      "stage": "production",
      "action": "promote",
      "before": null,
      "after": "1.0.0",
      "tag": "fraud-detector/production/1"
    },
    {
      "moment": "2026-03-01T15:00:00Z",
      "stage": "production",
      "action": "promote",
      "before": "1.0.0",
      "after": "1.1.0",
      "tag": "fraud-detector/production/2"
    }
  ]
}
""")
    assert gs("diff", "fraud-detector@production", "fraud-detector@staging", "--json") == snapshot("""\
{
  "schema": "gitstage/diff/v1",
  "before": {
    "model": "fraud-detector",
    "version": "1.1.0"
  },
  "after": {
    "model": "fraud-detector",
    "version": "1.2.0"
  },
  "rows": [
    {
      "group": "metrics",
      "name": "auc",
      "before": 0.92,
      "after": 0.95,
      "rise": 0.029999999999999916,
      "same": false
    },
    {
      "group": "artifacts",
      "name": "fraud-detector-1.1.0.bin sha256",
      "before": "5b4d782e0a9a94f1aa18f94c98269b21caa0a52c927e238bf8eb63c71f8dd73d",
      "after": null,
      "rise": null,
      "same": false
    },
    {
      "group": "artifacts",
      "name": "fraud-detector-1.1.0.bin size",
      "before": 20,
      "after": null,
      "rise": null,
      "same": false
    },
    {
      "group": "artifacts",
      "name": "fraud-detector-1.1.0.bin uri",
      "before": "artifacts/fraud-detector/1.1.0/fraud-detector-1.1.0.bin",
      "after": null,
      "rise": null,
      "same": false
    },
    {
      "group": "artifacts",
      "name": "fraud-detector-1.2.0.bin sha256",
      "before": null,
      "after": "c495903acafc0e89f07b2aa54a3815859d3f0bf63ab3cb2e966cab2df0b4b120",
      "rise": null,
      "same": false
    },
    {
      "group": "artifacts",
      "name": "fraud-detector-1.2.0.bin size",
      "before": null,
      "after": 20,
      "rise": null,
      "same": false
    },
    {
      "group": "artifacts",
      "name": "fraud-detector-1.2.0.bin uri",
      "before": null,
      "after": "artifacts/fraud-detector/1.2.0/fraud-detector-1.2.0.bin",
      "rise": null,
      "same": false
    }
  ]
}
""")


def test_changing(gs: Shell) -> None:
    assert gs("promote", "fraud-detector", "--to", "production", "--dry-run", "--json") == snapshot("""\
{
  "schema": "gitstage/outcome/v1",
  "subject": "fraud-detector: promote 1.2.0 to production",
  "changed": [
    "production/fraud-detector.yaml"
  ],
  "commit": null,
  "branch": null,
  "landed": false,
  "dry_run": true,
  "tags": [],
  "notes": [],
  "exit_code": 0,
  "report": {
    "schema": "gitstage/report/v1",
    "verdict": "passed",
    "exit_code": 0,
    "base": "0000000000000000000000000000000000000000",
    "head": null,
    "moment": "2026-03-01T16:00:00Z",
    "registry": "",
    "new_registry": false,
    "judgements": [
      {
        "thing": "production/fraud-detector",
        "action": "promote",
        "model": "fraud-detector",
        "stage": "production",
        "source": "staging",
        "before": "1.1.0",
        "after": "1.2.0",
        "verdict": "passed",
        "metrics": {
          "auc": {
            "before": 0.92,
            "after": 0.95
          }
        },
        "findings": [],
        "debts": []
      }
    ],
    "elsewhere": [],
    "notes": []
  }
}
""")
    assert gs("promote", "fraud-detector", "--to", "production", "--json") == snapshot("""\
{
  "schema": "gitstage/outcome/v1",
  "subject": "fraud-detector: promote 1.2.0 to production",
  "changed": [
    "production/fraud-detector.yaml"
  ],
  "commit": "0000000000000000000000000000000000000000",
  "branch": "refs/heads/main",
  "landed": true,
  "dry_run": false,
  "tags": [
    "refs/tags/fraud-detector/production/3"
  ],
  "notes": [],
  "exit_code": 0,
  "report": {
    "schema": "gitstage/report/v1",
    "verdict": "passed",
    "exit_code": 0,
    "base": "0000000000000000000000000000000000000000",
    "head": null,
    "moment": "2026-03-01T16:00:00Z",
    "registry": "",
    "new_registry": false,
    "judgements": [
      {
        "thing": "production/fraud-detector",
        "action": "promote",
        "model": "fraud-detector",
        "stage": "production",
        "source": "staging",
        "before": "1.1.0",
        "after": "1.2.0",
        "verdict": "passed",
        "metrics": {
          "auc": {
            "before": 0.92,
            "after": 0.95
          }
        },
        "findings": [],
        "debts": []
      }
    ],
    "elsewhere": [],
    "notes": []
  }
}
""")
    assert gs("rollback", "fraud-detector@production", "--reason", "too slow", "--json") == snapshot("""\
{
  "schema": "gitstage/outcome/v1",
  "subject": "fraud-detector: roll production back to 1.1.0",
  "changed": [
    "archived/fraud-detector/1.2.0.yaml",
    "holds/fraud-detector/1.2.0.yaml",
    "production/fraud-detector.yaml"
  ],
  "commit": "0000000000000000000000000000000000000000",
  "branch": "refs/heads/main",
  "landed": true,
  "dry_run": false,
  "tags": [
    "refs/tags/fraud-detector/production/4"
  ],
  "notes": [],
  "exit_code": 0,
  "report": {
    "schema": "gitstage/report/v1",
    "verdict": "passed",
    "exit_code": 0,
    "base": "0000000000000000000000000000000000000000",
    "head": null,
    "moment": "2026-03-01T16:00:00Z",
    "registry": "",
    "new_registry": false,
    "judgements": [
      {
        "thing": "production/fraud-detector",
        "action": "rollback",
        "model": "fraud-detector",
        "stage": "production",
        "source": null,
        "before": "1.2.0",
        "after": "1.1.0",
        "verdict": "passed",
        "metrics": {
          "auc": {
            "before": 0.95,
            "after": 0.92
          }
        },
        "findings": [],
        "debts": []
      },
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
      }
    ],
    "elsewhere": [],
    "notes": []
  }
}
""")
    assert gs("archive", "fraud-detector@production", "--reason", "sold", "--json") == snapshot("""\
{
  "schema": "gitstage/outcome/v1",
  "subject": "fraud-detector: archive 1.1.0, production is empty",
  "changed": [
    "production/fraud-detector.yaml"
  ],
  "commit": "0000000000000000000000000000000000000000",
  "branch": "refs/heads/main",
  "landed": true,
  "dry_run": false,
  "tags": [
    "refs/tags/fraud-detector/production/5"
  ],
  "notes": [],
  "exit_code": 0,
  "report": {
    "schema": "gitstage/report/v1",
    "verdict": "passed",
    "exit_code": 0,
    "base": "0000000000000000000000000000000000000000",
    "head": null,
    "moment": "2026-03-01T16:00:00Z",
    "registry": "",
    "new_registry": false,
    "judgements": [
      {
        "thing": "production/fraud-detector",
        "action": "archive",
        "model": "fraud-detector",
        "stage": "production",
        "source": null,
        "before": "1.1.0",
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
}
""")
    assert gs("unhold", "fraud-detector@1.2.0", "--reason", "it was the network", "--json") == snapshot("""\
{
  "schema": "gitstage/outcome/v1",
  "subject": "fraud-detector: unhold 1.2.0",
  "changed": [
    "holds/fraud-detector/1.2.0.yaml"
  ],
  "commit": "0000000000000000000000000000000000000000",
  "branch": "refs/heads/main",
  "landed": true,
  "dry_run": false,
  "tags": [],
  "notes": [],
  "exit_code": 0,
  "report": {
    "schema": "gitstage/report/v1",
    "verdict": "passed",
    "exit_code": 0,
    "base": "0000000000000000000000000000000000000000",
    "head": null,
    "moment": "2026-03-01T16:00:00Z",
    "registry": "",
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
      }
    ],
    "elsewhere": [],
    "notes": []
  }
}
""")
    assert gs("withdraw", "fraud-detector", "--json") == snapshot("""\
{
  "schema": "gitstage/outcome/v1",
  "subject": "fraud-detector: withdraw what never passed",
  "changed": [],
  "commit": null,
  "branch": null,
  "landed": false,
  "dry_run": false,
  "tags": [],
  "notes": [],
  "exit_code": 0,
  "report": {
    "schema": "gitstage/report/v1",
    "verdict": "passed",
    "exit_code": 0,
    "base": "0000000000000000000000000000000000000000",
    "head": null,
    "moment": "2026-03-01T16:00:00Z",
    "registry": "",
    "new_registry": false,
    "judgements": [],
    "elsewhere": [],
    "notes": []
  }
}
""")


def test_refused(gs: Shell) -> None:
    gs.run("hold", "fraud-detector@1.2.0", "--reason", "leaks")
    assert gs("promote", "fraud-detector", "--to", "production", "--json") == snapshot("""\
{
  "schema": "gitstage/outcome/v1",
  "subject": "fraud-detector: promote 1.2.0 to production",
  "changed": [
    "production/fraud-detector.yaml"
  ],
  "commit": null,
  "branch": null,
  "landed": false,
  "dry_run": false,
  "tags": [],
  "notes": [],
  "exit_code": 1,
  "report": {
    "schema": "gitstage/report/v1",
    "verdict": "refused",
    "exit_code": 1,
    "base": "0000000000000000000000000000000000000000",
    "head": null,
    "moment": "2026-03-01T16:00:00Z",
    "registry": "",
    "new_registry": false,
    "judgements": [
      {
        "thing": "production/fraud-detector",
        "action": "promote",
        "model": "fraud-detector",
        "stage": "production",
        "source": "staging",
        "before": "1.1.0",
        "after": "1.2.0",
        "verdict": "refused",
        "metrics": {
          "auc": {
            "before": 0.92,
            "after": 0.95
          }
        },
        "findings": [
          {
            "rule": "held",
            "verdict": "refused",
            "advisory": false,
            "message": "1.2.0 is held: leaks",
            "path": "holds/fraud-detector/1.2.0.yaml",
            "line": null,
            "gate": null,
            "value": null,
            "threshold": null,
            "opens": null,
            "hint": "gitstage unhold fraud-detector@1.2.0 --reason \\u2026",
            "people": []
          }
        ],
        "debts": []
      }
    ],
    "elsewhere": [],
    "notes": []
  }
}
[1]
""")


def test_judging(gs: Shell) -> None:
    gs.story.copy("models/fraud-detector/1.2.0.yaml", "production/fraud-detector.yaml")
    gs.story.write("production/other.yaml", "nonsense\n")
    gs.story.commit("by hand")
    assert gs("check", "--base", "HEAD~1", "--format", "json") == snapshot("""\
{
  "schema": "gitstage/report/v1",
  "verdict": "refused",
  "exit_code": 1,
  "base": "0000000000000000000000000000000000000000",
  "head": "0000000000000000000000000000000000000000",
  "moment": "2026-03-01T16:00:00Z",
  "registry": "",
  "new_registry": false,
  "judgements": [
    {
      "thing": "production/fraud-detector",
      "action": "promote",
      "model": "fraud-detector",
      "stage": "production",
      "source": "staging",
      "before": "1.1.0",
      "after": "1.2.0",
      "verdict": "passed",
      "metrics": {
        "auc": {
          "before": 0.92,
          "after": 0.95
        }
      },
      "findings": [],
      "debts": []
    },
    {
      "thing": "production/other",
      "action": "adopt",
      "model": "other",
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
          "message": "is byte for byte none of the registered versions of other",
          "path": "production/other.yaml",
          "line": null,
          "gate": null,
          "value": null,
          "threshold": null,
          "opens": null,
          "hint": "gitstage withdraw other@production, then gitstage promote other@VERSION --to production",
          "people": []
        }
      ],
      "debts": []
    }
  ],
  "elsewhere": [],
  "notes": []
}
[1]
""")
    assert gs("tag", "--json") == snapshot("""\
{
  "schema": "gitstage/tag/v1",
  "judged": "0000000000000000000000000000000000000000",
  "tags": [
    "refs/tags/fraud-detector/production/3"
  ],
  "pushed": false,
  "dry_run": false,
  "effects": [
    {
      "tag": "fraud-detector/production/3",
      "action": "promote",
      "model": "fraud-detector",
      "stage": "production",
      "before": "1.1.0",
      "after": "1.2.0",
      "commit": "0000000000000000000000000000000000000000",
      "moment": "2026-03-01T16:00:00Z"
    }
  ],
  "open": [
    {
      "thing": "production/other",
      "verdict": "refused",
      "landed": "0000000000000000000000000000000000000000",
      "since": "2026-03-01T16:00:00Z",
      "way_back": "gitstage withdraw other@production",
      "findings": [
        {
          "rule": "slot-matches-version",
          "verdict": "refused",
          "message": "is byte for byte none of the registered versions of other",
          "path": "production/other.yaml",
          "hint": "gitstage withdraw other@production, then gitstage promote other@VERSION --to production"
        }
      ]
    }
  ],
  "alarms": [],
  "notes": [],
  "exit_code": 1
}
[1]
""")
    assert gs("status", "--json") == snapshot("""\
{
  "schema": "gitstage/status/v1",
  "at": null,
  "stages": [
    "staging",
    "production"
  ],
  "judged": "0000000000000000000000000000000000000000",
  "unjudged": false,
  "policy": null,
  "models": [
    {
      "model": "fraud-detector",
      "stages": {
        "staging": {
          "version": "1.2.0",
          "declared": "1.2.0",
          "differs": false,
          "since": null,
          "tag": null,
          "waiting": null
        },
        "production": {
          "version": "1.2.0",
          "declared": "1.2.0",
          "differs": false,
          "since": null,
          "tag": null,
          "waiting": null
        }
      },
      "versions": [
        "1.0.0",
        "1.1.0",
        "1.2.0"
      ],
      "archived": [
        "1.0.0",
        "1.1.0"
      ],
      "held": null,
      "records": null
    },
    {
      "model": "other",
      "stages": {
        "staging": {
          "version": null,
          "declared": null,
          "differs": false,
          "since": null,
          "tag": null,
          "waiting": null
        },
        "production": {
          "version": null,
          "declared": null,
          "differs": true,
          "since": null,
          "tag": null,
          "waiting": {
            "verdict": "refused",
            "landed": "0000000000000000000000000000000000000000",
            "since": "2026-03-01T16:00:00Z",
            "findings": [
              {
                "rule": "slot-matches-version",
                "verdict": "refused",
                "message": "is byte for byte none of the registered versions of other",
                "path": "production/other.yaml",
                "hint": "gitstage withdraw other@production, then gitstage promote other@VERSION --to production"
              }
            ]
          }
        }
      },
      "versions": [],
      "archived": [],
      "held": null,
      "records": null
    }
  ],
  "owed": []
}
""")


def test_the_rest(gs: Shell) -> None:
    gs.patch.setattr("gitstage.operations.doctor.FLOOR", (2, 0))
    found = gs("doctor", "--json").replace(gs.story.git("--version"), "git version 2.x")
    found = found.replace(str(shutil.which("ssh-keygen")), "/usr/bin/ssh-keygen")
    assert found == snapshot("""\
{
  "schema": "gitstage/doctor/v1",
  "well": true,
  "checks": [
    {
      "name": "git",
      "well": true,
      "optional": false,
      "found": "git version 2.x",
      "hint": null
    },
    {
      "name": "signatures",
      "well": true,
      "optional": false,
      "found": "verified by /usr/bin/ssh-keygen",
      "hint": null
    },
    {
      "name": "registry",
      "well": true,
      "optional": false,
      "found": "the root, id <id>",
      "hint": null
    },
    {
      "name": "history",
      "well": true,
      "optional": false,
      "found": "complete",
      "hint": null
    },
    {
      "name": "identity",
      "well": true,
      "optional": true,
      "found": "Cleo Committer \\u003ccleo@example.com\\u003e",
      "hint": null
    },
    {
      "name": "attributes",
      "well": true,
      "optional": false,
      "found": ".gitattributes is there",
      "hint": null
    },
    {
      "name": "ledger",
      "well": true,
      "optional": true,
      "found": "judged to 000000000000",
      "hint": null
    }
  ]
}
""")
    assert gs("pull", "fraud-detector@production", "--to", "../out", "--json") == snapshot("""\
{
  "schema": "gitstage/pulled/v1",
  "model": "fraud-detector",
  "version": "1.1.0",
  "tag": "fraud-detector/production/2",
  "folder": "../out",
  "files": [
    {
      "path": "fraud-detector-1.1.0.bin",
      "size": 20
    }
  ],
  "unchanged": false
}
""")
    gs.story.write("models/fraud-detector/3.0.0.yaml", gs.story.read("models/fraud-detector/1.2.0.yaml") + "# mine\n")
    assert gs("fmt", "--check", "models/fraud-detector/3.0.0.yaml", "--json") == snapshot("""\
{
  "schema": "gitstage/fmt/v1",
  "changed": [
    "models/fraud-detector/3.0.0.yaml"
  ],
  "problems": [],
  "exit_code": 1
}
[1]
""")
    assert gs("explain", "fraud-detector@1.2.0", "--to", "production", "--json") == snapshot("""\
{
  "schema": "gitstage/explanation/v1",
  "model": "fraud-detector",
  "stage": "production",
  "before": "1.1.0",
  "after": "1.2.0",
  "source": "staging",
  "verdict": "passed",
  "exit_code": 0,
  "in_effect_since": null,
  "rules": [],
  "facts": [
    "slot-matches-version",
    "stage-order",
    "leaves-archived",
    "held",
    "known-path",
    "policy-alone"
  ],
  "waiver": null,
  "report": {
    "schema": "gitstage/report/v1",
    "verdict": "passed",
    "exit_code": 0,
    "base": "0000000000000000000000000000000000000000",
    "head": null,
    "moment": "2026-03-01T16:00:00Z",
    "registry": "",
    "new_registry": false,
    "judgements": [
      {
        "thing": "production/fraud-detector",
        "action": "promote",
        "model": "fraud-detector",
        "stage": "production",
        "source": "staging",
        "before": "1.1.0",
        "after": "1.2.0",
        "verdict": "passed",
        "metrics": {
          "auc": {
            "before": 0.92,
            "after": 0.95
          }
        },
        "findings": [],
        "debts": []
      }
    ],
    "elsewhere": [],
    "notes": []
  }
}
""")
