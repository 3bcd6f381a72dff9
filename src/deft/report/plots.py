"""The tables behind ``dvc plots``: confusion, scores a class and a subject, calibration, losses, AUC of verdicts."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from deft.core import tables
from deft.score import calibration, loso, metrics


def frames(
    clips: Sequence[tables.Row],
    folds: Mapping[str, Any],
    curves: Mapping[str, Mapping[str, Sequence[Mapping[str, float]]]],
) -> dict[str, pd.DataFrame]:
    """File name → table, from answers and their truth (`deft.score.loso.joined`), the folds' training reports, and by
    dataset the verdicts' AUC over amplitude and over head motion (empty without truth).
    """
    found, true = {}, [row["label"] for row in clips]
    for name, group in (("head", "emotion"), ("text", "generated")):
        given = [answer or "none" for answer in loso.given(clips, group)]
        found[f"confusion_{name}"] = pd.DataFrame({"sheet": true, "answered": given})
        found[f"classes_{name}"] = pd.DataFrame(metrics.per_class(true, given))
    for over in ("amplitude", "head"):
        rows = [{"dataset": name, **point} for name, each in curves.items() for point in each.get(over, [])]
        found[f"auc_{over}"] = pd.DataFrame(rows, columns=["dataset", "px", "auc"])
    losses = pd.concat([pd.DataFrame(fold["losses"]).rename_axis("epoch") for fold in folds.values()])
    mean = losses.groupby("epoch").mean().round(5).reset_index()
    return found | {
        "subjects": pd.DataFrame(loso.by_subject(clips)),
        "calibration": pd.DataFrame(calibration.reliability(*loso.certainty(clips))),
        "losses": mean.assign(epoch=mean["epoch"] + 1),
    }
