"""Onset crops → 68 landmarks and 17 regions. A clip that comes as flow has landmarks in its dataset.

Reads data/crop and data/index (DATASET.parquet); for its error, data/truth. Writes
data/landmarks/DATASET.parquet and its report, data/reports/landmarks/DATASET.json.
Run: ``python -m pipeline landmarks DATASET``
"""

from functools import partial
from pathlib import Path

import numpy as np

from deft import measure
from deft.core import paths, schemas, tables
from deft.core.params import Landmarks
from deft.facs import regions
from deft.media import pictures
from deft.score import truth
from pipeline import stage


def landmark(crops: Path, given: dict[str, list[float]], params: Landmarks, clip: str) -> list[tables.Row]:
    """Return the landmarks of one clip: the given ones, or those found on its onset, which is the first crop."""
    if clip in given:
        points = np.array(given[clip], np.float32).reshape(68, 2)
    else:
        onset = pictures.decode(tables.rows(crops, ["position", "crop"], clip)[0]["crop"])
        points = measure.landmarks(onset, params)
    hulls = [{"region": region, "polygon": hull.ravel()} for region, hull in regions.polygons(points).items()]
    return [{"clip": clip, "points": points.ravel(), "iod": regions.axes(points).iod, "regions": hulls}]


def main(dataset: str) -> None:
    """Find the landmarks of one dataset."""
    params = stage.load()
    index, crops, path = (paths.table(name, dataset) for name in ("index", "crop", "landmarks"))
    given = {row["clip"]: row["points"] for row in tables.rows(index, ["clip", "points"]) if row["points"]}
    work = partial(landmark, crops, given, params.landmarks)
    clips = sorted({*tables.clips(crops)} | {*given})
    figures = partial(truth.landmark_figures, paths.TRUTH, crops, path)
    stage.map_clips("landmarks", dataset, work, clips, schemas.LANDMARKS, [index, crops], params, figures)
