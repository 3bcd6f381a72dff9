"""A spotter without training: an event is an interval in which the face moves as Action Units do, above its own noise.

1. Rest. A face at rest returns to where it was, so a region's resting position is its running median over ten seconds.
2. Strength. ``z`` is that of a matched filter over the units' patterns (`deft.spotting.strength`).
3. Apex. Peaks of ``z`` above the threshold are apexes; the strongest is taken first.
4. Extent. The motion at the apex is a pattern over the regions. The event lasts while the motion, projected on this
   pattern, is above a small share of its value at the apex, and above the noise.
5. Blinks are told by the lids (`deft.spotting.blinks`), and speech by the lips (`deft.spotting.speech`).
6. What touches, without rest between, is one event.
7. Turns. Where the head's turn in depth drowns an expression, what is quicker than the turn is searched for once more,
   with the prior (`deft.spotting.strength.quick_strength`); such events are marked as those of a moving head.
8. Posture. What neither rises nor falls by half within half a second is dropped.

Sources: motion against the clip's own rest, peaks above a threshold: Moilanen, Zhao and Pietikäinen, "Spotting Rapid
Facial Movements from Videos Using Appearance-Based Feature Difference Analysis", ICPR 2014; directed motion of regions:
Wang et al., "A Main Directional Maximal Difference Analysis for Spotting Facial Movements from Long-Term Videos",
Neurocomputing 2017. Rest, noise, projection and blinks are our choice; all constants were set on rendered videos of
other seeds than the bench's, and on the footage that the tests read.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deft.core.params import SPOTTING, Spotting
from deft.prior import Prior
from deft.spotting import BLINK, Doubles, Event, Sample, Segment, blinks, expression_kind, speech
from deft.spotting.series import Series, series
from deft.spotting.strength import DROWNED, Strength, quick_strength, strength

SUDDEN_S = 0.5  # an expression rises or falls by half within this time
EDGE_SHARE = 0.2  # of the projected motion at the apex: below it the event has not begun, or is over
EDGE_Z = 3.0  # of that motion in multiples of its noise
LEAST_S = 0.06  # for which an event is above most of the threshold: a single frame is no face's motion
SHAKE_SPEED = 0.25  # eye distances per second from which the head shakes

_MOST = 0.7  # of the threshold
_REST = 0.5  # of the threshold, below which the face rests


class _Extent(NamedTuple):
    """Positions of an event's onset, apex and offset in a sequence of samples."""

    onset: int
    apex: int
    offset: int


class Rule:
    """The spotter (`deft.spotting.Spotter`), with the motion prior to weigh by, if there is one."""

    def __init__(self, prior: Prior | None, params: Spotting = SPOTTING) -> None:
        self.threshold = params.threshold
        self._prior, self._rest_s = prior, params.rest_s

    def search(self, samples: Sequence[Sample]) -> Segment:
        """Return the events and curves of one stretch of a track."""
        measured = series(samples)
        lids = blinks.find(measured)
        blinking = blinks.during(lids, len(samples))
        shown = strength(measured, blinking, self._prior, self._rest_s)
        talking = speech.speaking(measured)
        shaking = measured.head_speed > SHAKE_SPEED
        events = [
            _event(samples, shown, _Extent(*blink[:3]), talking, shaking)._replace(kind=BLINK, z=round(blink.closed, 2))
            for blink in lids
        ]
        found = [(extent, shown, shaking) for extent in self._search(measured, shown)]
        z = shown.z
        if self._prior is not None and (shown.noise > DROWNED).any():
            quick = quick_strength(measured, blinking, self._prior, shown)
            taken = [extent for extent, _, _ in found]
            extents = [extent for extent in self._search(measured, quick) if not _overlaps(extent, taken)]
            found += [(extent, quick, np.ones_like(shaking)) for extent in extents]
            z = np.maximum(z, quick.z)
        events += [
            _event(samples, by, _outside_blinks(extent, blinking), talking, moving) for extent, by, moving in found
        ]
        return Segment(
            events=sorted(events, key=lambda event: event.onset),
            seconds=measured.seconds,
            z=z,
            head_speed=measured.head_speed,
            speaking=talking,
        )

    def _search(self, measured: Series, shown: Strength) -> list[_Extent]:
        """Return the extents of events, in order."""
        return _merged(_extents(measured, shown, self.threshold), shown.z, _REST * self.threshold)


