"""Trains the models of registry.example/, checks what was exported, and writes what their registration needs.

    python docs/example-models/train.py OUT

The data ships with scikit-learn; nothing is downloaded. README.md beside this file says what is written where.
"""

from __future__ import annotations

import os

# The last bit of a matrix product depends on the processor's widest instructions and on the number of threads, and
# hundreds of optimiser steps carry it into the weights. One thread, and instructions that every x86-64 processor since
# 2009 has, leave neither a say. The libraries read this when they are imported. Out of reach is the C library, whose
# exp and log are other ones where the processor has no FMA.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_CORETYPE"] = "Nehalem"
os.environ["NPY_DISABLE_CPU_FEATURES"] = "X86_V3 X86_V4 AVX512_ICL AVX512_SPR"

import argparse
import hashlib
import json
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV
from sklearn.metrics import (
    accuracy_score,
    log_loss,
    mean_absolute_error,
    mean_squared_error,
    r2_score,
    recall_score,
    roc_auc_score,
    top_k_accuracy_score,
)
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

SEED = 0
HELD_OUT = 0.4
OPSET = {"": 17, "ai.onnx.ml": 3}
TOLERANCE = 1e-4
WARM_UP, REQUESTS = 200, 2_000
LATENCY_BUDGET_MS = 5.0

Array = np.ndarray[Any, Any]
Metrics = dict[str, float | int]
Document = dict[str, Any]


@dataclass(frozen=True)
class Split:
    """A data set, cut once into rows to learn from and rows to measure on."""

    name: str
    train_x: Array
    train_y: Array
    test_x: Array
    test_y: Array


@dataclass(frozen=True)
class Candidate:
    """One version: what is fitted, on which columns and rows, and what the team says about it."""

    version: str
    stage: str
    estimator: Any
    description: str
    params: dict[str, str | int | float | bool]
    columns: tuple[int, ...] | None = None
    rows: int | None = None
    bad: bool = False


@dataclass(frozen=True)
class Model:
    """A model's data, its measure, its floor for shadow traffic, and its versions, oldest first."""

    name: str
    split: Split
    measure: Callable[[Array, Array], Metrics]
    quality: str
    floor: float
    versions: tuple[Candidate, ...]
    field_test: tuple[str, str, Callable[[Array], Array]] | None = None


@dataclass(frozen=True)
class Exported:
    """A version's ONNX bytes with what was measured on them."""

    candidate: Candidate
    data: bytes
    metrics: Metrics
    reports: dict[str, Document] = field(default_factory=dict)


# --- the models ---------------------------------------------------------------------------------------------------


def models() -> tuple[Model, ...]:
    """The three models, each with its versions in the order in which the team made them."""
    return (biopsy_screener(), digit_reader(), diabetes_progression())


def biopsy_screener() -> Model:
    """Malignant or benign, from 30 measurements of cell nuclei; 1.3.0 saves the wrong ten of them."""
    bunch = load_breast_cancer()
    mean, error, worst = tuple(range(10)), tuple(range(10, 20)), tuple(range(20, 30))
    malignant = (bunch.target == 0).astype(np.int64)

    def candidate(version: str, stage: str, columns: tuple[int, ...], text: str, *, bad: bool = False) -> Candidate:
        # 1.x takes all 30 measurements and looks at some; 2.0.0 takes only those that it needs, hence the new major.
        narrow = version.startswith("2.")
        chosen = StandardScaler() if narrow else ColumnTransformer([("chosen", StandardScaler(), list(columns))])
        return Candidate(
            version,
            stage,
            make_pipeline(chosen, LogisticRegression(C=1.0, tol=1e-8, max_iter=5_000)),
            text,
            {"algorithm": "logistic-regression", "C": 1.0, "features": len(columns)},
            columns if narrow else None,
            bad=bad,
        )

    return Model(
        "biopsy-screener",
        split("wdbc", bunch.data, malignant, stratify=True),
        binary_metrics,
        "accuracy",
        0.85,
        (
            candidate("1.0.0", "archived", (0, 1), "Baseline on mean radius and mean texture alone."),
            candidate("1.1.0", "archived", mean, "Looks at the mean of all ten measurements."),
            candidate("1.2.0", "production", mean + error + worst, "Looks at all thirty measurements."),
            candidate(
                "1.3.0",
                "staging",
                mean + error,
                "Leaves out the ten measurements of the worst nuclei: twenty to measure instead of thirty.",
                bad=True,
            ),
            candidate(
                "2.0.0",
                "registered",
                worst,
                "Takes only the ten measurements of the worst nuclei, the ones that 1.3.0 left out.",
            ),
        ),
    )


