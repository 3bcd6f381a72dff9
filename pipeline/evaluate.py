"""Scores of all folds' answers, pooled, beside the baselines'; every other stage's figures; plots.

Reads data/predictions.parquet, data/baselines.parquet, data/triples.parquet and the stages' reports. Writes
metrics/*.json and metrics/plots/*.csv.
Run: ``python -m pipeline evaluate``
"""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deft import tables
from deft.params import Params
from deft.score import loso, metrics
from pipeline import stage

Strings = np.ndarray[tuple[int], np.dtype[np.object_]]

PER_DATASET = ("index", "crop", "landmarks", "flow", "verify")
WHOLE = ("triples", "backbone", "predictions")
PLOTS = stage.METRICS / "plots"


def main() -> None:
    """Score everything."""
    params = stage.load()
    triples = {row["clip"]: row for row in tables.rows(stage.DATA / "triples.parquet")}
    clips = [
        {"said_evidence": answer.pop("evidence"), "said_rationale": answer.pop("rationale")}
        | {key: triples[answer["clip"]][key] for key in ("dataset", "subject", "label", "listed", "moving", "evidence")}
        | answer
        for answer in tables.rows(stage.DATA / "predictions.parquet")
    ]
    dials = params.evaluate.model_dump()
    scores = loso.figures(clips, **dials)
    scores["by_dataset"] = {
        dataset: loso.figures(some, **dials) if len(some) < len(clips) else dict(scores)
        for dataset in params.datasets
        if (some := [clip for clip in clips if clip["dataset"] == dataset])
    }
    tables.write_json(stage.METRICS / "loso.json", scores)
    tables.write_json(stage.METRICS / "baselines.json", _baselines(triples, dials))
    _gather(params)
    _plots(clips)
    print(json.dumps({group: scores[group] for group in ("emotion", "generated", "au", "text", "n")}, indent=2))


def _baselines(triples: dict[str, tables.Row], dials: dict[str, int]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    rows = pd.DataFrame(tables.rows(stage.DATA / "baselines.parquet"))
    for name, group in rows.groupby("baseline"):
        clips = group["clip"].tolist()
        true, given = np.array([triples[clip]["label"] for clip in clips]), group["emotion"].to_numpy()
        subjects = [f"{triples[clip]['dataset']}/{triples[clip]['subject']}" for clip in clips]
        low_high = metrics.bootstrap(partial(_resampled, true, given), subjects, **dials)
        scores = {key: round(value, 4) for key, value in metrics.emotion(true.tolist(), given.tolist()).items()}
        for key, (low, high) in low_high.items():
            scores |= {f"{key}_low": round(low, 4), f"{key}_high": round(high, 4)}
        found[str(name)] = {"emotion": scores, "n": {"clips": len(clips), "subjects": len(set(subjects))}}
    return found


def _resampled(true: Strings, given: Strings, at: Sequence[int]) -> metrics.Scores:
    return metrics.emotion(true[list(at)].tolist(), given[list(at)].tolist())


def _gather(params: Params) -> None:
    """Every stage's report as a metrics file, failures as their number: the full list stays beside the table."""
    reports: dict[str, dict[str, Path]] = {
        name: {dataset: stage.table(name, dataset).with_suffix(".json") for dataset in params.datasets}
        for name in PER_DATASET
    }
    for name, found in reports.items():
        tables.write_json(stage.METRICS / f"{name}.json", {key: _counted(path) for key, path in found.items()})
    for name in WHOLE:
        tables.write_json(stage.METRICS / f"{name}.json", _counted(stage.DATA / f"{name}.json"))


def _counted(path: Path) -> dict[str, Any]:
    report = json.loads(path.read_text(encoding="utf-8"))
    return {key: len(value) if key in ("failures", "dropped") else value for key, value in report.items()}


def _plots(clips: list[tables.Row]) -> None:
    PLOTS.mkdir(parents=True, exist_ok=True)
    true = [clip["label"] for clip in clips]
    answers = {"head": [clip["emotion"] for clip in clips], "text": [clip["said_emotion"] or "none" for clip in clips]}
    for name, given in answers.items():
        pd.DataFrame({"sheet": true, "answered": given}).to_csv(PLOTS / f"confusion_{name}.csv", index=False)
    classes = [
        {"emotion": emotion, "answer": name, "f1": round(score, 4)}
        for name, given in answers.items()
        for emotion, score in metrics.per_class(true, given).items()
    ]
    pd.DataFrame(classes).to_csv(PLOTS / "classes.csv", index=False)
    folds = json.loads((stage.DATA / "finetune.json").read_text(encoding="utf-8"))["folds"]
    losses = pd.concat([pd.DataFrame(fold["losses"]).rename_axis("epoch") for fold in folds.values()])
    mean = losses.groupby("epoch").mean().round(5).reset_index().assign(epoch=lambda frame: frame["epoch"] + 1)
    mean.to_csv(PLOTS / "losses.csv", index=False)
