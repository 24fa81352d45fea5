"""Each text of each document of a registry, made hostile one by one: no command, in no format, passes it on as it is."""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt

from gitstage.canonical import DocumentError, dump
from tests.cli.shell import Shell
from tests.cli.test_hostile import harmless
from tests.git.sandbox import git
from tests.registries import enveloped
from tests.reports.runner import annotation, commands_in

EVIL = "a\x1b[31m\x07 \u202eb\u200b ##[error]c\r\n::error::d<img src=x>[e](javascript:f)|`g"
PRINTABLE = "##[error]c ::error::d<img src=x>[e](javascript:f)|`g @team"
"""Where no other characters are let in."""
SEEN = "a\\x1b[31m\\x07 \\u202eb\\u200b "
"""What of it a person is shown."""
MODEL = "fraud-detector"
COMMIT = "9b70aa68" * 5
DIGEST = "77e0" * 16

Document = dict[str, Any]

# Documents in which every field is filled.

MANIFEST: Document = {
    "apiVersion": "gitstage/v1",
    "kind": "ModelVersion",
    "model": MODEL,
    "version": "2.0.0",
    "artifacts": [{"path": "model.onnx", "uri": "s3://acme/model.onnx", "sha256": DIGEST, "size": 4}],
    "format": "onnx",
    "metrics": {"auc": 0.9},
    "params": {"kernel": "rbf"},
    "data": [{"name": "spring", "uri": "s3://acme/spring", "sha256": DIGEST}],
    "source": {"repository": "https://a.dev/r", "commit": COMMIT, "run": "https://a.dev/runs/1"},
    "labels": {"team": "risk"},
    "description": "Retrained.",
}
HOLD: Document = {
    "apiVersion": "gitstage/v1",
    "kind": "Hold",
    "model": MODEL,
    "version": "1.0.0",
    "state": "held",
    "reason": "leaks",
}
POLICY: Document = {
    "apiVersion": "gitstage/v1",
    "kind": "Registry",
    "id": "4f6c1c1e-8a39-4a0e-9d7e-2f1b7c0a5f11",
    "trunk": "main",
    "tags": "ci",
    "protected": ["CODEOWNERS"],
    "governance": [{"count": 1, "from": "platform"}],
    "stages": {
        "staging": {"from": ["registered", "archived"], "keep": "1h"},
        "production": {
            "from": ["staging"],
            "gates": ["standard"],
            "rollback": {"by": ["owners"], "settle": "72h"},
            "waivers": {"by": ["platform"], "settle": "72h"},
        },
    },
    "gates": {
        "standard": {
            "soak": "1h",
            "metrics": [{"name": "auc", "min": 0.99, "max-drop": 0.1, "evidence": "load-test"}],
            "evidence": [{"type": "test-result", "name": "shadow", "signed-by": "platform", "max-age": "30d"}],
            "approvals": [{"count": 1, "from": "owners"}],
            "windows": [{"deny": "Mon 00:00 - Sun 23:59", "timezone": "Europe/Berlin"}],
            "rules": [{"name": "never", "expr": "version.version == '0.0.0'", "message": "no", "enforce": "warn"}],
        }
    },
    "models": {"**": {"owners": ["platform"]}, MODEL: {"gates": {"production": ["standard"]}}},
    "people": {"ada": {"github": "ada", "emails": ["ada@a.dev"]}},
    "roles": {"platform": ["ada"]},
}
TEST_RESULT: Document = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"name": "x", "digest": {"sha256": DIGEST}, "uri": "https://a.dev/x"}],
    "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
    "predicate": {
        "result": "PASSED",
        "configuration": [{"name": "c", "uri": "https://a.dev/c", "digest": {"sha256": DIGEST}}],
        "passedTests": ["one"],
        "gitstageMade": "2026-03-01T12:00:00Z",
        "gitstageMetrics": {"p99": 1.5},
    },
}
WAIVER: Document = {
    "_type": "https://in-toto.io/Statement/v1",
    "predicate": {
        "change": 2,
        "expires": "2026-11-23T18:00:00Z",
        "gate": "standard",
        "incumbent": "1" * 64,
        "made": "2026-03-01T10:00:00Z",
        "reason": "it burns",
        "registry": "4f6c1c1e-8a39-4a0e-9d7e-2f1b7c0a5f11",
        "rule": "windows",
        "stage": "production",
    },
    "predicateType": "https://gitstage.dev/attestation/waiver/v1",
    "subject": [{"digest": {"sha256": "2" * 64}, "name": f"{MODEL}@1.2.0"}],
}
REHEARSAL: Document = {
    "apiVersion": "gitstage/v1",
    "kind": "PolicyTest",
    "now": "2026-11-25 10:00 Europe/Berlin",
    "versions": {"m@1.0.0": {"metrics": {"auc": 0.9}, "labels": {"l": "v"}, "description": "d"}},
    "given": {"stages": {"production": ["m@1.0.0"]}},
    "cases": [
        {
            "name": "c",
            "given": {"evidence": [{"about": "m@1.0.0", "name": "load-test", "age": "2h", "metrics": {"p99": 1.0}}]},
            "change": {"promote": "m@1.0.0", "to": "production"},
            "expect": {"soak": "passed"},
        }
    ],
}
FORGE: Document = {
    "schema": "gitstage/approvals/v1",
    "forge": "github",
    "changes": [
        {
            "commits": [COMMIT],
            "authors": ["ada"],
            "approvals": [{"account": "bob", "commit": COMMIT, "moment": "2026-03-01T12:00:00Z"}],
        }
    ],
}


