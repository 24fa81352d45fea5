from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from dataclasses import FrozenInstanceError
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gitstage.canonical import MAX_PROBLEMS, DocumentError, Problem, parse
from gitstage.evidence import SHORT_NAMES
from gitstage.people import PublicKey
from gitstage.policy import (
    Alone,
    ApprovalRule,
    EvidenceRule,
    Gate,
    MetricRule,
    ModelRule,
    Person,
    Policy,
    Requirement,
    Sigstore,
    Stage,
    Tolerance,
    WindowRule,
    policy_schema,
    read_policy,
)

GOLDEN = (Path(__file__).parent / "golden" / "gitstage.yaml").read_bytes()
ID = "4f6c1c1e-8a39-4a0e-9d7e-2f1b7c0a5f11"
HEAD = f"apiVersion: gitstage/v1\nkind: Registry\nid: {ID}\n"
LEAST = f"{HEAD}stages:\n  staging:\n    from: [registered]\n"

ALICE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICvYBsl/DgCvGh/DMo+nY6kmlyPI24+sT5OvcdsYbW6Q"
BOT = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO1FKdw2toX/XCf5bzwZ6svKIY6UAMzcKknUV0tzzZ6N"
STANDARD = Gate(
    soak=timedelta(days=1, hours=12),
    signed_commits=True,
    approvals=(ApprovalRule(count=1, from_="owners"), ApprovalRule(count=2, from_="platform", enforce="warn")),
    windows=(
        WindowRule(deny="Fri 16:00 - Mon 08:00", timezone="Europe/Berlin"),
        WindowRule(allow="2026-01-01 - 2027-12-31"),
    ),
)
FRAUD = Gate(
    metrics=(
        MetricRule(name="auc", min=0.9, max_drop=Tolerance(0.002)),
        MetricRule(
            name="latency_p99_ms", max=20, max_rise=Tolerance(2.5, percent=True), evidence="load-test", enforce="warn"
        ),
    ),
    evidence=(
        EvidenceRule(type="test-result", name="shadow-traffic", signed_by="evaluators", max_age=timedelta(days=30)),
        EvidenceRule(type="https://slsa.dev/provenance/v1", name="build", signed_by="owners"),
    ),
)


def policy(text: str) -> Policy:
    return read_policy(text.encode())


def problems_of(text: str) -> tuple[Problem, ...]:
    with pytest.raises(DocumentError) as caught:
        policy(text)
    return caught.value.problems


# What it says


def test_a_policy_is_what_its_file_says() -> None:
    assert read_policy(GOLDEN) == Policy(
        id=ID,
        trunk="main",
        tags_in_ci=True,
        adopt_until=date(2026, 12, 23),
        tag_prefix="eu/",
        protected=(".github/**", "CODEOWNERS"),
        governance=(Requirement(count=1, from_="platform"),),
        taggers=("eval-bot",),
        integer_versions=False,
        tag_versions=False,
        ledger_ref="refs/heads/gitstage-ledger",
        stages={
            "staging": Stage(from_=("registered", "archived"), keep=timedelta(hours=72)),
            "canary-eu": Stage(from_=("staging",), retired=True),
            "production": Stage(
                from_=("staging", "canary-eu"),
                gates=("standard",),
                rollback=Alone(by=("owners", "platform"), settle=timedelta(hours=72)),
                waivers=Alone(by=("owners",)),
            ),
        },
        gates={"standard": STANDARD, "fraud": FRAUD},
        models={
            "**": ModelRule(owners=("platform",)),
            "risk/**": ModelRule(owners=("risk", "carol"), gates={"production": ("standard", "fraud")}),
            "risk/*-beta": ModelRule(gates={"staging": ("standard",)}),
            "toys/**": ModelRule(owners=(), gates={"production": ()}),
            "toys/robot": ModelRule(owners=("alice",)),
        },
        people={
            "alice": Person(github="alice-acme", emails=("alice@acme.dev",), keys=(f"{ALICE} alice@laptop",)),
            "bob": Person(gitlab="bob-acme"),
            "carol": Person(),
            "eval-bot": Person(keys=(f'valid-after="20260101",valid-before="202612312359Z" {BOT}',)),
        },
        roles={"platform": ("alice", "bob"), "risk": ("alice",), "evaluators": ("eval-bot",), "nobody": ()},
        digest=hashlib.sha256(GOLDEN).hexdigest(),
        data=GOLDEN,
    )


def test_the_least_policy_has_defaults() -> None:
    assert policy(LEAST) == Policy(
        id=ID,
        trunk="main",
        tags_in_ci=False,
        adopt_until=None,
        tag_prefix="",
        protected=(),
        integer_versions=False,
        tag_versions=True,
        ledger_ref=f"refs/gitstage/{ID}",
        stages={"staging": Stage(from_=("registered",))},
        gates={},
        models={},
        people={},
        roles={},
        digest=hashlib.sha256(LEAST.encode()).hexdigest(),
        data=LEAST.encode(),
    )


def test_stages_keep_the_order_of_the_file() -> None:
    assert list(read_policy(GOLDEN).stages) == ["staging", "canary-eu", "production"]


