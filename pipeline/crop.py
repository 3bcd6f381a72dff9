"""Frames → aligned face crops, all with the transform of the clip's onset.

Reads data/index/DATASET.parquet and data/raw/DATASET. Writes data/crop/DATASET.parquet and its report,
data/reports/crop/DATASET.json.
Run: ``python -m pipeline crop DATASET``
"""

from functools import partial
from pathlib import Path

from deft import measure
from deft.core import paths, schemas, tables
from deft.core.params import Crop
from deft.media import pictures
from pipeline import stage


def crop(index: Path, root: Path, params: Crop, clip: str) -> list[tables.Row]:
    """Crop one clip: one row per chosen frame, evenly from onset to offset and with the apex among them."""
    row = tables.row(index, clip, ["frames", "onset", "apex", "offset"])
    positions = measure.crop_positions(row["onset"], row["apex"], row["offset"], params)
    frames = {position: pictures.read(root / row["frames"][position]) for position in positions}
    crops = measure.crop(frames, row["onset"], params)
    matrix = crops.matrix.ravel()
    return [
        {"clip": clip, "position": position, "matrix": matrix, "crop": pictures.encode(image)}
        for position, image in crops.images.items()
    ]


def main(dataset: str) -> None:
    """Crop the faces of one dataset."""
    params = stage.load()
    index = paths.table("index", dataset)
    work = partial(crop, index, paths.RAW / dataset, params.crop)
    clips = [row["clip"] for row in tables.rows(index, ["clip", "flow"]) if not row["flow"]]
    stage.map_clips("crop", dataset, work, clips, schemas.CROP, [index], params)
