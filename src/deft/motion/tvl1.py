"""Dense optical flow by TV-L1, built for motions of a fraction of a pixel on a face.

With R the reference and T the target, both contrast-normalised, the flow u lives on cells c of 4 × 4 px and minimises

    E(u) = Σ_c |∇(u − A)|  +  λ Σ_c Σ_x G(x − c) √(ρ_x(u)² + δ²)
    ρ_x(u) = T(x + u₀) − R(x) + ⟨∇R(x), u − u₀⟩

The total variation, one norm over all four derivatives, keeps the edge of a muscle's motion sharp. A, the affine part
of the current estimate, adds nothing to it: the flow of a turned or nearer head would otherwise make up most of the
energy. The L1 data term is robust to occlusion; below δ, a multiple of the residual's standard deviation, it becomes
quadratic, since least squares averages noise best. Skin has little texture, so one pixel constrains the flow weakly: a
cell sums the data term over all pixels under a Gaussian window G, and flow on cells has a sixteenth of the unknowns. On
each level of a pyramid, twice,

    w_x = 1 / √(ρ_x(u₀)² + δ²),    A_c = λ Σ_x G w ∇R ∇Rᵀ,    b_c = λ Σ_x G w ∇R ρ(u₀)
    p ← P(p + σ ∇(ū − A))                                                                   } `ITERATIONS` times
    u⁺ ← (1 + τ A_c)⁻¹ (u + τ (div p − div q + A_c u₀ − b_c)),    ū ← 2 u⁺ − u                   }

where P projects vectors longer than 1 onto the unit ball, and q is the p of the previous warp: Bregman's iteration,
which restores the height of small bumps that the total variation lowered.

Sources: TV-L1 flow, its pyramid and warps: Zach, Pock and Bischof, "A Duality Based Approach for Realtime TV-L1 Optical
Flow", DAGM 2007; Wedel et al., "An Improved Algorithm for TV-L1 Optical Flow", 2009. One norm for both components:
Bresson and Chan, "Fast Dual Minimization of the Vectorial Total Variation Norm", 2008. The iteration: Chambolle and
Pock, "A First-Order Primal-Dual Algorithm for Convex Problems with Applications to Imaging", 2011, algorithm 1.
Bregman's iteration: Osher et al., "An Iterative Regularization Method for Total Variation-Based Image Restoration",
2005. A window in a variational data term: Bruhn, Weickert and Schnörr, "Lucas/Kanade Meets Horn/Schunck", 2005. The
reference's gradient for the target's: Baker and Matthews, "Lucas-Kanade 20 Years On", 2004. Cells, the affine part and
the normalisation are our choice.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from deft.motion import constants, contrast, grids, kernels

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float32]

SMALLEST_PX = 28
JUMP_PX = 1.0  # between two frames: more than this and the data term's straight line no longer holds
JUMPED = 0.01  # share of u at which nothing of the warm start is left; below half of it, nothing else is


class _Level(NamedTuple):
    """The reference at one size: picture (H, W), slope (2, H, W), side of a cell."""

    picture: Floats
    slope: Floats
    cell: int


class _State(NamedTuple):
    """The solver's state: the flow u (2, h, w) in pixels of its level, and the dual variable p (4, h + 1, w + 1)."""

    u: Floats
    dual: Floats


def flow(reference: NDArray[np.generic], target: NDArray[np.generic], start: Floats | None = None) -> Floats:
    """Return the motion from reference to target, float32 (H, W, 2), in px.

    reference, target: grey pictures of one shape (H, W), both sides at least 28 px, integers or floats; gain and offset
    of either do not matter. start: a first guess (H, W, 2), for skin that moves too far for the coarse levels to find;
    the two finest levels go on from it.
    The flow is x right and y down, with target(x + flow(x)) ≈ reference(x). Its error is some hundredths of a pixel on
    rendered faces. If either picture is constant, the flow is zero.
    Raises ValueError where a picture is not grey, not finite, too small, or of another shape than the other.

    Runs on one thread, without the GIL most of the time; the same pair gives the same bytes.
    """
    check("reference", reference)
    check("target", target, reference.shape)
    if contrast.is_constant(reference) or contrast.is_constant(target):
        return np.zeros((*reference.shape, 2), np.float32)
    levels = _levels(reference)
    targets = contrast.pyramid(contrast.normalised(target))
    if start is None:
        return _dense(_coarse_to_fine(levels, targets), levels[0])
    _check_start(start, reference.shape)
    first = len(levels[:2]) - 1
    return _dense(_coarse_to_fine(levels[:2], targets[:2], _guessed(levels[first], start, 2**first)), levels[0])