def test_a_policy_stays_as_it_is() -> None:
    found = read_policy(GOLDEN)
    with pytest.raises(FrozenInstanceError):
        found.trunk = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        found.stages["x"] = Stage()  # type: ignore[index]
    with pytest.raises(ValueError, match="frozen"):
        found.stages["staging"].keep = None


def test_the_digest_is_the_file_s_and_its_bytes_do_not_show() -> None:
    found = read_policy(GOLDEN)
    assert found.digest == hashlib.sha256(GOLDEN).hexdigest()
    assert "data=" not in repr(found)


def test_integer_versions_are_asked_for() -> None:
    assert policy(LEAST + "versions: integer\n").integer_versions is True


def test_a_line_is_known() -> None:
    found = read_policy(GOLDEN)
    assert (found.line_of("stages", "production"), found.line_of("gates", "fraud", "metrics", 1, "max")) == (22, 38)
    assert found.line_of("nowhere") == 2


# Gates and owners of a model


@pytest.mark.parametrize(
    ("model", "stage", "gates"),
    [
        ("m", "staging", ()),
        ("m", "production", (("standard", STANDARD),)),
        ("risk/fraud", "production", (("standard", STANDARD), ("fraud", FRAUD))),
        ("risk/a/b", "production", (("standard", STANDARD), ("fraud", FRAUD))),
        ("risk/fraud", "staging", ()),
        ("risk/fraud-beta", "staging", (("standard", STANDARD),)),
        ("risk/fraud-beta", "production", (("standard", STANDARD), ("fraud", FRAUD))),
        ("toys/robot", "production", ()),
        ("toys/robot", "staging", ()),
    ],
)
def test_the_gates_of_a_model_are_those_of_the_most_specific_pattern_that_names_some(
    model: str, stage: str, gates: tuple[tuple[str, Gate], ...]
) -> None:
    assert read_policy(GOLDEN).gates_for(model, stage) == gates


@pytest.mark.parametrize(
    ("model", "owners"),
    [
        ("m", ("alice", "bob")),
        ("risk/fraud", ("alice", "carol")),
        ("risk/fraud-beta", ("alice", "carol")),
        ("toys/car", ()),
        ("toys/robot", ("alice",)),
    ],
)
def test_the_owners_of_a_model_are_people(model: str, owners: tuple[str, ...]) -> None:
    assert read_policy(GOLDEN).owners_of(model) == owners


def test_a_question_mark_makes_a_pattern_too() -> None:
    found = policy(LEAST + 'models:\n  "**": {owners: [a]}\n  "m?": {owners: [b]}\npeople: {a: {}, b: {}}\n')
    assert (found.owners_of("m1"), found.owners_of("m12")) == (("b",), ("a",))


def test_where_no_pattern_matches_nobody_owns_a_model() -> None:
    assert policy(LEAST).owners_of("m") == ()
    assert policy(LEAST).gates_for("m", "staging") == ()


@pytest.mark.parametrize(
    ("path", "protected"),
    [
        (".github/workflows/gate.yml", True),
        ("CODEOWNERS", True),
        ("docs/CODEOWNERS", True),
        ("github/workflows/gate.yml", False),
        ("src/x.py", False),
    ],
)
def test_protected_paths_are_known(path: str, protected: bool) -> None:
    assert read_policy(GOLDEN).is_protected(path) is protected


# People


def test_names_of_roles_stand_for_people_and_owners_for_those_of_the_model() -> None:
    found = read_policy(GOLDEN)
    assert found.people_named("owners", "evaluators", "alice", model="risk/fraud") == ("alice", "carol", "eval-bot")
    assert found.people_named("platform", "bob") == ("alice", "bob")
    assert found.people_named("owners", model="toys/car") == ()


def test_a_key_belongs_to_somebody() -> None:
    found = read_policy(GOLDEN)
    assert {key: (name, known.key) for key, (name, known) in found.keys.items()} == {
        ALICE: ("alice", ALICE),
        BOT: ("eval-bot", BOT),
    }


@pytest.mark.parametrize("asked", ["", ", expr: 'true', python: acme"])
def test_a_rule_of_ones_own_is_either_an_expression_or_a_plugin(asked: str) -> None:
    (problem,) = problems_of(f"{LEAST}gates:\n  a:\n    rules:\n    - {{name: licensed{asked}}}\n")
    assert "the rule 'licensed' is either one or the other" in problem.message
    assert problem.hint == "write expr: or python:, and not both"


# Tolerances


@pytest.mark.parametrize(
    ("tolerance", "incumbent", "allowed", "said"),
    [
        (Tolerance(0.002), 0.95, 0.002, "0.002"),
        (Tolerance(2), -10, 2, "2"),
        (Tolerance(2, percent=True), 50, 1.0, "2%"),
        (Tolerance(2.5, percent=True), -200, 5.0, "2.5%"),
        (Tolerance(10, percent=True), 0, 0.0, "10%"),
        (Tolerance(0.00123456789), 1, 0.00123456789, "0.00123456789"),
    ],
)
def test_a_tolerance_is_an_amount_or_a_part_of_the_incumbent_s_value(
    tolerance: Tolerance, incumbent: float, allowed: float, said: str
) -> None:
    assert (tolerance.allowed(incumbent), str(tolerance)) == (allowed, said)


