from __future__ import annotations

from inline_snapshot import snapshot

from tests.cli.shell import Shell


def test_it_prints_the_version_and_nothing_else(gs: Shell) -> None:
    assert gs("resolve", "fraud-detector@production") == snapshot("1.1.0\n")
    assert gs("resolve", "fraud-detector@production~1") == snapshot("1.0.0\n")
    assert gs("resolve", "fraud-detector@latest") == snapshot("1.2.0\n")
    assert gs("resolve", "fraud-detector@production", "--at", "2026-03-01T13:00Z") == snapshot("1.0.0\n")
    assert gs("resolve", "fraud-detector@staging", "--declared") == snapshot("1.2.0\n")


def test_it_prints_one_field(gs: Shell) -> None:
    fields = ("tag", "moment", "uri", "sha256", "size", "format", "metrics.auc", "path", "commit")
    assert [gs("resolve", "fraud-detector@production", "--field", field) for field in fields] == snapshot(
        [
            "fraud-detector/production/2\n",
            "2026-03-01T15:00:00Z\n",
            "artifacts/fraud-detector/1.1.0/fraud-detector-1.1.0.bin\n",
            "5b4d782e0a9a94f1aa18f94c98269b21caa0a52c927e238bf8eb63c71f8dd73d\n",
            "20\n",
            "",
            "0.92\n",
            "models/fraud-detector/1.1.0.yaml\n",
            "0000000000000000000000000000000000000000\n",
        ]
    )


def test_what_is_not_there_is_said(gs: Shell) -> None:
    assert gs("resolve", "fraud-detector@prodution") == snapshot("""\
! error: fraud-detector has no version or stage prodution
!   try: versions: 1.0.0, 1.1.0, 1.2.0; stages: staging, production
[2]
""")
    assert gs("resolve", "fraud-detektor@production") == snapshot("""\
! error: there is no model fraud-detektor
!   try: did you mean fraud-detector?
[2]
""")
    assert gs("resolve", "fraud-detector") == snapshot("""\
! error: fraud-detector names no version
!   try: gitstage resolve fraud-detector@production
[2]
""")
    assert gs("resolve", "fraud-detector@production~9") == snapshot("""\
! error: production of fraud-detector has not had so many changes
!   try: gitstage log fraud-detector
[2]
""")
    assert gs("resolve", "fraud-detector@production", "--field", "ur") == snapshot("""\
! error: there is no field 'ur'
!   try: fields: version, model, stage, tag, commit, moment, blob, path, uri, sha256, size, format, metrics.NAME
[2]
""")
    assert gs("resolve", "fraud-detector@production", "--field", "metrics.nix") == snapshot("""\
! error: fraud-detector@1.1.0 has no metrics.nix
[2]
""")
    assert gs("resolve", "fraud-detector@production", "--at", "2020-01-01") == snapshot("""\
! error: nothing has taken effect in production of fraud-detector at 2020-01-01
!   try: gitstage status fraud-detector
[2]
""")