def flow_sequence(frames: Iterable[NDArray[np.generic]]) -> Iterator[Floats]:
    """Yield the motion from the first frame, the onset, to every frame, float32 (H, W, 2), in px.

    frames: grey pictures as for `flow`; they may be read lazily, since only the first and the current one are held.
    The flows come in the order of the frames; the first is zero. The solver starts each one from the flow before, which
    saves the coarse levels. The further off that start proves, as after a jump or in a blink, the more of the frame's
    flow is that of `flow`, in the end all of it.
    Raises ValueError like `flow`, and where there is no frame.
    """
    rest = iter(frames)
    reference = next(rest, None)
    if reference is None:
        raise ValueError("frames: expected at least one picture, got none")
    check("frame 0", reference)
    yield np.zeros((*reference.shape, 2), np.float32)
    levels = [] if contrast.is_constant(reference) else _levels(reference)
    state: _State | None = None
    for number, frame in enumerate(rest, 1):
        check(f"frame {number}", frame, reference.shape)
        if not levels or contrast.is_constant(frame):
            yield np.zeros((*reference.shape, 2), np.float32)
            continue
        state = _next_state(levels, contrast.normalised(frame), state)
        yield _dense(state, levels[0])


def flow_batch(
    references: ArrayLike, targets: ArrayLike, device: str, starts: ArrayLike | None = None
) -> "torch.Tensor":
    """Return the motion of many pairs at once, a float32 tensor (N, H, W, 2), in px, computed in torch.

    references, targets: grey pictures as for `flow`, arrays or tensors of one shape (N, H, W). device: "cpu", or "cuda"
    for a GPU, where fused Triton kernels do the work. starts: a first guess of each flow, (N, H, W, 2).
    The tensor is on that device; each flow is within 0.02 px of `flow`'s.
    Raises ValueError like `flow`, naming the pair, and where there is no pair.
    """
    import torch  # a second to load, and only this needs it

    from deft.motion import batch

    fixed, moving = (torch.as_tensor(pictures) for pictures in (references, targets))
    for name, pictures in (("references", fixed), ("targets", moving)):
        if pictures.dim() != 3:
            raise ValueError(f"{name}: expected grey pictures (N, H, W), got {tuple(pictures.shape)}")
        if not len(pictures):
            raise ValueError(f"{name}: expected at least one picture, got none")
        unfit = torch.nonzero(~pictures.isfinite().flatten(1).all(1)).flatten().tolist()
        number = unfit[0] if unfit else 0
        check(f"{name}[{number}]", pictures[number].numpy(force=True))
    if fixed.shape != moving.shape:
        raise ValueError(f"targets: expected the references' shape {tuple(fixed.shape)}, got {tuple(moving.shape)}")
    guessed = None if starts is None else torch.as_tensor(starts)
    if guessed is not None:
        _check_start(guessed.numpy(force=True), (*fixed.shape,))
        guessed = guessed.to(device, torch.float32)
    return batch.solve(fixed.to(device, torch.float64), moving.to(device, torch.float64), guessed)


def check(name: str, picture: NDArray[np.generic], shape: tuple[int, ...] | None = None) -> None:
    """Raise a ValueError unless the picture is grey, finite, large enough and of the expected shape (H, W)."""
    if picture.ndim != 2 or min(picture.shape) < SMALLEST_PX:
        raise ValueError(f"{name}: expected a grey picture (H, W) of at least {SMALLEST_PX} px, got {picture.shape}")
    if picture.dtype.kind not in "uif":
        raise ValueError(f"{name}: expected integers or floats, got {picture.dtype}")
    not_finite = picture.size - np.count_nonzero(np.isfinite(picture))
    if not_finite:
        raise ValueError(f"{name}: expected finite values, got {not_finite} NaN or infinite pixels")
    if shape is not None and picture.shape != shape:
        raise ValueError(f"{name}: expected the reference's shape {shape}, got {picture.shape}")


def _check_start(start: NDArray[np.generic], shape: tuple[int, ...]) -> None:
    """Raise a ValueError unless a first guess is finite, and has two components for each pixel of ``shape``."""
    if start.shape != (*shape, 2):
        raise ValueError(f"start: expected shape {(*shape, 2)}, got {start.shape}")
    if not np.isfinite(start).all():
        raise ValueError(f"start: expected finite values, got {np.count_nonzero(~np.isfinite(start))} NaN or infinite")


def _levels(reference: NDArray[np.generic]) -> list[_Level]:
    pictures = contrast.pyramid(contrast.normalised(reference))
    return [_Level(picture, grids.gradient(picture), contrast.cell_px(picture.shape)) for picture in pictures]