def digit_reader() -> Model:
    """A digit from an 8 x 8 scan; 2.0.0 is better on good scans and worse on faint ones, and 2.1.0 mends that."""
    bunch = load_digits()

    def network() -> MLPClassifier:
        return MLPClassifier((32,), alpha=1.0, solver="lbfgs", max_iter=4_000, max_fun=100_000, random_state=SEED)

    linear = {"algorithm": "logistic-regression", "C": 1.0}
    perceptron = {"algorithm": "multilayer-perceptron", "hidden_units": 32, "alpha": 1.0}
    return Model(
        "vision/digit-reader",
        split("digits", bunch.data / 16.0, bunch.target.astype(np.int64), stratify=True),
        digit_metrics,
        "accuracy",
        0.90,
        (
            Candidate(
                "1.0.0",
                "archived",
                LogisticRegression(C=1.0, tol=1e-8, max_iter=5_000),
                "Baseline, trained on the first 200 scans.",
                linear,
                rows=200,
            ),
            Candidate(
                "1.1.0",
                "archived",
                LogisticRegression(C=1.0, tol=1e-8, max_iter=5_000),
                "Retrained on all scans.",
                linear,
            ),
            Candidate(
                "2.0.0", "production", network(), "A small neural network in place of the linear model.", perceptron
            ),
            Candidate(
                "2.1.0",
                "staging",
                make_pipeline(Normalizer(norm="max"), network()),
                "Brings every scan to full contrast first, so that faint scans are read as well as dark ones.",
                {**perceptron, "contrast": "max"},
            ),
        ),
        ("faint-scans", "every pixel at half its ink, rounded down to the scanner's 17 levels", faint),
    )


def diabetes_progression() -> Model:
    """Progression of the disease after a year, from ten baseline values."""
    bunch = load_diabetes(scaled=False)

    def candidate(version: str, stage: str, columns: tuple[int, ...], text: str) -> Candidate:
        chosen = ColumnTransformer([("chosen", StandardScaler(), list(columns))])
        params = {"algorithm": "ridge", "alpha": 1.0, "features": len(columns)}
        return Candidate(version, stage, make_pipeline(chosen, Ridge(1.0)), text, params)

    ten = tuple(range(10))
    shrunk = Candidate(
        "1.3.0",
        "staging",
        make_pipeline(
            ColumnTransformer([("chosen", StandardScaler(), list(ten))]), RidgeCV((1.0, 3.0, 10.0, 30.0, 100.0, 300.0))
        ),
        "Shrinkage chosen by leave-one-out on the training rows.",
        {"algorithm": "ridge", "alpha_chosen_by": "leave-one-out", "features": 10},
    )
    return Model(
        "diabetes-progression",
        split("diabetes", bunch.data, bunch.target.astype(np.float64), stratify=False),
        regression_metrics,
        "r2",
        0.2,
        (
            candidate("1.0.0", "archived", (2,), "Baseline on the body mass index alone."),
            candidate("1.1.0", "archived", (0, 1, 2, 3), "Adds age, sex and blood pressure."),
            candidate("1.2.0", "production", ten, "Adds the six blood serum values."),
            shrunk,
        ),
    )


def faint(pixels: Array) -> Array:
    """What a scanner with a worn lamp delivers: half the ink, in whole levels of 0 to 16."""
    return np.floor(pixels * 16.0 / 2.0) / 16.0


def split(name: str, x: Array, y: Array, *, stratify: bool) -> Split:
    """The one cut of a data set, with a fixed seed; every version is measured on the same held-out rows."""
    cut = train_test_split(x, y, test_size=HELD_OUT, random_state=SEED, stratify=y if stratify else None)
    train_x, test_x, train_y, test_y = cut
    return Split(name, train_x, train_y, test_x, test_y)


