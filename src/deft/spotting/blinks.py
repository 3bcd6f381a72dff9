"""Blinks, by the distance between the lids: the mesh follows lids that flow cannot, since they hide the eye."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deft.spotting.series import Series, running_median

CLOSED = 0.25  # share of the usual distance by which both eyes' lids have come nearer, on average
_EITHER = 0.15  # share by which each eye's have
_EDGE = 0.3  # share of the closure at its peak, above where the lids were before and after, below which it is over
_USUAL_S = 4.0  # over which the usual distance is the running median
_LONGEST_S = 0.7  # lids that stay closed for longer are no blink


class Blink(NamedTuple):
    """Positions of a blink's onset, apex and offset in a series, and the share by which the lids closed."""

    onset: int
    apex: int
    offset: int
    closed: float


def find(measured: Series) -> list[Blink]:
    """Return the blinks of a stretch, in order."""
    from scipy.signal import find_peaks, peak_widths  # loaded late, like pandas

    window = measured.count(_USUAL_S)
    usual = running_median(measured.aperture, window, window // 2)  # (n, 2)
    closure = 1 - measured.aperture / np.maximum(usual, 1e-6)
    mean = closure.mean(1)  # (n,)
    both = np.where(closure.min(1) > _EITHER, mean, 0.0)
    edged = np.concatenate([[0.0], both, [0.0]])
    apexes, _ = find_peaks(edged, height=CLOSED, distance=measured.count(0.15))
    padded = np.concatenate([mean[:1], mean, mean[-1:]])
    _, _, starts, ends = peak_widths(padded, apexes, rel_height=1 - _EDGE)
    found = []
    for apex, start, end in zip((apexes - 1).tolist(), starts - 1, ends - 1, strict=True):
        onset, offset = max(0, int(np.floor(start))), min(len(mean) - 1, int(np.ceil(end)))
        if measured.seconds[offset] - measured.seconds[onset] <= _LONGEST_S:
            found.append(Blink(onset, apex, offset, float(mean[apex])))
    return found


def during(blinks: list[Blink], count: int) -> npt.NDArray[np.bool_]:
    """Return in which of ``count`` samples a blink lasts, (count,), with one more on either side."""
    blinking = np.zeros(count, bool)
    for blink in blinks:
        blinking[max(0, blink.onset - 1) : blink.offset + 2] = True
    return blinking
