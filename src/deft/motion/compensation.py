"""Remove the head's motion from a flow field, so that only the face's motion is left.

A head that goes on facing the camera shifts, turns and comes nearer: between near frames its motion is a similarity,
u(x) = M · (x − cx, y − cy, 1) with M = ((s, −t, a), (t, s, b)) and (cx, cy) the picture's centre. A free affine
fit would also remove a fifth of a smile, which widens and lifts the face; the motion of such a head does neither.
M is fitted where expressions hardly move the skin, and robustly, because they move it a little: weights 1 / r (an L1
fit) find the majority, then Tukey's biweight (1 − (r / 4.685 σ)²)² excludes what disagrees with it.

Source: Holland and Welsch, "Robust Regression Using Iteratively Reweighted Least-Squares", 1977, for the fit and its
constant; Beaton and Tukey, 1974, for the biweight. Taking an affine off the flow: Liu et al., "A Main Directional Mean
Optical Flow Feature for Spontaneous Micro-Expression Recognition", 2016. The similarity and the stable area are ours.
"""

from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from deft.facs import regions

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

GRID = 64  # points of the fit along the shorter side; flow is smooth, so more points only cost time
L1_ROUNDS = 10
TUKEY_ROUNDS = 10
TUKEY = 4.685  # in standard deviations: 95 % efficient on Gaussian noise
PAYS = 0.1  # share of the residual that a turn in depth must explain
LEAST_TURN_PX = 0.1  # residual from which a turn in depth is looked for
RESOLUTION_PX = 1e-3  # residuals below this count as equal

# Where expressions move the skin, as hulls: landmarks, how far a second copy of them lies above, and the margin around
# both, in eye distances. A brow carries a third of an eye distance of skin with it; between the brows the frontalis
# moves the whole forehead.
EXPRESSIVE = (
    ((17, 18, 19, 20, 21), 0.3, 0.08),  # right brow
    ((22, 23, 24, 25, 26), 0.3, 0.08),  # left brow
    ((20, 21, 22, 23), 1.0, 0.15),  # glabella, middle of the forehead
    ((17, 18, 19, 20, 21, 36, 37, 38, 39, 40, 41), 0.0, 0.1),  # right lids
    ((22, 23, 24, 25, 26, 42, 43, 44, 45, 46, 47), 0.0, 0.1),  # left lids
    ((36, 40, 39, 31, 48), 0.0, 0.25),  # right cheek, nasal wing
    ((45, 47, 42, 35, 54), 0.0, 0.25),  # left cheek, nasal wing
    ((31, 33, 35, *range(48, 60)), 0.0, 0.35),  # mouth
    ((48, 54, *range(6, 11)), 0.0, 0.25),  # chin
)
RIM = 0.05  # of the face, in eye distances: flow there mixes with the background's
FOREHEAD = 0.8  # eye distances from the ends of the brows to where the forehead ends


class Compensated(NamedTuple):
    """A flow field without the head's motion.

    flow: float32 (H, W, 2), pixels, x right and y down.
    head: float32 (2, 3), the motion removed, pixels: (dx, dy) = head · (x − (W − 1) / 2, y − (H − 1) / 2, 1).
    residual: median length of the remaining motion in the stable area, pixels.
    """

    flow: Floats
    head: Floats
    residual: float


