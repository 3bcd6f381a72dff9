"""Motion semantics: a token a region, all in multiples of the clip's own noise.

A region gives its evidence (out, up, opening) at the apex and halfway, its optical strain (Shreve et al. 2011) and its
oriented histogram of flow (Chaudhry et al. 2009).
"""

import numpy as np
import numpy.typing as npt

from deft.facs import regions
from deft.motion import evidence

_BINS = 8


def tokens(flows: npt.NDArray[np.float32], points: npt.NDArray[np.float32], noise: float) -> npt.NDArray[np.float32]:
    """A token a region (17, 14) from flows (steps, H, W, 2) onset → step, landmarks (68, 2) and the clip's noise.

    Every value is a multiple of the noise, then asinh: linear near the noise, logarithmic far above it.
    """
    found = evidence.measure(flows, points, noise, (1.0, 2.0, 3.0))
    halfway = evidence.measure(flows[: (len(flows) + 1) // 2], points, noise, (1.0, 2.0, 3.0))
    masks = evidence.masks(points, flows.shape[1:3])
    face = regions.axes(points)
    strained = strain(flows[-1])
    values = []
    for seen, before in zip(found, halfway, strict=True):
        mask = masks[seen.region]
        stretched = float(strained[mask].mean()) * face.iod if mask.any() else 0.0
        histogram = _histogram(flows[-1][mask], regions.outward(seen.region, face), face.down)
        values.append([seen.out, seen.up, seen.divergence, before.out, before.up, stretched, *histogram])
    return np.arcsinh(np.array(values) / found[0].noise).astype(np.float32)


def _histogram(
    vectors: npt.NDArray[np.float32], outward: npt.NDArray[np.floating], down: npt.NDArray[np.floating]
) -> npt.NDArray[np.float32]:
    """Mean flow length a direction (8,), clockwise from up in face axes."""
    if not len(vectors):
        return np.zeros(_BINS, np.float32)
    angle = np.arctan2(vectors @ outward, -(vectors @ down))
    octants = np.round(angle / (2 * np.pi / _BINS)).astype(int) % _BINS
    return np.asarray(np.bincount(octants, np.hypot(*vectors.T), _BINS) / len(vectors))


def strain(flow: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Magnitude of the infinitesimal strain tensor (H, W), per pixel."""
    (du_dy, du_dx), (dv_dy, dv_dx) = (np.gradient(flow[..., axis]) for axis in (0, 1))
    shear = (du_dy + dv_dx) / 2
    return np.asarray(np.sqrt(du_dx**2 + dv_dy**2 + 2 * shear**2))
