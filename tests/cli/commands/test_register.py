from __future__ import annotations

from inline_snapshot import snapshot

from tests.cli.shell import Shell


def test_it_says_what_was_registered_and_its_tag(new: Shell) -> None:
    file = new.write("model.onnx")
    assert new("register", "m@1.0.0", "--artifact", f"{file}", "--metric", "auc=0.9") == snapshot(
        "[main 000000000000] m: register 1.0.0 (tagged m/v1.0.0)\n"
    )
    assert new("register", "m@next", "--artifact", f"{file}", "--metric", "auc=0.95", "--to", "staging") == snapshot(
        "[main 000000000000] m: register 1.1.0 and promote it to staging (tagged m/v1.1.0, m/staging/1)\n"
    )


def test_a_dry_run_says_what_would_be_registered_and_changes_nothing(new: Shell) -> None:
    file = new.write("model.onnx")
    before = new.state()
    assert new("register", "m@1.0.0", "--artifact", f"{file}", "--to", "staging", "--dry-run") == snapshot("""\
m: registers 1.0.0  passed
m: staging empty → 1.0.0  passed

passed: 2 changes
would commit: m: register 1.0.0 and promote it to staging
""")
    assert new.state() == before


def test_everything_that_is_said_of_a_version_stands_in_its_manifest(new: Shell) -> None:
    file, metrics = new.write("model.onnx"), new.write("metrics.json", '{"auc": 0.91, "loss": 0.3}')
    new(
        *("register", "risk/m@1.0.0", "--artifact", f"{file}=s3://acme/m.onnx", "--format", "onnx"),
        *("--artifact", "https://acme.example.com/vocabulary.txt", "--sha256", "a" * 64, "--size", "12"),
        *("--metrics", f"{metrics}", "--metric", "auc=0.92", "--param", "depth=6", "--param", "id=007"),
        *("--param", "bagging=true", "--label", "team=risk", "--data", "spring=" + "b" * 64),
        *("--repository", "https://git.example.com/m", "--commit", "c" * 40, "--run", "https://runs.example.com/1"),
        *("--description", "The first one"),
    )
    assert new.story.read("models/risk/m/1.0.0.yaml") == snapshot("""\
apiVersion: gitstage/v1
kind: ModelVersion
model: risk/m
version: 1.0.0
artifacts:
- path: model.onnx
  uri: s3://acme/m.onnx
  sha256: 9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c
  size: 7
- path: vocabulary.txt
  uri: https://acme.example.com/vocabulary.txt
  sha256: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
  size: 12
format: onnx
metrics:
  auc: 0.92
  loss: 0.3
params:
  bagging: true
  depth: 6
  id: "007"
data:
- name: spring
  sha256: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
source:
  repository: https://git.example.com/m
  commit: cccccccccccccccccccccccccccccccccccccccc
  run: https://runs.example.com/1
labels:
  team: risk
description: The first one
""")


def test_registering_twice_the_same_is_once_and_something_else_is_refused(new: Shell) -> None:
    file = new.write("model.onnx")
    new("register", "m@1.0.0", "--artifact", f"{file}")
    before = new.state()
    assert new("register", "m@1.0.0", "--artifact", f"{file}") == snapshot(
        "nothing to change: it is declared already\n"
    )
    assert new("register", "m@1.0.0", "--artifact", f"{file}", "--metric", "auc=0.9") == snapshot("""\
! error: m@1.0.0 is registered, and never changes
!   try: gitstage register m@next …
[2]
""")
    assert new.state() == before


def test_mistakes_are_told_with_what_to_type_and_change_nothing(new: Shell) -> None:
    file = new.write("model.onnx")
    before = new.state()
    assert new("register", "m", "--artifact", f"{file}") == snapshot("""\
! error: m names no version
!   try: gitstage register m@next --artifact FILE
[2]
""")
    assert new("register", "m@1.0.0") == snapshot("""\
! error: a version has at least one artifact
!   try: --artifact model.onnx
[2]
""")
    assert new("register", "m@1.0.0", "--artifact", "nix.onnx") == snapshot("""\
! error: nix.onnx cannot be read: No such file or directory
!   try: --artifact FILE, FILE=URI or URI
[2]
""")
    assert new("register", "m@1.0.0", "--artifact", f"{file}", "--metric", "auc=high") == snapshot("""\
! error: --metric auc=high: 'high' is no finite number
!   try: --metric auc=0.95
[2]
""")
    assert new("register", "m@1.0.0", "--artifact", f"{file}", "--metric", "auc") == snapshot("""\
! error: --metric takes KEY=VALUE, not 'auc'
!   try: --metric auc=VALUE
[2]
""")
    assert new("register", "m@1.0.0", "--artifact", f"{file}", "--metric", "a=1", "--metric", "a=2") == snapshot("""\
! error: --metric says a twice: '1' and '2'
[2]
""")
    assert new("register", "m@1.0.0", "--artifact", f"{file}", "--metrics", "nix.json") == snapshot("""\
! error: nix.json cannot be read: No such file or directory
[2]
""")
    assert new("register", "m@1.0", "--artifact", f"{file}") == snapshot("""\
! error: '1.0' is not a semantic version such as 1.2.0
!   try: gitstage register m@next …
[2]
""")
    assert new("register", "two words@1.0.0", "--artifact", f"{file}") == snapshot("""\
! error: 'two words@1.0.0' names no model: 'two words' is not made of ASCII letters, digits, '.', '_' and '-', beginning and ending with a letter or digit
!   try: a reference looks like fraud-detector@1.1.0
[2]
""")
    assert new("register", "m@1.0.0", "--artifact", "s3://acme/m.onnx") == snapshot("""\
! error: s3://acme/m.onnx lies elsewhere: its digest and size are needed
!   try: --sha256 HEX --size BYTES, or --artifact FILE=URI to measure them from a local copy
[2]
""")
    assert new("register", "m@1.0.0", "--artifact", f"{file}", "--size", "big") == snapshot("""\
! error: invalid value for '--size': 'big' is not a valid integer
!   try: gitstage register fraud-detector@1.1.0 --artifact model.onnx --metric auc=0.953
[2]
""")
    assert new("register", "m@1.0.0", "--artifact", f"{file}", "--to", "prod") == snapshot("""\
! error: there is no stage 'prod'
!   try: stages: staging, production
[2]
""")
    assert new.state() == before
