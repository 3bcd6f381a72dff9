"""Dense optical flow by TV-L1, built for motions of a fraction of a pixel on a face.

With R the reference, T the target (both contrast-normalised) and A an affine motion, the flow is u = A + w; w minimises

    E(w) = ∫ |∇w|  +  λ |ρ(w)| dx
    ρ(w) = T(x + A + w₀) + ⟨g, w − w₀⟩ − R(x),      g = ∇(R + T(x + A + w₀)) / 2

The L1 data term shrugs off occlusion; the total variation |∇w|, one norm over all four derivatives, keeps the edge of a
muscle's motion sharp. A, the least-squares affine part of what the coarser level found, is not charged for: a turned or
nearer head would otherwise cost most of the energy. Splitting w into v and w gives two problems with closed solutions,
alternated `kernels.ITERATIONS` times:

    v = w + g · clip(−ρ(w) / |g|², −λθ, λθ)
    w = v + θ div p,      p ← (p + τ/θ ∇w) / (1 + τ/θ |∇w|)

Source: Zach, Pock and Bischof, "A Duality Based Approach for Realtime TV-L1 Optical Flow", DAGM 2007. Averaged gradient
and median: Wedel et al., "An Improved Algorithm for TV-L1 Optical Flow", 2009. One norm for both components: Bresson
and Chan, "Fast Dual Minimization of the Vectorial Total Variation Norm", 2008. The affine part is our choice, and so is
the contrast normalisation.
"""

import math
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from deft.motion import kernels

Floats = NDArray[np.float32]

SMALLEST_PX = 28
COARSEST_PX = 24  # a picture whose shorter side is at least this is halved once more
SMOOTHING_PX = 0.8  # standard deviation; takes the edge off sensor noise and JPEG blocks
CONTRAST_PX = 5.0  # standard deviation of the window in which contrast is measured
CONTRAST_FLOOR = 0.2  # of the whole picture's contrast: plain skin keeps its noise small
WARPS = 3
MEDIAN_PX = 5


def flow(reference: NDArray[np.generic], target: NDArray[np.generic]) -> Floats:
    """Measure the motion from reference to target.

    reference, target: grey pictures of one shape (H, W), both sides at least 28 px, integers or floats; gain and offset
    of either do not matter.
    Returns float32 (H, W, 2) in pixels, x right and y down: target(x + flow(x)) ≈ reference(x). A constant picture
    shows no motion.
    Raises ValueError where a picture is not grey, not finite, too small, or of another shape than the other.

    Runs on one thread, without the GIL most of the time; the same pair gives the same bytes.
    """
    _check("reference", reference)
    _check("target", target)
    if reference.shape != target.shape:
        raise ValueError(f"target: expected the reference's shape {reference.shape}, got {target.shape}")
    if _is_constant(reference) or _is_constant(target):
        return np.zeros((*reference.shape, 2), np.float32)
    levels = [(_normalised(reference), _normalised(target))]
    while min(levels[-1][0].shape) >= COARSEST_PX:
        levels.append((kernels.halved(levels[-1][0]), kernels.halved(levels[-1][1])))
    u = np.zeros((2, *levels[-1][0].shape), np.float32)
    for fixed, moving in reversed(levels):
        u = _refined(fixed, moving, u if u.shape[1:] == fixed.shape else kernels.doubled(u, *fixed.shape))
    return np.ascontiguousarray(u.transpose(1, 2, 0))


def _check(name: str, picture: NDArray[np.generic]) -> None:
    if picture.ndim != 2 or min(picture.shape) < SMALLEST_PX:
        raise ValueError(f"{name}: expected a grey picture (H, W) of at least {SMALLEST_PX} px, got {picture.shape}")
    if picture.dtype.kind not in "uif":
        raise ValueError(f"{name}: expected integers or floats, got {picture.dtype}")
    bad = picture.size - np.count_nonzero(np.isfinite(picture))
    if bad:
        raise ValueError(f"{name}: expected finite values, got {bad} NaN or infinite pixels")


def _is_constant(picture: NDArray[np.generic]) -> bool:
    low, high = float(picture.min()), float(picture.max())
    return high - low <= 1e-6 * max(abs(low), abs(high))


def _normalised(picture: NDArray[np.generic]) -> Floats:
    """Local contrast: (I − mean) / √(variance + floor²), each over a Gaussian window; float32 (H, W)."""
    exact = picture.astype(np.float64, order="C")
    smooth = kernels.convolved(((exact - exact.mean()) / exact.std()).astype(np.float32), _gaussian(SMOOTHING_PX))
    window = _gaussian(CONTRAST_PX)
    detail = smooth - kernels.convolved(smooth, window)
    return cast(Floats, detail / np.sqrt(kernels.convolved(detail * detail, window) + np.float32(CONTRAST_FLOOR**2)))


def _gaussian(sigma_px: float) -> Floats:
    radius = math.ceil(3 * sigma_px)
    taps: Floats = np.exp(-0.5 * (np.arange(-radius, radius + 1, dtype=np.float32) / np.float32(sigma_px)) ** 2)
    return taps / np.float32(taps.sum())


def _refined(fixed: Floats, moving: Floats, u: Floats) -> Floats:
    """One level of the pyramid: the flow u (2, H, W) made better, in place."""
    height, width = fixed.shape
    affine = _affine(u)
    kernels.tilt(u, affine, np.float32(-1))
    padded = np.pad(moving, ((1, 2), (1, 2)), mode="edge")  # so that the bicubic footprint needs no border cases
    warped, inside = np.empty_like(fixed), np.empty_like(fixed)
    data = np.empty((4, height, width), np.float32)
    dual = np.zeros((4, height + 1, width + 1), np.float32)
    for _ in range(WARPS):
        kernels.warp(padded, u, affine, warped, inside)
        kernels.linearise(fixed, warped, inside, u, data)
        kernels.relax(data, u, dual)
        for component in u:
            component[:] = cv2.medianBlur(component, MEDIAN_PX)
    kernels.tilt(u, affine, np.float32(1))
    return u


def _affine(u: Floats) -> Floats:
    """Least-squares affine part of u, (2, 3): u(x) ≈ affine · (x − cx, y − cy, 1), (cx, cy) the picture's centre.

    On a full centred grid the three columns are orthogonal, so that each is a plain projection.
    """
    x, y = (np.arange(n, dtype=np.float32) - (n - 1) / 2 for n in (u.shape[2], u.shape[1]))
    along_x, along_y = u.mean(axis=1) @ x / (x @ x), u.mean(axis=2) @ y / (y @ y)
    return cast(Floats, np.stack([along_x, along_y, u.mean(axis=(1, 2))], axis=1).astype(np.float32))
