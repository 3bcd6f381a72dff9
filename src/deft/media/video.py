"""Frames of a video file or of a folder of images, decoded one after the other."""

import os
import re
from collections.abc import Callable, Collection, Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av

from deft.core.errors import DataError
from deft.media import Image, decoding, pictures

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"})
FOLDER_FPS = 200.0  # for folders of images, which do not say: that of the usual high-speed camera
JUMP_S = 1.0  # a video's clock that goes back by more than this has been set anew


class Source(NamedTuple):
    """Where frames come from: a video file, or a folder of images."""

    path: Path
    files: tuple[Path, ...]  # the images of a folder, in order; empty for a video file
    fps: float  # frames per second, on average
    declared_frames: int  # number of frames that the file says it holds; 0 if it does not say


class Frame(NamedTuple):
    """One frame of a video, upright."""

    number: int  # from 0, of those that can be decoded
    seconds: float  # when it is shown, after the first
    image: Image  # (H, W, 3), RGB
    intra: bool = True  # coded without reference to another frame, as every image of a folder is
    damaged: int = 0  # number of frames before it, from the video's beginning, that could not be decoded


def open_source(path: str | os.PathLike[str], fps: float | None = None) -> Source:
    """Open a video file, or a folder of images, of which ``fps`` are shown per second.

    Images are ordered by the last number in their names.

    Raises:
        DataError: there is no such file, it is not a video, or the folder contains no images.

    """
    path, expected = Path(path), decoding.EXPECTED
    if path.is_dir():
        files = [file for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES]
        if not files:
            suffixes = ", ".join(sorted(IMAGE_SUFFIXES))
            raise DataError(path, "a folder without images", expected, f"put {suffixes} files there")
        return Source(path, tuple(sorted(files, key=_last_number)), fps or FOLDER_FPS, len(files))
    if not path.exists():
        raise DataError(path, "no such file", expected, "check the path")
    if not path.stat().st_size:
        raise DataError(path, "an empty file", expected, "copy it again")
    with decoding.opened(path) as (container, stream):
        video_fps = float(stream.average_rate or FOLDER_FPS)
        source = Source(path, (), video_fps, _declared_frames(container, stream))
    if next(decoding.decode(path), None) is None:
        raise decoding.unreadable(path)
    return source


def pick(source: Source, numbers: Collection[int]) -> Iterator[Frame]:
    """Yield the frames with these numbers, as far as they exist; nothing after the last of them is decoded."""
    wanted, last = frozenset(numbers), max(numbers)
    for frame in frames(source, wanted.__contains__):
        yield frame
        if frame.number == last:
            return


def frames(source: Source, wanted: Callable[[int], bool]) -> Iterator[Frame]:
    """Yield the frames whose numbers are wanted, in order, each with its own time: frame rates may vary.

    Frames are upright, whole (not interlaced) and of square pixels. Times grow from frame to frame, whatever the file
    says. What cannot be decoded is skipped; `Frame.damaged` counts it.
    """
    if source.files:
        for number, file in enumerate(source.files):
            if wanted(number):
                yield Frame(number, number / source.fps, pictures.read(file))
        return
    with decoding.opened(source.path) as (_, stream):
        converter = decoding.Converter(float(stream.sample_aspect_ratio or 1))
    decoded = decoding.deinterlace(decoding.decode(source.path))
    for number, (seconds, (frame, intra, damaged)) in enumerate(_timed(decoded, source.fps)):
        if wanted(number):
            yield Frame(number, seconds, converter.rgb(frame), intra, damaged)


def _timed(frames: Iterator[decoding.Decoded], fps: float) -> Iterator[tuple[float, decoding.Decoded]]:
    """Yield each frame with its time, in s: later than the one before, and 0 for the first.

    A frame that should be shown no later than the one before gets the next time that the file could express. From a
    frame that lies more than `JUMP_S` earlier, time is counted anew: it begins another recording.
    """
    interval = 1 / Fraction(fps).limit_denominator(10**6)
    shift: Fraction | None = None  # between the file's clock and ours
    before = Fraction(0)
    for decoded in frames:
        tick, pts = decoded.frame.time_base, decoded.frame.pts
        if shift is None:
            shift = (pts or 0) * tick
            yield 0.0, decoded
            continue
        seconds = before + interval if pts is None else pts * tick - shift
        if seconds < before - JUMP_S:
            shift -= before + interval - seconds
            seconds = before + interval
        before = max(seconds, before + tick)
        yield float(before), decoded


def _declared_frames(container: av.container.InputContainer, stream: av.VideoStream) -> int:
    """Return how many frames a file says it holds: by its index, or by its length if its rate is constant; else 0."""
    if stream.frames:
        return int(stream.frames)
    if stream.average_rate is None or stream.average_rate != stream.base_rate or container.duration is None:
        return 0
    return int(container.duration / av.time_base * stream.average_rate + 0.5)


def _last_number(file: Path) -> tuple[int, str]:
    """Sort key: the last number in a file's name, or -1; then the name."""
    digits = re.findall(r"\d+", file.stem)
    return (int(digits[-1]) if digits else -1, file.name)
