"""Reading frames from files, with the reason when one cannot be read."""

from pathlib import Path

import cv2
import numpy as np

from deft.core.errors import DataError
from deft.media import Image

# Twice as fast to write and to read as the encoder's defaults, for an eighth more bytes.
_FAST = [
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_SUB),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY),
]


def read(path: Path) -> Image:
    """A picture file as RGB (H, W, 3).

    Raises:
        DataError: the file is absent, empty, truncated or no picture.

    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(path, error.strerror or "an unreadable file", "a frame", "restore the file") from None
    # JPEG decoders fill what a truncated file lacks with grey and succeed: the end marker tells.
    whole = not data.startswith(b"\xff\xd8") or data.rstrip(b"\0").endswith(b"\xff\xd9")
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB) if data and whole else None
    if image is None:
        found = "an empty file" if not data else "a truncated JPEG" if not whole else "a file that is no picture"
        raise DataError(path, found, "a frame", "restore the file")
    return np.asarray(image)


def encode(image: Image) -> bytes:
    """A picture as PNG, lossless: what is measured later must not be an encoder's work."""
    ok, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), _FAST)
    if not ok:
        raise ValueError(f"PNG encoder: cannot encode an array of shape {image.shape} and type {image.dtype}")
    return data.tobytes()


def decode(data: bytes) -> Image:
    """The inverse of `encode`."""
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB))


def grey(image: Image) -> Image:
    """Luma (H, W) of an RGB picture (ITU-R BT.601)."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
