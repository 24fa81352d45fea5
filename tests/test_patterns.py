from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitstage.patterns import (
    can_both_match,
    matches,
    model_parts,
    model_pattern_problem,
    path_parts,
    path_pattern_problem,
    specificity,
    ways_apart,
)


@pytest.mark.parametrize(
    ("pattern", "names", "others"),
    [
        ("fraud", ["fraud"], ["frauds", "risk/fraud", "fraud/x", "Fraud"]),
        ("**", ["a", "a/b", "a/b/c"], []),
        ("*", ["a", "fraud-detector"], ["a/b"]),
        ("risk/**", ["risk/a", "risk/a/b"], ["risk", "risks/a", "x/risk/a"]),
        ("risk/*", ["risk/a"], ["risk", "risk/a/b"]),
        ("**/detector", ["detector", "risk/detector", "a/b/detector"], ["detector/a", "detectors"]),
        ("a/**/z", ["a/z", "a/b/z", "a/b/c/z"], ["a", "z", "a/z/b", "b/z"]),
        ("**/x/**", ["x/a", "a/x/b", "a/x/b/c"], ["x", "a/x"]),
        ("risk/fraud-*", ["risk/fraud-", "risk/fraud-eu", "risk/fraud-a-b"], ["risk/fraud", "risk/fraud-a/b"]),
        ("*-v?", ["a-v1", "a-b-vx", "-v1"], ["a-v", "a-v12", "a/b-v1"]),
        ("a*b*c", ["abc", "axbxc", "abcbc"], ["ab", "abcx", "acb"]),
        ("??", ["ab"], ["a", "abc", ""]),
    ],
)
def test_a_pattern_matches_names(pattern: str, names: list[str], others: list[str]) -> None:
    assert model_pattern_problem(pattern) is None
    parts = model_parts(pattern)
    assert [name for name in [*names, *others] if matches(parts, name.split("/"))] == names


@pytest.mark.parametrize(
    ("pattern", "paths", "others"),
    [
        ("CODEOWNERS", ["CODEOWNERS", ".github/CODEOWNERS", "CODEOWNERS/x"], ["CODEOWNERS2", "xCODEOWNERS"]),
        ("/CODEOWNERS", ["CODEOWNERS", "CODEOWNERS/x"], [".github/CODEOWNERS"]),
        (".github/**", [".github/workflows/gate.yml", ".github/a"], [".github", "github/a", "x/.github/a"]),
        (".github", [".github", ".github/a/b", "x/.github/a"], [".githubs/a"]),
        (".github/", [".github", ".github/a/b", "x/.github/a"], [".githubs/a"]),
        ("ci/*.yml", ["ci/a.yml", "ci/.yml", "ci/a.yml/x"], ["ci/a.yaml", "x/ci/a.yml", "ci/a/b.yml"]),
        ("**/secrets", ["secrets", "a/b/secrets/c"], ["secretsa"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b/z"], ["b", "a"]),
        ("*.tf", ["main.tf", "infra/prod/main.tf"], ["main.tfs"]),
        ("docs/?", ["docs/a", "docs/a/b"], ["docs/ab", "docs"]),
    ],
)
def test_a_pattern_matches_paths_as_in_a_gitignore(pattern: str, paths: list[str], others: list[str]) -> None:
    assert path_pattern_problem(pattern) is None
    parts = path_parts(pattern)
    assert [path for path in [*paths, *others] if matches(parts, path.split("/"))] == paths


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("", "'' is no pattern of names such as fraud-detector, risk/**, risk/* or **"),
        ("a//b", "'a//b' is no pattern of names such as fraud-detector, risk/**, risk/* or **"),
        ("/a", "'/a' is no pattern of names such as fraud-detector, risk/**, risk/* or **"),
        ("a/", "'a/' is no pattern of names such as fraud-detector, risk/**, risk/* or **"),
        ("a**", "'a**' is no pattern of names such as fraud-detector, risk/**, risk/* or **"),
        ("a b", "'a b' is no pattern of names such as fraud-detector, risk/**, risk/* or **"),
        ("[ab]", "'[ab]' is no pattern of names such as fraud-detector, risk/**, risk/* or **"),
        ("ä", "'ä' is no pattern of names such as fraud-detector, risk/**, risk/* or **"),
        ("a\n", "'a\\n' is no pattern of names such as fraud-detector, risk/**, risk/* or **"),
        ("a/**/**", "'a/**/**' has '**' twice in a row"),
    ],
)
def test_what_is_no_pattern_of_names_is_refused(pattern: str, problem: str) -> None:
    assert model_pattern_problem(pattern) == problem


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("!a", "'!a' has something besides names, '/', '*', '**' and '?'"),
        ("a[0]", "'a[0]' has something besides names, '/', '*', '**' and '?'"),
        ("a\\b", "'a\\\\b' has something besides names, '/', '*', '**' and '?'"),
        ("# a", "'# a' has something besides names, '/', '*', '**' and '?'"),
        (" a", "' a' has something besides names, '/', '*', '**' and '?'"),
        ("a\u200b", "'a\\u200b' has something besides names, '/', '*', '**' and '?'"),
        ("", "'' is no path from the repository's root"),
        ("/", "'/' is no path from the repository's root"),
        ("//a", "'//a' is no path from the repository's root"),
        ("a//b", "'a//b' is no path from the repository's root"),
        ("../a", "'../a' is no path from the repository's root"),
        ("./a", "'./a' is no path from the repository's root"),
        ("a**", "'a**' is no path from the repository's root"),
    ],
)
def test_what_is_no_pattern_of_paths_is_refused(pattern: str, problem: str) -> None:
    assert path_pattern_problem(pattern) == problem


