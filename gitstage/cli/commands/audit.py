"""`gitstage audit`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitstage.cli.context import Context, json_option, pass_context
from gitstage.cli.output import print_json, print_line, write_file
from gitstage.errors import GitstageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from gitstage.checkpoint import Checkpoint
    from gitstage.findings import Finding
    from gitstage.operations.audit import Audit
    from gitstage.operations.registries import Registry
    from gitstage.operations.replay import NotTaken, OnWord
    from gitstage.policy import Policy

INDENT = " " * 11
MOST_NAMED = 5
EVERY = 500
"""Commits after which progress is shown."""
GONE = ("history-removed", "tags-changed")
"""The faults after which an audit does not go on from a checkpoint, and judges everything."""


@click.command(
    epilog="""\b
Example:
  gitstage audit                                            do trees, tags and policies agree?
  gitstage audit --checkpoint audit.json --sign ~/.ssh/id_ed25519
  gitstage audit --from audit.json                          only what is new; was anything removed?
  gitstage audit --policy stricter.yaml --since 90d         what another policy would have refused
"""
)
@click.option(
    "--since", metavar="WHEN", help="Say only what happened since: a date, a moment, or a length such as 90d."
)
@click.option(
    "--from",
    "start",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Go on where an earlier audit ended, and find what was removed behind it.",
)
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a summary that a person can sign, and that a later audit begins with.",
)
@click.option("--sign", "key", metavar="KEY", help="Sign the checkpoint with an SSH key, into FILE.sig.")
@click.option(
    "--policy",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Ask what this gitstage.yaml would have refused.",
)
@click.option("--remake-ledger", is_flag=True, help="Where the ledger is lost, make it again from trees and tags.")
@json_option
@pass_context
def command(
    context: Context,
    since: str | None,
    start: Path | None,
    checkpoint: Path | None,
    key: str | None,
    policy: Path | None,
    remake_ledger: bool,
    as_json: bool,
) -> int:
    """Judge the whole history again, from a clone, offline: do trees, tags, the ledger and the policies agree?

    Finds what was forced, rewritten, moved, forged, backdated or bypassed.
    Exit codes: 0 everything agrees, 1 something does not (or --policy would have refused something), 2 no answer.
    """
    from gitstage.operations import audit

    if key is not None and checkpoint is None:
        raise GitstageError("--sign signs a checkpoint", hint="--checkpoint FILE --sign KEY")
    registry = context.registry()
    begun = None if start is None else _checkpoint(registry, start)
    begin = None if since is None else _moment(registry, since)
    other = None if policy is None else _policy(policy)
    with _Progress() as progress:
        found = audit.run(registry, since=begin, start=begun, other=other, progress=progress)
    made = audit.remade_ledger(registry, found) if remake_ledger else None
    if as_json:
        print_json(document(found))
    else:
        _tell(found, begun)
    if made is not None:
        print_line(f"made {made} again", err=True)
    if checkpoint is not None:
        _write(found, checkpoint, key)
    return found.exit_code


class _Progress:
    """One line on a terminal that is written over while commits are judged, and ends where that ends, however it does."""

    def __init__(self) -> None:
        self._shown = 0
        self._done = self._total = 0

    def __enter__(self) -> Callable[[int, int], None]:
        return self._judged if sys.stderr.isatty() else _untold

    def __exit__(self, *how: object) -> None:
        if self._done:
            self._show("\n")

    def _judged(self, done: int, total: int) -> None:
        self._done, self._total = done, total
        if done - self._shown >= EVERY:
            self._show("")

    def _show(self, end: str) -> None:
        self._shown = self._done
        click.echo(f"\rjudged {self._done:,} of {_count(self._total, 'commit')}{end}", err=True, nl=False)


def _untold(done: int, total: int) -> None:
    """Where nobody looks."""


def _moment(registry: Registry, text: str) -> datetime:
    """When `--since` begins: a length of time counts back from now."""
    from gitstage.durations import duration
    from gitstage.operations.moments import moment_in

    found = moment_in(text)
    if found is not None:
        return found
    try:
        return registry.now - duration(text)
    except (ValueError, OverflowError):
        raise GitstageError(
            f"{text!r} is no moment and no length of time", hint="--since 90d, --since 2026-03-01"
        ) from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise GitstageError(f"{path} cannot be read: {error.strerror}") from error


def _checkpoint(registry: Registry, path: Path) -> Checkpoint:
    from gitstage.checkpoint import checkpoint_from

    return checkpoint_from(_read(path), registry.identity.id)


def _policy(path: Path) -> Policy:
    from gitstage.canonical import DocumentError
    from gitstage.policy import read_policy

    try:
        return read_policy(_read(path))
    except DocumentError as error:
        raise GitstageError(f"{path}: {error.message}", hint=error.hint) from error


def _write(found: Audit, path: Path, key: str | None) -> None:
    from gitstage.checkpoint import checkpoint_bytes

    if found.checkpoint is None:
        raise GitstageError("nothing has been judged yet, so there is no checkpoint", hint="gitstage tag")
    data = checkpoint_bytes(found.checkpoint)
    write_file(path, data.decode(), option="--checkpoint")
    print_line(f"checkpoint {path}", err=True)
    if key is not None:
        from gitstage.signatures import sign

        signature = path.with_name(f"{path.name}.sig")
        write_file(signature, sign(data, key).armored.decode(), option="--checkpoint")
        print_line(f"signature  {signature}", err=True)


# for people


def _tell(found: Audit, begun: Checkpoint | None = None) -> None:
    for fault in found.faults:
        about = fault.ref.removeprefix("refs/tags/") if fault.ref else fault.thing
        where = f" at {fault.commit[:12]}" if fault.commit else ""
        when = f" ({fault.moment:%Y-%m-%d %H:%M} UTC)" if fault.moment else ""
        print_line(f"fault      {fault.kind}" + (f"  {about}" if about else "") + where + when)
        print_line(f"{INDENT}{fault.message}")
        if fault.hint:
            print_line(f"{INDENT}try: {fault.hint}")
    for asked in found.otherwise or ():
        print_line(
            f"{'refused' if asked.verdict == 'refused' else 'pending':<9}  {asked.thing} {asked.action} {asked.version} "
            f"at {asked.commit[:12]} ({asked.moment:%Y-%m-%d %H:%M} UTC)"
        )
        _tell_rules(asked.findings)
    for item in found.untaken:
        _tell_untaken(item)
    for owed in found.owed:
        since = f"{owed.since:%Y-%m-%d %H:%M} UTC"
        print_line(f"debt       {owed.name}  {owed.debt.in_words}, not countersigned since {since}")
    for said in found.trusted:
        print_line(f"on trust   {said}")
    _tell_words(found.words)
    counts = found.counts
    if begun is not None:
        what = f"of {begun.moment:%Y-%m-%d %H:%M} UTC"
        gone = any(fault.kind in GONE for fault in found.faults)
        said = f"all anew: what the audit {what} saw has changed" if gone else f"what came after the audit {what}"
        print_line(f"from       {said}")
    print_line(
        f"judged     {_count(counts['commits'], 'commit')} in {_count(counts['runs'], 'run')}: "
        f"{_count(counts['promotions'], 'change')} of slots, {_count(counts['versions'], 'version')} and "
        f"{_count(counts['policies'], 'policy', 'policies')} took effect"
    )
    if counts["redactions"]:
        print_line(f"redacted   {_count(counts['redactions'], 'file')} made way for a tombstone")
    if found.unjudged:
        print_line(
            f"note: {_count(found.unjudged, 'commit')} after {str(found.judged)[:12]} not judged yet: gitstage tag"
        )
    since = "" if found.since is None else f" since {found.since:%Y-%m-%d %H:%M} UTC"
    what = f"nothing{since} that is not as it should be"
    if found.faults:
        what = _count(len(found.faults), "fault") + since
    if found.otherwise is not None:
        what += f"; {_count(len(found.otherwise), 'promotion')} would not have passed"
    print_line(f"found      {what}")


def _tell_words(words: tuple[OnWord, ...]) -> None:
    by: dict[tuple[str, str | None], list[str]] = {}
    for said in words:
        by.setdefault((said.word.by, said.signer), []).append(said.tag)
    for (who, signer), tags in by.items():
        others = len(tags) - MOST_NAMED
        named = ", ".join(tags[:MOST_NAMED]) + (f" and {_count(others, 'other')}" if others > 0 else "")
        signed = f"signed by {signer}" if signer else "signed by nobody"
        print_line(f"on trust   who made and approved it, on the word of {who}, in tags {signed}: {named}")


def _tell_untaken(item: NotTaken) -> None:
    until = "still" if item.until is None else f"until {item.until:%Y-%m-%d %H:%M} UTC"
    print_line(
        f"no effect  {item.thing} of {item.commit[:12]}, {item.verdict} from {item.since:%Y-%m-%d %H:%M} UTC {until}"
    )
    _tell_rules(item.findings)


def _tell_rules(findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        print_line(f"{INDENT}{finding.rule}: {finding.message}")


def _count(number: int, noun: str, plural: str | None = None) -> str:
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


# for programs


def document(found: Audit) -> dict[str, object]:
    """The audit as JSON, `gitstage/audit/v1`."""
    from gitstage.ledger import finding_document, text_of

    def when(moment: datetime | None) -> str | None:
        return None if moment is None else text_of(moment)

    return {
        "schema": "gitstage/audit/v1",
        "registry": found.registry,
        "trunk": found.trunk,
        "tip": found.tip,
        "judged": found.judged,
        "unjudged": found.unjudged,
        "ledger": found.ledger,
        "moment": when(found.moment),
        "since": when(found.since),
        "counts": dict(found.counts),
        "faults": [
            {
                "kind": fault.kind,
                "message": fault.message,
                "ref": fault.ref,
                "commit": fault.commit,
                "thing": fault.thing,
                "moment": when(fault.moment),
                "hint": fault.hint,
            }
            for fault in found.faults
        ],
        "untaken": [
            {
                "thing": item.thing,
                "commit": item.commit,
                "verdict": str(item.verdict),
                "since": when(item.since),
                "until": when(item.until),
                "findings": [finding_document(finding) for finding in item.findings],
            }
            for item in found.untaken
        ],
        "trusted": list(found.trusted),
        "owed": [
            {
                "tag": owed.name,
                "kind": owed.debt.kind,
                "by": list(owed.debt.by),
                "since": when(owed.since),
                "due": when(owed.debt.due),
            }
            for owed in found.owed
        ],
        "words": [
            {
                "tag": said.tag,
                "by": said.word.by,
                "authors": sorted(said.word.authors),
                "approvers": sorted(said.word.approvers),
                "signed_by": said.signer,
            }
            for said in found.words
        ],
        "otherwise": None
        if found.otherwise is None
        else [
            {
                "thing": asked.thing,
                "action": asked.action,
                "version": asked.version,
                "commit": asked.commit,
                "moment": when(asked.moment),
                "verdict": str(asked.verdict),
                "findings": [finding_document(finding) for finding in asked.findings],
            }
            for asked in found.otherwise
        ],
        "exit_code": found.exit_code,
    }
