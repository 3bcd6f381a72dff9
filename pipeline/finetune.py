"""Tune a model family: one model per fold, and one on all clips.

Reads data/triples.parquet, data/folds.parquet, data/features and the language model (models/backbone by default).
Writes models/FAMILY/folds/FOLD, models/FAMILY/final and the report data/reports/finetune/FAMILY.json.
Run: ``python -m pipeline finetune FAMILY``
"""

from functools import partial
from pathlib import Path
from typing import Any

import torch

from deft import models
from deft.core import fanout, features, paths, tables
from deft.core.errors import DataError
from deft.core.params import Measurement, Params
from deft.learn.folds import FINAL, Fold
from pipeline import folds, stage


def tune(
    family: str, params: Params, triples: list[tables.Row], split: dict[str, Fold], root: Path, fold: str
) -> dict[str, Any]:
    """Tune one fold and write its model to ``root/fold``; return the family's report."""
    torch.set_num_threads(1)
    rows = {row["clip"]: row for row in triples}
    training = split[fold].train
    module = models.family(family)
    views = features.read(stage.features(params, module.inputs(params)), training)
    with module.tune(params, [rows[clip] for clip in training], views) as (model, report):
        module.save(model, root / fold, params)
    return report


def main(family: str) -> None:
    """Tune every fold of one family."""
    params = stage.load()
    if Measurement.of(params).needs_prior(params.experts) and not paths.PRIOR.is_dir():
        raise DataError(
            paths.PRIOR, "no motion prior", "that of `verify`, for the models' folders", "run `dvc repro prior`"
        )
    triples, split = tables.rows(paths.TRIPLES), folds.read()
    inputs = [paths.TRIPLES, paths.FOLDS, paths.DATA / "features", Path(params.llm.base)]
    kept = stage.scratch(f"finetune/{family}", inputs, params)
    root = kept.with_suffix(".folds")  # moved into place once it is complete
    work = partial(tune, family, params, triples, split, root)
    outcomes = stage.over(f"finetune {family}", work, list(split), kept, stage.on_gpu(params))
    reports, failures = fanout.gather(outcomes)
    stage.finish(f"finetune {family}", len(reports), failures, strict=True)
    stage.replace(root / FINAL, paths.final(family))
    stage.replace(root, paths.folds(family))
    tables.write_json(paths.report("finetune", family), {"folds": reports})
