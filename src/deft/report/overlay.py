"""What is drawn over a face, as numbers: motion as colour and as arrows, regions with their evidence."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from deft.face import Points
from deft.facs import regions
from deft.media import Image
from deft.motion.evidence import Evidence

Flow = npt.NDArray[np.float32]  # (H, W, 2), pixels, x right, y down

LEVEL_COLOURS = {"none": "#c7ced6", "slight": "#f2b705", "clear": "#f2762e", "strong": "#d7263d"}
SHOWN = (0.08, 0.98)  # of a crop's height: forehead to chin
_OPAQUE = 0.75  # of the strongest motion's colour
ARROWS = 26  # across a picture
_LONGEST = 0.38  # of a region's arrow, in eye distances


class Shape(NamedTuple):
    """A region's hull (n, 2) and, where it moves, its arrow from ``centre`` to ``tip`` (2,); pixels."""

    seen: Evidence
    hull: Points
    centre: Points
    tip: Points | None


def coloured(flow: Flow, points: Points) -> Image:
    """Direction as hue and length as opacity (Baker et al. 2011): RGBA (H, W, 4), clear outside the face."""
    inside = face(points, flow.shape[:2])
    length, angle = np.hypot(flow[..., 0], flow[..., 1]), np.arctan2(flow[..., 1], flow[..., 0])
    longest = max(float(np.quantile(length[inside], 0.99)), 1e-6) if inside.any() else 1.0
    strength = np.where(inside, np.clip(length / longest, 0, 1), 0)
    hsv = np.stack([(angle % (2 * np.pi)) * 90 / np.pi, 230 * np.ones_like(length), 245 * np.ones_like(length)], -1)
    colour = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)
    return np.dstack([colour, np.asarray(255 * _OPAQUE * strength, np.uint8)])


def over(picture: Image, colour: Image) -> Image:
    """`coloured` (H, W, 4) over a picture (H, W, 3) turned grey."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(float)[..., None]
    mix = colour[..., 3:] / 255
    return np.asarray((1 - mix) * grey + mix * colour[..., :3], np.uint8)


def arrows(flow: Flow, points: Points) -> tuple[Points, Points]:
    """Places (n, 2) on an even grid in the face where it moves most, and their vectors (n, 2)."""
    step = max(6, flow.shape[0] // ARROWS)
    rows, columns = np.mgrid[step // 2 : flow.shape[0] : step, step // 2 : flow.shape[1] : step]
    vectors = flow[rows, columns]
    lengths = np.hypot(vectors[..., 0], vectors[..., 1])
    seen = (lengths > 0.25 * lengths.max()) & face(points, flow.shape[:2])[rows, columns]
    return np.stack([columns[seen], rows[seen]], -1).astype(np.float32), vectors[seen]


def shapes(points: Points, evidence: Sequence[Evidence]) -> list[Shape]:
    """The regions, each with an arrow as long as its motion is beside the largest one's."""
    hulls = {name: cv2.convexHull(hull.astype(np.float32))[:, 0] for name, hull in regions.polygons(points).items()}
    scale = _LONGEST * regions.axes(points).iod / (max(seen.magnitude for seen in evidence) or 1.0)
    found = []
    for seen in evidence:
        centre = hulls[seen.region].mean(0)
        tip = None if seen.level == "none" else centre + scale * np.array([seen.dx, seen.dy], np.float32)
        found.append(Shape(seen, hulls[seen.region], centre, tip))
    return found


def shown(crop: Image) -> Image:
    """The part of a crop (H, W, 3) that holds the face."""
    top, bottom = (round(share * len(crop)) for share in SHOWN)
    return crop[top:bottom]


def outline(points: Points) -> Points:
    """The face's outline as a hull (n, 2), pixels."""
    return np.asarray(cv2.convexHull(regions.outline(points).astype(np.float32))[:, 0])


def face(points: Points, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Which pixels of a picture of ``shape`` (H, W) lie in the face's outline."""
    canvas = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(canvas, np.rint(outline(points)).astype(np.int32), 1)
    return canvas.astype(bool)
