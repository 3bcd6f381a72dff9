"""The course of a face's motion through a film, measured against references that are renewed about once a second.

A region's way since the film began is that up to the newest reference and from there to the frame. Every reference
brings its own landmarks, so a head may wander; what small errors add up to is slow, and no event
(`deft.spotting.rule`).
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deft.facs import regions
from deft.motion import compensation, evidence, tvl1

Picture = npt.NDArray[np.uint8]  # (H, W) or (H, W, 3)
Floats = npt.NDArray[np.float32]

RENEWED_S = 1.0  # a reference's age from which it is renewed when the face rests; at twice that it is in any case
RESTED_S, RESTING = 0.25, 0.006  # for so long every region has stayed within so many eye distances
TORN = 0.05  # eye distances of noise: no face moves like this, the picture has changed
RETRY_S = 0.1  # after a picture without a face


class Reference(NamedTuple):
    """The face in one picture: its landmarks there, ``place`` (68, 2), and ``points`` in the grey crop that ``cut``
    makes of it and of the pictures that follow. It ``begins`` anew where it is not the face of the one before.
    """

    place: Floats
    points: Floats
    cut: Callable[[Picture], Picture]
    begins: bool


class Sample(NamedTuple):
    """Where the face is at one frame, in eye distances.

    ``moved`` (17, 3): each region's way out and up, and how far its upper and lower halves parted, since the last
    sample with ``begins``, the head's motion removed. ``noise``: of these (`deft.motion.evidence.noise`). ``head``: how
    far the head is from where it was in its reference; ``pace``: how fast it moves, eye distances a second.
    """

    frame: int
    seconds: float
    moved: Floats
    noise: float
    head: float
    pace: float
    begins: bool


class _Stretch(NamedTuple):
    """What holds while one reference does.

    ``outward`` (17, 2): unit vectors; ``parts``: the pixels of each region's two halves. ``crops`` wait to be measured
    by ``flows``; ``start`` (17, 3) is where the face was at the reference, at so many ``seconds``.
    """

    reference: Reference
    axes: regions.Axes
    outward: Floats
    parts: list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]
    stable: npt.NDArray[np.bool_]
    crops: deque[Picture]
    flows: Iterator[Floats]
    start: Floats
    seconds: float
    recent: deque[Sample]


def follow(
    frames: Iterable[tuple[int, float, Picture]], refer: Callable[[Picture, Reference | None], Reference | None]
) -> Iterator[Sample]:
    """Measure a film from its frames' numbers, their times in seconds, and pictures, of which it holds two.

    ``refer`` finds the face in a picture, if there is one; it is given the reference before. References are renewed
    while the face rests, so that none lies in the middle of a blink or an expression.
    """
    stretch, retry = None, -np.inf
    for number, seconds, picture in frames:
        if stretch is not None:
            sample = _sample(stretch, number, seconds, picture)
            yield sample
            if _is_over(stretch, sample):
                reference = refer(picture, stretch.reference)
                torn = reference is None or reference.begins or sample.noise > TORN
                stretch = None if torn or reference is None else _stretch(reference, picture, sample)
        elif seconds >= retry:
            retry, reference = seconds + RETRY_S, refer(picture, None)
            if reference is not None:
                nowhere = np.zeros((len(regions.REGIONS), 3), np.float32)
                sample = Sample(number, seconds, nowhere, 0.0, 0.0, 0.0, begins=True)
                stretch = _stretch(reference, picture, sample)
                yield sample


def _stretch(reference: Reference, picture: Picture, sample: Sample) -> _Stretch:
    crop, axes, parts = reference.cut(picture), regions.axes(reference.points), []
    height, width = crop.shape
    for region, mask in evidence.masks(reference.points, (height, width)).items():
        upper, lower = evidence.halves(region, mask, reference.points, axes.down)
        parts.append((np.flatnonzero(upper), np.flatnonzero(lower)))
    outward = np.array([regions.outward(region, axes) for region in regions.REGIONS], np.float32)
    stable = compensation.stable_area(reference.points, (height, width))
    crops = deque([crop])
    flows = tvl1.flow_sequence(_each(crops))
    next(flows)
    unmoved = sample._replace(head=0.0)
    return _Stretch(
        reference, axes, outward, parts, stable, crops, flows, sample.moved, sample.seconds, deque([unmoved])
    )


def _each(crops: deque[Picture]) -> Iterator[Picture]:
    while True:
        yield crops.popleft()


def _sample(stretch: _Stretch, number: int, seconds: float, picture: Picture) -> Sample:
    stretch.crops.append(stretch.reference.cut(picture))
    moved = compensation.compensate(next(stretch.flows), stretch.stable)
    pixels, (_, down, iod) = moved.flow.reshape(-1, 2), stretch.axes
    halves = np.array([[_mean(pixels[part]) for part in pair] for pair in stretch.parts])  # (17, 2, 2)
    sizes = np.array([[len(part) for part in pair] for pair in stretch.parts], float)[..., None]
    means = (halves * sizes).sum(1) / np.maximum(sizes.sum(1), 1)
    means[_EYES] = halves[_EYES].mean(1)  # two lids of one weight, however much of each is seen
    opening = (halves[:, 1] - halves[:, 0]) @ down
    ways = np.stack([(means * stretch.outward).sum(1), -means @ down, opening], 1) / iod
    noise = evidence.noise(moved.flow, stretch.reference.points) / iod
    head, before = float(np.hypot(*moved.head[:, 2])) / iod, stretch.recent[-1]
    pace = abs(head - before.head) / max(seconds - before.seconds, 1e-3)
    return Sample(number, seconds, stretch.start + ways.astype(np.float32), noise, head, pace, begins=False)


def _is_over(stretch: _Stretch, sample: Sample) -> bool:
    """Whether a reference is due to be renewed after this sample."""
    stretch.recent.append(sample)
    while stretch.recent[0].seconds < sample.seconds - RESTED_S:
        stretch.recent.popleft()
    rests = np.ptp([each.moved for each in stretch.recent], axis=0).max() < RESTING
    age = sample.seconds - stretch.seconds
    return bool(age >= RENEWED_S and rests) or age >= 2 * RENEWED_S


_EYES = [at for at, region in enumerate(regions.REGIONS) if regions.place(region) == "eye"]


def _mean(vectors: Floats) -> Floats:
    return vectors.mean(0) if len(vectors) else np.zeros(2, np.float32)
