"""A story whose gate asks for evidence that somebody signed with Sigstore, under an authority of the tests' own."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from gitstage.evidence import test_result as make_statement
from tests.operations.signatories import GATES
from tests.operations.stories import Story
from tests.signatures.authority import GITHUB, WORKFLOW, Authority, Wish

ROOT = "trust/trusted_root.json"
WHAT = "fraud-detector@1.2.0"
FOLDER = "evidence/fraud-detector/1.2.0/load-test"


@cache
def ours() -> Authority:
    """Made once: keys take their time."""
    return Authority()


def trusting(story: Story, authority: Authority | None = None, *, more: str = "") -> Story:
    """The story, with the root of an authority in its policy; production asks for a load test that its bot signed."""
    root = (authority or ours()).trusted_root()
    story.write(ROOT, root.decode())
    story.amend(asking(root, more))
    return story.later(hours=1)


def asking(root: bytes, more: str = "") -> dict[str, str]:
    """What the policy says instead."""
    return {
        GATES: (
            "    gates: [standard]\n"
            "gates:\n"
            "  standard:\n"
            "    evidence: [{type: test-result, name: load-test, signed-by: bot}]\n"
            f"sigstore: {{trusted-root: {ROOT}, sha256: {hashlib.sha256(root).hexdigest()}}}\n"
            "people:\n"
            f"  bot: {{identities: [{{identity: '{WORKFLOW}', issuer: '{GITHUB}'{more}}}]}}\n"
        )
    }


def load_test(story: Story, result: Any = "PASSED", version: str = "1.2.0") -> bytes:
    """The statement that a load test came out so."""
    manifest = story.read(f"models/fraud-detector/{version}.yaml").encode()
    digest = hashlib.sha256(manifest).hexdigest()
    return make_statement("fraud-detector", version, digest, "load-test", result, {"latency": 12.5}, story.now)


def bundle(story: Story, *, by: Authority | None = None, result: Any = "PASSED", **wish: Any) -> Path:
    """A bundle of that statement, in a file beside the repository, signed at the story's moment."""
    wish = {"made": story.now, "begins": story.now, **wish}
    path = story.path.parent / "bundle.json"
    path.write_bytes((by or ours()).bundle(load_test(story, result), Wish(**wish)))
    return path
