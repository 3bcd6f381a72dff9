"""The crop's geometry: one similarity transform, from the eyes in the onset frame, for every frame of a clip."""

import cv2
import numpy as np
import numpy.typing as npt

from deft.face import Points
from deft.facs import regions
from deft.media import Image

Matrix = npt.NDArray[np.float64]  # (2, 3)


def transform(points: Points, size_px: int, iod_px: float, eye_line: float) -> Matrix:
    """Return the matrix (2, 3) from frame pixels to pixels of a square crop of side ``size_px``.

    points: the 68 landmarks (68, 2) in frame pixels. In the crop the eyes are level, ``iod_px`` apart and centred, at
    the share ``eye_line`` of its height. Raises ValueError where points are not those of a face (`regions.axes`).
    """
    face = regions.axes(points)
    scale = iod_px / face.iod
    rotation = scale * np.stack([face.left, face.down])
    middle = (points[regions.RIGHT_EYE].mean(0) + points[regions.LEFT_EYE].mean(0)) / 2
    target = np.array([size_px / 2, size_px * eye_line])
    return np.hstack([rotation, (target - rotation @ middle)[:, None]])


def cut(image: npt.NDArray[np.uint8], matrix: Matrix, size_px: int) -> Image:
    """Return a picture's crop (size_px, size_px[, 3]), smoothed first if it shrinks, against aliasing."""
    scale = float(np.hypot(*matrix[:, 0]))
    if scale < 0.8:
        image = cv2.GaussianBlur(image, (0, 0), 0.4 * (1 / scale - 1) + 0.2)
    return np.asarray(
        cv2.warpAffine(image, matrix, (size_px, size_px), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    )


def moved(points: npt.NDArray[np.floating], matrix: Matrix) -> Points:
    """Return points (n, 2), in px, transformed by a matrix (2, 3)."""
    return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def sampled_positions(onset: int, apex: int, offset: int, frames: int) -> list[int]:
    """Return the positions of the frames to keep: ``frames`` at equal distances from onset to offset, and the apex."""
    equidistant = np.linspace(onset, offset, frames).round().astype(int).tolist()
    return sorted({*equidistant, apex})
