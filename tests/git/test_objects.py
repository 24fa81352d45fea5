"""Objects taken apart and put together exactly as git does it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitstage.changes import EXECUTABLE, FILE, FOLDER, LINK, SUBMODULE, Edited, Entry
from gitstage.git import Commit, GitError, Tag
from gitstage.git.objects import (
    Object,
    Signed,
    commit_bytes,
    decoded,
    encoded,
    is_object_id,
    moment,
    object_id,
    pack,
    parsed_commit,
    parsed_tag,
    parsed_tree,
    signed_commit,
    signed_tag,
    tag_bytes,
    tree_bytes,
)
from tests.git.sandbox import Sandbox

A, B = "a" * 40, "b" * 40
NAMES = st.binary(min_size=1, max_size=12).filter(lambda name: not set(name) & {0, ord("/")})
ENTRIES = st.builds(
    Entry,
    st.sampled_from([FILE, EXECUTABLE, LINK, SUBMODULE, FOLDER]),
    st.binary(min_size=20, max_size=20).map(bytes.hex),
)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [("a" * 40, True), ("0123456789abcdef" * 2 + "01234567", True), ("A" * 40, False), ("a" * 39, False),
     ("a" * 40 + "\n", False), ("main", False), ("", False)],
)  # fmt: skip
def test_an_object_id_is_forty_small_hexadecimal_digits(text: str, verdict: bool) -> None:
    assert is_object_id(text) is verdict


@pytest.mark.parametrize("kind", ["blob", "tree", "commit", "tag"])
def test_ids_are_those_that_git_computes(sandbox: Sandbox, kind: str) -> None:
    asked = sandbox.git("hash-object", "--literally", "-t", kind, "--stdin", stdin=b"some bytes\0")
    assert object_id(kind, b"some bytes\0") == asked


@pytest.mark.parametrize("name", [b"plain", "größer".encode(), b"\xff\xfe", b"new\nline", b"tab\t", b'quote"'])
def test_a_name_survives_being_text(name: bytes) -> None:
    assert encoded(decoded(name)) == name


@given(st.dictionaries(NAMES.map(decoded), ENTRIES, max_size=8))
def test_a_tree_put_together_and_taken_apart_is_the_same(entries: dict[str, Entry]) -> None:
    assert dict(parsed_tree(tree_bytes(entries), A)) == entries


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(NAMES.filter(lambda name: name not in (b".", b"..", b".git")), ENTRIES, max_size=8))
def test_a_tree_has_the_bytes_that_git_mktree_writes(sandbox: Sandbox, entries: dict[bytes, Entry]) -> None:
    kinds = {FOLDER: b"tree", SUBMODULE: b"commit"}
    rows = [
        b"%06o %s %s\t%s\0" % (entry.mode, kinds.get(entry.mode, b"blob"), entry.oid.encode(), name)
        for name, entry in entries.items()
    ]
    asked = sandbox.git("mktree", "-z", "--missing", stdin=b"".join(rows))
    assert object_id("tree", tree_bytes({decoded(name): entry for name, entry in entries.items()})) == asked


@pytest.mark.parametrize(
    "data",
    [
        b"100644 cut off",
        b"100644 name\0" + b"x" * 19,
        b"100644 name\0" + b"x" * 20 + b"rest",
        b"100644 \0" + b"x" * 20,
        b"100644 a/b\0" + b"x" * 20,
        b"1064x4 name\0" + b"x" * 20,
        b"100644 twice\0" + b"x" * 20 + b"40000 twice\0" + b"y" * 20,
    ],
)
def test_a_tree_that_is_cut_off_or_says_a_name_twice_is_broken_and_never_half_read(data: bytes) -> None:
    with pytest.raises(GitError, match=f"tree {A} is broken") as caught:
        parsed_tree(data, A)
    assert caught.value.hint == "git fsck says what is wrong"


def test_a_tree_that_an_old_git_wrote_with_a_leading_zero_is_read() -> None:
    assert dict(parsed_tree(b"040000 folder\0" + bytes(20), A)) == {"folder": Entry(FOLDER, "0" * 40)}


def test_a_commit_is_taken_apart() -> None:
    data = (
        f"tree {A}\nparent {A}\nparent {B}\nauthor Ada Lovelace <ada@example.com> 1772366400 +0100\n"
        "committer Cleo <cleo@example.com> 1772366401 -0230\n"
        "gpgsig -----BEGIN SSH SIGNATURE-----\n U1NI\n \n -----END SSH SIGNATURE-----\nother header\n"
        "\nsubject\n\nbody größer\n"
    ).encode()
    assert parsed_commit(B, data) == Commit(
        id=B,
        tree=A,
        parents=(A, B),
        author="Ada Lovelace <ada@example.com>",
        committed=datetime(2026, 3, 1, 12, 0, 1, tzinfo=UTC),
        message="subject\n\nbody größer\n",
    )


@pytest.mark.parametrize(
    ("encoding", "body", "message"),
    [
        ("", "größer".encode(), "größer"),
        ("encoding latin-1\n", "größer".encode("latin-1"), "größer"),
        ("encoding no-such-code\n", b"plain", "plain"),
        ("encoding ascii\n", b"\xff", "\udcff"),
        ("", b"\xff", "\udcff"),
        ("encoding base64\n", b"cGxhaW4=", "cGxhaW4="),
    ],
)
def test_a_message_is_read_in_its_encoding_and_never_lost(encoding: str, body: bytes, message: str) -> None:
    data = f"tree {A}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n{encoding}\n".encode() + body
    assert parsed_commit(B, data).message == message


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"0", datetime(1970, 1, 1, tzinfo=UTC)),
        (b"2147483648", datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC)),
        (b"-86400", datetime(1969, 12, 31, tzinfo=UTC)),
        (b"9" * 18, datetime.max.replace(tzinfo=UTC)),
        (b"-" + b"9" * 18, datetime.min.replace(tzinfo=UTC)),
        (b"9" * 5000, datetime(1970, 1, 1, tzinfo=UTC)),
        (b"", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_whatever_it_says(written: bytes, read: datetime) -> None:
    assert moment(written) == read


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no commit",
        f"tree {A}\n\nno people".encode(),
        b"tree short\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\n",
        f"tree {A}\nauthor A <a@b> 1 +0000\n\nno committer".encode(),
        f"tree {A}\nauthor nobody\ncommitter A <a@b> 1 +0000\n\n".encode(),
    ],
)
def test_a_broken_commit_is_said_to_be_broken(data: bytes) -> None:
    with pytest.raises(GitError, match=f"commit {B} is broken"):
        parsed_commit(B, data)


def test_a_tag_is_taken_apart_without_its_signature() -> None:
    data = (
        f"object {A}\ntype commit\ntag m/v1\ntagger Ada <ada@example.com> 1772366400 +0000\n\n"
        "takes effect\n\nbody: 1\n-----BEGIN SSH SIGNATURE-----\nU1NI\n-----END SSH SIGNATURE-----\n"
    ).encode()
    tagged = datetime(2026, 3, 1, 12, tzinfo=UTC)
    tag = Tag("refs/tags/m/v1", B, "tag", A, "takes effect\n\nbody: 1\n", tagged)
    assert parsed_tag("refs/tags/m/v1", B, data) == (tag, "commit")


def test_a_tag_without_a_tagger_or_a_message_is_a_tag() -> None:
    data = f"object {A}\ntype tree\ntag old\n".encode()
    assert parsed_tag("refs/tags/old", B, data) == (Tag("refs/tags/old", B, "tag", A, "", None), "tree")


@pytest.mark.parametrize("data", [b"", f"object {A}\n\n".encode(), b"object nope\ntype commit\ntag x\n\n"])
def test_a_broken_tag_object_is_said_to_be_broken(data: bytes) -> None:
    with pytest.raises(GitError, match=f"tag object {B} is broken"):
        parsed_tag("refs/tags/x", B, data)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("plain\n", "plain\n"),
        ("a\n-----BEGIN PGP SIGNATURE-----\nx\n-----END PGP SIGNATURE-----\n", "a\n"),
        ("a\n-----BEGIN SIGNED MESSAGE-----\nx\n", "a\n"),
        ("mentions -----BEGIN PGP SIGNATURE----- in a line\n", "mentions -----BEGIN PGP SIGNATURE----- in a line\n"),
        (
            "a\n-----BEGIN SSH SIGNATURE-----\nb\n-----BEGIN SSH SIGNATURE-----\nc\n",
            "a\n-----BEGIN SSH SIGNATURE-----\nb\n",
        ),
        ("-----BEGIN CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----\n"),
    ],
)
def test_a_signature_is_what_git_takes_for_one(message: str, text: str) -> None:
    data = tag_bytes("x", A, "commit", "A <a@b> 1 +0000", message)
    tag, _ = parsed_tag("r", B, data)
    found = signed_tag(data)
    assert tag.message == text
    assert found.payload + (found.signature or b"") == data
    assert (found.signature is None) == (message == text)


def test_a_signature_that_begins_in_the_header_leaves_no_message() -> None:
    data = f"object {A}\ntype commit\ntag x\n-----BEGIN SSH SIGNATURE-----\n\nsays\n".encode()
    assert signed_tag(data).payload == f"object {A}\ntype commit\ntag x\n".encode()
    assert parsed_tag("r", B, data)[0].message == ""


def test_a_commit_has_the_bytes_that_git_commit_tree_writes(sandbox: Sandbox) -> None:
    tree = sandbox.git("write-tree")
    person = "Ada Author <ada@example.com> 1772366400 +0000", "Cleo Committer <cleo@example.com> 1772366400 +0000"
    first = sandbox.git("commit-tree", tree, "-m", "one")
    assert object_id("commit", commit_bytes(tree, [], *person, "one")) == first
    second = sandbox.git("commit-tree", tree, "-p", first, "-m", "größer\n\nbody")
    assert object_id("commit", commit_bytes(tree, [first], *person, "größer\n\nbody\n\n")) == second


def test_a_tag_object_has_the_bytes_that_git_tag_writes(sandbox: Sandbox) -> None:
    target = sandbox.commit("one")
    sandbox.git("tag", "-m", "says\n\nmore", "m/v1", target)
    tagger = "Cleo Committer <cleo@example.com> 1772366400 +0000"
    assert object_id("tag", tag_bytes("m/v1", target, "commit", tagger, "says\n\nmore")) == sandbox.git(
        "rev-parse", "m/v1"
    )


def test_a_nul_in_a_message_cuts_nothing_off() -> None:
    tag, _ = parsed_tag("r", B, tag_bytes("x", A, "commit", "A <a@b> 1 +0000", "before\0after\n"))
    assert tag.message == "beforeafter\n"


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=5000), max_size=5, unique=True))
def test_git_unpacks_our_packs(sandbox: Sandbox, blobs: list[bytes]) -> None:
    sandbox.git("unpack-objects", "-q", "--strict", stdin=pack(Object("blob", data) for data in blobs))
    for data in blobs:
        assert sandbox.git("cat-file", "-s", object_id("blob", data)) == str(len(data))


def test_a_pack_of_a_blob_of_many_sizes_is_whole(sandbox: Sandbox) -> None:
    sizes = [0, 15, 16, 2047, 2048, 1 << 18, (1 << 18) + 1]
    blobs = [bytes([size % 251]) * size for size in sizes]
    sandbox.git("index-pack", "--strict", "--stdin", stdin=pack(Object("blob", data) for data in blobs))
    assert [int(sandbox.git("cat-file", "-s", object_id("blob", data))) for data in blobs] == sizes


@given(st.binary(max_size=200))
def test_any_bytes_are_a_commit_or_said_to_be_broken(data: bytes) -> None:
    for start in (b"", f"tree {A}\n".encode(), f"tree {A}\nauthor A <a@b> 1 +0000\ncommitter ".encode()):
        try:
            commit = parsed_commit(B, start + data)
        except GitError:
            continue
        assert is_object_id(commit.tree)
        assert all(is_object_id(parent) for parent in commit.parents)
        assert commit.committed.tzinfo is UTC


@given(st.binary(max_size=200))
def test_any_bytes_are_a_tag_or_said_to_be_broken(data: bytes) -> None:
    for start in (b"", f"object {A}\ntype commit\n".encode(), f"object {A}\ntype tag\ntag x\ntagger T <".encode()):
        try:
            tag, kind = parsed_tag("refs/tags/x", B, start + data)
        except GitError:
            continue
        assert is_object_id(tag.target)
        assert kind.isalpha()


@given(st.binary(max_size=120))
def test_any_bytes_are_a_tree_or_said_to_be_broken(data: bytes) -> None:
    for read in (data, b"100644 a\0" + data, b"100644 a\0" + bytes(20) + data):
        try:
            entries = parsed_tree(read, A)
        except GitError:
            continue
        assert all(is_object_id(entry.oid) and "/" not in name for name, entry in entries.items())


MESSAGES = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=60)


@given(MESSAGES)
def test_a_message_comes_back_as_it_was_given(message: str) -> None:
    person = "A <a@b> 1 +0000"
    kept = message.rstrip("\n") + "\n"
    assert parsed_commit(B, commit_bytes(A, [B], person, person, message)).message == kept
    if "-----BEGIN " not in message:
        assert parsed_tag("r", B, tag_bytes("x", A, "commit", person, message))[0].message == kept


NAMED = NAMES.map(decoded)


@given(st.dictionaries(NAMED, ENTRIES, max_size=5), st.dictionaries(NAMED, ENTRIES | st.none(), max_size=4))
def test_a_tree_is_written_alike_from_what_git_had_and_from_values(
    names: dict[str, Entry], edits: dict[str, Entry | None]
) -> None:
    listing = parsed_tree(tree_bytes(names), A)
    after = {name: entry for name, entry in {**names, **edits}.items() if entry is not None}
    assert tree_bytes(Edited(listing, edits)) == tree_bytes(Edited(names, edits)) == tree_bytes(after)
    other = parsed_tree(tree_bytes(after), A)
    assert set(listing.differing(other)) == {name for name in {*names, *after} if names.get(name) != after.get(name)}


def test_a_listing_knows_names_only() -> None:
    listing = parsed_tree(tree_bytes({"a": Entry(FILE, A)}), A)
    number: object = 1
    assert ("a" in listing, "b" in listing, number in listing, len(listing)) == (True, False, False, 1)
    with pytest.raises(KeyError):
        listing["b"]


def test_an_old_folder_is_written_with_the_mode_that_git_writes() -> None:
    listing = parsed_tree(b"040000 folder\0" + bytes(20), A)
    assert tree_bytes(Edited(listing, {})) == b"40000 folder\0" + bytes(20)


# What was signed

HEAD = b"tree 1\nparent 2\nauthor a\ncommitter c\n"


@pytest.mark.parametrize(
    ("length", "data", "payload", "signature"),
    [
        (40, HEAD + b"\nwork\n", HEAD + b"\nwork\n", None),
        (40, HEAD + b"gpgsig B\n l\n E\n\nwork\n", HEAD + b"\nwork\n", b"B\nl\nE\n"),
        (40, HEAD + b"gpgsig B\n E\nencoding x\n\nwork\n", HEAD + b"encoding x\n\nwork\n", b"B\nE\n"),
        (40, HEAD + b"gpgsig-sha256 B\n E\n\nwork\n", HEAD + b"\nwork\n", None),
        (64, HEAD + b"gpgsig-sha256 B\n E\n\nwork\n", HEAD + b"\nwork\n", b"B\nE\n"),
        (40, HEAD + b"mergetag m\n gpgsig x\n\ngpgsig y\n", HEAD + b"mergetag m\n gpgsig x\n\ngpgsig y\n", None),
        (40, HEAD + b"gpgsig B\n E\ngpgsig C\n\n", HEAD + b"\n", b"B\nE\nC\n"),
        (40, b"tree 1\ngpgsig B", b"tree 1", b"B\n"),
    ],
)
def test_a_commit_is_told_apart_from_its_signature(
    length: int, data: bytes, payload: bytes, signature: bytes | None
) -> None:
    assert signed_commit("1" * length, data) == Signed(payload, signature)
