"""Spotting: finding when a face moves in a video of any length. One module per spotter, each a `Spotter`."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from deft.facs import regions

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

Kind = Literal["micro", "macro", "blink"]
MICRO: Final = "micro"
MACRO: Final = "macro"
BLINK: Final = "blink"
IS_EYE = np.array([regions.place(region) == "eye" for region in regions.REGIONS])  # (17,)
MICRO_S = 0.5  # from onset to offset; an expression that lasts as long or longer is a macro-expression


class Sample(NamedTuple):
    """The facial motion measured at one frame. Lengths are in eye distances, that is, between the eyes' centres.

    A track is a stretch of video through which one face is followed without a gap. ``displacement`` holds, for each of
    the 17 regions, how far the region has moved outward and upward since the track started and how far its upper and
    lower halves have moved apart, by dense flow; ``mesh`` the same by the vertices of the face mesh. The head's motion
    is removed from both.
    """

    frame: int  # the frame's number in the video, from 0
    seconds: float  # when the frame is shown, on the video's own clock
    displacement: Floats  # (17, 3): outward, upward, opening
    mesh: Floats  # (17, 3)
    field: npt.NDArray[np.float16]  # (2, 28, 28): the flow on the grid of the motion prior (`deft.prior.canonical`)
    aperture: Floats  # (2,): how far the lids of the right and the left eye are apart, in widths of the eye
    lips: float  # how far they are apart on the inside, in distances of the eyes' outer corners
    noise: float  # standard deviation of a region's displacement (`deft.motion.evidence.noise`)
    fit: float  # correlation of the face with that of the reference, warped by the flow; below 0.5 it is another face
    region_fits: Floats  # (17,): the same in each region
    head_shift: float  # how far the head is from where it was in the reference frame
    head_speed: float  # per second
    intra: bool  # the frame was coded without reference to another
    starts_track: bool
    place: tuple[float, float] | None = None  # (x, y) of the face's middle, px of the frame; None if unknown


class Event(NamedTuple):
    """A facial movement: frame numbers and times of its onset, apex and offset, and its strength at the apex."""

    kind: Kind
    onset: int
    apex: int
    offset: int
    onset_s: float
    apex_s: float
    offset_s: float
    z: float | None  # multiples of the noise; of a blink how far the lids close, in [0, 1]; None if not measured
    noise: float | None = None  # standard deviation of a region's displacement at rest, eye distances; None as for z
    person: int = 1  # whose face it is, from 1
    head_moving: bool = False  # the head shakes meanwhile
    speaking: bool = False  # the lips speak for at least half of the time
    cut_off: bool = False  # the video, or the face's track, begins or ends within the event
    place: tuple[float, float] | None = None  # (x, y) of the face's middle at the onset, px of the frame


class Segment(NamedTuple):
    """The search result for a part of a video: its events, and curves with one value per sample."""

    events: list[Event]  # in order of onset
    seconds: Doubles  # (n,)
    z: Doubles  # (n,) strength of the facial motion, in multiples of the noise
    head_speed: Doubles  # (n,) eye distances per second
    speaking: npt.NDArray[np.bool_]  # (n,)


class Spotter(Protocol):
    """What a module or an object offers that finds the events in a video.

    ``threshold`` is the strength ``z`` above which the spotter takes facial motion for an event; plots show it.

    A spotter that needs more than facial motion is an object made for one video. One that listens, for example, holds
    the sound track; a `Sample` says in ``seconds`` when its frame is shown, and the sound runs on the same clock.
    """

    threshold: float

    def search(self, samples: Sequence[Sample]) -> Segment:
        """Return the events of one person in a stretch of a video.

        The samples, at least one, are in order of time and belong to one track: displacements before and after a gap
        cannot be compared. No event reaches beyond them. Long tracks come in stretches that overlap
        (`deft.spotting.stretches`), so that memory does not grow with their length.
        """


def expression_kind(duration_s: float) -> Kind:
    """Classify an expression by its duration from onset to offset."""
    return MICRO if duration_s < MICRO_S else MACRO
