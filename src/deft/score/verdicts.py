"""Verdicts on Action Units against the rendered corpus's truth."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deft.core import tables
from deft.facs.units import EXPRESSIVE
from deft.motion import evidence, verification
from deft.score import truth

AMPLITUDES_PX = (0.0, 0.6, 0.8, 1.0, 1.3, 1.7, np.inf)  # edges of the bins of a unit's motion at the apex
HEADS_PX = (0.0, 0.4, 0.8, 1.5, np.inf)  # edges of the bins of the head's


def figures(folder: Path, verify: Path, calibration: verification.Calibration, supported: float) -> dict[str, Any]:
    """Counts of verdicts and, with truth, how well the score tells units that moved from units that did not.

    ``auc``: over every clip and every observable unit that the corpus shows at all; ``auc_from_1_px``,
    ``auc_half_to_1_px``: the same for units that move so far, in frame px at the apex, against all that are still.
    ``auc_listed``: over what the sheet lists. Of listed units that move by at least 1 px or not at all, those called
    unsupported are wrong labels found: ``wrong_precision``, ``wrong_recall``. ``curves``: ``auc`` over the unit's
    amplitude and over the head's motion, px. Eyelid closure is left out: clips blink without a coder listing it.
    ``folder`` holds the corpus's truth, ``verify`` is the stage's table.
    """
    verified = {row["clip"]: row for row in tables.rows(verify)}
    names = [judged["verdict"] for row in verified.values() for judged in (*row["aus"], *row["regions"])]
    found: dict[str, Any] = {"verdicts": dict(sorted(pd.Series(names).value_counts().items()))}
    truths = {clip: row for clip, row in truth.clips(folder).items() if clip in verified}
    if not truths:
        return found
    scores = _scores(verified, truths, calibration)
    moved = scores.moved_px > 0
    found |= {
        "auc": auc(scores),
        "auc_from_1_px": auc(scores[~moved | (scores.moved_px >= 1)]),
        "auc_half_to_1_px": auc(scores[~moved | scores.moved_px.between(0.5, 1, inclusive="left")]),
        "curves": {
            "amplitude": _curve(scores.moved_px, AMPLITUDES_PX, scores, scores[~moved]),
            "head": _curve(scores.head_px, HEADS_PX, scores, scores[:0]),
        },
    }
    return found | _labels(verified, truths, supported)


def _scores(
    verified: dict[str, tables.Row], truths: dict[str, tables.Row], calibration: verification.Calibration
) -> pd.DataFrame:
    """A row a clip and unit: moved_px (0: still), head_px, score."""
    moves = {clip: {each["unit"]: each["amplitude_px"] for each in row["moved"]} for clip, row in truths.items()}
    units = sorted(set().union(*moves.values()).intersection(EXPRESSIVE))
    rows = []
    for clip, row in truths.items():
        regions = evidence.by_region(evidence.from_rows(verified[clip]["regions"]))
        head = _head_px(row)
        for unit in units:
            score = verification.score(unit, None, regions, calibration)
            rows.append({"moved_px": moves[clip].get(unit, 0.0), "head_px": head, "score": score})
    return pd.DataFrame(rows)


def _head_px(row: tables.Row) -> float:
    """How far the head takes the landmarks from onset to apex, frame px."""
    points, head = np.reshape(row["landmarks"], (68, 2)), np.reshape(row["head"], (-1, 2, 3))[row["apex"]]
    return float(np.hypot(*(points @ head[:, :2].T + head[:, 2] - points).T).mean())


def _labels(verified: dict[str, tables.Row], truths: dict[str, tables.Row], supported: float) -> dict[str, float]:
    """What the listed units' scores are worth; nothing where the sheet never errs."""
    rows = []
    for clip, row in truths.items():
        moves = {each["unit"]: each["amplitude_px"] for each in row["moved"]}
        rows += [
            {"moved_px": moves.get(au["unit"], 0.0), "score": au["score"]}
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
    """Area under the curve of ``score``, of what moved (``moved_px`` above 0) against what did not."""
    from sklearn.metrics import roc_auc_score  # here, since it takes seconds that no worker of a stage needs

    return round(float(roc_auc_score(scores.moved_px > 0, scores.score)), 4)


def _curve(
    values: "pd.Series[float]", edges: tuple[float, ...], scores: pd.DataFrame, others: pd.DataFrame
) -> list[dict[str, float]]:
    """AUC a bin of values, with the moved units' mean value; the bin's rows stand against each other and `others`."""
    found = []
    for low, high in pairwise(edges):
        rows = scores[values.between(low, high, inclusive="left" if low else "neither")]
        part = pd.concat([rows, others])
        moved = rows[rows.moved_px > 0]
        if 0 < len(moved) < len(part):
            found.append({"px": round(float(values[moved.index].mean()), 2), "auc": auc(part)})
    return found
