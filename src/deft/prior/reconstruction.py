"""What units explain of a field: their motion on the mean face, each as far as fits the field best."""

from collections.abc import Iterable
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from deft.facs import mean_face, regions
from deft.motion import evidence
from deft.prior import layout

Floats = npt.NDArray[np.float32]

_FINE = 8  # times the grid: on which a region's share of a cell is counted
_LEAST_SHARE = 0.5  # of a region's motion, squared, that units explain


def noise_share(field: Floats, moved: npt.NDArray[np.bool_]) -> float:
    """Return the share of a field's apparent noise that is noise, in [0, 1].

    field: (2, 28, 28), on the prior's grid. moved: the outputs that moved (outputs,). A smooth solver spreads motion
    over the face, and a broad expression leaves little of it still; both look like noise (`deft.motion.evidence.noise`)
    unless what these units explain is taken off first.
    """
    apparent = _noise(field)
    if not apparent:
        return 1.0
    return min(1.0, _noise(field - explained(field, moved)) / apparent)


def explained_regions(field: Floats, units: Iterable[tuple[int, str | None]]) -> frozenset[str]:
    """Return the names of the regions whose motion these units, each with a side or None, explain: half of its square.

    field: (2, 28, 28), on the prior's grid.
    """
    moved = np.zeros(len(layout.OUTPUTS), bool)
    moved[[number for unit, side in units for number in layout.numbers(unit, side)]] = True
    residual = field - explained(field, moved)
    total, left = (np.einsum("rhw,chw->r", region_weights(), each**2) for each in (field, residual))
    chosen = (total > 0) & (left <= (1 - _LEAST_SHARE) * total)
    return frozenset(np.array(regions.REGIONS)[chosen].tolist())


def explained(field: Floats, moved: npt.NDArray[np.bool_]) -> Floats:
    """Return the part of a field (2, 28, 28) that these outputs (outputs,) explain, each by an amplitude of at least 0.

    The units' motion is that of the mean face, as it is and as two smoother solvers would give it.
    """
    if not moved.any():
        return np.zeros_like(field)
    motions = motion_by_output()[:, moved]  # (blurs, n, 2 · 784)
    fits = [nnls(motion.T.astype(np.float64), field.ravel().astype(np.float64)) for motion in motions]
    best = int(np.argmin([residual for _, residual in fits]))
    return np.asarray(fits[best][0] @ motions[best], np.float32).reshape(field.shape)


def _noise(field: Floats) -> float:
    points = mean_face.filling((layout.GRID, layout.GRID))
    return evidence.noise(np.ascontiguousarray(field.transpose(1, 2, 0)), points)


@cache
def region_weights() -> Floats:
    """Return the share of each cell that lies in each region of the mean face, (17, 28, 28)."""
    side = _FINE * layout.GRID
    masks = evidence.masks(mean_face.filling((side, side)), (side, side))
    cells = [masks[name].reshape(layout.GRID, _FINE, layout.GRID, _FINE).mean((1, 3)) for name in regions.REGIONS]
    return np.stack(cells).astype(np.float32)


@cache
def motion_by_output() -> Floats:
    """Return each output's motion on the mean face by blur, (3, outputs, 2 · 784)."""
    cells = layout.GRID / mean_face.FRAME  # per eye distance
    y, x = np.mgrid[: layout.GRID, : layout.GRID].astype(np.float32)
    x = (x + 0.5) / cells - mean_face.FRAME / 2
    y = (y + 0.5) / cells - mean_face.FRAME * mean_face.EYE_LINE
    motions = np.zeros((len(layout.OUTPUTS), layout.GRID, layout.GRID, 2), np.float32)
    bumps = layout.bumps()
    for number, output in enumerate(bumps.output.tolist()):
        off = np.stack([x, y], -1) - (bumps.centre + bumps.offset)[number].numpy()
        hill = float(bumps.weight[number]) * np.exp(-0.5 * ((off / bumps.width[number].numpy()) ** 2).sum(-1))
        motions[output] += hill[..., None] * bumps.direction[number].numpy()
    blurred = [motions, *(np.stack([cv2.GaussianBlur(m, (0, 0), blur) for m in motions]) for blur in (1.0, 2.0))]
    return np.stack(blurred).transpose(0, 1, 4, 2, 3).reshape(len(blurred), len(motions), -1)
