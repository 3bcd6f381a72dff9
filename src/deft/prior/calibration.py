"""Probabilities from the network's logits, by Platt's logistic (Platt 1999), fitted on synthetic fields."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

_LEAST = 1e-4  # probability
_KEYS = ("slope", "offset", "odds")


class Calibration:
    """For each of n logits a slope and an offset: probability = logistic(slope · logit + offset).

    odds: the logarithm of the odds that it moved in the fields of the fit, (n,), as slope and offset.
    """

    def __init__(self, slope: Tensor, offset: Tensor, odds: Tensor) -> None:
        self.slope, self.offset, self.odds = slope, offset, odds

    @classmethod
    def fit(cls, logits: npt.NDArray[np.floating], moved: npt.NDArray[np.bool_]) -> "Calibration":
        """Fit to logits (fields, n) and whether each moved (fields, n)."""
        fits = [LogisticRegression(C=100.0).fit(logits[:, [at]], moved[:, at]) for at in range(logits.shape[1])]
        share = moved.mean(0)
        slopes, offsets = zip(*((fit.coef_[0, 0], fit.intercept_[0]) for fit in fits), strict=True)
        return cls(
            *(torch.tensor(np.array(n), dtype=torch.float32) for n in (slopes, offsets, np.log(share / (1 - share))))
        )

    def __call__(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Return probabilities (fields, n): at the odds of the fit, and at even odds."""
        calibrated = self.slope * logits + self.offset
        return calibrated.sigmoid(), (calibrated - self.odds).sigmoid()

    def state(self) -> dict[str, Tensor]:
        """Return the tensors to save."""
        return {f"calibration.{key}": getattr(self, key) for key in _KEYS}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> "Calibration":
        """Return what `state` was of."""
        return cls(*(state[f"calibration.{key}"] for key in _KEYS))


def log_odds(probabilities: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Return the logarithm of the odds of probabilities, within ± 9.2."""
    within = probabilities.clip(_LEAST, 1 - _LEAST)
    return np.asarray(np.log(within / (1 - within)))
