from __future__ import annotations

import hashlib
import json

import pytest

from gitstage.changes import EXECUTABLE, FILE, LINK, SUBMODULE, Entry
from gitstage.errors import CannotVerify
from gitstage.policy import Sigstore
from gitstage.strictjson import MAX_BYTES
from gitstage.trust import MEDIA_TYPE, trusted_root
from tests.registries import Shelf, tree

PATH = "trust/trusted_root.json"
ROOT = json.dumps({"mediaType": MEDIA_TYPE, "tlogs": []}).encode()


def asked(data: bytes) -> Sigstore:
    return Sigstore(trusted_root=PATH, sha256=hashlib.sha256(data).hexdigest())


def test_the_root_is_the_file_that_the_policy_names_to_the_letter() -> None:
    assert trusted_root(asked(ROOT), tree({PATH: ROOT})) == ROOT


def test_another_file_is_not_the_root_and_its_digest_is_said() -> None:
    for other in (ROOT + b"\n", ROOT[:-1], b""):
        with pytest.raises(CannotVerify) as caught:
            trusted_root(asked(ROOT), tree({PATH: other}))
        assert (caught.value.message, caught.value.hint) == (
            f"{PATH} is not the trusted root that gitstage.yaml names",
            f"in gitstage.yaml: sha256: {hashlib.sha256(other).hexdigest()}",
        )


def test_a_root_that_is_not_there_is_said() -> None:
    for there in ({}, {"trust/Trusted_root.json": ROOT}, {f"{PATH}/more": ROOT}):
        with pytest.raises(CannotVerify, match="trusted_root.json, the trusted root, is not there") as caught:
            trusted_root(asked(ROOT), tree(there))
        assert caught.value.hint == f"git add {PATH}"


def test_what_is_no_regular_file_is_no_root() -> None:
    shelf = Shelf()
    oid = shelf.put(ROOT)
    assert trusted_root(asked(ROOT), tree({PATH: Entry(FILE, oid)}, shelf)) == ROOT
    for mode in (LINK, EXECUTABLE, SUBMODULE):
        with pytest.raises(CannotVerify, match="is not there, or is no regular file"):
            trusted_root(asked(ROOT), tree({PATH: Entry(mode, oid)}, shelf))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{", "trusted_root.json cannot be read: this is not JSON"),
        (b"[]", "cannot be read: the trusted root is no JSON object"),
        (b'{"mediaType": "a", "mediaType": "b"}', "cannot be read: duplicate key 'mediaType'"),
        (b"{}", "is no trusted root: its mediaType is not application/vnd.dev.sigstore.trustedroot+json;version=0.1"),
        (b'{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}', "is no trusted root"),
    ],
)
def test_a_file_of_another_kind_is_no_root(data: bytes, said: str) -> None:
    with pytest.raises(CannotVerify) as caught:
        trusted_root(asked(data), tree({PATH: data}))
    assert said in caught.value.message


def test_a_root_is_not_read_where_it_is_too_large() -> None:
    large = ROOT + b" " * (MAX_BYTES - len(ROOT))
    assert trusted_root(asked(large), tree({PATH: large})) == large
    larger = large + b" "
    with pytest.raises(CannotVerify, match=f"has {MAX_BYTES + 1} bytes; a trusted root has at most {MAX_BYTES}"):
        trusted_root(asked(larger), tree({PATH: larger}))
