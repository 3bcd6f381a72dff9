"""Face structure: the geometry of the landmarks and HOG of the onset (Dalal and Triggs 2005)."""

import cv2
import numpy as np
import numpy.typing as npt
from skimage.feature import hog

from deft.facs import regions

_SIDE = 96  # pixels; HOG needs no finer picture


def tokens(onset: npt.NDArray[np.uint8], points: npt.NDArray[np.float32], grid: int) -> npt.NDArray[np.float32]:
    """One token (1, dim) from the onset's grey crop (H, W), its landmarks (68, 2) and ``grid`` HOG cells a side."""
    face = regions.axes(points)
    centred = points - points.mean(0)
    geometry = np.stack([centred @ face.left, centred @ face.down], -1) / face.iod
    small = cv2.resize(onset, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    block = min(2, grid)
    gradients = hog(small, orientations=8, pixels_per_cell=(_SIDE // grid,) * 2, cells_per_block=(block,) * 2)
    return np.concatenate([geometry.ravel(), gradients])[None].astype(np.float32)
