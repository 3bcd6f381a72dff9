"""How each Action Unit moves a face: smooth bumps at the muscles' places, and the eyes' own two movements.

The table is the renderer's own reading of the FACS manual (Ekman, Friesen & Hager 2002), kept apart from the rules that
verification uses, so that the truth is independent of them.
"""

from typing import NamedTuple

import numpy as np

from deft.render.portrait import HEIGHT, MIRROR, WIDTH, Array


class Bump(NamedTuple):
    """A Gaussian of motion on the subject's right: where, which way, how wide, how strong against the unit's main bump.

    at: 0-based landmarks whose mean is the place; offset, direction: (out, up) in face axes, offset and width in iod.
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

# Units that never show on one side alone: bumps on the midline, and right halves whose mirror image always joins.
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
    """Displace a face by Action Unit `unit`, largest vector of length 1, (480, 640, 2), x right and y down.

    landmarks: (68, 2) frame px. side: "R" or "L", the subject's own, or None for both; then the left side is weaker by
    the share `lopsided`, or the right side where that is negative. Multiply by an amplitude in px.
    """
    bumps = PAIRED.get(unit) or CENTRAL[unit]
    if unit in CENTRAL and side is not None:
        raise ValueError(f"AU{unit} lies on the midline: side must be None, got {side!r}")
    total = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    for bump in bumps:
        middle = unit in CENTRAL and set(bump.at) <= _MIDLINE
        sides = ("R",) if middle else ("R", "L") if side is None else (side,)
        for each in sides:
            weaker = max(0.0, lopsided if each == "L" else -lopsided) if len(sides) == 2 else 0.0
            total += (1 - weaker) * _bump(bump, each == "L", landmarks)
    return np.asarray(total / np.sqrt((total**2).sum(-1).max()), np.float32)


def _bump(bump: Bump, mirrored: bool, landmarks: Array) -> Array:
    left, up, iod = axes(landmarks)
    out = left if mirrored else -left
    at = MIRROR[list(bump.at)] if mirrored else list(bump.at)
    centre = landmarks[at].mean(0) + iod * (bump.offset[0] * out + bump.offset[1] * up)
    direction = bump.direction[0] * out + bump.direction[1] * up
    x, y = np.arange(WIDTH, dtype=np.float32) - centre[0], np.arange(HEIGHT, dtype=np.float32)[:, None] - centre[1]
    along, upward = x * left[0] + y * left[1], x * up[0] + y * up[1]
    width = iod * np.array(bump.width, np.float32)
    hill = bump.weight * np.exp(-0.5 * ((along / width[0]) ** 2 + (upward / width[1]) ** 2))
    return np.asarray(hill[..., None] * direction / np.linalg.norm(direction), np.float32)


class Eye(NamedTuple):
    """One eye's frame: centre, unit vectors across and down, half its width, and how far down the two lids lie."""

    centre: Array
    across: Array
    down: Array
    half_px: float
    upper_px: float
    lower_px: float


def eye(landmarks: Array, first: int) -> Eye:
    """Measure the eye whose six points start at landmark `first` (36: the subject's right, 42: the left)."""
    six = landmarks[first : first + 6]
    corner, other = six[0], six[3]
    across = (other - corner) / np.linalg.norm(other - corner)
    down = np.array([-across[1], across[0]], np.float32)
    centre = (corner + other) / 2
    # The four lid points lie at a third of the half width, where a parabola has 8/9 of its height.
    upper, lower = ((six[i] - centre).mean(0) @ down * 9 / 8 for i in ([1, 2], [4, 5]))
    return Eye(centre, across, down, float(np.linalg.norm(other - corner) / 2) * 1.08, float(upper), float(lower))


def close(points: Array, where: Eye, closed: float, opening: bool) -> Array:
    """Move points (..., 2) px as the eye closes by the share `closed`; with `opening`, undo it.

    The upper lid slides down to the lower one: skin above it stretches, what the aperture shows is squeezed below it.
    """
    across, down = (points - where.centre) @ where.across / where.half_px, (points - where.centre) @ where.down
    arch = np.clip(1 - across**2, 0, None)
    top, low = where.upper_px * arch, where.lower_px * arch
    gap = low - top
    fold = top - 0.8 * gap
    lid = top + 0.9 * closed * gap
    start, end = (lid, top) if opening else (top, lid)
    above = fold + (down - fold) * (end - fold) / np.maximum(start - fold, 1e-6)
    below = low - (low - down) * (low - end) / np.maximum(low - start, 1e-6)
    moved = np.where((down < fold) | (down > low) | (gap < 1e-3), down, np.where(down < start, above, below))
    return np.asarray(points + (moved - down)[..., None] * where.down, np.float32)


def glance(points: Array, where: Eye) -> Array:
    """Say how much of a gaze shift reaches each point, (...,): 1 on the iris, 0 on lids and skin."""
    across, down = (points - where.centre) @ where.across / where.half_px, (points - where.centre) @ where.down
    middle, half = (where.upper_px + where.lower_px) / 2, (where.lower_px - where.upper_px) / 2
    arch = np.clip(1 - across**2, 1e-3, None)
    height = np.clip(np.abs(down - middle * arch) / (half * arch), 0, 1)
    return np.asarray((1 - height**4) * np.clip(1 - across**4, 0, 1), np.float32)
