"""Refs: read by one process, moved in one transaction that compares before it swaps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from gitstage.git.environment import Purpose
from gitstage.git.errors import GitError, NoSuchRevision, RefLocked, RefMoved
from gitstage.git.objects import FSCK, Tag, decoded, encoded, is_object_id, parsed_tag
from gitstage.git.process import Processes
from gitstage.git.store import ObjectStore, Reader
from gitstage.values import dataclass

NOTHING = "0" * 40
# More patterns than this cost for-each-ref more than telling the refs apart here.
FEW = 16
# What somebody pushes is not read into memory whatever its size.
LARGEST_TAG = 2**20
NO_REF_NAME = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|//|@\{|/\.|\.lock(?:/|\Z)|\A[/.-]|[/.]\Z|\A@\Z")
"""What git-check-ref-format(1) forbids in a full name."""

LOST = re.compile(
    r"is at [0-9a-f]+ but expected"
    r"|reference already exists"
    r"|unable to resolve reference"
    r"|reference is missing but expected"
    r"|\.lock': File exists"
)
"""What git says when a ref is not where it was expected, or somebody is moving it at this moment."""
LOCKED = re.compile(r"\.lock': File exists")


@dataclass(frozen=True)
class RefUpdate:
    """Move the full ref name `ref` to object `new` if it is at `old` (None: if there is no such ref)."""

    ref: str
    new: str
    old: str | None


def is_ref_name(name: str) -> bool:
    """Whether `name` can be a full ref name."""
    return NO_REF_NAME.search(name) is None and bool(name)


def check_update(ref: str, oid: str) -> None:
    """Refuse what git could take for something else than a ref's full name and an object's id."""
    if not ref.startswith("refs/") or not is_ref_name(ref):
        raise GitError(f"{ref!r} cannot be the name of a ref")
    if not is_object_id(oid):
        raise NoSuchRevision(f"{oid!r}, where {ref} should be, is not an object id")


# What else git takes a full name for, where there is no such ref (gitrevisions(7)): a ref of a longer name,
OTHERWISE = ("refs/{}", "refs/tags/{}", "refs/heads/{}", "refs/remotes/{}", "refs/remotes/{}/HEAD")
# or what `git describe` says of a commit.
DESCRIBED = re.compile(r"-g[0-9a-fA-F]+\Z")


def found(reader: Reader, names: Sequence[str]) -> dict[str, str]:
    """The objects that some full names point at, as the kept process sees them: no process is started for it.

    Only what is certain: a name that is left out may still be a ref.
    """
    asked = [name for name in names if name.startswith("refs/") and is_ref_name(name) and not DESCRIBED.search(name)]
    others = [form.format(name) for name in asked for form in OTHERWISE]
    try:
        answers = list(reader.headers([*asked, *others]))
    except GitError:  # it stumbled over one that points at nothing
        return {}
    if any(answers[len(asked) :]):
        return {}
    return {name: header.oid for name, header in zip(asked, answers, strict=False) if header is not None}


def listed(processes: Processes, prefixes: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Ids and kinds of the objects that refs point at, by full name; a prefix is a full name or ends with `/`."""
    answer = processes.run("for-each-ref", "--format=%(refname) %(objectname) %(objecttype)", *_patterns(prefixes))
    rows = (line.rsplit(b" ", 2) for line in answer.out.splitlines())
    wanted = frozenset(prefixes)
    named = ((decoded(name), oid.decode(), kind.decode()) for name, oid, kind in rows)
    return {name: (oid, kind) for name, oid, kind in named if not wanted or _is_wanted(name, wanted)}


def _is_wanted(name: str, prefixes: frozenset[str]) -> bool:
    """Whether a full name is among prefixes, or below one; they may be thousands."""
    at = name.rfind("/")
    while at >= 0:
        if name[: at + 1] in prefixes:
            return True
        at = name.rfind("/", 0, at)
    return name in prefixes


def _patterns(prefixes: Sequence[str]) -> Sequence[str]:
    if len(prefixes) <= FEW:
        return prefixes
    first, last = min(prefixes), max(prefixes)
    same = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    common = first[: first.rfind("/", 0, same) + 1]
    return [common] if common else []