def compensate(flow: Floats, weights: NDArray[np.generic], depth: Floats | None = None) -> Compensated:
    """Return a flow (H, W, 2), in px, without the head's motion, a similarity fitted where weights are positive.

    depth: (H, W), in px, away from the camera. Where it is given and the head also turns in depth, so that two terms
    proportional to it make the residual smaller by `PAYS` and it is above `LEAST_TURN_PX`, they are removed, too.

    flow: (H, W, 2) in pixels. weights: (H, W), at least 0; a boolean mask of the stable area is the usual case.
    Raises ValueError where shapes differ, the flow is not finite or fewer than three grid points have weight.
    """
    if flow.ndim != 3 or flow.shape[2] != 2:
        raise ValueError(f"flow: expected shape (H, W, 2), got {flow.shape}")
    if not np.isfinite(flow).all():
        raise ValueError(f"flow: expected finite values, got {np.count_nonzero(~np.isfinite(flow))} NaN or infinite")
    if weights.shape != flow.shape[:2]:
        raise ValueError(f"weights: expected the flow's shape {flow.shape[:2]}, got {weights.shape}")
    height, width = weights.shape
    stride = max(1, min(height, width) // GRID)
    trust = weights[::stride, ::stride].astype(np.float64)
    rows, columns = np.nonzero(trust > 0)
    if len(rows) < 3:
        raise ValueError(f"weights: expected at least 3 grid points (every {stride} px) above zero, got {len(rows)}")
    displacements = flow[::stride, ::stride][rows, columns].astype(np.float64)  # (N, 2)
    x = columns * stride - (width - 1) / 2  # (N,)
    y = rows * stride - (height - 1) / 2
    scale = max(height, width) / 4  # makes the columns alike in size: well conditioned
    similar = _similarity_columns(x / scale, y / scale)  # (N, 2, 4)
    motion, residual = _robust_fit(similar, displacements, trust[rows, columns])
    parallax = np.zeros(2)
    if depth is not None and residual > LEAST_TURN_PX:
        z = depth[::stride, ::stride][rows, columns] / scale
        columns_in_depth = np.concatenate([similar, z[:, None, None] * np.eye(2)], 2)  # (N, 2, 6)
        deeper, less = _robust_fit(columns_in_depth, displacements, trust[rows, columns])
        if less < (1 - PAYS) * residual:
            motion, residual, parallax = deeper[:4], less, deeper[4:] / scale
    grow, turn, right, down = motion.tolist()
    head = np.array([[grow / scale, -turn / scale, right], [turn / scale, grow / scale, down]], np.float32)
    field = _field(head, height, width)
    if parallax.any():
        assert depth is not None
        field += depth[..., None] * parallax.astype(np.float32)
    return Compensated((flow - field).astype(np.float32), head, residual)


def uncompensated(flow: Floats, stable: NDArray[np.bool_]) -> Compensated:
    """Return a flow (H, W, 2) as it is, with zero head motion and its median length in the stable area (H, W)."""
    residual = float(np.median(np.hypot(*flow[stable].T)))
    return Compensated(flow, np.zeros((2, 3), np.float32), residual)


def _similarity_columns(x: Doubles, y: Doubles) -> Doubles:
    """Return what growth, turn, shift right and shift down move at places x, y (N,), each by 1: (N, 2, 4)."""
    zero, one = np.zeros_like(x), np.ones_like(x)
    return np.stack([np.stack([x, -y, one, zero], -1), np.stack([y, x, zero, one], -1)], 1)


def _robust_fit(places: Doubles, displacements: Doubles, trust: Doubles) -> tuple[NDArray[np.floating], float]:
    """Return the parameters (k,) of a motion whose columns are ``places`` (N, 2, k), and the median residual.

    The fit is by reweighted least squares, first L1, then Tukey, from displacements (N, 2).
    """
    count = places.shape[2]
    flat = places.reshape(-1, count)
    weights: NDArray[np.floating] = trust
    motion: NDArray[np.floating] = np.zeros(count)
    lengths = np.zeros(len(places))
    for iteration in range(L1_ROUNDS + TUKEY_ROUNDS):
        weighted = (weights[:, None, None] * places).reshape(-1, count)
        motion = np.linalg.solve(weighted.T @ flat, weighted.T @ displacements.ravel())
        lengths = _lengths(displacements - places @ motion)
        bounded = np.maximum(lengths, RESOLUTION_PX)
        if iteration < L1_ROUNDS:
            weights = trust / bounded
        else:
            deviation = np.median(bounded) / 1.1774  # a Rayleigh variable's median is 1.1774 σ
            weights = trust * np.maximum(0.0, 1.0 - (bounded / (TUKEY * deviation)) ** 2) ** 2
    return motion, float(np.median(lengths))


def _lengths(vectors: NDArray[np.floating]) -> Doubles:
    return np.asarray(np.hypot(vectors[:, 0], vectors[:, 1]))


def _field(head: Floats, height: int, width: int) -> Floats:
    """Return the head's motion at every pixel, (H, W, 2), in px."""
    x = np.arange(width, dtype=np.float32) - np.float32((width - 1) / 2)
    y = np.arange(height, dtype=np.float32) - np.float32((height - 1) / 2)
    return np.stack([row[0] * x + row[1] * y[:, None] + row[2] for row in head], axis=-1)


def stable_area(points: NDArray[np.floating], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the mask (H, W) of skin that expressions hardly move: nose bridge, temples, sides of forehead and face.

    points: the 68 landmarks (68, 2) as (x, y) in pixels. shape: (H, W) of the picture.
    The mask is the face with its forehead, less its rim and the EXPRESSIVE hulls.
    Raises ValueError where points are not those of a face (`regions.axes`) or leave no stable pixel in the picture.
    """
    axes = regions.axes(points)
    iod, up = axes.iod, -axes.iod * axes.down
    face = np.concatenate([points[:17], points[[0, 16, 17, 26]] + FOREHEAD * up])
    mask = np.zeros(shape, np.uint8)
    _draw(mask, face, 1)
    _outline(mask, face, RIM * iod)
    for landmarks, lift, margin in EXPRESSIVE:
        moving = points[list(landmarks)]
        moving = np.concatenate([moving, moving + lift * up])
        _draw(mask, moving, 0)
        _outline(mask, moving, margin * iod)
    if not mask.any():
        raise ValueError(f"points: expected a face inside the picture {shape}, got no stable pixel")
    return mask.astype(bool)


def _draw(mask: NDArray[np.uint8], places: NDArray[np.floating], value: int) -> None:
    cv2.fillConvexPoly(mask, _hull(places), value)


def _outline(mask: NDArray[np.uint8], places: NDArray[np.floating], margin_px: float) -> None:
    cv2.polylines(mask, [_hull(places)], isClosed=True, color=0, thickness=max(1, round(2 * margin_px)))


def _hull(places: NDArray[np.floating]) -> NDArray[np.int32]:
    return cast(NDArray[np.int32], cv2.convexHull(np.rint(places).astype(np.int32)))
