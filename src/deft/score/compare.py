"""Compare two experiments on the same clips: how much each figure differs, and how certain the difference is."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deft.core import tables
from deft.core.errors import DataError
from deft.score import faithful, loso, metrics
from deft.score.metrics import Floats

ANSWER_COLUMNS = ("clip", "emotion", "said_emotion", "units", "evidence")  # of `deft.core.schemas.PREDICTIONS`
TRIPLE_COLUMNS = ("clip", "dataset", "subject", "label", "listed", "evidence")  # of `deft.core.schemas.TRIPLES`


class Run(NamedTuple):
    """An experiment: its name, its ``labels`` (``task.labels``), and its clips, sorted (`run`)."""

    name: str
    labels: str
    clips: list[tables.Row]


class Difference(NamedTuple):
    """One figure of both experiments: second minus first with a 95 % interval, and a two-sided p-value."""

    first: float
    second: float
    difference: float
    low: float
    high: float
    p: float


def run(name: str, labels: str, answers: Sequence[tables.Row], triples: Sequence[tables.Row]) -> Run:
    """Join an experiment's answers (`ANSWER_COLUMNS`) with its triples (`TRIPLE_COLUMNS`), one row per clip."""
    by_clip = {row["clip"]: row for row in triples}
    clips = []
    for answer in answers:
        triple = by_clip[answer["clip"]]
        clips.append(triple | answer | {"evidence": triple["evidence"], "said_evidence": answer["evidence"]})
    return Run(name, labels, sorted(clips, key=lambda row: str(row["clip"])))


def rule(either: Run, resamples: int, seed: int) -> str:
    """Return one sentence that says how `differences` are computed."""
    return (
        f"{len(either.clips)} clips of {len(set(loso.people(either.clips)))} subjects, each figure pooled over all; "
        f"paired bootstrap over subjects, {resamples} resamples, seed {seed}; two-sided p, not corrected for the "
        "number of figures"
    )


def differences(first: Run, second: Run, resamples: int, seed: int) -> dict[str, Difference]:
    """Compare two experiments figure by figure: UF1, UAR and accuracy of head and text, F1 of units and of evidence.

    The keys are those of ``metrics/loso.json``. Evidence is compared with what each experiment itself measured.

    The test is a paired bootstrap (Efron and Tibshirani 1993, chapters 13 and 16; Koehn 2004, EMNLP): subjects are
    drawn, and both experiments are scored on the clips of the same subjects. The interval holds the middle 95 % of the
    differences. p is twice the share of draws in which the difference is 0 or has the rarer sign, with one draw added
    so that p is never 0 (Davison and Hinkley 1997, section 4.2).

    Raises:
        DataError: the experiments do not have the same clips with the same labels.

    """
    _check(first, second)
    drawn = metrics.draws(loso.people(first.clips), resamples, seed)  # (resamples, clips)
    whole = metrics.all_once(len(first.clips))  # (1, clips)
    first_values, second_values = _figures(first.clips, whole), _figures(second.clips, whole)
    first_draws, second_draws = _figures(first.clips, drawn), _figures(second.clips, drawn)
    compared = {}
    for name in first_values:
        one, other = first_values[name][0], second_values[name][0]
        # Rounded, since sums in another order differ in the last bits.
        gaps = np.round(second_draws[name] - first_draws[name], 9)  # (resamples,)
        low, high = metrics.interval(gaps)
        rarer_sign = min((gaps <= 0).sum(), (gaps >= 0).sum())
        p = min(1.0, 2 * (1 + rarer_sign) / (1 + resamples))
        compared[name] = Difference(
            first=_rounded(one),
            second=_rounded(other),
            difference=_rounded(other - one),
            low=_rounded(low),
            high=_rounded(high),
            p=_rounded(p),
        )
    return compared


def _rounded(value: float) -> float:
    return round(float(value), 4)


def _figures(clips: Sequence[tables.Row], weights: Floats) -> dict[str, Floats]:
    """Return each figure (draws,) under weights (draws, clips)."""
    true = [row["label"] for row in clips]
    emotions = {
        f"{group}.{key}": value
        for group in metrics.ANSWERS
        for key, value in metrics.emotion(true, loso.classes(clips, group))(weights).items()
        if key in ("uf1", "uar", "acc")
    }
    units = metrics.units([row["listed"] for row in clips], [row["units"] for row in clips])(weights)
    answered = [row["said_evidence"] or [] for row in clips]
    measured = [row["evidence"] for row in clips]
    evidence_f1 = faithful.evidence_f1(answered, measured)(weights)
    return emotions | {"au.f1": units["f1"], "text.evidence_f1": evidence_f1}


def _check(first: Run, second: Run) -> None:
    where, expected = f"{first.name} and {second.name}", "the same clips with the same labels"
    if first.labels != second.labels:
        found = f"task.labels {first.labels} and {second.labels}"
        raise DataError(where, found, expected, "run both under the same task.labels")
    first_labels = {row["clip"]: row["label"] for row in first.clips}
    second_labels = {row["clip"]: row["label"] for row in second.clips}
    unmatched = sorted(first_labels.keys() ^ second_labels.keys())
    if unmatched:
        found = f"{len(unmatched)} clips in one of them alone, as {unmatched[0]}"
        raise DataError(where, found, expected, "run both on the same datasets and folds")
    relabelled = [clip for clip in first_labels if first_labels[clip] != second_labels[clip]]
    if relabelled:
        clip = relabelled[0]
        found = (
            f"{len(relabelled)} clips whose labels differ, as {clip}: {first_labels[clip]} and {second_labels[clip]}"
        )
        raise DataError(where, found, expected, "run both on the same label sheets")
