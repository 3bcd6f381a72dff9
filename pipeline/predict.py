"""Answer for every clip with the model that has not seen its subject.

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
    """Answer for the clips of one fold's held-out subject, as they are and with another clip's motion."""
    torch.set_num_threads(1)
    clips, chosen, batch = folds.read()[fold].test, models.family(family), params.predict.batch
    views = features.read(stage.features(params, chosen.inputs(params)), clips)
    donors = control.donors(views)
    with chosen.load(paths.folds(family) / fold) as model:
        answers = chosen.answer(model, views, batch)
        shuffled = chosen.answer(model, control.swapped(views, donors), batch)
    for (clip, donor), answer in zip(donors.items(), shuffled, strict=True):
        answers[clip]["shuffled"] = answer | {"donor": clips[donor]}
    return [{"clip": clip, "fold": fold} | answer for clip, answer in zip(clips, answers, strict=True)]


def main(family: str) -> None:
    """Answer for every clip with one family."""
    params = stage.on_gpu(stage.load())
    tested = [name for name, fold in folds.read().items() if fold.test]
    inputs = [paths.FOLDS, paths.DATA / "features", paths.folds(family)]
    kept, work = stage.scratch(f"predict/{family}", inputs, params), partial(predict, family, params)
    done, failures = fanout.gather(stage.over(f"predict {family}", work, tested, kept, params))
    answers = sorted(chain.from_iterable(done.values()), key=lambda answer: answer["clip"])
    stage.finish(f"predict {family}", len(answers), failures, strict=True)
    tables.write(paths.predictions(family), schemas.PREDICTIONS, ([answer] for answer in answers))
    parsed = sum(answer["parsed"] for answer in answers) / len(answers)
    tables.write_json(paths.report("predict", family), {"clips": len(answers), "parsed": round(parsed, 4)})
