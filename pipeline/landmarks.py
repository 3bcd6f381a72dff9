"""Onset crops → 68 landmarks and 17 regions. A clip that comes as flow brings its own landmarks.

Reads data/crop and data/index (DATASET.parquet); for its error, data/truth. Writes
data/landmarks/DATASET.parquet and its report, data/reports/landmarks/DATASET.json.
Run: ``python -m pipeline landmarks DATASET``
"""

from functools import partial
from pathlib import Path

import numpy as np

from deft import measure
from deft.core import schemas, tables
from deft.core.params import Landmarks
from deft.facs import regions
from deft.media import pictures
from deft.score import truth
from pipeline import stage


def landmark(crops: Path, brought: dict[str, list[float]], params: Landmarks, clip: str) -> list[tables.Row]:
    """Landmark one clip: find the points on its onset, the first of its crops, or take those that it brought."""
    if clip in brought:
        points = np.array(brought[clip], np.float32).reshape(68, 2)
    else:
        onset = pictures.decode(tables.rows(crops, ["position", "crop"], clip)[0]["crop"])
        points = measure.landmarks(onset, params)
    hulls = [{"region": region, "polygon": hull.ravel()} for region, hull in regions.polygons(points).items()]
    return [{"clip": clip, "points": points.ravel(), "iod": regions.axes(points).iod, "regions": hulls}]


def main(dataset: str) -> None:
    """Landmark one dataset."""
    params = stage.load()
    index, crops, path = (stage.table(name, dataset) for name in ("index", "crop", "landmarks"))
    brought = {row["clip"]: row["points"] for row in tables.rows(index, ["clip", "points"]) if row["points"]}
    work = partial(landmark, crops, brought, params.landmarks)
    clips = sorted({*tables.clips(crops)} | {*brought})
    figures = partial(truth.landmark_figures, stage.TRUTH, crops, path)
    stage.map_clips("landmarks", dataset, work, clips, schemas.LANDMARKS, [index, crops], params, figures)
