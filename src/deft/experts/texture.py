"""Dynamic texture: LBP-TOP, local binary patterns on three orthogonal planes (Zhao and Pietikäinen 2007)."""

from collections.abc import Mapping

import cv2
import numpy as np
import numpy.typing as npt

from deft.core.params import Features
from deft.experts.clip import Clip, Need, Tokens
from deft.media.pictures import grey

NEEDS: frozenset[Need] = frozenset({"crops"})
OWN: Mapping[str, frozenset[Need]] = {"default": frozenset()}

_SIDE_PX = 96
_NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
_PLANES = ((1, 2), (0, 2), (0, 1))  # axes of (T, H, W): XY, XT, YT


def _uniform_bins() -> npt.NDArray[np.uint8]:
    """Return each pattern's bin (256,): one for each of the 58 uniform patterns, and one for all others.

    A pattern is uniform if it changes at most twice between 0 and 1 around the circle.
    """
    changes = [bin(code ^ ((code >> 1) | ((code & 1) << 7))).count("1") for code in range(256)]
    uniform = [code for code in range(256) if changes[code] <= 2]
    bins = np.full(256, len(uniform), np.uint8)
    bins[uniform] = np.arange(len(uniform))
    return bins


_BINS = _uniform_bins()


def tokens(clip: Clip, params: Features) -> Tokens:
    """Return one token (1, 3·59·grid²): LBP-TOP of the clip's crops, of which there are at least 3."""
    return lbp_top(np.stack([grey(crop) for crop in clip.crops]), params.grid)


def lbp_top(frames: npt.NDArray[np.uint8], grid: int) -> Tokens:
    """Return LBP-TOP (1, 3·59·grid²) of grey frames (T ≥ 3, H, W): a histogram per plane and block, square-rooted."""
    volume = np.stack([cv2.resize(frame, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA) for frame in frames])
    inner = volume[1:-1, 1:-1, 1:-1]  # (T - 2, 94, 94)
    rows, columns = (np.arange(size) * grid // size for size in inner.shape[1:])
    blocks = rows[:, None] * grid + columns[None]  # (94, 94)
    histograms = []
    for plane in _PLANES:
        patterns = np.zeros(inner.shape, np.uint8)
        for bit, offsets in enumerate(_NEIGHBOURS):
            neighbours = volume[_window(volume.shape, dict(zip(plane, offsets, strict=True)))]
            patterns |= (neighbours >= inner).astype(np.uint8) << bit
        cells = blocks[None] * 59 + _BINS[patterns]
        counts = np.bincount(cells.ravel(), minlength=59 * grid**2).reshape(grid**2, 59)
        histograms.append(counts / counts.sum(1, keepdims=True))
    return np.asarray(np.sqrt(np.concatenate(histograms, 1)).reshape(1, -1), np.float32)


def _window(shape: tuple[int, ...], shift: dict[int, int]) -> tuple[slice, ...]:
    """Return the inner volume's slices, shifted by ``shift``: axis → offset."""
    return tuple(slice(1 + shift.get(axis, 0), size - 1 + shift.get(axis, 0)) for axis, size in enumerate(shape))
