"""Frames → aligned face crops, all with the transform of the clip's onset.

Reads data/index/DATASET.parquet and data/raw/DATASET. Writes data/crop/DATASET.parquet and its report,
data/reports/crop/DATASET.json.
Run: ``python -m pipeline crop DATASET``
"""

from functools import partial
from pathlib import Path

from deft.core import schemas, tables
from deft.face import align, mesh
from deft.media import pictures
from pipeline import stage


def crop(
    index: Path, root: Path, size_px: int, iod_px: int, eye_line: float, frames: int, clip: str
) -> list[tables.Row]:
    """Crops of one clip, spread evenly from onset to offset, with the apex among them."""
    row = tables.row(index, clip)
    onset = pictures.read(root / row["frames"][row["onset"]])
    matrix = align.transform(mesh.landmarks(onset), size_px, iod_px, eye_line)
    return [
        {
            "clip": clip,
            "position": position,
            "matrix": matrix.ravel(),
            "crop": pictures.encode(align.cut(pictures.read(root / row["frames"][position]), matrix, size_px)),
        }
        for position in align.spread(row["onset"], row["apex"], row["offset"], frames)
    ]


def main(dataset: str) -> None:
    """Crop the faces of one dataset."""
    params = stage.load()
    index, root = stage.table("index", dataset), stage.RAW / dataset
    work = partial(crop, index, root, *params.crop.model_dump().values())
    clips = [row["clip"] for row in tables.rows(index, ["clip", "flow"]) if not row["flow"]]
    stage.map_clips("crop", dataset, work, clips, schemas.CROP, [index], params)
