"""The habits of CONTRIBUTING.md that no linter knows: what a rule comes with, what mirrors what, what is written nowhere."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitstage.rules import ALL, JUDGED_ELSEWHERE

HOUSE = Path(__file__).parent.parent

# Modules without a test file of their own, and why.
UNMIRRORED: Mapping[str, str] = {}

# Modules of gitstage/rules/ that are no rules, and what they are.
NOT_RULES: Mapping[str, str] = {
    "debts": "what nobody has countersigned yet",
    "voices": "who made a change, and who said what of it",
    "waivers": "turns what a gate refuses into waived",
    "cases": "what a rule is asked about, and what it answers",
    "fold": "the fold over the trunk's commits",
    "judge": "asks every rule of the table",
    "rehearse": "the fold, over what a policy's tests give",
    "tombstones": "what may stand where something had to go",
    "statements": "reads the statements that evidence and metrics look at",
}


def tracked_files() -> list[Path]:
    """What is in the repository or about to be, as git sees it; links and what is deleted left out."""
    listed = subprocess.run(
        ["git", "-C", HOUSE, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
    ).stdout
    paths = [HOUSE / os.fsdecode(name) for name in sorted(listed.split(b"\0")) if name]
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def modules(folder: str = "gitstage") -> list[Path]:
    """The Python modules below a folder, from the house's top; `__init__.py` is its folder's and not a module."""
    return sorted(
        path.relative_to(HOUSE) for path in (HOUSE / folder).rglob("*.py") if path.stem not in ("__init__", "__main__")
    )


# ---------------------------------------------------------------------------------------------- adding a rule


def steps_missing(house: Path, rule: str, module: str) -> list[str]:
    """Which of the steps of CONTRIBUTING.md, "Add a rule", were not done for a rule of the table."""
    source = house / "gitstage" / "rules" / f"{module}.py"
    missing = []
    if module != rule.replace("-", "_") or not source.is_file():
        missing.append(f"the rule: gitstage/rules/{rule.replace('-', '_')}.py")
    elif not has_a_page(source.read_text("utf-8")):
        missing.append(f"its page: the docstring in {source.name} says what passes and what does not")
    if not (house / "tests" / "rules" / f"test_{module}.py").is_file():
        missing.append(f"its tests: tests/rules/test_{module}.py")
    for what, name in (("its entry in the manual", "docs/reference/rules.md"), ("its changelog line", "CHANGELOG.md")):
        written = house / name
        if not written.is_file() or f"`{rule}`" not in written.read_text("utf-8"):
            missing.append(f"{what}: `{rule}` in {name}")
    return missing


def has_a_page(source: str) -> bool:
    """Whether a public function's docstring shows a change that passes and one that does not."""
    pages = [
        ast.get_docstring(node) or ""
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]
    return any("Passes:" in page and re.search("(Refused|Pending):", page) for page in pages)


def rules_in_the_table() -> list[tuple[str, str]]:
    """Each built-in rule's id and the name of the module that its questions stand in."""
    found = []
    for rule in ALL:
        (module,) = {asked.__module__ for asked in (rule.policy, rule.records, rule.slot, rule.gate) if asked}
        found.append((rule.id, module.removeprefix("gitstage.rules.")))
    return found


def test_every_rule_of_the_table_has_its_page_its_tests_its_entry_and_its_changelog_line() -> None:
    missing = {rule: steps_missing(HOUSE, rule, module) for rule, module in rules_in_the_table()}
    assert {rule: steps for rule, steps in missing.items() if steps} == {}


def test_what_is_judged_elsewhere_is_in_the_manual_and_the_changelog_too() -> None:
    manual, changelog = ((HOUSE / name).read_text("utf-8") for name in ("docs/reference/rules.md", "CHANGELOG.md"))
    assert [rule for rule in JUDGED_ELSEWHERE if f"`{rule}`" not in manual or f"`{rule}`" not in changelog] == []


def test_every_module_of_the_rules_room_is_in_the_table() -> None:
    tabled = {module for _, module in rules_in_the_table()}
    assert {path.stem for path in modules("gitstage/rules")} - tabled - NOT_RULES.keys() == set()


def test_no_two_rules_of_the_table_have_one_id() -> None:
    ids = [rule for rule, _ in rules_in_the_table()]
    assert sorted(ids) == sorted(set(ids))


def test_what_is_said_to_be_no_rule_is_there_and_in_no_table() -> None:
    tabled = {module for _, module in rules_in_the_table()}
    assert NOT_RULES.keys() & tabled == set()
    assert NOT_RULES.keys() <= {path.stem for path in modules("gitstage/rules")}


