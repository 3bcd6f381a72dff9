"""Baselines, and linear probes of the experts, in the same folds as the model.

Reads data/triples.parquet, data/folds.parquet, data/features, and of every dataset data/crop, data/landmarks and
data/flow. Writes data/baselines.parquet and its report, data/reports/baseline.json.
Run: ``python -m pipeline baseline``
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain

import numpy as np
import torch

from deft.core import fanout, features, paths, schemas, tables
from deft.learn.folds import Fold
from deft.media import pictures
from deft.models import baselines
from pipeline import folds, stage

Floats = baselines.Floats
ByClip = Mapping[str, Floats]  # clip → what a baseline or a probe judges it by
Judge = Callable[[Mapping[str, str], Sequence[str], Mapping[str, ByClip]], list[tables.Row]]


def describe(clip: str) -> dict[str, Floats]:
    """Return what each baseline judges a clip by: baseline → array."""
    crop, landmarks, flow = (stage.table(name, clip.split("/")[0]) for name in ("crop", "landmarks", "flow"))
    frames = [pictures.grey(pictures.decode(row["crop"])) for row in tables.rows(crop, ["clip", "crop"], clip)]
    return baselines.measure(frames, tables.flows(flow, clip)[1], tables.points(landmarks, clip))


def judge(
    rules: Judge, labels: Mapping[str, str], descriptions: Mapping[str, ByClip], splits: Mapping[str, Fold], name: str
) -> list[tables.Row]:
    """Return every baseline's and probe's classes of the clips of one fold's held-out subject."""
    torch.set_num_threads(1)
    train = {clip: labels[clip] for clip in splits[name].train}
    return rules(train, splits[name].test, descriptions)


def main() -> None:
    """Fit and test all of them in every fold."""
    params = stage.load()
    triples = stage.DATA / "triples.parquet"
    labels = {row["clip"]: row["label"] for row in tables.rows(triples) if row["label"]}
    reads = [triples, folds.PATH, *(stage.DATA / name for name in ("crop", "flow", "landmarks", "features"))]
    kept = stage.scratch("baseline", reads, params)
    cpus = stage.on_cpu(params)
    described = stage.over("baseline measures", describe, sorted(labels), kept / "clips", cpus)
    by_clip, failures = fanout.gather(described)
    clips = sorted(by_clip)
    kinds = sorted({kind for description in by_clip.values() for kind in description})
    descriptions = {kind: {clip: by_clip[clip][kind] for clip in clips if kind in by_clip[clip]} for kind in kinds}
    for expert, views in features.read(stage.features(params, params.experts), clips).items():
        pairs = zip(clips, views, strict=True)
        descriptions[f"{schemas.PROBE}{expert}"] = {clip: view for clip, view in pairs if not np.isnan(view).any()}
    splits = folds.read()
    names = [name for name, fold in splits.items() if fold.test]
    penalty, epochs, seed = params.baseline.penalty, params.baseline.epochs, params.baseline.seed
    components = params.finetune.components
    rules = partial(baselines.judge, penalty=penalty, epochs=epochs, seed=seed, components=components)
    work = partial(judge, rules, labels, descriptions, splits)
    judged, failed_folds = fanout.gather(stage.over("baseline folds", work, names, kept / "folds", cpus))
    rows = sorted(chain.from_iterable(judged.values()), key=lambda row: (row["clip"], row["baseline"]))
    tables.write(stage.DATA / "baselines.parquet", schemas.BASELINES, [rows])
    tables.write_json(paths.report("baseline"), {"clips": len(clips), "failures": failures | failed_folds})
    stage.finish("baseline", len(clips), failures | failed_folds, params.strict)
