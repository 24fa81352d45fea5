"""What the command line says of evidence that was signed with Sigstore."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from inline_snapshot import snapshot

from gitstage.evidence import test_result as make_statement
from tests.cli.shell import Shell
from tests.operations.keyless import WHAT, bundle, trusting
from tests.operations.test_keyless import without


@pytest.fixture
def keyless(gs: Shell) -> Shell:
    """A shell where production asks for a load test that a bot signed, known by its identity."""
    trusting(gs.story)
    return gs


def attest(shell: Shell, **wish: str) -> str:
    return shell("attest", WHAT, "--name", "load-test", "--file", f"{bundle(shell.story, **dict[str, Any](wish))}")


def test_a_bundle_is_attested_and_opens_the_gate(keyless: Shell) -> None:
    assert attest(keyless) == snapshot("[main 000000000000] fraud-detector: attest load-test of 1.2.0\n")
    assert keyless("explain", WHAT, "--to", "production") == snapshot("""\
fraud-detector: production 1.1.0 → 1.2.0, from staging

   rule                gate      found   asked
✓  evidence load-test  standard  PASSED  PASSED
    load-test says PASSED, signed by https://github.com/acme/fraud/.github/workflows/test.yml@refs/heads/main (https://token.actions.githubusercontent.com)
✓  facts
    slot-matches-version, stage-order, leaves-archived, held, known-path, policy-alone

metric  1.1.0  1.2.0  difference
auc      0.92   0.95       +0.03

it would pass
""")
    assert keyless("show", WHAT) == snapshot("""\
fraud-detector@1.2.0  in effect in staging

metrics
auc      0.95

artifact                  size  sha256         uri
fraud-detector-1.2.0.bin  20 B  c495903acafc…  artifacts/fraud-detector/1.2.0/fraud-detector-1.2.0.bin

evidence   no.  result  made                  measured      signed by  counts
load-test    1  PASSED  2026-03-01 17:00 UTC  latency 12.5  bot        decides for standard

when                  stage    what     tag
2026-03-01 16:00 UTC  staging  promote  fraud-detector/staging/3
""")
    assert keyless("promote", WHAT, "--to", "production") == snapshot(
        "[main 000000000000] fraud-detector: promote 1.2.0 to production (tagged fraud-detector/production/3)\n"
    )


def test_it_is_said_whose_a_bundle_is_that_does_not_count(keyless: Shell) -> None:
    attest(keyless, identity="eve@acme.dev")
    assert keyless("promote", WHAT, "--to", "production") == snapshot("""\
fraud-detector: production 1.1.0 → 1.2.0  pending
  … evidence  no test-result called load-test signed by bot; 1.json: signed by eve@acme.dev (https://token.actions.githubusercontent.com), who is nobody in gitstage.yaml  gate standard
              evidence/fraud-detector/1.2.0/load-test/
              type: gitstage attest fraud-detector@1.2.0 --type test-result --name load-test --file BUNDLE.json
         1.1.0  1.2.0
    auc   0.92   0.95  +0.03

pending: 1 of 1 change
! pending; nothing was changed
[4]
""")
    assert keyless("show", WHAT) == snapshot("""\
fraud-detector@1.2.0  in effect in staging

metrics
auc      0.95

artifact                  size  sha256         uri
fraud-detector-1.2.0.bin  20 B  c495903acafc…  artifacts/fraud-detector/1.2.0/fraud-detector-1.2.0.bin

evidence   no.  result  made                  measured      signed by                                                   counts
load-test    1  PASSED  2026-03-01 17:00 UTC  latency 12.5  eve@acme.dev (https://token.actions.githubusercontent.com)  no: not signed by bot, as standard asks

when                  stage    what     tag
2026-03-01 16:00 UTC  staging  promote  fraud-detector/staging/3
""")
    keyless.story.git("checkout", "--quiet", "-b", "promotion")
    keyless("promote", WHAT, "--to", "production")
    assert keyless("check") == snapshot("""\
fraud-detector: production 1.1.0 → 1.2.0  pending
  … evidence  no test-result called load-test signed by bot; 1.json: signed by eve@acme.dev (https://token.actions.githubusercontent.com), who is nobody in gitstage.yaml  gate standard
              evidence/fraud-detector/1.2.0/load-test/
              type: gitstage attest fraud-detector@1.2.0 --type test-result --name load-test --file BUNDLE.json
         1.1.0  1.2.0
    auc   0.92   0.95  +0.03

pending: 1 of 1 change
[4]
""")


def test_it_is_said_what_to_install(keyless: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    attest(keyless)
    without(monkeypatch)
    assert keyless("promote", WHAT, "--to", "production") == snapshot("""\
fraud-detector: production 1.1.0 → 1.2.0  refused
  ✗ evidence  no signature can be verified: a Sigstore bundle needs an extra that is not installed  gate standard
              next: pip install 'gitstage[sigstore]'
         1.1.0  1.2.0
    auc   0.92   0.95  +0.03

refused: 1 of 1 change
! refused; nothing was changed
[1]
""")
    assert keyless("doctor") == snapshot("""\
✓ git         git version 2.39.5
✓ signatures  verified by /usr/bin/ssh-keygen
✓ registry    the root, id <id>
✓ history     complete
✓ identity    Cleo Committer <cleo@example.com>
✓ attributes  .gitattributes is there
✗ sigstore    a Sigstore bundle needs an extra that is not installed
              try: pip install 'gitstage[sigstore]'
✓ ledger      judged to 000000000000
[1]
""")


def test_a_bundle_of_a_file_is_refused_with_what_makes_a_statement(keyless: Shell) -> None:
    file = keyless.write(
        "blob.json", '{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "messageSignature": {}}'
    )
    assert keyless("attest", WHAT, "--name", "load-test", "--file", f"{file}") == snapshot("""\
! error: …/blob.json: the bundle signs a file, and holds no statement about it (cosign attest-blob makes one, sign-blob does not)
[2]
""")


def test_a_statement_is_written_for_another_tool_to_sign(keyless: Shell) -> None:
    file = keyless.story.path.parent / "statement.json"
    what = ("attest", WHAT, "--name", "load-test", "--result", "passed", "--output", f"{file}")
    before = keyless.state()
    assert keyless(*what) == ""
    assert file.read_bytes() == make_statement(
        "fraud-detector", "1.2.0", digest_of(keyless), "load-test", "PASSED", {}, keyless.story.now
    )
    for option in ("--push", "--json"):
        file.unlink(missing_ok=True)
        assert keyless(*what, option) == snapshot("""\
! error: --output writes a statement to a file, and changes nothing
!   try: leave out --push and --json
[2]
""")
        assert not file.exists()
    assert keyless.state() == before


def digest_of(shell: Shell) -> str:
    return hashlib.sha256(shell.story.read("models/fraud-detector/1.2.0.yaml").encode()).hexdigest()
