"""The crop's geometry: one similarity transform, taken from the onset's eyes, for every frame of a clip."""

import cv2
import numpy as np
import numpy.typing as npt

from deft.face import Points
from deft.facs import regions
from deft.media import Image

Matrix = npt.NDArray[np.float64]  # (2, 3)


def transform(points: Points, size_px: int, iod_px: float, eye_line: float) -> Matrix:
    """Frame pixels → crop pixels (2, 3): eyes level, ``iod_px`` apart, at ``eye_line`` of the height, centred."""
    face = regions.axes(points)
    scale = iod_px / face.iod
    rotation = scale * np.stack([face.left, face.down])
    middle = (points[regions.RIGHT_EYE].mean(0) + points[regions.LEFT_EYE].mean(0)) / 2
    target = np.array([size_px / 2, size_px * eye_line])
    return np.hstack([rotation, (target - rotation @ middle)[:, None]])


def cut(image: npt.NDArray[np.uint8], matrix: Matrix, size_px: int) -> Image:
    """The crop (size_px, size_px[, 3]) of a picture; smoothed first where it shrinks, so that nothing aliases."""
    scale = float(np.hypot(*matrix[:, 0]))
    if scale < 0.8:
        image = cv2.GaussianBlur(image, (0, 0), 0.4 * (1 / scale - 1) + 0.2)
    return np.asarray(
        cv2.warpAffine(image, matrix, (size_px, size_px), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    )


def moved(points: npt.NDArray[np.floating], matrix: Matrix) -> Points:
    """Points (n, 2) through a 2×3 transform."""
    return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def spread(onset: int, apex: int, offset: int, frames: int) -> list[int]:
    """Positions of the frames to keep: ``frames`` evenly from onset to offset, and the apex."""
    even = np.linspace(onset, offset, frames).round().astype(int).tolist()
    return sorted({*even, apex})
