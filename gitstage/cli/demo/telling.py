"""A demo from start to end: a folder, the playground in it, the story, and what to try next."""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from gitstage.cli.demo.example import DIGITS
from gitstage.cli.demo.playground import Playground, built, refuse_what_is_not_empty, sealed
from gitstage.cli.demo.story import STORY
from gitstage.cli.demo.teller import Step, Teller
from gitstage.errors import GitstageError
from gitstage.operations.registries import open_registry, utc_now

Say = Callable[[str], None]

NARROWEST, WIDEST = 80, 120
"""Columns that are filled at least, and where nobody knows how wide the terminal is."""

INTRODUCTION = """\
Three small models, really trained and really measured, in a registry that is a Git repository.
Every command below is run for real, in {top}."""

NEXT = """\
That was a model's life. The repository is yours to play with:

  cd {clone}
  gitstage status
  gitstage log {digits}
  gitstage explain diabetes-progression@1.3.0 --to production
  gitstage register {digits}@2.1.0 --artifact ../trained/{digits}/2.1.0/model.onnx \\
      --metrics ../trained/{digits}/2.1.0/metrics.json --to staging --push
  gitstage tag
  git log --oneline --graph

2.1.0 reads faint scans; `faint-scans` is not yet a test that gitstage.yaml asks for. Your own registry: gitstage init"""


def told(folder: Path | None, say: Say, *, colour: bool = False, story: Sequence[Step] = STORY) -> Playground:
    """Tells a story in `folder` (new or empty), or in a temporary one.

    An interrupted demo leaves the folder that was named, and nothing else. Raises NotAsTold, GitstageError.
    """
    with _place(folder) as top, sealed():
        say(INTRODUCTION.format(top=top))
        place = built(top, utc_now().date())
        _take_in(place)
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        width = max(NARROWEST, shutil.get_terminal_size((WIDEST, 24)).columns)
        teller = Teller(place.clone, say, colour=colour, encoding=encoding, width=width)
        for step in story:
            teller.tell(step)
        say("")
        say(NEXT.format(clone=shlex.quote(str(place.clone)), digits=DIGITS))
        return place


@contextmanager
def _place(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        refuse_what_is_not_empty(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise GitstageError(f"{folder} cannot be made: {error.strerror}") from error
        yield folder.resolve()
        return
    top = Path(tempfile.mkdtemp(prefix="gitstage-demo-")).resolve()
    try:
        yield top
    except (KeyboardInterrupt, click.Abort):
        shutil.rmtree(top, ignore_errors=True)
        raise


def _take_in(place: Playground) -> None:
    """What served before there was a registry is in effect from its first run on."""
    from gitstage.operations import tag

    outcome = tag.run(open_registry(str(place.clone)))
    if outcome.exit_code:
        raise GitstageError(f"the example registry is not in order: {sorted(outcome.state.open)}")
