"""Baselines, in the same folds and under the same measures."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from deft.facs import regions
from deft.motion import evidence

_BINS = 8


def mdmo(flows: npt.NDArray[np.float32], points: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Main directional mean optical flow (17·2,) of a clip (Liu et al. 2016, doi:10.1109/TAFFC.2015.2485205).

    In each region and step of flows (steps, H, W, 2) the vectors of the fullest of eight direction bins are averaged;
    over the steps the means' polar coordinates are averaged as vectors, and lengths are divided by the largest. The 36
    regions of the paper are our 17, and its dense flow and head alignment are ours.
    """
    masks = evidence.masks(points, flows.shape[1:3])
    means = np.array([np.mean([_main_direction(flow[mask]) for flow in flows], 0) for mask in masks.values()])
    lengths, angles = (
        np.hypot(*means.T),
        np.arctan2(means[:, 1], means[:, 0]) - np.arctan2(*regions.axes(points).left[::-1]),
    )
    lengths = lengths / max(float(lengths.max()), 1e-9)
    return np.concatenate([lengths * np.cos(angles), lengths * np.sin(angles)]).astype(np.float32)


def svm(
    train: npt.NDArray[np.float32], labels: Sequence[str], test: npt.NDArray[np.float32], penalty: float
) -> list[str]:
    """Classes of the test clips by a support vector machine with a polynomial kernel, as the paper has it."""
    machine = make_pipeline(
        StandardScaler(), SVC(C=penalty, kernel="poly", degree=3, coef0=1.0, class_weight="balanced")
    )
    return [str(label) for label in machine.fit(train, list(labels)).predict(test)]


def majority(labels: Sequence[str], count: int) -> list[str]:
    """The most frequent training class, ``count`` times (the first of the alphabet among equals)."""
    return [max(sorted(set(labels)), key=list(labels).count)] * count


def _main_direction(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Mean (2,) of the vectors (n, 2) in the fullest direction bin."""
    if not len(vectors):
        return np.zeros(2, np.float32)
    bins = np.round(np.arctan2(vectors[:, 1], vectors[:, 0]) / (2 * np.pi / _BINS)).astype(int) % _BINS
    return np.asarray(vectors[bins == np.bincount(bins, minlength=_BINS).argmax()].mean(0))
