from __future__ import annotations

from inline_snapshot import snapshot

from tests.cli.shell import Shell


def test_what_waits_is_taken_back(gs: Shell) -> None:
    gs.story.register("fraud-detector", "1.3.0")
    gs.story.copy("models/fraud-detector/1.3.0.yaml", "production/fraud-detector.yaml")
    gs.story.commit("promote by hand")
    gs.story.tag()
    assert gs("withdraw", "fraud-detector@production") == snapshot(
        "[main 000000000000] fraud-detector: withdraw what never passed\n"
    )
    assert gs("withdraw", "fraud-detector@production") == snapshot("nothing to change: it is declared already\n")
    assert gs.story.open_things() == []


def test_a_policy_that_did_not_pass_is_taken_back(gs: Shell) -> None:
    gs.story.write("gitstage.yaml", "apiVersion: nonsense\n")
    gs.story.commit("break it")
    gs.story.tag()
    assert gs("withdraw", "--policy") == snapshot(
        "[main 000000000000] gitstage: withdraw what never passed of the policy\n"
    )
    assert gs.story.open_things() == []


def test_it_takes_a_model_or_the_policy(gs: Shell) -> None:
    assert gs("withdraw") == snapshot("""\
! error: withdraw takes a model, a slot or --policy
!   try: gitstage withdraw MODEL@STAGE
[2]
""")
    assert gs("withdraw", "fraud-detector", "--policy") == snapshot("""\
! error: withdraw takes a model, a slot or --policy
!   try: gitstage withdraw MODEL@STAGE
[2]
""")
    assert gs("withdraw", "fraud-detector@prod") == snapshot("""\
! error: there is no stage 'prod'
!   try: stages: staging, production
[2]
""")
