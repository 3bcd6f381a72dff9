"""The loops of `deft.motion.tvl1`, compiled: float32, one thread, nothing allocated inside an iteration.

Pictures and cells are as in `deft.motion.grids`.
"""

import math

import numpy as np

from deft.motion.grids import Floats, compiled, gather

_ZERO, _HALF, _ONE, _TWO = (np.float32(value) for value in (0, 0.5, 1, 2))


@compiled
def _weights(t: np.float32) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """Return the Catmull-Rom weights of the values at −1, 0, 1 and 2 for a place t in [0, 1)."""
    square, cube = t * t, t * t * t
    inner, outer = np.float32(1.5) * cube - np.float32(2.5) * square, _HALF * (cube - square)
    return square - _HALF * (cube + t), inner + _ONE, _TWO * square - np.float32(1.5) * cube + _HALF * t, outer


@compiled
def _along(flat: Floats, at: np.uint64, weights: tuple[np.float32, np.float32, np.float32, np.float32]) -> np.float32:
    one, a, b, c, d = np.uint64(1), *weights  # unsigned: no test for an index from the end
    return np.float32(a * flat[at] + b * flat[at + one] + c * flat[at + one + one] + d * flat[at + one + one + one])


@compiled
def _sample(flat: Floats, start: np.int32, stride: np.int32, tx: np.float32, ty: np.float32) -> np.float32:
    """Interpolate, bicubic, over the 4 × 4 footprint that begins at `start` of a flat picture with rows of `stride`."""
    across, (a, b, c, d) = _weights(tx), _weights(ty)
    at, row = np.uint64(start), np.uint64(stride)
    upper = a * _along(flat, at, across) + b * _along(flat, at + row, across)
    return upper + c * _along(flat, at + row + row, across) + d * _along(flat, at + row + row + row, across)


@compiled
def median_residual(reference: Floats, padded: Floats, flow: Floats, step: int) -> float:
    """Return the median of |T(x + u) − R(x)| over every step-th pixel; arguments as for `tensors`."""
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


@compiled
def tensors(
    reference: Floats, slope: Floats, padded: Floats, flow: Floats, cell: int, delta: np.float32, out: Floats
) -> None:
    """Sum the data term cell by cell: out (5, h, w) = Σ (gx², gx gy, gy², gx ρ, gy ρ) / √(ρ² + δ²).

    slope (2, H, W): g, the reference's gradient. padded (H + 3, W + 3): the target, its edges repeated, one before and
    two after. flow (2, H, W). The weight of a pixel that leaves the picture falls to zero over one pixel: with a hard
    border, rounding in the last bit of its position would decide whether the pixel counts.
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
                inside[x] = max(_ZERO, _ONE - abs(px - sx)) * max(_ZERO, _ONE - abs(py - sy))
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
            gather(sums[k], cell, out[k, j])


@compiled
def divergence(dual: Floats, out: Floats) -> None:
    """Fill out (2, h, w) with div p; dual as for `relax`."""
    _, h, w = out.shape
    for c in range(2):
        px, py = dual[2 * c], dual[2 * c + 1]
        for y in range(h):
            for x in range(w):
                out[c, y, x] = px[y + 1, x + 1] - px[y + 1, x] + py[y + 1, x + 1] - py[y, x + 1]


@compiled
def complete(tensor: Floats, u: Floats, back: Floats, tau: np.float32, weight: np.float32) -> None:
    """Overwrite A, b (5, h, w) with the terms of `relax`: (1 + τ λ A)⁻¹ and τ (λ (A u − b) − back).

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


@compiled
def relax(
    data: Floats,
    slope: Floats,
    u: Floats,
    ahead: Floats,
    dual: Floats,
    tau: np.float32,
    sigma: np.float32,
    iterations: int,
) -> None:
    """Run all iterations on one level, in place: u and ahead (ū) are (2, h, w), data comes from `complete`.

    slope (2, 2): ∇A, which the total variation leaves out. dual (4, h + 1, w + 1) holds p: along x and y for
    u[0], then for u[1]; its first row and column stay zero. One sweep does both steps: row y of p needs rows y and
    y + 1 of ū, and row y of u needs rows y − 1 and y of p.
    """
    _, h, w = u.shape
    for _iteration in range(iterations):
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
