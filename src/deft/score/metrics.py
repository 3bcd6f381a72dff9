"""Pooled scores and their intervals.

Every score is pooled: one confusion over all folds' predictions, never a mean of per-fold scores (`fold_mean` is that
mean, for those who compare). UF1 and UAR are the unweighted means of F1 and recall over the classes that occur in the
truth (See et al. 2019, MEGC).

A `Score` takes weights (draws, clips), how often each clip counts in each of several draws, and gives each of its
figures once a draw: all clips once is the figure itself, subjects drawn anew are its bootstrap, a fold's clips alone
are the fold's figure. So a thousand resamples are a few products of matrices.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Score = Callable[[Floats], dict[str, Floats]]

ANSWERS = {"emotion": "emotion", "generated": "said_emotion"}  # whose class, the head's or the text's → its column


class Ratio(NamedTuple):
    """What a figure sums over clips (clips,), and by what sum it is divided; ``empty`` where that sum is 0."""

    parts: Sequence[float]
    wholes: Sequence[float]
    empty: float = 0.0

    def __call__(self, weights: Floats) -> Floats:
        """Weights (draws, clips) → (draws,)."""
        return _divided(weights @ np.array(self.parts), weights @ np.array(self.wholes), self.empty)


class Counts(NamedTuple):
    """Of each class or unit (draws, names): clips that show it, clips that are said to, clips of which both hold."""

    shown: Floats
    said: Floats
    both: Floats

    @property
    def f1(self) -> Floats:
        """2 · both / (shown + said)."""
        return _divided(2 * self.both, self.shown + self.said)

    @property
    def recall(self) -> Floats:
        """Both / shown."""
        return _divided(self.both, self.shown)

    @property
    def precision(self) -> Floats:
        """Both / said; 0 for what is never said."""
        return _divided(self.both, self.said)

    def mean(self, values: Floats) -> Floats:
        """Mean (draws,) of values (draws, names) over the names that are shown in a draw."""
        return _divided((values * (self.shown > 0)).sum(-1), (self.shown > 0).sum(-1))


def share(held: Sequence[bool]) -> Ratio:
    """The share of clips of which something holds."""
    return Ratio(held, [1.0 for _ in held])


def emotion(true: Sequence[str], given: Sequence[str]) -> Score:
    """``uf1``, ``uar``, ``acc`` and ``wf1`` of classes; an answer that is no class at all counts as wrong.

    ``wf1`` is the mean of the classes' F1, each weighted by its clips.
    """
    count = _counting([[name] for name in true], [[name] for name in given])[1]

    def score(weights: Floats) -> dict[str, Floats]:
        found, clips = count(weights), weights.sum(-1)
        return {
            "uf1": found.mean(found.f1),
            "uar": found.mean(found.recall),
            "acc": _divided(found.both.sum(-1), clips),
            "wf1": _divided((found.f1 * found.shown).sum(-1), clips),
        }

    return score


def per_class(true: Sequence[str], given: Sequence[str]) -> list[dict[str, Any]]:
    """Each class of the truth: ``emotion``, ``f1``, ``recall``, ``precision`` and ``support``, the clips that show it.

    ``precision`` of a class that is never answered is 0.
    """
    names, count = _counting([[name] for name in true], [[name] for name in given])
    found = count(all_once(len(true)))
    return [
        {
            "emotion": name,
            **{key: round(float(getattr(found, key)[0, at]), 4) for key in ("f1", "recall", "precision")},
            "support": int(found.shown[0, at]),
        }
        for at, name in enumerate(names)
    ]


def fold_mean(true: Sequence[str], given: Sequence[str], folds: Sequence[str]) -> dict[str, float]:
    """Mean over folds of each fold's own ``uf1``, ``uar`` and ``acc``: shown beside the pooled scores, never for them.

    A fold's held-out subject shows some of the classes a few times, so its F1 is a matter of chance and the mean is
    biased; pooled F1 is nearly unbiased (Forman and Scholz 2010, doi:10.1145/1882471.1882479). MEGC 2019 pools likewise
    (See et al. 2019).
    """
    scores = emotion(true, given)(members(folds)[1])
    return {key: round(float(scores[key].mean()), 4) for key in ("uf1", "uar", "acc")}


def units(true: Sequence[Iterable[int]], given: Sequence[Iterable[int]]) -> Score:
    """``f1``: binary F1 of each Action Unit that the truth holds, and of these the mean; 0 where it holds none.

    ``given`` is what a head called at a probability fixed beforehand (`deft.models.deft.answer.CALLED`), never tuned on
    a figure.
    """
    count = _counting(true, given)[1]

    def score(weights: Floats) -> dict[str, Floats]:
        found = count(weights)
        return {"f1": found.mean(found.f1)}

    return score


def per_unit(true: Sequence[Iterable[int]], given: Sequence[Iterable[int]]) -> dict[str, dict[str, float]]:
    """``per_unit``: the F1 of each unit that the truth holds; ``support``: how many clips show it."""
    names, count = _counting(true, given)
    found = count(all_once(len(true)))
    return {
        "per_unit": {str(name): round(float(score), 4) for name, score in zip(names, found.f1[0], strict=True)},
        "support": {str(name): int(clips) for name, clips in zip(names, found.shown[0], strict=True)},
    }


def draws(subjects: Sequence[str], resamples: int, seed: int) -> Floats:
    """Weights (resamples, clips) of a bootstrap over subjects (Efron 1979): who is drawn twice brings all clips twice.

    ``subjects`` tells who is seen in each clip. The same clips and seed are drawn alike, which pairs two experiments.
    """
    names, of = np.unique(subjects, return_inverse=True)
    drawn = np.random.default_rng(seed).choice(len(names), (resamples, len(names)))
    times = np.stack([np.bincount(some, minlength=len(names)) for some in drawn])
    return times[:, of].astype(float)


def all_once(clips: int) -> Floats:
    """Weights (1, clips) of a figure over all clips."""
    return np.ones((1, clips))


def members(groups: Sequence[str]) -> tuple[list[str], Floats]:
    """Names of groups, sorted, and weights (groups, clips) of the figures over each one's clips alone."""
    names, of = np.unique(groups, return_inverse=True)
    return names.tolist(), np.eye(len(names))[:, of]


def with_intervals(score: Score, drawn: Floats) -> dict[str, float]:
    """Each figure over all clips as ``KEY``, and its 95 % interval over `draws` as ``KEY_low`` and ``KEY_high``."""
    whole, again = score(all_once(drawn.shape[1])), score(drawn)
    return {
        f"{key}{end}": round(float(value), 4)
        for key in whole
        for end, value in zip(("", "_low", "_high"), (whole[key][0], *interval(again[key])), strict=True)
    }


def interval(values: Floats) -> tuple[float, float]:
    """The 2.5th and the 97.5th percentile."""
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def _counting(
    true: Sequence[Iterable[Any]], given: Sequence[Iterable[Any]]
) -> tuple[list[Any], Callable[[Floats], Counts]]:
    """What the truth holds, sorted, and how often each of it is shown and said under given weights."""
    names = sorted({name for some in true for name in some})
    shape = (len(true), len(names))
    shown, said = (
        np.array([[name in some for name in names] for some in map(set, side)], float).reshape(shape)
        for side in (true, given)
    )
    both = shown * said
    return names, lambda weights: Counts(weights @ shown, weights @ said, weights @ both)


def _divided(parts: Floats, wholes: Floats, empty: float = 0.0) -> Floats:
    return np.asarray(np.divide(parts, wholes, out=np.full(wholes.shape, empty), where=wholes != 0))
