"""`deft.motion.grids` for pictures by the thousand, in torch: what is linear along rows and columns is two matrices."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deft.motion import contrast


def smoothed(x: Tensor, sigma: float) -> Tensor:
    """Gaussian of x (..., H, W), edges repeated."""
    return _both(x, _smoothing, sigma)


def halved(x: Tensor) -> Tensor:
    """Mean of each 2 × 2 block of x (..., H, W); an odd last row or column is left out."""
    return _both(x, _halving)


def gathered(x: Tensor, cell: int) -> Tensor:
    """Sum over each cell of x (..., H, W): (..., h, w)."""
    return _both(x, _gathering, cell)


def enlarged(cells: Tensor, cell: int, shape: tuple[int, ...]) -> Tensor:
    """Bilinear between the cells' centres, from (..., h, w) to (..., H, W); straight on within a border's cell."""
    sides = zip(cells.shape[-2:], shape, strict=True)
    rows, columns = (_kept(_enlarging, str(cells.device), side, cell, size) for side, size in sides)
    return rows @ cells @ columns.T


def gradient(pictures: Tensor) -> Tensor:
    """Five-point derivatives along x and y, edges repeated: (N, H, W) to (N, 2, H, W)."""
    down, across = (_kept(_deriving, str(pictures.device), side) for side in pictures.shape[1:])
    return torch.stack([pictures @ across.T, down @ pictures], 1)


def _both(x: Tensor, matrix: Callable[..., Tensor], *arguments: float) -> Tensor:
    rows, columns = (_kept(matrix, str(x.device), side, *arguments) for side in x.shape[-2:])
    return rows @ x @ columns.T


@lru_cache(maxsize=256)
def _kept(matrix: Callable[..., Tensor], device: str, *arguments: float) -> Tensor:
    return matrix(*arguments).to(device)


def _smoothing(size: int, sigma: float) -> Tensor:
    taps = contrast.gaussian(sigma)
    return _stencil(size, np.arange(len(taps)) - len(taps) // 2, taps)


def _deriving(size: int) -> Tensor:
    return _stencil(size, np.array([-2, -1, 1, 2]), np.array([1, -8, 8, -1], np.float32) / np.float32(12))


def _stencil(size: int, shifts: NDArray[np.integer], taps: NDArray[np.float32]) -> Tensor:
    matrix = np.zeros((size, size), np.float32)
    for shift, tap in zip(shifts, taps, strict=True):
        np.add.at(matrix, (np.arange(size), np.clip(np.arange(size) + shift, 0, size - 1)), tap)
    return torch.from_numpy(matrix)


def _halving(size: int) -> Tensor:
    return 0.5 * (torch.arange(size)[None] // 2 == torch.arange(size // 2)[:, None]).float()


def _gathering(size: int, cell: int) -> Tensor:
    cells = size // cell
    return ((torch.arange(size) // cell).clamp(max=cells - 1)[None] == torch.arange(cells)[:, None]).float()


def _enlarging(cells: int, cell: int, size: int) -> Tensor:
    place = ((torch.arange(size, dtype=torch.float64) + 0.5) / cell - 0.5).clamp(max=cells - 0.5)
    left = place.long().clamp(0, cells - 2)
    share = (place - left).float()
    matrix, at = torch.zeros(size, cells), torch.arange(size)
    matrix[at, left], matrix[at, left + 1] = 1 - share, share
    return matrix
