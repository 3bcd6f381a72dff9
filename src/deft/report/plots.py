"""The tables behind ``dvc plots``: confusion of head and text, F1 a class, loss curves, AUC of the verdicts."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from deft.score import metrics


def frames(
    true: Sequence[str],
    answers: Mapping[str, Sequence[str]],
    folds: Mapping[str, Any],
    curves: Mapping[str, Mapping[str, Sequence[Mapping[str, float]]]],
) -> dict[str, pd.DataFrame]:
    """File name → table, from true classes, each kind of answer's classes, the folds' training reports, and by dataset
    the verdicts' AUC over amplitude and over head motion (empty without truth).
    """
    found = {f"confusion_{name}": pd.DataFrame({"sheet": true, "answered": given}) for name, given in answers.items()}
    for name, given in answers.items():
        scores = metrics.per_class(true, given)
        found[f"classes_{name}"] = pd.DataFrame({"emotion": scores.keys(), "f1": scores.values()}).round(4)
    losses = pd.concat([pd.DataFrame(fold["losses"]).rename_axis("epoch") for fold in folds.values()])
    mean = losses.groupby("epoch").mean().round(5).reset_index()
    for over in ("amplitude", "head"):
        rows = [{"dataset": name, **point} for name, each in curves.items() for point in each.get(over, [])]
        found[f"auc_{over}"] = pd.DataFrame(rows, columns=["dataset", "px", "auc"])
    return found | {"losses": mean.assign(epoch=mean["epoch"] + 1)}
