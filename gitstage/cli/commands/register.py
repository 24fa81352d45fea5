"""`gitstage register`."""

from __future__ import annotations

from pathlib import Path

import click

from gitstage.cli.completing import complete_reference, complete_stage
from gitstage.cli.context import Context, changing, numbers, pairs, pass_context, scalars


@click.command(
    epilog="""\b
Examples:
  gitstage register fraud-detector@1.1.0 --artifact model.onnx --metric auc=0.953
  gitstage register fraud-detector@next --artifact model.onnx=s3://acme/fraud/1.1.0.onnx --to staging
"""
)
@click.argument("what", shell_complete=complete_reference, metavar="MODEL@VERSION|MODEL@next")
@click.option(
    "--artifact",
    "artifacts",
    multiple=True,
    metavar="FILE|FILE=URI|URI",
    help="A file to keep in the registry, a file that lies at URI too, or a URI; may be given again.",
)
@click.option("--sha256", multiple=True, metavar="HEX", help="The digest of an artifact that is only a URI.")
@click.option("--size", multiple=True, type=int, metavar="BYTES", help="The size of an artifact that is only a URI.")
@click.option("--format", "form", metavar="NAME", help="What reads the artifact: onnx, safetensors, …")
@click.option("--metric", "metrics", multiple=True, metavar="K=V", help="What was measured; may be given again.")
@click.option("--metrics", "metrics_file", type=click.Path(path_type=Path), metavar="FILE.json")
@click.option("--param", "params", multiple=True, metavar="K=V", help="What it was trained with.")
@click.option("--label", "labels", multiple=True, metavar="K=V", help="Any word to find it by.")
@click.option("--data", multiple=True, metavar="NAME=SHA256", help="The data it was trained with.")
@click.option("--repository", metavar="URL", help="The code's repository.")
@click.option("--commit", metavar="ID", help="The code's commit.")
@click.option("--run", "run_url", metavar="URL", help="The training run; registering one run twice is once.")
@click.option("--description", metavar="TEXT")
@click.option("--to", metavar="STAGE", shell_complete=complete_stage, help="Promote it into a stage at once.")
@changing
@pass_context
def command(
    context: Context,
    what: str,
    artifacts: tuple[str, ...],
    sha256: tuple[str, ...],
    size: tuple[int, ...],
    form: str | None,
    metrics: tuple[str, ...],
    metrics_file: Path | None,
    params: tuple[str, ...],
    labels: tuple[str, ...],
    data: tuple[str, ...],
    repository: str | None,
    commit: str | None,
    run_url: str | None,
    description: str | None,
    to: str | None,
    push: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Register a version of a model. A version never changes, and never goes away.

    Small files are kept in the registry; larger ones lie in a store, and the manifest says where and with which digest.
    """
    from gitstage.cli.outcomes import tell
    from gitstage.operations import register
    from gitstage.operations.attest import bytes_of, metrics_in

    measured = metrics_in(bytes_of(metrics_file), metrics_file) if metrics_file is not None else {}
    wanted = register.Wanted(
        artifacts=artifacts,
        sha256=sha256,
        size=size,
        format=form,
        metrics={**measured, **numbers(metrics, "--metric")},
        params=scalars(params, "--param"),
        labels=pairs(labels, "--label"),
        data=tuple({"name": name, "sha256": digest} for name, digest in pairs(data, "--data").items()),
        repository=repository,
        commit=commit,
        run=run_url,
        description=description,
    )
    outcome = register.run(context.registry(), what, wanted, to=to, push=push, dry_run=dry_run)
    return tell(outcome, as_json=as_json)
