"""Predictions and baselines → pooled scores with 95 % intervals, the figures of every stage, and the tables of plots.

Reads data/predictions.parquet, data/baselines.parquet, data/triples.parquet and the stages' reports. Writes
metrics/*.json and metrics/plots/*.csv.
Run: ``python -m pipeline evaluate``
"""

import json
from pathlib import Path
from typing import Any

from deft import tables
from deft.params import Params
from deft.report import plots
from deft.score import experts, loso
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
PROBE = "probe_"


def main() -> None:
    """Score everything."""
    params = stage.load()
    triples = {row["clip"]: row for row in tables.rows(stage.DATA / "triples.parquet")}
    folds, dials = tables.read_json(stage.DATA / "folds.json"), params.evaluate.model_dump()
    rule = {"rule": RULES[folds["protocol"]].format(**folds)}
    clips = [_told(answer, triples[answer["clip"]]) for answer in tables.rows(stage.DATA / "predictions.parquet")]
    scores = loso.figures(clips, **dials)
    scores["by_dataset"] = {
        dataset: loso.figures(some, **dials) if len(some) < len(clips) else dict(scores)
        for dataset in params.datasets
        if (some := [clip for clip in clips if clip["dataset"] == dataset])
    }
    tables.write_json(stage.METRICS / "loso.json", scores | rule)
    given = [triples[row["clip"]] | row for row in tables.rows(stage.DATA / "baselines.parquet")]
    found = {name: each | rule for name, each in loso.baselines(given, **dials).items()}
    probes = {name.removeprefix(PROBE): found.pop(name) for name in list(found) if name.startswith(PROBE)}
    tables.write_json(stage.METRICS / "baselines.json", found)
    drops = experts.drops(clips, **dials)
    said = {name: {"probe": each["emotion"], "drop": drops.get(name)} for name, each in probes.items()}
    tables.write_json(stage.METRICS / "experts.json", {**said, **rule})
    _gather(params)
    _plot(params, clips)
    print(json.dumps({group: scores[group] for group in ("emotion", "generated", "au", "text", "n")}, indent=2))


def _told(answer: tables.Row, triple: tables.Row) -> tables.Row:
    """A clip's prediction and what it is judged by, what was said apart from what was measured."""
    said = {f"said_{name}": answer.pop(name) for name in ("evidence", "rationale")}
    measured = ("dataset", "subject", "label", "listed", "moving", "evidence")
    return {key: triple[key] for key in measured} | answer | said


def _plot(params: Params, clips: list[tables.Row]) -> None:
    tuned = tables.read_json(stage.DATA / "finetune.json")["folds"]
    given = {"head": [clip["emotion"] for clip in clips], "text": [clip["said_emotion"] or "none" for clip in clips]}
    curves = {
        dataset: tables.read_json(stage.table("verify", dataset).with_suffix(".json")).get("curves", {})
        for dataset in params.datasets
    }
    PLOTS.mkdir(parents=True, exist_ok=True)
    for name, frame in plots.frames([clip["label"] for clip in clips], given, tuned, curves).items():
        frame.to_csv(PLOTS / f"{name}.csv", index=False)


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
    report = tables.read_json(path)
    report.pop("curves", None)  # a plot's
    return {key: len(value) if key in COUNTED else value for key, value in report.items()}
