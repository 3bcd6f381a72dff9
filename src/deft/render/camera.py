"""The camera: a frame of a subject by one resampling of the subject's picture, with flicker and sensor noise."""

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
_SPARE = 96  # px by which the sheet of noise exceeds a frame


def similarity(centre: Array, angle_deg: float, scale: float, shift: Array) -> Array:
    """Turn (counter-clockwise in the picture) and scale about `centre`, then shift: a 2×3 matrix."""
    cosine, sine = scale * np.cos(np.radians(angle_deg)), scale * np.sin(np.radians(angle_deg))
    linear = np.array([[cosine, sine], [-sine, cosine]])
    return np.hstack([linear, (centre + shift - linear @ centre)[:, None]])


def compose(after: Array, before: Array) -> Array:
    """Chain two 2×3 matrices: `before`, then `after`."""
    return np.asarray((np.vstack([after, [0, 0, 1]]) @ np.vstack([before, [0, 0, 1]]))[:2])


def invert(matrix: Array) -> Array:
    """Undo a 2×3 matrix."""
    return np.asarray(np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2])


def transform(matrix: Array, points: Array) -> Array:
    """Apply a 2×3 matrix to points (..., 2), in their precision."""
    return np.asarray(points @ matrix[:, :2].T.astype(points.dtype) + matrix[:, 2].astype(points.dtype))


def express(points: Array, expression: Array, strength: float) -> Array:
    """Move subject points (..., 2) by `strength` times the expression, (480, 640, 2) px, that lies there."""
    at = np.asarray(points, np.float32)
    moved = cv2.remap(expression, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(at + np.float32(strength) * moved)


def unexpress(points: Array, expression: Array, strength: float) -> Array:
    """Undo express() by fixed point: the expression's slope is below one half, so each round halves the error."""
    source = points
    for _ in range(6):
        source = source + (points - express(source, expression, strength))
    return source


def see(points: Array, landmarks: Array, closed: float, gaze: Array) -> Array:
    """Move subject points (..., 2) px as the eyes do: the irises by `gaze` px, then the lids, `closed` in [0, 1]."""
    for where in (eye(landmarks, 36), eye(landmarks, 42)):
        start = points
        for _ in range(20 if gaze.any() else 0):  # unsee() has a closed form; its inverse is a fixed point
            points = start + glance(points, where)[..., None] * gaze
        points = close(points, where, closed, opening=False)
    return np.asarray(points, np.float32)


def unsee(points: Array, where: Eye, closed: float, gaze: Array) -> Array:
    """Undo see() around one eye."""
    opened = close(points, where, closed, opening=True)
    return np.asarray(opened - glance(opened, where)[..., None] * gaze, np.float32)


def trace(
    landmarks: Array, expression: Array, pose: Array, strength: float, closed: float, gaze: Array
) -> NDArray[np.float32]:
    """Find for each pixel of a frame the subject point it shows, (480, 640, 2) px.

    landmarks: (68, 2) subject px; expression: (480, 640, 2) px at strength 1; pose: 2×3 similarity, subject → frame.
    """
    grid = _pixels(_STEP)
    source = grid + _hold() * (transform(invert(pose), grid) - grid)
    if strength:
        near = slice(Y0 // _STEP, None), slice(X0 // _STEP - 30, -X0 // _STEP + 30)  # no expression beyond
        source[near] = unexpress(source[near], expression, strength)
    shown = _pixels(1) + cv2.resize(source - grid, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    for first in (36, 42) if closed or gaze.any() else ():  # lids are sharp: every pixel around them
        where = eye(landmarks, first)
        low, high = (transform(pose, where.centre + sign * (where.half_px + 12)).astype(int) for sign in (-1, 1))
        patch = slice(low[1], high[1]), slice(low[0], high[0])
        opened = unsee(transform(invert(pose), _pixels(1)[patch]), where, closed, gaze)
        shown[patch] = unexpress(opened, expression, strength)
    return np.asarray(shown, np.float32)


def expose(
    picture: NDArray[np.uint8], source: NDArray[np.float32], gain: float, noise: NDArray[np.int16], rng: Generator
) -> NDArray[np.uint8]:
    """Take a frame, (480, 640, 3) uint8 BGR, of a subject's picture where `source` (480, 640, 2) says.

    gain: factor of brightness; noise: a sheet from grain(), of which each frame cuts its own piece.
    """
    canvas = SCALE * source + np.float32((SCALE - 1) / 2)
    # Not cubic: OpenCV's kernel (a = −0.75) shifts what it samples by up to 0.05 px; linear does not, and the canvas is
    # fine enough for it.
    frame = cv2.remap(picture, canvas, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    frame = cv2.LUT(frame, np.clip(np.round(np.arange(256) * gain), 0, 255).astype(np.uint8))
    y, x = rng.integers(0, _SPARE + 1, 2)
    return np.asarray(cv2.add(frame, noise[y : y + HEIGHT, x : x + WIDTH], dtype=cv2.CV_8U))


def grain(levels: float) -> NDArray[np.int16]:
    """Scale the sheet of sensor noise to σ `levels` grey levels, (576, 736, 3)."""
    return np.round(levels * _noise()).astype(np.int16)


@lru_cache(maxsize=2)
def _pixels(step: int) -> Array:
    """Centre the step×step px cells of the frame, (480/step, 640/step, 2) px."""
    x, y = np.meshgrid(np.arange(WIDTH // step), np.arange(HEIGHT // step))
    return ((np.stack([x, y], -1) + 0.5) * step - 0.5).astype(np.float32)


@lru_cache(maxsize=1)
def _hold() -> Array:
    """Say how fully the head's motion holds, (240, 320, 1): 1 in the box, smoothly to 0 at the picture's border."""
    share = np.ones((HEIGHT // _STEP, WIDTH // _STEP, 1), np.float32)
    for axis, (start, size, whole) in enumerate(((X0, BOX_WIDTH, WIDTH), (Y0, BOX_HEIGHT, HEIGHT))):
        first, last = start - _MARGIN, start + size + _MARGIN
        at = _pixels(_STEP)[..., axis, None]
        ramp = np.clip(np.minimum(at / first, (whole - 1 - at) / (whole - 1 - last)), 0, 1)
        share *= ramp**2 * (3 - 2 * ramp)
    return share


@lru_cache(maxsize=1)
def _noise() -> Array:
    """Draw noise of unit σ, mostly of brightness, hardly correlated between pixels."""
    rng = np.random.default_rng(0)
    size = (HEIGHT + _SPARE, WIDTH + _SPARE)
    bright, colour = rng.standard_normal((*size, 1), np.float32), rng.standard_normal((*size, 3), np.float32)
    noise = cv2.GaussianBlur(0.8 * bright + 0.6 * colour, (0, 0), 0.45)
    return np.asarray(noise / noise.std())