# What is refused

TYPES = f"write {', '.join(sorted(SHORT_NAMES.values()))}, or the URI of a predicate type"
NO_SLUG = "is not made of ASCII letters, digits, '.', '_' and '-', beginning and ending with a letter or digit"
STAGES = "stages:\n  staging:\n    from: [registered]\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        # header and keys
        (
            HEAD.replace("Registry", "Registri") + STAGES,
            Problem("kind must be Registry, not 'Registri'; did you mean 'Registry'?", 2, "write: kind: Registry"),
        ),
        (HEAD, Problem("the key 'stages' is missing", 1)),
        (HEAD + "stages: {}\n", Problem("stages: must not be empty", 4)),
        (HEAD + "stages:\n", Problem("the key 'stages' has no value", 4, "give it one, or leave it out")),
        (
            HEAD.replace(ID, ID.upper()) + STAGES,
            Problem(f"id: must be a UUID in lower case, as `gitstage init` makes one, not '{ID.upper()}'", 3),
        ),
        (LEAST + "tag_prefix: x\n", Problem("unknown key 'tag_prefix'; did you mean 'tag-prefix'?", 7)),
        (LEAST + "tags: yes please\n", Problem("tags: must be 'ci', not 'yes please'", 7)),
        (
            LEAST + "versions: integers\n",
            Problem("versions: must be 'semver' or 'integer', not 'integers'; did you mean 'integer'?", 7),
        ),
        (LEAST + "tag-versions: 1\n", Problem("tag-versions: must be true or false, not the number 1", 7)),
        # keys of later issues
        *(
            (LEAST + f"{key}: [x]\n", Problem(f"unknown key '{key}'", 7))
            for key in ("approvals", "windows", "rollback", "signed-commits")
        ),
        # dates
        *(
            (
                LEAST + f"adopt-until: {written}\n",
                Problem(f"adopt-until: must be a day such as 2026-12-23, not {said}", 7),
            )
            for written, said in (
                ("soon", "'soon'"),
                ("2026-02-30", "'2026-02-30'"),
                ("20261223", "the number 20261223"),
                ("2026-1-2", "'2026-1-2'"),
                ("2026-12-23T00:00:00Z", "'2026-12-23T00:00:00Z'"),
            )
        ),
        # refs
        *(
            (LEAST + f"trunk: {name}\n", Problem(f"trunk: {shown} is no name of a branch", 7))
            for name, shown in (
                ('""', "''"),
                ("a..b", "'a..b'"),
                ('"a b"', "'a b'"),
                ('"-a"', "'-a'"),
                ("HEAD", "'HEAD'"),
                ('"@"', "'@'"),
                ("a.lock", "'a.lock'"),
                ("a/.b", "'a/.b'"),
                ("a/", "'a/'"),
                ("a//b", "'a//b'"),
                ('"a\\\\b"', "'a\\\\b'"),
                ("a~1", "'a~1'"),
                ('"a@{1}"', "'a@{1}'"),
                ("a.", "'a.'"),
            )
        ),
        (LEAST + "trunk: refs/heads/main\n", Problem("trunk: 'refs/heads/main' is a full name", 7, "write: main")),
        (
            LEAST + "ledger: gitstage\n",
            Problem("ledger: 'gitstage' does not begin with refs/heads/ or refs/gitstage/", 7),
        ),
        (
            LEAST + "ledger: refs/tags/x\n",
            Problem("ledger: 'refs/tags/x' does not begin with refs/heads/ or refs/gitstage/", 7),
        ),
        (LEAST + "ledger: refs/heads/a..b\n", Problem("ledger: 'refs/heads/a..b' is no name that git allows", 7)),
        (
            LEAST + "ledger: refs/heads/a/.b\n",
            Problem(
                "ledger: 'refs/heads/a/.b' is no name that git allows: a part begins with '.' or ends with '.lock'", 7
            ),
        ),
        *(
            (
                LEAST + f"ledger: refs/heads/{name}\n",
                Problem("ledger: is the trunk, or a name that git does not allow beside it", 7),
            )
            for name in ("main", "main/x")
        ),
        (
            LEAST + "ledger: refs/heads/a\ntrunk: a/b\n",
            Problem("ledger: is a name that git does not allow beside the trunk", 7),
        ),
        *(
            (LEAST + f"tag-prefix: {prefix}\n", Problem(f"tag-prefix: {prefix!r} cannot begin the name of a tag", 7))
            for prefix in ("/a", "a..b", "a//", "ä/", "a/.")
        ),
        (
            LEAST + "protected: ['!a']\n",
            Problem("protected[0]: '!a' has something besides names, '/', '*', '**' and '?'", 7),
        ),
        (LEAST + "protected: [a, a]\n", Problem("protected: 'a' is there twice", 7)),
        (LEAST + "protected: a\n", Problem("protected: must be a list, not 'a'", 7)),
        # stages
        (
            HEAD + "stages:\n  models: {from: [registered]}\n",
            Problem("stages.models: 'models' is the name of a directory or a word of gitstage's own", 5),
        ),
        *(
            (
                HEAD + f"stages:\n  {name}: {{from: [registered]}}\n",
                Problem(f"stages.{name}: {name!r} is the name of a directory or a word of gitstage's own", 5),
            )
            for name in ("archived", "evidence", "holds", "artifacts", "registered")
        ),
        (HEAD + "stages:\n  a/b: {from: [registered]}\n", Problem("stages.a/b: 'a/b' contains '/'", 5)),
        (HEAD + "stages:\n  a b: {from: [registered]}\n", Problem(f"stages.a b: 'a b' {NO_SLUG}", 5)),
        (
            LEAST + "  Staging: {from: [registered]}\n",
            Problem("stages.Staging: differs from 'staging' only in case", 7),
        ),
        (
            LEAST + "  production: {}\n",
            Problem("stages.production: says not where a version may come from: it needs from, as [registered]", 7),
        ),
        (
            LEAST + "  production: {from: []}\n",
            Problem("stages.production: says not where a version may come from: it needs from, as [registered]", 7),
        ),
        (
            LEAST + "  production: staging\n",
            Problem("stages.production: must be a mapping of keys to values, not 'staging'", 7),
        ),
        (
            LEAST + "  production: {from: [stagin]}\n",
            Problem("stages.production.from[0]: there is no stage 'stagin'; did you mean 'staging'?", 7),
        ),
        (
            LEAST + "  production: {from: [staging, staging]}\n",
            Problem("stages.production.from: 'staging' is there twice", 7),
        ),
        (
            LEAST + "  production: {from: [staging], gates: [standard]}\n",
            Problem("stages.production.gates[0]: there is no gate 'standard'", 7),
        ),
        (
            LEAST + "  production: {from: [staging], keep: 72}\n",
            Problem(
                "stages.production.keep: must be a length of time such as 72h, not the number 72",
                7,
                "write its unit: 72h",
            ),
        ),
        (
            LEAST + "  production: {from: [staging], keep: true}\n",
            Problem("stages.production.keep: must be a length of time such as 72h, not true", 7),
        ),
        (
            LEAST + "  production: {from: [staging], keep: 3w}\n",
            Problem("stages.production.keep: '3w' is no length of time such as 72h, 30d or 1d12h", 7),
        ),
        (
            LEAST + "  production: {from: [staging], retired: maybe}\n",
            Problem("stages.production.retired: must be true or false, not 'maybe'", 7),
        ),
        (
            LEAST + "  production: {from: [production]}\n",
            Problem("stages.production.from: the stages stand in a circle: production → production", 7),
        ),
        # gates
        (
            LEAST + "gates:\n  a: {}\n",
            Problem(
                "gates.a: the gate asks nothing", 8, "give it soak, metrics, evidence, approvals, windows or rules"
            ),
        ),
        (
            LEAST + "gates:\n  a: {signed-commits: false}\n",
            Problem(
                "gates.a: the gate asks nothing", 8, "give it soak, metrics, evidence, approvals, windows or rules"
            ),
        ),
        (
            LEAST + "gates:\n  a: {soak: 24h, approvals: [x]}\n",
            Problem("gates.a.approvals[0]: must be a mapping of keys to values, not 'x'", 8),
        ),
        (
            LEAST + "gates:\n  a: {sok: 24h, soak: 1h}\n",
            Problem("in gates.a: unknown key 'sok'; did you mean 'soak'?", 8),
        ),
        (LEAST + "gates:\n  a b: {soak: 24h}\n", Problem(f"gates.a b: 'a b' {NO_SLUG}", 8)),
        *(
            (LEAST + f"gates:\n  a:\n    metrics:\n    - {rule}\n", Problem(f"gates.a.metrics[0]{said}", 10, hint))
            for rule, said, hint in (
                ("{name: auc}", ": the rule for 'auc' has no bound", "give it min, max, max-drop or max-rise"),
                ("{name: auc, min: 2, max: 1}", ": min 2 is more than max 1: nothing passes", None),
                ("{name: auc, min: high}", ".min: must be a number, not 'high'", None),
                ('{name: auc, min: "1"}', ".min: must be a number, not '1'", "write it without quotes"),
                ("{name: auc, max: true}", ".max: must be a number, not true", None),
                (
                    "{name: auc, max-drop: -1}",
                    ".max-drop: must be a number from 0 or a percentage such as 2%, not the number -1",
                    None,
                ),
                (
                    "{name: auc, max-drop: -1%}",
                    ".max-drop: must be a number from 0 or a percentage such as 2%, not '-1%'",
                    None,
                ),
                (
                    "{name: auc, max-rise: true}",
                    ".max-rise: must be a number from 0 or a percentage such as 2%, not true",
                    None,
                ),
                (
                    "{name: auc, max-rise: much}",
                    ".max-rise: must be a number from 0 or a percentage such as 2%, not 'much'",
                    None,
                ),
                (
                    "{name: auc, min: 1, enforce: wrn}",
                    ".enforce: must be 'refuse' or 'warn', not 'wrn'; did you mean 'warn'?",
                    None,
                ),
                ("{name: auc, min: 1, evidence: a/b}", f".evidence: 'a/b' {NO_SLUG}", None),
            )
        ),
        (
            LEAST + "gates:\n  a:\n    metrics:\n    - {name: a, max_drop: 1, min: 1}\n",
            Problem("in gates.a.metrics[0]: unknown key 'max_drop'; did you mean 'max-drop'?", 10),
        ),
        (
            LEAST + "gates:\n  a:\n    evidence:\n    - {type: test-reslt, name: x}\n",
            Problem(
                "gates.a.evidence[0].type: 'test-reslt' is no kind of statement; did you mean 'test-result'?",
                10,
                TYPES,
            ),
        ),
        (
            LEAST + "gates:\n  a:\n    evidence:\n    - {type: test-result}\n",
            Problem("in gates.a.evidence[0]: the key 'name' is missing", 10),
        ),
        # models
        (
            LEAST + "models:\n  a//b: {}\n",
            Problem("models.a//b: 'a//b' is no pattern of names such as fraud-detector, risk/**, risk/* or **", 8),
        ),
        (
            LEAST + "models:\n  a: {owners: [platfrm]}\nroles: {platform: []}\n",
            Problem("models.a.owners[0]: there is no role or person 'platfrm'; did you mean 'platform'?", 8),
        ),
        (
            LEAST + "models:\n  a: {gates: {stagin: []}}\n",
            Problem("models.a.gates.stagin: there is no stage 'stagin'; did you mean 'staging'?", 8),
        ),
        (
            LEAST + "models:\n  a: {gates: {staging: [x]}}\n",
            Problem("models.a.gates.staging[0]: there is no gate 'x'", 8),
        ),
        (
            LEAST + 'models:\n  a*: {}\n  "*a": {}\n',
            Problem("models.*a: 'a*' is as specific, and both can match one model", 9),
        ),
        (
            LEAST + 'models:\n  a/**/b*: {}\n  "a/**/*b": {}\n',
            Problem("models.a/**/*b: 'a/**/b*' is as specific, and both can match one model", 9),
        ),
        # people
        (
            LEAST + "roles:\n  owners: []\n",
            Problem("roles.owners: 'owners' stands for the owners of a model: nobody and no role is called like it", 8),
        ),
        (LEAST + "roles:\n  a: [bob]\n", Problem("roles.a[0]: there is no person 'bob'", 8)),
        (LEAST + "people:\n  a: {}\nroles:\n  a: [a]\n", Problem("roles.a: 'a' is also somebody in people", 10)),
        (LEAST + "people:\n  a: {githb: x}\n", Problem("in people.a: unknown key 'githb'; did you mean 'github'?", 8)),
        (
            LEAST + "people:\n  a: {github: Xy}\n  b: {github: xY}\n",
            Problem("people.b.github: 'a' has it too: people are counted, and this would count twice", 9),
        ),
        (
            LEAST + "people:\n  a: {emails: [X@y.z]}\n  b: {emails: [q@r.s, x@y.z]}\n",
            Problem("people.b.emails[1]: 'a' has it too: people are counted, and this would count twice", 9),
        ),
        (
            LEAST
            + f"people:\n  a: {{keys: [{ALICE} a@laptop]}}\n  b: {{keys: ['{ALICE.replace(' ', '  ')} b@laptop']}}\n",
            Problem("people.b.keys[0]: 'a' has it too: people are counted, and this would count twice", 9),
        ),
        (
            LEAST + "people:\n  a: {keys: [ssh-ed25519 AAAA]}\n",
            Problem("people.a.keys[0]: this is no ssh-ed25519 key: its base64 says something else", 8),
        ),
        (
            LEAST + f"people:\n  a: {{keys: ['{ALICE} one', '{ALICE} one']}}\n",
            Problem(f"people.a.keys: '{ALICE} one' is there twice", 8),
        ),
        # who may do what
        *(
            (f"{LEAST}{text}people: {{alice: {{}}, bob: {{}}}}\nroles: {{ops: [alice, bob]}}\n", problem)
            for text, problem in (
                (
                    "gates:\n  a: {approvals: [{count: 1, from: opps}]}\n",
                    Problem("gates.a.approvals[0].from: there is no role or person 'opps'; did you mean 'ops'?", 8),
                ),
                (
                    "gates:\n  a: {approvals: [{count: 0, from: ops}]}\n",
                    Problem("gates.a.approvals[0].count: must be from 1 to 20, not 0", 8),
                ),
                (
                    "gates:\n  a: {approvals: [{count: two, from: ops}]}\n",
                    Problem("gates.a.approvals[0].count: must be a whole number, not 'two'", 8),
                ),
                (
                    "gates:\n  a: {approvals: [{count: 1}]}\n",
                    Problem("in gates.a.approvals[0]: the key 'from' is missing", 8),
                ),
                (
                    "gates:\n  a: {approvals: [{count: 1, from: ops, of: ops}]}\n",
                    Problem("in gates.a.approvals[0]: unknown key 'of'", 8),
                ),
                (
                    f"gates:\n  a: {{approvals: [{', '.join(['{count: 1, from: owners}'] * 11)}]}}\n",
                    Problem("gates.a.approvals: has 11 items; at most 10 are read", 8),
                ),
                (
                    "gates:\n  a: {approvals: [{count: 3, from: ops}]}\n",
                    Problem("gates.a.approvals: asks for more different people than there are", 8),
                ),
                (
                    "gates:\n  a: {approvals: [{count: 1, from: alice}, {count: 2, from: ops}]}\n",
                    Problem("gates.a.approvals: asks for more different people than there are", 8),
                ),
                (
                    "gates:\n  a: {evidence: [{type: test-result, name: x, signed-by: evaluators}]}\n",
                    Problem("gates.a.evidence[0].signed-by: there is no role or person 'evaluators'", 8),
                ),
                (
                    "governance: [{count: 1, from: owners}]\n",
                    Problem("governance[0].from: there is no role or person 'owners'", 7),
                ),
                (
                    "governance: [{count: 1, from: ops, enforce: warn}]\n",
                    Problem("in governance[0]: unknown key 'enforce'", 7),
                ),
                (
                    "governance: [{count: 3, from: ops}]\n",
                    Problem("governance: asks for more different people than there are", 7),
                ),
                *(
                    (f"gates:\n  a: {{windows: [{rule}]}}\n", Problem(f"gates.a.windows{said}", 8, hint))
                    for rule, said, hint in (
                        ("{}", "[0]: a window is either one or the other", "write deny: or allow:, and not both"),
                        (
                            "{deny: Fri-Sun, timezone: Europe/Berln}",
                            "[0]: 'Europe/Berln' is no time zone; did you mean 'Europe/Berlin'?",
                            "names are those of the IANA database: Europe/Berlin, UTC",
                        ),
                        ("{deny: friday}", "[0]: 'friday' is no day", "write: Fri"),
                        ("{deny: 3}", "[0].deny: must be text, not the number 3", "quote it"),
                        (", ".join(["{deny: Fri}"] * 51), ": has 51 items; at most 50 are read", None),
                    )
                ),
                ("taggers: [zed]\n", Problem("taggers[0]: there is no role or person 'zed'", 7)),
                (
                    "  production: {from: [staging], rollback: {by: [oncall]}}\n",
                    Problem("stages.production.rollback.by[0]: there is no role or person 'oncall'", 7),
                ),
                (
                    "  production: {from: [staging], rollback: {}}\n",
                    Problem("in stages.production.rollback: the key 'by' is missing", 7),
                ),
                (
                    "  production: {from: [staging], waivers: {by: []}}\n",
                    Problem("stages.production.waivers.by: must not be empty", 7),
                ),
                (
                    "  production: {from: [staging], waivers: {by: [ops], settle: soon}}\n",
                    Problem(
                        "stages.production.waivers.settle: 'soon' is no length of time such as 72h, 30d or 1d12h", 7
                    ),
                ),
            )
        ),
        (LEAST + "people:\n  a b: {}\n", Problem(f"people.a b: 'a b' {NO_SLUG}", 8)),
    ],
)
def test_a_policy_that_is_not_right_is_refused_with_its_line(text: str, problem: Problem) -> None:
    assert problems_of(text) == (problem,)


