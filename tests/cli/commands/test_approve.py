from __future__ import annotations

from pathlib import Path

import pytest
from inline_snapshot import snapshot

from tests.cli.shell import Shell
from tests.operations.signatories import make_keys, policy


@pytest.fixture
def keys(gs: Shell, tmp_path: Path) -> dict[str, Path]:
    """Keys of people whom the policy knows; Eve's is unknown."""
    made = make_keys(tmp_path / "keys")
    gs.story.amend(policy(made, soak="1h"))
    gs.story.later(hours=1)
    return made


def test_a_promotion_is_approved(gs: Shell, keys: dict[str, Path]) -> None:
    what = ("approve", "fraud-detector@1.2.0", "--for", "production")
    assert gs(*what, "--sign", str(keys["bob"]), "--dry-run") == snapshot("""\
fraud-detector: records  passed

passed: 1 change
would commit: fraud-detector: approve 1.2.0 for production
""")
    assert gs(*what, "--sign", str(keys["bob"]), "--expires", "30d") == snapshot(
        "[main 000000000000] fraud-detector: approve 1.2.0 for production\n"
    )
    assert gs(*what, "--sign", str(keys["bob"]), "--expires", "1d") == snapshot("""\
nothing to change: it is declared already
! note: evidence/fraud-detector/1.2.0/approval-bob/1.json says the same
""")
    said = gs.run(*what, "--sign", str(keys["ada"]), "--json").json()
    assert (said["schema"], said["changed"]) == (
        "gitstage/outcome/v1",
        ["evidence/fraud-detector/1.2.0/approval-ada/1.json"],
    )


def test_a_policy_is_approved(gs: Shell, keys: dict[str, Path]) -> None:
    assert gs("approve", "--policy", "--sign", str(keys["ada"])) == snapshot("""\
! error: nothing of the policy changes here, and nothing is redacted
!   try: git switch to the branch that changes it; --push approves what waits on the trunk
[2]
""")
    gs.story.git("switch", "--quiet", "--create", "work")
    gs.story.write("gitstage.yaml", gs.story.read("gitstage.yaml").replace("soak: 1h", "soak: 2h"))
    gs.story.commit("longer")
    said = gs.run("approve", "--policy", "--sign", str(keys["ada"]))
    assert said.code == 0
    assert said.out.startswith("[work ")
    assert " gitstage: approve the policy " in said.out


def test_mistakes_are_told_and_change_nothing(gs: Shell, keys: dict[str, Path]) -> None:
    before = gs.state()
    what, sign = ("approve", "fraud-detector@1.2.0"), ("--sign", str(keys["ada"]))
    assert gs(*what, *sign) == snapshot("""\
! error: missing option '--for': which stage is it approved for?
!   try: gitstage approve fraud-detector@1.1.0 --for production --sign ~/.ssh/id_ed25519 --push
[2]
""")
    assert gs("approve", *sign) == snapshot("""\
! error: approve MODEL@VERSION --for STAGE, or --policy, or --settle TAG
!   try: gitstage approve fraud-detector@1.1.0 --for production --sign ~/.ssh/id_ed25519 --push
[2]
""")
    assert gs(*what, "--policy", *sign) == snapshot("""\
! error: approve MODEL@VERSION --for STAGE, or --policy, or --settle TAG
!   try: gitstage approve fraud-detector@1.1.0 --for production --sign ~/.ssh/id_ed25519 --push
[2]
""")
    assert gs("approve", "--settle", "x/production/1", "--policy", *sign) == snapshot("""\
! error: approve MODEL@VERSION --for STAGE, or --policy, or --settle TAG
!   try: gitstage approve fraud-detector@1.1.0 --for production --sign ~/.ssh/id_ed25519 --push
[2]
""")
    assert gs("approve", "--settle", "x/production/1", "--expires", "1d", *sign) == snapshot("""\
! error: what is countersigned stays so: there is nothing to expire
!   try: gitstage approve fraud-detector@1.1.0 --for production --sign ~/.ssh/id_ed25519 --push
[2]
""")
    assert gs("approve", "--settle", "fraud-detector/production/1", *sign) == snapshot("""\
! error: nothing of fraud-detector/production/1 has to be countersigned
!   try: nothing at all has: gitstage status
[2]
""")
    assert gs("approve", "--policy", "--for", "production", *sign) == snapshot("""\
! error: approve MODEL@VERSION --for STAGE, or --policy, or --settle TAG
!   try: gitstage approve fraud-detector@1.1.0 --for production --sign ~/.ssh/id_ed25519 --push
[2]
""")
    assert gs(*what, "--for", "production") == snapshot("""\
! error: missing option '--sign'
!   try: gitstage approve fraud-detector@1.1.0 --for production --sign ~/.ssh/id_ed25519 --push
[2]
""")
    assert gs(*what, "--for", "production", "--sign", "nowhere") == snapshot("""\
! error: nowhere is no file with a key
!   try: make one with: ssh-keygen -t ed25519
[2]
""")
    assert gs(*what, "--for", "production", "--sign", str(keys["eve"])).startswith("! error: SHA256:")
    assert gs.state() == before
