from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from semver import Version

from gitstage import layout
from gitstage.layout import POLICY, Layout, Place, PolicyThing, Records, Slot, Thing

LAYOUT = Layout(frozenset({"staging", "production"}))
INTEGERS = Layout(frozenset({"staging", "production"}), integer_versions=True)


# Paths and their meaning.


def slot(model: str, stage: str = "staging") -> Place:
    return Place("slot", Slot(model, stage), model=model, stage=stage)


def record(
    kind: str, model: str, version: str | None = None, name: str | None = None, number: int | None = None
) -> Place:
    return Place(kind, Records(model), model=model, version=version, name=name, number=number)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("gitstage.yaml", Place("configuration", POLICY)),
        ("gitstage.test.yaml", Place("policy-tests", POLICY)),
        (".gitattributes", Place("attributes", POLICY)),
        ("README.md", Place("readme", POLICY)),
        ("archived/README.md", Place("readme", POLICY)),
        ("staging/README.md", Place("readme", POLICY, stage="staging")),
        ("staging/m.yaml", slot("m")),
        ("production/risk/deep/m.yaml", slot("risk/deep/m", "production")),
        ("models/m/README.md", record("readme", "m")),
        ("models/risk/README.md", record("readme", "risk")),
        ("models/m/1.0.0.yaml", record("version", "m", "1.0.0")),
        ("models/risk/m/1.0.0-rc.1.yaml", record("version", "risk/m", "1.0.0-rc.1")),
        ("archived/m/1.0.0.yaml", record("archived", "m", "1.0.0")),
        ("holds/risk/m/1.0.0.yaml", record("hold", "risk/m", "1.0.0")),
        ("artifacts/m/1.0.0/model.onnx", record("artifact", "m", "1.0.0", "model.onnx")),
        ("artifacts/risk/m/1.0.0/a/2.0.0/b c.bin", record("artifact", "risk/m", "1.0.0", "a/2.0.0/b c.bin")),
        ("evidence/m/1.0.0/load-test/12.json", record("evidence", "m", "1.0.0", "load-test", 12)),
        ("evidence/risk/m/1.0.0/2.0.0/1.json", record("evidence", "risk/m", "1.0.0", "2.0.0", 1)),
    ],
)
def test_a_path_has_one_meaning(path: str, place: Place) -> None:
    assert LAYOUT.place(path) == place


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("models/m/notes.txt", "m"),
        ("models/m/1.0.yaml", "m"),
        ("models/m/1.0.0", "m"),
        ("models/m/12.yaml", "m"),
        ("archived/m/README.md", "m"),
        ("holds/m/README.md", "m"),
        ("artifacts/m/1.0.0", "m"),
        ("artifacts/m/1.0.0/", "m"),
        ("artifacts/m/1.0.0/a//b", "m"),
        ("artifacts/m/1.0.0/../b", "m"),
        ("artifacts/m/1.0.0/./b", "m"),
        ("artifacts/m/1.0.0/.GIT/b", "m"),
        ("artifacts/m/1.0.0/\x1b[31m", "m"),
        ("artifacts/m/1.0.0/\u202eexe.onnx", "m"),
        ("artifacts/m/1.0.0/\udcff", "m"),
        ("evidence/m/1.0.0/load-test/0.json", "m"),
        ("evidence/m/1.0.0/load-test/01.json", "m"),
        ("evidence/m/1.0.0/load-test/1234567890.json", "m"),
        ("evidence/m/1.0.0/load-test/1", "m"),
        ("evidence/m/1.0.0/load test/1.json", "m"),
        ("evidence/m/1.0.0/1.json", "m"),
        ("evidence/m/1.0.0/a/b/1.json", "m"),
    ],
)
def test_what_has_no_place_among_a_models_files_is_a_stray_of_that_model(path: str, model: str) -> None:
    assert LAYOUT.place(path) == record("stray", model)


