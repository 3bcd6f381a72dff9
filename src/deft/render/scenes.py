"""Frames of a video under conditions: the people of each shot, or a landscape, as a moving camera takes them."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from deft.render import camera, clips, depth, expressions, looks, mouth, paths, schedule
from deft.render.conditions import Conditions, Macro, VideoPlan
from deft.render.corpus import ClipPlan
from deft.render.portrait import HEIGHT, WIDTH, Array
from deft.render.subjects import subject

_SEAM_PX = 24  # half the width over which two people's pictures are blended


class Person(NamedTuple):
    """A person over a whole video: (frames, …) holds one value per frame."""

    plan: VideoPlan
    face: looks.Face
    pose: Array  # (frames, 2, 3)
    turn: Array  # (frames, 2), degrees
    closed: Array  # (frames,)
    gaze: Array  # (frames, 2), px
    speech: expressions.Articulation


def frames(plan: VideoPlan, numbers: Iterable[int]) -> Iterator[NDArray[np.uint8]]:
    """Render the frames with these numbers, (480, 640, 3) RGB, or (480, 1280, 3) with two people."""
    people = [_person(person, plan.conditions) for person in plan.people]
    width = _width(plan)
    curves = paths.camera_curves(plan.conditions, plan.frames, width, plan.seed, plan.subject)
    rng = np.random.default_rng([plan.seed, plan.subject, paths.NOISE])
    gain = clips.flicker(plan.frames, rng) * curves.gain
    noise = camera.grain(rng.uniform(1.5, 2.5))
    for t in numbers:
        visible = [people[index] for index in _visible(plan, t)]
        matrix = curves.matrix[t]
        image = _group(visible, t, matrix, width) if visible else _scenery(plan.seed, matrix, width)
        exposed = _expose(image, gain[t], noise, rng)
        yield np.asarray(cv2.cvtColor(exposed, cv2.COLOR_BGR2RGB), np.uint8)


def landmarks(plan: VideoPlan, t: int) -> dict[int, Array]:
    """Return the landmarks of each person who is visible in frame ``t``, (68, 2), in frame px."""
    width = _width(plan)
    matrix = paths.camera_curves(plan.conditions, plan.frames, width, plan.seed, plan.subject).matrix[t]
    visible = _visible(plan, t)
    people = {index: _person(plan.people[index], plan.conditions) for index in visible}
    scenes = _scenes(matrix, len(visible))
    return {
        index: looks.landmarks(person.face, _look(person, t, scene))
        for (index, person), scene in zip(people.items(), scenes, strict=True)
    }


@lru_cache(maxsize=4)
def landscape(seed: int, width: int) -> NDArray[np.uint8]:
    """Return a picture without a face, (480, width, 3) BGR: sky, ranges of hills and a meadow."""
    rng = np.random.default_rng([seed, 4])
    y = np.linspace(0, 1, HEIGHT)[:, None, None]
    picture = (1 - y) * np.array([205.0, 165, 120]) + y * np.array([235.0, 225, 215]) + np.zeros((1, width, 1))
    ranges = ((0.45, (150, 135, 110)), (0.58, (95, 110, 85)), (0.72, (50, 95, 70)))
    for height, colour in ranges:
        ridge = cv2.GaussianBlur(rng.standard_normal((1, width)), (0, 0), width / 25)[0]
        top = HEIGHT * (height + 0.06 * ridge / np.abs(ridge).max())
        below = np.clip(np.arange(HEIGHT)[:, None] - top, 0, 1)[..., None]  # (480, width, 1)
        picture += below * (np.array(colour) - picture)
    grain = cv2.GaussianBlur(rng.standard_normal((HEIGHT, width)), (0, 0), 1.5)
    picture *= 1 + 0.5 * grain[..., None] * (0.1 + y**2)
    return np.asarray(np.clip(np.round(picture), 0, 255), np.uint8)


def _width(plan: VideoPlan) -> int:
    return 2 * WIDTH if plan.conditions.two_people else WIDTH


def _scenery(seed: int, matrix: Array, width: int) -> NDArray[np.uint8]:
    """Return the landscape as a moving camera takes it, (480, width, 3) BGR."""
    border = cv2.BORDER_REFLECT_101
    return np.asarray(cv2.warpAffine(landscape(seed, width), matrix, (width, HEIGHT), borderMode=border))


def _visible(plan: VideoPlan, t: int) -> tuple[int, ...]:
    """Return the people in frame ``t``, from left to right."""
    return next(shot.people for shot in reversed(plan.shots) if shot.first <= t)


@lru_cache(maxsize=4)
def _person(plan: VideoPlan, conditions: Conditions) -> Person:
    """Prepare a person of a video."""
    picture, points = subject(plan.seed, plan.subject)
    lips = mouth.seam(points)
    face = looks.Face(picture, points, lips, mouth.opening(lips), depth.depth(points))

    def stream(purpose: int) -> Generator:
        return np.random.default_rng([plan.seed, plan.subject, purpose])

    pose = paths.sway(plan.frames, points.mean(0).astype(np.float64), stream(paths.HEAD))
    head = paths.head_curves(conditions, plan.frames, plan.seed, plan.subject)
    pose[:, :, 2] += head.shift
    closed = paths.lid_closure(plan.blinks, plan.frames)
    gaze = paths.gaze(plan.frames, points, stream(paths.GAZE))
    speech = expressions.articulate(plan.frames, plan.speech, stream(paths.SPEECH))
    return Person(plan, face, pose, head.turn, closed, gaze, speech)


def _look(person: Person, t: int, scene: Array) -> looks.Look:
    """Return how a person looks in frame ``t``; ``scene`` (2, 3) takes their own 640 × 480 px to the frame."""
    plan, iod, speech = person.plan, person.face.lips.iod, person.speech
    expression, gap_px = np.zeros((HEIGHT, WIDTH, 2), np.float32), float(speech.gap[t]) * iod
    for event in plan.events:
        if not event.onset < t < event.offset:
            continue
        strength = schedule.strength(event, t)
        if isinstance(event.clip, Macro):
            amplitude_px = np.float32(strength * event.clip.amplitude * iod)
            expression += amplitude_px * _field(plan.seed, plan.subject, event.clip.name)
            gap_px += strength * event.clip.gap * iod
        else:
            expression += np.float32(strength) * _micro(event.clip, plan.seed, plan.subject)
    for name, amplitude in (("round", speech.rounded[t]), ("raise", speech.raised[t])):
        if amplitude:
            expression += np.float32(amplitude * iod) * _field(plan.seed, plan.subject, name)
    return looks.Look(scene, person.pose[t], person.turn[t], expression, gap_px, person.closed[t], person.gaze[t])


@lru_cache(maxsize=4)
def _micro(clip: ClipPlan, seed: int, number: int) -> Array:
    """Return the displacement of a subject by a micro-expression at its apex, (480, 640, 2), in px."""
    return clips.expression(clip, subject(seed, number).landmarks)


@lru_cache(maxsize=16)
def _field(seed: int, number: int, name: str) -> Array:
    """Return the displacement of a subject by a shape, (480, 640, 2), at an amplitude of 1 px."""
    shapes = expressions.MACROS | expressions.SPEECH
    return expressions.field(shapes[name], subject(seed, number).landmarks)


def _scenes(matrix: Array, count: int) -> list[Array]:
    """Return the matrices (2, 3) that take the 640 × 480 px of each of several people to the frame, side by side."""
    lefts = [place * WIDTH for place in range(count)]
    return [camera.compose(matrix, np.array([[1.0, 0, left], [0, 1, 0]])) for left in lefts]


def _group(people: list[Person], t: int, matrix: Array, width: int) -> NDArray[np.uint8]:
    """Render people side by side, (480, width, 3) BGR; where their pictures meet, they are blended."""
    scenes = _scenes(matrix, len(people))
    if len(people) == 1:
        return looks.render(people[0].face, _look(people[0], t, scenes[0]), slice(0, width))
    x = camera.transform(camera.invert(matrix), np.stack([np.arange(width), np.zeros(width)], -1))[:, 0]
    right = np.clip((x - width / 2) / (2 * _SEAM_PX) + 0.5, 0, 1)  # (width,), the right person's share
    image = np.zeros((HEIGHT, width, 3), np.float32)
    for person, scene, share in zip(people, scenes, (1 - right, right), strict=True):
        (used,) = np.nonzero(share)
        if len(used):
            columns = slice(int(used[0]) // 4 * 4, (int(used[-1]) + 4) // 4 * 4)
            part = looks.render(person.face, _look(person, t, scene), columns)
            image[:, columns] += share[columns, None].astype(np.float32) * part
    return np.round(image).astype(np.uint8)


def _expose(image: NDArray[np.uint8], gain: float, noise: NDArray[np.int16], rng: Generator) -> NDArray[np.uint8]:
    """Return an image (480, width, 3), brightened by a factor, with noise from `camera.grain`."""
    brightened = np.clip(np.round(np.arange(256) * gain), 0, 255).astype(np.uint8)  # (256,), by grey level
    windows = []
    for _ in range(image.shape[1] // WIDTH):
        y, x = rng.integers(0, [noise.shape[0] - HEIGHT + 1, noise.shape[1] - WIDTH + 1])
        windows.append(noise[y : y + HEIGHT, x : x + WIDTH])
    return np.asarray(cv2.add(cv2.LUT(image, brightened), np.hstack(windows), dtype=cv2.CV_8U))
