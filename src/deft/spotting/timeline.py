"""A film of a face, watched from beginning to end: events, blinks, when the head shakes and when no face is seen."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from deft.core.errors import DataError, NoFaceError
from deft.face import Points, align, mesh
from deft.media import Image, pictures, video
from deft.spotting import rule, trajectory
from deft.spotting.rule import Event

SAMPLED_HZ = 60.0  # at most: of a faster film every so manieth frame is measured
FACE_PX = 960  # longer side of the picture in which a face is looked for; larger ones are shrunk
SHAKEN = 0.25  # eye distances a second from which the head shakes
APART_S = 0.5  # what lies nearer together is one span
CURVE_S = 0.1  # the course of the strength keeps its largest value in so long


class Span(NamedTuple):
    """From when to when, in seconds."""

    start_s: float
    end_s: float


class Film(NamedTuple):
    """What was seen: how many ``frames`` there are in how many ``seconds``, ``events`` and ``blinks`` in order, when
    the head was ``shaken`` and no face was seen (``unseen``), and the ``curve`` of the motion's strength, pairs of
    seconds and multiples of the noise.
    """

    source: video.Source
    frames: int
    seconds: float
    events: list[Event]
    blinks: list[Event]
    shaken: list[Span]
    unseen: list[Span]
    curve: list[tuple[float, float]]

    @property
    def notes(self) -> list[str]:
        """What a reader should know before the answers, a phrase each."""
        found = [f"no face from {span.start_s:.1f} to {span.end_s:.1f} s" for span in self.unseen]
        if self.frames < 0.98 * self.source.promises - 2:
            found.append(f"the file breaks off: {self.frames} of its {self.source.promises} frames could be read")
        return found if self.events else [*found, "no facial motion above the film's own noise"]


def watch(source: video.Source, size_px: int, iod_px: float, eye_line: float) -> Film:
    """Watch a film once. What is held in memory does not grow with its length, but for what is found.

    The face is cut as `deft.face.align.transform` says. Of several people the one with the largest face is followed.

    Raises:
        NoFaceError: no face is seen in any frame.
        DataError: the film is a single picture, or a picture of a folder cannot be read.

    """
    every = max(1, int(source.fps / SAMPLED_HZ))
    last: deque[video.Frame] = deque(maxlen=1)
    samples = measure(_kept(_read(source, every), last), size_px, iod_px, eye_line)
    parts = list(rule.search(samples))
    if not last or last[0].number == 0:
        raise DataError(source.path, "a single picture", "a film", "motion needs at least two")
    seconds, found = last[0].seconds, [event for part in parts for event in part.events]
    if not parts:
        raise NoFaceError(source.path, "no face in any frame", "a face seen from the front", "use another video")
    return Film(
        source=source,
        frames=last[0].number + 1,
        seconds=seconds,
        events=[event for event in found if event.kind != rule.BLINK],
        blinks=[event for event in found if event.kind == rule.BLINK],
        shaken=_joined([Span(at, at) for part in parts for at in part.seconds[part.pace > SHAKEN].tolist()]),
        unseen=_gaps([Span(part.seconds[0], part.seconds[-1]) for part in parts], seconds),
        curve=[pair for part in parts for pair in _curve(part)],
    )


def measure(frames: Iterable[video.Frame], size_px: int, iod_px: float, eye_line: float) -> Iterator[trajectory.Sample]:
    """The course of the motion of the face in frames that come one after the other."""
    return trajectory.follow(frames, partial(_refer, size_px=size_px, iod_px=iod_px, eye_line=eye_line))


def face(image: Image, near: Points | None = None) -> Points:
    """Landmarks of `deft.face.mesh.landmarks`, found in a smaller picture where this one is large."""
    scale = min(1.0, FACE_PX / max(image.shape[:2]))
    if scale == 1.0:
        return mesh.landmarks(image, near)
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    points = mesh.landmarks(np.asarray(small), None if near is None else near * np.float32(scale))
    return np.asarray(points / scale, np.float32)


def _read(source: video.Source, every: int) -> Iterator[video.Frame]:
    frames = video.frames(source, lambda number: number % every == 0)
    total = -(-source.promises // every) or None
    yield from tqdm(frames, total=total, desc=source.path.name, unit=" frames", disable=None, leave=False)


def _kept(frames: Iterable[video.Frame], last: deque[video.Frame]) -> Iterator[video.Frame]:
    for frame in frames:
        last.append(frame)
        yield frame


def _refer(
    image: Image, before: trajectory.Reference | None, size_px: int, iod_px: float, eye_line: float
) -> trajectory.Reference | None:
    """The face in a picture, as `deft.spotting.trajectory.follow` asks for it."""
    try:
        place = face(image, None if before is None else before.place)
    except NoFaceError:
        return None
    matrix = align.transform(place, size_px, iod_px, eye_line)
    jump = np.inf if before is None else float(np.hypot(*(place - before.place).T).mean())
    return trajectory.Reference(
        place=place,
        points=align.moved(place, matrix),
        cut=lambda picture: align.cut(pictures.grey(picture), matrix, size_px),
        begins=bool(jump > np.ptp(place[:, 0]) / 2),
    )


def _curve(part: rule.Part) -> list[tuple[float, float]]:
    bins = np.floor(part.seconds / CURVE_S).astype(int)
    starts = np.flatnonzero(np.diff(bins, prepend=-1))
    most: npt.NDArray[np.float64] = np.maximum.reduceat(part.z, starts)
    return [(round(float(at), 2), round(float(z), 2)) for at, z in zip(part.seconds[starts], most, strict=True)]


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Spans in order, those that lie near together as one."""
    found: list[Span] = []
    for span in spans:
        near = found and span.start_s - found[-1].end_s < APART_S
        found.append(Span(found.pop().start_s, span.end_s) if near else span)
    return found


def _gaps(spans: Sequence[Span], seconds: float) -> list[Span]:
    """What lies between spans, from the film's beginning to its end."""
    edges = [0.0, *(edge for span in _joined(spans) for edge in span), seconds]
    return [Span(*pair) for pair in zip(edges[::2], edges[1::2], strict=True) if pair[1] - pair[0] >= APART_S]
