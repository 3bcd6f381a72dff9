"""Score landmarks and flow against the truth of the rendered corpus (for verdicts see `deft.score.verdicts`).

Every function takes ``folder``, which holds ``clips.parquet`` and ``flow.parquet`` (`deft.core.schemas.TRUTH`,
`deft.core.schemas.TRUTH_FLOW`), and returns ``{}`` for a dataset without truth.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from deft.core import tables
from deft.face import align
from deft.motion import evidence

Figures = dict[str, Any]


def landmark_figures(folder: Path, crops: Path, landmarks: Path) -> Figures:
    """Return ``error_iod``: mean distance of the 68 points from truth, in eye distances, over all points and clips."""
    errors = []
    for truth, row, matrix in _landmarked(folder, crops, landmarks):
        true = align.moved(np.reshape(truth["landmarks"], (68, 2)), matrix)
        distances = np.hypot(*(np.reshape(row["points"], (68, 2)) - true).T)  # (68,)
        errors.append(distances.mean() / row["iod"])
    return {"error_iod": round(float(np.mean(errors)), 4)} if errors else {}


def flow_figures(folder: Path, crops: Path, landmarks: Path, flow: Path) -> Figures:
    """Return the endpoint error in the 17 regions at the apex, and the share of head motion that was removed.

    ``epe_median_px`` and ``epe_mean_px`` are over all region pixels of all clips, in crop pixels, after compensation.
    ``head_removed`` is 1 - (head displacement left) / (head displacement), both summed over the clips' regions.
    """
    errors, left, whole = [], 0.0, 0.0
    for truth, row, matrix in _landmarked(folder, crops, landmarks):
        points = np.reshape(row["points"], (68, 2)).astype(np.float32)
        steps, fields = tables.flows(flow, truth["clip"])
        shape = fields.shape[1:3]
        inside = np.any(list(evidence.masks(points, shape).values()), axis=0)  # (H, W)
        expression = _expression(folder, truth["clip"], matrix, shape)[inside]  # (pixels, 2)
        errors.append(np.hypot(*(fields[-1][inside] - expression).T))
        true_affine = np.reshape(truth["head"], (-1, 2, 3))[truth["apex"]]  # (2, 3)
        true_head = _head(true_affine, matrix, shape)[inside]  # (pixels, 2)
        removed = _removed(np.reshape(steps[-1]["head"], (2, 3)), shape)[inside]  # (pixels, 2)
        left += float(np.hypot(*(removed - true_head).T).mean())
        whole += float(np.hypot(*true_head.T).mean())
    if not errors:
        return {}
    pooled = np.concatenate(errors)
    return {
        "epe_median_px": round(float(np.median(pooled)), 4),
        "epe_mean_px": round(float(pooled.mean()), 4),
        "head_removed": round(1 - left / whole, 4),
        "head_mean_px": round(whole / len(errors), 3),
    }


def clips(folder: Path) -> dict[str, tables.Row]:
    """Return each clip's row of truth by clip; empty where there is no truth."""
    path = folder / "clips.parquet"
    return {row["clip"]: row for row in tables.rows(path)} if path.exists() else {}


def _landmarked(
    folder: Path, crops: Path, landmarks: Path
) -> Iterator[tuple[tables.Row, tables.Row, npt.NDArray[np.float64]]]:
    """Yield truth, landmarks (rows) and the frame → crop matrix (2, 3) of every clip that has all three."""
    truths = clips(folder)
    matrices = {row["clip"]: np.reshape(row["matrix"], (2, 3)) for row in tables.rows(crops, ["clip", "matrix"])}
    for row in tables.rows(landmarks, ["clip", "points", "iod"]):
        clip = row["clip"]
        if clip in truths:
            yield truths[clip], row, matrices[clip]


def _expression(
    folder: Path, clip: str, matrix: npt.NDArray[np.float64], shape: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Return the true expression flow (H, W, 2) in crop pixels, sampled at the crop's pixels."""
    row = tables.row(folder / "flow.parquet", clip)
    flow = np.reshape(np.array(row["flow"], np.float32), row["shape"])
    x, y = _frame_grid(matrix, shape)
    x, y = (x - row["x0"]) / row["stride"], (y - row["y0"]) / row["stride"]
    sampled = cv2.remap(flow, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)  # (H, W, 2), frame pixels
    return np.asarray(sampled @ matrix[:, :2].T.astype(np.float32))


def _head(
    head: npt.NDArray[np.floating], matrix: npt.NDArray[np.float64], shape: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """Return the true head displacement (H, W, 2) in crop pixels, from its affine (2, 3) in frame pixels."""
    x, y = _frame_grid(matrix, shape)
    points = np.stack([x, y], -1)
    moved = points @ head[:, :2].T + head[:, 2]
    return np.asarray((moved - points) @ matrix[:, :2].T)


def _removed(head: npt.NDArray[np.floating], shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Return the displacement (H, W, 2) that compensation removed (`deft.motion.compensation.Compensated.head`)."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    centred = np.stack([columns - (shape[1] - 1) / 2, rows - (shape[0] - 1) / 2], -1)
    return np.asarray(centred @ head[:, :2].T + head[:, 2])


def _frame_grid(matrix: npt.NDArray[np.float64], shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Return the frame coordinates (2, H, W) of every crop pixel."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    inverse = cv2.invertAffineTransform(matrix)  # (2, 3), crop pixels → frame pixels
    points = np.stack([columns, rows], -1) @ inverse[:, :2].T + inverse[:, 2]  # (H, W, 2)
    return np.asarray(np.moveaxis(points, -1, 0))