RULE = '''"""A version is lucky."""

def slot(case):
    """Luck is what one needs.

    Passes: 1.7.0. Refused: 1.13.0.
    """
'''
A_RULE: Mapping[str, str] = {
    "gitstage/rules/lucky_version.py": RULE,
    "tests/rules/test_lucky_version.py": "",
    "docs/reference/rules.md": "| `lucky-version` | a version is lucky |",
    "CHANGELOG.md": "- The rule `lucky-version`.",
}


def house_with(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def test_a_rule_with_all_its_steps_lacks_none(tmp_path: Path) -> None:
    assert steps_missing(house_with(tmp_path, A_RULE), "lucky-version", "lucky_version") == []


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("gitstage/rules/lucky_version.py", "the rule: gitstage/rules/lucky_version.py"),
        ("tests/rules/test_lucky_version.py", "its tests: tests/rules/test_lucky_version.py"),
        ("docs/reference/rules.md", "its entry in the manual: `lucky-version` in docs/reference/rules.md"),
        ("CHANGELOG.md", "its changelog line: `lucky-version` in CHANGELOG.md"),
    ],
)
def test_a_rule_without_one_of_its_steps_is_found_out(tmp_path: Path, name: str, missing: str) -> None:
    others = {other: text for other, text in A_RULE.items() if other != name}
    assert steps_missing(house_with(tmp_path, others), "lucky-version", "lucky_version") == [missing]


@pytest.mark.parametrize(
    ("name", "text", "missing"),
    [
        (
            "docs/reference/rules.md",
            "lucky-version",
            "its entry in the manual: `lucky-version` in docs/reference/rules.md",
        ),
        ("CHANGELOG.md", "`lucky-versions`", "its changelog line: `lucky-version` in CHANGELOG.md"),
        (
            "gitstage/rules/lucky_version.py",
            RULE.replace("Refused", "Regretted"),
            "its page: the docstring in lucky_version.py says what passes and what does not",
        ),
        (
            "gitstage/rules/lucky_version.py",
            RULE.replace("def slot", "def _slot"),
            "its page: the docstring in lucky_version.py says what passes and what does not",
        ),
    ],
)
def test_a_rule_with_a_step_half_done_is_found_out(tmp_path: Path, name: str, text: str, missing: str) -> None:
    house = house_with(tmp_path, {**A_RULE, name: text})
    assert steps_missing(house, "lucky-version", "lucky_version") == [missing]


def test_a_rule_lives_in_the_file_of_its_name(tmp_path: Path) -> None:
    files = {name.replace("lucky_version", "luck"): text for name, text in A_RULE.items()}
    missing = steps_missing(house_with(tmp_path, files), "lucky-version", "luck")
    assert missing == ["the rule: gitstage/rules/lucky_version.py"]


# ------------------------------------------------------------------------------------------------ the rooms


def mirror_of(module: Path) -> Path:
    return Path("tests", *module.parts[1:-1], f"test_{module.name}")


def test_every_module_has_a_test_file_that_mirrors_it() -> None:
    unmirrored = {module.as_posix() for module in modules() if not (HOUSE / mirror_of(module)).is_file()}
    assert unmirrored == set(UNMIRRORED)


def test_no_module_is_named_after_nothing() -> None:
    nameless = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [str(path) for path in modules() if nameless & {*path.parts[:-1], path.stem}] == []


PURE = [path for path in modules() if len(path.parts) == 2 or path.parts[1] == "rules"]


@pytest.mark.parametrize("module", PURE, ids=str)
def test_core_and_rules_neither_read_nor_print(module: Path) -> None:
    tree = ast.parse((HOUSE / module).read_text("utf-8"))
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert called & {"open", "print", "input", "exec", "eval", "__import__"} == set()


# --------------------------------------------------------------------------------------------- what is written

# What belongs to one machine and to nobody who reads this: its folders, and where it gets its packages from.
PRIVATE = re.compile(
    r"(?<![\w.~$}…/-])/(work|root|home/(?!runner/)\w+|Users/\w+)/"
    r"|/opt/(pypi|wheels)"
    r"|\b(artifactory|jfrog|nexus|devpi|verdaccio)\b"
    r"|extra-index-url|--index-url|--default-index",
    re.IGNORECASE,
)


def private_words(paths: Iterable[Path]) -> dict[str, str]:
    """The first private word of each file that has one; files that are no text have none."""
    found = {}
    for path in paths:
        hit = PRIVATE.search(path.read_bytes().decode("utf-8", "replace"))
        if hit:
            found[path.relative_to(HOUSE).as_posix()] = hit.group()
    return found


def test_no_file_names_a_machine_or_a_private_registry() -> None:
    assert private_words(path for path in tracked_files() if path != Path(__file__)) == {}


