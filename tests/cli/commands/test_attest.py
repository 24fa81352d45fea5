from __future__ import annotations

from pathlib import Path

from inline_snapshot import snapshot

from tests.cli.shell import Shell
from tests.signatures.hands import make_key


def test_what_was_tested_is_written_down(gs: Shell) -> None:
    report = gs.write("report.json", '{"latency_p99_ms": 12.5}')
    what = ("attest", "fraud-detector@1.2.0", "--name", "load-test", "--result", "passed")
    assert gs(*what, "--file", f"{report}", "--metric", "requests=1000") == snapshot(
        "[main 000000000000] fraud-detector: attest load-test of 1.2.0\n"
    )
    assert gs("show", "fraud-detector@1.2.0") == snapshot("""\
fraud-detector@1.2.0  in effect in staging

metrics
auc      0.95

artifact                  size  sha256         uri
fraud-detector-1.2.0.bin  20 B  c495903acafc…  artifacts/fraud-detector/1.2.0/fraud-detector-1.2.0.bin

evidence   no.  result  made                  measured                            signed by  counts
load-test    1  PASSED  2026-03-01 16:00 UTC  latency_p99_ms 12.5, requests 1000  –          decides

when                  stage    what     tag
2026-03-01 16:00 UTC  staging  promote  fraud-detector/staging/3
""")


def test_a_report_and_a_key_say_the_rest(gs: Shell, tmp_path: Path) -> None:
    report = gs.write("junit.xml", "<testsuite><testcase/><testcase><failure/></testcase></testsuite>")
    what = ("attest", "fraud-detector@1.2.0", "--name", "unit-tests", "--file", f"{report}")
    assert gs(*what, "--result", "passed") == snapshot("""\
! error: …/junit.xml says FAILED, and --result says PASSED
!   try: leave out --result: the report says it
[2]
""")
    assert gs(*what, "--sign", "nowhere") == snapshot("""\
! error: nowhere is no file with a key
!   try: make one with: ssh-keygen -t ed25519
[2]
""")
    assert gs(*what, "--sign", str(make_key(tmp_path))) == snapshot(
        "[main 000000000000] fraud-detector: attest unit-tests of 1.2.0\n"
    )
    assert gs(*what, "--sign", str(make_key(tmp_path, "other"))) == snapshot("""\
nothing to change: it is declared already
! note: evidence/fraud-detector/1.2.0/unit-tests/1.json says the same
""")
    assert gs("attest", "fraud-detector@1.2.0", "--name", "build", "--type", "provenance") == snapshot("""\
! error: gitstage writes test results; a statement of the type provenance is made by another tool
!   try: --type provenance --file STATEMENT.json
[2]
""")


def test_mistakes_are_told_and_change_nothing(gs: Shell) -> None:
    before = gs.state()
    named = ("--name", "load-test")
    assert gs("attest", "fraud-detector@1.2.0", *named, "--result", "passd") == snapshot("""\
! error: invalid value for '--result': 'passd' is not one of 'passed', 'warned', 'failed'
!   try: gitstage attest fraud-detector@1.1.0 --type test-result --name load-test --result passed --metric latency_p99_ms=12.5
[2]
""")
    assert gs("attest", "fraud-detector@9.9.9", *named, "--result", "passed") == snapshot("""\
! error: fraud-detector has no version 9.9.9
!   try: registered: 1.0.0, 1.1.0, 1.2.0; register it with: gitstage register fraud-detector@9.9.9 --artifact FILE
[2]
""")
    assert gs("attest", "fraud-detector@1.2.0", *named, "--result", "passed", "--file", "nix.json") == snapshot("""\
! error: nix.json cannot be read: No such file or directory
[2]
""")
    assert gs("attest", "fraud-detector@1.2.0", "--result", "passed") == snapshot("""\
! error: missing option '--name'
!   try: gitstage attest fraud-detector@1.1.0 --type test-result --name load-test --result passed --metric latency_p99_ms=12.5
[2]
""")
    assert gs.state() == before
