"""Films: a subject for half a minute, with micro-expressions, blinks, gaze and a head that never rests; and the truth.

An event is a clip of the corpus' plan, its expression and its pace, put into the film at a time of its own; the frames
are made as in `deft.render.clips`.
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

APART_S = 1.0  # at least, between two events, and before the first and after the last
BLINK_S = (1.5, 6.0)  # from one to the next
GAZE_S = (0.6, 4.0)


class Event(NamedTuple):
    """What a film shows from frame ``onset`` over ``apex`` to ``offset``: the units of ``plan``."""

    onset: int
    apex: int
    offset: int
    plan: corpus.ClipPlan


class Film(NamedTuple):
    """``events`` in order, frames of each blink (first, last), and how many ``frames`` there are, at 200 a second."""

    seed: int
    subject: int
    frames: int
    events: tuple[Event, ...]
    blinks: tuple[tuple[int, int], ...]


def plan(seed: int, number: int, seconds: float = 30.0) -> Film:
    """Plan film `number`, of a person of its own: 5 to 8 micro-expressions in 30 s, in shorter films fewer."""
    rng = np.random.default_rng([seed, number, 2])
    frames = round(seconds * FPS)
    shown = [each for each in corpus.plan(seed + number, 1, 40, wrong=0.0) if not _closing(each)]
    count = max(1, round(int(rng.integers(5, 9)) * seconds / 30))
    chosen = [shown[at] for at in rng.permutation(len(shown))[:count]]
    long = [each.offset - each.onset for each in chosen]
    spare = frames - sum(long) - round(APART_S * FPS) * (count + 1)
    gaps = np.diff(np.sort(rng.uniform(0, spare, count)), prepend=0).astype(int) + round(APART_S * FPS)
    events, at = [], 0
    for each, gap, length in zip(chosen, gaps.tolist(), long, strict=True):
        onset = at + gap
        at = onset + length
        events.append(Event(onset, onset + each.apex - each.onset, at, each))
    starts = _moments(rng, BLINK_S, frames)
    return Film(seed, 1 + number, frames, tuple(events), tuple((start, start + round(0.22 * FPS)) for start in starts))


def frames(film: Film, every: int = 1) -> Iterator[NDArray[np.uint8]]:
    """Every ``every``-th frame of a film, (480, 640, 3) RGB, with the camera's noise, and a JPEG's."""
    person = subject(film.seed, film.subject)
    rng = np.random.default_rng([film.seed, film.subject, 3])
    points = person.landmarks
    head = _head(film.frames, points.mean(0).astype(np.float64), rng)
    closed, gaze, gain = _lids(film), _gaze(film.frames, points, rng), clips.flicker(film.frames, rng)
    noise = camera.grain(rng.uniform(1.5, 2.5))
    still = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    expression, owner = still, -1
    for t in range(0, film.frames, every):
        now = next((at for at, event in enumerate(film.events) if event.onset < t < event.offset), -1)
        if now != owner:
            expression, owner = (still if now < 0 else clips.expression(film.events[now].plan, points)), now
        share = _share(film.events[now], t) if now >= 0 else 0.0
        source = camera.trace(points, expression, head[t], share, closed[t], gaze[t])
        picture = camera.expose(person.picture, source, gain[t], noise, rng)
        packed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, clips.QUALITY])[1]
        yield np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR_RGB), np.uint8)


def _closing(each: corpus.ClipPlan) -> bool:
    """Whether nothing but the lids' way down shows, which nobody could tell from a blink."""
    return {motion.unit for motion in each.moved} <= {43, 45}


def _share(event: Event, t: int) -> float:
    return float(clips.rise_and_fall(t + 1, event.onset, event.apex, event.offset)[t])


def _moments(rng: Generator, apart_s: tuple[float, float], frames: int) -> list[int]:
    gaps = rng.uniform(*apart_s, round(frames / FPS / apart_s[0]) + 1)
    return [int(at) for at in np.cumsum(gaps) * FPS if at < frames - 0.3 * FPS]


def _lids(film: Film) -> Array:
    """How far the lids close, (frames,) in [0, 1]."""
    closed = np.zeros(film.frames)
    for start, _ in film.blinks:
        closed = np.maximum(closed, clips.shut((np.arange(film.frames) - start) / FPS))
    return closed


def _gaze(count: int, points: Array, rng: Generator) -> Array:
    """How far the irises shift, (frames, 2) px: saccades of 30 ms from place to place."""
    left, up, iod = motions.axes(points)
    paths = np.zeros((count, 2))
    for at in _moments(rng, GAZE_S, count):
        target = iod * (rng.uniform(-0.03, 0.03) * left + rng.uniform(-0.006, 0.006) * up)
        share = np.interp((np.arange(at, count) - at) / FPS, [0, 0.03], [0, 1])[:, None]
        paths[at:] += share * (target - paths[at])
    return paths


def _head(count: int, middle: Array, rng: Generator) -> Array:
    """Head motion since the first frame, (frames, 2, 3): a slow sway of some pixels, tremor, and now and then a nod."""
    slow, fast = (
        gaussian_filter1d(rng.standard_normal((count, 4)), width, axis=0, mode="nearest") for width in (150, 15)
    )
    paths = 3 * slow / np.abs(slow).max(0) + 0.4 * fast / np.abs(fast).max(0)
    for at in _moments(rng, (4.0, 12.0), count):
        swing = np.sin(np.clip((np.arange(count) - at) / (0.5 * FPS), 0, 1) * 2 * np.pi)
        paths[:, int(rng.integers(2, 4))] += rng.uniform(1, 3) * swing
    paths = (paths - paths[0]) * [0.4, 0.004, 1, 1]
    return np.stack([camera.similarity(middle, turn, 1 + grow, np.array([x, y])) for turn, grow, x, y in paths])