def test_a_circle_of_stages_is_shown() -> None:
    (problem,) = problems_of(LEAST + "  a: {from: [b, staging]}\n  b: {from: [c]}\n  c: {from: [a]}\n")
    assert problem.line in (7, 8, 9)
    said, _, circle = problem.message.partition(": the stages stand in a circle: ")
    stages = circle.split(" → ")
    assert said == f"stages.{stages[-1]}.from"
    assert stages[0] == stages[-1]
    assert set(stages) == {"a", "b", "c"}


def test_accounts_of_one_person_may_be_said_twice_and_of_two_forges_be_the_same() -> None:
    assert policy(LEAST + "people:\n  a: {github: x, gitlab: x}\n  b: {gitlab: y}\n").people["b"] == Person(gitlab="y")


def test_a_retired_stage_needs_to_come_from_nowhere() -> None:
    assert policy(LEAST + "  old: {retired: true}\n").stages["old"] == Stage(retired=True)


def test_every_problem_is_said_at_once_whatever_else_is_wrong() -> None:
    text = """\
apiVersion: gitstage/v1
kind: Registry
id: nobody
trnk: main
stages:
  staging: {from: [registerd], keep: 3}
  production: {from: [staging], gates: [standrd]}
gates:
  standard: {soak: soon}
models:
  "**": {owners: [platform], gates: {prodution: [standard]}}
roles:
  platfrom: [alice]
"""
    assert problems_of(text) == (
        Problem("id: must be a UUID in lower case, as `gitstage init` makes one, not 'nobody'", 3),
        Problem("unknown key 'trnk'; did you mean 'trunk'?", 4),
        Problem("stages.staging.keep: must be a length of time such as 72h, not the number 3", 6, "write its unit: 3h"),
        Problem("stages.staging.from[0]: there is no stage 'registerd'; did you mean 'registered'?", 6),
        Problem("stages.production.gates[0]: there is no gate 'standrd'; did you mean 'standard'?", 7),
        Problem("gates.standard.soak: 'soon' is no length of time such as 72h, 30d or 1d12h", 9),
        Problem("models.**.owners[0]: there is no role or person 'platform'; did you mean 'platfrom'?", 11),
        Problem("models.**.gates.prodution: there is no stage 'prodution'; did you mean 'production'?", 11),
        Problem("roles.platfrom[0]: there is no person 'alice'", 13),
    )


