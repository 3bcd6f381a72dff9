"""Predictions and baselines → pooled scores with 95 % intervals, the figures of every stage, and the tables of plots.

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
COUNTED = ("failures", "dropped", "corrections")
PLOTS = stage.METRICS / "plots"


def main() -> None:
    """Score everything."""
    params = stage.load()
    family, dials = params.families[0], params.evaluate.model_dump()
    rule = {"rule": loso.rule(tables.read_json(paths.report("folds")))}
    triples = {row["clip"]: row for row in tables.rows(stage.DATA / "triples.parquet")}
    answers = tables.rows(paths.predictions(family))
    clips = {row["clip"]: loso.joined(row, triples) for row in answers}
    others = [clips[row["clip"]] | row for row in tables.rows(stage.DATA / "baselines.parquet")]
    reports = {name: {dataset: paths.report(name, dataset) for dataset in params.datasets} for name in PER_DATASET}
    scores, peers = loso.report([*clips.values()], **dials), loso.baselines(others, **dials)
    found: dict[str, dict[str, Any]] = {
        "loso": scores | rule,
        "baselines": {name: each | rule for name, each in peers.items() if not name.startswith(schemas.PROBE)},
        "experts": experts.figures([*clips.values()], peers, **dials) | rule,
        **{name: {dataset: counted(path) for dataset, path in each.items()} for name, each in reports.items()},
        **{name: counted(paths.report(name)) for name in WHOLE},
        "predictions": counted(paths.report("predict", family)),
    }
    found["summary"] = summary(scores, found["baselines"], found["flow"], found["verify"])
    for name, figures in found.items():
        tables.write_json(stage.METRICS / f"{name}.json", figures)
    losses = tables.read_json(paths.report("finetune", family))["folds"]
    curves = {dataset: tables.read_json(path).get("curves", {}) for dataset, path in reports["verify"].items()}
    PLOTS.mkdir(parents=True, exist_ok=True)
    for name, frame in plots.frames([*clips.values()], losses, curves).items():
        frame.to_csv(PLOTS / f"{name}.csv", index=False)
    print(found["summary"])


def counted(path: Path) -> dict[str, Any]:
    """A stage's report with failures as their number (the full list stays in data/reports), less what is a plot's."""
    report = tables.read_json(path).items()
    return {key: len(value) if key in COUNTED else value for key, value in report if key != "curves"}
