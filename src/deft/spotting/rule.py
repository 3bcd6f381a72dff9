"""Events in a film: intervals in which the face moves coherently above the film's own noise; blinks are set apart.

Nothing is trained. At rest a face returns to where it was: a region's rest is the running median of its place over ten
seconds. How strongly the face moves is how far the two regions farthest from rest are away, in multiples of what the
noise alone would show of them. Where that peaks above `Z` lies an apex, the strongest first. An event reaches as far as
the apex' own pattern, projected on the regions' places, is seen before and after it. Where the lids sink and hardly
anything else moves, the event is a blink: while it lasts eyes do not count, and all other skin counts for less.

Sources: motion against the clip's own rest, peaks above a threshold: Moilanen, Zhao and Pietikäinen, "Spotting Rapid
Facial Movements from Videos Using Appearance-Based Feature Difference Analysis", ICPR 2014; regions' directed motion:
Wang et al., "A Main Directional Maximal Difference Analysis for Spotting Facial Movements from Long-Term Videos",
Neurocomputing 2017. Rest, noise, projection and blinks are our choice; all dials were set on rendered films.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deft.facs import regions
from deft.spotting.trajectory import Sample

MICRO, MACRO, BLINK = "micro", "macro", "blink"
MICRO_S = 0.5  # from onset to offset; what takes longer is a macro-expression
Z = 3.0  # from which motion is an event's
REST_S = 10.0  # the running median's window: what fills less than half of it does not become the rest
SUDDEN_S = 0.5  # in which half of an expression comes or goes
EDGE = 0.06  # of its strength at the apex: where an event begins and ends
BLOCK_S = 60.0  # searched at a time, with REST_S before and after

_TOP = 2  # regions: most units move two, if only on both sides
_CHANCE = 2.3  # deviations: the mean of the two longest of 17 vectors of noise
_SMEAR = 0.3  # of an eye's way sideways: more than gaze seems to move its lids
_LIDS = 0.5  # what lids count beside other skin: where the eyes look, they follow a little
_HEAD = 0.1  # of the head's way: more is never left of it
_BLINK_Z = 10.0  # lids move far, or they do not close
_ALONE = 0.35  # of the lids' way: skin that moves farther does so by itself
_SHADOW = 0.15  # of the lids' way: how far a blink seems to move skin

_EYES = np.array([regions.place(region) == "eye" for region in regions.REGIONS])

Doubles = npt.NDArray[np.float64]


class Event(NamedTuple):
    """Frames and seconds of onset, apex and offset, and the strength ``z`` at the apex, in multiples of the noise."""

    kind: str
    onset: int
    apex: int
    offset: int
    onset_s: float
    apex_s: float
    offset_s: float
    z: float | None  # None: nobody measured it, the moment was given


class Part(NamedTuple):
    """A part of a film: its ``events`` in order, and how strongly the face moves, ``z`` (n,), and how fast the head,
    ``pace`` (n,) in eye distances a second, at ``seconds`` (n,).
    """

    events: list[Event]
    seconds: Doubles
    z: Doubles
    pace: Doubles


def kind(seconds: float) -> str:
    """What an event that lasts so long is called."""
    return MICRO if seconds < MICRO_S else MACRO


def search(samples: Iterable[Sample]) -> Iterator[Part]:
    """Search a film from its first sample to its last. What is held does not grow with its length."""
    held: list[Sample] = []
    done = -np.inf  # seconds up to which events are told
    for sample in samples:
        if sample.begins and held:
            yield _part(held, done, np.inf)
            held = []
        held.append(sample)
        if sample.seconds - held[0].seconds >= BLOCK_S + 2 * REST_S:
            until = sample.seconds - REST_S
            yield _part(held, done, until)
            done, held = until, [each for each in held if each.seconds >= until - REST_S]
    if held:
        yield _part(held, done, np.inf)


def _part(samples: Sequence[Sample], after: float, until: float) -> Part:
    """What a part tells whose apexes lie after ``after`` and not after ``until``."""
    seconds = np.array([sample.seconds for sample in samples])
    events, z = _events(samples, seconds)
    own = (seconds > after) & (seconds <= until)
    pace = np.array([sample.pace for sample in samples])
    return Part([event for event in events if after < event.apex_s <= until], seconds[own], z[own], pace[own])


def _events(samples: Sequence[Sample], seconds: Doubles) -> tuple[list[Event], Doubles]:
    """Events in order of onset, and the strength (n,) in which they are peaks."""
    moved = np.array([sample.moved for sample in samples], float)
    rate = (len(seconds) - 1) / (seconds[-1] - seconds[0]) if len(seconds) > 1 else 1.0
    window, sudden = round(REST_S * rate), max(1, round(SUDDEN_S * rate))
    away = moved - _rest(moved, window)
    noise = _noise(samples, window)
    lids, ways = away[:, _EYES, 1:], _ways(away)
    lengths = np.linalg.norm(ways, axis=2)
    sunk = np.where((lids < 0).all(2), np.linalg.norm(lids, axis=2), 0).min(1)
    alone = sunk * (_top(np.where(_EYES, 0, lengths)) < _ALONE * sunk)
    events, blinks = [], np.zeros(len(samples), bool)

    def told(name: str, place: tuple[int, int, int], z: float) -> Event:
        (onset, onset_s), (apex, apex_s), (offset, offset_s) = ((samples[at].frame, seconds[at].item()) for at in place)
        return Event(name, onset, apex, offset, onset_s, apex_s, offset_s, round(z, 1))

    for onset, apex, offset in _extents(alone / noise, _BLINK_Z, away[..., 1:], lambda apex: _EYES, sudden):
        events.append(told(BLINK, (onset, apex, offset), float(alone[apex] / noise[apex])))
        blinks[max(0, onset - 1) : offset + 2] = True
    shadow = _SHADOW * np.linalg.norm(lids, axis=2).mean(1)
    seen = np.where(blinks[:, None], np.where(_EYES, 0, np.maximum(lengths - shadow[:, None], 0)), lengths)
    strength = _top(seen) / _CHANCE
    for onset, apex, offset in _extents(strength / noise, Z, ways, lambda apex: seen[apex] > strength[apex], sudden):
        z = float(strength[apex] / noise[apex])
        events.append(told(kind(seconds[offset] - seconds[onset]), (onset, apex, offset), z))
    return sorted(events, key=lambda event: event.onset), strength / noise


def _ways(away: Doubles) -> Doubles:
    """Each region's way from rest (n, 17, 2): out and up; of an eye up and opening, less what gaze may have done."""
    gaze = _SMEAR * np.abs(away[..., :1])
    lids = np.sign(away[..., 1:]) * np.maximum(np.abs(away[..., 1:]) - gaze, 0)
    return np.where(_EYES[:, None], _LIDS * lids, away[..., :2])


