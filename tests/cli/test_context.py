from __future__ import annotations

import math
import re
import sys
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pytest

import gitstage
from gitstage.cli.context import Context, numbers, pairs, scalars
from gitstage.errors import GitstageError
from tests.cli.shell import Shell


def test_pairs_keep_what_comes_after_the_first_equals_sign() -> None:
    assert pairs(("a=1", "b=", "c=d=e"), "--label") == {"a": "1", "b": "", "c": "d=e"}


@pytest.mark.parametrize("text", ["a", "=1", ""])
def test_what_is_no_pair_is_said(text: str) -> None:
    with pytest.raises(GitstageError, match="--label takes KEY=VALUE"):
        pairs((text,), "--label")


def test_what_is_said_twice_is_not_guessed() -> None:
    with pytest.raises(GitstageError, match="--label says a twice: '1' and '2'"):
        pairs(("a=1", "a=2"), "--label")


def test_numbers_are_those_of_json() -> None:
    found = numbers(("a=1", "b=-0.5", "c=1e-3", "d=12345678901234567890"), "--metric")
    assert found == {"a": 1, "b": -0.5, "c": 0.001, "d": 12345678901234567890.0}
    assert [type(value) for value in found.values()] == [int, float, float, float]


@pytest.mark.parametrize("value", ["", "high", "nan", "inf", "-inf", "1e999", "1_000", "007", "0x10", "--5", "٣", "²"])
def test_what_is_no_finite_number_is_said(value: str) -> None:
    with pytest.raises(GitstageError, match="is no finite number"):
        numbers((f"auc={value}",), "--metric")


def test_a_whole_number_too_long_for_a_float_is_none() -> None:
    assert scalars((f"a={'9' * 400}",), "--param") == {"a": "9" * 400}
    assert math.isfinite(float(str(scalars((f"a={'9' * 300}",), "--param")["a"])))


def test_params_are_what_they_look_like_and_else_text() -> None:
    found = scalars(("a=6", "b=0.1", "c=true", "d=false", "e=True", "f=007", "g=2024_01", "h=nan"), "--param")
    assert found == {"a": 6, "b": 0.1, "c": True, "d": False, "e": "True", "f": "007", "g": "2024_01", "h": "nan"}


@pytest.mark.parametrize(
    ("repo", "where"),
    [
        (None, "some/folder"),
        ("other.git", "some/folder/other.git"),
        ("/srv/other.git", "/srv/other.git"),
        ("https://git.example.com/x", "https://git.example.com/x"),
        ("git@git.example.com:x", "git@git.example.com:x"),
        ("odd@name/with:colon", "some/folder/odd@name/with:colon"),
    ],
)
def test_a_repository_is_named_from_where_the_command_runs(repo: str | None, where: str) -> None:
    assert Context(directory="some/folder", repo=repo).where == where


def test_verbose_says_which_registry_trunk_and_moment_are_meant(gs: Shell) -> None:
    assert gs("--verbose", "resolve", "fraud-detector@production").splitlines() == [
        "1.1.0",
        "! registry . of …/work/.git",
        f"! trunk main at {'0' * 40}",
        "! remote none, moment 2026-03-01T16:00:00Z",
    ]


