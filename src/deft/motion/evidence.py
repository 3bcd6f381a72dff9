"""Evidence: each region's motion, in multiples of the clip's own noise, so that the flow's unit does not matter."""

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

# In interocular distances: about a region's size, so that block means and region means carry the same noise.
_BLOCK = 0.25
# No noise is below this share of the largest motion at the apex: a field without any noise would make all of it strong.
_LEAST_NOISE = 1e-3
# Lids do not slide sideways: sideways motion there is the eyeball's; the flow spreads this share of it up and down.
_GAZE_LEAKAGE = 0.15
# How far the lids close for each pixel that their middle sinks. Lids that tighten meet halfway: much closing, little
# sinking. An upper lid that comes down alone closes 2 px for each, and flow, which is smooth, drags the lower lid along
# and so less. Up to this ratio it is a blink, and the evidence says "down".
BLINK = 1.7
_QUARTILE_OF_RAYLEIGH = 0.7585  # sqrt(-2 ln 0.75)
_LIPS = frozenset({"upper lip", "lower lip"})
OPENING_AND_CLOSING = _LIPS | {"eye"}  # places whose halves may part or meet


class Evidence(NamedTuple):
    """One region's motion from onset to apex.

    ``dx``, ``dy`` are crop pixels; ``out``, ``up`` the same in face axes (for a midline region ``out`` is the
    subject's left; for an eye only the lids' vertical motion counts, since the rest is gaze). ``divergence`` is how far
    the region's upper and lower halves part (the two lids, the two lips), in pixels, positive when they open. ``z`` is
    the magnitude in multiples of ``noise``, and ``direction`` the word for it; where lids or lips part or meet by more
    than they move together, both speak of the divergence instead. ``level`` is the word for ``z``. ``concentration`` is
    1 where all of the region moves one way and 0 where its motion cancels out. ``rise`` and ``peak`` are the fractions
    of the time from onset to apex at which what ``z`` speaks of first reaches half of its maximum, and its maximum.
    ``noise``, in pixels, is the clip's own, or what gaze leaks onto an eye's lids where that is more.
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
        """Return ``peak`` as a word."""
        return words.timing(self.peak)


def masks(points: Points, shape: tuple[int, int]) -> dict[str, Mask]:
    """Return each region's mask (H, W): its hull, cut to the face's outline, without the opening between the lids.

    points: (68, 2), in px. shape: (H, W). Motion between the lids is gaze, not skin.
    """
    skin = _filled(regions.outline(points), shape)
    for eye in (regions.RIGHT_EYE, regions.LEFT_EYE):
        skin &= ~_filled(points[eye], shape)
    return {region: _filled(polygon, shape) & skin for region, polygon in regions.polygons(points).items()}


def outline(points: Points, shape: tuple[int, int]) -> Mask:
    """Return the mask (H, W) of the face's outline, from its landmarks (68, 2), in px."""
    return _filled(regions.outline(points), shape)


def noise(flow: Flow, points: Points) -> float:
    """Return the clip's own noise: the standard deviation, per component, of the mean flow of a still block.

    flow: (H, W, 2); points: (68, 2), in px. Blocks have about a region's size; the noise has the flow's unit and is 0
    for no flow. Where the face is still, the lengths of the blocks' means follow a Rayleigh distribution; the lower
    quartile of the lengths on the whole face gives the deviation. It is exact on a still face and grows with the part
    that moves.
    """
    return noise_in(flow, outline(points, flow.shape[:2]), regions.axes(points).iod)


def noise_in(flow: Flow, inside: Mask, iod: float) -> float:
    """Return the `noise` of a flow (H, W, 2) in a face's `outline` (H, W); ``iod`` is the eye distance in px."""
    size = max(3, round(_BLOCK * iod))
    means = cv2.blur(flow, (size, size))
    lengths = np.hypot(means[..., 0], means[..., 1])[inside]
    if not lengths.size:
        return 0.0
    return float(np.quantile(lengths, 0.25) / _QUARTILE_OF_RAYLEIGH)


def measure(
    flows: npt.NDArray[np.float32], points: Points, noise_px: float, thresholds: tuple[float, float, float]
) -> list[Evidence]:
    """Return the evidence of the 17 regions from the flows (steps, H, W, 2) from onset to each step.

    The last step is the apex. points: (68, 2), in px. noise_px: the clip's noise (`noise`), in the flow's unit.
    thresholds: the z from which motion is slight, clear and strong.
    """
    face = regions.axes(points)
    floor = max(noise_px, _LEAST_NOISE * float(np.abs(flows[-1]).max())) or 1.0
    region_masks = masks(points, flows.shape[1:3])
    means: dict[str, npt.NDArray[np.floating]] = {region: _means(flows, mask) for region, mask in region_masks.items()}
    divergences: dict[str, npt.NDArray[np.floating]] = {}
    floors = dict.fromkeys(region_masks, floor)
    for region, mask in region_masks.items():
        if region in _LIPS:
            upper_mask, lower_mask = region_masks["upper lip"], region_masks["lower lip"]
        else:
            upper_mask, lower_mask = halves(region, mask, points, face.down)
        upper = _means(flows, upper_mask)  # (steps, 2)
        lower = _means(flows, lower_mask)
        divergences[region] = (lower - upper) @ face.down
        if regions.place(region) == "eye":  # both lids weigh the same, however much of each shows
            lids = (upper + lower) / 2
            means[region] = (lids @ face.down)[:, None] * face.down
            floors[region] = max(floor, _GAZE_LEAKAGE * float(abs(lids[-1] @ face.left)))
    return [
        _evidence(region, flows[-1][mask], means[region], divergences[region], face, floors[region], thresholds)
        for region, mask in region_masks.items()
    ]


