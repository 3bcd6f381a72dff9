"""Baselines, in the same folds and under the same measures."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import nn

from deft.core.schemas import PROBE
from deft.core.tables import Row
from deft.experts import texture
from deft.experts.motion import strain
from deft.facs import regions
from deft.models import reduction
from deft.motion import evidence

Floats = npt.NDArray[np.float32]

_BINS = 8
_BLOCKS = 5  # a side, of LBP-TOP
_FIELD = 28  # pixels a side, of the network's input
_RATE, _BATCH = 1e-3, 64


def mdmo(flows: Floats, points: Floats) -> Floats:
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


def lbp_top(frames: npt.NDArray[np.uint8]) -> Floats:
    """LBP-TOP of grey crops (T ≥ 3, H, W) in 5 × 5 blocks, as in CASME II's own baseline (Yan et al. 2014)."""
    return np.asarray(texture.lbp_top(frames, _BLOCKS)[0])


def field(flow: Floats) -> Floats:
    """Motion at the apex as the network sees it (3, 28, 28): x, y and optical strain, each divided by its largest."""
    small = cv2.resize(flow, (_FIELD, _FIELD), interpolation=cv2.INTER_AREA)
    vectors = small / max(float(np.hypot(small[..., 0], small[..., 1]).max()), 1e-9)
    strained = strain(small)
    return np.stack([vectors[..., 0], vectors[..., 1], strained / max(float(strained.max()), 1e-9)]).astype(np.float32)


class ThreeStreams(nn.Module):
    """A shallow network of three parallel convolutions on a `field` (STSTNet: Liong et al. 2019, arXiv 1902.03634)."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.streams = nn.ModuleList(
            nn.Sequential(nn.Conv2d(3, maps, 3, padding=2), nn.ReLU(), nn.BatchNorm2d(maps), nn.MaxPool2d(3, 3, 1))
            for maps in (3, 5, 8)
        )
        self.classify = nn.Sequential(nn.Dropout(), nn.AvgPool2d(2, 2), nn.Flatten(), nn.Linear(5 * 5 * 16, classes))

    def forward(self, fields: torch.Tensor) -> torch.Tensor:
        """Fields (B, 3, 28, 28) → logits (B, classes)."""
        logits: torch.Tensor = self.classify(torch.cat([stream(fields) for stream in self.streams], 1))
        return logits


def three_streams(train: Floats, labels: Sequence[str], test: Floats, epochs: int, seed: int) -> list[str]:
    """Classes of test `field`s by a network trained on others for ``epochs``, every class counting alike."""
    torch.manual_seed(seed)
    classes = sorted(set(labels))
    truth = torch.tensor([classes.index(label) for label in labels])
    model, fields = ThreeStreams(len(classes)), torch.from_numpy(train)
    optimiser = torch.optim.Adam(model.parameters(), lr=_RATE)
    weight = len(labels) / torch.bincount(truth).float()
    for _ in range(epochs):
        for some in torch.split(torch.randperm(len(fields)), _BATCH):
            if len(some) > 1:  # a single clip has no batch statistics
                loss = nn.functional.cross_entropy(model(fields[some]), truth[some], weight=weight)
                torch.autograd.backward(loss)
                optimiser.step()
                optimiser.zero_grad()
    with torch.no_grad():
        return [classes[at] for at in model.eval()(torch.from_numpy(test)).argmax(-1).tolist()]


def svm(train: Floats, labels: Sequence[str], test: Floats, penalty: float, kernel: str) -> list[str]:
    """Classes of the test clips by a support vector machine: ``linear``, or ``poly`` of degree 3 (MDMO's paper)."""
    machine = SVC(C=penalty, kernel=kernel, degree=3, coef0=1.0, class_weight="balanced")
    return _classes(machine, train, labels, test)


def probe(train: Floats, labels: Sequence[str], test: Floats, components: int) -> list[str]:
    """Classes that can be read off an expert's tokens (clips, tokens, dim) by a line (Alain and Bengio 2017, arXiv
    1610.01644): logistic regression on the components that the model sees of them.
    """
    reduce = reduction.fit(train, components)
    machine = LogisticRegression(max_iter=1000, class_weight="balanced")
    return _classes(machine, reduce(train).reshape(len(train), -1), labels, reduce(test).reshape(len(test), -1))


def majority(labels: Sequence[str], count: int) -> list[str]:
    """The most frequent training class, ``count`` times (the first of the alphabet among equals)."""
    return [max(sorted(set(labels)), key=list(labels).count)] * count


def measure(frames: Sequence[npt.NDArray[np.uint8]], flows: Floats, points: Floats) -> dict[str, Floats]:
    """What each baseline goes by in a clip; nothing for LBP-TOP where it has no ``frames``."""
    found = {"mdmo_svm": mdmo(flows, points), "three_streams": field(flows[-1])}
    return found | ({"lbp_top_svm": lbp_top(np.stack(frames))} if frames else {})


def judge(
    known: Mapping[str, str],
    asked: Sequence[str],
    seen: Mapping[str, Mapping[str, Floats]],
    *,
    penalty: float,
    epochs: int,
    seed: int,
    components: int,
) -> list[Row]:
    """Each baseline's and each `probe`'s class of the clips ``asked`` of which it has seen anything: rows of
    `deft.core.schemas.BASELINES`.

    ``known`` are training clips with their classes; ``seen`` is what each goes by, clip by clip.
    """
    line = partial(probe, components=components)
    rules: dict[str, Callable[..., list[str]]] = {
        "mdmo_svm": partial(svm, penalty=penalty, kernel="poly"),
        "lbp_top_svm": partial(svm, penalty=penalty, kernel="linear"),
        "three_streams": partial(three_streams, epochs=epochs, seed=seed),
    }
    answers = {"majority": dict.fromkeys(asked, majority(list(known.values()), 1)[0])}
    for kind, vectors in seen.items():
        rule = line if kind.startswith(PROBE) else rules[kind]
        train, test = ([clip for clip in some if clip in vectors] for some in (known, asked))
        if train and test:
            learned, told = (np.stack([vectors[clip] for clip in some]) for some in (train, test))
            given = rule(learned, [known[clip] for clip in train], told)
            answers[kind] = dict(zip(test, given, strict=True))
    return [
        {"clip": clip, "baseline": kind, "emotion": emotion}
        for kind, given in answers.items()
        for clip, emotion in given.items()
    ]


def _classes(machine: SVC | LogisticRegression, train: Floats, labels: Sequence[str], test: Floats) -> list[str]:
    if len(set(labels)) == 1:  # nothing to tell apart
        return majority(labels, len(test))
    return [str(label) for label in make_pipeline(StandardScaler(), machine).fit(train, list(labels)).predict(test)]


def _main_direction(vectors: Floats) -> Floats:
    """Mean (2,) of the vectors (n, 2) in the fullest direction bin."""
    if not len(vectors):
        return np.zeros(2, np.float32)
    bins = np.round(np.arctan2(vectors[:, 1], vectors[:, 0]) / (2 * np.pi / _BINS)).astype(int) % _BINS
    return np.asarray(vectors[bins == np.bincount(bins, minlength=_BINS).argmax()].mean(0))