@pytest.mark.parametrize(
    "text",
    [
        *(
            f"{HEAD}{STAGES}{key}: {value}\n"
            for key in ("gates", "models", "people", "roles", "protected", "ledger", "trunk")
            for value in ("x", "3", "[x]", "[[x]]", "{a: 3}", "{a: {b: {c: d}}}", "{a: [3]}")
        ),
        *(
            f"{HEAD}stages: {value}\n"
            for value in ("x", "[x]", "{a: x}", "{a: {from: x}}", "{a: {from: [[a]]}}", "{a: {gates: 3}}")
        ),
        *(
            f"{LEAST}models: {{a: {value}}}\n"
            for value in ("{owners: x}", "{gates: x}", "{gates: {staging: x}}", "{owners: [3]}")
        ),
        *(f"{LEAST}people: {{a: {value}}}\n" for value in ("{github: 3}", "{emails: x}", "{keys: [3]}", "[]")),
    ],
)
def test_whatever_stands_where_something_else_belongs_is_refused(text: str) -> None:
    with suppress(DocumentError):
        found = policy(text)
        assert isinstance(found, Policy)


# A policy that was made to keep us busy


@pytest.mark.parametrize(
    "text",
    [
        LEAST + "".join(f"  s{n}: {{from: [s{n - 1}]}}\n" for n in range(20_000)),
        LEAST + "models:\n" + "".join(f'  "*{n:05}": {{}}\n' for n in range(30_000)),
        LEAST + "models:\n" + "".join(f"  a{n}/**: {{}}\n" for n in range(30_000)),
        LEAST + "".join(f"key{n}: 1\n" for n in range(50_000)),
        LEAST + "protected: [" + ", ".join(f"p{n}" for n in range(90_000)) + "]\n",
        LEAST + "people:\n" + "".join(f"  p{n}: {{github: x}}\n" for n in range(30_000)),
    ],
    ids=["stages", "wild patterns", "namespaces", "keys", "paths", "people"],
)
def test_no_policy_takes_long(text: str) -> None:
    start = time.process_time()
    with suppress(DocumentError):
        policy(text)
    assert time.process_time() - start < 30


