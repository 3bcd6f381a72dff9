"""Tables behind ``dvc plots``: confusion, scores per class and subject, calibration, losses, AUC of verdicts."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from deft.core import tables
from deft.score import calibration, loso, metrics


def by_name(
    clips: Sequence[tables.Row],
    folds: Mapping[str, Any],
    curves: Mapping[str, Mapping[str, Sequence[Mapping[str, float]]]],
) -> dict[str, pd.DataFrame]:
    """Return the tables of all plots by file name.

    ``clips`` are answers with their truth (`deft.score.loso.joined`), ``folds`` the training report of each fold, and
    ``curves`` the verdicts' AUC of each dataset, over amplitude and over head motion (empty without truth).
    """
    true = [row["label"] for row in clips]
    frames = {}
    for name, group in (("head", "emotion"), ("text", "generated")):
        answers = [answer or "none" for answer in loso.classes(clips, group)]
        frames[f"confusion_{name}"] = pd.DataFrame({"sheet": true, "answered": answers})
        frames[f"classes_{name}"] = pd.DataFrame(metrics.per_class(true, answers))
    for over in ("amplitude", "head"):
        rows = [{"dataset": name, **point} for name, curve in curves.items() for point in curve.get(over, [])]
        frames[f"auc_{over}"] = pd.DataFrame(rows, columns=["dataset", "px", "auc"])
    losses = pd.concat([pd.DataFrame(fold["losses"]).rename_axis("epoch") for fold in folds.values()])
    mean = losses.groupby("epoch").mean().round(5).reset_index()
    return frames | {
        "subjects": pd.DataFrame(loso.by_subject(clips)),
        "calibration": pd.DataFrame(calibration.reliability(*loso.certainty(clips))),
        "losses": mean.assign(epoch=mean["epoch"] + 1),
    }
