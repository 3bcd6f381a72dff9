"""Frames of a video file or of a folder of images, decoded one after the other."""

import os
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from deft.core.errors import DataError
from deft.media import Image, pictures

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"})
FOLDER_FPS = 200.0  # for folders of images, which do not say: that of the usual high-speed camera


class Source(NamedTuple):
    """Where frames come from: a video file, or a folder of images."""

    path: Path
    files: tuple[Path, ...]  # the images of a folder, in order; empty for a video file
    fps: float  # frames per second, on average
    declared_frames: int  # number of frames that the file says it holds; 0 if it does not say


class Frame(NamedTuple):
    """One frame of a video, upright."""

    number: int  # from 0
    seconds: float  # when it is shown
    image: Image  # (H, W, 3), RGB


def open_source(path: str | os.PathLike[str], fps: float | None = None) -> Source:
    """Open a video file, or a folder of images, of which ``fps`` are shown per second.

    Images are ordered by the last number in their names.

    Raises:
        DataError: there is no such file, it is not a video, or the folder contains no images.

    """
    path, expected = Path(path), "a video or a folder of images"
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
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened() or not capture.grab():
            raise DataError(path, "a file that holds no readable video", expected, "convert it, for example to .mp4")
        video_fps = float(capture.get(cv2.CAP_PROP_FPS))
        frame_count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        return Source(path, (), video_fps or FOLDER_FPS, max(0, frame_count))
    finally:
        capture.release()


def pick(source: Source, numbers: Collection[int]) -> Iterator[Frame]:
    """Yield the frames with these numbers, as far as they exist; nothing after the last of them is decoded."""
    wanted, last = frozenset(numbers), max(numbers)
    for frame in frames(source, lambda number: number in wanted or number > last):
        if frame.number > last:
            return
        yield frame


def frames(source: Source, wanted: Callable[[int], bool]) -> Iterator[Frame]:
    """Yield the frames whose numbers are wanted, in order, each with its own time: frame rates may vary.

    The rotation that a file asks for is applied, and more than 8 bits per channel are rounded to 8.
    """
    if source.files:
        for number, file in enumerate(source.files):
            if wanted(number):
                yield Frame(number, number / source.fps, pictures.read(file))
        return
    capture = cv2.VideoCapture(str(source.path), cv2.CAP_FFMPEG)
    number, seconds = 0, 0.0
    try:
        while capture.grab():
            seconds = max(seconds, capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
            if wanted(number):
                decoded, image = capture.retrieve()
                if not decoded:
                    return
                yield Frame(number, seconds, np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)))
            number += 1
    finally:
        capture.release()


def _last_number(file: Path) -> tuple[int, str]:
    """Sort key: the last number in a file's name, or -1; then the name."""
    digits = re.findall(r"\d+", file.stem)
    return (int(digits[-1]) if digits else -1, file.name)