def test_too_many_patterns_that_have_to_be_compared_are_refused() -> None:
    text = LEAST + "models:\n" + "".join(f'  "*{n:05}": {{}}\n' for n in range(400))
    assert problems_of(text) == (Problem("models.*00301: more than 300 patterns are as specific as this one", 309),)


def test_of_very_many_contradictions_the_first_are_said() -> None:
    text = LEAST + "roles:\n  a: [" + ", ".join(f"p{n}" for n in range(1000)) + "]\n"
    assert len(problems_of(text)) == MAX_PROBLEMS


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_policy_raises_nothing_but_a_document_error(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(GOLDEN)))
    end = data.draw(st.integers(start, min(len(GOLDEN), start + 40)))
    other = data.draw(
        st.one_of(st.binary(max_size=8), st.sampled_from([b"[", b"{}", b": ", b"\n- ", b"3", b"*", b"**", b"[]"]))
    )
    with suppress(DocumentError):
        assert isinstance(read_policy(GOLDEN[:start] + other + GOLDEN[end:]), Policy)


# For editors


def accepted(document: object) -> bool:
    return jsonschema.Draft202012Validator(policy_schema()).is_valid(document)


def test_the_schema_takes_the_golden_policy_and_explains_every_key() -> None:
    schema = policy_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert accepted(yaml.load(GOLDEN, yaml.BaseLoader)) is False  # everything is text to that one
    assert accepted(parse(GOLDEN))
    assert accepted(parse(LEAST.encode()))
    for name, part in {"gitstage.yaml": schema, **schema["$defs"]}.items():
        for key, value in part["properties"].items():
            assert value.get("description"), (name, key)
            assert "_" not in key
    assert schema["required"] == ["apiVersion", "kind", "id", "stages"]


