"""The motion of a face by each Action Unit: smooth bumps at the muscles' places; and the eyes' lids and gaze.

The table is the renderer's own interpretation of the FACS manual (Ekman, Friesen & Hager 2002). It is separate from the
rules of verification, so that the truth is independent of them.
"""

from typing import NamedTuple

import numpy as np

from deft.render.portrait import HEIGHT, MIRROR, WIDTH, Array


class Bump(NamedTuple):
    """A Gaussian of motion on the subject's right.

    at: 0-based landmarks whose mean is the place. offset, direction: (out, up) in face axes. offset, width: in eye
    distances. weight: relative to the unit's main bump.
    """

    at: tuple[int, ...]
    offset: tuple[float, float]
    direction: tuple[float, float]
    width: tuple[float, float]
    weight: float = 1.0


# Bumps of the right side; the left side is their mirror image.
PAIRED: dict[int, tuple[Bump, ...]] = {
    1: (Bump((20, 21), (0, 0.08), (0, 1), (0.20, 0.22)),),
    2: (Bump((17, 18), (0, 0.08), (0, 1), (0.22, 0.22)),),
    4: (Bump((20, 21), (0, 0.02), (-0.45, -0.9), (0.24, 0.20)),),
    5: (Bump((37, 38), (0, 0.01), (0, 1), (0.15, 0.07)), Bump((40, 41), (0, -0.01), (0, -1), (0.15, 0.06), 0.2)),
    6: (Bump((40, 41), (0.08, -0.28), (0.1, 1), (0.26, 0.18)), Bump((40, 41), (0, -0.02), (0, 1), (0.15, 0.07), 0.3)),
    7: (Bump((40, 41), (0, -0.01), (0, 1), (0.16, 0.07)), Bump((37, 38), (0, 0.01), (0, -1), (0.16, 0.07), 0.7)),
    9: (
        Bump((31,), (0.04, 0.06), (0, 1), (0.14, 0.16)),
        Bump((27, 39), (0, -0.12), (0, 1), (0.13, 0.14), 0.7),
        Bump((21,), (0, 0), (-0.3, -1), (0.18, 0.12), 0.35),
    ),
    10: (Bump((49, 50), (0, 0.05), (0, 1), (0.17, 0.11)), Bump((31,), (0.05, 0), (0, 1), (0.13, 0.13), 0.5)),
    12: (Bump((48,), (0, 0), (0.65, 0.76), (0.22, 0.20)), Bump((48, 41), (0.1, 0.05), (0.2, 1), (0.24, 0.20), 0.4)),
    14: (Bump((48,), (0.03, 0), (-1, 0.1), (0.20, 0.18)),),
    15: (Bump((48,), (0, -0.03), (0.1, -1), (0.20, 0.20)),),
    18: (
        Bump((48,), (0, 0), (-1, 0), (0.24, 0.20)),
        Bump((50, 51), (0, 0), (0, 1), (0.16, 0.08), 0.3),
        Bump((57, 58), (0, 0), (0, -1), (0.16, 0.08), 0.3),
    ),
    20: (Bump((48,), (0.02, -0.02), (1, -0.15), (0.24, 0.20)),),
    38: (Bump((31,), (0.01, 0), (1, 0), (0.10, 0.11)),),
    39: (Bump((31,), (0.01, 0), (-1, 0), (0.10, 0.11)),),
    43: (Bump((37, 38), (0, 0), (0, -1), (0.16, 0.09)), Bump((40, 41), (0, -0.02), (0, 1), (0.15, 0.05), 0.1)),
    45: (Bump((37, 38), (0, 0), (0, -1), (0.16, 0.09)), Bump((40, 41), (0, -0.02), (0, 1), (0.15, 0.05), 0.1)),
}

# Units that always move both sides: bumps on the midline, and right halves that are always mirrored.
CENTRAL: dict[int, tuple[Bump, ...]] = {
    16: (Bump((57,), (0, 0), (0, -1), (0.26, 0.12)),),
    17: (Bump((8, 57), (0, -0.03), (0, 1), (0.26, 0.18)), Bump((57,), (0, 0.02), (0, 1), (0.24, 0.10), 0.4)),
    22: (
        Bump((51,), (0, 0.02), (0, 1), (0.22, 0.09), 0.8),
        Bump((57,), (0, -0.02), (0, -1), (0.22, 0.09)),
        Bump((48,), (0, 0), (-1, 0), (0.18, 0.16), 0.6),
    ),
    23: (
        Bump((51,), (0, 0), (0, -1), (0.24, 0.08), 0.8),
        Bump((57,), (0, 0), (0, 1), (0.24, 0.08)),
        Bump((48,), (0, 0), (-1, 0), (0.14, 0.12), 0.35),
    ),
    24: (Bump((51,), (0, 0.01), (0, -1), (0.28, 0.08), 0.9), Bump((57,), (0, -0.01), (0, 1), (0.28, 0.08))),
    25: (Bump((51,), (0, 0), (0, 1), (0.22, 0.08), 0.5), Bump((57,), (0, -0.01), (0, -1), (0.24, 0.10))),
    26: (Bump((8, 57), (0, -0.08), (0, -1), (0.40, 0.26)),),
    27: (Bump((8,), (0, 0.05), (0, -1), (0.45, 0.32)), Bump((51,), (0, 0.02), (0, 1), (0.22, 0.08), 0.25)),
    28: (Bump((51,), (0, 0.03), (0, -1), (0.24, 0.10), 0.9), Bump((57,), (0, -0.05), (0, 1), (0.26, 0.11))),
}

UNITS = tuple(sorted(PAIRED | CENTRAL))
_MIDLINE = set(np.flatnonzero(np.arange(68) == MIRROR).tolist())


