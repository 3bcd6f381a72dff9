"""The head's rough shape in depth, by which its picture shifts when the head turns."""

import cv2
import numpy as np

from deft.render import motions
from deft.render.portrait import HEIGHT, WIDTH, Array

_ITERATIONS = 6  # the depth's slope times the sine of the turn is below one half


def depth(landmarks: Array) -> Array:
    """Return how far the head's surface lies before its axis, (480, 640), in subject px; 0 outside the head.

    The head is a smooth dome, deepest at the middle of the face, with a nose, sunken eyes and a chin. The dome's
    radii and the features' heights are rough proportions of an adult head, in eye distances.

    landmarks: (68, 2) subject px.
    """
    left, up, iod = motions.axes(landmarks)
    grid = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), -1).astype(np.float32)

    def hill(centre: Array, width: float, height: float) -> Array:
        """Return a Gaussian hill (480, 640) of this standard deviation across and up, in eye distances."""
        across, upward = (grid - centre) @ left, (grid - centre) @ up
        return np.asarray(np.exp(-0.5 * ((across / (width * iod)) ** 2 + (upward / (height * iod)) ** 2)))

    middle = landmarks[28] - 0.05 * iod * up
    radius = np.hypot((grid - middle) @ left / 1.55, (grid - middle) @ up / 1.85) / iod
    dome = 0.95 * np.clip(1 - radius**2, 0, None) ** 1.25
    nose = 0.30 * hill(landmarks[30], 0.14, 0.17) + 0.14 * hill(landmarks[28], 0.13, 0.22)
    eyes = -0.08 * (hill(landmarks[36:42].mean(0), 0.2, 0.13) + hill(landmarks[42:48].mean(0), 0.2, 0.13))
    chin = 0.10 * hill(landmarks[8] + 0.12 * iod * up, 0.28, 0.18)
    return np.asarray(iod * (dome + nose + eyes + chin), np.float32)


def turn(points: Array, surface: Array, angles_deg: Array) -> Array:
    """Return subject points (..., 2), in px, of a head that turns to the picture's right and down by angles (2,).

    Each point shifts by its depth times the sine of the angle; foreshortening, at most 1.5 % at 10°, is left out.

    surface: (480, 640), in px, from `depth`.
    """
    exact = np.asarray(points, np.float32)
    rows = exact.reshape(-1, exact.shape[-2], 2)  # OpenCV's maps have two axes
    before = cv2.remap(surface, rows, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(exact + before.reshape(*exact.shape[:-1], 1) * np.sin(np.radians(angles_deg)).astype(np.float32))


def unturn(points: Array, surface: Array, angles_deg: Array) -> Array:
    """Return the points (..., 2), in px, that `turn` moves to these, by fixed-point iteration."""
    source = points
    for _ in range(_ITERATIONS):
        source = source + (points - turn(source, surface, angles_deg))
    return np.asarray(source, np.float32)
