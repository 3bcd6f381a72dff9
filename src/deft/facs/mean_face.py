"""The mean face: the 68 landmarks of a frontal face in a dataset that has no pictures to landmark."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

# In eye distances from the middle between the eyes, x to the picture's right, y down: the mean of 32 people of the
# rendered corpus (seeds 1000-1007), each made symmetric.
POINTS = np.array((
    (-1.011, 0.035), (-1.009, 0.230), (-0.991, 0.438), (-0.963, 0.661), (-0.942, 0.876),
    (-0.845, 1.108), (-0.615, 1.363), (-0.348, 1.573), (0.000, 1.669), (0.348, 1.573),
    (0.615, 1.363), (0.845, 1.108), (0.942, 0.876), (0.963, 0.661), (0.991, 0.438),
    (1.009, 0.230), (1.011, 0.035), (-0.825, -0.213), (-0.707, -0.268), (-0.584, -0.279),
    (-0.428, -0.252), (-0.284, -0.225), (0.284, -0.225), (0.428, -0.252), (0.584, -0.279),
    (0.707, -0.268), (0.825, -0.213), (0.000, -0.043), (0.000, 0.187), (0.000, 0.396),
    (0.000, 0.529), (-0.235, 0.604), (-0.131, 0.660), (0.000, 0.691), (0.131, 0.660),
    (0.235, 0.604), (-0.746, 0.000), (-0.597, -0.071), (-0.421, -0.078), (-0.261, 0.033),
    (-0.408, 0.058), (-0.567, 0.058), (0.261, 0.033), (0.421, -0.078), (0.597, -0.071),
    (0.746, 0.000), (0.567, 0.058), (0.408, 0.058), (-0.411, 0.930), (-0.240, 0.910),
    (-0.125, 0.883), (0.000, 0.892), (0.125, 0.883), (0.240, 0.910), (0.411, 0.930),
    (0.240, 1.015), (0.122, 1.061), (0.000, 1.082), (-0.122, 1.061), (-0.240, 1.015),
    (-0.389, 0.941), (-0.127, 0.952), (0.000, 0.954), (0.127, 0.952), (0.389, 0.941),
    (0.118, 0.981), (0.000, 0.983), (-0.118, 0.981),
))  # fmt: skip

FRAME = 2.4  # eye distances: the side of a square face crop as data sets cut them, from the forehead to the chin
EYE_LINE = 0.26  # of the crop's height, from its top to the eyes


def filling(shape: Sequence[int]) -> npt.NDArray[np.float32]:
    """Return the mean face's landmarks (68, 2), in px, in a picture (H, W) that is a face crop."""
    share = POINTS / FRAME + [0.5, EYE_LINE]
    return np.asarray(share * [shape[1], shape[0]] - 0.5, np.float32)
