"""Macro-expressions and the shapes of a speaking mouth: landmarks that move, and the face between them."""

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator, RBFInterpolator

from deft.render import motions
from deft.render.conditions import Macro
from deft.render.corpus import FPS
from deft.render.portrait import HEIGHT, MIRROR, WIDTH, Array

# How far landmarks of the subject's right side and of the midline move: outward and upward, as shares of the amplitude.
# The left side is the mirror image, and what is not listed stays. The lips move together; `deft.render.mouth` parts
# them. The shares are the renderer's own reading of what FACS describes.
Shape = dict[int, tuple[float, float]]
MACROS: dict[str, Shape] = {
    "smile": {  # AU6 + AU12 + AU25
        48: (0.80, 0.60), 60: (0.78, 0.58), 49: (0.45, 0.42), 50: (0.18, 0.30), 51: (0, 0.25), 61: (0.33, 0.32),
        62: (0, 0.24), 67: (0.33, 0.32), 66: (0, 0.24), 59: (0.48, 0.34), 58: (0.2, 0.22), 57: (0, 0.18),
        31: (0.14, 0.10), 32: (0.06, 0.04), 40: (0, 0.07), 41: (0, 0.10), 3: (0.12, 0.05), 4: (0.12, 0.05),
        5: (0.06, 0.03),
    },
    "surprise": {  # AU1 + AU2 + AU5 + AU26
        17: (0, 0.65), 18: (0, 0.9), 19: (0, 1), 20: (0, 0.95), 21: (0, 0.9), 37: (0, 0.16), 38: (0, 0.16),
        48: (-0.25, -0.30), 60: (-0.25, -0.30), 49: (-0.15, -0.05), 61: (-0.15, -0.08), 67: (-0.15, -0.08),
        59: (-0.15, -0.15), 62: (0, 0.05), 66: (0, 0.05), 51: (0, 0.06),
    },
    "stretch": {  # AU4 + AU20 + AU25
        48: (0.95, -0.30), 60: (0.93, -0.29), 49: (0.5, -0.08), 50: (0.2, 0.08), 51: (0, 0.1), 61: (0.35, -0.05),
        62: (0, 0.06), 67: (0.35, -0.05), 66: (0, 0.06), 59: (0.6, -0.25), 58: (0.25, -0.08), 57: (0, -0.02),
        19: (-0.08, -0.12), 20: (-0.14, -0.18), 21: (-0.18, -0.2), 4: (0.22, -0.08), 5: (0.15, -0.06),
    },
}  # fmt: skip
SPEECH: dict[str, Shape] = {
    "round": {
        48: (-1, 0), 60: (-1, 0), 49: (-0.6, 0.1), 59: (-0.6, -0.1), 61: (-0.5, 0), 67: (-0.5, 0), 50: (-0.25, 0.12),
        58: (-0.25, -0.12), 51: (0, 0.1), 57: (0, -0.1), 4: (-0.1, 0), 5: (-0.1, 0),
    },
    "raise": {
        51: (0, 1), 50: (0, 1), 49: (0, 0.5), 61: (0, 0.75), 62: (0, 1), 67: (0, 0.75), 66: (0, 1), 57: (0, 0.5),
        58: (0, 0.5), 31: (0, 0.15),
    },
}  # fmt: skip
AMPLITUDES = {"smile": (0.14, 0.3125), "surprise": (0.10, 0.20), "stretch": (0.10, 0.18)}  # in eye distances
GAPS = {"smile": (0.10, 0.20), "surprise": (0.15, 0.32), "stretch": (0.08, 0.15)}  # in eye distances

_STEP = 4  # px between the points at which a field is computed


class Articulation(NamedTuple):
    """A speaking mouth over time, all (frames,): the gap and two shapes of `SPEECH`, in eye distances."""

    gap: Array
    rounded: Array  # negative where the mouth is wide
    raised: Array


