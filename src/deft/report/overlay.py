"""Data to draw over a face: motion as colour and as arrows, and regions with their evidence."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from deft.face import Points
from deft.facs import regions
from deft.media import Image
from deft.motion.evidence import Evidence

Flow = npt.NDArray[np.float32]  # (H, W, 2), px, x right, y down

LEVEL_COLOURS = {"none": "#c7ced6", "slight": "#f2b705", "clear": "#f2762e", "strong": "#d7263d"}
SHOWN = (0.08, 0.98)  # top and bottom, forehead to chin, as shares of a crop's height
_OPACITY = 0.75  # of the strongest motion's colour
ARROWS = 26  # across an image
_LONGEST = 0.38  # length of the longest arrow of a region, in eye distances


class Shape(NamedTuple):
    """A region: its evidence, its hull (n, 2), and the arrow from ``centre`` to ``tip`` (2,) if it moves; in px."""

    evidence: Evidence
    hull: Points
    centre: Points
    tip: Points | None


def coloured(flow: Flow, points: Points) -> Image:
    """Return flow as RGBA (H, W, 4), clear outside the face: hue is direction, opacity length (Baker et al. 2011)."""
    inside = face(points, flow.shape[:2])  # (H, W)
    length, angle = np.hypot(flow[..., 0], flow[..., 1]), np.arctan2(flow[..., 1], flow[..., 0])  # (H, W)
    longest = max(float(np.quantile(length[inside], 0.99)), 1e-6) if inside.any() else 1.0
    strength = np.where(inside, np.clip(length / longest, 0, 1), 0)
    hue = (angle % (2 * np.pi)) * 90 / np.pi  # OpenCV has 180 hues
    hsv = np.stack([hue, 230 * np.ones_like(length), 245 * np.ones_like(length)], -1)
    colour = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)
    return np.dstack([colour, np.asarray(255 * _OPACITY * strength, np.uint8)])


def over(image: Image, colour: Image) -> Image:
    """Return an image (H, W, 3) in grey with `coloured` flow (H, W, 4) over it."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(float)[..., None]
    opacity = colour[..., 3:] / 255  # (H, W, 1)
    return np.asarray((1 - opacity) * grey + opacity * colour[..., :3], np.uint8)


def arrows(flow: Flow, points: Points) -> tuple[Points, Points]:
    """Return the points (n, 2) of a regular grid in the face at which motion is largest, and their vectors (n, 2)."""
    step = max(6, flow.shape[0] // ARROWS)
    rows, columns = np.mgrid[step // 2 : flow.shape[0] : step, step // 2 : flow.shape[1] : step]
    vectors = flow[rows, columns]
    lengths = np.hypot(vectors[..., 0], vectors[..., 1])
    inside = face(points, flow.shape[:2])[rows, columns]
    chosen = (lengths > 0.25 * lengths.max()) & inside
    return np.stack([columns[chosen], rows[chosen]], -1).astype(np.float32), vectors[chosen]


def shapes(points: Points, evidence: Sequence[Evidence]) -> list[Shape]:
    """Return the regions as shapes; the length of an arrow is relative to the largest motion of a region."""
    hulls = {name: cv2.convexHull(hull.astype(np.float32))[:, 0] for name, hull in regions.polygons(points).items()}
    largest = max(region.magnitude for region in evidence) or 1.0
    scale = _LONGEST * regions.axes(points).iod / largest
    drawn = []
    for region in evidence:
        hull = hulls[region.region]
        centre = hull.mean(0)
        tip = None if region.level == "none" else centre + scale * np.array([region.dx, region.dy], np.float32)
        drawn.append(Shape(region, hull, centre, tip))
    return drawn


def shown(crop: Image) -> Image:
    """Return the part of a crop (H, W, 3) from forehead to chin."""
    top, bottom = (round(share * len(crop)) for share in SHOWN)
    return crop[top:bottom]


def outline(points: Points) -> Points:
    """Return the outline of the face as a hull (n, 2), in px."""
    return np.asarray(cv2.convexHull(regions.outline(points).astype(np.float32))[:, 0])


def face(points: Points, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Return which pixels of an image of ``shape`` (H, W) lie within the outline of the face."""
    canvas = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(canvas, np.rint(outline(points)).astype(np.int32), 1)
    return canvas.astype(bool)