@pytest.mark.parametrize(
    "text",
    ["cd /work/main", '"/root/.cache"', "/home/alice/x", "/Users/alice/x", "at /opt/pypi", "https://nexus.acme.dev/"],
)
def test_a_private_word_is_found(text: str) -> None:
    assert PRIVATE.search(text)


@pytest.mark.parametrize(
    "text", ["docs/work/x", "/home/runner/work/x", "/workflows/", "../work/x", "…/work/x", "https://a.dev/work/x"]
)
def test_a_word_that_only_resembles_one_is_not(text: str) -> None:
    assert not PRIVATE.search(text)


def test_the_lock_names_public_addresses_only() -> None:
    addresses = set(re.findall(r"[a-z+]+://[^/\"]*", (HOUSE / "uv.lock").read_text("utf-8")))
    assert addresses == {"https://pypi.org", "https://files.pythonhosted.org"}


def test_the_licence_is_the_apache_licence_to_the_letter() -> None:
    digest = hashlib.sha256((HOUSE / "LICENSE").read_bytes()).hexdigest()
    assert digest == "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
    assert project()["project"]["license"] == "Apache-2.0"


def project() -> dict[str, Any]:
    return tomllib.loads((HOUSE / "pyproject.toml").read_text("utf-8"))


def test_the_wheel_carries_the_package_and_the_example_registry_and_nothing_else(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=HOUSE, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        carried = {name for name in archive.namelist() if ".dist-info/" not in name}
    tracked = [path.relative_to(HOUSE) for path in tracked_files()]
    example = {f"gitstage/{path.as_posix()}" for path in tracked if path.parts[0] == "registry.example"}
    assert carried == {path.as_posix() for path in tracked if path.parts[0] == "gitstage"} | example


CHANGELOG_HEADINGS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_changelog_has_the_headings_of_keep_a_changelog() -> None:
    lines = (HOUSE / "CHANGELOG.md").read_text("utf-8").splitlines()
    assert lines[0] == "# Changelog"
    releases = [line for line in lines if line.startswith("## ")]
    assert releases[0] == "## [Unreleased]"
    assert [line for line in releases[1:] if not re.fullmatch(r"## \[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", line)] == []
    assert {line.removeprefix("### ") for line in lines if line.startswith("### ")} <= CHANGELOG_HEADINGS


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (HOUSE / "Makefile").read_text("utf-8"), re.MULTILINE))


def test_what_make_is_told_in_the_docs_is_a_target() -> None:
    told = {
        target
        for path in tracked_files()
        if path.suffix == ".md" and "registry.example" not in path.parts
        for target in re.findall(r"(?:^\$ |`)make ([a-z-]+)", path.read_text("utf-8"), re.MULTILINE)
    }
    assert told - make_targets() == set()
    assert {"demo", "test", "lint", "bench"} <= make_targets()


def test_the_night_does_what_make_nightly_does() -> None:
    recipe = (HOUSE / "Makefile").read_text("utf-8").partition("\nnightly:")[2].partition("\n\n")[0]
    workflow = yaml.safe_load((HOUSE / ".github/workflows/nightly.yml").read_text("utf-8"))
    (job,) = workflow["jobs"].values()
    assert job["strategy"]["matrix"]["what"] == recipe.partition("--keep-going ")[2].split()
    assert set(job["strategy"]["matrix"]["what"]) <= make_targets()
    # YAML 1.1 reads the key `on` as a truth value.
    assert (set(workflow[True]), workflow["permissions"]) == ({"schedule", "workflow_dispatch"}, {})
    assert job["permissions"] == {"contents": "read"}


def test_the_scripts_of_ci_are_executable() -> None:
    assert [path.name for path in (HOUSE / ".ci").iterdir() if not os.access(path, os.X_OK)] == []


USES = re.compile(r"^\s*(?:- )?uses:\s*(\S+)(?:\s*#\s*(\S+))?\s*$", re.MULTILINE)


def test_every_action_is_pinned_to_one_commit_and_says_which_release_that_is() -> None:
    pins: dict[str, set[tuple[str, str]]] = {}
    for path in tracked_files():
        if path.suffix in (".yml", ".yaml") and "registry.example" not in path.parts:
            for used, release in USES.findall(path.read_text("utf-8")):
                if not used.startswith("./"):
                    action, _, commit = used.partition("@")
                    pins.setdefault(action, set()).add((commit, release))
    assert "actions/checkout" in pins
    assert {action: found for action, found in pins.items() if len(found) > 1} == {}
    assert [
        pin
        for found in pins.values()
        for pin in found
        if not (re.fullmatch("[0-9a-f]{40}", pin[0]) and re.match("v[0-9]", pin[1]))
    ] == []
