"""Three frozen views of a clip: structure, texture, motion. Each is a function clip → tokens, float32 (tokens, dim)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FLOW_ALONE = ("motion",)  # experts that need no pixels: they see clips that come as flow


def look(
    expert: str,
    crops: Sequence[npt.NDArray[np.uint8]],
    points: npt.NDArray[np.float32],
    flows: npt.NDArray[np.float32],
    noise: float,
    grid: int,
) -> npt.NDArray[np.float32]:
    """What an expert sees, float32 (tokens, dim).

    ``crops`` are grey (H, W) from onset to offset; ``points`` (68, 2) and ``flows`` (steps, H, W, 2) are the onset's
    landmarks and the motion up to the apex with its ``noise``, crop pixels; ``grid`` is the cells a side of
    HOG and LBP-TOP.
    """
    from deft.experts import motion, structure, texture

    if expert == "structure":
        return structure.tokens(crops[0], points, grid)
    if expert == "texture":
        return texture.tokens(np.stack(crops), grid)
    if expert == "motion":
        return motion.tokens(flows, points, noise)
    raise ValueError(f"expert: found {expert!r}, expected 'structure', 'texture' or 'motion'")
