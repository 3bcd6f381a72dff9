"""`deft.motion.tvl1` on many pairs at once, in torch: the same equations and constants, the same flow to rounding.

Operations that are linear along rows and columns (smoothing, halving, cells, derivatives) are products with two
matrices. The two nonlinear loops, `tensors` and `relax`, are fused kernels on a GPU (`deft.motion.fused`).
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from deft.motion import constants, contrast, matrices


def solve(references: Tensor, targets: Tensor, starts: Tensor | None = None) -> Tensor:
    """Return the flow (N, H, W, 2), float32, in px, of checked pairs (N, H, W) of float64; see `tvl1.flow_batch`.

    starts: first guesses (N, H, W, 2), float32, from which the two finest levels go on.
    """
    fixed, moving = (_pyramid(_normalised(pictures)) for pictures in (references, targets))
    if starts is not None:
        fixed, moving = fixed[:2], moving[:2]
    coarsest = fixed[-1]
    cell = contrast.cell_px(coarsest.shape[1:])
    u = coarsest.new_zeros(len(references), 2, *(side // cell for side in coarsest.shape[1:]))  # (N, 2, h, w)
    if starts is not None:
        u = _guessed(starts.movedim(-1, 1), cell, 2 ** (len(fixed) - 1), u.shape[2:])
    for reference, target in zip(reversed(fixed), reversed(moving), strict=True):
        cell = contrast.cell_px(reference.shape[1:])
        grid = tuple(side // cell for side in reference.shape[1:])
        if reference is not coarsest:
            if u.shape[2:] != grid:
                u = matrices.enlarged(u, 2, grid)
            u = 2 * u
        u = _refined(reference, target, u, cell)
    flow = matrices.enlarged(u, cell, references.shape[1:])  # (N, 2, H, W)
    still = _is_constant(references) | _is_constant(targets)
    return flow.masked_fill(still[:, None, None, None], 0).movedim(1, -1).contiguous()


def _guessed(starts: Tensor, cell: int, shrunk: int, grid: Sequence[int]) -> Tensor:
    """Return first guesses (N, 2, H, W) on the grid (h, w) of a level that is ``shrunk`` times smaller."""
    side = cell * shrunk
    filled = torch.nn.functional.pad(starts, (0, side, 0, side), mode="replicate")
    return torch.nn.functional.avg_pool2d(filled[..., : grid[0] * side, : grid[1] * side], side) / shrunk


def _is_constant(pictures: Tensor) -> Tensor:
    """Return which of the pictures (N, H, W) have no contrast, (N,)."""
    low, high = pictures.amin((1, 2)), pictures.amax((1, 2))
    return high - low <= 1e-6 * torch.maximum(low.abs(), high.abs())


def _normalised(pictures: Tensor) -> Tensor:
    """Return the pictures' local contrast (N, H, W), float32; see `contrast.normalised`."""
    mean, deviation = pictures.mean((1, 2), keepdim=True), pictures.std((1, 2), correction=0, keepdim=True)
    layer = ((pictures - mean) / deviation.clamp(min=1e-300)).float()
    layer = matrices.smoothed(layer, contrast.SMOOTHING_PX)
    layer = layer - _local_mean(layer)
    return layer / (_local_mean(layer * layer).clamp(min=0) + contrast.CONTRAST_FLOOR**2).sqrt()


def _local_mean(pictures: Tensor) -> Tensor:
    """Return the Gaussian mean around each pixel, (N, H, W)."""
    cell = contrast.cell_px(pictures.shape[1:])
    means = matrices.gathered(pictures, cell) / matrices.gathered(torch.ones_like(pictures[0]), cell)
    return matrices.enlarged(matrices.smoothed(means, contrast.CONTRAST_PX / cell), cell, pictures.shape[1:])


def _pyramid(pictures: Tensor) -> list[Tensor]:
    """Return the pictures (N, H, W) and their halves, finest first."""
    levels = [pictures]
    while min(levels[-1].shape[1:]) >= contrast.COARSEST_PX:
        levels.append(matrices.halved(levels[-1]))
    return levels


