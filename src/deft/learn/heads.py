"""What the two heads should say of some faces, and how far from it they are."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from deft.learn.examples import Example
from deft.models import deft

_RARE = 8.0  # at most this much weight on a unit that is seldom shown


class Truth(NamedTuple):
    """What the heads should say of some faces: ``emotions`` (n,), ``units`` (n, units) of which ``known`` (n, 1) tells
    whether anybody labelled them; ``balance`` (classes,) and ``rarity`` (units,) are the losses' weights.
    """

    emotions: Tensor
    units: Tensor
    known: Tensor
    balance: Tensor
    rarity: Tensor


def truth(faces: Sequence[Example], shape: deft.Shape) -> Truth:
    """Truth of faces as a model of this shape tells it."""
    emotions = torch.tensor([shape.emotions.index(face.emotion) for face in faces])
    known = torch.tensor([[float(face.units is not None)] for face in faces])
    units = torch.tensor([[float(unit in (face.units or ())) for unit in shape.units] for face in faces])
    counts = torch.bincount(emotions, minlength=len(shape.emotions)).float()
    shown = units.sum(0)
    return Truth(
        emotions,
        units,
        known,
        balance=len(faces) / (len(shape.emotions) * counts.clamp(min=1)),
        rarity=((known.sum() - shown) / shown.clamp(min=1)).clamp(min=0).sqrt().clamp(max=_RARE),
    )


def losses(model: deft.Deft, logits: Tensor, truth: Truth, picked: Any) -> tuple[Tensor, Tensor]:
    """Cross-entropy of the emotions, weighted by class, and binary cross-entropy of the units that are known.

    ``logits`` are the units' (B, units). Where units are labelled, the class's error does not reach them: a class that
    is hard to tell would have them named where nothing moves (leakage: Mahinpei et al. 2021, arXiv 2106.13314).
    """
    known, shown = truth.known[picked], logits.sigmoid()
    told = model.emotion(torch.where(known > 0, shown.detach(), shown))
    emotion = functional.cross_entropy(told, truth.emotions[picked], weight=truth.balance)
    units = functional.binary_cross_entropy_with_logits(
        logits, truth.units[picked], known.expand_as(logits), pos_weight=truth.rarity
    )
    return emotion, units
