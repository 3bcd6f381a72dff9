"""Crops, landmarks and flow → the tokens of one frozen expert.

Reads data/crop, data/landmarks and data/flow (DATASET.parquet). Writes data/features/DATASET/EXPERT.parquet and its
report, EXPERT.json.
Run: ``python -m pipeline features DATASET EXPERT``
"""

from functools import partial
from pathlib import Path

import numpy as np

from deft import experts, tables
from deft.face import pictures
from pipeline import stage


def view(expert: str, crops: Path, landmarks: Path, flow: Path, grid: int, clip: str) -> list[tables.Row]:
    """One expert's tokens of one clip."""
    points = np.array(tables.row(landmarks, clip)["points"], np.float32).reshape(68, 2)
    frames = [pictures.grey(pictures.decode(row["crop"])) for row in tables.rows(crops, ["clip", "crop"], clip)]
    steps, fields = tables.flows(flow, clip)
    return [{"clip": clip, "tokens": experts.look(expert, frames, points, fields, steps[-1]["noise"], grid).tolist()}]


def main(dataset: str, expert: str) -> None:
    """Let one expert look at one dataset."""
    params = stage.load()
    crops, landmarks, flow = (stage.table(name, dataset) for name in ("crop", "landmarks", "flow"))
    path = stage.table("features", f"{dataset}/{expert}")
    seen = flow if expert in experts.FLOW_ALONE else crops
    stage.map_clips(
        "features",
        f"{dataset}/{expert}",
        partial(view, expert, crops, landmarks, flow, params.features.grid),
        sorted({*tables.clips(flow)} & {*tables.clips(seen)}),
        tables.FEATURES,
        [crops, landmarks, flow],
        params,
        lambda: {"shape": np.shape(tables.rows(path, ["tokens"])[0]["tokens"])},
    )
