"""The camera: renders a frame by resampling a subject's picture once, with flicker and sensor noise."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from deft.render.motions import Eye, close, eye, glance
from deft.render.portrait import HEIGHT, SCALE, WIDTH, Array

# The box of the frame in which the head moves rigidly, px; beyond a margin its motion fades to nothing at the border.
X0, Y0, BOX_WIDTH, BOX_HEIGHT = 160, 80, 320, 320
_MARGIN = 14

_STEP = 2  # maps are computed on every second pixel and enlarged
_SPARE = 96  # px by which the noise image exceeds a frame on either axis


def similarity(centre: Array, angle_deg: float, scale: float, shift: Array) -> Array:
    """Return the matrix (2, 3) that turns (counter-clockwise in the picture) and scales about `centre`, then shifts.

    centre, shift: (2,) px.
    """
    cosine, sine = scale * np.cos(np.radians(angle_deg)), scale * np.sin(np.radians(angle_deg))
    linear = np.array([[cosine, sine], [-sine, cosine]])
    return np.hstack([linear, (centre + shift - linear @ centre)[:, None]])


def compose(after: Array, before: Array) -> Array:
    """Return the matrix (2, 3) that applies `before`, then `after`, both (2, 3)."""
    return np.asarray((np.vstack([after, [0, 0, 1]]) @ np.vstack([before, [0, 0, 1]]))[:2])


def invert(matrix: Array) -> Array:
    """Return the inverse (2, 3) of a matrix (2, 3)."""
    return np.asarray(np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2])


def transform(matrix: Array, points: Array) -> Array:
    """Return points (..., 2) transformed by a matrix (2, 3), in the precision of the points."""
    return np.asarray(points @ matrix[:, :2].T.astype(points.dtype) + matrix[:, 2].astype(points.dtype))


def express(points: Array, expression: Array, strength: float) -> Array:
    """Return subject points (..., 2), in px, moved by `strength` times the expression (480, 640, 2), in px, at each."""
    exact = np.asarray(points, np.float32)
    displacement = cv2.remap(expression, exact, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)  # (..., 2)
    return np.asarray(exact + np.float32(strength) * displacement)


def unexpress(points: Array, expression: Array, strength: float) -> Array:
    """Return the points (..., 2), in px, that express() moves to these, by fixed-point iteration.

    The slope of a micro-expression is below one half, so each iteration at least halves the error.
    """
    source = points
    for _ in range(6):
        source = source + (points - express(source, expression, strength))
    return source


def move_eyes(points: Array, landmarks: Array, closed: float, gaze: Array) -> Array:
    """Return subject points (..., 2), in px, moved by the eyes: the irises by `gaze` (2,), in px, then the lids.

    closed: how far the lids are closed, in [0, 1].
    """
    for one_eye in (eye(landmarks, 36), eye(landmarks, 42)):
        start = points
        if gaze.any():
            for _ in range(20):  # unmove_eyes() has a closed form; its inverse is a fixed point
                points = start + glance(points, one_eye)[..., None] * gaze
        points = close(points, one_eye, closed, opening=False)
    return np.asarray(points, np.float32)


def unmove_eyes(points: Array, one_eye: Eye, closed: float, gaze: Array) -> Array:
    """Return the points (..., 2), in px, that move_eyes() moves to these around one eye."""
    opened = close(points, one_eye, closed, opening=True)
    return np.asarray(opened - glance(opened, one_eye)[..., None] * gaze, np.float32)


def trace(
    landmarks: Array, expression: Array, pose: Array, strength: float, closed: float, gaze: Array
) -> NDArray[np.float32]:
    """Return the subject point that each pixel of a frame shows, (480, 640, 2), in px.

    landmarks: (68, 2) subject px; expression: (480, 640, 2) px at strength 1; pose: 2×3 similarity, subject → frame.
    """
    grid = pixels(_STEP)
    source = grid + _rigidity() * (transform(invert(pose), grid) - grid)  # (240, 320, 2)
    if strength:
        near = slice(Y0 // _STEP, None), slice(X0 // _STEP - 30, -X0 // _STEP + 30)  # no expression beyond
        source[near] = unexpress(source[near], expression, strength)
    shown = pixels(1) + cv2.resize(source - grid, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    if closed or gaze.any():
        for first in (36, 42):  # lids have sharp edges, so the map around them is computed on every pixel
            one_eye = eye(landmarks, first)
            reach = one_eye.half_px + 12
            low = transform(pose, one_eye.centre - reach).astype(int)
            high = transform(pose, one_eye.centre + reach).astype(int)
            patch = slice(low[1], high[1]), slice(low[0], high[0])
            points = transform(invert(pose), pixels(1)[patch])
            opened = unmove_eyes(points, one_eye, closed, gaze)
            shown[patch] = unexpress(opened, expression, strength)
    return np.asarray(shown, np.float32)


def expose(
    picture: NDArray[np.uint8], source: NDArray[np.float32], gain: float, noise: NDArray[np.int16], rng: Generator
) -> NDArray[np.uint8]:
    """Return a frame (480, 640, 3), uint8 BGR: a subject's picture sampled at the points `source` (480, 640, 2).

    gain: factor of brightness. noise: an image from grain(), of which each frame takes a random window.
    """
    canvas = SCALE * source + np.float32((SCALE - 1) / 2)
    # Linear, not cubic: OpenCV's cubic kernel (a = −0.75) shifts samples by up to 0.05 px, and the canvas is fine
    # enough for linear interpolation.
    frame = cv2.remap(picture, canvas, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    brightened = np.clip(np.round(np.arange(256) * gain), 0, 255).astype(np.uint8)  # (256,), by grey level
    frame = cv2.LUT(frame, brightened)
    y, x = rng.integers(0, _SPARE + 1, 2)
    return np.asarray(cv2.add(frame, noise[y : y + HEIGHT, x : x + WIDTH], dtype=cv2.CV_8U))


def grain(levels: float) -> NDArray[np.int16]:
    """Return an image of sensor noise (576, 736, 3) with a standard deviation of `levels` grey levels."""
    return np.round(levels * _noise()).astype(np.int16)


@lru_cache(maxsize=4)
def pixels(step: int, width: int = WIDTH) -> Array:
    """Return the centres of a frame's cells of step×step px, (480/step, width/step, 2), in px."""
    x, y = np.meshgrid(np.arange(width // step), np.arange(HEIGHT // step))
    return ((np.stack([x, y], -1) + 0.5) * step - 0.5).astype(np.float32)


def rigidity(points: Array) -> Array:
    """Return the weight of the head's motion at points (..., 2), (..., 1): 1 in the box, falling to 0 at the border."""
    share = np.ones((*points.shape[:-1], 1), np.float32)
    for axis, (start, size, whole) in enumerate(((X0, BOX_WIDTH, WIDTH), (Y0, BOX_HEIGHT, HEIGHT))):
        first, last = start - _MARGIN, start + size + _MARGIN
        position = points[..., axis, None]  # (..., 1), px
        ramp = np.clip(np.minimum(position / first, (whole - 1 - position) / (whole - 1 - last)), 0, 1)
        share *= ramp**2 * (3 - 2 * ramp)
    return share


@lru_cache(maxsize=1)
def _rigidity() -> Array:
    """Return the weight of the head's motion on every second pixel, (240, 320, 1)."""
    return rigidity(pixels(_STEP))


@lru_cache(maxsize=1)
def _noise() -> Array:
    """Return noise (576, 736, 3) of unit σ, mostly of brightness, hardly correlated between pixels."""
    rng = np.random.default_rng(0)
    size = (HEIGHT + _SPARE, WIDTH + _SPARE)
    bright, colour = rng.standard_normal((*size, 1), np.float32), rng.standard_normal((*size, 3), np.float32)
    noise = cv2.GaussianBlur(0.8 * bright + 0.6 * colour, (0, 0), 0.45)
    return np.asarray(noise / noise.std())
