from __future__ import annotations

from inline_snapshot import snapshot

from tests.cli.shell import Shell


def test_a_manifest_is_brought_into_its_form(gs: Shell) -> None:
    canonical = gs.story.read("models/fraud-detector/1.1.0.yaml")
    gs.story.write("loose.yaml", "# a comment\n" + canonical.replace("version: 1.1.0", "version:   '1.1.0'"))
    assert gs("fmt", "--check", "loose.yaml") == snapshot("""\
would change loose.yaml
[1]
""")
    assert gs("fmt", "loose.yaml") == snapshot("wrote loose.yaml\n")
    assert gs("fmt", "loose.yaml") == snapshot("")
    assert gs.story.read("loose.yaml") == canonical


def test_what_is_no_manifest_is_said_with_its_line(gs: Shell) -> None:
    gs.story.write("loose.yaml", "apiVersion: gitstage/v1\nkind: [\n")
    assert gs("fmt", "loose.yaml") == snapshot("""\
! loose.yaml:3: this is not YAML: did not find expected node content
[2]
""")
    assert gs("fmt", "gitstage.yaml") == snapshot("""\
! error: gitstage.yaml is for people and keeps its form
!   try: gitstage check says whether it is valid
[2]
""")
    assert gs("fmt", "nix.yaml") == snapshot("""\
! error: nix.yaml cannot be read: No such file or directory
[2]
""")
    assert gs("fmt") == snapshot("""\
! error: missing argument 'FILE…'
!   try: gitstage fmt models/fraud-detector/1.1.0.yaml
[2]
""")