@pytest.mark.parametrize(
    "change",
    [
        {"stages": {}},
        {"windows": []},
        {"governance": [{"count": 0, "from": "x"}], "people": {"x": {}}},
        {"adopt_until": "2026-01-01"},
        {"gates": {"a": {"soak": "soon"}}},
        {"gates": {"a": {"metrics": [{"name": "x", "max-drop": "2 percent"}]}}},
        {"gates": {"a": {"evidence": [{"type": 3, "name": "x"}]}}},
        {"id": "x"},
        {"kind": "Other"},
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(change: dict[str, Any]) -> None:
    document: dict[str, Any] = parse(LEAST.encode()) | change
    assert not accepted(document)
    assert problems_of(json.dumps(document))


# What the manual says of it

MANUAL = (Path(__file__).parents[1] / "docs" / "reference" / "policy.md").read_text("utf-8")


def test_the_example_of_the_manual_is_a_policy() -> None:
    (example,) = (block.split("```")[0] for block in MANUAL.split("```yaml\n")[1:])
    assert policy(example).owners_of("risk/fraud") == ("alice",)


def test_the_manual_has_every_key() -> None:
    schema = policy_schema()
    keys = {key for part in (schema, *schema["$defs"].values()) for key in part["properties"]}
    assert {key for key in keys if f"| `{key}` |" not in MANUAL} == set()


# Sigstore

TRUST = f"sigstore: {{trusted-root: trust/root.json, sha256: {'a' * 64}}}\n"
GITHUB = "https://token.actions.githubusercontent.com"
EVE = f"{{identity: eve@acme.dev, issuer: {GITHUB}}}"


def known(*people: str, trust: str = TRUST) -> str:
    """A policy with the identities of some people, each `name: [IDENTITY…]`."""
    return LEAST + trust + "people:\n" + "".join(f"  {one}\n" for one in people)


def test_an_identity_belongs_to_somebody() -> None:
    found = policy(known(f"eve: {{identities: [{EVE}], keys: [{ALICE}]}}"))
    assert found.sigstore == Sigstore(trusted_root="trust/root.json", sha256="a" * 64)
    assert found.keys == {
        ALICE: ("eve", PublicKey(key=ALICE)),
        f"sigstore:{GITHUB}#eve@acme.dev": ("eve", PublicKey(key=f"sigstore:{GITHUB}#eve@acme.dev")),
    }


@pytest.mark.parametrize("moment", ["20261231", '"20261231"', '"20261231Z"', '"202612310000"', "20261231000000"])
def test_an_identity_has_its_time_as_a_key_has(moment: str) -> None:
    written = EVE.replace("}", f", valid-before: {moment}}}")
    ((_, key),) = policy(known(f"eve: {{identities: [{written}]}}")).keys.values()
    assert key.valid_before == datetime(2026, 12, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (known(f"eve: {{identities: [{EVE}]}}", trust=""), "people.eve.identities[0]: cannot be verified"),
        (known(f"eve: {{identities: [{EVE}, {EVE}]}}"), "people.eve.identities[1]: 'eve' has it already"),
        (
            known(f"eve: {{identities: [{EVE}]}}", f"bob: {{identities: [{EVE}]}}"),
            "people.bob.identities[0]: 'eve' has it already: people are counted, and this would count twice",
        ),
        (known("eve: {identities: [{identity: eve@acme.dev}]}"), "people.eve.identities[0]"),
        (known(f"eve: {{identities: [{{issuer: {GITHUB}}}]}}"), "people.eve.identities[0]"),
        (known(f"eve: {{identities: [{EVE.replace('}', ', regexp: x}')}]}}"), "regexp"),
        (known(f"eve: {{identities: [{EVE.replace('eve@', 'e*@')}]}}"), "looks like a pattern"),
        (known(f"eve: {{identities: [{EVE.replace('}', ', valid-after: true}')}]}}"), "must be a moment such as"),
        (known(f"eve: {{identities: [{EVE.replace('}', ', valid-after: 2026}')}]}}"), "'2026' is no moment"),
        (known("eve: {identities: [eve@acme.dev]}"), "people.eve.identities[0]"),
        (known("eve: {identities: eve@acme.dev}"), "people.eve.identities"),
        (LEAST + "sigstore: {trusted-root: trust/root.json}\n", "sigstore"),
        (LEAST + f"sigstore: {{sha256: {'a' * 64}}}\n", "sigstore"),
        (LEAST + TRUST.replace("a" * 64, "A" * 64), "must be a SHA-256 in 64 lower-case digits"),
        (LEAST + TRUST.replace("a" * 64, "a" * 63), "must be a SHA-256 in 64 lower-case digits"),
        *(
            (LEAST + TRUST.replace("trust/root.json", f'"{path}"'), "is no path of a file, from the repository's root")
            for path in ("", "/etc/root.json", "../root.json", "trust/*.json", "trust/", "a//b", "a/./b", "https://x")
        ),
    ],
)
def test_an_identity_or_a_root_that_is_not_right_is_refused(text: str, said: str) -> None:
    messages = [problem.message for problem in problems_of(text)]
    assert messages
    assert any(said in message for message in messages), messages


def test_identities_of_two_issuers_are_two() -> None:
    other = EVE.replace(GITHUB, "https://accounts.google.com")
    found = policy(known(f"eve: {{identities: [{EVE}]}}", f"bob: {{identities: [{other}]}}"))
    assert [person for person, _ in found.keys.values()] == ["eve", "bob"]
