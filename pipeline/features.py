"""Crops, landmarks and flow → the tokens of one frozen expert.

Reads data/crop, data/landmarks and data/flow (DATASET.parquet). Writes data/features/DATASET/EXPERT.parquet and its
report, EXPERT.json.
Run: ``python -m pipeline features DATASET EXPERT``
"""

from functools import partial
from pathlib import Path

import numpy as np

from deft import tables
from deft.experts import motion, structure, texture
from deft.face import pictures
from pipeline import stage


def view(expert: str, crops: Path, landmarks: Path, flow: Path, grid: int, clip: str) -> list[tables.Row]:
    """One expert's tokens of one clip."""
    points = np.array(tables.row(landmarks, clip)["points"], np.float32).reshape(68, 2)
    if expert == "motion":
        steps, fields = tables.flows(flow, clip)
        tokens = motion.tokens(fields, points, steps[-1]["noise"])
    else:
        frames = [pictures.grey(pictures.decode(row["crop"])) for row in tables.rows(crops, ["clip", "crop"], clip)]
        tokens = (
            structure.tokens(frames[0], points, grid) if expert == "structure" else texture.tokens(np.stack(frames), grid)
        )
    return [{"clip": clip, "tokens": tokens.tolist()}]


def main(dataset: str, expert: str) -> None:
    """Let one expert look at one dataset."""
    params = stage.load()
    reads = [stage.table(name, dataset) for name in ("crop", "landmarks", "flow")]
    path = stage.table("features", f"{dataset}/{expert}")
    stage.map_clips(
        "features",
        f"{dataset}/{expert}",
        partial(view, expert, *reads, params.features.grid),
        tables.clips(reads[-1]),
        tables.FEATURES,
        reads,
        params,
        lambda: {"dim": len(tables.rows(path, ["tokens"])[0]["tokens"][0])},
    )
