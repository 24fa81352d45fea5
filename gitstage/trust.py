"""The trusted root: the file with the authorities and logs whose word is taken for who signed a Sigstore bundle.

It lies in the repository, and gitstage.yaml names its SHA-256: so it is approved with the policy, is in effect with the
policy, and is the same for everybody who judges. Its form is https://github.com/sigstore/protobuf-specs,
sigstore_trustroot.proto.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from gitstage.canonical import DocumentError
from gitstage.changes import FILE, Snapshot
from gitstage.errors import CannotVerify
from gitstage.strictjson import MAX_BYTES, json_object

if TYPE_CHECKING:
    from gitstage.policy import Sigstore

MEDIA_TYPE = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"


def trusted_root(asked: Sigstore, tree: Snapshot) -> bytes:
    """The bytes of the trusted root that a policy names, out of the tree of the whole repository.

    Raises CannotVerify where it is not there, is another than the policy names, or is none.
    """
    path = asked.trusted_root
    entry = tree.entry(path)
    if entry is None or entry.mode != FILE:
        raise CannotVerify(f"{path}, the trusted root, is not there, or is no regular file", hint=f"git add {path}")
    if (size := tree.size(entry.oid)) > MAX_BYTES:
        raise CannotVerify(f"{path} has {size} bytes; a trusted root has at most {MAX_BYTES}")
    data = tree.read(entry.oid)
    found = hashlib.sha256(data).hexdigest()
    if found != asked.sha256:
        raise CannotVerify(
            f"{path} is not the trusted root that gitstage.yaml names", hint=f"in gitstage.yaml: sha256: {found}"
        )
    try:
        kind = json_object(data, noun="the trusted root").get("mediaType")
    except DocumentError as error:
        raise CannotVerify(f"{path} cannot be read: {error.problems[0].message}") from error
    if kind != MEDIA_TYPE:
        raise CannotVerify(f"{path} is no trusted root: its mediaType is not {MEDIA_TYPE}")
    return data
