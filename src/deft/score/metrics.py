"""Pooled scores and their intervals.

Every score is pooled: one confusion over all folds' predictions, never a mean of per-fold scores (`fold_mean` is that
mean, for comparison with papers that use it). UF1 and UAR are the unweighted means of F1 and recall over the classes
that occur in the truth (See et al. 2019, MEGC).

A `Score` takes weights (draws, clips), which say how often each clip counts in each draw, and returns each of its
figures (draws,). With every clip once, that is the figure itself; with drawn subjects, its bootstrap; with the clips of
one fold, the figure of that fold. A thousand resamples therefore take a few matrix products.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Score = Callable[[Floats], dict[str, Floats]]

ANSWERS = {"emotion": "emotion", "generated": "said_emotion"}  # group of scores → column of the answered class


class Ratio(NamedTuple):
    """The sum of ``parts`` (clips,) divided by the sum of ``wholes`` (clips,); ``empty`` where ``wholes`` sum to 0."""

    parts: Sequence[float]
    wholes: Sequence[float]
    empty: float = 0.0

    def __call__(self, weights: Floats) -> Floats:
        """Return the ratio in each draw (draws,), from weights (draws, clips)."""
        return _divided(weights @ np.array(self.parts), weights @ np.array(self.wholes), self.empty)


class Counts(NamedTuple):
    """Numbers of clips (draws, names) that show a class or unit, whose answer names it, and of which both hold."""

    shown: Floats
    answered: Floats
    both: Floats

    @property
    def f1(self) -> Floats:
        """Return 2 · both / (shown + answered)."""
        return _divided(2 * self.both, self.shown + self.answered)

    @property
    def recall(self) -> Floats:
        """Return both / shown."""
        return _divided(self.both, self.shown)

    @property
    def precision(self) -> Floats:
        """Return both / answered; 0 for a name that is never answered."""
        return _divided(self.both, self.answered)

    def mean(self, values: Floats) -> Floats:
        """Return the mean (draws,) of values (draws, names) over the names that are shown in a draw."""
        present = self.shown > 0
        return _divided((values * present).sum(-1), present.sum(-1))


def share(flags: Sequence[bool]) -> Ratio:
    """Score the share of clips whose flag is true."""
    return Ratio(flags, [1.0 for _ in flags])


def emotion(true: Sequence[str], answers: Sequence[str]) -> Score:
    """Score ``uf1``, ``uar``, ``acc`` and ``wf1`` of classes; an answer that is no class at all counts as wrong.

    ``wf1`` is the mean of the classes' F1, weighted by the number of clips.
    """
    _, count = _counting([[name] for name in true], [[name] for name in answers])

    def score(weights: Floats) -> dict[str, Floats]:
        counts, clips = count(weights), weights.sum(-1)
        return {
            "uf1": counts.mean(counts.f1),
            "uar": counts.mean(counts.recall),
            "acc": _divided(counts.both.sum(-1), clips),
            "wf1": _divided((counts.f1 * counts.shown).sum(-1), clips),
        }

    return score


def per_class(true: Sequence[str], answers: Sequence[str]) -> list[dict[str, Any]]:
    """Return one row per class of the truth: ``emotion``, ``f1``, ``recall``, ``precision`` and ``support`` in clips.

    ``precision`` of a class that is never answered is 0.
    """
    names, count = _counting([[name] for name in true], [[name] for name in answers])
    counts = count(all_once(len(true)))  # of one draw
    return [
        {
            "emotion": name,
            "f1": round(float(counts.f1[0, index]), 4),
            "recall": round(float(counts.recall[0, index]), 4),
            "precision": round(float(counts.precision[0, index]), 4),
            "support": int(counts.shown[0, index]),
        }
        for index, name in enumerate(names)
    ]


def fold_mean(true: Sequence[str], answers: Sequence[str], folds: Sequence[str]) -> dict[str, float]:
    """Return the mean over folds of each fold's own ``uf1``, ``uar`` and ``acc``; shown beside the pooled scores only.

    A fold's held-out subject shows some of the classes a few times, so the fold's F1 is largely chance and the mean is
    biased; pooled F1 is nearly unbiased (Forman and Scholz 2010, doi:10.1145/1882471.1882479). MEGC 2019 pools likewise
    (See et al. 2019).
    """
    scores = emotion(true, answers)(members(folds)[1])
    return {key: round(float(scores[key].mean()), 4) for key in ("uf1", "uar", "acc")}


def units(true: Sequence[Iterable[int]], called: Sequence[Iterable[int]]) -> Score:
    """Score ``f1``: the mean of the binary F1 of each Action Unit in the truth; 0 where the truth holds none.

    ``called`` are the units that a head calls at a fixed probability, which is never tuned on a figure.
    """
    _, count = _counting(true, called)

    def score(weights: Floats) -> dict[str, Floats]:
        counts = count(weights)
        return {"f1": counts.mean(counts.f1)}

    return score


def per_unit(true: Sequence[Iterable[int]], called: Sequence[Iterable[int]]) -> dict[str, dict[str, float]]:
    """Return ``per_unit``, the F1 of each unit in the truth, and ``support``, the number of clips that show it."""
    names, count = _counting(true, called)
    counts = count(all_once(len(true)))  # of one draw
    return {
        "per_unit": {str(name): round(float(score), 4) for name, score in zip(names, counts.f1[0], strict=True)},
        "support": {str(name): int(clips) for name, clips in zip(names, counts.shown[0], strict=True)},
    }


def draws(subjects: Sequence[str], resamples: int, seed: int) -> Floats:
    """Return the weights (resamples, clips) of a bootstrap over subjects (Efron 1979).

    A subject that is drawn twice counts with all clips twice. ``subjects`` are the people in each clip. The same
    subjects and seed give the same weights, which pairs two experiments.
    """
    names, owner = np.unique(subjects, return_inverse=True)  # owner: (clips,)
    drawn = np.random.default_rng(seed).choice(len(names), (resamples, len(names)))
    times = np.stack([np.bincount(resample, minlength=len(names)) for resample in drawn])  # (resamples, subjects)
    return times[:, owner].astype(float)


def all_once(clips: int) -> Floats:
    """Return the weights (1, clips) in which every clip counts once."""
    return np.ones((1, clips))


def members(groups: Sequence[str]) -> tuple[list[str], Floats]:
    """Return the sorted names of groups, and weights (groups, clips) in which only the clips of a group count."""
    names, owner = np.unique(groups, return_inverse=True)
    return names.tolist(), np.eye(len(names))[:, owner]


def with_intervals(score: Score, drawn: Floats) -> dict[str, float]:
    """Return each figure over all clips as ``KEY``, and its 95 % interval over `draws` as ``KEY_low``, ``KEY_high``."""
    whole, resampled = score(all_once(drawn.shape[1])), score(drawn)
    figures = {}
    for key in whole:
        low, high = interval(resampled[key])
        figures[key] = round(float(whole[key][0]), 4)
        figures[f"{key}_low"] = round(low, 4)
        figures[f"{key}_high"] = round(high, 4)
    return figures


def interval(values: Floats) -> tuple[float, float]:
    """Return the 2.5th and the 97.5th percentile."""
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def _counting(
    true: Sequence[Iterable[Any]], answers: Sequence[Iterable[Any]]
) -> tuple[list[Any], Callable[[Floats], Counts]]:
    """Return the sorted names in the truth, and a function from weights (draws, clips) to `Counts` of these names."""
    names = sorted({name for clip in true for name in clip})
    shown, answered = _table(true, names), _table(answers, names)
    both = shown * answered
    return names, lambda weights: Counts(weights @ shown, weights @ answered, weights @ both)


def _table(clips: Sequence[Iterable[Any]], names: Sequence[Any]) -> Floats:
    """Return which clip has which name, 0 or 1 (clips, names)."""
    sets = [set(clip) for clip in clips]
    return np.array([[name in clip for name in names] for clip in sets], float).reshape(len(clips), len(names))


def _divided(parts: Floats, wholes: Floats, empty: float = 0.0) -> Floats:
    return np.asarray(np.divide(parts, wholes, out=np.full(wholes.shape, empty), where=wholes != 0))
