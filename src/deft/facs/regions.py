"""The 17 regions over the 68 landmarks, named by the subject's side: "right" is left in an unmirrored picture.

The regions are convex hulls over landmark groups (Zhang et al., arXiv 2511.10948, figure); the list is our choice.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.floating]

REGIONS: tuple[str, ...] = (
    "right inner brow",
    "left inner brow",
    "right outer brow",
    "left outer brow",
    "glabella",
    "right eye",
    "left eye",
    "nose root",
    "right nasal wing",
    "left nasal wing",
    "right cheek",
    "left cheek",
    "upper lip",
    "lower lip",
    "right mouth corner",
    "left mouth corner",
    "chin",
)

# Skin is continuous: a unit also drags the places beside its own.
NEIGHBOURS: dict[str, frozenset[str]] = {
    "inner brow": frozenset({"outer brow", "glabella", "eye", "nose root"}),
    "outer brow": frozenset({"inner brow", "eye"}),
    "glabella": frozenset({"inner brow", "nose root", "eye"}),
    "eye": frozenset({"inner brow", "outer brow", "glabella", "nose root", "cheek"}),
    "nose root": frozenset({"inner brow", "glabella", "nasal wing", "eye"}),
    "nasal wing": frozenset({"nose root", "cheek", "upper lip"}),
    "cheek": frozenset({"eye", "nasal wing", "mouth corner"}),
    "upper lip": frozenset({"nasal wing", "lower lip", "mouth corner"}),
    "lower lip": frozenset({"upper lip", "mouth corner", "chin"}),
    "mouth corner": frozenset({"cheek", "upper lip", "lower lip", "chin"}),
    "chin": frozenset({"lower lip", "mouth corner"}),
}
RIGHT_EYE, LEFT_EYE = slice(36, 42), slice(42, 48)

# Left counterparts of points 0-67: the same face in a mirror.
MIRROR = np.array(
    [*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31]
    + [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
    + [54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]
)


class Axes(NamedTuple):
    """The face's own axes in the picture: unit vectors (2,), and ``iod``, the eye centres' distance in pixels."""

    left: Points
    down: Points
    iod: float


def side(region: str) -> str | None:
    """Return a region's side, ``"R"`` or ``"L"``; None on the midline."""
    first_word = region.split()[0]
    return {"right": "R", "left": "L"}.get(first_word)


def place(region: str) -> str:
    """Return a region's name without its side: ``"right inner brow"`` → ``"inner brow"``."""
    return region if side(region) is None else region.split(maxsplit=1)[1]


def axes(points: Points) -> Axes:
    """Return the face's axes from its landmarks (68, 2), in px; ``left`` is the subject's, along the eye line.

    Raises ValueError where points are not 68 finite places, or both eyes lie in one place.
    """
    if points.shape != (68, 2):
        raise ValueError(f"points: expected 68 places (68, 2), got {points.shape}")
    right, left = points[RIGHT_EYE].mean(0), points[LEFT_EYE].mean(0)
    iod = float(np.hypot(*(left - right)))
    if not np.isfinite(points).all() or iod == 0:
        bad = np.count_nonzero(~np.isfinite(points))
        problem = f"{bad} NaN or infinite" if bad else "both eyes in one place"
        raise ValueError(f"points: expected finite places of a face, got {problem}")
    along = (left - right) / iod
    return Axes(along, np.array([-along[1], along[0]]), iod)


def outward(region: str, face: Axes) -> Points:
    """Return the unit vector (2,) that points outward from a region; on the midline, to the subject's left."""
    return -face.left if side(region) == "R" else face.left


def polygons(points: Points) -> dict[str, Points]:
    """Return each region's points (n, 2), in px, from the landmarks (68, 2); their convex hull is the region."""
    left, down, iod = axes(points)
    left, down = left * iod, down * iod
    vertices: dict[str, Points] = {}
    for name, p, out in (("right", points, -left), ("left", points[MIRROR], left)):
        brow = p[17:22]
        middle = brow[2:3]
        inner, outer = np.vstack([middle, brow[3:]]), np.vstack([brow[:2], middle])
        vertices[f"{name} inner brow"] = _swept(inner, 0.08 * down, -0.33 * down)
        vertices[f"{name} outer brow"] = _swept(outer, 0.08 * down, -0.33 * down)
        vertices[f"{name} eye"] = _swept(p[RIGHT_EYE], -0.10 * down, 0.10 * down)
        vertices[f"{name} nasal wing"] = _swept(p[31:33], 0.14 * out - 0.05 * down, -0.24 * down)
        below_eye = p[[36, 41, 40]] + 0.24 * down
        vertices[f"{name} cheek"] = np.vstack([below_eye, p[31:32] + 0.18 * out, p[48:49] + 0.08 * out - 0.28 * down])
        vertices[f"{name} mouth corner"] = p[48] + 0.17 * _circle(left, down)
    vertices["glabella"] = np.vstack([_swept(points[[21, 22]], np.zeros(2), -0.15 * down), points[27:28]])
    bridge = points[27:30]
    vertices["nose root"] = np.vstack([bridge - 0.13 * left, bridge + 0.13 * left])
    vertices["upper lip"] = _swept(points[[49, 50, 51, 52, 53, 61, 62, 63]], np.zeros(2), -0.10 * down)
    vertices["lower lip"] = _swept(points[[55, 56, 57, 58, 59, 65, 66, 67]], np.zeros(2), 0.06 * down)
    chin = points[[7, 8, 9]] - 0.06 * down
    vertices["chin"] = np.vstack([chin, points[[56, 57, 58]] + 0.16 * down])
    return {region: vertices[region] for region in REGIONS}


def outline(points: Points) -> Points:
    """Return the face's outline (27, 2), in px: the jaw, and the brows raised by 0.45 eye distances."""
    face = axes(points)
    raised_brows = points[17:27] - 0.45 * face.down * face.iod
    return np.vstack([points[:17], raised_brows])


def _swept(points: Points, first: Points, last: Points) -> Points:
    """Return points (2n, 2): points (n, 2) shifted by ``first`` and by ``last``."""
    return np.vstack([points + first, points + last])


def _circle(left: Points, down: Points) -> Points:
    """Return 12 points (12, 2) on the ellipse with these two half axes (2,)."""
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)[:, None]  # (12, 1), radians
    return np.asarray(np.cos(angles) * left + np.sin(angles) * down)
