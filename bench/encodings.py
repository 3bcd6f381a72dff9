"""Video files as cameras, phones and web sites write them: one encoding per common codec and quality."""

import os
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np

from deft.media import Image


class Encoding(NamedTuple):
    """A codec of FFmpeg with its options; ``suffix`` is that of the container, ``pixels`` the pixel format."""

    name: str
    codec: str
    options: dict[str, str]
    suffix: str = ".mp4"
    pixels: str = "yuv420p"


MJPEG = Encoding("Motion-JPEG", "mjpeg", {"qmin": "3", "qmax": "3"}, ".avi", "yuvj420p")
MJPEG_POOR = Encoding("Motion-JPEG, poor", "mjpeg", {"qmin": "10", "qmax": "10"}, ".avi", "yuvj420p")
H264 = {crf: Encoding(f"H.264 crf {crf}", "libx264", {"crf": str(crf)}) for crf in (18, 23, 28, 35)}
H264_FAST = Encoding("H.264 crf 23, preset veryfast", "libx264", {"crf": "23", "preset": "veryfast"})
VP9 = Encoding("VP9 crf 31", "libvpx-vp9", {"crf": "31", "b": "0", "deadline": "realtime", "cpu-used": "5"}, ".webm")
HEVC = Encoding("HEVC crf 28", "libx265", {"crf": "28", "x265-params": "log-level=none:pools=1"})
ENCODINGS = (MJPEG, MJPEG_POOR, *H264.values(), H264_FAST, VP9, HEVC)


def encode(frames: Iterable[Image], path: str | os.PathLike[str], encoding: Encoding, fps: int = 30) -> None:
    """Write frames (H, W, 3), RGB, as a video file at a constant rate, on one thread; H and W are even.

    Raises:
        ValueError: there are no frames, or their height or width is odd.

    """
    stream = None
    with av.open(os.fspath(path), "w") as file:
        for number, image in enumerate(frames):
            if stream is None:
                height, width = image.shape[:2]
                if height % 2 or width % 2:
                    raise ValueError(f"frames: expected an even height and width, got {height} × {width}")
                stream = file.add_stream(encoding.codec, rate=fps, options=dict(encoding.options))
                stream.width, stream.height, stream.pix_fmt = width, height, encoding.pixels
                stream.thread_count = 1
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            file.mux(stream.encode(frame))
        if stream is None:
            raise ValueError("frames: expected at least one")
        file.mux(stream.encode())