def planted(document: Document) -> Iterator[tuple[str, Document]]:
    """The document with each of its texts, and each of its keys, made hostile, and where that is."""
    for path in _places(document):
        for what in ("value", "key"):
            made = copy.deepcopy(document)
            holder: Any = made
            for step in path[:-1]:
                holder = holder[step]
            if what == "value" and not isinstance(holder[path[-1]], dict | list):
                holder[path[-1]] = EVIL
            elif what == "key" and isinstance(holder, dict):
                items = [(EVIL if key == path[-1] else key, value) for key, value in holder.items()]
                holder.clear()
                holder.update(items)
            else:
                continue
            yield f"{what} at {'.'.join(map(str, path))}", made


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    steps: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
    for step in steps:
        yield (*path, step)
        if isinstance(value[step], dict | list):
            yield from _places(value[step], (*path, step))


def as_yaml(document: Document) -> str:
    """In our own form, so that it is the text that is found fault with, and not the form; where there is one."""
    try:
        return dump(document).decode()
    except DocumentError:  # a key that is too long
        return yaml.safe_dump(document, sort_keys=False)


# What a format may hold.

TAME_TAGS = {
    *("h3", "h4", "p", "ul", "li", "details", "summary", "table", "thead", "tbody", "tr", "th", "td", "code", "span"),
    *("br", "strong", "del", "em"),
}


def is_tame(form: str, out: str) -> bool:
    """Whether a report obeys nobody but us."""
    if form == "github":
        *lines, last = out.splitlines()
        properties = {key for line in lines for key in annotation(line)[1]}
        return properties <= {"file", "line", "title"} and last.startswith("gitstage: ") and not _hidden(out)
    if form == "markdown":
        html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(out)
        tags = set(re.findall(r"</?(\w+)", html))
        return tags <= TAME_TAGS and commands_in(out) == [] and not _hidden(out)
    return commands_in(out) == [] and not _hidden(out)


def _hidden(out: str) -> bool:
    return not out.replace("\n", "").replace("\ufe0f", "").isprintable()


FORMATS = ("text", "json", "github", "markdown", "sarif", "junit")


def judged(gs: Shell, *options: str) -> dict[str, str]:
    """The report of a change in each format; each is harmless."""
    reports = {}
    for form in FORMATS:
        said = gs.run("check", "--format", form, *options)
        assert said.code == 1, said
        assert is_tame(form, said.out), (form, said.out)
        assert harmless(said) or form == "github", (form, said.out)
        reports[form] = said.out
    return reports


