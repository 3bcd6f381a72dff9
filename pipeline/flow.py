"""Onset crop → steps up to the apex: TV-L1 optical flow with the head's own motion removed.

Reads data/crop, data/landmarks and data/index (DATASET.parquet); for its error, data/truth. Writes
data/flow/DATASET.parquet and its report, DATASET.json.
Run: ``python -m pipeline flow DATASET``
"""

from functools import partial
from pathlib import Path

import numpy as np

from deft import tables
from deft.face import pictures
from deft.motion import steps
from deft.score import truth
from pipeline import stage


def measure(index: Path, crops: Path, landmarks: Path, count: int, clip: str) -> list[tables.Row]:
    """Flow of one clip at the crops nearest to ``steps`` even distances from onset to apex."""
    row = tables.row(index, clip, ["onset", "apex"])
    points = np.array(tables.row(landmarks, clip)["points"], np.float32).reshape(68, 2)
    grey = {r["position"]: pictures.grey(pictures.decode(r["crop"])) for r in tables.rows(crops, clip=clip)}
    return [
        {
            "clip": clip,
            "step": number,
            "position": step.position,
            "shape": step.flow.shape,
            "flow": step.flow.astype(np.float16).ravel(),
            "head": step.head.ravel(),
            "residual": step.residual,
            "noise": step.noise,
        }
        for number, step in enumerate(steps.measure(grey, points, row["onset"], row["apex"], count))
    ]


def main(dataset: str) -> None:
    """Measure the motion of one dataset."""
    params = stage.load()
    index, crops, landmarks = (stage.table(name, dataset) for name in ("index", "crop", "landmarks"))
    work = partial(measure, index, crops, landmarks, params.flow.steps)
    figures = partial(truth.flow_figures, stage.TRUTH, crops, landmarks, stage.table("flow", dataset))
    reads = [index, crops, landmarks]
    stage.map_clips("flow", dataset, work, tables.clips(landmarks), tables.FLOW, reads, params, figures)
