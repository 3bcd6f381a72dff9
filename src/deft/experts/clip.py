"""A clip as the experts get it, and what they give back."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from deft.media import Image
from deft.motion.verification import Reading

Tokens = npt.NDArray[np.float32]  # (tokens, dim)
Need = Literal["onset", "crops", "flow", "reading"]  # a part of a clip that an expert encodes


class Clip(NamedTuple):
    """What was measured of a clip, in crop pixels; ``crops`` and ``flows`` are empty where no expert needs them.

    crops: RGB (H, W, 3) each, from onset to offset; none where the clip comes as flow.
    points: the onset's landmarks, float32 (68, 2).
    flows: onset → step, float32 (steps, H, W, 2); the last step is the apex.
    noise_px: the clip's own noise (`deft.motion.evidence.noise`).
    reading: what the motion prior says of the flow at the apex; None where no expert needs it.
    """

    crops: Sequence[Image]
    points: npt.NDArray[np.float32]
    flows: npt.NDArray[np.float32]
    noise_px: float
    reading: Reading | None = None
