"""Which registry it is, read from gitstage.yaml without the rest of the policy."""

from __future__ import annotations

import pytest

from gitstage.errors import GitstageError
from gitstage.identity import Identity, identity_of
from gitstage.layout import Layout

ID = "4f6c1c1e-8a39-4a0e-9d7e-2f1b7c0a5f11"


def test_what_a_policy_does_not_say_is_as_the_format_has_it() -> None:
    assert identity_of({"id": ID}) == Identity(id=ID, ledger_ref=f"refs/gitstage/{ID}")


def test_everything_that_names_a_registry_is_read() -> None:
    document = {
        "id": ID,
        "trunk": "master",
        "tag-prefix": "risk-registry/",
        "ledger": "refs/heads/ledger",
        "stages": {"staging": {}, "production": {}},
        "versions": "integer",
        "tag-versions": False,
        "tags": "ci",
    }
    assert identity_of(document) == Identity(
        id=ID,
        trunk="master",
        tag_prefix="risk-registry/",
        ledger_ref="refs/heads/ledger",
        stages=("staging", "production"),
        integer_versions=True,
        tag_versions=False,
        tags_in_ci=True,
    )


def test_its_layout_knows_its_stages_and_how_versions_are_written() -> None:
    identity = identity_of({"id": ID, "stages": {"staging": {}}, "versions": "integer"})
    assert identity.layout == Layout(frozenset({"staging"}), integer_versions=True)


def test_tags_stand_below_the_prefix() -> None:
    assert identity_of({"id": ID}).tag_ref("m/v1.0.0") == "refs/tags/m/v1.0.0"
    assert identity_of({"id": ID, "tag-prefix": "a/"}).tag_ref("policy/") == "refs/tags/a/policy/"


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({}, "it has no id"),
        ({"id": ""}, "it has no id"),
        ({"id": 7}, "it has no id"),
        ({"id": "../../heads/main"}, "it has no id"),
        ({"id": ID, "trunk": 1}, "trunk and tag-prefix are texts, stages a mapping"),
        ({"id": ID, "tag-prefix": ["a"]}, "trunk and tag-prefix are texts, stages a mapping"),
        ({"id": ID, "stages": ["staging"]}, "trunk and tag-prefix are texts, stages a mapping"),
        ({"id": ID, "stages": {"../x": {}}}, "a stage has a name that is none"),
        ({"id": ID, "stages": {1: {}}}, "a stage has a name that is none"),
        ({"id": ID, "stages": {"models": {}}}, "a stage has a name that is none"),
    ],
)
def test_what_cannot_name_a_registry_is_refused(document: dict[str, object], why: str) -> None:
    with pytest.raises(GitstageError) as caught:
        identity_of(document)
    assert (caught.value.message, caught.value.hint) == (f"gitstage.yaml cannot be used: {why}", "gitstage check")
