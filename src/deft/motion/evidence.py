"""Evidence: what each region's motion is, in multiples of the clip's own noise (so its unit does not matter)."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from deft.facs import regions, words

Flow = npt.NDArray[np.float32]  # (H, W, 2), pixels, x right, y down
Points = npt.NDArray[np.float32]  # (68, 2), pixels
Mask = npt.NDArray[np.bool_]  # (H, W)

_BLOCK = 0.25  # of iod: about a region's size, so that block means and region means carry the same noise
_QUARTILE_OF_RAYLEIGH = 0.7585  # sqrt(-2 ln 0.75)


class Evidence(NamedTuple):
    """One region's motion from onset to apex.

    ``dx``, ``dy`` are crop pixels; ``out``, ``up`` the same in face axes (for a midline region ``out`` is the
    subject's left); ``divergence`` is how far the region's upper and lower halves part (of the lips: the two lips), in
    pixels, positive when they open; ``z`` is the larger of both in multiples of ``noise``; ``peak`` is the fraction of
    the way from onset to apex at which the motion is largest.
    """

    region: str
    dx: float
    dy: float
    out: float
    up: float
    magnitude: float
    z: float
    direction: str
    concentration: float
    divergence: float
    level: str
    peak: float
    noise: float

    @property
    def timing(self) -> str:
        """``peak`` as a word."""
        return words.timing(self.peak)


def masks(points: Points, shape: tuple[int, int]) -> dict[str, Mask]:
    """Region → the picture's pixels in its hull, cut to the face's outline, for a picture of ``shape`` (H, W)."""
    face = _filled(regions.outline(points), shape)
    return {region: _filled(polygon, shape) & face for region, polygon in regions.polygons(points).items()}


def noise(flow: Flow, points: Points) -> float:
    """The clip's own noise: standard deviation a component of the flow's mean over a still, region-sized block.

    At least a quarter of a face is still whatever it expresses. There the block means' lengths follow a Rayleigh
    distribution, so its lower quartile over the whole face gives the deviation, in the flow's unit; 0 for no flow.
    """
    iod = regions.axes(points).iod
    size = max(3, round(_BLOCK * iod))
    means = cv2.blur(flow, (size, size))
    inside = _filled(regions.outline(points), flow.shape[:2])
    lengths = np.hypot(means[..., 0], means[..., 1])[inside]
    return float(np.quantile(lengths, 0.25) / _QUARTILE_OF_RAYLEIGH) if lengths.size else 0.0


def measure(
    flows: npt.NDArray[np.float32], points: Points, level: float, thresholds: tuple[float, float, float]
) -> list[Evidence]:
    """Evidence of the 17 regions from flows (steps, H, W, 2), onset → step, of which the last is the apex.

    ``level`` is the clip's noise (`noise`, flow's unit); ``thresholds`` are the z of slight, clear and strong motion.
    """
    apex = flows[-1]
    face = regions.axes(points)
    largest = float(np.abs(apex).max())
    floor = max(level, 1e-3 * largest) or 1.0
    found = masks(points, apex.shape[:2])
    openings = {region: _opening(apex, mask, face.down) for region, mask in found.items()}
    lips = _mean(apex, found["lower lip"] & ~found["upper lip"]) - _mean(apex, found["upper lip"])
    openings["upper lip"] = openings["lower lip"] = float(lips @ face.down)
    return [_evidence(region, flows, mask, face, openings[region], floor, thresholds) for region, mask in found.items()]


def _evidence(
    region: str,
    flows: npt.NDArray[np.float32],
    mask: Mask,
    face: regions.Axes,
    opening: float,
    floor: float,
    thresholds: tuple[float, float, float],
) -> Evidence:
    steps = np.array([_mean(flow, mask) for flow in flows])
    mean = steps[-1]
    out, up = float(mean @ regions.outward(region, face)), float(-(mean @ face.down))
    lengths = np.hypot(*flows[-1][mask].T)
    magnitude = float(np.hypot(*mean))
    relative = regions.place(region) in RELATIVE and abs(opening) > magnitude
    z = (abs(opening) if relative else magnitude) / floor
    return Evidence(
        region=region,
        dx=float(mean[0]),
        dy=float(mean[1]),
        out=out,
        up=up,
        magnitude=magnitude,
        z=z,
        direction=words.OPENING[opening < 0] if relative else way(region, out, up),
        concentration=magnitude / float(lengths.mean()) if lengths.any() else 0.0,
        divergence=opening,
        level=words.LEVELS[int(np.searchsorted(thresholds, z, side="right"))],
        peak=(int(np.argmax(np.hypot(*steps.T))) + 1) / len(steps),
        noise=floor,
    )


RELATIVE = frozenset({"eye", "upper lip", "lower lip"})


def way(region: str, out: float, up: float) -> str:
    """The direction of a motion as one of the region's eight words."""
    return words.ways(region)[round(math.atan2(out, up) / (math.pi / 4)) % 8]


def by_region(found: list[Evidence]) -> Mapping[str, Evidence]:
    """Evidence by region name."""
    return {evidence.region: evidence for evidence in found}


def _opening(flow: Flow, mask: Mask, down: npt.NDArray[np.floating]) -> float:
    """How far the lower half of a region moves down against its upper half."""
    rows, columns = np.nonzero(mask)
    if rows.size == 0:
        return 0.0
    along = columns * down[0] + rows * down[1]
    low = along > np.median(along)
    vectors = flow[rows, columns] @ down
    return float(vectors[low].mean() - vectors[~low].mean()) if low.any() else 0.0


def _mean(flow: Flow, mask: Mask) -> npt.NDArray[np.float32]:
    return flow[mask].mean(0) if mask.any() else np.zeros(2, np.float32)


def _filled(polygon: npt.NDArray[np.floating], shape: tuple[int, int]) -> Mask:
    canvas = np.zeros(shape, np.uint8)
    hull = cv2.convexHull(polygon.astype(np.float32))
    cv2.fillConvexPoly(canvas, np.round(hull * 16).astype(np.int32), 1, shift=4)
    return canvas.astype(bool)
