"""A first guess of the flow of skin that moves too far for optical flow: the way of the vertices of the face mesh.

A smile moves the corners of the mouth by 8 to 24 px of a crop, and shows teeth that were not there: no pyramid finds
that. The mesh errs by half a pixel, but never loses the mouth.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from deft.face import dense, mesh
from deft.media import Image

FAR_PX = 5.0  # of a vertex against the whole face; micro-expressions stay below it


def guesses(crops: Mapping[int, Image], onset: int, targets: Iterable[int]) -> dict[int, npt.NDArray[np.float32]]:
    """Return how far the face's skin moves from the onset's crop to those of targets, in px, (H, W, 2) by position.

    crops: (H, W, 3), by position. There is none where no vertex moves farther than `FAR_PX`, or where a crop shows no
    face: then flow needs no guess.
    """
    before = mesh.vertices(crops[onset])
    if before is None:
        return {}
    found = {}
    for target in targets:
        after = None if target == onset else mesh.vertices(crops[target])
        if after is None:
            continue
        moved = after - before  # (468, 2)
        if np.hypot(*(moved - np.median(moved, 0)).T).max() >= FAR_PX:
            found[target] = dense.interpolated(before, moved, crops[onset].shape[:2])
    return found
