"""A clip's motion: flow from the onset to a few frames up to the apex, head motion removed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deft.motion import compensation, evidence, tvl1


class Step(NamedTuple):
    """The motion from the onset to one later frame, in crop pixels.

    position: the frame's position in the clip.
    flow: the face's motion, float32 (H, W, 2), x right, y down.
    head: the head's motion that was removed, float32 (2, 3) (`deft.motion.compensation.Compensated`).
    residual_px: the median motion left in the stable area.
    noise_px: the clip's own noise (`deft.motion.evidence.noise`).
    """

    position: int
    flow: npt.NDArray[np.float32]
    head: npt.NDArray[np.float32]
    residual_px: float
    noise_px: float


def positions(available: Iterable[int], onset: int, apex: int, steps: int) -> list[int]:
    """Return the available positions nearest to ``steps`` even distances from onset to apex; the last is the apex.

    Where few positions are available, steps fall together. An apex that is the onset is the only step.
    """
    places = np.array(sorted(available))
    ideal = np.linspace(onset, apex, steps + 1)[1:-1]
    nearest = {int(places[np.abs(places - place).argmin()]) for place in ideal}
    return sorted(nearest - {onset} | {apex})


def measure(
    crops: Mapping[int, npt.NDArray[np.uint8]],
    points: npt.NDArray[np.float32],
    onset: int,
    targets: Sequence[int],
    compensated: bool = True,
    starts: Mapping[int, npt.NDArray[np.float32]] | None = None,
) -> list[Step]:
    """Return the motion from the onset to each of the positions ``targets``; an apex that is the onset is still.

    ``crops`` are grey (H, W), by position, the onset among them; ``points`` (68, 2) are the onset's landmarks. The
    head's motion is removed where ``compensated``. ``starts`` are first guesses of the flow (H, W, 2), by position, as
    far as there are any.

    Raises:
        ValueError: the landmarks are not those of a face in the crop.

    """
    stable = compensation.stable_area(points, crops[onset].shape)
    guesses = starts or {}
    flows = (tvl1.flow(crops[onset], crops[target], guesses.get(target)) for target in targets)
    return [_step(flow, stable, points, target, compensated) for target, flow in zip(targets, flows, strict=True)]


def from_field(
    field: npt.NDArray[np.float32], points: npt.NDArray[np.float32], position: int, compensated: bool = True
) -> Step:
    """Return the step of a clip that comes as flow: its field (H, W, 2), in px, without the head's motion."""
    return _step(field, compensation.stable_area(points, field.shape[:2]), points, position, compensated)


def _step(
    field: npt.NDArray[np.float32],
    stable: npt.NDArray[np.bool_],
    points: npt.NDArray[np.float32],
    position: int,
    compensated: bool,
) -> Step:
    remove_head = compensation.compensate if compensated else compensation.uncompensated
    face = remove_head(field, stable)
    return Step(position, face.flow, face.head, face.residual, evidence.noise(face.flow, points))
