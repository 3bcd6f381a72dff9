"""How far the probability of an answer is from how often such answers are right."""

from collections.abc import Sequence

import numpy as np

from deft.score.metrics import Floats, Score

_BINS = 10


def error(confidences: Sequence[float], right: Sequence[bool]) -> Score:
    """``ece``: expected calibration error (Guo et al. 2017, arXiv 1706.04599), in ten bins of equal width.

    Σ over bins of (clips in it / all clips) · |its accuracy - its mean confidence|. A confidence is the probability of
    the class that was answered; a bin holds its upper edge.
    """
    gaps = _bins(confidences) * (np.array(right, float) - np.array(confidences))[:, None]
    return lambda weights: {"ece": np.abs(weights @ gaps).sum(-1) / weights.sum(-1)}


def reliability(confidences: Sequence[float], right: Sequence[bool]) -> list[dict[str, float]]:
    """A row a bin of `error` that holds any clip: its mean ``confidence``, its ``accuracy``, and how many ``clips``."""
    bins = _bins(confidences)
    clips, sure, hits = bins.sum(0), np.array(confidences) @ bins, np.array(right, float) @ bins
    return [
        {"confidence": round(float(sure[at] / n), 4), "accuracy": round(float(hits[at] / n), 4), "clips": int(n)}
        for at, n in enumerate(clips)
        if n
    ]


def _bins(confidences: Sequence[float]) -> Floats:
    """(clips, bins): in which bin each confidence in (0, 1] is."""
    at = np.clip(np.ceil(np.array(confidences) * _BINS) - 1, 0, _BINS - 1).astype(int)
    return np.asarray(np.eye(_BINS)[at])
