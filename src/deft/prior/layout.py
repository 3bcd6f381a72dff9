"""What the prior answers on, and the bumps of motion that it learns from.

An output is a unit on one side of the face, or a unit of the midline. The bumps are the renderer's
(`deft.render.motions`), in eye distances from the middle between the eyes of the mean face, x to the picture's right,
y down.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from deft.facs import mean_face
from deft.facs.regions import MIRROR
from deft.render.motions import CENTRAL, PAIRED, Bump

GRID = 28  # cells along each side of a field
BLINK = 43  # closed eyes
BLINKING = 45  # moves the same skin, so that a field, which has no time, cannot tell it from closed eyes
PAIRED_UNITS = tuple(unit for unit in sorted(PAIRED) if unit != BLINKING)
CENTRAL_UNITS = tuple(sorted(CENTRAL))


class Output(NamedTuple):
    """A unit, and the subject's side ("R", "L") or None for a unit of the midline."""

    unit: int
    side: str | None


OUTPUTS: tuple[Output, ...] = (
    *(Output(unit, side) for unit in PAIRED_UNITS for side in ("R", "L")),
    *(Output(unit, None) for unit in CENTRAL_UNITS),
)
UNITS: tuple[int, ...] = (*PAIRED_UNITS, *CENTRAL_UNITS)
NUMBER = {output: number for number, output in enumerate(OUTPUTS)}

# Parts of the face whose place varies from person to person: brows, eyes, nose, mouth, jaw.
PARTS = (range(17, 27), range(36, 48), range(27, 36), range(48, 68), range(17))


class Bumps(NamedTuple):
    """Bumps, each in ``...`` of any shape.

    output: the output that each belongs to, (...). kind: bumps that mirror each other have one kind, (...). mirrored:
    +1 on the subject's right and on the midline, -1 on the left, (...). centre, offset: (..., 2), in eye distances.
    parts: the share that each of `PARTS` has in the centre, (..., 5). direction: unit vectors (..., 2). width:
    (..., 2), in eye distances. weight: the height where the unit's amplitude is 1, (...). main: whether it is its
    unit's first bump, (...).
    """

    output: Tensor
    kind: Tensor
    mirrored: Tensor
    centre: Tensor
    offset: Tensor
    parts: Tensor
    direction: Tensor
    width: Tensor
    weight: Tensor
    main: Tensor


def numbers(unit: int, side: str | None) -> list[int]:
    """Return the numbers of the outputs that a unit has on a side, or on both sides if ``side`` is None."""
    unit = BLINK if unit == BLINKING else unit
    return [
        number
        for output, number in NUMBER.items()
        if output.unit == unit and (side is None or output.side in (side, None))
    ]


def bumps() -> Bumps:
    """Return the renderer's bumps on the mean face, all bumps of all outputs in a row."""
    rows: list[tuple[object, ...]] = []
    kind = 0
    for table in ({unit: PAIRED[unit] for unit in PAIRED_UNITS}, CENTRAL):
        for unit, unit_bumps in table.items():
            for number, bump in enumerate(unit_bumps):
                for side in _sides(unit, bump):
                    output = NUMBER[Output(unit, side if unit in PAIRED else None)]
                    mirrored = -1.0 if side == "L" else 1.0
                    rows.append((output, kind, mirrored, *_placed(bump, side == "L"), number == 0))
                kind += 1
    columns = (torch.from_numpy(np.array(column)) for column in zip(*rows, strict=True))
    return Bumps(*(column.float() if column.is_floating_point() else column for column in columns))


def _sides(unit: int, bump: Bump) -> tuple[str, ...]:
    """Return the sides on which a bump stands: one where it lies on the midline."""
    middle = unit in CENTRAL and all(MIRROR[point] == point for point in bump.at)
    return ("R",) if middle else ("R", "L")


def _placed(bump: Bump, mirrored: bool) -> tuple[object, ...]:
    """Return a bump's centre, offset, parts, direction, width and weight, on the left side if ``mirrored``."""
    at = MIRROR[list(bump.at)] if mirrored else np.array(bump.at)
    out = np.array([1.0 if mirrored else -1.0, 0.0])  # the subject's right is the picture's left
    up = np.array([0.0, -1.0])
    direction = bump.direction[0] * out + bump.direction[1] * up
    parts = [float(np.isin(at, part).mean()) for part in PARTS]
    offset = bump.offset[0] * out + bump.offset[1] * up
    centre = mean_face.POINTS[at].mean(0)
    return centre, offset, parts, direction / np.linalg.norm(direction), bump.width, bump.weight
