"""What the shell completes: models, versions and stages of the registry at hand; nothing, and no error, where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from gitstage.operations.registries import Registry


def complete_reference(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Models, and after an `@` the stages and versions of one."""
    try:
        return [CompletionItem(name) for name in _references(ctx, incomplete) if name.startswith(incomplete)]
    except Exception:  # noqa: BLE001 - a shell that completes shows no errors
        return []


def complete_stage(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The stages of the registry."""
    try:
        stages = _registry(ctx).identity.stages
        return [CompletionItem(name) for name in stages if name.startswith(incomplete)]
    except Exception:  # noqa: BLE001 - a shell that completes shows no errors
        return []


def _registry(ctx: click.Context) -> Registry:
    from gitstage.cli.context import Context
    from gitstage.operations.registries import open_registry

    given = ctx.find_root().params
    context = Context(directory=given.get("directory") or ".", repo=given.get("repo"), folder=given.get("registry"))
    return open_registry(context.where, folder=context.folder)


def _references(ctx: click.Context, incomplete: str) -> Iterator[str]:
    from gitstage.plans import all_models

    registry = _registry(ctx)
    snapshot = registry.at(registry.tip or registry.head)
    model, at, _ = incomplete.partition("@")
    if not at:
        yield from all_models(snapshot, registry.identity.layout)
        return
    yield from (f"{model}@{stage}" for stage in (*registry.identity.stages, "latest"))
    yield from (
        f"{model}@{name.removesuffix('.yaml')}"
        for name in snapshot.listing(f"models/{model}")
        if name.endswith(".yaml")
    )
