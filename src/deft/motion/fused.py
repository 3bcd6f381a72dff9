"""The two loops of `deft.motion.batch` as fused Triton kernels, for a GPU.

One program computes the data term of a row of cells: it warps, weighs and sums without writing a picture. One program
runs all iterations on one pair's grid: u, ū, p and the data stay in registers, and only the values that neighbouring
cells need go through the L1 cache, so that the card's memory is read and written once per value.
"""

import triton
import triton.language as tl
from torch import Tensor

from deft.motion import constants

MOST_CELLS = 8192  # of a grid that fits into the registers of one program


def tensors(reference: Tensor, slope: Tensor, target: Tensor, dense: Tensor, cell: int, delta: Tensor) -> Tensor:
    """Return the data term per cell (N, 5, h, w), as `deft.motion.batch.tensors` does."""
    n, height, width = reference.shape
    h, w = height // cell, width // cell
    out = reference.new_empty(n, 5, h, w)
    block = max(triton.next_power_of_2(width), 32)
    arrays = (array.contiguous() for array in (reference, slope, target, dense, delta))
    _tensors[n, h](*arrays, out, height, width, h, w, CELL=cell, BLOCK=block)
    return out


def relax(data: Tensor, slope: Tensor, u: Tensor, dual: Tensor) -> None:
    """Run all iterations of one warp in place, as `deft.motion.batch.relax` does."""
    n, _, h, w = u.shape
    rows, columns = (triton.next_power_of_2(side) for side in (h, w))
    ahead = u.clone()
    steps = {"tau": constants.TAU, "sigma": constants.SIGMA, "ITERATIONS": constants.ITERATIONS}
    block = {"ROWS": rows, "COLUMNS": columns, "num_warps": 16 if rows * columns >= 4096 else 4}
    _relax[(n,)](data.contiguous(), slope.contiguous(), u, ahead, dual, h, w, **steps, **block)


@triton.jit
def _weights(t):
    square = t * t
    cube = square * t
    inner = 1.5 * cube - 2.5 * square
    return square - 0.5 * (cube + t), inner + 1, 2 * square - 1.5 * cube + 0.5 * t, 0.5 * (cube - square)


@triton.jit
def _line(target, top, left, width, height, a, b, c, d, mask):
    """Interpolate along one row of the bicubic footprint, edges repeated."""
    start = target + tl.minimum(tl.maximum(top, 0), height - 1) * width
    before = tl.load(start + tl.maximum(left - 1, 0), mask=mask, other=0.0)
    here = tl.load(start + left, mask=mask, other=0.0)
    after = tl.load(start + tl.minimum(left + 1, width - 1), mask=mask, other=0.0)
    beyond = tl.load(start + tl.minimum(left + 2, width - 1), mask=mask, other=0.0)
    return a * before + b * here + c * after + d * beyond


