"""Answer for every clip with the model that has not seen its subject.

Reads models/deft/folds, models/backbone, data/folds.parquet and data/features. Writes data/predictions.parquet and its
report, predictions.json.
Run: ``python -m pipeline predict``
"""

import time
from functools import cache, partial
from itertools import chain

import torch

from deft.core import fanout, features, schemas, tables
from deft.core.params import Params
from deft.language import triple
from deft.learn import control
from deft.llm import load as llm
from deft.models.deft import answer, store
from deft.models.reduction import parts
from pipeline import folds, stage

base = cache(llm.load)  # once a process: folds share it


def predict(params: Params, name: str) -> list[tables.Row]:
    """Answers for the clips of one fold's held-out subject, by themselves and with another clip's motion."""
    torch.set_num_threads(1)
    model, tokenizer = store.load(stage.MODELS / "deft" / "folds" / name, base)
    clips = folds.read()[name].test
    views, size = features.read(stage.features(params), clips), params.predict.batch
    donors = control.donors(views) if "motion" in model.shape.experts else {}
    ask = partial(answer.answer, model, tokenizer, triple.TASK)
    hide = partial(answer.without, model, tokenizer, triple.TASK)
    try:
        answers = [each for some in parts(views, size) for each in ask(some)]
        hidden = [each for some in parts(views, size) for each in hide(some)]
        again = [each for some in parts(control.swapped(views, donors), size) for each in ask(some)]
    finally:
        model.llm.unload()
    rows = [answer.row(*each, model.shape) for each in zip(answers, hidden, strict=True)]
    for (clip, donor), other in zip(donors.items(), again, strict=True):
        rows[clip]["shuffled"] = {"donor": clips[donor]} | answer.row(other, {}, model.shape)
    return [{"clip": clip, "fold": name} | row for clip, row in zip(clips, rows, strict=True)]


def main() -> None:
    """Answer for every clip."""
    params, started = stage.on_gpu(stage.load()), time.perf_counter()
    names = [name for name, fold in folds.read().items() if fold.test]
    reads = [folds.PATH, stage.DATA / "features", stage.MODELS / "deft" / "folds"]
    kept = stage.scratch("predict", reads, params)
    done, failures = fanout.gather(stage.over("predict", partial(predict, params), names, kept, params))
    found = sorted(chain.from_iterable(done.values()), key=lambda answered: answered["clip"])
    stage.finish("predict", len(found), failures, strict=True)
    tables.write(stage.DATA / "predictions.parquet", schemas.PREDICTIONS, ([answered] for answered in found))
    report = {
        "clips": len(found),
        "parsed": round(sum(answered["parsed"] for answered in found) / len(found), 4),
        "clips_per_s": round(len(found) / (time.perf_counter() - started), 1),
    }
    tables.write_json(stage.DATA / "predictions.json", report)
