"""A clip's motion: flow from the onset to a few steps up to the apex, head motion removed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deft.motion import compensation, evidence, tvl1


class Step(NamedTuple):
    """``flow`` (H, W, 2) is what the face did from the onset to ``position``, ``head`` (2, 3) what was taken away.

    ``residual`` is the motion left in the stable area and ``noise`` the clip's own (`deft.motion.evidence.noise`), both
    in crop pixels.
    """

    position: int
    flow: npt.NDArray[np.float32]
    head: npt.NDArray[np.float32]
    residual: float
    noise: float


def positions(kept: Iterable[int], onset: int, apex: int, steps: int) -> list[int]:
    """The kept positions nearest to ``steps`` even distances from onset to apex; the last is the apex.

    Where too few are kept, steps fall together; an apex that is the onset is the one step.
    """
    there = np.array(sorted(kept))
    ideal = np.linspace(onset, apex, steps + 1)[1:-1]
    return sorted({int(there[np.abs(there - at).argmin()]) for at in ideal} - {onset} | {apex})


def measure(
    crops: Mapping[int, npt.NDArray[np.uint8]],
    points: npt.NDArray[np.float32],
    onset: int,
    at: Sequence[int],
    compensated: bool = True,
) -> list[Step]:
    """Flow from the onset to each of the positions ``at``; an apex that is the onset gives a step without motion.

    ``crops`` are grey (H, W) by position, the onset among them; ``points`` (68, 2) the onset's landmarks. Unless
    ``compensated``, the head's motion stays.
    """
    stable = compensation.stable_area(points, crops[onset].shape)
    return [_step(tvl1.flow(crops[onset], crops[position]), stable, points, position, compensated) for position in at]


def given(
    field: npt.NDArray[np.float32], points: npt.NDArray[np.float32], position: int, compensated: bool = True
) -> Step:
    """The step of a clip that comes as flow: its field (H, W, 2), the head's motion removed, at ``position``."""
    return _step(field, compensation.stable_area(points, field.shape[:2]), points, position, compensated)


def _step(
    field: npt.NDArray[np.float32],
    stable: npt.NDArray[np.bool_],
    points: npt.NDArray[np.float32],
    position: int,
    compensated: bool,
) -> Step:
    moved = compensation.compensate(field, stable) if compensated else compensation.untouched(field, stable)
    return Step(position, moved.flow, moved.head, moved.residual, evidence.noise(moved.flow, points))
