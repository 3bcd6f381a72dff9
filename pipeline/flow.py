"""Onset crop → steps up to the apex: TV-L1 optical flow with the head's own motion removed.

A clip that comes as flow enters here: its field is the apex's step.

Reads data/crop, data/landmarks and data/index (DATASET.parquet); for its error, data/truth. Writes
data/flow/DATASET.parquet and its report, data/reports/flow/DATASET.json.
Run: ``python -m pipeline flow DATASET``
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from deft.core import schemas, tables
from deft.core.params import Flow
from deft.datasets import fields
from deft.media import pictures
from deft.motion import steps
from deft.score import truth
from pipeline import stage


def measure(index: Path, crops: Path, landmarks: Path, root: Path, dials: Flow, clip: str) -> list[tables.Row]:
    """Flow of one clip at the crops nearest to ``steps`` even distances from onset to apex."""
    row = tables.row(index, clip, ["onset", "apex", "flow"])
    points = tables.points(landmarks, clip)
    if row["flow"]:
        field = fields.resized(fields.read(root / row["flow"]))
        return _rows(clip, [steps.given(field, points, row["apex"] or 0, dials.compensated)])
    kept = {r["position"]: r["crop"] for r in tables.rows(crops, ["position", "crop"], clip)}
    at = steps.positions(kept, row["onset"], row["apex"], dials.steps)
    grey = {position: pictures.grey(pictures.decode(kept[position])) for position in {row["onset"], *at}}
    return _rows(clip, steps.measure(grey, points, row["onset"], at, dials.compensated))


def _rows(clip: str, found: Sequence[steps.Step]) -> list[tables.Row]:
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
        for number, step in enumerate(found)
    ]


def main(dataset: str) -> None:
    """Measure the motion of one dataset."""
    params = stage.load()
    index, crops, landmarks = (stage.table(name, dataset) for name in ("index", "crop", "landmarks"))
    work = partial(measure, index, crops, landmarks, stage.RAW / dataset, params.flow)
    figures = partial(truth.flow_figures, stage.TRUTH, crops, landmarks, stage.table("flow", dataset))
    reads = [index, crops, landmarks]
    stage.map_clips("flow", dataset, work, tables.clips(landmarks), schemas.FLOW, reads, params, figures)
