"""What the two heads should say of some faces, and how far from it they are; and how alike the experts' views are."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from deft.models.deft import model as deft
from deft.models.deft.examples import Example

_RARE = 8.0  # at most this much weight on a unit that is seldom shown


class Truth(NamedTuple):
    """What the heads should say of some faces: ``emotions`` (n,), ``units`` (n, units) of which ``known`` (n, 1) tells
    whether anybody labelled them; ``weights`` (n,) make every class count alike, ``rarity`` (units,) make what is rare
    count more.
    """

    emotions: Tensor
    units: Tensor
    known: Tensor
    weights: Tensor
    rarity: Tensor


def truth(faces: Sequence[Example], shape: deft.Shape, device: torch.device) -> Truth:
    """Truth of faces as a model of this shape tells it."""
    emotions = torch.tensor([shape.emotions.index(face.emotion) for face in faces], device=device)
    known = torch.tensor([[float(face.units is not None)] for face in faces], device=device)
    units = torch.tensor([[float(unit in (face.units or ())) for unit in shape.units] for face in faces], device=device)
    counts = torch.bincount(emotions, minlength=len(shape.emotions)).float()
    shown = units.sum(0)
    rarity = ((known.sum() - shown) / shown.clamp(min=1)).clamp(min=0).sqrt().clamp(max=_RARE)
    return Truth(emotions, units, known, 1 / counts[emotions], rarity)


def heads(
    model: deft.Deft, logits: Tensor, truth: Truth, picked: Any, step: Any, asymmetry: float, margin: float
) -> tuple[Tensor, Tensor]:
    """Weighted cross-entropy of the emotions and `asymmetric` loss of the units, summed over the ``picked`` faces.

    ``logits`` are the units' (B, units). What is summed is divided by what the whole ``step`` holds: however a step is
    cut into parts, they add up to the same mean. Where units are labelled, the class's error does not reach them: a
    class that is hard to tell would have them named where nothing moves (leakage: Mahinpei et al. 2021, arXiv
    2106.13314).
    """
    known, shown = truth.known[picked], logits.sigmoid()
    told = model.emotion(torch.where(known > 0, shown.detach(), shown))
    weights = truth.weights[picked] / truth.weights[step].sum()
    emotion = (weights * functional.cross_entropy(told, truth.emotions[picked], reduction="none")).sum()
    shown = truth.units[picked]
    each = known * (1 + (truth.rarity - 1) * shown) * asymmetric(logits, shown, asymmetry, margin)
    return emotion, each.sum() / (len(step) * logits.shape[1])


def asymmetric(logits: Tensor, shown: Tensor, asymmetry: float, margin: float) -> Tensor:
    """Asymmetric loss (Ridnik et al. 2021, arXiv 2009.14119, eq. 7) of each logit, without focusing of positives.

    Units are rare: an absent one whose probability is below ``margin`` costs nothing, and above it the less the smaller
    it is, by the power ``asymmetry``. With both 0 this is binary cross-entropy.
    """
    absent = (logits.sigmoid() - margin).clamp(1e-8, 1 - 1e-7)
    return -(shown * functional.logsigmoid(logits) + (1 - shown) * absent**asymmetry * torch.log1p(-absent))


def even(truth: Truth, asymmetry: float, margin: float) -> Tensor:
    """Logits (units,) to which the loss drives units that are as likely shown as not.

    It counts what is rare more and what is absent less, so a head that learns from it calls too much: whoever needs
    the more likely of both asks whether a logit is above these.
    """
    logits = torch.linspace(-4, 8, 1201, device=truth.rarity.device)[:, None]
    shown, absent = (asymmetric(logits, torch.full_like(logits, side), asymmetry, margin) for side in (1.0, 0.0))
    return logits[(truth.rarity * shown + absent).argmin(0), 0]


def decorrelation(views: Mapping[str, Tensor]) -> Tensor:
    """How alike the experts' prefix tokens (B, tokens, width) are, in [0, 1]: linear CKA, mean over pairs of experts.

    Kornblith et al. 2019, arXiv 1905.00414, eq. 4, of the tokens' means; clips that an expert does not see stay zero.
    """
    found = []
    for one, other in combinations([view.mean(1) - view.mean((0, 1)) for view in views.values()], 2):
        shared = (one.T @ other).square().sum()
        found.append(shared / ((one.T @ one).norm() * (other.T @ other).norm()).clamp(min=1e-9))
    return torch.stack(found).mean() if found else next(iter(views.values())).new_zeros(())
