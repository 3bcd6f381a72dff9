"""Clips given as optical flow, without frames (our own format): a lab can share motion without sharing faces.

``index.csv`` has the columns subject, clip, emotion, aus and flow, and may have fps, onset, apex, offset and objective;
``flow`` is the path of a file (`deft.datasets.fields`) under the dataset's root. Faces are upright and fill the field.
``landmarks.csv``, if it exists, holds their 68 points in the field's pixels, with the columns clip (subject/clip), x0,
y0, …, x67, y67.
"""

from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from deft.core import tables
from deft.core.errors import DataError
from deft.datasets import Source, fields, frames, sheet
from deft.facs import regions

TITLE = "flow fields"
SOURCES = (Source(("index.csv",)),)
RECORDINGS = None

_COLUMNS = ("subject", "clip", "emotion", "aus", "flow")
_OPTIONAL = ("fps", "onset", "apex", "offset", "objective")
_COORDINATES = tuple(f"{axis}{number}" for number in range(68) for axis in "xy")
_NAME = r"[\w+][\w.+ -]*"


def read_sheet(path: Path, corrections: bool = True) -> pa.Table:
    """Return the list of clips, one row per clip (`deft.core.schemas.SHEET`); reads every field to check it.

    Raises:
        DataError: the file is no such list, or ``landmarks.csv`` names a clip twice or one that is not in the list.

    """
    landmarks = _landmarks(path.parent, path.with_name("landmarks.csv"))
    body = sheet.find(path, _COLUMNS, _OPTIONAL)
    table = sheet.table("flow", body, _identify, partial(_labels, path.parent, landmarks), corrections)
    unknown = set(landmarks) - {f"{row['subject']}/{row['name']}" for row in table.to_pylist()}
    if unknown:
        expected = "clips (subject/clip) of index.csv"
        raise DataError(path.with_name("landmarks.csv"), ", ".join(sorted(unknown)), expected, "correct either file")
    return table


def _identify(line: sheet.Line) -> tuple[str, str]:
    return line.name("subject", _NAME, "s01"), line.name("clip", _NAME, "001")


def _labels(
    root: Path, landmarks: dict[str, npt.NDArray[np.float32] | DataError], line: sheet.Line, subject: str, name: str
) -> tables.Row:
    emotion = line.text("emotion").lower()
    if not emotion:
        raise line.error("emotion", "a word")
    file = Path(line.text("flow"))
    if file.is_absolute() or ".." in file.parts or file.suffix.lower() not in fields.SUFFIXES:
        raise line.error("flow", f"the path of a {', '.join(fields.SUFFIXES)} file inside the dataset's folder")
    with frames.os_errors_explained(root / file):
        if not (root / file).is_file():
            raise DataError(f"{line.where}, flow", f"no file {file}", "the clip's flow", "put it there")
        frames.check_inside(root, root / file)
    shape = fields.read(root / file).shape[:2]
    points = landmarks.get(f"{subject}/{name}")
    if isinstance(points, DataError):
        raise points
    if points is None:
        line.notes.append("landmarks: the mean face, where other subjects' motion places it")
    aus = line.units("aus")
    moments = {column: line.frame(column) for column in ("onset", "apex", "offset") if line.text(column)}
    if list(moments.values()) != sorted(moments.values()):
        raise line.error("apex", "onset ≤ apex ≤ offset")
    return {
        **moments,
        "fps": line.positive_number("fps") if line.text("fps") else None,
        "emotion": emotion,
        "objective": line.objective("objective", aus),
        "aus": aus,
        "folders": [],
        "flow": file.as_posix(),
        "points": None if points is None else ((points + 0.5) * fields.SIDE / max(shape) - 0.5).ravel(),
    }


def _landmarks(root: Path, path: Path) -> dict[str, npt.NDArray[np.float32] | DataError]:
    """Return clip (subject/clip) → its 68 points (68, 2) in pixels of its field, or what is wrong with them."""
    landmarks: dict[str, npt.NDArray[np.float32] | DataError] = {}
    if not path.exists():
        return landmarks
    frames.check_inside(root, path)
    for line in sheet.find(path, ("clip", *_COORDINATES)).lines:
        clip = line.text("clip")
        if clip in landmarks:
            raise DataError(line.where, f"{clip} a second time", "each clip once", sheet.REMEDY)
        try:
            points = np.array([line.text(column) for column in _COORDINATES]).astype(np.float32).reshape(68, 2)
            regions.axes(points)  # raises ValueError unless they are a face's
            landmarks[clip] = points
        except ValueError as error:
            landmarks[clip] = DataError(line.where, str(error), "68 points of a face", sheet.REMEDY)
    return landmarks
