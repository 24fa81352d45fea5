from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitstage.approvals import (
    KINDS,
    Binding,
    PolicyChange,
    PolicySaid,
    Said,
    policy_approval_path,
    policy_unfit,
    predicate_type,
    read_said,
    said_path,
    unfit,
    written,
)
from gitstage.canonical import DocumentError
from gitstage.envelopes import Envelope, write_envelope
from gitstage.evidence import read_statement
from gitstage.layout import Layout
from tests.registries import ID, MONDAY, manifest, signed_by, statement

ONE, TWO = "1" * 64, "2" * 64
ABOUT = Binding(registry=ID, model="risk/m", version="1.1.0", manifest=TWO, stage="production", incumbent=ONE, change=3)
APPROVAL = Said(kind="approval", about=ABOUT, made=MONDAY)
WAIVER = Said(
    kind="waiver",
    about=ABOUT,
    made=MONDAY,
    reason="the freeze must not hold up the mend",
    expires=MONDAY + timedelta(hours=8),
    rule="windows",
    gate="standard",
)
CHANGE = PolicyChange(
    registry=ID, policy=TWO, base=ONE, number=4, files={".github/workflows/gate.yml": ONE, "CODEOWNERS": None}
)
POLICY = PolicySaid(about=CHANGE, made=MONDAY, reason="a new owner")

WRITTEN = f"""\
{{
  "_type": "https://in-toto.io/Statement/v1",
  "predicate": {{
    "change": 3,
    "expires": "2026-11-23T18:00:00Z",
    "gate": "standard",
    "incumbent": "{ONE}",
    "made": "2026-11-23T10:00:00Z",
    "reason": "the freeze must not hold up the mend",
    "registry": "{ID}",
    "rule": "windows",
    "stage": "production"
  }},
  "predicateType": "https://gitstage.dev/attestation/waiver/v1",
  "subject": [
    {{
      "digest": {{
        "sha256": "{TWO}"
      }},
      "name": "risk/m@1.1.0"
    }}
  ]
}}
"""


# The form


def test_a_waiver_is_written_in_one_form() -> None:
    assert written(WAIVER).decode() == WRITTEN


EVERYTHING = [
    *(replace(APPROVAL, kind=kind) for kind in KINDS if kind != "waiver"),
    replace(APPROVAL, reason="ä ☃ fine", expires=MONDAY + timedelta(microseconds=1)),
    replace(APPROVAL, about=replace(ABOUT, incumbent=None, change=0, version="7")),
    WAIVER,
    replace(WAIVER, rule="rules/licensed-data", gate=None),
    POLICY,
    replace(POLICY, about=replace(CHANGE, files={}, number=0), reason=None, expires=MONDAY + timedelta(days=1)),
]


@pytest.mark.parametrize("said", EVERYTHING)
def test_what_is_written_is_read_signed_or_plain(said: Said | PolicySaid) -> None:
    data = written(said)
    assert read_said(data) == said
    assert read_said(signed_by(data, "alice")) == said


@pytest.mark.parametrize("said", EVERYTHING)
def test_it_is_an_in_toto_statement_about_what_it_is_bound_to(said: Said | PolicySaid) -> None:
    about = said.about
    found = read_statement(written(said))
    assert found.subjects >= {about.manifest if isinstance(about, Binding) else about.policy}
    assert found.predicate_type == predicate_type(said.kind if isinstance(said, Said) else "policy-approval")


def test_statements_of_others_are_none_of_ours() -> None:
    assert read_said(statement(manifest("m", "1.0.0"))) is None
    assert read_said(b"{}") is None
    assert read_said(b'{"predicateType": 3}') is None


