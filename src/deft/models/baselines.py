"""Baselines and linear probes, trained in the same folds and scored in the same way as the model."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

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
from deft.experts.field import small
from deft.experts.motion import strain
from deft.facs import regions
from deft.models import reduction
from deft.motion import evidence
from deft.prior import Prior, canonical

Floats = npt.NDArray[np.float32]

_BINS = 8  # of direction
_BLOCKS = 5  # per side, of LBP-TOP
_LEARNING_RATE, _BATCH = 1e-3, 64


def mdmo(flows: Floats, points: Floats) -> Floats:
    """Return the main directional mean optical flow (34,) of a clip (Liu et al. 2016, doi:10.1109/TAFFC.2015.2485205).

    In each region and each step of flows (steps, H, W, 2), the vectors in the fullest of eight direction bins are
    averaged. The means are averaged over the steps as vectors, and their lengths are divided by the largest. Unlike the
    paper, which uses 36 regions, this uses our 17, with our dense flow and our compensation of head motion.
    """
    masks = evidence.masks(points, flows.shape[1:3])
    means = np.array(
        [np.mean([_main_direction(flow[mask]) for flow in flows], 0) for mask in masks.values()]
    )  # (17, 2)
    left = regions.axes(points).left
    angles = np.arctan2(means[:, 1], means[:, 0]) - np.arctan2(left[1], left[0])
    lengths = np.hypot(means[:, 0], means[:, 1])
    lengths = lengths / max(float(lengths.max()), 1e-9)
    return np.concatenate([lengths * np.cos(angles), lengths * np.sin(angles)]).astype(np.float32)


def lbp_top(frames: npt.NDArray[np.uint8]) -> Floats:
    """Return LBP-TOP of grey crops (T ≥ 3, H, W) in 5 × 5 blocks, as in CASME II's own baseline (Yan et al. 2014)."""
    return np.asarray(texture.lbp_top(frames, _BLOCKS)[0])


def field(flow: Floats) -> Floats:
    """Return the network's input (3, 28, 28) from the flow at the apex: x, y and optical strain.

    The vectors are divided by the longest of them, and the strain by its largest value.
    """
    vectors = small(flow)  # (2, 28, 28)
    strained = strain(vectors.transpose(1, 2, 0))
    return np.concatenate([vectors, strained[None] / max(float(strained.max()), 1e-9)]).astype(np.float32)


def both_ways(vectors: Floats) -> Floats:
    """Return a field (2, H, W) as it is and as in a mirror, (2, 2, H, W)."""
    return np.stack([vectors, vectors[:, :, ::-1] * np.array([-1, 1], np.float32)[:, None, None]])


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
        """Return logits (B, classes) from fields (B, 3, 28, 28)."""
        logits: torch.Tensor = self.classify(torch.cat([stream(fields) for stream in self.streams], 1))
        return logits


def three_streams(train: Floats, labels: Sequence[str], test: Floats, epochs: int, seed: int) -> list[str]:
    """Return the classes of test `field`s (clips, 3, 28, 28) from a network trained with balanced classes."""
    torch.manual_seed(seed)
    classes = sorted(set(labels))
    truth = torch.tensor([classes.index(label) for label in labels])
    model, fields = ThreeStreams(len(classes)), torch.from_numpy(train)
    optimiser = torch.optim.Adam(model.parameters(), lr=_LEARNING_RATE)
    weight = len(labels) / torch.bincount(truth).float()
    for _ in range(epochs):
        for batch in torch.split(torch.randperm(len(fields)), _BATCH):
            if len(batch) > 1:  # a single clip has no batch statistics
                loss = nn.functional.cross_entropy(model(fields[batch]), truth[batch], weight=weight)
                loss.backward()
                optimiser.step()
                optimiser.zero_grad()
    model.eval()
    with torch.no_grad():
        logits = model(torch.from_numpy(test))  # (clips, classes)
    return [classes[index] for index in logits.argmax(-1).tolist()]


def svm(train: Floats, labels: Sequence[str], test: Floats, penalty: float, kernel: str) -> list[str]:
    """Return the classes of test clips from a support vector machine, ``linear`` or ``poly`` (degree 3, as in MDMO)."""
    machine = SVC(C=penalty, kernel=kernel, degree=3, coef0=1.0, class_weight="balanced")
    return _classes(machine, train, labels, test)


def svm_both_ways(train: Floats, labels: Sequence[str], test: Floats, penalty: float) -> list[str]:
    """Return the classes of test clips from a support vector machine with a radial basis, trained on both ways.

    train, test: the features of each clip as it is and as in a mirror (clips, 2, dim); tested are clips as they are.
    """
    machine = SVC(C=penalty, kernel="rbf", class_weight="balanced")
    return _classes(machine, np.concatenate([train[:, 0], train[:, 1]]), [*labels, *labels], test[:, 0])


