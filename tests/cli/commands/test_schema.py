from __future__ import annotations

from inline_snapshot import snapshot

from tests.cli.shell import Shell


def test_a_schema_is_printed_for_an_editor(gs: Shell) -> None:
    assert {gs.run("schema", what).json()["$schema"] for what in ("manifest", "policy")} == {
        "https://json-schema.org/draft/2020-12/schema"
    }


def test_there_are_two(gs: Shell) -> None:
    assert gs("schema") == snapshot("""\
! error: missing argument '{manifest|policy}'. Choose from: manifest, policy
!   try: gitstage schema policy > gitstage.schema.json
[2]
""")
    assert gs("schema", "x") == snapshot("""\
! error: invalid value for '{manifest|policy}': 'x' is not one of 'manifest', 'policy'
!   try: gitstage schema policy > gitstage.schema.json
[2]
""")