def _evidence(
    region: str,
    vectors: npt.NDArray[np.float32],
    means: npt.NDArray[np.floating],
    divergences: npt.NDArray[np.floating],
    face: regions.Axes,
    floor: float,
    thresholds: tuple[float, float, float],
) -> Evidence:
    """Return a region's evidence from its vectors (n, 2) at the apex, its means (steps, 2) and divergences (steps,)."""
    lengths = np.hypot(*means.T)
    mean = means[-1]
    out = float(mean @ regions.outward(region, face))
    up = float(-(mean @ face.down))
    blink = regions.place(region) == "eye" and 0 < -divergences[-1] <= BLINK * -up
    opens = regions.place(region) in OPENING_AND_CLOSING and abs(divergences[-1]) > lengths[-1] and not blink
    trajectory = np.abs(divergences) if opens else lengths  # (steps,)
    z = float(trajectory[-1]) / floor
    mean_length = float(np.hypot(*vectors.T).mean()) if len(vectors) else 0.0
    concentration = float(np.hypot(*vectors.mean(0))) / mean_length if mean_length else 0.0
    opening_word = words.OPENING[int(divergences[-1] < 0)]
    return Evidence(
        region=region,
        dx=float(mean[0]),
        dy=float(mean[1]),
        out=out,
        up=up,
        magnitude=float(lengths[-1]),
        z=z,
        direction=opening_word if opens else direction(region, out, up),
        concentration=concentration,
        divergence=float(divergences[-1]),
        level=words.LEVELS[int(np.searchsorted(thresholds, z, side="right"))],
        rise=_time_of_reaching(trajectory, 0.5),
        peak=_time_of_reaching(trajectory, 1.0),
        noise=floor,
    )


def _time_of_reaching(trajectory: npt.NDArray[np.floating], share: float) -> float:
    """Return the fraction of the time from onset to apex at which a trajectory first reaches a share of its maximum.

    trajectory: (steps,), without the onset, where it is zero; between steps it is linear.
    """
    target = share * float(trajectory.max())
    step = int(np.argmax(trajectory >= target))
    before = float(trajectory[step - 1]) if step else 0.0
    after = float(trajectory[step])
    part_of_step = (target - before) / (after - before) if after > before else 1.0
    return (step + part_of_step) / len(trajectory)


def direction(region: str, out: float, up: float) -> str:
    """Return the direction of a motion as one of the region's eight words."""
    octant = round(math.atan2(out, up) / (math.pi / 4)) % 8
    return words.directions(region)[octant]


def by_region(measured: Iterable[Evidence]) -> Mapping[str, Evidence]:
    """Return evidence by region name."""
    return {evidence.region: evidence for evidence in measured}


def from_rows(rows: Iterable[Row]) -> list[Evidence]:
    """Return evidence from the nested ``regions`` of a row of `deft.core.schemas.VERIFY`."""
    return [Evidence(**{name: row[name] for name in Evidence._fields}) for row in rows]


def halves(region: str, mask: Mask, points: Points, down: npt.NDArray[np.floating]) -> tuple[Mask, Mask]:
    """Return the upper and the lower half (H, W) of a region, an eye's above and below the line through its corners.

    mask: (H, W); points: (68, 2), in px; down: (2,), the face's own axis.
    """
    columns, rows = np.arange(mask.shape[1]), np.arange(mask.shape[0])
    along = columns * down[0] + rows[:, None] * down[1]  # (H, W), the position along the face's vertical axis
    if regions.place(region) == "eye":
        corner, other = (36, 39) if regions.side(region) == "R" else (42, 45)
        (x, y), (dx, dy) = points[corner], points[other] - points[corner]
        line = y + (columns - x) * dy / dx  # (W,), the row of the line through the corners
        middle = line * down[1] + columns * down[0]
    else:
        middle = np.median(along[mask]) if mask.any() else 0.0
    return mask & (along <= middle), mask & (along > middle)


def _means(flows: npt.NDArray[np.float32], mask: Mask) -> npt.NDArray[np.float32]:
    """Return the mean vector per step (steps, 2) over a mask (H, W); zero if the mask is empty."""
    if not mask.any():
        return np.zeros((len(flows), 2), np.float32)
    means: npt.NDArray[np.float32] = flows[:, mask].mean(1)
    return means


def _filled(polygon: npt.NDArray[np.floating], shape: tuple[int, int]) -> Mask:
    """Return the mask (H, W) of a polygon's convex hull, points (n, 2) in px, exact to 1/16 px."""
    canvas = np.zeros(shape, np.uint8)
    hull = cv2.convexHull(polygon.astype(np.float32))
    cv2.fillConvexPoly(canvas, np.round(hull * 16).astype(np.int32), 1, shift=4)
    return canvas.astype(bool)
