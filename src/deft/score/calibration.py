"""Calibration: how closely the probability of an answer matches how often such answers are right."""

from collections.abc import Sequence

import numpy as np

from deft.score.metrics import Floats, Score

_BINS = 10


def error(confidences: Sequence[float], right: Sequence[bool]) -> Score:
    """Score ``ece``: expected calibration error (Guo et al. 2017, arXiv 1706.04599), in ten bins of equal width.

    Σ over bins of (clips in the bin / all clips) · |accuracy of the bin - its mean confidence|. A confidence is the
    probability of the class that was answered. A bin holds its upper edge.
    """
    gaps = np.array(right, float) - np.array(confidences)  # (clips,)
    binned = _bins(confidences) * gaps[:, None]  # (clips, bins)
    return lambda weights: {"ece": np.abs(weights @ binned).sum(-1) / weights.sum(-1)}


def reliability(confidences: Sequence[float], right: Sequence[bool]) -> list[dict[str, float]]:
    """Return one row per bin of `error` that is not empty.

    A row holds the bin's mean ``confidence``, its ``accuracy`` and its number of ``clips``.
    """
    bins = _bins(confidences)  # (clips, bins)
    counts = bins.sum(0)
    confidence_sums = np.array(confidences) @ bins
    right_sums = np.array(right, float) @ bins
    return [
        {
            "confidence": round(float(confidence_sums[index] / count), 4),
            "accuracy": round(float(right_sums[index] / count), 4),
            "clips": int(count),
        }
        for index, count in enumerate(counts)
        if count
    ]


def _bins(confidences: Sequence[float]) -> Floats:
    """Return the bin of each confidence in (0, 1], one-hot (clips, bins)."""
    index = np.clip(np.ceil(np.array(confidences) * _BINS) - 1, 0, _BINS - 1).astype(int)
    return np.asarray(np.eye(_BINS)[index])
