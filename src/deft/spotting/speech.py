"""Speech, by the lips alone: they open and close several times a second, while an expression opens them once."""

import numpy as np
import numpy.typing as npt

from deft.spotting.series import Series

PER_S = 2.0  # extrema of the lips' opening per second, from which the face speaks
_WINDOW_S = 1.5
_LEAST = 0.04  # of the distance of the eyes' outer corners: a smaller motion of the lips is the mesh's noise


def speaking(measured: Series) -> npt.NDArray[np.bool_]:
    """Return in which samples the face speaks, (n,)."""
    from scipy.signal import find_peaks  # loaded late, like pandas

    lips, count = measured.lips, len(measured.lips)
    extrema = np.zeros(count)
    for sign in (1, -1):
        peaks, _ = find_peaks(sign * lips, prominence=_LEAST)
        extrema[peaks] = 1
    window = min(count, measured.count(_WINDOW_S))
    per_s = np.convolve(extrema, np.ones(window), "same") / (window / measured.rate)
    dense = per_s >= PER_S
    return np.convolve(dense, np.ones(max(1, window // 2)), "same")[:count] > 0 if dense.any() else dense
