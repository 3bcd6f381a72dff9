"""The moment of largest facial motion in an unlabelled clip: its onset and its apex."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from deft.facs import regions
from deft.motion import compensation, evidence, tvl1

_SIDE = 128  # pixels: enough to see that something moves
_LONGEST_S = 0.5  # a micro-expression, from onset to offset
_EYES = ("right eye", "left eye")  # blinks and gaze are no expression
_LOOKS = 8  # frames that are tried as the apex
_COMPARABLE = 0.6  # of the largest pace: the way back from an apex is as fast as the way to it, and later


class Moment(NamedTuple):
    """Positions of onset and apex, and the ``strength`` of the motion between them in eye distances."""

    onset: int
    apex: int
    strength: float


def length(fps: float) -> int:
    """Frames that a micro-expression may last, at least 2."""
    return max(2, round(_LONGEST_S * fps))


def onset(crops: Sequence[npt.NDArray[np.uint8]], points: npt.NDArray[np.float32], fps: float) -> Moment:
    """Find where the face first moves about as fast as it ever does, and how far it gets from there.

    Eyes are left out and head motion is removed.

    ``crops`` are at least two grey pictures (H, W), all cut alike; ``points`` (68, 2) are one's landmarks. Each
    frame is compared with the one a quarter of a micro-expression later (our choice, after the main directional
    difference of Wang et al. 2017, doi:10.1016/j.neucom.2016.05.083).
    """
    scale = _SIDE / max(crops[0].shape)
    small = [cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for crop in crops]
    places = points * np.float32(scale)
    gap = max(1, min(length(fps) // 4, len(small) - 1))
    starts = range(0, len(small) - gap, max(1, gap // 2))
    pace = np.array([_strength(small[at], small[at + gap], places) for at in starts])
    start = starts[int(np.argmax(pace >= _COMPARABLE * pace.max()))]
    return apex(small, places, start, min(len(small) - 1, start + length(fps)))


def apex(crops: Sequence[npt.NDArray[np.uint8]], points: npt.NDArray[np.float32], start: int, last: int) -> Moment:
    """The apex of an onset at ``start``: where motion since then is largest, up to ``last``."""
    ahead = sorted({*np.linspace(start + 1, last, _LOOKS).round().astype(int).tolist()})
    strengths = [_strength(crops[start], crops[at], points) for at in ahead]
    best = int(np.argmax(strengths))
    return Moment(start, ahead[best], strengths[best])


def _strength(before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8], points: npt.NDArray[np.float32]) -> float:
    """Mean motion of the three regions that move most, in eye distances (so that pictures of any size compare)."""
    stable = compensation.stable_area(points, before.shape)
    flow = compensation.compensate(tvl1.flow(before, after), stable).flow
    found = evidence.masks(points, flow.shape[:2])
    lengths = [float(np.hypot(*flow[mask].mean(0))) for name, mask in found.items() if name not in _EYES and mask.any()]
    return float(np.mean(sorted(lengths)[-3:])) / regions.axes(points).iod
