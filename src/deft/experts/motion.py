"""Motion semantics: one token per region, all in multiples of the clip's own noise.

A token holds the region's evidence (out, up, opening) at the apex and halfway, its optical strain (Shreve et al. 2011)
and its oriented histogram of flow (Chaudhry et al. 2009). With ``features.motion: prior`` the motion prior's
embedding of the region stands behind them.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from deft.core.params import Features
from deft.experts.clip import Clip, Need, Tokens
from deft.facs import regions
from deft.motion import evidence

NEEDS: frozenset[Need] = frozenset({"flow"})
OWN: Mapping[str, frozenset[Need]] = {"default": frozenset(), "prior": frozenset({"reading"})}

_BINS = 8
_THRESHOLDS = (1.0, 2.0, 3.0)  # of the levels' words, which no token holds


def tokens(clip: Clip, params: Features) -> Tokens:
    """Return one token per region (17, 14), or (17, 14 + embedding) with the motion prior.

    Each of the 14 is a multiple of the noise, then asinh: linear near the noise, logarithmic far above it.
    """
    flows, points = clip.flows, clip.points
    at_apex = evidence.measure(flows, points, clip.noise_px, _THRESHOLDS)
    halfway = evidence.measure(flows[: (len(flows) + 1) // 2], points, clip.noise_px, _THRESHOLDS)
    masks = evidence.masks(points, flows.shape[1:3])
    face = regions.axes(points)
    strains = strain(flows[-1])  # (H, W)
    rows = []
    for late, early in zip(at_apex, halfway, strict=True):
        mask = masks[late.region]
        region_strain = float(strains[mask].mean()) * face.iod if mask.any() else 0.0
        histogram = _histogram(flows[-1][mask], regions.outward(late.region, face), face.down)
        rows.append([late.out, late.up, late.divergence, early.out, early.up, region_strain, *histogram])
    measured = np.arcsinh(np.array(rows) / at_apex[0].noise).astype(np.float32)
    if params.motion == "default":
        return measured
    assert clip.reading is not None, "the clip comes with the prior's reading"
    return np.hstack([measured, clip.reading.regions])


def _histogram(
    vectors: npt.NDArray[np.float32], outward: npt.NDArray[np.floating], down: npt.NDArray[np.floating]
) -> npt.NDArray[np.float32]:
    """Return the mean flow length per direction (8,) of vectors (n, 2), clockwise from up in face axes."""
    if not len(vectors):
        return np.zeros(_BINS, np.float32)
    angle = np.arctan2(vectors @ outward, -(vectors @ down))
    octants = np.round(angle / (2 * np.pi / _BINS)).astype(int) % _BINS
    return np.asarray(np.bincount(octants, np.hypot(*vectors.T), _BINS) / len(vectors))


def strain(flow: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the magnitude of the infinitesimal strain tensor (H, W) of a flow (H, W, 2), per pixel."""
    (du_dy, du_dx), (dv_dy, dv_dx) = (np.gradient(flow[..., axis]) for axis in (0, 1))
    shear = (du_dy + dv_dx) / 2
    return np.asarray(np.sqrt(du_dx**2 + dv_dy**2 + 2 * shear**2))
