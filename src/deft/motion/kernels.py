"""The loops of `deft.motion.tvl1`, compiled: float32, fused, one thread, nothing allocated inside an iteration."""

import math
from collections.abc import Callable
from typing import TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Kernel = TypeVar("Kernel", bound=Callable[..., object])

ITERATIONS = 25
LAMBDA = np.float32(3.0)
THETA = np.float32(0.15)
TAU = np.float32(0.25)


def _compiled(kernel: Kernel) -> Kernel:
    return cast(Kernel, njit(fastmath=True, nogil=True, cache=True, error_model="numpy")(kernel))


@_compiled
def tilt(u: Floats, affine: Floats, sign: np.float32) -> None:
    """Add (sign 1) or take away (sign −1) an affine motion, in place."""
    _, height, width = u.shape
    for c in range(2):
        for y in range(height):
            row = u[c, y]
            start = affine[c, 2] + affine[c, 1] * np.float32(y - (height - 1) / 2)
            for x in range(width):
                row[x] += sign * (start + affine[c, 0] * np.float32(x - (width - 1) / 2))


@_compiled
def convolved(picture: Floats, taps: Floats) -> Floats:
    """Separable convolution, edges repeated."""
    height, width = picture.shape
    radius = len(taps) // 2
    padded = np.empty(width + 2 * radius, np.float32)
    across, out = np.zeros_like(picture), np.zeros_like(picture)
    for y in range(height):
        row, sums = picture[y], across[y]
        padded[:radius] = row[0]
        padded[radius : radius + width] = row
        padded[radius + width :] = row[width - 1]
        for k in range(len(taps)):
            shifted = padded[k : k + width]
            for x in range(width):
                sums[x] += taps[k] * shifted[x]
    for y in range(height):
        sums = out[y]
        for k in range(len(taps)):
            row = across[min(max(y + k - radius, 0), height - 1)]
            for x in range(width):
                sums[x] += taps[k] * row[x]
    return out


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
def doubled(u: Floats, height: int, width: int) -> Floats:
    """Flow (2, h, w) on the next finer grid (2, H, W): bilinear, vectors twice as long."""
    _, h, w = u.shape
    out = np.empty((2, height, width), np.float32)
    for y in range(height):
        v = min(max(0.5 * y - 0.25, 0.0), h - 1.0)
        top = min(int(v), h - 2)
        down = np.float32(2 * (v - top))
        for x in range(width):
            v = min(max(0.5 * x - 0.25, 0.0), w - 1.0)
            left = min(int(v), w - 2)
            right = np.float32(v - left)
            for c in range(2):
                above = u[c, top, left] + right * (u[c, top, left + 1] - u[c, top, left])
                below = u[c, top + 1, left] + right * (u[c, top + 1, left + 1] - u[c, top + 1, left])
                out[c, y, x] = np.float32(2) * above + down * (below - above)
    return out


@_compiled
def _cubic(a: np.float32, b: np.float32, c: np.float32, d: np.float32, t: np.float32) -> np.float32:
    """Catmull-Rom spline through b (t = 0) and c (t = 1)."""
    curve = np.float32(2) * a - np.float32(5) * b + np.float32(4) * c - d
    return b + np.float32(0.5) * t * (c - a + t * (curve + t * (np.float32(3) * (b - c) + d - a)))


@_compiled
def warp(padded: Floats, u: Floats, affine: Floats, warped: Floats, inside: Floats) -> None:
    """warped(x) = T(x + A + u), bicubic; inside = 1 where that place is in the picture, else 0."""
    height, width = warped.shape
    right, bottom = np.float32(width - 1), np.float32(height - 1)
    for y in range(height):
        for x in range(width):
            cx, cy = np.float32(x) - right / np.float32(2), np.float32(y) - bottom / np.float32(2)
            px = np.float32(x) + u[0, y, x] + affine[0, 0] * cx + affine[0, 1] * cy + affine[0, 2]
            py = np.float32(y) + u[1, y, x] + affine[1, 0] * cx + affine[1, 1] * cy + affine[1, 2]
            sx, sy = min(max(px, np.float32(0)), right), min(max(py, np.float32(0)), bottom)
            inside[y, x] = np.float32(1) if sx == px and sy == py else np.float32(0)
            i, j = np.uint32(sx), np.uint32(sy)  # unsigned: no test for an index from the end
            tx, ty = sx - np.float32(i), sy - np.float32(j)
            warped[y, x] = _cubic(
                _cubic(padded[j, i], padded[j, i + 1], padded[j, i + 2], padded[j, i + 3], tx),
                _cubic(padded[j + 1, i], padded[j + 1, i + 1], padded[j + 1, i + 2], padded[j + 1, i + 3], tx),
                _cubic(padded[j + 2, i], padded[j + 2, i + 1], padded[j + 2, i + 2], padded[j + 2, i + 3], tx),
                _cubic(padded[j + 3, i], padded[j + 3, i + 1], padded[j + 3, i + 2], padded[j + 3, i + 3], tx),
                ty,
            )


