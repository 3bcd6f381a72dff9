"""Predictions and baselines → pooled scores with 95 % intervals, every stage's figures, and the tables of plots.

Reads data/predictions (the first family's), data/baselines.parquet, data/triples.parquet and the stages' reports under
data/reports. Writes metrics/*.json, of which DVC shows summary.json, and metrics/plots/*.csv.
Run: ``python -m pipeline evaluate``
"""

from pathlib import Path
from typing import Any

from deft.core import paths, schemas, tables
from deft.report import plots
from deft.score import experts, loso
from deft.score.summary import summary
from pipeline import stage

PER_DATASET = ("index", "crop", "landmarks", "flow", "verify")
WHOLE = ("triples", "folds", "backbone")
COUNTED = ("failures", "dropped", "corrections")  # the lists themselves stay in data/reports
PLOTS = paths.METRICS / "plots"


def main() -> None:
    """Score everything."""
    params = stage.load()
    family, resamples, seed = params.families[0], params.evaluate.resamples, params.evaluate.seed
    rule = {"rule": loso.rule(tables.read_json(paths.report("folds")))}
    triples = {row["clip"]: row for row in tables.rows(paths.TRIPLES)}
    by_clip = {row["clip"]: loso.joined(row, triples) for row in tables.rows(paths.predictions(family))}
    clips = list(by_clip.values())
    judged = [by_clip[row["clip"]] | row for row in tables.rows(paths.DATA / "baselines.parquet")]
    scores = loso.report(clips, resamples, seed)
    peers = loso.baselines(judged, resamples, seed)
    reports = {name: {dataset: paths.report(name, dataset) for dataset in params.datasets} for name in PER_DATASET}
    metrics: dict[str, dict[str, Any]] = {
        "loso": scores | rule,
        "baselines": {name: each | rule for name, each in peers.items() if not name.startswith(schemas.PROBE)},
        "experts": experts.figures(clips, peers, resamples, seed) | rule,
        "predictions": counted(paths.report("predict", family)),
    }
    for name, by_dataset in reports.items():
        metrics[name] = {dataset: counted(path) for dataset, path in by_dataset.items()}
    for name in WHOLE:
        metrics[name] = counted(paths.report(name))
    metrics["summary"] = summary(scores, metrics["baselines"], metrics["flow"], metrics["verify"])
    for name, figures in metrics.items():
        tables.write_json(paths.METRICS / f"{name}.json", figures)
    losses = tables.read_json(paths.report("finetune", family))["folds"]
    curves = {dataset: tables.read_json(path).get("curves", {}) for dataset, path in reports["verify"].items()}
    PLOTS.mkdir(parents=True, exist_ok=True)
    for name, frame in plots.by_name(clips, losses, curves).items():
        frame.to_csv(PLOTS / f"{name}.csv", index=False)
    print(metrics["summary"])


def counted(path: Path) -> dict[str, Any]:
    """Return a stage's report without curves, and with lists of failures replaced by their length."""
    report = tables.read_json(path)
    report.pop("curves", None)
    return report | {key: len(report[key]) for key in COUNTED if key in report}
