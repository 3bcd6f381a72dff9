"""Flow fields in files: ``.npy``, ``.npz`` (one array, or one called "flow") and Middlebury's ``.flo``."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from deft.core.errors import DataError

SUFFIXES = (".npy", ".npz", ".flo")
SIDE = 128  # px, the longer side of every field in the pipeline: smaller fields are too coarse for facial regions
_SMALLEST = 16  # px, the shorter side of a field in a file
_LONGEST = 1e30  # of a component, so that its square is finite
_REMEDY = "write the field again"


def read(path: Path) -> npt.NDArray[np.float32]:
    """Return a field (H, W, 2) from a file: x to the right, y down, in the file's own unit.

    Raises:
        DataError: the file holds no such field, a field that is too small, or values that are not finite.

    """
    try:
        field = np.asarray(_content(path))
    except Exception as error:  # a broken file makes its reader raise whatever it likes
        reason = f"no readable field ({type(error).__name__}: {error})"
        raise DataError(path, reason, "a flow field", _REMEDY) from None
    if field.ndim != 3 or field.shape[2] != 2 or min(field.shape[:2]) < _SMALLEST or field.dtype.kind not in "fiu":
        array = f"an array of shape {field.shape} and type {field.dtype}"
        expected = f"numbers (H, W, 2), at least {_SMALLEST} × {_SMALLEST}"
        raise DataError(path, array, expected, _REMEDY)
    field = field.astype(np.float32)
    if not (np.abs(field) < _LONGEST).all():
        raise DataError(path, "values that are not finite or too large", f"numbers below {_LONGEST:g}", _REMEDY)
    return field


def resized(field: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return a field (H, W, 2) with `SIDE` px along its longer side and its longest vector scaled to a length of 1–2.

    The unit is unknown, so no result may depend on it; half precision and tolerances for rounding would, without a
    common scale. The factor is a power of two, which rounds nothing.
    """
    height, width = field.shape[:2]
    scale = SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    resized = cv2.resize(field, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    longest = float(np.hypot(resized[..., 0], resized[..., 1]).max())
    return np.asarray(np.ldexp(resized, -int(np.floor(np.log2(longest)))) if longest > 0 else resized)


def _content(path: Path) -> npt.NDArray[np.generic]:
    if path.suffix.lower() == ".flo":
        field = cv2.readOpticalFlow(str(path))
        if field is None or not field.size:
            raise ValueError("truncated, or of another format")
        return np.asarray(field)
    with path.open("rb") as file:
        content = np.load(file, allow_pickle=False)
        if isinstance(content, np.lib.npyio.NpzFile):
            names = content.files
            return np.asarray(content["flow" if "flow" in names or len(names) != 1 else names[0]])
        return np.asarray(content)
