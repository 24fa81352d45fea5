from __future__ import annotations

from pathlib import Path

from inline_snapshot import snapshot

from tests.cli.commands.test_approve import keys
from tests.cli.shell import Shell

__all__ = ["keys"]

WAIVE = ("waive", "fraud-detector@1.2.0", "--for", "production", "--until", "72h", "--reason", "it burns")


def test_a_rule_is_set_aside(gs: Shell, keys: dict[str, Path]) -> None:
    sign = ("--sign", str(keys["ada"]))
    assert gs(*WAIVE, "--rule", "soak", "--gate", "standard", *sign, "--dry-run") == snapshot("""\
fraud-detector: records  passed

passed: 1 change
would commit: fraud-detector: waive soak of 1.2.0 for production
""")
    assert gs(*WAIVE, "--rule", "soak", "--gate", "standard", *sign) == snapshot(
        "[main 000000000000] fraud-detector: waive soak of 1.2.0 for production\n"
    )
    said = gs.run(*WAIVE, "--rule", "soak", "--gate", "standard", *sign, "--json").json()
    assert (said["changed"], said["notes"]) == ([], ["evidence/fraud-detector/1.2.0/waiver-ada/1.json says the same"])


def test_mistakes_are_told_and_change_nothing(gs: Shell, keys: dict[str, Path]) -> None:
    before = gs.state()
    assert gs(*WAIVE, "--rule", "held", "--sign", str(keys["ada"])) == snapshot("""\
! error: held always holds: no waiver switches it off
!   try: gitstage explain says what is missing
[1]
""")
    assert gs(*WAIVE, "--rule", "sok", "--sign", str(keys["ada"])) == snapshot("""\
! error: there is no rule 'sok' that can be waived
!   try: rules: approvals, evidence, keep, metrics, signed-commits, soak, windows
[2]
""")
    assert gs(*WAIVE, "--rule", "soak", "--sign", str(keys["cara"])) == snapshot("""\
! error: cara may not: it has to be ada or bob
!   try: gitstage.yaml says who may
[2]
""")
    assert gs(*WAIVE, "--rule", "soak") == snapshot("""\
! error: missing option '--sign'
!   try: gitstage waive fraud-detector@1.1.0 --rule soak --for production --until 2026-12-01 --reason '…' --sign KEY --push
[2]
""")
    assert gs.state() == before