def draw_macro(rng: Generator) -> tuple[Macro, int, int]:
    """Draw a macro-expression, and how many frames it rises and falls."""
    name = str(rng.choice(list(MACROS), p=[0.5, 0.25, 0.25]))
    size = rng.uniform()  # a strong expression opens the mouth wide
    amplitude, gap = (float(low + size * (high - low)) for low, high in (AMPLITUDES[name], GAPS[name]))
    held, rise, fall = (round(FPS * rng.uniform(low, high)) for low, high in ((0.5, 3), (0.3, 0.8), (0.5, 1)))
    return Macro(name, amplitude, gap, held), rise, fall


def macro_strength(t: int, onset: int, apex: int, held: int, offset: int) -> float:
    """Return a macro-expression's strength at frame ``t``, in [0, 1]."""
    share = float(np.interp(t, [onset, apex, apex + held, offset], [0, 1, 1, 0]))
    return share**2 * (3 - 2 * share)


def articulate(frames: int, spans: tuple[tuple[int, int], ...], rng: Generator) -> Articulation:
    """Draw a mouth that opens and closes 3 to 6 times per second within spans, in a shape that changes."""
    curves = np.zeros((3, frames))
    for first, last in spans:
        times = first + np.cumsum(FPS / rng.uniform(3, 6, (last - first) * 6 // FPS))
        times = times[times < last - FPS / 6]
        opened = rng.uniform(0.05, 0.16, len(times))  # of each syllable
        rounded = rng.uniform(-0.05, 0.08, len(times))
        shut = opened * rng.choice([0, 0.3], len(times))  # the gap after each syllable
        between = times + np.diff(times, append=last) / 2
        order = np.argsort([first, *times, *between, last], kind="stable")
        knots = np.array([first, *times, *between, last])[order]
        t = np.arange(first, last)
        gaps = np.array([0, *opened, *shut[:-1], 0, 0])[order]
        curves[0, first:last] = PchipInterpolator(knots, gaps)(t)
        curves[1, first:last] = PchipInterpolator([first, *times, last], [0, *rounded, 0])(t)
    curves[2] = 0.2 * curves[0]
    return Articulation(*np.clip(curves, [[0], [-1], [0]], 1))


@lru_cache(maxsize=16)
def _control_points(key: bytes) -> tuple[Array, Array]:
    """Return the points (n, 2) that carry a face's field, and the pixels (m, 2) at which it is computed.

    The points are the landmarks, ten on the forehead above those of the brows, and a ring around the head.
    """
    landmarks = np.frombuffer(key, np.float32).reshape(68, 2)
    _, up, iod = motions.axes(landmarks)
    forehead = landmarks[17:27] + 0.4 * iod * up
    middle = landmarks[:27].mean(0)
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    ring = middle + iod * np.stack([1.5 * np.cos(angles), 1.75 * np.sin(angles)], -1)
    centres = (np.stack(np.meshgrid(np.arange(WIDTH // _STEP), np.arange(HEIGHT // _STEP)), -1) + 0.5) * _STEP - 0.5
    return np.concatenate([landmarks, forehead, ring]), centres.reshape(-1, 2)


def field(shape: Shape, landmarks: NDArray[np.float32]) -> Array:
    """Return the displacement of a face by a shape, (480, 640, 2), x right and y down, at an amplitude of 1 px.

    A thin-plate spline passes through the landmarks (68, 2), in subject px, and fades to nothing around the head.
    """
    left, up, iod = motions.axes(landmarks)
    points, pixels = _control_points(np.ascontiguousarray(landmarks, np.float32).tobytes())
    moved = np.zeros_like(points)
    for landmark, (out, upward) in shape.items():
        moved[landmark] = -out * left + upward * up
        if MIRROR[landmark] != landmark:
            moved[MIRROR[landmark]] = out * left + upward * up
    moved[68:78] = 0.5 * moved[17:27]
    spline = RBFInterpolator(points, moved)
    coarse = spline(pixels).reshape(HEIGHT // _STEP, WIDTH // _STEP, 2).astype(np.float32)
    middle = points[:27].mean(0)
    offset = (pixels - middle).reshape(coarse.shape) / iod / [1.5, 1.75]
    inside = np.clip((1.0 - np.hypot(*np.moveaxis(offset, -1, 0))) / 0.15, 0, 1)[..., None]
    fine = cv2.resize((coarse * inside).astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.asarray(fine, np.float32)
