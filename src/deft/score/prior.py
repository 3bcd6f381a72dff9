"""Score the motion prior on synthetic fields."""

from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from deft.prior import Prior, layout
from deft.prior.synthesis import Batch
from deft.prior.training import by_unit

BINS = 10


def figures(prior: Prior, drawn: Batch) -> dict[str, Any]:
    """Return how well the prior tells the units that moved in synthetic fields from those that did not.

    auc: per unit, and ``auc_mean`` over all; ece: expected calibration error of the probability of a unit in ten bins,
    over all units; side_auc: of the difference between a unit's two sides, where one side alone moves, mean over units;
    place_correlation: of where the face lies, found against true.
    """
    answers = prior.answer_normalised(drawn.fields, drawn.scale)
    moved = by_unit(drawn.moved).numpy() > 0  # (n, units)
    aucs = [float(roc_auc_score(moved[:, at], answers.either[:, at])) for at in range(moved.shape[1])]
    sides = [_side_auc(drawn.moved.numpy() > 0, answers.listed, unit) for unit in layout.PAIRED_UNITS]
    upright = drawn.upright.numpy()
    names = ("right", "down", "width", "height")
    found, true = answers.place[upright], drawn.place.numpy()[upright]
    return {
        "fields": len(moved),
        "auc_mean": round(float(np.mean(aucs)), 4),
        "auc": {str(unit): round(auc, 4) for unit, auc in zip(layout.UNITS, aucs, strict=True)},
        "side_auc": round(float(np.mean(sides)), 4),
        "ece": _ece(answers.either.ravel(), moved.ravel()),
        "upright_auc": round(float(roc_auc_score(upright, answers.upright)), 4),
        "place_correlation": {
            name: round(float(np.corrcoef(found[:, at], true[:, at])[0, 1]), 3) for at, name in enumerate(names)
        },
    }


def _side_auc(moved: Any, scores: Any, unit: int) -> float:
    """Return how well scores (n, outputs) tell which side of a unit moved, where one side alone did."""
    right, left = (layout.NUMBER[layout.Output(unit, side)] for side in ("R", "L"))
    alone = moved[:, right] ^ moved[:, left]
    return float(roc_auc_score(moved[alone, right], (scores[:, right] - scores[:, left])[alone]))


def _ece(probabilities: Any, moved: Any) -> float:
    """Return the expected calibration error of probabilities (n,) of what moved (n,)."""
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, probabilities - moved, BINS)
    return round(float(np.abs(gaps).sum() / len(moved)), 4)
