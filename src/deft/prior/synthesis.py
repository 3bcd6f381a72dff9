"""Fields of synthetic motion with their truth: what the prior learns from.

Everything in which a real field can differ from the renderer's is drawn anew for each field: the person, the place of
the face in the field, the shape of each unit's motion, which units move and how far, and the nuisances
(`deft.prior.nuisances`). No face is rendered: a field is a sum of bumps, each a product of a column and a row.
"""

import math
from collections.abc import Collection
from typing import NamedTuple

import torch
from torch import Tensor

from deft.facs import emotions
from deft.prior import layout, nuisances, placement
from deft.prior.draws import Draws

SMALLEST, LARGEST = 0.002, 0.05  # eye distances: the reach of the strongest unit, 0.2 to 4 px at 80 px between the eyes
STILL = 0.12  # share of fields without expression
IMPLIED = 0.5  # share of the others whose units are a combination that FACS and the objective classes name
FREE = (0.45, 0.3, 0.15, 0.1)  # how often one, two, three, four units are drawn freely
ONE_SIDED = 0.35  # share of the paired units that move on one side alone
RELAXING = 0.012  # share of still units that fade, since the onset was not quite neutral
BLINKS = 0.12  # share of fields with a blink at the apex
UNUSUAL = 0.06  # share of fields that show no upright face: upside down, a part of a face, no face


class Batch(NamedTuple):
    """Fields and their truth; n fields, in no particular unit.

    fields: (n, 2, 28, 28), x right and y down. scale: (n, 2): what is known of the fields' unit (`placement.scale`).
    moved: the amplitude of each output in the unit of ``fields``, 0 where it is still, (n, outputs). upright: whether
    the field is that of an upright face, (n,). place: how far the face is off its place (`placement.Place`), (n, 4).
    """

    fields: Tensor
    scale: Tensor
    moved: Tensor
    upright: Tensor
    place: Tensor