@pytest.mark.parametrize(
    ("path", "stage"),
    [
        ("notes.txt", None),
        ("staging", None),
        ("models", None),
        ("models/m.yaml", None),
        ("canary/m.yaml", None),
        ("Staging/m.yaml", None),
        ("staging/m.yml", "staging"),
        ("staging/m", "staging"),
        ("staging/.yaml", "staging"),
        ("staging/m.yaml.yaml", "staging"),
        ("staging/m.yaml/x.yaml", "staging"),
        ("staging/1.0.0.yaml", "staging"),
        ("staging/production.yaml", "staging"),
        ("staging/risk/README.md", "staging"),
        ("models/a b/1.0.0.yaml", None),
        ("models/1.0.0.yaml", None),
        ("models/README.md", None),
        ("models/production/1.0.0.yaml", None),
        ("archived/1.0.0/1.0.0.yaml", None),
        ("artifacts/model.onnx", None),
        ("artifacts/1.0.0/x", None),
        ("artifacts/-m/1.0.0/x", None),
        ("evidence/m/load-test/1.json", None),
        ("evidence/staging/1.0.0/x/1.json", None),
        ("readme.md", None),
        ("", None),
    ],
)
def test_what_has_no_place_anywhere_is_a_stray_of_the_policy(path: str, stage: str | None) -> None:
    assert LAYOUT.place(path) == Place("stray", POLICY, stage=stage)


@pytest.mark.parametrize(
    "path",
    [
        f"evidence/policy/{'a' * 63}/approval-bob/1.json",
        f"evidence/policy/{'A' * 64}/approval-bob/1.json",
        f"evidence/policy/{'a' * 64}/approval-bob/0.json",
        f"evidence/policy/{'a' * 64}/approval-bob/1.yaml",
        f"evidence/policy/{'a' * 64}/-/1.json",
        f"evidence/policy/{'a' * 64}/1.json",
        f"evidence/policy/{'a' * 64}/approval-bob/1/1.json",
        "evidence/policy/1.0.0/approval-bob/1.json",
        "evidence/policy",
        f"evidence/Policy/{'a' * 64}/approval-bob/1.json",
        "models/policy/1.0.0.yaml",
    ],
)
def test_only_evidence_about_a_policy_lies_in_its_folder(path: str) -> None:
    assert LAYOUT.place(path) == Place("stray", POLICY)
    assert LAYOUT.place(f"evidence/policy/{'a' * 64}/approval-bob/12.json") == Place(
        "evidence", POLICY, name=f"{'a' * 64}/approval-bob", number=12
    )


def test_versions_may_be_plain_numbers() -> None:
    assert INTEGERS.place("models/m/12.yaml") == record("version", "m", "12")
    assert INTEGERS.place("artifacts/m/12/x") == record("artifact", "m", "12", "x")
    assert INTEGERS.place("models/m/1.0.0.yaml") == record("stray", "m")
    assert INTEGERS.place("models/m/012.yaml") == record("stray", "m")


names = st.from_regex(r"\A[a-zA-Z][a-zA-Z0-9_-]{0,5}[a-zA-Z]\Z").filter(
    lambda name: layout.model_problem_under(name, LAYOUT.stages) is None
)
models = st.lists(names, min_size=1, max_size=3).map("/".join)
versions = st.tuples(*[st.integers(0, 99)] * 3).map(lambda parts: ".".join(map(str, parts)))


@given(models, versions, names, st.integers(1, 999_999_999))
def test_what_a_path_is_made_of_is_what_it_means(model: str, version: str, name: str, number: int) -> None:
    made = {
        layout.slot_path("staging", model): slot(model),
        Slot(model, "production").path: slot(model, "production"),
        layout.version_path(model, version): record("version", model, version),
        layout.archived_path(model, version): record("archived", model, version),
        layout.hold_path(model, version): record("hold", model, version),
        layout.artifact_path(model, version, f"{name}/{name}"): record("artifact", model, version, f"{name}/{name}"),
        layout.evidence_path(model, version, name, number): record("evidence", model, version, name, number),
    }
    assert {path: LAYOUT.place(path) for path in made} == made
    folder = layout.evidence_folder(model, version)
    assert layout.evidence_path(model, version, name, number).startswith(f"{folder}/")


@given(
    st.lists(
        st.sampled_from(["models", "staging", "evidence", "m", "1.0.0", "1.0.0.yaml", "1.json", "", "..", "é", "\n"]),
        max_size=6,
    )
)
def test_every_path_has_a_meaning(parts: list[str]) -> None:
    place = LAYOUT.place("/".join(parts))
    assert place.thing == POLICY or (place.model is not None and place.model in str(place.thing))


def test_things_are_named_and_found_by_their_names() -> None:
    things: list[Thing] = [POLICY, PolicyThing(), Slot("risk/m", "staging"), Slot("m", "production"), Records("risk/m")]
    named = ["policy", "policy", "staging/risk/m", "production/m", "records/risk/m"]
    assert [str(thing) for thing in things] == named
    assert [layout.thing_named(name) for name in named] == things


# What belongs to a registry at a repository's root.


