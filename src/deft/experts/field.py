"""The motion field of the whole face at the apex: what the motion prior reads in it, and the field itself.

The only token holds the prior's log-odds of each unit that models predict (`deft.facs.units.EXPRESSIVE`), its embedding
of the face (`deft.prior`), and the field on 28 × 28 cells, in multiples of its longest vector.
"""

from collections.abc import Mapping

import cv2
import numpy as np

from deft.core.params import Features
from deft.experts.clip import Clip, Need, Tokens
from deft.facs.units import EXPRESSIVE

NEEDS: frozenset[Need] = frozenset({"flow"})
OWN: Mapping[str, frozenset[Need]] = {"default": frozenset({"reading"})}

_CELLS = 28  # along each side


def tokens(clip: Clip, params: Features) -> Tokens:
    """Return one token (1, units + embedding + 2 · 28 · 28)."""
    assert clip.reading is not None, "the clip comes with the prior's reading"
    log_odds = np.array([clip.reading.log_odds[unit] for unit in EXPRESSIVE], np.float32)
    return np.concatenate([log_odds, clip.reading.embedding, small(clip.flows[-1]).ravel()])[None]


def small(flow: Tokens) -> Tokens:
    """Return a flow field (H, W, 2) on 28 × 28 cells (2, 28, 28), divided by its longest vector."""
    cells = cv2.resize(flow, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
    longest = float(np.hypot(cells[..., 0], cells[..., 1]).max())
    return np.asarray(cells.transpose(2, 0, 1) / max(longest, 1e-9), np.float32)