def on_a_branch(gs: Shell, files: Mapping[str, str]) -> None:
    gs.story.git("switch", "--quiet", "--force-create", "evil", "main")
    for path, text in files.items():
        gs.story.write(path, text)
    gs.story.commit(EVIL)


READING = [
    ("status",),
    ("status", MODEL),
    ("status", "--declared"),
    ("log", MODEL),
    ("diff", f"{MODEL}@1.0.0", f"{MODEL}@1.1.0", "--all"),
    ("explain", f"{MODEL}@1.2.0", "--to", "production"),
    ("tag", "--dry-run"),
    ("audit",),
    ("doctor",),
]


def everything_is_read(gs: Shell, *more: tuple[str, ...]) -> None:
    for words in (*READING, *more):
        for extra in ((), ("--json",)):
            said = gs.run(*words, *extra)
            assert harmless(said), (words, extra, said)
            assert said.code != 3, (words, said)
            assert said.out.isascii() or not extra


# One test a kind of document


@pytest.mark.parametrize(
    ("kind", "document", "place"),
    [
        ("manifest", MANIFEST, f"models/{MODEL}/2.{{}}.0.yaml"),
        ("hold", HOLD, f"holds/{MODEL}/2.{{}}.0.yaml"),
        ("a slot", MANIFEST, "staging/m{}.yaml"),
        ("an archived file", MANIFEST, f"archived/{MODEL}/2.{{}}.0.yaml"),
    ],
)
def test_what_a_file_of_the_registry_says(gs: Shell, kind: str, document: Document, place: str) -> None:
    cases = list(planted(document))
    files = {}
    for number, (_, made) in enumerate(cases):
        if made.get("version") == document["version"]:
            made["version"] = f"2.{number}.0"
        files[place.format(number)] = as_yaml(made)
    on_a_branch(gs, files)
    reports = judged(gs)
    assert (SEEN in reports["text"]) == (kind in ("manifest", "hold")), "of others only the bytes are looked at"
    gs.story.git("switch", "--quiet", "main")
    gs.story.git("merge", "--quiet", "--ff-only", "evil")
    gs.run("tag")
    shown = [("show", f"{MODEL}@2.{number}.0") for number in range(len(cases))] if kind == "manifest" else []
    everything_is_read(gs, *shown)


@pytest.mark.parametrize(("kind", "document"), [("load-test", TEST_RESULT), ("waiver-ada", WAIVER)])
@pytest.mark.parametrize("in_envelope", [False, True])
def test_what_a_statement_says(gs: Shell, kind: str, document: Document, in_envelope: bool) -> None:
    files = {}
    for number, (_, made) in enumerate(planted(document)):
        text = json.dumps(made, indent=2, sort_keys=True) + "\n"
        files[f"evidence/{MODEL}/1.2.0/{kind}-{number}/1.json"] = (
            enveloped(text.encode()).decode() if in_envelope else text
        )
    on_a_branch(gs, files)
    assert SEEN in judged(gs)["text"]
    gs.story.git("switch", "--quiet", "main")
    gs.story.git("merge", "--quiet", "--ff-only", "evil")
    gs.run("tag")
    everything_is_read(gs, ("show", f"{MODEL}@1.2.0"))


@pytest.mark.parametrize("what", [name for name, _ in planted(POLICY)])
def test_what_the_policy_says(gs: Shell, what: str) -> None:
    document = dict(planted(POLICY))[what]
    document.setdefault("id", gs.story.registry().identity.id)
    if document["id"] == POLICY["id"]:
        document["id"] = gs.story.registry().identity.id
    on_a_branch(gs, {"gitstage.yaml": as_yaml(document)})
    for form in ("text", "github"):
        said = gs.run("check", "--format", form)
        assert said.code in (0, 1, 4), said
        assert is_tame(form, said.out), said.out
    for words in (
        ("status", "--declared"),
        ("policy", "test", "--policy", "gitstage.yaml"),
        ("audit", "--policy", "gitstage.yaml"),
    ):
        assert harmless(gs.run(*words)), words


