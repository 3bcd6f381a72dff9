"""Bring a measured flow field into the prior's frame, and regions out of it."""

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from deft.facs import mean_face, regions
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


def by_region(cells: Floats) -> Floats:
    """Return the embedding at the middle of each region (17, dim) from that of the places of a frame (dim, h, w)."""
    height, width = cells.shape[1:]
    x, y = (_middles() * [width, height] - 0.5).T[..., None]  # (17, 1) each, cells
    across = np.maximum(0, 1 - abs(np.arange(width) - x))  # (17, w): the weights of linear interpolation
    down = np.maximum(0, 1 - abs(np.arange(height) - y))  # (17, h)
    return np.asarray(np.einsum("rh,rw,chw->rc", down, across, cells), np.float32)


@cache
def _middles() -> npt.NDArray[np.floating]:
    """Return the middle of each region of the mean face, as a share of the frame, (17, 2)."""
    polygons = regions.polygons(mean_face.POINTS)
    middles = np.array([polygons[name].mean(0) for name in regions.REGIONS])
    return np.asarray(middles / mean_face.FRAME + [0.5, mean_face.EYE_LINE])
