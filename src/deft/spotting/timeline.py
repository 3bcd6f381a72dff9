"""From a video to the timelines of the people in it: events, blinks, and spans that a reader should know of."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from deft.core.errors import DataError, NoFaceError
from deft.core.params import SPOTTING, Crop, Spotting
from deft.media import video
from deft.spotting import BLINK, Event, Sample, Segment, Spotter, rule
from deft.spotting.people import People
from deft.spotting.rotation import refuse_overturned
from deft.spotting.stretches import Searcher

MERGE_S = 0.5  # spans less than this apart become one
CURVE_S = 0.1  # the curve keeps its largest value per interval of this length


Item = TypeVar("Item")


class Span(NamedTuple):
    """A stretch of time."""

    start_s: float
    end_s: float


class Person(NamedTuple):
    """What was found of one person."""

    number: int  # from 1, in order of the first frame
    events: list[Event]  # expressions, in order
    blinks: list[Event]
    head_shakes: list[Span]
    speech: list[Span]
    no_face: list[Span]
    too_short: list[Span]  # tracks that were not searched
    curve: list[tuple[float, float]]  # seconds, and the strength of facial motion in multiples of the noise


class Timeline(NamedTuple):
    """What was found in a video from its beginning to its end."""

    source: video.Source
    frames: int  # number of frames that could be decoded
    seconds: float
    people: list[Person]
    threshold: float  # the spotter's: what lies above it on the curve is an event
    damaged: int = 0  # number of frames that could not be decoded

    @property
    def events(self) -> list[Event]:
        """Everyone's expressions, in order of the onsets."""
        return sorted((event for person in self.people for event in person.events), key=lambda event: event.onset)

    @property
    def blinks(self) -> list[Event]:
        """Everyone's blinks, in order of the onsets."""
        return sorted((blink for person in self.people for blink in person.blinks), key=lambda blink: blink.onset)

    @property
    def notes(self) -> list[str]:
        """What a user should know before reading the answers, one phrase per note."""
        notes = []
        for person in self.people:
            whose = f"person {person.number}: " if len(self.people) > 1 else ""
            for reason, spans in (
                ("no face", person.no_face),
                ("the head moves too fast, or is visible too briefly, to be searched", person.too_short),
            ):
                notes += [f"{whose}{reason} from {span.start_s:.1f} to {span.end_s:.1f} s" for span in spans]
        declared = self.source.declared_frames
        if self.frames + self.damaged < 0.98 * declared - 2:
            notes.append(f"the file is truncated or damaged: only {self.frames} of its {declared} frames could be read")
        if self.damaged:
            notes.append(f"the file is damaged: {self.damaged} frames could not be decoded")
        if not self.events:
            notes.append("no facial motion above the video's own noise")
        return notes


class _Findings:
    """What is found of one person while the video is being read."""

    def __init__(self, spotter: Spotter, shortest_s: float) -> None:
        self.segments: list[Segment] = []
        self.too_short: list[Span] = []
        self._searcher, self._shortest_s = Searcher(spotter), shortest_s
        self._begun: list[Sample] = []  # a track that is still too short to be searched

    def add(self, sample: Sample) -> None:
        """Take the next sample."""
        if sample.starts_track:
            self.finish()
            self._begun = [sample]
        elif self._begun:
            self._begun.append(sample)
            if sample.seconds - self._begun[0].seconds >= self._shortest_s:
                self._search()
        else:
            self.segments += self._searcher.add(sample)

    def finish(self) -> None:
        """End the track."""
        if self._begun and self._begun[-1].seconds < 2 * self._shortest_s:
            self._search()  # a clip that was cut to one expression is as short
        elif self._begun:
            self.too_short.append(Span(self._begun[0].seconds, self._begun[-1].seconds))
        self._begun = []
        self.segments += self._searcher.finish()

    def _search(self) -> None:
        for sample in self._begun:
            self.segments += self._searcher.add(sample)
        self._begun = []

    def _spans(self, masks: Sequence[npt.NDArray[np.bool_]]) -> list[Span]:
        """Return the times that masks (n,), one per segment, select, as spans."""
        times = [segment.seconds[mask].tolist() for segment, mask in zip(self.segments, masks, strict=True)]
        return _merged([Span(time, time) for each in times for time in each])

    def person(self, number: int, seconds: float) -> Person:
        """Return the findings as a timeline of a video of so many seconds."""
        events = [event._replace(person=number) for segment in self.segments for event in segment.events]
        with_face = [Span(segment.seconds[0], segment.seconds[-1]) for segment in self.segments if len(segment.seconds)]
        return Person(
            number=number,
            events=[event for event in events if event.kind != BLINK],
            blinks=[event for event in events if event.kind == BLINK],
            head_shakes=self._spans([segment.head_speed > rule.SHAKE_SPEED for segment in self.segments]),
            speech=self._spans([segment.speaking for segment in self.segments]),
            no_face=_gaps(sorted([*with_face, *self.too_short]), seconds),
            too_short=self.too_short,
            curve=[point for segment in self.segments for point in _curve(segment)],
        )


