"""How camera, head and exposure move in a video, as curves over its frames. Each has random numbers of its own."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from scipy.ndimage import gaussian_filter1d

from deft.render import camera, clips, motions
from deft.render.conditions import Conditions
from deft.render.corpus import FPS
from deft.render.portrait import HEIGHT, WIDTH, Array

PAN_PX = ((-110.0, 110.0), (-12.0, 12.0))  # across, down
ZOOM = (1.0, 1.35)
TURN_DEG = ((-10.0, 10.0), (-10.0, 10.0))  # right, down
ORBIT_DEG, ORBIT_PX, ORBIT_S = 8.0, 25.0, (6.0, 12.0)  # to either side; period
POSTURE_PX = ((10.0, 30.0), (0.0, 12.0))  # across, down; to either side
GAIN = (0.8, 1.2)

BLINK_INTERVAL_S = (1.5, 6.0)  # from one blink to the next
BLINK_S = 0.22
GAZE_INTERVAL_S = (0.6, 4.0)  # from one saccade to the next
NOD_INTERVAL_S = (4.0, 12.0)
NOD_S = 0.5

# Random streams, by purpose: the last number of a seed. 2 and 3 belong to `deft.render.videos`.
EVENTS, BLINKS, SPEECH, HEAD, GAZE, CAMERA, EXPOSURE, TURN, POSTURE, ORBIT, NOISE, SHOTS = range(10, 22)


class Curves(NamedTuple):
    """What the camera does: `matrix` (frames, 2, 3) takes the scene to the frame; `gain` (frames,) is brightness."""

    matrix: Array
    gain: Array


class HeadCurves(NamedTuple):
    """What the head does: `turn` (frames, 2), right and down, in degrees; `shift` (frames, 2), in px."""

    turn: Array
    shift: Array


def camera_curves(conditions: Conditions, frames: int, width: int, seed: int, number: int) -> Curves:
    """Draw pans, zooms and exposure of a camera that takes frames of ``width`` px."""
    rng = np.random.default_rng([seed, number, CAMERA])
    pans = [_eased(rng, frames, low, high, (1.0, 3.0), (0.3, 2.0)) for low, high in PAN_PX]
    zoom = _eased(rng, frames, *ZOOM, (0.8, 2.5), (0.5, 2.0))
    shifts = np.stack(pans, -1) * conditions.pan  # (frames, 2)
    scales = zoom if conditions.zoom else np.ones(frames)
    middle = np.array([width / 2 if conditions.two_people else WIDTH / 2, 0.45 * HEIGHT])
    matrix = np.stack([camera.similarity(middle, 0, *one) for one in zip(scales.tolist(), shifts, strict=True)])
    rng = np.random.default_rng([seed, number, EXPOSURE])
    gain = _eased(rng, frames, *GAIN, (0.6, 1.2), (0.2, 3.0), start=1.0)
    return Curves(matrix, gain if conditions.exposure else np.ones(frames))


def head_curves(conditions: Conditions, frames: int, seed: int, number: int) -> HeadCurves:
    """Draw how a head turns in depth, and how the person shifts."""
    turn, shift = np.zeros((frames, 2)), np.zeros((frames, 2))
    if conditions.turn:
        rng = np.random.default_rng([seed, number, TURN])
        turn += np.stack(
            [_eased(rng, frames, low, high, (0.4, 1.5), (0.5, 3.0), start=0.0) for low, high in TURN_DEG], -1
        )
    if conditions.posture:
        rng = np.random.default_rng([seed, number, POSTURE])
        for axis, (least, most) in enumerate(POSTURE_PX):
            curve = _eased(rng, frames, -1, 1, (1.0, 2.5), (2.0, 5.0), start=0.0)
            shift[:, axis] += np.sign(curve) * np.abs(curve) * rng.uniform(least, most)
    if conditions.orbit:
        rng = np.random.default_rng([seed, number, ORBIT])
        phase = 2 * np.pi * (np.arange(frames) / FPS / rng.uniform(*ORBIT_S) + rng.uniform())
        turn[:, 0] += ORBIT_DEG * np.sin(phase)
        shift[:, 0] += ORBIT_PX * np.sin(phase)  # the head shifts against its backdrop
    limit = np.array([max(abs(low), abs(high)) for low, high in TURN_DEG])
    return HeadCurves(np.clip(turn, -limit, limit), shift)


def draw_times(rng: Generator, interval_s: tuple[float, float], frames: int) -> list[int]:
    """Draw the frames at which something happens again and again, at intervals between two bounds."""
    intervals = rng.uniform(*interval_s, round(frames / FPS / interval_s[0]) + 1)
    return [int(time) for time in np.cumsum(intervals) * FPS if time < frames - 0.3 * FPS]


def lid_closure(blinks: Sequence[tuple[int, int]], frames: int) -> Array:
    """Return how far the lids close, (frames,) in [0, 1]."""
    closed = np.zeros(frames)
    for start, _ in blinks:
        closed = np.maximum(closed, clips.lid_closure((np.arange(frames) - start) / FPS))
    return closed


def gaze(count: int, points: Array, rng: Generator) -> Array:
    """Draw how far the irises shift, (count, 2) px: saccades of 30 ms from place to place."""
    left, up, iod = motions.axes(points)
    shifts = np.zeros((count, 2))
    for start in draw_times(rng, GAZE_INTERVAL_S, count):
        target = iod * (rng.uniform(-0.03, 0.03) * left + rng.uniform(-0.006, 0.006) * up)
        share = np.interp((np.arange(start, count) - start) / FPS, [0, 0.03], [0, 1])[:, None]
        shifts[start:] += share * (target - shifts[start])
    return shifts


def sway(count: int, centre: Array, rng: Generator) -> Array:
    """Draw head motion since the first frame, (count, 2, 3): a slow sway of some pixels, tremor, and some nods."""
    sway = gaussian_filter1d(rng.standard_normal((count, 4)), 150, axis=0, mode="nearest")
    tremor = gaussian_filter1d(rng.standard_normal((count, 4)), 15, axis=0, mode="nearest")
    paths = 3 * sway / np.abs(sway).max(0) + 0.4 * tremor / np.abs(tremor).max(0)  # (count, 4)
    for start in draw_times(rng, NOD_INTERVAL_S, count):
        swing = np.sin(np.clip((np.arange(count) - start) / (NOD_S * FPS), 0, 1) * 2 * np.pi)
        paths[:, int(rng.integers(2, 4))] += rng.uniform(1, 3) * swing
    paths = (paths - paths[0]) * [0.4, 0.004, 1, 1]  # degrees, share of the size, px, px
    return np.stack([camera.similarity(centre, turn, 1 + grow, np.array([x, y])) for turn, grow, x, y in paths])


def _eased(
    rng: Generator,
    frames: int,
    low: float,
    high: float,
    moves_s: tuple[float, float],
    rests_s: tuple[float, float],
    start: float | None = None,
) -> Array:
    """Draw a curve (frames,) that moves smoothly from one value between ``low`` and ``high`` to the next, and rests.

    moves_s, rests_s: bounds of how long it moves and rests. start: its first value; without one, it is drawn.
    """
    times, values = [0.0], [float(rng.uniform(low, high)) if start is None else start]
    while times[-1] < frames:
        rest, move = FPS * rng.uniform(*rests_s), FPS * rng.uniform(*moves_s)
        far = rng.uniform(0.35, 1.0) * (high - low)  # a move is worth its name
        target = values[-1] + far if values[-1] < (low + high) / 2 else values[-1] - far
        times += [times[-1] + rest, times[-1] + rest + move]
        values += [values[-1], float(np.clip(target, low, high))]
    t = np.arange(frames)
    index = np.clip(np.searchsorted(times, t, side="right") - 1, 0, len(times) - 2)
    start_t, end_t = np.take(times, index), np.take(times, index + 1)
    share = (t - start_t) / np.maximum(end_t - start_t, 1e-9)
    before, after = np.take(values, index), np.take(values, index + 1)
    return np.asarray(before + (after - before) * share**2 * (3 - 2 * share))
