"""Rendered videos: a subject for half a minute, with micro-expressions, blinks, gaze and head motion; and the truth.

An event is a clip of the corpus' plan, with its expression and its timing, moved to another time in the video. Frames
are rendered as in `deft.render.clips`.
"""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from deft.render import camera, clips, corpus, motions
from deft.render.corpus import FPS
from deft.render.portrait import HEIGHT, WIDTH, Array
from deft.render.subjects import subject

APART_S = 1.0  # least time between two events, before the first and after the last
BLINK_INTERVAL_S = (1.5, 6.0)  # from one blink to the next
GAZE_INTERVAL_S = (0.6, 4.0)  # from one saccade to the next
NOD_INTERVAL_S = (4.0, 12.0)
BLINK_S = 0.22
NOD_S = 0.5


class Event(NamedTuple):
    """The expression of ``clip``, shown from frame ``onset`` over ``apex`` to ``offset``."""

    onset: int
    apex: int
    offset: int
    clip: corpus.ClipPlan


class VideoPlan(NamedTuple):
    """What a rendered video shows, at 200 frames per second."""

    seed: int
    subject: int
    frames: int  # number of frames
    events: tuple[Event, ...]  # in order
    blinks: tuple[tuple[int, int], ...]  # first and last frame of each


def plan(seed: int, number: int, seconds: float = 30.0) -> VideoPlan:
    """Plan video ``number``, of a subject of its own: 5 to 8 micro-expressions in 30 s, in shorter videos fewer."""
    rng = np.random.default_rng([seed, number, 2])
    frames = round(seconds * FPS)
    candidates = [clip for clip in corpus.plan(seed + number, 1, 40, wrong=0.0) if not _looks_like_a_blink(clip)]
    count = max(1, round(int(rng.integers(5, 9)) * seconds / 30))
    chosen = [candidates[index] for index in rng.permutation(len(candidates))[:count]]
    durations = [clip.offset - clip.onset for clip in chosen]
    apart = round(APART_S * FPS)
    spare = frames - sum(durations) - apart * (count + 1)
    gaps = np.diff(np.sort(rng.uniform(0, spare, count)), prepend=0).astype(int) + apart
    events = []
    offset = 0  # of the event before
    for clip, gap, duration in zip(chosen, gaps.tolist(), durations, strict=True):
        onset = offset + gap
        offset = onset + duration
        events.append(Event(onset, onset + clip.apex - clip.onset, offset, clip))
    blinks = [(start, start + round(BLINK_S * FPS)) for start in _draw_times(rng, BLINK_INTERVAL_S, frames)]
    return VideoPlan(seed, 1 + number, frames, tuple(events), tuple(blinks))


def frames(plan: VideoPlan, every: int = 1) -> Iterator[NDArray[np.uint8]]:
    """Render every ``every``-th frame of a video, (480, 640, 3) RGB, with camera noise and JPEG compression."""
    person = subject(plan.seed, plan.subject)
    rng = np.random.default_rng([plan.seed, plan.subject, 3])
    points = person.landmarks
    head = _head_motion(plan.frames, points.mean(0).astype(np.float64), rng)
    closed = _lid_closure(plan)
    gaze = _gaze(plan.frames, points, rng)
    gain = clips.flicker(plan.frames, rng)
    noise = camera.grain(rng.uniform(1.5, 2.5))

    neutral = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    expression, shown = neutral, None
    for t in range(0, plan.frames, every):
        event = next((event for event in plan.events if event.onset < t < event.offset), None)
        if event is not shown:
            expression = neutral if event is None else clips.expression(event.clip, points)
            shown = event
        strength = 0.0 if event is None else _strength(event, t)
        source = camera.trace(points, expression, head[t], strength, closed[t], gaze[t])
        image = camera.expose(person.picture, source, gain[t], noise, rng)
        jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, clips.QUALITY])[1]
        yield np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR_RGB), np.uint8)


def _looks_like_a_blink(clip: corpus.ClipPlan) -> bool:
    """Tell whether nothing but the lids moves down, which nobody could tell from a blink."""
    return {motion.unit for motion in clip.moved} <= {43, 45}


def _strength(event: Event, t: int) -> float:
    """Return the strength of an event's expression at frame ``t``, in [0, 1]."""
    return float(clips.rise_and_fall(t + 1, event.onset, event.apex, event.offset)[t])


def _draw_times(rng: Generator, interval_s: tuple[float, float], frames: int) -> list[int]:
    """Draw the frames at which something happens again and again, at intervals between two bounds."""
    intervals = rng.uniform(*interval_s, round(frames / FPS / interval_s[0]) + 1)
    return [int(time) for time in np.cumsum(intervals) * FPS if time < frames - 0.3 * FPS]


def _lid_closure(plan: VideoPlan) -> Array:
    """Return how far the lids close, (frames,) in [0, 1]."""
    closed = np.zeros(plan.frames)
    for start, _ in plan.blinks:
        closed = np.maximum(closed, clips.lid_closure((np.arange(plan.frames) - start) / FPS))
    return closed


def _gaze(count: int, points: Array, rng: Generator) -> Array:
    """Draw how far the irises shift, (count, 2) px: saccades of 30 ms from place to place."""
    left, up, iod = motions.axes(points)
    shifts = np.zeros((count, 2))
    for start in _draw_times(rng, GAZE_INTERVAL_S, count):
        target = iod * (rng.uniform(-0.03, 0.03) * left + rng.uniform(-0.006, 0.006) * up)
        share = np.interp((np.arange(start, count) - start) / FPS, [0, 0.03], [0, 1])[:, None]
        shifts[start:] += share * (target - shifts[start])
    return shifts


def _head_motion(count: int, centre: Array, rng: Generator) -> Array:
    """Draw head motion since the first frame, (count, 2, 3): a slow sway of some pixels, tremor, and some nods."""
    sway = gaussian_filter1d(rng.standard_normal((count, 4)), 150, axis=0, mode="nearest")
    tremor = gaussian_filter1d(rng.standard_normal((count, 4)), 15, axis=0, mode="nearest")
    paths = 3 * sway / np.abs(sway).max(0) + 0.4 * tremor / np.abs(tremor).max(0)  # (count, 4)
    for start in _draw_times(rng, NOD_INTERVAL_S, count):
        swing = np.sin(np.clip((np.arange(count) - start) / (NOD_S * FPS), 0, 1) * 2 * np.pi)
        paths[:, int(rng.integers(2, 4))] += rng.uniform(1, 3) * swing
    paths = (paths - paths[0]) * [0.4, 0.004, 1, 1]  # degrees, share of the size, px, px
    return np.stack([camera.similarity(centre, turn, 1 + grow, np.array([x, y])) for turn, grow, x, y in paths])
