"""Every shape of `--json`, held against docs/reference/json.md, key by key and both ways."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Shell
from tests.signatures.hands import make_key

MANUAL = Path(__file__).parents[2] / "docs" / "reference" / "json.md"
ROW = re.compile(r"^\| `([^`]+)` \| ([a-z, ]+) \|", re.MULTILINE)
ELSEWHERE = ("manifest", "report")
"""Keys whose values another page of the manual describes."""
FREE = ("held", "metrics", "stages")
"""Keys whose values are mappings by names of the user's."""


def shapes() -> dict[str, dict[str, set[str]]]:
    """The types of every key path, by the heading of its shape."""
    sections = MANUAL.read_text(encoding="utf-8").split("\n## ")[1:]
    return {
        section.splitlines()[0]: {key: set(types.split(", ")) for key, types in ROW.findall(section)}
        for section in sections
    }


def kind(value: object) -> str:
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "list", dict: "object"}
    return "null" if value is None else kinds[type(value)]


def paths(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each key path of a document with the kind of its value."""
    if path:
        yield path, kind(value)
    last = path.rpartition(".")[2]
    if isinstance(value, dict) and last not in ELSEWHERE:
        for key, item in value.items():
            name = "*" if last in FREE else key
            yield from paths(item, f"{path}.{name}" if path else name)
    if isinstance(value, list):
        for item in value:
            yield from paths(item, f"{path}[]")


def split(found: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """What is of the shape itself, and what is of the findings in it."""
    own = [(path, kind) for path, kind in found if "findings[]." not in path]
    return own, [(path.rpartition("findings[].")[2], kind) for path, kind in found if "findings[]." in path]


def fits(kind: str, types: set[str]) -> bool:
    return kind in types or (kind == "integer" and "number" in types)


@pytest.fixture
def said(gs: Shell) -> dict[str, list[Any]]:
    """Documents of every shape, by its name: each where there is much to say."""
    story = gs.story
    found: dict[str, list[Any]] = {}

    def say(*words: str) -> None:
        document = gs.run(*words, "--json").json()
        found.setdefault(document["schema"], []).append(document)

    story.amend(
        {
            "    # gates: [standard]             # all of them must pass\n": "    gates: [rest]\n"
            "    waivers: {by: [owners]}\n\ngates:\n  rest:\n"
            "    soak: 24h\n    metrics: [{name: auc, min: 0.5, max-drop: 0.5, enforce: warn}]\n"
            "    evidence: [{type: test-result, name: load-test}]\n"
        }
    )
    say("promote", "fraud-detector", "--to", "production", "--dry-run")
    say("explain", "fraud-detector", "--to", "production")
    say("explain", "fraud-detector@1.1.0", "--to", "production")
    story.attest("fraud-detector@1.2.0", "load-test", latency_p99_ms=12.5)
    key = str(make_key(story.path.parent / "keys"))
    say("attest", "fraud-detector@1.2.0", "--name", "smoke", "--result", "passed", "--sign", key)
    story.later(hours=24)
    say("promote", "fraud-detector", "--to", "production", "--reason", "it is better")
    story.git("tag", "fraud-detector/production/9")
    story.register("other", "1.0.0", to="staging")
    story.register("slow", "1.0.0", to="staging")
    say("hold", "fraud-detector@1.0.0", "--reason", "leaks a feature")
    say("rollback", "fraud-detector@production", "--reason", "it was bad")
    for words in (("show", "fraud-detector@1.2.0"), ("show", "fraud-detector@production"), ("log", "fraud-detector")):
        say(*words)
    say("show", "fraud-detector@1.0.0")
    say("diff", "fraud-detector@1.0.0", "fraud-detector@1.2.0")
    say("resolve", "fraud-detector@production")
    say("resolve", "fraud-detector@1.2.0")
    say("pull", "fraud-detector@production", "--to", "../served")
    say("pull", "fraud-detector@1.2.0", "--to", "../other")
    say("doctor")
    cases = {
        "same": {"promote": "m@1.0.0", "to": "staging"},
        "other": {"promote": "m@1.0.0", "to": "production"},
    }
    test = {
        "apiVersion": "gitstage/v1",
        "kind": "PolicyTest",
        "now": "2026-03-01T12:00:00Z",
        "versions": {"m@1.0.0": {}},
        "cases": [{"name": name, "change": change, "expect": {"soak": "passed"}} for name, change in cases.items()],
    }
    story.write("gitstage.test.yaml", json.dumps(test))
    say("policy", "test")
    (story.path / "gitstage.test.yaml").unlink()
    say("status")
    story.write(
        "../stricter.yaml", story.read("gitstage.yaml").replace("min: 0.5, max-drop: 0.5, enforce: warn", "min: 0.94")
    )
    say("audit", "--policy", "../stricter.yaml", "--since", "90d")
    story.register("slow", "1.1.0")
    story.copy("models/slow/1.1.0.yaml", "staging/slow.yaml")
    story.copy("models/slow/1.0.0.yaml", "archived/slow/1.0.0.yaml")
    story.commit("promote by hand")
    story.git("tag", "slow/staging/9")
    say("tag")
    story.copy("staging/slow.yaml", "production/slow.yaml")
    story.write("gitstage.yaml", "apiVersion: nonsense\n")
    story.write("models/other/9.9.9.yaml", "nonsense\n")
    story.commit("break it")
    say("tag", "--dry-run")
    say("tag")
    say("audit")
    say("status")
    say("status", "fraud-detector")
    say("status", "--at", "2026-03-01T13:30Z")
    say("fmt", "models/other/9.9.9.yaml", "models/other/1.0.0.yaml", "--check")
    story.write("loose.yaml", "# a comment\n" + story.read("models/other/1.0.0.yaml"))
    say("fmt", "loose.yaml")
    return found


def test_every_shape_is_what_the_manual_says_key_by_key(said: dict[str, list[Any]]) -> None:
    manual = shapes()
    findings = manual.pop("Findings")
    assert set(said) == set(manual)
    for name, documents in said.items():
        own, judged = split([found for document in documents for found in paths(document)])
        unknown = {(path, kind) for path, kind in own if not fits(kind, manual[name].get(path, set()))}
        assert (name, unknown) == (name, set())
        assert {(path, kind) for path, kind in judged if not fits(kind, findings.get(path, set()))} == set()


def test_the_manual_says_nothing_that_is_not_there(said: dict[str, list[Any]]) -> None:
    manual = shapes()
    manual.pop("Findings")
    for name, documents in said.items():
        seen = {path for document in documents for path, _ in paths(document)}
        rare = {
            "notes[]",
            "trusted[]",
            "effects[].approvers[]",
            *(f"owed[]{key}" for key in ("", ".tag", ".kind", ".by", ".by[]", ".since", ".due")),
            *(f"words[]{key}" for key in ("", ".tag", ".by", ".signed_by", ".authors", ".approvers")),
            *(f"words[].{key}[]" for key in ("authors", "approvers")),
        }
        assert (name, manual[name].keys() - seen - rare) == (name, set())


def test_the_shape_of_check_is_that_of_a_report(gs: Shell) -> None:
    document = gs.run("check", "--json").json()
    assert document["schema"] == "gitstage/report/v1"
    assert gs.run("check", "--format", "json").json() == document


def test_keys_that_are_always_there_are_there_in_every_document(said: dict[str, list[Any]]) -> None:
    for name, documents in said.items():
        assert (name, {frozenset(document) for document in documents}) == (name, {frozenset(documents[0])})


def test_an_error_leaves_stdout_empty(gs: Shell) -> None:
    failed = gs.run("resolve", "nobody@production", "--json")
    assert (failed.code, failed.out) == (2, "")
