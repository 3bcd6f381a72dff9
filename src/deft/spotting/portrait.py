"""Whether a picture still shows the same face: its correlation with a portrait, at half size."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from deft.motion import contrast
from deft.spotting import Floats, layers

Grey = npt.NDArray[np.uint8]  # (H, W)


class Portrait(NamedTuple):
    """A face to compare others with: as it is (H, W), normalised (h, w), and the means over parts of it."""

    grey: Grey
    picture: Floats
    means: csr_array  # (parts, h · w)

    def fits(self, picture: Floats, flow: Floats) -> Floats:
        """Return the correlation with a `half_size` picture (h, w), warped back by the flow (H, W, 2), (parts,)."""
        height, width = self.picture.shape
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        half = flow[::2, ::2] / 2
        warped = cv2.remap(picture, x + half[..., 0], y + half[..., 1], cv2.INTER_LINEAR)
        return self.correlations(self.picture, warped)

    def correlations(self, picture: Floats, another: Floats) -> Floats:
        """Return the correlation of two `half_size` pictures (h, w) in each part, (parts,)."""
        one, other = picture.ravel(), another.ravel()
        a, b, aa, bb, ab = (self.means @ np.stack([one, other, one**2, other**2, one * other], 1)).T
        spread = np.sqrt(np.maximum(aa - a**2, 0) * np.maximum(bb - b**2, 0))
        return np.asarray((ab - a * b) / np.maximum(spread, 1e-9), np.float32)


def portrait(grey: Grey, parts: Sequence[npt.NDArray[np.bool_]]) -> Portrait:
    """Return the portrait of a picture (H, W) with the masks (H, W) of its parts."""
    return Portrait(grey, half_size(grey), layers.means([part[::2, ::2] for part in parts]))


def half_size(grey: Grey) -> Floats:
    """Return a picture (H, W), normalised, at half its size (h, w)."""
    half = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    if contrast.is_constant(half):
        return np.zeros(half.shape, np.float32)
    return contrast.normalised(half)
