"""A clip as the experts look at it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deft.media import Image


class Clip(NamedTuple):
    """``crops`` from onset to offset (none where the clip comes as flow); the onset's landmarks ``points`` (68, 2) and
    the motion up to the apex ``flows`` (steps, H, W, 2) with its ``noise``, crop pixels.
    """

    crops: Sequence[Image]
    points: npt.NDArray[np.float32]
    flows: npt.NDArray[np.float32]
    noise: float
