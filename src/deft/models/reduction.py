"""An expert's tokens, standardised and reduced to their principal components."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA

Floats = npt.NDArray[np.float32]


class Reduction(NamedTuple):
    """A fitted reduction: ``mean`` (dim,), ``matrix`` (dim, components)."""

    mean: Floats
    matrix: Floats

    def __call__(self, tokens: Floats) -> Floats:
        """Reduce tokens (…, dim) to components (…, components), on average of unit variance where it was fitted."""
        return np.asarray((tokens - self.mean) @ self.matrix)


def standard(tokens: Floats, kept: int) -> Reduction:
    """Fit a reduction that standardises the first ``kept`` dimensions of tokens (clips, tokens, dim), no others.

    Clips that the expert cannot see (NaN) are left out.
    """
    visible, deviation = _visible(tokens)
    if not len(visible):
        return Reduction(np.zeros(tokens.shape[-1], np.float32), np.zeros((tokens.shape[-1], kept), np.float32))
    return Reduction(visible.mean(0).astype(np.float32), np.diag(1 / deviation)[:, :kept].astype(np.float32))


def fit(tokens: Floats, components: int) -> Reduction:
    """Fit a reduction on the tokens (clips, tokens, dim) of training clips, with as many components as they allow.

    Clips that the expert cannot see (NaN) are left out; if it sees none, the reduction keeps nothing.
    """
    visible, deviation = _visible(tokens)
    if not len(visible):
        return Reduction(np.zeros(visible.shape[1], np.float32), np.zeros((visible.shape[1], 1), np.float32))
    standard = (visible - visible.mean(0)) / deviation
    pca = PCA(min(components, *standard.shape), svd_solver="full").fit(standard)
    scale = float(np.sqrt(pca.explained_variance_.mean()))
    scale = scale if scale > 0 else 1.0  # zero where nothing varies
    matrix = pca.components_.T / deviation[:, None] / scale  # (dim, components)
    return Reduction(visible.mean(0).astype(np.float32), matrix.astype(np.float32))


def _visible(tokens: Floats) -> tuple[Floats, Floats]:
    """Return the tokens (n, dim) of the clips that an expert sees, and their standard deviation (dim,), never zero."""
    visible = tokens[~np.isnan(tokens).any((1, 2))].reshape(-1, tokens.shape[-1])
    deviation = visible.std(0) if len(visible) else np.zeros(tokens.shape[-1], np.float32)
    return visible, np.maximum(deviation, 1e-6)