def _coarse_to_fine(levels: list[_Level], targets: list[Floats], start: _State | None = None) -> _State:
    """Return the state on the finest level, from pictures (H, W) of all levels, finest first.

    start: the state in which the coarsest level starts, if not at rest.
    """
    state = None
    for level, target in zip(reversed(levels), reversed(targets), strict=True):
        initial = _initial_state(level, state) if start is None else start
        state, start = _refined(level, target, initial), None
    assert state is not None
    return state


def _next_state(levels: list[_Level], target: Floats, previous: _State | None) -> _State:
    """Return the state of a sequence's next frame (H, W), started from the frame before unless too much jumped.

    Between "little jumped" and "too much" the two solutions are mixed, so that the last bit of a picture cannot tip a
    whole field from one to the other.
    """
    if previous is None:
        return _coarse_to_fine(levels, contrast.pyramid(target))
    warm = _refined(levels[0], target, previous)
    jumped = float(np.mean(np.abs(warm.u - previous.u) > JUMP_PX))
    fresh_share = np.float32(np.clip(2 * jumped / JUMPED - 1, 0, 1))
    if not fresh_share:
        return warm
    fresh = _coarse_to_fine(levels, contrast.pyramid(target))
    return _State(*(old + fresh_share * (new - old) for old, new in zip(warm, fresh, strict=True)))


def _initial_state(level: _Level, coarser: _State | None) -> _State:
    """Return the state in which a level starts: the coarser level's flow, doubled, on this level's cells."""
    h, w = (side // level.cell for side in level.picture.shape)
    dual = np.zeros((4, h + 1, w + 1), np.float32)
    if coarser is None:
        return _State(np.zeros((2, h, w), np.float32), dual)
    u = coarser.u if coarser.u.shape[1:] == (h, w) else grids.enlarged(coarser.u, 2, h, w)
    return _State(2 * u, dual)


def _guessed(level: _Level, start: Floats, shrunk: int) -> _State:
    """Return the state in which a level, ``shrunk`` times smaller than the pictures, starts from a guess (H, W, 2)."""
    still = _initial_state(level, None)
    side = level.cell * shrunk  # px of the pictures, of a cell
    h, w = still.u.shape[1:]
    filled = np.pad(start, ((0, side), (0, side), (0, 0)), mode="edge")[: h * side, : w * side]
    means = filled.reshape(h, side, w, side, 2).mean((1, 3), dtype=np.float64) / shrunk
    return still._replace(u=np.ascontiguousarray(means.transpose(2, 0, 1), np.float32))


def _refined(level: _Level, target: Floats, start: _State) -> _State:
    """Return the state of one level after its warps; target (H, W), start as from `_initial_state`."""
    u, dual = start.u.copy(), start.dual.copy()
    padded = np.pad(target, ((1, 2), (1, 2)), mode="edge")  # so that the bicubic footprint needs no border cases
    data, window = np.empty((5, *u.shape[1:]), np.float32), contrast.gaussian(constants.WINDOW)
    back = np.zeros_like(u)
    for _ in range(constants.WARPS):
        dense = grids.enlarged(u, level.cell, *target.shape)
        # 1.4826 turns the median of a Gaussian's absolute values into its standard deviation.
        deviation = 1.4826 * kernels.median_residual(level.picture, padded, dense, level.cell)
        delta = np.float32(max(constants.DELTA * deviation, constants.LEAST_DELTA))
        kernels.tensors(level.picture, level.slope, padded, dense, level.cell, delta, data)
        grids.convolve(data, window)
        kernels.complete(data, u, back, np.float32(constants.TAU), np.float32(constants.LAMBDA))
        tau, sigma = np.float32(constants.TAU), np.float32(constants.SIGMA)
        kernels.relax(data, _slope(u), u, u.copy(), dual, tau, sigma, constants.ITERATIONS)
        kernels.divergence(dual, back)
    return _State(u, dual)


def _slope(u: Floats) -> Floats:
    """Return ∇A (2, 2), where A is the least-squares affine part of u.

    On a full grid the columns x and y are orthogonal, so that each slope is a quotient of two sums.
    """
    x, y = (np.arange(n, dtype=np.float32) - (n - 1) / 2 for n in (u.shape[2], u.shape[1]))
    slope = np.stack([u.mean(axis=1) @ x / (x @ x), u.mean(axis=2) @ y / (y @ y)], axis=1)
    return cast(Floats, slope.astype(np.float32))


def _dense(state: _State, level: _Level) -> Floats:
    """Return the flow of every pixel, (H, W, 2)."""
    return cast(Floats, cv2.merge(tuple(grids.enlarged(state.u, level.cell, *level.picture.shape))))