def test_a_rule_in_python_runs_where_it_is_allowed_and_the_policy_names_it(
    gs: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule_in_python(tmp_path / "installed", monkeypatch)
    own_rule(gs)
    refused = gs("promote", "fraud-detector", "--to", "production")
    assert "rules/own  cannot be evaluated: the plug-in 'acme' is not allowed to run here" in refused
    assert "type: gitstage --allow-plugin acme …, or GITSTAGE_PLUGINS=acme" in refused
    assert refused.endswith("[1]\n")
    assert "licensed" not in sys.modules
    assert gs.run("--allow-plugin", "other", "promote", "fraud-detector", "--to", "production").code == 1
    assert gs.run("--allow-plugin", "acme", "promote", "fraud-detector", "--to", "production", "--dry-run").code == 0
    monkeypatch.setenv("GITSTAGE_PLUGINS", "other acme")
    assert gs.run("promote", "fraud-detector", "--to", "production").code == 0
    assert gs.story.in_effect("fraud-detector") == "1.2.0"


def test_what_is_allowed_runs_in_a_check_of_another_base_too(
    gs: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule_in_python(tmp_path / "installed", monkeypatch)
    own_rule(gs)
    gs.story.git("switch", "--quiet", "--create", "topic")
    gs.story.copy("staging/fraud-detector.yaml", "production/fraud-detector.yaml")
    gs.story.copy("models/fraud-detector/1.1.0.yaml", "archived/fraud-detector/1.1.0.yaml")
    gs.story.commit("promote")
    assert gs.run("check", "--base", "main").code == 1
    assert gs.run("--allow-plugin", "acme", "check", "--base", "main").code == 0


def test_what_is_allowed_runs_in_hooks_and_from_python_too(
    ada: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule_in_python(tmp_path / "installed", monkeypatch)
    own_rule(ada)
    ada.story.copy("staging/fraud-detector.yaml", "production/fraud-detector.yaml")
    ada.story.copy("models/fraud-detector/1.1.0.yaml", "archived/fraud-detector/1.1.0.yaml")
    ada.story.git("add", "--all")
    assert ada.run("hook", "pre-commit").code == 1
    assert ada.run("--allow-plugin", "acme", "hook", "pre-commit").code == 0
    old = ada.story.git("rev-parse", "origin/main")
    new = ada.story.commit("promote")
    for words, code in ((("hook",), 1), (("--allow-plugin", "acme", "hook"), 0)):
        update = f"refs/heads/main {new} refs/heads/main {old}\n".encode()
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=BytesIO(update), isatty=lambda: False))
        assert ada.run(*words, "pre-push", "origin", "somewhere").code == code
    monkeypatch.setattr("gitstage.operations.registries.utc_now", lambda: ada.story.now)
    for plugins, passed in (((), False), (["acme"], True)):
        assert gitstage.open(ada.story.path, plugins=plugins).check().passed is passed


def own_rule(gs: Shell) -> None:
    """Production asks a rule in Python."""
    text = gs.story.read("gitstage.yaml")
    policy = re.sub(r"(?m)^    from: \[staging\]$", "    from: [staging]\n    gates: [own]", text)
    gs.story.write("gitstage.yaml", f"{policy}\ngates: {{own: {{rules: [{{name: own, python: acme}}]}}}}\n")
    gs.story.commit("policy")
    if not gs.story.registry().lands_here:
        gs.story.git("push", "--quiet", "origin", "main")
    gs.story.tag()
    assert gs.story.open_things() == []


def rule_in_python(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package with a rule that is never against anything."""
    info = folder / "acme-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[gitstage.rules]\nacme = licensed:rule\n", encoding="utf-8")
    (folder / "licensed.py").write_text("def rule(facts):\n    return True\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "licensed", raising=False)


def test_files_lie_where_c_says_and_whoever_called_stays_where_they_were(gs: Shell) -> None:
    story = gs.story
    gs.write("run/model.onnx", "weights")
    gs.write("run/metrics.json", '{"auc": 0.97}')
    gs.write("run/report.json", '{"latency_p99_ms": 12}')
    here = ("-C", "../run", "--repo", "../work")
    registered = gs(*here, "register", "fraud-detector@2.0.0", "--artifact", "model.onnx", "--metrics", "metrics.json")
    assert registered == "[main 000000000000] fraud-detector: register 2.0.0 (tagged fraud-detector/v2.0.0)\n"
    assert "auc: 0.97\n" in story.read("models/fraud-detector/2.0.0.yaml")
    attested = ("attest", "fraud-detector@2.0.0", "--name", "load-test", "--result", "passed", "--file", "report.json")
    assert gs(*here, *attested) == "[main 000000000000] fraud-detector: attest load-test of 2.0.0\n"
    assert gs(*here, "check", "--output", "check.txt") == ""
    assert gs(*here, "pull", "fraud-detector@2.0.0", "--to", "out") == "fraud-detector@2.0.0 pulled and verified: out\n"
    assert gs(*here, "audit", "--checkpoint", "audit.json").endswith("! checkpoint audit.json\n")
    assert sorted(path.name for path in (story.path.parent / "run").iterdir()) == [
        *("audit.json", "check.txt", "metrics.json", "model.onnx", "out", "report.json")
    ]
    assert Path.cwd() == story.path
    assert story.git("status", "--porcelain") == ""


def test_a_place_that_cannot_be_entered_is_said(gs: Shell) -> None:
    gs.write("file", "")
    assert gs("-C", "../file", "status") == "! error: '../file' is not a directory\n[2]\n"
    assert gs("-C", "x" * 300, "status") == f"! error: '{'x' * 300}' cannot be entered: File name too long\n[2]\n"
    assert Path.cwd() == gs.story.path
