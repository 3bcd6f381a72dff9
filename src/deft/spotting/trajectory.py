"""The trajectory of a face's motion through a video, measured against reference frames.

References are renewed about once a second. A region's displacement since the track started is its displacement up to
the newest reference plus that from there to the frame. Every reference has its own landmarks, so the head may wander.
The small errors that add up from reference to reference change slowly, so no spotter takes them for an event.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deft.facs import regions
from deft.motion import compensation, evidence, tvl1
from deft.spotting import Floats, Sample

Pixels = npt.NDArray[np.uint8]  # (H, W) or (H, W, 3)

RENEW_S = 1.0  # age from which a reference is renewed if the face rests; at twice this age it is renewed anyway
REST_S = 0.25  # the face rests if, for so long,
REST_RANGE = 0.006  # every region has stayed within this range, eye distances
CUT_NOISE = 0.05  # eye distances: above this noise no face has moved, but the video has cut to another scene
RETRY_S = 0.1  # after a frame without a face

_EYES = [index for index, region in enumerate(regions.REGIONS) if regions.place(region) == "eye"]


class Reference(NamedTuple):
    """The face in a reference frame.

    ``landmarks`` (68, 2) are in the frame's pixels, ``crop_landmarks`` (68, 2) in those of the grey crop that ``crop``
    makes of this frame and of the following ones. ``starts_track`` says that it is not the face of the reference
    before.
    """

    landmarks: Floats
    crop_landmarks: Floats
    crop: Callable[[Pixels], Pixels]
    starts_track: bool


FindReference = Callable[[Pixels, Reference | None], Reference | None]


class _Tracker(NamedTuple):
    """What it takes to measure frames against one reference."""

    reference: Reference
    axes: regions.Axes
    outward: Floats  # (17, 2): the unit vector that points out of the face from each region
    halves: list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]  # 17 × flat indices of upper and lower pixels
    stable_area: npt.NDArray[np.bool_]  # (H, W)
    waiting_crops: deque[Pixels]  # to be measured next by ``flows``
    flows: Iterator[Floats]  # each (H, W, 2) px, reference → next crop
    start: Sample  # the sample of the reference frame
    recent: deque[Sample]  # those of the last `REST_S`


def track(frames: Iterable[tuple[int, float, Pixels]], find_reference: FindReference) -> Iterator[Sample]:
    """Yield a `Sample` for every frame, given as number, time in seconds and image, while a face is visible.

    ``find_reference`` finds the face in a frame, or returns None; it is given the reference before, if there is one.
    References are renewed while the face rests, so that none lies in the middle of a blink or an expression. No more
    than two frames are held.
    """
    tracker: _Tracker | None = None
    retry_s = -np.inf
    for number, seconds, image in frames:
        if tracker is not None:
            sample = _measure(tracker, number, seconds, image)
            yield sample
            if _needs_renewal(tracker, sample):
                reference = find_reference(image, tracker.reference)
                if reference is None or reference.starts_track or sample.noise > CUT_NOISE:
                    tracker = None
                else:
                    tracker = _start_tracker(reference, image, sample)
        elif seconds >= retry_s:
            retry_s = seconds + RETRY_S
            reference = find_reference(image, None)
            if reference is not None:
                no_displacement = np.zeros((len(regions.REGIONS), 3), np.float32)
                sample = Sample(number, seconds, no_displacement, 0.0, 0.0, 0.0, starts_track=True)
                tracker = _start_tracker(reference, image, sample)
                yield sample


def _start_tracker(reference: Reference, image: Pixels, sample: Sample) -> _Tracker:
    """Prepare to measure the frames that follow this one against it."""
    crop = reference.crop(image)  # (H, W)
    height, width = crop.shape
    axes = regions.axes(reference.crop_landmarks)
    halves = []
    for region, mask in evidence.masks(reference.crop_landmarks, (height, width)).items():
        upper, lower = evidence.halves(region, mask, reference.crop_landmarks, axes.down)
        halves.append((np.flatnonzero(upper), np.flatnonzero(lower)))
    waiting_crops = deque([crop])
    flows = tvl1.flow_sequence(_take(waiting_crops))
    next(flows)  # from the reference to itself
    return _Tracker(
        reference=reference,
        axes=axes,
        outward=np.array([regions.outward(region, axes) for region in regions.REGIONS], np.float32),
        halves=halves,
        stable_area=compensation.stable_area(reference.crop_landmarks, (height, width)),
        waiting_crops=waiting_crops,
        flows=flows,
        start=sample,
        recent=deque([sample._replace(head_shift=0.0)]),
    )


def _take(waiting: deque[Pixels]) -> Iterator[Pixels]:
    while True:
        yield waiting.popleft()


def _measure(tracker: _Tracker, number: int, seconds: float, image: Pixels) -> Sample:
    """Measure a frame against the reference."""
    axes = tracker.axes
    tracker.waiting_crops.append(tracker.reference.crop(image))
    compensated = compensation.compensate(next(tracker.flows), tracker.stable_area)

    flow = compensated.flow.reshape(-1, 2)  # (H · W, 2) px
    half_means = np.array([[_mean(flow[half]) for half in pair] for pair in tracker.halves])  # (17, 2, 2)
    half_sizes = np.array([[len(half) for half in pair] for pair in tracker.halves], float)[..., None]  # (17, 2, 1)
    means = (half_means * half_sizes).sum(1) / np.maximum(half_sizes.sum(1), 1)  # (17, 2)
    means[_EYES] = half_means[_EYES].mean(1)  # both lids count alike, however much of each is visible

    outward = (means * tracker.outward).sum(1)  # (17,)
    upward = -means @ axes.down  # (17,)
    opening = (half_means[:, 1] - half_means[:, 0]) @ axes.down  # (17,)
    since_reference = np.stack([outward, upward, opening], 1) / axes.iod  # (17, 3) eye distances

    before = tracker.recent[-1]
    head_shift = float(np.hypot(*compensated.head[:, 2])) / axes.iod
    return Sample(
        frame=number,
        seconds=seconds,
        displacement=tracker.start.displacement + since_reference.astype(np.float32),
        noise=evidence.noise(compensated.flow, tracker.reference.crop_landmarks) / axes.iod,
        head_shift=head_shift,
        head_speed=abs(head_shift - before.head_shift) / max(seconds - before.seconds, 1e-3),
        starts_track=False,
    )


def _needs_renewal(tracker: _Tracker, sample: Sample) -> bool:
    """Note a new sample, and tell whether the reference is to be renewed after it. Changes ``tracker.recent``."""
    tracker.recent.append(sample)
    while tracker.recent[0].seconds < sample.seconds - REST_S:
        tracker.recent.popleft()
    ranges = np.ptp([recent.displacement for recent in tracker.recent], axis=0)  # (17, 3)
    rests = ranges.max() < REST_RANGE
    age_s = sample.seconds - tracker.start.seconds
    return bool(age_s >= RENEW_S and rests) or age_s >= 2 * RENEW_S


def _mean(vectors: Floats) -> Floats:
    """Return the mean (2,) of vectors (n, 2), or zero if there are none."""
    return vectors.mean(0) if len(vectors) else np.zeros(2, np.float32)
