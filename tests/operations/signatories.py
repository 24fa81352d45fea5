"""People with keys: a story whose policy knows them, and what they sign in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gitstage.approvals import PolicySaid, Said, read_said
from gitstage.signatures import Verifier
from tests.operations.stories import Story
from tests.signatures.hands import make_key, public

NAMES = ("ada", "bob", "cara", "eve")
"""Ada and Bob own everything, Cara is on call, and nobody has heard of Eve."""

GATES = "    # gates: [standard]             # all of them must pass"


def policy(keys: Mapping[str, Path], **gate: str) -> dict[str, str]:
    """What a story's policy says instead: a gate of production, and who its people are."""
    asked = "".join(f"    {name.replace('_', '-')}: {value}\n" for name, value in gate.items())
    people = "".join(f"  {name}: {{keys: [{public(keys[name])}]}}\n" for name in NAMES[:3])
    return {
        GATES: (
            "    gates: [standard]\n"
            "    waivers: {by: [owners], settle: 72h}\n"
            "    rollback: {by: [owners, oncall], settle: 72h}\n"
            f"gates:\n  standard:\n{asked}"
            'models:\n  "**": {owners: [ada, bob]}\n'
            f"people:\n{people}"
            "roles:\n  oncall: [cara]"
        )
    }


def taggers(keys: Mapping[str, Path], *names: str, **options: str) -> dict[str, str]:
    """What a story's policy says instead: these people sign the tags; `options` stand in front of somebody's key."""
    people = "".join(f"  {name}: {{keys: ['{options.get(name, '')}{public(key)}']}}\n" for name, key in keys.items())
    return {"trunk: main\n": f"trunk: main\ntaggers: [{', '.join(names)}]\npeople:\n{people}"}


def make_keys(folder: Path) -> dict[str, Path]:
    """A key of each."""
    return {name: make_key(folder, name) for name in NAMES}


def said_in(story: Story, path: str) -> tuple[Said | PolicySaid, frozenset[str]]:
    """What a file of a story says, and the keys that signed it."""
    data = story.read(path).encode()
    said = read_said(data)
    assert said is not None
    return said, Verifier().signed_by(data)
