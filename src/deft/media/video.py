"""Frames of a video file or of a folder of pictures, decoded one after the other."""

import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from deft.core.errors import DataError
from deft.media import Image, pictures

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"})
FOLDER_FPS = 200.0  # of a folder of pictures, which does not say: the usual high-speed camera's


class Source(NamedTuple):
    """Where frames come from: ``files`` in order for a folder, none for a video; ``fps`` frames a second on average,
    and how many of them the file ``promises`` (0: it does not say).
    """

    path: Path
    files: tuple[Path, ...]
    fps: float
    promises: int


class Frame(NamedTuple):
    """A frame's number from 0, when it is shown, and the picture, RGB (H, W, 3), upright."""

    number: int
    seconds: float
    image: Image


def open_source(path: Path, fps: float | None = None) -> Source:
    """Look at a video file or a folder of pictures, whose names' last numbers give their order, ``fps`` a second.

    Raises:
        DataError: there is no such file, it is no video, or the folder holds no pictures.

    """
    expected = "a video, or a folder of pictures"
    if path.is_dir():
        files = [file for file in path.iterdir() if file.suffix.lower() in PICTURES]
        if not files:
            raise DataError(
                path, "a folder without pictures", expected, f"put {', '.join(sorted(PICTURES))} files there"
            )
        return Source(path, tuple(sorted(files, key=_number)), fps or FOLDER_FPS, len(files))
    if not path.exists():
        raise DataError(path, "no such file", expected, "check the path")
    if not path.stat().st_size:
        raise DataError(path, "an empty file", expected, "copy it again")
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened() or not capture.grab():
            raise DataError(path, "a file that holds no readable video", expected, "convert it, for example to .mp4")
        fps, count = (capture.get(each) for each in (cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_COUNT))
        return Source(path, (), float(fps) or FOLDER_FPS, max(0, int(count)))
    finally:
        capture.release()


def pick(source: Source, numbers: Collection[int]) -> Iterator[Frame]:
    """Those `frames` that are there of these numbers; nothing behind the last of them is read."""
    wanted, last = frozenset(numbers), max(numbers)
    for frame in frames(source, lambda number: number in wanted or number > last):
        if frame.number > last:
            return
        yield frame


def frames(source: Source, wanted: Callable[[int], bool]) -> Iterator[Frame]:
    """The frames whose numbers are wanted, in order, each at its own time: not every video has a steady rate.

    What rotation the file asks for is applied, and more than 8 bits a channel are rounded to 8.
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
                there, picture = capture.retrieve()
                if not there:
                    return
                yield Frame(number, seconds, np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)))
            number += 1
    finally:
        capture.release()


def _number(file: Path) -> tuple[int, str]:
    digits = re.findall(r"\d+", file.stem)
    return (int(digits[-1]) if digits else -1, file.name)
