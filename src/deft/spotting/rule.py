"""A spotter without training: an event is an interval of coherent facial motion above the video's own noise.

1. Rest. A face at rest returns to where it was, so a region's resting position is its running median over ten seconds.
2. Strength. ``z`` is how far the two regions farthest from rest have moved, in multiples of what noise alone would
   show.
3. Apex. Peaks of ``z`` above `THRESHOLD` are apexes; the strongest is taken first.
4. Extent. The motion at the apex is a pattern over the regions. The event lasts while the motion, projected on this
   pattern, is above a small share of its value at the apex.
5. Blinks. Where the lids of both eyes sink and close and hardly anything else moves, the event is a blink. While it
lasts, the eyes are left
   out of the strength, and all other skin counts for less.
6. Posture. What neither rises nor falls by half within half a second is dropped.

Sources: motion against the clip's own rest, peaks above a threshold: Moilanen, Zhao and Pietikäinen, "Spotting Rapid
Facial Movements from Videos Using Appearance-Based Feature Difference Analysis", ICPR 2014; directed motion of regions:
Wang et al., "A Main Directional Maximal Difference Analysis for Spotting Facial Movements from Long-Term Videos",
Neurocomputing 2017. Rest, noise, projection and blinks are our choice; all constants were set on rendered videos.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deft.facs import regions
from deft.spotting import BLINK, Doubles, Event, Kind, Sample, Segment, expression_kind

THRESHOLD = 3.0  # z from which motion is an event
BLINK_THRESHOLD = 10.0  # z of that closure from which an event is a blink: closing lids move far
REST_S = 10.0  # window of the running median: what fills less than half of it does not become the rest
SUDDEN_S = 0.5  # an expression rises or falls by half within this time
EDGE_SHARE = 0.06  # of the projected motion at the apex: below it the event has not begun, or is over

_LARGEST = 2  # regions averaged for the strength: most Action Units move at least two, one per side
_LARGEST_NOISE = 2.3  # mean length of the two longest of 17 noise vectors, in standard deviations
_GAZE_SHARE = 0.3  # of an eye's outward motion: turning eyes make the lids appear to move by less than this
_LID_WEIGHT = 0.5  # of lids against other skin: they follow gaze a little
_HEAD_SHARE = 0.1  # of the head's shift: compensation never leaves more of it than this
_ELSEWHERE_SHARE = 0.35  # of the lids' motion: skin that moves farther does not just follow a blink
_BLINK_PULL = 0.15  # of the lids' motion: how far a blink appears to drag other skin

_IS_EYE = np.array([regions.place(region) == "eye" for region in regions.REGIONS])  # (17,)

Mask = npt.NDArray[np.bool_]  # (n,) or (n, 17)


class _Extent(NamedTuple):
    """Positions of an event's onset, apex and offset in a sequence of samples."""

    onset: int
    apex: int
    offset: int


def search(samples: Iterable[Sample], block_s: float = 60.0) -> Iterator[Segment]:
    """Yield a video's events in segments of about ``block_s`` seconds (`deft.spotting.Spotter`).

    Each block is searched together with `REST_S` seconds before and after it, so that the events found do not depend on
    where a block ends, as long as they reach less than that beyond it.
    """
    block: list[Sample] = []
    reported_s = -np.inf  # events whose apex lies up to here have been yielded
    for sample in samples:
        if sample.starts_track and block:
            yield _segment(block, reported_s, np.inf)
            block = []
        block.append(sample)
        if sample.seconds - block[0].seconds >= block_s + 2 * REST_S:
            end_s = sample.seconds - REST_S
            yield _segment(block, reported_s, end_s)
            reported_s = end_s
            block = [kept for kept in block if kept.seconds >= end_s - REST_S]
    if block:
        yield _segment(block, reported_s, np.inf)


