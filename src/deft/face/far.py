"""A first guess of the flow of skin that moves too far for optical flow: the way of the vertices of the face mesh.

A smile moves the corners of the mouth by 8 to 24 px of a crop, and shows teeth that were not there: no pyramid finds
that. The mesh errs by half a pixel, but never loses the mouth.
"""

import cv2
import numpy as np
import numpy.typing as npt
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator

from deft.face import mesh
from deft.media import Image

FAR_PX = 5.0  # of a vertex against the whole face; micro-expressions stay below it
_GRID = 4  # px between the places at which the mesh is interpolated


def guess(onset: Image, target: Image) -> npt.NDArray[np.float32] | None:
    """Return how far the face's skin moves from one crop to another (H, W, 3), in px, (H, W, 2).

    None where no vertex moves farther than `FAR_PX`, or one crop shows no face: then flow needs no guess.
    """
    before, after = mesh.vertices(onset), mesh.vertices(target)
    if before is None or after is None:
        return None
    moved = after - before  # (468, 2)
    if np.hypot(*(moved - np.median(moved, 0)).T).max() < FAR_PX:
        return None
    height, width = onset.shape[:2]
    middle = (_GRID - 1) / 2
    x, y = np.meshgrid(np.arange(0, width, _GRID) + middle, np.arange(0, height, _GRID) + middle)
    coarse = LinearNDInterpolator(before, moved)(x, y)  # (H / 4, W / 4, 2)
    coarse = np.where(np.isfinite(coarse), coarse, NearestNDInterpolator(before, moved)(x, y))
    return np.asarray(cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR))
