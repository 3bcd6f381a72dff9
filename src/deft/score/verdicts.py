"""Score verdicts on Action Units against the truth of the rendered corpus."""

from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from deft.core import tables
from deft.facs.units import EXPRESSIVE
from deft.motion import verification
from deft.score import truth

AMPLITUDES_PX = (0.0, 0.6, 0.8, 1.0, 1.3, 1.7, np.inf)  # bin edges of a unit's motion at the apex
HEADS_PX = (0.0, 0.4, 0.8, 1.5, np.inf)  # bin edges of the head's motion


def figures(folder: Path, verify: Path, supported: float) -> dict[str, Any]:
    """Count the verdicts and, with truth, score how well they separate units that moved from units that did not.

    ``auc`` covers every clip and every observable unit that the corpus shows at all. ``auc_from_1_px`` and
    ``auc_half_to_1_px`` cover units that move so far (frame px at the apex), against all still units. ``auc_listed``
    covers the units that the sheet lists. Of the listed units that move by at least 1 px or not at all, a unit called
    unsupported is a wrong label found: ``wrong_precision``, ``wrong_recall``. ``curves`` hold ``auc`` over the unit's
    amplitude and over the head's motion, in px. Eyelid closure is left out, since clips blink without a coder listing
    it.

    ``folder`` holds the corpus's truth; ``verify`` is the table of that stage.
    """
    verified = {row["clip"]: row for row in tables.rows(verify)}
    names = [judged["verdict"] for row in verified.values() for judged in (*row["aus"], *row["regions"])]
    counts: dict[str, Any] = {"verdicts": dict(sorted(pd.Series(names).value_counts().items()))}
    truths = {clip: row for clip, row in truth.clips(folder).items() if clip in verified}
    if not truths:
        return counts
    scores = _scores(verified, truths)
    moved = scores.moved_px > 0
    separation = {
        "auc": auc(scores),
        "auc_from_1_px": auc(scores[~moved | (scores.moved_px >= 1)]),
        "auc_half_to_1_px": auc(scores[~moved | scores.moved_px.between(0.5, 1, inclusive="left")]),
        "curves": {
            "amplitude": _curve(scores.moved_px, AMPLITUDES_PX, scores, scores[~moved]),
            "head": _curve(scores.head_px, HEADS_PX, scores, scores[:0]),
        },
    }
    return counts | separation | _labels(verified, truths, supported)


def _scores(verified: dict[str, tables.Row], truths: dict[str, tables.Row]) -> pd.DataFrame:
    """Return one row per clip and unit: moved_px (0 for a still unit), head_px, score."""
    amplitudes_px = {clip: _amplitudes_px(row) for clip, row in truths.items()}
    units = sorted(set().union(*amplitudes_px.values()).intersection(EXPRESSIVE))
    rows = []
    for clip, row in truths.items():
        scores = {judged["unit"]: judged["score"] for judged in verified[clip]["units"]}
        head_px = _head_px(row)
        for unit in units:
            moved_px = amplitudes_px[clip].get(unit, 0.0)
            rows.append({"moved_px": moved_px, "head_px": head_px, "score": scores[unit]})
    return pd.DataFrame(rows)


def _amplitudes_px(row: tables.Row) -> dict[int, float]:
    """Return how far each unit that moves in a clip moves at the apex: unit → frame px."""
    return {moved["unit"]: moved["amplitude_px"] for moved in row["moved"]}


def _head_px(row: tables.Row) -> float:
    """Return the mean displacement of the landmarks by head motion from onset to apex, in frame px."""
    points = np.reshape(row["landmarks"], (68, 2))
    head = np.reshape(row["head"], (-1, 2, 3))[row["apex"]]  # (2, 3)
    displacement = points @ head[:, :2].T + head[:, 2] - points  # (68, 2)
    return float(np.hypot(*displacement.T).mean())


def _labels(verified: dict[str, tables.Row], truths: dict[str, tables.Row], supported: float) -> dict[str, float]:
    """Return how well the scores of listed units find wrong labels; empty where the sheet has no wrong label."""
    rows = []
    for clip, row in truths.items():
        amplitudes_px = _amplitudes_px(row)
        rows += [
            {"moved_px": amplitudes_px.get(au["unit"], 0.0), "score": au["score"]}
            for au in verified[clip]["aus"]
            if au["verdict"] != verification.UNOBSERVABLE
        ]
    listed = pd.DataFrame(rows)
    moved = listed.moved_px > 0
    if moved.all() or not moved.any():
        return {}
    judged = listed[~moved | (listed.moved_px >= 1)]
    called, wrong = judged.score < supported, judged.moved_px == 0
    return {
        "auc_listed": auc(listed),
        "wrong_precision": round(float((called & wrong).sum() / max(1, called.sum())), 4),
        "wrong_recall": round(float((called & wrong).sum() / wrong.sum()), 4),
    }


def auc(scores: pd.DataFrame) -> float:
    """Return the area under the ROC curve of ``score``: rows that moved (``moved_px`` above 0) against the others."""
    from sklearn.metrics import roc_auc_score  # here, since it takes seconds that no worker of a stage needs

    return round(float(roc_auc_score(scores.moved_px > 0, scores.score)), 4)


def _curve(
    values: "pd.Series[float]", edges: tuple[float, ...], scores: pd.DataFrame, others: pd.DataFrame
) -> list[dict[str, float]]:
    """Return the AUC in each bin of ``values``, with the mean value of the units that moved.

    A bin's AUC is computed over its own rows and ``others``.
    """
    points = []
    for low, high in pairwise(edges):
        inclusive: Literal["left", "neither"] = "left" if low else "neither"  # still units are in no bin
        rows = scores[values.between(low, high, inclusive=inclusive)]
        part = pd.concat([rows, others])
        moved = rows[rows.moved_px > 0]
        if 0 < len(moved) < len(part):
            points.append({"px": round(float(values[moved.index].mean()), 2), "auc": auc(part)})
    return points
