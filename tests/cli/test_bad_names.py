"""Names and versions that are none, typed at the command line: said whole, and nothing is changed."""

from __future__ import annotations

import pytest

from tests.cli.shell import Said, Shell
from tests.operations.pictures import unchanged

ELSEWHERE = ("--artifact", "s3://acme/other.bin", "--sha256", "0" * 64, "--size", "1")


def registered(gs: Shell, name: str) -> Said:
    """What `register` says of a name with which nothing can be registered."""
    with unchanged(gs.story.path):
        return gs.run("register", *ELSEWHERE, "--", name)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("two words@1.0.0", "'two words'"),
        ("../up@1.0.0", "'..'"),
        ("up/../down@1.0.0", "'..'"),
        ("line\nbreak@1.0.0", "'line\\nbreak'"),
        (".hidden@1.0.0", "'.hidden'"),
        ("m.@1.0.0", "'m.'"),
        ("bell\u0007@1.0.0", "'bell\\x07'"),
        ("größe@1.0.0", "'größe'"),
        ("CON\\x@1.0.0", "'CON\\\\x'"),
    ],
)
def test_a_part_of_a_name_is_made_of_plain_characters(gs: Shell, name: str, part: str) -> None:
    assert registered(gs, name) == Said(
        2,
        "",
        f"error: {name!r} names no model: {part} is not made of ASCII letters, digits, '.', '_' and '-', "
        "beginning and ending with a letter or digit\n  try: a reference looks like fraud-detector@1.1.0\n",
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("m/@1.0.0", "a part of the name is empty"),
        ("a//b@1.0.0", "a part of the name is empty"),
        ("/root@1.0.0", "a part of the name is empty"),
        ("a..b@1.0.0", "'a..b' contains '..'"),
        ("m.lock@1.0.0", "'m.lock' ends with '.lock'"),
        ("m.yaml@1.0.0", "'m.yaml' ends with '.yaml'"),
        ("policy@1.0.0", "'policy' is the name of a directory or a word of gitstage's own"),
        ("archived/m@1.0.0", "'archived' is the name of a directory or a word of gitstage's own"),
        ("1.0.0@1.0.0", "'1.0.0' looks like a version"),
        ("models@1.0.0", "'models' is the name of a directory or a word of gitstage's own"),
        ("risk/2.0.0@1.0.0", "'2.0.0' looks like a version"),
        ("@1.0.0", "a model needs a name"),
        ("", "a model needs a name"),
        ("x" * 201 + "@1.0.0", "the name is longer than 200 characters"),
    ],
)
def test_a_name_that_means_something_else_is_no_name(gs: Shell, name: str, why: str) -> None:
    assert registered(gs, name) == Said(
        2, "", f"error: {name!r} names no model: {why}\n  try: a reference looks like fraud-detector@1.1.0\n"
    )


@pytest.mark.parametrize(
    "version",
    [
        "1.0",
        "v1.0.0",
        "01.0.0",
        "1.0.0+",
        "1.0.0-01",
        "staging",
        "latest",
        "1.0.0@2.0.0",
    ],
)
def test_a_version_is_a_semantic_one(gs: Shell, version: str) -> None:
    assert registered(gs, f"other@{version}") == Said(
        2,
        "",
        f"error: {version!r} is not a semantic version such as 1.2.0\n  try: gitstage register other@next …\n",
    )


REFUSED: dict[str, tuple[int, str]] = {
    "production@1.0.0": (
        2,
        """\
! error: 'production' is no name of a model: 'production' is the name of a stage
""",
    ),
    "Production/m@1.0.0": (
        2,
        """\
! error: 'Production/m' is no name of a model: 'Production' is the name of a stage
""",
    ),
    "Fraud-Detector@1.0.0": (
        1,
        """\
Fraud-Detector: registers 1.0.0  refused
  ✗ known-path  models/Fraud-Detector differs only in case from 'fraud-detector' beside it
                models/Fraud-Detector/1.0.0.yaml

refused: 1 of 1 change
! refused; nothing was changed
""",
    ),
    "fraud-detector/eu@1.0.0": (
        1,
        """\
fraud-detector/eu: registers 1.0.0  refused
  ✗ known-path  fraud-detector is a model, and so no namespace of models
                models/fraud-detector/eu

refused: 1 of 1 change
! refused; nothing was changed
""",
    ),
    "other@next~1": (
        2,
        """\
! error: other@next~1: ~1 counts back what took effect in a stage, and cannot stand here
!   try: gitstage resolve other@STAGE~1
""",
    ),
    "other@": (
        2,
        """\
! error: 'other@' names no version
!   try: other@VERSION, other@STAGE or other@latest
""",
    ),
    "fraud-detector@1.1.0": (
        2,
        """\
! error: fraud-detector@1.1.0 is registered, and never changes
!   try: gitstage register fraud-detector@next …
""",
    ),
}
"""How the command ends and what it says; behind `! ` what it says on stderr."""


@pytest.mark.parametrize("name", list(REFUSED))
def test_a_name_that_somebody_else_has_is_refused(gs: Shell, name: str) -> None:
    said = registered(gs, name)
    text = said.out + "".join(f"! {line}\n" for line in said.err.splitlines())
    assert (said.code, text) == REFUSED[name]
