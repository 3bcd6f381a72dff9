"""What an expert's tokens become before they are projected: standardised, and reduced to their principal components."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA

Floats = npt.NDArray[np.float32]
Views = Mapping[str, Floats]  # expert → (clips, tokens, dim)


class Reduction(NamedTuple):
    """A fitted reduction: ``mean`` (dim,), ``matrix`` (dim, components)."""

    mean: Floats
    matrix: Floats

    def __call__(self, view: Floats) -> Floats:
        """(…, dim) → (…, components), unit variance a component on average over the tokens it was fitted on."""
        return np.asarray((view - self.mean) @ self.matrix)


def parts(views: Views, size: int) -> Iterator[Views]:
    """What is seen of clips, ``size`` clips at a time."""
    for at in range(0, len(next(iter(views.values()))), size):
        yield {expert: view[at : at + size] for expert, view in views.items()}


def fit(view: Floats, components: int) -> Reduction:
    """Fit on the tokens of training clips (clips, tokens, dim) alone; as many ``components`` as they can carry.

    Clips that the expert cannot see (NaN) have no say; if it sees none, nothing of it is kept.
    """
    view = view[~np.isnan(view).any((1, 2))].reshape(-1, view.shape[-1])
    if not len(view):
        return Reduction(np.zeros(view.shape[1], np.float32), np.zeros((view.shape[1], 1), np.float32))
    deviation = np.maximum(view.std(0), 1e-6)
    standard = (view - view.mean(0)) / deviation
    pca = PCA(min(components, *standard.shape), svd_solver="full").fit(standard)
    scale = float(np.sqrt(pca.explained_variance_.mean()))
    scale = scale if scale > 0 else 1.0  # nothing varies, or there is one token alone
    matrix = pca.components_.T / deviation[:, None] / scale
    return Reduction(view.mean(0).astype(np.float32), matrix.astype(np.float32))


def fit_all(views: Views, experts: Sequence[str], components: int) -> dict[str, Reduction]:
    """`fit` for each expert."""
    return {expert: fit(views[expert], components) for expert in experts}