@pytest.mark.parametrize(
    "path",
    [
        "gitstage.yaml",
        ".gitattributes",
        "models/x",
        "Models/x",
        "STAGING/x",
        "holds",
        "Gitstage.yaml",
        "archived/README.md",
    ],
)
def test_at_a_repositorys_root_our_own_names_are_ours_in_whatever_case(path: str) -> None:
    assert LAYOUT.owns(path)


@pytest.mark.parametrize("path", ["README.md", "src/models/x", "canary/m.yaml", "modelsx/y", "Makefile", ""])
def test_at_a_repositorys_root_all_else_is_not_ours(path: str) -> None:
    assert not LAYOUT.owns(path)


# Names.


@pytest.mark.parametrize(
    "name", ["m", "fraud-detector", "risk/fraud-detector", "a.b_c-d", "M2", "2nd", "v", "va1", "x" * 100, "3d-resnet"]
)
def test_a_model_may_be_called_so(name: str) -> None:
    assert layout.model_problem(name) is None
    assert layout.model_problem_under(name, LAYOUT.stages) is None


NOT_A_SLUG = "is not made of ASCII letters, digits, '.', '_' and '-', beginning and ending with a letter or digit"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "a model needs a name"),
        ("a//b", "a part of the name is empty"),
        ("/a", "a part of the name is empty"),
        ("a/", "a part of the name is empty"),
        ("a b", f"'a b' {NOT_A_SLUG}"),
        ("-m", f"'-m' {NOT_A_SLUG}"),
        ("m-", f"'m-' {NOT_A_SLUG}"),
        (".git", f"'.git' {NOT_A_SLUG}"),
        ("..", f"'..' {NOT_A_SLUG}"),
        ("a\nb", rf"'a\nb' {NOT_A_SLUG}"),
        ("m\n", rf"'m\n' {NOT_A_SLUG}"),
        ("größe", f"'größe' {NOT_A_SLUG}"),
        ("m@1", f"'m@1' {NOT_A_SLUG}"),
        ("a..b", "'a..b' contains '..'"),
        ("m.lock", "'m.lock' ends with '.lock'"),
        ("m.YAML", "'m.YAML' ends with '.YAML'"),
        ("risk/1", "'1' looks like a version"),
        ("1.0", "'1.0' looks like a version"),
        ("v2", "'v2' looks like a version"),
        ("V2", "'V2' looks like a version"),
        ("1.0.0-rc.1", "'1.0.0-rc.1' looks like a version"),
        ("1.0.0rc1", "'1.0.0rc1' looks like a version"),
        ("models", "'models' is the name of a directory or a word of gitstage's own"),
        ("risk/Archived", "'Archived' is the name of a directory or a word of gitstage's own"),
        ("latest", "'latest' is the name of a directory or a word of gitstage's own"),
        ("policy", "'policy' is the name of a directory or a word of gitstage's own"),
        ("README.md", "'README.md' is the name of a directory or a word of gitstage's own"),
        ("x" * 101, f"{'x' * 20!r}… is longer than 100 characters"),
        ("/".join(["x" * 66] * 3) + "x", "the name is longer than 200 characters"),
    ],
)
def test_no_model_is_called_so(name: str, problem: str) -> None:
    assert layout.model_problem(name) == problem
    assert layout.model_problem_under(name, LAYOUT.stages) == problem


@pytest.mark.parametrize("name", ["staging", "risk/Production", "STAGING/m"])
def test_no_model_is_called_like_a_stage(name: str) -> None:
    part = next(part for part in name.split("/") if part.lower() in LAYOUT.stages)
    assert layout.model_problem(name) is None
    assert layout.model_problem_under(name, LAYOUT.stages) == f"{part!r} is the name of a stage"


def test_a_long_name_is_refused_quickly() -> None:
    assert layout.model_problem("." * 199) is not None
    assert layout.model_problem("a" + "." * 198 + "/") is not None


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("staging", None),
        ("production-eu", None),
        ("a/b", "'a/b' contains '/'"),
        ("archived", "'archived' is the name of a directory or a word of gitstage's own"),
        ("Registered", "'Registered' is the name of a directory or a word of gitstage's own"),
        ("records", "'records' is the name of a directory or a word of gitstage's own"),
        ("", "a part of the name is empty"),
    ],
)
def test_a_stage_is_called_by_one_word_that_is_no_other(name: str, problem: str | None) -> None:
    assert layout.stage_problem(name) == problem