@_compiled
def linearise(fixed: Floats, warped: Floats, inside: Floats, u: Floats, data: Floats) -> None:
    """Fill data (4, H, W) with g in x, g in y, the part of ρ that does not depend on w, and 1 / |g|².

    Derivatives are five-point: (−1, 8, 0, −8, 1) / 12.
    """
    height, width = fixed.shape
    near, far = np.float32(8 / 12), np.float32(1 / 12)
    mean = np.float32(0.5) * (fixed + warped)
    for y in range(height):
        up, upper = mean[max(y - 1, 0)], mean[max(y - 2, 0)]
        down, lower = mean[min(y + 1, height - 1)], mean[min(y + 2, height - 1)]
        row = mean[y]
        for x in range(width):
            left, lefter = row[max(x - 1, 0)], row[max(x - 2, 0)]
            right, righter = row[min(x + 1, width - 1)], row[min(x + 2, width - 1)]
            gx = inside[y, x] * (near * (right - left) - far * (righter - lefter))
            gy = inside[y, x] * (near * (down[x] - up[x]) - far * (lower[x] - upper[x]))
            data[0, y, x] = gx
            data[1, y, x] = gy
            data[2, y, x] = inside[y, x] * (warped[y, x] - fixed[y, x]) - gx * u[0, y, x] - gy * u[1, y, x]
            data[3, y, x] = np.float32(1) / (gx * gx + gy * gy + np.float32(1e-6))


@_compiled
def relax(data: Floats, u: Floats, dual: Floats) -> None:
    """All iterations of the two alternating steps, in place.

    dual (4, H + 1, W + 1) holds p: along x and y for u[0], then for u[1]; its first row and column stay zero.
    An iteration may work on row y − 1 as soon as the one before has done row y: all sweep down the picture together,
    one row apart, so that the rows at work stay in the cache.
    """
    _, height, width = data.shape
    step = np.empty(width, np.float32)
    for front in range(height + ITERATIONS):
        for iteration in range(max(0, front - height), min(ITERATIONS, front + 1)):
            y = front - iteration
            if y < height:
                _threshold(data[0, y], data[1, y], data[2, y], data[3, y], u[0, y], u[1, y], step)
                _descend(u[0, y], data[0, y], step, dual[0, y + 1], dual[1, y + 1], dual[1, y])
                _descend(u[1, y], data[1, y], step, dual[2, y + 1], dual[3, y + 1], dual[3, y])
            if y > 0:
                below = min(y, height - 1)
                rows = dual[0, y], dual[1, y], dual[2, y], dual[3, y]
                _ascend(u[0, y - 1], u[0, below], u[1, y - 1], u[1, below], *rows)


@_compiled
def _threshold(gx: Floats, gy: Floats, constant: Floats, inverse: Floats, ux: Floats, uy: Floats, step: Floats) -> None:
    """How far v lies from w along g, one row (W,)."""
    limit = LAMBDA * THETA
    for x in range(len(step)):
        step[x] = min(max(-(constant[x] + gx[x] * ux[x] + gy[x] * uy[x]) * inverse[x], -limit), limit)


@_compiled
def _descend(u: Floats, g: Floats, step: Floats, px: Floats, py: Floats, py_above: Floats) -> None:
    """One row of w ← w + g · step + θ div p, all (W,) but the duals (W + 1,)."""
    for x in range(len(u)):
        u[x] += g[x] * step[x] + THETA * (px[x + 1] - px[x] + py[x + 1] - py_above[x + 1])


@_compiled
def _ascend(
    a: Floats, a_below: Floats, b: Floats, b_below: Floats, ax: Floats, ay: Floats, bx: Floats, by: Floats
) -> None:
    """One row of p ← (p + τ/θ ∇w) / (1 + τ/θ |∇w|): a, b are the components of w (W,), ax … by their duals (W + 1,)."""
    s, one = TAU / THETA, np.float32(1)
    last = len(a) - 1
    for x in range(last):
        dax, day, dbx, dby = a[x + 1] - a[x], a_below[x] - a[x], b[x + 1] - b[x], b_below[x] - b[x]
        shrink = one / (one + s * math.sqrt(dax * dax + day * day + dbx * dbx + dby * dby))
        ax[x + 1] = (ax[x + 1] + s * dax) * shrink
        ay[x + 1] = (ay[x + 1] + s * day) * shrink
        bx[x + 1] = (bx[x + 1] + s * dbx) * shrink
        by[x + 1] = (by[x + 1] + s * dby) * shrink
    day, dby = a_below[last] - a[last], b_below[last] - b[last]
    shrink = one / (one + s * math.sqrt(day * day + dby * dby))
    ay[last + 1] = (ay[last + 1] + s * day) * shrink
    by[last + 1] = (by[last + 1] + s * dby) * shrink
