"""Scores of all folds' answers, pooled, beside the baselines'; every other stage's figures; plots.

Reads data/predictions.parquet, data/baselines.parquet, data/triples.parquet and the stages' reports. Writes
metrics/*.json and metrics/plots/*.csv.
Run: ``python -m pipeline evaluate``
"""

import json
from pathlib import Path
from typing import Any, cast

from deft import tables
from deft.params import Params
from deft.report import plots
from deft.score import loso
from pipeline import stage

PER_DATASET = ("index", "crop", "landmarks", "flow", "verify")
WHOLE = ("triples", "folds", "backbone", "predictions")
RULES = {  # how the figures came about
    "loso": "leave one subject out: pooled over {folds} folds",
    "lodo": "leave one dataset out: pooled over {folds} folds",
    "fixed": "one fixed split: {subjects} subjects tested",
}
COUNTED = ("failures", "dropped", "corrections")
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
    folds = _report(stage.DATA / "folds.json")
    rule = {"rule": RULES[folds["protocol"]].format(**folds)}
    scores |= rule
    tables.write_json(stage.METRICS / "loso.json", scores)
    baselines = [triples[row["clip"]] | row for row in tables.rows(stage.DATA / "baselines.parquet")]
    found = {name: each | rule for name, each in loso.baselines(baselines, **dials).items()}
    tables.write_json(stage.METRICS / "baselines.json", found)
    _gather(params)
    tuned = _report(stage.DATA / "finetune.json")["folds"]
    given = {"head": [clip["emotion"] for clip in clips], "text": [clip["said_emotion"] or "none" for clip in clips]}
    PLOTS.mkdir(parents=True, exist_ok=True)
    curves = {
        dataset: _report(stage.table("verify", dataset).with_suffix(".json")).get("curves", {})
        for dataset in params.datasets
    }
    for name, frame in plots.frames([clip["label"] for clip in clips], given, tuned, curves).items():
        frame.to_csv(PLOTS / f"{name}.csv", index=False)
    print(json.dumps({group: scores[group] for group in ("emotion", "generated", "au", "text", "n")}, indent=2))


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
    report = _report(path)
    report.pop("curves", None)  # a plot's
    return {key: len(value) if key in COUNTED else value for key, value in report.items()}


def _report(path: Path) -> dict[str, Any]:
    return cast(dict[str, Any], json.loads(path.read_text(encoding="utf-8")))