def _median(values: Doubles, window: int) -> Doubles:
    """Running median (n, …) over a window, which is cut off at both ends."""
    import pandas as pd  # half a second to load, and only a film needs it

    found = pd.DataFrame(values.reshape(len(values), -1)).rolling(window, center=True, min_periods=1).median()
    return np.asarray(found.to_numpy().reshape(values.shape))


def _rest(moved: Doubles, window: int) -> Doubles:
    """Where each region rests (n, …): its running median. Before the first sample all was as it is there."""
    early = np.repeat(moved[:1], window // 2, axis=0)
    return np.asarray(_median(np.concatenate([early, moved]), window)[len(early) :])


def _noise(samples: Sequence[Sample], window: int) -> Doubles:
    """The noise (n,): the film's around a sample, and where the head moves the picture's own, if that is larger."""
    here = np.array([sample.noise for sample in samples])
    head = np.array([sample.head for sample in samples])
    return np.asarray(np.maximum(np.maximum(_median(here, window), np.minimum(here, _HEAD * head)), 1e-6))


def _top(lengths: Doubles) -> Doubles:
    return np.asarray(np.sort(lengths, axis=1)[:, -_TOP:].mean(1))


def _extents(
    strength: Doubles, least: float, ways: Doubles, which: Callable[[int], npt.NDArray[np.bool_]], sudden: int
) -> Iterator[tuple[int, int, int]]:
    """Onset, apex and offset of each peak of the strength (n,) that is no part of a higher one, highest first.

    ``which`` regions (17,) make an apex' pattern of ``ways`` (n, 17, 2). What never comes or goes by half within a
    ``sudden`` number of samples is left out: a posture that shifts.
    """
    from scipy.signal import find_peaks  # likewise

    peaks = find_peaks(np.concatenate([[0], strength, [0]]), height=least)[0] - 1
    taken = np.zeros(len(strength), bool)
    for apex in sorted(peaks.tolist(), key=lambda at: -strength[at]):
        if taken[apex]:
            continue
        pattern = ways[apex] * which(apex)[:, None]
        share = (ways * pattern).sum((1, 2)) / (pattern**2).sum()
        still = (share < EDGE) | taken
        before, after = np.flatnonzero(still[:apex]), np.flatnonzero(still[apex:])
        onset = int(before[-1]) if len(before) else 0
        offset = apex + int(after[0]) if len(after) else len(share) - 1
        taken[onset : offset + 1] = True
        steps = np.abs(share[onset + sudden : offset + 1] - share[onset : max(onset, offset + 1 - sudden)])
        if offset - onset <= sudden or steps.max() >= 0.5:
            yield onset, apex, offset