class Synthesis:
    """Draws fields without end; ``left_out`` names nuisances (`nuisances.NAMES`) that are not drawn, for ablation."""

    def __init__(self, seed: int, device: str = "cpu", left_out: Collection[str] = ()) -> None:
        self.draws = Draws(seed, device)
        self.left_out = frozenset(left_out)
        self.bumps = layout.Bumps(*(column.to(device) for column in layout.bumps()))
        self.combinations = _combinations(device)

    def batch(self, count: int) -> Batch:
        """Draw ``count`` fields."""
        draws = self.draws
        place = placement.draw(draws, count, self.left_out)
        amplitudes = self._amplitudes(count)  # (count, outputs), eye distances
        reach = amplitudes.abs().amax(1).clamp(SMALLEST, LARGEST)  # (count,)
        fields = self._fields(amplitudes, place)  # (count, 2, 28, 28), eye distances
        fields = nuisances.add(fields, reach, place, draws, self.left_out)
        moved = amplitudes.clamp_min(0)
        fields = nuisances.expressed(fields, place.known, draws, self.left_out)
        unusual = draws.uniform(count) < UNUSUAL
        unusual_fields = nuisances.unusual(fields, draws)
        fields = torch.where(unusual[:, None, None, None], unusual_fields, fields)
        moved = torch.where(unusual[:, None], 0.0, moved)
        normalised, unit = placement.normalised(fields)
        return Batch(
            fields=normalised,
            scale=placement.scale(unit, place.known),
            moved=moved / unit[:, None],
            upright=~unusual,
            place=place.offsets(),
        )

    def _amplitudes(self, count: int) -> Tensor:
        """Draw how far each output moves, in eye distances (count, outputs); a fading unit moves backwards."""
        draws, outputs = self.draws, len(layout.OUTPUTS)
        implied = self.combinations[draws.integers(len(self.combinations), count)]  # (count, units)
        ranks = draws.uniform(count, len(layout.UNITS)).argsort(1).argsort(1)
        number = draws.choice(FREE, count) + 1
        free = ranks < number[:, None]
        units = torch.where((draws.uniform(count) < IMPLIED)[:, None], implied, free)
        units &= (draws.uniform(count) >= STILL)[:, None]
        # A unit's share of the strongest one's reach, the same on both sides but for one that is weaker.
        share = draws.between(0.3, 1.0, count, len(layout.UNITS)) * units
        fading = draws.chance(RELAXING, count, len(layout.UNITS))
        share = torch.where(fading & ~units, -draws.between(0.2, 0.6, count, len(layout.UNITS)), share)
        pairs = 2 * len(layout.PAIRED_UNITS)
        both = share[:, : len(layout.PAIRED_UNITS)].repeat_interleave(2, 1)  # (count, pairs)
        weaker = draws.uniform(count, pairs // 2).sqrt() * 0.8
        first = draws.uniform(count, pairs // 2) < 0.5
        alone = draws.uniform(count, pairs // 2) < ONE_SIDED
        other = torch.where(alone, 0.0, 1 - weaker)
        sides = torch.stack([torch.where(first, 1.0, other), torch.where(first, other, 1.0)], 2).reshape(count, pairs)
        amplitudes = torch.zeros(count, outputs, device=share.device)
        amplitudes[:, :pairs] = both * sides
        amplitudes[:, pairs:] = share[:, len(layout.PAIRED_UNITS) :]
        reach = torch.exp(draws.between(math.log(SMALLEST), math.log(LARGEST), count))
        amplitudes = amplitudes * (reach / amplitudes.abs().amax(1).clamp_min(1e-6))[:, None]
        if "blink" not in self.left_out:
            blinks = draws.chance(BLINKS, count) * torch.exp(draws.between(math.log(0.01), math.log(0.1), count))
            lids = [layout.NUMBER[layout.Output(layout.BLINK, side)] for side in ("R", "L")]
            amplitudes[:, lids] = torch.maximum(amplitudes[:, lids], blinks[:, None])
        return amplitudes

    def _fields(self, amplitudes: Tensor, place: placement.Place) -> Tensor:
        """Return the fields of the units' motion (count, 2, 28, 28), in eye distances, from their amplitudes."""
        draws, count = self.draws, len(amplitudes)
        shape = 0.0 if "shape" in self.left_out else 1.0
        kinds = int(self.bumps.kind.max()) + 1
        moving = amplitudes[:, self.bumps.output] != 0  # (count, bumps)
        most = max(1, int(moving.sum(1).max()))
        chosen = moving.to(torch.uint8).argsort(dim=1, descending=True, stable=True)[:, :most]  # (count, n)
        bump = layout.Bumps(*(column[chosen] for column in self.bumps))  # (count, n, ...)

        def vary(deviation: float) -> Tensor:
            """Draw a number per bump (count, n)."""
            return shape * deviation * draws.normal(count, most)

        def alike(deviation: float) -> Tensor:
            """Draw a number per bump (count, n), the same for a bump and its mirror image."""
            return shape * deviation * draws.normal(count, kinds).gather(1, bump.kind)

        x = bump.centre[..., 0] * place.part_width(bump.parts) + bump.offset[..., 0]
        y = bump.centre[..., 1] + place.part_drop(bump.parts) + bump.offset[..., 1]
        x, y = x + bump.mirrored * alike(0.05) + vary(0.02), y + alike(0.05) + vary(0.02)
        angle = bump.mirrored * alike(0.25) + vary(0.1)  # radians
        dx = bump.direction[..., 0] * angle.cos() - bump.direction[..., 1] * angle.sin()
        dy = bump.direction[..., 0] * angle.sin() + bump.direction[..., 1] * angle.cos()
        across = bump.width[..., 0] * torch.exp(alike(0.25)) * place.wide[:, None]
        down = bump.width[..., 1] * torch.exp(alike(0.3)) * place.high[:, None]
        height = bump.weight * torch.exp(vary(0.15)) * torch.where(bump.main, 1.0, torch.exp(alike(0.5)))
        height = height * amplitudes.gather(1, bump.output)
        x, y, dx, dy = place.bumps(x, y, dx, dy)
        columns = placement.hill(x, across, vary(0.15), vary(0.15))  # (count, n, 28)
        rows = placement.hill(y, down, vary(0.15), vary(0.15))
        along_x = (height * dx)[..., None] * rows
        along_y = (height * dy)[..., None] * rows
        return torch.stack([along_x.mT @ columns, along_y.mT @ columns], 1)


def _combinations(device: str) -> Tensor:
    """Return the combinations of units that FACS names (`deft.facs.emotions`), (n, units), bool."""
    prototypes = {units for options in emotions.PROTOTYPES.values() for units in options}
    named = sorted({*emotions.COMBINATIONS, *prototypes, *_SPEECH}, key=sorted)
    rows = [[unit in units for unit in layout.UNITS] for units in named]
    return torch.tensor([row for row in rows if any(row)], device=device)


# The mouth in speech.
_SPEECH = tuple(map(frozenset, ({25}, {25, 26}, {18, 25}, {20, 25}, {22, 25}, {23}, {17, 24}, {25, 26, 20}, {28})))
