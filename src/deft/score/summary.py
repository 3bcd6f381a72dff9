"""Main figures of a run, few enough for one line of ``dvc metrics diff`` and ``dvc exp show``."""

from collections.abc import Mapping
from typing import Any

import numpy as np

Figures = Mapping[str, Any]


def summary(scores: Figures, baselines: Figures, flow: Figures, verify: Figures) -> dict[str, float]:
    """Return the main figures of a run, with short names and three decimals so that a table of them fits a terminal.

    Args:
        scores: ``metrics/loso.json`` (`deft.score.loso.report`).
        baselines: ``metrics/baselines.json``, a baseline's scores by its name.
        flow: ``metrics/flow.json``, a dataset's report by its name.
        verify: ``metrics/verify.json``, likewise.

    Returns:
        ``head_uf1``, ``text_uf1``, ``au_f1``, ``evidence_f1``; ``baseline``, the highest UF1 of the baselines;
        ``flow_px`` (median endpoint error in crop pixels) and ``auc`` (of the verdicts), means over the datasets that
        have a truth, and absent where none has; ``clips``, how many were scored.

    """
    figures: dict[str, float] = {
        "head_uf1": scores["emotion"]["uf1"],
        "text_uf1": scores["generated"]["uf1"],
        "au_f1": scores["au"]["f1"],
        "evidence_f1": scores["text"]["evidence_f1"],
        "baseline": max(baseline["emotion"]["uf1"] for baseline in baselines.values()),
        "clips": scores["n"]["clips"],
    }
    for name, reports, key in (("flow_px", flow, "epe_median_px"), ("auc", verify, "auc")):
        known = [report[key] for report in reports.values() if key in report]
        if known:
            figures[name] = float(np.mean(known))
    return {name: round(figure, 3) for name, figure in figures.items()}
