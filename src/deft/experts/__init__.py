"""Three frozen views of clips: structure, texture, motion. Each makes of a clip its tokens, float32 (tokens, dim)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deft.experts.clip import Clip as Clip

DEFAULT = "default"  # ours, which need no weights
FLOW_ALONE = ("motion",)  # experts that need no pixels: they see clips that come as flow


def look(expert: str, model: str, clips: Sequence[Clip], grid: int, tokens: int) -> list[npt.NDArray[np.float32]]:
    """What an expert sees in each clip, float32 (tokens, dim).

    ``model`` is "default" or a Hugging Face vision model, of which ``tokens`` a picture are kept; ``grid`` is the cells
    a side of our HOG and LBP-TOP.

    Raises:
        DataError: the model cannot be used, or it sees something that is no number.

    """
    if model == DEFAULT:
        return [_own(expert, clip, grid) for clip in clips]
    from deft.experts import vision

    return vision.look(expert, model, clips, tokens)


def _own(expert: str, clip: Clip, grid: int) -> npt.NDArray[np.float32]:
    from deft.experts import motion, structure, texture
    from deft.media.pictures import grey

    if expert == "structure":
        return structure.tokens(grey(clip.crops[0]), clip.points, grid)
    if expert == "texture":
        return texture.tokens(np.stack([grey(crop) for crop in clip.crops]), grid)
    if expert == "motion":
        return motion.tokens(clip.flows, clip.points, clip.noise)
    raise ValueError(f"expert: found {expert!r}, expected 'structure', 'texture' or 'motion'")
