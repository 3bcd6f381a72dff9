"""The samples of one stretch of a track as arrays, and running medians over them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deft.spotting import Doubles, Sample


class Series(NamedTuple):
    """The fields of `deft.spotting.Sample`, one entry per sample, and the mean number of samples per second."""

    frame: npt.NDArray[np.int64]  # (n,)
    seconds: Doubles  # (n,)
    displacement: Doubles  # (n, 17, 3)
    mesh: Doubles  # (n, 17, 3)
    aperture: Doubles  # (n, 2)
    lips: Doubles  # (n,)
    noise: Doubles  # (n,)
    head_shift: Doubles  # (n,)
    head_speed: Doubles  # (n,)
    rate: float

    def count(self, seconds: float) -> int:
        """Return the number of samples in so many seconds, at least one."""
        return max(1, round(seconds * self.rate))


def series(samples: Sequence[Sample]) -> Series:
    """Return samples, at least one, as arrays."""
    columns = zip(*(_numbers(sample) for sample in samples), strict=True)
    frame, seconds, *others = (np.asarray(column, float) for column in columns)
    rate = (len(seconds) - 1) / (seconds[-1] - seconds[0]) if len(seconds) > 1 else 1.0
    return Series(frame.astype(np.int64), seconds, *others, rate=float(rate))


def _numbers(sample: Sample) -> tuple[object, ...]:
    return tuple(getattr(sample, name) for name in Series._fields[:-1])


def running_median(values: Doubles, window: int, lead: int = 0) -> Doubles:
    """Return the running median (n, …) over a window, which is cut off at both ends.

    lead: the number of samples before the first for which the first one is taken to have lasted.
    """
    import pandas as pd  # takes half a second to load, and only spotting needs it

    led = np.concatenate([np.repeat(values[:1], lead, axis=0), values])
    medians = pd.DataFrame(led.reshape(len(led), -1)).rolling(window, center=True, min_periods=1).median()
    return np.asarray(medians.to_numpy()[lead:].reshape(values.shape))
