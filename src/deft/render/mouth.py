"""A mouth that opens: the lips part along their seam, and teeth show between them.

The two lips are moved by two displacements that differ by the gap, and that agree at the corners of the mouth. What
appears between them has no counterpart in the neutral face.
"""

from typing import NamedTuple

import numpy as np
from scipy.interpolate import PchipInterpolator

from deft.render import motions
from deft.render.portrait import HEIGHT, WIDTH, Array

LOWER = (*range(5, 12), *range(55, 60), *range(65, 68))  # the landmarks of lower lip and jaw

_TEETH_MM = (0.0, 8.5, 15.0, 22.0, 28.5, 35.0)  # edges of the upper teeth, from the midline
_IOD_MM = 63.0
_TEETH, _DARK, _TONGUE = ((172, 190, 200), (22, 18, 38), (60, 58, 118))  # blue, green, red


class Seam(NamedTuple):
    """The line along which the lips meet, in a frame of its own: `across` and `down` are unit vectors (2,).

    centre: (2,) px, between the corners. half_px: half the distance of the corners. height: (201,), how far the seam
    lies below the corners' line, in px, from corner to corner. iod: eye distance in px.
    """

    centre: Array
    across: Array
    down: Array
    half_px: float
    height: Array
    iod: float


def seam(landmarks: Array) -> Seam:
    """Return the seam of a mouth's lips; landmarks: (68, 2) px."""
    right, left = landmarks[60], landmarks[64]
    half_px = float(np.linalg.norm(left - right) / 2)
    across = (left - right) / (2 * half_px)
    down = np.array([-across[1], across[0]])
    centre = (right + left) / 2
    knots = np.stack([right, *((landmarks[[61, 62, 63]] + landmarks[[67, 66, 65]]) / 2), left]) - centre  # (5, 2)
    curve = PchipInterpolator(knots @ across / half_px, knots @ down)
    return Seam(centre, across, down, half_px, curve(np.linspace(-1, 1, 201)), motions.axes(landmarks)[2])


def coordinates(points: Array, lips: Seam) -> tuple[Array, Array]:
    """Return where points (..., 2) lie: along the seam, −1 and 1 at the corners, and below it, in px; both (...)."""
    offset = points - lips.centre
    along = offset @ lips.across / lips.half_px
    height = np.interp(along, np.linspace(-1, 1, 201), lips.height, left=0, right=0)
    return np.asarray(along), np.asarray(offset @ lips.down - height)


def opening(lips: Seam) -> Array:
    """Return the displacement of the face below the seam, (480, 640, 2), x right and y down, at a gap of 1 px.

    Lower lip and chin drop; farther below, and at the corners of the mouth, the displacement falls to 0.
    """
    grid = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), -1).astype(np.float32)
    along, below = coordinates(grid, lips)
    below = np.clip(below / lips.iod, 0, None)  # eye distances
    reach = 1 + 1.3 * np.clip(below / 0.5, 0, 1)  # the jaw is wider than the mouth
    arch = np.clip(1 - (along / reach) ** 2, 0, None)
    fall = np.clip(below / 1.15, 0, 1)
    drop = arch * (1 - fall**2 * (3 - 2 * fall))
    return np.asarray(drop[..., None] * lips.down, np.float32)


def paint(points: Array, below_upper_lip: Array, lips: Seam) -> Array:
    """Return the colours of the inside of a mouth, (..., 3) BGR in grey levels: upper teeth, and darkness below them.

    points: (..., 2), in px of a head that is still, as the teeth are. below_upper_lip: (...), px.
    """
    millimetre = lips.iod / _IOD_MM  # px
    offset = points - lips.centre
    along_mm = np.abs(offset @ lips.across) / millimetre
    along, below = coordinates(points, lips)
    tooth = np.clip(np.searchsorted(_TEETH_MM, along_mm, side="right") - 1, 0, len(_TEETH_MM) - 2)
    first, last = np.take(_TEETH_MM, tooth), np.take(_TEETH_MM, tooth + 1)
    to_edge_mm = np.minimum(along_mm - first, last - along_mm)  # to the tooth's nearer side
    shorter = np.take([0.0, 0.9, 0.1, 1.2, 2.0], tooth)  # lateral incisors and premolars, mm
    corner = 0.9 * np.exp(-to_edge_mm / 0.8)  # rounded
    edge = (2.6 - shorter - corner) * millimetre  # px below the seam
    upper = np.clip(edge - below + 0.5, 0, 1) * np.clip((34 - along_mm) / 4, 0, 1)  # (...), share of tooth
    light = (1 - 0.35 * np.exp(-to_edge_mm / 0.45)) * (1 - 0.5 * np.clip(along_mm / 34, 0, 1) ** 1.5)
    shadow = 0.45 + 0.55 * np.clip(below_upper_lip / (4.0 * millimetre), 0, 1)  # of the upper lip
    depth = np.clip((below - 5 * millimetre) / (9 * millimetre), 0, 1) * np.clip(1 - along**2, 0, 1)
    inside = np.array(_DARK) + depth[..., None] * (np.array(_TONGUE) - np.array(_DARK))
    teeth = np.array(_TEETH) * (light * shadow)[..., None]
    return np.asarray(inside + upper[..., None] * (teeth - inside), np.float32)
