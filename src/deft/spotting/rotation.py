"""Whether a video stands upside down, as under a wrong rotation tag.

The face mesh finds a face in such pictures, too: an upright one that is not there. It gives itself away by trembling.
"""

from collections.abc import Sequence

import numpy as np

from deft.core.errors import DataError
from deft.face import mesh
from deft.media import Image, video

FRAMES = 10  # from the beginning of the video
STEADIER = 2.0  # times less, from which the face in the turned frames is the real one


def refuse_overturned(source: video.Source) -> None:
    """Raise DataError if the face at the beginning of a video is far steadier once the frames are turned round."""
    frames = video.pick(source, set(range(FRAMES)))
    images = [frame.image for frame in frames]
    as_they_are, turned = (
        trembling([np.ascontiguousarray(image[::step, ::step]) for image in images]) for step in (1, -1)
    )
    if STEADIER * turned < as_they_are:
        raise DataError(
            source.path, "faces that stand upside down", "upright ones", "mend its rotation tag, or turn the frames"
        )


def trembling(images: Sequence[Image]) -> float:
    """Return how far a vertex of the largest face moves against the others from frame to frame, in widths of the face.

    The median over vertices and frames (H, W, 3); infinite if there is a face in fewer than half of them.
    """
    follower = mesh.Follower(1)
    found = [face.points for image in images for face in follower.faces(image)]
    if len(found) < max(2, len(images) / 2):
        return float("inf")
    points = np.array(found)  # (n, 68, 2)
    steps = np.diff(points - points.mean(1, keepdims=True), axis=0)
    return float(np.median(np.linalg.norm(steps, axis=2)) / np.ptp(points[..., 0], axis=1).mean())
