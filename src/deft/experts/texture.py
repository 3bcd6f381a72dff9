"""Dynamic texture: LBP-TOP, local binary patterns on three orthogonal planes (Zhao and Pietikäinen 2007)."""

import cv2
import numpy as np
import numpy.typing as npt

_SIDE = 96  # pixels
_AROUND = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
_PLANES = ((1, 2), (0, 2), (0, 1))  # axes of (T, H, W): XY, XT, YT


def _uniform_bins() -> npt.NDArray[np.uint8]:
    """Pattern → one of 59 bins: the 58 with at most two changes between 0 and 1 around the circle, and all else."""
    changes = [bin(code ^ ((code >> 1) | ((code & 1) << 7))).count("1") for code in range(256)]
    uniform = [code for code in range(256) if changes[code] <= 2]
    bins = np.full(256, len(uniform), np.uint8)
    bins[uniform] = np.arange(len(uniform))
    return bins


_BINS = _uniform_bins()


def tokens(frames: npt.NDArray[np.uint8], grid: int) -> npt.NDArray[np.float32]:
    """One token (1, 3·59·grid²) from grey crops (T ≥ 3, H, W): a histogram a plane and block, square-rooted."""
    volume = np.stack([cv2.resize(frame, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) for frame in frames])
    inner = volume[1:-1, 1:-1, 1:-1]
    rows, columns = (np.arange(size) * grid // size for size in inner.shape[1:])
    blocks = rows[:, None] * grid + columns[None]
    histograms = []
    for plane in _PLANES:
        code = np.zeros(inner.shape, np.uint8)
        for bit, offsets in enumerate(_AROUND):
            shift = dict(zip(plane, offsets, strict=True))
            window = tuple(
                slice(1 + shift.get(axis, 0), size - 1 + shift.get(axis, 0)) for axis, size in enumerate(volume.shape)
            )
            code |= (volume[window] >= inner).astype(np.uint8) << bit
        cells = blocks[None] * 59 + _BINS[code]
        counts = np.bincount(cells.ravel(), minlength=59 * grid**2).reshape(grid**2, 59)
        histograms.append(counts / counts.sum(1, keepdims=True))
    return np.asarray(np.sqrt(np.concatenate(histograms, 1)).reshape(1, -1), np.float32)
