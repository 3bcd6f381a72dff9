"""The samples of one stretch of a track as arrays, and running medians over them."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from deft.spotting import Doubles, Sample

Number = TypeVar("Number", bound=np.floating[Any])

_SUDDEN = 10.0  # times the median change from frame to frame
_MOST_INTRA = 0.2  # share of frames; of a codec that codes more of them by themselves none is a step
FIRST = 5  # samples at the beginning whose median stands for the time before


class Series(NamedTuple):
    """Fields of `deft.spotting.Sample`, one entry per sample, and the mean number of samples per second."""

    seconds: Doubles  # (n,)
    displacement: Doubles  # (n, 17, 3)
    mesh: Doubles  # (n, 17, 3)
    aperture: Doubles  # (n, 2)
    lips: Doubles  # (n,)
    noise: Doubles  # (n,)
    region_fits: Doubles  # (n, 17)
    field: npt.NDArray[np.float32]  # (n, 2, 28, 28)
    head_shift: Doubles  # (n,)
    head_speed: Doubles  # (n,)
    rate: float

    def count(self, seconds: float) -> int:
        """Return the number of samples in so many seconds, at least one."""
        return max(1, round(seconds * self.rate))


_COLUMNS = [name for name in Series._fields if name not in ("field", "rate")]


def series(samples: Sequence[Sample]) -> Series:
    """Return samples, at least one, as arrays."""
    arrays = {name: np.array([getattr(sample, name) for sample in samples], float) for name in _COLUMNS}
    field = np.array([sample.field for sample in samples], np.float32)
    steps = _steps(np.array([sample.intra for sample in samples]))
    arrays["displacement"] = _without(steps, arrays["displacement"])
    seconds = arrays["seconds"]
    rate = (len(seconds) - 1) / (seconds[-1] - seconds[0]) if len(seconds) > 1 else 1.0
    return Series(**arrays, field=_without(steps, field), rate=float(rate))


def _steps(intra: npt.NDArray[np.bool_]) -> list[int]:
    """Return the samples at which a codec's picture is made anew, where most frames only change the one before."""
    steps = (1 + np.flatnonzero(intra[1:])).tolist()
    return [] if len(steps) > _MOST_INTRA * len(intra) else steps


def _without(steps: list[int], values: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Return values (n, …) without the changes at ``steps`` that are far larger than those between other frames.

    No face moves as suddenly as a picture that is made anew.
    """
    usual = np.median(np.abs(np.diff(values, axis=0)), axis=0) if steps else 0
    for step in steps:
        change = values[step] - values[step - 1]
        values[step:] -= np.where(np.abs(change) > _SUDDEN * usual, change, 0)
    return values


def running_quantile(values: Doubles, share: float, window: int) -> Doubles:
    """Return a running quantile (n, …) over a window, which is cut off at both ends."""
    import pandas as pd  # takes half a second to load, and only spotting needs it

    rolling = pd.DataFrame(values.reshape(len(values), -1)).rolling(window, center=True, min_periods=1)
    return np.asarray(rolling.quantile(share).to_numpy().reshape(values.shape))


def running_median(values: Doubles, window: int, lead: int) -> Doubles:
    """Return the running median (n, …), as if the first values had lasted for ``lead`` samples before.

    The first values are the median of `FIRST`: one sample alone is noisy.
    """
    first = np.median(values[:FIRST], axis=0, keepdims=True)
    return running_quantile(np.concatenate([np.repeat(first, lead, axis=0), values]), 0.5, window)[lead:]
