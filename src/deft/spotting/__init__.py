"""Spotting: finding when a face moves in a video of any length. One module per spotter, each a `Spotter`."""

from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

Kind = Literal["micro", "macro", "blink"]
MICRO: Final = "micro"
MACRO: Final = "macro"
BLINK: Final = "blink"
MICRO_S = 0.5  # from onset to offset; an expression that lasts as long or longer is a macro-expression


class Sample(NamedTuple):
    """The facial motion measured at one frame. Lengths are in eye distances, that is, between the eyes' centres.

    A track is a stretch of video through which one face is followed without a gap. ``displacement`` holds, for each of
    the 17 regions, how far the region has moved outward and upward since the track started and how far its upper and
    lower halves have moved apart; the head's motion is removed.
    """

    frame: int  # the frame's number in the video, from 0
    seconds: float  # when the frame is shown, on the video's own clock
    displacement: Floats  # (17, 3): outward, upward, opening
    noise: float  # standard deviation of a region's displacement (`deft.motion.evidence.noise`)
    head_shift: float  # how far the head is from where it was in the reference frame
    head_speed: float  # per second
    starts_track: bool


class Event(NamedTuple):
    """A facial movement: frame numbers and times of its onset, apex and offset, and its strength at the apex."""

    kind: Kind
    onset: int
    apex: int
    offset: int
    onset_s: float
    apex_s: float
    offset_s: float
    z: float | None  # multiples of the noise; None if the event's frames were given and nothing was measured


class Segment(NamedTuple):
    """The search result for a part of a video: its events, and two curves with one value per sample."""

    events: list[Event]  # in order of onset
    seconds: Doubles  # (n,)
    z: Doubles  # (n,) strength of the facial motion, in multiples of the noise
    head_speed: Doubles  # (n,) eye distances per second


class Spotter(Protocol):
    """What a module or an object offers that finds the events in a video.

    ``THRESHOLD`` is the strength ``z`` above which the spotter takes facial motion for an event; plots show it.

    A spotter that needs more than facial motion is an object made for one video. One that listens, for example, holds
    the sound track; a `Sample` says in ``seconds`` when its frame is shown, and the sound runs on the same clock.
    """

    THRESHOLD: float

    def search(self, samples: Iterable[Sample]) -> Iterator[Segment]:
        """Yield the events of one video, segment by segment, in order of time.

        The spotter is given one `Sample` per measured frame, in order of time. There are no samples while no face is
        visible. The first sample after such a gap, or of another face, has ``starts_track``: displacements before and
        after it cannot be compared.

        The spotter gives segments that together hold every sample exactly once. A segment ends where a track ends, and
        no event reaches beyond its track. An event belongs to the segment that holds its apex. Segments are yielded
        while the video is still being read, so memory does not grow with its length.
        """


def expression_kind(duration_s: float) -> Kind:
    """Classify an expression by its duration from onset to offset."""
    return MICRO if duration_s < MICRO_S else MACRO
