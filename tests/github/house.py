"""This repository's own workflows: those of everybody, with its own code for a judge. Run me to write them anew."""

from __future__ import annotations

from pathlib import Path

from gitstage.github.workflows import Judge, workflow_files

HOUSE = Path(__file__).parent.parent.parent

STEPS = """\
- uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
  with:
    ref: %s # the judge is the trunk's code, and never that of a change
    path: judge
    persist-credentials: false
- uses: actions/setup-python@5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0
  with:
    python-version: "3.13"
- name: Install the judge
  run: |
    judge/.ci/install run
    echo "$GITHUB_WORKSPACE/judge/.venv/bin" >> "$GITHUB_PATH"
"""
OWN = Judge(gating=STEPS % "${{ env.BASE_REF }}", tagging=STEPS % "refs/heads/main")


def own_files() -> dict[str, bytes]:
    """What must be committed here, by path."""
    return workflow_files("registry.example", "main", judge=OWN)


if __name__ == "__main__":
    for path, data in own_files().items():
        (HOUSE / path).write_bytes(data)
