"""A clip's motion made larger, to be seen: from the onset to the apex and back, again and again.

Every point x of the onset goes to x + a · u(x), where u is the measured flow to a frame, the head's motion removed, and
a the factor: motion magnification by flow (Liu et al., "Motion Magnification", 2005; on micro-expressions Le Ngo et
al., "Micro-Expression Motion Magnification: Global Lagrangian vs. Local Eulerian Approaches", 2018). The camera's noise
is not magnified, since all frames are made of the onset alone. Nor is anything shown that was not there at the onset:
no teeth, no wrinkle, no shut lid. The picture tears where flow errs, as in a blink, and where so large a factor folds
the skin. It is there to be looked at: nothing is measured on it.
"""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from deft.core import tables
from deft.core.errors import DataError
from deft.face import Points
from deft.facs import regions
from deft.media import Image, pictures
from deft.motion import compensation, tvl1
from deft.report import overlay
from deft.report.clips import View

_ONE_WAY_MS, _HOLD_MS = 800, 400
_FADE = 0.08  # eye distances over which magnification ends at the face's outline: beyond, flow is not the face's
_TURNS = 15  # of the iteration that turns a warp around; it settles wherever the magnified skin does not fold


def magnified(crops: Mapping[int, Image], points: Points, onset: int, apex: int, factor: float) -> dict[int, Image]:
    """Each crop (H, W, 3) from onset to apex, by position, as the onset with ``factor`` times its motion.

    ``points`` (68, 2) are the onset's landmarks, crop pixels.
    """
    first, wanted = crops[onset], [position for position in crops if onset <= position <= apex]
    stable = compensation.stable_area(points, first.shape[:2])
    soft = cv2.GaussianBlur(
        overlay.face(points, first.shape[:2]).astype(np.float32), (0, 0), _FADE * regions.axes(points).iod
    )
    flows = tvl1.flow_sequence(pictures.grey(crops[position]) for position in wanted)
    return {
        position: _warped(first, np.float32(factor) * soft[..., None] * compensation.compensate(flow, stable).flow)
        for position, flow in zip(wanted, flows, strict=True)
    }


def write(path: Path, view: View, factor: float) -> None:
    """Write the loop as animated WebP: as recorded on the left, magnified on the right.

    Raises:
        DataError: the clip comes as flow.

    """
    row = view.row
    if not view.crops:
        raise DataError(row["clip"], "flow alone", "a clip with frames to magnify", "choose another")
    moved = magnified(view.crops, view.points, row["onset"], row["apex"], factor)
    frames = {
        position: np.hstack([_titled(view.crops[position], "as recorded"), _titled(picture, f"motion x {factor:g}")])
        for position, picture in moved.items()
    }
    there = list(frames)
    gaps = [_ONE_WAY_MS * (b - a) // max(1, row["apex"] - row["onset"]) for a, b in pairwise(there)]
    animation = cv2.Animation()
    animation.frames = [cv2.cvtColor(frames[at], cv2.COLOR_RGB2BGR) for at in [*there, *there[-2:0:-1]]]
    animation.durations = [_HOLD_MS, *gaps[1:], _HOLD_MS, *gaps[-2::-1]][: len(animation.frames)]
    _, data = cv2.imencodeanimation(".webp", animation, [cv2.IMWRITE_WEBP_QUALITY, 85])
    with tables.complete(path) as temporary:
        temporary.write_bytes(data.tobytes())


def _warped(picture: Image, flow: overlay.Flow) -> Image:
    """The picture (H, W, 3) whose point x lies at x + flow(x): what is at y came from x = y − flow(x)."""
    height, width = flow.shape[:2]
    y = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32)
    x = y
    for _ in range(_TURNS):
        x = y - cv2.remap(flow, x, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.remap(picture, x, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))


def _titled(crop: Image, title: str) -> Image:
    shown = overlay.shown(crop).copy()
    for colour, thickness in ((0, 3), (255, 1)):
        cv2.putText(
            shown, title, (8, len(shown) - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (colour,) * 3, thickness, cv2.LINE_AA
        )
    return shown
