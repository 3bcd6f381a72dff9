"""The timeline of a video: its expressions and blinks, when the head shakes, and when no face is visible."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from deft.core.errors import DataError, NoFaceError
from deft.face import Points, align, mesh
from deft.media import Image, pictures, video
from deft.spotting import BLINK, Event, Sample, Segment, Spotter, rule, trajectory

SAMPLED_HZ = 60.0  # of faster videos only every second, third, … frame is measured
DETECTION_PX = 960  # larger frames are shrunk to this longer side before the face is detected
SHAKE_SPEED = 0.25  # eye distances per second from which the head shakes
MERGE_S = 0.5  # spans less than this apart become one
CURVE_S = 0.1  # the curve keeps its largest value per interval of this length


class Span(NamedTuple):
    """A stretch of time."""

    start_s: float
    end_s: float


class Timeline(NamedTuple):
    """What was found in a video from its beginning to its end."""

    source: video.Source
    frames: int  # number of frames that could be decoded
    seconds: float
    events: list[Event]  # expressions, in order
    blinks: list[Event]
    head_shakes: list[Span]
    no_face: list[Span]
    curve: list[tuple[float, float]]  # seconds, and the strength of facial motion in multiples of the noise
    threshold: float  # the spotter's: what lies above it on the curve is an event
    damaged: int = 0  # number of frames that could not be decoded

    @property
    def notes(self) -> list[str]:
        """What a user should know before reading the answers, one phrase per note."""
        notes = [f"no face from {span.start_s:.1f} to {span.end_s:.1f} s" for span in self.no_face]
        declared = self.source.declared_frames
        if self.frames + self.damaged < 0.98 * declared - 2:
            notes.append(f"the file is truncated or damaged: only {self.frames} of its {declared} frames could be read")
        if self.damaged:
            notes.append(f"the file is damaged: {self.damaged} frames could not be decoded")
        if not self.events:
            notes.append("no facial motion above the video's own noise")
        return notes


def spot(source: video.Source, size_px: int, iod_px: float, eye_line: float, spotter: Spotter = rule) -> Timeline:
    """Search a whole video for events, reading it once; memory does not grow with its length.

    Faces are cropped to ``size_px``, ``iod_px`` and ``eye_line`` (`deft.face.align.transform`). If several people are
    visible, the largest face is followed.

    Raises:
        NoFaceError: no face is visible in any frame.
        DataError: the video has only one frame, or an image in a folder cannot be read.

    """
    stride = max(1, int(source.fps / SAMPLED_HZ))
    last: deque[video.Frame] = deque(maxlen=1)
    samples = track(_remember_last(_read(source, stride), last), size_px, iod_px, eye_line)
    segments = list(spotter.search(samples))
    if not last or last[0].number == 0:
        raise DataError(source.path, "a single frame", "a video", "use one with at least two frames")
    if not segments:
        raise NoFaceError(source.path, "no face in any frame", "a face seen from the front", "use another video")
    seconds = last[0].seconds
    events = [event for segment in segments for event in segment.events]
    shakes = [time for segment in segments for time in segment.seconds[segment.head_speed > SHAKE_SPEED].tolist()]
    with_face = [Span(segment.seconds[0], segment.seconds[-1]) for segment in segments]
    return Timeline(
        source=source,
        frames=last[0].number + 1,
        seconds=seconds,
        events=[event for event in events if event.kind != BLINK],
        blinks=[event for event in events if event.kind == BLINK],
        head_shakes=_merged([Span(time, time) for time in shakes]),
        no_face=_gaps(with_face, seconds),
        curve=[point for segment in segments for point in _curve(segment)],
        threshold=spotter.THRESHOLD,
        damaged=last[0].damaged,
    )


def track(frames: Iterable[video.Frame], size_px: int, iod_px: float, eye_line: float) -> Iterator[Sample]:
    """Yield the facial motion in consecutive frames, one `Sample` per frame with a face."""
    find_reference = partial(_find_reference, size_px=size_px, iod_px=iod_px, eye_line=eye_line)
    return trajectory.track(((frame.number, frame.seconds, frame.image) for frame in frames), find_reference)


def find_landmarks(image: Image, near: Points | None = None) -> Points:
    """Return the landmarks (68, 2), in px, of the largest face, or of the face at the landmarks ``near``.

    Large frames are shrunk for this (`DETECTION_PX`).

    Raises:
        NoFaceError: no face is visible.

    """
    scale = min(1.0, DETECTION_PX / max(image.shape[:2]))
    if scale == 1.0:
        return mesh.landmarks(image, near)
    small = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    near_in_small = None if near is None else near * np.float32(scale)
    return np.asarray(mesh.landmarks(small, near_in_small) / scale, np.float32)


def _read(source: video.Source, stride: int) -> Iterator[video.Frame]:
    """Yield every ``stride``-th frame, with a progress bar."""
    frames = video.frames(source, lambda number: number % stride == 0)
    total = -(-source.declared_frames // stride) or None  # rounded up; None if unknown
    yield from tqdm(frames, total=total, desc=source.path.name, unit=" frames", disable=None, leave=False)


def _remember_last(frames: Iterable[video.Frame], last: deque[video.Frame]) -> Iterator[video.Frame]:
    """Pass frames on; ``last`` then holds the latest one."""
    for frame in frames:
        last.append(frame)
        yield frame


def _find_reference(
    image: Image, before: trajectory.Reference | None, size_px: int, iod_px: float, eye_line: float
) -> trajectory.Reference | None:
    """Find the face in a frame (`deft.spotting.trajectory.track`)."""
    try:
        landmarks = find_landmarks(image, None if before is None else before.landmarks)
    except NoFaceError:
        return None
    matrix = align.transform(landmarks, size_px, iod_px, eye_line)
    shift_px = np.inf if before is None else float(np.hypot(*(landmarks - before.landmarks).T).mean())
    face_width_px = np.ptp(landmarks[:, 0])
    return trajectory.Reference(
        landmarks=landmarks,
        crop_landmarks=align.moved(landmarks, matrix),
        crop=lambda frame: align.cut(pictures.grey(frame), matrix, size_px),
        starts_track=bool(shift_px > face_width_px / 2),
    )


def _curve(segment: Segment) -> list[tuple[float, float]]:
    """Thin out a segment's strength to its largest value per `CURVE_S`."""
    intervals = np.floor(segment.seconds / CURVE_S).astype(int)  # (n,)
    starts = np.flatnonzero(np.diff(intervals, prepend=-1))  # (m,)
    peaks = np.maximum.reduceat(segment.z, starts).tolist()
    times = segment.seconds[starts].tolist()
    return [(round(time, 2), round(z, 2)) for time, z in zip(times, peaks, strict=True)]


def _merged(spans: Sequence[Span]) -> list[Span]:
    """Merge spans, given in order, that lie less than `MERGE_S` apart."""
    merged: list[Span] = []
    for span in spans:
        if merged and span.start_s - merged[-1].end_s < MERGE_S:
            merged[-1] = Span(merged[-1].start_s, span.end_s)
        else:
            merged.append(span)
    return merged


def _gaps(spans: Sequence[Span], seconds: float) -> list[Span]:
    """Return what lies between spans, from the beginning of the video to its end; short gaps are left out."""
    edges = [0.0, *(edge for span in _merged(spans) for edge in span), seconds]
    gaps = [Span(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True)]
    return [gap for gap in gaps if gap.end_s - gap.start_s >= MERGE_S]
