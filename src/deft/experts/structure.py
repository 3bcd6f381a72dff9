"""Face structure: the geometry of the landmarks and HOG of the onset (Dalal and Triggs 2005)."""

from collections.abc import Mapping

import cv2
import numpy as np
from skimage.feature import hog

from deft.core.params import Features
from deft.experts.clip import Clip, Need, Tokens
from deft.facs import regions
from deft.media.pictures import grey

NEEDS: frozenset[Need] = frozenset({"onset"})
OWN: Mapping[str, frozenset[Need]] = {"default": frozenset()}

_SIDE_PX = 96  # HOG needs no finer image


def tokens(clip: Clip, params: Features) -> Tokens:
    """Return one token (1, dim): the landmarks in face axes, and HOG of the onset with ``params.grid`` cells a side."""
    face = regions.axes(clip.points)
    centred = clip.points - clip.points.mean(0)
    geometry = np.stack([centred @ face.left, centred @ face.down], -1) / face.iod  # (68, 2)
    onset = cv2.resize(grey(clip.crops[0]), (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    cell_px, block = _SIDE_PX // params.grid, min(2, params.grid)
    gradients = hog(onset, orientations=8, pixels_per_cell=(cell_px, cell_px), cells_per_block=(block, block))
    return np.concatenate([geometry.ravel(), gradients])[None].astype(np.float32)