def _segment(samples: Sequence[Sample], after_s: float, until_s: float) -> Segment:
    """Search the samples, and keep what lies after ``after_s`` and not after ``until_s``."""
    seconds = np.array([sample.seconds for sample in samples])  # (n,)
    head_speed = np.array([sample.head_speed for sample in samples])  # (n,)
    events, z = _find_events(samples, seconds)
    inside = (seconds > after_s) & (seconds <= until_s)  # (n,)
    return Segment(
        events=[event for event in events if after_s < event.apex_s <= until_s],
        seconds=seconds[inside],
        z=z[inside],
        head_speed=head_speed[inside],
    )


def _find_events(samples: Sequence[Sample], seconds: Doubles) -> tuple[list[Event], Doubles]:
    """Return the events in order of onset, and the strength z (n,) of which they are peaks."""
    displacement = np.array([sample.displacement for sample in samples], float)  # (n, 17, 3)
    samples_per_s = (len(seconds) - 1) / (seconds[-1] - seconds[0]) if len(seconds) > 1 else 1.0
    window = round(REST_S * samples_per_s)
    sudden = max(1, round(SUDDEN_S * samples_per_s))

    from_rest = displacement - _rest(displacement, window)  # (n, 17, 3)
    noise = _noise(samples, window)  # (n,)
    motion = _skin_motion(from_rest)  # (n, 17, 2)
    lengths = np.linalg.norm(motion, axis=2)  # (n, 17)

    def make_event(kind: Kind, extent: _Extent, z: float) -> Event:
        onset, apex, offset = (samples[position].frame for position in extent)
        onset_s, apex_s, offset_s = (seconds[position].item() for position in extent)
        return Event(
            kind=kind,
            onset=onset,
            apex=apex,
            offset=offset,
            onset_s=onset_s,
            apex_s=apex_s,
            offset_s=offset_s,
            z=round(z, 1),
        )

    events: list[Event] = []
    blinking = np.zeros(len(samples), bool)  # (n,)
    upward_opening = from_rest[..., 1:]  # (n, 17, 2)
    lids = upward_opening[:, _IS_EYE]  # (n, 2, 2)
    closure = _lid_closure(lids, lengths)  # (n,)
    eyes = np.broadcast_to(_IS_EYE, lengths.shape)  # (n, 17)
    for extent in _extents(closure / noise, BLINK_THRESHOLD, upward_opening, eyes, sudden):
        events.append(make_event(BLINK, extent, float(closure[extent.apex] / noise[extent.apex])))
        first = max(0, extent.onset - 1)  # a sample more on either side, where the lids still move
        blinking[first : extent.offset + 2] = True

    lengths = _without_blinks(lengths, lids, blinking)  # (n, 17)
    strength = _mean_of_largest(lengths) / _LARGEST_NOISE  # (n,)
    moving = lengths > strength[:, None]  # (n, 17)
    for extent in _extents(strength / noise, THRESHOLD, motion, moving, sudden):
        kind = expression_kind(seconds[extent.offset] - seconds[extent.onset])
        events.append(make_event(kind, extent, float(strength[extent.apex] / noise[extent.apex])))
    return sorted(events, key=lambda event: event.onset), strength / noise


