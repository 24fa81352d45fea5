"""Which registry it is, and how it is called: what every command needs of `gitstage.yaml`, and no more.

Reading names and moments needs no pydantic and no gates; the whole policy is `gitstage.policy`.
"""

from __future__ import annotations

from collections.abc import Mapping

from gitstage.errors import GitstageError
from gitstage.layout import CONFIGURATION, Layout, stage_problem
from gitstage.values import dataclass


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A registry's id, its trunk (a branch's short name), its stages in the order of the file, its tags' prefix.

    `ledger_ref` is a full ref name, `tags_in_ci` says that a workflow tags what has landed, and `signs_tags` that it
    names `taggers`.
    """

    id: str
    trunk: str = "main"
    tag_prefix: str = ""
    ledger_ref: str = ""
    stages: tuple[str, ...] = ()
    integer_versions: bool = False
    tag_versions: bool = True
    tags_in_ci: bool = False
    signs_tags: bool = False

    @property
    def layout(self) -> Layout:
        return Layout(frozenset(self.stages), self.integer_versions)

    def tag_ref(self, name: str) -> str:
        """The full ref of a tag of ours, by its name without the prefix."""
        return f"refs/tags/{self.tag_prefix}{name}"


def identity_of(document: Mapping[str, object]) -> Identity:
    """The identity in a parsed `gitstage.yaml`. Raises GitstageError where it has none."""
    registry_id, trunk = document.get("id"), document.get("trunk", "main")
    prefix, stages = document.get("tag-prefix", ""), document.get("stages", {})
    ledger = document.get("ledger")
    if not isinstance(registry_id, str) or not registry_id or not set(registry_id) <= set("0123456789abcdef-"):
        raise _unreadable("it has no id")
    if not isinstance(trunk, str) or not isinstance(prefix, str) or not isinstance(stages, Mapping):
        raise _unreadable("trunk and tag-prefix are texts, stages a mapping")
    if any(not isinstance(stage, str) or stage_problem(stage) is not None for stage in stages):
        raise _unreadable("a stage has a name that is none")
    return Identity(
        id=registry_id,
        trunk=trunk,
        tag_prefix=prefix,
        ledger_ref=ledger if isinstance(ledger, str) else f"refs/gitstage/{registry_id}",
        stages=tuple(stages),
        integer_versions=document.get("versions") == "integer",
        tag_versions=document.get("tag-versions") is not False,
        tags_in_ci=document.get("tags") == "ci",
        signs_tags=bool(document.get("taggers")),
    )


def _unreadable(why: str) -> GitstageError:
    return GitstageError(f"{CONFIGURATION} cannot be used: {why}", hint="gitstage check")
