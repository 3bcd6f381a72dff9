"""`deft.motion.tvl1` on many pairs at once, in torch: the same equations and constants, the same flow to rounding.

What is linear along rows and columns (smoothing, halving, cells, derivatives) is a matrix from either side. On a GPU
the two loops that are not, `tensors` and `relax`, are a fused kernel each (`deft.motion.fused`).
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deft.motion import tvl1

Matrix = Callable[..., Tensor]


def solve(references: Tensor, targets: Tensor) -> Tensor:
    """Flow of checked pairs (N, H, W) of float64, on their device: float32 (N, H, W, 2); see `tvl1.flow_batch`."""
    fixed, moving = (_pyramid(_normalised(pictures)) for pictures in (references, targets))
    cell = tvl1.cell_px(fixed[-1].shape[1:])
    u = fixed[-1].new_zeros(len(references), 2, *(side // cell for side in fixed[-1].shape[1:]))
    for reference, target in zip(reversed(fixed), reversed(moving), strict=True):
        cell = tvl1.cell_px(reference.shape[1:])
        grid = tuple(side // cell for side in reference.shape[1:])
        if reference is not fixed[-1]:
            u = 2 * (u if u.shape[2:] == grid else _enlarged(u, 2, grid))
        u = _refined(reference, target, u, cell)
    flow = _enlarged(u, cell, references.shape[1:])
    still = _is_constant(references) | _is_constant(targets)
    return flow.masked_fill(still[:, None, None, None], 0).movedim(1, -1).contiguous()


def _is_constant(pictures: Tensor) -> Tensor:
    low, high = pictures.amin((1, 2)), pictures.amax((1, 2))
    return high - low <= 1e-6 * torch.maximum(low.abs(), high.abs())


def _normalised(pictures: Tensor) -> Tensor:
    mean, deviation = pictures.mean((1, 2), keepdim=True), pictures.std((1, 2), correction=0, keepdim=True)
    layer = ((pictures - mean) / deviation.clamp(min=1e-300)).float()
    layer = _both(layer, _smoothing, tvl1.SMOOTHING_PX)
    layer = layer - _local_mean(layer)
    return layer / (_local_mean(layer * layer).clamp(min=0) + tvl1.CONTRAST_FLOOR**2).sqrt()


def _local_mean(pictures: Tensor) -> Tensor:
    cell = tvl1.cell_px(pictures.shape[1:])
    means = _both(pictures, _gathering, cell) / _both(torch.ones_like(pictures[0]), _gathering, cell)
    return _enlarged(_both(means, _smoothing, tvl1.CONTRAST_PX / cell), cell, pictures.shape[1:])


def _pyramid(pictures: Tensor) -> list[Tensor]:
    levels = [pictures]
    while min(levels[-1].shape[1:]) >= tvl1.COARSEST_PX:
        levels.append(_both(levels[-1], _halving))
    return levels


def _refined(reference: Tensor, target: Tensor, u: Tensor, cell: int) -> Tensor:
    """One level: pictures (N, H, W), u (N, 2, h, w); the twin of `tvl1._refined`."""
    n, _, h, w = u.shape
    across, down = _matrix(_deriving, reference.shape[2], u), _matrix(_deriving, reference.shape[1], u)
    slope = torch.stack([reference @ across.T, down @ reference], 1)
    dual, back = u.new_zeros(n, 4, h, w), torch.zeros_like(u)
    tensors, relax = _loops(u)
    for _ in range(tvl1.WARPS):
        dense = _enlarged(u, cell, reference.shape[1:])
        offset = slice(cell // 2, None, cell)
        sparse = (dense[..., offset, offset])[..., :h, :w]
        spread = (_warped(target, sparse, cell)[0] - reference[:, offset, offset][:, :h, :w]).abs()
        delta = (tvl1.DELTA * 1.4826 * spread.flatten(1).quantile(0.5, 1)).clamp(min=tvl1.LEAST_DELTA)
        data = _both(tensors(reference, slope, target, dense, cell, delta), _smoothing, tvl1.WINDOW)
        relax(_completed(data, u, back), _affine_slope(u), u, dual)
        back = divergence(dual)
    return u


def _loops(u: Tensor) -> tuple[Callable[..., Tensor], Callable[..., None]]:
    """The fused kernels where u lies on a GPU and its grid fits one program, else torch."""
    if u.device.type != "cuda":
        return tensors, relax
    from deft.motion import fused  # Triton comes with torch's CUDA build only

    return fused.tensors, fused.relax if u.shape[2:].numel() <= fused.MOST_CELLS else relax


def tensors(reference: Tensor, slope: Tensor, target: Tensor, dense: Tensor, cell: int, delta: Tensor) -> Tensor:
    """Sum the data term cell by cell (N, 5, h, w); see `deft.motion.kernels.tensors`. delta (N,)."""
    warped, inside = _warped(target, dense, 1)
    rho = warped - reference
    weight = inside / (rho * rho + (delta * delta)[:, None, None]).sqrt()
    gx, gy = slope.unbind(1)
    terms = torch.stack([gx * gx, gx * gy, gy * gy, gx * rho, gy * rho], 1)
    return _both(weight[:, None] * terms, _gathering, cell)


def relax(data: Tensor, slope: Tensor, u: Tensor, dual: Tensor) -> None:
    """All iterations of one warp, in place; see `deft.motion.kernels.relax`. dual (N, 4, h, w), slope (N, 2, 2)."""
    ahead = u.clone()
    for _ in range(tvl1.TURNS):
        rise = torch.zeros_like(dual)
        rise[:, 0::2, :, :-1] = ahead[..., 1:] - ahead[..., :-1] - slope[:, :, :1, None]
        rise[:, 1::2, :-1] = ahead[..., 1:, :] - ahead[..., :-1, :] - slope[:, :, 1:, None]
        dual += tvl1.SIGMA * rise
        dual /= dual.square().sum(1, keepdim=True).clamp(min=1).sqrt()
        vx, vy = (u + tvl1.TAU * divergence(dual) + data[:, 3:]).unbind(1)
        xx, xy, yy = data[:, :3].unbind(1)
        after = torch.stack([xx * vx + xy * vy, xy * vx + yy * vy], 1)
        torch.sub(2 * after, u, out=ahead)
        u.copy_(after)


def divergence(dual: Tensor) -> Tensor:
    """Div p (N, 2, h, w) of p (N, 4, h, w): along x and y for u[0], then for u[1]."""
    px, py = dual[:, 0::2], dual[:, 1::2]
    found = px + py
    found[..., 1:] -= px[..., :-1]
    found[..., 1:, :] -= py[..., :-1, :]
    return found


def _completed(data: Tensor, u: Tensor, back: Tensor) -> Tensor:
    xx, xy, yy, bx, by = (tvl1.TAU * tvl1.LAMBDA * data).unbind(1)
    ux, uy = u.unbind(1)
    right = torch.stack([xx * ux + xy * uy - bx, xy * ux + yy * uy - by], 1) - tvl1.TAU * back
    scale = 1 / ((1 + xx) * (1 + yy) - xy * xy)
    return torch.cat([torch.stack([scale * (1 + yy), -scale * xy, scale * (1 + xx)], 1), right], 1)


def _affine_slope(u: Tensor) -> Tensor:
    """The slope of u's least-squares affine part (N, 2, 2)."""
    y, x = (torch.arange(side, dtype=u.dtype, device=u.device) - (side - 1) / 2 for side in u.shape[2:])
    return torch.stack([u.mean(2) @ x / (x @ x), u.mean(3) @ y / (y @ y)], -1)


