"""Landmarks, flow and verdicts against the rendered corpus's truth.

Every function takes ``folder``, which holds ``clips.parquet`` and ``flow.parquet`` (`deft.tables.TRUTH`,
`deft.tables.TRUTH_FLOW`), and returns ``{}`` for a dataset without truth.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from deft import tables
from deft.face import align
from deft.facs.units import EXPRESSIVE
from deft.motion import evidence, verification

Figures = dict[str, Any]


def landmark_figures(folder: Path, crops: Path, landmarks: Path) -> Figures:
    """``error_iod``: mean distance of the 68 points from truth, in eye distances, over all points and clips."""
    errors = []
    for truth, found, matrix in _landmarked(folder, crops, landmarks):
        true = align.moved(np.reshape(truth["landmarks"], (68, 2)), matrix)
        errors.append(np.hypot(*(np.reshape(found["points"], (68, 2)) - true).T).mean() / found["iod"])
    return {"error_iod": round(float(np.mean(errors)), 4)} if errors else {}


def flow_figures(folder: Path, crops: Path, landmarks: Path, flow: Path) -> Figures:
    """Endpoint error in the 17 regions at the apex, head motion removed, and what it was like.

    ``epe_median_px``, ``epe_mean_px``: over all region pixels of all clips, in crop pixels, after compensation.
    ``head_removed``: 1 - (what is left of the head's displacement) / (the head's displacement), both summed over the
    regions of all clips.
    """
    errors, left, whole = [], 0.0, 0.0
    for truth, found, matrix in _landmarked(folder, crops, landmarks):
        points = np.reshape(found["points"], (68, 2)).astype(np.float32)
        steps, fields = tables.flows(flow, truth["clip"])
        shape = fields.shape[1:3]
        inside = np.any(list(evidence.masks(points, shape).values()), axis=0)
        expression = _expression(folder, truth["clip"], matrix, shape)[inside]
        errors.append(np.hypot(*(fields[-1][inside] - expression).T))
        true_head = _head(np.reshape(truth["head"], (-1, 2, 3))[truth["apex"]], matrix, shape)[inside]
        removed = _removed(np.reshape(steps[-1]["head"], (2, 3)), shape)[inside]
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


def verify_figures(folder: Path, verify: Path, calibration: verification.Calibration) -> Figures:
    """Counts of verdicts and, with truth, how well the score tells units that moved from units that did not.

    ``auc``: over every clip and every observable unit that the corpus shows at all. ``auc_listed``: over what the sheet
    lists. ``wrong_found``: the share of units listed but still that are not called supported. Eyelid closure is left
    out: clips blink without a coder listing it.
    """
    from sklearn.metrics import roc_auc_score  # here, since it takes seconds that no worker of a stage needs

    verdicts: dict[str, int] = {}
    seen: dict[str, list[tables.Row]] = {}
    for row in tables.rows(verify):
        seen.setdefault(row["clip"], []).append(row)
    for group in seen.values():
        for name in [au["verdict"] for au in group[0]["aus"]] + [row["verdict"] for row in group]:
            verdicts[name] = verdicts.get(name, 0) + 1
    figures: Figures = {"verdicts": verdicts}
    moved = {clip: {m["unit"] for m in truth["moved"]} for clip, truth in _clips(folder).items() if clip in seen}
    if not moved:
        return figures
    units = sorted(set().union(*moved.values()).intersection(EXPRESSIVE))
    scores, labels = [], []
    listed: list[tuple[float, bool, bool]] = []  # score, moved, called supported
    for clip, true in moved.items():
        found = {row["region"]: _evidence(row) for row in seen[clip]}
        scores += [verification.score(unit, None, found, calibration) for unit in units]
        labels += [unit in true for unit in units]
        listed += [
            (au["score"], au["unit"] in true, au["verdict"] == verification.SUPPORTED)
            for au in seen[clip][0]["aus"]
            if au["verdict"] != verification.UNOBSERVABLE
        ]
    figures["auc"] = round(float(roc_auc_score(labels, scores)), 4)
    still = [supported for _, is_true, supported in listed if not is_true]
    if still and len(still) < len(listed):
        figures["auc_listed"] = round(float(roc_auc_score([row[1] for row in listed], [row[0] for row in listed])), 4)
        figures["wrong_found"] = round(1 - float(np.mean(still)), 4)
    return figures


def _evidence(row: tables.Row) -> evidence.Evidence:
    return evidence.Evidence(**{name: row[name] for name in evidence.Evidence._fields})


def _clips(folder: Path) -> dict[str, tables.Row]:
    path = folder / "clips.parquet"
    return {row["clip"]: row for row in tables.rows(path)} if path.exists() else {}


def _landmarked(
    folder: Path, crops: Path, landmarks: Path
) -> Iterator[tuple[tables.Row, tables.Row, npt.NDArray[np.float64]]]:
    """Truth, landmarks and frame → crop matrix of every clip that has all three."""
    truths = _clips(folder)
    matrices = {row["clip"]: np.reshape(row["matrix"], (2, 3)) for row in tables.rows(crops, ["clip", "matrix"])}
    for found in tables.rows(landmarks, ["clip", "points", "iod"]):
        if found["clip"] in truths:
            yield truths[found["clip"]], found, matrices[found["clip"]]


def _expression(
    folder: Path, clip: str, matrix: npt.NDArray[np.float64], shape: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """The true expression flow (H, W, 2) in crop pixels on the crop's own grid."""
    row = tables.row(folder / "flow.parquet", clip)
    flow = np.reshape(np.array(row["flow"], np.float32), row["shape"])
    x, y = _frame_grid(matrix, shape)
    x, y = (x - row["x0"]) / row["stride"], (y - row["y0"]) / row["stride"]
    inside = cv2.remap(flow, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)
    return np.asarray(inside @ matrix[:, :2].T.astype(np.float32))


def _head(
    head: npt.NDArray[np.floating], matrix: npt.NDArray[np.float64], shape: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """The true head displacement (H, W, 2) in crop pixels, from its frame-pixel affine (2, 3)."""
    x, y = _frame_grid(matrix, shape)
    points = np.stack([x, y], -1)
    moved = points @ head[:, :2].T + head[:, 2]
    return np.asarray((moved - points) @ matrix[:, :2].T)


def _removed(head: npt.NDArray[np.floating], shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    """The displacement (H, W, 2) that compensation took away (`deft.motion.compensation.Compensated.head`)."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    centred = np.stack([columns - (shape[1] - 1) / 2, rows - (shape[0] - 1) / 2], -1)
    return np.asarray(centred @ head[:, :2].T + head[:, 2])


def _frame_grid(matrix: npt.NDArray[np.float64], shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Frame coordinates (2, H, W) of every crop pixel."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    back = cv2.invertAffineTransform(matrix)
    return np.asarray(np.moveaxis(np.stack([columns, rows], -1) @ back[:, :2].T + back[:, 2], -1, 0))
