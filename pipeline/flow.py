"""Onset crop → steps up to the apex: TV-L1 optical flow with the head's own motion removed.

A clip that comes as flow enters here: its field is the step at the apex.

Reads data/crop, data/landmarks and data/index (DATASET.parquet); for its error, data/truth. Writes
data/flow/DATASET.parquet and its report, data/reports/flow/DATASET.json.
Run: ``python -m pipeline flow DATASET``
"""

from functools import partial
from pathlib import Path

import numpy as np

from deft import measure
from deft.core import paths, schemas, tables
from deft.core.params import Flow
from deft.datasets import fields
from deft.media import pictures
from deft.score import truth
from pipeline import stage


def flow(index: Path, crops: Path, landmarks: Path, root: Path, params: Flow, clip: str) -> list[tables.Row]:
    """Measure the motion of one clip: one row per step from the onset up to the apex."""
    row = tables.row(index, clip, ["onset", "apex", "flow"])
    points = tables.points(landmarks, clip)
    if row["flow"]:
        field = fields.resized(fields.read(root / row["flow"]))
        steps = measure.flow_of_field(field, points, row["apex"] or 0, params)
    else:
        kept = {cropped["position"]: cropped["crop"] for cropped in tables.rows(crops, ["position", "crop"], clip)}
        targets = measure.flow_positions(kept, row["onset"], row["apex"], params)
        images = {position: pictures.decode(kept[position]) for position in {row["onset"], *targets}}
        steps = measure.flow(images, points, row["onset"], targets, params)
    return [
        {
            "clip": clip,
            "step": number,
            "position": step.position,
            "shape": step.flow.shape,
            "flow": step.flow.astype(np.float16).ravel(),
            "head": step.head.ravel(),
            "residual": step.residual_px,
            "noise": step.noise_px,
        }
        for number, step in enumerate(steps)
    ]


def main(dataset: str) -> None:
    """Measure the motion of one dataset."""
    params = stage.load()
    index, crops, landmarks = (paths.table(name, dataset) for name in ("index", "crop", "landmarks"))
    work = partial(flow, index, crops, landmarks, paths.RAW / dataset, params.flow)
    figures = partial(truth.flow_figures, paths.TRUTH, crops, landmarks, paths.table("flow", dataset))
    inputs = [index, crops, landmarks]
    stage.map_clips("flow", dataset, work, tables.clips(landmarks), schemas.FLOW, inputs, params, figures)
