"""Flow fields in files: ``.npy``, ``.npz`` (one array, or one called "flow") and Middlebury's ``.flo``."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from deft.core.errors import DataError

SUFFIXES = (".npy", ".npz", ".flo")
SIDE = 128  # pixels of the longer side of a field as the pipeline has it: regions need some
_SMALLEST = 16
_LONGEST = 1e30  # of a component: its square is a number still
_REMEDY = "write the field anew"


def read(path: Path) -> npt.NDArray[np.float32]:
    """A field (H, W, 2): x to the right, y down, in a unit of its own.

    Raises:
        DataError: the file is no such field, is too small or holds what is no number.

    """
    try:
        field = np.asarray(_content(path))
    except Exception as error:  # a broken file makes its reader raise whatever it likes
        reason = f"no readable field ({type(error).__name__}: {error})"
        raise DataError(path, reason, "a flow field", _REMEDY) from None
    if field.ndim != 3 or field.shape[2] != 2 or min(field.shape[:2]) < _SMALLEST or field.dtype.kind not in "fiu":
        found = f"an array of shape {field.shape} and type {field.dtype}"
        expected = f"numbers (H, W, 2), at least {_SMALLEST} × {_SMALLEST}"
        raise DataError(path, found, expected, _REMEDY)
    field = field.astype(np.float32)
    if not (np.abs(field) < _LONGEST).all():
        raise DataError(path, "values that are no numbers, or beyond all measure", "finite ones", _REMEDY)
    return field


def resized(field: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The field with `SIDE` pixels along its longer side, times a power of two that makes its longest vector 1 to 2.

    Its unit is unknown, so nothing may depend on it; what is kept in half precision and fitted against rounding does.
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
            raise ValueError("cut short, or of another format")
        return np.asarray(field)
    with path.open("rb") as file:
        content = np.load(file, allow_pickle=False)
        if isinstance(content, np.lib.npyio.NpzFile):
            names = content.files
            return np.asarray(content["flow" if "flow" in names or len(names) != 1 else names[0]])
        return np.asarray(content)