def changed(said: Said | PolicySaid, path: str, value: object) -> bytes:
    """A statement with something else in one place (None: nothing)."""
    document: Any = json.loads(written(said))
    *steps, last = path.split(".")
    place = document
    for step in steps:
        place = place[int(step) if step.isdigit() else step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"nothing", "this is not JSON"),
        (written(APPROVAL)[:-1], "it says more than it should, or is not in the form"),
        (written(APPROVAL).replace(b"  ", b" "), "is not in the form in which gitstage writes it"),
        (written(APPROVAL).replace(b'"change": 3', b'"change": 3, "change": 3'), "duplicate key 'change'"),
        (changed(APPROVAL, "predicate.note", "x"), "it says more than it should"),
        (changed(APPROVAL, "note", "x"), "it says more than it should"),
        (changed(APPROVAL, "predicate.rule", "soak"), "it says more than it should"),
        (changed(APPROVAL, "subject.0.digest.sha1", "x"), "it says more than it should"),
        (changed(APPROVAL, "_type", "x"), "_type must be"),
        (changed(APPROVAL, "predicate", [1]), "predicate must be an object"),
        (changed(APPROVAL, "predicateType", predicate_type("approval")[:-1] + "2"), "a newer release may know it"),
        (changed(APPROVAL, "predicateType", predicate_type("policy-approval")), "removed must be a list"),
        (changed(POLICY, "predicateType", predicate_type("approval")), "it is about one version"),
        (changed(APPROVAL, "subject", "x"), "subject must be a list of 1 to 1000"),
        (changed(APPROVAL, "subject", []), "subject must be a list of 1 to 1000"),
        (changed(APPROVAL, "subject", ["x"]), "a subject has a name and a digest"),
        (changed(APPROVAL, "subject.0.name", 3), "a subject has a name and a digest"),
        (changed(APPROVAL, "subject.0.digest", "x"), "a subject has a name and a digest"),
        (changed(APPROVAL, "subject.0.digest.sha256", "x"), "the sha256 of a subject must be 64 hexadecimal digits"),
        (changed(APPROVAL, "subject.0.name", "m"), "'m' is no MODEL@VERSION"),
        (changed(APPROVAL, "subject.0.name", "m@latest"), "'m@latest' is no MODEL@VERSION"),
        (changed(APPROVAL, "subject.0.name", "policy@1.0.0"), "'policy@1.0.0' is no MODEL@VERSION"),
        (changed(APPROVAL, "predicate.stage", None), "stage must be the name of a stage"),
        (changed(APPROVAL, "predicate.stage", "a/b"), "stage must be the name of a stage"),
        (changed(APPROVAL, "predicate.incumbent", "x"), "incumbent must be 64 hexadecimal digits"),
        (changed(APPROVAL, "predicate.change", -1), "change must be a whole number from 0"),
        (changed(APPROVAL, "predicate.change", 1 == 1), "change must be a whole number from 0"),
        (changed(APPROVAL, "predicate.change", None), "change must be a whole number from 0"),
        (changed(APPROVAL, "predicate.registry", "x"), "registry must be the id of a registry"),
        (changed(APPROVAL, "predicate.registry", None), "registry must be the id of a registry"),
        (changed(APPROVAL, "predicate.made", None), "made must be a moment such as"),
        (changed(APPROVAL, "predicate.made", "2026-11-23"), "made must be a moment such as"),
        (changed(APPROVAL, "predicate.made", 3), "made must be a moment such as"),
        (changed(APPROVAL, "predicate.made", "2026-11-23T11:00:00+01:00"), "is not in the form"),
        (changed(APPROVAL, "predicate.expires", "2026-11-23T10:00:00Z"), "it expires before it is made"),
        (changed(APPROVAL, "predicate.expires", "soon"), "expires must be a moment such as"),
        (changed(APPROVAL, "predicate.reason", " "), "reason must be text that shows"),
        (changed(APPROVAL, "predicate.reason", "a\u202eb"), "reason must be text that shows"),
        (changed(APPROVAL, "predicate.reason", "x" * 1001), "reason must be text that shows"),
        (changed(APPROVAL, "predicate.reason", 3), "reason must be text that shows"),
        (changed(WAIVER, "predicate.rule", None), "rule must be the id of a rule"),
        (changed(WAIVER, "predicate.rule", "Soak"), "rule must be the id of a rule"),
        (changed(WAIVER, "predicate.gate", 3), "gate must be the name of a gate"),
        (changed(WAIVER, "predicate.gate", "a/b"), "gate must be the name of a gate"),
        (changed(WAIVER, "predicate.expires", None), "a waiver says why, and until when"),
        (changed(WAIVER, "predicate.reason", None), "a waiver says why, and until when"),
        (changed(POLICY, "predicate.removed", None), "removed must be a list of paths"),
        (changed(POLICY, "predicate.removed", [3]), "removed must be a list of paths"),
        (changed(POLICY, "predicate.removed", ["b", "a"]), "is not in the form"),
        (changed(POLICY, "predicate.base", None), "base must be 64 hexadecimal digits"),
        (changed(POLICY, "predicate.number", 1.5), "number must be a whole number from 0"),
        (changed(POLICY, "subject.0.name", "gate.yml"), "its subjects are gitstage.yaml, and paths from the root"),
        (changed(POLICY, "subject.1.name", "x"), "its subjects are gitstage.yaml, and paths from the root"),
    ],
)
def test_what_is_ours_and_not_in_our_form_is_refused(data: bytes, said: str) -> None:
    for file in (data, signed_by(data, "alice")):
        with pytest.raises(DocumentError) as caught:
            read_said(file)
        assert said in str(caught.value)


