"""What the motion field says of each unit before the language model does: the prior's log-odds, and a kernel machine.

Micro-expression datasets are small, and a language model learns units slowly. A kernel ridge regression (radial basis)
on the field and on the prior's embedding learns each unit from the training clips; the unit head starts from both
together (stacking: Wolpert 1992), and learns what to add.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from deft.models import reduction
from deft.models.reduction import Floats

_COMPONENTS = 64  # of the token
_PENALTY = 3.0  # of the kernel machine's weights
_PARTS = 5  # of the subjects, in which training clips are scored by a machine fitted without their subject


class UnitReader(nn.Module):
    """Reads the units off the tokens of the expert "field", (clips, 1, dim), which begin with the units' log-odds.

    mean (dim,), matrix (dim, components): the reduction. support (n, components), weights (n, units): the kernel
    machine. odds (units,): the prior's mean log-odds of the training clips. gains (2,), offset (units,): how the
    prior's log-odds and the machine's answer together make a unit's logit.
    """

    mean: Tensor
    matrix: Tensor
    support: Tensor
    weights: Tensor
    odds: Tensor
    gains: Tensor
    offset: Tensor

    NAMES = ("mean", "matrix", "support", "weights", "odds", "gains", "offset")

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        for name in self.NAMES:
            self.register_buffer(name, state[name])

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the scores of each unit (clips, units, 2): the prior's log-odds less `odds`, and the machine's answer.

        A clip that the expert cannot see (NaN) has zeros.
        """
        token = tokens[:, 0]
        reduced = (token - self.mean) @ self.matrix  # (clips, components)
        distances = torch.cdist(reduced, self.support, compute_mode="donot_use_mm_for_euclid_dist")  # (clips, n)
        kernel = torch.exp(-distances.square() / self.support.shape[1])
        scores = torch.stack([token[:, : len(self.odds)] - self.odds, kernel @ self.weights], 2)
        return scores.nan_to_num()


def fit(tokens: Floats, shown: Floats, people: Sequence[str]) -> tuple[UnitReader, Floats]:
    """Fit a reader to training clips, and return it with their scores (clips, units, 2), see `UnitReader`.

    tokens: (clips, 1, dim), NaN for a clip that the expert cannot see. shown: 0 or 1 (clips, units), NaN where nobody
    labelled units. people: the subject of each clip. A training clip's score comes from a machine that was fitted
    without its subject, as it will be for new clips. Where fewer than two subjects are labelled, or no unit is, there
    is no machine, and the prior's log-odds stand alone.
    """
    units = shown.shape[1]
    reduce = reduction.fit(tokens, _COMPONENTS)
    reduced = np.nan_to_num(reduce(tokens)[:, 0])  # (clips, components)
    visible, groups = ~np.isnan(tokens).any((1, 2)), np.array(people)
    odds = tokens[visible, 0, :units].mean(0) if visible.any() else np.zeros(units, np.float32)
    scores = np.zeros((len(tokens), units, 2), np.float32)
    scores[visible, :, 0] = tokens[visible, 0, :units] - odds
    support, weights, gains, offset = reduced[:1], np.zeros((1, units)), np.array([1.0, 0.0]), odds
    labelled = visible & ~np.isnan(shown).any(1)
    subjects = sorted(set(groups[labelled]))
    if len(subjects) > 1 and shown[labelled].any():
        machine = _machine(reduced[labelled], shown[labelled])
        scores[visible, :, 1] = machine.predict(reduced[visible])
        for part in range(min(_PARTS, len(subjects))):
            held = visible & np.isin(groups, subjects[part::_PARTS])
            others = labelled & ~held
            scores[held, :, 1] = _machine(reduced[others], shown[others]).predict(reduced[held])
        support, weights = reduced[labelled], machine.dual_coef_
        gains, offset = _combined(scores[labelled], shown[labelled])
    values = (reduce.mean, reduce.matrix, support, weights, odds, gains, offset)
    state = zip(UnitReader.NAMES, (torch.tensor(np.asarray(value, np.float32)) for value in values), strict=True)
    return UnitReader(dict(state)), scores


def _machine(reduced: Floats, shown: Floats) -> KernelRidge:
    """Fit a machine that answers by how much a unit is likelier than among the training clips, (clips, units)."""
    gamma = 1 / reduced.shape[1]  # a component has a variance of one on average
    return KernelRidge(alpha=_PENALTY, kernel="rbf", gamma=gamma).fit(reduced, shown - shown.mean(0))


def _combined(scores: Floats, shown: Floats) -> tuple[Floats, Floats]:
    """Return the gains (2,) and offsets (units,) of a logistic regression, from scores and what was shown."""
    clips, units = shown.shape
    rows = np.hstack([scores.reshape(-1, 2), np.tile(np.eye(units), (clips, 1))])  # (clips · units, 2 + units)
    weights = LogisticRegression(fit_intercept=False, max_iter=1000).fit(rows, shown.ravel()).coef_[0]
    return weights[:2], weights[2:]
