"""Magnify a clip's motion for the eye, in a loop from the onset to the apex and back.

Every point x of the onset moves to x + a · u(x), where u is the measured flow to a frame without the head's motion and
a is the factor: motion magnification by flow (Liu et al., "Motion Magnification", 2005; on micro-expressions Le Ngo et
al., "Micro-Expression Motion Magnification: Global Lagrangian vs. Local Eulerian Approaches", 2018). All frames are
made from the onset alone, so camera noise is not magnified, and nothing appears that was not visible at the onset: no
teeth, no wrinkles, no closed lids. The image tears where the flow is wrong, as in a blink, and where a large factor
folds the skin. The loop is for viewing only; nothing is measured on it.
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
_FADE = 0.08  # eye distances over which magnification fades out at the outline of the face
_ITERATIONS = 15  # of inverting a warp; they converge wherever the magnified skin does not fold


def magnified(crops: Mapping[int, Image], points: Points, onset: int, apex: int, factor: float) -> dict[int, Image]:
    """Return the onset with ``factor`` times the motion of each crop (H, W, 3) from onset to apex, by position.

    ``points`` (68, 2) are the onset's landmarks, crop px.
    """
    first, positions = crops[onset], [position for position in crops if onset <= position <= apex]
    stable = compensation.stable_area(points, first.shape[:2])
    face = overlay.face(points, first.shape[:2]).astype(np.float32)  # (H, W)
    fade = cv2.GaussianBlur(face, (0, 0), _FADE * regions.axes(points).iod)[..., None]  # (H, W, 1)
    flows = tvl1.flow_sequence(pictures.grey(crops[position]) for position in positions)
    magnified_crops = {}
    for position, flow in zip(positions, flows, strict=True):
        expression = compensation.compensate(flow, stable).flow  # (H, W, 2)
        magnified_crops[position] = _warped(first, np.float32(factor) * fade * expression)
    return magnified_crops


def write(path: Path, view: View, factor: float) -> None:
    """Write the loop as animated WebP, as recorded on the left and magnified on the right.

    Raises:
        DataError: the clip comes as flow, without frames.

    """
    row = view.row
    if not view.crops:
        raise DataError(row["clip"], "flow alone", "a clip with frames to magnify", "choose another")
    moved = magnified(view.crops, view.points, row["onset"], row["apex"], factor)
    frames = {
        position: np.hstack([_titled(view.crops[position], "as recorded"), _titled(image, f"motion x {factor:g}")])
        for position, image in moved.items()
    }
    positions = list(frames)
    length = max(1, row["apex"] - row["onset"])
    gaps = [_ONE_WAY_MS * (after - before) // length for before, after in pairwise(positions)]  # ms
    there_and_back = [*positions, *positions[-2:0:-1]]
    animation = cv2.Animation()
    animation.frames = [cv2.cvtColor(frames[position], cv2.COLOR_RGB2BGR) for position in there_and_back]
    animation.durations = [_HOLD_MS, *gaps[1:], _HOLD_MS, *gaps[-2::-1]][: len(animation.frames)]
    _, data = cv2.imencodeanimation(".webp", animation, [cv2.IMWRITE_WEBP_QUALITY, 85])
    with tables.complete(path) as temporary:
        temporary.write_bytes(data.tobytes())


def _warped(image: Image, flow: overlay.Flow) -> Image:
    """Return the image (H, W, 3) with every point x moved to x + flow(x).

    The pixel at y comes from the x that solves x = y − flow(x), found by fixed-point iteration.
    """
    height, width = flow.shape[:2]
    y = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32)  # (H, W, 2)
    x = y
    for _ in range(_ITERATIONS):
        x = y - cv2.remap(flow, x, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.remap(image, x, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))


def _titled(crop: Image, title: str) -> Image:
    shown = overlay.shown(crop).copy()
    for colour, thickness in ((0, 3), (255, 1)):
        cv2.putText(
            shown, title, (8, len(shown) - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (colour,) * 3, thickness, cv2.LINE_AA
        )
    return shown