def test_what_could_not_be_read_is_not_written() -> None:
    with pytest.raises(DocumentError, match="it expires before it is made"):
        written(replace(APPROVAL, expires=MONDAY))


def test_an_envelope_that_is_none_is_refused() -> None:
    with pytest.raises(DocumentError, match="signatures must be a list"):
        read_said(write_envelope(Envelope(written(APPROVAL))))
    document = json.loads(signed_by(written(APPROVAL), "alice"))
    document["payload"] = base64.b64encode(b"[]").decode()
    with pytest.raises(DocumentError, match="no JSON object"):
        read_said(json.dumps(document).encode())


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(EVERYTHING), st.data())
def test_one_bit_makes_another_statement_or_none(said: Said | PolicySaid, data: st.DataObject) -> None:
    plain = bytearray(written(said))
    plain[data.draw(st.integers(0, len(plain) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = read_said(bytes(plain))
    except DocumentError:
        return
    assert found != said
    assert found is None or written(found) == bytes(plain)


# What it fits


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ({}, None),
        ({"registry": ID.replace("4", "5")}, "is for another registry"),
        ({"model": "m"}, "is for another manifest than that of m@1.1.0"),
        ({"version": "1.1.1"}, "is for another manifest than that of risk/m@1.1.1"),
        ({"manifest": ONE}, "is for another manifest than that of risk/m@1.1.0"),
        ({"stage": "staging"}, "is for production, not for staging"),
        ({"incumbent": None}, "was given before the slot changed"),
        ({"incumbent": TWO}, "was given before the slot changed"),
        ({"change": 5}, "was given before the slot changed"),
    ],
)
def test_it_fits_one_change_and_no_other(about: dict[str, Any], why: str | None) -> None:
    assert unfit(APPROVAL, replace(ABOUT, **about), MONDAY) == why


@pytest.mark.parametrize(
    ("hours", "why"),
    [
        (-0.001, "is dated in the future (2026-11-23T10:00:00Z)"),
        (0, None),
        (7.999, None),
        (8, "has expired (2026-11-23T18:00:00Z)"),
    ],
)
def test_it_counts_from_when_it_was_made_until_it_expires(hours: float, why: str | None) -> None:
    now = MONDAY + timedelta(hours=hours)
    assert unfit(WAIVER, ABOUT, now) == why
    assert policy_unfit(replace(POLICY, expires=WAIVER.expires), CHANGE, now) == why


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ({}, None),
        ({"registry": ID.replace("4", "5")}, "is for another registry"),
        ({"policy": ONE}, "is for another content"),
        ({"files": {}}, "is for another content"),
        ({"files": {"CODEOWNERS": None, ".github/workflows/gate.yml": None}}, "is for another content"),
        ({"base": TWO}, "was given before the policy changed"),
        ({"number": 6}, "was given before the policy changed"),
    ],
)
def test_an_approval_of_a_policy_fits_one_change_of_it(about: dict[str, Any], why: str | None) -> None:
    assert policy_unfit(POLICY, replace(CHANGE, **about), MONDAY) == why


# Where it lies


def test_it_lies_where_the_layout_knows_it() -> None:
    layout = Layout(frozenset({"staging", "production"}))
    path = said_path("waiver", "risk/m", "1.1.0", "alice", 2)
    place = layout.place(path)
    assert path == "evidence/risk/m/1.1.0/waiver-alice/2.json"
    assert (place.kind, place.model, place.version, place.name, place.number) == (
        "evidence",
        "risk/m",
        "1.1.0",
        "waiver-alice",
        2,
    )
    path = policy_approval_path(ONE, "bob", 1)
    place = layout.place(path)
    assert path == f"evidence/policy/{ONE}/approval-bob/1.json"
    assert (place.kind, str(place.thing), place.model, place.name, place.number) == (
        "evidence",
        "policy",
        None,
        f"{ONE}/approval-bob",
        1,
    )
