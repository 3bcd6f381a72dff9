"""The motion of the 17 regions that each Action Unit would show: what a spotter's matched filter looks for."""

from functools import cache

import numpy as np
import numpy.typing as npt

from deft.facs import mean_face, regions
from deft.prior import layout, reconstruction
from deft.spotting import IS_EYE, Doubles

TOGETHER = ((1, 2), (4, 7), (4, 9), (6, 12), (12, 25), (1, 2, 5), (1, 4, 15), (1, 2, 5, 26), (12, 6, 25), (25, 26))


@cache
def patterns() -> Doubles:
    """Return the regions' motion outward and upward by unit, (patterns, 17, 2), each of length 1.

    An eye's two figures are its lids' motion upward, and apart. Units of both sides come as right, left and both;
    then come the units that often move `TOGETHER`.
    """
    motions = reconstruction.motion_by_output()[0]  # (outputs, 2 · 784)
    single = [motions[[number]] for number in range(len(motions))]
    both = [motions[layout.numbers(unit, None)] for unit in layout.UNITS]
    several = [motions[[n for unit in units for n in layout.numbers(unit, None)]] for units in TOGETHER]
    found = [_by_region(group.sum(0)) for group in [*single, *both, *several]]
    return np.array([motion / np.linalg.norm(motion) for motion in found])


def _by_region(motion: npt.NDArray[np.float32]) -> Doubles:
    """Return a field's motion (2 · 784) by region, (17, 2)."""
    field = motion.reshape(2, layout.GRID, layout.GRID)
    axes = regions.axes(mean_face.POINTS)
    found = np.zeros((len(regions.REGIONS), 2))
    for number, (region, weights) in enumerate(zip(regions.REGIONS, reconstruction.region_weights(), strict=True)):
        mean = np.einsum("hw,chw->c", weights, field) / weights.sum()
        if IS_EYE[number]:
            upper, lower = _lids(weights, field)
            found[number] = -(upper + lower) / 2, lower - upper
        else:
            found[number] = mean @ regions.outward(region, axes), -mean[1]
    return found


def _lids(weights: npt.NDArray[np.float32], field: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Return how far the upper and the lower lid of an eye move down."""
    middle = mean_face.EYE_LINE * layout.GRID
    rows = np.arange(layout.GRID) + 0.5
    halves = (weights * (rows < middle)[:, None], weights * (rows >= middle)[:, None])
    upper, lower = (float((half * field[1]).sum() / max(float(half.sum()), 1e-9)) for half in halves)
    return upper, lower
