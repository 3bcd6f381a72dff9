"""Onset crops → 68 landmarks and 17 regions.

Reads data/crop/DATASET.parquet; for its error, data/truth. Writes
data/landmarks/DATASET.parquet and its report, DATASET.json.
Run: ``python -m pipeline landmarks DATASET``
"""

from functools import partial
from pathlib import Path

from deft import tables
from deft.face import backend, pictures
from deft.facs import regions
from deft.score import truth
from pipeline import stage


def landmark(crops: Path, name: str, clip: str) -> list[tables.Row]:
    """Landmarks of one clip's onset, the first of its crops."""
    onset = tables.rows(crops, ["position", "crop"], clip)[0]
    points = backend(name)(pictures.decode(onset["crop"]))
    hulls = [{"region": region, "polygon": hull.ravel()} for region, hull in regions.polygons(points).items()]
    return [{"clip": clip, "points": points.ravel(), "iod": regions.axes(points).iod, "regions": hulls}]


def main(dataset: str) -> None:
    """Landmark one dataset."""
    params = stage.load()
    crops, path = stage.table("crop", dataset), stage.table("landmarks", dataset)
    work = partial(landmark, crops, params.landmarks.backend)
    figures = partial(truth.landmark_figures, stage.TRUTH, crops, path)
    stage.map_clips("landmarks", dataset, work, tables.clips(crops), tables.LANDMARKS, [crops], params, figures)
