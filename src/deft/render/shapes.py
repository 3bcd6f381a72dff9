"""A subject's proportions: the portrait's landmarks moved, and the smooth map that moves the picture with them."""

import cv2
import numpy as np
from numpy.random import Generator
from scipy.interpolate import RBFInterpolator

from deft.render.portrait import FRINGE, HAIR, HEIGHT, LANDMARKS, LOWER_LIP, SCALE, UPPER_LIP, WIDTH, Array

_MIDDLE = np.array([322.0, 230.0])
_LIPS = np.concatenate([
    np.stack([x := np.arange(280, 366, 4.0), np.interp(x, *edge.T)], -1) for edge in (UPPER_LIP, LOWER_LIP)
])  # fmt: skip
_UPPER, _LOWER, _INNER = range(48, 55), range(55, 60), slice(60, 68)


def proportions(rng: Generator) -> tuple[Array, Array]:
    """Draw a person: control points of the portrait, and the same points of this person, both (n, 2), in frame px.

    The first 68 points are the landmarks. Standard deviations are about 3–6 % of the part that they change.
    """
    known = np.concatenate([LANDMARKS, _LIPS, FRINGE, HAIR])
    moved = known - _MIDDLE
    face, lips, hair = moved[:68], moved[68 : 68 + len(_LIPS)], moved[-len(HAIR) :]
    _remove_smile(face, lips, rng)
    _vary_features(face, lips, rng)
    moved[: -len(HAIR)] *= [1 + _vary(rng, 0.035), 1 + _vary(rng, 0.025)]
    moved[-len(FRINGE) - len(HAIR) : -len(HAIR), 1] -= rng.uniform(-2, 14)
    hair *= [rng.uniform(0.88, 1.04), rng.uniform(0.90, 1.01)]
    return known, moved + _MIDDLE


def _vary(rng: Generator, deviation: float) -> float:
    """Draw a normal number of this standard deviation, cut off at two deviations."""
    return float(np.clip(rng.normal(0, deviation), -2 * deviation, 2 * deviation))


def _remove_smile(face: Array, lips: Array, rng: Generator) -> None:
    """Remove the portrait's smile in place: lips almost together, mouth narrower, corners lower."""
    upper, lower = UPPER_LIP - _MIDDLE, LOWER_LIP - _MIDDLE
    gap = 0.15 + 0.2 * rng.random() ** 2
    for points in (face[_INNER], lips):
        seam = _seam(points[:, 0], upper, lower)
        points[:, 1] = seam + gap * (points[:, 1] - seam)
    face[_UPPER, 1] += _seam(face[_UPPER, 0], upper, lower) - np.interp(face[_UPPER, 0], *upper.T)
    face[_LOWER, 1] += _seam(face[_LOWER, 0], upper, lower) - np.interp(face[_LOWER, 0], *lower.T)
    centre, narrow, droop = face[51, 0], 0.86 + _vary(rng, 0.05), 11 + _vary(rng, 2.5)
    for points in (face[48:68], lips):
        points[:, 1] += droop * np.clip(np.abs(points[:, 0] - centre) / 47, 0, 1) ** 2
        points[:, 0] = centre + (points[:, 0] - centre) * narrow


def _seam(x: Array, upper: Array, lower: Array) -> Array:
    """Return the height y at which closed lips meet, at places x; the lower lip moves farther than the upper one."""
    return np.asarray(0.65 * np.interp(x, *upper.T) + 0.35 * np.interp(x, *lower.T))


def _vary_features(face: Array, lips: Array, rng: Generator) -> None:
    """Change brows, eyes, nose, mouth and jaw in place."""
    face[17:27, 1] += _vary(rng, 2.2)
    face[[17, 18, 25, 26], 1] += _vary(rng, 1.6)
    spacing, slant, size, aperture = _vary(rng, 2.2), _vary(rng, 1.2), 1 + _vary(rng, 0.05), 1 + _vary(rng, 0.08)
    for first, outer, out in ((36, 36, -1), (42, 45, 1)):
        eye = face[first : first + 6]
        eye[:] = eye.mean(0) + (eye - eye.mean(0)) * [size, size * aperture] + (out * spacing, 0)
        face[outer, 1] += slant
    face[28:36, 1] += _vary(rng, 2.8) * np.array([0.3, 0.7, 1, 1, 1, 1, 1, 1])
    face[31:36, 0] = face[33, 0] + (face[31:36, 0] - face[33, 0]) * (1 + _vary(rng, 0.08))
    lower, fuller = _vary(rng, 2.4), _vary(rng, 0.9)
    face[48:68, 1] += lower
    lips[:, 1] += lower
    face[49:54, 1] -= 0.7 * fuller
    face[55:60, 1] += fuller
    face[2:15, 0] *= 1 + _vary(rng, 0.04) * np.sin(np.linspace(0, np.pi, 13))
    face[4:13, 1] += _vary(rng, 4.5) * np.sin(np.linspace(0, np.pi, 9))


def warp(known: Array, moved: Array) -> Array:
    """Return the portrait's point for each pixel of a person's canvas, (960, 1280, 2), in canvas px.

    The map is a thin-plate spline from the control points `moved` to `known`, (n, 2) each; the border stays in place.
    """
    xs, ys = np.linspace(0, WIDTH - 1, 9), np.linspace(0, HEIGHT - 1, 7)
    border = np.array([(x, y) for x in xs for y in ys if x in (xs[0], xs[-1]) or y in (ys[0], ys[-1])])
    spline = RBFInterpolator(
        np.concatenate([moved, border]), np.concatenate([known - moved, np.zeros_like(border)]), smoothing=0.5
    )
    step = 2
    x, y = np.meshgrid(np.arange(WIDTH // step), np.arange(HEIGHT // step))
    centres = (np.stack([x, y], -1) + 0.5) * step - 0.5  # (240, 320, 2), frame px
    shift = spline(centres.reshape(-1, 2)).reshape(centres.shape).astype(np.float32)
    canvas = np.stack(np.meshgrid(np.arange(WIDTH * SCALE), np.arange(HEIGHT * SCALE)), -1)
    shift = cv2.resize(shift, (WIDTH * SCALE, HEIGHT * SCALE), interpolation=cv2.INTER_CUBIC)
    return np.asarray(canvas + SCALE * shift, np.float32)