def spot(
    source: video.Source, crop: Crop, spotter: Spotter, largest: bool = False, params: Spotting = SPOTTING
) -> Timeline:
    """Search a whole video for events, reading it once; memory does not grow with its length.

    Faces are cropped as ``crop`` says. ``largest`` looks at the person with the largest face alone. Of videos faster
    than ``params.frames_per_s`` only every second, third, … frame is measured. Tracks shorter than
    ``params.shortest_s`` are not searched: the head moves too fast, or the face is visible too briefly.

    Raises:
        NoFaceError: no face is visible in any frame.
        DataError: the video has only one frame, a face upside down, or an image in a folder that cannot be read.

    """
    refuse_overturned(source)
    people, findings = People(crop, largest), dict[int, _Findings]()
    frame = None
    for frame, faces in _ahead(people.find(_read(source, max(1, int(source.fps / params.frames_per_s))))):
        for number, sample in people.measure(frame, faces):
            findings.setdefault(number, _Findings(spotter, params.shortest_s)).add(sample)
    if frame is None or frame.number == 0:
        raise DataError(source.path, "a single frame", "a video", "use one with at least two frames")
    for found in findings.values():
        found.finish()
    found_people = [found.person(number, frame.seconds) for number, found in sorted(findings.items()) if found.segments]
    if not found_people:
        raise NoFaceError(source.path, "no face in any frame", "a face seen from the front", "use another video")
    return Timeline(source, frame.number + 1, frame.seconds, found_people, spotter.threshold, damaged=frame.damaged)


def _read(source: video.Source, stride: int) -> Iterator[video.Frame]:
    """Yield every ``stride``-th frame, with a progress bar."""
    frames = video.frames(source, lambda number: number % stride == 0)
    total = -(-source.declared_frames // stride) or None  # rounded up; None if unknown
    yield from tqdm(frames, total=total, desc=source.path.name, unit=" frames", disable=None, leave=False)


def _ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield items while a thread already fetches the next one."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item


def _curve(segment: Segment) -> list[tuple[float, float]]:
    """Thin out a segment's strength to its largest value per `CURVE_S`, each at its own time."""
    if not len(segment.seconds):
        return []
    intervals = np.floor(segment.seconds / CURVE_S).astype(int)  # (n,)
    starts = np.flatnonzero(np.diff(intervals, prepend=-1))  # (m,)
    parts = np.split(np.arange(len(intervals)), starts[1:])
    peaks = [int(part[segment.z[part].argmax()]) for part in parts]
    return [(round(float(segment.seconds[peak]), 2), round(float(segment.z[peak]), 2)) for peak in peaks]


def _merged(spans: Sequence[Span]) -> list[Span]:
    """Merge spans, given in order, that lie less than `MERGE_S` apart."""
    merged: list[Span] = []
    for span in spans:
        if merged and span.start_s - merged[-1].end_s < MERGE_S:
            merged[-1] = Span(merged[-1].start_s, max(span.end_s, merged[-1].end_s))
        else:
            merged.append(span)
    return merged


def _gaps(spans: Sequence[Span], seconds: float) -> list[Span]:
    """Return what lies between spans, from the beginning of the video to its end; short gaps are left out."""
    edges = [0.0, *(edge for span in _merged(spans) for edge in span), seconds]
    gaps = [Span(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True)]
    return [gap for gap in gaps if gap.end_s - gap.start_s >= MERGE_S]
