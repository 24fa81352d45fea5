from __future__ import annotations

from inline_snapshot import snapshot

from tests.cli.shell import Shell


def test_it_puts_two_versions_side_by_side(gs: Shell) -> None:
    assert gs("diff", "fraud-detector@production", "fraud-detector@staging") == snapshot("""\
                                            fraud-detector@1.1.0  fraud-detector@1.2.0
metrics    auc                              0.92                  0.95                  +0.03
artifacts  fraud-detector-1.1.0.bin sha256  5b4d782e0a9a…         –
           fraud-detector-1.1.0.bin size    20                    –
           fraud-detector-1.2.0.bin sha256  –                     c495903acafc…
           fraud-detector-1.2.0.bin size    –                     20
""")


def test_what_is_the_same_is_shown_when_asked_for(gs: Shell) -> None:
    assert gs("diff", "fraud-detector@1.2.0", "fraud-detector@1.1.0", "--all") == snapshot("""\
                                            fraud-detector@1.2.0                                     fraud-detector@1.1.0
metrics    auc                              0.95                                                     0.92                                                     −0.03
artifacts  fraud-detector-1.1.0.bin sha256  –                                                        5b4d782e0a9a…
           fraud-detector-1.1.0.bin size    –                                                        20
           fraud-detector-1.1.0.bin uri     –                                                        artifacts/fraud-detector/1.1.0/fraud-detector-1.1.0.bin
           fraud-detector-1.2.0.bin sha256  c495903acafc…                                            –
           fraud-detector-1.2.0.bin size    20                                                       –
           fraud-detector-1.2.0.bin uri     artifacts/fraud-detector/1.2.0/fraud-detector-1.2.0.bin  –
""")


def test_two_versions_that_differ_in_kind_and_in_truth(new: Shell) -> None:
    file = new.write("model.onnx")
    new("register", "m@1.0.0", "--artifact", f"{file}", "--param", "bagging=true", "--metric", "auc=0.91")
    new("register", "m@1.1.0", "--artifact", f"{file}", "--param", "bagging=false", "--metric", "loss=0.3")
    assert new("diff", "m@1.0.0", "m@1.1.0") == snapshot("""\
                  m@1.0.0  m@1.1.0
metrics  auc      0.91     –
         loss     –        0.3
params   bagging  true     false
""")


def test_a_version_and_itself_say_the_same(gs: Shell) -> None:
    assert gs("diff", "fraud-detector@1.1.0", "fraud-detector@production") == snapshot("they say the same\n")


def test_it_compares_what_was_in_effect_then_and_what_is_declared(gs: Shell) -> None:
    then = ("--at", "2026-03-01T14:30Z")
    assert gs("diff", "fraud-detector@production", "fraud-detector@staging", *then) == snapshot("""\
                                            fraud-detector@1.0.0  fraud-detector@1.1.0
metrics    auc                              0.9                   0.92                  +0.02
artifacts  fraud-detector-1.0.0.bin sha256  45765d878695…         –
           fraud-detector-1.0.0.bin size    20                    –
           fraud-detector-1.1.0.bin sha256  –                     5b4d782e0a9a…
           fraud-detector-1.1.0.bin size    –                     20
""")
    assert gs("diff", "fraud-detector@production", "fraud-detector@staging", "--declared") == snapshot("""\
                                            fraud-detector@1.1.0  fraud-detector@1.2.0
metrics    auc                              0.92                  0.95                  +0.03
artifacts  fraud-detector-1.1.0.bin sha256  5b4d782e0a9a…         –
           fraud-detector-1.1.0.bin size    20                    –
           fraud-detector-1.2.0.bin sha256  –                     c495903acafc…
           fraud-detector-1.2.0.bin size    –                     20
""")


def test_one_version_alone_is_not_compared(gs: Shell) -> None:
    assert gs("diff", "fraud-detector@1.1.0") == snapshot("""\
! error: missing argument 'REF'
!   try: gitstage diff fraud-detector@production fraud-detector@staging
[2]
""")
    assert gs("diff", "fraud-detector@1.1.0", "fraud-detector@7.0.0") == snapshot("""\
! error: fraud-detector has no version or stage 7.0.0
!   try: versions: 1.0.0, 1.1.0, 1.2.0; stages: staging, production
[2]
""")
