"""The tables behind ``dvc plots``: confusion of head and text, F1 a class, loss curves."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from deft.score import metrics


def frames(
    true: Sequence[str], answers: Mapping[str, Sequence[str]], folds: Mapping[str, Any]
) -> dict[str, pd.DataFrame]:
    """File name → table, from true classes, each kind of answer's classes, and the folds' training reports."""
    found = {f"confusion_{name}": pd.DataFrame({"sheet": true, "answered": given}) for name, given in answers.items()}
    for name, given in answers.items():
        scores = metrics.per_class(true, given)
        found[f"classes_{name}"] = pd.DataFrame({"emotion": scores.keys(), "f1": scores.values()}).round(4)
    losses = pd.concat([pd.DataFrame(fold["losses"]).rename_axis("epoch") for fold in folds.values()])
    mean = losses.groupby("epoch").mean().round(5).reset_index()
    return found | {"losses": mean.assign(epoch=mean["epoch"] + 1)}