def test_patterns_stand_in_one_order_of_specificity() -> None:
    ordered = [
        "**",
        "**/*",
        "**/detector",
        "*",
        "*/*",
        "*-eu",
        "fraud-*",
        "risk/**",
        "risk/**/detector",
        "risk/*",
        "risk/f?",
        "risk/fraud-*",
        "risk/fraud/**",
    ]
    assert sorted(ordered, key=specificity) == ordered
    assert specificity("risk/fraud") > specificity("risk/fraud-*")
    assert specificity("fraud") > specificity("*") > specificity("**")
    assert specificity("a*") == specificity("*a")


def test_patterns_that_can_never_meet_are_told_apart_without_looking_closer() -> None:
    for one, other in (("a/**", "b/**"), ("**/a", "**/b"), ("a/**/x*", "b/**/x*"), ("*/a", "*/b"), ("a*", "a*/b")):
        assert ways_apart(one) != ways_apart(other)
        assert not can_both_match(one, other)
    assert ways_apart("a*/**/x") == ways_apart("*a/**/x")
    assert ways_apart("**/a/**") == ways_apart("**/b/**")


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("a*", "*a", True),
        ("a*", "b*", False),
        ("*a", "*b", False),
        ("?a", "b?", True),
        ("?a", "b??", False),
        ("*/a", "b/*", True),
        ("**/a", "**/b", False),
        ("**/a", "b/**", True),
        ("a/**", "b/**", False),
        ("a/**", "a", False),
        ("a/**/z", "a/z", True),
        ("**", "a", True),
        ("a/**/c", "a/b/**", True),
        ("a/**/c", "a/b/**/d", False),
        ("a*c", "abd", False),
        ("a*b*c", "*x*", True),
        ("a", "a/b", False),
    ],
)
def test_two_patterns_that_can_match_one_name_are_known(one: str, other: str, meet: bool) -> None:
    assert (can_both_match(one, other), can_both_match(other, one)) == (meet, meet)


PARTS = st.one_of(st.just("**"), st.text("ab*?", min_size=1, max_size=4).filter(lambda part: "**" not in part))
PATTERNS = (
    st.lists(PARTS, min_size=1, max_size=4).map("/".join).filter(lambda text: model_pattern_problem(text) is None)
)
NAMES = st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=5).map("/".join)


def as_regex(pattern: str) -> str:
    """The same pattern as a regular expression, written down in another way."""
    said = ""
    for part in pattern.split("/"):
        said += "(/[^/]+)*" if part == "**" else "/" + part.replace("*", "[^/]*").replace("?", "[^/]")
    return re.sub(r"\(/\[\^/\]\+\)\*$", "(/[^/]+)+", said)


@settings(max_examples=500, deadline=None)
@given(PATTERNS, NAMES)
def test_matching_is_what_a_regular_expression_says(pattern: str, name: str) -> None:
    assert matches(model_parts(pattern), name.split("/")) == bool(re.fullmatch(as_regex(pattern), "/" + name))


@st.composite
def patterns_of(draw: st.DrawFn, name: str) -> str:
    """A pattern that matches `name`: some of its parts with stars in them, or a `**` in place of some."""
    parts = name.split("/")
    for at, part in enumerate(parts):
        start = draw(st.integers(0, len(part)))
        end = draw(st.integers(start, len(part)))
        parts[at] = draw(st.sampled_from([part, f"{part[:start]}*{part[end:]}", f"?{part[1:]}"]))
    start = draw(st.integers(0, len(parts)))
    end = draw(st.integers(start, len(parts)))
    if draw(st.booleans()) and (end > start or end < len(parts)):
        parts[start:end] = ["**"]
    return "/".join(parts)


@settings(max_examples=300, deadline=None)
@given(st.data(), NAMES)
def test_patterns_that_match_one_name_are_found_to_meet(data: st.DataObject, name: str) -> None:
    one, other = data.draw(patterns_of(name)), data.draw(patterns_of(name))
    for pattern in (one, other):
        assert matches(model_parts(pattern), name.split("/"))
    assert can_both_match(one, other)
    if specificity(one) == specificity(other):
        assert ways_apart(one) == ways_apart(other)


def test_no_pattern_takes_long() -> None:
    start = time.process_time()
    stars = "/".join(["*a*a*a*a*b", "**"] * 10)
    assert not matches(model_parts(stars), ["a" * 100] * 30)
    assert not can_both_match(stars, "/".join(["*a*a*a*c"] * 20))
    assert time.process_time() - start < 2
