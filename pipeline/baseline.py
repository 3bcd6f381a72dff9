"""Baselines, and linear probes of the experts, in the same folds as the model.

Reads data/triples.parquet, data/folds.parquet, data/features, and of every dataset data/crop, data/landmarks and
data/flow. Writes data/baselines.parquet and its report, data/reports/baseline.json.
Run: ``python -m pipeline baseline``
"""

from collections.abc import Mapping
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import torch

from deft.core import fanout, features, paths, schemas, tables
from deft.learn.folds import Fold
from deft.media import pictures
from deft.models import baselines
from pipeline import folds, stage

Floats = baselines.Floats
Seen = Mapping[str, Floats]  # clip → what it is judged by


def measure(clip: str) -> dict[str, Floats]:
    """What each baseline goes by in a clip."""
    crop, landmarks, flow = (stage.table(name, clip.split("/")[0]) for name in ("crop", "landmarks", "flow"))
    frames = [pictures.grey(pictures.decode(row["crop"])) for row in tables.rows(crop, ["clip", "crop"], clip)]
    return baselines.measure(frames, tables.flows(flow, clip)[1], tables.points(landmarks, clip))


def judge(
    dials: Mapping[str, Any], label: Mapping[str, str], seen: Mapping[str, Seen], found: Mapping[str, Fold], name: str
) -> list[tables.Row]:
    """Every baseline's and probe's classes of the clips of one fold's held-out subject, by what it has ``seen``."""
    torch.set_num_threads(1)
    known = {clip: label[clip] for clip in found[name].train}
    return baselines.judge(known, found[name].test, seen, **dials)


def main() -> None:
    """Fit and test all of them in every fold."""
    params = stage.load()
    triples = stage.DATA / "triples.parquet"
    label = {row["clip"]: row["label"] for row in tables.rows(triples) if row["label"]}
    reads = [triples, folds.PATH, *(stage.DATA / name for name in ("crop", "flow", "landmarks", "features"))]
    kept = stage.scratch("baseline", reads, params)
    cpus = stage.on_cpu(params)
    measured, failures = fanout.gather(stage.over("baseline measures", measure, sorted(label), kept / "clips", cpus))
    clips = sorted(measured)
    kinds = sorted({kind for found in measured.values() for kind in found})
    seen = {kind: {clip: measured[clip][kind] for clip in clips if kind in measured[clip]} for kind in kinds}
    for expert, views in features.read(stage.features(params, params.experts), clips).items():
        pairs = zip(clips, views, strict=True)
        seen[f"{schemas.PROBE}{expert}"] = {clip: view for clip, view in pairs if not np.isnan(view).any()}
    found = folds.read()
    names = [name for name, fold in found.items() if fold.test]
    dials = params.baseline.model_dump() | {"components": params.finetune.components}
    work = partial(judge, dials, label, seen, found)
    done, lost = fanout.gather(stage.over("baseline folds", work, names, kept / "folds", cpus))
    rows = sorted(chain.from_iterable(done.values()), key=lambda row: (row["clip"], row["baseline"]))
    tables.write(stage.DATA / "baselines.parquet", schemas.BASELINES, [rows])
    tables.write_json(paths.report("baseline"), {"clips": len(clips), "failures": failures | lost})
    stage.finish("baseline", len(clips), failures | lost, params.strict)