def _overlaps(extent: _Extent, others: Iterable[_Extent]) -> bool:
    return any(extent.onset <= other.offset and other.onset <= extent.offset for other in others)


def _event(
    samples: Sequence[Sample],
    shown: Strength,
    extent: _Extent,
    talking: npt.NDArray[np.bool_],
    shaking: npt.NDArray[np.bool_],
) -> Event:
    onset, apex, offset = (samples[position] for position in extent)
    whole = slice(extent.onset, extent.offset + 1)
    return Event(
        kind=expression_kind(offset.seconds - onset.seconds),
        onset=onset.frame,
        apex=apex.frame,
        offset=offset.frame,
        onset_s=onset.seconds,
        apex_s=apex.seconds,
        offset_s=offset.seconds,
        z=round(float(shown.z[extent.apex]), 1),
        noise=float(shown.noise[extent.apex]),
        head_moving=bool(shaking[whole].any()),
        speaking=bool(talking[whole].mean() >= 0.5),
        cut_off=extent.onset == 0 or extent.offset == len(samples) - 1,
        place=onset.place,
    )


def _extents(measured: Series, shown: Strength, threshold: float) -> Iterator[_Extent]:
    """Yield the extent of each peak of the strength that is not part of a higher peak's extent, the highest first.

    What neither rises nor falls by half within `SUDDEN_S` is left out: it is a posture that shifts.
    """
    from scipy.signal import find_peaks  # loaded late, like pandas

    z = shown.z
    peaks = find_peaks(np.concatenate([[0], z, [0]]), height=threshold)[0] - 1
    taken = np.zeros(len(z), bool)
    for apex in sorted(peaks.tolist(), key=lambda position: -z[position]):
        if taken[apex]:
            continue
        share, edge = _projected(shown, apex)
        outside = (share < edge) | taken
        before = np.flatnonzero(outside[:apex])
        after = np.flatnonzero(outside[apex:])
        onset = int(before[-1]) if len(before) else 0
        offset = apex + int(after[0]) if len(after) else len(z) - 1
        taken[onset : offset + 1] = True
        lasting = np.count_nonzero(z[onset : offset + 1] > _MOST * threshold) >= measured.count(LEAST_S)
        if lasting and _is_sudden(share[onset : offset + 1], measured.count(SUDDEN_S)):
            yield _Extent(onset, apex, offset)


def _merged(extents: Iterable[_Extent], z: Doubles, rest: float) -> list[_Extent]:
    """Return extents in order; those that touch, with no rest (z below ``rest``) between, are one.

    Its apex is the stronger one.
    """
    merged: list[_Extent] = []
    for extent in sorted(extents):
        before = merged[-1] if merged else None
        touches = before is not None and extent.onset <= before.offset + 1
        if before is not None and touches and z[extent.onset : before.offset + 2].min() > rest:
            apex = max(before.apex, extent.apex, key=lambda position: z[position])
            merged[-1] = _Extent(before.onset, apex, max(before.offset, extent.offset))
        else:
            merged.append(extent)
    return merged


def _projected(shown: Strength, apex: int) -> tuple[Doubles, float]:
    """Return the motion projected on that at the apex, (n,), 1 at the apex, and its value at the event's ends."""
    pattern = shown.motion[apex] / shown.sigma[apex] ** 2  # (17, 2)
    squared = float((pattern * shown.motion[apex]).sum())  # of the pattern's z
    share = np.einsum("nrc,rc->n", shown.motion, pattern) / squared
    return share, max(EDGE_SHARE, EDGE_Z / np.sqrt(squared))


def _outside_blinks(extent: _Extent, blinking: npt.NDArray[np.bool_]) -> _Extent:
    """Return an extent whose onset lies in no blink: eyes that are shut show no face to begin from."""
    onset = extent.onset
    while onset > 0 and blinking[onset]:
        onset -= 1
    return extent._replace(onset=onset)


def _is_sudden(share: Doubles, sudden: int) -> bool:
    """Tell whether an event's projected motion (m,), 1 at its apex, changes by half within ``sudden`` samples."""
    if len(share) - 1 <= sudden:
        return True
    return bool(np.abs(share[sudden:] - share[:-sudden]).max() >= 0.5)