def test_what_a_policy_says_that_is_in_effect(gs: Shell) -> None:
    """The texts that a policy may say anything in, and then everything that is shown of what it judges."""
    pytest.importorskip("cel_expr_python")
    document = copy.deepcopy(POLICY)
    document["id"] = gs.story.registry().identity.id
    del document["governance"], document["tags"]
    document["gates"]["standard"]["rules"] = [
        {"name": "never", "expr": f"version.version == {json.dumps(PRINTABLE)}", "message": PRINTABLE}
    ]
    gs.story.write("gitstage.yaml", as_yaml(document))
    gs.story.commit("policy")
    gs.run("tag")
    gs.story.git("switch", "--quiet", "-c", "evil")
    gs.story.copy(f"models/{MODEL}/1.2.0.yaml", f"production/{MODEL}.yaml")
    gs.story.copy(f"models/{MODEL}/1.1.0.yaml", f"archived/{MODEL}/1.1.0.yaml")
    gs.story.commit(EVIL)
    reports = judged(gs)
    assert "#\\x23[error]c ::error::d<img" in reports["text"]
    assert all("never" in report for report in reports.values())
    gs.story.git("switch", "--quiet", "main")
    gs.story.git("merge", "--quiet", "--ff-only", "evil")
    gs.run("tag")
    everything_is_read(gs)
    assert "#\\x23[error]c ::error::d<img" in gs.run("tag", "--dry-run").out


NAMES = (
    "models/{}.yaml",
    f"models/{MODEL}/{{}}.yaml",
    "models/{}/1.0.0.yaml",
    "staging/{}.yaml",
    "evidence/{}",
    "archived/{}",
)


def test_what_files_are_called(gs: Shell) -> None:
    for number, name in enumerate(NAMES):
        gs.story.git("switch", "--quiet", "--force-create", f"evil-{number}", "main")
        path = Path(os.fsdecode(os.fsencode(gs.story.path) + b"/" + name.format(EVIL.replace("\x00", "")).encode()))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x\n", encoding="utf-8")
        gs.story.commit(EVIL)
        reports = judged(gs)
        assert SEEN in reports["text"], name
        if number:
            gs.story.git("switch", "--quiet", "main")
            gs.story.git("merge", "--quiet", "-m", EVIL, f"evil-{number}")
    gs.run("tag")
    everything_is_read(gs)


