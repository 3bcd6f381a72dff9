"""Decoding: what a video file's packets hold, frame by frame, as its codec and its container ask for it."""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.sidedata.sidedata import Type as SideData
from av.stream import Disposition
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from deft.core.errors import DataError
from deft.media import Image

EXPECTED = "a video or a folder of images"

# At full chroma resolution, more than 8 bits come back within one grey level; 8 bits do with any flags.
_CONVERSION = Interpolation.BICUBIC | Interpolation.FULL_CHR_H_INT
_SCALING = _CONVERSION | Interpolation.ACCURATE_RND  # four times slower, so only where pixels are interpolated anyway


class Decoded(NamedTuple):
    """A decoded frame, not yet converted."""

    frame: av.VideoFrame
    intra: bool  # coded without reference to another frame
    damaged: int  # number of frames before it, from the file's beginning, that could not be decoded


class _DamageError(Exception):
    """A packet cannot be decoded."""


@contextmanager
def opened(path: Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """Open a video file, and lend it with its first video stream; a cover picture is none.

    Raises:
        DataError: it is not a video.

    """
    url = f"file:{os.path.abspath(path)}"  # a name such as "take:1.mp4" must not be taken for a protocol's
    try:
        container = av.open(url, metadata_errors="replace")
    except av.FFmpegError:
        raise unreadable(path) from None
    with container:
        for stream in container.streams.video:
            if stream.codec_context is not None and not stream.disposition & Disposition.attached_pic:
                yield container, stream
                return
        found = "a file without moving pictures, which holds no readable video"
        raise DataError(path, found, EXPECTED, "use a file that a camera has written")


def unreadable(path: Path) -> DataError:
    """Return the error for a file from which not one frame can be read."""
    found = "a file that holds no readable video"
    return DataError(path, found, EXPECTED, "copy it again if it is cut off, or convert it, for example to .mp4")


def decode(path: Path) -> Iterator[Decoded]:
    """Yield the frames of a video file in the order of display; what cannot be decoded is skipped.

    Several threads decode until the first damage. What they make of damage depends on their number and even on chance,
    so a damaged file is decoded again by one thread, which goes on after the frames that have been yielded.
    """
    count = 0
    try:
        for decoded in _decode_by_threads(path):
            yield decoded
            count += 1
    except _DamageError:
        yield from islice(_decode_by_one(path), count, None)


def _decode_by_threads(path: Path) -> Iterator[Decoded]:
    """Yield frames until something is damaged.

    Raises:
        _DamageError: a packet, or a part of one, cannot be decoded.

    """
    packets = frames = 0
    with opened(path) as (container, stream):
        stream.thread_type = "AUTO"
        stream.codec_context.options = {"err_detect": "explode"}  # decoders tell damage that they could hide, too
        try:
            for packet in container.demux(stream):
                packets += bool(packet.size) and not packet.is_discard
                for frame in packet.decode():
                    if frame.is_corrupt:
                        raise _DamageError
                    yield Decoded(frame, _is_intra(frame), 0)
                    frames += 1
        except av.FFmpegError:
            raise _DamageError from None
    if frames < packets:  # PyAV is silent about an error that follows a frame
        raise _DamageError


def _decode_by_one(path: Path) -> Iterator[Decoded]:
    """Yield frames, and skip and count what is damaged."""
    damaged = 0
    with opened(path) as (container, stream):
        stream.codec_context.thread_count = 1
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:  # nothing can be read beyond this place
                return
            if packet is None:
                return
            try:
                frames = packet.decode()
            except av.FFmpegError:
                damaged += 1
                continue
            for frame in frames:
                if frame.is_corrupt:
                    damaged += 1
                else:
                    yield Decoded(frame, _is_intra(frame), damaged)


def _is_intra(frame: av.VideoFrame) -> bool:
    return bool(frame.key_frame) or frame.pict_type == PictureType.I


def deinterlace(frames: Iterator[Decoded]) -> Iterator[Decoded]:
    """Yield as many frames, in which those that are flagged as interlaced are whole pictures of their first field."""
    graph = None
    waiting: deque[Decoded] = deque()  # what the filter still holds: it looks one frame ahead
    for decoded in frames:
        if graph is None and decoded.frame.interlaced_frame:
            graph = _deinterlacer(decoded.frame)
        if graph is None:
            yield decoded
            continue
        waiting.append(decoded)
        graph.vpush(decoded.frame)
        yield from _pulled(graph, waiting)
    if graph is not None:
        graph.vpush(None)
        yield from _pulled(graph, waiting)


def _deinterlacer(frame: av.VideoFrame) -> av.filter.Graph:
    """Build a filter for frames like this one."""
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    graph.link_nodes(source, graph.add("bwdif", "mode=send_frame:deint=interlaced"), graph.add("buffersink"))
    graph.configure()
    return graph


def _pulled(graph: av.filter.Graph, waiting: deque[Decoded]) -> Iterator[Decoded]:
    """Yield what a filter has finished, with what was known of the frames before they went in."""
    while True:
        try:
            frame = graph.vpull()
        except (BlockingIOError, EOFError):
            return
        before = waiting.popleft()
        frame.pts, frame.time_base = before.frame.pts, before.frame.time_base
        yield before._replace(frame=frame)


class Converter:
    """Converts decoded frames to upright RGB images with square pixels, all of the size of the first."""

    def __init__(self, pixel_aspect: float) -> None:
        """``pixel_aspect`` is a pixel's width by its height."""
        self._pixel_aspect = pixel_aspect
        self._size: tuple[int, int] | None = None  # width and height
        self._reformatter = VideoReformatter()

    def rgb(self, frame: av.VideoFrame) -> Image:
        """Return the image (H, W, 3)."""
        if self._size is None:  # pixels are stretched along one axis, never shrunk
            width = round(frame.width * max(1.0, self._pixel_aspect))
            self._size = width, round(frame.height / min(1.0, self._pixel_aspect))
        width, height = self._size
        converted = self._reformatter.reformat(
            frame,
            width,
            height,
            "rgb24",
            dst_color_range=ColorRange.JPEG,
            interpolation=_CONVERSION if self._size == (frame.width, frame.height) else _SCALING,
            threads=1,
        )
        return _upright(np.asarray(converted.to_ndarray(), np.uint8), frame)


def _upright(image: Image, frame: av.VideoFrame) -> Image:
    """Rotate and mirror an image (H, W, 3) as the frame's display matrix asks for, to the next quarter turn."""
    side_data = frame.side_data.get(SideData.DISPLAYMATRIX)
    if side_data is None:
        return image
    # A pixel at (x, y) is shown at (ax + cy, bx + dy).
    a, b, _, c, d, *_ = np.frombuffer(side_data, np.int32).tolist()
    transposed = abs(b) > abs(a)
    if transposed:
        image = image.transpose(1, 0, 2)
    mirrored_x, mirrored_y = (c < 0, b < 0) if transposed else (a < 0, d < 0)
    return np.ascontiguousarray(image[:: -1 if mirrored_y else 1, :: -1 if mirrored_x else 1])