@pytest.mark.parametrize(
    ("one", "other", "twin"),
    [
        ("a", "a", True),
        ("Fraud", "fraud", True),
        ("fraud", "frauds", False),
        ("größe", "GRÖSSE", True),
        ("\u00e9", "e\u0301", True),
        ("\u00e9", "e", False),
        ("ſ", "s", True),
        ("\u212a", "k", True),
    ],
)
def test_twins_are_names_that_a_file_system_takes_for_one(one: str, other: str, twin: bool) -> None:
    assert layout.is_twin(one, other) is twin
    assert layout.is_twin(other, one) is twin


# Versions.


@pytest.mark.parametrize("text", ["0.0.0", "1.0.0", "10.20.30", "1.0.0-rc.1", "1.0.0-0a.b-c", "1.0.0--"])
def test_a_version_is_semantic(text: str) -> None:
    assert layout.version_problem(text) is None
    assert LAYOUT.is_version(text)
    assert str(Version.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1", "'1' is not a semantic version such as 1.2.0"),
        ("1.0", "'1.0' is not a semantic version such as 1.2.0"),
        ("v1.0.0", "'v1.0.0' is not a semantic version such as 1.2.0"),
        ("01.0.0", "'01.0.0' is not a semantic version such as 1.2.0"),
        ("1.0.0-01", "'1.0.0-01' is not a semantic version such as 1.2.0"),
        ("1.0.0-", "'1.0.0-' is not a semantic version such as 1.2.0"),
        ("1.0.0\n", r"'1.0.0\n' is not a semantic version such as 1.2.0"),
        ("1.0.0-rc_1", "'1.0.0-rc_1' is not a semantic version such as 1.2.0"),
        ("١.0.0", "'١.0.0' is not a semantic version such as 1.2.0"),
        ("", "'' is not a semantic version such as 1.2.0"),
        ("1.0.0+build", "'1.0.0+build' has build metadata, which takes no part in the order of versions"),
        ("1.0.0-x.lock", "'1.0.0-x.lock' ends with '.lock'"),
        (f"1.0.0-{'x' * 95}", "the version is longer than 100 characters"),
    ],
)
def test_a_version_that_is_none_says_why(text: str, problem: str) -> None:
    assert layout.version_problem(text) == problem
    assert not LAYOUT.is_version(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1", None),
        ("999999999999999999", None),
        ("0", "'0' is not a whole number from 1"),
        ("01", "'01' is not a whole number from 1"),
        ("1.0.0", "'1.0.0' is not a whole number from 1"),
        ("1234567890123456789", "'1234567890123456789' is not a whole number from 1"),
        ("²", "'²' is not a whole number from 1"),
        ("1\n", r"'1\n' is not a whole number from 1"),
    ],
)
def test_a_version_may_be_a_whole_number(text: str, problem: str | None) -> None:
    assert layout.version_problem(text, integer=True) == problem
    assert INTEGERS.is_version(text) is (problem is None)


def test_versions_come_in_the_order_of_semantic_versioning() -> None:
    # https://semver.org/#spec-item-11
    ordered = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11"]
    ordered += ["1.0.0-rc.1", "1.0.0", "1.9.0", "1.10.0", "2.0.0"]
    for seed in range(5):
        assert sorted(random.Random(seed).sample(ordered, len(ordered)), key=layout.version_key) == ordered
    assert sorted(["10", "9", "100"], key=layout.version_key) == ["9", "10", "100"]


@pytest.mark.parametrize(("text", "pre"), [("1.0.0", False), ("1.0.0-rc.1", True), ("7", False), ("x", False)])
def test_a_prerelease_says_so(text: str, pre: bool) -> None:
    assert layout.is_prerelease(text) is pre


def test_versions_are_found_among_the_names_of_a_folder() -> None:
    found = ["1.0.0.yaml", "README.md", "1.1.0", "x.yaml", "2.0.0-rc.1.yaml", ".yaml", "3.yaml"]
    assert LAYOUT.versions_among(found) == ("1.0.0", "2.0.0-rc.1")
    assert INTEGERS.versions_among(found) == ("3",)


@given(st.text(max_size=20))
def test_no_name_of_a_model_is_one_that_git_or_a_shell_could_misread(name: str) -> None:
    if layout.model_problem(name) is None:
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]*", name)
        assert not any(
            part.startswith((".", "-")) or part.endswith((".", ".lock")) or ".." in part for part in name.split("/")
        )


@pytest.mark.parametrize(
    ("text", "shown"),
    [("größe.onnx", True), ("a b", True), ("a\\b", False), ("a\tb", False), ("\u200b", False), ("\udc80", False)],
)
def test_a_name_can_be_shown_or_not(text: str, shown: bool) -> None:
    assert layout.printable(text) is shown