def _warped(target: Tensor, flow: Tensor, step: int) -> tuple[Tensor, Tensor]:
    """T(x + u), bicubic (Catmull-Rom), at every step-th pixel, and 1 where that place is in the picture, else 0."""
    _, height, width = target.shape
    y, x = (torch.arange(side, dtype=flow.dtype, device=flow.device) * step + step // 2 for side in flow.shape[2:])
    px, py = x + flow[:, 0], y[:, None] + flow[:, 1]
    sx, sy = px.clamp(0, width - 1), py.clamp(0, height - 1)
    left, top = sx.floor(), sy.floor()
    flat, found = target.flatten(1), torch.zeros_like(px)
    for row, across in enumerate(_catmull_rom(sy - top), -1):
        line = torch.zeros_like(px)
        for column, along in enumerate(_catmull_rom(sx - left), -1):
            at = (top + row).clamp(0, height - 1).long() * width + (left + column).clamp(0, width - 1).long()
            line += along * flat.gather(1, at.flatten(1)).view_as(px)
        found += across * line
    return found, ((sx == px) & (sy == py)).to(flow.dtype)


def _catmull_rom(t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    square, cube = t * t, t * t * t
    inner, outer = 1.5 * cube - 2.5 * square, 0.5 * (cube - square)
    return square - 0.5 * (cube + t), inner + 1, 2 * square - 1.5 * cube + 0.5 * t, outer


def _both(x: Tensor, matrix: Matrix, *arguments: float) -> Tensor:
    """A matrix along both of the last two axes of x (..., H, W)."""
    rows, columns = (_matrix(matrix, side, x, *arguments) for side in x.shape[-2:])
    return rows @ x @ columns.T


def _enlarged(cells: Tensor, cell: int, shape: tuple[int, ...]) -> Tensor:
    rows, columns = (
        _matrix(_enlarging, side, cells, cell, size) for side, size in zip(cells.shape[-2:], shape, strict=True)
    )
    return rows @ cells @ columns.T


def _matrix(matrix: Matrix, size: int, like: Tensor, *arguments: float) -> Tensor:
    return _kept(matrix, size, str(like.device), *arguments)


@lru_cache(maxsize=256)
def _kept(matrix: Matrix, size: int, device: str, *arguments: float) -> Tensor:
    return matrix(size, *arguments).to(device)


def _smoothing(size: int, sigma: float) -> Tensor:
    """(size, size): a Gaussian, edges repeated."""
    taps = tvl1.gaussian(sigma)
    return _stencil(size, np.arange(len(taps)) - len(taps) // 2, taps)


def _deriving(size: int) -> Tensor:
    """(size, size): five-point derivatives, edges repeated."""
    return _stencil(size, np.array([-2, -1, 1, 2]), np.array([1, -8, 8, -1], np.float32) / np.float32(12))


def _stencil(size: int, shifts: NDArray[np.integer], taps: NDArray[np.float32]) -> Tensor:
    matrix = np.zeros((size, size), np.float32)
    for shift, tap in zip(shifts, taps, strict=True):
        np.add.at(matrix, (np.arange(size), np.clip(np.arange(size) + shift, 0, size - 1)), tap)
    return torch.from_numpy(matrix)


def _halving(size: int) -> Tensor:
    """(size // 2, size): means of two."""
    return 0.5 * (torch.arange(size)[None] // 2 == torch.arange(size // 2)[:, None]).float()


def _gathering(size: int, cell: int) -> Tensor:
    """(size // cell, size): sums over cells, the last with what is left over."""
    cells = size // cell
    return ((torch.arange(size) // cell).clamp(max=cells - 1)[None] == torch.arange(cells)[:, None]).float()


def _enlarging(cells: int, cell: int, size: int) -> Tensor:
    """(size, cells): bilinear between the cells' centres, going on straight beyond those of the border."""
    place = ((torch.arange(size, dtype=torch.float64) + 0.5) / cell - 0.5).clamp(max=cells - 0.5)
    left = place.long().clamp(0, cells - 2)
    share = (place - left).float()
    matrix, at = torch.zeros(size, cells), torch.arange(size)
    matrix[at, left], matrix[at, left + 1] = 1 - share, share
    return matrix
