"""Evidence: what each region's motion is, in multiples of the clip's own noise (so its unit does not matter)."""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from deft.core.tables import Row
from deft.facs import regions, words

Flow = npt.NDArray[np.float32]  # (H, W, 2), pixels, x right, y down
Points = npt.NDArray[np.float32]  # (68, 2), pixels
Mask = npt.NDArray[np.bool_]  # (H, W)

_BLOCK = 0.25  # of iod: about a region's size, so that block means and region means carry the same noise
# Lids do not slide sideways: what seems to is the eyeball's motion, and a part of it smears up and down.
_SMEAR = 0.15
# Lids that tighten meet halfway: they converge by more than this for each pixel that their middle sinks. With less, the
# upper one comes down alone, as in a blink, and down is what is told.
BLINK = 1.7
_QUARTILE_OF_RAYLEIGH = 0.7585  # sqrt(-2 ln 0.75)


class Evidence(NamedTuple):
    """One region's motion from onset to apex.

    ``dx``, ``dy`` are crop pixels; ``out``, ``up`` the same in face axes (for a midline region ``out`` is the
    subject's left; of an eye only the lids' way up and down counts, the rest is gaze). ``divergence`` is how far the
    region's upper and lower halves part (the two lids, the two lips), in pixels, positive when they open; ``z`` is the
    larger of both in multiples of ``noise``. ``rise`` and ``peak`` are the fractions of the way from onset to apex at
    which that larger one first reaches half of its most, and its most.
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
    rise: float
    peak: float
    noise: float

    @property
    def timing(self) -> str:
        """``peak`` as a word."""
        return words.timing(self.peak)


def masks(points: Points, shape: tuple[int, int]) -> dict[str, Mask]:
    """Region → the picture's pixels in its hull, cut to the face's outline, for a picture of ``shape`` (H, W).

    Between the lids lies no skin: what moves there is gaze.
    """
    skin = _filled(regions.outline(points), shape)
    for eye in (regions.RIGHT_EYE, regions.LEFT_EYE):
        skin &= ~_filled(points[eye], shape)
    return {region: _filled(polygon, shape) & skin for region, polygon in regions.polygons(points).items()}


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
    face = regions.axes(points)
    floor = max(level, 1e-3 * float(np.abs(flows[-1]).max())) or 1.0
    found = masks(points, flows.shape[1:3])
    means: dict[str, npt.NDArray[np.floating]] = {region: _means(flows, mask) for region, mask in found.items()}
    openings: dict[str, npt.NDArray[np.floating]] = {}
    floors = dict.fromkeys(found, floor)
    for region, mask in found.items():
        parts = (found["upper lip"], found["lower lip"]) if region in _LIPS else halves(region, mask, points, face.down)
        upper, lower = (_means(flows, part) for part in parts)
        openings[region] = (lower - upper) @ face.down
        if regions.place(region) == "eye":  # two lids of one weight, however much of each is seen
            lids = (upper + lower) / 2
            means[region] = (lids @ face.down)[:, None] * face.down
            floors[region] = max(floor, _SMEAR * float(abs(lids[-1] @ face.left)))
    return [
        _evidence(region, flows[-1][mask], means[region], openings[region], face, floors[region], thresholds)
        for region, mask in found.items()
    ]


def _evidence(
    region: str,
    vectors: npt.NDArray[np.float32],
    means: npt.NDArray[np.floating],
    openings: npt.NDArray[np.floating],
    face: regions.Axes,
    floor: float,
    thresholds: tuple[float, float, float],
) -> Evidence:
    """From the apex's vectors (n, 2), and mean (steps, 2) and opening (steps,) of every step."""
    lengths = np.hypot(*means.T)
    mean = means[-1]
    out, up = float(mean @ regions.outward(region, face)), float(-(mean @ face.down))
    blink = regions.place(region) == "eye" and 0 < -openings[-1] <= BLINK * -up
    relative = regions.place(region) in RELATIVE and abs(openings[-1]) > lengths[-1] and not blink
    course = np.abs(openings) if relative else lengths
    z = float(course[-1]) / floor
    whole = float(np.hypot(*vectors.T).mean()) if len(vectors) else 0.0
    return Evidence(
        region=region,
        dx=float(mean[0]),
        dy=float(mean[1]),
        out=out,
        up=up,
        magnitude=float(lengths[-1]),
        z=z,
        direction=words.OPENING[int(openings[-1] < 0)] if relative else way(region, out, up),
        concentration=float(np.hypot(*vectors.mean(0))) / whole if whole else 0.0,
        divergence=float(openings[-1]),
        level=words.LEVELS[int(np.searchsorted(thresholds, z, side="right"))],
        rise=_reaches(course, 0.5),
        peak=_reaches(course, 1.0),
        noise=floor,
    )


def _reaches(course: npt.NDArray[np.floating], share: float) -> float:
    """The fraction of the way at which a course (steps,), zero at the onset, first reaches a share of its most."""
    target = share * float(course.max())
    step = int(np.argmax(course >= target))
    before, after = (0.0 if step == 0 else float(course[step - 1])), float(course[step])
    return (step + ((target - before) / (after - before) if after > before else 1.0)) / len(course)


_LIPS = frozenset({"upper lip", "lower lip"})
RELATIVE = _LIPS | {"eye"}


def way(region: str, out: float, up: float) -> str:
    """The direction of a motion as one of the region's eight words."""
    return words.ways(region)[round(math.atan2(out, up) / (math.pi / 4)) % 8]


def by_region(found: list[Evidence]) -> Mapping[str, Evidence]:
    """Evidence by region name."""
    return {evidence.region: evidence for evidence in found}


def from_rows(regions: Iterable[Row]) -> list[Evidence]:
    """Return evidence from the nested ``regions`` of a row of `deft.core.schemas.VERIFY`."""
    return [Evidence(**{name: region[name] for name in Evidence._fields}) for region in regions]


def halves(region: str, mask: Mask, points: Points, down: npt.NDArray[np.floating]) -> tuple[Mask, Mask]:
    """The upper and the lower half of a region: of an eye, what lies above and below the line through its corners."""
    along = np.arange(mask.shape[1]) * down[0] + np.arange(mask.shape[0])[:, None] * down[1]
    if regions.place(region) == "eye":
        inner, outer = (36, 39) if regions.side(region) == "R" else (42, 45)
        (x, y), (dx, dy) = points[inner], points[outer] - points[inner]
        middle = (y + (np.arange(mask.shape[1]) - x) * dy / dx) * down[1] + np.arange(mask.shape[1]) * down[0]
    else:
        middle = np.median(along[mask]) if mask.any() else 0.0
    return mask & (along <= middle), mask & (along > middle)


def _means(flows: npt.NDArray[np.float32], mask: Mask) -> npt.NDArray[np.float32]:
    """Mean vector a step (steps, 2) over a mask; zero where it is empty."""
    return flows[:, mask].mean(1) if mask.any() else np.zeros((len(flows), 2), np.float32)


def _filled(polygon: npt.NDArray[np.floating], shape: tuple[int, int]) -> Mask:
    canvas = np.zeros(shape, np.uint8)
    hull = cv2.convexHull(polygon.astype(np.float32))
    cv2.fillConvexPoly(canvas, np.round(hull * 16).astype(np.int32), 1, shift=4)
    return canvas.astype(bool)