def _refined(reference: Tensor, target: Tensor, u: Tensor, cell: int) -> Tensor:
    """Return the flow u (N, 2, h, w) of pictures (N, H, W) after one level's warps, as `tvl1._refined` does."""
    n, _, h, w = u.shape
    slope = matrices.gradient(reference)
    dual, back = u.new_zeros(n, 4, h, w), torch.zeros_like(u)
    tensors, relax = _loops(u)
    for _ in range(constants.WARPS):
        dense = matrices.enlarged(u, cell, reference.shape[1:])  # (N, 2, H, W)
        centres = slice(cell // 2, None, cell)  # one pixel per cell
        sampled_flow = dense[..., centres, centres][..., :h, :w]  # (N, 2, h, w)
        sampled_reference = reference[:, centres, centres][:, :h, :w]  # (N, h, w)
        warped, _ = _warped(target, sampled_flow, cell)
        # 1.4826 turns the median of a Gaussian's absolute values into its standard deviation.
        deviation = 1.4826 * _median((warped - sampled_reference).abs().flatten(1))  # (N,)
        delta = (constants.DELTA * deviation).clamp(min=constants.LEAST_DELTA)
        data = matrices.smoothed(tensors(reference, slope, target, dense, cell, delta), constants.WINDOW)
        relax(_completed(data, u, back), _affine_slope(u), u, dual)
        back = divergence(dual)
    return u


def _median(x: Tensor) -> Tensor:
    """Return each row's median (N,): the mean of the middle two, of which `torch.median` takes the lower."""
    ordered, count = x.sort(1).values, x.shape[1]
    return (ordered[:, (count - 1) // 2] + ordered[:, count // 2]) / 2


def _loops(u: Tensor) -> tuple[Callable[..., Tensor], Callable[..., None]]:
    """Return the functions for `tensors` and `relax`: fused on a GPU if the grid fits one program, else torch."""
    if u.device.type != "cuda":
        return tensors, relax
    from deft.motion import fused  # Triton comes with torch's CUDA build only

    if u.shape[2:].numel() <= fused.MOST_CELLS:
        return fused.tensors, fused.relax
    return fused.tensors, relax


def tensors(reference: Tensor, slope: Tensor, target: Tensor, dense: Tensor, cell: int, delta: Tensor) -> Tensor:
    """Return the data term per cell (N, 5, h, w); see `deft.motion.kernels.tensors`. delta is (N,)."""
    warped, inside = _warped(target, dense, 1)
    rho = warped - reference
    weight = inside / (rho * rho + (delta * delta)[:, None, None]).sqrt()
    gx, gy = slope.unbind(1)
    terms = torch.stack([gx * gx, gx * gy, gy * gy, gx * rho, gy * rho], 1)
    return matrices.gathered(weight[:, None] * terms, cell)


def relax(data: Tensor, slope: Tensor, u: Tensor, dual: Tensor) -> None:
    """Run all iterations of one warp on u and dual, in place; see `deft.motion.kernels.relax`.

    data (N, 5, h, w), slope (N, 2, 2), u (N, 2, h, w), dual (N, 4, h, w).
    """
    ahead = u.clone()
    for _ in range(constants.ITERATIONS):
        rise = torch.zeros_like(dual)
        rise[:, 0::2, :, :-1] = ahead[..., 1:] - ahead[..., :-1] - slope[:, :, :1, None]
        rise[:, 1::2, :-1] = ahead[..., 1:, :] - ahead[..., :-1, :] - slope[:, :, 1:, None]
        dual += constants.SIGMA * rise
        dual /= dual.square().sum(1, keepdim=True).clamp(min=1).sqrt()
        vx, vy = (u + constants.TAU * divergence(dual) + data[:, 3:]).unbind(1)
        xx, xy, yy = data[:, :3].unbind(1)
        after = torch.stack([xx * vx + xy * vy, xy * vx + yy * vy], 1)
        torch.sub(2 * after, u, out=ahead)
        u.copy_(after)


def divergence(dual: Tensor) -> Tensor:
    """Return div p (N, 2, h, w) of the dual variable p (N, 4, h, w): along x and y for u[0], then for u[1]."""
    px, py = dual[:, 0::2], dual[:, 1::2]
    total = px + py  # (N, 2, h, w)
    total[..., 1:] -= px[..., :-1]
    total[..., 1:, :] -= py[..., :-1, :]
    return total


def _completed(data: Tensor, u: Tensor, back: Tensor) -> Tensor:
    """Return the data term in the form that `relax` needs, (N, 5, h, w); see `deft.motion.kernels.complete`."""
    xx, xy, yy, bx, by = (constants.TAU * constants.LAMBDA * data).unbind(1)
    ux, uy = u.unbind(1)
    right = torch.stack([xx * ux + xy * uy - bx, xy * ux + yy * uy - by], 1) - constants.TAU * back
    scale = 1 / ((1 + xx) * (1 + yy) - xy * xy)
    return torch.cat([torch.stack([scale * (1 + yy), -scale * xy, scale * (1 + xx)], 1), right], 1)


def _affine_slope(u: Tensor) -> Tensor:
    """Return the slope (N, 2, 2) of u's least-squares affine part."""
    y, x = (torch.arange(side, dtype=u.dtype, device=u.device) - (side - 1) / 2 for side in u.shape[2:])
    return torch.stack([u.mean(2) @ x / (x @ x), u.mean(3) @ y / (y @ y)], -1)


def _warped(target: Tensor, flow: Tensor, step: int) -> tuple[Tensor, Tensor]:
    """Return T(x + u), bicubic (Catmull-Rom), at every step-th pixel, and that pixel's weight, both (N, h, w).

    target (N, H, W), flow (N, 2, h, w). The weight is 1 where x + u lies in the picture, and falls to 0 over one pixel
    outside it.
    """
    _, height, width = target.shape
    y, x = (torch.arange(side, dtype=flow.dtype, device=flow.device) * step + step // 2 for side in flow.shape[2:])
    px, py = x + flow[:, 0], y[:, None] + flow[:, 1]
    sx, sy = px.clamp(0, width - 1), py.clamp(0, height - 1)
    left, top = sx.floor(), sy.floor()
    flat, values = target.flatten(1), torch.zeros_like(px)  # (N, H·W), (N, h, w)
    for row, across in enumerate(_catmull_rom(sy - top), -1):
        line = torch.zeros_like(px)
        for column, along in enumerate(_catmull_rom(sx - left), -1):
            y_index = (top + row).clamp(0, height - 1).long()
            x_index = (left + column).clamp(0, width - 1).long()
            index = y_index * width + x_index  # (N, h, w), into a flat picture
            line += along * flat.gather(1, index.flatten(1)).view_as(px)
        values += across * line
    inside = (1 - (px - sx).abs()).clamp(min=0) * (1 - (py - sy).abs()).clamp(min=0)
    return values, inside


def _catmull_rom(t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the weights of the values at −1, 0, 1 and 2 for a place t in [0, 1)."""
    square, cube = t * t, t * t * t
    inner, outer = 1.5 * cube - 2.5 * square, 0.5 * (cube - square)
    return square - 0.5 * (cube + t), inner + 1, 2 * square - 1.5 * cube + 0.5 * t, outer
