"""What each way in which real fields differ is worth to the motion prior, trained without it and tested on `kinds`.

So the synthetic world is chosen on rendered pictures that went through a codec, a solver and 8 bits, none of which is
in it, and on no real clip.
"""

from collections.abc import Mapping

import numpy as np
import torch

from bench import kinds
from deft.prior import Prior, layout, nuisances, training
from deft.prior.calibration import Calibration

FIELDS = 15_000  # fewer than by default: thirteen priors of each seed
SEEDS = (1, 2)
WHOLE = "nothing"


def figures(made: kinds.Material, others: Mapping[str, kinds.Registered]) -> dict[str, dict[str, list[float]]]:
    """Return the mean AUC of a prior of each seed on each kind of field, by the nuisance that it did not see.

    All priors are given the same places, those of the default prior: so few fields do not teach one where a face lies.
    """
    results = {}
    for name in (WHOLE, *nuisances.NAMES):
        left_out = () if name == WHOLE else (name,)
        priors = [Prior(training.train(seed, FIELDS, left_out=left_out), _uncalibrated()) for seed in SEEDS]
        scores = [kinds.figures(made, others, reader) for reader in priors]
        results[name] = {kind: [score[kind]["auc"] for score in scores] for kind in kinds.KINDS}
    return results


def _uncalibrated() -> Calibration:
    """Return the calibration that takes logits as they are: the order of fields, and so an AUC, is the same."""
    logits = len(layout.OUTPUTS) + len(layout.UNITS)
    return Calibration(torch.ones(logits), torch.zeros(logits), torch.zeros(logits))


def rows(results: Mapping[str, Mapping[str, list[float]]]) -> list[tuple[str, ...]]:
    """Return the table's rows: the nuisance, and the mean over seeds with their range, kind by kind."""
    return [
        (name, *(f"{np.mean(aucs):.3f} [{min(aucs):.3f}, {max(aucs):.3f}]" for aucs in by_kind.values()))
        for name, by_kind in results.items()
    ]
