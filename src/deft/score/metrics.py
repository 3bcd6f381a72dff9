"""Pooled scores and their intervals.

Every score is pooled: one confusion over all folds' predictions, never a mean of per-fold scores. UF1 and UAR are the
unweighted means of F1 and recall over the classes that occur in the truth (See et al. 2019, MEGC).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from sklearn.metrics import f1_score

Scores = dict[str, float]


def emotion(true: Sequence[str], given: Sequence[str]) -> Scores:
    """``uf1``, ``uar``, ``acc`` of classes; an answer that is no class at all counts as wrong."""
    hits = Counter(a for a, b in zip(true, given, strict=True) if a == b)
    shown, said = Counter(true), Counter(given)  # counted by hand: a bootstrap asks some ten thousand times
    return {
        "uf1": float(np.mean([2 * hits[name] / (shown[name] + said[name]) for name in sorted(shown)])),
        "uar": float(np.mean([hits[name] / shown[name] for name in sorted(shown)])),
        "acc": hits.total() / len(true),
    }


def per_class(true: Sequence[str], given: Sequence[str]) -> Scores:
    """F1 of each class of the truth."""
    classes = sorted(set(true))
    scores = f1_score(true, given, labels=classes, average=None, zero_division=0)
    return dict(zip(classes, map(float, scores), strict=True))


def units(true: Sequence[Iterable[int]], given: Sequence[Iterable[int]]) -> tuple[float, dict[str, float]]:
    """Binary F1 of Action Units: the mean over units that the truth holds, and each one's."""
    held = sorted({unit for some in true for unit in some})
    if not held:
        return 0.0, {}
    shown, called = (np.array([[unit in some for unit in held] for some in side]) for side in (true, given))
    scores = f1_score(shown, called, average=None, zero_division=0)
    return float(np.mean(scores)), dict(zip(map(str, held), map(float, scores), strict=True))


def bootstrap(
    score: Callable[[Sequence[int]], Mapping[str, float]], subjects: Sequence[str], resamples: int, seed: int
) -> dict[str, tuple[float, float]]:
    """95 % interval of each score under resampling of subjects (percentile bootstrap, Efron 1979).

    ``score`` takes positions of clips; a subject drawn twice brings its clips twice.
    """
    rng = np.random.default_rng(seed)
    names = sorted(set(subjects))
    of = {name: [i for i, subject in enumerate(subjects) if subject == name] for name in names}
    drawn = [score([i for name in rng.choice(names, len(names)) for i in of[name]]) for _ in range(resamples)]
    return {
        key: (float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975)))
        for key in drawn[0]
        for values in [[one[key] for one in drawn]]
    }


def with_intervals(
    score: Callable[[Sequence[int]], Mapping[str, float]], subjects: Sequence[str], resamples: int, seed: int
) -> Scores:
    """Each score of all clips with its `bootstrap` interval, as ``KEY``, ``KEY_low`` and ``KEY_high``."""
    intervals = bootstrap(score, subjects, resamples, seed)
    return {
        f"{key}{end}": round(value, 4)
        for key, found in score(range(len(subjects))).items()
        for end, value in zip(("", "_low", "_high"), (found, *intervals[key]), strict=True)
    }
