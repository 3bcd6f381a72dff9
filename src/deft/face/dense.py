"""What a face's mesh says, at every pixel."""

import cv2
import numpy as np
import numpy.typing as npt
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator

Doubles = npt.NDArray[np.float64]

_GRID = 4  # px between the places at which a mesh is interpolated


def interpolated(vertices: Doubles, values: Doubles, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return the values (n[, k]) of vertices (n, 2), in px, at every pixel of a picture (H, W): (H, W[, k]).

    They are linear between the vertices, and outside the mesh those of the nearest vertex.
    """
    height, width = shape
    middle = (_GRID - 1) / 2
    x, y = np.meshgrid(np.arange(0, width, _GRID) + middle, np.arange(0, height, _GRID) + middle)
    coarse = LinearNDInterpolator(vertices, values)(x, y)  # (H / 4, W / 4[, k])
    coarse = np.where(np.isfinite(coarse), coarse, NearestNDInterpolator(vertices, values)(x, y))
    return np.asarray(cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR))