def probe(train: Floats, labels: Sequence[str], test: Floats, components: int) -> list[str]:
    """Return the classes of test clips from a linear probe of an expert's tokens (clips, tokens, dim).

    The probe is a logistic regression on the same principal components that the model gets (Alain and Bengio 2017,
    arXiv 1610.01644).
    """
    reduce = reduction.fit(train, components)
    reduced, reduced_test = (reduce(tokens).reshape(len(tokens), -1) for tokens in (train, test))  # (clips, ·)
    machine = LogisticRegression(max_iter=1000, class_weight="balanced")
    return _classes(machine, reduced, labels, reduced_test)


def majority(labels: Sequence[str], count: int) -> list[str]:
    """Return the most frequent training class ``count`` times (the first in the alphabet among equals)."""
    return [max(sorted(set(labels)), key=list(labels).count)] * count


def measure(
    frames: Sequence[npt.NDArray[np.uint8]], flows: Floats, points: Floats, prior: Prior, known: bool
) -> dict[str, Floats]:
    """Return the features of a clip for each baseline; LBP-TOP has none where there are no ``frames``.

    ``known`` is false where the flow's unit and landmarks are not (`deft.prior.Prior.answer`).
    """
    vectors = field(flows[-1])
    raw = both_ways(vectors[:2]).reshape(2, -1)
    embedded = prior.answer(both_ways(canonical.field(flows[-1], points)), known).embedding
    features = {
        "mdmo_svm": mdmo(flows, points),
        "three_streams": vectors,
        "field_svm": raw,
        "prior_svm": np.hstack([raw, embedded]),
    }
    if frames:
        features["lbp_top_svm"] = lbp_top(np.stack(frames))
    return features


def by_baseline(features: Mapping[str, Mapping[str, Floats]]) -> dict[str, dict[str, Floats]]:
    """Return the features of clips (`measure`) by baseline and clip, from those by clip and baseline."""
    names = sorted({name for clip_features in features.values() for name in clip_features})
    clips = sorted(features)
    return {name: {clip: features[clip][name] for clip in clips if name in features[clip]} for name in names}


def judge(
    known: Mapping[str, str],
    tested: Sequence[str],
    features: Mapping[str, Mapping[str, Floats]],
    *,
    penalty: float,
    epochs: int,
    seed: int,
    components: int,
) -> list[Row]:
    """Return the classes of the ``tested`` clips from each baseline and each `probe`.

    ``known`` are the training clips with their classes; ``features`` are by baseline and clip. A baseline answers the
    tested clips that it has features of. The rows are those of `deft.core.schemas.BASELINES`.
    """
    linear = partial(probe, components=components)
    rules: dict[str, Callable[..., list[str]]] = {
        "mdmo_svm": partial(svm, penalty=penalty, kernel="poly"),
        "lbp_top_svm": partial(svm, penalty=penalty, kernel="linear"),
        "field_svm": partial(svm_both_ways, penalty=penalty),
        "prior_svm": partial(svm_both_ways, penalty=penalty),
        "three_streams": partial(three_streams, epochs=epochs, seed=seed),
    }
    answers = {"majority": dict.fromkeys(tested, majority(list(known.values()), 1)[0])}
    for name, by_clip in features.items():
        rule = linear if name.startswith(PROBE) else rules[name]
        train = [clip for clip in known if clip in by_clip]
        test = [clip for clip in tested if clip in by_clip]
        if train and test:
            train_features = np.stack([by_clip[clip] for clip in train])  # (clips, …)
            test_features = np.stack([by_clip[clip] for clip in test])
            classes = rule(train_features, [known[clip] for clip in train], test_features)
            answers[name] = dict(zip(test, classes, strict=True))
    return [
        {"clip": clip, "baseline": name, "emotion": emotion}
        for name, classes_by_clip in answers.items()
        for clip, emotion in classes_by_clip.items()
    ]


def _classes(machine: SVC | LogisticRegression, train: Floats, labels: Sequence[str], test: Floats) -> list[str]:
    if len(set(labels)) == 1:  # a classifier needs two classes
        return majority(labels, len(test))
    classifier = make_pipeline(StandardScaler(), machine).fit(train, list(labels))
    return [str(label) for label in classifier.predict(test)]


def _main_direction(vectors: Floats) -> Floats:
    """Return the mean (2,) of the vectors (n, 2) in the fullest direction bin."""
    if not len(vectors):
        return np.zeros(2, np.float32)
    angles = np.arctan2(vectors[:, 1], vectors[:, 0])
    bins = np.round(angles / (2 * np.pi / _BINS)).astype(int) % _BINS  # (n,)
    fullest = np.bincount(bins, minlength=_BINS).argmax()
    return np.asarray(vectors[bins == fullest].mean(0))
