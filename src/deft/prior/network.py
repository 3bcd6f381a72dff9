"""The network: a field of 28 × 28 cells becomes logits, amplitudes and an embedding."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from deft.prior import layout

EMBEDDING = 64
_WIDTHS = (24, 48, 64)
_HALF = 4  # columns of the 7 that hold one side of the face


class Answer(NamedTuple):
    """What the network says of n fields.

    logits: per output (n, outputs). either: per unit, that it moves on at least one side (n, units). amplitude: per
    output, in the field's unit (n, outputs). upright: the logit that the field is that of an upright face, (n,).
    place: where the face lies (n, 4), as `placement.Place.offsets`. cells: the embedding of each of 7 × 7 places
    (n, width, 7, 7). embedding: of the whole field (n, 64).
    """

    logits: Tensor
    either: Tensor
    amplitude: Tensor
    upright: Tensor
    place: Tensor
    cells: Tensor
    embedding: Tensor


class Network(nn.Module):
    """Three blocks of convolutions and a layer for the whole face; about two million products a field."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third = _WIDTHS
        self.blocks = nn.Sequential(
            nn.Conv2d(2, first, 5, stride=2, padding=2),  # (n, 24, 14, 14)
            nn.BatchNorm2d(first),
            nn.ReLU(),
            nn.Conv2d(first, second, 3, stride=2, padding=1),  # (n, 48, 7, 7)
            nn.BatchNorm2d(second),
            nn.ReLU(),
            nn.Conv2d(second, third, 3, padding=1),  # (n, 64, 7, 7)
            nn.BatchNorm2d(third),
            nn.ReLU(),
        )
        self.whole = nn.Linear(third * 49 + 2, EMBEDDING * 2)
        self.embed = nn.Linear(EMBEDDING * 2, EMBEDDING)
        outputs, units = len(layout.OUTPUTS), len(layout.UNITS)
        self.sizes = (outputs, units, outputs, 1, 4)
        self.answers = nn.Linear(EMBEDDING, sum(self.sizes))
        # What moves on one side is seen there: a half of the face adds to the outputs of its side.
        paired = len(layout.PAIRED_UNITS)
        self.sides = nn.ModuleList(nn.Linear(third * 7 * _HALF, paired) for _ in range(2))

    def forward(self, fields: Tensor, scale: Tensor) -> Answer:
        """Answer on fields (n, 2, 28, 28) in their own unit, with what is known of it (n, 2) (`placement.scale`)."""
        cells = self.blocks(fields.contiguous(memory_format=torch.channels_last))  # (n, 64, 7, 7)
        joined = torch.cat([cells.flatten(1), scale], 1)
        embedding = functional.relu(self.embed(functional.relu(self.whole(joined))))
        logits, either, amplitude, upright, place = self.answers(embedding).split(self.sizes, 1)
        halves = (cells[..., :_HALF], cells[..., -_HALF:])  # (n, 64, 7, 4): the subject's right and left
        local = [side(half.flatten(1)) for side, half in zip(self.sides, halves, strict=True)]  # (n, paired) each
        pairs = torch.stack(local, 2).flatten(1)  # (n, 2 · paired), as `layout.OUTPUTS`
        logits = logits + functional.pad(pairs, (0, logits.shape[1] - pairs.shape[1]))
        return Answer(logits, either, amplitude, upright[:, 0], place, cells, embedding)
