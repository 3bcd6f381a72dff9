"""Head motion by five methods: how much of it is left in still regions, how much of the expression is kept."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from bench import faces
from deft.motion import compensation, evidence, tvl1

SEED = 2027
SHIFTS_PX = (0.5, 1.0, 2.0, 4.0)  # of the head's shift; turn and scale grow with it to 1.5° and 2 %
CLIPS = 24  # per shift
AMPLITUDE_PX = 1.5
STILL_PX = 0.05
CONTOUR = (*range(6), *range(11, 17), 30)  # MDMO's points: the jaw's sides and the tip of the nose

Flow = NDArray[np.float32]


def nose_box(flow: Flow, points: Flow, side: int) -> Flow:
    """Return a flow (H, W, 2) less its mean in a box of ``side`` px at the tip of the nose (SoftNet: 11, MELLM: 5)."""
    x, y = np.rint(points[30]).astype(int)
    reach = side // 2
    return np.asarray(flow - flow[y - reach : y + reach + 1, x - reach : x + reach + 1].mean((0, 1)), np.float32)


def least_squares(flow: Flow, points: Flow) -> Flow:
    """Return a flow (H, W, 2) less an affine motion fitted to contour and nose by least squares (Liu et al. 2016)."""
    height, width = flow.shape[:2]
    pixels = np.clip(np.rint(points[list(CONTOUR)]).astype(int), 0, (width - 1, height - 1))  # (13, 2)
    motion = np.linalg.lstsq(_with_one(pixels), flow[pixels[:, 1], pixels[:, 0]], rcond=None)[0]  # (3, 2)
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1)
    return np.asarray(flow - _with_one(grid) @ motion, np.float32)


def robust_similarity(flow: Flow, points: Flow) -> Flow:
    """Return a flow (H, W, 2) less the similarity fitted robustly to the stable area (`deft.motion.compensation`)."""
    return compensation.compensate(flow, compensation.stable_area(points, flow.shape[:2])).flow


METHODS = {
    "deft": robust_similarity,
    "none": lambda flow, _: flow,
    "nose 5 × 5": lambda flow, points: nose_box(flow, points, 5),
    "nose 11 × 11": lambda flow, points: nose_box(flow, points, 11),
    "MDMO": least_squares,
}


def figures() -> dict[str, Any]:
    """Return shift → method → ``left_px``, the median over clips, and ``kept``, the minimum over clips.

    ``left_px`` is the median error, in crop px, where the expression moves the face by less than 0.05 px. ``kept`` is
    the share of the expression that the method keeps, measured on the exact flow where the expression reaches at least
    half of its maximum: below 1 the method removes expression, above 1 it adds head motion.
    """
    results: dict[str, dict[str, dict[str, float]]] = {}
    for shift_px in tqdm(SHIFTS_PX, desc="head motion", unit=""):
        clips = [_clip(round(10 * shift_px) * 1000 + number, shift_px) for number in range(CLIPS)]
        results[str(shift_px)] = {
            method: {
                "left_px": round(float(np.median([clip[method]["left_px"] for clip in clips])), 3),
                "kept": round(float(np.min([clip[method]["kept"] for clip in clips])), 3),
            }
            for method in METHODS
        }
    return results


def _clip(number: int, shift_px: float) -> dict[str, dict[str, float]]:
    """Render a clip, and return method → ``left_px`` and ``kept``."""
    scene = faces.render(SEED, number, faces.Conditions(AMPLITUDE_PX, shift_px))
    flow = tvl1.flow(scene.crops[0], scene.crops[-1])
    lengths = np.linalg.norm(scene.expression, axis=-1)
    masks = evidence.masks(scene.points, flow.shape[:2])
    still = np.any(list(masks.values()), axis=0) & (lengths < STILL_PX)
    moving = lengths > lengths.max() / 2
    true = scene.expression[moving]  # (n, 2)
    results = {}
    for name, method in METHODS.items():
        left = method(flow, scene.points) - scene.expression
        exact = method(scene.expression + scene.head, scene.points)[moving]
        results[name] = {
            "left_px": float(np.median(np.linalg.norm(left[still], axis=-1))),
            "kept": float((exact * true).sum() / (true * true).sum()),
        }
    return results


def _with_one(places: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return places (..., 3) as homogeneous coordinates of places (..., 2)."""
    return np.concatenate([places, np.ones((*places.shape[:-1], 1))], axis=-1)


def rows(results: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return the table's rows: method, px left for each shift, and the share kept at the largest."""
    largest = results[str(SHIFTS_PX[-1])]
    return [
        (
            name,
            *(f"{results[str(shift_px)][name]['left_px']:.3f}" for shift_px in SHIFTS_PX),
            f"{100 * largest[name]['kept']:.0f} %",
        )
        for name in METHODS
    ]
