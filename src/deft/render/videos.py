"""Rendered videos: people for half a minute, with expressions, blinks, gaze and head motion; and the truth.

A micro-expression is a clip of the corpus' plan, with its expression and its timing, moved to another time in the
video. Frames of a plain video are rendered as in `deft.render.clips`; others as in `deft.render.scenes`.
"""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from deft.render import camera, clips, paths, scenes, schedule
from deft.render.conditions import PLAIN, Conditions, Event, Macro, VideoPlan
from deft.render.corpus import FPS
from deft.render.portrait import HEIGHT, WIDTH
from deft.render.subjects import subject

__all__ = ["Conditions", "Event", "VideoPlan", "frame_numbers", "frames", "frames_at", "plan"]


def plan(seed: int, number: int, seconds: float = 30.0, conditions: Conditions = PLAIN) -> VideoPlan:
    """Plan video ``number``, of a subject of its own: 5 to 8 micro-expressions in 30 s, in shorter videos fewer.

    Raises ValueError if the conditions do not fit into so many seconds.
    """
    if conditions != PLAIN:
        return schedule.plan(seed, number, round(seconds * FPS), conditions)
    rng = np.random.default_rng([seed, number, 2])
    frames = round(seconds * FPS)
    candidates = schedule.candidates(seed, number)
    count = max(1, round(int(rng.integers(5, 9)) * seconds / 30))
    chosen = [candidates[index] for index in rng.permutation(len(candidates))[:count]]
    onsets = schedule.place(rng, [clip.offset - clip.onset for clip in chosen], frames)
    events = [schedule.event(clip, onset) for clip, onset in zip(chosen, onsets, strict=True)]
    blinks = [
        (start, start + round(paths.BLINK_S * FPS)) for start in paths.draw_times(rng, paths.BLINK_INTERVAL_S, frames)
    ]
    return VideoPlan(seed, 1 + number, frames, tuple(events), tuple(blinks))


def frames(plan: VideoPlan, every: int = 1) -> Iterator[NDArray[np.uint8]]:
    """Render every ``every``-th frame of a video, (480, 640, 3) RGB, or (480, 1280, 3) with two people."""
    return frames_at(plan, range(0, plan.frames, every))


def frame_numbers(plan: VideoPlan, fps: float) -> list[int]:
    """Return the frames of a video, of 200 per second, that a camera of ``fps`` frames per second takes."""
    count = int(plan.frames * fps / FPS)
    return [round(number * FPS / fps) for number in range(count)]


def frames_at(plan: VideoPlan, numbers: Iterable[int]) -> Iterator[NDArray[np.uint8]]:
    """Render the frames of a video with these numbers, as `frames` does.

    Frames have camera noise. Those of a plain video were also compressed as JPEGs; those under conditions were not.
    """
    return _plain_frames(plan, numbers) if plan.conditions == PLAIN else scenes.frames(plan, numbers)


def _plain_frames(plan: VideoPlan, numbers: Iterable[int]) -> Iterator[NDArray[np.uint8]]:
    """Render the frames of a video without conditions."""
    person = subject(plan.seed, plan.subject)
    rng = np.random.default_rng([plan.seed, plan.subject, 3])
    points = person.landmarks
    head = paths.sway(plan.frames, points.mean(0).astype(np.float64), rng)
    closed = paths.lid_closure(plan.blinks, plan.frames)
    gaze = paths.gaze(plan.frames, points, rng)
    gain = clips.flicker(plan.frames, rng)
    noise = camera.grain(rng.uniform(1.5, 2.5))

    neutral = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    expression, shown = neutral, None
    for t in numbers:
        event = next((event for event in plan.events if event.onset < t < event.offset), None)
        if event is not shown:
            expression, shown = neutral, event
            if event is not None and not isinstance(event.clip, Macro):  # no plain video has macro-expressions
                expression = clips.expression(event.clip, points)
        strength = 0.0 if event is None else schedule.strength(event, t)
        source = camera.trace(points, expression, head[t], strength, closed[t], gaze[t])
        image = camera.expose(person.picture, source, gain[t], noise, rng)
        jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, clips.QUALITY])[1]
        yield np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR_RGB), np.uint8)