def tags(processes: Processes, store: ObjectStore, prefixes: Sequence[str]) -> list[Tag]:
    """The tags below `prefixes`, in the order of their names."""
    refs = listed(processes, prefixes)
    found = {name: Tag(name, oid, kind, oid, "", None) for name, (oid, kind) in refs.items() if kind != "tag"}
    named: dict[str, list[str]] = {}
    for name, (oid, kind) in refs.items():
        if kind == "tag":
            named.setdefault(oid, []).append(name)
    for oid, read in store.each(list(named)):
        for name in named.pop(oid):
            tag, target_kind = parsed_tag(name, oid, read.data)
            found[name] = tag if target_kind != "tag" else tag._replace(target=peeled(store, tag.target))
    for oid, names in named.items():
        raise GitError(f"tag object {oid} of {names[0]} is missing", hint=FSCK)
    return [found[name] for name in refs]


def tags_of(store: ObjectStore, objects: Mapping[str, str]) -> dict[str, Tag]:
    """Objects as the tags that refs of these names make of them; `target` is what each names itself."""
    found = {}
    for name, oid in objects.items():
        header = store.header(oid)
        if header.kind != "tag":
            found[name] = Tag(name, oid, header.kind, oid, "", None)
        elif header.size > LARGEST_TAG:
            raise GitError(f"tag object {oid}, where {name} should be, is larger than {LARGEST_TAG} bytes")
        else:
            found[name] = parsed_tag(name, oid, store.read(oid))[0]
    return found


def symbolic(processes: Processes, names: Sequence[str]) -> dict[str, str]:
    """The refs among `names` that only stand for another one, and for which."""
    if not names:
        return {}
    wanted = set(names)
    answer = processes.run("for-each-ref", "--format=%(refname) %(symref)", *_patterns(names))
    rows = (decoded(line).split(" ", 1) for line in answer.out.splitlines())
    return {name: target for name, target in rows if target and name in wanted}


def tag_objects(processes: Processes, prefix: str) -> list[tuple[str, str, str | None]]:
    """Name, id and what that id points at (None: it is no tag object) of the refs below a prefix."""
    words = ("for-each-ref", "--format=%(refname) %(objectname) %(*objectname) ")
    answer = processes.run(*words, *([prefix] if prefix.endswith("/") else []))
    rows = (line.rsplit(b" ", 3) for line in answer.out.splitlines())
    named = ((decoded(name), oid.decode(), target.decode() or None) for name, oid, target, _ in rows)
    return [(name, oid, target) for name, oid, target in named if name.startswith(prefix)]


def tags_by_id(store: ObjectStore, oids: Iterable[str]) -> dict[str, Tag]:
    """Tag objects by their ids, without the names of their refs; what is broken or no tag is left out."""
    found = {}
    for oid, read in store.read_many(oids).items():
        if read.kind == "tag":
            with suppress(GitError):
                found[oid] = parsed_tag("", oid, read.data)[0]
    return found


def peeled(store: ObjectStore, oid: str) -> str:
    """The object behind a tag of a tag of … an object."""
    while store.header(oid).kind == "tag":
        oid = parsed_tag("", oid, store.read(oid))[0].target
    return oid


def transact(processes: Processes, updates: Iterable[RefUpdate], reason: str) -> None:
    """Move all refs or none of them. A ref that is not where it was expected raises RefMoved."""
    words = [b"start"]
    for update in updates:
        check_update(update.ref, update.new)
        words.append(b"option no-deref")
        if update.old is None:
            words.append(b"create %s\0%s" % (encoded(update.ref), update.new.encode()))
        else:
            words.append(b"update %s\0%s\0%s" % (encoded(update.ref), update.new.encode(), update.old.encode()))
    stdin = b"\0".join([*words, b"prepare", b"commit", b""])
    answer = processes.run(
        "update-ref",
        "-m",
        " ".join(reason.split()),
        "--stdin",
        "-z",
        # Long enough for another writer to be done with a ref, as git waits for packed-refs.
        options=("-c", "core.filesRefLockTimeout=1000"),
        stdin=stdin,
        purpose=Purpose.WRITING,
        accept=(0, 1, 128),
        # Refs are put in place one after the other: stopped in between, git would leave half of them.
        undisturbed=True,
    )
    if answer.status == 0 and b"commit: ok" in answer.out.splitlines():
        return
    said = answer.err or "git update-ref did not say that it is done"
    if LOCKED.search(said):
        raise RefLocked(said.splitlines()[0], hint="where no other git is running, remove that .lock file")
    if LOST.search(said):
        raise RefMoved(said, hint="run the command again")
    from gitstage.git.failures import explained

    message, hint = explained(said, said)
    raise GitError(message, hint=hint)
