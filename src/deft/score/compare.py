"""Two experiments on the same clips: how they differ, and whether other people might have turned it round."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deft.core import tables
from deft.core.errors import DataError
from deft.score import faithful, loso, metrics
from deft.score.metrics import Floats

ANSWERED = ("clip", "emotion", "said_emotion", "units", "evidence")  # of `deft.core.schemas.PREDICTIONS`
TOLD = ("clip", "dataset", "subject", "label", "listed", "evidence")  # of `deft.core.schemas.TRIPLES`


class Run(NamedTuple):
    """An experiment by its name: under which ``labels`` (``task.labels``), and its clips, sorted (see `run`)."""

    name: str
    labels: str
    clips: list[tables.Row]


class Difference(NamedTuple):
    """A figure of both, the second less the first with its 95 % interval, and a two-sided p."""

    first: float
    second: float
    difference: float
    low: float
    high: float
    p: float


def run(name: str, labels: str, answers: Sequence[tables.Row], triples: Sequence[tables.Row]) -> Run:
    """An experiment from the columns `ANSWERED` of its answers and `TOLD` of its triples."""
    told = {row["clip"]: row for row in triples}
    clips = [
        {**told[row["clip"]], **row, "evidence": told[row["clip"]]["evidence"], "said_evidence": row["evidence"]}
        for row in answers
    ]
    return Run(name, labels, sorted(clips, key=lambda row: str(row["clip"])))


def rule(either: Run, resamples: int, seed: int) -> str:
    """How the `differences` come about, in one sentence."""
    return (
        f"{len(either.clips)} clips of {len(set(loso.people(either.clips)))} subjects, each figure pooled over all; "
        f"paired bootstrap over subjects, {resamples} resamples, seed {seed}; two-sided p, not corrected for how many "
        "figures there are"
    )


def differences(first: Run, second: Run, resamples: int, seed: int) -> dict[str, Difference]:
    """UF1, UAR and accuracy of head and text, F1 of units and of evidence: by their places in ``metrics/loso.json``.

    A paired bootstrap (Efron and Tibshirani 1993, chapters 13 and 16; Koehn 2004, EMNLP): subjects are drawn, and both
    experiments are scored on the clips of the same ones. The interval is that of the percentiles. p is twice the share
    of draws in which the difference is 0 or on the rarer side of it, with one draw added so that it is never 0 (Davison
    and Hinkley 1997, section 4.2). Evidence is compared with what each experiment itself measured.

    Raises:
        DataError: they are not of the same clips with the same labels.

    """
    _check(first, second)
    drawn = metrics.draws(loso.people(first.clips), resamples, seed)
    whole = metrics.all_once(len(first.clips))
    points, again = ([_figures(each.clips, weights) for each in (first, second)] for weights in (whole, drawn))
    found = {}
    for name in points[0]:
        one, other = points[0][name][0], points[1][name][0]
        apart = np.round(again[1][name] - again[0][name], 9)  # sums in another order are no difference
        low, high = metrics.interval(apart)
        turned = min((apart <= 0).sum(), (apart >= 0).sum())
        p = min(1.0, 2 * (1 + turned) / (1 + resamples))
        found[name] = Difference(*(round(float(value), 4) for value in (one, other, other - one, low, high, p)))
    return found


def _figures(clips: Sequence[tables.Row], weights: Floats) -> dict[str, Floats]:
    true = [row["label"] for row in clips]
    emotions = {
        f"{group}.{key}": value
        for group in metrics.ANSWERS
        for key, value in metrics.emotion(true, loso.given(clips, group))(weights).items()
        if key in ("uf1", "uar", "acc")
    }
    units = metrics.units([row["listed"] for row in clips], [row["units"] for row in clips])(weights)
    said, measured = [row["said_evidence"] or [] for row in clips], [row["evidence"] for row in clips]
    return emotions | {"au.f1": units["f1"], "text.evidence_f1": faithful.evidence_f1(said, measured)(weights)}


def _check(first: Run, second: Run) -> None:
    where, alike = f"{first.name} and {second.name}", "the same clips with the same labels"
    if first.labels != second.labels:
        found = f"task.labels {first.labels} and {second.labels}"
        raise DataError(where, found, alike, "run both under the same task.labels")
    one, other = ({row["clip"]: row["label"] for row in each.clips} for each in (first, second))
    alone = sorted(one.keys() ^ other.keys())
    if alone:
        found = f"{len(alone)} clips in one of them alone, as {alone[0]}"
        raise DataError(where, found, alike, "run both on the same datasets and folds")
    differ = [clip for clip in one if one[clip] != other[clip]]
    if differ:
        found = f"{len(differ)} clips whose labels differ, as {differ[0]}: {one[differ[0]]} and {other[differ[0]]}"
        raise DataError(where, found, alike, "run both on the same label sheets")