# --- measuring ----------------------------------------------------------------------------------------------------


def binary_metrics(truth: Array, scores: Array) -> Metrics:
    malignant = scores[:, 1]
    called = (malignant > 0.5).astype(np.int64)
    return {
        "auc": rounded(roc_auc_score(truth, malignant)),
        "accuracy": rounded(accuracy_score(truth, called)),
        "log_loss": rounded(log_loss(truth, malignant)),
        "sensitivity": rounded(recall_score(truth, called)),
        "specificity": rounded(recall_score(1 - truth, 1 - called)),
    }


def digit_metrics(truth: Array, scores: Array) -> Metrics:
    return {
        "accuracy": rounded(accuracy_score(truth, scores.argmax(axis=1))),
        "top2_accuracy": rounded(top_k_accuracy_score(truth, scores, k=2)),
        "log_loss": rounded(log_loss(truth, scores)),
    }


def regression_metrics(truth: Array, predicted: Array) -> Metrics:
    return {
        "rmse": rounded(mean_squared_error(truth, predicted) ** 0.5, 2),
        "mae": rounded(mean_absolute_error(truth, predicted), 2),
        "r2": rounded(r2_score(truth, predicted)),
    }


def rounded(value: float, digits: int = 4) -> float:
    return round(float(value), digits)


# --- exporting ----------------------------------------------------------------------------------------------------


def exported(model: Model, candidate: Candidate) -> Exported:
    """The version, trained, written as ONNX, held against scikit-learn, and measured as it will be served."""
    data = model.split
    x, y = narrowed(data.train_x[: candidate.rows], candidate), data.train_y[: candidate.rows]
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        candidate.estimator.fit(x, y)
    content = onnx_bytes(model, candidate, x.shape[1])
    held_out = narrowed(data.test_x, candidate)
    scores = outputs(session(content), held_out)
    agree_with_sklearn(f"{model.name}@{candidate.version}", candidate.estimator, held_out, scores)
    return Exported(candidate, content, {**model.measure(data.test_y, scores), "model_bytes": len(content)})


def narrowed(x: Array, candidate: Candidate) -> Array:
    return x if candidate.columns is None else x[:, candidate.columns]


def onnx_bytes(model: Model, candidate: Candidate, width: int) -> bytes:
    """The fitted estimator as ONNX, without the names and versions of the tools that happened to write it."""
    inputs = [("input", FloatTensorType([None, width]))]
    options = None if model.measure is regression_metrics else {id(last_step(candidate.estimator)): {"zipmap": False}}
    made = to_onnx(candidate.estimator, initial_types=inputs, options=options, target_opset=OPSET)
    made.graph.name = model.name
    made.producer_name, made.producer_version, made.domain = "gitstage-example", "1", ""
    made.doc_string = made.graph.doc_string = ""
    made.model_version = 0
    return bytes(made.SerializeToString(deterministic=True))


def last_step(estimator: Any) -> Any:
    return estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator


def session(content: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def outputs(runner: onnxruntime.InferenceSession, x: Array) -> Array:
    """The model's last output: class probabilities of a classifier, the values of a regressor."""
    found: Array = runner.run(None, {"input": x.astype(np.float32)})[-1]
    return found if found.shape[1] > 1 else found[:, 0]


def agree_with_sklearn(name: str, estimator: Any, x: Array, scores: Array) -> None:
    """Ends the program where the exported model does not say what the trained one says."""
    if scores.ndim == 1:
        wanted = estimator.predict(x)
        distance = np.abs(scores / wanted - 1.0).max()
        same = True
    else:
        wanted = estimator.predict_proba(x)
        distance = np.abs(scores - wanted).max()
        same = bool((scores.argmax(axis=1) == wanted.argmax(axis=1)).all())
    if not same or not distance < TOLERANCE:
        sys.exit(f"{name}: onnxruntime and scikit-learn disagree by {distance:.2g} on the held-out rows")


# --- evidence -----------------------------------------------------------------------------------------------------


def shadow_traffic(model: Model, version: Exported, incumbent: Exported | None) -> Document:
    """The held-out rows sent one at a time, to the version and to the one that it would replace."""
    data = model.split
    answers = one_at_a_time(version, data.test_x)
    quality = model.measure(data.test_y, answers)[model.quality]
    metrics: Metrics = {model.quality: quality, "requests": len(answers)}
    if incumbent is not None:
        metrics["agreement"] = agreement(answers, one_at_a_time(incumbent, data.test_x))
    healthy = bool(np.isfinite(answers).all()) and quality >= model.floor
    about = f"held-out rows, one at a time; passes with finite answers and {model.quality} of at least {model.floor}"
    against = None if incumbent is None else incumbent.candidate.version
    return report("shadow-traffic", healthy, metrics, {"procedure": about, "incumbent": against})


def one_at_a_time(version: Exported, x: Array) -> Array:
    runner = session(version.data)
    rows = narrowed(x, version.candidate)
    return np.concatenate([outputs(runner, rows[at : at + 1]) for at in range(len(rows))])


def agreement(one: Array, other: Array) -> float:
    """The share of requests that both answer alike: the same class, or values at most a tenth apart."""
    same = one.argmax(axis=1) == other.argmax(axis=1) if one.ndim > 1 else np.abs(one / other - 1.0) <= 0.1
    return rounded(float(same.mean()))


def load_test(model: Model, version: Exported) -> Document:
    """Latency of single requests on one thread of this machine: the only report that is not the same on every run."""
    runner = session(version.data)
    rows = narrowed(model.split.test_x, version.candidate).astype(np.float32)
    taken = []
    for at in range(WARM_UP + REQUESTS):
        row = rows[at % len(rows)][None, :]
        started = time.perf_counter()
        runner.run(None, {"input": row})
        taken.append((time.perf_counter() - started) * 1_000)
    p50, p99 = (rounded(float(np.percentile(taken[WARM_UP:], q)), 3) for q in (50, 99))
    metrics: Metrics = {"latency_p50_ms": p50, "latency_p99_ms": p99, "requests": REQUESTS}
    about = (
        f"single requests in a row, onnxruntime on one thread; passes with a p99 of at most {LATENCY_BUDGET_MS:g} ms"
    )
    return report("load-test", p99 <= LATENCY_BUDGET_MS, metrics, {"procedure": about})


def field_report(model: Model, version: Exported, incumbent: Exported | None) -> Document | None:
    """The held-out rows as the field delivers them; fails where the incumbent reads them better."""
    if model.field_test is None:
        return None
    name, conditions, spoil = model.field_test

    def quality(one: Exported) -> float:
        answers = one_at_a_time(one, spoil(model.split.test_x))
        return model.measure(model.split.test_y, answers)[model.quality]

    metrics: Metrics = {model.quality: quality(version), "requests": len(model.split.test_x)}
    passed = True
    if incumbent is not None:
        metrics[f"incumbent_{model.quality}"] = quality(incumbent)
        passed = metrics[model.quality] >= metrics[f"incumbent_{model.quality}"]
    against = None if incumbent is None else incumbent.candidate.version
    about = f"held-out rows with {conditions}; passes where it reads them no worse than the incumbent"
    return report(name, passed, metrics, {"procedure": about, "incumbent": against})


def report(name: str, passed: bool, metrics: Metrics, configuration: Document) -> Document:
    return {
        "type": "test-result",
        "name": name,
        "result": "passed" if passed else "failed",
        "metrics": metrics,
        "configuration": {key: value for key, value in configuration.items() if value is not None},
    }


# --- writing ------------------------------------------------------------------------------------------------------


def trained(model: Model) -> tuple[Exported, ...]:
    """All versions of a model, each with its reports against the best version before it that was not bad."""
    done: list[Exported] = []
    incumbent: Exported | None = None
    for candidate in model.versions:
        version = exported(model, candidate)
        reports = [
            shadow_traffic(model, version, incumbent),
            field_report(model, version, incumbent),
            load_test(model, version),
        ]
        version.reports.update({found["name"]: found for found in reports if found is not None})
        done.append(version)
        incumbent = incumbent if candidate.bad else version
    return tuple(done)


def digest(*arrays: Array) -> str:
    """SHA-256 over the arrays' bytes one after the other, row by row, 8 bytes a number, little-endian."""
    content = b"".join(np.ascontiguousarray(one).astype(one.dtype.newbyteorder("<")).tobytes() for one in arrays)
    return hashlib.sha256(content).hexdigest()


def data_document(model: Model, candidate: Candidate) -> list[Document]:
    data = model.split
    part = "train" if candidate.rows is None else f"train-first-{candidate.rows}"
    return [
        {
            "name": f"{data.name}-{part}",
            "sha256": digest(data.train_x[: candidate.rows], data.train_y[: candidate.rows]),
        },
        {"name": f"{data.name}-held-out", "sha256": digest(data.test_x, data.test_y)},
    ]


def write_version(folder: Path, model: Model, version: Exported) -> None:
    folder.mkdir(parents=True)
    candidate = version.candidate
    params = {**candidate.params, "seed": SEED}
    ridge = last_step(candidate.estimator)
    if isinstance(ridge, RidgeCV):
        params["alpha"] = float(ridge.alpha_)
    (folder / "model.onnx").write_bytes(version.data)
    (folder / "description.txt").write_text(candidate.description + "\n", encoding="utf-8")
    write_json(folder / "metrics.json", version.metrics)
    write_json(folder / "params.json", params)
    write_json(folder / "data.json", data_document(model, candidate))
    for name, found in version.reports.items():
        write_json(folder / "evidence" / f"{name}.json", found)


def write_json(path: Path, document: object) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def table(versions: tuple[Exported, ...]) -> Iterator[str]:
    """The lines of a model card's table, which the card has to show as they are."""
    names = list(versions[0].metrics)
    yield "| version | " + " | ".join(names) + " |"
    for version in versions:
        yield f"| {version.candidate.version} | " + " | ".join(f"{version.metrics[name]}" for name in names) + " |"


def card_of(model: Model, versions: tuple[Exported, ...]) -> str:
    """The hand-written card; ends the program where its figures are not the measured ones."""
    path = Path(__file__).parent / "cards" / model.name / "README.md"
    text = path.read_text(encoding="utf-8")
    missing = [line for line in table(versions) if line not in text.splitlines()]
    if missing:
        sys.exit(f"{path} lacks these measured lines:\n" + "\n".join(missing))
    return text


def plan(everything: dict[str, tuple[Model, tuple[Exported, ...]]]) -> Document:
    """What to register in which order, what is attested in staging, and the stage in which each version ends up.

    The field test came with the incident: only the version that mends it shows it in staging, and `incident` names it
    for the one that failed.
    """
    listed = [
        {
            "model": name,
            "version": version.candidate.version,
            "stage": version.candidate.stage,
            "bad": version.candidate.bad,
            "folder": f"{name}/{version.candidate.version}",
            "evidence": [
                f"evidence/{found}.json" for found in rehearsed(model, version, mended=version is versions[-1])
            ],
        }
        for name, (model, versions) in everything.items()
        for version in versions
    ]
    incident = {
        "model": "vision/digit-reader",
        "version": "2.0.0",
        "evidence": "evidence/faint-scans.json",
        "back-to": "1.1.0",
        "mended-by": "2.1.0",
    }
    refused = {"model": "biopsy-screener", "version": "1.3.0", "incumbent": "1.2.0", "mended-by": "2.0.0"}
    return {"versions": listed, "refused": refused, "incident": incident}


def rehearsed(model: Model, version: Exported, *, mended: bool) -> list[str]:
    late = model.field_test[0] if model.field_test is not None and not mended else None
    return sorted(name for name in version.reports if name != late)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path, help="the folder to write, made anew")
    out: Path = parser.parse_args().out
    if out.exists() and not (out / "plan.json").exists() and any(out.iterdir()):
        sys.exit(f"{out} holds something else; name a new folder, or one that this script made")
    everything = {model.name: (model, trained(model)) for model in models()}
    for _, versions in everything.values():
        print("\n".join(table(versions)), file=sys.stderr)
    cards = {name: card_of(*found) for name, found in everything.items()}
    if out.exists():
        shutil.rmtree(out)
    for name, (model, versions) in everything.items():
        for version in versions:
            write_version(out / name / version.candidate.version, model, version)
        (out / name / "README.md").write_text(cards[name], encoding="utf-8")
    write_json(out / "plan.json", plan(everything))


if __name__ == "__main__":
    main()
