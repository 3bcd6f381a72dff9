"""Tune the language model: one adapter a fold, and one on all clips.

Reads data/triples.parquet, data/folds.parquet, data/features and the language model (models/backbone by default).
Writes models/deft/folds/FOLD, models/deft/final and the report data/finetune.json.
Run: ``python -m pipeline finetune``
"""

import time
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deft.core import fanout, features, tables
from deft.core.params import Measurement, Params
from deft.language import triple
from deft.learn.folds import FINAL, Fold, person
from deft.llm import load as llm
from deft.models.deft import examples, selection, store, train
from pipeline import folds, stage

base = cache(llm.load)  # once a process: folds share it


def tune(params: Params, rows: list[tables.Row], found: dict[str, Fold], root: Path, name: str) -> dict[str, Any]:
    """Tune one of the folds and write it to ``root/name``."""
    torch.set_num_threads(1)
    started, dials = time.perf_counter(), params.finetune
    chosen = {row["clip"]: row for row in rows}
    learned = [chosen[clip] for clip in found[name].train]
    clips = [examples.of(row) for row in learned]
    vectors = features.read(stage.features(params), found[name].train)
    shape = examples.shape(clips, vectors, params.triples.regions)
    language, tokenizer = base(params.llm.base, params.llm.four_bit)
    work: Any = partial(
        train.tune,
        language,
        tokenizer,
        triple.TASK,
        lessons=examples.lessons(shape.emotions, dials.seed),
        shape=shape,
        lora=params.lora.model_dump(),
        weights=params.loss.model_dump(),
        epochs=min(dials.epochs, max(1, dials.max_steps // -(-len(clips) // dials.batch))),
        **dials.model_dump(exclude={"validation_share", "epochs", "max_steps", "text_weight"}),
    )
    report: dict[str, Any] = {}
    try:
        if dials.validation_share:
            people, question = [person(row) for row in learned], llm.ask(tokenizer, triple.TASK)
            report["validation_uf1"] = selection.scores(
                work, question, clips, vectors, people, dials.validation_share, dials.seed
            )
            report["epochs"] = int(np.argmax(report["validation_uf1"])) + 1
        model, history = work(clips, vectors, until=report.get("epochs"))
    except BaseException:
        base.cache_clear()  # its layers may be adapted by halves
        raise
    store.save(model, root / name, params.llm.base, Measurement.of(params))
    model.llm.unload()
    return report | {"losses": [losses._asdict() for losses in history], "seconds": time.perf_counter() - started}


def main() -> None:
    """Tune every fold."""
    params = stage.on_gpu(stage.load())
    triples = stage.DATA / "triples.parquet"
    rows = tables.rows(triples)
    found = folds.read()
    reads = [triples, folds.PATH, stage.DATA / "features", Path(params.llm.base)]
    kept = stage.scratch("finetune", reads, params)
    root = kept.with_suffix(".folds")  # moved into its place when whole
    work = partial(tune, params, rows, found, root)
    done, failures = fanout.gather(stage.over("finetune", work, list(found), kept, params))
    stage.finish("finetune", len(done), failures, strict=True)
    stage.replace(root / FINAL, stage.MODELS / "deft" / FINAL)
    stage.replace(root, stage.MODELS / "deft" / "folds")
    tables.write_json(stage.DATA / "finetune.json", {"folds": done})
