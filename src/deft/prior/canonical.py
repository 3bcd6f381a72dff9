"""Bring a measured flow field into the prior's frame."""

import cv2
import numpy as np
import numpy.typing as npt

from deft.facs import mean_face
from deft.prior import layout

Floats = npt.NDArray[np.float32]


def field(flow: Floats, points: Floats) -> Floats:
    """Return a flow field (H, W, 2), in px, on the prior's grid (2, 28, 28), in eye distances.

    points: the landmarks (68, 2), in px. The frame is laid over the face by the affine map that brings the mean face
    nearest to the landmarks, so that the proportions of a face do not matter. Each cell is the mean over its area;
    cells outside the picture are still.
    """
    places = np.hstack([mean_face.POINTS, np.ones((68, 1))])
    to_picture = np.linalg.lstsq(places, points.astype(np.float64), rcond=None)[0].T  # (2, 3): eye distances → px
    cell = mean_face.FRAME / layout.GRID  # eye distances
    first = np.array([0.5 - layout.GRID / 2, 0.5 - mean_face.EYE_LINE * layout.GRID]) * cell  # the first cell's centre
    cells_to_picture = np.column_stack([to_picture[:, :2] * cell, to_picture[:, :2] @ first + to_picture[:, 2]])
    width_px, height_px = np.linalg.norm(cells_to_picture[:, :2], axis=0)
    mean = cv2.blur(flow, (max(1, round(width_px)), max(1, round(height_px))))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    sampled = cv2.warpAffine(mean, cells_to_picture, (layout.GRID, layout.GRID), flags=flags)  # (28, 28, 2)
    return np.ascontiguousarray((sampled @ np.linalg.inv(to_picture[:, :2]).T).transpose(2, 0, 1), np.float32)
