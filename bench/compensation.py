"""Head motion: what is left of it in still regions, and what is kept of the expression, by four methods."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from bench import faces
from deft.motion import compensation, evidence, tvl1

SEED = 2027
LEVELS_PX = (0.5, 1.0, 2.0, 4.0)  # of the head's shift; turn and scale grow with it to 1.5° and 2 %
CLIPS = 24  # a level
AMPLITUDE_PX = 1.5
STILL_PX = 0.05
CONTOUR = (*range(6), *range(11, 17), 30)  # MDMO's points: the jaw's sides and the tip of the nose

Flow = NDArray[np.float32]


def nose_box(flow: Flow, points: Flow, side: int) -> Flow:
    """Less the mean of a box of ``side`` px at the tip of the nose (SoftNet takes 11 × 11, MELLM 5 × 5)."""
    x, y = np.rint(points[30]).astype(int)
    reach = side // 2
    return np.asarray(flow - flow[y - reach : y + reach + 1, x - reach : x + reach + 1].mean((0, 1)), np.float32)


def least_squares(flow: Flow, points: Flow) -> Flow:
    """Less an affine motion fitted to contour and nose by least squares (MDMO, Liu et al. 2016)."""
    height, width = flow.shape[:2]
    at = np.clip(np.rint(points[list(CONTOUR)]).astype(int), 0, (width - 1, height - 1))
    motion = np.linalg.lstsq(_with_one(at), flow[at[:, 1], at[:, 0]], rcond=None)[0]
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1)
    return np.asarray(flow - _with_one(grid) @ motion, np.float32)


def ours(flow: Flow, points: Flow) -> Flow:
    """Less a robust affine motion of the stable area."""
    return compensation.compensate(flow, compensation.stable_area(points, flow.shape[:2])).flow


METHODS = {
    "deft": ours,
    "none": lambda flow, _: flow,
    "nose 5 × 5": lambda flow, points: nose_box(flow, points, 5),
    "nose 11 × 11": lambda flow, points: nose_box(flow, points, 11),
    "MDMO": least_squares,
}


def figures() -> dict[str, Any]:
    """Level → method → ``left_px``, the median over clips, and ``kept``, the least of all clips.

    ``left_px`` is the median error over what the expression moves by less than 0.05 px, in crop px. ``kept`` is what
    the method leaves of the expression where that is at least half of its most, if the flow were exact: 1 for all of
    it, less where some is eaten, more where head motion is added.
    """
    found: dict[str, dict[str, dict[str, float]]] = {}
    for level in tqdm(LEVELS_PX, desc="head motion", unit=""):
        seen = [_clip(round(10 * level) * 1000 + number, level) for number in range(CLIPS)]
        found[str(level)] = {
            method: {
                "left_px": round(float(np.median([clip[method]["left_px"] for clip in seen])), 3),
                "kept": round(float(np.min([clip[method]["kept"] for clip in seen])), 3),
            }
            for method in METHODS
        }
    return found


def _clip(number: int, level: float) -> dict[str, dict[str, float]]:
    scene = faces.render(SEED, number, faces.Wish(AMPLITUDE_PX, level))
    flow = tvl1.flow(scene.crops[0], scene.crops[-1])
    lengths = np.linalg.norm(scene.expression, axis=-1)
    still = np.any(list(evidence.masks(scene.points, flow.shape[:2]).values()), axis=0) & (lengths < STILL_PX)
    moving = lengths > lengths.max() / 2
    true, answers = scene.expression[moving], {}
    for name, method in METHODS.items():
        left = method(flow, scene.points) - scene.expression
        exact = method(scene.expression + scene.head, scene.points)[moving]
        answers[name] = {
            "left_px": float(np.median(np.linalg.norm(left[still], axis=-1))),
            "kept": float((exact * true).sum() / (true * true).sum()),
        }
    return answers


def _with_one(places: NDArray[np.integer]) -> NDArray[np.float64]:
    return np.concatenate([places, np.ones((*places.shape[:-1], 1))], axis=-1)


def rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The table: method, then what is left a level, then what is kept at the highest."""
    highest = found[str(LEVELS_PX[-1])]
    return [
        (
            name,
            *(f"{found[str(level)][name]['left_px']:.3f}" for level in LEVELS_PX),
            f"{100 * highest[name]['kept']:.0f} %",
        )
        for name in METHODS
    ]
