"""Local contrast of pictures, at several sizes: the input of the flow solver.

Light changes the brightness and the contrast of skin, but not its pattern. Subtracting the mean around each pixel and
dividing by the standard deviation around it leaves the pattern alone.
"""

import math
from typing import cast

import numpy as np
from numpy.typing import NDArray

from deft.motion import grids

Floats = NDArray[np.float32]

COARSEST_PX = 48  # a picture whose shorter side is at least this is halved once more
CELLS_PX = (2, 4)  # side of a cell in pictures below LARGE_PX and from there on
LARGE_PX = 96
SMOOTHING_PX = 0.8  # standard deviation; takes the edge off sensor noise and JPEG blocks
CONTRAST_PX = 6.5  # standard deviation of the window in which contrast is measured
CONTRAST_FLOOR = 0.2  # of the whole picture's contrast: plain skin keeps its noise small


def is_constant(picture: NDArray[np.generic]) -> bool:
    """Return whether a picture (H, W) has no contrast at all."""
    low, high = float(picture.min()), float(picture.max())
    return high - low <= 1e-6 * max(abs(low), abs(high))


def cell_px(shape: tuple[int, ...]) -> int:
    """Return the side of a cell, in px, for a picture of this shape (H, W)."""
    small, large = CELLS_PX
    return large if min(shape) >= LARGE_PX else small


def gaussian(sigma: float) -> Floats:
    """Return the taps (n,) of a Gaussian, out to three standard deviations; they sum to 1."""
    radius = math.ceil(3 * sigma)
    taps: Floats = np.exp(-0.5 * (np.arange(-radius, radius + 1, dtype=np.float32) / np.float32(sigma)) ** 2)
    return taps / np.float32(taps.sum())


def normalised(picture: NDArray[np.generic]) -> Floats:
    """Return a picture's local contrast, float32 (H, W): (I − mean) / √(variance + floor²) over a Gaussian window."""
    exact = picture.astype(np.float64, order="C")
    layer = ((exact - exact.mean()) / exact.std()).astype(np.float32)
    grids.convolve(layer[None], gaussian(SMOOTHING_PX))
    layer -= _local_mean(layer)
    variance = np.maximum(_local_mean(layer * layer), 0)  # extrapolation at the border may go below zero
    return cast(Floats, layer / np.sqrt(variance + np.float32(CONTRAST_FLOOR**2)))


def _local_mean(picture: Floats) -> Floats:
    """Return the Gaussian mean around each pixel, (H, W)."""
    cell = cell_px(picture.shape)
    means = grids.pooled(picture, cell)
    grids.convolve(means, gaussian(CONTRAST_PX / cell))
    return cast(Floats, grids.enlarged(means, cell, *picture.shape)[0])


def pyramid(picture: Floats) -> list[Floats]:
    """Return a picture (H, W) and its halves, finest first."""
    levels = [picture]
    while min(levels[-1].shape) >= COARSEST_PX:
        levels.append(grids.halved(levels[-1]))
    return levels
