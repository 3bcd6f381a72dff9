"""`deft.motion.grids` for many pictures at once, in torch: every operation is a product with two matrices."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deft.motion import contrast


def smoothed(x: Tensor, sigma: float) -> Tensor:
    """Smooth x (..., H, W) by a Gaussian of this sigma in px, edges repeated."""
    return _along_both(x, _smoothing, sigma)


def halved(x: Tensor) -> Tensor:
    """Return the mean of each 2 × 2 block of x (..., H, W); an odd last row or column is left out."""
    return _along_both(x, _halving)


def gathered(x: Tensor, cell: int) -> Tensor:
    """Return the sum over each cell of x (..., H, W), (..., h, w)."""
    return _along_both(x, _gathering, cell)


def enlarged(cells: Tensor, cell: int, shape: tuple[int, ...]) -> Tensor:
    """Interpolate between the cells' centres, bilinear, from (..., h, w) to (..., H, W); see `grids.enlarged`."""
    sides = zip(cells.shape[-2:], shape, strict=True)
    rows, columns = (_cached(_enlarging, str(cells.device), side, cell, size) for side, size in sides)
    return rows @ cells @ columns.T


def gradient(pictures: Tensor) -> Tensor:
    """Return five-point derivatives along x and y, edges repeated, (N, 2, H, W) of (N, H, W)."""
    down, across = (_cached(_deriving, str(pictures.device), side) for side in pictures.shape[1:])
    return torch.stack([pictures @ across.T, down @ pictures], 1)


def _along_both(x: Tensor, matrix: Callable[..., Tensor], *arguments: float) -> Tensor:
    rows, columns = (_cached(matrix, str(x.device), side, *arguments) for side in x.shape[-2:])
    return rows @ x @ columns.T


@lru_cache(maxsize=256)
def _cached(matrix: Callable[..., Tensor], device: str, *arguments: float) -> Tensor:
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
    cell_of_pixel = (torch.arange(size) // cell).clamp(max=cells - 1)  # (size,)
    return (cell_of_pixel[None] == torch.arange(cells)[:, None]).float()  # (cells, size)


def _enlarging(cells: int, cell: int, size: int) -> Tensor:
    place = ((torch.arange(size, dtype=torch.float64) + 0.5) / cell - 0.5).clamp(max=cells - 0.5)
    left = place.long().clamp(0, cells - 2)
    share = (place - left).float()
    matrix, at = torch.zeros(size, cells), torch.arange(size)
    matrix[at, left], matrix[at, left + 1] = 1 - share, share
    return matrix
