"""Frames of a video file or of a folder of pictures, decoded one after the other."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from deft.errors import DataError
from deft.face import Image, pictures

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"})
FOLDER_FPS = 200.0  # of a folder of pictures, which does not say: the usual high-speed camera's


class Source(NamedTuple):
    """Where frames come from: ``files`` in order for a folder, none for a video; ``fps`` frames a second."""

    path: Path
    files: tuple[Path, ...]
    fps: float


def open_source(path: Path) -> Source:
    """Look at a video file or a folder of pictures, whose names' last numbers give their order.

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
        return Source(path, tuple(sorted(files, key=_number)), FOLDER_FPS)
    if not path.exists():
        raise DataError(path, "no such file", expected, "check the path")
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened() or not capture.grab():
            raise DataError(path, "a file that holds no readable video", expected, "convert it, for example to .mp4")
        return Source(path, (), float(capture.get(cv2.CAP_PROP_FPS)) or FOLDER_FPS)
    finally:
        capture.release()


def frames(source: Source) -> Iterator[Image]:
    """Frames as RGB (H, W, 3), in order."""
    if source.files:
        yield from map(pictures.read, source.files)
        return
    capture = cv2.VideoCapture(str(source.path), cv2.CAP_FFMPEG)
    try:
        while True:
            more, frame = capture.read()
            if not more:
                return
            yield np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    finally:
        capture.release()


def _number(file: Path) -> tuple[int, str]:
    digits = re.findall(r"\d+", file.stem)
    return (int(digits[-1]) if digits else -1, file.name)
