from __future__ import annotations

from pathlib import Path

import pytest
from inline_snapshot import snapshot

from tests.cli.shell import Shell
from tests.operations.signatories import make_keys, taggers


def test_what_landed_takes_effect(ada: Shell) -> None:
    ada.story.register("other", "1.0.0", to="staging")
    ada.story.git("push", "--quiet", "origin", "main")
    assert ada("tag", "--dry-run") == snapshot("""\
in effect  other: promote 1.0.0 to staging
tagged     other/v1.0.0
""")
    assert ada("tag") == snapshot("""\
in effect  other: promote 1.0.0 to staging
tagged     other/v1.0.0
! pushed 2 tags and the ledger
""")
    assert ada("tag") == snapshot("nothing new\n")


def test_what_is_refused_stays_open_with_the_way_back(gs: Shell) -> None:
    gs.story.register("fraud-detector", "1.3.0", auc=0.93)
    gs.story.copy("models/fraud-detector/1.3.0.yaml", "production/fraud-detector.yaml")
    gs.story.commit("promote by hand")
    assert gs("tag") == snapshot("""\
refused    production/fraud-detector
           stage-order: 1.3.0 enters production from staging; before this change it was in effect: registered
           production/fraud-detector.yaml
           try: gitstage withdraw fraud-detector@production; then gitstage promote fraud-detector@1.3.0 --to staging
           to take it back: gitstage withdraw fraud-detector@production
[1]
""")
    assert gs("tag") == snapshot("""\
refused    production/fraud-detector
           stage-order: 1.3.0 enters production from staging; before this change it was in effect: registered
           production/fraud-detector.yaml
           try: gitstage withdraw fraud-detector@production; then gitstage promote fraud-detector@1.3.0 --to staging
           to take it back: gitstage withdraw fraud-detector@production
[1]
""")


def test_what_waits_says_until_when(gs: Shell) -> None:
    gs.story.amend(
        {
            "    # gates: [standard]             # all of them must pass\n": "    gates: [rest]\n\ngates:\n  rest:\n    soak: 24h\n"
        }
    )
    gs.story.copy("staging/fraud-detector.yaml", "production/fraud-detector.yaml")
    gs.story.commit("promote by hand")
    assert gs("tag") == snapshot("""\
pending    production/fraud-detector
           soak: 0s in staging of 1d, opens 2026-03-02 16:00 UTC
           to take it back: gitstage withdraw fraud-detector@production
[4]
""")
    gs.story.later(hours=24)
    assert gs("tag") == snapshot("in effect  fraud-detector: promote 1.2.0 to production\n")


def test_a_tag_that_does_not_count_is_an_alarm(gs: Shell) -> None:
    gs.story.git("tag", "fraud-detector/production/9")
    gs.story.copy("staging/fraud-detector.yaml", "production/fraud-detector.yaml")
    gs.story.commit("promote by hand")
    assert gs("tag") == snapshot("""\
in effect  fraud-detector: promote 1.2.0 to production
alarm      refs/tags/fraud-detector/production/9: there is no JSON in its message
[1]
""")


def test_going_on_after_a_rewritten_trunk_needs_a_reason(gs: Shell) -> None:
    gs.story.git("reset", "--quiet", "--hard", "HEAD~2")
    gs.story.git("commit", "--quiet", "--allow-empty", "-m", "another past")
    assert gs("tag") == snapshot("""\
! error: trunk-continues: the commit judged last, 000000000000, is not in the history of 000000000000: the trunk was rewritten
!   try: put it back (git update-ref refs/heads/main 000000000000), or go on knowingly: gitstage tag --rewritten --reason …
[1]
""")
    assert gs("tag", "--rewritten") == snapshot("""\
! error: --rewritten needs a reason
!   try: gitstage tag --rewritten --reason '…'
[2]
""")


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, Path]:
    return make_keys(tmp_path / "keys")


@pytest.mark.parametrize("how", ["tag --sign", "--sign-tags", "variable", "several in the variable"])
def test_a_key_signs_where_the_policy_asks_for_it(gs: Shell, keys: dict[str, Path], how: str) -> None:
    gs.story.write("gitstage.yaml", gs.story.read("gitstage.yaml").replace(*next(iter(taggers(keys, "ada").items()))))
    gs.story.commit("policy")
    assert gs("tag") == snapshot("""\
! error: policy/2 would not count: it is not signed; the policy asks for the signature of ada, and no key was given
!   try: gitstage --sign-tags KEY …, or GITSTAGE_SIGN_TAGS=KEY; or leave tags to a workflow: tags: ci in gitstage.yaml
[2]
""")
    key = str(keys["ada"])
    if how == "tag --sign":
        said = gs("tag", "--sign", key)
    elif how == "--sign-tags":
        said = gs("--sign-tags", key, "tag")
    else:
        gs.patch.setenv("GITSTAGE_SIGN_TAGS", key if how == "variable" else f"{keys['bob']}:{key}")
        said = gs("tag")
    assert said == "tagged     policy/2\n"
    gs.patch.delenv("GITSTAGE_SIGN_TAGS", raising=False)
    without = gs("promote", "fraud-detector", "--to", "production")
    assert without.splitlines()[-1] == "[2]"
    assert "try: gitstage --sign-tags KEY …" in without
    said = gs("--sign-tags", key, "promote", "fraud-detector", "--to", "production")
    assert said.endswith("(tagged fraud-detector/production/3)\n")
    assert gs("resolve", "fraud-detector@production", "--field", "version") == "1.2.0\n"


def test_a_key_that_is_none_changes_nothing(gs: Shell, keys: dict[str, Path]) -> None:
    before = gs.story.refs()
    said = gs("--sign-tags", "/no/such/key", "promote", "fraud-detector", "--to", "production")
    assert said == snapshot("""\
! error: /no/such/key is no file with a key
!   try: make one with: ssh-keygen -t ed25519
[2]
""")
    assert gs.story.refs() == before
