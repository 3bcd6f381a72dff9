"""Compiled loops that resample pictures: smoothing, halving, cells and back, derivatives.

Pictures are (H, W). Arrays on cells, squares of `cell` × `cell` px, are (n, h, w) with h = H // cell, w = W // cell;
the last row and column of cells also hold the remaining pixels. All arrays are float32, and all loops use one thread.
"""

from collections.abc import Callable
from typing import TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Kernel = TypeVar("Kernel", bound=Callable[..., object])

_ZERO = np.float32(0)


def compiled(kernel: Kernel) -> Kernel:
    """Compile a loop on first use and keep it on disk."""
    return cast(Kernel, njit(fastmath=True, nogil=True, cache=True, error_model="numpy")(kernel))


@compiled
def convolve(layers: Floats, taps: Floats) -> None:
    """Convolve each layer (n, H, W) with separable taps (odd,), in place, edges repeated."""
    count, height, width = layers.shape
    radius = len(taps) // 2
    padded, across = np.empty(width + 2 * radius, np.float32), np.empty((height, width), np.float32)
    for n in range(count):
        layer = layers[n]
        for y in range(height):
            padded[:radius] = layer[y, 0]
            padded[radius : radius + width] = layer[y]
            padded[radius + width :] = layer[y, width - 1]
            sums = across[y]
            sums[:] = _ZERO
            for k in range(len(taps)):
                shifted = padded[k : k + width]
                for x in range(width):
                    sums[x] += taps[k] * shifted[x]
        for y in range(height):
            sums = layer[y]
            sums[:] = _ZERO
            for k in range(len(taps)):
                row = across[min(max(y + k - radius, 0), height - 1)]
                for x in range(width):
                    sums[x] += taps[k] * row[x]


@compiled
def halved(picture: Floats) -> Floats:
    """Return the mean of each 2 × 2 block, (H // 2, W // 2); an odd last row or column is left out."""
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    out = np.empty((height, width), np.float32)
    for y in range(height):
        top, bottom = picture[2 * y], picture[2 * y + 1]
        for x in range(width):
            out[y, x] = np.float32(0.25) * (top[2 * x] + top[2 * x + 1] + bottom[2 * x] + bottom[2 * x + 1])
    return out


@compiled
def pooled(picture: Floats, cell: int) -> Floats:
    """Return the mean of each cell, (1, h, w)."""
    height, width = picture.shape
    h, w = height // cell, width // cell
    out, column = np.empty((1, h, w), np.float32), np.empty(width, np.float32)
    for j in range(h):
        last = (j + 1) * cell if j < h - 1 else height
        column[:] = _ZERO
        for y in range(j * cell, last):
            column += picture[y]
        gather(column, cell, out[0, j])
        out[0, j] /= np.float32(cell * (last - j * cell))
        out[0, j, w - 1] *= np.float32(cell / (width - (w - 1) * cell))
    return out


@compiled
def gather(row: Floats, cell: int, sums: Floats) -> None:
    """Sum a row (W,) cell by cell into sums (w,)."""
    w = len(sums)
    for i in range(w - 1):
        total = _ZERO
        for x in range(i * cell, (i + 1) * cell):
            total += row[x]
        sums[i] = total
    sums[w - 1] = row[(w - 1) * cell :].sum()


@compiled
def enlarged(cells: Floats, cell: int, height: int, width: int) -> Floats:
    """Interpolate between the cells' centres, bilinear, to (n, H, W); extrapolate linearly beyond them."""
    count, h, w = cells.shape
    out, line = np.empty((count, height, width), np.float32), np.empty(w, np.float32)
    left, share = np.empty(width, np.uint32), np.empty(width, np.float32)
    for x in range(width):
        place = min((x + 0.5) / cell - 0.5, w - 0.5)
        left[x] = min(max(int(place), 0), w - 2)
        share[x] = np.float32(place - left[x])
    for n in range(count):
        for y in range(height):
            place = min((y + 0.5) / cell - 0.5, h - 0.5)
            top = min(max(int(place), 0), h - 2)
            down = np.float32(place - top)
            above, below, row = cells[n, top], cells[n, top + 1], out[n, y]
            for x in range(w):
                line[x] = above[x] + down * (below[x] - above[x])
            for x in range(width):
                a, b = line[left[x]], line[left[x] + np.uint32(1)]
                row[x] = a + share[x] * (b - a)
    return out


@compiled
def gradient(picture: Floats) -> Floats:
    """Return five-point derivatives (−1, 8, 0, −8, 1) / 12 along x and y, edges repeated, (2, H, W)."""
    height, width = picture.shape
    out = np.empty((2, height, width), np.float32)
    near, far = np.float32(8 / 12), np.float32(1 / 12)
    for y in range(height):
        up, upper = picture[max(y - 1, 0)], picture[max(y - 2, 0)]
        down, lower = picture[min(y + 1, height - 1)], picture[min(y + 2, height - 1)]
        row, along_x, along_y = picture[y], out[0, y], out[1, y]
        for x in range(width):
            along_y[x] = near * (down[x] - up[x]) - far * (lower[x] - upper[x])
        for x in range(2, width - 2):
            along_x[x] = near * (row[x + 1] - row[x - 1]) - far * (row[x + 2] - row[x - 2])
        for x in (0, 1, width - 2, width - 1):
            left, lefter = row[max(x - 1, 0)], row[max(x - 2, 0)]
            right, righter = row[min(x + 1, width - 1)], row[min(x + 2, width - 1)]
            along_x[x] = near * (right - left) - far * (righter - lefter)
    return out