def _rest(displacement: Doubles, window: int) -> Doubles:
    """Return where each region rests (n, 17, 3): its running median, as if the first sample had lasted before."""
    lead = np.repeat(displacement[:1], window // 2, axis=0)
    return np.asarray(_running_median(np.concatenate([lead, displacement]), window)[len(lead) :])


def _running_median(values: Doubles, window: int) -> Doubles:
    """Return the running median (n, …) over a window, which is cut off at both ends."""
    import pandas as pd  # takes half a second to load, and only spotting needs it

    flat = pd.DataFrame(values.reshape(len(values), -1))
    medians = flat.rolling(window, center=True, min_periods=1).median()
    return np.asarray(medians.to_numpy().reshape(values.shape))


def _noise(samples: Sequence[Sample], window: int) -> Doubles:
    """Return the noise (n,): its running median, raised to a sample's own noise while the head is displaced.

    It is raised at most to what compensation may leave of the head's shift.
    """
    noise = np.array([sample.noise for sample in samples])  # (n,)
    head_shift = np.array([sample.head_shift for sample in samples])  # (n,)
    from_head = np.minimum(noise, _HEAD_SHARE * head_shift)
    return np.asarray(np.maximum(np.maximum(_running_median(noise, window), from_head), 1e-6))


def _skin_motion(from_rest: Doubles) -> Doubles:
    """Return each region's motion from rest (n, 17, 2): outward and upward; of an eye, upward and opening.

    What gaze may have contributed to an eye's motion is taken off.
    """
    gaze = _GAZE_SHARE * np.abs(from_rest[..., :1])  # (n, 17, 1)
    lids = np.sign(from_rest[..., 1:]) * np.maximum(np.abs(from_rest[..., 1:]) - gaze, 0)  # (n, 17, 2)
    return np.where(_IS_EYE[:, None], _LID_WEIGHT * lids, from_rest[..., :2])


def _lid_closure(lids: Doubles, lengths: Doubles) -> Doubles:
    """Return how far the lids have sunk and closed (n,), of the eye where they did less, or 0 where other skin moves
    too.

    ``lids`` (n, 2, 2) is both eyes' motion upward and opening; ``lengths`` (n, 17) is how far each region has moved.
    """
    sinking = (lids < 0).all(2)  # (n, 2)
    sunk = np.where(sinking, np.linalg.norm(lids, axis=2), 0).min(1)  # (n,)
    elsewhere = _mean_of_largest(np.where(_IS_EYE, 0, lengths))  # (n,)
    return np.asarray(sunk * (elsewhere < _ELSEWHERE_SHARE * sunk))


def _without_blinks(lengths: Doubles, lids: Doubles, blinking: Mask) -> Doubles:
    """Return the lengths (n, 17); while ``blinking`` (n,), 0 for eyes, and other skin's less what the blink dragged."""
    pull = _BLINK_PULL * np.linalg.norm(lids, axis=2).mean(1)  # (n,)
    other_skin = np.where(_IS_EYE, 0, np.maximum(lengths - pull[:, None], 0))  # (n, 17)
    return np.where(blinking[:, None], other_skin, lengths)


def _mean_of_largest(lengths: Doubles) -> Doubles:
    """Return the mean (n,) of the `_LARGEST` largest of the regions' lengths (n, 17)."""
    return np.asarray(np.sort(lengths, axis=1)[:, -_LARGEST:].mean(1))


def _extents(z: Doubles, threshold: float, motion: Doubles, moving: Mask, sudden: int) -> Iterator[_Extent]:
    """Yield the extent of each peak of ``z`` (n,) that is not part of a higher peak's extent, the highest first.

    An apex's pattern is the ``motion`` (n, 17, 2) at the apex of the regions that are ``moving`` (n, 17). What neither
    rises nor falls by half within ``sudden`` samples is left out: it is a posture that shifts.
    """
    from scipy.signal import find_peaks  # loaded late, like pandas

    peaks = find_peaks(np.concatenate([[0], z, [0]]), height=threshold)[0] - 1
    taken = np.zeros(len(z), bool)
    for apex in sorted(peaks.tolist(), key=lambda position: -z[position]):
        if taken[apex]:
            continue
        pattern = motion[apex] * moving[apex][:, None]  # (17, 2)
        share = (motion * pattern).sum((1, 2)) / (pattern**2).sum()  # (n,), 1 at the apex
        outside = (share < EDGE_SHARE) | taken
        before = np.flatnonzero(outside[:apex])
        after = np.flatnonzero(outside[apex:])
        onset = int(before[-1]) if len(before) else 0
        offset = apex + int(after[0]) if len(after) else len(share) - 1
        taken[onset : offset + 1] = True
        if _is_sudden(share[onset : offset + 1], sudden):
            yield _Extent(onset, apex, offset)


def _is_sudden(share: Doubles, sudden: int) -> bool:
    """Tell whether an event's projected motion (m,), 1 at its apex, changes by half within ``sudden`` samples."""
    if len(share) - 1 <= sudden:
        return True
    return bool(np.abs(share[sudden:] - share[:-sudden]).max() >= 0.5)
