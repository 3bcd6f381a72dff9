"""The terms of DEFT's objective: targets of the two heads, their losses, and the similarity of the experts' tokens."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from deft.core import params
from deft.models.deft.model import Config, Deft
from deft.models.deft.training.examples import Example

Indices = npt.NDArray[np.int64]  # positions of examples

_MAX_UNIT_WEIGHT = 8.0  # of a unit that is seldom shown


class Targets(NamedTuple):
    """What the heads should answer for examples.

    ``emotions`` (n,) are class indices, ``units`` (n, units) 0 or 1, and ``labelled`` (n, 1) is 1 where somebody
    labelled units. ``class_weights`` (n,) give every class the same weight, ``unit_weights`` (units,) rare units more.
    """

    emotions: Tensor
    units: Tensor
    labelled: Tensor
    class_weights: Tensor
    unit_weights: Tensor


class Losses(NamedTuple):
    """The objective's terms, scalars; None for a term that these examples have no part in.

    ``synthetic`` is what the heads lose on synthetic examples, already weighted.
    """

    text: Tensor | None = None
    emotion: Tensor | None = None
    units: Tensor | None = None
    decorrelation: Tensor | None = None
    synthetic: Tensor | None = None

    def total(self, weights: params.Loss) -> Tensor:
        """Return the weighted sum of the terms: 0, without a gradient, where no term has weight."""
        weight = {name: getattr(weights, name, 1.0) for name in self._fields}
        terms = {name: term for name, term in self._asdict().items() if term is not None and weight[name]}
        counted = [weight[name] * term for name, term in terms.items()]
        return torch.stack(counted).sum() if counted else torch.zeros(())


class EpochLosses(NamedTuple):
    """Mean losses over an epoch's clips; ``total`` is weighted, and holds the synthetic examples' part too."""

    total: float
    text: float
    emotion: float
    units: float
    decorrelation: float

    @classmethod
    def of(cls, total: Tensor, losses: Losses) -> "EpochLosses":
        """Return losses as plain numbers, 0 for a term that is missing."""
        terms = (losses.text, losses.emotion, losses.units, losses.decorrelation)
        return cls(total.item(), *(0.0 if term is None else term.item() for term in terms))


def targets(examples: Sequence[Example], config: Config, device: torch.device) -> Targets:
    """Return the targets of examples for a model of this configuration."""
    emotions = torch.tensor([config.emotions.index(example.emotion) for example in examples], device=device)
    labelled = torch.tensor([[float(example.units is not None)] for example in examples], device=device)
    shown = [[float(unit in (example.units or ())) for unit in config.units] for example in examples]
    units = torch.tensor(shown, device=device)
    clips_per_class = torch.bincount(emotions, minlength=len(config.emotions)).float()
    clips_per_unit = units.sum(0)
    odds = (labelled.sum() - clips_per_unit) / clips_per_unit.clamp(min=1)
    unit_weights = odds.clamp(min=0).sqrt().clamp(max=_MAX_UNIT_WEIGHT)
    return Targets(emotions, units, labelled, 1 / clips_per_class[emotions], unit_weights)


def head_losses(
    model: Deft, unit_logits: Tensor, targets: Targets, part: Indices, step: Indices, loss: params.Loss
) -> tuple[Tensor, Tensor]:
    """Return the weighted cross-entropy of the emotions and the `asymmetric` loss of the units, two scalars.

    ``unit_logits`` (B, units) belong to the examples of ``part``. Sums over a part are divided by what the whole
    ``step`` holds, so that however a step is cut into parts, their losses add up to the step's. Where units are
    labelled, the emotion's error does not reach the unit head: a class that is hard to tell would otherwise teach it
    units where nothing moves (leakage: Mahinpei et al. 2021, arXiv 2106.13314).
    """
    labelled, probabilities = targets.labelled[part], unit_logits.sigmoid()  # (B, 1), (B, units)
    concepts = torch.where(labelled > 0, probabilities.detach(), probabilities)
    class_weights = targets.class_weights[part] / targets.class_weights[step].sum()
    errors = functional.cross_entropy(model.emotion_head(concepts), targets.emotions[part], reduction="none")  # (B,)
    emotion = (class_weights * errors).sum()
    shown = targets.units[part]  # (B, units)
    unit_weights = 1 + (targets.unit_weights - 1) * shown
    unit_errors = labelled * unit_weights * asymmetric(unit_logits, shown, loss.gamma_negative, loss.margin)
    return emotion, unit_errors.sum() / (len(step) * unit_logits.shape[1])


def asymmetric(logits: Tensor, shown: Tensor, gamma_negative: float, margin: float) -> Tensor:
    """Return the asymmetric loss of each logit (Ridnik et al. 2021, arXiv 2009.14119, eq. 7), positives unfocused.

    ``shown`` is 0 or 1, of the logits' shape. Units are rare: an absent one whose probability is below ``margin`` costs
    nothing, and above it costs the less the smaller it is, by the power ``gamma_negative``. With both 0 this is binary
    cross-entropy.
    """
    absent = (logits.sigmoid() - margin).clamp(1e-8, 1 - 1e-7)
    return -(shown * functional.logsigmoid(logits) + (1 - shown) * absent**gamma_negative * torch.log1p(-absent))


def au_thresholds(targets: Targets, gamma_negative: float, margin: float) -> Tensor:
    """Return the logits (units,) to which the loss drives units that are as likely shown as not.

    The loss weights rare units more and absent ones less, so a head trained with it is biased towards "shown"; whether
    a unit is more likely shown than not is read off by comparing its logit with these.
    """
    logits = torch.linspace(-4, 8, 1201, device=targets.unit_weights.device)[:, None]
    present = asymmetric(logits, torch.full_like(logits, 1.0), gamma_negative, margin)
    absent = asymmetric(logits, torch.full_like(logits, 0.0), gamma_negative, margin)
    return logits[(targets.unit_weights * present + absent).argmin(0), 0]


def decorrelation(prefix: Mapping[str, Tensor]) -> Tensor:
    """Return how similar the experts' prefix tokens (B, tokens, width) are, in [0, 1]: linear CKA, mean over pairs.

    Kornblith et al. 2019, arXiv 1905.00414, eq. 4, of the tokens' means; clips that an expert does not see stay zero.
    """
    centred = [tokens.mean(1) - tokens.mean((0, 1)) for tokens in prefix.values()]  # (B, width) each
    similarities = []
    for one, other in combinations(centred, 2):
        shared = (one.T @ other).square().sum()
        similarities.append(shared / ((one.T @ one).norm() * (other.T @ other).norm()).clamp(min=1e-9))
    if not similarities:
        return next(iter(prefix.values())).new_zeros(())
    return torch.stack(similarities).mean()
