"""Everything that the commands say of a registry that has been used for a while, in a pipe and on terminals."""

from __future__ import annotations

import re
import shlex
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from tests.cli import rich
from tests.cli.shell import Shell
from tests.cli.terminals import drawn
from tests.operations.pictures import unchanged
from tests.operations.stories import Story


@pytest.fixture
def used(tmp_path: Path, told: Callable[[str, Callable[[Path], object]], Path]) -> Story:
    """The story of `rich`, at its end."""
    shutil.copytree(told("rich", rich.told), tmp_path, dirs_exist_ok=True)
    return Story(tmp_path / "work", now=rich.ENDS)


@pytest.fixture
def gs(used: Story, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A shell in it."""
    return Shell(used, monkeypatch, capsys)


@pytest.fixture
def screen(used: Story, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which somebody sits at a terminal, at the story's end."""
    monkeypatch.setenv("STORY_NOW", used.now.isoformat())
    return used.path


SAID: dict[str, str] = {
    "reading": """\
$ gitstage status
model                                 staging   production              archived
risk/credit-scoring-with-a-long-name  2025.1.0  2025.1.0                       –
risk/fraud-detector                   1.2.0     1.1.0 (1.2.0 declared)         1
toys/iris                             1.0.0     –                              –
risk/fraud-detector: production waits: metrics: auc 0.9523 → 0.938, max-drop 0.002 and 3 more
debt: risk/credit-scoring-with-a-long-name/production/1: ada waived metrics (the auditors are here): to be countersigned since 2d2h, expired
debt: risk/credit-scoring-with-a-long-name/production/1: ada waived evidence (the auditors are here): to be countersigned since 2d2h, expired
debt: risk/credit-scoring-with-a-long-name/production/1: ada waived approvals (the auditors are here): to be countersigned since 2d2h, expired
$ gitstage status --at 2026-03-03
model                                 staging   production
risk/credit-scoring-with-a-long-name  2025.1.0  –
risk/fraud-detector                   1.1.0     1.0.0
toys/iris                             1.0.0     –
$ gitstage status --declared
model                                 staging   production  archived
risk/credit-scoring-with-a-long-name  2025.1.0  2025.1.0           –
risk/fraud-detector                   1.2.0     1.2.0              2
toys/iris                             1.0.0     –                  –
$ gitstage status risk/fraud-detector
risk/fraud-detector
stage       in effect               since                 tag
staging     1.2.0                   2026-03-03 16:00 UTC  risk/fraud-detector/staging/2
production  1.1.0 (1.2.0 declared)  2026-03-03 16:00 UTC  risk/fraud-detector/production/2
versions  1.3.0-rc.1, 1.2.0, 1.1.0, 1.0.0
archived  1.0.0
held      1.3.0-rc.1: leaks a feature
risk/fraud-detector: production waits: metrics: auc 0.9523 → 0.938, max-drop 0.002 and 3 more
$ gitstage show risk/fraud-detector@production
risk/fraud-detector@1.1.0  in effect in production
Retrained with the spring data. Retrained with the spring data. Retrained with the spring data.

metrics
auc             0.9523
f1              0.8125
latency_p99_ms      11

params
eta        0.3
max_depth  6
objective  binary:logistic

labels
license  apache-2.0
team     risk

source
repository  https://github.com/acme/fraud
commit      0000000000000000000000000000000000000000
run         https://mlflow.acme.dev/#/experiments/7/runs/1.1.0

artifact           size  sha256         uri
model.onnx      25.0 kB  e4110b6e58c2…  artifacts/risk/fraud-detector/1.1.0/model.onnx
tokenizer.json  10.5 MB  9b70aa689b70…  s3://acme-models/tokenizer.json

evidence        no.  result  made                  measured              signed by  counts
approval-bob      1  –       –                     –                     bob        no: was for risk/fraud-detector/production/2, which has taken effect
load-test         1  PASSED  2026-03-03 13:00 UTC  latency_p99_ms 13.25  –          decides
shadow-traffic    1  PASSED  2026-03-03 13:00 UTC  agreement 0.998       –          decides for standard

when                  stage       what     tag
2026-03-02 12:00 UTC  staging     promote  risk/fraud-detector/staging/1
2026-03-03 16:00 UTC  staging     promote  risk/fraud-detector/staging/2
2026-03-03 16:00 UTC  production  promote  risk/fraud-detector/production/2
$ gitstage show risk/fraud-detector@1.3.0-rc.1
risk/fraud-detector@1.3.0-rc.1
held: leaks a feature
Retrained with the spring data. Retrained with the spring data. Retrained with the spring data.

metrics
auc      0.96

params
eta        0.3
max_depth  6
objective  binary:logistic

labels
license  apache-2.0
team     risk

source
repository  https://github.com/acme/fraud
commit      0000000000000000000000000000000000000000
run         https://mlflow.acme.dev/#/experiments/7/runs/1.3.0-rc.1

artifact           size  sha256         uri
model.onnx      30.0 kB  c89cdb22f075…  artifacts/risk/fraud-detector/1.3.0-rc.1/model.onnx
tokenizer.json  10.5 MB  9b70aa689b70…  s3://acme-models/tokenizer.json
$ gitstage show risk/credit-scoring-with-a-long-name@production
risk/credit-scoring-with-a-long-name@2025.1.0  in effect in staging, production
Retrained with the spring data. Retrained with the spring data. Retrained with the spring data.

metrics
auc      0.91

params
eta        0.3
max_depth  6
objective  binary:logistic

labels
license  internal
team     risk

source
repository  https://github.com/acme/fraud
commit      0000000000000000000000000000000000000000
run         https://mlflow.acme.dev/#/experiments/7/runs/2025.1.0

artifact           size  sha256         uri
model.onnx      45.0 kB  1618d48bafa8…  artifacts/risk/credit-scoring-with-a-long-name/2025.1.0/model.onnx
tokenizer.json  10.5 MB  9b70aa689b70…  s3://acme-models/tokenizer.json

evidence    no.  result  made  measured  signed by  counts
waiver-ada    1  –       –     –         ada        no: was for risk/credit-scoring-with-a-long-name/production/1, which has taken effect
waiver-ada    2  –       –     –         ada        no: was for risk/credit-scoring-with-a-long-name/production/1, which has taken effect
waiver-ada    3  –       –     –         ada        no: was for risk/credit-scoring-with-a-long-name/production/1, which has taken effect
waiver-ada    4  –       –     –         ada        no: was for risk/credit-scoring-with-a-long-name/production/1, which has taken effect
waiver-ada    5  –       –     –         ada        no: was for risk/credit-scoring-with-a-long-name/production/1, which has taken effect

when                  stage       what     tag
2026-03-02 12:00 UTC  staging     promote  risk/credit-scoring-with-a-long-name/staging/1
2026-03-05 16:00 UTC  production  promote  risk/credit-scoring-with-a-long-name/production/1
$ gitstage log risk/fraud-detector
when                  stage       what     version        tag
2026-03-03 16:00 UTC  production  promote  1.0.0 → 1.1.0  risk/fraud-detector/production/2
    approved by bob
2026-03-03 16:00 UTC  staging     promote  1.1.0 → 1.2.0  risk/fraud-detector/staging/2
2026-03-02 12:00 UTC  staging     promote  – → 1.1.0      risk/fraud-detector/staging/1
2026-03-01 12:00 UTC  production  adopt    – → 1.0.0      risk/fraud-detector/production/1
$ gitstage log risk/credit-scoring-with-a-long-name@production
when                  what     version       tag
2026-03-05 16:00 UTC  promote  – → 2025.1.0  risk/credit-scoring-with-a-long-name/production/1
    waived: approvals, evidence, metrics
$ gitstage diff risk/fraud-detector@production risk/fraud-detector@staging
                              risk/fraud-detector@1.1.0                           risk/fraud-detector@1.2.0
metrics    auc                0.9523                                              0.938                                               −0.0143
           f1                 0.8125                                              –
           latency_p99_ms     11                                                  9.75                                                  −1.25
artifacts  model.onnx sha256  e4110b6e58c2…                                       7450fe202158…
source     run                https://mlflow.acme.dev/#/experiments/7/runs/1.1.0  https://mlflow.acme.dev/#/experiments/7/runs/1.2.0
$ gitstage diff risk/fraud-detector@1.0.0 toys/iris@1.0.0
                              risk/fraud-detector@1.0.0  toys/iris@1.0.0
metrics    accuracy           –                          0.97
           auc                0.951                      –
           latency_p99_ms     12.5                       –
artifacts  model.onnx sha256  adedfaa7831f…              2e6795decd46…
           model.onnx size    25000                      15000            −10000
$ gitstage --verbose status toys/iris
toys/iris
stage       in effect  since                 tag
staging     1.0.0      2026-03-01 12:00 UTC  toys/iris/staging/1
production  –
versions  1.0.0
archived  –
! registry . of …/work/.git
! trunk main at 0000000000000000000000000000000000000000
! remote none, moment 2026-03-10T18:00:00Z
""",
    "judging": """\
$ gitstage explain risk/fraud-detector@1.2.0 --to production
risk/fraud-detector: production 1.1.0 → 1.2.0, from staging

   rule                     gate      found           asked
✓  soak                     standard  7d2h            1d
✓  metrics auc              standard  0.938           min 0.9
✗  metrics auc              standard  0.9523 → 0.938  max-drop 0.002
    auc 0.9523 → 0.938, max-drop 0.002
    needs a version that keeps to max-drop 0.002
…  metrics latency_p99_ms   standard
    latency_p99_ms is missing in evidence load-test
    needs a value: gitstage attest risk/fraud-detector@1.2.0 --type test-result --name load-test --result passed --metric latency_p99_ms=VALUE
…  evidence shadow-traffic  standard                  test-result shadow-traffic
    no test-result called shadow-traffic
    needs a statement that says so: gitstage attest risk/fraud-detector@1.2.0 --type test-result --name shadow-traffic --result passed
✓  rules/licensed           standard  true            version.labels.license != 'internal'
…  approvals                standard  0 of 1          1 from owners
    1 approval by owners missing: nobody can tell who made this change
    needs approval, 1 from owners, by who did not make the change: gitstage approve risk/fraud-detector@1.2.0 --for production --sign KEY
✓  windows                  standard                  deny Fri 16:00 - Mon 08:00, Europe/Berlin
    within the windows
✓  facts
    slot-matches-version, stage-order, leaves-archived, held, known-path, policy-alone

metric           1.1.0  1.2.0  difference
auc             0.9523  0.938     −0.0143
f1              0.8125
latency_p99_ms      11   9.75       −1.25

it would be refused
what a gate asks can be waived by owners: gitstage waive risk/fraud-detector@1.2.0 --rule RULE --for production --until DATE --reason … --sign KEY
[1]
$ gitstage explain toys/iris@1.0.0 --to production
toys/iris: production empty → 1.0.0, from staging

   rule                     gate      found   asked
✓  soak                     standard  9d6h    1d
✗  metrics auc              standard
    auc is missing
    needs a version that has it: gitstage register toys/iris@next … --metric auc=VALUE
…  metrics latency_p99_ms   standard
    latency_p99_ms is missing in evidence load-test
    needs a value: gitstage attest toys/iris@1.0.0 --type test-result --name load-test --result passed --metric latency_p99_ms=VALUE
…  evidence shadow-traffic  standard          test-result shadow-traffic
    no test-result called shadow-traffic
    needs a statement that says so: gitstage attest toys/iris@1.0.0 --type test-result --name shadow-traffic --result passed
✓  rules/licensed           standard  true    version.labels.license != 'internal'
…  approvals                standard  0 of 1  1 from owners
    1 approval by owners missing: nobody can tell who made this change
    needs approval, 1 from owners, by who did not make the change: gitstage approve toys/iris@1.0.0 --for production --sign KEY
✓  windows                  standard          deny Fri 16:00 - Mon 08:00, Europe/Berlin
    within the windows
✓  facts
    slot-matches-version, stage-order, leaves-archived, held, known-path, policy-alone

metric    empty  1.0.0  difference
accuracy          0.97

it would be refused
what a gate asks can be waived by owners: gitstage waive toys/iris@1.0.0 --rule RULE --for production --until DATE --reason … --sign KEY
[1]
$ gitstage check
passed: nothing of a registry changes
! open elsewhere: production/risk/fraud-detector: metrics: auc 0.9523 → 0.938, max-drop 0.002
$ gitstage check --base HEAD~1
risk/fraud-detector: production 1.1.0 → 1.2.0  refused
  ✗ metrics         auc 0.9523 → 0.938, max-drop 0.002  gate standard
                    models/risk/fraud-detector/1.2.0.yaml
  … metrics         latency_p99_ms is missing in evidence load-test  gate standard
                    evidence/risk/fraud-detector/1.2.0/load-test/
                    type: gitstage attest risk/fraud-detector@1.2.0 --type test-result --name load-test --result passed --metric latency_p99_ms=VALUE
  … evidence        no test-result called shadow-traffic  gate standard
                    evidence/risk/fraud-detector/1.2.0/shadow-traffic/
                    type: gitstage attest risk/fraud-detector@1.2.0 --type test-result --name shadow-traffic --result passed
  … approvals       1 approval by owners missing: nobody can tell who made this change  gate standard
                    next: sign the commits (git config commit.gpgsign true), or let the forge say who it was: --approvals FILE.json
  ✓ soak            7d2h in staging of 1d  gate standard
  ✓ metrics         auc 0.938, min 0.9  gate standard
  ✓ rules/licensed  version.labels.license != 'internal'  gate standard
  ✓ windows         within the windows  gate standard
                     1.1.0  1.2.0
    auc             0.9523  0.938  −0.0143
    f1              0.8125
    latency_p99_ms      11   9.75    −1.25

refused: 1 of 1 change
[1]
$ gitstage tag --dry-run
refused    production/risk/fraud-detector
           metrics: auc 0.9523 → 0.938, max-drop 0.002
           models/risk/fraud-detector/1.2.0.yaml
           metrics: latency_p99_ms is missing in evidence load-test
           evidence/risk/fraud-detector/1.2.0/load-test/
           try: gitstage attest risk/fraud-detector@1.2.0 --type test-result --name load-test --result passed --metric latency_p99_ms=VALUE
           evidence: no test-result called shadow-traffic
           evidence/risk/fraud-detector/1.2.0/shadow-traffic/
           try: gitstage attest risk/fraud-detector@1.2.0 --type test-result --name shadow-traffic --result passed
           approvals: 1 approval by owners missing: nobody can tell who made this change
           try: sign the commits (git config commit.gpgsign true), or let the forge say who it was: --approvals FILE.json
           to take it back: gitstage withdraw risk/fraud-detector@production
[1]
$ gitstage audit
fault      open-refused  production/risk/fraud-detector at 000000000000
           production/risk/fraud-detector is refused: metrics: auc 0.9523 → 0.938, max-drop 0.002, metrics: latency_p99_ms is missing in evidence load-test, evidence: no test-result called shadow-traffic, approvals: 1 approval by owners missing: nobody can tell who made this change
fault      debt-overdue  risk/credit-scoring-with-a-long-name/production/1 (2026-03-05 16:00 UTC)
           the waiver of metrics by ada is not countersigned
fault      debt-overdue  risk/credit-scoring-with-a-long-name/production/1 (2026-03-05 16:00 UTC)
           the waiver of evidence by ada is not countersigned
fault      debt-overdue  risk/credit-scoring-with-a-long-name/production/1 (2026-03-05 16:00 UTC)
           the waiver of approvals by ada is not countersigned
no effect  production/risk/fraud-detector of 000000000000, refused from 2026-03-10 18:00 UTC still
           metrics: auc 0.9523 → 0.938, max-drop 0.002
           metrics: latency_p99_ms is missing in evidence load-test
           evidence: no test-result called shadow-traffic
           approvals: 1 approval by owners missing: nobody can tell who made this change
debt       risk/credit-scoring-with-a-long-name/production/1  waiver of metrics by ada, not countersigned since 2026-03-05 16:00 UTC
debt       risk/credit-scoring-with-a-long-name/production/1  waiver of evidence by ada, not countersigned since 2026-03-05 16:00 UTC
debt       risk/credit-scoring-with-a-long-name/production/1  waiver of approvals by ada, not countersigned since 2026-03-05 16:00 UTC
judged     26 commits in 26 runs: 7 changes of slots, 6 versions and 2 policies took effect
found      4 faults
[1]
""",
    "what would be changed": """\
$ gitstage promote toys/iris --to production --dry-run
toys/iris: production empty → 1.0.0  refused
  ✗ metrics         auc is missing  gate standard
                    models/toys/iris/1.0.0.yaml
                    next: register a version that has it: --metric auc=VALUE
  … metrics         latency_p99_ms is missing in evidence load-test  gate standard
                    evidence/toys/iris/1.0.0/load-test/
                    type: gitstage attest toys/iris@1.0.0 --type test-result --name load-test --result passed --metric latency_p99_ms=VALUE
  … evidence        no test-result called shadow-traffic  gate standard
                    evidence/toys/iris/1.0.0/shadow-traffic/
                    type: gitstage attest toys/iris@1.0.0 --type test-result --name shadow-traffic --result passed
  … approvals       1 approval by owners missing: nobody can tell who made this change  gate standard
                    next: sign the commits (git config commit.gpgsign true), or let the forge say who it was: --approvals FILE.json
  ✓ soak            9d6h in staging of 1d  gate standard
  ✓ rules/licensed  version.labels.license != 'internal'  gate standard
  ✓ windows         within the windows  gate standard
              before  1.0.0
    accuracy           0.97

refused: 1 of 1 change
! refused; nothing was changed
[1]
$ gitstage rollback risk/fraud-detector@production --reason bad --dry-run
risk/fraud-detector: production 1.1.0 → 1.0.0 (rollback)  pending
  … approvals  a rollback needs one of ada, bob or cara
               production/risk/fraud-detector.yaml
               next: sign the commit (git config commit.gpgsign true), or: gitstage approve risk/fraud-detector@1.0.0 --for production --sign KEY
                     1.1.0  1.0.0
    auc             0.9523  0.951  −0.0013
    f1              0.8125
    latency_p99_ms      11   12.5     +1.5

risk/fraud-detector: records  passed

pending: 1 of 2 changes
! would commit: risk/fraud-detector: roll production back to 1.0.0
[4]
$ gitstage archive toys/iris@staging --reason old --dry-run
toys/iris: records  passed
toys/iris: staging 1.0.0 → empty  passed

passed: 2 changes
would commit: toys/iris: archive 1.0.0, staging is empty
$ gitstage withdraw risk/fraud-detector@production --dry-run
would commit: risk/fraud-detector: withdraw what never passed
$ gitstage register toys/iris@next --artifact ../model.onnx --metric accuracy=0.98 --to staging --dry-run
toys/iris: records  passed

toys/iris: staging 1.0.0 → 1.1.0  passed
              1.0.0  1.1.0
    accuracy   0.97   0.98  +0.01

passed: 2 changes
would commit: toys/iris: register 1.1.0 and promote it to staging
$ gitstage hold toys/iris@1.0.0 --reason leaks --dry-run
toys/iris: records  passed

passed: 1 change
would commit: toys/iris: hold 1.0.0
$ gitstage attest toys/iris@1.0.0 --name load-test --result passed --dry-run
toys/iris: records  passed

passed: 1 change
would commit: toys/iris: attest load-test of 1.0.0
""",
}
"""What is typed, and all that is said where nobody sits at a terminal."""


@pytest.mark.parametrize("about", list(SAID))
def test_it_is_said_whole_and_nothing_is_changed(gs: Shell, about: str) -> None:
    lines = re.findall(r"^\$ gitstage (.*)$", SAID[about], re.MULTILINE)
    with unchanged(gs.story.path):
        said = "".join(f"$ gitstage {line}\n{gs(*shlex.split(line))}" for line in lines)
    assert said == SAID[about]


def test_at_80_columns_tables_are_folded_and_coloured(screen: Path) -> None:
    assert drawn(screen, "status").marked == snapshot("""\
‹1;36›model                               ‹›‹1;36›  ‹›‹1›staging ‹›‹1›  ‹›‹1›production            ‹›‹1›  ‹›‹1›archived‹›
‹36›risk/credit-scoring-with-a-long-name‹›‹36›  ‹›2025.1.0  2025.1.0                       –
‹36›risk/fraud-detector                 ‹›‹36›  ‹›1.2.0     1.1.0 (1.2.0 declared)         1
‹36›toys/iris                           ‹›‹36›  ‹›1.0.0     –                              –
risk/fraud-detector: production waits: metrics: auc 0.9523 → 0.938, max-drop 0.002 and 3 more
debt: risk/credit-scoring-with-a-long-name/production/1: ada waived metrics (the auditors are here): to be countersigned since 2d2h, expired
debt: risk/credit-scoring-with-a-long-name/production/1: ada waived evidence (the auditors are here): to be countersigned since 2d2h, expired
debt: risk/credit-scoring-with-a-long-name/production/1: ada waived approvals (the auditors are here): to be countersigned since 2d2h, expired
""")
    assert drawn(screen, "log", rich.FRAUD).marked == snapshot("""\
‹1;36›when      ‹›‹1;36›  ‹›‹1›stage     ‹›‹1›  ‹›‹1›what   ‹›‹1›  ‹›‹1›version  ‹›‹1›  ‹›‹1›tag                             ‹›
‹36›2026-03-03‹›‹36›  ‹›production  promote  1.0.0 →    risk/fraud-detector/production/2
‹36›16:00 UTC ‹›‹36›  ‹›                     1.1.0
    approved by bob
‹36›2026-03-03‹›‹36›  ‹›staging     promote  1.1.0 →    risk/fraud-detector/staging/2
‹36›16:00 UTC ‹›‹36›  ‹›                     1.2.0
‹36›2026-03-02‹›‹36›  ‹›staging     promote  – → 1.1.0  risk/fraud-detector/staging/1
‹36›12:00 UTC ‹›‹36›  ‹›
‹36›2026-03-01‹›‹36›  ‹›production  adopt    – → 1.0.0  risk/fraud-detector/production/1
‹36›12:00 UTC ‹›‹36›  ‹›
""")
    assert drawn(screen, "diff", f"{rich.FRAUD}@production", f"{rich.FRAUD}@staging").marked == snapshot("""\
‹1;36›         ‹›‹1;36›  ‹›‹1›              ‹›‹1›  ‹›‹1›risk/fraud-detector@1‹›‹1›  ‹›‹1›risk/fraud-detector@1‹›‹1›  ‹›‹1›       ‹›
‹1;36›         ‹›‹1;36›  ‹›‹1›              ‹›‹1›  ‹›‹1›.1.0                 ‹›‹1›  ‹›‹1›.2.0                 ‹›‹1›  ‹›‹1›       ‹›
‹36›metrics  ‹›‹36›  ‹›auc             0.9523                 0.938                  −0.0143
‹36›         ‹›‹36›  ‹›f1              0.8125                 –
‹36›         ‹›‹36›  ‹›latency_p99_ms  11                     9.75                     −1.25
‹36›artifacts‹›‹36›  ‹›model.onnx      e4110b6e58c2…          7450fe202158…
‹36›         ‹›‹36›  ‹›sha256
‹36›source   ‹›‹36›  ‹›run             https://mlflow.acme.d  https://mlflow.acme.d
‹36›         ‹›‹36›  ‹›                ev/#/experiments/7/ru  ev/#/experiments/7/ru
‹36›         ‹›‹36›  ‹›                ns/1.1.0               ns/1.2.0
""")


def test_a_verdict_has_its_colour(screen: Path) -> None:
    refused = drawn(screen, "check", "--base", "HEAD~1")
    assert (refused.code, refused.err) == (1, "")
    assert refused.marked == snapshot("""\
‹1›risk/fraud-detector: production 1.1.0 → 1.2.0‹›  ‹31›‹1›refused‹›
  ‹31›‹1›✗‹› metrics         auc 0.9523 → 0.938, max-drop 0.002  ‹2›gate standard‹›
                    ‹2›models/risk/fraud-detector/1.2.0.yaml‹›
  ‹33›‹1›…‹› metrics         latency_p99_ms is missing in evidence load-test  ‹2›gate standard‹›
                    ‹2›evidence/risk/fraud-detector/1.2.0/load-test/‹›
                    type: gitstage attest risk/fraud-detector@1.2.0 --type test-result --name load-test --result passed --metric latency_p99_ms=VALUE
  ‹33›‹1›…‹› evidence        no test-result called shadow-traffic  ‹2›gate standard‹›
                    ‹2›evidence/risk/fraud-detector/1.2.0/shadow-traffic/‹›
                    type: gitstage attest risk/fraud-detector@1.2.0 --type test-result --name shadow-traffic --result passed
  ‹33›‹1›…‹› approvals       1 approval by owners missing: nobody can tell who made this change  ‹2›gate standard‹›
                    next: sign the commits (git config commit.gpgsign true), or let the forge say who it was: --approvals FILE.json
  ‹32›✓‹› soak            7d2h in staging of 1d  ‹2›gate standard‹›
  ‹32›✓‹› metrics         auc 0.938, min 0.9  ‹2›gate standard‹›
  ‹32›✓‹› rules/licensed  version.labels.license != 'internal'  ‹2›gate standard‹›
  ‹32›✓‹› windows         within the windows  ‹2›gate standard‹›
                     1.1.0  1.2.0
    auc             0.9523  0.938  −0.0143
    f1              0.8125
    latency_p99_ms      11   9.75    −1.25

‹31›‹1›refused: 1 of 1 change‹›
""")
    assert drawn(screen, "hold", "toys/iris@1.0.0", "--reason", "leaks", "--dry-run").marked == snapshot("""\
‹1›toys/iris: records‹›  ‹32›passed‹›

‹32›passed: 1 change‹›
would commit: toys/iris: hold 1.0.0
""")


def test_at_40_columns_nothing_gets_lost(screen: Path) -> None:
    assert drawn(screen, "status", rich.FRAUD, columns=40).plain == snapshot("""\
risk/fraud-detector
stage     in        since      tag
          effect
staging   1.2.0     2026-03-0  risk/frau
                    3 16:00    d-detecto
                    UTC        r/staging
                               /2
producti  1.1.0     2026-03-0  risk/frau
on        (1.2.0    3 16:00    d-detecto
          declared  UTC        r/product
          )                    ion/2
versions  1.3.0-rc.1, 1.2.0, 1.1.0, 1.0.0
archived  1.0.0
held      1.3.0-rc.1: leaks a feature
risk/fraud-detector: production waits: metrics: auc 0.9523 → 0.938, max-drop 0.002 and 3 more
""")


READING = (
    ("status",),
    ("status", rich.FRAUD),
    ("log", rich.FRAUD),
    ("show", f"{rich.FRAUD}@production"),
    ("diff", f"{rich.FRAUD}@1.0.0", f"{rich.FRAUD}@1.1.0"),
    ("explain", f"{rich.FRAUD}@1.2.0", "--to", "production"),
)


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_however_narrow_a_terminal_is_it_shows_the_same_characters(
    gs: Shell, screen: Path, words: tuple[str, ...]
) -> None:
    piped = gs.run(*words)
    for columns in (100, 40):
        shown = drawn(screen, *words, columns=columns)
        assert (shown.code, shown.err) == (piped.code, piped.err)
        assert Counter("".join(shown.plain.split())) == Counter("".join(piped.out.split()))


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("NO_COLOR", "no")])
def test_without_colour_a_terminal_is_sent_what_a_pipe_is(gs: Shell, screen: Path, name: str, value: str) -> None:
    for words in READING:
        assert drawn(screen, *words, variables={name: value}).out == gs.run(*words).out


def test_no_pager_is_started_and_an_empty_no_color_is_none(screen: Path) -> None:
    variables = {"PAGER": "touch paged", "GIT_PAGER": "touch paged", "GITSTAGE_PAGER": "touch paged", "NO_COLOR": ""}
    shown = drawn(screen, "log", rich.FRAUD, variables=variables)
    assert shown.out == drawn(screen, "log", rich.FRAUD).out
    assert "\x1b[" in shown.out
    assert not (screen / "paged").exists()


def test_json_has_no_colour_on_a_terminal_either(gs: Shell, screen: Path) -> None:
    for words in (("status",), ("log", rich.FRAUD), ("check", "--base", "HEAD~1")):
        assert drawn(screen, *words, "--json", columns=40).out == gs.run(*words, "--json").out
