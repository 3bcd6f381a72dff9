"""Onset crops → 68 landmarks and 17 regions. A clip that comes as flow has landmarks in its dataset, or is registered.

Reads data/crop and data/index (DATASET.parquet), and for flow fields models/prior; for its error, data/truth. Writes
data/landmarks/DATASET.parquet and its report, data/reports/landmarks/DATASET.json.
Run: ``python -m pipeline landmarks DATASET``
"""

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from deft import measure
from deft.core import paths, schemas, tables
from deft.core.params import Landmarks
from deft.datasets import fields
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


def register(dataset: str, rows: list[tables.Row]) -> tuple[Mapping[str, object], dict[str, list[float]]]:
    """Return where faces lie in fields without landmarks and which way is up, and with that landmarks by clip."""
    if not rows:
        return {}, {}
    from deft import prior  # here, since it loads PyTorch
    from deft.prior import registration

    flows = [fields.resized(fields.read(paths.RAW / dataset / row["flow"])) for row in rows]
    known = flows, [row["subject"] for row in rows], prior.load(paths.PRIOR)
    places, upright = registration.estimate(*known), registration.upright(*known)
    likeliest = max(upright, key=lambda name: upright[name])
    if likeliest != registration.GIVEN:
        print(f"  {dataset}: faces look upright with the fields {likeliest}; check which way y points", file=sys.stderr)
    points = [place.points(flow.shape).ravel().tolist() for place, flow in zip(places, flows, strict=True)]
    clips = [row["clip"] for row in rows]
    return registration.ranges(places) | {"upright": upright}, dict(zip(clips, points, strict=True))


def report(crops: Path, landmarks: Path, places: Mapping[str, object]) -> dict[str, object]:
    """Return the landmarks' error where there is a truth, and the ranges of the places of registered faces."""
    return truth.landmark_figures(paths.TRUTH, crops, landmarks) | ({"registration": places} if places else {})


def main(dataset: str) -> None:
    """Find the landmarks of one dataset."""
    params = stage.load()
    index, crops, path = (paths.table(name, dataset) for name in ("index", "crop", "landmarks"))
    rows = tables.rows(index, ["clip", "subject", "flow", "points"])
    given = {row["clip"]: row["points"] for row in rows if row["points"]}
    places, registered = register(dataset, [row for row in rows if row["flow"] and not row["points"]])
    given |= registered
    work = partial(landmark, crops, given, params.landmarks)
    clips = sorted({*tables.clips(crops)} | {*given})
    figures = partial(report, crops, path, places)
    stage.map_clips("landmarks", dataset, work, clips, schemas.LANDMARKS, [index, crops, paths.PRIOR], params, figures)
