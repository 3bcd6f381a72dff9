"""Baselines, and linear probes of the experts, in the same folds as the model.

Reads data/triples.parquet, data/folds.parquet, data/features, and of every dataset data/crop, data/landmarks and
data/flow; models/prior. Writes data/baselines.parquet and its report, data/reports/baseline.json.
Run: ``python -m pipeline baseline``
"""

from collections.abc import Mapping
from functools import partial
from itertools import chain

import numpy as np
import torch

from deft import prior
from deft.core import fanout, features, paths, schemas, tables
from deft.core.params import Params
from deft.learn.folds import Fold
from deft.media import pictures
from deft.models import baselines
from deft.models.baselines import Floats
from pipeline import folds, stage


def describe(clip: str) -> dict[str, Floats]:
    """Return the features of a clip for each baseline: baseline → array."""
    dataset = clip.split("/")[0]
    crop, landmarks, flow = (paths.table(name, dataset) for name in ("crop", "landmarks", "flow"))
    frames = [pictures.grey(pictures.decode(row["crop"])) for row in tables.rows(crop, ["clip", "crop"], clip)]
    _, flows = tables.flows(flow, clip)
    known = bool(frames)  # a clip that comes as flow has no crops
    return baselines.measure(frames, flows, tables.points(landmarks, clip), prior.load(paths.PRIOR), known)


def judge(
    params: Params,
    labels: Mapping[str, str],
    inputs: Mapping[str, Mapping[str, Floats]],
    split: Mapping[str, Fold],
    fold: str,
) -> list[tables.Row]:
    """Return the classes of one fold's held-out clips from every baseline and probe."""
    torch.set_num_threads(1)
    known = {clip: labels[clip] for clip in split[fold].train}
    penalty, epochs, seed = params.baseline.penalty, params.baseline.epochs, params.baseline.seed
    components = params.finetune.components
    tested = split[fold].test
    return baselines.judge(known, tested, inputs, penalty=penalty, epochs=epochs, seed=seed, components=components)


def main() -> None:
    """Train and test all baselines and probes in every fold."""
    params, split = stage.load(), folds.read()
    labels = {row["clip"]: row["label"] for row in tables.rows(paths.TRIPLES) if row["label"]}
    sources = [paths.TRIPLES, paths.FOLDS, *(paths.DATA / name for name in ("crop", "flow", "landmarks", "features"))]
    sources += [paths.PRIOR]
    kept, cpus = stage.scratch("baseline", sources, params), stage.on_cpu(params)
    described, failures = fanout.gather(stage.over("baseline measures", describe, sorted(labels), kept / "clips", cpus))
    clips, inputs = sorted(described), baselines.by_baseline(described)
    for expert, views in features.read(stage.features(params, params.experts), clips).items():
        pairs = zip(clips, views, strict=True)
        inputs[f"{schemas.PROBE}{expert}"] = {clip: view for clip, view in pairs if not np.isnan(view).any()}
    tested = [name for name, fold in split.items() if fold.test]
    work = partial(judge, params, labels, inputs, split)
    judged, failed_folds = fanout.gather(stage.over("baseline folds", work, tested, kept / "folds", cpus))
    rows = sorted(chain.from_iterable(judged.values()), key=lambda row: (row["clip"], row["baseline"]))
    tables.write(paths.DATA / "baselines.parquet", schemas.BASELINES, [rows])
    tables.write_json(paths.report("baseline"), {"clips": len(clips), "failures": failures | failed_folds})
    stage.finish("baseline", len(clips), failures | failed_folds, params.strict)
