"""Tune the language model: one adapter per held-out subject, and one on all clips.

Reads data/triples.parquet, data/features and the language model (models/backbone by default). Writes
models/folds/DATASET-SUBJECT, models/final and the report data/finetune.json.
Run: ``python -m pipeline finetune``
"""

import shutil
import time
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch

from deft import fanout, tables
from deft.facs.units import BLINKS, UNITS, observable
from deft.language import textbook, triple
from deft.learn import folds, heads, train
from deft.models import llm, store
from deft.models.deft import Shape
from deft.params import Params
from pipeline import stage

SHOWN = tuple(unit for unit in UNITS if observable(unit) and unit not in BLINKS)
MEASURED = {"crop", "landmarks", "flow", "verify", "features"}  # what `deft predict` needs to measure a clip alike
LESSONS = 6000  # pages of the textbook, of which a fold reads those of its classes
base = cache(llm.load)  # once a process: folds share it
pages = cache(textbook.pages)


def tune(params: Params, rows: list[tables.Row], root: Path, name: str) -> dict[str, Any]:
    """Tune one fold and write it to ``root/name``."""
    torch.set_num_threads(1)
    started = time.perf_counter()
    fold = folds.final(rows) if name == folds.FINAL else folds.loso(rows)[name]
    chosen = {row["clip"]: row for row in rows}
    examples = [example(chosen[clip]) for clip in fold.train]
    emotions = tuple(sorted({example.emotion for example in examples}))
    told = [page for page in pages(LESSONS, params.finetune.seed) if page.emotion in emotions]
    lessons = [heads.Example(str(page.emotion), page.units, page.seen, page.text) for page in told]
    language, tokenizer = base(params.llm.base)
    vectors = stage.vectors(params, fold.train)
    counts = tuple(vectors[expert].shape[1] for expert in params.experts)
    try:
        model, history = train.tune(
            language,
            tokenizer,
            triple.TASK,
            examples,
            vectors,
            lessons,
            Shape(tuple(params.experts), emotions, SHOWN, counts),
            lora=params.lora.model_dump(),
            weights=params.loss.model_dump(),
            **params.finetune.model_dump(),
        )
    except BaseException:
        base.cache_clear()  # its layers may be adapted by halves
        raise
    store.save(model, root / name, params.llm.base, params.model_dump(include=MEASURED))
    model.llm.unload()
    return {"losses": [losses._asdict() for losses in history], "seconds": time.perf_counter() - started}


def example(row: tables.Row) -> heads.Example:
    """A clip's row of data/triples.parquet as its model learns it; without listed units nothing is known of them."""
    return heads.Example(row["label"], row["units"] if row["listed"] else None, row["seen"], row["target"])


def main() -> None:
    """Tune every fold."""
    params = stage.load()
    triples = stage.DATA / "triples.parquet"
    rows = tables.rows(triples)
    names = [*folds.loso(rows), folds.FINAL]
    reads = [triples, stage.DATA / "features", Path(params.llm.base)]
    scratch = stage.SCRATCH / "finetune" / fanout.content_key(reads, params)
    root = scratch.with_suffix(".folds")  # moved into its place when whole
    work = partial(tune, params, rows, root)
    outcomes = fanout.over(work, names, title="finetune", cluster=stage.cluster(params), scratch=scratch)
    done, failures = fanout.gather(outcomes)
    stage.finish("finetune", len(done), failures, strict=True)
    for path in (stage.MODELS / "folds", stage.MODELS / folds.FINAL):
        shutil.rmtree(path, ignore_errors=True)
    shutil.move(root / folds.FINAL, stage.MODELS / folds.FINAL)
    shutil.move(root, stage.MODELS / "folds")
    tables.write_json(stage.DATA / "finetune.json", {"folds": done})