def axes(landmarks: Array) -> tuple[Array, Array, float]:
    """Return unit vectors toward the face's left and up in the picture, and iod: the eyes' distance in px."""
    across = landmarks[42:48].mean(0) - landmarks[36:42].mean(0)
    iod = float(np.linalg.norm(across))
    left = across / iod
    return left, np.array([left[1], -left[0]], np.float32), iod


def field(unit: int, side: str | None, landmarks: Array, lopsided: float = 0.0) -> Array:
    """Return the displacement of a face by Action Unit `unit`, (480, 640, 2), x right and y down, at most of length 1.

    landmarks: (68, 2) frame px. side: "R" or "L", the subject's, or None for both; then the left side is weaker by
    the share `lopsided`, or the right side where that is negative. Multiply by an amplitude in px.
    """
    bumps = PAIRED.get(unit) or CENTRAL[unit]
    if unit in CENTRAL and side is not None:
        raise ValueError(f"AU{unit} lies on the midline: side must be None, got {side!r}")
    total = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    for bump in bumps:
        middle = unit in CENTRAL and set(bump.at) <= _MIDLINE
        sides: tuple[str, ...]
        if middle:
            sides = ("R",)
        elif side is None:
            sides = ("R", "L")
        else:
            sides = (side,)
        for bump_side in sides:
            weaker = 0.0  # share by which this side is weaker
            if len(sides) == 2:
                weaker = max(0.0, lopsided if bump_side == "L" else -lopsided)
            total += (1 - weaker) * _bump(bump, bump_side == "L", landmarks)
    return np.asarray(total / np.sqrt((total**2).sum(-1).max()), np.float32)


def _bump(bump: Bump, mirrored: bool, landmarks: Array) -> Array:
    """Return the displacement by one bump or its mirror image, (480, 640, 2)."""
    left, up, iod = axes(landmarks)
    out = left if mirrored else -left
    at = MIRROR[list(bump.at)] if mirrored else list(bump.at)
    centre = landmarks[at].mean(0) + iod * (bump.offset[0] * out + bump.offset[1] * up)
    direction = bump.direction[0] * out + bump.direction[1] * up
    x = np.arange(WIDTH, dtype=np.float32) - centre[0]  # (640,)
    y = np.arange(HEIGHT, dtype=np.float32)[:, None] - centre[1]  # (480, 1)
    along = x * left[0] + y * left[1]  # (480, 640)
    upward = x * up[0] + y * up[1]
    width = iod * np.array(bump.width, np.float32)
    hill = bump.weight * np.exp(-0.5 * ((along / width[0]) ** 2 + (upward / width[1]) ** 2))
    return np.asarray(hill[..., None] * direction / np.linalg.norm(direction), np.float32)


class Eye(NamedTuple):
    """One eye's geometry: its centre (2,), unit vectors across and down (2,), half its width, its two lids.

    upper_px, lower_px: how far below the centre the lids lie.
    """

    centre: Array
    across: Array
    down: Array
    half_px: float
    upper_px: float
    lower_px: float


def eye(landmarks: Array, first: int) -> Eye:
    """Return the eye whose six landmarks start at `first` (36: the subject's right, 42: the left)."""
    six = landmarks[first : first + 6]
    corner, other = six[0], six[3]
    across = (other - corner) / np.linalg.norm(other - corner)
    down = np.array([-across[1], across[0]], np.float32)
    centre = (corner + other) / 2
    # The four lid points lie at a third of the half width, where a parabola has 8/9 of its height.
    upper, lower = ((six[i] - centre).mean(0) @ down * 9 / 8 for i in ([1, 2], [4, 5]))
    return Eye(centre, across, down, float(np.linalg.norm(other - corner) / 2) * 1.08, float(upper), float(lower))


def close(points: Array, one_eye: Eye, closed: float, opening: bool) -> Array:
    """Return points (..., 2), in px, moved as an eye closes by the share `closed`; with `opening`, moved back.

    The upper lid slides down to the lower one: the skin above it stretches, and the aperture below it shrinks.
    """
    across = (points - one_eye.centre) @ one_eye.across / one_eye.half_px  # (...,), in half widths
    down = (points - one_eye.centre) @ one_eye.down  # (...,), px
    arch = np.clip(1 - across**2, 0, None)
    top, low = one_eye.upper_px * arch, one_eye.lower_px * arch
    gap = low - top
    fold = top - 0.8 * gap
    lid = top + 0.9 * closed * gap
    start, end = (lid, top) if opening else (top, lid)
    above = fold + (down - fold) * (end - fold) / np.maximum(start - fold, 1e-6)
    below = low - (low - down) * (low - end) / np.maximum(low - start, 1e-6)
    moved = np.where((down < fold) | (down > low) | (gap < 1e-3), down, np.where(down < start, above, below))
    return np.asarray(points + (moved - down)[..., None] * one_eye.down, np.float32)


def glance(points: Array, one_eye: Eye) -> Array:
    """Return the share of a gaze shift at each point (..., 2), (...,): 1 on the iris, 0 on lids and skin."""
    across = (points - one_eye.centre) @ one_eye.across / one_eye.half_px  # (...,), in half widths
    down = (points - one_eye.centre) @ one_eye.down  # (...,), px
    middle, half = (one_eye.upper_px + one_eye.lower_px) / 2, (one_eye.lower_px - one_eye.upper_px) / 2
    arch = np.clip(1 - across**2, 1e-3, None)
    height = np.clip(np.abs(down - middle * arch) / (half * arch), 0, 1)
    return np.asarray((1 - height**4) * np.clip(1 - across**4, 0, 1), np.float32)