@triton.jit
def _cells(values, cells, x, w, CELL: tl.constexpr, BLOCK: tl.constexpr):
    """Sum a row (BLOCK,) cell by cell; the last cell also takes the remaining pixels."""
    last = tl.sum(tl.where(x // CELL >= w - 1, values, 0.0))
    sums = tl.sum(tl.reshape(values, (BLOCK // CELL, CELL)), 1)
    return tl.where(cells == w - 1, last, sums)


@triton.jit
def _tensors(reference, slope, target, dense, delta, out, height, width, h, w, CELL: tl.constexpr, BLOCK: tl.constexpr):
    pair, j = tl.program_id(0), tl.program_id(1)
    pixels = height * width
    reference += pair * pixels
    target += pair * pixels
    slope += pair * 2 * pixels
    dense += pair * 2 * pixels
    limit = tl.load(delta + pair)
    x = tl.arange(0, BLOCK)
    valid = x < width
    xx = tl.zeros((BLOCK,), tl.float32)
    xy = tl.zeros((BLOCK,), tl.float32)
    yy = tl.zeros((BLOCK,), tl.float32)
    bx = tl.zeros((BLOCK,), tl.float32)
    by = tl.zeros((BLOCK,), tl.float32)
    end = tl.where(j == h - 1, height, (j + 1) * CELL)
    for y in range(j * CELL, end):
        at = y * width + x
        px = x + tl.load(dense + at, mask=valid, other=0.0)
        py = y + tl.load(dense + pixels + at, mask=valid, other=0.0)
        sx = tl.minimum(tl.maximum(px, 0.0), width - 1.0)
        sy = tl.minimum(tl.maximum(py, 0.0), height - 1.0)
        left, top = sx.to(tl.int32), sy.to(tl.int32)
        a, b, c, d = _weights(sx - left)
        e, f, g, i = _weights(sy - top)
        value = e * _line(target, top - 1, left, width, height, a, b, c, d, valid)
        value += f * _line(target, top, left, width, height, a, b, c, d, valid)
        value += g * _line(target, top + 1, left, width, height, a, b, c, d, valid)
        value += i * _line(target, top + 2, left, width, height, a, b, c, d, valid)
        rho = value - tl.load(reference + at, mask=valid, other=0.0)
        inside = tl.maximum(1.0 - tl.abs(px - sx), 0.0) * tl.maximum(1.0 - tl.abs(py - sy), 0.0)
        weight = tl.where(valid, inside / tl.sqrt(rho * rho + limit * limit), 0.0)
        gx = tl.load(slope + at, mask=valid, other=0.0)
        gy = tl.load(slope + pixels + at, mask=valid, other=0.0)
        xx += weight * gx * gx
        xy += weight * gx * gy
        yy += weight * gy * gy
        bx += weight * gx * rho
        by += weight * gy * rho
    cells = tl.arange(0, BLOCK // CELL)
    out += (pair * 5 * h + j) * w + cells
    tl.store(out, _cells(xx, cells, x, w, CELL, BLOCK), mask=cells < w)
    tl.store(out + h * w, _cells(xy, cells, x, w, CELL, BLOCK), mask=cells < w)
    tl.store(out + 2 * h * w, _cells(yy, cells, x, w, CELL, BLOCK), mask=cells < w)
    tl.store(out + 3 * h * w, _cells(bx, cells, x, w, CELL, BLOCK), mask=cells < w)
    tl.store(out + 4 * h * w, _cells(by, cells, x, w, CELL, BLOCK), mask=cells < w)


@triton.jit
def _relax(
    data, slope, u, ahead, dual, h, w, tau, sigma, ITERATIONS: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr
):
    pair, size = tl.program_id(0), h * w
    y, x = tl.arange(0, ROWS)[:, None], tl.arange(0, COLUMNS)[None, :]
    at, valid = y * w + x, (y < h) & (x < w)
    has_right, has_below = valid & (x < w - 1), valid & (y < h - 1)
    has_left, has_above = valid & (x > 0), valid & (y > 0)
    data += pair * 5 * size + at
    u += pair * 2 * size + at
    ahead += pair * 2 * size + at
    dual += pair * 4 * size + at
    slope += pair * 4
    ax_x, ax_y = tl.load(slope), tl.load(slope + 1)
    ay_x, ay_y = tl.load(slope + 2), tl.load(slope + 3)
    xx, xy = tl.load(data, mask=valid, other=0.0), tl.load(data + size, mask=valid, other=0.0)
    yy = tl.load(data + 2 * size, mask=valid, other=0.0)
    bx, by = tl.load(data + 3 * size, mask=valid, other=0.0), tl.load(data + 4 * size, mask=valid, other=0.0)
    ux, uy = tl.load(u, mask=valid, other=0.0), tl.load(u + size, mask=valid, other=0.0)
    p, q = tl.load(dual, mask=valid, other=0.0), tl.load(dual + size, mask=valid, other=0.0)
    r, s = tl.load(dual + 2 * size, mask=valid, other=0.0), tl.load(dual + 3 * size, mask=valid, other=0.0)
    mx, my = ux, uy  # ū
    for _ in range(ITERATIONS):
        p += sigma * tl.where(has_right, tl.load(ahead + 1, mask=has_right, other=0.0) - mx - ax_x, 0.0)
        q += sigma * tl.where(has_below, tl.load(ahead + w, mask=has_below, other=0.0) - mx - ax_y, 0.0)
        r += sigma * tl.where(has_right, tl.load(ahead + size + 1, mask=has_right, other=0.0) - my - ay_x, 0.0)
        s += sigma * tl.where(has_below, tl.load(ahead + size + w, mask=has_below, other=0.0) - my - ay_y, 0.0)
        shrink = 1.0 / tl.sqrt(tl.maximum(p * p + q * q + r * r + s * s, 1.0))
        p, q, r, s = p * shrink, q * shrink, r * shrink, s * shrink
        tl.store(dual, p, mask=valid)
        tl.store(dual + size, q, mask=valid)
        tl.store(dual + 2 * size, r, mask=valid)
        tl.store(dual + 3 * size, s, mask=valid)
        tl.debug_barrier()  # neighbours' p is there, and all have read the old ū
        px = tl.load(dual - 1, mask=has_left, other=0.0) + tl.load(dual + size - w, mask=has_above, other=0.0)
        py = tl.load(dual + 2 * size - 1, mask=has_left, other=0.0)
        py += tl.load(dual + 3 * size - w, mask=has_above, other=0.0)
        vx, vy = ux + tau * (p + q - px) + bx, uy + tau * (r + s - py) + by
        nx, ny = xx * vx + xy * vy, xy * vx + yy * vy
        mx, my = 2 * nx - ux, 2 * ny - uy
        ux, uy = nx, ny
        tl.store(ahead, mx, mask=valid)
        tl.store(ahead + size, my, mask=valid)
        tl.debug_barrier()  # neighbours' ū is there
    tl.store(u, ux, mask=valid)
    tl.store(u + size, uy, mask=valid)
