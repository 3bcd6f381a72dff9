"""Where the face lies in a field: the frame of the prior, and the ways in which real fields miss it.

The frame is a square of 2.4 eye distances, from the forehead to below the chin, with the eyes at 26 % of its height: a
face crop as data sets cut them. A field whose landmarks are known is brought there (`deft.prior.canonical`).
"""

from collections.abc import Collection
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from deft.facs import mean_face
from deft.motion import compensation
from deft.prior import layout
from deft.prior.draws import Draws

CELLS = layout.GRID / mean_face.FRAME  # per eye distance
MIDDLE_X = (layout.GRID - 1) / 2  # of the face, cells
EYES_Y = mean_face.EYE_LINE * layout.GRID - 0.5
SPREAD = (1.0, 1.5, 0.2, 0.2)  # about the deviations of a place's four numbers, so that they weigh alike
KNOWN = 0.4  # share of fields with landmarks and a known unit
_PIVOT = 0.5  # eye distances below the eyes: a head tilts about the middle of the face
_ROUNDS = 4
_ROUNDING = 1e-4  # of the longest component: what a fit leaves of a head that moves alone
_HIGH_SHARE = 16 / layout.GRID**2  # of the cells are longer than a field's unit


class Place(NamedTuple):
    """Where the faces of n fields lie, and their proportions.

    known: whether landmarks and unit are known, (n,). wide, high: cells per eye distance, (n,). right, down: cells off
    the frame, (n,). roll: radians, (n,). narrow: by how much of its width a side of the face is foreshortened, (n,).
    widths, drops: the width of each of `layout.PARTS` as a share, and by how far it lies lower, in eye distances,
    (n, 5).
    """

    known: Tensor
    wide: Tensor
    high: Tensor
    right: Tensor
    down: Tensor
    roll: Tensor
    narrow: Tensor
    widths: Tensor
    drops: Tensor

    def part_width(self, parts: Tensor) -> Tensor:
        """Return the share by which each bump's place is wider (n, bumps); parts: (n, bumps, 5)."""
        return (parts * self.widths[:, None]).sum(2)

    def part_drop(self, parts: Tensor) -> Tensor:
        """Return how far each bump lies lower (n, bumps), in eye distances; parts: (n, bumps, 5)."""
        return (parts * self.drops[:, None]).sum(2)

    def bumps(self, x: Tensor, y: Tensor, dx: Tensor, dy: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Bring places and directions (n, bumps) from the face to the field: places from eye distances to cells."""
        x = x * (1 + self.narrow[:, None] * x.clamp(-1, 1))
        cos, sin = self.roll.cos()[:, None], self.roll.sin()[:, None]
        below = y - _PIVOT
        columns = (x * cos - below * sin) * self.wide[:, None] + MIDDLE_X + self.right[:, None]
        rows = (x * sin + below * cos + _PIVOT) * self.high[:, None] + EYES_Y + self.down[:, None]
        aspect = (self.wide / self.high).sqrt()[:, None]
        return columns, rows, (dx * cos - dy * sin) * aspect, (dx * sin + dy * cos) / aspect

    def grid(self) -> tuple[Tensor, Tensor]:
        """Return the place of every cell on the face, in eye distances: x and y, (n, 28, 28) each."""
        cells = torch.arange(layout.GRID, device=self.wide.device, dtype=torch.float32)
        x = (cells[None, None, :] - MIDDLE_X - self.right[:, None, None]) / self.wide[:, None, None]
        y = (cells[None, :, None] - EYES_Y - self.down[:, None, None]) / self.high[:, None, None]
        return x.expand(-1, layout.GRID, -1), y.expand(-1, -1, layout.GRID)

    def offsets(self) -> Tensor:
        """Return how far each face is off the frame: right and down in cells, then log width and height, (n, 4)."""
        return torch.stack([self.right, self.down, (self.wide / CELLS).log(), (self.high / CELLS).log()], 1)


def draw(draws: Draws, count: int, left_out: Collection[str]) -> Place:
    """Draw places; faces with known landmarks lie close to the frame."""
    known = draws.chance(KNOWN, count)
    loose = torch.where(known, 0.25, 1.0) * ("registration" not in left_out)
    size = torch.exp(loose * draws.between(-0.36, 0.24, count))
    aspect = torch.exp(loose * 0.05 * draws.normal(count))
    identity = float("identity" not in left_out)
    widths = 1 + identity * torch.tensor([0.05, 0.03, 0.08, 0.10, 0.06], device=draws.device) * draws.normal(count, 5)
    drops = identity * torch.tensor([0.06, 0.02, 0.06, 0.08, 0.12], device=draws.device) * draws.normal(count, 5)
    return Place(
        known=known,
        wide=CELLS * size * aspect,
        high=CELLS * size / aspect,
        right=loose * 0.8 * draws.normal(count),
        down=loose * 1.5 * draws.normal(count),
        roll=loose * 0.06 * draws.normal(count),
        narrow=loose * 0.06 * draws.normal(count),
        widths=widths,
        drops=drops,
    )


def hill(centre: Tensor, width: Tensor, skew: Tensor, peaked: Tensor) -> Tensor:
    """Return a bell over the cells of a row or column (n, bumps, 28): wider on one side, more or less peaked."""
    cells = torch.arange(layout.GRID, device=centre.device, dtype=torch.float32)
    off = cells - centre[..., None]
    scaled = off / width[..., None] * torch.where(off > 0, 1 - skew[..., None], 1 + skew[..., None])
    return torch.exp(-0.5 * scaled.abs().pow(2 * torch.exp(peaked)[..., None]))


def normalised(fields: Tensor) -> tuple[Tensor, Tensor]:
    """Return fields (n, 2, 28, 28) without the head's motion and in their own unit, and that unit (n,).

    The unit is a high quantile of the vectors' lengths; a field with nothing but a head's motion is zero, with unit 1.
    """
    still = fields - _heads(fields)
    rounding = _ROUNDING * fields.abs().amax((1, 2, 3), keepdim=True)
    still = torch.where(still.abs() > rounding, still, 0.0)
    lengths = still.square().sum(1).flatten(1)  # (n, 784), squared
    unit = lengths.topk(round(_HIGH_SHARE * lengths.shape[1]), dim=1).values[:, -1].sqrt()
    unit = torch.where(unit > 0, unit, 1.0)
    return still / unit[:, None, None, None], unit


def _heads(fields: Tensor) -> Tensor:
    """Return the head's motion in fields (n, 2, 28, 28): similarities, fitted where a face is still.

    `deft.motion.compensation` does the same where landmarks are known, and more thoroughly; this fit takes every second
    cell, and reweights them by their residuals (an L1 fit) a few times.
    """
    places, trust = (tensor.to(fields.device) for tensor in _still_places())  # (k, 2, 4), (k,)
    every = functional.avg_pool2d(fields, 2).flatten(2)  # (n, 2, k)
    products = (places[:, :, :, None] * places[:, :, None, :]).sum(1).flatten(1)  # (k, 16)
    weights = trust.expand(len(fields), -1)  # (n, k)
    motion = fields.new_zeros(len(fields), 4)
    for _ in range(_ROUNDS):
        normal = (weights @ products).reshape(-1, 4, 4)
        right = (weights * every[:, 0]) @ places[:, 0] + (weights * every[:, 1]) @ places[:, 1]  # (n, 4)
        motion = torch.linalg.solve(normal, right[..., None])[..., 0]
        residuals = every - (motion @ places.flatten(0, 1).T).reshape(-1, *places.shape[:2]).mT  # (n, 2, k)
        lengths = residuals.square().sum(1).sqrt()
        weights = trust / (lengths + 0.1 * lengths.mean(1, keepdim=True) + 1e-12)
    grow, turn, right_shift, down_shift = motion[:, :, None, None].unbind(1)  # (n, 1, 1) each
    x = torch.linspace(-1, 1, layout.GRID, device=fields.device)[None, None, :]
    y = torch.linspace(-1, 1, layout.GRID, device=fields.device)[None, :, None]
    return torch.stack([grow * x - turn * y + right_shift, grow * y + turn * x + down_shift], 1)


@cache
def _still_places() -> tuple[Tensor, Tensor]:
    """Return, for every second cell, the matrix (2, 4) from a similarity to its motion, and how still skin is there."""
    fine = 8 * layout.GRID
    stable = compensation.stable_area(mean_face.filling((fine, fine)), (fine, fine))
    side = layout.GRID // 2
    trust = torch.from_numpy(stable.reshape(side, 16, side, 16).mean((1, 3), dtype=np.float32)).flatten() + 0.02
    cells = torch.linspace(-1, 1, layout.GRID).reshape(side, 2).mean(1)
    y, x = (grid.flatten() for grid in torch.meshgrid(cells, cells, indexing="ij"))
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    return torch.stack([torch.stack([x, -y, one, zero], 1), torch.stack([y, x, zero, one], 1)], 1), trust


def scale(unit: Tensor, known: Tensor) -> Tensor:
    """Return what the network is told of a field's unit, in eye distances (n,), and whether it is known: (n, 2)."""
    told = torch.where(known, (unit.clamp_min(1e-4) / 0.01).log(), 0.0)
    return torch.stack([told, known.float()], 1)
