from __future__ import annotations

import pytest
from inline_snapshot import snapshot

from tests.cli.shell import Shell


def test_it_shows_everything_about_one_version(gs: Shell) -> None:
    gs.story.attest("fraud-detector@1.1.0", "load-test", latency_p99_ms=12.5)
    gs.story.attest("fraud-detector@1.1.0", "shadow-traffic", result="failed")
    assert gs("show", "fraud-detector@production") == snapshot("""\
fraud-detector@1.1.0  in effect in production

metrics
auc      0.92

artifact                  size  sha256         uri
fraud-detector-1.1.0.bin  20 B  5b4d782e0a9a…  artifacts/fraud-detector/1.1.0/fraud-detector-1.1.0.bin

evidence        no.  result  made                  measured             signed by  counts
load-test         1  PASSED  2026-03-01 16:00 UTC  latency_p99_ms 12.5  –          decides
shadow-traffic    1  FAILED  2026-03-01 16:00 UTC  –                    –          decides

when                  stage       what     tag
2026-03-01 14:00 UTC  staging     promote  fraud-detector/staging/2
2026-03-01 15:00 UTC  production  promote  fraud-detector/production/2
2026-03-01 16:00 UTC  staging     promote  fraud-detector/staging/3
""")


def test_it_shows_description_params_labels_and_source(new: Shell) -> None:
    file = new.write("model.onnx")
    new(
        *("register", "m@1.0.0", "--artifact", f"{file}", "--param", "depth=6", "--label", "team=risk"),
        *("--description", "The first one", "--run", "https://runs.example.com/1", "--commit", "9" * 40),
        *("--repository", "https://git.example.com/fraud"),
    )
    assert new("show", "m@latest") == snapshot("""\
m@1.0.0
The first one

params
depth   6

labels
team    risk

source
repository  https://git.example.com/fraud
commit      0000000000000000000000000000000000000000
run         https://runs.example.com/1

artifact    size  sha256         uri
model.onnx   7 B  9a129038d9a0…  artifacts/m/1.0.0/model.onnx
""")


def test_it_says_that_a_version_is_archived_and_held(gs: Shell) -> None:
    gs.story.rollback("fraud-detector@production")
    assert gs("show", "fraud-detector@1.1.0") == snapshot("""\
fraud-detector@1.1.0  archived
held: it was bad

metrics
auc      0.92

artifact                  size  sha256         uri
fraud-detector-1.1.0.bin  20 B  5b4d782e0a9a…  artifacts/fraud-detector/1.1.0/fraud-detector-1.1.0.bin

when                  stage       what      tag
2026-03-01 14:00 UTC  staging     promote   fraud-detector/staging/2
2026-03-01 15:00 UTC  production  promote   fraud-detector/production/2
2026-03-01 16:00 UTC  staging     promote   fraud-detector/staging/3
2026-03-01 16:00 UTC  production  rollback  fraud-detector/production/3
""")


def test_it_shows_a_manifest_that_cannot_be_read_as_far_as_it_can(gs: Shell) -> None:
    gs.story.write("models/fraud-detector/9.9.9.yaml", "nonsense: [\n")
    gs.story.commit("break it")
    assert gs("show", "fraud-detector@9.9.9") == snapshot("""\
fraud-detector@9.9.9
its manifest cannot be read: line 2: this is not YAML: did not find expected node content
""")


@pytest.mark.parametrize(
    ("said", "rows"),
    [
        ("metrics: high", ["metrics", "–        high"]),
        ("metrics: {auc: [1, 2]}", ["metrics", "auc      [1, 2]"]),
        ("artifacts: none", ["artifact  size  sha256  uri", "none      –     –       –"]),
        ("artifacts: {path: x}", ["artifact  size  sha256  uri", "x         –     –       –"]),
        ("artifacts: [{path: [x]}]", ["artifact  size  sha256  uri", "['x']     –     –       –"]),
        ("artifacts: [{size: big, sha256: 12}]", ["artifact  size  sha256  uri", "–         big       12  –"]),
    ],
)
def test_what_a_manifest_says_in_the_wrong_form_is_shown_as_it_stands(gs: Shell, said: str, rows: list[str]) -> None:
    gs.story.write("models/fraud-detector/9.9.9.yaml", f"apiVersion: gitstage/v1\nkind: ModelVersion\n{said}\n")
    gs.story.commit("by hand")
    assert gs("show", "fraud-detector@9.9.9").splitlines() == ["fraud-detector@9.9.9", "", *rows]


def test_what_is_not_there_is_said(gs: Shell) -> None:
    assert gs("show", "fraud-detector") == snapshot("""\
! error: fraud-detector names no version
!   try: gitstage resolve fraud-detector@production
[2]
""")
    assert gs("show", "fraud-detector@9.9.9") == snapshot("""\
! error: fraud-detector has no version or stage 9.9.9
!   try: versions: 1.0.0, 1.1.0, 1.2.0; stages: staging, production
[2]
""")
    assert gs("show", "fraud-detektor@1.0.0") == snapshot("""\
! error: there is no model fraud-detektor
!   try: did you mean fraud-detector?
[2]
""")
