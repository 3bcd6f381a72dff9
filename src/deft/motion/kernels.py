"""The loops of `deft.motion.tvl1`, compiled: float32, one thread, nothing allocated inside a row or an iteration.

Pictures are (H, W). What lives on cells, squares of `cell` × `cell` px, is (n, h, w) with h = H // cell, w = W // cell;
the last row and column of cells also hold what is left over.
"""

import math
from collections.abc import Callable
from typing import TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Kernel = TypeVar("Kernel", bound=Callable[..., object])

_ZERO, _HALF, _ONE, _TWO = (np.float32(value) for value in (0, 0.5, 1, 2))


def _compiled(kernel: Kernel) -> Kernel:
    return cast(Kernel, njit(fastmath=True, nogil=True, cache=True, error_model="numpy")(kernel))


@_compiled
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


@_compiled
def halved(picture: Floats) -> Floats:
    """Mean of each 2 × 2 block; an odd last row or column is left out."""
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    out = np.empty((height, width), np.float32)
    for y in range(height):
        top, bottom = picture[2 * y], picture[2 * y + 1]
        for x in range(width):
            out[y, x] = np.float32(0.25) * (top[2 * x] + top[2 * x + 1] + bottom[2 * x] + bottom[2 * x + 1])
    return out


@_compiled
def pooled(picture: Floats, cell: int) -> Floats:
    """Mean of each cell, (1, h, w)."""
    height, width = picture.shape
    h, w = height // cell, width // cell
    out, column = np.empty((1, h, w), np.float32), np.empty(width, np.float32)
    for j in range(h):
        last = (j + 1) * cell if j < h - 1 else height
        column[:] = _ZERO
        for y in range(j * cell, last):
            column += picture[y]
        _gather(column, cell, out[0, j])
        out[0, j] /= np.float32(cell * (last - j * cell))
        out[0, j, w - 1] *= np.float32(cell / (width - (w - 1) * cell))
    return out


@_compiled
def _gather(row: Floats, cell: int, sums: Floats) -> None:
    """Sum a row (W,) cell by cell into sums (w,)."""
    w = len(sums)
    for i in range(w - 1):
        total = _ZERO
        for x in range(i * cell, (i + 1) * cell):
            total += row[x]
        sums[i] = total
    sums[w - 1] = row[(w - 1) * cell :].sum()


@_compiled
def enlarged(cells: Floats, cell: int, height: int, width: int) -> Floats:
    """Bilinear between the cells' centres, (n, H, W); within a cell of the border it goes on as straight as inside."""
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


@_compiled
def gradient(picture: Floats) -> Floats:
    """Five-point derivatives (−1, 8, 0, −8, 1) / 12 along x and y, edges repeated: (2, H, W)."""
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


@_compiled
def _weights(t: np.float32) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """Catmull-Rom: what the values at −1, 0, 1 and 2 count for at t in [0, 1)."""
    square, cube = t * t, t * t * t
    inner, outer = np.float32(1.5) * cube - np.float32(2.5) * square, _HALF * (cube - square)
    return square - _HALF * (cube + t), inner + _ONE, _TWO * square - np.float32(1.5) * cube + _HALF * t, outer


@_compiled
def _along(flat: Floats, at: np.uint64, weights: tuple[np.float32, np.float32, np.float32, np.float32]) -> np.float32:
    one, a, b, c, d = np.uint64(1), *weights  # unsigned: no test for an index from the end
    return np.float32(a * flat[at] + b * flat[at + one] + c * flat[at + one + one] + d * flat[at + one + one + one])


@_compiled
def _sample(flat: Floats, start: np.int32, stride: np.int32, tx: np.float32, ty: np.float32) -> np.float32:
    """Bicubic: the 4 × 4 footprint that begins at `start` of a flat picture with rows of `stride`."""
    across, (a, b, c, d) = _weights(tx), _weights(ty)
    at, row = np.uint64(start), np.uint64(stride)
    upper = a * _along(flat, at, across) + b * _along(flat, at + row, across)
    return upper + c * _along(flat, at + row + row, across) + d * _along(flat, at + row + row + row, across)


