"""Answer for every clip with the model of the fold that holds its subject out.

Reads models/FAMILY/folds, data/folds.parquet and data/features. Writes data/predictions/FAMILY.parquet and its report,
data/reports/predict/FAMILY.json.
Run: ``python -m pipeline predict FAMILY``
"""

from functools import partial
from itertools import chain

import torch

from deft import models
from deft.core import fanout, features, paths, schemas, tables
from deft.core.params import Params
from deft.learn import control
from pipeline import folds, stage


def predict(family: str, params: Params, fold: str) -> list[tables.Row]:
    """Answer for one fold's held-out clips, with their own motion and with another clip's."""
    torch.set_num_threads(1)
    clips, batch = folds.read()[fold].test, params.predict.batch
    module = models.family(family)
    views = features.read(stage.features(params, module.inputs(params)), clips)
    donors = control.donors(views)
    with module.load(paths.folds(family) / fold) as model:
        answers = module.answer(model, views, batch)
        shuffled = module.answer(model, control.swapped(views, donors), batch)
    for (clip, donor), answer in zip(donors.items(), shuffled, strict=True):
        answers[clip]["shuffled"] = answer | {"donor": clips[donor]}
    return [{"clip": clip, "fold": fold} | answer for clip, answer in zip(clips, answers, strict=True)]


def main(family: str) -> None:
    """Answer for every clip with one family."""
    params = stage.load()
    tested = [name for name, fold in folds.read().items() if fold.test]
    inputs = [paths.FOLDS, paths.DATA / "features", paths.folds(family)]
    kept = stage.scratch(f"predict/{family}", inputs, params)
    work = partial(predict, family, params)
    outcomes = stage.over(f"predict {family}", work, tested, kept, stage.on_gpu(params))
    by_fold, failures = fanout.gather(outcomes)
    answers = sorted(chain.from_iterable(by_fold.values()), key=lambda answer: answer["clip"])
    stage.finish(f"predict {family}", len(answers), failures, strict=True)
    tables.write(paths.predictions(family), schemas.PREDICTIONS, ([answer] for answer in answers))
    parsed = sum(answer["parsed"] for answer in answers) / len(answers)
    tables.write_json(paths.report("predict", family), {"clips": len(answers), "parsed": round(parsed, 4)})
