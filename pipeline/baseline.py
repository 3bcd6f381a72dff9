"""Baselines, and linear probes of the experts, in the same folds as the model.

Reads data/triples.parquet, data/folds.parquet, data/features, and of every dataset data/crop, data/landmarks and
data/flow. Writes data/baselines.parquet and its report, baselines.json.
Run: ``python -m pipeline baseline``
"""

from collections.abc import Mapping
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import torch

from deft import fanout, tables
from deft.face import pictures
from deft.learn.folds import Fold
from deft.models import baselines
from deft.params import Params
from pipeline import folds, stage

Floats = baselines.Floats


def measure(clip: str) -> dict[str, Floats]:
    """What each baseline goes by; nothing for LBP-TOP where a clip has no frames."""
    crop, landmarks, flow = (stage.table(name, clip.split("/")[0]) for name in ("crop", "landmarks", "flow"))
    points = tables.points(landmarks, clip)
    fields = tables.flows(flow, clip)[1]
    frames = [pictures.grey(pictures.decode(row["crop"])) for row in tables.rows(crop, ["clip", "crop"], clip)]
    found = {"mdmo_svm": baselines.mdmo(fields, points), "three_streams": baselines.field(fields[-1])}
    return found | ({"lbp_top_svm": baselines.lbp_top(np.stack(frames))} if frames else {})


def judge(
    params: Params,
    label: Mapping[str, str],
    seen: Mapping[str, Mapping[str, Floats]],
    fold: Mapping[str, Fold],
    name: str,
) -> list[tables.Row]:
    """Every baseline's and probe's classes of the clips of one fold's held-out subject, by what it has ``seen``."""
    torch.set_num_threads(1)
    dials = params.baseline
    probe = partial(baselines.probe, components=params.finetune.components)
    rules: dict[str, Any] = {
        "mdmo_svm": partial(baselines.svm, penalty=dials.penalty, kernel="poly"),
        "lbp_top_svm": partial(baselines.svm, penalty=dials.penalty, kernel="linear"),
        "three_streams": partial(baselines.three_streams, epochs=dials.epochs, seed=dials.seed),
        **{f"probe_{expert}": probe for expert in params.experts},
    }
    labels = [label[clip] for clip in fold[name].train]
    answers = {"majority": dict.fromkeys(fold[name].test, baselines.majority(labels, 1)[0])}
    for kind, vectors in seen.items():
        train, test = ([clip for clip in some if clip in vectors] for some in (fold[name].train, fold[name].test))
        if train and test:
            given = rules[kind](
                np.stack([vectors[clip] for clip in train]),
                [label[clip] for clip in train],
                np.stack([vectors[clip] for clip in test]),
            )
            answers[kind] = dict(zip(test, given, strict=True))
    return [
        {"clip": clip, "baseline": kind, "emotion": emotion}
        for kind, given in answers.items()
        for clip, emotion in given.items()
    ]


def main() -> None:
    """Fit and test all of them in every fold."""
    params = stage.load()
    triples = stage.DATA / "triples.parquet"
    label = {row["clip"]: row["label"] for row in tables.rows(triples) if row["label"]}
    reads = [triples, folds.PATH, *(stage.DATA / name for name in ("crop", "flow", "landmarks", "features"))]
    kept = stage.scratch("baseline", reads, params)
    measured, failures = fanout.gather(stage.over("baseline measures", measure, sorted(label), kept / "clips", params))
    clips = sorted(measured)
    kinds = sorted({kind for found in measured.values() for kind in found})
    seen = {kind: {clip: measured[clip][kind] for clip in clips if kind in measured[clip]} for kind in kinds}
    for expert, vectors in stage.vectors(params, clips).items():
        views = zip(clips, vectors, strict=True)
        seen[f"probe_{expert}"] = {clip: view for clip, view in views if not np.isnan(view).any()}
    found = folds.read()
    names = [name for name, fold in found.items() if fold.test]
    work = partial(judge, params, label, seen, found)
    done, lost = fanout.gather(stage.over("baseline folds", work, names, kept / "folds", params))
    rows = sorted(chain.from_iterable(done.values()), key=lambda row: (row["clip"], row["baseline"]))
    tables.write(stage.DATA / "baselines.parquet", tables.BASELINES, [rows])
    tables.write_json(stage.DATA / "baselines.json", {"clips": len(clips), "failures": failures | lost})
    stage.finish("baseline", len(clips), failures | lost, params.strict)