@_compiled
def spread(reference: Floats, padded: Floats, flow: Floats, step: int) -> float:
    """Median of |T(x + u) − R(x)| over every step-th pixel; arguments as for `tensors`."""
    height, width = reference.shape
    right, bottom, stride = np.float32(width - 1), np.float32(height - 1), np.int32(width + 3)
    flat = padded.ravel()
    lengths = np.empty((height // step, width // step), np.float32)
    for j in range(height // step):
        y = j * step + step // 2
        for i in range(width // step):
            x = i * step + step // 2
            px = min(max(np.float32(x) + flow[0, y, x], _ZERO), right)
            py = min(max(np.float32(y) + flow[1, y, x], _ZERO), bottom)
            left, top = np.int32(px), np.int32(py)
            value = _sample(flat, top * stride + left, stride, px - np.float32(left), py - np.float32(top))
            lengths[j, i] = abs(value - reference[y, x])
    return float(np.median(lengths))


@_compiled
def tensors(
    reference: Floats, slope: Floats, padded: Floats, flow: Floats, cell: int, delta: np.float32, out: Floats
) -> None:
    """Sum the data term cell by cell: out (5, h, w) = Σ (gx², gx gy, gy², gx ρ, gy ρ) / √(ρ² + δ²).

    slope (2, H, W): g, the reference's gradient. padded (H + 3, W + 3): the target, its edges repeated, one before and
    two after. flow (2, H, W). A pixel that left the picture has no say.
    """
    height, width = reference.shape
    right, bottom, stride = np.float32(width - 1), np.float32(height - 1), np.int32(width + 3)
    flat, h = padded.ravel(), out.shape[1]
    start, inside = np.empty(width, np.int32), np.empty(width, np.float32)
    tx, ty, rho, sums = (
        np.empty(width, np.float32),
        np.empty(width, np.float32),
        np.empty(width, np.float32),
        np.empty((5, width), np.float32),
    )
    for j in range(h):
        sums[:] = _ZERO
        for y in range(j * cell, (j + 1) * cell if j < h - 1 else height):
            ux, uy, gx, gy, row = flow[0, y], flow[1, y], slope[0, y], slope[1, y], reference[y]
            for x in range(width):
                px, py = np.float32(x) + ux[x], np.float32(y) + uy[x]
                sx, sy = min(max(px, _ZERO), right), min(max(py, _ZERO), bottom)
                left, top = np.int32(sx), np.int32(sy)
                inside[x] = _ONE if sx == px and sy == py else _ZERO
                start[x], tx[x], ty[x] = top * stride + left, sx - np.float32(left), sy - np.float32(top)
            for x in range(width):
                rho[x] = _sample(flat, start[x], stride, tx[x], ty[x]) - row[x]
            for x in range(width):
                weight = inside[x] / math.sqrt(rho[x] * rho[x] + delta * delta)
                wx, wy = weight * gx[x], weight * gy[x]
                sums[0, x] += wx * gx[x]
                sums[1, x] += wx * gy[x]
                sums[2, x] += wy * gy[x]
                sums[3, x] += wx * rho[x]
                sums[4, x] += wy * rho[x]
        for k in range(5):
            _gather(sums[k], cell, out[k, j])


@_compiled
def divergence(dual: Floats, out: Floats) -> None:
    """Fill out (2, h, w) with div p; dual as for `relax`."""
    _, h, w = out.shape
    for c in range(2):
        px, py = dual[2 * c], dual[2 * c + 1]
        for y in range(h):
            for x in range(w):
                out[c, y, x] = px[y + 1, x + 1] - px[y + 1, x] + py[y + 1, x + 1] - py[y, x + 1]


@_compiled
def complete(tensor: Floats, u: Floats, back: Floats, tau: np.float32, weight: np.float32) -> None:
    """Turn A, b (5, h, w) into what `relax` needs, in place: (1 + τ λ A)⁻¹ and τ (λ (A u − b) − back).

    weight: λ. back (2, h, w): the divergence of Bregman's iteration.
    """
    _, h, w = tensor.shape
    step = tau * weight
    for y in range(h):
        for x in range(w):
            xx, xy, yy = step * tensor[0, y, x], step * tensor[1, y, x], step * tensor[2, y, x]
            tensor[3, y, x] = xx * u[0, y, x] + xy * u[1, y, x] - step * tensor[3, y, x] - tau * back[0, y, x]
            tensor[4, y, x] = xy * u[0, y, x] + yy * u[1, y, x] - step * tensor[4, y, x] - tau * back[1, y, x]
            scale = _ONE / ((_ONE + xx) * (_ONE + yy) - xy * xy)
            tensor[0, y, x], tensor[1, y, x], tensor[2, y, x] = scale * (_ONE + yy), -scale * xy, scale * (_ONE + xx)


@_compiled
def relax(
    data: Floats, slope: Floats, u: Floats, ahead: Floats, dual: Floats, tau: np.float32, sigma: np.float32, turns: int
) -> None:
    """All iterations on one level, in place: u and ahead (ū) are (2, h, w), data is `complete`'s.

    slope (2, 2): ∇A, what the total variation does not charge for. dual (4, h + 1, w + 1) holds p: along x and y for
    u[0], then for u[1]; its first row and column stay zero. One sweep does both steps: row y of p needs rows y and
    y + 1 of ū, and row y of u needs rows y − 1 and y of p.
    """
    _, h, w = u.shape
    for _turn in range(turns):
        for y in range(h):
            below = min(y + 1, h - 1)
            drop = sigma if y < h - 1 else _ZERO  # nothing lies below the last row
            for x in range(w - 1):
                a = dual[0, y + 1, x + 1] + sigma * (ahead[0, y, x + 1] - ahead[0, y, x] - slope[0, 0])
                b = dual[1, y + 1, x + 1] + drop * (ahead[0, below, x] - ahead[0, y, x] - slope[0, 1])
                c = dual[2, y + 1, x + 1] + sigma * (ahead[1, y, x + 1] - ahead[1, y, x] - slope[1, 0])
                d = dual[3, y + 1, x + 1] + drop * (ahead[1, below, x] - ahead[1, y, x] - slope[1, 1])
                shrink = _ONE / math.sqrt(max(_ONE, a * a + b * b + c * c + d * d))
                dual[0, y + 1, x + 1], dual[1, y + 1, x + 1] = a * shrink, b * shrink
                dual[2, y + 1, x + 1], dual[3, y + 1, x + 1] = c * shrink, d * shrink
            b = dual[1, y + 1, w] + drop * (ahead[0, below, w - 1] - ahead[0, y, w - 1] - slope[0, 1])
            d = dual[3, y + 1, w] + drop * (ahead[1, below, w - 1] - ahead[1, y, w - 1] - slope[1, 1])
            shrink = _ONE / math.sqrt(max(_ONE, b * b + d * d))
            dual[1, y + 1, w], dual[3, y + 1, w] = b * shrink, d * shrink
            for x in range(w):
                right, low = dual[0, y + 1, x + 1], dual[1, y + 1, x + 1]
                vx = u[0, y, x] + tau * (right - dual[0, y + 1, x] + low - dual[1, y, x + 1]) + data[3, y, x]
                right, low = dual[2, y + 1, x + 1], dual[3, y + 1, x + 1]
                vy = u[1, y, x] + tau * (right - dual[2, y + 1, x] + low - dual[3, y, x + 1]) + data[4, y, x]
                ux = data[0, y, x] * vx + data[1, y, x] * vy
                uy = data[1, y, x] * vx + data[2, y, x] * vy
                ahead[0, y, x], ahead[1, y, x] = _TWO * ux - u[0, y, x], _TWO * uy - u[1, y, x]
                u[0, y, x], u[1, y, x] = ux, uy
