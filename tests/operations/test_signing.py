from __future__ import annotations

from pathlib import Path

import pytest

from gitstage.canonical import DocumentError
from gitstage.envelopes import read_envelope
from gitstage.operations.signing import Pen, nothing_new, that_says
from gitstage.plans import Plan
from gitstage.signatures import Verifier
from tests.registries import Content, enveloped, manifest, statement, tree
from tests.signatures.hands import make_key, public

ONE = manifest("m", "1.0.0")
SAID, OTHER = statement(ONE), statement(ONE, result="FAILED")


def test_without_a_key_a_statement_stays_plain() -> None:
    assert Pen().signed(SAID) is SAID


def test_each_key_signs_once_whoever_asks_again(tmp_path: Path) -> None:
    ada, bob = make_key(tmp_path, "ada", kind="ecdsa"), make_key(tmp_path, "bob")
    pen = Pen([str(ada), str(bob)])
    data = pen.signed(SAID)
    assert Verifier().signed_by(data) == {public(ada), public(bob)}
    assert pen.signed(SAID) == data
    assert pen.signed(OTHER) != data


def test_signatures_that_are_there_stay(tmp_path: Path) -> None:
    ada, bob = make_key(tmp_path, "ada"), make_key(tmp_path, "bob")
    data = Pen([str(bob)]).signed(Pen([str(ada)]).signed(SAID))
    assert Verifier().signed_by(data) == {public(ada), public(bob)}
    found = read_envelope(data)
    assert found is not None
    assert found.payload == SAID


def test_what_is_no_statement_is_not_signed(tmp_path: Path) -> None:
    with pytest.raises(DocumentError):
        Pen([str(make_key(tmp_path))]).signed(b"[]")


@pytest.mark.parametrize(
    ("files", "path"),
    [
        ({}, None),
        ({"1.json": SAID}, "1.json"),
        ({"1.json": OTHER, "2.json": enveloped(SAID)}, "2.json"),
        ({"1.json": "{", "2.json": b"\xff", "3/4.json": SAID, "5.json": SAID}, "5.json"),
    ],
)
def test_what_is_said_already_is_found_whoever_signed_it(files: dict[str, Content], path: str | None) -> None:
    registry = tree({f"evidence/m/1.0.0/x/{name}": content for name, content in files.items()})
    for data in (SAID, enveloped(SAID, b"another")):
        found = that_says(registry, "evidence/m/1.0.0/x", data)
        assert found == (None if path is None else f"evidence/m/1.0.0/x/{path}")


def test_what_is_said_already_changes_nothing() -> None:
    plan = nothing_new("m: attest x of 1.0.0", "evidence/m/1.0.0/x/1.json")
    assert plan == Plan(subject="m: attest x of 1.0.0", notes=("evidence/m/1.0.0/x/1.json says the same",))
    assert plan.is_empty