def test_what_commits_say(gs: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "a\x1b[31m \u202eb ::error::c"
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", name)
        monkeypatch.setenv(f"GIT_{who}_EMAIL", name)
    gs.run("promote", MODEL, "--to", "production", "--reason", EVIL)
    gs.story.copy(f"models/{MODEL}/1.0.0.yaml", f"staging/{MODEL}.yaml")
    gs.story.commit(EVIL)
    everything_is_read(gs, ("tag",))


BRANCHES = ("a\u202eb", "##[error]c".replace("[", "("), "a<img src=x>".replace(" ", "\u200b"))


@pytest.mark.parametrize("branch", BRANCHES)
def test_what_branches_are_called(gs: Shell, branch: str) -> None:
    gs.story.git("switch", "--quiet", "-c", branch)
    gs.story.write(f"production/{MODEL}.yaml", EVIL)
    gs.story.commit("by hand")
    for words in (("--verbose", "check", "--head", branch), ("-v", "promote", f"{MODEL}@1.2.0", "--to", "production")):
        assert harmless(gs.run(*words)), words
    judged(gs)


# What stands in refs


def bodies(gs: Shell, tag: str) -> Iterator[str]:
    text = gs.story.git("tag", "--list", "--format=%(contents)", tag)
    subject, _, body = text.partition("\n\n")
    for _, made in planted(json.loads(body)):
        yield f"{subject}\n\n{json.dumps(made)}"
    yield f"{EVIL}\n\n{body}"
    yield EVIL


@pytest.mark.parametrize("tag", [f"{MODEL}/production/2", f"{MODEL}/v1.2.0", "policy/1"])
def test_what_tags_say(gs: Shell, tag: str) -> None:
    """The tag itself says it, and next ones of which nobody else made any."""
    head = gs.story.git("rev-parse", f"refs/tags/{tag}^{{commit}}")
    for message in bodies(gs, tag):
        object_ = f"object {head}\ntype commit\ntag {tag}\ntagger {EVIL[:8]} <a@b> 0 +0000\n\n{message}\n"
        oid = git("hash-object", "-t", "tag", "-w", "--literally", "--stdin", cwd=gs.story.path, stdin=object_.encode())
        gs.story.git("update-ref", f"refs/tags/{tag}", oid)
        for words in (("status",), ("log", MODEL), ("show", f"{MODEL}@1.1.0"), ("audit",), ("tag", "--dry-run")):
            said = gs.run(*words)
            assert harmless(said), (words, message, said)
            assert said.code != 3, said


def test_what_the_ledger_says(gs: Shell) -> None:
    gs.story.write(f"production/{MODEL}.yaml", EVIL)
    gs.story.commit("by hand")
    gs.run("tag")
    ref = gs.story.registry().identity.ledger_ref
    head = gs.story.git("rev-parse", ref)
    document = json.loads(gs.story.git("show", f"{head}:ledger.json"))
    assert document["open"], "something is open in it"
    for where, made in planted(document):
        blob = git("hash-object", "-w", "--stdin", cwd=gs.story.path, stdin=json.dumps(made).encode())
        tree = git("mktree", cwd=gs.story.path, stdin=f"100644 blob {blob}\tledger.json\n".encode())
        gs.story.git("update-ref", ref, gs.story.git("commit-tree", tree, "-p", f"{head}~1", "-m", EVIL))
        for words in (("status",), ("tag", "--dry-run"), ("audit",)):
            said = gs.run(*words)
            assert harmless(said), (where, words, said)
            assert said.code != 3, (where, said)


# What is given to a command


def test_what_files_beside_the_registry_say(gs: Shell) -> None:
    gs.run("audit", "--checkpoint", str(gs.story.path.parent / "checkpoint"))
    checkpoint = json.loads((gs.story.path.parent / "checkpoint").read_text())
    for name, document, words in (
        ("test.yaml", REHEARSAL, ("policy", "test")),
        ("forge.json", FORGE, ("check", "--base", "HEAD~1", "--approvals")),
        ("checkpoint.json", checkpoint, ("audit", "--from")),
    ):
        for where, made in planted(document):
            text = as_yaml(made) if name.endswith("yaml") else json.dumps(made)
            said = gs.run(*words, str(gs.write(name, text)))
            assert harmless(said), (name, where, said)
            assert said.code != 3, (name, where, said)


REPORT = """<?xml version="1.0"?>
<testsuites name="{0}"><testsuite name="{0}" tests="1" failures="{1}"><testcase name="{0}" classname="{0}">
<failure message="{0}">{0}</failure></testcase></testsuite></testsuites>
"""


@pytest.mark.parametrize("count", ["1", "x"])
def test_what_a_report_of_tests_says(gs: Shell, count: str) -> None:
    evil = "a&#x202e;b ##[error]c&#10;::error::d"
    for number in range(3):
        values = [evil if number == 1 else "t", evil if number == 2 else count]
        said = gs.run(
            "attest", f"{MODEL}@1.2.0", "--name", "load-test", "--file", str(gs.write("r.xml", REPORT.format(*values)))
        )
        assert harmless(said), said
    for metrics in ({EVIL: 1.0}, {"a": EVIL}, {EVIL: EVIL}):
        said = gs.run(
            "attest",
            f"{MODEL}@1.2.0",
            "--name",
            "l",
            "--result",
            "passed",
            "--file",
            str(gs.write("m.json", json.dumps(metrics))),
        )
        assert harmless(said), said
    everything_is_read(gs, ("show", f"{MODEL}@1.2.0"))
